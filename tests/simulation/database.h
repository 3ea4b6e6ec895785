// The model of the database: the rows of each account, and commits that go wrong.
//
// It is the simulation's counterpart of the storage: it loads the image that keys ask for, and
// commits a write set, the same that the real one is given.
//
// A transaction is applied whole or not at all. It names the revision of each row
// that it was decided upon; a row that has changed since makes it a conflict, as
// does a row that another transaction has not let go of. (A real server lets the
// second wait for the lock and may then end either in a deadlock; what is left is
// the same: nothing is decided upon rows that change meanwhile.)
//
// The keys are the storage's: usage ids and request ids are unique in an account.
#ifndef RESERVE_TESTS_SIMULATION_DATABASE_H_
#define RESERVE_TESTS_SIMULATION_DATABASE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/domain/policy.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

using book::RechargeKey;

struct RechargeRow {
  domain::Recharge recharge;
  int64_t version = 0;
};

struct CardRow {
  int32_t position = 0;
  domain::PaymentMethod method;
};

// All rows of one account.
struct AccountRows {
  domain::Account account;  // with the cards as they are in their own rows
  std::map<std::string, CardRow> cards;
  book::Balance balance;  // of revision 0: the account does not exist
  std::map<std::string, domain::User> users;
  std::map<std::pair<std::string, int32_t>, domain::NumberKey> number_keys;  // by user and year
  std::vector<domain::Entry> entries;
  std::vector<domain::Receipt> receipts;
  std::map<int32_t, book::MonthSpan> months;
  std::vector<domain::Event> events;
  std::map<int64_t, RechargeRow> recharges;  // and refunds
  std::map<std::string, domain::Dispute> disputes;
  std::map<std::string, int64_t> usages;  // usage id -> seq
  std::map<std::string, domain::UsageState> usage_states;
  std::map<std::string, book::RequestRecord> requests;
  std::map<int32_t, domain::Hold> holds;            // that live, by slot
  std::map<std::string, domain::Hold> ended_holds;  // by id, as they ended last
  bool in_doubt = false;  // a commit of it is still going on at the server

  bool exists() const { return balance.revision != 0; }
};

// The entry that says what a usage is: that of its CDR, where it took the place of an estimate
// (H12). Null if the usage is not booked.
const domain::Entry* FindStandingEntry(const AccountRows& rows, const std::string& usage_id);

// A report that a transaction applied, as it was received; for the checks.
struct AppliedReport {
  int64_t ordinal = 0;
  domain::ChargeOutcome outcome;
};

// A place of a live hold; without one it becomes free.
struct HoldWrite {
  int32_t slot = 0;
  std::optional<domain::Hold> hold;
};

// What one transaction writes of one account: its part of a write set.
struct AccountWrite {
  book::Balance balance;
  std::optional<domain::Account> rest;  // where more than the balance changes
  std::vector<CardRow> cards;
  std::vector<domain::User> users;
  std::vector<domain::UsedAllowance> allowances;
  std::vector<domain::UsageState> usage_states;
  std::vector<HoldWrite> holds;
  std::vector<domain::Hold> ended_holds;
  std::vector<book::NumberKeyRecord> number_keys;
  std::vector<domain::Entry> entries;
  std::vector<domain::Receipt> receipts;
  std::vector<book::MonthSpan> months;
  std::vector<domain::Event> events;
  std::map<int64_t, RechargeRow> recharges;  // with the versions as read, 0: new
  std::vector<domain::Dispute> disputes;
  std::vector<book::RequestRecord> requests;
  std::vector<domain::CardDecline> declines;
  std::vector<AppliedReport> reports;
  bool only_takes_back = false;  // all of the commands ask or tell of money that goes back
};

// By account id.
using Transaction = std::map<std::string, AccountWrite>;

// The versions of recharges as they were loaded. (A server has locked their rows.)
using RechargeVersions = std::map<RechargeKey, int64_t>;

