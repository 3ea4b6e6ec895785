#include "services/ledger/audit/auditor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/numeric/int128.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/text/packed_digits.h"
#include "services/ledger/audit/audited_limits.h"
#include "services/ledger/audit/audited_lines.h"
#include "services/ledger/audit/audited_receipts.h"
#include "services/ledger/audit/audited_sums.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/hold_policy.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/refill.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/rates/plan_book.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/number_key_rows.h"
#include "services/ledger/storage/plan_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::audit {
namespace {

using domain::Account;
using domain::AccountState;
using domain::BookedUsage;
using domain::Entry;
using domain::EntryKind;
using domain::Event;
using domain::Plan;
using domain::Rate;
using domain::Rating;
using domain::Recharge;
using domain::RechargeState;
using domain::User;

constexpr int kPage = 500;
// All that is read of an account.
constexpr absl::string_view kTables =
    "accounts, balances, account_months, users, payment_methods, disputes, number_keys, entries, "
    "archived_heads, archived_allowances, kept_entries, usage_ids, usage_states, usage_sums, "
    "usage_sums_through, allowances, holds, requests, recharges, receipts, events";
// And of the tables of no account.
constexpr absl::string_view kOtherTables = "rates, feature_level";

std::string Text(absl::int128 number) {
  if (number >= INT64_MIN && number <= INT64_MAX) {
    return absl::StrCat(static_cast<int64_t>(number));
  }
  std::string digits;
  const bool negative = number < 0;
  for (absl::int128 rest = number; rest != 0; rest /= 10) {
    const int digit = static_cast<int>(rest % 10);
    digits.insert(digits.begin(), static_cast<char>('0' + (negative ? -digit : digit)));
  }
  return negative ? absl::StrCat("-", digits) : digits;
}

std::string HashText(const domain::EntryHash& hash) {
  return absl::BytesToHexString(absl::string_view(hash.data(), hash.size()));
}

std::string StateName(AccountState state) {
  switch (state) {
    case AccountState::kPendingFunding:
      return "PENDING_FUNDING";
    case AccountState::kActive:
      return "ACTIVE";
    case AccountState::kDisabled:
      return "DISABLED";
    case AccountState::kClosing:
      return "CLOSING";
    case AccountState::kClosed:
      return "CLOSED";
  }
  return absl::StrCat("state ", static_cast<int>(state));
}

std::string RatingText(const Rating& r) {
  return absl::StrCat("cost ", FormatDecimal(r.cost), ", basis ", static_cast<int>(r.basis),
                      ", billable ", r.billable_seconds, " s, free ", r.free_seconds_taken, " of ",
                      r.free_seconds_before, " s, paid ", r.paid_seconds, " s, fee ",
                      FormatDecimal(r.connect_fee), ", standard ", r.standard_rate ? "yes" : "no",
                      ", country ", r.country.empty() ? "unknown" : r.country,
                      r.terms.empty() ? "" : absl::StrCat(", ", r.terms));
}

// The rate that a usage was rated with, from what is stored; none if it had none.
std::optional<Rate> StoredRate(const Rating& rating) {
  if (rating.deck_version == 0) return std::nullopt;
  Rate rate;
  rate.deck_version = rating.deck_version;
  rate.prefix = PackDigits(rating.prefix);
  rate.price = rating.price;
  rate.connect_fee = rating.connect_fee;
  rate.initial_increment_seconds = rating.initial_increment_seconds;
  rate.increment_seconds = rating.increment_seconds;
  rate.standard_rate = rating.standard_rate;
  return rate;
}

// C14. A usage has no country if it was booked before there were any; and that of a number that was
// erased can't be found again.
bool HasNoCountry(const BookedUsage& booked) {
  return booked.rating.country.empty() || domain::IsErasedNumber(booked.usage.destination);
}

// A user whose allowance of that period holds `free_seconds_left`.
User UserWithFreeSeconds(const Plan& plan, int32_t period, int64_t free_seconds_left) {
  User user;
  user.plan_id = plan.plan_id;
  user.SetSecondsUsed({period, plan.free_seconds - free_seconds_left});
  return user;
}

std::string StateText(const domain::UsageState& state) {
  constexpr absl::string_view kNames[] = {"", "rated", "UNRATED", "VOIDED"};
  const auto number = static_cast<size_t>(state.status);
  return absl::StrCat(number < 4 ? kNames[number] : "of an unknown status", " at ",
                      FormatDecimal(state.cost), ", ", state.free_seconds, " free s of period ",
                      state.free_period, ", entry ", state.seq, ", last ", state.latest_seq);
}

// Do both say the same of the money and the free seconds?
bool SameStanding(const domain::UsageState& one, const domain::UsageState& other) {
  return one.status == other.status && one.cost == other.cost &&
         one.grant_draws == other.grant_draws && one.free_seconds == other.free_seconds &&
         one.free_period == other.free_period && one.seq == other.seq &&
         one.latest_seq == other.latest_seq;
}

std::string AllowancesText(const User& user) {
  std::vector<std::string> used;
  for (const domain::Allowance& allowance : user.allowances) {
    if (allowance.seconds_used == 0) continue;
    used.push_back(absl::StrCat(allowance.seconds_used, " s used in period ", allowance.period));
  }
  std::sort(used.begin(), used.end());
  return used.empty() ? "nothing used" : absl::StrJoin(used, ", ");
}

std::string HeldText(const domain::Hold& hold) {
  return absl::StrCat(FormatDecimal(hold.held), " and ", hold.free_seconds, " free s held, ",
                      FormatDecimal(hold.accrued), " and ", hold.accrued_free_seconds,
                      " s accrued, of ", hold.granted_seconds, " s granted and ",
                      absl::FormatDuration(hold.used), " reported");
}

// Does the request that booked it lead to the entry?
bool NotesItsRequest(const Entry& entry) {
  return entry.kind == EntryKind::kAdjustment || entry.kind == EntryKind::kGrant ||
         entry.kind == EntryKind::kPayment || entry.kind == EntryKind::kPaymentReversed;
}

// One account being checked, in the order of the calls in Run.
class Audit {
 public:
  // `move`, if it is not null, has the head's month, seq and border, and gets the rest.
  // `catalog`: where the tables of no account are read.
  Audit(storage::Connection& connection, storage::Connection& catalog, Account account,
        const book::Balance& balance, storage::HeadMove* move, Findings* findings)
      : connection_(connection),
        catalog_(catalog),
        move_(move),
        account_(std::move(account)),
        head_(balance.head),
        live_holds_(balance.holds),
        findings_(*findings),
        receipts_([this](std::string subject, std::string stored, std::string computed) {
          Differs(kCheckReceipts, std::move(subject), std::move(stored), std::move(computed));
        }),
        limits_([this](std::string subject, std::string stored, std::string computed) {
          Differs(kCheckLimits, std::move(subject), std::move(stored), std::move(computed));
        }),
        sums_([this](std::string subject, std::string stored, std::string computed) {
          Differs(kCheckSummaries, std::move(subject), std::move(stored), std::move(computed));
        }) {}

  absl::Status Run() {
    RESERVE_RETURN_IF_ERROR(LoadCatalog());
    RESERVE_RETURN_IF_ERROR(LoadNumberKeys());
    RESERVE_RETURN_IF_ERROR(CheckRecharges());
    RESERVE_RETURN_IF_ERROR(CheckDisputes());
    RESERVE_RETURN_IF_ERROR(LoadUsageStates());
    RESERVE_RETURN_IF_ERROR(receipts_.Load(connection_, account_));
    RESERVE_RETURN_IF_ERROR(LoadHead());
    RESERVE_RETURN_IF_ERROR(CheckKept());
    RESERVE_RETURN_IF_ERROR(sums_.Load(connection_, account_, ArchivedUntil()));
    RESERVE_RETURN_IF_ERROR(CheckEntries());
    receipts_.CheckEnd();
    sums_.CheckEnd();
    CheckUsageStates();
    CheckGrantsAtEnd();
    RESERVE_RETURN_IF_ERROR(CheckMonths());
    RESERVE_RETURN_IF_ERROR(CheckHolds());
    RESERVE_RETURN_IF_ERROR(CheckUsers());
    CheckHeldSeconds();
    RESERVE_RETURN_IF_ERROR(CheckEvents());
    limits_.CheckEnd(account_);
    CheckClosing();
    CheckAccount();
    ++findings_.accounts;
    return absl::OkStatus();
  }

