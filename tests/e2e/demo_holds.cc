// Scenes of the demo: calls in progress, as a switch has them. Its clock passes by itself, so that
// an hour is played at once; the money is held, charged and booked as it always is.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"
#include "tests/e2e/telephone_switch.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;
using e2e::PhoneCall;
using e2e::TelephoneSwitch;

constexpr absl::Duration kWaitForMoney = absl::Seconds(15);
constexpr int64_t kHour = 60 * kMinute;
// A ledger that books what a dead switch reported later than that is not waited for.
constexpr int64_t kSoonSeconds = 10;

std::string HoldStateName(pb::HoldState state) {
  return ShortName(pb::HoldState_Name(state), "HOLD_STATE_");
}

}  // namespace

absl::StatusOr<Nanos> Play::ChargedFor(const Book& book) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(book.account_id + "/"));
  Nanos charged = 0;
  for (const gw::Charge& charge : charges) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    charged += NanosOf(charge.amount()).value_or(0);
  }
  return charged;
}

absl::StatusOr<Play::Calls> Play::PlayThirty(const Book& book, const std::string& name,
                                             const Destination& to, int64_t seconds, bool comes) {
  TelephoneSwitch pbx({client_.ledger_channel()},
                      {.switch_id = absl::StrCat(name, "-", run_),
                       .wait_for_money = comes ? kWaitForMoney : absl::ZeroDuration()});
  Calls calls;
  for (int i = 0; i < 30; ++i) {
    const std::string user = absl::StrCat("agent-", i % 3 + 1);
    RESERVE_ASSIGN_OR_RETURN(
        const pb::AuthorizationDecision decision,
        pbx.Dial({book.account_id, user, to.number, absl::StrCat(name, "-", i + 1)}));
    if (decision == pb::AUTHORIZATION_DECISION_ALLOWED) ++calls.begun;
  }
  RESERVE_ASSIGN_OR_RETURN(const pb::Account ringing, client_.GetAccount(book.account_id));
  report_.Count("calls that may begin", 30, calls.begun);
  report_.Money("set aside while they ring", 30 * to.price, ringing.held());
  for (const auto& [id, call] : pbx.calls()) RESERVE_RETURN_IF_ERROR(pbx.Answer(id));
  RESERVE_RETURN_IF_ERROR(pbx.Pass(absl::Seconds(seconds)));
  for (const auto& [id, call] : pbx.calls()) {
    if (!call.over) RESERVE_RETURN_IF_ERROR(pbx.HangUp(id));
    calls.cut += call.cut ? 1 : 0;
    calls.seconds += absl::ToInt64Seconds(call.talked);
    calls.cost += NanosOf(call.booked.cost()).value_or(0);
  }
  return calls;
}

absl::Status Play::ThirtyCallsAtOnce() {
  report_.Section("Thirty calls at once on one account");
  RESERVE_ASSIGN_OR_RETURN(Book agency, OpenAnother("agency", "tok_visa"));
  for (const char* user : {"agent-1", "agent-2", "agent-3"}) {
    RESERVE_RETURN_IF_ERROR(client_.PutUser(agency.account_id, user, "per_minute").status());
  }
  const Destination to = Barbados();
  report_.Say(
      "automatic recharging is off; ten calls to Barbados of each of three users begin at once "
      "($0.20 a minute) and would last an hour");
  RESERVE_RETURN_IF_ERROR(client_.SwitchAutomatic(agency.account_id, false).status());
  RESERVE_ASSIGN_OR_RETURN(Calls calls, PlayThirty(agency, "evening", to, kHour, /*comes=*/false));
  report_.Count("calls that were told when to end", 30, calls.cut);
  report_.Duration("they lasted in all", kReserveAmount / to.price * kMinute, calls.seconds);
  report_.Amount("they cost together", kReserveAmount, calls.cost);
  agency.balance -= kReserveAmount;
  RESERVE_ASSIGN_OR_RETURN(const pb::Account spent, client_.GetAccount(agency.account_id));
  report_.Money("balance", 0, spent.balance());
  report_.Money("still set aside", 0, spent.held());

  report_.Say("recharging is on again, and thirty more calls of four minutes each begin at once");
  RESERVE_RETURN_IF_ERROR(client_.SwitchAutomatic(agency.account_id, true).status());
  RESERVE_RETURN_IF_ERROR(AwaitBalance(agency, kReserveAmount));
  RESERVE_ASSIGN_OR_RETURN(calls, PlayThirty(agency, "night", to, 4 * kMinute, /*comes=*/true));
  report_.Count("calls that were cut", 0, calls.cut);
  report_.Amount("they cost together", int64_t{30} * 4 * to.price, calls.cost);
  RESERVE_ASSIGN_OR_RETURN(const pb::Account now,
                           Await(agency, "the last recharge", [](const pb::Account& account) {
                             return account.open_recharge_ordinal() == 0;
                           }));
  RESERVE_ASSIGN_OR_RETURN(const Nanos charged, ChargedFor(agency));
  const Nanos left = charged - kReserveAmount - calls.cost;
  report_.Show("charged as they went", Dollars(charged - 2 * kReserveAmount));
  report_.Text("all sixty cost no more than was charged", "yes", left >= 0 ? "yes" : "no");
  report_.Money("balance: what was charged less what they cost", left, now.balance());
  return absl::OkStatus();
}

