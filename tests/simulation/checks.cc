#include "tests/simulation/checks.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/book/month_span.h"
#include "worker/charge_key.h"

namespace reserve::simulation {
namespace {

using domain::AccountState;
using domain::CardState;
using domain::Entry;
using domain::EntryKind;
using domain::Event;
using domain::EventKind;
using domain::Recharge;
using domain::RechargeState;

// Two ledgers whose clocks are an hour off, each its own way, differ by so much.
constexpr absl::Duration kClocksApart = absl::Hours(2);

std::string NameOf(const Recharge& recharge) {
  return absl::StrCat(recharge.is_payment() ? "payment " : "recharge ", recharge.account_id, "/",
                      recharge.ordinal);
}

bool CardUsable(const domain::Account& a) {
  return std::any_of(a.payment_methods.begin(), a.payment_methods.end(),
                     [](const auto& method) { return method.state == CardState::kUsable; });
}
bool Capped(const domain::Account& a) { return a.due.capped(); }

// Does anything but a card keep it from being recharged by itself (D2, G12)?
bool InTheWay(const domain::Account& a) {
  return a.blocked() || a.set_aside > 0 || Capped(a) || a.taken_back.waits() ||
         (a.state != AccountState::kPendingFunding &&
          (a.automatic_off || a.alarm.rings() ||
           a.suspension.reason != domain::SuspensionReason::kNone));
}

// Is it only that staff took money back? That disables nobody (G12).
bool OnlyTakenBack(domain::Account a) {
  a.taken_back = {};
  return !InTheWay(a);
}

}  // namespace

// --- Writes -------------------------------------------------------------------------

void Checks::BeforeWrite(const AccountRows& rows, const AccountWrite& write) {
  const auto declined =
      std::count_if(write.reports.begin(), write.reports.end(), [&](const AppliedReport& report) {
        return report.outcome.kind == domain::ChargeOutcome::Kind::kDeclined &&
               !rows.recharges.at(report.ordinal).recharge.is_refund();
      });
  given_back_.BeforeWrite(rows, write);
  holds_.BeforeWrite(rows, write);
  if (static_cast<size_t>(declined) != write.declines.size()) {
    scene_.Fail("each decline is counted for its card", write.balance.account_id);
  }
  for (const domain::CardDecline& decline : write.declines) {
    declines_[decline.card_fingerprint].push_back(decline.time);
  }
  for (const AppliedReport& report : write.reports) {
    const auto found = rows.recharges.find(report.ordinal);
    if (found == rows.recharges.end()) continue;
    const Recharge& recharge = found->second.recharge;
    if (report.outcome.kind == domain::ChargeOutcome::Kind::kSucceeded) continue;
    if (report.outcome.lease_epoch != recharge.lease_epoch) {
      scene_.Fail("only a success is taken without the lease",
                  absl::StrCat(NameOf(recharge), " was changed by a report of epoch ",
                               report.outcome.lease_epoch, " under lease ", recharge.lease_epoch));
    }
  }
}

void Checks::AfterWrite(const AccountRows& rows) {
  SeenAccount& seen = accounts_[rows.account.account_id];
  seen.may_be_funded = false;
  NoteFunding(rows, &seen);
  CheckCalendar(rows, &seen);
  CheckEntries(rows, &seen);
  seen.reserve_amount = rows.account.reserve_amount;
  CheckEvents(rows, &seen);
  holds_.AfterWrite(rows, [&seen](const std::string& usage_id) { return seen.Took(usage_id); });
  given_back_.AfterWrite(rows, seen.card_lifted);
  CheckRecharges(rows, &seen);
  CheckClosing(rows, &seen);
  CheckState(rows, &seen);
}

void Checks::CheckEntries(const AccountRows& rows, SeenAccount* seen) {
  for (; seen->entries < rows.entries.size(); ++seen->entries) {
    const Entry& entry = rows.entries[seen->entries];
    const auto expected = static_cast<int64_t>(seen->entries) + 1;
    if (entry.seq != expected) {
      return scene_.Fail("entries are numbered without gaps",
                         absl::StrCat(rows.account.account_id, ": entry ", expected,
                                      " has the number ", entry.seq));
    }
    seen->balance += entry.amount;
    if (entry.balance_after != seen->balance) {
      return scene_.Fail("the balance is the sum of the entries",
                         absl::StrCat(rows.account.account_id, ": after entry ", entry.seq, " ",
                                      FormatDecimal(entry.balance_after), " is stored, the sum is ",
                                      FormatDecimal(seen->balance)));
    }
    const bool is_old = entry.chain_form == domain::ChainForm::kFixed;
    if (is_old && expected > 1 &&
        rows.entries[seen->entries - 1].chain_form == domain::ChainForm::kTagged) {
      scene_.Count(Happening::kOldFormAfterNew);
    }
    const domain::NumberKey* key = nullptr;
    if (book::NeedsNumberKey(entry)) {
      const domain::Usage& usage = entry.booked->usage;
      const auto found =
          rows.number_keys.find({usage.user_id, book::YearOfNumberKey(usage.start_time)});
      if (found == rows.number_keys.end()) {
        return scene_.Fail("the key of each number is stored", usage.usage_id);
      }
      key = &found->second;
    }
    seen->head = book::ChainedHash(seen->head, entry, key);
    if (entry.hash != seen->head) {
      return scene_.Fail("each entry carries the hash of all before it",
                         absl::StrCat(rows.account.account_id, ": entry ", entry.seq));
    }
    CheckGrants(entry, seen);
    if (domain::IsOfUsage(entry.kind)) CheckUsageEntry(rows, entry, seen);
    if (scene_.failed()) return;
    if (entry.kind == EntryKind::kRecharge) CheckCredit(entry, seen);
    CheckPayment(rows, entry, seen);
    CheckClosingEntry(entry, seen);
    NoteFunding(rows, seen);
    given_back_.OnEntry(entry);
    if (entry.kind == EntryKind::kAdjustment && ++seen->adjustments[entry.request_id] > 1) {
      return scene_.Fail("a request is carried out once", entry.request_id);
    }
  }
  CheckSums(rows, *seen);
}

// What the rows beside the entries say is what comes of the entries.
void Checks::CheckSums(const AccountRows& rows, const SeenAccount& seen) {
  if (rows.account.balance != seen.balance ||
      rows.account.last_seq != static_cast<int64_t>(seen.entries)) {
    return scene_.Fail(
        "the balance is the sum of the entries",
        absl::StrCat(rows.account.account_id, " has ", FormatDecimal(rows.account.balance),
                     " at entry ", rows.account.last_seq, ", its entries ",
                     FormatDecimal(seen.balance), " at entry ", seen.entries));
  }
  for (const auto& [number, left] : seen.grants) {
    const auto& grants = rows.account.grants;
    const auto kept = std::find_if(grants.begin(), grants.end(),
                                   [of = number](const auto& grant) { return grant.number == of; });
    if (left != (kept == grants.end() ? 0 : kept->remaining)) {
      scene_.Fail(
          "what is left of a grant is what the entries say",
          absl::StrCat(rows.account.account_id, ": grant ", number, ", ", FormatDecimal(left)));
    }
  }
  if (rows.balance.head != seen.head) {
    scene_.Fail("the account knows the hash of its last entry", rows.account.account_id);
  }
  for (const auto& [allowance, taken] : seen.free_seconds) {
    const auto user = rows.users.find(allowance.first);
    if (user == rows.users.end() || user->second.SecondsUsed(allowance.second) != taken) {
      scene_.Fail("the allowance holds what the calls left", allowance.first);
    }
  }
}

// "Drawn on for no more than it has, given back to, ended once."
void Checks::CheckGrants(const Entry& entry, SeenAccount* seen) {
  if (entry.kind == EntryKind::kGrant) {
    scene_.Count(Happening::kCreditGranted);
    if (!seen->grants.emplace(entry.grant.number, entry.amount).second) {
      scene_.Fail("a grant is booked once", entry.request_id);
    }
    return;
  }
  if (entry.kind == EntryKind::kGrantEnded) {
    scene_.Count(Happening::kCreditEnded);
    // In parts, where a hold needs some of it: the rows say what is kept then (CheckSums).
    Nanos& left = seen->grants[entry.grant.number];
    left += entry.amount;
    if (left < 0 || entry.amount >= 0) {
      scene_.Fail("a grant ends with what is left of it", absl::StrCat(entry.grant.number));
    }
    if (left > 0) scene_.Count(Happening::kGrantEndedInPart);
    return;
  }
  for (const domain::GrantDraw& back : domain::DrawsFrom(entry.grant.returned)) {
    seen->grants[back.number] += back.amount;
  }
  if (entry.kind == EntryKind::kVoid) seen->draws.erase(domain::UsageIdOf(entry));
  if (!entry.booked.has_value()) return;
  std::string& drawn = seen->draws[entry.booked->usage.usage_id];
  for (const domain::GrantDraw& back : domain::DrawsFrom(drawn)) {
    seen->grants[back.number] += back.amount;
  }
  drawn = entry.booked->grant_draws;
  for (const domain::GrantDraw& draw : domain::DrawsFrom(drawn)) {
    if ((seen->grants[draw.number] -= draw.amount) < 0) {
      scene_.Fail("no more is drawn than a grant has", entry.booked->usage.usage_id);
    }
  }
}

// "Booked once, rated once, taken back once, for what it cost." Of an estimate, also replaced once.
void Checks::CheckUsageEntry(const AccountRows& rows, const Entry& entry, SeenAccount* seen) {
  if (entry.kind == EntryKind::kVoid) return CheckVoid(entry, seen);
  const std::string& usage_id = domain::UsageIdOf(entry);
  const domain::Rating& rating = entry.booked->rating;
  if (entry.kind == EntryKind::kUsage) CheckBooking(entry, seen);
  if (scene_.failed()) return;
  if (seen->voided.count(usage_id) > 0) {
    return scene_.Fail("a voided usage is not booked again", usage_id);
  }
  if (entry.kind == EntryKind::kRating) {
    const domain::BookedUsage& booked = *entry.booked;
    const bool waited = seen->waiting.erase(usage_id) > 0;
    scene_.Count(waited ? Happening::kUsageRated : Happening::kUsageRatedAgain);
    if (!waited && rows.usage_states.at(usage_id).rerating == 0) {
      return scene_.Fail("what waits for its price is rated once", usage_id);
    }
    if (booked.previous_cost != seen->costs[usage_id] ||
        entry.amount != booked.previous_cost - rating.cost) {
      return scene_.Fail("a later rating books the difference to the one before", usage_id);
    }
    if (booked.previous_free_seconds > 0) {
      seen->free_seconds[{booked.usage.user_id, booked.previous_free_period}] -=
          booked.previous_free_seconds;
    }
  } else if (rating.basis == domain::ChargeBasis::kUnrated) {
    scene_.Count(Happening::kUsageUnrated);
    seen->waiting.insert(usage_id);
  }
  CheckPlan(rows, entry);
  seen->costs[usage_id] = rating.cost;
  if (rating.free_seconds_taken > 0) CheckDrawn(rows, entry, seen);
}

// K4: by the plan that its user was on at its start, and that plan's version in force then.
void Checks::CheckPlan(const AccountRows& rows, const Entry& entry) {
  const domain::BookedUsage& booked = *entry.booked;
  const domain::Rating& rating = booked.rating;
  const absl::Time start = booked.usage.start_time;
  const auto user = rows.users.find(booked.usage.user_id);
  if (rating.unrated() || rating.plan_id.empty() || user == rows.users.end()) return;
  std::string plan = user->second.plan_id;
  for (const domain::EarlierPlan& earlier : user->second.earlier_plans.All()) {
    if (start >= earlier.until) continue;
    plan = earlier.plan_id;
    break;
  }
  if (rating.plan_id != plan) {
    return scene_.Fail("K4: a usage is on the plan of its start",
                       absl::StrCat(booked.usage.usage_id, " on ", rating.plan_id, ", not ", plan));
  }
  if (!user->second.earlier_plans.All().empty() &&
      start >= user->second.earlier_plans.All().front().until) {
    scene_.Count(Happening::kOnAnotherPlan);
  }
  if (plan != kVersionedPlan) return;
  const bool later = start >= LaterVersionFrom();
  const auto wrong =
      later ? domain::ChargeBasis::kMeteredStandard : domain::ChargeBasis::kUnlimitedStandard;
  if (rating.basis == wrong) {
    return scene_.Fail("K4: a usage is by its plan's version at its start", booked.usage.usage_id);
  }
  if (later) scene_.Count(Happening::kOnALaterVersion);
}

void Checks::CheckCalendar(const AccountRows& rows, SeenAccount* seen) {
  const auto changes = rows.account.calendar.Changes();
  const std::vector<domain::CalendarChange>& before = seen->changes;
  if (changes.size() < before.size() ||
      !std::equal(before.begin(), before.end(), changes.begin())) {
    return scene_.Fail("C8: the rules of before are kept", rows.account.account_id);
  }
  seen->changes.assign(changes.begin(), changes.end());
}

// C8: the month of the plan in which a usage began, by the calendar as it was when it was booked.
int32_t Checks::PeriodOf(const AccountRows& rows, const Entry& entry, SeenAccount* seen) {
  const std::string& plan = entry.booked->rating.plan_id;
  if (plan != "monthly" && plan != "by_billing_day") return 0;
  if (!seen->calendar.has_value()) {
    seen->calendar.emplace(scene_.now() - absl::Hours(24 * 40), rows.account.calendar.first);
  }
  for (; seen->known_changes < seen->changes.size(); ++seen->known_changes) {
    const domain::CalendarChange& change = seen->changes[seen->known_changes];
    if (change.after_seq >= entry.seq) break;
    seen->calendar->Change(change.time, change.rule);
    scene_.Count(Happening::kCalendarChanged);
  }
  const domain::CalendarUnit unit =
      plan == "monthly" ? domain::CalendarUnit::kMonth : domain::CalendarUnit::kBillingMonth;
  const int32_t date = seen->calendar->At(unit, entry.booked->usage.start_time).begin_date;
  return date % 100 == 1 ? date / 100 : date;
}

// C8: on the allowance of the month in which it began, where the account is.
void Checks::CheckDrawn(const AccountRows& rows, const Entry& entry, SeenAccount* seen) {
  const domain::BookedUsage& booked = *entry.booked;
  const domain::Rating& rating = booked.rating;
  const int32_t period = PeriodOf(rows, entry, seen);
  if (rating.free_period != period) {
    return scene_.Fail("C8: a usage draws on the allowance of its own month",
                       booked.usage.usage_id);
  }
  const std::string& user_id = booked.usage.user_id;
  for (const auto& [other, taken] : seen->free_seconds) {
    if (other.first == user_id && other.second != period && taken > 0) {
      scene_.Count(Happening::kNextMonthsAllowance);
    }
  }
  seen->free_seconds[{user_id, period}] += rating.free_seconds_taken;
}

void Checks::CheckVoid(const Entry& entry, SeenAccount* seen) {
  const std::string& usage_id = domain::UsageIdOf(entry);
  scene_.Count(entry.voided.in_advance ? Happening::kVoidedInAdvance : Happening::kUsageVoided);
  if (!seen->voided.insert(usage_id).second) {
    return scene_.Fail("a usage is voided once", usage_id);
  }
  if (entry.voided.in_advance == (seen->usages.count(usage_id) > 0)) {
    return scene_.Fail("only what was not booked is voided in advance", usage_id);
  }
  if (entry.amount != std::exchange(seen->costs[usage_id], 0)) {
    return scene_.Fail("a void gives back what the usage cost", usage_id);
  }
  seen->waiting.erase(usage_id);
  if (entry.voided.free_seconds > 0) {
    seen->free_seconds[{seen->usages.at(usage_id), entry.voided.free_period}] -=
        entry.voided.free_seconds;
  }
}

// A CDR takes the place of its estimate once that was voided, by itself or by somebody before.
void Checks::CheckBooking(const Entry& entry, SeenAccount* seen) {
  const domain::BookedUsage& booked = *entry.booked;
  const std::string& usage_id = booked.usage.usage_id;
  const auto [user, fresh] = seen->usages.try_emplace(usage_id, booked.usage.user_id);
  if (booked.replaces_estimate()) {
    if (seen->estimates.erase(usage_id) == 0 || !seen->replaced.insert(usage_id).second) {
      return scene_.Fail("H12: an estimate is replaced once", usage_id);
    }
    if (seen->voided.erase(usage_id) == 0) {
      return scene_.Fail("H12: an estimate is voided before it is replaced", usage_id);
    }
    user->second = booked.usage.user_id;
    scene_.Count(Happening::kEstimateReplaced);
  } else if (!fresh) {
    return scene_.Fail("a usage is booked once", usage_id);
  }
  if (!booked.estimated) return;
  seen->estimates.insert(usage_id);
  scene_.Count(Happening::kUsageEstimated);
  holds_.OnEstimate(entry);
}

// "Credited only if charged, and exactly once."
void Checks::CheckCredit(const Entry& entry, SeenAccount* seen) {
  const std::string name = absl::StrCat(entry.account_id, "/", entry.recharge_ordinal);
  if (++seen->recharges[entry.recharge_ordinal].credits > 1) {
    return scene_.Fail("a recharge is credited once", name);
  }
  seen->funded = true;
  const auto charged = gateway_.charges().find({entry.account_id, entry.recharge_ordinal});
  if (charged == gateway_.charges().end()) {
    return scene_.Fail("only what was charged is credited", name);
  }
  const Nanos captured = CapturedOf(charged->second.front());
  if (captured != entry.amount) {
    scene_.Fail("what was charged is credited",
                absl::StrCat(name, ": ", FormatDecimal(captured), " was charged, ",
                             FormatDecimal(entry.amount), " credited"));
  }
}

// One charge is credited once on an account (G4), and a payment taken back once (P5).
void Checks::CheckPayment(const AccountRows& rows, const Entry& entry, SeenAccount* seen) {
  const bool reversal = entry.kind == EntryKind::kPaymentReversed;
  if (entry.kind != EntryKind::kRecharge && entry.kind != EntryKind::kPayment && !reversal) return;
  const Recharge& row = rows.recharges.at(entry.recharge_ordinal).recharge;
  SeenRecharge& credited = seen->recharges[entry.recharge_ordinal];
  if (entry.kind == EntryKind::kPayment) {
    ++seen->payments;
    ++credited.credits;
    scene_.Count(Happening::kPaid);
  }
  if (reversal) {
    --seen->payments;
    scene_.Count(Happening::kPaymentReversed);
    if (++credited.reversals > 1) scene_.Fail("a payment is taken back once", NameOf(row));
  }
  if (entry.amount != (reversal ? -row.credited : row.credited)) {
    scene_.Fail("an entry has the amount of what it credits", NameOf(row));
  }
  if (row.charge_id.empty()) return;
  int& credits = seen->credits[row.charge_id];
  credits += reversal ? -1 : 1;
  if (credits > 1) scene_.Fail("a charge is credited once", row.charge_id);
}

// P5: may own money, payments among it, have funded the account?
void Checks::NoteFunding(const AccountRows& rows, SeenAccount* seen) {
  const Nanos reserve_amount = std::min(seen->reserve_amount, rows.account.reserve_amount);
  Nanos own = seen->balance;
  for (const auto& [number, left] : seen->grants) own -= left;
  if (seen->payments > 0 && own >= reserve_amount) seen->may_be_funded = true;
}

// P4: what is owed and written off is said by the account as by the entries, no usage is booked
// once money goes back, nothing is charged, and closed is nothing left, for ever.
void Checks::CheckClosingEntry(const Entry& entry, SeenAccount* seen) {
  if (domain::IsOfUsage(entry.kind) && seen->facts_are_over) {
    scene_.Fail("P4: no usage is booked once money goes back", domain::UsageIdOf(entry));
  }
  if (entry.kind == EntryKind::kPayout) {
    seen->owed -= entry.amount;
    scene_.Count(Happening::kPayoutOwed);
  }
  if (entry.kind == EntryKind::kWriteOff) {
    seen->written_off += entry.amount;
    scene_.Count(Happening::kWrittenOff);
  }
}

void Checks::CheckClosing(const AccountRows& rows, SeenAccount* seen) {
  const domain::Account& a = rows.account;
  const auto wrong = [&](absl::string_view check) { scene_.Fail(check, a.account_id); };
  if (seen->owed != a.closing.owed || seen->written_off != a.closing.written_off) {
    wrong("P4: the account knows what is owed and written off");
  }
  if (seen->facts_are_over && a.closing.takes_facts()) wrong("P4: closing goes on only");
  seen->facts_are_over = !a.closing.takes_facts();
  if (a.closing.begun() != a.ends()) wrong("P4: an account is never opened again");
  if (!a.ends()) return;
  const auto open = rows.recharges.find(a.open_ordinal);
  if (open != rows.recharges.end() && open->second.recharge.waits()) {
    wrong("P4: nothing waits to be charged");
  }
  if (a.closed() && (a.balance != 0 || a.open_ordinal != 0)) wrong("P4: closed is nothing left");
}

void Checks::CheckEvents(const AccountRows& rows, SeenAccount* seen) {
  // D4: whatever the state becomes, the last event that tells of a state says so.
  AccountState told = seen->state;
  seen->card_lifted = false;
  for (; seen->events < rows.events.size(); ++seen->events) {
    const Event& event = rows.events[seen->events];
    if (event.event_seq != static_cast<int64_t>(seen->events) + 1) {
      return scene_.Fail("events are numbered without gaps", rows.account.account_id);
    }
    if (event.kind == EventKind::kEnabled) told = AccountState::kActive;
    if (event.kind == EventKind::kDisabled) told = AccountState::kDisabled;
    if (event.kind == EventKind::kAccountClosing) told = AccountState::kClosing;
    if (event.kind == EventKind::kAccountClosed) {
      told = AccountState::kClosed;
      scene_.Count(Happening::kAccountClosed);
    }
    if (event.kind == EventKind::kMoneyAfterClosing) scene_.Count(Happening::kMoneyAfterClosing);
    if (event.kind == EventKind::kDisabled) scene_.Count(Happening::kDisabled);
    if (event.kind == EventKind::kCapReached) scene_.Count(Happening::kCapReached);
    if (event.kind == EventKind::kRefundCanceled) scene_.Count(Happening::kRefundCanceled);
    if (event.kind == EventKind::kSuspensionLifted) scene_.Count(Happening::kSuspensionLifted);
    if (event.kind == EventKind::kLimitReached) scene_.Count(Happening::kLimitReached);
    if (event.kind == EventKind::kLimitLifted) scene_.Count(Happening::kLimitLifted);
    if (event.kind == EventKind::kLimitReached) seen->alarms.insert(event.user_id);
    if (event.kind == EventKind::kLimitLifted) {
      seen->alarms.erase("");
      seen->alarms.erase(event.user_id);
      if (event.user_id.empty()) seen->alarms.clear();
    }
    if (event.kind == EventKind::kCardDisputeLifted) {
      seen->card_lifted = true;
      scene_.Count(Happening::kCardDisputeLifted);
    }
    if (event.kind == EventKind::kHoldExpired) scene_.Count(Happening::kHoldExpired);
    if (event.kind == EventKind::kHoldUnsettled) scene_.Count(Happening::kHoldUnsettled);
    if (event.kind == EventKind::kCardLimitReached) scene_.Count(Happening::kCardLimitReached);
  }
  if (rows.account.alarm.rings() == seen->alarms.empty()) {
    scene_.Fail("L4: a limit that is reached stands until it is lifted", rows.account.account_id);
  }
  for (const auto& [user_id, user] : rows.users) {
    if (user.alarm.rings() != (seen->alarms.count(user_id) > 0)) {
      scene_.Fail("L4: a user's limit stands as long as the account's alarm rings for it", user_id);
    }
  }
  if (rows.account.state != told) {
    scene_.Fail("each change of state is an event", rows.account.account_id);
  }
  seen->state = rows.account.state;
}

void Checks::CheckRecharges(const AccountRows& rows, SeenAccount* seen) {
  int open = 0;
  int set_aside = 0;
  for (const auto& [ordinal, row] : rows.recharges) {
    CheckRecharge(rows, row.recharge, seen);
    if (!row.recharge.open() || row.recharge.is_refund()) continue;
    if (row.recharge.set_aside) {
      ++set_aside;
      continue;
    }
    ++open;
    if (rows.account.open_ordinal != ordinal) {
      scene_.Fail("the account knows its open recharge", NameOf(row.recharge));
    }
  }
  if (open > 1 || (open == 0 && rows.account.open_ordinal != 0)) {
    scene_.Fail("at most one recharge is open",
                absl::StrCat(rows.account.account_id, ": ", open, " are"));
  }
  if (rows.account.set_aside != set_aside) {
    scene_.Fail("the account knows how many recharges are set aside", rows.account.account_id);
  }
}

void Checks::CheckRecharge(const AccountRows& rows, const Recharge& recharge,
                           SeenAccount* account) {
  SeenRecharge& seen = account->recharges[recharge.ordinal];
  if (seen.attempt == 0) {
    seen.is_refund = recharge.is_refund();
    seen.amount = recharge.amount;
    seen.card = recharge.card;
    if (!recharge.request_id.empty()) {
      const auto [top_up, fresh] =
          account->top_ups.try_emplace(recharge.request_id, recharge.ordinal);
      if (!fresh) {
        scene_.Fail("a request is carried out once",
                    absl::StrCat(recharge.request_id, " opened ", top_up->second, " and ",
                                 recharge.ordinal));
      }
    }
  }
  // Until it is handed out an attempt follows the account (G1).
  const bool begun = seen.begun_attempt == recharge.attempt;
  if (begun && recharge.amount != seen.amount) {
    scene_.Fail("the amount of an attempt that was begun is frozen", NameOf(recharge));
  }
  if (recharge.attempt < seen.attempt || recharge.lease_epoch < seen.epoch) {
    scene_.Fail("attempts and epochs only grow", NameOf(recharge));
  }
  if (begun && !(recharge.card == seen.card)) {
    scene_.Fail("an attempt that was begun keeps its card", NameOf(recharge));
  }
  if (recharge.in_flight() && recharge.attempt != seen.begun_attempt) {
    seen.begun_attempt = recharge.attempt;
    if (!recharge.is_refund()) CheckBegun(rows, recharge);
  }
  if (recharge.state != seen.state) CheckReview(recharge);
  if (recharge.holds_credit() && seen.credits != 1) {
    scene_.Fail("a recharge that succeeded is credited", NameOf(recharge));
  }
  if (recharge.credited_as != 0) {
    if (seen.credits != 0) scene_.Fail("a charge is credited once", NameOf(recharge));
    if (seen.state != recharge.state) scene_.Count(Happening::kPaidBeforeReported);
    account->funded = true;
  }
  if (recharge.is_payment() &&
      (recharge.state == RechargeState::kReversed) != (seen.reversals == 1)) {
    scene_.Fail("a payment says whether it was taken back", NameOf(recharge));
  }
  if (recharge.state == RechargeState::kCanceled && begun) {
    scene_.Fail("what may have been sent is not canceled", NameOf(recharge));
  }
  seen.attempt = recharge.attempt;
  seen.amount = recharge.amount;
  seen.epoch = recharge.lease_epoch;
  seen.card = recharge.card;
  seen.state = recharge.state;
}

// An attempt to charge a card is handed out for the first time.
void Checks::CheckBegun(const AccountRows& rows, const Recharge& recharge) {
  CheckCardLimits(recharge);
  given_back_.OnBegun(recharge);
  const bool by_itself = recharge.kind != domain::RechargeKind::kTopUp;
  for (const int64_t pending : gateway_.PendingOf(recharge.account_id)) {
    if (pending == recharge.ordinal) continue;  // OnChargeSent
    if (by_itself) {
      scene_.Fail("G3: nothing is charged by itself beside a pending charge",
                  absl::StrCat(NameOf(recharge), " is, beside ", pending));
    }
    scene_.Count(Happening::kTopUpBesidePending);
  }
  if (!by_itself) return;
  for (const auto& [ordinal, row] : rows.recharges) {
    const Recharge& paid = row.recharge;
    const bool in_part = paid.state == RechargeState::kSucceeded && !paid.is_refund() &&
                         !paid.is_payment() && paid.credited < paid.amount;
    const bool same_card = paid.payment_method_id == recharge.payment_method_id &&
                           paid.card_given == recharge.card_given;
    if (!in_part || !same_card) continue;
    // By the clocks of the ledgers that credited the one and handed out the other; a due time is
    // stored in whole microseconds.
    const absl::Time rested = paid.end_time + settings_.partial_charge_wait;
    if (recharge.attempt_start + absl::Microseconds(1) <= rested) {
      scene_.Fail("G4: a card that paid in part is not charged by itself at once",
                  absl::StrCat(NameOf(recharge), " is, ",
                               absl::FormatDuration(recharge.attempt_start - paid.end_time),
                               " after ", ordinal));
    }
    scene_.Count(Happening::kChargedAfterRest);
  }
}

void Checks::CheckReview(const Recharge& recharge) {
  if (recharge.state != RechargeState::kNeedsReview) return;
  if (gateway_.PendingOf(recharge.account_id).count(recharge.ordinal) > 0) {
    scene_.Fail("G3: a pending charge is no review", NameOf(recharge));
  }
  scene_.Count(recharge.is_refund() ? Happening::kRefundNeedsReview : Happening::kNeedsReview);
  const absl::Duration age = scene_.now() - recharge.attempt_start;
  const ModelGateway::Truth* truth =
      gateway_.TruthOf(worker::ChargeKey(recharge.account_id, recharge.ordinal, recharge.attempt));
  const bool called_invalid = !recharge.is_refund() && truth != nullptr && truth->invalid;
  if (age < kKeyLifetime / 2 - kClocksApart && !called_invalid) {
    scene_.Fail("a person is only asked when there is no other way",
                absl::StrCat(NameOf(recharge), " needs review after ", absl::FormatDuration(age)));
  }
}

// G9, when an attempt is handed out for the first time. The cards here are of no known network
// and keep to all limits. What is under way on other accounts is not known yet: one attempt each.
void Checks::CheckCardLimits(const Recharge& recharge) {
  const std::vector<absl::Time>& declines = declines_[recharge.card.fingerprint];
  const auto under_way = static_cast<int64_t>(accounts_.size()) - 1;
  const auto keep = [&](int32_t limit, absl::Duration window) {
    const absl::Time since = scene_.now() - window + kClocksApart;
    const int64_t count = std::count_if(declines.begin(), declines.end(),
                                        [since](absl::Time time) { return time > since; });
    if (count < limit + under_way) return;
    scene_.Fail("a card is not tried more often than its network allows",
                absl::StrCat(NameOf(recharge), " is handed out after ", count, " declines of ",
                             recharge.card.fingerprint, " in ", absl::FormatDuration(window)));
  };
  keep(settings_.card_limits.mastercard_per_24_hours, absl::Hours(24));
  keep(settings_.card_limits.mastercard_per_30_days, absl::Hours(30 * 24));
  keep(settings_.card_limits.visa_per_30_days, absl::Hours(30 * 24));
}

void Checks::CheckState(const AccountRows& rows, SeenAccount* seen) {
  const domain::Account& a = rows.account;
  if (a.ends()) return;  // CheckClosing
  const auto wrong = [&](absl::string_view check) {
    scene_.Fail(check, absl::StrCat(a.account_id, " at ", FormatDecimal(a.balance),
                                    CardUsable(a) ? ", a usable card" : "", ", open recharge ",
                                    a.open_ordinal, InTheWay(a) ? ", something in the way" : ""));
  };
  const bool paid = seen->payments > 0 && a.own_balance() >= a.reserve_amount;
  const bool pending = a.state == AccountState::kPendingFunding;
  if (pending ? seen->funded || paid : !seen->funded && !seen->may_be_funded) {
    return wrong("O1: an account is pending until a recharge succeeds, or payments fund it");
  }
  if (!pending && !seen->funded) scene_.Count(Happening::kFundedByPayment);
  seen->funded = !pending;
  if (a.state == AccountState::kDisabled && a.balance > 0) {
    return wrong("D1: an account with money is not disabled");
  }
  const Nanos balance = a.balance + a.taken_back.amount;
  const bool stuck = !CardUsable(a) || a.suspension.reason != domain::SuspensionReason::kNone;
  if (a.state == AccountState::kActive && balance <= 0 && stuck) {
    return wrong("D1: an account without money and without a card that works is disabled");
  }
  const Nanos limit =
      std::min({a.reserve_amount, settings_.currencies.at("USD").max_automatic_amount_per_hour,
                settings_.currencies.at("USD").max_automatic_amount_per_day}) -
      kNanosPerCent;
  if (a.state == AccountState::kActive && balance <= -limit && InTheWay(a) && !OnlyTakenBack(a)) {
    return wrong("D2: behind a cap, a switch, a review or a block there is a debt limit");
  }
  const bool low =
      a.running_balance() < a.recharge_threshold || a.state == AccountState::kPendingFunding;
  if (low && CardUsable(a) && a.open_ordinal == 0 && !InTheWay(a)) {
    wrong("G1: a low balance with a usable card opens a recharge");
  }
}

// --- Charges and replies ---------------------------------------------------------------

void Checks::OnChargeSent(const worker::Task& task, const std::string& key) {
  const auto declined = [this](const std::string& sent) {
    const ModelGateway::Truth* truth = gateway_.TruthOf(sent);
    return truth != nullptr && !truth->in_work && !truth->pending &&
           (truth->refused || !truth->decided.empty()) &&
           std::none_of(truth->decided.begin(), truth->decided.end(),
                        [](const auto& answer) { return answer.succeeded; });
  };
  if (accounts_[task.account_id].recharges[task.ordinal].is_refund) {
    return scene_.Fail("a refund charges nothing",
                       absl::StrCat(task.account_id, "/", task.ordinal));
  }
  std::set<std::string>& keys = keys_sent_[{task.account_id, task.ordinal}];
  for (const std::string& other : keys) {
    // A straggler may send an older key once more: it hears what was decided.
    if (other == key || declined(other) || declined(key)) continue;
    scene_.Fail("no second key while the first one's outcome is unknown",
                absl::StrCat(task.account_id, "/", task.ordinal, ": ", key, " is sent, and ", other,
                             " was not declined"));
  }
  keys.insert(key);
}

void Checks::OnReply(const ModelDatabase& database, const std::string& account_id,
                     const book::Command& command, const absl::StatusOr<book::Reply>& reply) {
  const AccountRows* rows = database.Find(account_id);
  if (rows == nullptr) {
    if (reply.ok()) scene_.Fail("what was acknowledged is stored", account_id);
    return;
  }
  if (const auto* record = std::get_if<book::RecordUsage>(&command)) {
    if (reply.ok()) holds_.OnCdr(*rows, *record);
    return CheckUsageReply(*rows, record->usage, reply);
  }
  if (!reply.ok()) return;
  holds_.OnReply(*rows, command, *reply);
  const SeenAccount& seen = accounts_[account_id];
  // The CDR of an estimate that was voided may have come since.
  const auto voided = [&seen](const std::string& usage_id) {
    return seen.voided.count(usage_id) + seen.replaced.count(usage_id) > 0;
  };
  if (const auto* ask = std::get_if<book::VoidUsage>(&command)) {
    if (!voided(ask->usage_id)) {
      scene_.Fail("what was acknowledged is stored", ask->usage_id);
    }
  }
  if (const auto* ask = std::get_if<book::CorrectUsage>(&command)) {
    if (!voided(ask->correction.usage_id) ||
        seen.usages.count(ask->usage.usage_id) + seen.voided.count(ask->usage.usage_id) == 0) {
      scene_.Fail("what was acknowledged is stored", ask->usage.usage_id);
    }
  }
  if (const auto* adjust = std::get_if<book::AdjustBalance>(&command)) {
    if (seen.adjustments.count(adjust->request_id) == 0) {
      scene_.Fail("what was acknowledged is stored", adjust->request_id);
    }
  }
  if (const auto* ask = std::get_if<book::RequestRecharge>(&command)) {
    if (seen.top_ups.count(ask->request_id) == 0) {
      scene_.Fail("what was acknowledged is stored", ask->request_id);
    }
  }
  if (const auto* pay = std::get_if<book::RecordPayment>(&command)) {
    const auto& told = book::As<book::PaymentReply>(*reply);
    if (rows->requests.count(pay->request.request_id) == 0) {
      scene_.Fail("what was acknowledged is stored", pay->request.request_id);
    }
    if (!told.credited.is_payment()) scene_.Count(Happening::kReportedBeforePaid);
    if (!told.entry.has_value() || told.entry->recharge_ordinal != told.credited.ordinal) {
      scene_.Fail("a payment is answered with the entry that credits it", pay->request.request_id);
    }
  }
  if (const auto* reverse = std::get_if<book::ReversePayment>(&command)) {
    if (rows->requests.count(reverse->request_id) == 0) {
      scene_.Fail("what was acknowledged is stored", reverse->request_id);
    }
  }
  if (const auto* ask = std::get_if<book::RefundRecharge>(&command)) {
    if (seen.top_ups.count(ask->request.request_id) == 0) {
      scene_.Fail("what was acknowledged is stored", ask->request.request_id);
    }
  }
}

void Checks::CheckUsageReply(const AccountRows& rows, const domain::Usage& usage,
                             const absl::StatusOr<book::Reply>& reply) {
  const std::string& account_id = rows.account.account_id;
  const Entry* standing = FindStandingEntry(rows, usage.usage_id);
  const bool booked = standing != nullptr;
  // An estimate takes the id, and not the place of a CDR that is refused.
  const bool estimated = accounts_[account_id].estimates.count(usage.usage_id) > 0;
  const std::string name = absl::StrCat(account_id, ": usage ", usage.usage_id);
  if (!reply.ok()) {
    if (ReasonOf(reply.status()) == "USAGE_ID_REUSED") {
      if (!booked || standing->booked->usage == usage) {
        scene_.Fail("a usage id is only refused to other content", name);
      }
      return;
    }
    if (booked && !estimated) scene_.Fail("a usage that was refused is not booked", name);
    if (ReasonOf(reply.status()) == "USAGE_AFTER_CLOSING") {
      if (rows.account.closing.takes_facts()) scene_.Fail("U1: facts are booked", name);
      scene_.Count(Happening::kUsageAfterClosing);
    }
    refused_.emplace(account_id, usage.usage_id);
    return;
  }
  // A call for help is counted, where nothing is booked any more (C10, P4).
  if (!book::As<book::UsageReply>(*reply).booked && !rows.account.closing.takes_facts()) return;
  if (!booked) return scene_.Fail("an acknowledged usage is booked", name);
  const Entry& entry = *standing;
  const auto& told = book::As<book::UsageReply>(*reply);
  // It may have been voided, or rated, since it was told of.
  const auto state = rows.usage_states.find(usage.usage_id);
  const bool as_booked = told.cost == -entry.amount;
  const bool as_it_became =
      state != rows.usage_states.end() &&
      (told.cost == 0 || told.cost == state->second.cost || state->second.rerating != 0);
  if (told.seq != entry.seq || told.balance_after != entry.balance_after ||
      !(as_booked || as_it_became) ||
      (entry.booked.has_value() && !(entry.booked->usage == usage))) {
    scene_.Fail("a reply tells what is stored", name);
  }
  // Voided before it came: acknowledged, and never booked.
  if (!entry.booked.has_value()) return;
  acknowledged_.emplace(account_id, usage.usage_id);
}

// --- The end ---------------------------------------------------------------------------

void Checks::AtEnd(const ModelDatabase& database) {
  for (const auto& [account_id, rows] : database.accounts()) {
    if (!rows.exists()) continue;
    CheckAtEnd(rows);
    const SeenAccount& seen = accounts_[account_id];
    holds_.AtEnd(rows, [&seen](const std::string& usage_id) { return seen.Took(usage_id); });
  }
  given_back_.AtEnd(database);
  for (const auto& [account_id, usage_id] : acknowledged_) {
    if (accounts_[account_id].usages.count(usage_id) == 0) {
      scene_.Fail("an acknowledged usage is booked", usage_id);
    }
  }
  for (const auto& [account_id, usage_id] : refused_) {
    const SeenAccount& seen = accounts_[account_id];
    if (seen.usages.count(usage_id) > seen.estimates.count(usage_id)) {
      scene_.Fail("a usage that was refused is not booked", usage_id);
    }
  }
  for (const auto& [key, charges] : gateway_.charges()) {
    const AccountRows* rows = database.Find(key.first);
    const auto row = rows == nullptr ? std::map<int64_t, RechargeRow>::const_iterator()
                                     : rows->recharges.find(key.second);
    if (rows == nullptr || row == rows->recharges.end()) {
      scene_.Fail("what was charged is credited", absl::StrCat(key.first, "/", key.second));
      continue;
    }
    const Recharge& recharge = row->second.recharge;
    const bool credited = recharge.state == RechargeState::kSucceeded &&
                          recharge.charge_id == charges.front().charge_id;
    if (!credited && recharge.state != RechargeState::kNeedsReview) {
      scene_.Fail("what was charged is credited",
                  absl::StrCat(NameOf(recharge), ": charge ", charges.front().charge_id));
    }
  }
}

// P4: it is closed, unless a person has still to find something out.
void Checks::CheckClosedAtEnd(const AccountRows& rows) {
  const bool review = std::any_of(rows.recharges.begin(), rows.recharges.end(),
                                  [](const auto& row) { return row.second.recharge.open(); });
  const bool unrated = std::any_of(
      rows.usage_states.begin(), rows.usage_states.end(),
      [](const auto& state) { return state.second.status == domain::UsageStatus::kUnrated; });
  if (!rows.account.closed() && !review && !unrated) {
    scene_.Fail("P4: what is being closed gets there", rows.account.account_id);
  }
}

// From the first that has one on, each entry of money that came or went back has the next receipt.
void Checks::CheckReceiptsAtEnd(const AccountRows& rows) {
  const auto fail = [&](std::string detail) {
    scene_.Fail("receipts are numbered without gaps",
                absl::StrCat(rows.account.account_id, ": ", detail));
  };
  size_t next = 0;
  for (const Entry& entry : rows.entries) {
    if (!domain::HasReceipt(entry.kind)) continue;
    if (next == 0 && (rows.receipts.empty() || entry.seq < rows.receipts.front().seq)) continue;
    if (next == rows.receipts.size() || rows.receipts[next].seq != entry.seq) {
      return fail(absl::StrCat("entry ", entry.seq, " has none"));
    }
    const domain::Receipt& receipt = rows.receipts[next++];
    if (receipt.number != static_cast<int64_t>(next) || receipt.amount != entry.amount ||
        receipt.kind != entry.kind) {
      return fail(absl::StrCat("receipt ", receipt.number, " of entry ", entry.seq, " is the ",
                               next, ". of ", FormatDecimal(entry.amount)));
    }
  }
  if (next != rows.receipts.size() ||
      rows.account.last_receipt != static_cast<int64_t>(rows.receipts.size())) {
    fail(absl::StrCat(rows.receipts.size(), " receipts, ", next, " of them of entries, the last ",
                      rows.account.last_receipt));
  }
}

void Checks::CheckAtEnd(const AccountRows& rows) {
  CheckReceiptsAtEnd(rows);
  for (const auto& [ordinal, row] : rows.recharges) {
    // One may wait for a card that its network lets nobody try.
    const bool waits = row.recharge.waits() && row.recharge.due_time > scene_.now() - kClocksApart;
    if (row.recharge.state == RechargeState::kOpen && !waits) {
      scene_.Fail("every recharge is closed in the end", NameOf(row.recharge));
    }
  }
  for (const Entry& entry : rows.entries) {
    const int32_t month = book::MonthOfEntry(entry);
    const auto span = rows.months.find(month);
    if (span == rows.months.end() || entry.seq < span->second.first_seq ||
        (month != rows.balance.month && entry.seq > span->second.last_seq)) {
      scene_.Fail("the account knows the months of its entries",
                  absl::StrCat(rows.account.account_id, ": entry ", entry.seq, " of ", month));
    }
  }
  const domain::Account& a = rows.account;
  for (const domain::CreditGrant& grant : a.grants) {
    // What a hold needed ends with it.
    if (grant.remaining > 0 && grant.end < scene_.now() - kClocksApart) {
      scene_.Fail("P6: a grant ends", absl::StrCat(a.account_id, ": grant ", grant.number));
    }
  }
  if (a.ends()) return CheckClosedAtEnd(rows);
  // A cap holds until its window ends; then somebody must look again.
  const bool in_the_way = Capped(a) ? a.due.time > scene_.now() - kClocksApart : InTheWay(a);
  if (a.running_balance() < a.recharge_threshold && CardUsable(a) && a.open_ordinal == 0 &&
      !in_the_way) {
    scene_.Fail("no account is left low with a usable card",
                absl::StrCat(a.account_id, " at ", FormatDecimal(a.balance)));
  }
}

}  // namespace reserve::simulation