 private:
  void Differs(absl::string_view check, std::string subject, std::string stored,
               std::string computed) {
    findings_.Add({account_.account_id, std::string(check), std::move(subject), std::move(stored),
                   std::move(computed)});
  }

  absl::Status LoadCatalog();
  absl::Status LoadNumberKeys();
  absl::Status CheckRecharges();
  void CheckRecharge(const Recharge& recharge);
  void CheckRefund(const Recharge& refund);
  void CheckPayment(const Recharge& payment);
  void CheckCharge(const Recharge& recharge);
  absl::Status CheckDisputes();
  void CheckGivenBack(const Entry& entry);
  absl::Status LoadUsageStates();
  void CheckUsageStates();
  // Begins where the archives end.
  absl::Status LoadHead();
  // The entries up to there that stay.
  absl::Status CheckKept();
  void CheckKeptEntry(const storage::KeptEntry& kept);
  void StandAs(const Entry& entry);
  // Does the usage's state stay once the head has moved?
  bool StateStays(const domain::UsageState& state) const;
  bool StaysBehindHead(const Entry& entry) const;
  // Notes what stays, and how the account stands at the head that is to be.
  void NoteForHead(const Entry& entry, const domain::EntryHash& previous);
  void StandAtHead();
  absl::Status CheckEntries();
  absl::Status CheckPage(const std::vector<Entry>& page);
  void CheckEntry(const Entry& entry);
  void CheckMoney(const Entry& entry, const std::string& subject);
  void CheckCredit(const Entry& entry, const std::string& subject);
  void CheckChain(const Entry& entry, const domain::EntryHash& previous,
                  const std::string& subject);
  void CheckUsage(const Entry& entry);
  void CheckReplaced(const std::string& subject, const std::string& usage_id);
  void CheckVoid(const Entry& entry);
  // What the entries so far say of a usage, which must have a row; else says that `entry` lacks it.
  domain::UsageState* Standing(const Entry& entry, const std::string& usage_id);
  void CheckGrants(const Entry& entry);
  void MoveGrants(const Entry& entry, absl::string_view draws, int sign);
  void CheckGrantsAtEnd();
  void CheckRatedAgain(const Entry& entry, domain::UsageState* state);
  static void RateAnew(const Entry& entry, domain::UsageState* state);
  int32_t archived_month() const { return archived_.has_value() ? archived_->month : 0; }
  // What began before may have left the table of entries.
  absl::Time ArchivedUntil() const {
    return archived_.has_value() ? storage::RangeOfMonth(archived_->month).end
                                 : absl::InfinitePast();
  }
  void CheckUnrated(const std::string& subject, const BookedUsage& booked);
  void CheckRating(const std::string& subject, const BookedUsage& booked, const Plan& plan,
                   int32_t period);
  void CheckDeck(const std::string& subject, const BookedUsage& booked, bool in_force);
  // Puts the country of the line into `rate`. False if there is no such line.
  bool AddCountry(const BookedUsage& booked, Rate* rate) const;
  void CheckStandard(const std::string& subject, const BookedUsage& booked,
                     const rates::DeckHeader& header);
  bool IsOfBeforeC3(const BookedUsage& booked) const;
  absl::Status CheckUsageIds(const std::vector<Entry>& page);
  absl::Status CheckRequestIds(const std::vector<Entry>& page);
  absl::Status CheckMonths();
  absl::Status CheckHolds();
  void CheckHold(const domain::Hold& hold);
  // What is held for it, priced again from what is stored with it; else what is wrong with that.
  absl::StatusOr<domain::Hold> PriceHold(const domain::Hold& hold, absl::Time time) const;
  void CheckHeldSeconds();
  absl::Status CheckUsers();
  absl::Status CheckEvents();
  void CheckClosing();
  void CheckAccount();

  storage::Connection& connection_;
  storage::Connection& catalog_;
  storage::HeadMove* const move_;
  std::optional<storage::ArchivedHead> archived_;
  const Account account_;
  const domain::EntryHash head_;
  const int64_t live_holds_;
  Findings& findings_;
  AuditedReceipts receipts_;
  AuditedLimits limits_;
  AuditedSums sums_;

  rates::PlanBook plans_;
  AuditedLines::Decks decks_;
  rates::Timeline timeline_;
  AuditedLines lines_;  // of the page that is checked
  std::map<std::pair<std::string, int32_t>, domain::NumberKey> number_keys_;  // by user and year
  // What recharges and payments ask for, and was not met among the entries yet: kind, ordinal and
  // amount.
  absl::flat_hash_map<std::pair<EntryKind, int64_t>, Nanos> not_met_;
  // What each charge of the gateway is credited as; the charge of each recharge and payment; and
  // the recharges that were credited as a payment (G4).
  absl::flat_hash_map<std::string, int64_t> credited_for_;
  absl::flat_hash_map<int64_t, std::string> charge_of_;
  std::vector<Recharge> credited_as_;
  int32_t payments_ = 0;
  bool any_succeeded_ = false;
  // What of a charge was given back and disputed, as stored and as its refunds and disputes say.
  struct GivenBack {
    Nanos stored_refunded = 0;
    Nanos stored_disputed = 0;
    absl::int128 refunded = 0;
    absl::int128 disputed = 0;
  };
  std::map<int64_t, GivenBack> given_back_;
  // What refunds and disputes have taken out of the balance, less what was met in entries.
  std::map<std::pair<EntryKind, int64_t>, absl::int128> not_booked_;
  int32_t suspending_refunds_ = 0;
  int32_t suspending_disputes_ = 0;
  // Of the usages of which there is more to say than their entry does: as stored, and as the
  // entries so far say.
  absl::flat_hash_map<std::string, domain::UsageState> usage_states_;
  absl::flat_hash_map<std::string, domain::UsageState> computed_states_;
  // What is left of each credit grant, as the entries so far leave it, and when it ends (P6).
  std::map<int32_t, domain::CreditGrant> grants_;
  // Each user as the usages so far leave them.
  absl::flat_hash_map<std::string, User> replayed_;
  int64_t last_seq_ = 0;
  Nanos last_balance_ = 0;
  absl::int128 sum_ = 0;
  // What closing has added to the balance, by kind (P4).
  absl::int128 paid_out_ = 0;
  absl::int128 written_off_ = 0;
  domain::EntryHash last_hash_{};
  // By user and period: free seconds that live holds hold, less those that allowances say.
  std::map<std::pair<std::string, int32_t>, int64_t> held_seconds_;
};

absl::Status Audit::LoadCatalog() {
  RESERVE_ASSIGN_OR_RETURN(plans_, storage::LoadPlanBook(catalog_));
  RESERVE_ASSIGN_OR_RETURN(std::vector<rates::DeckHeader> decks,
                           storage::LoadDeckHeaders(catalog_));
  for (rates::DeckHeader& deck : decks) decks_[deck.version] = std::move(deck);
  RESERVE_ASSIGN_OR_RETURN(std::vector<rates::DeckActivation> activations,
                           storage::LoadActivations(catalog_));
  timeline_ = rates::Timeline(std::move(activations));
  return absl::OkStatus();
}

absl::Status Audit::LoadNumberKeys() {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<book::NumberKeyRecord> keys,
                           storage::ListNumberKeys(connection_, account_.account_id));
  for (const book::NumberKeyRecord& record : keys) {
    number_keys_[{record.user_id, record.year}] = record.key;
  }
  return absl::OkStatus();
}

// --- Recharges ------------------------------------------------------------------------

