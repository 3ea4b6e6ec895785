#include "services/ledger/engine/event_cursor.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/error/error.h"

namespace reserve::engine {
namespace {

using storage::EventKey;
using storage::FeedEvent;
using storage::FeedPlace;

// Nearly all transactions commit within this; those that don't wait for a sweep.
constexpr absl::Duration kShortOverlap = absl::Seconds(2);
constexpr absl::Duration kSweepInterval = absl::Seconds(5);
constexpr int kSweepsAnOverlap = 12;
constexpr size_t kKeysAStatement = 1000;
constexpr int kMaxPageSize = 400;

EventCursor::Options Checked(EventCursor::Options options) {
  options.page_size = std::clamp(options.page_size, 1, kMaxPageSize);
  return options;
}

}  // namespace

EventCursor::EventCursor(Options options)
    : options_(Checked(std::move(options))), watermark_(options_.resume_from) {}

absl::StatusOr<EventCursor::Page> EventCursor::Next(storage::Connection& connection) {
  if (!pass_.has_value()) RESERVE_RETURN_IF_ERROR(StartPass(connection));
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<FeedPlace> places,
      storage::ListFeed(connection, pass_->place, options_.account_id, options_.page_size));
  Page page;
  if (pass_->silent) {
    for (const FeedPlace& p : places) Remember(p.account_id, {p.event_seq, p.feed_time});
  } else {
    RESERVE_ASSIGN_OR_RETURN(page.events, LoadNew(connection, places));
    Remember(page.events);
    if (!options_.kinds.empty()) {
      page.events.erase(std::remove_if(page.events.begin(), page.events.end(),
                                       [this](const FeedEvent& e) {
                                         return !options_.kinds.contains(e.event.kind);
                                       }),
                        page.events.end());
    }
  }
  page.caught_up = static_cast<int>(places.size()) < options_.page_size;
  if (page.caught_up) {
    FinishPass();
  } else {
    // What could not be seen yet when the pass began is not behind its start.
    if (!pass_->silent) {
      watermark_ = std::max(*watermark_, std::min(places.back().feed_time, pass_->start));
    }
    pass_->place = std::move(places.back());
    if (sent_.size() > options_.max_accounts) Forget();
  }
  page.watermark = watermark_.value_or(absl::InfinitePast());
  return page;
}

absl::Status EventCursor::StartPass(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, storage::DatabaseTime(connection));
  Pass pass;
  pass.start = now;
  pass.silent = !watermark_.has_value();
  // A clock that was set back: what comes now has feed times from `now` on.
  if (watermark_.has_value()) watermark_ = std::min(*watermark_, now);
  if (now < crowded_out_) crowded_out_ = absl::InfinitePast();
  const absl::Duration interval = std::min(kSweepInterval, options_.overlap / kSweepsAnOverlap);
  pass.sweep = now < last_sweep_ || now - last_sweep_ >= interval;
  const absl::Duration back =
      pass.sweep ? options_.overlap : std::min(options_.overlap, kShortOverlap);
  pass.place.feed_time = std::max(watermark_.value_or(now) - back, crowded_out_);
  pass_ = std::move(pass);
  return absl::OkStatus();
}

void EventCursor::FinishPass() {
  watermark_ = pass_->start;
  if (pass_->sweep) {
    last_sweep_ = pass_->start;
    Forget();
  }
  pass_.reset();
}

absl::Time EventCursor::Floor() const {
  return std::max(watermark_.value_or(absl::InfinitePast()) - options_.overlap, crowded_out_);
}

absl::StatusOr<std::vector<FeedEvent>> EventCursor::LoadNew(storage::Connection& connection,
                                                            const std::vector<FeedPlace>& places) {
  // From the first to the last event to load, for each account.
  struct Range {
    int64_t first;
    int64_t last;
    bool known;  // first - 1 was sent
  };
  std::map<std::string, Range> ranges;
  for (const FeedPlace& place : places) {
    const auto sent = sent_.find(place.account_id);
    const bool known = sent != sent_.end();
    if (known && place.event_seq <= sent->second.event_seq) continue;
    const int64_t first = known ? sent->second.event_seq + 1 : place.event_seq;
    const auto [range, is_new] =
        ranges.try_emplace(place.account_id, Range{first, place.event_seq, known});
    if (is_new) continue;
    range->second.first = std::min(range->second.first, first);
    range->second.last = std::max(range->second.last, place.event_seq);
  }
  std::vector<EventKey> keys;
  for (const auto& [account_id, range] : ranges) {
    // Of an account that is not remembered the event before belongs to it too, if
    // its feed time says that it was not sent.
    const int64_t from = range.known ? range.first : std::max<int64_t>(1, range.first - 1);
    for (int64_t seq = from; seq <= range.last; ++seq) keys.emplace_back(account_id, seq);
  }
  std::map<EventKey, FeedEvent> loaded;
  const absl::Time floor = Floor();
  while (!keys.empty()) {
    std::vector<EventKey> before;
    for (size_t i = 0; i < keys.size(); i += kKeysAStatement) {
      const std::vector<EventKey> some(
          keys.begin() + static_cast<std::ptrdiff_t>(i),
          keys.begin() + static_cast<std::ptrdiff_t>(std::min(i + kKeysAStatement, keys.size())));
      RESERVE_ASSIGN_OR_RETURN(std::vector<FeedEvent> events,
                               storage::LoadFeedEvents(connection, some));
      for (FeedEvent& event : events) {
        EventKey key(event.event.account_id, event.event.event_seq);
        const bool is_before = key.second < ranges.at(key.first).first;
        if (is_before && event.feed_time < floor) continue;
        if (is_before && key.second > 1) before.emplace_back(key.first, key.second - 1);
        loaded.emplace(std::move(key), std::move(event));
      }
    }
    keys = std::move(before);
  }
  std::vector<FeedEvent> events;
  events.reserve(loaded.size());
  for (auto& [key, event] : loaded) events.push_back(std::move(event));
  return events;
}

void EventCursor::Remember(const std::vector<FeedEvent>& events) {
  for (const FeedEvent& e : events) {
    Remember(e.event.account_id, {e.event.event_seq, e.feed_time});
  }
}

void EventCursor::Remember(const std::string& account_id, const Sent& sent) {
  Sent& known = sent_[account_id];
  known.event_seq = std::max(known.event_seq, sent.event_seq);
  known.feed_time = std::max(known.feed_time, sent.feed_time);
}

void EventCursor::Forget() {
  const auto forget_before = [this](absl::Time floor) {
    absl::erase_if(sent_,
                   [floor](const auto& of_account) { return of_account.second.feed_time < floor; });
  };
  forget_before(Floor());
  if (sent_.size() <= options_.max_accounts) return;
  std::vector<absl::Time> times;
  times.reserve(sent_.size());
  for (const auto& [account_id, sent] : sent_) times.push_back(sent.feed_time);
  const auto cut =
      times.begin() + static_cast<std::ptrdiff_t>(times.size() - options_.max_accounts);
  std::nth_element(times.begin(), cut, times.end());
  crowded_out_ = *cut;
  forget_before(crowded_out_);
}

}  // namespace reserve::engine
