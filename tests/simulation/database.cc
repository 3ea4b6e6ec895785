#include "tests/simulation/database.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace reserve::simulation {

const domain::Entry* FindStandingEntry(const AccountRows& rows, const std::string& usage_id) {
  const auto seq = rows.usages.find(usage_id);
  if (seq == rows.usages.end()) return nullptr;
  const domain::Entry* entry = &rows.entries[static_cast<size_t>(seq->second) - 1];
  const auto state = rows.usage_states.find(usage_id);
  if (!entry->booked.has_value() || !entry->booked->estimated || state == rows.usage_states.end()) {
    return entry;
  }
  return &rows.entries[static_cast<size_t>(state->second.seq) - 1];
}

const AccountRows* ModelDatabase::Find(const std::string& account_id) const {
  const auto found = accounts_.find(account_id);
  return found == accounts_.end() || !found->second.exists() ? nullptr : &found->second;
}

std::vector<absl::Time> ModelDatabase::DeclinesOf(const std::string& card_fingerprint) const {
  const auto found = declines_.find(card_fingerprint);
  if (found == declines_.end() || scene_.sabotaged(Sabotage::kDeclinesNotCounted)) return {};
  std::vector<absl::Time> times = found->second;
  std::sort(times.rbegin(), times.rend());
  return times;
}

// --- Loading ------------------------------------------------------------------------

void ModelDatabase::Load(const book::Keys& keys, book::Image* image,
                         RechargeVersions* versions) const {
  for (const book::AccountNeed& need : keys.accounts) {
    LoadAccount(std::string(need.account_id), &image->accounts[need.account_id]);
  }
  LoadUsers(keys.users, image);
  LoadRinging(keys, image);
  LoadNumberKeys(keys.number_keys, image);
  LoadUsages(keys.usages, image);
  LoadEndedHolds(keys, image);
  LoadUsages(book::UsagesOfEndedHolds(*image), image);
  LoadUsers(book::UsersOfBooked(*image), image);
  LoadUsers(book::UsersOfHolds(keys, *image), image);
  LoadNumberKeys(book::NumberKeysOfBooked(keys, *image), image);
  LoadRequests(keys, image);
  LoadRecharges(keys, image, versions);
  LoadClosings(keys, image, versions);
  LoadDeclines(keys, image);
}

void ModelDatabase::LoadAccount(const std::string& account_id, book::AccountImage* image) const {
  image->known = std::make_unique<book::KnownAccount>();
  const AccountRows* rows = Find(account_id);
  if (rows == nullptr) return;
  book::KnownAccount& known = *image->known;
  image->exists = true;
  known.account = rows->account;
  if (scene_.sabotaged(Sabotage::kSuspensionForgotten)) known.account.suspension = {};
  if (scene_.sabotaged(Sabotage::kCalendarForgotten)) known.account.calendar.changes = nullptr;
  if (scene_.sabotaged(Sabotage::kDisputedNumberForgotten)) {
    known.account.disputed_numbers.clear();
    for (domain::PaymentMethod& method : known.account.payment_methods) {
      if (method.state == domain::CardState::kDisputed) method.state = domain::CardState::kUsable;
    }
  }
  if (scene_.sabotaged(Sabotage::kRestForgotten)) {
    for (domain::PaymentMethod& method : known.account.payment_methods) {
      if (method.state == domain::CardState::kUsable) method.retry_time = absl::InfinitePast();
    }
  }
  known.version = rows->balance.version;
  known.revision = rows->balance.revision;
  known.head = rows->balance.head;
  known.month = rows->balance.month;
  if (scene_.sabotaged(Sabotage::kHoldsNotLoaded)) return;
  for (const auto& [slot, hold] : rows->holds) known.holds.push_back(hold);
}

void ModelDatabase::LoadEndedHolds(const book::Keys& keys, book::Image* image) const {
  if (scene_.sabotaged(Sabotage::kEndedHoldsNotLoaded)) return;
  for (const auto& [account_id, hold_id] : book::NeedsEndedHolds(keys, *image)) {
    const AccountRows* rows = Find(std::string(account_id));
    const auto ended = rows->ended_holds.find(std::string(hold_id));
    if (ended == rows->ended_holds.end()) continue;
    domain::Hold& hold = image->holds[std::pair(ended->second.account_id, ended->first)].hold;
    hold = ended->second;
    hold.slot = 0;  // where it was while it lived is not kept
  }
}