absl::Status Audit::CheckRecharges() {
  int64_t expected = account_.last_ordinal;
  int64_t before = storage::kNewest;
  int64_t open_ordinal = 0;
  int32_t set_aside = 0;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<Recharge> page,
                             storage::ListRecharges(connection_, account_.account_id,
                                                    storage::Listed::kAll, before, kPage));
    for (const Recharge& recharge : page) {
      before = recharge.ordinal;
      if (recharge.ordinal != expected) {
        Differs(kCheckOpenRecharge, absl::StrCat(recharge.ordinal),
                absl::StrCat("recharge ", recharge.ordinal), absl::StrCat("recharge ", expected));
      }
      expected = recharge.ordinal - 1;
      if (recharge.is_refund()) {
        CheckRefund(recharge);
        continue;
      }
      if (recharge.is_payment()) {
        CheckPayment(recharge);
        continue;
      }
      if (recharge.open() && recharge.set_aside) {
        ++set_aside;
      } else if (recharge.open()) {
        if (open_ordinal != 0) {
          Differs(kCheckOpenRecharge, absl::StrCat(recharge.ordinal), "open",
                  absl::StrCat("closed, as recharge ", open_ordinal, " is open"));
        }
        open_ordinal = recharge.ordinal;
      }
      CheckRecharge(recharge);
    }
    if (page.size() < kPage) break;
  }
  if (expected != 0) {
    Differs(kCheckOpenRecharge, "", absl::StrCat("no recharge ", expected, " or below"),
            absl::StrCat("recharges 1 to ", account_.last_ordinal));
  }
  if (account_.open_ordinal != open_ordinal) {
    Differs(kCheckOpenRecharge, "", absl::StrCat("open ordinal ", account_.open_ordinal),
            absl::StrCat("open ordinal ", open_ordinal));
  }
  for (const Recharge& recharge : credited_as_) {
    if (charge_of_[recharge.credited_as] == recharge.charge_id) continue;
    Differs(kCheckRechargeEntry, absl::StrCat(recharge.ordinal),
            absl::StrCat("credited as ", recharge.credited_as), "a payment of its charge");
  }
  if (account_.payments != payments_) {
    Differs(kCheckPayments, "", absl::StrCat(account_.payments, " payments"),
            absl::StrCat(payments_));
  }
  if (account_.set_aside != set_aside) {
    Differs(kCheckOpenRecharge, "", absl::StrCat(account_.set_aside, " set aside"),
            absl::StrCat(set_aside, " set aside"));
  }
  return absl::OkStatus();
}

void Audit::CheckRecharge(const Recharge& recharge) {
  ++findings_.recharges;
  if (recharge.currency != account_.currency) {
    Differs(kCheckCurrency, absl::StrCat(recharge.ordinal), recharge.currency, account_.currency);
  }
  any_succeeded_ |= recharge.state == RechargeState::kSucceeded;
  if (recharge.credited_as != 0) {
    credited_as_.push_back(recharge);
  } else if (recharge.state == RechargeState::kSucceeded) {
    not_met_[{EntryKind::kRecharge, recharge.ordinal}] = recharge.credited;
  }
  CheckCharge(recharge);
}

void Audit::CheckPayment(const Recharge& payment) {
  ++findings_.recharges;
  const bool reversed = payment.state == RechargeState::kReversed;
  not_met_[{EntryKind::kPayment, payment.ordinal}] = payment.credited;
  if (reversed) {
    not_met_[{EntryKind::kPaymentReversed, payment.ordinal}] = -payment.credited;
  } else {
    ++payments_;
  }
  if (payment.suspension_number == account_.suspension.number) ++suspending_refunds_;
  CheckCharge(payment);
}

// One charge is credited once (G4), and what of it went back is counted there.
void Audit::CheckCharge(const Recharge& recharge) {
  given_back_[recharge.ordinal].stored_refunded = recharge.refunded;
  given_back_[recharge.ordinal].stored_disputed = recharge.disputed;
  charge_of_[recharge.ordinal] = recharge.charge_id;
  if (!recharge.holds_credit() || recharge.charge_id.empty()) return;
  const auto [first, is_first] = credited_for_.try_emplace(recharge.charge_id, recharge.ordinal);
  if (is_first) return;
  Differs(kCheckRechargeEntry, absl::StrCat(recharge.ordinal),
          absl::StrCat("credited for charge ", recharge.charge_id),
          absl::StrCat("credited once, as ", first->second));
}

void Audit::CheckRefund(const Recharge& refund) {
  ++findings_.recharges;
  if (refund.debited) {
    given_back_[refund.refund_of].refunded += refund.amount;
    not_booked_[{EntryKind::kRefund, refund.ordinal}] += refund.amount;
  }
  if (refund.suspension_number == account_.suspension.number) ++suspending_refunds_;
}

absl::Status Audit::CheckDisputes() {
  std::vector<domain::DisputedNumber> numbers = account_.disputed_numbers;
  std::string after;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Dispute> page,
                             storage::ListDisputes(connection_, account_.account_id, after, kPage));
    for (const domain::Dispute& dispute : page) {
      after = dispute.dispute_id;
      if (dispute.suspension_number == account_.suspension.number) ++suspending_disputes_;
      if (!dispute.debited) continue;
      given_back_[dispute.ordinal].disputed += dispute.amount;
      not_booked_[{EntryKind::kDispute, dispute.ordinal}] += dispute.amount;
      // Also what its tokens stand in for.
      const bool counts = !dispute.card_fingerprint.empty();
      numbers.erase(std::remove_if(numbers.begin(), numbers.end(),
                                   [&](const domain::DisputedNumber& number) {
                                     return counts && number.dispute_id == dispute.dispute_id;
                                   }),
                    numbers.end());
    }
    if (page.size() < kPage) break;
  }
  for (const domain::DisputedNumber& number : numbers) {
    Differs(kCheckGivenBack, number.fingerprint, "a disputed number", "no dispute of it stands");
  }
  for (const auto& [ordinal, amounts] : given_back_) {
    if (amounts.refunded != amounts.stored_refunded) {
      Differs(kCheckGivenBack, absl::StrCat(ordinal),
              absl::StrCat(FormatDecimal(amounts.stored_refunded), " given back"),
              Text(amounts.refunded));
    }
    if (amounts.disputed != amounts.stored_disputed) {
      Differs(kCheckGivenBack, absl::StrCat(ordinal),
              absl::StrCat(FormatDecimal(amounts.stored_disputed), " disputed"),
              Text(amounts.disputed));
    }
  }
  const domain::Suspension& suspension = account_.suspension;
  if (suspension.refunds != suspending_refunds_ || suspension.disputes != suspending_disputes_) {
    Differs(kCheckGivenBack, "",
            absl::StrCat("suspended by ", suspension.refunds, " refunds and ", suspension.disputes,
                         " disputes"),
            absl::StrCat(suspending_refunds_, " and ", suspending_disputes_));
  }
  return absl::OkStatus();
}

// Takes what the entry booked off what refunds and disputes have taken out of the balance, and adds
// up what closing has.
void Audit::CheckGivenBack(const Entry& entry) {
  switch (entry.kind) {
    case EntryKind::kRefund:
    case EntryKind::kRefundReturned:
      not_booked_[{EntryKind::kRefund, entry.recharge_ordinal}] += entry.amount;
      break;
    case EntryKind::kDispute:
    case EntryKind::kDisputeReturned:
      not_booked_[{EntryKind::kDispute, entry.recharge_ordinal}] += entry.amount;
      break;
    case EntryKind::kPayout:
      paid_out_ += entry.amount;
      break;
    case EntryKind::kWriteOff:
      written_off_ += entry.amount;
      break;
    default:
      break;
  }
}

// --- Entries --------------------------------------------------------------------------

