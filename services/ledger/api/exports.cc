// Everything of a kind as a stream of messages, of the `Accounts` service.
//
// As a verification of the ledger (audit_service.cc): a job of the pool for long work and a write
// take turns, so that an export of hours never holds a thread while its client reads.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/usage_records.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// A message ends after so many rows or so much time, so that progress is seen.
constexpr int kRowsPerMessage = 500;
constexpr absl::Duration kTimePerMessage = absl::Seconds(1);
constexpr int kAccountsAtOnce = 50;

// How far an export is: with all accounts before this one, and of it with all up to `after`, a seq
// or an ordinal.
struct Place {
  std::string account_id;
  int64_t after = 0;
};

std::string TokenDigest(const pb::ExportRequest& request) {
  return QueryDigest({"Export", request.account_id(), absl::StrCat(request.kind())});
}

absl::StatusOr<Place> PlaceFrom(const pb::ExportRequest& request) {
  Place place;
  place.account_id = request.account_id();
  const absl::StatusOr<std::string> cursor =
      DecodePageToken(TokenDigest(request), request.resume_token());
  if (cursor.ok() && cursor->empty()) return place;
  if (cursor.ok()) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(*cursor, absl::MaxSplits(':', 1));
    if (absl::SimpleAtoi(parts.first, &place.after) && place.after >= 0 &&
        place.after < kMostSeqs) {
      place.account_id = std::string(parts.second);
      return place;
    }
  }
  return InvalidField("resume_token", "is not a token of this export");
}

absl::StatusOr<Place> CheckExport(const pb::ExportRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.account_id(), "account_id"));
  if (!pb::ExportKind_IsValid(request.kind()) || request.kind() == pb::EXPORT_KIND_UNSPECIFIED) {
    return InvalidField("kind", "must be set");
  }
  return PlaceFrom(request);
}

int RowsOf(const pb::ExportResponse& message) {
  return message.usage_records_size() + message.entries_size() + message.recharges_size();
}

// One export. A job of the pool and a write take turns, so at any time only one of them is under
// way and nothing here needs a lock. Deletes itself.
class ExportReactor final : public grpc::ServerWriteReactor<pb::ExportResponse> {
 public:
  ExportReactor(const ApiContext& api, const Doorkeeper* keeper,
                grpc::CallbackServerContext& context, const std::atomic<bool>& draining,
                const pb::ExportRequest& request)
      : api_(api),
        keeper_(keeper),
        context_(context),
        draining_(draining),
        record_(api.metrics, context, "Export"),
        request_(request) {
    absl::StatusOr<Place> place = CheckExport(request_);
    if (!place.ok()) {
      End(place.status());
      return;
    }
    place_ = *std::move(place);
    StartPage();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(engine::CallerGone());
    if (message_.done()) return End(absl::OkStatus());
    StartPage();
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void StartPage() {
    const absl::Status interrupted = Interrupted();
    if (!interrupted.ok()) return End(interrupted);
    api_.engine.bulk().Submit(
        [this](Connection& connection) { return Read(connection); },
        [this](const absl::Status& status) { PageDone(status); },
        [this] { return cancelled_ ? engine::CallerGone() : absl::OkStatus(); });
  }

  // On a thread of the pool. May run twice: it begins where the last message ended.
  absl::Status Read(Connection& connection) {
    message_.Clear();
    next_ = place_;
    finished_ = 0;
    const Moment end = MonotonicNow() + kTimePerMessage;
    const bool of_one = !request_.account_id().empty();
    if (!next_.account_id.empty()) {
      RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                               LoadAccount(connection, next_.account_id));
      RESERVE_ASSIGN_OR_RETURN(const bool whole, ReadAccount(connection, account, end));
      if (!whole) return absl::OkStatus();
    }
    while (!of_one) {
      RESERVE_ASSIGN_OR_RETURN(
          const std::vector<domain::Account> accounts,
          storage::ListAccounts(connection, next_.account_id, kAccountsAtOnce));
      if (accounts.empty()) break;
      for (const domain::Account& account : accounts) {
        next_ = {account.account_id, 0};
        RESERVE_ASSIGN_OR_RETURN(const bool whole, ReadAccount(connection, account, end));
        if (!whole) return absl::OkStatus();
      }
    }
    message_.set_done(true);
    return absl::OkStatus();
  }

