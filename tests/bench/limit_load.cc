#include "tests/bench/limit_load.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "reserve/ledger/v1/support.grpc.pb.h"
#include "tests/bench/traffic.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr int64_t kFarBeyond = 1'000'000;  // dollars

absl::Status Update(pb::Support::Stub& support, const pb::UpdateLimitsRequest& request) {
  grpc::ClientContext context;
  pb::AccountLimits response;
  const grpc::Status status = support.UpdateLimits(&context, request, &response);
  if (status.ok()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("UpdateLimits: ", status.error_message()));
}

pb::UpdateLimitsRequest RequestFor(int account, const std::string& user_id) {
  pb::UpdateLimitsRequest request;
  request.set_account_id(AccountId(account));
  request.set_user_id(user_id);
  request.set_reason("a bench");
  for (const char* path : {"spend_per_hour", "spend_per_day", "spend_per_month"}) {
    request.mutable_update_mask()->add_paths(path);
  }
  return request;
}

pb::UpdateLimitsRequest LimitsFor(int account, const std::string& user_id) {
  pb::UpdateLimitsRequest request = RequestFor(account, user_id);
  pb::Limits* limits = request.mutable_limits();
  for (google::type::Money* money :
       {limits->mutable_spend_per_hour(), limits->mutable_spend_per_day(),
        limits->mutable_spend_per_month()}) {
    money->set_currency_code("USD");
    money->set_units(kFarBeyond);
  }
  return request;
}

}  // namespace

absl::Status SetLimits(const std::shared_ptr<grpc::Channel>& channel, int first, int accounts,
                       Limited limited) {
  const auto support = pb::Support::NewStub(channel);
  for (int account = first; account < first + accounts; ++account) {
    absl::Status status = Update(*support, LimitsFor(account, ""));
    if (status.ok() && limited == Limited::kAccountsAndUsers) {
      status = Update(*support, LimitsFor(account, kUserId));
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status UnsetLimits(const std::shared_ptr<grpc::Channel>& channel, int first, int accounts) {
  const auto support = pb::Support::NewStub(channel);
  for (int account = first; account < first + accounts; ++account) {
    for (const char* user_id : {"", kUserId}) {
      const absl::Status status = Update(*support, RequestFor(account, user_id));
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace reserve::bench
