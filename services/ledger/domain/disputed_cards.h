// The numbers of cards of which a dispute stands (P2): no token of them is charged.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_

#include <string>

#include "services/ledger/domain/account.h"
#include "services/ledger/domain/draft.h"

namespace reserve::domain {

bool IsDisputed(const Account& account, const std::string& fingerprint);
// The number of a token that was once one of a disputed number's, wherever it is by now; empty: it
// was none.
std::string DisputedNumberOf(const Account& account, const CardToken& token);

// The number that this dispute keeps from being charged; empty: none.
std::string NumberOfDispute(const Account& account, const std::string& dispute_id);

// One dispute more of this number: its cards are DISPUTED.
void NoteDispute(const DisputedNumber& number, Draft* draft);
// A token of that number, which is remembered while a dispute of it stands: it may be taken from
// its card, and given again as one of which no number is said, or have been given another since.
void NoteTokenOf(const Card& card, Draft* draft);
// That dispute is over: after a number's last its cards are USABLE again. Nothing comes of it where
// support has lifted it.
void EndDispute(const DisputedNumber& number, Draft* draft);
// Support lets the number be charged again, whatever disputes there are.
void ForgetDisputes(const std::string& fingerprint, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_
