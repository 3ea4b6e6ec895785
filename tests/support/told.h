// What our programs must not say of customers where people and machines look on: in logs, metrics
// and spans.
#ifndef RESERVE_TESTS_SUPPORT_TOLD_H_
#define RESERVE_TESTS_SUPPORT_TOLD_H_

#include "absl/strings/string_view.h"

namespace reserve::test_support {

// Is there a card token of the stub's in it, or a telephone number in its international form?
bool TellsOfACustomer(absl::string_view text);

// Does a test run, and not a benchmark or chaos?
bool InATest();

// A failure of the test that runs, if it does; `where` names what was looked at.
void ExpectNothingOfCustomers(absl::string_view where, absl::string_view text);

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_TOLD_H_
