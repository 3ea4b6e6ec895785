#include "services/ledger/access/access_table.h"

#include "absl/container/flat_hash_map.h"
#include "reserve/ledger/v1/methods.h"

namespace reserve::access {

static_assert(NamesExactly(kAccessTable, ledger::v1::kMethods),
              "each method of the protos has one row in kAccessTable, and each row a method");

const MethodAccess& RowNamed(absl::string_view method) {
  static const auto* const rows = [] {
    auto* by_name = new absl::flat_hash_map<absl::string_view, const MethodAccess*>;
    for (const MethodAccess& row : kAccessTable) {
      by_name->try_emplace(row.method.substr(row.method.rfind('/') + 1), &row);
    }
    return by_name;
  }();
  return *rows->at(method);
}

}  // namespace reserve::access
