// Scenes of the demo: recharges, settings, and a card that declines.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

constexpr int64_t kRetryAfterSeconds = 3'600;  // G5

std::string EventName(pb::EventKind kind) {
  return ShortName(pb::EventKind_Name(kind), "EVENT_KIND_");
}

// What an event must say; its cause must begin so.
struct ExpectedEvent {
  std::string kind;
  std::string state;
  Nanos balance;
  std::string cause;
};

std::string EventRow(absl::string_view kind, absl::string_view state, absl::string_view balance,
                     absl::string_view cause) {
  return absl::StrFormat("%-20s %-15s %7s  %s", kind, state, balance, cause);
}

}  // namespace

absl::Status Play::Dip() {
  report_.Section("A dip below $10.00 is recharged; exactly $10.00 is not");
  RESERVE_RETURN_IF_ERROR(OpenAndFund(courier_, absl::StrCat("tok_visa#", courier_.account_id)));
  RESERVE_RETURN_IF_ERROR(AddUser(courier_, dora_));
  RESERVE_RETURN_IF_ERROR(Call(courier_, dora_, Barbados(), 25 * kMinute));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client_.GetAccount(courier_.account_id));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Recharge> recharges,
                           client_.ListRecharges(courier_.account_id));
  report_.Money("balance, exactly the threshold", kRechargeThreshold, account.balance());
  report_.Count("open recharge", 0, account.open_recharge_ordinal());
  report_.Count("recharges of the account, still", 1, static_cast<int64_t>(recharges.size()));

  pb::Sms one;
  one.mutable_text()->set_encoding(pb::SMS_ENCODING_GSM7);
  one.mutable_text()->set_length(42);
  RESERVE_RETURN_IF_ERROR(Text(courier_, dora_, VerizonText(), one));
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(courier_, "AUTOMATIC", DueAmount(courier_)));

  report_.Say("a call that happened is booked, also below zero; one recharge lifts it all the way");
  RESERVE_RETURN_IF_ERROR(Call(courier_, dora_, Satellite(), 5 * kMinute));
  return AwaitRecharge(courier_, "AUTOMATIC", DueAmount(courier_));
}

absl::Status Play::Settings() {
  report_.Section("The customer changes the reserve amount and the threshold");
  report_.Say("at least $15.00 and $10.00, and the threshold at most the reserve amount");
  const std::string& id = courier_.account_id;
  report_.Refusal("reserve amount $14.99 is refused", "INVALID_FIELD",
                  "billing_settings.reserve_amount",
                  client_.UpdateBillingSettings(id, 1'499 * kNanosPerCent, {}).status());
  report_.Refusal("threshold $9.99 is refused", "INVALID_FIELD",
                  "billing_settings.recharge_threshold",
                  client_.UpdateBillingSettings(id, {}, 999 * kNanosPerCent).status());
  report_.Refusal("threshold $15.01 is refused", "INVALID_FIELD",
                  "billing_settings.recharge_threshold",
                  client_.UpdateBillingSettings(id, {}, 1'501 * kNanosPerCent).status());
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client_.GetAccount(id));
  report_.Money("reserve amount, still", kReserveAmount,
                account.billing_settings().reserve_amount());
  report_.Money("threshold, still", kRechargeThreshold,
                account.billing_settings().recharge_threshold());

  report_.Say("reserve amount $25.00 and threshold $20.00: the balance is below it, so at once");
  courier_.reserve_amount = 25 * kNanosPerUnit;
  courier_.recharge_threshold = 20 * kNanosPerUnit;
  RESERVE_ASSIGN_OR_RETURN(
      const pb::BillingSettings settings,
      client_.UpdateBillingSettings(id, courier_.reserve_amount, courier_.recharge_threshold));
  report_.Money("reserve amount", courier_.reserve_amount, settings.reserve_amount());
  report_.Money("threshold", courier_.recharge_threshold, settings.recharge_threshold());
  report_.Say("it is the third within an hour, and so covers what that hour used");
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(courier_, "AUTOMATIC", DueAmount(courier_)));
  RESERVE_RETURN_IF_ERROR(Call(courier_, dora_, Cuba(), 52 * kMinute));
  return AwaitRecharge(courier_, "AUTOMATIC", DueAmount(courier_));
}

absl::Status Play::DecliningCard() {
  report_.Section("A card starts to decline");
  RESERVE_RETURN_IF_ERROR(
      OpenAndFund(florist_, absl::StrCat("tok_decline_after_1#", florist_.account_id)));
  RESERVE_RETURN_IF_ERROR(AddUser(florist_, eve_));
  RESERVE_RETURN_IF_ERROR(Call(florist_, eve_, Barbados(), 26 * kMinute));

  report_.Say("the balance is below $10.00, but the card has insufficient funds now");
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           Await(florist_, "the decline", [](const pb::Account& now) {
                             return now.payment_methods(0).card_state() != pb::CARD_STATE_USABLE;
                           }));
  report_.Text("card", "FAILING", CardStateName(account.payment_methods(0).card_state()));
  report_.Text("account", "ACTIVE", StateName(account.state()));
  report_.Money("balance", florist_.balance, account.balance());
  report_.Count("open recharge", 2, account.open_recharge_ordinal());
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Recharge> recharges,
                           client_.ListRecharges(florist_.account_id));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Event> events,
                           client_.ListEvents(florist_.account_id));
  if (recharges.empty() || events.empty()) return absl::NotFoundError("no recharge, or no event");
  report_.Text("the gateway says", "insufficient_funds", recharges.front().last_decline_code());
  report_.Text("last event", "CARD_FAILING", EventName(events.back().kind()));
  report_.Duration("next attempt after", kRetryAfterSeconds,
                   recharges.front().due_time().seconds() - events.back().event_time().seconds());
  return absl::OkStatus();
}

