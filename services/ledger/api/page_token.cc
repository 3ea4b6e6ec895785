#include "services/ledger/api/page_token.h"

#include <algorithm>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/reference/reference.h"
#include "services/ledger/api/errors.h"

namespace reserve::api {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
// Enough to tell queries apart; a token protects nothing.
constexpr size_t kDigestLength = 16;

}  // namespace

std::string QueryDigest(std::initializer_list<absl::string_view> parts) {
  return Sha256HexOfFields(parts).substr(0, kDigestLength);
}

std::string EncodePageToken(absl::string_view query_digest, absl::string_view cursor) {
  return absl::WebSafeBase64Escape(absl::StrCat(query_digest, cursor));
}

absl::StatusOr<std::string> DecodePageToken(absl::string_view query_digest,
                                            absl::string_view token) {
  if (token.empty()) return std::string();
  std::string text;
  if (!absl::WebSafeBase64Unescape(token, &text) || text.size() < kDigestLength)
    return BadPageToken();
  if (absl::string_view(text).substr(0, kDigestLength) != query_digest) {
    return InvalidField("page_token", "belongs to another query; keep all other fields the same");
  }
  return text.substr(kDigestLength);
}

absl::StatusOr<int64_t> Page::Number(int64_t first) const {
  if (cursor.empty()) return first;
  int64_t number = 0;
  if (!absl::SimpleAtoi(cursor, &number)) return BadPageToken();
  return number;
}

absl::StatusOr<Stretch> StretchOf(const Page& page, bool newest_first, bool filters, int64_t last) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(newest_first ? last + 1 : 0));
  if (before < 0 || before > kMostSeqs) return BadPageToken();
  Stretch stretch;
  if (newest_first) {
    stretch.first = filters ? std::max<int64_t>(1, before - kLookedAt) : 1;
    stretch.end = before;
    stretch.searched_until = stretch.first > 1 ? stretch.first : 0;
    return stretch;
  }
  stretch.first = before + 1;
  stretch.end = kMostSeqs;
  if (!filters) return stretch;
  const int64_t end = std::max(stretch.first, last + 1);
  stretch.end = std::min(end, stretch.first + kLookedAt);
  stretch.searched_until = stretch.end < end ? stretch.end - 1 : 0;
  return stretch;
}

void PageFill::AddNewOf(const google::protobuf::Message& response) {
  const google::protobuf::Descriptor& type = *response.GetDescriptor();
  const google::protobuf::Reflection& fields = *response.GetReflection();
  counted_.resize(static_cast<size_t>(type.field_count()));
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    if (!field->is_repeated() || field->message_type() == nullptr) continue;
    int& counted = counted_[static_cast<size_t>(i)];
    for (const int size = fields.FieldSize(response, field); counted < size; ++counted) {
      bytes_ += fields.GetRepeatedMessage(response, field, counted).ByteSizeLong();
    }
  }
  ++rows_;
}

absl::StatusOr<int> PageSize(int32_t requested) {
  if (requested < 0) return InvalidField("page_size", "must not be negative");
  return requested == 0 ? kDefaultPageSize : std::min(requested, kMaxPageSize);
}

std::string CursorAfter(const domain::Recharge& last) {
  return FormatReference(last.account_id, last.ordinal);
}

absl::StatusOr<book::RechargeKey> RowBefore(const Page& page) {
  if (page.cursor.empty()) return book::RechargeKey();
  const std::optional<Reference> after = ParseReference(page.cursor);
  if (!after.has_value()) return InvalidField("page_token", "must be that of the previous page");
  return book::RechargeKey(after->account_id, after->ordinal);
}

}  // namespace reserve::api
