#include "tests/bench/import_load.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr size_t kChunkBytes = 1 << 20;
constexpr int kNames = 300;
constexpr int kPrices = 5'000;

}  // namespace

std::string MadeUpDeck(int rows, int variant) {
  std::string csv = "prefix,destination,price\n";
  constexpr int64_t kDense = 40'000'000;
  constexpr int64_t kSparse = 5'000'000'000;
  constexpr int64_t kApart = 1'733;
  for (int i = 0; i < rows; ++i) {
    const int64_t prefix = i < rows / 2 ? kDense + i : kSparse + i * kApart;
    absl::StrAppendFormat(&csv, "%d,Zone %d,0.%04d\n", prefix, i % kNames,
                          (i * 7 + variant) % kPrices);
  }
  return csv;
}

absl::Status ImportDeckFile(const std::shared_ptr<grpc::Channel>& channel, const std::string& name,
                            const std::string& csv, const std::string& currency) {
  const auto stub = pb::Rates::NewStub(channel);
  grpc::ClientContext context;
  pb::ImportRateDeckResponse response;
  const auto writer = stub->ImportRateDeck(&context, &response);
  pb::ImportRateDeckRequest message;
  pb::RateDeckHeader* header = message.mutable_header();
  header->set_name(name);
  header->set_currency_code(currency);
  header->set_csv_bytes(static_cast<int64_t>(csv.size()));
  header->mutable_standard_rate_ceiling()->set_currency_code(currency);
  header->mutable_standard_rate_ceiling()->set_nanos(20'000'000);
  for (int code = pb::RateDeckFindingCode_MIN + 1; code <= pb::RateDeckFindingCode_MAX; ++code) {
    header->add_accept(static_cast<pb::RateDeckFindingCode>(code));
  }
  writer->Write(message);
  for (size_t begin = 0; begin < csv.size(); begin += kChunkBytes) {
    message.set_csv_chunk(csv.substr(begin, kChunkBytes));
    if (!writer->Write(message)) break;
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  grpc::ClientContext activation;
  pb::ActivateRateDeckRequest activate;
  activate.set_deck_version(response.rate_deck().version());
  activate.mutable_effective_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  activate.set_backdate(true);
  activate.set_request_id(name);
  activate.set_reason("a deck of the largest size");
  pb::RateDeckActivation activated;
  const grpc::Status in_force = stub->ActivateRateDeck(&activation, activate, &activated);
  if (!in_force.ok()) return FromGrpcStatus(in_force);
  // It is answered once the deck is in memory.
  grpc::ClientContext look;
  pb::ListRatesRequest list;
  list.set_deck_version(response.rate_deck().version());
  list.set_currency_code(currency);
  list.set_page_size(1);
  pb::ListRatesResponse listed;
  const grpc::Status there = stub->ListRates(&look, list, &listed);
  return there.ok() ? absl::OkStatus() : FromGrpcStatus(there);
}

}  // namespace reserve::bench
