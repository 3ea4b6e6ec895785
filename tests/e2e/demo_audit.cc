// Scenes of the demo: repeats, the history, and whether it all adds up.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

// "call-2 ann +442079460000, 290 s", as a line of a call history.
std::string HistoryLine(const pb::Usage& usage) {
  const std::string head = absl::StrCat(usage.usage_id(), " ", usage.user_id(), " ");
  if (usage.has_call()) {
    return absl::StrCat(head, usage.call().destination(), ", ",
                        Seconds(usage.call().duration().seconds()));
  }
  if (usage.sms().direction() == pb::DIRECTION_INBOUND) return head + "text received";
  return absl::StrCat(head, usage.sms().destination(), ", text");
}

}  // namespace

absl::Status Play::Repeats() {
  report_.Section("Repeats change nothing");
  const Booking& booking = bakery_.bookings[straddling_];
  RESERVE_ASSIGN_OR_RETURN(const pb::Account before, client_.GetAccount(bakery_.account_id));
  report_.Say(absl::StrCat(booking.usage.usage_id(), " is sent again"));
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordUsageResponse again,
                           client_.RecordUsage(bakery_.account_id, booking.usage));
  report_.Text("booked before", "yes", again.duplicate() ? "yes" : "no");
  report_.Count("entry, as stored", booking.seq, again.seq());
  report_.Money("cost, as stored", booking.cost, again.cost());
  report_.Money("balance after it, as stored", booking.balance_after, again.balance_after());

  report_.Say(absl::StrCat(booking.usage.usage_id(), " is sent with another duration"));
  pb::Usage other = booking.usage;
  other.mutable_call()->mutable_duration()->set_seconds(other.call().duration().seconds() + 60);
  const absl::Status refused = client_.RecordUsage(bakery_.account_id, other).status();
  report_.Text("status", "ALREADY_EXISTS", absl::StatusCodeToString(refused.code()));
  report_.Refusal("reason", "USAGE_ID_REUSED", "usage.usage_id", refused);

  RESERVE_ASSIGN_OR_RETURN(const pb::Account after, client_.GetAccount(bakery_.account_id));
  report_.Money("balance, still", bakery_.balance, after.balance());
  report_.Count("entries, still", before.last_seq(), after.last_seq());
  RESERVE_ASSIGN_OR_RETURN(const pb::User user, client_.GetUser(bakery_.account_id, ann_.user_id));
  report_.Duration("free seconds left, still", ann_.free_seconds_left,
                   user.allowance_left().seconds());
  return absl::OkStatus();
}

absl::Status Play::History() {
  report_.Section("The call history, newest first");
  report_.Say(absl::StrCat("account ", bakery_.account_id, ", in pages of three"));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::UsageRecord> records,
                           client_.ListUsage(bakery_.account_id, 3));
  const std::vector<Booking>& bookings = bakery_.bookings;
  for (size_t i = 0; i < std::min(records.size(), bookings.size()); ++i) {
    const Booking& booking = bookings[bookings.size() - 1 - i];
    report_.Text(HistoryLine(records[i].usage()),
                 absl::StrCat(booking.usage.usage_id(), " ", Dollars(booking.cost)),
                 absl::StrCat(records[i].usage().usage_id(), " ",
                              Dollars(NanosOf(records[i].cost()).value_or(-1))));
  }
  report_.Count("usages", static_cast<int64_t>(bookings.size()),
                static_cast<int64_t>(records.size()));
  Nanos total = 0;
  for (const pb::UsageRecord& record : records) total += NanosOf(record.cost()).value_or(0);
  report_.Amount("cost in all", bakery_.charged - bakery_.balance, total);
  return absl::OkStatus();
}