void ModelDatabase::LoadUsers(const std::vector<book::UserKey>& keys, book::Image* image) const {
  for (const auto& [account_id, user_id] : keys) {
    const AccountRows* rows = Find(std::string(account_id));
    if (rows == nullptr) continue;
    const auto user = rows->users.find(std::string(user_id));
    if (user == rows->users.end()) continue;
    std::vector<domain::User>& users = image->accounts.find(account_id)->second.known->users;
    if (std::find(users.begin(), users.end(), user->second) == users.end()) {
      users.push_back(user->second);
    }
  }
}

void ModelDatabase::LoadRinging(const book::Keys& keys, book::Image* image) const {
  std::vector<book::UserKey> ringing;
  for (const book::AccountNeed& need : keys.accounts) {
    if (!book::NeedsRinging(need, image->accounts.find(need.account_id)->second)) continue;
    for (const auto& [user_id, user] : Find(std::string(need.account_id))->users) {
      if (user.alarm.rings()) ringing.emplace_back(need.account_id, user_id);
    }
  }
  LoadUsers(ringing, image);
}

void ModelDatabase::LoadNumberKeys(const std::vector<book::UserYear>& needs,
                                   book::Image* image) const {
  for (const book::UserYear& need : needs) {
    const book::AccountImage& account = image->accounts.find(need.account_id)->second;
    if (account.FindNumberKey(need.user_id, need.year) != nullptr) continue;
    book::KnownNumberKey& key = account.known->number_keys.emplace_back();
    key.user_id = std::string(need.user_id);
    key.year = need.year;
    const AccountRows* rows = Find(std::string(need.account_id));
    if (rows != nullptr) {
      const auto stored = rows->number_keys.find({key.user_id, key.year});
      key.stored = stored != rows->number_keys.end();
      if (key.stored) key.key = stored->second;
    }
    if (key.stored) continue;
    for (size_t i = 0; i < key.key.size(); i += sizeof(uint64_t)) {
      const uint64_t random = scene_.Random();
      std::memcpy(&key.key[i], &random, sizeof(random));
    }
  }
}

const domain::Entry* ModelDatabase::FindUsage(const book::OnceKey& key) const {
  const AccountRows* rows = Find(std::string(key.first));
  if (rows == nullptr) return nullptr;
  if (!scene_.sabotaged(Sabotage::kEstimateStandsForEver)) {
    return FindStandingEntry(*rows, std::string(key.second));
  }
  const auto seq = rows->usages.find(std::string(key.second));
  return seq == rows->usages.end() ? nullptr : &rows->entries[static_cast<size_t>(seq->second) - 1];
}

void ModelDatabase::LoadUsages(const std::vector<book::OnceKey>& keys, book::Image* image) const {
  for (const book::OnceKey& key : keys) {
    const domain::Entry* entry = FindUsage(key);
    if (entry == nullptr) continue;
    image->AddBooked(domain::Entry(*entry));
    const auto& states = Find(entry->account_id)->usage_states;
    const auto state = states.find(std::string(key.second));
    if (state == states.end() || scene_.sabotaged(Sabotage::kUsageStatesNotLoaded)) continue;
    image->usage_states[std::pair(entry->account_id, state->first)].state = state->second;
  }
}

void ModelDatabase::LoadRequests(const book::Keys& keys, book::Image* image) const {
  for (const book::OnceKey& key : keys.requests) {
    const AccountRows* rows = Find(std::string(key.first));
    if (rows == nullptr) continue;
    const auto record = rows->requests.find(std::string(key.second));
    if (record == rows->requests.end()) continue;
    book::RequestImage& request = image->requests[key];
    request.record = record->second;
    if (request.record.seq != 0) {
      request.entry = rows->entries[static_cast<size_t>(request.record.seq) - 1];
    }
  }
}

void ModelDatabase::LoadRecharges(const book::Keys& keys, book::Image* image,
                                  RechargeVersions* versions) const {
  std::vector<RechargeKey> wanted = keys.recharges;
  for (const book::AccountNeed& need : keys.accounts) {
    const book::AccountImage& account = image->accounts.find(need.account_id)->second;
    if (book::NeedsOpenRecharge(need, account)) {
      wanted.emplace_back(need.account_id, account.account().open_ordinal);
    }
  }
  for (const auto& [key, request] : image->requests) {
    wanted.emplace_back(key.first, request.record.ordinal);
  }
  for (const RechargeKey& key : wanted) TakeUp(key, image, versions);
  LoadCharges(keys, image, versions);
}

