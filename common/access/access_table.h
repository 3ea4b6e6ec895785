// Who may call what: roles, and the form of a table that says of each method which of them may call
// it. What is in no table nobody may call.
//
// Thread-safe: values and pure functions.
//
//   inline constexpr MethodAccess kTable[] = {
//       {"/reserve.ledger.v1.Support/BlockAccount", Role::kSupport | Role::kOperations,
//        Effect::kChanges},
//   };
#ifndef RESERVE_COMMON_ACCESS_ACCESS_TABLE_H_
#define RESERVE_COMMON_ACCESS_ACCESS_TABLE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace reserve {

// What a caller is. One may be several.
enum class Role : uint16_t {
  kSwitch = 1 << 0,         // telephone switches and the senders of SMS
  kBilling = 1 << 1,        // the customers' pages, and what opens and bills accounts
  kSupport = 1 << 2,        // what the people use who help customers
  kOperations = 1 << 3,     // who runs it all: rate decks, audits, holds of dead switches
  kWorker = 1 << 4,         // recharge workers and their reconciling
  kGatewayEvents = 1 << 5,  // what takes the payment gateway's webhooks
  kAuditor = 1 << 6,        // reads everything and changes nothing
  kLedger = 1 << 7,         // other ledgers of the same database
};

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): so that a row reads Role::kA | Role::kB.
  constexpr Roles(Role role) : bits_(static_cast<uint16_t>(role)) {}

  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool Has(Role role) const { return (bits_ & static_cast<uint16_t>(role)) != 0; }
  // Is there a role in both?
  constexpr bool Meets(Roles other) const { return (bits_ & other.bits_) != 0; }

  friend constexpr Roles operator|(Roles a, Roles b) {
    Roles both;
    both.bits_ = a.bits_ | b.bits_;
    return both;
  }
  friend constexpr bool operator==(Roles a, Roles b) { return a.bits_ == b.bits_; }

 private:
  uint16_t bits_ = 0;
};
constexpr Roles operator|(Role a, Role b) { return Roles(a) | Roles(b); }

// Each role by its name in files and messages.
struct NamedRole {
  absl::string_view name;
  Role role;
};
inline constexpr NamedRole kNamedRoles[] = {
    {"switch", Role::kSwitch},   {"billing", Role::kBilling},
    {"support", Role::kSupport}, {"operations", Role::kOperations},
    {"worker", Role::kWorker},   {"gateway_events", Role::kGatewayEvents},
    {"auditor", Role::kAuditor}, {"ledger", Role::kLedger},
};

// What a call does.
enum class Effect {
  kReads,
  // Usage and calls in progress, thousands a second: what it did is in the books, call by call.
  kTraffic,
  // Moves money or state otherwise: each call is told of in the log.
  kChanges,
};

// How large a request may be, in bytes: most are a few hundred. What comes in pieces has a piece of
// a MiB, and what frames it.
inline constexpr size_t kRequestBytes = 64 << 10;
inline constexpr size_t kPieceBytes = (1 << 20) + 64;

// Where a call counts against its caller's rate.
enum class Counted {
  kAtTheDoor,
  // By the handler, once it has read the request: a call for help counts against nothing, and a
  // batch as what it holds.
  kOnceRead,
};

// Who may call one method, and how.
struct MethodAccess {
  // "/package.Service/Method".
  absl::string_view method;
  Roles roles;
  Effect effect;
  // Of each message, where several come.
  size_t most_bytes = kRequestBytes;
  Counted counted = Counted::kAtTheDoor;
};

// The row of a method, looked for while compiling: a method that has none does not build.
template <size_t kRows>
consteval const MethodAccess& RowOf(const MethodAccess (&table)[kRows], absl::string_view method) {
  for (const MethodAccess& row : table) {
    if (row.method == method) return row;
  }
  throw "This method has no row in the table of who may call what.";
}

// Do `table` and `methods` name the same methods, each once?
template <size_t kRows, size_t kMethods>
consteval bool NamesExactly(const MethodAccess (&table)[kRows],
                            const absl::string_view (&methods)[kMethods]) {
  if (kRows != kMethods) return false;
  for (const absl::string_view method : methods) {
    int rows = 0;
    for (const MethodAccess& row : table) rows += row.method == method ? 1 : 0;
    if (rows != 1) return false;
  }
  return true;
}

}  // namespace reserve

#endif  // RESERVE_COMMON_ACCESS_ACCESS_TABLE_H_
