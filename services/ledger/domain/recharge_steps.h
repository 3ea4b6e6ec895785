// The steps of a recharge that several commands take.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge.h"

namespace reserve::domain {

// Card charges are whole minor units (M1): INVALID_ARGUMENT on `field` if not.
absl::Status CheckChargeable(absl::string_view field, absl::string_view currency, Nanos amount);

// Makes a recharge that waits ready for this card. Whatever of it was read before counts no
// more: its lease epoch moves.
void AimAt(const CardChoice& choice, Recharge* recharge);

// The next attempt, after one that was declined.
void NextAttempt(const CardChoice& choice, Recharge* recharge);

// Ends it; the account has room for another.
void CloseRecharge(RechargeState state, absl::Time now, Recharge* recharge, Account* account);

// G1: cancels a recharge that waits, with its event.
void CancelRecharge(const Recharge& recharge, std::string cause, Draft* draft);

// A charge that was made after all.
struct MadeCharge {
  int32_t attempt = 0;  // of the recharge, whose it is
  std::string charge_id;
  Nanos amount = 0;
  const Recharge* credited = nullptr;  // what was credited for it before; null: nothing was
  // Of an earlier attempt than the last: the fingerprint that it was sent to; empty: not known.
  std::string earlier_number = {};
};

// G4: books what was really charged, unless that was done before, on the card that it was charged
// to, and what a success brings with it. Refused for OUT_OF_RANGE "MONEY_OVERFLOW" only.
absl::Status Credit(const Recharge& recharge, const MadeCharge& charge, Draft* draft);

// G3: it stays open, and stops automatic recharging alone.
void SetAside(absl::Time now, Recharge* recharge, Account* account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RECHARGE_STEPS_H_
