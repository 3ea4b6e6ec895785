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
  // One account only.
  Picker Hot() const;
  // 1 % of the accounts have half of the usages.
  Picker Skewed();

  // One RecordUsage of a call on an account.
  ledger::v1::RecordUsageRequest Record(int account);
  ledger::v1::RecordUsageRequest Record(const std::string& account_id);

  std::vector<Request> Records(int64_t count, const Picker& pick);
  std::vector<Request> Batches(int64_t usages, int batch_size, const Picker& pick);
  // Messages of one stream, numbered from 1.
  std::vector<Request> StreamMessages(int64_t count, const Picker& pick);
  std::vector<Request> Authorizations(int64_t count, const Picker& pick);

 private:
  void FillCall(ledger::v1::Call* call);

  const int accounts_;
  std::mt19937_64 random_{20'261'123};
  uint64_t ids_ = 0;
};

grpc::ByteBuffer Serialized(const google::protobuf::Message& message);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_TRAFFIC_H_
