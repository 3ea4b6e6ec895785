#include "services/ledger/api/audit_service.h"

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/audit/auditor.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/entry_rows.h"

namespace reserve::api {
namespace {

// A page ends after so many accounts or so much time, so that progress is seen.
constexpr int kAccountsPerPage = 50;
constexpr absl::Duration kTimePerPage = absl::Seconds(1);

void FillCounts(const audit::Findings& findings, pb::VerifyCounts* counts) {
  counts->set_accounts(findings.accounts);
  counts->set_entries(findings.entries);
  counts->set_usages(findings.usages);
  counts->set_recharges(findings.recharges);
  counts->set_users(findings.users);
  counts->set_events(findings.events);
  counts->set_differences(findings.difference_count);
}

void AddCounts(const audit::Findings& more, audit::Findings* total) {
  total->accounts += more.accounts;
  total->entries += more.entries;
  total->usages += more.usages;
  total->recharges += more.recharges;
  total->users += more.users;
  total->events += more.events;
  total->difference_count += more.difference_count;
}

template <typename Message>
void DifferencesToProto(audit::Findings&& findings, Message* message) {
  for (audit::Difference& d : findings.differences) {
    pb::Difference* difference = message->add_differences();
    difference->set_account_id(std::move(d.account_id));
    difference->set_check(std::move(d.check));
    difference->set_subject(std::move(d.subject));
    difference->set_stored(std::move(d.stored));
    difference->set_computed(std::move(d.computed));
  }
}

// Binds resume tokens to this call, so that no other token is taken for one.
std::string DigestOfVerify() { return QueryDigest({"VerifyLedger"}); }

// How far a verification has come, over all of its streams: what its resume token holds.
struct Reached {
  std::string after;  // the last account that was reported on
  int64_t accounts = 0;
  int64_t differences = 0;
};

std::string EncodeVerifyToken(const Reached& reached) {
  return EncodePageToken(DigestOfVerify(), absl::StrCat(reached.after, " ", reached.accounts, " ",
                                                        reached.differences));
}

absl::StatusOr<Reached> DecodeVerifyToken(absl::string_view token) {
  const absl::Status not_ours = InvalidField("resume_token", "is not a token of VerifyLedger");
  const absl::StatusOr<std::string> cursor = DecodePageToken(DigestOfVerify(), token);
  if (!cursor.ok()) return not_ours;
  const std::vector<std::string> parts = absl::StrSplit(*cursor, ' ');
  Reached reached{.after = parts[0]};
  if (parts.size() == 1) return reached;  // the start, or of a ledger whose tokens have no counts
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &reached.accounts) ||
      !absl::SimpleAtoi(parts[2], &reached.differences) || reached.accounts < 0 ||
      reached.differences < 0) {
    return not_ours;
  }
  return reached;
}

// One verification. A job of the pool and a write take turns, so at any time only
// one of them is under way and nothing here needs a lock. Deletes itself.
class VerifyLedgerReactor : public grpc::ServerWriteReactor<pb::VerifyLedgerResponse> {
 public:
  VerifyLedgerReactor(const ApiContext& api, const Doorkeeper* keeper,
                      grpc::CallbackServerContext& context, const std::atomic<bool>& draining,
                      absl::StatusOr<Reached> reached)
      : api_(api),
        keeper_(keeper),
        context_(context),
        draining_(draining),
        record_(api.metrics, context, "VerifyLedger") {
    if (!reached.ok()) {
      End(reached.status());
      return;
    }
    reached_ = *std::move(reached);
    StartPage();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("the client is gone"));
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
        [this](storage::Connection& connection) { return VerifyPage(connection); },
        [this](const absl::Status& status) { PageDone(status); },
        [this] { return cancelled_ ? engine::CallerGone() : absl::OkStatus(); });
  }

  // On a thread of the pool. May run twice: what it finds is new each time.
  absl::Status VerifyPage(storage::Connection& connection) {
    page_ = audit::Findings();
    page_after_ = reached_.after;
    page_is_last_ = false;
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Account> accounts,
                             storage::ListAccounts(connection, reached_.after, kAccountsPerPage));
    const Moment end = MonotonicNow() + kTimePerPage;
    for (const domain::Account& account : accounts) {
      RESERVE_RETURN_IF_ERROR(Interrupted());
      RESERVE_RETURN_IF_ERROR(audit::VerifyAccount(connection, account.account_id, &page_));
      page_after_ = account.account_id;
      if (MonotonicNow() >= end) return absl::OkStatus();
    }
    page_is_last_ = accounts.size() < kAccountsPerPage;
    return absl::OkStatus();
  }

  void PageDone(const absl::Status& status) {
    if (!status.ok()) return End(status);
    reached_ = {page_after_, reached_.accounts + page_.accounts,
                reached_.differences + page_.difference_count};
    AddCounts(page_, &total_);
    message_.Clear();
    FillCounts(total_, message_.mutable_counts());
    DifferencesToProto(std::move(page_), &message_);
    message_.set_resume_token(EncodeVerifyToken(reached_));
    message_.set_done(page_is_last_);
    if (page_is_last_) {
      api_.metrics.outcomes().NoteVerification(
          {api_.engine.Now(), reached_.accounts, reached_.differences});
    }
    StartWrite(&message_);
  }

  absl::Status Interrupted() const {
    if (cancelled_) return absl::CancelledError("the client is gone");
    if (draining_) return engine::Draining("go on elsewhere with the resume token");
    static constexpr const MethodAccess& kRow =
        RowOf(access::kAccessTable, "/reserve.ledger.v1.Audit/VerifyLedger");
    return keeper_ == nullptr ? absl::OkStatus() : keeper_->Check(kRow, context_);
  }

  void End(const absl::Status& status) { Finish(record_.End(status)); }

  const ApiContext& api_;
  const Doorkeeper* const keeper_;
  const grpc::CallbackServerContext& context_;
  const std::atomic<bool>& draining_;
  const CallRecord record_;
  std::atomic<bool> cancelled_ = false;
  Reached reached_;
  audit::Findings total_;  // of this stream
  audit::Findings page_;
  std::string page_after_;
  bool page_is_last_ = false;
  pb::VerifyLedgerResponse message_;
};

