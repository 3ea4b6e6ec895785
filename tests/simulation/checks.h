// What must hold, whatever fails. Each check looks at one thing that has just
// happened, and at what it remembers itself; the names are in the failures.
//
// Safety is looked at whenever something changes: at each write of the database,
// each charge that is sent, each reply that a customer gets. Liveness is looked at
// in the end, when the trouble has been over for long enough.
#ifndef RESERVE_TESTS_SIMULATION_CHECKS_H_
#define RESERVE_TESTS_SIMULATION_CHECKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/book/command.h"
#include "tests/services/ledger/domain/model_calendar.h"
#include "tests/simulation/database.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/given_back_checks.h"
#include "tests/simulation/hold_checks.h"
#include "tests/simulation/scene.h"
#include "worker/decide.h"

namespace reserve::simulation {

class Checks : public ModelDatabase::Observer {
 public:
  Checks(Scene* scene, const ModelGateway* gateway, const domain::Settings& settings)
      : scene_(*scene),
        gateway_(*gateway),
        settings_(settings),
        given_back_(scene, gateway),
        holds_(scene) {}

  void BeforeWrite(const AccountRows& rows, const AccountWrite& write) override;
  void AfterWrite(const AccountRows& rows) override;
  // A worker sends a charge of `task` under `key`.
  void OnChargeSent(const worker::Task& task, const std::string& key);
  void OnRefundSent(const worker::Task& task, const std::string& key) {
    given_back_.OnRefundSent(task, key);
  }
  // A customer got a reply that ends the command.
  void OnReply(const ModelDatabase& database, const std::string& account_id,
               const book::Command& command, const absl::StatusOr<book::Reply>& reply);
  // The trouble has been over for long.
  void AtEnd(const ModelDatabase& database);

 private:
  // What was seen of a recharge.
  struct SeenRecharge {
    bool is_refund = false;
    Nanos amount = 0;
    int32_t attempt = 0;
    int64_t epoch = 0;
    int32_t begun_attempt = 0;  // the last one that was handed out
    domain::Card card;
    domain::RechargeState state = domain::RechargeState::kOpen;
    int credits = 0;
    int reversals = 0;
  };
  using Allowance = std::pair<std::string, int32_t>;  // user and period
  // What was seen of an account's rows.
  struct SeenAccount {
    size_t entries = 0;
    size_t events = 0;
    Nanos balance = 0;
    domain::EntryHash head{};
    bool funded = false;
    std::set<std::string> alarms;  // whose limit was reached and not lifted; empty: the account's
    domain::AccountState state = domain::AccountState::kPendingFunding;
    std::map<std::string, std::string> usages;  // booked, with their users
    std::set<std::string> estimates;            // of these, that no CDR has replaced
    std::set<std::string> replaced;             // that one has
    std::set<std::string> voided;
    std::set<std::string> waiting;              // UNRATED
    std::map<std::string, Nanos> costs;         // of usages, as they stand
    std::map<Allowance, int64_t> free_seconds;  // taken
    std::map<std::string, int> adjustments;     // by request id
    std::map<int64_t, SeenRecharge> recharges;
    std::map<std::string, int64_t> top_ups;    // and refunds; request id -> ordinal
    bool card_lifted = false;                  // by the last write: a disputed number
    int payments = 0;                          // booked and not reversed
    std::map<int32_t, Nanos> grants;           // what is left of them, by number
    std::map<std::string, std::string> draws;  // on them, by usage
    bool may_be_funded = false;                // at a moment of the last write, by payments (P5)
    Nanos reserve_amount = 0;                  // after the last write
    std::map<std::string, int> credits;        // that stand, by the gateway's charge
    bool facts_are_over = false;               // before the last write (P4)
    Nanos owed = 0;
    Nanos written_off = 0;
    std::vector<domain::CalendarChange> changes;    // of its calendar
    std::optional<domain::ModelCalendar> calendar;  // by so many of them
    size_t known_changes = 0;

    // Is the id of this usage taken?
    bool Took(const std::string& usage_id) const {
      return usages.count(usage_id) + voided.count(usage_id) > 0;
    }
  };

  void CheckEntries(const AccountRows& rows, SeenAccount* seen);
  void CheckSums(const AccountRows& rows, const SeenAccount& seen);
  void CheckCredit(const domain::Entry& entry, SeenAccount* seen);
  void CheckGrants(const domain::Entry& entry, SeenAccount* seen);
  void CheckUsageEntry(const AccountRows& rows, const domain::Entry& entry, SeenAccount* seen);
  void CheckVoid(const domain::Entry& entry, SeenAccount* seen);
  void CheckCalendar(const AccountRows& rows, SeenAccount* seen);
  int32_t PeriodOf(const AccountRows& rows, const domain::Entry& entry, SeenAccount* seen);
  void CheckPlan(const AccountRows& rows, const domain::Entry& entry);
  void CheckDrawn(const AccountRows& rows, const domain::Entry& entry, SeenAccount* seen);
  void CheckBooking(const domain::Entry& entry, SeenAccount* seen);
  void CheckPayment(const AccountRows& rows, const domain::Entry& entry, SeenAccount* seen);
  void NoteFunding(const AccountRows& rows, SeenAccount* seen);
  void CheckEvents(const AccountRows& rows, SeenAccount* seen);
  void CheckRecharges(const AccountRows& rows, SeenAccount* seen);
  void CheckRecharge(const AccountRows& rows, const domain::Recharge& recharge, SeenAccount* seen);
  void CheckBegun(const AccountRows& rows, const domain::Recharge& recharge);
  void CheckReview(const domain::Recharge& recharge);
  void CheckCardLimits(const domain::Recharge& recharge);
  void CheckState(const AccountRows& rows, SeenAccount* seen);
  void CheckUsageReply(const AccountRows& rows, const domain::Usage& usage,
                       const absl::StatusOr<book::Reply>& reply);
  void CheckReceiptsAtEnd(const AccountRows& rows);
  void CheckAtEnd(const AccountRows& rows);
  void CheckClosedAtEnd(const AccountRows& rows);
  void CheckClosingEntry(const domain::Entry& entry, SeenAccount* seen);
  void CheckClosing(const AccountRows& rows, SeenAccount* seen);

  Scene& scene_;
  const ModelGateway& gateway_;
  const domain::Settings& settings_;
  GivenBackChecks given_back_;
  HoldChecks holds_;
  std::map<std::string, SeenAccount> accounts_;
  std::map<RechargeKey, std::set<std::string>> keys_sent_;
  std::map<std::string, std::vector<absl::Time>> declines_;  // by card
  // (account id, usage id)
  std::set<std::pair<std::string, std::string>> acknowledged_;
  std::set<std::pair<std::string, std::string>> refused_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_CHECKS_H_
