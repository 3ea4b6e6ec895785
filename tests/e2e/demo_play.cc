#include "tests/e2e/demo_play.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/support/wait_until.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

constexpr int64_t kLongestCallSeconds = kMinute * 60 * 24 * 7;
constexpr absl::Duration kPatience = absl::Seconds(15);
constexpr absl::Duration kPause = absl::Milliseconds(20);

std::string DecisionName(pb::AuthorizationDecision decision) {
  return ShortName(pb::AuthorizationDecision_Name(decision), "AUTHORIZATION_DECISION_");
}

pb::Call OutboundCall(const Destination& to, int64_t duration_seconds) {
  pb::Call call;
  call.set_direction(pb::DIRECTION_OUTBOUND);
  call.set_destination(to.number);
  call.mutable_duration()->set_seconds(duration_seconds);
  return call;
}

std::string BilledText(int64_t billed, int64_t free, int64_t paid) {
  return absl::StrCat(Seconds(billed), " = ", Seconds(free), " free + ", Seconds(paid), " paid");
}

std::string AnswerText(absl::string_view decision, Nanos price, bool standard_rate) {
  return absl::StrCat(decision, " at ", Dollars(price),
                      standard_rate ? ", a standard rate" : ", dearer than standard");
}

std::string RechargeText(int64_t ordinal, absl::string_view kind, absl::string_view state) {
  return absl::StrCat("number ", ordinal, ", ", kind, ", ", state);
}

std::string ChargesText(int64_t count, Nanos amount, absl::string_view charge_id) {
  return absl::StrCat(count, " charge of ", Dollars(amount), ", ", charge_id);
}

}  // namespace

std::string ShortName(const std::string& enum_name, absl::string_view enum_prefix) {
  return std::string(absl::StripPrefix(enum_name, enum_prefix));
}

std::string StateName(pb::AccountState state) {
  return ShortName(pb::AccountState_Name(state), "ACCOUNT_STATE_");
}

std::string CardStateName(pb::CardState state) {
  return ShortName(pb::CardState_Name(state), "CARD_STATE_");
}

Play::Play(Client* client, Report* report, const std::string& run)
    : client_(*client), report_(*report), run_(run) {
  bakery_.account_id = absl::StrCat("bakery-", run);
  courier_.account_id = absl::StrCat("courier-", run);
  florist_.account_id = absl::StrCat("florist-", run);
}

void Play::Run() {
  using Scene = absl::Status (Play::*)();
  constexpr Scene kScenes[] = {
      &Play::Prices,
      &Play::Funding,
      &Play::FreeMinutes,
      &Play::DearCountry,
      &Play::Texts,
      &Play::Dip,
      &Play::Settings,
      &Play::DecliningCard,
      &Play::DrainToZero,
      &Play::NewCard,
      &Play::Events,
      &Play::PlansThatChange,
      &Play::CardsThatChange,
      &Play::TheSwitch,
      &Play::MoneyGoesBack,
      &Play::PaidByBank,
      &Play::WrongRecords,
      &Play::HelpAndTheLastCent,
      &Play::CreditAndFarewell,
      &Play::ThirtyCallsAtOnce,
      &Play::SharedMinutes,
      &Play::SwitchThatDies,
      &Play::StolenTelephone,
      &Play::Repeats,
      &Play::History,
      &Play::Explanation,
      &Play::Audit,
  };
  for (const Scene scene : kScenes) {
    const absl::Status status = (this->*scene)();
    if (status.ok()) continue;
    report_.Stop(status);
    return;
  }
}

absl::Status Play::OpenAndFund(Book& book, const std::string& card) {
  report_.Say(absl::StrCat("account ", book.account_id, " is opened with card ", card));
  RESERVE_RETURN_IF_ERROR(client_.OpenAccount(book.account_id, card).status());
  return AwaitRecharge(book, "INITIAL", book.reserve_amount);
}

absl::Status Play::AddUser(Book& book, Caller& caller) {
  RESERVE_ASSIGN_OR_RETURN(const pb::User user,
                           client_.PutUser(book.account_id, caller.user_id,
                                           caller.unlimited ? "unlimited" : "per_minute"));
  ++book.users;
  report_.Duration(absl::StrCat(caller.user_id, " (", user.plan_id(), "): free seconds left"),
                   caller.free_seconds_left, user.allowance_left().seconds());
  return absl::OkStatus();
}

