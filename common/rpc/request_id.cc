#include "common/rpc/request_id.h"

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/card/card_number.h"

namespace reserve {
namespace {

constexpr size_t kMaxBytes = 128;

// The fewest digits of a telephone number; UUIDs and the like have letters among them.
constexpr int kDigitsOfANumber = 7;

// Fit for a log: printable, and nothing that looks like the number of a telephone or a card.
bool IsUsable(grpc::string_ref id) {
  if (id.empty() || id.size() > kMaxBytes) return false;
  int digits = 0;
  bool only_digits = true;
  bool international = false;
  for (const char c : id) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
    const bool is_digit = absl::ascii_isdigit(static_cast<unsigned char>(c));
    digits = is_digit ? digits + 1 : 0;
    if (c == '+') international = true;
    if (international && digits >= kDigitsOfANumber) return false;
    if (!is_digit && c != '+') {
      international = false;
      only_digits = false;
    }
  }
  const bool is_number = only_digits && id.size() >= kDigitsOfANumber;
  return !is_number && !HoldsCardNumber(absl::string_view(id.data(), id.size()));
}

}  // namespace

std::string RequestIdOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kRequestIdKey);
  if (found == metadata.end() || !IsUsable(found->second)) return NewRequestId();
  return std::string(found->second.data(), found->second.size());
}

std::string NewRequestId() {
  thread_local absl::InsecureBitGen random;
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

}  // namespace reserve
