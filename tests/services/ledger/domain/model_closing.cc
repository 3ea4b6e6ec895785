// Closing for ever, as the model reads it: P4.
#include <algorithm>

#include "tests/services/ledger/domain/model.h"

namespace reserve::domain {
namespace {

constexpr __int128 kCent = 10'000'000;

}  // namespace

std::set<std::string> Model::Unrated() const {
  std::set<std::string> unrated;
  for (const auto& [usage_id, fact] : facts_) {
    if (fact.status == UsageStatus::kUnrated) unrated.insert(usage_id);
  }
  return unrated;
}

std::optional<Step> Model::NotWhileClosing() const {
  if (state_ == AccountState::kClosing) return Step::Refused("ACCOUNT_CLOSING");
  return NotOnceClosed();
}

std::optional<Step> Model::NotOnceClosed() const {
  if (state_ == AccountState::kClosed) return Step::Refused("ACCOUNT_CLOSED");
  return std::nullopt;
}

std::optional<Step> Model::NoFactsAnyMore() const {
  if (giving_back_) return Step::Refused("USAGE_AFTER_CLOSING");
  return std::nullopt;
}

Step Model::Close(const std::set<std::string>& waived, absl::Time now) {
  Step step;
  if (ends()) {
    step.outcome = Outcome::kUnchanged;
  } else {
    for (const std::string& usage_id : Unrated()) {
      if (waived.count(usage_id) == 0) return Step::Refused("UNRATED_USAGE");
    }
    state_ = AccountState::kClosing;
    grace_until_ = now + settings_.close_grace;
    closed_at_ = now;
    EndGrants(now, &step);
    taken_back_ = 0;
    waits_for_the_customer_ = false;
    ++step.events[EventKind::kAccountClosing];
    step = Finish(step, now);
  }
  for (const std::string& usage_id : waived) {
    if (facts_.at(usage_id).status != UsageStatus::kUnrated) continue;
    now_ = now;
    TakeBack(usage_id, &step);
    EndHoldsOf(usage_id, "");
    step.outcome = Outcome::kApplied;
    step = Finish(step, now);
  }
  return step;
}

// Is anything of it under way, or to be found out?
bool Model::IsBusy() const {
  const bool calls = std::any_of(holds_.begin(), holds_.end(),
                                 [](const auto& hold) { return hold.second.lives(); });
  return calls || !Unrated().empty() ||
         std::any_of(recharges_.begin(), recharges_.end(), [](const ModelRecharge& row) {
           return row.state == RechargeState::kOpen || row.state == RechargeState::kNeedsReview;
         });
}

void Model::GiveAllBack(absl::Time now, Step* step) {
  const auto last = static_cast<int64_t>(recharges_.size());
  for (int64_t ordinal = last; ordinal > 0; --ordinal) {
    const ModelRecharge charge = at(ordinal);
    if (!HoldsCredit(ordinal) || charge.charge_id.empty() || Disputed(ordinal) > 0) continue;
    if (!charge.aim.number.empty() && NumberDisputed(charge.aim.number)) continue;
    const bool failed = std::any_of(
        refunds_failed_closing_.begin(), refunds_failed_closing_.end(), [&](int64_t refund) {
          return at(refund).of == ordinal && at(refund).state == RechargeState::kFailed;
        });
    if (failed) continue;
    const __int128 most = std::min(charge.credited - GivenBack(ordinal), balance_);
    if (most < kCent) continue;
    ModelRecharge refund;
    refund.kind = RechargeKind::kRefund;
    refund.of = ordinal;
    refund.amount = most - most % kCent;
    refund.charge_id = charge.charge_id;
    refund.due = now;
    recharges_.push_back(refund);
    ++step->events[EventKind::kRefundOpened];
    TakeFor(static_cast<int64_t>(recharges_.size()), step);
  }
}

void Model::BringToNothing(Step* step) {
  const auto write_off = [&](__int128 amount) {
    if (amount == 0) return;
    written_off_ += amount;
    balance_ += amount;
    ++step->events[EventKind::kWrittenOff];
  };
  if (balance_ < 0) return write_off(-balance_);
  write_off(-std::max<__int128>(std::min(balance_, written_off_), 0));
  if (balance_ >= kCent) {
    owed_ += balance_ - balance_ % kCent;
    balance_ %= kCent;
    ++step->events[EventKind::kPayoutOwed];
  }
  write_off(-balance_);
}

void Model::MoveClosingOn(absl::Time now, Step* step) {
  const __int128 before = balance_;
  if (state_ == AccountState::kClosed && balance_ != 0) {
    ++step->events[EventKind::kMoneyAfterClosing];
    BringToNothing(step);
    step->outcome = Outcome::kApplied;
  }
  if (state_ == AccountState::kClosing && !IsBusy() && (giving_back_ || now >= grace_until_)) {
    if (!giving_back_) GiveAllBack(now, step);
    giving_back_ = true;
    if (!IsBusy()) {
      BringToNothing(step);
      state_ = AccountState::kClosed;
      ++step->events[EventKind::kAccountClosed];
    }
    step->outcome = Outcome::kApplied;
  }
  if (balance_ != before) balance_before_ = balance_;
}

}  // namespace reserve::domain