absl::Status Play::Explanation() {
  report_.Section("One usage explained: the call that straddled the free minutes' end");
  const Booking& booking = bakery_.bookings[straddling_];
  RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord record,
                           client_.GetUsage(bakery_.account_id, booking.usage.usage_id()));
  const pb::Rating& rating = record.rating();
  const Destination to = UnitedKingdom();
  report_.Say(HistoryLine(record.usage()));
  report_.Text("basis", "METERED_STANDARD",
               ShortName(pb::ChargeBasis_Name(rating.basis()), "CHARGE_BASIS_"));
  report_.Text("plan", "per_minute", rating.plan_id());
  report_.Count("deck version, as quoted", deck_version_, rating.deck_version());
  report_.Text("prefix", to.prefix, rating.prefix());
  report_.Text("destination", to.name, rating.destination_name());
  report_.Money("price a minute", to.price, rating.price());
  report_.Text("standard rate", "yes", rating.standard_rate() ? "yes" : "no");
  report_.Money("connect fee", 0, rating.connect_fee());
  report_.Text(
      "increments", "60/60",
      absl::StrCat(rating.initial_increment().seconds(), "/", rating.increment().seconds()));
  report_.Duration("duration", 290, record.usage().call().duration().seconds());
  report_.Duration("billable", 300, rating.billable_duration().seconds());
  report_.Duration("free seconds before", 120, rating.allowance_before().seconds());
  report_.Duration("free seconds after", 0, rating.allowance_after().seconds());
  report_.Duration("paid", 180, rating.paid_duration().seconds());
  report_.Text("rounding", "HALF_UP_NANO",
               ShortName(pb::Rounding_Name(rating.rounding()), "ROUNDING_"));
  report_.Money("cost: price x paid / 60", to.price * 180 / 60, record.cost());
  report_.Money("balance before", booking.balance_after + booking.cost, record.balance_before());
  report_.Money("balance after", booking.balance_after, record.balance_after());
  report_.Count("entry of the ledger", booking.seq, record.seq());
  return absl::OkStatus();
}

absl::Status Play::VerifyOne(const Book& book) {
  report_.Say(absl::StrCat("account ", book.account_id));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client_.GetAccount(book.account_id));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Entry> entries,
                           client_.ListEntries(book.account_id));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(book.account_id + "/"));
  Nanos charged = 0;
  for (const gw::Charge& charge : charges) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    charged += NanosOf(charge.amount()).value_or(0);
  }
  Nanos credited = 0;
  Nanos sum = 0;
  for (const pb::Entry& entry : entries) {
    const Nanos amount = NanosOf(entry.amount()).value_or(0);
    sum += amount;
    if (entry.kind() == pb::ENTRY_KIND_RECHARGE) credited += amount;
  }
  report_.Amount("charged at the gateway", book.charged, charged);
  report_.Amount("credited by recharge entries", book.charged, credited);
  report_.Amount("sum of all entries", book.balance, sum);
  report_.Money("balance", book.balance, account.balance());

  RESERVE_ASSIGN_OR_RETURN(const pb::VerifyAccountResponse verified,
                           client_.VerifyAccount(book.account_id));
  const pb::VerifyCounts& counts = verified.counts();
  const auto usages = static_cast<int64_t>(book.bookings.size());
  report_.Count("entries verified", usages + book.recharges, counts.entries());
  report_.Count("usages rated again", usages, counts.usages());
  report_.Count("recharges", book.recharges, counts.recharges());
  report_.Count("users", book.users, counts.users());
  report_.Count("differences", 0, counts.differences());
  return absl::OkStatus();
}

absl::Status Play::Audit() {
  report_.Section("It all adds up");
  for (const Book* book : {&bakery_, &courier_, &florist_}) {
    RESERVE_RETURN_IF_ERROR(VerifyOne(*book));
  }
  report_.Say("the whole ledger");
  RESERVE_ASSIGN_OR_RETURN(const pb::VerifyLedgerResponse verified, client_.VerifyLedger());
  report_.Text("verified to its end", "yes", verified.done() ? "yes" : "no");
  report_.Show("accounts", absl::StrCat(verified.counts().accounts()));
  report_.Show("entries", absl::StrCat(verified.counts().entries()));
  report_.Show("usages rated again", absl::StrCat(verified.counts().usages()));
  report_.Count("differences", 0, verified.counts().differences());
  for (const pb::Difference& difference : verified.differences()) {
    report_.List(absl::StrCat("account ", difference.account_id(), " ", difference.check(), " ",
                              difference.subject(), ": stored ", difference.stored(), ", computed ",
                              difference.computed()));
  }
  return absl::OkStatus();
}

}  // namespace reserve::demo
