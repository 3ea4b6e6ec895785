#include "services/gateway_stub/page_token.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/gateway_stub/errors.h"

namespace reserve::gateway_stub {
namespace {

// FNV-1a, 64 bits: it only has to tell queries apart, in every process alike.
uint64_t Fingerprint(const ListQuery& query) {
  const std::string text = absl::StrCat(
      query.card_token, "\n", query.reference_prefix, "\n",
      absl::FormatTime(absl::RFC3339_full, query.start_time, absl::UTCTimeZone()), "\n",
      absl::FormatTime(absl::RFC3339_full, query.end_time, absl::UTCTimeZone()), "\n",
      absl::FormatTime(absl::RFC3339_full, query.updated_since, absl::UTCTimeZone()));
  uint64_t hash = 14'695'981'039'346'656'037u;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211u;
  }
  return hash;
}

}  // namespace

std::string EncodePageToken(const ListQuery& query, int64_t position) {
  return absl::WebSafeBase64Escape(absl::StrCat(position, " ", Fingerprint(query)));
}

absl::StatusOr<int64_t> DecodePageToken(const ListQuery& query, absl::string_view token) {
  if (token.empty()) return 0;
  std::string text;
  int64_t position = 0;
  uint64_t fingerprint = 0;
  if (!absl::WebSafeBase64Unescape(token, &text)) return BadPageToken();
  const std::vector<std::string> parts = absl::StrSplit(text, ' ');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &position) || position < 0 ||
      !absl::SimpleAtoi(parts[1], &fingerprint)) {
    return BadPageToken();
  }
  if (fingerprint != Fingerprint(query)) return PageTokenOfOtherQuery();
  return position;
}

}  // namespace reserve::gateway_stub