absl::StatusOr<pb::UsageRecord> Play::Record(Book& book, pb::Usage usage, Nanos cost) {
  usage.set_usage_id(absl::StrCat(usage.has_call() ? "call-" : "text-", book.bookings.size() + 1));
  if (!usage.has_start_time()) ToProto(absl::Now(), usage.mutable_start_time());
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordUsageResponse response,
                           client_.RecordUsage(book.account_id, usage));
  book.balance -= cost;
  book.used_since_first = book.automatic_recharges == 0 ? cost : book.used_since_first + cost;
  report_.Money("cost", cost, response.cost());
  report_.Money("balance after it", book.balance, response.balance_after());
  book.bookings.push_back({usage, response.seq(), cost, book.balance});
  return client_.GetUsage(book.account_id, usage.usage_id());
}

absl::Status Play::Call(Book& book, Caller& caller, const Destination& to,
                        int64_t duration_seconds) {
  report_.Say(absl::StrCat(caller.user_id, " calls ", to.number, " (", to.name, ", ",
                           Dollars(to.price), " a minute) for ", Seconds(duration_seconds)));
  // C2 to C5: whole minutes, free ones first, and the rest paid.
  const int64_t billed = (duration_seconds + kMinute - 1) / kMinute * kMinute;
  const bool included = to.standard_rate && caller.unlimited;
  const int64_t free = to.standard_rate ? std::min(caller.free_seconds_left, billed) : 0;
  const int64_t paid = included ? 0 : billed - free;
  caller.free_seconds_left -= free;

  pb::Usage usage;
  usage.set_user_id(caller.user_id);
  *usage.mutable_call() = OutboundCall(to, duration_seconds);
  RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord record,
                           Record(book, usage, to.price * (paid / kMinute)));
  const pb::Rating& rating = record.rating();
  report_.Text("billed, by whole minutes", BilledText(billed, free, paid),
               BilledText(rating.billable_duration().seconds(),
                          rating.allowance_before().seconds() - rating.allowance_after().seconds(),
                          rating.paid_duration().seconds()));
  if (!caller.unlimited) {
    report_.Duration("free seconds left", caller.free_seconds_left,
                     rating.allowance_after().seconds());
  }
  return absl::OkStatus();
}

absl::Status Play::MayCall(const Book& book, const Caller& caller, const Destination& to,
                           Nanos left) {
  report_.Say(absl::StrCat("the switch asks: may ", caller.user_id, " call ", to.number, " (",
                           to.name, ", ", Dollars(to.price), " a minute)?"));
  RESERVE_ASSIGN_OR_RETURN(
      const pb::AuthorizeUsageResponse answer,
      client_.AuthorizeCall(book.account_id, caller.user_id, OutboundCall(to, 0)));
  report_.Text("answer", AnswerText("ALLOWED", to.price, to.standard_rate),
               AnswerText(DecisionName(answer.decision()), NanosOf(answer.price()).value_or(-1),
                          answer.standard_rate()));
  if (to.standard_rate && caller.unlimited) {
    report_.Text(
        "longest duration", "unlimited",
        answer.unlimited_duration() ? "unlimited" : Seconds(answer.max_duration().seconds()));
    return absl::OkStatus();
  }
  report_.Duration("free seconds left", caller.free_seconds_left,
                   answer.allowance_left().seconds());
  // Free minutes first, then as many whole ones as the balance, and the limit, pay for.
  const int64_t free = to.standard_rate ? caller.free_seconds_left : 0;
  const int64_t longest =
      std::min(free + std::min(book.balance, left) / to.price * kMinute, kLongestCallSeconds);
  report_.Duration("longest duration", longest, answer.max_duration().seconds());
  return absl::OkStatus();
}

absl::Status Play::MayNotCall(const Book& book, const Caller& caller, const Destination& to,
                              absl::string_view decision) {
  report_.Say(absl::StrCat("the switch asks: may ", caller.user_id, " (",
                           caller.unlimited ? "unlimited" : "per_minute", ") call ", to.number,
                           "?"));
  RESERVE_ASSIGN_OR_RETURN(
      const pb::AuthorizeUsageResponse answer,
      client_.AuthorizeCall(book.account_id, caller.user_id, OutboundCall(to, 0)));
  report_.Text("answer", absl::StrCat("no: ", decision),
               absl::StrCat(answer.allowed() ? "yes: " : "no: ", DecisionName(answer.decision())));
  return absl::OkStatus();
}