void ModelDatabase::LoadClosings(const book::Keys& keys, book::Image* image,
                                 RechargeVersions* versions) const {
  for (const book::AccountNeed& need : keys.accounts) {
    book::AccountImage& account = image->accounts.find(need.account_id)->second;
    if (!book::NeedsClosing(need, account)) continue;
    account.closing_known = true;
    const AccountRows* rows = Find(std::string(need.account_id));
    for (const auto& [ordinal, row] : rows->recharges) {
      const RechargeKey key(need.account_id, ordinal);
      if (!image->recharges.contains(key)) TakeUp(key, image, versions);
    }
    for (const auto& [usage_id, state] : rows->usage_states) {
      const std::pair<std::string, std::string> key(need.account_id, usage_id);
      image->usage_states.try_emplace(key, book::UsageStateImage{state});
    }
  }
}

void ModelDatabase::TakeUp(const RechargeKey& key, book::Image* image,
                           RechargeVersions* versions) const {
  const AccountRows* rows = Find(key.first);
  if (rows == nullptr) return;
  const auto row = rows->recharges.find(key.second);
  if (row == rows->recharges.end()) return;
  domain::Recharge& recharge = image->recharges[key].recharge;
  recharge = row->second.recharge;
  const bool failed = recharge.state == domain::RechargeState::kFailed;
  if (recharge.is_refund() && failed && scene_.sabotaged(Sabotage::kFailedRefundForgotten)) {
    recharge.state = domain::RechargeState::kSucceeded;
    recharge.debited = true;
  }
  (*versions)[key] = row->second.version;
}

// What an account has of charges, and payments by their references.
void ModelDatabase::LoadCharges(const book::Keys& keys, book::Image* image,
                                RechargeVersions* versions) const {
  for (const book::ChargeNeed& need : keys.charges) {
    const AccountRows* rows = Find(std::string(need.account_id));
    if (rows == nullptr) continue;
    for (const auto& [ordinal, row] : rows->recharges) {
      if (row.recharge.charge_id != need.charge_id) continue;
      // By those who would credit it; what is told of it is applied as ever.
      const bool credits_it = need.entry || !need.disputes;
      if (credits_it && row.recharge.holds_credit() &&
          scene_.sabotaged(Sabotage::kChargesNotLookedUp)) {
        continue;
      }
      const RechargeKey key(need.account_id, ordinal);
      TakeUp(key, image, versions);
      if (!row.recharge.holds_credit()) continue;
      for (const domain::Entry& entry : rows->entries) {
        const bool credits =
            entry.kind == domain::EntryKind::kRecharge || entry.kind == domain::EntryKind::kPayment;
        if (credits && entry.recharge_ordinal == ordinal) image->credits[key] = entry;
      }
    }
  }
  for (const auto& [account_id, reference] : keys.references) {
    const AccountRows* rows = Find(std::string(account_id));
    if (rows == nullptr) continue;
    for (const auto& [ordinal, row] : rows->recharges) {
      if (row.recharge.reference == reference)
        TakeUp({row.recharge.account_id, ordinal}, image, versions);
    }
  }
  for (const auto& [account_id, refund_id] : keys.told_refunds) {
    const AccountRows* rows = Find(std::string(account_id));
    if (rows == nullptr) continue;
    for (const auto& [ordinal, row] : rows->recharges) {
      if (row.recharge.refund_id == refund_id) {
        TakeUp({row.recharge.account_id, ordinal}, image, versions);
      }
    }
  }
  for (const auto& [account_id, dispute_id] : keys.told_disputes) {
    const AccountRows* rows = Find(std::string(account_id));
    if (rows == nullptr) continue;
    const auto told = rows->disputes.find(std::string(dispute_id));
    if (told == rows->disputes.end()) continue;
    image->disputes[std::pair(told->second.account_id, told->first)].dispute = told->second;
  }
  const book::FurtherNeed further = book::NeedsFurther(keys, *image);
  for (const RechargeKey& key : further.recharges) TakeUp(key, image, versions);
  for (const book::ChargeNeed& need : further.disputes) {
    const AccountRows* rows = Find(std::string(need.account_id));
    if (rows == nullptr || (!need.disputes && scene_.sabotaged(Sabotage::kKeptNotLoaded))) continue;
    for (const auto& [dispute_id, dispute] : rows->disputes) {
      if (dispute.charge_id != need.charge_id) continue;
      image->disputes[std::pair(dispute.account_id, dispute_id)].dispute = dispute;
    }
  }
}

