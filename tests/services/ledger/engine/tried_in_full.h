// Which statements meet a fault of each class, and which only one of each sort of handling. Each
// literal of the product's SQL meets all of them once: more would only try the same code again.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_TRIED_IN_FULL_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_TRIED_IN_FULL_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::engine {

// By their places in StatementsOfTheProduct(): those that this text is an instance of.
std::set<size_t> LiteralsOf(absl::string_view text);

// Of several operations, each with what it says: the statements (by their places) that each of
// them tries in full, so that together they try each literal once. The same whenever the same is
// said, so that processes that run a part of the operations each agree.
std::vector<std::set<size_t>> ShareOut(const std::vector<std::vector<std::string>>& operations);

// True if a literal of this text was not asked about before in this process. Thread-safe.
bool IsNewHere(absl::string_view text);

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_TRIED_IN_FULL_H_
