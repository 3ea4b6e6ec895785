#include "tests/services/ledger/domain/books.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::domain {

Rate StandardRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = "1201";
  rate.price = Cents(2);
  rate.standard_rate = true;
  return rate;
}

Rate DearRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = "1876";
  rate.price = Cents(50);
  return rate;
}

Rate SmsRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = "1";
  rate.price = 12'000'000;
  return rate;
}

Plan PerMinutePlan() {
  Plan plan;
  plan.plan_id = "per_minute";
  plan.free_seconds = kPerMinuteFreeSeconds;
  return plan;
}

Plan MonthlyPlan() {
  Plan plan = PerMinutePlan();
  plan.plan_id = "per_minute_monthly";
  plan.allowance_reset = AllowanceReset::kMonthly;
  return plan;
}

Plan UnlimitedPlan() {
  Plan plan;
  plan.plan_id = "unlimited";
  plan.standard_calls = StandardCalls::kIncluded;
  return plan;
}

Card CardNamed(const std::string& name) {
  return Card{CardToken(absl::StrCat("tok_", name)), absl::StrCat("fp_", name)};
}

Usage OutboundCall(absl::Time start, absl::Duration duration) {
  Usage usage;
  usage.destination = "12015550123";
  usage.start_time = start;
  usage.duration = duration;
  return usage;
}

Usage OutboundCall(absl::Time start, int64_t seconds) {
  return OutboundCall(start, absl::Seconds(seconds));
}

Usage InboundCall(absl::Time start, absl::Duration duration) {
  Usage usage = OutboundCall(start, duration);
  usage.direction = Direction::kInbound;
  return usage;
}

Usage InboundCall(absl::Time start, int64_t seconds) {
  return InboundCall(start, absl::Seconds(seconds));
}

Usage OutboundSms(absl::Time start, int32_t segments) {
  Usage usage;
  usage.kind = UsageKind::kSms;
  usage.destination = "12015550123";
  usage.start_time = start;
  usage.segments = segments;
  return usage;
}

Usage InboundSms(absl::Time start, int32_t segments) {
  Usage usage = OutboundSms(start, segments);
  usage.direction = Direction::kInbound;
  return usage;
}

ChargeOutcome SuccessOf(const Recharge& recharge) {
  ChargeOutcome outcome;
  outcome.kind = ChargeOutcome::Kind::kSucceeded;
  outcome.attempt = recharge.attempt;
  outcome.lease_epoch = recharge.lease_epoch;
  outcome.charge_id = absl::StrCat("ch_", recharge.ordinal, "_", recharge.attempt);
  outcome.amount = recharge.amount;
  outcome.currency = recharge.currency;
  return outcome;
}

ChargeOutcome DeclineOf(const Recharge& recharge, DeclineClass decline_class) {
  ChargeOutcome outcome;
  outcome.kind = ChargeOutcome::Kind::kDeclined;
  outcome.attempt = recharge.attempt;
  outcome.lease_epoch = recharge.lease_epoch;
  outcome.decline_class = decline_class;
  outcome.text = decline_class == DeclineClass::kSoft   ? "insufficient_funds"
                 : decline_class == DeclineClass::kHard ? "expired_card"
                                                        : "authentication_required";
  return outcome;
}

ChargeOutcome UnresolvedOf(const Recharge& recharge) {
  ChargeOutcome outcome;
  outcome.kind = ChargeOutcome::Kind::kUnresolved;
  outcome.attempt = recharge.attempt;
  outcome.lease_epoch = recharge.lease_epoch;
  outcome.text = "looked up for 24 h";
  return outcome;
}

Books::Books(Settings settings)
    : settings_(std::move(settings)),
      now_(absl::FromCivil(absl::CivilSecond(2026, 11, 10, 9, 0, 0), absl::UTCTimeZone())) {}

absl::Status Books::Open(const OpenAccountCommand& command) {
  return Apply(OpenAccount(context(), command));
}

