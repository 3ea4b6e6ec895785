#include "tests/e2e/demo_client.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

constexpr absl::Duration kDeadline = absl::Seconds(15);
// Grows with the ledger.
constexpr absl::Duration kVerifyDeadline = absl::Minutes(5);

void SetDeadline(absl::Duration deadline, grpc::ClientContext* context) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  context->set_wait_for_ready(true);
}

// One unary call.
template <typename Response, typename Stub, typename Request>
absl::StatusOr<Response> Ask(Stub& stub,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                          Response*),
                             const Request& request) {
  grpc::ClientContext context;
  SetDeadline(kDeadline, &context);
  Response response;
  const absl::Status status = FromGrpcStatus((stub.*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

// A whole list: `items` takes the repeated field out of each page.
template <typename Item, typename Response, typename Stub, typename Request, typename Items>
absl::StatusOr<std::vector<Item>> AskPages(Stub& stub,
                                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                        const Request&, Response*),
                                           Request request, Items items) {
  std::vector<Item> all;
  do {
    RESERVE_ASSIGN_OR_RETURN(const Response page, (Ask<Response>(stub, method, request)));
    const auto& some = items(page);
    all.insert(all.end(), some.begin(), some.end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace

Client::Client(const std::shared_ptr<grpc::Channel>& ledger,
               const std::shared_ptr<grpc::Channel>& gateway)
    : ledger_channel_(ledger),
      ledger_(pb::Ledger::NewStub(ledger)),
      accounts_(pb::Accounts::NewStub(ledger)),
      events_(pb::Events::NewStub(ledger)),
      rates_(pb::Rates::NewStub(ledger)),
      audit_(pb::Audit::NewStub(ledger)),
      support_(pb::Support::NewStub(ledger)),
      recharges_(pb::Recharges::NewStub(ledger)),
      gateway_(gw::PaymentGateway::NewStub(gateway)),
      dashboard_(gw::StubDashboard::NewStub(gateway)) {}

// --- Accounts and users -------------------------------------------------------

absl::StatusOr<pb::Account> Client::OpenAccount(const std::string& account_id,
                                                const std::string& card_token) {
  pb::OpenAccountRequest request;
  request.set_account_id(account_id);
  request.set_card_token(card_token);
  return Ask(*accounts_, &pb::Accounts::Stub::OpenAccount, request);
}

absl::StatusOr<pb::Account> Client::GetAccount(const std::string& account_id) {
  pb::GetAccountRequest request;
  request.set_account_id(account_id);
  return Ask(*accounts_, &pb::Accounts::Stub::GetAccount, request);
}

absl::StatusOr<pb::BillingSettings> Client::UpdateBillingSettings(
    const std::string& account_id, std::optional<Nanos> reserve_amount,
    std::optional<Nanos> recharge_threshold) {
  pb::UpdateBillingSettingsRequest request;
  request.set_account_id(account_id);
  pb::BillingSettings* settings = request.mutable_billing_settings();
  if (reserve_amount.has_value()) {
    ToProto(*reserve_amount, "USD", settings->mutable_reserve_amount());
  }
  if (recharge_threshold.has_value()) {
    ToProto(*recharge_threshold, "USD", settings->mutable_recharge_threshold());
  }
  return Ask(*accounts_, &pb::Accounts::Stub::UpdateBillingSettings, request);
}

absl::StatusOr<pb::PaymentMethod> Client::UpdatePaymentMethod(const std::string& account_id,
                                                              const std::string& card_token,
                                                              const std::string& card_fingerprint) {
  pb::UpdatePaymentMethodRequest request;
  request.set_account_id(account_id);
  request.mutable_payment_method()->set_card_token(card_token);
  request.mutable_payment_method()->set_card_fingerprint(card_fingerprint);
  return Ask(*accounts_, &pb::Accounts::Stub::UpdatePaymentMethod, request);
}

absl::StatusOr<pb::PaymentMethod> Client::AddPaymentMethod(const std::string& account_id,
                                                           const std::string& card_token) {
  pb::AddPaymentMethodRequest request;
  request.set_account_id(account_id);
  request.set_request_id("another-card");
  request.mutable_payment_method()->set_card_token(card_token);
  return Ask(*accounts_, &pb::Accounts::Stub::AddPaymentMethod, request);
}

absl::StatusOr<pb::BillingSettings> Client::SwitchAutomatic(const std::string& account_id,
                                                            bool on) {
  pb::UpdateBillingSettingsRequest request;
  request.set_account_id(account_id);
  request.mutable_billing_settings()->set_automatic_recharge(on);
  return Ask(*accounts_, &pb::Accounts::Stub::UpdateBillingSettings, request);
}

absl::StatusOr<pb::RecordPaymentResponse> Client::Pay(const std::string& account_id,
                                                      const std::string& request_id, Nanos amount,
                                                      const std::string& reference) {
  pb::RecordPaymentRequest request;
  request.set_account_id(account_id);
  request.set_request_id(request_id);
  ToProto(amount, "USD", request.mutable_amount());
  request.set_means(pb::PAYMENT_MEANS_BANK_TRANSFER);
  request.set_reason("a bank transfer");
  request.set_actor("demo");
  request.set_reference(reference);
  return Ask(*support_, &pb::Support::Stub::RecordPayment, request);
}

absl::StatusOr<pb::Payment> Client::ReversePayment(const std::string& account_id, int64_t ordinal) {
  pb::ReversePaymentRequest request;
  request.set_account_id(account_id);
  request.set_request_id(absl::StrCat("bounced-", ordinal));
  request.set_ordinal(ordinal);
  request.set_reason("the bank took it back");
  request.set_actor("demo");
  return Ask(*support_, &pb::Support::Stub::ReversePayment, request);
}

absl::StatusOr<pb::Refund> Client::Refund(const std::string& account_id, int64_t ordinal,
                                          Nanos amount) {
  pb::RefundRechargeRequest request;
  request.set_account_id(account_id);
  request.set_request_id("refund");
  request.set_ordinal(ordinal);
  ToProto(amount, "USD", request.mutable_amount());
  request.set_reason("the customer asked");
  request.set_actor("demo");
  return Ask(*support_, &pb::Support::Stub::RefundRecharge, request);
}

absl::StatusOr<std::vector<pb::Refund>> Client::ListRefunds(const std::string& account_id) {
  pb::ListRefundsRequest request;
  request.set_account_id(account_id);
  return AskPages<pb::Refund, pb::ListRefundsResponse>(
      *accounts_, &pb::Accounts::Stub::ListRefunds, request,
      [](const pb::ListRefundsResponse& page) -> const auto& { return page.refunds(); });
}

absl::StatusOr<gw::Dispute> Client::OpenDispute(const std::string& charge_id) {
  gw::OpenDisputeRequest request;
  request.set_charge_id(charge_id);
  request.set_reason("not recognised");
  return Ask(*dashboard_, &gw::StubDashboard::Stub::OpenDispute, request);
}

absl::StatusOr<gw::Dispute> Client::EndDispute(const std::string& dispute_id, bool won) {
  gw::MoveDisputeRequest request;
  request.set_dispute_id(dispute_id);
  request.set_state(won ? gw::DISPUTE_STATE_WON : gw::DISPUTE_STATE_LOST);
  return Ask(*dashboard_, &gw::StubDashboard::Stub::MoveDispute, request);
}

absl::Status Client::AuthenticateCard(const std::string& card_token) {
  gw::AuthenticateCardRequest request;
  request.set_card_token(card_token);
  return Ask(*dashboard_, &gw::StubDashboard::Stub::AuthenticateCard, request).status();
}

absl::StatusOr<pb::Dispute> Client::TellDispute(const gw::Charge& charge,
                                                const gw::Dispute& dispute) {
  pb::ReportGatewayDisputeRequest request;
  request.set_charge_id(charge.charge_id());
  request.set_charge_reference(charge.reference());
  request.set_dispute_id(dispute.dispute_id());
  request.set_state(static_cast<pb::DisputeState>(dispute.state()));
  *request.mutable_amount() = dispute.amount();
  request.set_reason(dispute.reason());
  return Ask(*recharges_, &pb::Recharges::Stub::ReportGatewayDispute, request);
}

absl::StatusOr<pb::User> Client::PutUser(const std::string& account_id, const std::string& user_id,
                                         const std::string& plan_id) {
  pb::PutUserRequest request;
  request.set_account_id(account_id);
  request.set_user_id(user_id);
  request.mutable_user()->set_plan_id(plan_id);
  return Ask(*accounts_, &pb::Accounts::Stub::PutUser, request);
}

absl::StatusOr<pb::User> Client::GetUser(const std::string& account_id,
                                         const std::string& user_id) {
  pb::GetUserRequest request;
  request.set_account_id(account_id);
  request.set_user_id(user_id);
  return Ask(*accounts_, &pb::Accounts::Stub::GetUser, request);
}

// --- Usage --------------------------------------------------------------------

absl::StatusOr<pb::AuthorizeUsageResponse> Client::AuthorizeCall(const std::string& account_id,
                                                                 const std::string& user_id,
                                                                 const pb::Call& call) {
  pb::AuthorizeUsageRequest request;
  request.set_account_id(account_id);
  request.set_user_id(user_id);
  *request.mutable_call() = call;
  return Ask(*ledger_, &pb::Ledger::Stub::AuthorizeUsage, request);
}

absl::StatusOr<pb::CorrectUsageResponse> Client::CorrectUsage(const std::string& account_id,
                                                              const std::string& usage_id,
                                                              const pb::Usage& usage) {
  pb::CorrectUsageRequest request;
  request.set_account_id(account_id);
  request.set_usage_id(usage_id);
  *request.mutable_usage() = usage;
  request.set_reason("the switch's clock was wrong");
  return Ask(*ledger_, &pb::Ledger::Stub::CorrectUsage, request);
}

absl::StatusOr<pb::VoidUsageResponse> Client::VoidUsage(const std::string& account_id,
                                                        const std::string& usage_id) {
  pb::VoidUsageRequest request;
  request.set_account_id(account_id);
  request.set_usage_id(usage_id);
  request.set_reason("it never happened");
  return Ask(*ledger_, &pb::Ledger::Stub::VoidUsage, request);
}

absl::StatusOr<pb::Rerating> Client::RateAgain(const std::string& account_id,
                                               const std::string& user_id, bool only_try) {
  pb::RerateUsageRequest request;
  request.set_account_id(account_id);
  request.set_user_id(user_id);
  request.set_own_decks(true);
  request.set_validate_only(only_try);
  if (!only_try) request.set_request_id(absl::StrCat("again-", account_id));
  request.set_reason("a wrong record ate the free minutes");
  grpc::ClientContext context;
  const auto reader = rates_->RerateUsage(&context, request);
  pb::RerateUsageResponse response;
  pb::Rerating last;
  while (reader->Read(&response)) last = response.rerating();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return last;
}

absl::StatusOr<pb::Entry> Client::GrantCredit(const std::string& account_id, Nanos amount) {
  pb::GrantCreditRequest request;
  request.set_account_id(account_id);
  request.set_request_id("welcome");
  ToProto(amount, "USD", request.mutable_amount());
  ToProto(absl::Now() + absl::Hours(24), request.mutable_expire_time());
  request.set_reason("welcome");
  return Ask(*support_, &pb::Support::Stub::GrantCredit, request);
}

absl::StatusOr<pb::AccountLimits> Client::LimitSpending(const std::string& account_id,
                                                        Nanos a_day) {
  pb::UpdateLimitsRequest request;
  request.set_account_id(account_id);
  request.set_reason("a telephone in the lobby");
  ToProto(a_day, "USD", request.mutable_limits()->mutable_spend_per_day());
  return Ask(*support_, &pb::Support::Stub::UpdateLimits, request);
}

absl::StatusOr<pb::Account> Client::LiftLimit(const std::string& account_id, absl::Duration quiet) {
  pb::LiftSuspensionRequest request;
  request.set_account_id(account_id);
  request.set_reason("a guest called home");
  request.mutable_quiet_time()->set_seconds(absl::ToInt64Seconds(quiet));
  return Ask(*support_, &pb::Support::Stub::LiftSuspension, request);
}

absl::StatusOr<pb::CloseAccountResponse> Client::CloseAccount(const std::string& account_id) {
  pb::CloseAccountRequest request;
  request.set_account_id(account_id);
  request.set_request_id("close");
  request.set_reason("the customer leaves");
  return Ask(*support_, &pb::Support::Stub::CloseAccount, request);
}

absl::StatusOr<pb::RecordUsageResponse> Client::RecordUsage(const std::string& account_id,
                                                            const pb::Usage& usage) {
  pb::RecordUsageRequest request;
  request.set_account_id(account_id);
  *request.mutable_usage() = usage;
  return Ask(*ledger_, &pb::Ledger::Stub::RecordUsage, request);
}

absl::StatusOr<pb::RecordUsageResponse> Client::RecordIfAllowed(const std::string& account_id,
                                                                const pb::Usage& usage) {
  pb::RecordUsageRequest request;
  request.set_account_id(account_id);
  request.set_only_if_allowed(true);
  *request.mutable_usage() = usage;
  return Ask(*ledger_, &pb::Ledger::Stub::RecordUsage, request);
}

absl::StatusOr<pb::Hold> Client::GetHold(const std::string& account_id,
                                         const std::string& hold_id) {
  pb::GetHoldRequest request;
  request.set_account_id(account_id);
  request.set_hold_id(hold_id);
  return Ask(*ledger_, &pb::Ledger::Stub::GetHold, request);
}

absl::StatusOr<std::vector<pb::Hold>> Client::ListHolds(const std::string& account_id) {
  pb::ListHoldsRequest request;
  request.set_account_id(account_id);
  return AskPages<pb::Hold>(
      *ledger_, &pb::Ledger::Stub::ListHolds, request,
      [](const auto& page) -> const auto& { return page.holds(); });
}

absl::StatusOr<pb::UsageRecord> Client::GetUsage(const std::string& account_id,
                                                 const std::string& usage_id) {
  pb::GetUsageRequest request;
  request.set_account_id(account_id);
  request.set_usage_id(usage_id);
  return Ask(*accounts_, &pb::Accounts::Stub::GetUsage, request);
}

// --- Lists --------------------------------------------------------------------

absl::StatusOr<std::vector<pb::UsageRecord>> Client::ListUsage(const std::string& account_id,
                                                               int page_size) {
  pb::ListUsageRequest request;
  request.set_account_id(account_id);
  request.set_page_size(page_size);
  return AskPages<pb::UsageRecord>(
      *accounts_, &pb::Accounts::Stub::ListUsage, request,
      [](const auto& page) -> const auto& { return page.usage_records(); });
}

absl::StatusOr<std::vector<pb::Entry>> Client::ListEntries(const std::string& account_id) {
  pb::ListEntriesRequest request;
  request.set_account_id(account_id);
  return AskPages<pb::Entry>(
      *accounts_, &pb::Accounts::Stub::ListEntries, request,
      [](const auto& page) -> const auto& { return page.entries(); });
}

absl::StatusOr<std::vector<pb::Recharge>> Client::ListRecharges(const std::string& account_id) {
  pb::ListRechargesRequest request;
  request.set_account_id(account_id);
  return AskPages<pb::Recharge>(
      *accounts_, &pb::Accounts::Stub::ListRecharges, request,
      [](const auto& page) -> const auto& { return page.recharges(); });
}

absl::StatusOr<std::vector<pb::Event>> Client::ListEvents(const std::string& account_id) {
  pb::ListEventsRequest request;
  request.set_account_id(account_id);
  return AskPages<pb::Event>(
      *events_, &pb::Events::Stub::ListEvents, request,
      [](const auto& page) -> const auto& { return page.events(); });
}

absl::StatusOr<std::vector<gw::Charge>> Client::ListCharges(const std::string& reference_prefix) {
  gw::ListChargesRequest request;
  request.set_reference_prefix(reference_prefix);
  return AskPages<gw::Charge>(
      *gateway_, &gw::PaymentGateway::Stub::ListCharges, request,
      [](const auto& page) -> const auto& { return page.charges(); });
}

// --- Rates and audit ----------------------------------------------------------

absl::StatusOr<pb::QuoteCallResponse> Client::QuoteCall(const pb::Call& call) {
  pb::QuoteCallRequest request;
  *request.mutable_call() = call;
  return Ask(*rates_, &pb::Rates::Stub::QuoteCall, request);
}

absl::StatusOr<pb::QuoteSmsResponse> Client::QuoteSms(const pb::Sms& sms) {
  pb::QuoteSmsRequest request;
  *request.mutable_sms() = sms;
  return Ask(*rates_, &pb::Rates::Stub::QuoteSms, request);
}

absl::StatusOr<pb::VerifyAccountResponse> Client::VerifyAccount(const std::string& account_id) {
  pb::VerifyAccountRequest request;
  request.set_account_id(account_id);
  return Ask(*audit_, &pb::Audit::Stub::VerifyAccount, request);
}

absl::StatusOr<pb::VerifyLedgerResponse> Client::VerifyLedger() {
  grpc::ClientContext context;
  SetDeadline(kVerifyDeadline, &context);
  const std::unique_ptr<grpc::ClientReader<pb::VerifyLedgerResponse>> reader =
      audit_->VerifyLedger(&context, pb::VerifyLedgerRequest());
  pb::VerifyLedgerResponse step;
  pb::VerifyLedgerResponse whole;
  while (reader->Read(&step)) {
    *whole.mutable_counts() = step.counts();
    whole.mutable_differences()->MergeFrom(step.differences());
    whole.set_done(step.done());
  }
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(reader->Finish()));
  return whole;
}

}  // namespace reserve::demo
