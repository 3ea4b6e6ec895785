// The policy of the reserve: (what is stored, a command, now) -> what to write,
// or a refusal. Everything about money and state is decided here and nowhere
// else; the numbers in comments are the rules in docs/RULES.md.
//
// Pure functions: no I/O, no clock. Each returns the whole new account, so a
// caller can fold a batch of commands in memory and write the result once. A
// refusal (a non-OK status) changes nothing.
//
//   StatusOr<Transition> t = RecordUsage(ctx, account, terms, usage);
//   if (t.ok()) account = std::move(t->account);
//
// A subject has a file; this one is their table of contents, for callers that need all:
//
//   opening_policy.h           opening an account; what its customer sets
//   user_policy.h              the users of an account
//   payment_method_policy.h    the cards that the customer gives and takes away
//   usage_policy.h             what may begin, and what is booked
//   rerating_policy.h          what was rated is rated again, by other prices
//   hold_policy.h              calls in progress
//   usage_correction_policy.h  what was booked is taken back, corrected, or rated later
//   emergency.h                which numbers bring help
//   support_policy.h           what staff does
//   limit_policy.h             limits against fraud
//   refund_policy.h            charges that are given back
//   payment_policy.h           money that came another way
//   grant_policy.h             promotional credit with an end
//   dispute_policy.h           charges that the cardholder's bank takes back
//   closing_policy.h           closing an account for ever
//   recharge_policy.h          what the customer asks to be charged, and what time brings
//   report_policy.h            what a worker reports of an attempt
//
// They share what the operator sets (settings.h), what goes in and comes out
// (transition.h), the refusals (refusals.h), which card is tried next (card_choice.h), whether
// and how much is to be charged and what stands in its way (refill.h), and what follows each
// command (consequences.h). A new rule of one subject goes into its file; one that looks at the
// account whatever was commanded goes into consequences.cc.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_

#include "services/ledger/domain/closing_policy.h"           // IWYU pragma: export
#include "services/ledger/domain/dispute_policy.h"           // IWYU pragma: export
#include "services/ledger/domain/emergency.h"                // IWYU pragma: export
#include "services/ledger/domain/grant_policy.h"             // IWYU pragma: export
#include "services/ledger/domain/hold_policy.h"              // IWYU pragma: export
#include "services/ledger/domain/limit_policy.h"             // IWYU pragma: export
#include "services/ledger/domain/opening_policy.h"           // IWYU pragma: export
#include "services/ledger/domain/payment_method_policy.h"    // IWYU pragma: export
#include "services/ledger/domain/payment_policy.h"           // IWYU pragma: export
#include "services/ledger/domain/recharge_policy.h"          // IWYU pragma: export
#include "services/ledger/domain/refill.h"                   // IWYU pragma: export
#include "services/ledger/domain/refund_policy.h"            // IWYU pragma: export
#include "services/ledger/domain/report_policy.h"            // IWYU pragma: export
#include "services/ledger/domain/rerating_policy.h"          // IWYU pragma: export
#include "services/ledger/domain/support_policy.h"           // IWYU pragma: export
#include "services/ledger/domain/usage_correction_policy.h"  // IWYU pragma: export
#include "services/ledger/domain/usage_policy.h"             // IWYU pragma: export
#include "services/ledger/domain/user_policy.h"              // IWYU pragma: export

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_POLICY_H_