absl::Status Books::PutUser(const std::string& user_id, const Plan& plan) {
  const auto stored = users_.find(user_id);
  const absl::Status status = Apply(domain::PutUser(
      context(), account_, stored == users_.end() ? nullptr : &stored->second, user_id, plan));
  if (status.ok()) plans_[user_id] = plan;
  return status;
}

absl::Status Books::Record(const std::string& user_id, Usage usage, const Rate* rate) {
  if (usage.usage_id.empty()) usage.usage_id = absl::StrCat("usage-", next_id_++);
  usage.user_id = user_id;
  return Apply(
      RecordUsage(context(), account_, users_.at(user_id), plans_.at(user_id), usage, rate));
}

absl::Status Books::ChangeSettings(std::optional<Nanos> reserve_amount,
                                   std::optional<Nanos> threshold) {
  return Apply(UpdateBillingSettings(context(), account_, reserve_amount, threshold));
}

absl::Status Books::GiveCard(const Card& card) {
  return Apply(UpdatePaymentMethod(context(), account_, open(), card));
}

absl::Status Books::Adjust(Nanos amount) {
  return Apply(AdjustBalance(context(), account_, absl::StrCat("adjustment-", next_id_++), amount,
                             "correction"));
}

absl::Status Books::TopUp(std::optional<Nanos> amount) {
  return Apply(RequestRecharge(context(), account_, absl::StrCat("top-up-", next_id_++), amount,
                               declines_[account_.card.fingerprint]));
}

absl::Status Books::Report(int64_t ordinal, const ChargeOutcome& outcome) {
  const Recharge& recharge = recharges_.at(ordinal);
  return Apply(
      ReportRecharge(context(), account_, recharge, outcome, declines_[recharge.card.fingerprint]));
}

absl::Status Books::Hold() {
  return Apply(DeferRecharge(context(), account_, *open(), declines_[open()->card.fingerprint]));
}

void Books::DeclinedElsewhere(absl::Time time) {
  std::vector<absl::Time>& declines = declines_[account_.card.fingerprint];
  declines.insert(std::upper_bound(declines.begin(), declines.end(), time, std::greater<>()), time);
}

absl::Status Books::Block(const std::string& reason) {
  return Apply(BlockAccount(context(), account_, reason));
}

absl::Status Books::Unblock(const std::string& reason) {
  return Apply(UnblockAccount(context(), account_, reason));
}

absl::Status Books::Reconsider() { return Apply(domain::Reconsider(context(), account_)); }

absl::Status Books::OpenWithCard() {
  OpenAccountCommand command;
  command.account_id = "acct-1";
  command.card = CardNamed("visa");
  command.default_plan = PerMinutePlan();
  return Open(command);
}

