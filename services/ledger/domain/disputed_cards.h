// The numbers of cards of which a dispute stands (P2): no token of them is charged.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_

#include <string>

#include "services/ledger/domain/account.h"
#include "services/ledger/domain/draft.h"

namespace reserve::domain {

bool IsDisputed(const Account& account, const std::string& fingerprint);

// One dispute more of this number: its cards are DISPUTED.
void NoteDispute(const DisputedNumber& number, Draft* draft);
// One less: after the last its cards are USABLE again. Nothing comes of it where support has
// lifted this one.
void EndDispute(const DisputedNumber& number, Draft* draft);
// Support lets the number be charged again, whatever disputes there are.
void ForgetDisputes(const std::string& fingerprint, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DISPUTED_CARDS_H_
