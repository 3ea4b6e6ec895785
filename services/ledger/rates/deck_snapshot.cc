#include "services/ledger/rates/deck_snapshot.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"

namespace reserve::rates {
namespace {

auto OrderOf(const RateRow& row) { return std::tie(row.kind, row.prefix, row.carrier); }

bool IsPrefix(absl::string_view prefix) {
  return !prefix.empty() && prefix.size() <= kMaxPrefixDigits &&
         std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit);
}

absl::Status BadRow(const RateRow& row, absl::string_view why) {
  return InvalidRateDeck(absl::StatusCode::kInternal,
                         absl::StrCat(RateKindName(row.kind), " row of prefix \"", row.prefix,
                                      "\" and carrier \"", row.carrier, "\" ", why));
}

absl::Status CheckSorted(const std::vector<RateRow>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!IsPrefix(rows[i].prefix)) return BadRow(rows[i], "has a bad prefix");
    if (i > 0 && OrderOf(rows[i - 1]) == OrderOf(rows[i])) return BadRow(rows[i], "is there twice");
  }
  return absl::OkStatus();
}

size_t HeapBytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

auto BookOrder(const DeckSnapshot& deck) {
  const DeckHeader& header = deck.header();
  return std::tie(header.currency, header.effective_time, header.version);
}

}  // namespace

// Fills the trie from the root down. It recurses once a digit.
class TrieBuilder {
 public:
  TrieBuilder(const std::vector<absl::string_view>& prefixes, std::vector<PrefixTrie::Node>* nodes)
      : prefixes_(prefixes), nodes_(*nodes) {}

  // Adds the node of prefixes [begin, end), which share their first `depth` digits;
  // `inherited` is the answer of the shorter prefixes. Returns the node's index.
  uint32_t Add(uint32_t begin, uint32_t end, size_t depth, uint32_t inherited) {
    const auto index = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    const bool ends_here = begin < end && prefixes_[begin].size() == depth;
    const uint32_t own = ends_here ? begin++ : inherited;
    nodes_[index].own = own;
    for (uint32_t digit = 0; digit < 10; ++digit) {
      const uint32_t first = begin;
      while (begin < end && prefixes_[begin][depth] == static_cast<char>('0' + digit)) ++begin;
      uint32_t branch = PrefixTrie::kLeaf | own;
      if (begin - first == 1 && prefixes_[first].size() == depth + 1) {
        branch = PrefixTrie::kLeaf | first;
      } else if (begin != first) {
        branch = Add(first, begin, depth + 1, own);
      }
      nodes_[index].branches[digit] = branch;
    }
    return index;
  }

 private:
  const std::vector<absl::string_view>& prefixes_;
  std::vector<PrefixTrie::Node>& nodes_;
};

PrefixTrie::PrefixTrie(const std::vector<absl::string_view>& prefixes) {
  TrieBuilder(prefixes, &nodes_).Add(0, static_cast<uint32_t>(prefixes.size()), 0, kNone);
  nodes_.shrink_to_fit();
}

absl::StatusOr<std::shared_ptr<const DeckSnapshot>> DeckSnapshot::Create(
    DeckHeader header, std::vector<RateRow> rows) {
  std::sort(rows.begin(), rows.end(),
            [](const RateRow& a, const RateRow& b) { return OrderOf(a) < OrderOf(b); });
  RESERVE_RETURN_IF_ERROR(CheckSorted(rows));
  header.rate_count = static_cast<int64_t>(rows.size());
  return std::shared_ptr<const DeckSnapshot>(new DeckSnapshot(std::move(header), std::move(rows)));
}

DeckSnapshot::DeckSnapshot(DeckHeader header, std::vector<RateRow> rows)
    : header_(std::move(header)) {
  const auto first_of = [&rows](RateKind kind) {
    return static_cast<size_t>(
        std::partition_point(rows.begin(), rows.end(),
                             [kind](const RateRow& row) { return row.kind < kind; }) -
        rows.begin());
  };
  inbound_begin_ = first_of(RateKind::kCallInbound);
  sms_begin_ = first_of(RateKind::kSms);
  short_code_begin_ = first_of(RateKind::kShortCode);
  sms_short_code_begin_ = first_of(RateKind::kSmsShortCode);
  rates_.reserve(rows.size());
  sms_carriers_.reserve(short_code_begin_ - sms_begin_);
  for (RateRow& row : rows) {
    domain::Rate& rate = rates_.emplace_back();
    rate.deck_version = header_.version;
    rate.prefix = std::move(row.prefix);
    rate.destination_name = std::move(row.destination_name);
    rate.price = row.price;
    rate.connect_fee = row.connect_fee;
    rate.initial_increment_seconds = row.initial_increment_seconds;
    rate.increment_seconds = row.increment_seconds;
    rate.country = row.country;
    rate.standard_rate = !IsTextKind(row.kind) && row.price <= header_.standard_rate_ceiling;
    if (row.kind == RateKind::kSms) sms_carriers_.push_back(std::move(row.carrier));
  }
  IndexCalls();
  IndexSms();
}

void DeckSnapshot::IndexCalls() {
  const auto trie_of = [this](size_t begin, size_t end) {
    std::vector<absl::string_view> prefixes;
    prefixes.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) prefixes.push_back(rates_[i].prefix);
    return PrefixTrie(prefixes);
  };
  calls_ = trie_of(0, inbound_begin_);
  inbound_calls_ = trie_of(inbound_begin_, sms_begin_);
}

