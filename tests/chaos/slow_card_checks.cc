#include "tests/chaos/slow_card_checks.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::chaos {
namespace {

using Rows = std::vector<test_support::TestDatabase::Row>;

}  // namespace

const char kRestsAfterPart[] =
    "(r.attempt_start IS NULL AND EXISTS (SELECT 1 FROM recharges p WHERE p.account_id = "
    "r.account_id AND p.payment_method_id = r.payment_method_id AND p.card_given = r.card_given "
    "AND p.kind IN (1, 2, 3) AND p.state = 2 AND p.credited_nanos < p.amount_nanos "
    "AND r.due_time >= p.settle_time + INTERVAL 1 HOUR))";

void CheckPending(const AtTheGateway& found, Verdict* verdict) {
  for (const auto& [account, made] : found.made) {
    for (const Made& pending : made) {
      if (pending.decide_time == pending.create_time) continue;
      for (const Made& other : made) {
        const bool meanwhile = other.charge_id != pending.charge_id &&
                               other.create_time >= pending.create_time &&
                               other.create_time < pending.decide_time;
        if (!meanwhile) continue;
        verdict->doubled.push_back(absl::StrCat("recharge ", other.recharge, " is charged as ",
                                                other.charge_id, " while ", pending.charge_id,
                                                " of ", pending.recharge, " is pending"));
      }
    }
  }
}

absl::Status CheckInPart(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT r.account_id, r.ordinal, p.ordinal, p.credited_nanos, p.amount_nanos FROM "
          "recharges p JOIN recharges r ON r.account_id = p.account_id AND r.payment_method_id = "
          "p.payment_method_id AND r.card_given = p.card_given WHERE p.kind IN (1, 2, 3) AND "
          "p.state = 2 AND p.credited_nanos < p.amount_nanos AND r.kind IN (1, 2) AND "
          "r.attempt_start >= p.settle_time AND r.attempt_start < p.settle_time + "
          "INTERVAL 1 HOUR"));
  for (const auto& row : rows) {
    verdict->mismatched.push_back(absl::StrCat("recharge ", row[0], "/", row[1],
                                               " charges a card by itself that has just paid ",
                                               row[3], " of ", row[4], " for ", row[2]));
  }
  return absl::OkStatus();
}

absl::Status CheckReviews(const Stage& stage, Verdict* verdict) {
  constexpr int64_t kRechargeNeedsReview = 10;
  constexpr int64_t kRefundNeedsReview = 38;
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows, stage.database().TryQuery(absl::StrCat(
                           "SELECT account_id, recharge_ordinal, cause FROM events WHERE kind IN (",
                           kRechargeNeedsReview, ", ", kRefundNeedsReview, ")")));
  for (const auto& row : rows) {
    verdict->mismatched.push_back(
        absl::StrCat("recharge ", row[0], "/", row[1], " is given to a person: ", row[2]));
  }
  return absl::OkStatus();
}

}  // namespace reserve::chaos