  // Adds what the account has from next_.after on; false if the message is full before its end.
  absl::StatusOr<bool> ReadAccount(Connection& connection, const domain::Account& account,
                                   Moment end) {
    for (;;) {
      RESERVE_RETURN_IF_ERROR(Interrupted());
      const int limit = kRowsPerMessage - RowsOf(message_);
      if (limit <= 0 || MonotonicNow() >= end) return false;
      bool whole = false;
      switch (request_.kind()) {
        case pb::EXPORT_KIND_RECHARGES: {
          RESERVE_ASSIGN_OR_RETURN(whole, AddRecharges(connection, account, limit));
          break;
        }
        default: {
          RESERVE_ASSIGN_OR_RETURN(whole, AddEntries(connection, account, limit));
          break;
        }
      }
      if (!whole) continue;
      ++finished_;
      return true;
    }
  }

  absl::StatusOr<bool> AddEntries(Connection& connection, const domain::Account& account,
                                  int limit) {
    const bool usages = request_.kind() == pb::EXPORT_KIND_USAGE;
    const int64_t looked_at = usages ? kLookedAt : limit;
    const storage::SeqRange seqs = {next_.after + 1,
                                    std::min(next_.after + looked_at, account.last_seq) + 1};
    if (seqs.empty()) return true;
    std::vector<domain::EntryKind> kinds;
    if (usages) kinds.push_back(domain::EntryKind::kUsage);
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Entry> entries,
                             storage::ListEntriesWithin(connection, account.account_id, seqs, kinds,
                                                        storage::Oldest::kFirst, limit));
    if (usages) {
      RESERVE_RETURN_IF_ERROR(AddUsageRecords(connection, api_.engine.catalog(), entries,
                                              account.currency, message_.mutable_usage_records()));
    } else {
      for (const domain::Entry& entry : entries) {
        ToProto(entry, account.currency, message_.add_entries());
      }
    }
    const bool full = entries.size() == static_cast<size_t>(limit);
    next_.after = full ? entries.back().seq : seqs.end - 1;
    return next_.after >= account.last_seq;
  }

  absl::StatusOr<bool> AddRecharges(Connection& connection, const domain::Account& account,
                                    int limit) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Recharge> recharges,
        storage::ListRechargesAfter(connection, account.account_id, storage::Listed::kCharges,
                                    next_.after, limit));
    for (const domain::Recharge& recharge : recharges) {
      ToProto(recharge, message_.add_recharges());
    }
    if (!recharges.empty()) next_.after = recharges.back().ordinal;
    return recharges.size() < static_cast<size_t>(limit);
  }

  void PageDone(const absl::Status& status) {
    if (!status.ok()) return End(status);
    place_ = next_;
    accounts_ += finished_;
    rows_ += RowsOf(message_);
    message_.set_resume_token(
        EncodePageToken(TokenDigest(request_), absl::StrCat(place_.after, ":", place_.account_id)));
    message_.set_accounts(accounts_);
    message_.set_rows(rows_);
    StartWrite(&message_);
  }

  absl::Status Interrupted() const {
    if (cancelled_) return engine::CallerGone();
    if (draining_) return engine::Draining("go on elsewhere with the resume token");
    static constexpr const MethodAccess& kRow =
        RowOf(access::kAccessTable, "/reserve.ledger.v1.Accounts/Export");
    return keeper_ == nullptr ? absl::OkStatus() : keeper_->Check(kRow, context_);
  }

  void End(const absl::Status& status) { Finish(record_.End(status)); }

  const ApiContext& api_;
  const Doorkeeper* const keeper_;
  const grpc::CallbackServerContext& context_;
  const std::atomic<bool>& draining_;
  const CallRecord record_;
  const pb::ExportRequest request_;
  std::atomic<bool> cancelled_ = false;
  Place place_;  // after the last message
  Place next_;   // after the one that is being read
  int64_t finished_ = 0;
  int64_t accounts_ = 0;
  int64_t rows_ = 0;
  pb::ExportResponse message_;
};

}  // namespace

grpc::ServerWriteReactor<pb::ExportResponse>* AccountsService::Export(
    grpc::CallbackServerContext* context, const pb::ExportRequest* request) {
  return new ExportReactor(api_, keeper_, *context, draining_, *request);
}

}  // namespace reserve::api
