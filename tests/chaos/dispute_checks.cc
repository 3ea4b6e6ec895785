#include "tests/chaos/dispute_checks.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "tests/chaos/rows.h"

namespace reserve::chaos {
namespace {

using Rows = std::vector<test_support::TestDatabase::Row>;

using ByRecharge = std::map<std::string, Nanos>;

// What of each recharge's charge the books have taken for disputes.
absl::StatusOr<ByRecharge> ReadTaken(const Stage& stage) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows, stage.database().TryQuery(
                           "SELECT account_id, recharge_ordinal, -SUM(amount_nanos) FROM entries "
                           "WHERE kind IN (6, 7) GROUP BY account_id, recharge_ordinal"));
  ByRecharge taken;
  for (const auto& row : rows) taken[absl::StrCat(row[0], "/", row[1])] = Int(row[2]);
  return taken;
}

}  // namespace

absl::Status CompareDisputes(const Stage& stage, const AtTheGateway& found, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT dispute_id, account_id, ordinal, amount_nanos, state FROM disputes"));
  std::set<std::string> known;
  for (const auto& row : rows) {
    const std::string recharge = absl::StrCat(row[1], "/", row[2]);
    const std::string what = absl::StrCat("dispute ", row[0], " of ", recharge);
    const auto made = found.disputes.find(row[0]);
    if (made == found.disputes.end()) {
      verdict->mismatched.push_back(absl::StrCat(what, " is none of the gateway"));
      continue;
    }
    if (!known.insert(row[0]).second) {
      verdict->doubled.push_back(absl::StrCat(what, " is there twice"));
    }
    const Dispute& dispute = made->second;
    if (dispute.recharge != recharge || dispute.amount != Int(row[3]) ||
        dispute.state != Int(row[4])) {
      verdict->mismatched.push_back(absl::StrCat(what, " is of ", row[3], " in state ", row[4],
                                                 ", at the gateway of ", dispute.recharge, ", ",
                                                 dispute.amount, " in state ", dispute.state));
    }
  }
  ByRecharge gone;
  for (const auto& [id, dispute] : found.disputes) {
    if (known.count(id) == 0) {
      verdict->lost.push_back(absl::StrCat("dispute ", id, " of ", dispute.recharge, " was told"));
    }
    if (dispute.taken()) gone[dispute.recharge] += dispute.amount;
  }
  RESERVE_ASSIGN_OR_RETURN(ByRecharge taken, ReadTaken(stage));
  for (const auto& [recharge, amount] : gone) taken.try_emplace(recharge, 0);
  for (const auto& [recharge, amount] : taken) {
    const auto there = gone.find(recharge);
    const Nanos at_the_bank = there == gone.end() ? 0 : there->second;
    if (amount == at_the_bank) continue;
    verdict->mismatched.push_back(absl::StrCat("of recharge ", recharge, " disputes have taken ",
                                               FormatDecimal(amount), ", and the bank has ",
                                               FormatDecimal(at_the_bank)));
  }
  return absl::OkStatus();
}

absl::Status CheckDisputedNumbers(const Stage& stage, const AtTheGateway& found, Verdict* verdict) {
  constexpr int64_t kOpened = 6;
  constexpr int64_t kSucceeded = 7;
  constexpr int64_t kDisputeOpened = 40;
  constexpr int64_t kDisputeWon = 41;
  constexpr int64_t kDisputeLost = 42;
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(absl::StrCat(
          "SELECT account_id, event_seq, kind, recharge_ordinal, reference FROM events "
          "WHERE kind IN (",
          absl::StrJoin({kOpened, kSucceeded, kDisputeOpened, kDisputeWon, kDisputeLost}, ", "),
          ") ORDER BY account_id, event_seq")));
  std::string account;
  std::set<std::string> standing;
  // The disputes that have stood since a recharge was opened, by its ordinal.
  std::map<std::string, std::set<std::string>> since;
  for (const auto& row : rows) {
    if (row[0] != account) {
      account = row[0];
      standing.clear();
      since.clear();
    }
    switch (Int(row[2])) {
      case kDisputeOpened:
      case kDisputeLost:
        standing.insert(row[4]);
        break;
      case kDisputeWon:
        standing.erase(row[4]);
        for (auto& [ordinal, disputes] : since) disputes.erase(row[4]);
        break;
      case kOpened:
        since[row[3]] = standing;
        break;
      default: {
        const std::string recharge = absl::StrCat(account, "/", row[3]);
        const auto charge = found.charges.find(recharge);
        if (charge == found.charges.end()) break;  // that is found elsewhere
        for (const std::string& id : since[row[3]]) {
          const auto dispute = found.disputes.find(id);
          if (dispute == found.disputes.end() ||
              dispute->second.card_token != charge->second.card_token) {
            continue;
          }
          verdict->mismatched.push_back(
              absl::StrCat("event ", row[1], " of ", account, ": recharge ", recharge,
                           " was charged to ", charge->second.card_token, ", of dispute ", id));
        }
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace reserve::chaos
