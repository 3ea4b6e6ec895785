#include "services/ledger/serve/serve_flags.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <thread>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/rpc/rpc_flags.h"
#include "services/ledger/serve/database_flags.h"
#include "services/ledger/serve/settings_flags.h"

ABSL_FLAG(bool, allow_unsafe_database, false,
          "Start even if a setting of the database server can lose a commit.");
ABSL_FLAG(
    bool, require_semi_sync, false,
    "Don't start on a database whose semi-synchronous replication is off or has fallen back to "
    "asynchronous: what is answered could be lost in a failover.");
ABSL_FLAG(std::string, listen, "127.0.0.1:50051", "host:port or unix:/path to serve on.");
ABSL_FLAG(
    int, lanes, 0,
    "Threads that commit batches, each for an equal range of the accounts and with one database "
    "connection. 0: one a core, 2 to 16, a power of two.");
ABSL_FLAG(
    int, shards, 1,
    "Over so many shards of equal size the database's accounts are spread (Vitess), or will "
    "be: a power of two, at most 64. Lanes are a multiple of it, so that no transaction is of "
    "two shards.");
ABSL_FLAG(std::string, peer_address, "",
          "host:port at which the other ledgers of the database reach this one, so that they share "
          "the accounts among them; empty: it takes no part.");
ABSL_FLAG(
    std::string, peer_server_name, "",
    "The name that other ledgers' certificates have; empty: the host of their --peer_address. "
    "Only with TLS.");
ABSL_FLAG(int, query_threads, 4, "Threads for reads; each holds one database connection.");
ABSL_FLAG(int, bulk_threads, 2,
          "Threads for what may take long: imports, audits, advice; each holds one database "
          "connection.");
ABSL_FLAG(int, max_batch, 900, "Commands in one transaction at the most, 1 to 999.");
ABSL_FLAG(int, max_queue, 8192, "Commands waiting in one lane at the most.");
ABSL_FLAG(int, cached_accounts, 100'000,
          "Accounts remembered between transactions, about 1 kB each; 0 for none.");
ABSL_FLAG(
    int64_t, max_queue_bytes, 8 << 20,
    "Memory that the commands waiting in one lane and their calls may hold, in bytes, about.");
ABSL_FLAG(int, max_concurrent_calls, 256,
          "Calls and streams that one connection may have under way; more wait in the client.");
ABSL_FLAG(double, max_caller_rate, 0,
          "Calls a second that one caller may make, and at once what a second brings; a usage of a "
          "batch is a call, usage streams are read so fast. 0: any number.");
ABSL_FLAG(double, max_account_rate, 0,
          "Reads and usages a second that all callers together may ask for of one account, streams "
          "apart. 0: any number.");
ABSL_FLAG(absl::Duration, lease_duration, absl::Seconds(30),
          "How long a worker may work on a recharge before another gets it.");
ABSL_FLAG(absl::Duration, poll_interval, absl::Milliseconds(500),
          "How often due recharges are looked for that nothing announced.");
ABSL_FLAG(
    absl::Duration, event_overlap, absl::Minutes(1),
    "How far back WatchEvents looks for events that were committed late; nothing is committed "
    "that is older than half of it. The same on all ledgers of a database.");
ABSL_FLAG(absl::Duration, event_poll_interval, absl::Milliseconds(100),
          "How often events are looked for while somebody watches them.");

namespace reserve::serve {
namespace {

constexpr size_t kLongestPeerAddress = 255;

// More lanes than cores only make the batches smaller; fewer than shards can't be.
int LanesFromFlag() {
  const int lanes = absl::GetFlag(FLAGS_lanes);
  if (lanes != 0) return lanes;
  // A power of two, so that no lane's range ever lies across the border of a half, of a quarter ...
  const unsigned cores = std::bit_floor(std::clamp(std::thread::hardware_concurrency(), 2u, 16u));
  return std::max(static_cast<int>(cores), absl::GetFlag(FLAGS_shards));
}

// A lane's range must lie in one shard.
absl::Status CheckShards(int lanes) {
  const int shards = absl::GetFlag(FLAGS_shards);
  if (shards < 1 || shards > engine::kAccountRanges ||
      !std::has_single_bit(static_cast<unsigned>(shards))) {
    return InvalidField("--shards",
                        absl::StrCat("must be a power of two, 1 to ", engine::kAccountRanges));
  }
  if (lanes % shards == 0) return absl::OkStatus();
  return InvalidField("--lanes", absl::StrCat("must be a multiple of --shards, which is ", shards,
                                              ", or 0: no transaction may be of two shards"));
}

absl::Status CheckPeers() {
  const std::string address = absl::GetFlag(FLAGS_peer_address);
  const std::string name = absl::GetFlag(FLAGS_peer_server_name);
  if (address.empty()) {
    if (name.empty()) return absl::OkStatus();
    return InvalidField("--peer_server_name", "is of no use without --peer_address");
  }
  RESERVE_RETURN_IF_ERROR(CheckTarget("--peer_address", address));
  if (address.size() > kLongestPeerAddress) {
    return InvalidField("--peer_address",
                        absl::StrCat("must have at most ", kLongestPeerAddress, " bytes"));
  }
  return CheckPlaintext("--peer_address", address);
}

// As people look for it: on which host, or in which pod, which process.
std::string LedgerId() {
  std::array<char, 128> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'l', 'e', 'd', 'g', 'e', 'r'};
  const std::string pid = absl::StrCat("-", getpid());
  return absl::StrCat(std::string(host.data()).substr(0, host.size() - pid.size()), pid);
}

}  // namespace