absl::Status Audit::LoadHead() {
  RESERVE_ASSIGN_OR_RETURN(archived_, storage::FindArchivedHead(connection_, account_.account_id));
  if (!archived_.has_value()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(archived_->allowances,
                           storage::ListArchivedAllowances(connection_, account_.account_id));
  last_seq_ = archived_->seq;
  last_hash_ = archived_->hash;
  last_balance_ = archived_->balance;
  sum_ = archived_->balance;
  for (const domain::CreditGrant& grant : archived_->grants) grants_[grant.number] = grant;
  for (const storage::ArchivedAllowance& allowance : archived_->allowances) {
    replayed_[allowance.user_id].SetSecondsUsed(allowance.used);
  }
  return absl::OkStatus();
}

absl::Status Audit::CheckKept() {
  if (!archived_.has_value()) return absl::OkStatus();
  std::vector<storage::KeptEntry> page;
  for (int64_t after = 0;; after = page.back().entry.seq) {
    RESERVE_ASSIGN_OR_RETURN(page, storage::ListKeptUpTo(connection_, account_.account_id, after,
                                                         archived_->seq, kPage));
    std::vector<Entry> entries;
    for (const storage::KeptEntry& kept : page) {
      CheckKeptEntry(kept);
      entries.push_back(kept.entry);
    }
    RESERVE_RETURN_IF_ERROR(CheckUsageIds(entries));
    RESERVE_RETURN_IF_ERROR(CheckRequestIds(entries));
    if (page.size() < kPage) return absl::OkStatus();
  }
}

// What it took from the balance, allowances and grants is in the head.
void Audit::CheckKeptEntry(const storage::KeptEntry& kept) {
  const Entry& entry = kept.entry;
  const std::string subject = absl::StrCat(entry.seq);
  ++findings_.entries;
  CheckChain(entry, kept.previous, subject);
  receipts_.CheckEntry(entry);
  if (entry.booked.has_value() || entry.kind == EntryKind::kVoid) {
    StandAs(entry);
    if (move_ != nullptr && !StaysBehindHead(entry)) move_->dropped.push_back(entry.seq);
    return;
  }
  CheckMoney(entry, subject);
}

// The usage stands as the entry says, which was checked when it was archived.
void Audit::StandAs(const Entry& entry) {
  const std::string& usage_id = domain::UsageIdOf(entry);
  const bool books = entry.kind == EntryKind::kUsage ||
                     (entry.kind == EntryKind::kVoid && entry.voided.in_advance);
  if (books) computed_states_[usage_id] = domain::StateOf(entry);
  const auto state = computed_states_.find(usage_id);
  if (state == computed_states_.end()) return;  // it has left, with its state
  if (entry.kind == EntryKind::kRating) {
    RateAnew(entry, &state->second);
  } else if (entry.kind == EntryKind::kVoid) {
    state->second.status = domain::UsageStatus::kVoided;
    state->second.latest_seq = entry.seq;
  }
}

bool Audit::StateStays(const domain::UsageState& state) const {
  const int64_t seq = move_->head.seq;
  // One that was voided before it came has no start.
  const bool is_over = state.start_time != absl::InfinitePast() &&
                       MonthOf(state.start_time) <= move_->head.month && state.seq <= seq &&
                       state.latest_seq <= seq && state.estimate_void_seq <= seq;
  return !is_over;
}

// All but usages and their ratings stay: they are few, and what reads them needs them.
bool Audit::StaysBehindHead(const Entry& entry) const {
  if (!entry.booked.has_value()) return true;
  const auto state = usage_states_.find(domain::UsageIdOf(entry));
  return state != usage_states_.end() && StateStays(state->second);
}

void Audit::NoteForHead(const Entry& entry, const domain::EntryHash& previous) {
  if (entry.seq > move_->head.seq) return;
  if (StaysBehindHead(entry)) move_->kept.push_back({entry, previous});
  if (entry.seq == move_->head.seq) StandAtHead();
}

void Audit::StandAtHead() {
  storage::ArchivedHead& head = move_->head;
  head.balance = last_balance_;
  head.hash = last_hash_;
  for (const auto& [number, grant] : grants_) head.grants.push_back(grant);
  for (const auto& [user_id, user] : replayed_) {
    for (const domain::Allowance& allowance : user.allowances) {
      if (allowance.seconds_used != 0) head.allowances.push_back({user_id, allowance});
    }
  }
}

absl::Status Audit::CheckEntries() {
  bool first_page = true;
  if (move_ != nullptr) {
    move_->after_seq = last_seq_;
    for (const auto& [usage_id, state] : usage_states_) {
      if (!StateStays(state)) move_->ended_states.push_back(usage_id);
    }
    if (move_->head.seq == last_seq_) StandAtHead();
  }
  while (true) {
    // Pages overlap by one entry: a number used twice would else be missed where
    // two pages meet.
    const int64_t begin = archived_.has_value() ? archived_->seq : INT64_MIN;
    const int64_t after = first_page ? begin : last_seq_ - 1;
    RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> page,
                             storage::ListEntriesAfter(connection_, account_.account_id, after,
                                                       kPage, archived_month()));
    const bool last_page = page.size() < kPage;
    if (!first_page && !page.empty()) page.erase(page.begin());
    first_page = false;
    // More entries of one number than fit a page: there is no way on.
    const bool stuck = !page.empty() && !last_page && page.back().seq == last_seq_;
    RESERVE_RETURN_IF_ERROR(CheckPage(page));
    if (last_page || stuck) break;
  }
  if (account_.last_seq != last_seq_) {
    Differs(kCheckLastSeq, "", absl::StrCat(account_.last_seq), absl::StrCat(last_seq_));
  }
  if (head_ != last_hash_) Differs(kCheckChain, "", HashText(head_), HashText(last_hash_));
  if (sum_ != account_.balance) {
    Differs(kCheckBalance, "", absl::StrCat(account_.balance), Text(sum_));
  }
  for (const auto& [key, amount] : not_booked_) {
    if (amount == 0) continue;
    Differs(kCheckGivenBack, absl::StrCat(key.second),
            absl::StrCat(key.first == EntryKind::kRefund ? "refund" : "disputes of recharge", " ",
                         key.second, " has taken ", Text(amount), " more"),
            "as much as its entries book");
  }
  for (const auto& [key, amount] : not_met_) {
    Differs(kCheckRechargeEntry, absl::StrCat(key.second), "no entry",
            absl::StrCat("an entry of ", FormatDecimal(amount)));
  }
  return absl::OkStatus();
}

absl::Status Audit::CheckPage(const std::vector<Entry>& page) {
  RESERVE_RETURN_IF_ERROR(lines_.ReadFor(catalog_, decks_, page));
  for (const Entry& entry : page) CheckEntry(entry);
  RESERVE_RETURN_IF_ERROR(CheckUsageIds(page));
  return CheckRequestIds(page);
}

void Audit::CheckEntry(const Entry& entry) {
  ++findings_.entries;
  const std::string subject = absl::StrCat(entry.seq);
  if (entry.seq != last_seq_ + 1) {
    Differs(kCheckSeqGap, subject, absl::StrCat(entry.seq, " after ", last_seq_),
            absl::StrCat(last_seq_ + 1));
  }
  const absl::int128 balance = absl::int128(last_balance_) + entry.amount;
  if (balance != entry.balance_after) {
    Differs(kCheckBalanceChain, subject, absl::StrCat(entry.balance_after), Text(balance));
  }
  const domain::EntryHash previous = last_hash_;
  CheckChain(entry, previous, subject);
  last_hash_ = entry.hash;
  last_seq_ = entry.seq;
  last_balance_ = entry.balance_after;
  sum_ += entry.amount;
  CheckGrants(entry);
  receipts_.CheckEntry(entry);
  limits_.TakeUpEntry(entry);
  const bool may_change = usage_states_.contains(domain::UsageIdOf(entry));
  if (const absl::Status added = sums_.AddEntry(entry, may_change); !added.ok()) {
    Differs(kCheckSummaries, subject, std::string(added.message()), "sums that fit");
  }
  if (entry.booked.has_value()) {
    CheckUsage(entry);
  } else if (entry.kind == EntryKind::kVoid) {
    CheckVoid(entry);
  } else {
    CheckMoney(entry, subject);
  }
  if (move_ != nullptr) NoteForHead(entry, previous);
}