absl::StatusOr<pb::Account> Play::Await(const Book& book, absl::string_view what,
                                        const std::function<bool(const pb::Account&)>& condition) {
  absl::StatusOr<pb::Account> account;
  const auto done = [&] {
    account = client_.GetAccount(book.account_id);
    return !account.ok() || condition(*account);
  };
  if (test_support::WaitUntil(done, kPatience, kPause)) return account;
  const absl::StatusOr<Nanos> balance = NanosOf(account->balance());
  return MakeError(
      absl::StatusCode::kDeadlineExceeded, "NOT_IN_TIME", "",
      absl::StrCat(what, " did not come within ", absl::FormatDuration(kPatience), ": account ",
                   book.account_id, " is ", StateName(account->state()), " with ",
                   balance.ok() ? Dollars(*balance) : "no balance", ", its card ",
                   CardStateName(account->payment_methods(0).card_state()), ", open recharge ",
                   account->open_recharge_ordinal()));
}

Nanos Play::DueAmount(const Book& book) {
  Nanos amount = book.reserve_amount;
  // G7: the third within an hour also covers what was used since the first of them was opened.
  const Nanos used = book.automatic_recharges < 2 ? 0 : book.used_since_first;
  while (book.balance + amount < book.recharge_threshold || amount < used) {
    amount += book.reserve_amount;
  }
  return amount;
}

absl::Status Play::AwaitRecharge(Book& book, absl::string_view kind, Nanos amount) {
  const Nanos before = book.balance;
  book.balance += amount;
  book.charged += amount;
  const int64_t ordinal = ++book.recharges;
  if (kind == "AUTOMATIC") ++book.automatic_recharges;
  const absl::Time start = absl::Now();
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           Await(book, absl::StrCat("recharge ", ordinal, " of ", Dollars(amount)),
                                 [&](const pb::Account& now) {
                                   // Any credit will do: whether it is the right one is checked
                                   // below.
                                   return now.open_recharge_ordinal() == 0 &&
                                          NanosOf(now.balance()).value_or(before) != before;
                                 }));
  report_.Show("charged and credited within",
               absl::FormatDuration(absl::Floor(absl::Now() - start, absl::Milliseconds(1))));
  RESERVE_ASSIGN_OR_RETURN(const pb::Recharge recharge, CheckRecharge(book, ordinal, kind));
  RESERVE_RETURN_IF_ERROR(CheckCharges(book, recharge, amount));

  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Entry> entries,
                           client_.ListEntries(book.account_id));
  const auto entry = std::find_if(entries.begin(), entries.end(), [&](const pb::Entry& e) {
    return e.recharge_ordinal() == ordinal;
  });
  if (entry == entries.end()) return absl::NotFoundError("no entry books the recharge");
  report_.Amount(
      "balance before", before,
      NanosOf(entry->balance_after()).value_or(0) - NanosOf(entry->amount()).value_or(0));
  report_.Money("credited", amount, entry->amount());
  report_.Money("balance after", book.balance, entry->balance_after());
  report_.Text("account", absl::StrCat("ACTIVE with ", Dollars(book.balance)),
               absl::StrCat(StateName(account.state()), " with ",
                            Dollars(NanosOf(account.balance()).value_or(-1))));
  return absl::OkStatus();
}

absl::StatusOr<pb::Recharge> Play::CheckRecharge(const Book& book, int64_t ordinal,
                                                 absl::string_view kind) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::Recharge> recharges,
                           client_.ListRecharges(book.account_id));
  if (recharges.empty()) return absl::NotFoundError("the account has no recharge");
  const pb::Recharge& last = recharges.front();
  report_.Text(
      "recharge", RechargeText(ordinal, kind, "SUCCEEDED"),
      RechargeText(last.ordinal(), ShortName(pb::RechargeKind_Name(last.kind()), "RECHARGE_KIND_"),
                   ShortName(pb::RechargeState_Name(last.state()), "RECHARGE_STATE_")));
  return last;
}

absl::Status Play::CheckCharges(const Book& book, const pb::Recharge& recharge, Nanos amount) {
  const std::string reference = absl::StrCat(book.account_id, "/", book.recharges);
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges, client_.ListCharges(reference));
  int64_t count = 0;
  Nanos charged = 0;
  std::string charge_id;
  for (const gw::Charge& charge : charges) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    ++count;
    charged += NanosOf(charge.amount()).value_or(0);
    charge_id = charge.charge_id();
  }
  report_.Text("at the gateway", ChargesText(1, amount, recharge.charge_id()),
               ChargesText(count, charged, charge_id));
  return absl::OkStatus();
}

}  // namespace reserve::demo
