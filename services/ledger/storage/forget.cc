#include "services/ledger/storage/forget.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// A lane that writes the account at the same moment may be in the way: then once more.
constexpr int kTries = 5;

class Forgetting {
 public:
  Forgetting(Connection& connection, absl::string_view account_id, absl::string_view user_id,
             const ForgetOptions& options)
      : connection_(connection),
        options_(options),
        account_(Quoted(account_id)),
        user_(Quoted(user_id)) {}

  absl::StatusOr<Forgotten> Run(absl::string_view account_id, absl::string_view user_id) {
    RESERVE_ASSIGN_OR_RETURN(const int64_t users,
                             Count(absl::StrCat("SELECT COUNT(*) FROM users WHERE account_id = ",
                                                account_, " AND user_id = ", user_)));
    // Usage of a user that nobody ever put has a number all the same (U1).
    RESERVE_ASSIGN_OR_RETURN(const int64_t keys, CountKeys());
    if (users + keys == 0) return domain::UserNotFound(account_id, user_id);
    RESERVE_RETURN_IF_ERROR(CheckNothingWaits());
    for (const absl::string_view table : kTables) {
      RESERVE_ASSIGN_OR_RETURN(
          const int64_t kept,
          Count(absl::StrCat("SELECT COUNT(*) FROM ", table, " WHERE account_id = ", account_,
                             " AND user_id = ", user_, " AND COALESCE(chain_form, 0) <> ", kTagged,
                             " AND LENGTH(destination) BETWEEN 1 AND ", kLongestNumber)));
      gone_.kept_entries += kept;
    }
    if (options_.dry_run) return Counted();
    RESERVE_RETURN_IF_ERROR(ErasePages());
    RESERVE_RETURN_IF_ERROR(InTransaction([this] { return EraseTheRest(); }));
    return gone_;
  }

 private:
  // What left the table of entries with its month, but stays for now, is in the second.
  static constexpr absl::string_view kTables[] = {"entries", "kept_entries"};
  static constexpr int kTagged = static_cast<int>(domain::ChainForm::kTagged);
  static constexpr size_t kLongestNumber = domain::kNumberDigestLength - 1;
  static constexpr int kOpen = static_cast<int>(domain::HoldState::kOpen);
  static constexpr int kUnsettled = static_cast<int>(domain::HoldState::kUnsettled);

  absl::StatusOr<int64_t> Count(const std::string& sql) {
    int64_t count = 0;
    RESERVE_RETURN_IF_ERROR(
        connection_.Query(sql, [&count](const Row& row) { count = row.Int(1); }));
    return count;
  }

  absl::StatusOr<int64_t> CountKeys() {
    return Count(absl::StrCat("SELECT COUNT(*) FROM number_keys WHERE account_id = ", account_,
                              " AND user_id = ", user_));
  }

  absl::Status CheckNothingWaits() {
    RESERVE_ASSIGN_OR_RETURN(const int64_t calls,
                             Count(absl::StrCat("SELECT COUNT(*) FROM holds WHERE account_id = ",
                                                account_, " AND user_id = ", user_,
                                                " AND state IN (", kOpen, ",", kUnsettled, ")")));
    RESERVE_ASSIGN_OR_RETURN(
        const int64_t unrated,
        Count(absl::StrCat("SELECT COUNT(*) FROM usage_states WHERE account_id = ", account_,
                           " AND user_id = ", user_,
                           " AND status = ", static_cast<int>(domain::UsageStatus::kUnrated))));
    if (calls + unrated > 0) return UserStillCalls(calls, unrated);
    return absl::OkStatus();
  }

  absl::StatusOr<Forgotten> Counted() {
    for (const absl::string_view table : kTables) {
      RESERVE_ASSIGN_OR_RETURN(
          const int64_t found,
          Count(absl::StrCat("SELECT COUNT(*) FROM ", table, " WHERE account_id = ", account_,
                             " AND user_id = ", user_, " AND chain_form = ", kTagged,
                             " AND LENGTH(destination) BETWEEN 1 AND ", kLongestNumber)));
      gone_.entries += found;
    }
    RESERVE_ASSIGN_OR_RETURN(
        gone_.holds,
        Count(absl::StrCat("SELECT COUNT(*) FROM ended_holds WHERE account_id = ", account_,
                           " AND user_id = ", user_, " AND destination <> ''")));
    RESERVE_ASSIGN_OR_RETURN(gone_.keys, CountKeys());
    return gone_;
  }

