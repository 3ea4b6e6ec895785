// Finds what looks like the number of a payment card, so that none is kept by mistake.
//
// A number looks like one if it has the prefix and the length of an issuer (ISO/IEC 7812; the
// ranges that the networks publish) and its last digit is right (Luhn). One other number in ten
// is right by chance, so ids and telephone numbers are never judged by this.
#ifndef RESERVE_COMMON_CARD_CARD_NUMBER_H_
#define RESERVE_COMMON_CARD_CARD_NUMBER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace reserve {

// Is there one in it? Its digits may stand in groups, a space or a hyphen between them:
// "4111 1111 1111 1111".
bool HoldsCardNumber(absl::string_view text);

// The text with all but the last four digits of each replaced by `*`, and of several that overlap
// also those last four that are within another. It holds none.
std::string MaskCardNumbers(absl::string_view text);

}  // namespace reserve

#endif  // RESERVE_COMMON_CARD_CARD_NUMBER_H_
