#include "services/ledger/cli/check_heads.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr size_t kHashBytes = 32;
// Of a line that is none, what is shown.
constexpr size_t kShownBytes = 80;

bool ReadHash(absl::string_view text, std::string* hash) {
  if (text.size() == 2 * kHashBytes) {
    if (!std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) return false;
    *hash = absl::HexStringToBytes(text);
    return true;
  }
  return absl::Base64Unescape(text, hash) && hash->size() == kHashBytes;
}

bool ReadLine(absl::string_view line, pb::CheckHeadRequest* request) {
  const std::vector<absl::string_view> parts = absl::StrSplit(line, ',');
  int64_t seq = 0;
  std::string hash;
  if (parts.size() != 3 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &seq) || seq < 1 ||
      !ReadHash(absl::StripAsciiWhitespace(parts[2]), &hash)) {
    return false;
  }
  request->set_account_id(std::string(absl::StripAsciiWhitespace(parts[0])));
  request->set_seq(seq);
  request->set_hash(std::move(hash));
  return true;
}

bool MayHelpToRepeat(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded ||
         code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kAborted;
}

// The threads that ask, one line of the file each at a time.
class Asking {
 public:
  Asking(const std::shared_ptr<grpc::Channel>& channel, std::istream& in, std::ostream& out,
         const CheckHeadsOptions& options)
      : options_(options), stub_(pb::Audit::NewStub(channel)), in_(in), out_(out) {}

  absl::StatusOr<HeadCounts> Run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < options_.calls; ++i) threads.emplace_back([this] { Loop(); });
    for (std::thread& thread : threads) thread.join();
    absl::MutexLock lock(&mutex_);
    out_ << (error_.ok() ? "check-heads: " : "check-heads, as far as it came: ")
         << counts_.present + counts_.lost + counts_.replaced << " entries, " << counts_.present
         << " present, " << counts_.lost << " lost, " << counts_.replaced << " replaced";
    if (counts_.bad_lines > 0) out_ << ", " << counts_.bad_lines << " lines not understood";
    out_ << std::endl;
    if (!error_.ok()) return error_;
    return counts_;
  }

 private:
  void Loop() {
    pb::CheckHeadRequest request;
    pb::CheckHeadResponse response;
    while (Next(&request)) {
      const absl::Status status = Ask(request, &response);
      absl::MutexLock lock(&mutex_);
      if (status.ok()) {
        Count(request, response);
      } else if (status.code() == absl::StatusCode::kInvalidArgument) {
        // An account id that can't be one: the file's fault, and of this line alone.
        BadLine(absl::StrCat(request.account_id(), ",", request.seq()), status.message());
      } else {
        error_ = status;
      }
    }
  }

  // The next entry of the file; false at its end, and after an error of any thread.
  bool Next(pb::CheckHeadRequest* request) {
    absl::MutexLock lock(&mutex_);
    std::string line;
    while (error_.ok() && std::getline(in_, line)) {
      ++line_number_;
      const absl::string_view text = absl::StripAsciiWhitespace(line);
      if (text.empty() || text[0] == '#') continue;
      if (ReadLine(text, request)) return true;
      BadLine(text, absl::StrCat("line ", line_number_, " is not ACCOUNT,SEQ,HASH"));
    }
    return false;
  }

  void BadLine(absl::string_view text, absl::string_view why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++counts_.bad_lines;
    out_ << "BAD LINE  \"" << absl::CHexEscape(text.substr(0, kShownBytes)) << "\": " << why
         << std::endl;
  }

  absl::Status Ask(const pb::CheckHeadRequest& request, pb::CheckHeadResponse* response) {
    for (int tries = 1;; ++tries) {
      grpc::ClientContext context;
      context.set_deadline(DeadlineIn(kCallTimeout));
      const absl::Status status = FromGrpcStatus(stub_->CheckHead(&context, request, response));
      if (status.ok() || !MayHelpToRepeat(status.code()) || tries >= options_.max_tries) {
        return status;
      }
      absl::SleepFor(options_.pause);
    }
  }

  void Count(const pb::CheckHeadRequest& request, const pb::CheckHeadResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (response.state() == pb::HEAD_STATE_PRESENT) {
      ++counts_.present;
      return;
    }
    const bool replaced = response.state() == pb::HEAD_STATE_REPLACED;
    ++(replaced ? counts_.replaced : counts_.lost);
    out_ << (replaced ? "REPLACED" : "LOST") << "  account " << request.account_id() << "  entry "
         << request.seq()
         << (response.head_seq() == 0
                 ? "; the ledger has none of this account"
                 : absl::StrCat("; the ledger's last is ", response.head_seq(), ",",
                                absl::BytesToHexString(response.head_hash())))
         << std::endl;
  }

  const CheckHeadsOptions options_;
  const std::unique_ptr<pb::Audit::Stub> stub_;
  absl::Mutex mutex_;
  std::istream& in_ ABSL_GUARDED_BY(mutex_);
  std::ostream& out_ ABSL_GUARDED_BY(mutex_);
  int64_t line_number_ ABSL_GUARDED_BY(mutex_) = 0;
  HeadCounts counts_ ABSL_GUARDED_BY(mutex_);
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<HeadCounts> CheckHeads(const std::shared_ptr<grpc::Channel>& channel,
                                      std::istream& in, std::ostream& out,
                                      const CheckHeadsOptions& options) {
  return Asking(channel, in, out, options).Run();
}

}  // namespace reserve::cli
