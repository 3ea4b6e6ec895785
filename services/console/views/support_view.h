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
  std::vector<ledger::v1::Entry> entries;  // both newest first
  std::vector<ledger::v1::Event> events;
  bool more_entries = false;  // there are older ones than these
  bool more_events = false;
};

// How many of each list are shown, from its first one on.
struct LifeShown {
  size_t entries = 0;
  size_t events = 0;
  bool more = false;  // there are older moments than those that are shown
};

// moments: the first `most` of the two lists together, of which each keeps its own order. It ends
// where one of the lists is at its end and goes on, as what comes next is not known there: so a
// page that begins behind what is shown leaves nothing out, and shows nothing twice, whatever the
// times.
LifeShown SetLife(const Life& life, size_t most, const Formatter& format, const Texts& texts,
                  Data* data);

// found: a line for each account; with where its calls to `number` are, if there is one.
void SetFound(const std::vector<ledger::v1::Account>& accounts, const std::string& number,
              const Formatter& format, const Texts& texts, Data* data);

// reviews: what a person must decide upon, a line each with what decides it.
void SetReviews(const ledger::v1::ListReviewsResponse& reviews, const Formatter& format,
                const Texts& texts, Data* data);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_SUPPORT_VIEW_H_