absl::Status Play::SharedMinutes() {
  report_.Section("The last free minutes are shared by two calls");
  RESERVE_ASSIGN_OR_RETURN(Book studio, OpenAnother("studio", "tok_visa"));
  Caller max{"max", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(studio, max));
  const Destination to = UnitedKingdom();
  RESERVE_RETURN_IF_ERROR(Call(studio, max, to, kFreeSeconds - 3 * kMinute));
  report_.Say("two calls of max begin together, and last 100 s each: two minutes are billed");
  TelephoneSwitch pbx({client_.ledger_channel()}, {.switch_id = absl::StrCat("studio-", run_)});
  for (const char* id : {"one", "two"}) {
    RESERVE_RETURN_IF_ERROR(pbx.Dial({studio.account_id, max.user_id, to.number, id}).status());
    RESERVE_RETURN_IF_ERROR(pbx.Answer(id));
  }
  RESERVE_RETURN_IF_ERROR(pbx.Pass(absl::Seconds(100)));
  const PhoneCall& one = pbx.call("one");
  const PhoneCall& two = pbx.call("two");
  report_.Duration("free seconds set aside for the first", 2 * kMinute,
                   one.hold.allowance_held().seconds());
  report_.Duration("and for the second", kMinute, two.hold.allowance_held().seconds());
  report_.Money("and money for its second minute", to.price, two.hold.held());
  RESERVE_RETURN_IF_ERROR(pbx.HangUp("one"));
  RESERVE_RETURN_IF_ERROR(pbx.HangUp("two"));
  report_.Money("the first costs", 0, one.booked.cost());
  report_.Money("the second costs", to.price, two.booked.cost());
  RESERVE_ASSIGN_OR_RETURN(const pb::User user, client_.GetUser(studio.account_id, max.user_id));
  report_.Duration("free seconds left", 0, user.allowance_left().seconds());
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client_.GetAccount(studio.account_id));
  report_.Money("balance", studio.balance - to.price, account.balance());
  return absl::OkStatus();
}

absl::Status Play::SwitchThatDies() {
  report_.Section("A switch that dies with an hour reported");
  RESERVE_ASSIGN_OR_RETURN(Book clinic, OpenAnother("clinic", "tok_visa"));
  Caller ned{"ned", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(clinic, ned));
  const Destination to = Barbados();
  const std::string& account = clinic.account_id;
  report_.Say("ned calls Barbados; the reserve is refilled while he talks");
  TelephoneSwitch pbx({client_.ledger_channel()}, {.switch_id = absl::StrCat("clinic-", run_),
                                                   .wait_for_money = kWaitForMoney});
  RESERVE_RETURN_IF_ERROR(pbx.Dial({account, ned.user_id, to.number, "long"}).status());
  RESERVE_RETURN_IF_ERROR(pbx.Answer("long"));
  RESERVE_RETURN_IF_ERROR(pbx.Pass(absl::Hours(1)));
  RESERVE_RETURN_IF_ERROR(pbx.Extend("long"));
  RESERVE_RETURN_IF_ERROR(AwaitBalance(clinic, kReserveAmount));
  PhoneCall call = pbx.call("long");

  report_.Say("after an hour the switch dies, starts again, and releases what it had before");
  pbx.Crash();
  RESERVE_ASSIGN_OR_RETURN(const pb::ReleaseSwitchHoldsResponse released, pbx.ReleaseOldHolds());
  report_.Count("calls whose reported seconds wait for a CDR", 1, released.unsettled());
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Hold> holds, client_.ListHolds(account));
  RESERVE_ASSIGN_OR_RETURN(pb::Hold hold, client_.GetHold(account, "long"));
  if (!holds.empty()) {
    report_.Duration("reported", kHour, holds[0].used().seconds());
    report_.Money("accrued", 60 * to.price, holds[0].accrued());
    report_.Text("hold", "UNSETTLED", HoldStateName(holds[0].state()));
  }
  const int64_t settle_seconds = hold.expire_time().seconds() - hold.end_time().seconds();
  const bool estimated = hold.state() == pb::HOLD_STATE_ESTIMATED || settle_seconds <= kSoonSeconds;
  if (estimated) {
    report_.Say("no CDR comes in time: what was reported is booked");
    clinic.balance -= 60 * to.price;
    RESERVE_RETURN_IF_ERROR(AwaitBalance(clinic, 0));
    RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord record, client_.GetUsage(account, "long"));
    report_.Text("in the books", "an estimate", record.estimated() ? "an estimate" : "a CDR");
    report_.Duration("of", kHour, record.usage().call().duration().seconds());
    report_.Money("at", 60 * to.price, record.cost());
    clinic.balance += 60 * to.price;
  } else {
    report_.Show("without a CDR it is booked in", Seconds(settle_seconds));
  }

  report_.Say("the CDR is found: the call lasted 3,610 s");
  call.talked = absl::Seconds(kHour + 10);
  RESERVE_RETURN_IF_ERROR(pbx.SendCdr(call));
  report_.Money("the call costs", 61 * to.price, call.booked.cost());
  clinic.balance -= 61 * to.price;
  RESERVE_RETURN_IF_ERROR(AwaitBalance(clinic, 0));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::UsageRecord> history,
                           client_.ListUsage(account, 10));
  const auto voided = std::count_if(history.begin(), history.end(), [](const auto& record) {
    return record.status() == pb::USAGE_STATUS_VOIDED;
  });
  report_.Count("estimates in the history, voided", estimated ? 1 : 0, voided);
  return absl::OkStatus();
}

}  // namespace reserve::demo
