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

// What somebody looks for, in a request: digits are a code, more of them than a code has are a
// number, and anything else is a name.
void ReadSearch(const Fields& asked, ledger::v1::ListRatesRequest* request);

// A page of the list; of `country`, if that was asked for: what a line does not say itself. Lines
// of all countries leave that out where none says it.
void SetRates(const ledger::v1::ListRatesResponse& page, const std::string& country,
              const Formatter& format, const Texts& texts, Data* data);

// The forms as they were sent, each with what stands in the other one.
void SetSearch(const Fields& asked, const Formatter& format, const Texts& texts, Data* data);

// What a call would cost an account's user.
void SetQuote(const ledger::v1::QuoteUsageResponse& quote, const Formatter& format,
              const Texts& texts, Data* data);
// Whose quote it is: the user's plan, and the free minutes that are left.
void SetQuoteFor(const ledger::v1::User& user, const Formatter& format, const Texts& texts,
                 Data* data);
// What it would cost without an account, all of it paid.
void SetListQuote(const ledger::v1::QuoteCallResponse& quote, const Formatter& format,
                  const Texts& texts, Data* data);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_PRICES_VIEW_H_
