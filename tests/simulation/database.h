// The model of the database: the rows of each account, and commits that go wrong.
//
// A transaction is applied whole or not at all. It names the version of each row
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
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/domain/policy.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

using RechargeKey = std::pair<std::string, int64_t>;  // account id, ordinal

// What a request id was used for.
struct StoredRequest {
  int64_t seq = 0;      // of an adjustment
  int64_t ordinal = 0;  // of a top-up
};

struct RechargeRow {
  domain::Recharge recharge;
  int64_t version = 0;
};

// All rows of one account.
struct AccountRows {
  domain::Account account;
  int64_t version = 0;  // 0: it does not exist
  std::map<std::string, domain::User> users;
  std::vector<domain::Entry> entries;
  std::vector<domain::Event> events;
  std::map<int64_t, RechargeRow> recharges;
  std::map<std::string, int64_t> usages;  // usage id -> seq
  std::map<std::string, StoredRequest> requests;
  bool in_doubt = false;  // a commit of it is still going on at the server

  bool exists() const { return version != 0; }
};

// A report that a transaction applied, as it was received; for the checks.
struct AppliedReport {
  int64_t ordinal = 0;
  domain::ChargeOutcome outcome;
};

// What one transaction writes of one account.
struct AccountWrite {
  domain::Account account;
  int64_t version = 0;  // as read
  std::map<std::string, domain::User> users;
  std::vector<domain::Entry> entries;
  std::vector<domain::Event> events;
  std::map<int64_t, RechargeRow> recharges;  // with the versions as read, 0: new
  std::map<std::string, StoredRequest> requests;
  std::vector<domain::CardDecline> declines;
  std::vector<AppliedReport> reports;
};

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

  CommitResult Commit(std::map<std::string, AccountWrite> writes);
  // One transaction of conditional updates.
  CommitResult Update(std::vector<RechargeUpdate>* updates);

 private:
  CommitResult Check(const std::map<std::string, AccountWrite>& writes) const;
  CommitResult CommitChecked(std::vector<std::string> account_ids, std::function<void()> apply);
  void Apply(const AccountWrite& write);
  void ApplyUpdates(const std::vector<RechargeUpdate>& updates);

  Scene& scene_;
  Observer& observer_;
  std::map<std::string, AccountRows> accounts_;
  std::map<std::string, std::vector<absl::Time>> declines_;  // by card
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_DATABASE_H_