void Books::OpenFunded() {
  ASSERT_TRUE(OpenWithCard().ok());
  ASSERT_NE(open(), nullptr);
  ASSERT_TRUE(Charge().ok());
  ASSERT_EQ(account_.state, AccountState::kActive);
  ASSERT_TRUE(PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(PutUser("mia", MonthlyPlan()).ok());
  ASSERT_TRUE(PutUser("uma", UnlimitedPlan()).ok());
}

absl::Status Books::AdjustTo(Nanos balance) { return Adjust(balance - account_.balance); }

absl::Status Books::Call(const Rate& rate, int64_t seconds) {
  return Record("ann", OutboundCall(now_, seconds), &rate);
}

void Books::HandOut(absl::Duration lease) {
  ASSERT_NE(account_.open_ordinal, 0);
  Recharge& recharge = recharges_.at(account_.open_ordinal);
  ++recharge.lease_epoch;
  recharge.lease_owner = "worker-1";
  if (recharge.attempt_start == absl::InfinitePast()) recharge.attempt_start = now_;
  recharge.due_time = now_ + lease;
}

absl::Status Books::Charge() {
  HandOut();
  return Report(account_.open_ordinal, SuccessOf(*open()));
}

absl::Status Books::Decline(DeclineClass decline_class) {
  HandOut();
  return Report(account_.open_ordinal, DeclineOf(*open(), decline_class));
}

absl::Status Books::Unresolved() {
  HandOut();
  return Report(account_.open_ordinal, UnresolvedOf(*open()));
}

Authorization Books::Authorize(const std::string& user_id, const Usage& usage,
                               const Rate* rate) const {
  return AuthorizeUsage(context(), account_, users_.at(user_id), plans_.at(user_id), usage, rate);
}

const Recharge* Books::open() const {
  if (account_.open_ordinal == 0) return nullptr;
  return &recharges_.at(account_.open_ordinal);
}

int Books::Count(EventKind kind) const {
  return static_cast<int>(std::count_if(events_.begin(), events_.end(),
                                        [kind](const Event& event) { return event.kind == kind; }));
}

int Books::CountInLast(EventKind kind) const {
  return static_cast<int>(std::count_if(last_.events.begin(), last_.events.end(),
                                        [kind](const Event& event) { return event.kind == kind; }));
}

absl::Status Books::Apply(absl::StatusOr<Transition> transition) {
  if (!transition.ok()) return transition.status();
  CheckAlwaysTrue(*transition);
  last_ = *transition;
  account_ = transition->account;
  for (const Recharge& recharge : transition->recharges) recharges_[recharge.ordinal] = recharge;
  for (const Entry& entry : transition->entries) entries_.push_back(entry);
  for (const Event& event : transition->events) events_.push_back(event);
  if (transition->user.has_value()) users_[transition->user->user_id] = *transition->user;
  if (transition->decline.has_value()) {
    EXPECT_EQ(transition->decline->time, now_);
    std::vector<absl::Time>& declines = declines_[transition->decline->card_fingerprint];
    declines.insert(declines.begin(), now_);
  }
  int open_recharges = 0;
  for (const auto& [ordinal, recharge] : recharges_) {
    if (!recharge.open()) continue;
    ++open_recharges;
    EXPECT_EQ(ordinal, account_.open_ordinal);
  }
  EXPECT_EQ(open_recharges, account_.open_ordinal == 0 ? 0 : 1) << "G3";
  return absl::OkStatus();
}

void Books::CheckAlwaysTrue(const Transition& transition) const {
  if (transition.unchanged) {
    EXPECT_EQ(transition.account, account_);
    EXPECT_TRUE(transition.entries.empty());
    EXPECT_TRUE(transition.events.empty());
    EXPECT_TRUE(transition.recharges.empty());
    return;
  }
  int64_t seq = account_.last_seq;
  Nanos balance = account_.balance;
  for (const Entry& entry : transition.entries) {
    balance += entry.amount;
    EXPECT_EQ(entry.account_id, transition.account.account_id);
    EXPECT_EQ(entry.seq, ++seq);
    EXPECT_EQ(entry.balance_after, balance);
    EXPECT_EQ(entry.record_time, now_);
  }
  EXPECT_EQ(transition.account.last_seq, seq);
  EXPECT_EQ(transition.account.balance, balance);
  int64_t event_seq = account_.last_event_seq;
  for (const Event& event : transition.events) {
    EXPECT_EQ(event.account_id, transition.account.account_id);
    EXPECT_EQ(event.event_seq, ++event_seq);
    EXPECT_EQ(event.time, now_);
    EXPECT_FALSE(event.cause.empty()) << "D4, event " << static_cast<int>(event.kind);
  }
  EXPECT_EQ(transition.account.last_event_seq, event_seq);
  if (transition.account.state != account_.state && !account_.account_id.empty()) {
    const EventKind expected = transition.account.state == AccountState::kActive
                                   ? EventKind::kEnabled
                                   : EventKind::kDisabled;
    EXPECT_TRUE(std::any_of(transition.events.begin(), transition.events.end(),
                            [expected](const Event& event) { return event.kind == expected; }))
        << "D4: a change of state without its event";
  }
}

}  // namespace reserve::domain