absl::Status Play::DrainToZero() {
  report_.Section("The reserve is used up while the card fails: disabled");
  RESERVE_RETURN_IF_ERROR(MayCall(florist_, eve_, Barbados()));
  RESERVE_RETURN_IF_ERROR(Call(florist_, eve_, Barbados(), 49 * kMinute));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client_.GetAccount(florist_.account_id));
  report_.Money("balance", 0, account.balance());
  report_.Text("account", "DISABLED", StateName(account.state()));
  RESERVE_RETURN_IF_ERROR(MayNotCall(florist_, eve_, Barbados(), "ACCOUNT_DISABLED"));
  // Free minutes are left, but a disabled account makes no calls at all.
  return MayNotCall(florist_, eve_, UnitedStates(), "ACCOUNT_DISABLED");
}

absl::Status Play::NewCard() {
  report_.Section("A new card: recharged, and enabled again");
  const std::string card = absl::StrCat("tok_mastercard#", florist_.account_id);
  report_.Say(absl::StrCat("the customer gives card ", card));
  RESERVE_ASSIGN_OR_RETURN(const pb::PaymentMethod given,
                           client_.UpdatePaymentMethod(florist_.account_id, card));
  report_.Text("card", "USABLE", CardStateName(given.card_state()));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Event> events,
                           client_.ListEvents(florist_.account_id));
  const auto replaced = std::find_if(events.begin(), events.end(), [](const pb::Event& event) {
    return event.kind() == pb::EVENT_KIND_CARD_REPLACED;
  });
  report_.Text("account, until it is charged", "DISABLED",
               replaced == events.end() ? "not told" : StateName(replaced->state()));
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(florist_, "AUTOMATIC", kReserveAmount));

  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(absl::StrCat(florist_.account_id, "/2")));
  const auto declined = std::count_if(charges.begin(), charges.end(), [](const auto& charge) {
    return charge.state() == gw::CHARGE_STATE_DECLINED;
  });
  report_.Count("declined at the gateway before, on the old card", 1, declined);
  return MayCall(florist_, eve_, Barbados());
}

absl::Status Play::Events() {
  report_.Section("What happened to that account, and why");
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Event> events,
                           client_.ListEvents(florist_.account_id));
  const Nanos low = 980 * kNanosPerCent;
  const std::vector<ExpectedEvent> expected = {
      {"ACCOUNT_OPENED", "PENDING_FUNDING", 0, ""},
      {"RECHARGE_OPENED", "PENDING_FUNDING", 0, ""},
      {"RECHARGE_SUCCEEDED", "PENDING_FUNDING", kReserveAmount, ""},
      {"ENABLED", "ACTIVE", kReserveAmount, "the reserve is funded"},
      {"USER_PUT", "ACTIVE", kReserveAmount, ""},
      {"RECHARGE_OPENED", "ACTIVE", low, ""},
      {"RECHARGE_DECLINED", "ACTIVE", low, "declined for now: insufficient_funds"},
      {"CARD_FAILING", "ACTIVE", low, "declined for now: insufficient_funds"},
      {"DISABLED", "DISABLED", 0, "the reserve is used up and the card is failing"},
      {"CARD_REPLACED", "DISABLED", 0, ""},
      {"RECHARGE_SUCCEEDED", "DISABLED", kReserveAmount, ""},
      {"ENABLED", "ACTIVE", kReserveAmount, "the balance is above zero again"}};
  report_.List(EventRow("event", "account", "balance", "cause"));
  for (size_t i = 0; i < std::min(expected.size(), events.size()); ++i) {
    const pb::Event& event = events[i];
    const size_t checked = std::min(expected[i].cause.size(), event.cause().size());
    report_.Row(
        EventRow(expected[i].kind, expected[i].state, Dollars(expected[i].balance),
                 expected[i].cause),
        EventRow(EventName(event.kind()), StateName(event.state()),
                 Dollars(NanosOf(event.balance()).value_or(-1)), event.cause().substr(0, checked)),
        event.cause().substr(checked));
  }
  report_.Count("events", static_cast<int64_t>(expected.size()),
                static_cast<int64_t>(events.size()));
  return absl::OkStatus();
}

}  // namespace reserve::demo
