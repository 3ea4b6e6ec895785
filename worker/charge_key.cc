#include "worker/charge_key.h"

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"

namespace reserve::worker {
namespace {

constexpr size_t kKeptDigits = 48;  // with the prefix below the gateway's 64 characters

}  // namespace

std::string ChargeKey(absl::string_view account_id, int64_t ordinal, int32_t attempt) {
  const std::string text =
      absl::StrCat(account_id.size(), ":", account_id, ":", ordinal, ":", attempt);
  return absl::StrCat("rsv-", Sha256Hex(text).substr(0, kKeptDigits));
}

std::string RefundKey(absl::string_view account_id, int64_t ordinal) {
  const std::string text = absl::StrCat(account_id.size(), ":", account_id, ":", ordinal);
  return absl::StrCat("rfn-", Sha256Hex(text).substr(0, kKeptDigits));
}

std::string OrphanRefundKey(absl::string_view charge_id) {
  return absl::StrCat("rfd-", Sha256Hex(absl::StrCat("refund:", charge_id)).substr(0, kKeptDigits));
}

}  // namespace reserve::worker
