#include "tests/bench/hold_load.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/status.h"
#include "tests/bench/load.h"
#include "tests/bench/steady_load.h"
#include "tests/support/ledger_stubs.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;
using LedgerStub = pb::Ledger::Stub;

constexpr absl::Duration kWindow = absl::Seconds(5);
constexpr absl::Duration kMostPatience = absl::Minutes(6);
constexpr int kPart = 5'000;  // holds

template <typename Request, typename Response>
absl::Status Send(const std::shared_ptr<grpc::Channel>& channel,
                  grpc::Status (LedgerStub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                  const Request& request) {
  const test_support::LedgerStubs ledger(channel);
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (ledger.of<LedgerStub>().*method)(&context, request, &response);
  return status.ok() ? absl::OkStatus() : FromGrpcStatus(status);
}

// One after the other over the accounts, as fast as they go, by parts; holds a second. None of them
// may end before the last one is there, and the load beside them was measured: a machine that is
// too slow for that is told so at once.
absl::StatusOr<double> CreateOrphans(const OrphanLoad& load, Traffic& traffic,
                                     const CpuMeter& cpu) {
  const CallOptions options{load.channels, Method::kCreateHold, /*in_flight=*/256};
  const absl::Time begin = absl::Now();
  const absl::Duration room = load.ringing - 2 * kWindow;
  int made = 0;
  double per_second = 0;
  while (made < load.orphans) {
    const int part = std::min(kPart, load.orphans - made);
    const Traffic::Ringing ringing = traffic.Rings(part, traffic.InTurn());
    const LoadResult created =
        RunCalls(options, ringing.creates, {kMostPatience, absl::ZeroDuration()}, cpu);
    if (created.answers.allowed != part) {
      return absl::InternalError(absl::StrCat("only ", made + created.answers.allowed,
                                              " holds were made: ", created.answers.first_error));
    }
    made += part;
    per_second = made / absl::ToDoubleSeconds(absl::Now() - begin);
    if (load.orphans / per_second > absl::ToDoubleSeconds(room)) {
      return absl::DeadlineExceededError(
          absl::StrCat("at ", static_cast<int64_t>(per_second), " holds a second the first of ",
                       load.orphans, " end before the last is made: give --ringing more than ",
                       absl::FormatDuration(load.ringing), ", or --orphans fewer"));
    }
  }
  return per_second;
}

}  // namespace

absl::StatusOr<CallExamples> ExampleCalls::Begin(Traffic& traffic) {
  for (const int account : {1, 2, 3}) {
    open_.push_back(traffic.CreateHold(account));
    RESERVE_RETURN_IF_ERROR(Send(channel_, &LedgerStub::CreateHold, open_.back()));
  }
  for (const int extended : {1, 2}) {
    RESERVE_RETURN_IF_ERROR(Send(channel_, &LedgerStub::ExtendHold,
                                 traffic.ExtendHold(open_[static_cast<size_t>(extended)])));
  }
  CallExamples examples{open_[0].account_id(), open_[1].account_id(), open_[2].account_id()};
  RESERVE_RETURN_IF_ERROR(Send(channel_, &LedgerStub::RecordUsage, traffic.Settle(open_[2])));
  open_.pop_back();
  return examples;
}

absl::Status ExampleCalls::End(const Traffic& traffic) {
  for (const pb::CreateHoldRequest& call : open_) {
    RESERVE_RETURN_IF_ERROR(Send(channel_, &LedgerStub::RecordUsage, traffic.Settle(call)));
  }
  open_.clear();
  return absl::OkStatus();
}

absl::StatusOr<OrphanFigures> MeasureOrphans(const OrphanLoad& load, Stage& stage, Traffic& traffic,
                                             const CpuMeter& cpu) {
  OrphanFigures figures;
  const int64_t memory_before = ResidentBytes(load.ledger);
  const absl::Time begin = absl::Now();
  RESERVE_ASSIGN_OR_RETURN(figures.created_per_second, CreateOrphans(load, traffic, cpu));
  figures.memory_growth = static_cast<double>(ResidentBytes(load.ledger) - memory_before);

  SteadyLoad before(load.channels, load.usages_per_second, kWindow, traffic, cpu);
  RESERVE_RETURN_IF_ERROR(before.RunWindow());
  const absl::Time first_due = begin + load.ringing;
  if (absl::Now() > first_due) {
    return absl::DeadlineExceededError("orphans ended before the load beside them was measured");
  }
  absl::SleepFor(first_due - absl::Now());

  SteadyLoad beside(load.channels, load.usages_per_second, kWindow, traffic, cpu);
  while (true) {
    RESERVE_RETURN_IF_ERROR(beside.RunWindow());
    RESERVE_ASSIGN_OR_RETURN(const int64_t left, stage.CountHolds());
    if (left == 0) break;
    if (absl::Now() - first_due > kMostPatience) {
      return absl::DeadlineExceededError(absl::StrCat(left, " orphans are left"));
    }
  }
  RESERVE_ASSIGN_OR_RETURN(const absl::Duration took, stage.ExpiryTook(begin));
  figures.seconds = absl::ToDoubleSeconds(took);
  figures.usages_before = before.per_second();
  figures.usages_beside = beside.per_second();
  figures.p99_before = before.P99();
  figures.p99_beside = beside.P99();
  figures.booked = before.booked() + beside.booked();
  return figures;
}

}  // namespace reserve::bench
