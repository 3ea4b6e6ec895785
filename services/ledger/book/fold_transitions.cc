// The fold: what follows each command. Its transition is taken over into the image, so that later
// commands of the batch see it, and its entries are chained.
#include "services/ledger/book/folder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/domain/receipt.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Recharge;
using domain::Transition;
using domain::User;

// What a command may change of an account beside its balance without an event. Looks at numbers
// and times only.
bool SameButForBalance(const Account& before, const Account& after) {
  return before.due == after.due && before.taken_back == after.taken_back &&
         before.open_waits == after.open_waits &&
         before.cap_reached_time == after.cap_reached_time &&
         before.expiry_notice_time == after.expiry_notice_time;
}

}  // namespace

void Folder::ChangeUser(AccountImage& image, User&& user) {
  std::vector<User>& users = image.known->users;
  User* stored = UserOf(image, user.user_id);
  if (stored == nullptr) stored = &users.emplace_back();
  *stored = std::move(user);
  const auto place = static_cast<size_t>(stored - users.data());
  std::vector<size_t>& changed = image.changed_users;
  if (std::find(changed.begin(), changed.end(), place) == changed.end()) changed.push_back(place);
}

void Folder::NoteLimit(domain::LimitKind kind) {
  for (size_t i = 0; i < domain::kSpendWindows; ++i) {
    if (domain::kSpendKinds[i] == kind) ++folded_.limits_reached[i];
  }
}

void Folder::NoteRefusal(const domain::Authorization& authorization) {
  if (authorization.decision == domain::Decision::kAllowed) return;
  ++folded_.limit_refusals[static_cast<size_t>(authorization.limit.kind)];
}

void Folder::ChangeSpending(AccountImage& image, domain::UserSpending&& spending) {
  User user = *UserOf(image, spending.user_id);
  user.spent = spending.spent;
  user.alarm = spending.alarm;
  ChangeUser(image, std::move(user));
}

void Folder::ChangeAllowance(AccountImage& image, const domain::UsedAllowance& changed) {
  User* user = UserOf(image, changed.user_id);
  user->SetSecondsUsed(changed.used);
  NoteAllowance(image, *user, changed.used.period);
}

void Folder::NoteAllowance(AccountImage& image, const User& user, int32_t period) {
  const std::pair<size_t, int32_t> place(&user - image.known->users.data(), period);
  auto& places = image.changed_allowances;
  if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
}

void Folder::NoteHold(AccountImage& image, domain::Hold&& hold) {
  image.holds_changed = true;
  std::vector<domain::Hold>& live = image.known->holds;
  const auto found = std::find_if(live.begin(), live.end(), [&hold](const domain::Hold& other) {
    return other.hold_id == hold.hold_id;
  });
  if (!hold.live()) {
    if (found != live.end()) {
      if (&*found != &live.back()) *found = std::move(live.back());
      live.pop_back();
    }
  } else if (found == live.end()) {
    live.push_back(hold);
  } else {
    *found = hold;
  }
  HoldImage& kept = image_.holds[std::pair(hold.account_id, hold.hold_id)];
  kept.hold = std::move(hold);
  kept.changed = true;
}

void Folder::NoteUsages(const Entry& entry) {
  const bool replaces = entry.booked.has_value() && entry.booked->replaces_estimate();
  if (!domain::TakesUsageId(entry) && !replaces) return;
  if (entry.booked.has_value() && entry.booked->rating.unrated()) {
    ++folded_.unrated;
  }
  image_.usages.insert_or_assign(OnceKey(entry.account_id, UsageIdOf(entry)), &entry);
}

void Folder::NoteUsageState(domain::UsageState&& state) {
  UsageStateImage& kept = image_.usage_states[std::pair(state.account_id, state.usage_id)];
  kept.state = std::move(state);
  kept.changed = true;
}

void Folder::NoteReceipt(AccountImage& image, const Entry& entry) {
  if (!domain::HasReceipt(entry.kind)) return;
  Account& account = image.account();
  // Another ledger has heard already that receipts are written: then no money goes without.
  if (context_.feature_level < domain::kReceiptsLevel && account.last_receipt == 0) return;
  const auto row = image_.recharges.find(RechargeKey(entry.account_id, entry.recharge_ordinal));
  if (row == image_.recharges.end()) return;  // never: what books it has changed it
  const Recharge& of = row->second.recharge;
  const auto charged = image_.recharges.find(RechargeKey(of.account_id, of.refund_of));
  domain::Receipt& receipt = folded_.writes.receipts.emplace_back(domain::ReceiptFor(
      entry, of, charged == image_.recharges.end() ? nullptr : &charged->second.recharge,
      account.payment_methods));
  receipt.number = ++account.last_receipt;
  if (entry.kind == domain::EntryKind::kRecharge) {
    domain::KeepCardOf(receipt, &row->second.recharge);
  }
  image.rest_changed = true;
}

