#include "services/ledger/archive/entry_line.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/digest/sealed_text.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/book/entry_fields.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/usage.h"

namespace reserve::archive {
namespace {

using domain::Entry;
using domain::EntryHash;
using storage::KeptEntry;

constexpr int kFirstColumns = 10;

std::string Hex(const EntryHash& hash) {
  return absl::BytesToHexString(absl::string_view(hash.data(), hash.size()));
}

bool HashFrom(absl::string_view text, EntryHash* hash) {
  if (text.size() != 2 * hash->size()) return false;
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), hash->begin());
  return true;
}

class Names {
 public:
  template <typename Value>
  void operator()(book::Tag, absl::string_view name, const Value&) {
    names.emplace_back(name);
  }
  std::vector<std::string> names = {};
};

class Writer {
 public:
  void operator()(book::Tag, absl::string_view, const std::string& text) {
    fields.push_back(absl::CHexEscape(text));
  }
  void operator()(book::Tag, absl::string_view, absl::Time time) {
    fields.push_back(time == absl::InfinitePast() ? "" : absl::StrCat(absl::ToUnixMicros(time)));
  }
  void operator()(book::Tag, absl::string_view, absl::Duration duration) {
    fields.push_back(absl::StrCat(absl::ToInt64Microseconds(duration)));
  }
  template <typename Value,
            std::enable_if_t<std::is_arithmetic_v<Value> || std::is_enum_v<Value>, bool> = true>
  void operator()(book::Tag, absl::string_view, Value value) {
    fields.push_back(absl::StrCat(static_cast<int64_t>(value)));
  }
  std::vector<std::string> fields = {};
};

// Takes field after field.
class Taker {
 public:
  explicit Taker(const std::vector<absl::string_view>& fields, size_t at)
      : fields_(fields), at_(at) {}

  void operator()(book::Tag, absl::string_view, std::string& text) { ok_ &= Unescape(&text); }
  void operator()(book::Tag, absl::string_view, absl::Time& time) {
    const absl::string_view field = Next();
    int64_t micros = 0;
    if (field.empty()) {
      time = absl::InfinitePast();
    } else if (absl::SimpleAtoi(field, &micros)) {
      time = absl::FromUnixMicros(micros);
    } else {
      ok_ = false;
    }
  }
  void operator()(book::Tag, absl::string_view, absl::Duration& duration) {
    duration = absl::Microseconds(Number());
  }
  template <typename Value,
            std::enable_if_t<std::is_arithmetic_v<Value> || std::is_enum_v<Value>, bool> = true>
  void operator()(book::Tag, absl::string_view, Value& value) {
    value = static_cast<Value>(Number());
  }
  bool Unescape(std::string* text) { return absl::CUnescape(Next(), text); }
  int64_t Number() {
    int64_t number = 0;
    ok_ &= absl::SimpleAtoi(Next(), &number);
    return number;
  }
  void Hash(EntryHash* hash) { ok_ &= HashFrom(Next(), hash); }
  bool ok() const { return ok_; }

 private:
  absl::string_view Next() {
    if (at_ >= fields_.size()) {
      ok_ = false;
      return "";
    }
    return fields_[at_++];
  }
  const std::vector<absl::string_view>& fields_;
  size_t at_;
  bool ok_ = true;
};

const std::vector<std::string>& NamesOfUsages() {
  static const auto* const names = [] {
    Names visitor;
    const domain::BookedUsage none;
    book::VisitUsageFields(none, visitor);
    return new std::vector<std::string>(visitor.names);
  }();
  return *names;
}

const std::vector<std::string>& NamesOfOthers() {
  static const auto* const names = [] {
    Names visitor;
    const Entry none;
    book::VisitOtherFields(none, visitor);
    return new std::vector<std::string>(visitor.names);
  }();
  return *names;
}

// What stands in its hash in the place of its number.
std::string DestinationOf(const Entry& entry, const domain::NumberKey* key) {
  const std::string& number = entry.booked->usage.destination;
  if (domain::IsErasedNumber(number) || number.empty()) return number;
  return key == nullptr ? "" : book::ErasedNumber(*key, number);
}

std::string SealedOf(const std::string& account_id, int64_t seq) {
  return absl::StrCat(account_id, "\n", seq);
}

Key256 KeyOf(const domain::NumberKey& key) {
  Key256 copy{};
  std::copy(key.begin(), key.end(), copy.begin());
  return copy;
}

}  // namespace

