// The numbers that the demo calls and texts, with the starter deck's prices.
#ifndef RESERVE_TESTS_E2E_DEMO_DESTINATIONS_H_
#define RESERVE_TESTS_E2E_DEMO_DESTINATIONS_H_

#include "common/money/money.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {

// A ten-thousandth of a dollar, in which decks are written.
inline constexpr Nanos kPip = kNanosPerUnit / 10'000;

inline Destination UnitedStates() {
  return {"+14155550123", "United States", "1415", 100 * kPip, /*standard_rate=*/true, ""};
}
inline Destination UnitedKingdom() {
  return {"+442079460000", "United Kingdom", "44", 150 * kPip, /*standard_rate=*/true, ""};
}
inline Destination Barbados() {
  return {"+12464301234", "Barbados", "1246", 2'000 * kPip, /*standard_rate=*/false, ""};
}
inline Destination Cuba() {
  return {"+5371234567", "Cuba", "53", 9'500 * kPip, /*standard_rate=*/false, ""};
}
inline Destination Satellite() {
  return {"+88213012345",
          "satellite phones",
          "882",
          75'000 * kPip,
          /*standard_rate=*/false,
          ""};
}
// In no deck: a bare 1 prices nothing.
inline Destination Nowhere() { return {"+19995550123", "", "", 0, /*standard_rate=*/false, ""}; }

inline Destination VerizonText() {
  return {"+14155550123", "United States", "1415", 110 * kPip, false, "verizon"};
}
inline Destination AttText() {
  return {"+14155550188", "United States", "1415", 100 * kPip, false, "att"};
}
inline Destination TelusText() {
  return {"+16045550147", "Canada", "1604", 125 * kPip, false, "telus"};
}

}  // namespace reserve::demo

#endif  // RESERVE_TESTS_E2E_DEMO_DESTINATIONS_H_
