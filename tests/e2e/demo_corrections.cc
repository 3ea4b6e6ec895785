// Scenes of the demo: records that were wrong, a caller whom nobody had told of, calls for help,
// and texts that share what is left.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {
namespace {

// A call of `seconds`, made just now.
pb::Usage CallOf(const std::string& usage_id, const std::string& user_id, const Destination& to,
                 int64_t seconds) {
  pb::Usage usage;
  usage.set_usage_id(usage_id);
  usage.set_user_id(user_id);
  ToProto(absl::Now(), usage.mutable_start_time());
  usage.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  usage.mutable_call()->set_destination(to.number);
  usage.mutable_call()->mutable_duration()->set_seconds(seconds);
  return usage;
}

pb::Usage TextOf(const std::string& usage_id, const std::string& user_id, const Destination& to,
                 int segments) {
  pb::Usage usage = CallOf(usage_id, user_id, to, 0);
  usage.mutable_sms()->set_direction(pb::DIRECTION_OUTBOUND);
  usage.mutable_sms()->set_destination(to.number);
  usage.mutable_sms()->set_carrier(to.carrier);
  usage.mutable_sms()->set_segments(segments);
  return usage;
}

// In no deck: it brings help.
Destination Help() { return {"911", "", "", 0, /*standard_rate=*/false, ""}; }

}  // namespace

absl::Status Play::WrongRecords() {
  report_.Section("A record that was wrong, and a caller whom nobody had told of");
  RESERVE_ASSIGN_OR_RETURN(Book tailor, OpenAnother("tailor", "tok_visa"));
  Caller gus{"gus", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(tailor, gus));
  report_.Say(
      "the switch reports a call of 10,800 s; it lasted 306 s, and it sends that afterwards");
  const std::string& account = tailor.account_id;
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, CallOf("wrong", "gus", UnitedStates(), 10'800)).status());
  RESERVE_ASSIGN_OR_RETURN(
      const pb::CorrectUsageResponse corrected,
      client_.CorrectUsage(account, "wrong", CallOf("right", "gus", UnitedStates(), 306)));
  report_.Duration("free seconds that come back", 10'800,
                   corrected.voided().allowance_returned().seconds());
  RESERVE_ASSIGN_OR_RETURN(const pb::User after, client_.PutUser(account, "gus", "per_minute"));
  report_.Duration("free seconds left", kFreeSeconds - 360, after.allowance_left().seconds());
  RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord old, client_.GetUsage(account, "wrong"));
  report_.Text("the wrong record", "VOIDED",
               ShortName(pb::UsageStatus_Name(old.status()), "USAGE_STATUS_"));

  report_.Say("a record of 18,000 s that never was takes all that is left; 600 s are paid for");
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, CallOf("ghost", "gus", UnitedStates(), 18'000)).status());
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, CallOf("paid", "gus", UnitedStates(), 600)).status());
  RESERVE_ASSIGN_OR_RETURN(const pb::VoidUsageResponse voided, client_.VoidUsage(account, "ghost"));
  report_.Duration("paid for since", 600, voided.paid_since().seconds());
  RESERVE_ASSIGN_OR_RETURN(const pb::Rerating outlook, client_.RateAgain(account, "gus", true));
  report_.Money("what rating again would give back", 10 * UnitedStates().price, outlook.returned());
  RESERVE_ASSIGN_OR_RETURN(const pb::Rerating again, client_.RateAgain(account, "gus", false));
  report_.Count("calls rated again", 1, again.changed_count());
  report_.Money("given back", 10 * UnitedStates().price, again.returned());

  report_.Say("hal, of whom the account was not told, calls Barbados for a minute");
  RESERVE_ASSIGN_OR_RETURN(
      const pb::RecordUsageResponse unrated,
      client_.RecordUsage(account, CallOf("early", "hal", Barbados(), kMinute)));
  report_.Text("his call", "UNRATED",
               ShortName(pb::UsageStatus_Name(unrated.status()), "USAGE_STATUS_"));
  report_.Money("cost so far", 0, unrated.cost());
  RESERVE_RETURN_IF_ERROR(client_.PutUser(account, "hal", "per_minute").status());
  report_.Say("the account is told of hal: the call is rated by itself");
  tailor.balance -= Barbados().price;
  return Await(tailor, "the rating",
               [&](const pb::Account& now) {
                 return NanosOf(now.balance()).value_or(-1) == tailor.balance;
               })
      .status();
}

