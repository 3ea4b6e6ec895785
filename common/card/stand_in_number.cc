#include "common/card/stand_in_number.h"

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"

namespace reserve {

std::string NumberStandingInFor(const CardToken& token) {
  constexpr size_t kDigits = 32;
  return absl::StrCat("sha256-", Sha256Hex(token.Reveal()).substr(0, kDigits));
}

}  // namespace reserve
