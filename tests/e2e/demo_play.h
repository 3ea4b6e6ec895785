// The play of the demo: three customers, from their first reserve charge to the
// audit, through the public RPCs alone.
//
// Beside the ledger the play keeps a book of its own for each account and works
// every figure out from the rules (docs/RULES.md) and the starter deck's prices, so
// that a figure is never held against itself. The scenes are in demo_usage.cc,
// demo_recharges.cc, demo_audit.cc and the like. Not thread-safe.
//
//   Play play(&client, &report, "20261123-044512");
//   play.Run();
#ifndef RESERVE_TESTS_E2E_DEMO_PLAY_H_
#define RESERVE_TESTS_E2E_DEMO_PLAY_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "tests/e2e/demo_client.h"
#include "tests/e2e/demo_report.h"

namespace reserve::demo {

inline constexpr Nanos kReserveAmount = 15 * kNanosPerUnit;
inline constexpr Nanos kRechargeThreshold = 10 * kNanosPerUnit;
inline constexpr int64_t kMinute = 60;  // seconds
inline constexpr int64_t kFreeSeconds = 300 * kMinute;

// A number to call or text, and what the starter deck says of it. Calls are billed by
// the whole minute, and texts by the segment.
struct Destination {
  std::string number;
  std::string name;
  std::string prefix;
  Nanos price;
  bool standard_rate = false;  // of a call
  std::string carrier;         // of a text
};

// A user, as the play reckons.
struct Caller {
  std::string user_id;
  bool unlimited = false;
  int64_t free_seconds_left = 0;
};

// A usage as it was sent, and what it must have cost.
struct Booking {
  pb::Usage usage;
  int64_t seq = 0;
  Nanos cost = 0;
  Nanos balance_after = 0;
};

// An account, as the play reckons.
struct Book {
  std::string account_id;
  Nanos balance = 0;
  Nanos reserve_amount = kReserveAmount;
  Nanos recharge_threshold = kRechargeThreshold;
  Nanos charged = 0;
  int64_t recharges = 0;
  int64_t automatic_recharges = 0;
  // From the usage that opened the first of them on.
  Nanos used_since_first = 0;
  int64_t users = 0;
  std::vector<Booking> bookings;
};

class Play {
 public:
  // `run` tells this run's accounts and cards from those of any other.
  Play(Client* client, Report* report, const std::string& run);
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  // All scenes, in order. A call that fails ends the play; the report then says so.
  void Run();

 private:
  // The scenes.
  absl::Status Prices();
  absl::Status Funding();
  absl::Status FreeMinutes();
  absl::Status DearCountry();
  absl::Status Texts();
  absl::Status PlansThatChange();
  absl::Status Dip();
  absl::Status Settings();
  absl::Status DecliningCard();
  absl::Status DrainToZero();
  absl::Status NewCard();
  absl::Status Events();
  absl::Status CardsThatChange();
  absl::Status TheSwitch();
  absl::Status MoneyGoesBack();
  absl::Status PaidByBank();
  absl::Status WrongRecords();
  absl::Status HelpAndTheLastCent();
  absl::Status CreditAndFarewell();
  absl::Status ThirtyCallsAtOnce();
  absl::Status SharedMinutes();
  absl::Status SwitchThatDies();
  absl::Status StolenTelephone();
  absl::Status Repeats();
  absl::Status History();
  absl::Status Explanation();
  absl::Status Audit();

  // Opens the account, and waits until the first reserve charge is credited.
  absl::Status OpenAndFund(Book& book, const std::string& card);
  absl::Status AddUser(Book& book, Caller& caller);
  // Books one usage, and checks everything that the answer says of it.
  absl::Status Call(Book& book, Caller& caller, const Destination& to, int64_t duration_seconds);
  absl::Status Text(Book& book, const Caller& caller, const Destination& to, pb::Sms size);
  // Books `usage` under an id that it makes, as of now if it has no start; it must cost `cost`.
  absl::StatusOr<pb::UsageRecord> Record(Book& book, pb::Usage usage, Nanos cost);
  // May the user call there, and for how long, if a limit leaves so much to be spent?
  absl::Status MayCall(const Book& book, const Caller& caller, const Destination& to,
                       Nanos left = std::numeric_limits<Nanos>::max());
  absl::Status MayNotCall(const Book& book, const Caller& caller, const Destination& to,
                          absl::string_view decision);
  // Waits for the account to become so. DEADLINE_EXCEEDED, saying how it is instead.
  absl::StatusOr<pb::Account> Await(const Book& book, absl::string_view what,
                                    const std::function<bool(const pb::Account&)>& condition);
  // Waits for the recharge that is due, and checks it at the ledger and the gateway.
  absl::Status AwaitRecharge(Book& book, absl::string_view kind, Nanos amount);
  // The account's last recharge, which must have succeeded, and its one charge.
  absl::StatusOr<pb::Recharge> CheckRecharge(const Book& book, int64_t ordinal,
                                             absl::string_view kind);
  absl::Status CheckCharges(const Book& book, const pb::Recharge& recharge, Nanos amount);
  // What one automatic recharge must be now: whole reserve amounts up to the threshold.
  static Nanos DueAmount(const Book& book);
  absl::Status VerifyOne(const Book& book);
  // Opens an account of a scene's own, funded by this card.
  absl::StatusOr<Book> OpenAnother(const std::string& name, const std::string& card);
  // Waits for the credit of so much.
  absl::Status AwaitBalance(Book& book, Nanos credited);
  // The account's newest charge at the gateway is of this card and amount.
  absl::Status CheckLastCharge(Book& book, const std::string& card, Nanos amount);
  // Ten calls of each of three users begin together, and go on for so long if they may; those that
  // are short of money wait for it where it `comes`.
  struct Calls {
    int64_t begun = 0;
    int64_t cut = 0;
    int64_t seconds = 0;
    Nanos cost = 0;
  };
  absl::StatusOr<Calls> PlayThirty(const Book& book, const std::string& name, const Destination& to,
                                   int64_t seconds, bool comes);
  // What the gateway has charged for the account in all.
  absl::StatusOr<Nanos> ChargedFor(const Book& book);
  // A dispute of an account's first charge, from its opening to its end.
  absl::Status Dispute(const std::string& name, bool won);

  Client& client_;
  Report& report_;
  const std::string run_;
  Book bakery_;
  Book courier_;
  Book florist_;
  Caller ann_{"ann", /*unlimited=*/false, kFreeSeconds};
  Caller bob_{"bob", /*unlimited=*/true, 0};
  Caller carl_{"carl", /*unlimited=*/false, kFreeSeconds};
  Caller dora_{"dora", /*unlimited=*/true, 0};
  Caller eve_{"eve", /*unlimited=*/false, kFreeSeconds};
  size_t straddling_ = 0;  // which booking of the bakery's straddles the free minutes' end
  int64_t deck_version_ = 0;
};

// "ACTIVE" of "ACCOUNT_STATE_ACTIVE".
std::string ShortName(const std::string& enum_name, absl::string_view enum_prefix);
std::string StateName(pb::AccountState state);
std::string CardStateName(pb::CardState state);

}  // namespace reserve::demo

#endif  // RESERVE_TESTS_E2E_DEMO_PLAY_H_
