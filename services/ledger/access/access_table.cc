#include "services/ledger/access/access_table.h"

#include "reserve/ledger/v1/methods.h"

namespace reserve::access {

static_assert(NamesExactly(kAccessTable, ledger::v1::kMethods),
              "each method of the protos has one row in kAccessTable, and each row a method");

}  // namespace reserve::access
