#include "services/ledger/cli/check.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/digest/random_key.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/health_check.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/support.grpc.pb.h"
#include "services/ledger/cli/errors.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
// A card of the gateway stub that is charged as asked.
constexpr char kStubCard[] = "tok_visa";

template <typename Response, typename Stub, typename Request>
absl::StatusOr<Response> Ask(Stub& stub,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                          Response*),
                             const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kCallTimeout));
  Response response;
  const absl::Status status = FromGrpcStatus((stub.*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::Status AwaitServing(const std::shared_ptr<grpc::Channel>& channel, absl::Duration patience) {
  const Moment begin = MonotonicNow();
  while (true) {
    const absl::StatusOr<bool> serving = IsServing(channel, "", kCallTimeout);
    if (serving.ok() && *serving) return absl::OkStatus();
    if (MonotonicNow() - begin >= patience) {
      if (!serving.ok()) return serving.status();
      return CheckFailed("the ledger is not serving: its log says why");
    }
    absl::SleepFor(kLookInterval);
  }
}

std::string Text(const google::type::Money& money) {
  const absl::StatusOr<Nanos> amount = FromProto(money, money.currency_code(), "amount");
  if (!amount.ok()) return "?";
  return FormatMoney(money.currency_code(), *amount);
}

// Waits until the first charge of the account is credited, and looks at every cent.
absl::Status AwaitRecharge(pb::Accounts::Stub& accounts, const pb::Account& opened,
                           absl::Duration patience) {
  pb::GetAccountRequest get;
  get.set_account_id(opened.account_id());
  const std::string wanted = Text(opened.billing_settings().reserve_amount());
  const Moment begin = MonotonicNow();
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                             Ask(accounts, &pb::Accounts::Stub::GetAccount, get));
    if (account.state() == pb::ACCOUNT_STATE_ACTIVE) {
      if (Text(account.balance()) == wanted) return absl::OkStatus();
      return CheckFailed(
          absl::StrCat("the balance is ", Text(account.balance()), ", not ", wanted));
    }
    if (MonotonicNow() - begin >= patience) {
      return CheckFailed("the recharge is not credited: look at the workers and the gateway");
    }
    absl::SleepFor(kLookInterval);
  }
}

absl::Status CheckRecharge(const std::shared_ptr<grpc::Channel>& channel,
                           const CheckOptions& options, std::ostream& out) {
  const auto accounts = pb::Accounts::NewStub(channel);
  const auto support = pb::Support::NewStub(channel);
  const Key256 random = RandomKey();
  pb::OpenAccountRequest open;
  open.set_account_id(
      absl::StrCat("check-", absl::BytesToHexString(absl::string_view(random.data(), 8))));
  open.set_card_token(kStubCard);
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           Ask(*accounts, &pb::Accounts::Stub::OpenAccount, open));
  const absl::Status credited = AwaitRecharge(*accounts, account, options.patience);
  pb::CloseAccountRequest close;
  close.set_account_id(account.account_id());
  close.set_request_id("close");
  close.set_reason("ledger check");
  const auto closed = Ask(*support, &pb::Support::Stub::CloseAccount, close);
  RESERVE_RETURN_IF_ERROR(credited);
  RESERVE_RETURN_IF_ERROR(closed.status());
  out << "check: a card was charged and credited, "
      << Text(account.billing_settings().reserve_amount()) << " to the cent; account "
      << account.account_id() << " is being closed, and gets it back" << std::endl;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLedger(const std::shared_ptr<grpc::Channel>& channel, const CheckOptions& options,
                         std::ostream& out) {
  RESERVE_RETURN_IF_ERROR(AwaitServing(channel, options.patience));
  out << "check: serving: the database answers, schema and rights fit" << std::endl;
  const auto accounts = pb::Accounts::NewStub(channel);
  pb::ListAccountsRequest list;
  list.set_page_size(1);
  RESERVE_RETURN_IF_ERROR(Ask(*accounts, &pb::Accounts::Stub::ListAccounts, list).status());
  out << "check: this caller may read" << std::endl;
  return options.recharge ? CheckRecharge(channel, options, out) : absl::OkStatus();
}

}  // namespace reserve::cli