void ModelDatabase::LoadDeclines(const book::Keys& keys, book::Image* image) const {
  for (const book::AttemptKey& key : book::NeedsEarlierNumbers(keys, *image)) {
    const auto declined = declined_numbers_.find(key);
    if (declined != declined_numbers_.end()) image->earlier_numbers[key] = declined->second;
  }
  std::vector<std::string> cards(keys.cards.begin(), keys.cards.end());
  for (const book::AccountNeed& need : keys.accounts) {
    if (!need.declines) continue;
    book::AccountImage& account = image->accounts.find(need.account_id)->second;
    account.declines_known = true;
    for (const domain::PaymentMethod& method : account.account().payment_methods) {
      cards.push_back(method.card.fingerprint);
    }
  }
  for (const std::string& card : cards) image->declines[card] = DeclinesOf(card);
}

// --- Writing ------------------------------------------------------------------------

Transaction TransactionOf(const book::WriteSet& writes, const RechargeVersions& versions) {
  Transaction transaction;
  for (const book::Balance& balance : writes.balances) {
    transaction[balance.account_id].balance = balance;
  }
  for (const auto* accounts : {&writes.opened, &writes.changed}) {
    for (const domain::Account* account : *accounts) {
      transaction.at(account->account_id).rest = *account;
    }
  }
  for (const book::NumberKeyRecord& key : writes.number_keys) {
    transaction.at(key.account_id).number_keys.push_back(key);
  }
  for (const domain::Entry& entry : writes.entries) {
    transaction.at(entry.account_id).entries.push_back(entry);
  }
  for (const domain::Receipt& receipt : writes.receipts) {
    transaction.at(receipt.account_id).receipts.push_back(receipt);
  }
  for (const domain::Recharge* recharge : writes.recharges) {
    const auto version = versions.find({recharge->account_id, recharge->ordinal});
    transaction.at(recharge->account_id).recharges[recharge->ordinal] = {
        *recharge, version == versions.end() ? 0 : version->second};
  }
  for (const domain::Dispute* dispute : writes.disputes) {
    transaction.at(dispute->account_id).disputes.push_back(*dispute);
  }
  for (const domain::CardDecline& decline : writes.declines) {
    transaction.at(decline.account_id).declines.push_back(decline);
  }
  for (const book::RequestRecord& request : writes.requests) {
    transaction.at(request.account_id).requests.push_back(request);
  }
  for (const book::PaymentMethodRow& row : writes.payment_methods) {
    transaction.at(row.account_id).cards.push_back({row.position, *row.method});
  }
  for (const domain::User* user : writes.users) {
    transaction.at(user->account_id).users.push_back(*user);
  }
  for (const book::AllowanceRow& row : writes.allowances) {
    transaction.at(row.user->account_id).allowances.push_back({row.user->user_id, row.used});
  }
  for (const domain::UsageState* state : writes.usage_states) {
    transaction.at(state->account_id).usage_states.push_back(*state);
  }
  for (const book::HoldRow& row : writes.holds) {
    HoldWrite& hold = transaction.at(row.account_id).holds.emplace_back();
    hold.slot = row.slot;
    if (row.hold != nullptr) hold.hold = *row.hold;
  }
  for (const domain::Hold* hold : writes.ended_holds) {
    transaction.at(hold->account_id).ended_holds.push_back(*hold);
  }
  for (const book::MonthSpan& span : writes.months) {
    transaction.at(span.account_id).months.push_back(span);
  }
  for (const domain::Event& event : writes.events) {
    transaction.at(event.account_id).events.push_back(event);
  }
  return transaction;
}