absl::StatusOr<engine::EngineOptions> EngineOptionsFromFlags() {
  engine::EngineOptions options;
  options.ledger_id = LedgerId();
  RESERVE_ASSIGN_OR_RETURN(options.database, DatabaseFromFlags());
  RESERVE_ASSIGN_OR_RETURN(options.settings, SettingsFromFlags());
  options.lanes = LanesFromFlag();
  options.query_threads = absl::GetFlag(FLAGS_query_threads);
  options.bulk_threads = absl::GetFlag(FLAGS_bulk_threads);
  options.max_batch = absl::GetFlag(FLAGS_max_batch);
  options.max_queue = absl::GetFlag(FLAGS_max_queue);
  options.cached_accounts = absl::GetFlag(FLAGS_cached_accounts);
  options.max_queue_bytes = absl::GetFlag(FLAGS_max_queue_bytes);
  options.lease_duration = absl::GetFlag(FLAGS_lease_duration);
  options.poll_interval = absl::GetFlag(FLAGS_poll_interval);
  options.event_overlap = absl::GetFlag(FLAGS_event_overlap);
  options.event_poll_interval = absl::GetFlag(FLAGS_event_poll_interval);
  options.peer_address = absl::GetFlag(FLAGS_peer_address);
  RESERVE_RETURN_IF_ERROR(CheckShards(options.lanes));
  if (options.lanes < 1 || options.lanes > 64) return InvalidField("--lanes", "must be 0 to 64");
  RESERVE_RETURN_IF_ERROR(CheckPeers());
  if (options.query_threads < 1 || options.query_threads > 64) {
    return InvalidField("--query_threads", "must be 1 to 64");
  }
  if (options.bulk_threads < 1 || options.bulk_threads > 64) {
    return InvalidField("--bulk_threads", "must be 1 to 64");
  }
  if (options.max_batch < 1 || options.max_batch > 999) {
    return InvalidField("--max_batch", "must be 1 to 999");
  }
  if (options.max_queue < 1) return InvalidField("--max_queue", "must be at least 1");
  if (options.cached_accounts < 0 || options.cached_accounts > 10'000'000) {
    return InvalidField("--cached_accounts", "must be 0 to 10000000");
  }
  if (options.max_queue_bytes < 1) return InvalidField("--max_queue_bytes", "must be at least 1");
  // A recharge whose worker died waits for the end of its lease.
  if (options.lease_duration < absl::Seconds(1) || options.lease_duration > absl::Hours(1)) {
    return InvalidField("--lease_duration", "must be 1s to 1h");
  }
  if (options.poll_interval < absl::Milliseconds(1) || options.poll_interval > absl::Hours(1)) {
    return InvalidField("--poll_interval", "must be 1ms to 1h");
  }
  if (options.event_overlap < absl::Seconds(10) || options.event_overlap > absl::Hours(1)) {
    return InvalidField("--event_overlap", "must be 10s to 1h");
  }
  if (options.event_poll_interval < absl::Milliseconds(1) ||
      options.event_poll_interval > absl::Hours(1)) {
    return InvalidField("--event_poll_interval", "must be 1ms to 1h");
  }
  return options;
}

absl::StatusOr<ServerOptions> LedgerServerOptionsFromFlags() {
  RESERVE_ASSIGN_OR_RETURN(ServerOptions options,
                           ServerOptionsFromFlags(absl::GetFlag(FLAGS_listen)));
  options.max_concurrent_calls = absl::GetFlag(FLAGS_max_concurrent_calls);
  if (options.max_concurrent_calls < 1) {
    return InvalidField("--max_concurrent_calls", "must be at least 1");
  }
  return options;
}

ChannelOptions PeerChannelOptionsFromFlags(std::shared_ptr<TlsIdentity> identity) {
  ChannelOptions options = ChannelOptionsFromFlags();
  options.identity = std::move(identity);
  options.tls_server_name = absl::GetFlag(FLAGS_peer_server_name);
  // An owner that is back is asked again soon.
  options.max_reconnect_backoff = absl::Milliseconds(500);
  return options;
}

absl::StatusOr<CallRates> CallRatesFromFlags() {
  constexpr double kMost = 1'000'000;
  const CallRates rates{absl::GetFlag(FLAGS_max_caller_rate),
                        absl::GetFlag(FLAGS_max_account_rate)};
  if (!(rates.of_caller >= 0 && rates.of_caller <= kMost)) {
    return InvalidField("--max_caller_rate", "must be 0 to 1000000");
  }
  if (!(rates.for_account >= 0 && rates.for_account <= kMost)) {
    return InvalidField("--max_account_rate", "must be 0 to 1000000");
  }
  return rates;
}

bool AllowUnsafeDatabaseFromFlags() { return absl::GetFlag(FLAGS_allow_unsafe_database); }
bool RequireSemiSyncFromFlags() { return absl::GetFlag(FLAGS_require_semi_sync); }

}  // namespace reserve::serve
