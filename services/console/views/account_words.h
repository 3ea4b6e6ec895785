// An account in words: its state with what stands in the way and how to end it, and its balance as
// a picture. Thread-safe: pure functions of what the ledger answered.
#ifndef RESERVE_CONSOLE_VIEWS_ACCOUNT_WORDS_H_
#define RESERVE_CONSOLE_VIEWS_ACCOUNT_WORDS_H_

#include <string>

#include "reserve/ledger/v1/resources.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"

namespace reserve::console {

// state (the text), tone ("good", "careful" or "bad"), obstacles: a list of {text, since, until,
// action ("top_up", "card", "switch_on" or empty)}.
Data StateData(const ledger::v1::Account& account, const Formatter& format, const Texts& texts);

// The balance against the threshold: places and widths in a picture that is 600 wide, and the words
// for who can't see it. Empty fields of an account without a reserve amount.
Data BalancePicture(const ledger::v1::Account& account, const Formatter& format,
                    const Texts& texts);

// "Visa ending in 4242"; with what is not known left out.
std::string CardName(const ledger::v1::PaymentMethod& card, const Texts& texts);

// "250 of 300 minutes left", or that the plan has none.
std::string MinutesLeft(const ledger::v1::User& user, const Formatter& format, const Texts& texts);

// The last part of a proto's name: "ACCOUNT_STATE_ACTIVE", as texts have it.
std::string StateName(ledger::v1::AccountState state);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_ACCOUNT_WORDS_H_