// The unique keys, and what has changed since it was read.
CommitResult ModelDatabase::Check(const Transaction& transaction) const {
  for (const auto& [account_id, write] : transaction) {
    const auto found = accounts_.find(account_id);
    if (found == accounts_.end()) continue;
    const AccountRows& rows = found->second;
    if (rows.in_doubt) return CommitResult::kConflict;
    if (write.balance.revision == 1 && rows.exists()) return CommitResult::kDuplicate;
    for (const book::NumberKeyRecord& key : write.number_keys) {
      if (rows.number_keys.count({key.user_id, key.year}) > 0) return CommitResult::kDuplicate;
    }
    for (const domain::Entry& entry : write.entries) {
      if (domain::TakesUsageId(entry) && rows.usages.count(domain::UsageIdOf(entry)) > 0) {
        return CommitResult::kDuplicate;
      }
    }
    for (const book::RequestRecord& request : write.requests) {
      if (rows.requests.count(request.request_id) > 0) return CommitResult::kDuplicate;
    }
    if (scene_.sabotaged(Sabotage::kWriteWithoutLock)) continue;
    if (write.balance.revision != rows.balance.revision + 1) return CommitResult::kConflict;
    for (const auto& [ordinal, row] : write.recharges) {
      const auto stored = rows.recharges.find(ordinal);
      if (row.recharge.is_refund() && scene_.sabotaged(Sabotage::kRefundNotLocked)) continue;
      if (stored != rows.recharges.end() && stored->second.version != row.version) {
        return CommitResult::kConflict;
      }
    }
  }
  return CommitResult::kCommitted;
}

// `apply` makes the changes. Here the commit itself goes well, or the connection breaks.
CommitResult ModelDatabase::CommitChecked(std::vector<std::string> account_ids,
                                          std::function<void()> apply) {
  if (!scene_.Fails(0.08)) {
    apply();
    return CommitResult::kCommitted;
  }
  const int how = scene_.Below(3);
  if (how == 0) {
    scene_.Count(Happening::kUnknownCommitNotMade);
    scene_.Tell([] { return "database: the connection breaks; the commit is not made"; });
  } else if (how == 1) {
    scene_.Count(Happening::kUnknownCommitMade);
    scene_.Tell([] { return "database: the connection breaks; the commit is made"; });
    apply();
  } else {
    // The server has not noticed and still holds the locks.
    scene_.Count(Happening::kUnknownCommitLate);
    scene_.Tell([] { return "database: the connection breaks; the commit is still being made"; });
    for (const std::string& id : account_ids) accounts_[id].in_doubt = true;
    scene_.After(scene_.UpTo(absl::Seconds(8)),
                 [this, ids = std::move(account_ids), apply = std::move(apply)] {
                   scene_.Tell([] { return "database: the late commit is made"; });
                   for (const std::string& id : ids) accounts_[id].in_doubt = false;
                   apply();
                 });
  }
  return CommitResult::kUnknown;
}

CommitResult ModelDatabase::Commit(Transaction transaction) {
  if (scene_.Fails(0.03)) {
    scene_.Count(Happening::kCommitFailed);
    return CommitResult::kConflict;
  }
  const CommitResult checked = Check(transaction);
  if (checked != CommitResult::kCommitted) {
    scene_.Count(checked == CommitResult::kConflict ? Happening::kCommitConflict
                                                    : Happening::kCommitDuplicate);
    return checked;
  }
  std::vector<std::string> ids;
  for (const auto& [account_id, write] : transaction) ids.push_back(account_id);
  return CommitChecked(std::move(ids), [this, transaction = std::move(transaction)] {
    for (const auto& [account_id, write] : transaction) Apply(write);
  });
}

void ModelDatabase::Apply(const AccountWrite& write) {
  AccountRows& rows = accounts_[write.balance.account_id];
  observer_.BeforeWrite(rows, write);
  // A column of the balance, as in the database: written where it may have moved (L2).
  const domain::SpendMeters spent =
      write.balance.metered ? write.balance.spent : rows.account.spent;
  if (write.rest.has_value()) rows.account = *write.rest;
  rows.account.spent = spent;
  ApplyCards(write, &rows);
  rows.balance = write.balance;
  rows.account.balance = write.balance.balance;
  rows.account.last_seq = write.balance.last_seq;
  rows.account.held = write.balance.held;
  rows.account.accrued = write.balance.accrued;
  ApplyUsers(write, &rows);
  ApplyHolds(write, &rows);
  for (const domain::UsageState& state : write.usage_states) {
    rows.usage_states[state.usage_id] = state;
  }
  for (const book::NumberKeyRecord& key : write.number_keys) {
    rows.number_keys[{key.user_id, key.year}] = key.key;
  }
  for (const domain::Entry& entry : write.entries) {
    if (domain::TakesUsageId(entry)) rows.usages[domain::UsageIdOf(entry)] = entry.seq;
    rows.entries.push_back(entry);
  }
  rows.receipts.insert(rows.receipts.end(), write.receipts.begin(), write.receipts.end());
  rows.events.insert(rows.events.end(), write.events.begin(), write.events.end());
  for (const auto& [ordinal, row] : write.recharges) {
    RechargeRow& stored = rows.recharges[ordinal];
    stored.recharge = row.recharge;
    if (row.recharge.is_payment() && scene_.sabotaged(Sabotage::kReversalNotNoted)) {
      stored.recharge.state = domain::RechargeState::kSucceeded;
    }
    ++stored.version;
  }
  for (const domain::Dispute& dispute : write.disputes) rows.disputes[dispute.dispute_id] = dispute;
  for (const domain::CardDecline& decline : write.declines) {
    declines_[decline.card_fingerprint].push_back(decline.time);
    declined_numbers_[book::AttemptKey(decline.account_id, decline.ordinal, decline.attempt)] =
        decline.card_fingerprint;
  }
  for (const book::RequestRecord& request : write.requests) {
    rows.requests.emplace(request.request_id, request);
  }
  for (const book::MonthSpan& span : write.months) {
    const auto [stored, is_new] = rows.months.try_emplace(span.month, span);
    if (!is_new) stored->second.last_seq = std::max(stored->second.last_seq, span.last_seq);
  }
  observer_.AfterWrite(rows);
}

