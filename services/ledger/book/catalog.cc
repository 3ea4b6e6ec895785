#include "services/ledger/book/catalog.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve::book {
namespace {

constexpr char kDeckLoading[] = "RATE_DECK_LOADING";
constexpr char kDeckVersion[] = "deck_version";
// A deck of two million lines is loaded in some ten seconds, most others at once.
constexpr absl::Duration kLoadingTakes = absl::Seconds(1);
constexpr absl::Duration kTimelineReadingTakes = absl::Seconds(1);

}  // namespace

absl::Status DeckNotInMemory(int64_t version) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, kDeckLoading, "",
                absl::StrCat("rate deck ", version, " is being loaded; nothing was done"));
  return TryAgain(WithMetadata(status, kDeckVersion, absl::StrCat(version)), kLoadingTakes);
}

std::optional<int64_t> DeckToLoad(const absl::Status& status) {
  if (ReasonOf(status) != kDeckLoading) return std::nullopt;
  for (const auto& [key, value] : MetadataOf(status)) {
    int64_t version = 0;
    if (key == kDeckVersion && absl::SimpleAtoi(value, &version)) return version;
  }
  return std::nullopt;
}

absl::Status TimelineNotRead() {
  return TryAgain(
      MakeError(
          absl::StatusCode::kUnavailable, "RATE_TIMELINE_NOT_READ", "",
          "the usage begins later than this ledger knows which rate deck is in force; nothing "
          "was done"),
      kTimelineReadingTakes);
}

const rates::DeckSnapshot* Catalog::InForce(absl::string_view currency, absl::string_view series,
                                            absl::Time time) const {
  const int64_t version = timeline->VersionAt(currency, series, time);
  return version == 0 ? nullptr : decks->ByVersion(version);
}

int64_t Catalog::LeftOutAt(absl::string_view currency, absl::string_view series,
                           absl::Time time) const {
  const int64_t version = timeline->VersionAt(currency, series, time);
  return version == 0 || decks->ByVersion(version) != nullptr ? 0 : version;
}

int64_t Catalog::latest_version() const {
  int64_t latest = decks->latest_version();
  for (const rates::DeckHeader& header : left_out) latest = std::max(latest, header.version);
  return latest;
}

const rates::DeckHeader* Catalog::FindHeader(int64_t version) const {
  if (const rates::DeckSnapshot* deck = decks->ByVersion(version)) return &deck->header();
  for (const rates::DeckHeader& header : left_out) {
    if (header.version == version) return &header;
  }
  return nullptr;
}

absl::StatusOr<const domain::Plan*> Catalog::FindPlan(const std::string& plan_id) const {
  const auto found = plans.find(plan_id);
  if (found == plans.end()) {
    return MakeError(absl::StatusCode::kNotFound, "PLAN_NOT_FOUND", "plan_id",
                     absl::StrCat("there is no plan \"", plan_id, "\""));
  }
  return &found->second;
}

std::optional<domain::Rate> FindRateOf(const rates::DeckSnapshot* deck,
                                       const domain::Usage& usage) {
  if (deck == nullptr) return std::nullopt;
  if (usage.kind == domain::UsageKind::kCall) {
    return deck->FindCall(usage.direction, usage.destination, usage.start_time);
  }
  if (usage.direction == domain::Direction::kInbound) return std::nullopt;
  return deck->FindSms(usage.destination, usage.carrier, usage.start_time);
}

std::optional<domain::Rate> Catalog::FindRate(absl::string_view currency, absl::string_view series,
                                              const domain::Usage& usage) const {
  return FindRateOf(InForce(currency, series, usage.start_time), usage);
}

std::optional<domain::Rate> Catalog::FindRateIn(int64_t deck_version, const std::string& currency,
                                                const domain::Usage& usage) const {
  const rates::DeckSnapshot* deck = decks->ByVersion(deck_version);
  if (deck == nullptr || deck->header().currency != currency) return std::nullopt;
  return FindRateOf(deck, usage);
}

}  // namespace reserve::book