absl::Status Play::HelpAndTheLastCent() {
  report_.Section("A call for help, and texts that share a last cent");
  RESERVE_ASSIGN_OR_RETURN(Book tollbooth, OpenAnother("tollbooth", "tok_visa"));
  Caller kim{"kim", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(tollbooth, kim));
  const std::string& account = tollbooth.account_id;
  report_.Say("somebody at the tollbooth whom the account does not know dials 911");
  const pb::Usage help = CallOf("help", "", Help(), 5 * kMinute);
  RESERVE_ASSIGN_OR_RETURN(const pb::AuthorizeUsageResponse leave,
                           client_.AuthorizeCall(account, "", help.call()));
  report_.Text("may it begin", "ALLOWED, emergency",
               absl::StrCat(ShortName(pb::AuthorizationDecision_Name(leave.decision()),
                                      "AUTHORIZATION_DECISION_"),
                            leave.emergency() ? ", emergency" : ""));
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordUsageResponse helped,
                           client_.RecordUsage(account, help));
  report_.Money("cost", 0, helped.cost());

  report_.Say("kim spends all but a cent, and is charged no more; then ten texts are to go out");
  RESERVE_RETURN_IF_ERROR(client_.SwitchAutomatic(account, false).status());
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, CallOf("talk", "kim", Barbados(), 74 * kMinute)).status());
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, TextOf("letter", "kim", AttText(), 19)).status());
  std::string sent;
  int64_t booked = 0;
  absl::Status refused;
  for (int i = 0; i < 10; ++i) {
    const std::string id = absl::StrCat("text-", i);
    const auto recorded = client_.RecordIfAllowed(account, TextOf(id, "kim", AttText(), 1));
    if (recorded.ok()) {
      ++booked;
      sent = id;
    } else {
      refused = recorded.status();
    }
  }
  report_.Count("texts that are booked, and may go", 1, booked);
  report_.Refusal("the others", "USAGE_NOT_ALLOWED", "", refused);
  RESERVE_RETURN_IF_ERROR(client_.VoidUsage(account, sent).status());
  report_.Say("the carrier did not take it: it is voided, and another may go");
  RESERVE_ASSIGN_OR_RETURN(
      const pb::RecordUsageResponse next,
      client_.RecordIfAllowed(account, TextOf("text-again", "kim", AttText(), 1)));
  report_.Money("its cost", AttText().price, next.cost());
  report_.Money("balance", 0, next.balance_after());
  return absl::OkStatus();
}

absl::Status Play::CreditAndFarewell() {
  report_.Section("Promotional credit, and a customer who leaves");
  RESERVE_ASSIGN_OR_RETURN(Book baker, OpenAnother("farewell", "tok_visa"));
  Caller ivy{"ivy", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(baker, ivy));
  const std::string& account = baker.account_id;
  RESERVE_RETURN_IF_ERROR(client_.GrantCredit(account, kNanosPerUnit).status());
  RESERVE_RETURN_IF_ERROR(
      client_.RecordUsage(account, CallOf("dear", "ivy", Barbados(), 3 * kMinute)).status());
  RESERVE_ASSIGN_OR_RETURN(const pb::Account spent, client_.GetAccount(account));
  report_.Say("a dollar of credit until tomorrow, and three minutes to Barbados");
  report_.Money("her own money", baker.balance, spent.own_balance());
  report_.Money("promotional", kNanosPerUnit - 3 * Barbados().price, spent.promotional_balance());
  RESERVE_ASSIGN_OR_RETURN(const pb::CloseAccountResponse closing, client_.CloseAccount(account));
  report_.Say("the account is closed: facts are taken for three days, then its money goes back");
  report_.Text("account", "CLOSING", StateName(closing.account().state()));
  report_.Money("promotional", 0, closing.account().promotional_balance());
  for (const pb::ClosingStep& step : closing.steps()) {
    if (step.kind() != pb::CLOSING_STEP_KIND_GIVE_BACK) continue;
    report_.Money("goes back to the card", baker.balance, step.amount());
  }
  return absl::OkStatus();
}

}  // namespace reserve::demo