const Entry* Folder::Apply(AccountImage& image, Transition&& transition) {
  if (transition.unchanged) return nullptr;
  WriteSet& writes = folded_.writes;
  const size_t entries_before = writes.entries.size();
  // Where the transition took the account over, its numbers and times are here still.
  const bool only_balance = transition.events.empty() && transition.recharges.empty() &&
                            !transition.cards_changed && !transition.grants_changed &&
                            SameButForBalance(image.account(), transition.account);
  image.metered |= image.account().spent.any() || transition.account.spent.any();
  image.account() = std::move(transition.account);
  image.exists = true;
  image.balance_changed = true;
  image.rest_changed |= !only_balance;
  image.cards_changed |= transition.cards_changed;
  if (transition.removed_card.has_value()) {
    image.removed_cards.push_back(*std::move(transition.removed_card));
  }
  const Entry* last = nullptr;
  for (Entry& entry : transition.entries) {
    Chain(image, &entry);
    entry.caller.assign(caller_.data(), caller_.size());
    const Entry& booked = writes.entries.emplace_back(std::move(entry));
    NoteMonth(booked, image.known.get(), &writes.months);
    if (domain::IsOfUsage(booked.kind)) NoteUsages(booked);
    if (booked.kind == domain::EntryKind::kRecharge || booked.kind == domain::EntryKind::kPayment) {
      image_.credits[RechargeKey(booked.account_id, booked.recharge_ordinal)] = booked;
    }
    // A grant that ends, ends beside what was asked for.
    if (booked.kind != domain::EntryKind::kGrantEnded) last = &booked;
  }
  for (domain::Event& event : transition.events) {
    event.caller = std::string(caller_);
    if (event.actor.empty()) event.actor = std::string(actor_);
    if (event.kind == domain::EventKind::kLimitReached) NoteLimit(event.limit);
    writes.events.push_back(std::move(event));
  }
  for (Recharge& recharge : transition.recharges) {
    RechargeImage& changed = image_.recharges[RechargeKey(recharge.account_id, recharge.ordinal)];
    if (!(recharge == changed.recharge)) recharge.update_time = context_.now;
    changed.recharge = std::move(recharge);
    changed.changed = true;
  }
  for (size_t i = entries_before; i < writes.entries.size(); ++i) {
    NoteReceipt(image, writes.entries[i]);
  }
  for (domain::Dispute& dispute : transition.disputes) {
    DisputeImage& changed = image_.disputes[std::pair(dispute.account_id, dispute.dispute_id)];
    changed.dispute = std::move(dispute);
    changed.changed = true;
  }
  if (transition.decline.has_value()) {
    std::vector<absl::Time>& of_card = image_.declines[transition.decline->card_fingerprint];
    of_card.insert(of_card.begin(), transition.decline->time);
    const domain::CardDecline& decline = *transition.decline;
    image_.earlier_numbers[AttemptKey(decline.account_id, decline.ordinal, decline.attempt)] =
        decline.card_fingerprint;
    writes.declines.push_back(*std::move(transition.decline));
  }
  if (transition.user.has_value()) ChangeUser(image, *std::move(transition.user));
  for (const domain::UsedAllowance& each : transition.allowances) ChangeAllowance(image, each);
  for (domain::UserSpending& each : transition.spending) ChangeSpending(image, std::move(each));
  for (const domain::HeldSeconds& each : transition.held_seconds) {
    User* user = UserOf(image, each.user_id);
    user->HoldSeconds(each.period, each.more);
    NoteAllowance(image, *user, each.period);
  }
  for (domain::Hold& hold : transition.holds) NoteHold(image, std::move(hold));
  for (domain::UsageState& state : transition.usage_states) NoteUsageState(std::move(state));
  return last;
}

const Entry* Folder::ApplyWithOpen(AccountImage& image, Transition&& transition) {
  // Decided upon what was read of it, so it is written too: a lock alone does not hold against
  // another node of a cluster, where a worker may have been given it meanwhile.
  RechargeImage* open = image.exists ? OpenRechargeOf(image) : nullptr;
  if (open != nullptr && open->recharge.waits() && !transition.unchanged) open->changed = true;
  return Apply(image, std::move(transition));
}

void Folder::Chain(AccountImage& image, Entry* entry) {
  const bool tagged = context_.feature_level >= domain::kTaggedChainLevel;
  entry->chain_form = tagged ? domain::ChainForm::kTagged : domain::ChainForm::kFixed;
  KnownNumberKey* key = nullptr;
  if (NeedsNumberKey(*entry)) {
    const domain::Usage& usage = entry->booked->usage;
    const int32_t year = YearOfNumberKey(usage.start_time);
    key = image.FindNumberKey(usage.user_id, year);
    if (!key->stored) {
      folded_.writes.number_keys.push_back({entry->account_id, usage.user_id, year, key->key});
      key->stored = true;
    }
  }
  KnownAccount& known = *image.known;
  entry->hash = known.head = ChainedHash(known.head, *entry, key == nullptr ? nullptr : &key->key);
}

}  // namespace reserve::book
