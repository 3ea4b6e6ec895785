#include "services/ledger/domain/transition.h"

namespace reserve::domain {

Transition Unchanged(const Account& account) {
  Transition transition;
  transition.account = account;
  transition.unchanged = true;
  return transition;
}

}  // namespace reserve::domain
