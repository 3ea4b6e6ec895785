// What stands in for the number of a card of which only the token is known.
//
// Thread-safe: a pure function.
#ifndef RESERVE_COMMON_CARD_STAND_IN_NUMBER_H_
#define RESERVE_COMMON_CARD_STAND_IN_NUMBER_H_

#include <string>

#include "common/card/card_token.h"

namespace reserve {

// "sha256-" and 32 hex digits, made of the token, which it does not show. Equal tokens have equal
// ones.
std::string NumberStandingInFor(const CardToken& token);

}  // namespace reserve

#endif  // RESERVE_COMMON_CARD_STAND_IN_NUMBER_H_
