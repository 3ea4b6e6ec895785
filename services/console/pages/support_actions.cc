#include "services/console/pages/support_actions.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/console/views/account_words.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;
using Rates = pb::Rates::Stub;
using Support = pb::Support::Stub;
using Usages = pb::Ledger::Stub;

constexpr int64_t kMostQuietHours = int64_t{31} * 24;

std::string Typed(const ActionCall& call, const std::string& field) {
  return FieldIn(call.form, field);
}

// What nearly every request has.
template <typename Request>
Request About(const ActionCall& call) {
  Request request;
  request.set_account_id(call.account_id);
  request.set_reason(Typed(call, "reason"));
  request.set_actor(call.actor);
  request.set_reference(Typed(call, "reference"));
  return request;
}

template <typename Request>
Request AboutOnce(const ActionCall& call) {
  Request request = About<Request>(call);
  request.set_request_id(Typed(call, "request_id"));
  return request;
}

absl::Status ReadAmount(const ActionCall& call, google::type::Money* money) {
  if (ReadMoney(Typed(call, "amount"), call.currency, money)) return absl::OkStatus();
  return InvalidField("amount", call.site.texts().Say("not_money"));
}

absl::StatusOr<int64_t> ReadNumber(const ActionCall& call, const std::string& field) {
  int64_t number = 0;
  if (absl::SimpleAtoi(Typed(call, field), &number) && number >= 0) return number;
  return InvalidField(field, call.site.texts().Say("not_number"));
}

std::string EntryWords(const ActionCall& call, const pb::Entry& entry) {
  return call.site.texts().Say("result_entry", {call.format.Money(entry.amount()),
                                                call.format.Money(entry.balance_after())});
}

absl::StatusOr<std::string> Adjust(const ActionCall& call) {
  auto request = AboutOnce<pb::AdjustBalanceRequest>(call);
  RESERVE_RETURN_IF_ERROR(ReadAmount(call, request.mutable_amount()));
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Entry entry,
                           call.site.ledger().Ask(&Support::AdjustBalance, request));
  return EntryWords(call, entry);
}

absl::StatusOr<std::string> Grant(const ActionCall& call) {
  auto request = AboutOnce<pb::GrantCreditRequest>(call);
  RESERVE_RETURN_IF_ERROR(ReadAmount(call, request.mutable_amount()));
  absl::CivilDay day;
  if (!absl::ParseCivilTime(Typed(call, "until"), &day)) {
    return InvalidField("until", call.site.texts().Say("not_a_day"));
  }
  // The whole of that day counts.
  ToProto(absl::FromCivil(day + 1, call.format.time_zone()), request.mutable_expire_time());
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Entry entry,
                           call.site.ledger().Ask(&Support::GrantCredit, request));
  return EntryWords(call, entry);
}

absl::StatusOr<std::string> Refund(const ActionCall& call) {
  auto request = AboutOnce<pb::RefundRechargeRequest>(call);
  RESERVE_ASSIGN_OR_RETURN(const int64_t ordinal, ReadNumber(call, "ordinal"));
  request.set_ordinal(ordinal);
  if (!Typed(call, "amount").empty()) {
    RESERVE_RETURN_IF_ERROR(ReadAmount(call, request.mutable_amount()));
  }
  request.set_allow_debt(Typed(call, "allow_debt") == "on");
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Refund refund,
                           call.site.ledger().Ask(&Support::RefundRecharge, request));
  return call.site.texts().Say("result_refund",
                               {call.format.Money(refund.amount()), refund.charge_id()});
}

absl::StatusOr<std::string> Pay(const ActionCall& call) {
  auto request = AboutOnce<pb::RecordPaymentRequest>(call);
  RESERVE_RETURN_IF_ERROR(ReadAmount(call, request.mutable_amount()));
  pb::PaymentMeans means = pb::PAYMENT_MEANS_UNSPECIFIED;
  pb::PaymentMeans_Parse(Typed(call, "means"), &means);
  request.set_means(means);
  request.set_charge_id(Typed(call, "charge_id"));
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordPaymentResponse response,
                           call.site.ledger().Ask(&Support::RecordPayment, request));
  const Texts& texts = call.site.texts();
  if (response.already_credited()) return texts.Say("result_credited_before");
  std::string words = EntryWords(call, response.entry());
  if (response.same_reference_size() > 0) {
    absl::StrAppend(&words, " ", texts.Say("result_same_reference"));
  }
  return words;
}

absl::StatusOr<std::string> Void(const ActionCall& call) {
  auto request = About<pb::VoidUsageRequest>(call);
  request.set_usage_id(Typed(call, "usage_id"));
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::VoidUsageResponse response,
                           call.site.ledger().Ask(&Usages::VoidUsage, request));
  return call.site.texts().Say("result_void", {call.format.Money(response.returned()),
                                               Formatter::Clock(response.allowance_returned()),
                                               call.format.Money(response.balance())});
}

