#include "tests/bench/accounts_by_api.h"

#include <atomic>
#include <cstdint>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "tests/bench/one_call.h"
#include "tests/bench/traffic.h"
#include "tests/support/wait_until.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr int64_t kBalanceUnits = 1'000'000;
constexpr int64_t kFreeSeconds = 18'000;
constexpr int kMakers = 32;

// Once the worker has charged the card.
absl::Status OpenFunded(const test_support::LedgerStubs& ledger, const std::string& account_id) {
  pb::OpenAccountRequest open;
  open.set_account_id(account_id);
  open.set_card_token(absl::StrCat("tok_visa#", account_id));
  pb::Account opened;
  RESERVE_RETURN_IF_ERROR(Call(ledger, &pb::Accounts::Stub::OpenAccount, open, &opened));
  pb::GetAccountRequest get;
  get.set_account_id(account_id);
  pb::Account got;
  const auto is_active = [&] {
    return Call(ledger, &pb::Accounts::Stub::GetAccount, get, &got).ok() &&
           got.state() == pb::ACCOUNT_STATE_ACTIVE;
  };
  if (test_support::WaitUntil(is_active)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the account ", account_id, " was not funded"));
}

}  // namespace

absl::Status MakeAccount(const test_support::LedgerStubs& ledger, const std::string& account_id) {
  RESERVE_RETURN_IF_ERROR(OpenFunded(ledger, account_id));
  pb::AdjustBalanceRequest adjust;
  adjust.set_account_id(account_id);
  adjust.set_request_id("fill");
  adjust.mutable_amount()->set_units(kBalanceUnits);
  adjust.set_reason("enough for any load");
  pb::Entry adjusted;
  RESERVE_RETURN_IF_ERROR(Call(ledger, &pb::Support::Stub::AdjustBalance, adjust, &adjusted));
  pb::PutUserRequest put;
  put.set_account_id(account_id);
  put.set_user_id(kUserId);
  pb::User user;
  RESERVE_RETURN_IF_ERROR(Call(ledger, &pb::Accounts::Stub::PutUser, put, &user));
  // First all the free minutes, then a paid call, whose row has the usual shape.
  Traffic traffic(1);
  for (const int64_t seconds : {kFreeSeconds, int64_t{90}}) {
    pb::RecordUsageRequest record = traffic.Record(account_id);
    record.mutable_usage()->mutable_call()->set_destination("+12125550123");
    record.mutable_usage()->mutable_call()->mutable_duration()->set_seconds(seconds);
    pb::RecordUsageResponse recorded;
    RESERVE_RETURN_IF_ERROR(Call(ledger, &pb::Ledger::Stub::RecordUsage, record, &recorded));
  }
  return absl::OkStatus();
}

absl::Status MakeAccounts(const std::vector<std::shared_ptr<grpc::Channel>>& channels, int count) {
  std::atomic<int> next = 1;
  absl::Mutex mutex;
  absl::Status status;
  std::vector<std::thread> makers;
  for (size_t i = 0; i < kMakers; ++i) {
    makers.emplace_back([&, i] {
      const test_support::LedgerStubs ledger(channels[i % channels.size()]);
      for (int number = next++; number <= count; number = next++) {
        const absl::Status made = MakeAccount(ledger, AccountId(number));
        if (made.ok()) continue;
        absl::MutexLock lock(&mutex);
        status.Update(made);
        return;
      }
    });
  }
  for (std::thread& maker : makers) maker.join();
  return status;
}

}  // namespace reserve::bench
