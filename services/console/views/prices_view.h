// The list of prices, and what one call would cost, as data for their template. Thread-safe: pure
// functions of what the ledger answered.
#ifndef RESERVE_CONSOLE_VIEWS_PRICES_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_PRICES_VIEW_H_

#include <string>

#include "absl/strings/string_view.h"
#include "reserve/ledger/v1/accounts.pb.h"
#include "reserve/ledger/v1/rates.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"
#include "services/console/web/visit.h"

namespace reserve::console {

// What somebody looks for, in a request: digits are a code, a plus and more digits than a code has
// are a number, and anything else is a name.
void ReadSearch(const Fields& asked, ledger::v1::ListRatesRequest* request);

void SetRates(const ledger::v1::ListRatesResponse& page, const Formatter& format,
              const Texts& texts, Data* data);

// The form as it was sent.
void SetSearch(const Fields& asked, const Texts& texts, Data* data);

// What a call would cost an account's user.
void SetQuote(const ledger::v1::QuoteUsageResponse& quote, const Formatter& format,
              const Texts& texts, Data* data);
// What it would cost without an account, all of it paid.
void SetListQuote(const ledger::v1::QuoteCallResponse& quote, const Formatter& format,
                  const Texts& texts, Data* data);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_PRICES_VIEW_H_
