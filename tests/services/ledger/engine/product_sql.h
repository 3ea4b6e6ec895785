// The SQL of the product as it stands in its sources: each statement of storage/ and of its
// migrations by the literals that it is made of. Pure but for reading the sources.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_PRODUCT_SQL_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_PRODUCT_SQL_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::engine {

// The text of one statement as far as it stands in the source, in pieces.
struct SourceStatement {
  std::string where;
  std::vector<std::string> pieces;
  bool is_migration = false;
};

// All of them but what is never sent, or can't be through the proxy of these tests.
std::vector<SourceStatement> StatementsOfTheProduct();

// Is what was sent this statement: are these pieces in the text, in this order?
bool Holds(absl::string_view text, const std::vector<std::string>& pieces);

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_PRODUCT_SQL_H_