void ModelDatabase::ApplyUsers(const AccountWrite& write, AccountRows* rows) const {
  for (const domain::User& user : write.users) {
    domain::User& row = rows->users[user.user_id];
    const auto allowances = row.allowances;  // they are rows of their own
    row = user;
    row.allowances = allowances;
  }
  for (const domain::UsedAllowance& each : write.allowances) {
    domain::User& row = rows->users[each.user_id];
    row.SetSecondsUsed(each.used);
    if (scene_.sabotaged(Sabotage::kHeldSecondsNotStored)) continue;
    row.HoldSeconds(each.used.period, each.used.seconds_held - row.SecondsHeld(each.used.period));
  }
}

void ModelDatabase::ApplyHolds(const AccountWrite& write, AccountRows* rows) const {
  for (const HoldWrite& row : write.holds) {
    if (row.hold.has_value()) {
      rows->holds[row.slot] = *row.hold;
    } else if (!scene_.sabotaged(Sabotage::kHoldSlotsNotFreed)) {
      rows->holds.erase(row.slot);
    }
  }
  for (const domain::Hold& hold : write.ended_holds) rows->ended_holds[hold.hold_id] = hold;
}

void ModelDatabase::ApplyCards(const AccountWrite& write, AccountRows* rows) {
  for (const CardRow& card : write.cards) rows->cards[card.method.payment_method_id] = card;
  std::map<int32_t, const domain::PaymentMethod*> in_order;
  for (const auto& [id, card] : rows->cards) {
    if (card.method.state != domain::CardState::kRemoved) in_order[card.position] = &card.method;
  }
  rows->account.payment_methods.clear();
  for (const auto& [position, method] : in_order) {
    rows->account.payment_methods.push_back(*method);
  }
}

CommitResult ModelDatabase::Update(std::vector<RechargeUpdate>* updates) {
  if (scene_.Fails(0.03)) {
    scene_.Count(Happening::kCommitFailed);
    return CommitResult::kConflict;
  }
  std::vector<std::string> ids;
  std::vector<RechargeUpdate> matched;
  for (RechargeUpdate& update : *updates) {
    AccountRows& rows = accounts_[update.key.first];
    if (rows.in_doubt) return CommitResult::kConflict;
    const auto found = rows.recharges.find(update.key.second);
    update.matched = found != rows.recharges.end() && update.condition(found->second.recharge);
    if (!update.matched) continue;
    update.result = found->second.recharge;
    update.change(&update.result);
    ids.push_back(update.key.first);
    matched.push_back(update);
  }
  if (matched.empty()) return CommitResult::kCommitted;
  return CommitChecked(std::move(ids),
                       [this, matched = std::move(matched)] { ApplyUpdates(matched); });
}

void ModelDatabase::ApplyUpdates(const std::vector<RechargeUpdate>& updates) {
  for (const RechargeUpdate& update : updates) {
    AccountRows& rows = accounts_[update.key.first];
    RechargeRow& row = rows.recharges[update.key.second];
    row.recharge = update.result;
    ++row.version;
    observer_.AfterWrite(rows);
  }
}

}  // namespace reserve::simulation