// What is to be written, account by account.
Transaction TransactionOf(const book::WriteSet& writes, const RechargeVersions& versions);

enum class CommitResult {
  kCommitted,
  kConflict,   // nothing was written: try again
  kDuplicate,  // nothing was written: a unique key is there already
  kUnknown,    // the connection broke: written, not written, or still to be written
};

// A conditional update of one recharge: a claim, or the renewal of a lease.
struct RechargeUpdate {
  RechargeKey key;
  // Is the row such that it may be updated?
  std::function<bool(const domain::Recharge&)> condition;
  std::function<void(domain::Recharge*)> change;
  bool matched = false;          // set by Update()
  domain::Recharge result = {};  // the row afterwards, if it matched
};

class ModelDatabase {
 public:
  // Told of the rows of an account before and after each transaction that wrote them.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void BeforeWrite(const AccountRows& rows, const AccountWrite& write) = 0;
    virtual void AfterWrite(const AccountRows& rows) = 0;
  };

  ModelDatabase(Scene* scene, Observer* observer) : scene_(*scene), observer_(*observer) {}

  const std::map<std::string, AccountRows>& accounts() const { return accounts_; }
  // Null if there is no such account.
  const AccountRows* Find(const std::string& account_id) const;

  // When a card was declined, on any account, newest first.
  std::vector<absl::Time> DeclinesOf(const std::string& card_fingerprint) const;

  // What the keys ask for. New keys of numbers are the scene's chance.
  void Load(const book::Keys& keys, book::Image* image, RechargeVersions* versions) const;
  // Takes up those of these usages that are booked, and what became of them.
  void LoadUsages(const std::vector<book::OnceKey>& keys, book::Image* image) const;

  // The schema's feature level (storage/feature_level.h).
  int feature_level() const { return feature_level_; }
  void set_feature_level(int level) { feature_level_ = level; }

  CommitResult Commit(Transaction transaction);
  // One transaction of conditional updates.
  CommitResult Update(std::vector<RechargeUpdate>* updates);

 private:
  const domain::Entry* FindUsage(const book::OnceKey& key) const;
  void LoadEndedHolds(const book::Keys& keys, book::Image* image) const;
  void LoadAccount(const std::string& account_id, book::AccountImage* image) const;
  void LoadUsers(const std::vector<book::UserKey>& keys, book::Image* image) const;
  void LoadRinging(const book::Keys& keys, book::Image* image) const;
  void LoadNumberKeys(const std::vector<book::UserYear>& needs, book::Image* image) const;
  void LoadRequests(const book::Keys& keys, book::Image* image) const;
  void LoadRecharges(const book::Keys& keys, book::Image* image, RechargeVersions* versions) const;
  void LoadClosings(const book::Keys& keys, book::Image* image, RechargeVersions* versions) const;
  void TakeUp(const RechargeKey& key, book::Image* image, RechargeVersions* versions) const;
  void LoadCharges(const book::Keys& keys, book::Image* image, RechargeVersions* versions) const;
  void LoadDeclines(const book::Keys& keys, book::Image* image) const;
  CommitResult Check(const Transaction& transaction) const;
  CommitResult CommitChecked(std::vector<std::string> account_ids, std::function<void()> apply);
  void Apply(const AccountWrite& write);
  void ApplyUsers(const AccountWrite& write, AccountRows* rows) const;
  void ApplyHolds(const AccountWrite& write, AccountRows* rows) const;
  static void ApplyCards(const AccountWrite& write, AccountRows* rows);
  void ApplyUpdates(const std::vector<RechargeUpdate>& updates);

  Scene& scene_;
  Observer& observer_;
  int feature_level_ = domain::kNewestFeatureLevel;
  std::map<std::string, AccountRows> accounts_;
  std::map<std::string, std::vector<absl::Time>> declines_;  // by card
  std::map<book::AttemptKey, std::string> declined_numbers_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_DATABASE_H_
