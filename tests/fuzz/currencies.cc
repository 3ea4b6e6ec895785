#include "services/ledger/serve/currency_settings_file.h"
#include "tests/fuzz/targets.h"

namespace reserve::fuzz {

void Currencies(absl::string_view bytes) {
  const auto table = serve::ParseCurrencySettings(bytes);
  if (!table.ok()) RequireReadable(table.status().message());
}

}  // namespace reserve::fuzz