// The usage as it was, with another duration, under an id that follows from the request's.
absl::StatusOr<std::string> Correct(const ActionCall& call) {
  pb::GetUsageRequest get;
  get.set_account_id(call.account_id);
  get.set_usage_id(Typed(call, "usage_id"));
  RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord record,
                           call.site.ledger().Ask(&Accounts::GetUsage, get));
  if (!record.usage().has_call()) {
    return InvalidField("usage_id", call.site.texts().Say("not_a_call"));
  }
  RESERVE_ASSIGN_OR_RETURN(const int64_t seconds, ReadNumber(call, "seconds"));
  auto request = About<pb::CorrectUsageRequest>(call);
  request.set_usage_id(Typed(call, "usage_id"));
  *request.mutable_usage() = record.usage();
  request.mutable_usage()->set_usage_id(Typed(call, "request_id"));
  request.mutable_usage()->mutable_call()->mutable_duration()->set_seconds(seconds);
  request.mutable_usage()->mutable_call()->mutable_duration()->set_nanos(0);
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::CorrectUsageResponse response,
                           call.site.ledger().Ask(&Usages::CorrectUsage, request));
  return call.site.texts().Say(
      "result_correct",
      {call.format.Money(response.voided().returned()), call.format.Money(response.usage().cost()),
       call.format.Money(response.usage().balance_after())});
}

std::string StandingWords(const ActionCall& call, const pb::Account& account) {
  const std::string state = call.site.texts().SayName("state_", StateName(account.state()));
  return call.site.texts().Say(account.has_block() ? "result_blocked" : "result_not_blocked",
                               {state, call.format.Money(account.balance())});
}

absl::StatusOr<std::string> Block(const ActionCall& call) {
  auto request = AboutOnce<pb::BlockAccountRequest>(call);
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           call.site.ledger().Ask(&Support::BlockAccount, request));
  return StandingWords(call, account);
}

absl::StatusOr<std::string> Unblock(const ActionCall& call) {
  auto request = AboutOnce<pb::UnblockAccountRequest>(call);
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           call.site.ledger().Ask(&Support::UnblockAccount, request));
  return StandingWords(call, account);
}

// What is in the way of recharging then.
std::string LiftedWords(const ActionCall& call, const pb::Account& account) {
  const Texts& texts = call.site.texts();
  std::vector<std::string> obstacles;
  for (const pb::Obstacle& obstacle : account.obstacles()) {
    obstacles.push_back(texts.SayName("obstacle_", pb::RefillObstacle_Name(obstacle.kind())));
  }
  return obstacles.empty() ? texts.Say("result_lifted")
                           : texts.Say("result_lifted_but", {absl::StrJoin(obstacles, " ")});
}

absl::StatusOr<std::string> Lift(const ActionCall& call) {
  auto request = AboutOnce<pb::LiftSuspensionRequest>(call);
  request.set_payment_method_id(Typed(call, "payment_method_id"));
  request.set_dispute_id(Typed(call, "dispute_id"));
  request.set_user_id(Typed(call, "user_id"));
  if (!Typed(call, "quiet_time").empty()) {
    RESERVE_ASSIGN_OR_RETURN(const int64_t hours, ReadNumber(call, "quiet_time"));
    if (hours > kMostQuietHours) {
      return InvalidField("quiet_time", call.site.texts().Say("not_quiet_hours"));
    }
    request.mutable_quiet_time()->set_seconds(hours * 3600);
  }
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           call.site.ledger().Ask(&Support::LiftSuspension, request));
  return LiftedWords(call, account);
}

absl::StatusOr<std::string> Close(const ActionCall& call) {
  auto request = AboutOnce<pb::CloseAccountRequest>(call);
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::CloseAccountResponse response,
                           call.site.ledger().Ask(&Support::CloseAccount, request));
  const Texts& texts = call.site.texts();
  std::vector<std::string> steps;
  for (const pb::ClosingStep& step : response.steps()) {
    steps.push_back(texts.Say(step.done() ? "step_done" : "step_open",
                              {texts.SayName("step_", pb::ClosingStepKind_Name(step.kind())),
                               step.has_amount() ? call.format.Money(step.amount()) : std::string(),
                               call.format.Time(step.until())}));
  }
  return absl::StrCat(texts.Say("result_close"), " ", absl::StrJoin(steps, " "));
}

absl::Status ReadOutcome(const ActionCall& call, pb::ResolveReviewRequest* request) {
  const std::string outcome = Typed(call, "outcome");
  if (outcome == "charged") {
    request->mutable_charged()->set_charge_id(Typed(call, "charge_id"));
    return ReadAmount(call, request->mutable_charged()->mutable_amount());
  }
  if (outcome == "not_charged") {
    request->mutable_not_charged();
    return absl::OkStatus();
  }
  if (outcome == "dismissed") {
    request->mutable_dismissed();
    return absl::OkStatus();
  }
  return InvalidField("outcome", call.site.texts().Say("not_a_choice"));
}

