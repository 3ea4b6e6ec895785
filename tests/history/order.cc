#include "tests/history/order.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reserve::history {
namespace {

// Something that has a place in the order.
struct Op {
  // Twice the seq of a booking; between those of two bookings for a read.
  int64_t place = 0;
  int64_t begin = kBegin;  // not before; kBegin: not known
  int64_t end = kNever;    // not after
  const Call* asker = nullptr;
  const Call* answerer = nullptr;
  bool is_read = false;
  std::string what = {};
};

int64_t PlaceOfBooking(int64_t seq) { return 2 * seq; }
int64_t PlaceAfter(int64_t seq) { return 2 * seq + 1; }
int64_t PlaceBefore(int64_t seq) { return 2 * seq - 1; }

std::string NameOfEntry(const Books& books, int64_t seq) {
  const auto entry = books.entries.find(seq);
  if (entry == books.entries.end() || !entry->second.name.value.has_value()) {
    return absl::StrCat("entry ", seq);
  }
  return absl::StrCat("entry ", seq, " (", NameOfKey(*entry->second.name.value), ")");
}

void AddBookings(const Books& books, std::vector<Op>* ops) {
  for (const auto& [key, asked] : books.asked) {
    const int64_t seq = asked.Place();
    if (seq == 0 || asked.asker == nullptr) continue;
    Op op{.place = PlaceOfBooking(seq),
          .begin = asked.first_asked,
          .end = asked.first_answered,
          .asker = asked.asker,
          .answerer = asked.answerer,
          .what = absl::StrCat(NameOfKey(key), " as entry ", seq)};
    if (asked.fresh != nullptr && asked.fresh->asked >= op.begin) {
      op.begin = asked.fresh->asked;
      op.asker = asked.fresh;
    }
    ops->push_back(std::move(op));
  }
}

void AddRead(const Books& books, const Read& read, std::vector<Op>* ops) {
  const Call& call = *read.call;
  const Claim& claim = *read.claim;
  Op op{.asker = &call, .answerer = &call, .is_read = true};
  switch (claim.what) {
    case What::kHead:
      op.place = PlaceAfter(claim.seq);
      op.begin = call.asked;
      op.end = call.answered;
      op.what = absl::StrCat("entry ", claim.seq, " as the last one");
      break;
    case What::kEntry:
    case What::kFound:
      op.place = PlaceAfter(claim.seq);
      op.end = call.answered;
      op.what = NameOfEntry(books, claim.seq);
      break;
    case What::kMissing: {
      const auto asked = books.asked.find({claim.kind, claim.id});
      const int64_t seq = claim.id.empty()             ? claim.seq
                          : asked == books.asked.end() ? 0
                                                       : asked->second.Place();
      if (seq == 0) return;
      op.place = PlaceBefore(seq);
      op.begin = call.asked;
      op.what = absl::StrCat("no ", NameOfEntry(books, seq));
      break;
    }
    default:
      return;
  }
  ops->push_back(std::move(op));
}

Rule RuleOf(const Op& earlier, const Op& later) {
  if (later.is_read) return earlier.is_read ? Rule::kBack : Rule::kEarly;
  return earlier.is_read ? Rule::kStale : Rule::kTurned;
}

std::string TellPair(const Op& earlier, const Op& later, const Teller& teller) {
  const auto verb = [](const Op& op) { return op.is_read ? " shows " : " books "; };
  return absl::StrCat(teller.Tell(*later.answerer), verb(later), later.what, "; ",
                      teller.Tell(*earlier.asker), verb(earlier), earlier.what,
                      ", and was asked only after that answer");
}

}  // namespace

void CheckOrder(const Books& books, const Teller& teller, Findings* findings) {
  std::vector<Op> ops;
  AddBookings(books, &ops);
  for (const Read& read : books.reads) AddRead(books, read, &ops);
  std::stable_sort(ops.begin(), ops.end(),
                   [](const Op& a, const Op& b) { return a.place < b.place; });
  const Op* latest = nullptr;  // of all at smaller places the one that was asked last
  for (size_t i = 0; i < ops.size();) {
    size_t end = i;
    for (; end < ops.size() && ops[end].place == ops[i].place; ++end) {
      if (latest == nullptr || ops[end].end >= latest->begin) continue;
      findings->Add(RuleOf(*latest, ops[end]), TellPair(*latest, ops[end], teller));
    }
    for (; i < end; ++i) {
      if (latest == nullptr || ops[i].begin > latest->begin) latest = &ops[i];
    }
  }
}

void CheckListed(const Books& books, const Teller& teller, Findings* findings) {
  using ByStart = std::multimap<int64_t, const std::string*>;
  // What was acknowledged, in the order of time.
  std::vector<std::pair<int64_t, std::pair<const std::string*, const Asked*>>> acknowledged;
  for (const auto& [key, asked] : books.asked) {
    if (key.first != "usage" || !asked.start_micros.has_value()) continue;
    if (asked.answerer == nullptr) continue;
    acknowledged.push_back({asked.first_answered, {&key.second, &asked}});
  }
  std::sort(acknowledged.begin(), acknowledged.end());
  std::vector<Read> lists;
  for (const Read& read : books.reads) {
    if (read.claim->what == What::kListed) lists.push_back(read);
  }
  std::sort(lists.begin(), lists.end(),
            [](const Read& a, const Read& b) { return a.call->asked < b.call->asked; });
  ByStart booked;
  size_t next = 0;
  for (const Read& list : lists) {
    for (; next < acknowledged.size() && acknowledged[next].first < list.call->asked; ++next) {
      const auto& [id, asked] = acknowledged[next].second;
      booked.insert({*asked->start_micros, id});
    }
    std::set<std::string> shown;
    for (const Claim& claim : list.call->claims) {
      if (claim.what == What::kFound) shown.insert(claim.id);
    }
    const int64_t from = list.claim->start_micros.value_or(kBegin);
    for (auto it = booked.rbegin(); it != booked.rend() && it->first > from; ++it) {
      if (shown.count(*it->second) > 0) continue;
      const Asked& asked = books.asked.at({"usage", *it->second});
      findings->Add(Rule::kStale,
                    absl::StrCat(teller.Tell(*asked.answerer), " books usage ", *it->second, "; ",
                                 teller.Tell(*list.call),
                                 ", which was asked after that answer, does not list it"));
    }
  }
}

}  // namespace reserve::history