void Audit::CheckMoney(const Entry& entry, const std::string& subject) {
  CheckGivenBack(entry);
  const bool of_payment =
      entry.kind == EntryKind::kPayment || entry.kind == EntryKind::kPaymentReversed;
  if (entry.kind == EntryKind::kRecharge || of_payment) CheckCredit(entry, subject);
}

void Audit::CheckCredit(const Entry& entry, const std::string& subject) {
  const auto wanted = not_met_.find({entry.kind, entry.recharge_ordinal});
  if (wanted == not_met_.end()) {
    Differs(kCheckRechargeEntry, subject,
            absl::StrCat(entry.kind == EntryKind::kPaymentReversed ? "takes back " : "credits ",
                         entry.kind == EntryKind::kRecharge ? "recharge " : "payment ",
                         entry.recharge_ordinal),
            "no entry: it did not succeed, or has its entry");
    return;
  }
  if (wanted->second != entry.amount) {
    Differs(kCheckRechargeEntry, subject, FormatDecimal(entry.amount),
            FormatDecimal(wanted->second));
  }
  not_met_.erase(wanted);
}

void Audit::CheckChain(const Entry& entry, const domain::EntryHash& previous,
                       const std::string& subject) {
  if (entry.chain_form != domain::ChainForm::kFixed &&
      entry.chain_form != domain::ChainForm::kTagged) {
    Differs(kCheckChain, subject, absl::StrCat("form ", static_cast<int>(entry.chain_form)),
            "a form that this program knows");
    return;
  }
  const domain::NumberKey* key = nullptr;
  if (book::NeedsNumberKey(entry)) {
    const domain::Usage& usage = entry.booked->usage;
    const int32_t year = book::YearOfNumberKey(usage.start_time);
    const auto found = number_keys_.find({usage.user_id, year});
    if (found == number_keys_.end()) {
      Differs(kCheckChain, subject, "a number without a key",
              absl::StrCat("the key of ", usage.user_id, " of ", year,
                           ", or the number's digest in its place"));
      return;
    }
    key = &found->second;
  }
  const domain::EntryHash hash = book::ChainedHash(previous, entry, key);
  if (hash != entry.hash) Differs(kCheckChain, subject, HashText(entry.hash), HashText(hash));
}

absl::Status Audit::LoadUsageStates() {
  std::string after;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::UsageState> page,
        storage::ListUsageStates(connection_, account_.account_id, after, kPage));
    for (const domain::UsageState& state : page) {
      after = state.usage_id;
      usage_states_[state.usage_id] = state;
    }
    if (page.size() < kPage) break;
  }
  return absl::OkStatus();
}

void Audit::CheckUsageStates() {
  for (const auto& [usage_id, stored] : usage_states_) {
    const auto computed = computed_states_.find(usage_id);
    if (computed == computed_states_.end()) {
      Differs(kCheckUsageState, usage_id, StateText(stored), "no row, as no entry names it");
    } else if (!SameStanding(stored, computed->second)) {
      Differs(kCheckUsageState, usage_id, StateText(stored), StateText(computed->second));
    }
  }
}

domain::UsageState* Audit::Standing(const Entry& entry, const std::string& usage_id) {
  const auto computed = computed_states_.find(usage_id);
  if (computed != computed_states_.end()) return &computed->second;
  Differs(kCheckUsageState, absl::StrCat(entry.seq), absl::StrCat("names usage ", usage_id),
          "a usage before it that has a row");
  return nullptr;
}

void Audit::CheckVoid(const Entry& entry) {
  const domain::VoidedUsage& voided = entry.voided;
  if (voided.in_advance) computed_states_[voided.usage_id] = domain::StateOf(entry);
  domain::UsageState* state = Standing(entry, voided.usage_id);
  if (state == nullptr) return;
  const bool again = state->status == domain::UsageStatus::kVoided && !voided.in_advance;
  if (again || entry.amount != state->cost || voided.free_seconds != state->free_seconds ||
      voided.free_period != state->free_period || entry.grant.returned != state->grant_draws) {
    Differs(kCheckUsageState, absl::StrCat(entry.seq),
            absl::StrCat("gives back ", FormatDecimal(entry.amount), " and ", voided.free_seconds,
                         " s of period ", voided.free_period),
            again ? "nothing, as it was given back before" : StateText(*state));
  }
  state->status = domain::UsageStatus::kVoided;
  state->latest_seq = entry.seq;
  if (voided.free_seconds == 0) return;
  User& user = replayed_[state->user_id];
  user.SetSecondsUsed(
      {voided.free_period, user.SecondsUsed(voided.free_period) - voided.free_seconds});
}

// H12: a CDR takes the place of an estimate that was given back before it.
void Audit::CheckReplaced(const std::string& subject, const std::string& usage_id) {
  const auto estimate = computed_states_.find(usage_id);
  if (estimate != computed_states_.end() &&
      estimate->second.status == domain::UsageStatus::kVoided) {
    return;
  }
  Differs(kCheckUsageState, subject,
          absl::StrCat("takes the place of an estimate of ", usage_id, " that stands"),
          "a void of it before");
}

void Audit::CheckUsage(const Entry& entry) {
  const std::string subject = absl::StrCat(entry.seq);
  const BookedUsage& booked = *entry.booked;
  const Rating& rating = booked.rating;
  const std::string& usage_id = booked.usage.usage_id;
  if (entry.kind == EntryKind::kUsage) {
    ++findings_.usages;
    if (booked.replaces_estimate()) CheckReplaced(subject, usage_id);
    if (usage_states_.contains(usage_id) || rating.unrated()) {
      computed_states_[usage_id] = domain::StateOf(entry);
    }
  } else if (domain::UsageState* state = Standing(entry, usage_id); state != nullptr) {
    CheckRatedAgain(entry, state);
  }
  if (rating.unrated()) return CheckUnrated(subject, booked);
  if (rating.basis == domain::ChargeBasis::kEmergency) {
    const Rating again = domain::EmergencyRating();  // C10: of no plan and no deck
    if (!(rating == again)) Differs(kCheckRating, subject, RatingText(rating), RatingText(again));
    return;
  }
  // K4: that in force at the start, as no version is backdated.
  const Plan* plan = plans_.Find(rating.plan_id, booked.usage.start_time);
  if (plan == nullptr) {
    Differs(kCheckRating, subject, absl::StrCat("plan \"", rating.plan_id, "\""),
            "a plan that exists");
    return;
  }
  CheckDeck(subject, booked, entry.kind == EntryKind::kUsage);
  const int32_t period =
      domain::PeriodOf(*plan, booked.usage.start_time, account_.calendar, entry.seq);
  CheckRating(subject, booked, *plan, period);
  User& user = replayed_[booked.usage.user_id];
  const int64_t left = domain::FreeSecondsLeft(user, *plan, period);
  if (left != rating.free_seconds_before) {
    Differs(kCheckAllowance, subject, absl::StrCat(rating.free_seconds_before, " s free before it"),
            absl::StrCat(left, " s"));
  }
  if (rating.free_seconds_taken > 0) user.SetSecondsUsed(domain::AfterTaking(rating, user));
}

