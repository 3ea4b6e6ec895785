// Who of the staff does something, and why.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_BY_STAFF_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_BY_STAFF_H_

#include <string>

#include "services/ledger/domain/journal.h"

namespace reserve::domain {

// Who does it, as the caller says, and what it is about: a ticket, a dispute's id.
struct ByStaff {
  std::string reason = {};
  std::string actor = {};
  std::string reference = {};
  // Who that caller is, where it is kept for later: the name in its certificate.
  std::string caller = {};
};

// Has `event` say so, and returns it.
inline Event& Tell(const ByStaff& by, Event& event) {
  event.actor = by.actor;
  event.reference = by.reference;
  return event;
}

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_BY_STAFF_H_