void DeckSnapshot::IndexSms() {
  std::vector<absl::string_view> prefixes;
  for (uint32_t i = 0; i < sms_carriers_.size(); ++i) {
    const std::string& prefix = rates_[sms_begin_ + i].prefix;
    if (prefixes.empty() || prefixes.back() != prefix) {
      prefixes.push_back(prefix);
      sms_prefixes_.push_back({i, i, PrefixTrie::kNone});
    }
    sms_prefixes_.back().end = i + 1;
  }
  sms_prefixes_.shrink_to_fit();
  sms_ = PrefixTrie(prefixes);
  for (size_t i = 0; i < prefixes.size(); ++i) {
    sms_prefixes_[i].parent = sms_.Find(prefixes[i].substr(0, prefixes[i].size() - 1));
  }
}

const domain::Rate* DeckSnapshot::FindShortCode(RateKind kind,
                                                absl::string_view destination) const {
  const size_t found = LowerBound(kind, domain::DigitsOf(destination), "");
  if (found == size() || KindAt(found) != kind) return nullptr;
  return rates_[found].prefix == domain::DigitsOf(destination) ? &rates_[found] : nullptr;
}

const domain::Rate* DeckSnapshot::FindSms(absl::string_view digits,
                                          absl::string_view carrier) const {
  if (domain::IsShortCode(digits)) return FindShortCode(RateKind::kSmsShortCode, digits);
  for (uint32_t found = sms_.Find(digits); found != PrefixTrie::kNone;
       found = sms_prefixes_[found].parent) {
    const SmsPrefix& prefix = sms_prefixes_[found];
    for (uint32_t i = prefix.begin; i < prefix.end; ++i) {
      if (sms_carriers_[i] == carrier) return &rates_[sms_begin_ + i];
    }
    // The default row sorts first, as its carrier is empty.
    if (sms_carriers_[prefix.begin].empty()) return &rates_[sms_begin_ + prefix.begin];
  }
  return nullptr;
}

RateKind DeckSnapshot::KindAt(size_t index) const {
  if (index < inbound_begin_) return RateKind::kCall;
  if (index < sms_begin_) return RateKind::kCallInbound;
  if (index < short_code_begin_) return RateKind::kSms;
  return index < sms_short_code_begin_ ? RateKind::kShortCode : RateKind::kSmsShortCode;
}

absl::string_view DeckSnapshot::CarrierAt(size_t index) const {
  if (index < sms_begin_ || index >= short_code_begin_) return {};
  return sms_carriers_[index - sms_begin_];
}

RateRow DeckSnapshot::RowAt(size_t index) const {
  const domain::Rate& rate = rates_[index];
  return {KindAt(index), rate.prefix,      std::string(CarrierAt(index)),  rate.destination_name,
          rate.price,    rate.connect_fee, rate.initial_increment_seconds, rate.increment_seconds,
          rate.country};
}

size_t DeckSnapshot::LowerBound(RateKind kind, absl::string_view prefix,
                                absl::string_view carrier) const {
  size_t begin = 0;
  size_t end = rates_.size();
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    const auto row = std::make_tuple(KindAt(middle), absl::string_view(rates_[middle].prefix),
                                     CarrierAt(middle));
    if (row < std::make_tuple(kind, prefix, carrier)) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

size_t DeckSnapshot::memory_bytes() const {
  size_t bytes = sizeof(*this) + rates_.capacity() * sizeof(domain::Rate) +
                 sms_carriers_.capacity() * sizeof(std::string) +
                 sms_prefixes_.capacity() * sizeof(SmsPrefix) + calls_.memory_bytes() +
                 inbound_calls_.memory_bytes() + sms_.memory_bytes();
  for (const domain::Rate& rate : rates_) {
    bytes += HeapBytes(rate.prefix) + HeapBytes(rate.destination_name);
  }
  for (const std::string& carrier : sms_carriers_) bytes += HeapBytes(carrier);
  return bytes;
}

DeckBook::DeckBook(std::vector<std::shared_ptr<const DeckSnapshot>> decks) {
  const auto by_version = [](const auto& a, const auto& b) {
    return a->header().version < b->header().version;
  };
  std::stable_sort(decks.begin(), decks.end(), by_version);
  for (std::shared_ptr<const DeckSnapshot>& deck : decks) {
    if (!decks_.empty() && decks_.back()->header().version == deck->header().version) {
      decks_.pop_back();
    }
    decks_.push_back(std::move(deck));
  }
  for (const auto& deck : decks_) by_version_.push_back(deck.get());
  std::sort(decks_.begin(), decks_.end(),
            [](const auto& a, const auto& b) { return BookOrder(*a) < BookOrder(*b); });
}

std::shared_ptr<const DeckBook> DeckBook::With(std::shared_ptr<const DeckSnapshot> deck) const {
  std::vector<std::shared_ptr<const DeckSnapshot>> decks = decks_;
  decks.push_back(std::move(deck));
  return std::make_shared<const DeckBook>(std::move(decks));
}

const DeckSnapshot* DeckBook::InForce(absl::string_view currency, absl::Time time) const {
  const auto after = std::partition_point(decks_.begin(), decks_.end(), [&](const auto& deck) {
    const int order = absl::string_view(deck->header().currency).compare(currency);
    return order < 0 || (order == 0 && deck->header().effective_time <= time);
  });
  if (after == decks_.begin()) return nullptr;
  const DeckSnapshot* last = std::prev(after)->get();
  return last->header().currency == currency ? last : nullptr;
}

const DeckSnapshot* DeckBook::ByVersion(int64_t version) const {
  const auto found = std::partition_point(
      by_version_.begin(), by_version_.end(),
      [version](const DeckSnapshot* deck) { return deck->header().version < version; });
  return found != by_version_.end() && (*found)->header().version == version ? *found : nullptr;
}

}  // namespace reserve::rates
