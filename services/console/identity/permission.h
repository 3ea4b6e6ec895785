// Who may come through which door. What is not said here is refused. Thread-safe: pure functions.
//
//   switch (Judge(Door::kAccount, identity, "acme")) ...
#ifndef RESERVE_CONSOLE_IDENTITY_PERMISSION_H_
#define RESERVE_CONSOLE_IDENTITY_PERMISSION_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "services/console/identity/token.h"

namespace reserve::console {

enum class Door {
  kEverybody,   // no token is asked for
  kKnown,       // anybody with a token
  kAccount,     // the customer of the account, and support
  kSupport,     // support alone
  kDecks,       // support and operations
  kOperations,  // operations alone
};

enum class Verdict {
  kLetIn,
  kNotKnown,   // no token that holds
  kForbidden,  // a token that does not reach as far
};

// `account_id`: what the door leads to, of kAccount.
Verdict Judge(Door door, const std::optional<Identity>& identity, absl::string_view account_id);

// Shows that a form was made for the one who sends it: a text that follows from the visitor's
// token, which nobody else has, and from what the form is for. 43 characters.
std::string FormToken(absl::string_view token, absl::string_view purpose);
// Is it that text? In a time that does not tell how much of it is right.
bool IsFormToken(absl::string_view given, absl::string_view token, absl::string_view purpose);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_IDENTITY_PERMISSION_H_
