// Support's pages, as data for their templates. Thread-safe: pure functions of what the ledger
// answered.
#ifndef RESERVE_CONSOLE_VIEWS_SUPPORT_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_SUPPORT_VIEW_H_

#include <string>
#include <vector>

#include "reserve/ledger/v1/events.pb.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "reserve/ledger/v1/support.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"

namespace reserve::console {

// Entries and events of an account as one line of time, newest first.
struct Life {
  std::vector<ledger::v1::Entry> entries;  // newest first
  std::vector<ledger::v1::Event> events;   // oldest first
  bool more_entries = false;               // there are older ones than these
  bool more_events = false;
};

// moments; and older, the time (in microseconds) before which the next page goes on, where there is
// more. Of what one of the two is cut off at, the other shows nothing older, so nothing is missing
// in between.
void SetLife(const Life& life, const Formatter& format, const Texts& texts, Data* data);

// found: a line for each account.
void SetFound(const std::vector<ledger::v1::Account>& accounts, const Formatter& format,
              const Texts& texts, Data* data);

// reviews: what a person must decide upon, a line each with what decides it.
void SetReviews(const ledger::v1::ListReviewsResponse& reviews, const Formatter& format,
                const Texts& texts, Data* data);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_SUPPORT_VIEW_H_