// P6: a grant is drawn on, gets back what was drawn, and ends once.
void Audit::CheckGrants(const Entry& entry) {
  const std::string subject = absl::StrCat(entry.seq);
  if (entry.kind == EntryKind::kGrant) {
    const domain::CreditGrant grant{entry.grant.number, entry.seq, entry.amount, entry.grant.end};
    if (entry.amount <= 0 || entry.grant.number != static_cast<int32_t>(grants_.size()) + 1) {
      Differs(kCheckGrants, subject,
              absl::StrCat("grant ", entry.grant.number, " of ", FormatDecimal(entry.amount)),
              absl::StrCat("grant ", grants_.size() + 1, ", above zero"));
    }
    grants_[entry.grant.number] = grant;
    return;
  }
  if (entry.kind == EntryKind::kGrantEnded) {
    const auto grant = grants_.find(entry.grant.number);
    const Nanos left = grant == grants_.end() ? 0 : grant->second.remaining;
    // What holds need of one that ends, ends with them; in the end nothing may be left.
    if (entry.amount >= 0 || left < -entry.amount) {
      Differs(kCheckGrants, subject,
              absl::StrCat("ends ", FormatDecimal(-entry.amount), " of grant ", entry.grant.number),
              FormatDecimal(left));
    }
    if (grant != grants_.end()) grant->second.remaining = SubtractSaturating(left, -entry.amount);
    return;
  }
  MoveGrants(entry, entry.grant.returned, 1);
  if (!entry.booked.has_value()) return;
  // What an earlier rating drew comes back first.
  const auto before = computed_states_.find(entry.booked->usage.usage_id);
  if (entry.kind == EntryKind::kRating && before != computed_states_.end()) {
    MoveGrants(entry, before->second.grant_draws, 1);
  }
  MoveGrants(entry, entry.booked->grant_draws, -1);
}

void Audit::MoveGrants(const Entry& entry, absl::string_view draws, int sign) {
  for (const domain::GrantDraw& draw : domain::DrawsFrom(draws)) {
    const auto grant = grants_.find(draw.number);
    if (grant != grants_.end()) grant->second.remaining += sign * draw.amount;
    if (grant != grants_.end() && draw.amount > 0 && grant->second.remaining >= 0) continue;
    Differs(kCheckGrants, absl::StrCat(entry.seq),
            absl::StrCat(FormatDecimal(draw.amount), " of grant ", draw.number),
            grant == grants_.end() ? "a grant that there is" : "no more than was left");
  }
}

void Audit::CheckGrantsAtEnd() {
  std::vector<domain::CreditGrant> open;
  for (const domain::CreditGrant& grant : account_.grants) {
    const auto computed = grants_.find(grant.number);
    // As its account closes all of them end, and what holds need is kept from then on.
    if (computed != grants_.end() && account_.ends()) computed->second.end = grant.end;
    const bool same = computed != grants_.end() && computed->second == grant;
    if (!same) {
      Differs(
          kCheckGrants, absl::StrCat(grant.number),
          absl::StrCat(FormatDecimal(grant.remaining), " left until ", FormatRfc3339(grant.end)),
          computed == grants_.end()
              ? "no such grant"
              : absl::StrCat(FormatDecimal(computed->second.remaining), " left until ",
                             FormatRfc3339(computed->second.end)));
    }
    if (computed != grants_.end()) grants_.erase(computed);
  }
  for (const auto& [number, grant] : grants_) {
    if (grant.remaining == 0) continue;
    Differs(kCheckGrants, absl::StrCat(number), "no such grant",
            absl::StrCat(FormatDecimal(grant.remaining), " left"));
  }
}

// A rating after the booking: it goes on from where the usage stood, and what that had of the
// allowance comes back before it draws again (K3, U6).
void Audit::CheckRatedAgain(const Entry& entry, domain::UsageState* state) {
  const BookedUsage& booked = *entry.booked;
  if (state->status == domain::UsageStatus::kVoided || booked.previous_cost != state->cost ||
      booked.previous_free_seconds != state->free_seconds ||
      (booked.previous_free_seconds > 0 && booked.previous_free_period != state->free_period)) {
    Differs(kCheckUsageState, absl::StrCat(entry.seq),
            absl::StrCat("rates anew what cost ", FormatDecimal(booked.previous_cost), ", with ",
                         booked.previous_free_seconds, " free s of period ",
                         booked.previous_free_period),
            StateText(*state));
  }
  if (state->free_seconds > 0) {
    User& user = replayed_[state->user_id];
    user.SetSecondsUsed(domain::AfterGivingBack(*state, user));
  }
  RateAnew(entry, state);
}

void Audit::RateAnew(const Entry& entry, domain::UsageState* state) {
  const int64_t seq = state->seq;
  const int64_t rated_seq = state->rated_seq;
  *state = domain::StateOf(entry);
  state->seq = seq;
  if (rated_seq != 0) state->rated_seq = rated_seq;
}

void Audit::CheckUnrated(const std::string& subject, const BookedUsage& booked) {
  if (!usage_states_.contains(booked.usage.usage_id)) {
    Differs(kCheckUsageState, subject, "no row", "a row, as it is UNRATED");
  }
  if (booked.rating == domain::Unrated(booked.rating.unrated_reason, booked.rating.plan_id) &&
      booked.rating.unrated_reason != domain::UnratedReason::kNone) {
    return;
  }
  Differs(kCheckRating, subject, RatingText(booked.rating), "nothing, as it is UNRATED");
}

bool Audit::AddCountry(const BookedUsage& booked, Rate* rate) const {
  if (HasNoCountry(booked) || !decks_.contains(rate->deck_version)) return true;
  const std::optional<Rate> line = lines_.Find(rate->deck_version, booked.usage);
  if (line.has_value()) rate->country = line->country;
  return line.has_value();
}

void Audit::CheckRating(const std::string& subject, const BookedUsage& booked, const Plan& plan,
                        int32_t period) {
  const Rating& stored = booked.rating;
  std::optional<Rate> rate = StoredRate(stored);
  const bool call = booked.usage.kind == domain::UsageKind::kCall;
  if (call && rate.has_value() &&
      (rate->initial_increment_seconds < 1 || rate->increment_seconds < 1)) {
    Differs(
        kCheckRating, subject,
        absl::StrCat("increments ", rate->initial_increment_seconds, "/", rate->increment_seconds),
        "increments of at least one second");
    return;
  }
  if (rate.has_value() && !AddCountry(booked, &*rate)) {
    Differs(kCheckRating, subject,
            absl::StrCat("prefix ", stored.prefix, " of deck ", stored.deck_version),
            "a line of that deck");
    return;
  }
  const User user = UserWithFreeSeconds(plan, period, stored.free_seconds_before);
  absl::StatusOr<Rating> again =
      stored.terms.empty()
          ? domain::RateUsage(booked.usage, plan, user, period, rate.has_value() ? &*rate : nullptr)
          : domain::RateFromTerms(booked.usage, plan, period, stored);
  if (again.ok() && stored.deck_version != 0 && (HasNoCountry(booked) || !stored.terms.empty())) {
    again->country = stored.country;
  }
  if (!again.ok()) {
    Differs(kCheckRating, subject, RatingText(stored), std::string(again.status().message()));
    return;
  }
  if (*again == stored || IsOfBeforeC3(booked)) return;
  Differs(kCheckRating, subject, RatingText(stored), RatingText(*again));
}

// The rate's deck must exist, be in the account's currency and, but for a usage that was rated
// again, in force, and draw the line of the standard rate where the usage says it is.
void Audit::CheckDeck(const std::string& subject, const BookedUsage& booked, bool in_force) {
  const Rating& rating = booked.rating;
  if (rating.deck_version == 0) return;
  const auto deck = decks_.find(rating.deck_version);
  if (deck == decks_.end()) {
    Differs(kCheckRating, subject, absl::StrCat("deck ", rating.deck_version),
            "a deck that exists");
    return;
  }
  const rates::DeckHeader& header = deck->second;
  if (header.currency != account_.currency) {
    Differs(kCheckCurrency, subject, header.currency, account_.currency);
  }
  // What was activated later for earlier starts leaves what is booked as it is (K2).
  const std::vector<const rates::DeckActivation*> activations = timeline_.Of(header.version);
  const bool was_in_force = std::any_of(
      activations.begin(), activations.end(),
      [&](const rates::DeckActivation* each) { return each->from <= booked.usage.start_time; });
  if (in_force && !was_in_force) {
    Differs(kCheckRating, subject, absl::StrCat("deck ", header.version, ", not in force then"),
            absl::StrCat("a deck in force at ", FormatRfc3339(booked.usage.start_time)));
  }
  if (!domain::IsErasedNumber(booked.usage.destination) &&
      !absl::StartsWith(domain::DigitsOf(booked.usage.destination), rating.prefix)) {
    Differs(kCheckRating, subject, absl::StrCat("prefix ", rating.prefix),
            absl::StrCat("a prefix of ", booked.usage.destination));
  }
  CheckStandard(subject, booked, header);
}