absl::StatusOr<std::string> Resolve(const ActionCall& call) {
  auto request = AboutOnce<pb::ResolveReviewRequest>(call);
  RESERVE_ASSIGN_OR_RETURN(const int64_t ordinal, ReadNumber(call, "ordinal"));
  request.set_ordinal(ordinal);
  RESERVE_RETURN_IF_ERROR(ReadOutcome(call, &request));
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::Recharge recharge,
                           call.site.ledger().Ask(&Support::ResolveReview, request));
  const Texts& texts = call.site.texts();
  if (recharge.ordinal() == 0) return texts.Say("result_dismissed");
  return texts.Say("result_resolved",
                   {texts.SayName("recharge_", pb::RechargeState_Name(recharge.state())),
                    call.format.Money(recharge.credited_amount())});
}

absl::StatusOr<std::string> Dismiss(const ActionCall& call) {
  auto request = AboutOnce<pb::ResolveReviewRequest>(call);
  request.mutable_dismissed()->set_charge_id(Typed(call, "charge_id"));
  request.set_validate_only(call.only_try);
  RESERVE_RETURN_IF_ERROR(call.site.ledger().Ask(&Support::ResolveReview, request).status());
  return call.site.texts().Say("result_dismissed");
}

// Brings a deck into force, also one that was before.
absl::StatusOr<std::string> Activate(const ActionCall& call) {
  pb::ActivateRateDeckRequest request;
  RESERVE_ASSIGN_OR_RETURN(const int64_t version, ReadNumber(call, "deck_version"));
  request.set_deck_version(version);
  if (const std::string typed = Typed(call, "effective_time"); !typed.empty()) {
    absl::CivilMinute minute;
    if (!absl::ParseCivilTime(typed, &minute)) {
      return InvalidField("effective_time", call.site.texts().Say("not_a_moment"));
    }
    ToProto(absl::FromCivil(minute, call.format.time_zone()), request.mutable_effective_time());
  }
  request.set_backdate(Typed(call, "backdate") == "on");
  request.set_reason(Typed(call, "reason"));
  request.set_actor(call.actor);
  request.set_reference(Typed(call, "reference"));
  request.set_request_id(Typed(call, "request_id"));
  request.set_validate_only(call.only_try);
  RESERVE_ASSIGN_OR_RETURN(const pb::RateDeckActivation activation,
                           call.site.ledger().Ask(&Rates::ActivateRateDeck, request));
  return call.site.texts().Say("result_activate",
                               {absl::StrCat(activation.deck_version()), activation.currency_code(),
                                call.format.ExactTime(activation.effective_time())});
}

using Kind = ActionField::Kind;

}  // namespace

const std::vector<Action>& AccountActions() {
  static const auto* const actions = new std::vector<Action>{
      {"adjust", {{"amount"}, {"reason"}, {"reference", Kind::kText, false}}, Adjust},
      {"grant",
       {{"amount"}, {"until", Kind::kDay}, {"reason"}, {"reference", Kind::kText, false}},
       Grant},
      {"refund",
       {{"ordinal"},
        {"amount", Kind::kText, false},
        {"allow_debt", Kind::kTick, false},
        {"reason"},
        {"reference", Kind::kText, false}},
       Refund},
      {"pay",
       {{"amount"},
        {"means",
         Kind::kChoice,
         true,
         {"PAYMENT_MEANS_BANK_TRANSFER", "PAYMENT_MEANS_CHEQUE", "PAYMENT_MEANS_CASH",
          "PAYMENT_MEANS_CARD_ELSEWHERE", "PAYMENT_MEANS_OTHER"}},
        {"charge_id", Kind::kText, false},
        {"reason"},
        {"reference", Kind::kText, false}},
       Pay},
      {"void", {{"usage_id"}, {"reason"}, {"reference", Kind::kText, false}}, Void},
      {"correct",
       {{"usage_id"}, {"seconds"}, {"reason"}, {"reference", Kind::kText, false}},
       Correct},
      {"block", {{"reason"}, {"reference", Kind::kText, false}}, Block},
      {"unblock", {{"reason"}, {"reference", Kind::kText, false}}, Unblock},
      {"lift",
       {{"payment_method_id", Kind::kText, false},
        {"dispute_id", Kind::kText, false},
        {"user_id", Kind::kText, false},
        {"quiet_time", Kind::kText, false},
        {"reason"},
        {"reference", Kind::kText, false}},
       Lift},
      {"close", {{"reason"}, {"reference", Kind::kText, false}}, Close},
      {"resolve",
       {{"ordinal"},
        {"outcome", Kind::kChoice, true, {"charged", "not_charged", "dismissed"}},
        {"charge_id", Kind::kText, false},
        {"amount", Kind::kText, false},
        {"reason"},
        {"reference", Kind::kText, false}},
       Resolve},
  };
  return *actions;
}

const std::vector<Action>& OtherActions() {
  static const auto* const actions = new std::vector<Action>{
      {"dismiss", {{"charge_id"}, {"reason"}, {"reference", Kind::kText, false}}, Dismiss}};
  return *actions;
}

const std::vector<Action>& DeckActions() {
  static const auto* const actions =
      new std::vector<Action>{{"activate",
                               {{"deck_version"},
                                {"effective_time", Kind::kMoment, false},
                                {"backdate", Kind::kTick, false},
                                {"reason"},
                                {"reference", Kind::kText, false}},
                               Activate}};
  return *actions;
}

}  // namespace reserve::console
