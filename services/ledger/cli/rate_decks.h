// The clients behind `ledger rate-decks`, `compare-rates`, `activate-rates` and `retire-rates`: the
// life of decks that a running ledger has. They block; call them from one thread.
#ifndef RESERVE_SERVICES_LEDGER_CLI_RATE_DECKS_H_
#define RESERVE_SERVICES_LEDGER_CLI_RATE_DECKS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"

namespace reserve::cli {

namespace pb = ::reserve::ledger::v1;

struct ActivateRatesOptions {
  int64_t deck_version = 0;
  std::string effective_time;  // RFC 3339; empty: as soon as all ledgers know
  bool backdate = false;       // it may be in the past
  bool dry_run = false;
  std::string reason;  // empty: "activate-rates"
};

// Lists the decks, newest first, and when each was, is or will be in force.
absl::Status ListRateDecks(const std::shared_ptr<grpc::Channel>& channel, bool json,
                           std::ostream& out);
// Says what would change with the deck: counts, the first lines of each sort, and what recent usage
// would have cost. `base_version` 0: compared with the deck that is in force.
absl::Status CompareRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                          int64_t base_version, bool json, std::ostream& out);
// Brings a deck into force, and tells from when it is.
absl::Status ActivateRates(const std::shared_ptr<grpc::Channel>& channel,
                           const ActivateRatesOptions& options, std::ostream& out);
absl::Status RetireRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                         bool dry_run, std::ostream& out);

// The time of --effective_time; none if it is empty. INVALID_ARGUMENT if it is no time.
absl::StatusOr<std::optional<absl::Time>> EffectiveTimeFrom(const std::string& text);
// "in force from ...".
std::string InForceText(const pb::RateDeck& deck);
std::string InForceText(const pb::RateDeckActivation& activation);
// Sends it under a request id of its own, again if the ledger could not answer.
absl::StatusOr<pb::RateDeckActivation> SendActivation(pb::Rates::Stub& stub,
                                                      pb::ActivateRateDeckRequest request);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_RATE_DECKS_H_
