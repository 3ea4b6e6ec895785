#include "services/ledger/api/load_account.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/error/error.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/archive_rows.h"

namespace reserve::api {

absl::StatusOr<domain::Account> LoadAccount(storage::Connection& connection,
                                            const std::string& account_id) {
  RESERVE_RETURN_IF_ERROR(CheckId(account_id, "account_id"));
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Account> found,
                           storage::LoadAccounts(connection, {account_id}));
  if (found.empty()) return domain::AccountNotFound(account_id);
  return std::move(found.front());
}

absl::StatusOr<std::string> LoadCurrency(storage::Connection& connection,
                                         const std::string& account_id) {
  RESERVE_RETURN_IF_ERROR(CheckId(account_id, "account_id"));
  RESERVE_ASSIGN_OR_RETURN(std::string currency, storage::FindCurrency(connection, account_id));
  if (currency.empty()) return domain::AccountNotFound(account_id);
  return currency;
}

absl::StatusOr<std::string> ArchivedThrough(storage::Connection& connection,
                                            const std::string& account_id) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> head,
                           storage::FindArchivedHead(connection, account_id));
  if (!head.has_value()) return std::string();
  return absl::StrFormat("%04d-%02d", head->month / 100, head->month % 100);
}

}  // namespace reserve::api
