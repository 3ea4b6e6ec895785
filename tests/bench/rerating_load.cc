#include "tests/bench/rerating_load.h"

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "tests/support/ledger_stubs.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr char kCurrency[] = "EUR";

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(const test_support::LedgerStubs& ledger,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                          Response*),
                             const Request& request) {
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (ledger.of<Stub>().*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

absl::StatusOr<int64_t> Import(const test_support::LedgerStubs& ledger, const std::string& name,
                               const std::string& price, absl::Time effective) {
  grpc::ClientContext context;
  pb::ImportRateDeckResponse response;
  const auto writer = ledger.of<pb::Rates::Stub>().ImportRateDeck(&context, &response);
  pb::ImportRateDeckRequest message;
  message.mutable_header()->set_name(name);
  message.mutable_header()->set_currency_code(kCurrency);
  for (const pb::RateDeckFindingCode code :
       {pb::RATE_DECK_FINDING_CODE_FIRST_OF_CURRENCY, pb::RATE_DECK_FINDING_CODE_PRICES_CHANGED,
        pb::RATE_DECK_FINDING_CODE_CROSSES_CEILING}) {
    message.mutable_header()->add_accept(code);
  }
  reserve::ToProto(effective, message.mutable_header()->mutable_effective_time());
  writer->Write(message);
  message.set_csv_chunk(absl::StrCat("kind,prefix,price\ncall,49,", price, "\n"));
  writer->Write(message);
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  pb::ActivateRateDeckRequest activate;
  activate.set_deck_version(response.rate_deck().version());
  reserve::ToProto(effective, activate.mutable_effective_time());
  activate.set_backdate(true);
  activate.set_request_id(name);
  activate.set_reason("bench");
  RESERVE_RETURN_IF_ERROR(Ask(ledger, &pb::Rates::Stub::ActivateRateDeck, activate).status());
  return response.rate_deck().version();
}

absl::Status BookCalls(const test_support::LedgerStubs& ledger, const std::string& account_id,
                       int calls) {
  pb::OpenAccountRequest open;
  open.set_account_id(account_id);
  open.set_currency_code(kCurrency);
  RESERVE_RETURN_IF_ERROR(Ask(ledger, &pb::Accounts::Stub::OpenAccount, open).status());
  pb::PutUserRequest put;
  put.set_account_id(account_id);
  put.set_user_id("u");
  RESERVE_RETURN_IF_ERROR(Ask(ledger, &pb::Accounts::Stub::PutUser, put).status());
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < calls; ++i) {
    pb::RecordUsageRequest* request = batch.add_requests();
    request->set_account_id(account_id);
    pb::Usage* usage = request->mutable_usage();
    usage->set_usage_id(absl::StrCat("c", i));
    usage->set_user_id("u");
    reserve::ToProto(absl::Now() - absl::Hours(1), usage->mutable_start_time());
    usage->mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
    usage->mutable_call()->set_destination("+493012345678");
    usage->mutable_call()->mutable_duration()->set_seconds(60);
  }
  return Ask(ledger, &pb::Ledger::Stub::BatchRecordUsage, batch).status();
}

// Usages a second.
absl::StatusOr<double> Rerate(const test_support::LedgerStubs& ledger,
                              const pb::RerateUsageRequest& request, int64_t usages) {
  const absl::Time begin = absl::Now();
  grpc::ClientContext context;
  const auto reader = ledger.of<pb::Rates::Stub>().RerateUsage(&context, request);
  pb::RerateUsageResponse response;
  pb::Rerating last;
  while (reader->Read(&response)) last = response.rerating();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  if (last.changed_count() != usages) {
    return absl::InternalError(absl::StrCat(last.changed_count(), " of ", usages, " changed"));
  }
  return static_cast<double>(usages) / absl::ToDoubleSeconds(absl::Now() - begin);
}

}  // namespace

absl::StatusOr<ReratingSpeed> MeasureReratingOf(const std::shared_ptr<grpc::Channel>& channel,
                                                int accounts, int calls, SteadyLoad& beside) {
  const test_support::LedgerStubs ledger(channel);
  const absl::Time long_ago = absl::FromUnixSeconds(1'600'000'000);
  RESERVE_ASSIGN_OR_RETURN(const int64_t wrong, Import(ledger, "wrong", "0.0500", long_ago));
  RESERVE_ASSIGN_OR_RETURN(const int64_t right,
                           Import(ledger, "right", "0.0300", absl::Now() + absl::Hours(24 * 365)));
  for (int i = 0; i < accounts; ++i) {
    RESERVE_RETURN_IF_ERROR(BookCalls(ledger, absl::StrCat("rerated-", i), calls));
  }
  pb::RerateUsageRequest request;
  reserve::ToProto(long_ago, request.mutable_start_time());
  request.set_deck_version(right);
  request.set_reason("bench");
  const int64_t usages = int64_t{accounts} * calls;
  ReratingSpeed speed;
  request.set_validate_only(true);
  RESERVE_ASSIGN_OR_RETURN(speed.previewed_per_second, Rerate(ledger, request, usages));
  request.set_validate_only(false);
  request.set_request_id("bench");
  RESERVE_ASSIGN_OR_RETURN(speed.rated_per_second, Rerate(ledger, request, usages));
  request.set_deck_version(wrong);
  request.set_request_id("bench-beside");
  absl::StatusOr<double> rated = absl::UnknownError("not done");
  std::atomic<bool> done = false;
  std::thread rerating([&] {
    rated = Rerate(ledger, request, usages);
    done = true;
  });
  absl::Status status = beside.RunWindow();
  while (status.ok() && !done) status = beside.RunWindow();
  rerating.join();
  RESERVE_RETURN_IF_ERROR(status);
  RESERVE_ASSIGN_OR_RETURN(speed.beside_per_second, rated);
  return speed;
}

}  // namespace reserve::bench
