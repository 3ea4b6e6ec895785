// One attempt at one batch: loads the accounts, folds the commands through the
// policy in memory, and writes the result, inside a transaction of the caller.
//
// A Batch lives for one attempt; a retry makes a new one and reads everything
// again. What is handed on to the next is only the cache, whose contents count
// by the version that is read under the lock (account_cache.h). Not thread-safe.
//
//   Batch batch(context, *catalog, tasks, cache);
//   RETURN_IF_ERROR(batch.Run(connection, Duplicates::kOptimistic, Reading::kLocked));
//   ... COMMIT ...
//   batch.Remember();
//   Answer(tasks, batch.TakeReplies());
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_BATCH_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_BATCH_H_

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/engine/account_cache.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/card_decline_rows.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::engine {

using book::AdjustBalance;
using book::AuthorizeReply;
using book::AuthorizeUsage;
using book::BlockAccount;
using book::Catalog;
using book::ChainedHash;
using book::Command;
using book::DeferRecharge;
using book::EntryReply;
using book::OpenAccount;
using book::PutUser;
using book::RechargeReply;
using book::Reconsider;
using book::RecordUsage;
using book::Reply;
using book::ReportRecharge;
using book::RequestRecharge;
using book::UnblockAccount;
using book::UpdateBillingSettings;
using book::UpdatePaymentMethod;
using book::UsageReply;
using book::UserReply;

// How usages that are booked already are found: by the unique key when they are
// inserted again (then Run returns ALREADY_EXISTS), or by looking them up first.
enum class Duplicates { kOptimistic, kLookUp };

// How accounts are read. kLocked: always, under a lock. kRemembered: an account of
// which there are only usages to record is taken from the cache as it is there; if
// it is not so any more Run returns ABORTED "BALANCE_MOVED", and the batch must be
// tried again with kLocked.
enum class Reading { kLocked, kRemembered };

class Batch {
 public:
  // All arguments must outlive the batch.
  Batch(const domain::Context& context, const Catalog& catalog, absl::Span<const Task> tasks,
        AccountCache& cache);

  // False if all tasks only ask: then no transaction is needed around Run.
  bool may_write() const { return may_write_; }

  // Everything but BEGIN and COMMIT. An error concerns the batch as a whole (see
  // connection.h for the codes); refusals of single commands are replies.
  absl::Status Run(storage::Connection& connection, Duplicates duplicates, Reading reading);

  // Hands what is known now to the cache. Once, and only if all that was written
  // is committed.
  void Remember();

  // The replies, in the order of the tasks; once.
  std::vector<absl::StatusOr<Reply>> TakeReplies() { return std::move(replies_); }

  // Recharges that a worker can take from now on.
  const std::vector<storage::RechargeKey>& due_recharges() const { return due_recharges_; }
  // Usages that turned out to be booked already.
  int duplicate_count() const { return duplicate_count_; }
  // True if a usage found no rate in the catalog: it may be an old one.
  bool missed_rate() const { return missed_rate_; }
  // False if there is nothing to commit.
  bool has_writes() const { return has_writes_; }
  // How long ago the events were written; zero if there are none.
  absl::Duration events_age() const;

 private:
  struct AccountSlot {
    std::unique_ptr<KnownAccount> known;  // never null once loaded
    bool remembered = false;              // not read: the write must check it
    bool exists = false;
    bool is_new = false;
    bool balance_changed = false;
    bool rest_changed = false;          // of the account's own row
    std::vector<size_t> changed_users;  // places in known->users
    domain::Account& account() { return known->account; }
    const domain::Account& account() const { return known->account; }
  };
  struct RechargeSlot {
    domain::Recharge recharge;
    bool changed = false;
  };
  struct OnceSlot {
    storage::OnceRequest request;
    std::optional<domain::Entry> entry;
  };
  using IdPair = std::pair<absl::string_view, absl::string_view>;

  absl::Status Load(storage::Connection& connection, Duplicates duplicates, Reading reading);
  absl::Status LoadAccounts(storage::Connection& connection, Reading reading);
  // Fills the slots of these accounts, from the cache as far as that holds.
  absl::Status LoadAccounts(storage::Connection& connection,
                            const std::vector<absl::string_view>& account_ids, storage::Lock lock);
  absl::Status LoadUsers(storage::Connection& connection);
  absl::Status LoadBookedUsages(storage::Connection& connection);
  absl::Status LoadOnceRequests(storage::Connection& connection);
  absl::Status LoadRecharges(storage::Connection& connection);
  absl::Status LoadCardDeclines(storage::Connection& connection);
  absl::Status LookUpRefused(storage::Connection& connection);
  absl::Status Write(storage::Connection& connection);

  absl::StatusOr<Reply> Fold(const Task& task);
  absl::StatusOr<Reply> Handle(const Task& task, const RecordUsage& command);
  absl::StatusOr<Reply> Handle(const Task& task, const AuthorizeUsage& command);
  absl::StatusOr<Reply> Handle(const Task& task, const OpenAccount& command);
  absl::StatusOr<Reply> Handle(const Task& task, const UpdateBillingSettings& command);
  absl::StatusOr<Reply> Handle(const Task& task, const UpdatePaymentMethod& command);
  absl::StatusOr<Reply> Handle(const Task& task, const PutUser& command);
  absl::StatusOr<Reply> Handle(const Task& task, const AdjustBalance& command);
  absl::StatusOr<Reply> Handle(const Task& task, const RequestRecharge& command);
  absl::StatusOr<Reply> Handle(const Task& task, const BlockAccount& command);
  absl::StatusOr<Reply> Handle(const Task& task, const UnblockAccount& command);
  absl::StatusOr<Reply> Handle(const Task& task, const ReportRecharge& command);
  absl::StatusOr<Reply> Handle(const Task& task, const DeferRecharge& command);
  absl::StatusOr<Reply> Handle(const Task& task, const Reconsider& command);

  // The answer to a usage whose id is that of a booked one.
  absl::StatusOr<Reply> AnswerRepeat(const AccountSlot& slot, const domain::Entry& stored,
                                     const domain::Usage& usage);
  absl::StatusOr<AccountSlot*> FindAccount(const std::string& account_id);
  static domain::User* UserOf(const AccountSlot& slot, absl::string_view user_id);  // or null
  static absl::StatusOr<const domain::User*> FindUser(const AccountSlot& slot,
                                                      const std::string& user_id);
  static void ChangeUser(AccountSlot& slot, domain::User&& user);
  // Takes a transition over into the slots and the rows to write. Returns the
  // last entry that it booked, or null.
  const domain::Entry* Apply(AccountSlot& slot, domain::Transition&& transition);
  // Keeps track of the months that the account's entries are in (month_rows.h).
  void NoteMonth(AccountSlot& slot, const domain::Entry& entry);

  const domain::Context& context_;
  const Catalog& catalog_;
  absl::Span<const Task> tasks_;
  AccountCache& cache_;

  absl::flat_hash_map<absl::string_view, AccountSlot> accounts_;
  absl::flat_hash_map<storage::RechargeKey, RechargeSlot> recharges_;
  absl::flat_hash_map<IdPair, OnceSlot> once_;
  // With those of this batch.
  storage::DeclinesByCard card_declines_;
  std::vector<domain::CardDecline> new_declines_;
  // Booked before (in `booked_`) or in this batch (in `entries_`).
  absl::flat_hash_map<IdPair, const domain::Entry*> usages_;
  std::vector<domain::Entry> booked_;
  std::vector<domain::Entry> booked_but_refused_;
  std::deque<domain::Entry> entries_;
  std::deque<domain::Event> events_;
  std::vector<storage::OnceRequest> new_requests_;
  std::vector<storage::MonthSpan> month_spans_;

  std::vector<absl::StatusOr<Reply>> replies_;
  std::vector<storage::RechargeKey> due_recharges_;
  bool may_write_ = false;
  int duplicate_count_ = 0;
  bool missed_rate_ = false;
  bool has_writes_ = false;
  std::optional<std::chrono::steady_clock::time_point> events_written_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_BATCH_H_