absl::Status CheckHeadRequest(const pb::CheckHeadRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  if (request.seq() < 1) return InvalidField("seq", "must be at least 1");
  if (request.hash().size() == std::tuple_size_v<domain::EntryHash>) return absl::OkStatus();
  return InvalidField("hash",
                      absl::StrCat("must be ", std::tuple_size_v<domain::EntryHash>, " bytes"));
}

pb::HeadState StateOf(const std::optional<domain::EntryHash>& stored, absl::string_view hash) {
  if (!stored.has_value()) return pb::HEAD_STATE_LOST;
  const bool same = absl::string_view(stored->data(), stored->size()) == hash;
  return same ? pb::HEAD_STATE_PRESENT : pb::HEAD_STATE_REPLACED;
}

}  // namespace

grpc::ServerUnaryReactor* AuditService::VerifyAccount(grpc::CallbackServerContext* context,
                                                      const pb::VerifyAccountRequest* request,
                                                      pb::VerifyAccountResponse* response) {
  const absl::Status checked = CheckId(request->account_id(), "account_id");
  if (!checked.ok())
    return FinishNow(api_, context, "VerifyAccount", checked, request->account_id());
  return StartQueryIn(
      api_.engine.bulk(), api_, context, "VerifyAccount", request->account_id(),
      [request, response](storage::Connection& connection) -> absl::Status {
        audit::Findings findings;
        RESERVE_RETURN_IF_ERROR(audit::VerifyAccount(connection, request->account_id(), &findings));
        response->Clear();
        FillCounts(findings, response->mutable_counts());
        response->set_head_hash(findings.head.data(), findings.head.size());
        DifferencesToProto(std::move(findings), response);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<pb::VerifyLedgerResponse>* AuditService::VerifyLedger(
    grpc::CallbackServerContext* context, const pb::VerifyLedgerRequest* request) {
  return new VerifyLedgerReactor(api_, keeper_, *context, draining_,
                                 DecodeVerifyToken(request->resume_token()));
}

grpc::ServerUnaryReactor* AuditService::CheckHead(grpc::CallbackServerContext* context,
                                                  const pb::CheckHeadRequest* request,
                                                  pb::CheckHeadResponse* response) {
  const absl::Status checked = CheckHeadRequest(*request);
  if (!checked.ok()) return FinishNow(api_, context, "CheckHead", checked, request->account_id());
  return StartQuery(
      api_, context, "CheckHead", request->account_id(),
      [request, response](storage::Connection& connection) -> absl::Status {
        // The head is read first: the entry is then not missed for having come between.
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<book::Balance> balances,
            storage::LoadBalances(connection, {request->account_id()}, storage::Lock::kNone));
        const book::Balance head = balances.empty() ? book::Balance() : balances.front();
        RESERVE_ASSIGN_OR_RETURN(
            const std::optional<domain::EntryHash> stored,
            storage::FindEntryHash(connection, request->account_id(), request->seq()));
        response->Clear();
        response->set_state(StateOf(stored, request->hash()));
        if (!stored.has_value()) {
          RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> archived,
                                   storage::FindArchivedHead(connection, request->account_id()));
          const bool is_archived = archived.has_value() && request->seq() < archived->seq;
          if (is_archived) response->set_state(pb::HEAD_STATE_ARCHIVED);
        }
        response->set_head_seq(head.last_seq);
        response->set_head_hash(head.head.data(), head.head.size());
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