std::string ColumnsOfEntries() {
  return absl::StrCat(
      "account_id\tseq\tkind\tamount_nanos\tbalance_after_nanos\trecord_time\tchain_form\t"
      "entry_hash\tprevious_hash\tcaller\t",
      absl::StrJoin(NamesOfUsages(), "\t"), "\t", absl::StrJoin(NamesOfOthers(), "\t"));
}

std::string LineOf(const KeptEntry& kept, const domain::NumberKey* key) {
  const Entry& e = kept.entry;
  Writer writer;
  if (e.booked.has_value()) {
    domain::BookedUsage booked = *e.booked;
    booked.usage.destination = DestinationOf(e, key);
    book::VisitUsageFields(booked, writer);
    writer.fields.resize(NamesOfUsages().size() + NamesOfOthers().size());
  } else {
    writer.fields.resize(NamesOfUsages().size());
    book::VisitOtherFields(e, writer);
  }
  return absl::StrCat(absl::CHexEscape(e.account_id), "\t", e.seq, "\t", static_cast<int>(e.kind),
                      "\t", e.amount, "\t", e.balance_after, "\t",
                      absl::ToUnixMicros(e.record_time), "\t", static_cast<int>(e.chain_form), "\t",
                      Hex(e.hash), "\t", Hex(kept.previous), "\t", absl::CHexEscape(e.caller), "\t",
                      absl::StrJoin(writer.fields, "\t"));
}

std::optional<KeptEntry> EntryFrom(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
  const size_t usage_columns = NamesOfUsages().size();
  if (fields.size() != kFirstColumns + usage_columns + NamesOfOthers().size()) return std::nullopt;
  KeptEntry kept;
  Entry& e = kept.entry;
  Taker first(fields, 0);
  if (!first.Unescape(&e.account_id)) return std::nullopt;
  e.seq = first.Number();
  e.kind = static_cast<domain::EntryKind>(first.Number());
  e.amount = first.Number();
  e.balance_after = first.Number();
  e.record_time = absl::FromUnixMicros(first.Number());
  e.chain_form = static_cast<domain::ChainForm>(first.Number());
  first.Hash(&e.hash);
  first.Hash(&kept.previous);
  if (!first.Unescape(&e.caller) || !first.ok()) return std::nullopt;
  const bool of_usage = e.kind == domain::EntryKind::kUsage || e.kind == domain::EntryKind::kRating;
  Taker rest(fields, kFirstColumns + (of_usage ? 0 : usage_columns));
  if (of_usage) {
    book::VisitUsageFields(e.booked.emplace(), rest);
  } else {
    book::VisitOtherFields(e, rest);
  }
  if (!rest.ok()) return std::nullopt;
  return kept;
}

std::string ColumnsOfNumbers() { return "account_id\tseq\tuser_id\tyear\tsealed\tnumber"; }

std::string NumberLineOf(const Entry& entry, const domain::NumberKey* key) {
  const domain::Usage& usage = entry.booked->usage;
  const std::string sealed =
      key == nullptr ? ""
                     : absl::BytesToHexString(SealText(
                           KeyOf(*key), SealedOf(entry.account_id, entry.seq), usage.destination));
  return absl::StrCat(absl::CHexEscape(entry.account_id), "\t", entry.seq, "\t",
                      absl::CHexEscape(usage.user_id), "\t",
                      book::YearOfNumberKey(usage.start_time), "\t", sealed, "\t",
                      key == nullptr ? usage.destination : "");
}

std::optional<NumberLine> NumberFrom(absl::string_view text) {
  const std::vector<absl::string_view> fields = absl::StrSplit(text, '\t');
  if (fields.size() != 6) return std::nullopt;
  NumberLine line;
  if (!absl::CUnescape(fields[0], &line.account_id) || !absl::SimpleAtoi(fields[1], &line.seq) ||
      !absl::CUnescape(fields[2], &line.user_id) || !absl::SimpleAtoi(fields[3], &line.year)) {
    return std::nullopt;
  }
  for (const char c : fields[4]) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  line.sealed = absl::HexStringToBytes(fields[4].substr(0, fields[4].size() & ~size_t{1}));
  line.plain = std::string(fields[5]);
  return line;
}

std::optional<std::string> NumberOf(const NumberLine& line, const domain::NumberKey& key) {
  if (line.sealed.empty()) return line.plain;
  return OpenText(KeyOf(key), SealedOf(line.account_id, line.seq), line.sealed);
}

}  // namespace reserve::archive
