#include "tests/services/ledger/domain/books.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/disputed_cards.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {

Rate StandardRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = PackDigits("1201");
  rate.price = Cents(2);
  rate.standard_rate = true;
  return rate;
}

Rate DearRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = PackDigits("1876");
  rate.price = Cents(50);
  return rate;
}

Rate SmsRate() {
  Rate rate;
  rate.deck_version = 7;
  rate.prefix = PackDigits("1");
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

Plan BillingMonthPlan() {
  Plan plan = PerMinutePlan();
  plan.plan_id = "per_minute_by_billing_day";
  plan.allowance_reset = AllowanceReset::kBillingDay;
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

Card RenewedCard(const std::string& name) {
  Card card = CardNamed(name);
  card.token = CardToken(absl::StrCat("tok_", name, "_renewed"));
  return card;
}

GivenCard Given(const Card& card) {
  GivenCard given;
  given.card = card;
  return given;
}

GivenCard WithoutNumber(GivenCard given) {
  given.card.fingerprint = StandInNumber(given.card.token);
  given.number_given = false;
  return given;
}

GivenCard Expiring(const Card& card, int32_t year, int32_t month) {
  GivenCard given = Given(card);
  given.display = CardDisplay{"Visa", "4242", year, month};
  return given;
}

Settings WithoutNewAccounts() {
  Settings settings;
  settings.new_account_period = absl::ZeroDuration();
  return settings;
}

ByStaff Staff(const std::string& reason) { return {reason, "support-1", "ticket-7"}; }

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

ChargeOutcome PendingOf(const Recharge& recharge) {
  ChargeOutcome outcome = SuccessOf(recharge);
  outcome.kind = ChargeOutcome::Kind::kPending;
  return outcome;
}

ChargeOutcome GivenBack(const Recharge& refund) {
  ChargeOutcome outcome = SuccessOf(refund);
  outcome.charge_id = refund.refund_id.empty() || refund.refund_id_typed
                          ? absl::StrCat("re_", refund.ordinal)
                          : refund.refund_id;
  return outcome;
}

ChargeOutcome NotGivenBack(const Recharge& refund) {
  ChargeOutcome outcome = DeclineOf(refund, DeclineClass::kHard);
  outcome.charge_id = GivenBack(refund).charge_id;
  outcome.text = "card_closed";
  return outcome;
}

ChargeOutcome RefundPends(const Recharge& refund) {
  ChargeOutcome outcome = GivenBack(refund);
  outcome.kind = ChargeOutcome::Kind::kPending;
  return outcome;
}

namespace {

// A charge has its id from its attempt, also before it is credited (SuccessOf).
std::string ChargeIdOf(const Recharge& recharge) {
  return recharge.state == RechargeState::kSucceeded || recharge.is_payment()
             ? recharge.charge_id
             : SuccessOf(recharge).charge_id;
}

}  // namespace

GatewayRefund Told(const Recharge& recharge, const std::string& refund_id,
                   GatewayRefund::State state, Nanos amount) {
  const bool failed = state == GatewayRefund::State::kFailed;
  return {ChargeIdOf(recharge), refund_id, state, amount, failed ? "card_closed" : ""};
}

GatewayDispute Told(const Recharge& recharge, const std::string& dispute_id, DisputeState state,
                    Nanos amount) {
  return {ChargeIdOf(recharge), dispute_id, state, amount, "fraudulent"};
}

namespace {}  // namespace

Books::Books(Settings settings)
    : settings_(std::move(settings)),
      now_(absl::FromCivil(absl::CivilSecond(2026, 11, 10, 9, 0, 0), absl::UTCTimeZone())) {}

absl::Status Books::Open(const OpenAccountCommand& command) {
  return Apply(OpenAccount(context(), command));
}

absl::Status Books::PutUser(const std::string& user_id, const Plan& plan) {
  const auto stored = users_.find(user_id);
  const absl::Status status =
      Apply(domain::PutUser(context(), account_, stored == users_.end() ? nullptr : &stored->second,
                            UserChange{user_id, plan.plan_id}));
  if (status.ok()) known_plans_[plan.plan_id] = plans_[user_id] = plan;
  return status;
}

absl::Status Books::ChangeUser(const UserChange& change) {
  return Apply(domain::PutUser(context(), account_, &users_.at(change.user_id), change));
}

absl::Status Books::RemoveUser(const std::string& user_id) {
  return Apply(domain::RemoveUser(context(), account_, users_.at(user_id)));
}

absl::Status Books::Record(const std::string& user_id, Usage usage, const Rate* rate,
                           const std::string& hold_id) {
  if (usage.usage_id.empty()) usage.usage_id = absl::StrCat("usage-", next_id_++);
  usage.user_id = user_id;
  // What is loaded for a usage: the recharge only while it waits, and no declines.
  const Context context{
      settings_, now_,    kNewestFeatureLevel, account_.open_waits ? open() : nullptr,
      nullptr,   nullptr, LiveHolds()};
  return Apply(RecordUsage(context, account_, TermsOf(user_id, rate), usage, hold_id));
}

absl::StatusOr<Decision> Books::Hold(const std::string& hold_id, const std::string& user_id,
                                     const Rate& rate, absl::Duration slice) {
  HoldRequest request;
  request.hold_id = hold_id;
  request.call = OutboundCall(now_, absl::ZeroDuration());
  request.call.usage_id = "usage-of-" + hold_id;
  request.call.user_id = user_id;
  request.slice = slice;
  return Hold(request, &rate);
}

absl::StatusOr<Decision> Books::Hold(const HoldRequest& request, const Rate* rate) {
  RESERVE_ASSIGN_OR_RETURN(
      HeldCall held, CreateHold(context(), account_, TermsOf(request.call.user_id, rate), request));
  RESERVE_RETURN_IF_ERROR(Apply(std::move(held.transition)));
  std::optional<Rate>& kept = rates_of_holds_[request.hold_id];
  if (rate != nullptr) kept = *rate;
  return held.authorization.decision;
}

absl::Status Books::Extend(const std::string& hold_id, const HoldExtension& extension,
                           const Rate* rate) {
  const domain::Hold hold = holds_.at(hold_id);
  const bool answers = TellsOfAnswer(hold, extension);
  if (!answers || rate == nullptr) rate = rate_of_hold(hold_id);
  RESERVE_RETURN_IF_ERROR(
      Apply(ExtendHold(context(), account_, hold, TermsOf(hold, rate, answers), extension)));
  if (holds_.at(hold_id).answer_time != hold.answer_time && rate != nullptr) {
    rates_of_holds_[hold_id] = Rate(*rate);
  }
  return absl::OkStatus();
}

absl::Status Books::Release(const std::string& hold_id, absl::Duration used, const Rate* rate,
                            absl::Time answer_time) {
  const domain::Hold hold = holds_.at(hold_id);
  const HoldExtension report{hold.extension, used, answer_time};
  const bool answers = TellsOfAnswer(hold, report);
  if (!answers || rate == nullptr) rate = rate_of_hold(hold_id);
  RESERVE_RETURN_IF_ERROR(
      Apply(ReleaseHold(context(), account_, hold, TermsOf(hold, rate, answers), report)));
  if (holds_.at(hold_id).answer_time != hold.answer_time && rate != nullptr) {
    rates_of_holds_[hold_id] = Rate(*rate);
  }
  return absl::OkStatus();
}

absl::Status Books::ReleaseSwitch(const std::string& switch_id, int64_t incarnation,
                                  absl::FunctionRef<void(const std::string&)> after) {
  const std::map<std::string, domain::Hold> holds = holds_;
  for (const auto& [hold_id, hold] : holds) {
    if (!hold.open() || hold.switch_id != switch_id || hold.incarnation >= incarnation) continue;
    RESERVE_RETURN_IF_ERROR(Release(hold_id));
    after(hold_id);
  }
  return absl::OkStatus();
}

absl::Status Books::EndHold(const std::string& hold_id) {
  const domain::Hold hold = holds_.at(hold_id);
  if (hold.open()) return Apply(ExpireHold(context(), account_, hold));
  return Apply(EstimateUsage(context(), account_, hold,
                             TermsOf(hold.user_id, rate_of_hold(hold_id)),
                             usage_states_.contains(hold.usage_id)));
}

absl::Status Books::EndHolds() {
  const std::map<std::string, domain::Hold> holds = holds_;
  for (const auto& [hold_id, hold] : holds) {
    if (!hold.live() || hold.expire_time > now_) continue;
    RESERVE_RETURN_IF_ERROR(EndHold(hold_id));
  }
  return absl::OkStatus();
}

absl::Status Books::Cdr(const std::string& user_id, const Usage& usage, const Rate* rate,
                        const std::string& hold_id) {
  const auto state = usage_states_.find(usage.usage_id);
  if (state == usage_states_.end()) return Record(user_id, usage, rate, hold_id);
  if (estimates_.contains(usage.usage_id) && state->second.corrected_by.empty()) {
    Usage known = usage;
    known.user_id = user_id;
    return Apply(ReplaceEstimate(context(), account_, OldUsage(usage.usage_id),
                                 TermsOf(user_id, rate), known));
  }
  return Apply(SettleHold(context(), account_, usage.usage_id, hold_id));
}

absl::Status Books::Settle(const std::string& hold_id, absl::Duration duration) {
  const domain::Hold hold = holds_.at(hold_id);
  Usage usage = UsageOf(hold);
  usage.duration = duration;
  return Cdr(hold.user_id, usage, rate_of_hold(hold_id));
}

const std::vector<domain::Hold>* Books::LiveHolds() const {
  live_holds_.clear();
  for (const auto& [hold_id, hold] : holds_) {
    if (hold.live()) live_holds_.push_back(hold);
  }
  return live_holds_.empty() ? nullptr : &live_holds_;
}

// H11: what is held is the sum over the holds that live.
void Books::CheckHolds() const {
  Nanos held = 0;
  Nanos accrued = 0;
  std::map<std::pair<std::string, int32_t>, int64_t> seconds;
  std::set<int32_t> slots;
  for (const auto& [hold_id, hold] : holds_) {
    if (!hold.live()) {
      EXPECT_EQ(hold.held, 0) << hold_id;
      EXPECT_EQ(hold.free_seconds, 0) << hold_id;
      continue;
    }
    held += hold.held;
    accrued += hold.accrued;
    seconds[{hold.user_id, hold.free_period}] += hold.free_seconds;
    EXPECT_LE(hold.accrued, hold.held) << hold_id;
    EXPECT_LE(hold.accrued_free_seconds, hold.free_seconds) << hold_id;
    EXPECT_NE(hold.expire_time, absl::InfiniteFuture()) << hold_id << ": every hold ends";
    EXPECT_TRUE(slots.insert(hold.slot).second) << hold_id;
    if (!hold.open()) {
      EXPECT_EQ(hold.held, hold.accrued) << hold_id;
    }
  }
  EXPECT_EQ(account_.held, held) << "H1";
  EXPECT_EQ(account_.accrued, accrued) << "H6";
  for (const auto& [user_id, user] : users_) {
    for (const Allowance& allowance : user.allowances) {
      const int64_t expected = seconds[{user_id, allowance.period}];
      EXPECT_EQ(allowance.seconds_held, expected) << user_id;
      seconds.erase({user_id, allowance.period});
    }
  }
  for (const auto& [key, left] : seconds) EXPECT_EQ(left, 0) << key.first;
}

UsageTerms Books::TermsOf(const std::string& user_id, const Rate* rate) const {
  const auto user = users_.find(user_id);
  if (user == users_.end()) return {};
  return {&user->second, &plans_.at(user_id), rate};
}

UsageTerms Books::TermsOf(const domain::Hold& hold, const Rate* rate, bool answers) const {
  UsageTerms terms = TermsOf(hold.user_id, rate);
  if (!answers) terms.plan = &known_plans_.at(hold.plan_id);
  return terms;
}

UsageToVoid Books::OldUsage(const std::string& usage_id) const {
  const auto state = usage_states_.find(usage_id);
  if (state == usage_states_.end()) return {};
  const auto user = users_.find(state->second.user_id);
  return {&state->second, user == users_.end() ? nullptr : &user->second};
}

absl::Status Books::Void(const std::string& usage_id) {
  return Apply(VoidUsage(context(), account_, usage_id, OldUsage(usage_id), Staff("wrong CDR")));
}

absl::Status Books::Correct(const std::string& usage_id, const std::string& user_id, Usage usage,
                            const Rate* rate, bool may_recharge, const std::string& hold_id) {
  if (usage.usage_id.empty()) usage.usage_id = absl::StrCat("usage-", next_id_++);
  usage.user_id = user_id;
  return Apply(CorrectUsage(context(), account_, {usage_id, may_recharge, hold_id},
                            OldUsage(usage_id), TermsOf(user_id, rate), usage, Staff("wrong CDR")));
}

absl::Status Books::RateNow(const std::string& usage_id, const Rate* rate) {
  const Usage usage = usages_.at(usage_id);
  return Apply(RateUnrated(context(), account_, UsageState(usage_states_.at(usage_id)),
                           TermsOf(usage.user_id, rate), usage));
}

absl::Status Books::GrantCredit(Nanos amount, absl::Time end) {
  return Apply(domain::GrantCredit(
      context(), account_, {absl::StrCat("grant-", next_id_++), amount, end, Staff("a campaign")}));
}

absl::StatusOr<Rerated> Books::RateAgain(const std::string& usage_id, const Rate* rate,
                                         Rerating rerating) {
  const Usage usage = usages_.at(usage_id);
  const UsageState state = usage_states_.at(usage_id);
  if (rerating.number == 0) rerating.number = ++last_rerating_;
  if (rerating.by.reason.empty()) rerating.by.reason = "wrong deck";
  absl::StatusOr<ReratedUsage> rerated =
      domain::RateAgain(context(), account_, state, TermsOf(usage.user_id, rate), usage, rerating);
  if (!rerated.ok()) return rerated.status();
  const absl::Status applied = Apply(std::move(rerated->transition));
  if (!applied.ok()) return applied;
  return rerated->outcome;
}

absl::Status Books::RecordEmergency(const std::string& user_id) {
  Usage usage = OutboundCall(now_, absl::Seconds(60));
  usage.usage_id = absl::StrCat("usage-", next_id_++);
  usage.user_id = user_id;
  usage.destination = "#911";
  const Context context{
      settings_, now_,    kNewestFeatureLevel, account_.open_waits ? open() : nullptr,
      nullptr,   nullptr, LiveHolds()};
  return Apply(RecordUsage(context, account_, {.emergency = true}, usage));
}

absl::Status Books::ChangeBilling(const BillingChange& change) {
  return Apply(UpdateBillingSettings(context(), account_, change));
}

absl::Status Books::Add(const GivenCard& given) {
  return Apply(AddPaymentMethod(context(), account_, given));
}

absl::Status Books::AddCard(const Card& card, int32_t position) {
  return Apply(AddPaymentMethod(context(), account_, {card, std::nullopt, position}));
}

absl::Status Books::Give(const std::string& payment_method_id, const GivenCard& given) {
  return Apply(UpdatePaymentMethod(context(), account_, payment_method_id, given));
}

absl::Status Books::RemoveCard(const std::string& payment_method_id) {
  return Apply(RemovePaymentMethod(context(), account_, payment_method_id));
}

absl::Status Books::Adjust(Nanos amount) {
  return Apply(AdjustBalance(context(), account_, absl::StrCat("adjustment-", next_id_++), amount,
                             Staff("correction")));
}

absl::Status Books::TopUp(std::optional<Nanos> amount) {
  return Apply(RequestRecharge(context(), account_, absl::StrCat("top-up-", next_id_++), amount));
}

absl::Status Books::Report(int64_t ordinal, const ChargeOutcome& outcome) {
  const Recharge& recharge = recharges_.at(ordinal);
  const bool earlier = outcome.attempt < recharge.attempt;
  const auto declined = declined_numbers_.find({ordinal, outcome.attempt});
  return ApplyOutcome(
      ordinal,
      ReportRecharge(context(), account_, recharge, CreditedFor(outcome.charge_id), outcome,
                     earlier && declined != declined_numbers_.end() ? declined->second : ""));
}

absl::Status Books::Pay(Nanos amount, const std::string& charge_id) {
  PaymentRequest request;
  request.request_id = absl::StrCat("payment-", next_id_++);
  request.amount = amount;
  request.means = PaymentMeans::kBankTransfer;
  request.charge_id = charge_id;
  request.by = Staff("paid by bank");
  const int64_t ordinal = account_.last_ordinal + 1;
  return ApplyOutcome(ordinal, RecordPayment(context(), account_, CreditedFor(charge_id), request));
}

absl::Status Books::Reverse(int64_t ordinal) {
  return Apply(ReversePayment(context(), account_, recharges_.at(ordinal),
                              absl::StrCat("reversal-", next_id_++), Staff("bounced")));
}

absl::Status Books::Refund(int64_t ordinal, std::optional<Nanos> amount, bool allow_debt) {
  const RefundRequest request{absl::StrCat("refund-", next_id_++), amount, Staff("goodwill"),
                              allow_debt};
  const Recharge& recharge = recharges_.at(ordinal);
  const int64_t charged = recharge.credited_as != 0 ? recharge.credited_as : ordinal;
  return Apply(RefundRecharge(context(), account_, recharges_.at(charged), request));
}

absl::Status Books::ReportRefund(int64_t ordinal, const ChargeOutcome& outcome) {
  const Recharge& refund = recharges_.at(ordinal);
  return Apply(
      domain::ReportRefund(context(), account_, refund, recharges_.at(refund.refund_of), outcome));
}

absl::Status Books::ResolveRefund(int64_t ordinal, const std::optional<std::string>& refund_id) {
  const Recharge& refund = recharges_.at(ordinal);
  return Apply(domain::ResolveRefund(context(), account_, refund, recharges_.at(refund.refund_of),
                                     refund_id, Staff("asked the gateway")));
}

std::vector<const Recharge*> Books::RefundsOf(const std::string& charge_id) const {
  std::vector<const Recharge*> refunds;
  for (const auto& [number, recharge] : recharges_) {
    if (recharge.is_refund() && recharge.charge_id == charge_id) refunds.push_back(&recharge);
  }
  return refunds;
}

const Recharge* Books::RowOf(int64_t ordinal, const std::string& charge_id) const {
  if (const Recharge* credited = CreditedFor(charge_id); credited != nullptr) return credited;
  const Recharge* row = &recharges_.at(ordinal);
  if (row->credited_as != 0) row = &recharges_.at(row->credited_as);
  const bool over = row->state == RechargeState::kSucceeded || row->is_payment();
  return over && row->charge_id != charge_id ? nullptr : row;
}

absl::Status Books::Tell(int64_t ordinal, const GatewayRefund& told, int64_t reference) {
  const Recharge* charge = RowOf(ordinal, told.charge_id);
  if (charge == nullptr) return ChargeNotFound(told.charge_id);
  const Recharge* known = FindTold(RefundsOf(told.charge_id), told.refund_id, reference);
  return Apply(ApplyGatewayRefund(context(), account_, *charge, known, told));
}

absl::Status Books::Tell(int64_t ordinal, const GatewayDispute& told) {
  const Recharge* charge = RowOf(ordinal, told.charge_id);
  if (charge == nullptr) return ChargeNotFound(told.charge_id);
  Recharge disputed = *charge;
  if (charge->is_payment()) disputed.card.fingerprint = recharges_.at(ordinal).card.fingerprint;
  const auto known = disputes_.find(told.dispute_id);
  return Apply(ApplyGatewayDispute(context(), account_, disputed,
                                   known == disputes_.end() ? nullptr : &known->second,
                                   RefundsOf(told.charge_id), told));
}

absl::Status Books::Defer() { return Apply(DeferRecharge(context(), account_, *open())); }

void Books::DeclinedElsewhere(const std::string& fingerprint, absl::Time time) {
  std::vector<absl::Time>& declines = declines_[fingerprint];
  declines.insert(std::upper_bound(declines.begin(), declines.end(), time, std::greater<>()), time);
}

absl::Status Books::Block(const std::string& reason) {
  return Apply(BlockAccount(context(), account_, Staff(reason)));
}

absl::Status Books::Unblock(const std::string& reason) {
  return Apply(UnblockAccount(context(), account_, Staff(reason)));
}

absl::Status Books::LiftSuspension(const std::string& payment_method_id) {
  return Apply(domain::LiftSuspension(context(), account_, {payment_method_id, ""},
                                      Staff("spoke to the customer"), Ringing()));
}

absl::Status Books::Limit(const Limits& limits, const std::string& user_id) {
  LimitsChange change{limits, {}};
  for (size_t kind = 1; kind < kLimitKinds; ++kind) {
    change.set.push_back(static_cast<LimitKind>(kind));
  }
  return Apply(domain::UpdateLimits(context(), account_,
                                    user_id.empty() ? nullptr : &users_.at(user_id), change,
                                    Staff("as the customer asks")));
}

LiftedLimits Books::Ringing() const {
  LiftedLimits lifted;
  for (const auto& [id, user] : users_) {
    if (user.alarm.rings()) lifted.ringing.push_back(&user);
  }
  return lifted;
}

absl::Status Books::LiftLimits(absl::Duration quiet, const std::string& user_id) {
  LiftedLimits lifted = Ringing();
  lifted.user = user_id.empty() ? nullptr : &users_.at(user_id);
  lifted.quiet = quiet;
  return Apply(domain::LiftSuspension(context(), account_, {}, Staff("a busy day"), lifted));
}

absl::Status Books::DismissKept(int64_t ordinal) {
  return Apply(domain::DismissKept(context(), account_, recharges_.at(ordinal),
                                   Staff("nothing was ever charged")));
}

absl::Status Books::LiftDispute(const std::string& dispute_id) {
  return Apply(domain::LiftSuspension(context(), account_, {"", dispute_id},
                                      Staff("spoke to the customer"), Ringing()));
}

absl::Status Books::Resolve(int64_t ordinal, const ReviewOutcome& outcome) {
  return ApplyOutcome(
      ordinal, ResolveReview(context(), account_, recharges_.at(ordinal),
                             CreditedFor(outcome.charge_id), outcome, Staff("asked the gateway")));
}

absl::Status Books::Reconsider() { return Apply(domain::Reconsider(context(), account_)); }

absl::Status Books::Close(const std::vector<std::string>& waived) {
  RESERVE_RETURN_IF_ERROR(
      ApplyOne(domain::CloseAccount(context(), account_, waived, Staff("the customer leaves"))));
  for (const std::string& usage_id : waived) {
    if (usage_states_.at(usage_id).status != UsageStatus::kUnrated) continue;
    ApplyMore(VoidUsage(context(), account_, usage_id, OldUsage(usage_id), Staff("waived")));
  }
  MoveClosingOn();
  return absl::OkStatus();
}

ClosingRows Books::RowsForClosing() const {
  ClosingRows rows;
  for (auto row = recharges_.rbegin(); row != recharges_.rend(); ++row) {
    rows.recharges.push_back(&row->second);
  }
  for (const auto& [usage_id, state] : usage_states_) {
    if (state.status == UsageStatus::kUnrated) rows.unrated.push_back(usage_id);
  }
  return rows;
}

absl::Status Books::Apply(absl::StatusOr<Transition> transition) {
  RESERVE_RETURN_IF_ERROR(ApplyOne(std::move(transition)));
  // Usage ends nothing that a closing waits for.
  if (last_.entries.empty() || last_.entries.front().kind != EntryKind::kUsage) MoveClosingOn();
  return absl::OkStatus();
}

void Books::MoveClosingOn() {
  if (!account_.ends()) return;
  ApplyMore(domain::MoveClosingOn(context(), account_));
  CheckClosing();
}

absl::Status Books::OpenWithCard() {
  OpenAccountCommand command;
  command.account_id = "acct-1";
  command.card = Given(CardNamed("visa"));
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

absl::Status Books::GiveCard(const Card& card) { return Give("", Given(card)); }

absl::Status Books::ChangeCalendar(const CalendarRule& rule) {
  AccountChange change;
  change.time_zone = rule.time_zone;
  change.billing_day = rule.billing_day;
  return Apply(UpdateAccount(context(), account_, change));
}

absl::Status Books::ChangeSettings(std::optional<Nanos> reserve_amount,
                                   std::optional<Nanos> threshold) {
  BillingChange change;
  change.reserve_amount = reserve_amount;
  change.recharge_threshold = threshold;
  return ChangeBilling(change);
}

absl::Status Books::SwitchAutomatic(bool on) {
  BillingChange change;
  change.automatic_recharge = on;
  return ChangeBilling(change);
}

absl::Status Books::NotifyBelow(Nanos balance) {
  BillingChange change;
  change.notify_below = balance;
  return ChangeBilling(change);
}

absl::Status Books::CapTheMonth(Nanos amount) {
  BillingChange change;
  change.monthly_cap = amount;
  return ChangeBilling(change);
}

absl::Status Books::Use(Nanos cost) {
  Rate rate = SmsRate();
  rate.price = cost;
  return Record("ann", OutboundSms(now_, 1), &rate);
}

absl::Status Books::AdjustTo(Nanos balance) {
  return balance < account_.balance ? Use(account_.balance - balance)
                                    : Adjust(balance - account_.balance);
}

absl::Status Books::Call(const Rate& rate, int64_t seconds) {
  return Record("ann", OutboundCall(now_, seconds), &rate);
}

void Books::HandOut(absl::Duration lease) {
  ASSERT_NE(account_.open_ordinal, 0);
  Recharge& recharge = recharges_.at(account_.open_ordinal);
  ASSERT_LE(recharge.due_time, now_) << "it is not due yet";
  ++recharge.lease_epoch;
  recharge.lease_owner = "worker-1";
  if (recharge.attempt_start == absl::InfinitePast()) recharge.attempt_start = now_;
  recharge.due_time = now_ + lease;
}

void Books::HandOutRefund(int64_t ordinal) {
  Recharge& refund = recharges_.at(ordinal);
  ASSERT_EQ(refund.state, RechargeState::kOpen);
  ASSERT_LE(refund.due_time, now_) << "it is not due yet";
  ++refund.lease_epoch;
  refund.lease_owner = "worker-1";
  if (refund.attempt_start == absl::InfinitePast()) refund.attempt_start = now_;
  refund.due_time = now_ + absl::Seconds(30);
}

void Books::AdvanceToDue() {
  ASSERT_NE(open(), nullptr);
  now_ = std::max(now_, open()->due_time);
}

absl::Status Books::Charge() { return ChargeInPart(open()->amount); }

absl::Status Books::ChargeInPart(Nanos amount) {
  AdvanceToDue();
  HandOut();
  ChargeOutcome outcome = SuccessOf(*open());
  outcome.amount = amount;
  return Report(account_.open_ordinal, outcome);
}

absl::Status Books::Decline(DeclineClass decline_class) {
  AdvanceToDue();
  HandOut();
  return Report(account_.open_ordinal, DeclineOf(*open(), decline_class));
}

absl::Status Books::Unresolved() {
  AdvanceToDue();
  HandOut();
  return Report(account_.open_ordinal, UnresolvedOf(*open()));
}

absl::Status Books::Pending() {
  AdvanceToDue();
  HandOut();
  return Report(account_.open_ordinal, PendingOf(*open()));
}

absl::Status Books::GiveBack() {
  const int64_t ordinal = refund().ordinal;
  HandOutRefund(ordinal);
  return ReportRefund(ordinal, GivenBack(recharge(ordinal)));
}

absl::Status Books::FailToGiveBack() {
  const int64_t ordinal = refund().ordinal;
  HandOutRefund(ordinal);
  return ReportRefund(ordinal, NotGivenBack(recharge(ordinal)));
}

Authorization Books::Authorize(const std::string& user_id, const Usage& usage,
                               const Rate* rate) const {
  return AuthorizeUsage(context(), account_, users_.at(user_id), plans_.at(user_id), usage, rate);
}

const Recharge* Books::open() const {
  if (account_.open_ordinal == 0) return nullptr;
  return &recharges_.at(account_.open_ordinal);
}

const Recharge& Books::NewestOf(RechargeKind kind) const {
  static const Recharge none;
  for (auto row = recharges_.rbegin(); row != recharges_.rend(); ++row) {
    if (row->second.kind == kind) return row->second;
  }
  ADD_FAILURE() << "no row of kind " << static_cast<int>(kind);
  return none;
}

const Recharge* Books::CreditedFor(const std::string& charge_id) const {
  if (charge_id.empty()) return nullptr;
  for (const auto& [ordinal, recharge] : recharges_) {
    if (recharge.holds_credit() && recharge.charge_id == charge_id) return &recharge;
  }
  return nullptr;
}

Nanos Books::Booked(EntryKind kind) const {
  Nanos sum = 0;
  for (const Entry& entry : entries_) sum += entry.kind == kind ? entry.amount : 0;
  return sum;
}

const PaymentMethod& Books::card(const std::string& payment_method_id) const {
  static const PaymentMethod none;
  const PaymentMethod* found = FindCard(account_, payment_method_id);
  if (found != nullptr) return *found;
  ADD_FAILURE() << "no card " << payment_method_id;
  return none;
}

int Books::Count(EventKind kind) const {
  return static_cast<int>(std::count_if(events_.begin(), events_.end(),
                                        [kind](const Event& event) { return event.kind == kind; }));
}

int Books::CountInLast(EventKind kind) const {
  return static_cast<int>(std::count_if(last_.events.begin(), last_.events.end(),
                                        [kind](const Event& event) { return event.kind == kind; }));
}

Event Books::LastOf(EventKind kind) const {
  for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
    if (event->kind == kind) return *event;
  }
  ADD_FAILURE() << "no event of kind " << static_cast<int>(kind);
  return {};
}

absl::Status Books::ApplyOne(absl::StatusOr<Transition> transition) {
  if (!transition.ok()) return transition.status();
  CheckAlwaysTrue(*transition);
  // A usage that does not see the recharge does not judge whether it waits.
  const bool usage =
      !transition->entries.empty() && transition->entries[0].kind == EntryKind::kUsage;
  const bool open_was_loaded = !transition->unchanged && (!usage || account_.open_waits);
  const bool suspension_changes = !(transition->account.suspension == account_.suspension);
  last_ = *transition;
  account_ = transition->account;
  for (const Recharge& recharge : transition->recharges) {
    Recharge& row = recharges_[recharge.ordinal];
    const bool succeeds =
        recharge.state == RechargeState::kSucceeded && row.state != RechargeState::kSucceeded;
    if (succeeds && recharge.kind == RechargeKind::kAutomatic) {
      successes_.emplace_back(now_, recharge.credited);
    }
    row = recharge;
  }
  for (const Dispute& dispute : transition->disputes) disputes_[dispute.dispute_id] = dispute;
  for (const Entry& entry : transition->entries) {
    entries_.push_back(entry);
    const bool refund =
        entry.kind == EntryKind::kRefund || entry.kind == EntryKind::kRefundReturned;
    const bool dispute =
        entry.kind == EntryKind::kDispute || entry.kind == EntryKind::kDisputeReturned;
    if (refund) taken_by_refund_[entry.recharge_ordinal] -= entry.amount;
    if (dispute) taken_by_disputes_of_[entry.recharge_ordinal] -= entry.amount;
  }
  for (const Event& event : transition->events) events_.push_back(event);
  if (transition->user.has_value()) users_[transition->user->user_id] = *transition->user;
  for (const UserSpending& each : transition->spending) {
    users_.at(each.user_id).spent = each.spent;
    users_.at(each.user_id).alarm = each.alarm;
  }
  for (const UsedAllowance& each : transition->allowances) {
    EXPECT_GE(each.used.seconds_used, 0) << "more is given back than was used";
    users_.at(each.user_id).SetSecondsUsed(each.used);
  }
  for (const HeldSeconds& each : transition->held_seconds) {
    users_.at(each.user_id).HoldSeconds(each.period, each.more);
  }
  for (const domain::Hold& hold : transition->holds) holds_[hold.hold_id] = hold;
  TakeUpUsages(*transition);
  if (transition->decline.has_value()) {
    const CardDecline& decline = *transition->decline;
    EXPECT_EQ(decline.time, now_);
    EXPECT_TRUE(
        declined_numbers_.try_emplace({decline.ordinal, decline.attempt}, decline.card_fingerprint)
            .second)
        << "an attempt is declined once";
    DeclinedElsewhere(transition->decline->card_fingerprint, now_);
  }
  CheckAccount(open_was_loaded);
  CheckHolds();
  CheckCredits();
  const bool given_back =
      !transition->disputes.empty() ||
      std::any_of(transition->recharges.begin(), transition->recharges.end(),
                  [](const Recharge& recharge) { return recharge.is_refund(); });
  if (given_back) CheckGivenBack();
  if (given_back || suspension_changes) CheckSuspension();
  return absl::OkStatus();
}

void Books::TakeUpUsages(const Transition& transition) {
  for (const Entry& entry : transition.entries) {
    if (entry.kind != EntryKind::kUsage) continue;
    const UsageState state = domain::StateOf(entry);
    EXPECT_TRUE(usage_states_.emplace(state.usage_id, state).second ||
                entry.booked->replaces_estimate())
        << "U2: booked twice";
    usages_[state.usage_id] = entry.booked->usage;
    if (entry.booked->estimated) {
      estimates_.insert(state.usage_id);
    } else {
      estimates_.erase(state.usage_id);
    }
  }
  for (const UsageState& state : transition.usage_states) usage_states_[state.usage_id] = state;
}

absl::Status Books::ApplyOutcome(int64_t ordinal, absl::StatusOr<Transition> transition) {
  RESERVE_RETURN_IF_ERROR(ApplyOne(std::move(transition)));
  if (!last_.unchanged) ApplyKeptOf(ordinal);
  MoveClosingOn();
  return absl::OkStatus();
}

void Books::ApplyKeptOf(int64_t ordinal) {
  const Recharge charge = recharges_.at(ordinal);
  if (!charge.holds_credit()) return;
  std::vector<const Dispute*> disputes;
  for (const auto& [id, dispute] : disputes_) {
    if (dispute.charge_id == charge.charge_id) disputes.push_back(&dispute);
  }
  const std::vector<const Recharge*> refunds = RefundsOf(charge.charge_id);
  if (!charge.keeps && refunds.empty() && disputes.empty()) return;
  ApplyMore(ApplyKept(context(), account_, charge, refunds, disputes));
}

void Books::ApplyMore(const absl::StatusOr<Transition>& transition) {
  Transition both = last_;
  const absl::Status applied = ApplyOne(transition);
  EXPECT_TRUE(applied.ok()) << applied;
  both.unchanged &= last_.unchanged;
  both.account = last_.account;
  both.entries.insert(both.entries.end(), last_.entries.begin(), last_.entries.end());
  both.events.insert(both.events.end(), last_.events.begin(), last_.events.end());
  both.recharges.insert(both.recharges.end(), last_.recharges.begin(), last_.recharges.end());
  last_ = std::move(both);
}

void Books::CheckAlwaysTrue(const Transition& transition) const {
  if (transition.unchanged) {
    EXPECT_EQ(transition.account, account_);
    EXPECT_TRUE(transition.entries.empty());
    EXPECT_TRUE(transition.events.empty());
    EXPECT_TRUE(transition.recharges.empty());
    EXPECT_TRUE(transition.disputes.empty());
    return;
  }
  CheckJournal(transition);
  for (const Recharge& recharge : transition.recharges) {
    if (recharge.is_refund()) {
      CheckRefund(recharge);
    } else if (recharge.is_payment()) {
      CheckPayment(transition, recharge);
    } else {
      CheckRecharge(transition, recharge);
    }
  }
  EXPECT_TRUE(transition.cards_changed ||
              transition.account.payment_methods == account_.payment_methods)
      << "cards that change are written";
}

namespace {

// D4.
EventKind EventOfState(AccountState state) {
  switch (state) {
    case AccountState::kClosing:
      return EventKind::kAccountClosing;
    case AccountState::kClosed:
      return EventKind::kAccountClosed;
    case AccountState::kActive:
      return EventKind::kEnabled;
    default:
      return EventKind::kDisabled;
  }
}

}  // namespace

void Books::CheckJournal(const Transition& transition) const {
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
    const EventKind expected = EventOfState(transition.account.state);
    EXPECT_TRUE(std::any_of(transition.events.begin(), transition.events.end(),
                            [expected](const Event& event) { return event.kind == expected; }))
        << "D4: a change of state without its event";
  }
}

void Books::CheckOpened(const Transition& transition, const Recharge& recharge) const {
  EXPECT_GT(recharge.ordinal, account_.last_ordinal);
  EXPECT_FALSE(recharge.in_flight());
  for (const Entry& entry : transition.entries) {
    EXPECT_TRUE(entry.kind != EntryKind::kRefund && entry.kind != EntryKind::kDispute &&
                entry.kind != EntryKind::kPaymentReversed)
        << "G12: what takes money back charges nothing";
  }
  const Account& after = transition.account;
  EXPECT_FALSE(IsDisputed(after, recharge.card.fingerprint)) << "P2";
  if (recharge.kind != RechargeKind::kAutomatic) return;
  EXPECT_LT(after.running_balance(), after.recharge_threshold) << "G1";
  EXPECT_FALSE(after.blocked() || after.automatic_off || after.taken_back.waits()) << "D2, G12";
  EXPECT_EQ(after.suspension.reason, SuspensionReason::kNone) << "G12";
  EXPECT_EQ(after.set_aside, 0) << "G3";
  const auto recharged = [&](CalendarUnit unit) {
    return RechargedSince(WindowAt(after.calendar, unit, now_).begin);
  };
  EXPECT_LE(recharged(CalendarUnit::kHour) + recharge.amount,
            settings_.currencies.at("USD").max_automatic_amount_per_hour)
      << "G7";
  EXPECT_LE(recharged(CalendarUnit::kDay) + recharge.amount,
            settings_.currencies.at("USD").max_automatic_amount_per_day)
      << "G7";
  if (after.monthly_cap == 0) return;
  EXPECT_LE(recharged(CalendarUnit::kMonth) + recharge.amount, after.monthly_cap) << "G7";
}

// What a command may do to a recharge, by what was stored of it before.
void Books::CheckRecharge(const Transition& transition, const Recharge& recharge) const {
  const auto stored = recharges_.find(recharge.ordinal);
  if (stored == recharges_.end()) {
    CheckOpened(transition, recharge);
    return;
  }
  const Recharge& before = stored->second;
  EXPECT_GE(recharge.lease_epoch, before.lease_epoch);
  const bool aimed = recharge.card == before.card && recharge.amount == before.amount &&
                     recharge.payment_method_id == before.payment_method_id;
  const bool succeeds =
      recharge.state == RechargeState::kSucceeded && before.state != recharge.state;
  if (succeeds && !aimed) {
    EXPECT_EQ(recharge.amount, before.amount);
    EXPECT_TRUE(std::any_of(declined_numbers_.begin(), declined_numbers_.end(),
                            [&](const auto& declined) {
                              return declined.first.first == recharge.ordinal &&
                                     declined.first.second < before.attempt &&
                                     declined.second == recharge.card.fingerprint;
                            }))
        << "G4: the number of an earlier attempt";
  } else if (before.state == RechargeState::kOpen && !aimed) {
    EXPECT_TRUE(before.waits() || transition.decline.has_value())
        << "an attempt in flight stays as it was sent";
    EXPECT_GT(recharge.lease_epoch, before.lease_epoch) << "a lease on what it was before counts";
  }
  if (recharge.attempt != before.attempt) {
    EXPECT_TRUE(transition.decline.has_value()) << "the attempt makes the key of the charge";
    EXPECT_EQ(recharge.attempt, before.attempt + 1);
  }
  if (recharge.state == RechargeState::kCanceled && before.state != recharge.state) {
    EXPECT_TRUE(before.waits() || transition.decline.has_value()) << "G1";
    EXPECT_GT(recharge.lease_epoch, before.lease_epoch) << "G1";
  }
  if (before.state == RechargeState::kSucceeded) {
    Recharge same = recharge;
    same.refunded = before.refunded;
    same.disputed = before.disputed;
    same.keeps = before.keeps;
    EXPECT_EQ(same, before) << "G4";
  }
}

// What a command may do to a payment: book it, take it back, and count what goes back of it.
void Books::CheckPayment(const Transition& transition, const Recharge& payment) const {
  EXPECT_FALSE(payment.open());
  EXPECT_EQ(payment.left(), payment.amount - payment.refunded - payment.disputed);
  const bool reversed = payment.state == RechargeState::kReversed;
  const auto stored = recharges_.find(payment.ordinal);
  if (stored == recharges_.end()) {
    EXPECT_FALSE(reversed);
    EXPECT_EQ(transition.account.payments, account_.payments + 1) << "P5";
    return;
  }
  const Recharge& before = stored->second;
  Recharge same = payment;
  same.refunded = before.refunded;
  same.disputed = before.disputed;
  same.keeps = before.keeps;
  same.card.fingerprint = before.card.fingerprint;
  if (reversed && before.state == RechargeState::kSucceeded) {
    EXPECT_EQ(transition.account.payments, account_.payments - 1) << "P5";
    EXPECT_EQ(before.left(), before.amount) << "P5";
    same.state = before.state;
    same.end_time = before.end_time;
    same.suspension_number = before.suspension_number;
  }
  EXPECT_EQ(same, before);
}

// P4: what was owed and written off is what the entries say; CLOSED is nothing left.
void Books::CheckClosing() const {
  EXPECT_EQ(account_.closing.owed, -Booked(EntryKind::kPayout)) << "P4";
  EXPECT_EQ(account_.closing.written_off, Booked(EntryKind::kWriteOff)) << "P4";
  if (!account_.closed()) return;
  EXPECT_EQ(account_.balance, 0) << "P4";
  EXPECT_EQ(account_.held, 0) << "P4";
  EXPECT_FALSE(account_.closing.takes_facts()) << "P4";
}

// Each charge is credited once (G4), and each credit has its entry.
void Books::CheckCredits() const {
  std::map<std::string, int64_t> credited;
  int payments = 0;
  for (const auto& [ordinal, recharge] : recharges_) {
    if (!recharge.holds_credit()) continue;
    payments += recharge.is_payment() ? 1 : 0;
    if (recharge.charge_id.empty()) continue;
    const auto [first, is_first] = credited.emplace(recharge.charge_id, ordinal);
    EXPECT_TRUE(is_first) << "G4: " << recharge.charge_id << " is credited as " << first->second
                          << " and " << ordinal;
  }
  EXPECT_EQ(account_.payments, payments) << "P5";
}

// What a command may do to a refund.
void Books::CheckRefund(const Recharge& refund) const {
  const Recharge& charge = recharges_.at(refund.refund_of);
  EXPECT_FALSE(charge.is_refund());
  EXPECT_GT(refund.amount, 0);
  const auto stored = recharges_.find(refund.ordinal);
  if (stored == recharges_.end()) {
    EXPECT_GT(refund.ordinal, account_.last_ordinal);
  } else {
    const Recharge& before = stored->second;
    EXPECT_EQ(refund.amount, before.amount);
    EXPECT_TRUE(refund.refund_of == before.refund_of || (refund.debited && !before.debited))
        << "P3: what was kept goes to what its charge is credited as";
    EXPECT_EQ(refund.charge_id, before.charge_id);
    EXPECT_EQ(refund.attempt, before.attempt) << "one refund is one key at the gateway";
    EXPECT_GE(refund.lease_epoch, before.lease_epoch);
    EXPECT_TRUE(before.refund_id.empty() || refund.refund_id == before.refund_id ||
                before.refund_id_typed || before.state == RechargeState::kNeedsReview);
    EXPECT_TRUE(!refund.refund_id_typed || before.refund_id_typed ||
                before.state == RechargeState::kNeedsReview);
    if (refund.state == RechargeState::kCanceled) {
      EXPECT_TRUE(before.waits()) << "P2";
      EXPECT_GT(refund.lease_epoch, before.lease_epoch) << "a lease on it counts no more";
    }
  }
  const bool returned =
      refund.state == RechargeState::kFailed || refund.state == RechargeState::kCanceled;
  if (returned || charge.holds_credit()) {
    EXPECT_EQ(refund.debited, !returned) << "P1: its money is out as long as it may be given back";
  }
  EXPECT_EQ(refund.end_time == absl::InfinitePast(), refund.open());
}

void Books::CheckAccount(bool open_was_loaded) const {
  int under_way = 0;
  int set_aside = 0;
  for (const auto& [ordinal, recharge] : recharges_) {
    if (recharge.is_refund() || recharge.is_payment()) continue;
    if (!recharge.open()) {
      EXPECT_FALSE(recharge.set_aside) << ordinal;
    } else if (recharge.set_aside) {
      ++set_aside;
    } else {
      ++under_way;
      EXPECT_EQ(ordinal, account_.open_ordinal);
    }
  }
  EXPECT_EQ(under_way, account_.open_ordinal == 0 ? 0 : 1) << "G3";
  EXPECT_EQ(set_aside, account_.set_aside) << "G3";
  EXPECT_EQ(account_.set_aside_time == absl::InfinitePast(), set_aside == 0);
  if (open() == nullptr) {
    EXPECT_FALSE(account_.open_waits);
  } else if (open_was_loaded) {
    EXPECT_EQ(account_.open_waits, open()->waits() && open()->due_time > now_);
  }
  std::vector<std::string> ids;
  for (const PaymentMethod& method : account_.payment_methods) {
    ids.push_back(method.payment_method_id);
    EXPECT_NE(method.state, CardState::kNone);
    EXPECT_NE(method.state, CardState::kRemoved);
    if (IsDisputed(account_, method.card.fingerprint)) {
      EXPECT_EQ(method.state, CardState::kDisputed) << "P2";
    }
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_LE(ids.size(), static_cast<size_t>(settings_.max_payment_methods));
  CheckCaps();
}

// Each charge, and each entry, as its refunds and disputes say.
void Books::CheckGivenBack() const {
  std::map<int64_t, Nanos> refunded;
  std::map<int64_t, Nanos> disputed;
  for (const auto& [ordinal, recharge] : recharges_) {
    if (!recharge.is_refund()) continue;
    const Nanos taken = recharge.debited ? recharge.amount : 0;
    refunded[recharge.refund_of] += taken;
    const auto booked = taken_by_refund_.find(ordinal);
    EXPECT_EQ(booked == taken_by_refund_.end() ? 0 : booked->second, taken) << "P1, " << ordinal;
  }
  for (const auto& [id, dispute] : disputes_) {
    if (dispute.debited) disputed[dispute.ordinal] += dispute.amount;
    const bool in_part = dispute.state == DisputeState::kWon && dispute.debited;
    const bool taken =
        dispute.state == DisputeState::kOpened || dispute.state == DisputeState::kLost || in_part;
    const bool credited = recharges_.at(dispute.ordinal).holds_credit();
    EXPECT_EQ(dispute.debited,
              taken && credited && recharges_.at(dispute.ordinal).charge_id == dispute.charge_id)
        << "P2, " << id;
  }
  for (const auto& [ordinal, recharge] : recharges_) {
    if (recharge.is_refund()) continue;
    EXPECT_EQ(recharge.refunded, refunded[ordinal]) << "P1, " << ordinal;
    EXPECT_EQ(recharge.disputed, disputed[ordinal]) << "P2, " << ordinal;
    const auto booked = taken_by_disputes_of_.find(ordinal);
    EXPECT_EQ(booked == taken_by_disputes_of_.end() ? 0 : booked->second, disputed[ordinal])
        << "P2, " << ordinal;
  }
}

void Books::CheckSuspension() const {
  const Suspension& suspension = account_.suspension;
  int32_t refunds = 0;
  int32_t disputes = 0;
  for (const auto& [ordinal, recharge] : recharges_) {
    refunds += recharge.suspension_number == suspension.number ? 1 : 0;
  }
  for (const auto& [id, dispute] : disputes_) {
    disputes += dispute.suspension_number == suspension.number ? 1 : 0;
  }
  EXPECT_EQ(suspension.refunds, refunds) << "G12";
  EXPECT_EQ(suspension.disputes, disputes) << "G12";
  if (disputes > 0) {
    EXPECT_EQ(suspension.reason, SuspensionReason::kDispute) << "G12";
  } else if (refunds > 0) {
    EXPECT_EQ(suspension.reason, SuspensionReason::kMoneyTakenBack) << "G12";
  }
}

void Books::CheckCaps() const {
  const auto check = [this](const CapWindow& window, CalendarUnit unit) {
    const CalendarWindow runs = WindowAt(account_.calendar, unit, now_);
    const Nanos counted = window.window == runs.number ? window.amount : 0;
    EXPECT_EQ(counted, RechargedSince(runs.begin)) << "G7";
  };
  check(account_.caps.hour, CalendarUnit::kHour);
  check(account_.caps.day, CalendarUnit::kDay);
  check(account_.caps.month, CalendarUnit::kMonth);
}

Nanos Books::RechargedSince(absl::Time begin) const {
  Nanos sum = 0;
  for (auto success = successes_.rbegin(); success != successes_.rend(); ++success) {
    if (success->first >= begin) sum += success->second;
  }
  return sum;
}

Books FundedAt(Nanos balance, const Settings& settings) {
  Books books(settings);
  books.OpenFunded();
  if (balance != books.account().balance) {
    EXPECT_TRUE(books.AdjustTo(balance).ok());
  }
  return books;
}

absl::Time EndOfUtcDay(absl::Time time) {
  const absl::CivilDay day = absl::ToCivilDay(time, absl::UTCTimeZone());
  return absl::FromCivil(day + 1, absl::UTCTimeZone());
}

}  // namespace reserve::domain