// C12, of the line of the call's start: as far as what is stored tells it. Of a line with several
// prices one that was not come to may be above the ceiling.
void Audit::CheckStandard(const std::string& subject, const BookedUsage& booked,
                          const rates::DeckHeader& header) {
  const Rating& rating = booked.rating;
  const auto terms = domain::PricedTermsFrom(rating.terms);
  if (terms.has_value() && terms->says_standard) return;
  const bool charges_besides =
      !header.standard_by_price_alone &&
      domain::ChargesBesides(rating.connect_fee, terms.has_value() ? terms->minimum : std::nullopt);
  const bool may_be = booked.usage.kind == domain::UsageKind::kCall &&
                      rating.price <= header.standard_rate_ceiling && !charges_besides;
  const bool standard = rating.terms.empty() ? may_be : may_be && rating.standard_rate;
  if (standard != rating.standard_rate) {
    Differs(kCheckRating, subject,
            absl::StrCat(rating.standard_rate ? "" : "not ", "a standard rate at ",
                         FormatDecimal(rating.price), ", fee ", FormatDecimal(rating.connect_fee)),
            absl::StrCat(standard ? "" : "not ", "one, by the ceiling ",
                         FormatDecimal(header.standard_rate_ceiling)));
  }
}

// Under a deck that old, a line that could only cost 0 may have drawn on the allowance.
bool Audit::IsOfBeforeC3(const BookedUsage& booked) const {
  const Rating& rating = booked.rating;
  const auto deck = decks_.find(rating.deck_version);
  return deck != decks_.end() && deck->second.standard_by_price_alone && rating.price == 0 &&
         rating.connect_fee == 0 && rating.cost == 0 && rating.standard_rate &&
         (rating.basis == domain::ChargeBasis::kUnlimitedStandard ||
          (rating.basis == domain::ChargeBasis::kMeteredStandard &&
           rating.free_seconds_taken ==
               std::min(rating.billable_seconds, rating.free_seconds_before)));
}

absl::Status Audit::CheckUsageIds(const std::vector<Entry>& page) {
  std::vector<book::OnceKey> keys;
  for (const Entry& entry : page) {
    if (domain::TakesUsageId(entry))
      keys.emplace_back(account_.account_id, domain::UsageIdOf(entry));
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::UsagePlace> places,
                           storage::FindUsagePlaces(connection_, keys));
  absl::flat_hash_map<absl::string_view, const storage::UsagePlace*> by_id;
  for (const storage::UsagePlace& place : places) by_id[place.usage_id] = &place;
  for (const Entry& entry : page) {
    if (!domain::TakesUsageId(entry)) continue;
    const auto place = by_id.find(domain::UsageIdOf(entry));
    const int32_t month = book::MonthOfEntry(entry);
    if (place != by_id.end() && place->second->seq == entry.seq && place->second->month == month) {
      continue;
    }
    Differs(kCheckUsageId, absl::StrCat(entry.seq),
            place == by_id.end()
                ? absl::StrCat("no row for ", domain::UsageIdOf(entry))
                : absl::StrCat("entry ", place->second->seq, " in month ", place->second->month),
            absl::StrCat("entry ", entry.seq, " in month ", month));
  }
  return absl::OkStatus();
}

absl::Status Audit::CheckRequestIds(const std::vector<Entry>& page) {
  std::vector<book::OnceKey> keys;
  for (const Entry& entry : page) {
    if (NotesItsRequest(entry)) {
      keys.emplace_back(account_.account_id, entry.request_id);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<book::RequestRecord> requests,
                           storage::FindRequests(connection_, keys));
  absl::flat_hash_map<absl::string_view, const book::RequestRecord*> by_id;
  for (const book::RequestRecord& request : requests) by_id[request.request_id] = &request;
  for (const Entry& entry : page) {
    if (!NotesItsRequest(entry)) continue;
    const auto request = by_id.find(entry.request_id);
    if (request != by_id.end() && request->second->seq == entry.seq) continue;
    Differs(kCheckRequestId, absl::StrCat(entry.seq),
            request == by_id.end() ? absl::StrCat("no row for ", entry.request_id)
                                   : absl::StrCat("entry ", request->second->seq),
            absl::StrCat("entry ", entry.seq));
  }
  return absl::OkStatus();
}

// By the months in which the entries really are, not those in which they should be: what is
// elsewhere is found by no page.
absl::Status Audit::CheckMonths() {
  RESERVE_ASSIGN_OR_RETURN(const storage::AccountMonths stored,
                           storage::LoadMonths(connection_, account_.account_id));
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<book::MonthSpan> computed,
      storage::ComputeMonths(connection_, account_.account_id, archived_month()));
  std::map<int32_t, book::MonthSpan> missing;
  for (const book::MonthSpan& span : computed) missing[span.month] = span;
  // An account that has been idle since is still in a month that is archived.
  const bool is_archived = stored.current != 0 && stored.current <= archived_month();
  if (!is_archived && (stored.current == 0) != computed.empty()) {
    Differs(kCheckMonths, "", absl::StrCat("current month ", stored.current),
            computed.empty() ? "none, as there is no entry" : "a month of an entry");
  }
  for (const book::MonthSpan& span : stored.spans) {
    const auto found = missing.extract(span.month);
    const std::string known =
        absl::StrCat("entries ", span.first_seq, " to ", span.last_seq, " at the most");
    if (found.empty()) {
      Differs(kCheckMonths, absl::StrCat(span.month), known, "no entry");
    } else if (span.first_seq > found.mapped().first_seq ||
               span.last_seq < found.mapped().last_seq) {
      Differs(kCheckMonths, absl::StrCat(span.month), known,
              absl::StrCat("entries ", found.mapped().first_seq, " to ", found.mapped().last_seq));
    }
  }
  for (const auto& [month, span] : missing) {
    Differs(kCheckMonths, absl::StrCat(month), "no row",
            absl::StrCat("entries ", span.first_seq, " to ", span.last_seq));
  }
  return absl::OkStatus();
}

// --- Users, events, and the account itself ----------------------------------------------

absl::Status Audit::CheckUsers() {
  std::string after;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<User> page,
                             storage::ListUsers(connection_, account_.account_id, after, kPage));
    for (const User& user : page) {
      after = user.user_id;
      ++findings_.users;
      limits_.TakeUpUser(user);
      const auto replayed = replayed_.find(user.user_id);
      const User computed = replayed == replayed_.end() ? User() : replayed->second;
      if (AllowancesText(user) != AllowancesText(computed)) {
        Differs(kCheckAllowance, user.user_id, AllowancesText(user), AllowancesText(computed));
      }
      if (replayed != replayed_.end()) replayed_.erase(replayed);
      for (const domain::Allowance& allowance : user.allowances) {
        held_seconds_[{user.user_id, allowance.period}] -= allowance.seconds_held;
      }
    }
    if (page.size() < kPage) break;
  }
  for (const auto& [user_id, user] : replayed_) {
    Differs(kCheckAllowance, user_id, "no user", "a user, as usages are booked for them");
  }
  return absl::OkStatus();
}

// --- Calls in progress ----------------------------------------------------------------

