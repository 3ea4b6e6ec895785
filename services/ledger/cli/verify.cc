#include "services/ledger/cli/verify.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "services/ledger/cli/json_text.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kProgressInterval = absl::Seconds(2);

void AddCounts(const pb::VerifyCounts& more, pb::VerifyCounts* total) {
  total->set_accounts(total->accounts() + more.accounts());
  total->set_entries(total->entries() + more.entries());
  total->set_usages(total->usages() + more.usages());
  total->set_recharges(total->recharges() + more.recharges());
  total->set_users(total->users() + more.users());
  total->set_events(total->events() + more.events());
  total->set_differences(total->differences() + more.differences());
}

std::string CountsText(const pb::VerifyCounts& counts) {
  return absl::StrCat(counts.accounts(), " accounts, ", counts.entries(), " entries, ",
                      counts.usages(), " usages, ", counts.recharges(), " recharges, ",
                      counts.users(), " users, ", counts.events(), " events, ",
                      counts.differences(), " differences");
}

void Print(const pb::Difference& d, std::ostream& out) {
  out << "DIFFERENCE  account " << d.account_id() << "  " << d.check();
  if (!d.subject().empty()) out << "  [" << d.subject() << "]";
  out << "\n    stored:   " << d.stored() << "\n    computed: " << d.computed() << "\n";
}

// Everything so far, over all streams.
class Verification {
 public:
  Verification(std::ostream& out, bool json) : out_(out), json_(json) {}

  // One stream. True in `*done` if it came to the end.
  absl::Status Stream(pb::Audit::Stub& stub, bool* done, bool* progress) {
    grpc::ClientContext context;
    pb::VerifyLedgerRequest request;
    request.set_resume_token(resume_token_);
    const auto reader = stub.VerifyLedger(&context, request);
    pb::VerifyLedgerResponse message;
    pb::VerifyCounts of_stream;
    while (reader->Read(&message)) {
      *progress = true;
      of_stream = message.counts();
      resume_token_ = message.resume_token();
      for (const pb::Difference& difference : message.differences()) {
        if (json_) {
          *found_.add_differences() = difference;
        } else {
          Print(difference, out_);
        }
        ++printed_;
      }
      if (message.done()) *done = true;
      ShowProgress(of_stream);
    }
    AddCounts(of_stream, &counts_);
    return FromGrpcStatus(reader->Finish());
  }

  int64_t Close() {
    if (json_) {
      *found_.mutable_counts() = counts_;
      found_.set_done(true);
      out_ << JsonOf(found_) << std::endl;
      return counts_.differences();
    }
    if (printed_ < counts_.differences()) {
      out_ << "and " << counts_.differences() - printed_ << " more differences, not shown\n";
    }
    out_ << "verify: " << CountsText(counts_) << std::endl;
    return counts_.differences();
  }

 private:
  void ShowProgress(const pb::VerifyCounts& of_stream) {
    if (json_ || MonotonicNow() - last_progress_ < kProgressInterval) return;
    last_progress_ = MonotonicNow();
    pb::VerifyCounts so_far = counts_;
    AddCounts(of_stream, &so_far);
    out_ << "so far: " << CountsText(so_far) << std::endl;
  }

  std::ostream& out_;
  const bool json_;
  pb::VerifyLedgerResponse found_;  // for JSON
  std::string resume_token_;
  pb::VerifyCounts counts_;
  int64_t printed_ = 0;
  Moment last_progress_ = MonotonicNow();
};

// Would another try end the same way?
bool IsFinal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument ||
         status.code() == absl::StatusCode::kUnimplemented ||
         status.code() == absl::StatusCode::kPermissionDenied ||
         status.code() == absl::StatusCode::kUnauthenticated;
}

}  // namespace

absl::StatusOr<int64_t> VerifyLedger(const std::shared_ptr<grpc::Channel>& channel,
                                     std::ostream& out, const VerifyOptions& options) {
  const auto stub = pb::Audit::NewStub(channel);
  Verification verification(out, options.json);
  for (int failures = 0;;) {
    bool done = false;
    bool progress = false;
    const absl::Status status = verification.Stream(*stub, &done, &progress);
    if (done) return verification.Close();
    if (IsFinal(status)) return status;
    failures = progress ? 1 : failures + 1;
    if (failures >= options.max_failures) {
      return status.ok() ? absl::DataLossError("the ledger ended the verification before its end")
                         : status;
    }
    if (!options.json) out << "going on after: " << status << std::endl;
    absl::SleepFor(options.pause_after_failure);
  }
}

}  // namespace reserve::cli
