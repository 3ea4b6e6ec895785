#include "services/ledger/book/entry_chain.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/utc.h"
#include "common/digest/sha256.h"
#include "common/text/text_buffer.h"
#include "services/ledger/book/entry_fields.h"

namespace reserve::book {
namespace {

using domain::ChainForm;
using domain::Entry;
using domain::EntryHash;
using domain::NumberKey;

// Kept by each thread, so that no hash waits for memory.
TextBuffer& Buffer(const EntryHash& previous) {
  thread_local TextBuffer bytes;
  bytes.Clear();
  bytes.Append({previous.data(), previous.size()});
  return bytes;
}

// The lowest byte first. Returns where it ends.
template <typename Number>
char* WriteNumber(Number value, char* out) {
  for (size_t i = 0; i < sizeof(value); ++i) {
    *out++ = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  }
  return out;
}

void AppendNumber(int64_t value, TextBuffer* bytes) {
  bytes->TakeUpTo(WriteNumber(value, bytes->Room(sizeof(value))));
}

Sha256Digest DigestOf(const NumberKey& key, absl::string_view number) {
  char bytes[std::tuple_size_v<NumberKey> + domain::kNumberDigestLength];
  const size_t length = std::min(number.size(), domain::kNumberDigestLength);
  std::memcpy(bytes, key.data(), key.size());
  std::memcpy(bytes + key.size(), number.data(), length);
  return Sha256({bytes, key.size() + length});
}

// A field as a number or a text.
int64_t AsNumber(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixMicros(time);
}
int64_t AsNumber(absl::Duration duration) { return absl::ToInt64Microseconds(duration); }
template <typename Value>
int64_t AsNumber(Value value) {
  return static_cast<int64_t>(value);
}

// The form that grows: (tag, length, value) of what is set.
class TaggedContent {
 public:
  TaggedContent(TextBuffer* bytes, const NumberKey* key) : bytes_(*bytes), key_(key) {}

  void operator()(Tag tag, absl::string_view, const std::string& text) {
    if (text.empty() || !InChain(tag)) return;
    if (tag == Tag::kDestination) return AppendNumberDigest(tag, text);
    Append(tag, text);
  }
  template <typename Value>
  void operator()(Tag tag, absl::string_view, const Value& value) {
    const int64_t number = AsNumber(value);
    if (number == 0 || !InChain(tag)) return;
    bytes_.TakeUpTo(WriteNumber(number, WriteHead(tag, sizeof(number))));
  }

 private:
  // Of a value of so many bytes, for which there is room behind it.
  char* WriteHead(Tag tag, size_t length) {
    char* const out = bytes_.Room(2 * sizeof(uint16_t) + length);
    return WriteNumber(static_cast<uint16_t>(length), WriteNumber(static_cast<uint16_t>(tag), out));
  }
  void Append(Tag tag, absl::string_view text) {
    bytes_.TakeUpTo(std::copy_n(text.data(), text.size(), WriteHead(tag, text.size())));
  }
  void AppendNumberDigest(Tag tag, const std::string& number) {
    if (domain::IsErasedNumber(number)) return Append(tag, absl::HexStringToBytes(number));
    static const NumberKey no_key{};
    const Sha256Digest digest = DigestOf(key_ == nullptr ? no_key : *key_, number);
    Append(tag, {digest.data(), digest.size()});
  }

  TextBuffer& bytes_;
  const NumberKey* const key_;
};

// The first form: all fields that there were when it was made, without tags. It never changes.
class FixedContent {
 public:
  explicit FixedContent(TextBuffer* bytes) : bytes_(*bytes) {}

  void operator()(Tag tag, absl::string_view, const std::string& text) {
    if (!HadBeen(tag)) return;
    AppendNumber(static_cast<int64_t>(text.size()), &bytes_);
    bytes_.Append(text);
  }
  void operator()(Tag tag, absl::string_view, absl::Duration duration) {
    if (HadBeen(tag)) AppendNumber(domain::StartedSeconds(duration), &bytes_);
  }
  void operator()(Tag tag, absl::string_view, absl::Time time) {
    if (HadBeen(tag)) AppendNumber(absl::ToUnixMicros(time), &bytes_);
  }
  template <typename Value>
  void operator()(Tag tag, absl::string_view, const Value& value) {
    if (HadBeen(tag)) AppendNumber(static_cast<int64_t>(value), &bytes_);
  }

 private:
  static bool HadBeen(Tag tag) {
    return tag <= Tag::kStandardRate || tag == Tag::kRechargeOrdinal || tag == Tag::kRequestId ||
           tag == Tag::kReason;
  }

  TextBuffer& bytes_;
};

template <typename Content>
void Visit(const Entry& entry, Content&& content) {
  content(Tag::kSeq, "seq", entry.seq);
  content(Tag::kKind, "kind", entry.kind);
  content(Tag::kAmount, "amount_nanos", entry.amount);
  content(Tag::kBalanceAfter, "balance_after_nanos", entry.balance_after);
  content(Tag::kRecordTime, "record_time", entry.record_time);
  if (entry.booked.has_value()) {
    VisitUsageFields(*entry.booked, content);
  } else {
    VisitOtherFields(entry, content);
  }
}

}  // namespace

bool NeedsNumberKey(const Entry& entry) {
  return entry.chain_form == ChainForm::kTagged && entry.booked.has_value() &&
         !entry.booked->usage.destination.empty() &&
         !domain::IsErasedNumber(entry.booked->usage.destination);
}

int32_t YearOfNumberKey(absl::Time start) { return MonthOf(start) / 100; }

std::string ErasedNumber(const NumberKey& key, absl::string_view number) {
  const Sha256Digest digest = DigestOf(key, number);
  return absl::BytesToHexString(absl::string_view(digest.data(), digest.size()));
}

EntryHash ChainedHash(const EntryHash& previous, const Entry& entry, const NumberKey* key) {
  TextBuffer& bytes = Buffer(previous);
  if (entry.chain_form == ChainForm::kTagged) {
    Visit(entry, TaggedContent(&bytes, key));
  } else {
    Visit(entry, FixedContent(&bytes));
  }
  return Sha256(bytes.view());
}

}  // namespace reserve::book