  // What is booked by now, page by page.
  absl::Status ErasePages() {
    RESERVE_ASSIGN_OR_RETURN(
        const int64_t last,
        Count(absl::StrCat("SELECT last_seq FROM balances WHERE account_id = ", account_)));
    while (done_ < last) {
      const int64_t end = std::min(last, done_ + options_.page);
      RESERVE_RETURN_IF_ERROR(InTransaction([this, end] { return ErasePage(end); }));
      done_ = end;
      if (options_.progress) {
        options_.progress(absl::StrCat("looked at ", done_, " of ", last, " entries, ",
                                       gone_.entries, " numbers are gone"));
      }
    }
    return absl::OkStatus();
  }

  // Up to this entry, under the account's lock: what the ledgers remember of it is outdated.
  absl::Status ErasePage(int64_t end) {
    RESERVE_RETURN_IF_ERROR(connection_.Execute(absl::StrCat(
        "UPDATE balances SET version = version + 1, revision = revision + 1 WHERE account_id = ",
        account_)));
    for (const absl::string_view table : kTables) {
      RESERVE_ASSIGN_OR_RETURN(
          const int64_t erased,
          connection_.Update(absl::StrCat(
              "UPDATE ", table,
              " e SET destination = SHA2(CONCAT((SELECT k.number_key FROM number_keys k "
              "WHERE k.account_id = e.account_id AND k.user_id = e.user_id "
              "AND k.year = YEAR(e.start_time)), destination), 256) WHERE account_id = ",
              account_, " AND user_id = ", user_, " AND chain_form = ", kTagged,
              " AND LENGTH(destination) BETWEEN 1 AND ", kLongestNumber, " AND seq > ", done_,
              " AND seq <= ", end,
              " AND EXISTS (SELECT 1 FROM number_keys n WHERE n.account_id = e.account_id "
              "AND n.user_id = e.user_id AND n.year = YEAR(e.start_time))")));
      erased_ += erased;
    }
    return absl::OkStatus();
  }

  // What was booked meanwhile, the holds, the name, and the keys.
  absl::Status EraseTheRest() {
    RESERVE_RETURN_IF_ERROR(ErasePage(std::numeric_limits<int64_t>::max()));
    RESERVE_ASSIGN_OR_RETURN(
        gone_.holds, connection_.Update(absl::StrCat(
                         "UPDATE ended_holds SET destination = '' WHERE account_id = ", account_,
                         " AND user_id = ", user_, " AND destination <> ''")));
    // Places that are free, and used again.
    RESERVE_RETURN_IF_ERROR(connection_.Execute(absl::StrCat(
        "UPDATE holds SET destination = '' WHERE account_id = ", account_, " AND user_id = ", user_,
        " AND state NOT IN (", kOpen, ",", kUnsettled, ")")));
    RESERVE_RETURN_IF_ERROR(connection_.Execute(
        absl::StrCat("UPDATE users SET display_name = '' WHERE account_id = ", account_,
                     " AND user_id = ", user_)));
    RESERVE_ASSIGN_OR_RETURN(
        gone_.keys, connection_.Update(absl::StrCat("DELETE FROM number_keys WHERE account_id = ",
                                                    account_, " AND user_id = ", user_)));
    return absl::OkStatus();
  }

  absl::Status InTransaction(absl::FunctionRef<absl::Status()> work) {
    absl::Status status;
    for (int i = 0; i < kTries; ++i) {
      erased_ = 0;
      status = connection_.Begin();
      if (status.ok()) status = work();
      if (status.ok()) status = connection_.Commit();
      if (status.ok()) {
        gone_.entries += erased_;
        return status;
      }
      connection_.Rollback();
      if (!absl::IsAborted(status)) return status;
    }
    return status;
  }

  Connection& connection_;
  const ForgetOptions& options_;
  const std::string account_;  // quoted, as is the user
  const std::string user_;
  int64_t done_ = 0;    // the last entry that was looked at
  int64_t erased_ = 0;  // by the transaction under way
  Forgotten gone_;
};

}  // namespace

absl::StatusOr<Forgotten> ForgetUser(Connection& connection, absl::string_view account_id,
                                     absl::string_view user_id, const ForgetOptions& options) {
  return Forgetting(connection, account_id, user_id, options).Run(account_id, user_id);
}

}  // namespace reserve::storage
