// What the gateway did, by its own list: the witness against which the ledger is held.
#ifndef RESERVE_TESTS_CHAOS_AT_THE_GATEWAY_H_
#define RESERVE_TESTS_CHAOS_AT_THE_GATEWAY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "tests/chaos/stage.h"

namespace reserve::chaos {

struct Charge {
  std::string id;
  Nanos amount = 0;             // what was captured
  std::string card_token = {};  // each is a number of its own
};

struct Dispute {
  std::string recharge;  // "acct-0001/3", whose charge it is
  std::string card_token;
  Nanos amount = 0;
  int32_t state = 0;  // the same number in both protos, and as stored

  // Does the bank have the money?
  bool taken() const;
};

// One that was decided, or was pending until then; whatever became of it.
struct Made {
  std::string recharge;
  std::string charge_id;
  absl::Time create_time;
  absl::Time decide_time;
};

struct AtTheGateway {
  // By recharge or refund: "acct-0001/3", as the worker refers to it.
  std::multimap<std::string, Charge> charges;     // that succeeded
  std::multimap<std::string, Charge> refunds;     // that succeeded
  std::map<std::string, Dispute> disputes;        // by their ids
  std::map<std::string, std::vector<Made>> made;  // by account, as they were made
  int64_t pending = 0;
  int64_t in_part = 0;
  int64_t failed_refunds = 0;
  int64_t failed_later = 0;
};

// Waits for an answer for `patience` at most.
absl::StatusOr<AtTheGateway> ReadGateway(Stage& stage, absl::Duration patience);

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_AT_THE_GATEWAY_H_
