// What tests of the book have in common.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_BOOK_SCENE_H_
#define RESERVE_TESTS_SERVICES_LEDGER_BOOK_SCENE_H_

#include "absl/time/time.h"
#include "common/money/money.h"

namespace reserve::book {

inline const absl::Time kNow = absl::FromUnixSeconds(1'795'478'400);  // 2026-11-24
inline constexpr Nanos kDollar = kNanosPerUnit;

}  // namespace reserve::book

#endif  // RESERVE_TESTS_SERVICES_LEDGER_BOOK_SCENE_H_
