#include "services/ledger/engine/event_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "services/ledger/book/keyspace.h"

namespace reserve::engine {

absl::Time FeedPosition::Watermark(const storage::Shard& shard) const {
  absl::Time earliest = absl::InfiniteFuture();
  for (size_t i = 0; i < stretches.size(); ++i) {
    const bool is_before = i + 1 < stretches.size() && stretches[i + 1].first <= shard.first;
    if (is_before || stretches[i].first > shard.last) continue;
    earliest = std::min(earliest, stretches[i].watermark);
  }
  return earliest;
}

std::string ToText(const FeedPosition& position) {
  std::string text;
  for (const FeedPosition::Stretch& stretch : position.stretches) {
    if (stretch.first != 0) absl::StrAppend(&text, ";", absl::Hex(stretch.first), ":");
    absl::StrAppend(&text, absl::ToUnixMicros(stretch.watermark));
  }
  return text;
}

std::optional<FeedPosition> ParseFeedPosition(absl::string_view text) {
  // The year 3000: later is no time of an event.
  constexpr int64_t kLastMicros = 32'503'680'000'000'000;
  FeedPosition position;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::vector<absl::string_view> words = absl::StrSplit(part, ':');
    const bool is_first = position.stretches.empty();
    uint64_t first = 0;
    int64_t micros = 0;
    if (words.size() != (is_first ? 1 : 2)) return std::nullopt;
    if (!is_first &&
        (!absl::SimpleHexAtoi(words.front(), &first) || first <= position.stretches.back().first)) {
      return std::nullopt;
    }
    if (!absl::SimpleAtoi(words.back(), &micros) || micros < 0 || micros > kLastMicros) {
      return std::nullopt;
    }
    position.stretches.push_back({first, absl::FromUnixMicros(micros)});
  }
  return position;
}

absl::StatusOr<EventReader::Page> EventReader::Next(FeedSource& source) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::Shard> shards, source.Shards());
  if (shards != shards_) Adopt(shards);
  Page page;
  absl::Time earliest = absl::InfiniteFuture();
  for (Part& part : parts_) {
    absl::StatusOr<EventCursor::Page> read = Read(source, part);
    if (!read.ok()) {
      page.left_out.Update(read.status());
      continue;
    }
    std::move(read->events.begin(), read->events.end(), std::back_inserter(page.events));
    page.caught_up &= read->caught_up;
    if (read->watermark == absl::InfinitePast()) continue;
    part.watermark = read->watermark;
    earliest = std::min(earliest, read->watermark);
  }
  const bool nothing = std::all_of(parts_.begin(), parts_.end(),
                                   [](const Part& part) { return part.cursor == nullptr; });
  if (nothing) return page.left_out;
  // One that was away when the watch began, or is not through with what was there before, is
  // resumed from where another began. (What lies between is within the overlap.)
  for (Part& part : parts_) {
    if (!part.watermark.has_value() && earliest != absl::InfiniteFuture()) {
      part.watermark = earliest;
    }
  }
  page.position = Position();
  return page;
}

absl::StatusOr<EventCursor::Page> EventReader::Read(FeedSource& source, Part& part) {
  const absl::StatusOr<storage::Connection*> connection = source.At(part.shard);
  if (!connection.ok()) {
    part.cursor = nullptr;
    return connection.status();
  }
  if (part.cursor == nullptr) part.cursor = CursorFrom(part.watermark);
  absl::StatusOr<EventCursor::Page> read = part.cursor->Next(**connection);
  if (!read.ok()) {
    part.cursor = nullptr;
    source.Failed(part.shard);
  }
  return read;
}

void EventReader::Adopt(const std::vector<storage::Shard>& shards) {
  std::optional<FeedPosition> from = options_.resume_from;
  if (!parts_.empty()) {
    from = Position();
    if (from->stretches.empty()) from.reset();
  }
  std::vector<Part> before = std::exchange(parts_, {});
  for (const storage::Shard& shard : shards) {
    if (!options_.account_id.empty() && !shard.Has(book::KeyspaceIdOf(options_.account_id))) {
      continue;
    }
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&shard](const Part& part) { return part.shard == shard; });
    if (same != before.end()) {
      parts_.push_back(std::move(*same));
      continue;
    }
    Part part{shard, std::nullopt, nullptr};
    if (from.has_value()) part.watermark = from->Watermark(shard);
    parts_.push_back(std::move(part));
  }
  shards_ = shards;
}

std::unique_ptr<EventCursor> EventReader::CursorFrom(std::optional<absl::Time> watermark) const {
  EventCursor::Options options;
  options.overlap = options_.overlap;
  options.account_id = options_.account_id;
  options.kinds = options_.kinds;
  options.resume_from = watermark;
  return std::make_unique<EventCursor>(std::move(options));
}

FeedPosition EventReader::Position() const {
  FeedPosition position;
  for (const Part& part : parts_) {
    if (!part.watermark.has_value()) return FeedPosition();
    position.stretches.push_back({part.shard.first, *part.watermark});
  }
  // An account's events are at one shard; of the others nothing is said.
  if (position.stretches.size() == 1) position.stretches.front().first = 0;
  return position;
}

}  // namespace reserve::engine
