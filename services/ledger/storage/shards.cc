#include "services/ledger/storage/shards.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"

namespace reserve::storage {
namespace {

// Vitess' keyspace with the tables of accounts (vitess/routing_rules.json).
constexpr absl::string_view kAccountsPrefix = "reserve/";

// "reserve/-80", "catalog/0"
absl::StatusOr<std::vector<std::string>> ShowShards(Connection& connection) {
  std::vector<std::string> names;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SHOW VITESS_SHARDS", [&names](const Row& row) { names.push_back(row.Text(1)); }));
  return names;
}

// The place that a bound of a shard is, "80" or "4a2c": its bytes, the first one highest.
absl::StatusOr<uint64_t> PlaceOf(absl::string_view bound) {
  constexpr size_t kDigits = 16;
  uint64_t place = 0;
  const std::string digits =
      absl::StrCat(bound, std::string(kDigits - std::min(kDigits, bound.size()), '0'));
  if (!absl::SimpleHexAtoi(digits.substr(0, kDigits), &place)) {
    return BadRows(absl::StrCat("no bound of a shard: ", bound));
  }
  return place;
}

}  // namespace

absl::Status LanesFit(const std::vector<Shard>& shards, int lanes) {
  const auto lane_of = [lanes](uint64_t place) {
    return absl::Uint128High64(absl::uint128(place) * static_cast<uint64_t>(lanes));
  };
  for (const Shard& shard : shards) {
    if (shard.first == 0 || lane_of(shard.first) != lane_of(shard.first - 1)) continue;
    return DatabaseError(
        ErrorClass::kSettings,
        absl::StrCat("no border of the ", lanes, " lanes is where ", shard.schema,
                     " begins: --lanes must be a multiple of the ", shards.size(), " shards"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Shard> ParseShard(absl::string_view keyspace, absl::string_view name) {
  Shard shard;
  shard.schema = absl::StrCat(keyspace, ":", name);
  const size_t dash = name.find('-');
  if (dash == absl::string_view::npos) return shard;  // "0": all there are
  const absl::string_view end = name.substr(dash + 1);
  RESERVE_ASSIGN_OR_RETURN(shard.first, PlaceOf(name.substr(0, dash)));
  if (end.empty()) return shard;
  RESERVE_ASSIGN_OR_RETURN(const uint64_t next, PlaceOf(end));
  shard.last = next - 1;
  return shard;
}

absl::StatusOr<std::vector<Shard>> ListShards(Connection& connection) {
  if (!connection.on_vitess()) return std::vector<Shard>{Shard{}};
  RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ShowShards(connection));
  std::vector<Shard> shards;
  for (absl::string_view name : names) {
    if (!absl::ConsumePrefix(&name, kAccountsPrefix)) continue;
    RESERVE_ASSIGN_OR_RETURN(Shard shard,
                             ParseShard(absl::StripSuffix(kAccountsPrefix, "/"), name));
    shards.push_back(std::move(shard));
  }
  std::sort(shards.begin(), shards.end(),
            [](const Shard& a, const Shard& b) { return a.first < b.first; });
  uint64_t next = 0;
  for (const Shard& shard : shards) {
    if (shard.first != next) break;
    next = shard.last + 1;  // 0 after the last
  }
  if (shards.empty() || next != 0) {
    return DatabaseError(ErrorClass::kShard, "vtgate does not know all shards of the accounts");
  }
  return shards;
}

absl::StatusOr<std::vector<std::string>> ListServers(Connection& connection) {
  if (!connection.on_vitess()) return std::vector<std::string>{""};
  RESERVE_ASSIGN_OR_RETURN(std::vector<std::string> schemas, ShowShards(connection));
  for (std::string& schema : schemas) absl::StrReplaceAll({{"/", ":"}}, &schema);
  return schemas;
}

}  // namespace reserve::storage
