#include "tests/simulation/database.h"

#include <algorithm>

namespace reserve::simulation {

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

// The unique keys, and what has changed since it was read.
CommitResult ModelDatabase::Check(const std::map<std::string, AccountWrite>& writes) const {
  for (const auto& [account_id, write] : writes) {
    const auto found = accounts_.find(account_id);
    if (found == accounts_.end()) continue;
    const AccountRows& rows = found->second;
    if (rows.in_doubt) return CommitResult::kConflict;
    if (write.version == 0 && rows.exists()) return CommitResult::kDuplicate;
    for (const domain::Entry& entry : write.entries) {
      if (entry.booked.has_value() && rows.usages.count(entry.booked->usage.usage_id) > 0) {
        return CommitResult::kDuplicate;
      }
    }
    for (const auto& [request_id, request] : write.requests) {
      if (rows.requests.count(request_id) > 0) return CommitResult::kDuplicate;
    }
    if (scene_.sabotaged(Sabotage::kWriteWithoutLock)) continue;
    if (write.version != rows.version) return CommitResult::kConflict;
    for (const auto& [ordinal, row] : write.recharges) {
      const auto stored = rows.recharges.find(ordinal);
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

CommitResult ModelDatabase::Commit(std::map<std::string, AccountWrite> writes) {
  if (scene_.Fails(0.03)) {
    scene_.Count(Happening::kCommitFailed);
    return CommitResult::kConflict;
  }
  const CommitResult checked = Check(writes);
  if (checked != CommitResult::kCommitted) {
    scene_.Count(checked == CommitResult::kConflict ? Happening::kCommitConflict
                                                    : Happening::kCommitDuplicate);
    return checked;
  }
  std::vector<std::string> ids;
  for (const auto& [account_id, write] : writes) ids.push_back(account_id);
  return CommitChecked(std::move(ids), [this, writes = std::move(writes)] {
    for (const auto& [account_id, write] : writes) Apply(write);
  });
}

void ModelDatabase::Apply(const AccountWrite& write) {
  AccountRows& rows = accounts_[write.account.account_id];
  observer_.BeforeWrite(rows, write);
  rows.account = write.account;
  ++rows.version;
  for (const auto& [user_id, user] : write.users) rows.users[user_id] = user;
  for (const domain::Entry& entry : write.entries) {
    if (entry.booked.has_value()) rows.usages[entry.booked->usage.usage_id] = entry.seq;
    rows.entries.push_back(entry);
  }
  rows.events.insert(rows.events.end(), write.events.begin(), write.events.end());
  for (const auto& [ordinal, row] : write.recharges) {
    RechargeRow& stored = rows.recharges[ordinal];
    stored.recharge = row.recharge;
    ++stored.version;
  }
  for (const domain::CardDecline& decline : write.declines) {
    declines_[decline.card_fingerprint].push_back(decline.time);
  }
  rows.requests.insert(write.requests.begin(), write.requests.end());
  observer_.AfterWrite(rows);
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
