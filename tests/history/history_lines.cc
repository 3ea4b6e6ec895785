#include "tests/history/history_lines.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::history {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<What, const char*> kNames[] = {
    {What::kDone, "done"},     {What::kUnknown, "unknown"}, {What::kRefused, "refused"},
    {What::kHeld, "held"},     {What::kHead, "head"},       {What::kEntry, "entry"},
    {What::kFound, "found"},   {What::kMissing, "missing"}, {What::kChanged, "changed"},
    {What::kListed, "listed"}, {What::kListEnd, "list end"}};

absl::Status NoCall(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a call of a history: ", why));
}

Json ToJson(const Claim& claim) {
  Json json = {{"what", NameOf(claim.what)}, {"account", claim.account}};
  if (!claim.kind.empty()) json["kind"] = claim.kind;
  if (!claim.id.empty()) json["id"] = claim.id;
  if (claim.seq != 0) json["seq"] = claim.seq;
  if (claim.amount.has_value()) json["amount"] = *claim.amount;
  if (claim.balance.has_value()) json["balance"] = *claim.balance;
  if (!claim.hash.empty()) json["hash"] = claim.hash;
  if (claim.fresh) json["fresh"] = true;
  if (claim.start_micros.has_value()) json["start"] = *claim.start_micros;
  return json;
}

std::optional<int64_t> OptionalInt(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return std::nullopt;
  return found->get<int64_t>();
}

absl::StatusOr<Claim> ParseClaim(const Json& json) {
  Claim claim;
  const std::string name = json.at("what").get<std::string>();
  const auto* what = std::begin(kNames);
  while (what != std::end(kNames) && what->second != name) ++what;
  if (what == std::end(kNames)) return NoCall(absl::StrCat("the claim \"", name, "\""));
  claim.what = what->first;
  claim.account = json.at("account").get<std::string>();
  claim.kind = json.value("kind", "");
  claim.id = json.value("id", "");
  claim.seq = json.value("seq", int64_t{0});
  claim.amount = OptionalInt(json, "amount");
  claim.balance = OptionalInt(json, "balance");
  claim.hash = json.value("hash", "");
  claim.fresh = json.value("fresh", false);
  claim.start_micros = OptionalInt(json, "start");
  return claim;
}

absl::StatusOr<Call> ParseCall(const Json& json) {
  Call call;
  call.number = json.at("call").get<int64_t>();
  call.who = json.at("who").get<int>();
  call.ledger = json.at("ledger").get<int>();
  call.method = json.at("method").get<std::string>();
  call.asked = json.at("asked").get<int64_t>();
  call.answered = json.at("answered").get<int64_t>();
  call.status = json.at("status").get<std::string>();
  for (const Json& each : json.at("claims")) {
    RESERVE_ASSIGN_OR_RETURN(Claim claim, ParseClaim(each));
    call.claims.push_back(std::move(claim));
  }
  if (call.answered < call.asked) return NoCall("it is answered before it is asked");
  return call;
}

}  // namespace

const char* NameOf(What what) {
  for (const auto& [each, name] : kNames) {
    if (each == what) return name;
  }
  return "";
}

std::string ToLine(const Call& call) {
  Json json = {{"call", call.number},   {"who", call.who},        {"ledger", call.ledger},
               {"method", call.method}, {"asked", call.asked},    {"answered", call.answered},
               {"status", call.status}, {"claims", Json::array()}};
  for (const Claim& claim : call.claims) json["claims"].push_back(ToJson(claim));
  return json.dump();
}

absl::StatusOr<Call> ParseLine(absl::string_view line) {
  try {
    return ParseCall(Json::parse(line));
  } catch (const Json::exception& e) {
    return NoCall(e.what());
  }
}

absl::StatusOr<std::vector<Call>> ReadHistory(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("there is no file ", path));
  std::vector<Call> calls;
  std::string line;
  for (int64_t number = 1; std::getline(file, line); ++number) {
    if (file.eof()) break;
    absl::StatusOr<Call> call = ParseLine(line);
    if (!call.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", call.status().message()));
    }
    calls.push_back(*std::move(call));
  }
  return calls;
}

}  // namespace reserve::history
