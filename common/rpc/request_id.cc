#include "common/rpc/request_id.h"

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

constexpr size_t kMaxBytes = 128;

bool IsUsable(grpc::string_ref id) {
  if (id.empty() || id.size() > kMaxBytes) return false;
  for (const char c : id) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  return true;
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
