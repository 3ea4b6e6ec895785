// The order of an account's bookings and reads, against real time.
#ifndef RESERVE_TESTS_HISTORY_ORDER_H_
#define RESERVE_TESTS_HISTORY_ORDER_H_

#include "tests/history/books.h"
#include "tests/history/tell.h"

namespace reserve::history {

// What was answered before something else was asked stands before it.
//
// Each booking and read has a place in the order, and took effect at some time between asking and
// answer. Such times exist for all of them, growing with the places, if and only if none is asked
// after one of a later place was answered: seen by one pass in the order of places, which remembers
// the latest time of asking so far.
void CheckOrder(const Books& books, const Teller& teller, Findings* findings);

// A list of usages by start shows each one of its range that was acknowledged before it was asked
// for. One pass in the order of time; a list costs what it shows and what it misses.
void CheckListed(const Books& books, const Teller& teller, Findings* findings);

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_ORDER_H_
