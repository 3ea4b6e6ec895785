// Requests to the ledger, built and serialised before they are sent, so that a measured
// run spends the client's CPU on sending alone.
//
// Usages are calls of half a minute to ten minutes, of users whose free minutes are used up,
// so each of them costs money. Usage ids grow with time, as UUIDv7 do. Not thread-safe.
//
//   Traffic traffic(100'000);
//   const std::vector<Request> requests = traffic.Records(50'000, traffic.Spread());
#ifndef RESERVE_TESTS_BENCH_TRAFFIC_H_
#define RESERVE_TESTS_BENCH_TRAFFIC_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "reserve/ledger/v1/ledger.pb.h"

namespace reserve::bench {

inline constexpr char kUserId[] = "user";

// "acct-0000042": the accounts that exist are 1 to a count.
std::string AccountId(int number);

// An id of the shape of UUIDv7: ids made later, with a larger `number`, sort later.
std::string UsageIdAt(absl::Time time, uint64_t number, uint64_t random);

struct Request {
  grpc::ByteBuffer message;
  int usages = 1;
};

class Traffic {
 public:
  // Draws the number of an account.
  using Picker = std::function<int()>;

  explicit Traffic(int accounts) : accounts_(accounts) {}

  // Each account equally often.
  Picker Spread();
  // One after the other.
  Picker InTurn();
  // One account only.
  Picker Hot() const;
  // 1 % of the accounts have half of the usages.
  Picker Skewed();

  // One RecordUsage of a call on an account.
  ledger::v1::RecordUsageRequest Record(int account);
  ledger::v1::RecordUsageRequest Record(const std::string& account_id);
  // A call in progress: the request that begins it, that reports half a minute of it, and that
  // settles it.
  ledger::v1::CreateHoldRequest CreateHold(int account);
  ledger::v1::ExtendHoldRequest ExtendHold(const ledger::v1::CreateHoldRequest& call) const;
  ledger::v1::RecordUsageRequest Settle(const ledger::v1::CreateHoldRequest& call) const;

  std::vector<Request> Records(int64_t count, const Picker& pick);
  std::vector<Request> Batches(int64_t usages, int batch_size, const Picker& pick);
  // Messages of one stream, numbered from 1.
  std::vector<Request> StreamMessages(int64_t count, const Picker& pick);
  std::vector<Request> Authorizations(int64_t count, const Picker& pick);
  // CreateHold of calls that ring, and what releases each.
  struct Ringing {
    std::vector<Request> creates;
    std::vector<Request> releases;
  };
  Ringing Rings(int64_t count, const Picker& pick);
  // Whole calls, of three requests each: CreateHold, an ExtendHold that reports half a minute, and
  // the RecordUsage that settles it. What is done is counted with the last one.
  std::vector<Request> CallsWithHolds(int64_t count, const Picker& pick);

 private:
  void FillCall(ledger::v1::Call* call);

  const int accounts_;
  int in_turn_ = 0;
  std::mt19937_64 random_{20'261'123};
  uint64_t ids_ = 0;
};

grpc::ByteBuffer Serialized(const google::protobuf::Message& message);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_TRAFFIC_H_