absl::Status Audit::CheckHolds() {
  absl::int128 held = 0;
  absl::int128 accrued = 0;
  int64_t count = 0;
  int64_t after = 0;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> page,
                             storage::ListHolds(connection_, account_.account_id, after,
                                                /*state=*/std::nullopt, kPage));
    RESERVE_RETURN_IF_ERROR(lines_.ReadFor(catalog_, decks_, page));
    for (const domain::Hold& hold : page) {
      after = hold.slot;
      ++count;
      held += hold.held;
      accrued += hold.accrued;
      CheckHold(hold);
    }
    if (page.size() < kPage) break;
  }
  if (held != account_.held || accrued != account_.accrued || count != live_holds_) {
    Differs(kCheckHolds, "",
            absl::StrCat(live_holds_, " holds, ", FormatDecimal(account_.held), " held, ",
                         FormatDecimal(account_.accrued), " accrued"),
            absl::StrCat(count, " holds, ", Text(held), " nano-units held, ", Text(accrued),
                         " accrued"));
  }
  return absl::OkStatus();
}

void Audit::CheckHold(const domain::Hold& hold) {
  if (hold.free_seconds > 0) held_seconds_[{hold.user_id, hold.free_period}] += hold.free_seconds;
  if (!hold.open() && hold.used <= absl::ZeroDuration()) {
    Differs(kCheckHolds, hold.hold_id, "nothing reported", "an end, as there is nothing to settle");
  }
  absl::StatusOr<domain::Hold> again = PriceHold(hold, hold.price_time);
  if (hold.create_time < hold.price_time && !(again.ok() && *again == hold)) {
    // A hold only promises: it went by what was known of its plan when it was made (K4).
    again = PriceHold(hold, hold.create_time);
  }
  if (!again.ok()) {
    Differs(kCheckHolds, hold.hold_id, HeldText(hold), std::string(again.status().message()));
  } else if (!(*again == hold)) {
    Differs(kCheckHolds, hold.hold_id, HeldText(hold), HeldText(*again));
  }
}

// H11: by the terms of its plan in force at `time`, and the line that it has been priced by since
// it was made or answered (H7).
absl::StatusOr<domain::Hold> Audit::PriceHold(const domain::Hold& hold, absl::Time time) const {
  const Plan* plan = plans_.Find(hold.plan_id, time);
  if (plan == nullptr) return absl::NotFoundError("a plan that exists");
  std::optional<Rate> rate;
  if (hold.deck_version != 0) {
    rate = lines_.Find(hold.deck_version, UsageOf(hold));
    if (!rate.has_value()) return absl::NotFoundError("a deck with a line for its number");
  }
  return domain::PricedAgain(hold, *plan, rate.has_value() ? &*rate : nullptr);
}

void Audit::CheckHeldSeconds() {
  for (const auto& [key, missing] : held_seconds_) {
    if (missing == 0) continue;
    Differs(kCheckHolds, key.first,
            absl::StrCat("an allowance of period ", key.second, " with ", -missing,
                         " s more held than by holds"),
            "as much as its holds hold");
  }
}

absl::Status Audit::CheckEvents() {
  int64_t last = 0;
  int64_t after = INT64_MIN;
  std::optional<AccountState> state;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<Event> page,
                             storage::ListEvents(connection_, account_.account_id, after, kPage));
    for (const Event& event : page) {
      ++findings_.events;
      limits_.TakeUpEvent(event);
      if (event.event_seq != last + 1) {
        Differs(kCheckEventGap, absl::StrCat(event.event_seq),
                absl::StrCat(event.event_seq, " after ", last), absl::StrCat(last + 1));
      }
      last = event.event_seq;
      after = event.event_seq;
      state = event.state;
    }
    if (page.size() < kPage) break;
  }
  if (account_.last_event_seq != last) {
    Differs(kCheckLastEvent, "", absl::StrCat(account_.last_event_seq), absl::StrCat(last));
  }
  if (state.has_value() && *state != account_.state) {
    Differs(kCheckState, "", StateName(account_.state),
            absl::StrCat(StateName(*state), ", the state after event ", last));
  }
  return absl::OkStatus();
}

void Audit::CheckClosing() {
  const domain::Closing& closing = account_.closing;
  if (-paid_out_ != closing.owed || written_off_ != closing.written_off) {
    Differs(kCheckClosing, "",
            absl::StrCat(FormatDecimal(closing.owed), " owed, ", FormatDecimal(closing.written_off),
                         " written off"),
            absl::StrCat(Text(-paid_out_), " and ", Text(written_off_)));
  }
  if (closing.paid_out < 0 || closing.paid_out > closing.owed) {
    Differs(kCheckClosing, "", absl::StrCat(FormatDecimal(closing.paid_out), " paid out"),
            absl::StrCat("at most ", FormatDecimal(closing.owed), ", which is owed"));
  }
  if (account_.ends() != closing.begun() ||
      account_.closed() != (closing.close_time != absl::InfinitePast())) {
    Differs(kCheckClosing, "", StateName(account_.state), "a state as its closing is");
  }
  if (!account_.closed()) return;
  if (account_.balance != 0) {
    Differs(kCheckClosing, "", absl::StrCat(FormatDecimal(account_.balance), " left"), "0");
  }
  if (account_.open_ordinal != 0) {
    Differs(kCheckClosing, absl::StrCat(account_.open_ordinal), "an open recharge",
            "none, as it is CLOSED");
  }
}

void Audit::CheckAccount() {
  if (!IsCurrency(account_.currency)) {
    Differs(kCheckCurrency, "", account_.currency, "a currency of ISO 4217");
  }
  const std::string stored =
      absl::StrCat(StateName(account_.state), " at ", FormatDecimal(account_.balance));
  // How far below zero it may go where something else is in the way is a setting of the ledger's.
  const bool hopeless = domain::DisablesAtZero(domain::FirstObstacle(account_));
  if (account_.state == AccountState::kActive && account_.effective_balance() <= 0 && hopeless) {
    Differs(kCheckState, "", stored, "DISABLED, as the reserve can't be refilled");
  } else if (account_.state == AccountState::kDisabled && account_.balance > 0) {
    Differs(kCheckState, "", stored, "ACTIVE, as the balance is above zero");
  } else if (account_.state == AccountState::kPendingFunding && any_succeeded_) {
    Differs(kCheckState, "", stored, "ACTIVE, as a recharge succeeded");
  } else if (account_.state == AccountState::kPendingFunding && payments_ > 0 &&
             account_.balance >= account_.reserve_amount) {
    Differs(kCheckState, "", stored, "ACTIVE, as payments have funded it");
  }
}

}  // namespace

void Findings::Add(Difference difference) {
  ++difference_count;
  if (differences.size() < kMaxDifferences) differences.push_back(std::move(difference));
}

namespace {

// `move`: null, or to be filled.
absl::Status Verify(storage::Connection& connection, absl::string_view account_id,
                    storage::HeadMove* move, Findings* findings) {
  const auto verify = [&]() -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(std::vector<Account> accounts,
                             storage::LoadAccounts(connection, {account_id}));
    RESERVE_ASSIGN_OR_RETURN(const std::vector<book::Balance> balances,
                             storage::LoadBalances(connection, {account_id}, storage::Lock::kNone));
    if (accounts.empty() || balances.empty()) return domain::AccountNotFound(account_id);
    findings->head = balances.front().head;
    if (move != nullptr) move->version = balances.front().version;
    RESERVE_ASSIGN_OR_RETURN(storage::Connection* const catalog, connection.Aside());
    return Audit(connection, *catalog, std::move(accounts.front()), balances.front(), move,
                 findings)
        .Run();
  };
  RESERVE_RETURN_IF_ERROR(connection.BeginSnapshot(kTables, account_id, kOtherTables));
  const absl::Status status = verify();
  connection.EndSnapshot();
  return status;
}

}  // namespace

absl::Status VerifyAccount(storage::Connection& connection, absl::string_view account_id,
                           Findings* findings) {
  return Verify(connection, account_id, /*move=*/nullptr, findings);
}

absl::Status VerifyForHead(storage::Connection& connection, storage::HeadMove* move,
                           Findings* findings) {
  return Verify(connection, move->head.account_id, move, findings);
}

}  // namespace reserve::audit
