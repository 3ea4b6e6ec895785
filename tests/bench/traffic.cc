#include "tests/bench/traffic.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/conversions.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

// Where calls go, each in the starter deck: mostly North America, and some dearer ones.
constexpr const char* kDestinations[] = {"+1201", "+1202", "+1204", "+1212", "+1213", "+1214",
                                         "+1215", "+1226", "+1228", "+1229", "+4420", "+4930"};
constexpr int kNumberLength = 12;
constexpr int kShortestCallSeconds = 30;
constexpr int kLongestCallSeconds = 600;
// Of a call with a hold, when it is extended and in all.
constexpr int kReportedSeconds = 30;
constexpr int kCallSeconds = 75;

}  // namespace

std::string AccountId(int number) {
  char id[24];
  std::snprintf(id, sizeof(id), "acct-%07d", number);
  return id;
}

std::string UsageIdAt(absl::Time time, uint64_t number, uint64_t random) {
  const auto ms = static_cast<uint64_t>(absl::ToUnixMillis(time));
  char text[64];
  std::snprintf(text, sizeof(text),
                "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64, ms >> 16,
                ms & 0xffff, (number >> 12) & 0xfff, number & 0xfff, random & 0xffff'ffff'ffffu);
  return text;
}

grpc::ByteBuffer Serialized(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

Traffic::Picker Traffic::Spread() {
  return [this] { return 1 + static_cast<int>(random_() % static_cast<uint64_t>(accounts_)); };
}

Traffic::Picker Traffic::InTurn() {
  return [this] { return 1 + in_turn_++ % accounts_; };
}

Traffic::Picker Traffic::Hot() const {
  return [] { return 1; };
}

Traffic::Picker Traffic::Skewed() {
  return [this] {
    const uint64_t hot = static_cast<uint64_t>(std::max(1, accounts_ / 100));
    const uint64_t range = random_() % 2 == 0 ? hot : static_cast<uint64_t>(accounts_);
    return 1 + static_cast<int>(random_() % range);
  };
}

void Traffic::FillCall(pb::Call* call) {
  call->set_direction(pb::DIRECTION_OUTBOUND);
  std::string number = kDestinations[random_() % std::size(kDestinations)];
  while (number.size() < kNumberLength) number.push_back(static_cast<char>('0' + random_() % 10));
  call->set_destination(std::move(number));
}

pb::RecordUsageRequest Traffic::Record(int account) { return Record(AccountId(account)); }

pb::RecordUsageRequest Traffic::Record(const std::string& account_id) {
  pb::RecordUsageRequest request;
  request.set_account_id(account_id);
  pb::Usage* usage = request.mutable_usage();
  usage->set_usage_id(UsageIdAt(absl::Now(), ++ids_, random_()));
  usage->set_user_id(kUserId);
  const int64_t duration =
      kShortestCallSeconds +
      static_cast<int64_t>(random_() % (kLongestCallSeconds - kShortestCallSeconds));
  reserve::ToProto(absl::Now() - absl::Seconds(duration), usage->mutable_start_time());
  FillCall(usage->mutable_call());
  usage->mutable_call()->mutable_duration()->set_seconds(duration);
  return request;
}

pb::CreateHoldRequest Traffic::CreateHold(int account) {
  pb::CreateHoldRequest request;
  request.set_account_id(AccountId(account));
  request.set_hold_id(UsageIdAt(absl::Now(), ++ids_, random_()));
  request.set_usage_id(UsageIdAt(absl::Now(), ids_, random_()));
  request.set_user_id(kUserId);
  FillCall(request.mutable_call());
  request.set_switch_id("switch-1");
  request.set_switch_incarnation(1);
  return request;
}

pb::ExtendHoldRequest Traffic::ExtendHold(const pb::CreateHoldRequest& call) const {
  pb::ExtendHoldRequest request;
  request.set_account_id(call.account_id());
  request.set_hold_id(call.hold_id());
  request.set_extension(1);
  request.mutable_used()->set_seconds(kReportedSeconds);
  return request;
}

pb::RecordUsageRequest Traffic::Settle(const pb::CreateHoldRequest& call) const {
  pb::RecordUsageRequest request;
  request.set_account_id(call.account_id());
  request.set_hold_id(call.hold_id());
  pb::Usage* usage = request.mutable_usage();
  usage->set_usage_id(call.usage_id());
  usage->set_user_id(call.user_id());
  reserve::ToProto(absl::Now() - absl::Seconds(kCallSeconds), usage->mutable_start_time());
  *usage->mutable_call() = call.call();
  usage->mutable_call()->mutable_duration()->set_seconds(kCallSeconds);
  return request;
}

std::vector<Request> Traffic::Records(int64_t count, const Picker& pick) {
  std::vector<Request> requests;
  requests.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) requests.push_back({Serialized(Record(pick())), 1});
  return requests;
}

std::vector<Request> Traffic::Batches(int64_t usages, int batch_size, const Picker& pick) {
  std::vector<Request> requests;
  for (int64_t built = 0; built < usages; built += batch_size) {
    pb::BatchRecordUsageRequest batch;
    for (int i = 0; i < batch_size; ++i) *batch.add_requests() = Record(pick());
    requests.push_back({Serialized(batch), batch_size});
  }
  return requests;
}

std::vector<Request> Traffic::StreamMessages(int64_t count, const Picker& pick) {
  std::vector<Request> requests;
  requests.reserve(static_cast<size_t>(count));
  pb::StreamUsageRequest message;
  for (int64_t i = 1; i <= count; ++i) {
    message.set_sequence(i);
    *message.mutable_request() = Record(pick());
    requests.push_back({Serialized(message), 1});
  }
  return requests;
}

std::vector<Request> Traffic::Authorizations(int64_t count, const Picker& pick) {
  std::vector<Request> requests;
  requests.reserve(static_cast<size_t>(count));
  pb::AuthorizeUsageRequest request;
  request.set_user_id(kUserId);
  reserve::ToProto(absl::Now(), request.mutable_start_time());
  for (int64_t i = 0; i < count; ++i) {
    request.set_account_id(AccountId(pick()));
    FillCall(request.mutable_call());
    requests.push_back({Serialized(request), 1});
  }
  return requests;
}

Traffic::Ringing Traffic::Rings(int64_t count, const Picker& pick) {
  Ringing ringing;
  ringing.creates.reserve(static_cast<size_t>(count));
  ringing.releases.reserve(static_cast<size_t>(count));
  pb::ReleaseHoldRequest release;
  for (int64_t i = 0; i < count; ++i) {
    const pb::CreateHoldRequest create = CreateHold(pick());
    release.set_account_id(create.account_id());
    release.set_hold_id(create.hold_id());
    ringing.creates.push_back({Serialized(create), 1});
    ringing.releases.push_back({Serialized(release), 1});
  }
  return ringing;
}

std::vector<Request> Traffic::CallsWithHolds(int64_t count, const Picker& pick) {
  std::vector<Request> requests;
  requests.reserve(static_cast<size_t>(3 * count));
  for (int64_t i = 0; i < count; ++i) {
    const pb::CreateHoldRequest create = CreateHold(pick());
    requests.push_back({Serialized(create), 0});
    requests.push_back({Serialized(ExtendHold(create)), 0});
    requests.push_back({Serialized(Settle(create)), 1});
  }
  return requests;
}

}  // namespace reserve::bench
