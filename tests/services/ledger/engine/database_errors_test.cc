// An error of each class that a database can give, and each way in which a connection can end, at
// each statement of the lanes; and one of each sort at each statement of each kind of transaction.
// A command is then either answered as if nothing had been, and done once; or the caller is told to
// repeat it, and the repeat leaves it done once. Nothing is ever answered that is not stored, and
// no error that passes is a fault.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/database_faults.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/services/ledger/engine/sabotage.h"
#include "tests/services/ledger/engine/spoiled.h"
#include "tests/services/ledger/engine/tried_in_full.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;

bool EndsATransaction(absl::string_view statement) {
  return statement == "COMMIT" || statement == "ROLLBACK";
}

// Faults that stay for as long as the command is tried.
std::vector<Fault> StayingFaults() {
  return {FaultOf("always refused with", Fate::kRefused, 1213, true),
          FaultOf("always refused with", Fate::kRefused, kDuplicateKey, false),
          FaultOf("always refused with", Fate::kRefused, 1064, false),
          FaultOf("always cut off before it", Fate::kCut, 0, true),
          FaultOf("always cut off after it", Fate::kDoneAndCut, 0, true)};
}
// Of what meets all of them elsewhere.
std::vector<Fault> StayingFaultsOfEachClass() {
  return {FaultOf("always refused with", Fate::kRefused, 1064, false),
          FaultOf("always cut off before it", Fate::kCut, 0, true)};
}

// --- What is compared -------------------------------------------------------------------

struct Writer {
  std::string operator()(const UsageReply& r) const {
    return absl::StrCat("usage ", r.seq, " ", r.cost, " ", r.balance_after, " ", r.currency, " ",
                        static_cast<int>(r.status));
  }
  std::string operator()(const VoidReply& r) const {
    return absl::StrCat("void ", r.seq, " ", r.returned, " ", r.free_seconds_returned, " ",
                        r.balance);
  }
  std::string operator()(const CorrectionReply& r) const {
    return absl::StrCat((*this)(r.usage), r.voided.has_value() ? (*this)(*r.voided) : "");
  }
  std::string operator()(const RerateReply& r) const {
    const bool changed = r.outcome == domain::Rerated::kChanged ||
                         r.outcome == domain::Rerated::kDoneBefore;  // when it is repeated
    return absl::StrCat("rerated ", changed ? "changed" : "as it was", " ", r.cost_before, " ",
                        r.cost, " ", r.free_seconds);
  }
  std::string operator()(const HoldReply& r) const {
    if (!r.hold.has_value()) return "no hold";
    return absl::StrCat("hold ", static_cast<int>(r.hold->state), " ", r.hold->granted_seconds, " ",
                        r.hold->held, " ", r.hold->accrued);
  }
  std::string operator()(const ClosingReply& r) const {
    return absl::StrCat("closing, ", r.steps.size(), " steps, ", (*this)(r.account));
  }
  std::string operator()(const AuthorizeReply& r) const {
    return absl::StrCat("authorization ", static_cast<int>(r.authorization.decision), " ",
                        r.authorization.max_duration_seconds, " ", r.price.value_or(-1), " ",
                        r.prefix);
  }
  std::string operator()(const domain::Account& a) const {
    return absl::StrCat("account ", static_cast<int>(a.state), " ", a.balance, " ", a.last_seq, " ",
                        a.last_event_seq, " ", a.open_ordinal, " ", a.payment_methods.size(), " ",
                        a.reserve_amount);
  }
  std::string operator()(const UserReply& r) const {
    return absl::StrCat("user ", r.user.user_id, " ", r.plan.plan_id);
  }
  std::string operator()(const EntryReply& r) const {
    return absl::StrCat("entry ", r.entry.seq, " ", r.entry.amount, " ", r.entry.balance_after);
  }
  std::string operator()(const RechargeReply& r) const {
    return absl::StrCat("recharge ", r.recharge.ordinal, " ", static_cast<int>(r.recharge.state),
                        " ", r.recharge.amount, " ", r.recharge.attempt);
  }
  std::string operator()(const PaymentMethodReply& r) const {
    return absl::StrCat("card ", r.method.payment_method_id, " ", static_cast<int>(r.method.state),
                        " ", r.method.given, " ", r.position);
  }
  std::string operator()(const DisputeReply& r) const {
    return absl::StrCat("dispute ", r.dispute.dispute_id, " ", static_cast<int>(r.dispute.state),
                        " ", r.dispute.debited, " ", r.kept);
  }
  std::string operator()(const PaymentReply& r) const {
    return absl::StrCat("payment ", r.credited.ordinal, " ", static_cast<int>(r.credited.state),
                        " ", r.credited.credited, " ", r.entry.has_value() ? r.entry->seq : 0, " ",
                        r.already_credited, " ", r.same_reference.size());
  }
  std::string operator()(const book::LimitsReply& r) const {
    return absl::StrCat("limits of ", r.user.has_value() ? r.user->user_id : "the account", ", ",
                        r.in_force.size(), " in force, ", (*this)(r.account));
  }
  template <typename Kind>
  std::string operator()(const book::Apart<Kind>& r) const {
    return (*this)(*r);
  }
};

std::string TextOf(const Reply& reply) { return std::visit(Writer(), reply); }

// Everything that is stored of the accounts whose ids are LIKE this, without their ids and the
// times by the database's clock.
std::map<std::string, std::string> StoredOf(const test_support::TestDatabase& sql,
                                            storage::Connection& connection,
                                            const std::string& account_ids) {
  static const auto* const kSelects = new std::vector<std::string>([&sql] {
    std::vector<std::string> selects;
    for (const auto& row : sql.Query(absl::StrCat(
             "SELECT table_name, GROUP_CONCAT(CONCAT('COALESCE(', column_name, ', ''NULL'')') "
             "SEPARATOR ', ') FROM information_schema.columns WHERE table_schema = '",
             sql.schema(),
             // How often a row was written depends on what came in one batch.
             "' AND column_name NOT IN ('account_id', 'version', 'revision', 'feed_time') "
             "AND table_name IN (SELECT table_name "
             "FROM information_schema.columns WHERE table_schema = '",
             sql.schema(), "' AND column_name = 'account_id') GROUP BY table_name"))) {
      selects.push_back(absl::StrCat("SELECT account_id, CONCAT_WS('|', '", row[0], "', ", row[1],
                                     ") FROM ", row[0], " WHERE account_id LIKE "));
    }
    EXPECT_GE(selects.size(), 7u);
    return selects;
  }());
  std::vector<std::string> parts;
  for (const std::string& select : *kSelects) {
    parts.push_back(absl::StrCat(select, "'", account_ids, "'"));
  }
  std::map<std::string, std::string> stored;
  const absl::Status read = connection.Query(
      absl::StrCat(absl::StrJoin(parts, " UNION ALL "), " ORDER BY 1, 2"),
      [&stored](const storage::Row& row) {
        const std::string account_id = row.Text(1);
        absl::StrAppend(&stored[account_id],
                        absl::StrReplaceAll(row.Text(2), {{account_id, "ACCOUNT"}}), "\n");
      });
  EXPECT_TRUE(read.ok()) << read;
  return stored;
}

// --- The kinds of transactions ----------------------------------------------------------

struct Scenario {
  std::string name;  // of the accounts, too
  // In one batch, for one account.
  std::vector<Command> commands;
  // What is done before, to a funded account ($15, two users).
  std::vector<Command> before = {};
  bool is_opened = true;
  // Changes the accounts further: their names are put after each.
  std::vector<std::string> sql = {};
  // The lane has seen the account before, and remembers it.
  bool is_remembered = false;
};

domain::Usage Dear(const std::string& usage_id, int64_t minutes) {
  return Call(kUser, usage_id, kDearNumber, 60 * minutes);
}

// SQL for so many declines of the card since yesterday, so that it may not be tried (G9).
std::string SqlOfDeclines(int count) {
  std::string numbers = "SELECT 1 AS n";
  for (int n = 2; n <= count; ++n) absl::StrAppend(&numbers, " UNION SELECT ", n);
  return absl::StrCat(
      "INSERT INTO card_declines (account_id, ordinal, attempt, card_fingerprint, decline_time) "
      "SELECT account_id, 1, n, card_fingerprint, '2026-11-23 00:00:00' + INTERVAL n MINUTE "
      "FROM payment_methods, (",
      numbers, ") AS numbers WHERE account_id LIKE");
}

// What is made of an account before its scenario, by SQL; the ids of the accounts follow.
constexpr char kLeased[] =
    "UPDATE recharges SET lease_owner = 'w', lease_epoch = 1, attempt_start = create_time WHERE "
    "ordinal = 2 AND account_id LIKE";
// As if its card had to wait; the account's row says that it does.
constexpr char kWaits[] =
    "UPDATE recharges SET due_time = due_time + INTERVAL 1 HOUR WHERE "
    "ordinal = 2 AND account_id LIKE";
constexpr char kFailing[] =
    "UPDATE payment_methods SET state = 2, retry_time = (SELECT due_time FROM recharges r WHERE "
    "r.account_id = payment_methods.account_id AND r.ordinal = 2) WHERE account_id LIKE";
constexpr char kOpenWaits[] = "UPDATE accounts SET open_waits = 1 WHERE account_id LIKE";
constexpr char kReviewed[] =
    "UPDATE recharges SET state = 4, set_aside = 1, due_time = NULL, attempt_start = create_time "
    "WHERE ordinal = 2 AND account_id LIKE";
constexpr char kUnderReview[] =
    "UPDATE accounts SET set_aside = 1, set_aside_time = create_time, open_ordinal = 0 "
    "WHERE account_id LIKE";
// As if its first attempt had been declined on another card.
constexpr char kSecondAttempt[] =
    "UPDATE recharges SET attempt = 2 WHERE ordinal = 2 AND account_id LIKE";
constexpr char kFirstDeclined[] =
    "INSERT INTO card_declines (account_id, ordinal, attempt, card_fingerprint, decline_time) "
    "SELECT account_id, 2, 1, 'fp_first', create_time FROM recharges WHERE ordinal = 2 AND "
    "account_id LIKE";
// As if the day of a cap had ended (the housekeepers would not wait for us).
constexpr char kDue[] =
    "UPDATE accounts SET recharge_threshold_nanos = 20000000000 "
    "WHERE account_id LIKE";

// The grace of its closing is over.
constexpr char kGraceOver[] =
    "UPDATE accounts SET closing_grace_until = closing_time WHERE account_id LIKE";

// What staff and customers do beside calling.
std::vector<Scenario> ActsOfPeople() {
  const RecordUsage dip{Dear("dip", 100)};
  UpdateBillingSettings settings;
  settings.change.reserve_amount = 40 * kNanosPerUnit;
  settings.change.recharge_threshold = 12 * kNanosPerUnit;
  UpdateBillingSettings off;
  off.change.automatic_recharge = false;
  const AddPaymentMethod second{"card", {{CardToken("tok_second"), "fp_second"}}};
  return {
      {"Block", {BlockAccount{{"fraud"}}}},
      {"Unblock", {UnblockAccount{{"paid"}}}, {BlockAccount{{"fraud"}}}},
      {"Card", {UpdatePaymentMethod{"given", "", {{CardToken("tok_other"), "fp_other"}}}}, {dip}},
      {"SecondCard", {second}},
      {"RepeatedSecondCard", {second}, {second}},
      {"CardTakenAway", {RemovePaymentMethod{"card-1"}}, {dip}},
      {"SwitchedOff", {off}, {dip}},
      {"UsageThatGrowsWhatWaits",
       {RecordUsage{Dear("more", 200)}},
       {dip},
       true,
       {kWaits, kFailing, kOpenWaits}},
      {"ReviewResolved",
       {ResolveReview{2, {true, "ch", 15 * kNanosPerUnit}, "", {"found"}}},
       {dip},
       true,
       {kReviewed, kUnderReview}},
      {"Settings", {settings}},
  };
}

// Refunds and disputes (P1 to P3) of recharge 1, which was charged as "ch_1".
std::vector<Scenario> MoneyGivenBack() {
  const RefundRecharge refund = Refund("refund", 1, 4 * kDollar);
  const auto opened = ToldDispute(1, "dp", domain::DisputeState::kOpened, 15 * kDollar);
  return {
      {"Refund", {refund}},
      {"RefundFailed", {RefundFailed(2, "expired_card", 1)}, {refund}, true, {kLeased}},
      {"Dispute", {opened}, {refund}},
      {"DisputeWon", {ToldDispute(1, "dp", domain::DisputeState::kWon, 15 * kDollar)}, {opened}},
      {"KeptDispute",
       {Succeeded(2, 15 * kDollar)},
       {RecordUsage{Dear("dip", 100)},
        ToldDispute(2, "kept", domain::DisputeState::kOpened, 15 * kDollar)}},
  };
}

// Usages that are taken back, corrected and rated later (U1, U5, K3).
std::vector<Scenario> FactsPutRight() {
  // As if the user had come: a ledger that put them would look for what waits by itself.
  constexpr char kUserIsThere[] =
      "INSERT INTO users (account_id,user_id,plan_id,create_time) SELECT account_id,'late',"
      "'per_minute','2026-01-01' FROM accounts WHERE account_id LIKE";
  const RecordUsage wrong{Call(kUser, "wrong", kStandardNumber, 600)};
  const VoidUsage taken_back{"wrong", false, {"wrong record"}};
  const CorrectUsage correction{{"wrong"}, Dear("right", 1), {"wrong record"}};
  // Draws on what the void has given back.
  RerateUsage again;
  again.usage_id = "paid";
  again.rerating = {1, false, false, {"wrong record"}};
  return {
      {"Void", {taken_back}, {wrong}},
      {"RepeatedVoid", {taken_back}, {wrong, taken_back}},
      {"VoidInAdvance", {VoidUsage{"early", true, {"wrong record"}}}},
      {"Correction", {correction}, {wrong}},
      {"RepeatedCorrection", {correction}, {correction}},
      {"VoidedUsageSentAgain", {wrong}, {wrong, taken_back}},
      {"RatedLater",
       {RateUnrated{"waits"}},
       {RecordUsage{Call("late", "waits", kStandardNumber, 60)}},
       true,
       {kUserIsThere}},
      {"RatedAgain",
       {again},
       {RecordUsage{Call(kUser, "wrong", kStandardNumber, 18'000)},
        RecordUsage{Call(kUser, "paid", kStandardNumber, 600)}, taken_back}},
  };
}

// Payments (P5), and what names their charges (G4).
std::vector<Scenario> MoneyAnotherWay() {
  const RecordPayment payment = Payment("paid", 20 * kDollar, "pg_1", "transfer-7");
  const GrantCredit grant{{"grant", kDollar, TestNow() + absl::Hours(24), {"welcome"}}, ""};
  return {
      {"Payment", {payment}, {Payment("before", 5 * kDollar, "", "transfer-7")}},
      {"RepeatedPayment", {payment}, {payment}},
      {"PaymentOfACreditedCharge", {Payment("paid", 15 * kDollar, "ch_1", "transfer-7")}},
      {"PaymentReversed", {Reversal("bounced", 2)}, {payment}},
      {"Grant", {grant}},
      {"RepeatedGrant", {grant}, {grant}},
      {"UsageOfAGrant", {RecordUsage{Dear("dear", 10)}}, {grant}},
      {"VoidOfAUsageOfAGrant",
       {VoidUsage{"dear", false, {"wrong record"}}},
       {grant, RecordUsage{Dear("dear", 10)}}},
      {"ReportOfAChargeThatWasPaid",
       {Succeeded(2, 15 * kDollar)},
       {RecordUsage{Dear("dip", 100)}, Payment("paid", 15 * kDollar, "ch_2")}},
  };
}

// Calls in progress (H1 to H12).
std::vector<Scenario> Calls() {
  // As if the time of its holds had come.
  constexpr char kOver[] = "UPDATE holds SET expire_time = '2026-01-01' WHERE account_id LIKE";
  domain::HoldRequest request;
  request.hold_id = "hold";
  request.call = Call(kUser, "call", kStandardNumber, 0);
  request.switch_id = "switch";
  request.incarnation = 1;
  const CreateHold create{request};
  const ExtendHold extend{"hold", {1, absl::Seconds(30)}};
  const ReleaseHold release{"hold", absl::ZeroDuration()};
  const ReleaseHold with_report{"hold", absl::Seconds(90)};
  const RecordUsage cdr{Call(kUser, "call", kStandardNumber, 60), false, "hold"};
  // Priced from the answer on, which was as long ago as the report is long.
  EndHold end{"hold", Call(kUser, "call", kStandardNumber, 90)};
  end.usage.start_time = TestNow() - absl::Seconds(90);
  return {
      {"Hold", {create}},
      {"RepeatedHold", {create}, {create}},
      {"HoldOfARememberedAccount", {create}, {}, true, {}, true},
      {"HoldExtended", {extend}, {create}},
      {"HoldSettled", {cdr}, {create, extend}},
      {"HoldReleased", {release}, {create}},
      {"HoldThatWasReleased", {ExtendHold{"hold", {2, absl::Seconds(40)}}}, {create, release}},
      {"HoldExpired", {end}, {create}, true, {kOver}},
      {"UsageEstimated", {end}, {create, with_report}, true, {kOver}},
      {"EstimateReplaced", {cdr}, {create, with_report, end}, true},
  };
}

// An account that is closed for ever (P4).
std::vector<Scenario> Closings() {
  const CloseAccount close = Close("close");
  return {
      {"Closing", {close}, {RecordUsage{Dear("dip", 100)}}},
      {"ClosingAgain", {close}, {close}},
      {"ClosingWaivesUsage",
       {Close("close", {"x"})},
       {RecordUsage{Call("nobody", "x", kDearNumber, 60)}}},
      {"ClosingGivesBack", {Reconsider{}}, {close}, true, {kGraceOver}},
      {"PaymentWhileClosing", {Payment("paid", 5 * kDollar)}, {close}},
  };
}

std::vector<Scenario> Scenarios() {
  const RecordUsage dip{Dear("dip", 100)};  // $6.01 of $15
  const AdjustBalance adjust{"adjust", -2 * kNanosPerUnit, {"why"}, ""};
  const RequestRecharge top_up{"top-up", 20 * kNanosPerUnit, ""};
  domain::Usage asked = Dear("", 1);
  domain::Usage late = Dear("late", 1);
  late.start_time -= absl::Hours(31 * 24);  // of another month
  domain::Usage later = late;
  later.usage_id = "later";
  return {
      {"OpenAccount", {OpenWithCard()}, {}, /*is_opened=*/false},
      {"OpenAccountAgain", {OpenWithCard()}},
      {"PutUser", {PutUser{"w", "unlimited"}}},
      {"FreeUsage", {RecordUsage{Call(kUser, "free", kStandardNumber, 60)}}},
      {"PaidUsage", {RecordUsage{Dear("paid", 1)}}},
      {"LateUsage", {RecordUsage{late}}},
      {"UsageAfterOldOnes", {RecordUsage{Dear("new", 1)}}, {RecordUsage{late}, RecordUsage{later}}},
      {"RepeatedUsage", {RecordUsage{Dear("paid", 1)}}, {RecordUsage{Dear("paid", 1)}}},
      {"ReusedUsageId", {RecordUsage{Dear("paid", 2)}}, {RecordUsage{Dear("paid", 1)}}},
      {"UsageWithoutUser", {RecordUsage{Call("nobody", "x", kDearNumber, 60)}}},
      {"UsageWithoutRate", {RecordUsage{Call(kUser, "x", "33155501234", 60)}}},
      {"UsageBelowTheThreshold", {dip}},
      {"Authorization", {AuthorizeUsage{asked}}},
      {"Adjustment", {adjust}},
      {"RepeatedAdjustment", {adjust}, {adjust}},
      {"TopUp", {top_up}},
      {"RepeatedTopUp", {top_up}, {top_up}},
      {"Success", {Succeeded(2, 15 * kNanosPerUnit)}, {dip}},
      {"SuccessOfAnEarlierAttempt",
       {Succeeded(2, 15 * kNanosPerUnit)},
       {dip},
       true,
       {kSecondAttempt, kFirstDeclined}},
      {"SoftDecline", {Declined(2, domain::DeclineClass::kSoft, 1)}, {dip}, true, {kLeased}},
      {"HardDecline", {Declined(2, domain::DeclineClass::kHard, 1)}, {dip}, true, {kLeased}},
      // 10 put a card of an unknown network off until tomorrow, 15 for a month.
      {"Deferred", {DeferRecharge{2}}, {dip}, true, {SqlOfDeclines(10)}},
      {"DeferredForLong", {DeferRecharge{2}}, {dip}, true, {SqlOfDeclines(15)}},
      {"DeferralOfWhatMayBeTried", {DeferRecharge{2}}, {dip}, true, {SqlOfDeclines(9)}},
      {"TopUpOfACardAtItsLimit", {top_up}, {}, true, {SqlOfDeclines(10)}},
      {"DeclineThatReachesTheLimit",
       {Declined(2, domain::DeclineClass::kSoft, 1)},
       {dip},
       true,
       {SqlOfDeclines(9), kLeased}},
      {"Reconsideration", {Reconsider{}}, {}, true, {kDue}},
      {"PaidUsageOfARememberedAccount", {RecordUsage{Dear("paid", 1)}}, {}, true, {}, true},
      {"LateUsageOfARememberedAccount", {RecordUsage{late}}, {}, true, {}, true},
      {"DipOfARememberedAccount", {dip}, {}, true, {}, true},
      {"SuccessOfARememberedAccount", {Succeeded(2, 15 * kNanosPerUnit)}, {dip}, true, {}, true},
      {"Batch",
       {RecordUsage{Dear("one", 1)}, RecordUsage{Dear("two", 2)}, RecordUsage{Dear("one", 1)},
        adjust, PutUser{"w", ""}, dip, VoidUsage{"never", false, {"wrong"}}}},
  };
}

std::vector<Scenario> AllScenarios() {
  std::vector<Scenario> all = Scenarios();
  for (const std::vector<Scenario>& more : {ActsOfPeople(), MoneyGivenBack(), FactsPutRight(),
                                            MoneyAnotherWay(), Calls(), Closings()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

// --- One error at one statement ---------------------------------------------------------

// Engines on one database: one that goes straight to it, and two behind a proxy.
class Rig {
 public:
  explicit Rig(const PrivateDatabaseServer& server)
      : ledger_(server), patient_(server.socket_path()), hasty_(server.socket_path()) {
    // Else each look at one account would go through those of all.
    ledger_.sql().Execute("CREATE INDEX by_account ON usage_ids (account_id)");
    EngineOptions options = ledger_.Options();
    options.lanes = 1;
    // What is stored of accounts is compared, and a statement now and then would be miscounted.
    options.make_number_key = [] { return domain::NumberKey{'k'}; };
    options.feature_level_holds = absl::InfiniteDuration();
    options.timeline_read_again_after = absl::InfiniteDuration();
    // By themselves they do nothing to accounts: a hold whose time has come would be gone.
    options.house_interval = absl::InfiniteDuration();
    direct_engine_ = ledger_.StartEngine(options);
    options.retry_budget = absl::Seconds(20);
    options.first_back_off = absl::Microseconds(100);  // nobody else is in the way
    options.database.socket = patient_.socket_path();
    patient_engine_ = ledger_.StartEngine(options);
    options.retry_budget = absl::Milliseconds(5);
    options.database.socket = hasty_.socket_path();
    hasty_engine_ = ledger_.StartEngine(options);
    connection_ = ledger_.Connect();
    // With the lanes and the housekeepers connected, whatever connects is a lane.
    for (Engine* engine : {patient_engine_.get(), hasty_engine_.get()}) {
      AskAll(*engine, {{"nobody", Reconsider{}}});
    }
    EXPECT_TRUE(
        WaitUntil([this] { return patient_.housekeepers() == 1 && hasty_.housekeepers() == 1; }));
  }

  Ledger& ledger() { return ledger_; }
  Engine& direct() { return *direct_engine_; }
  Engine& engine(bool hasty) { return hasty ? *hasty_engine_ : *patient_engine_; }
  Sabotage& sabotage(bool hasty) { return hasty ? hasty_ : patient_; }
  std::string StoredOf(const std::string& account_id) {
    return StoredOfAll(account_id)[account_id];
  }
  std::map<std::string, std::string> StoredOfAll(const std::string& account_ids) {
    return engine::StoredOf(ledger_.sql(), *connection_, account_ids);
  }

 private:
  Ledger ledger_;
  std::unique_ptr<Engine> direct_engine_;
  Sabotage patient_;
  Sabotage hasty_;
  std::unique_ptr<Engine> patient_engine_;
  std::unique_ptr<Engine> hasty_engine_;
  std::unique_ptr<storage::Connection> connection_;
};

// Which statement of a sequence: one that comes too often, or too late, on a busy machine moves
// all places, and is no other statement.
struct Which {
  std::string text;
  int nth = 1;  // of those of its shape (spoiled.h)
};

// A plan may remember what it has seen, so each try of a case makes its own.
using MakePlan = std::function<Sabotage::Plan()>;

struct Case {
  std::string account_id;
  std::string statement;
  Fault fault;
  bool hasty = false;  // the fault stays, and the engine gives up soon
  MakePlan make_plan;
  int strikes = 1;           // so many statements are spoiled at least
  bool may_be_told = false;  // also though the engine is patient, and the fault one that passes
};

// What is said, answered and stored in a scenario if nothing goes wrong.
struct Undisturbed {
  std::vector<std::string> statements;
  std::string answers;
  std::string before;
  std::string after;
  std::set<size_t> in_full;  // statements, by their places, that meet each fault here
};

// What came of a case.
struct Outcome {
  std::string answers;
  std::vector<absl::Status> errors;
  bool was_struck = false;
};

class DatabaseErrorsTest : public testing::TestWithParam<Scenario> {
 protected:
  // Each process, whatever part of the tests it runs, learns all scenarios: which statement meets
  // each fault where is a matter of all of them.
  static void SetUpTestSuite() {
    if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) return;
    // Nothing here is about the disk.
    auto server =
        PrivateDatabaseServer::Create({.extra_args = {"--innodb-flush-log-at-trx-commit=0"}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
    rig_ = new Rig(*server_);
    learned_ = new std::map<std::string, Undisturbed>;
    std::vector<std::vector<std::string>> operations;
    for (const Scenario& scenario : AllScenarios()) {
      ASSERT_NO_FATAL_FAILURE(Learn(scenario, &(*learned_)[scenario.name]));
      operations.push_back((*learned_)[scenario.name].statements);
    }
    const std::vector<std::set<size_t>> in_full = ShareOut(operations);
    size_t next = 0;
    for (const Scenario& scenario : AllScenarios()) {
      (*learned_)[scenario.name].in_full = in_full[next++];
    }
  }
  static void TearDownTestSuite() {
    delete std::exchange(learned_, nullptr);
    delete std::exchange(rig_, nullptr);
    delete std::exchange(server_, nullptr);
  }
  void SetUp() override {
    if (rig_ == nullptr) GTEST_SKIP() << "needs a database server of its own";
  }

  static std::string AccountOf(const Scenario& scenario, size_t number) {
    return absl::StrCat(scenario.name, ".", number);
  }
  static std::string AccountOf(size_t number) { return AccountOf(GetParam(), number); }
  static const Undisturbed& Learned() { return learned_->at(GetParam().name); }

  static std::vector<Order> OrdersOf(const Scenario& scenario, const std::string& account_id) {
    std::vector<Order> orders;
    for (const Command& command : scenario.commands) {
      orders.emplace_back(account_id, WithOwnCard(command, account_id));
    }
    return orders;
  }
  // Declines are counted by card, over all accounts. What is given later is tried by
  // nobody here, and the same everywhere, as it is in the request's digest.
  static Command WithOwnCard(Command command, const std::string& account_id) {
    if (auto* open = std::get_if<OpenAccount>(&command)) open->card.card.fingerprint += account_id;
    return command;
  }

  // All answers as text; errors by code, reason and field.
  static Outcome OutcomeOf(absl::Span<const absl::StatusOr<Reply>> replies) {
    Outcome outcome;
    std::vector<std::string> texts;
    for (const auto& reply : replies) {
      if (reply.ok()) {
        texts.push_back(TextOf(*reply));
        continue;
      }
      texts.push_back(absl::StrCat(absl::StatusCodeToString(reply.status().code()), " ",
                                   ReasonOf(reply.status())));
      outcome.errors.push_back(reply.status());
    }
    outcome.answers = absl::StrJoin(texts, "; ");
    return outcome;
  }
  static Outcome Answers(const Scenario& scenario, Engine& engine, const std::string& account_id) {
    return OutcomeOf(AskAll(engine, OrdersOf(scenario, account_id)));
  }

  static void Prepare(const Scenario& scenario, size_t first, size_t end) {
    if (!scenario.is_opened) return;
    std::vector<Order> orders;
    for (size_t i = first; i < end; ++i) {
      const std::string account_id = AccountOf(scenario, i);
      orders.emplace_back(account_id, WithOwnCard(OpenWithCard(), account_id));
      orders.emplace_back(account_id, PutUser{kUser, ""});
      orders.emplace_back(account_id, Succeeded(1, 15 * kNanosPerUnit));
      for (const Command& command : scenario.before) orders.emplace_back(account_id, command);
    }
    for (const auto& reply : AskPatiently(orders)) ASSERT_TRUE(reply.ok()) << reply.status();
    for (const std::string& sql : scenario.sql) {
      rig_->ledger().sql().Execute(absl::StrCat(sql, " '", scenario.name,
                                                first == 0 ? ".0'" : ".%'", " AND account_id <> '",
                                                first == 0 ? "" : AccountOf(scenario, 0), "'"));
    }
  }

  // On a machine that is busy the server itself may be slow; a repeat books nothing twice.
  static std::vector<absl::StatusOr<Reply>> AskPatiently(const std::vector<Order>& orders) {
    std::vector<absl::StatusOr<Reply>> replies;
    for (int tries = 0; tries < 5; ++tries) {
      replies = AskAll(rig_->direct(), orders);
      if (absl::c_none_of(replies,
                          [](const auto& reply) { return absl::IsUnavailable(reply.status()); })) {
        break;
      }
    }
    return replies;
  }

  // Makes all cases begin alike: after a batch without repeats a lane doesn't look for any.
  static void BeginAlike(const Scenario& scenario, Engine& engine, const std::string& account_id) {
    if (scenario.is_remembered) AskAll(engine, {{account_id, Reconsider{}}});
    AskAll(engine, {{"nobody", Reconsider{}}});
  }

  static void Learn(const Scenario& scenario, Undisturbed* learned) {
    const std::string account_id = AccountOf(scenario, 0);
    Prepare(scenario, 0, 1);
    learned->before = rig_->StoredOf(account_id);
    BeginAlike(scenario, rig_->engine(false), account_id);
    rig_->sabotage(false).Begin([](const Sabotage::Statement&) { return Ruling{}; });
    learned->answers = Answers(scenario, rig_->engine(false), account_id).answers;
    learned->statements = rig_->sabotage(false).End();
    learned->after = rig_->StoredOf(account_id);
    ASSERT_FALSE(learned->statements.empty()) << scenario.name;
    for (const std::string& statement : learned->statements) {
      EXPECT_FALSE(LiteralsOf(statement).empty()) << "stands in no source: " << statement;
    }
  }

  static bool IsOfTheLanes(const Sabotage::Statement& s) {
    return !s.of_housekeeping && !s.of_new_connection;
  }
  // As each of these is told from the others.
  static std::vector<Which> WhichOf(const std::vector<std::string>& statements) {
    std::map<std::string, int> counts;
    std::vector<Which> all;
    for (const std::string& text : statements) all.push_back({text, ++counts[ShapeOf(text)]});
    return all;
  }
  static MakePlan Once(const Which& which, Ruling ruling) {
    return [shape = ShapeOf(which.text), nth = which.nth, ruling]() -> Sabotage::Plan {
      return [shape, nth, ruling](const Sabotage::Statement& s) {
        const bool it = IsOfTheLanes(s) && s.nth == nth && ShapeOf(s.text) == shape;
        return it ? ruling : Ruling{};
      };
    };
  }
  // Statements that begin alike are the same one on a second try.
  static std::string BeginningOf(absl::string_view statement) {
    return std::string(statement.substr(0, 22));
  }
  static MakePlan Always(const std::string& beginning, Ruling ruling) {
    return [beginning, ruling]() -> Sabotage::Plan {
      return [beginning, ruling](const Sabotage::Statement& s) {
        const bool it = IsOfTheLanes(s) && absl::StartsWith(s.text, beginning);
        return it ? ruling : Ruling{};
      };
    };
  }
  // Spoils one statement, and then, once, the next that is this.
  static MakePlan Then(MakePlan first, const std::string& next, Ruling ruling) {
    return [first = std::move(first), next, ruling]() -> Sabotage::Plan {
      auto struck = std::make_shared<int>(0);
      return [first = first(), next, ruling, struck](const Sabotage::Statement& s) {
        Ruling now = *struck == 0 ? first(s) : Ruling{};
        if (*struck == 1 && IsOfTheLanes(s) && s.text == next) now = ruling;
        if (now.fate != Fate::kPasses) ++*struck;
        return now;
      };
    };
  }

  // Spoils one statement, and then all.
  static MakePlan ThenAll(MakePlan first, Ruling ruling) {
    return [first = std::move(first), ruling]() -> Sabotage::Plan {
      auto struck = std::make_shared<bool>(false);
      return [first = first(), ruling, struck](const Sabotage::Statement& s) {
        if (!IsOfTheLanes(s)) return Ruling{};
        if (*struck) return ruling;
        const Ruling now = first(s);
        *struck = now.fate != Fate::kPasses;
        return now;
      };
    };
  }
  static bool IsCommit(const Which& which) { return which.text == "COMMIT"; }

  std::vector<Case> Cases() const {
    const Undisturbed& learned = Learned();
    std::vector<Case> cases;
    const auto add = [&](const std::string& statement, const Fault& fault, bool hasty,
                         MakePlan plan) {
      cases.push_back({AccountOf(cases.size() + 1), statement, fault, hasty, std::move(plan)});
    };
    const std::vector<Which> which = WhichOf(learned.statements);
    std::set<std::string> in_full;
    for (size_t i = 0; i < learned.statements.size(); ++i) {
      const std::string& statement = learned.statements[i];
      const bool full = learned.in_full.count(i) > 0;
      if (full) in_full.insert(BeginningOf(statement));
      for (const Fault& fault : full ? FaultsToTry() : FaultsOfEachClass()) {
        add(statement, fault, false, Once(which[i], fault.ruling));
      }
    }
    std::set<std::string> beginnings;
    for (const std::string& statement : learned.statements) {
      const std::string beginning = BeginningOf(statement);
      if (!beginnings.insert(beginning).second) continue;
      const bool full = in_full.count(beginning) > 0;
      for (const Fault& fault : full ? StayingFaults() : StayingFaultsOfEachClass()) {
        // One by one some may be done and others not: that is no one state.
        if (!fault.passes && GetParam().commands.size() > 1) continue;
        add(statement, fault, true, Always(beginning, fault.ruling));
      }
    }
    return cases;
  }

  // The last write fails, or the COMMIT, and then the ROLLBACK: if the connection were used
  // again, the next START TRANSACTION would commit what was half done.
  void AddFailedRollbacks(std::vector<Case>* cases) const {
    const std::vector<Which> statements = WhichOf(Learned().statements);
    const auto commit = absl::c_find_if(statements, IsCommit);
    if (commit == statements.end()) return;
    // Nobody says ROLLBACK undisturbed: the first scenario tries it in full.
    const bool full = GetParam().name == AllScenarios().front().name;
    for (const Which& first : {*std::prev(commit), *commit}) {
      for (const Fault& fault : full && !IsCommit(first) ? FaultsToTry() : FaultsOfEachClass()) {
        cases->push_back({AccountOf(cases->size() + 1), "ROLLBACK", fault, false,
                          Then(Once(first, {Fate::kRefused, 1213}), "ROLLBACK", fault.ruling),
                          /*strikes=*/2});
      }
    }
  }

  // The outcome of a commit is lost, and then the database refuses all that is said to find it
  // out. That is no answer: what was asked for may be done.
  void AddUnknownCommits(std::vector<Case>* cases) const {
    const std::vector<Which> statements = WhichOf(Learned().statements);
    const auto commit = absl::c_find_if(statements, IsCommit);
    if (commit == statements.end()) return;
    for (const Fate lost : {Fate::kCut, Fate::kDoneAndCut}) {
      for (const int error : {1064, kDuplicateKey}) {
        cases->push_back({AccountOf(cases->size() + 1), "COMMIT",
                          FaultOf("unknown, then always refused with", lost, error, true), false,
                          ThenAll(Once(*commit, {lost, 0}), {Fate::kRefused, error}),
                          /*strikes=*/2, /*may_be_told=*/true});
      }
    }
  }

  Outcome Run(const Case& c) const {
    Engine& engine = rig_->engine(c.hasty);
    Sabotage& sabotage = rig_->sabotage(c.hasty);
    // As health does: the outage of the case before is over, so this one is tried at once.
    engine.NoteDatabaseWorks();
    BeginAlike(GetParam(), engine, c.account_id);
    sabotage.Begin(c.make_plan());
    Outcome outcome = Answers(GetParam(), engine, c.account_id);
    outcome.was_struck = sabotage.struck() >= c.strikes;
    sabotage.End();
    return outcome;
  }

  // The same, and again on an account that is spare while what is to be spoiled was not said, as
  // may happen on a busy machine.
  Outcome RunUntilStruck(Case* c, std::vector<std::string>* spare) const {
    Outcome outcome = Run(*c);
    for (; !outcome.was_struck && !spare->empty(); spare->pop_back()) {
      c->account_id = spare->back();
      outcome = Run(*c);
    }
    return outcome;
  }

  // The engines go on, and a repeat finds it done, or does it. Of all cases together, as nothing
  // is spoiled any more.
  void ExpectRepeats(const std::vector<Case>& cases) const {
    const Scenario& scenario = GetParam();
    for (const bool hasty : {false, true}) rig_->engine(hasty).NoteDatabaseWorks();
    std::vector<Order> orders;
    std::vector<const Case*> asked;
    for (const Case& c : cases) {
      if (c.hasty) {
        ExpectHastyRepeat(c);
        continue;
      }
      asked.push_back(&c);
      for (Order& order : OrdersOf(scenario, c.account_id)) orders.push_back(std::move(order));
    }
    const std::vector<absl::StatusOr<Reply>> replies = AskAll(rig_->engine(false), orders);
    const absl::Span<const absl::StatusOr<Reply>> all(replies);
    const size_t each = scenario.commands.size();
    for (size_t i = 0; i < asked.size(); ++i) {
      EXPECT_EQ(OutcomeOf(all.subspan(i * each, each)).answers, Learned().answers)
          << "repeated: " << NameOf(*asked[i]);
    }
  }

  // An engine that has 5 ms for all may run out of them on a busy machine, and says so.
  static void ExpectHastyRepeat(const Case& c) {
    std::string repeated;
    for (int tries = 0; tries < 50; ++tries) {
      repeated = Answers(GetParam(), rig_->engine(true), c.account_id).answers;
      if (!absl::StrContains(repeated, "UNAVAILABLE")) break;
    }
    EXPECT_EQ(repeated, Learned().answers) << "repeated: " << NameOf(c);
  }

  static std::string NameOf(const Case& c) {
    return absl::StrCat(c.fault.name, ": ", c.statement.substr(0, 200));
  }

  // Holds what a case answered against what is stored of its account.
  void ExpectWhatWasAnswered(const Case& c, const Outcome& outcome,
                             const std::string& stored) const {
    const Undisturbed& learned = Learned();
    EXPECT_TRUE(outcome.was_struck) << "nothing was spoiled";
    if (outcome.answers == learned.answers) {
      EXPECT_EQ(stored, learned.after) << "answered as done";
      return;
    }
    ExpectHonest(c, outcome);
    const bool is_known = !EndsATransaction(c.statement);
    EXPECT_TRUE(stored == learned.before || (!is_known && stored == learned.after))
        << "stored is\n"
        << stored << "\nand neither\n"
        << learned.before << "\nnor\n"
        << learned.after;
  }

  // Answers other than those of an undisturbed run: are they such as the fault allows?
  void ExpectHonest(const Case& c, const Outcome& outcome) const {
    const std::string& expected = Learned().answers;
    const bool passes = c.fault.passes || EndsATransaction(c.statement);
    EXPECT_TRUE(c.hasty || c.may_be_told || !passes)
        << "answered " << outcome.answers << " instead of " << expected;
    for (const absl::Status& error : outcome.errors) {
      if (absl::StrContains(expected, ReasonOf(error))) continue;  // refused anyway
      // Of all that a database says only this is about what was asked for.
      const bool for_good = !passes && c.fault.ruling.error == kContent;
      EXPECT_EQ(error.code(),
                for_good ? absl::StatusCode::kInternal : absl::StatusCode::kUnavailable)
          << error;
      EXPECT_EQ(RetryAfterOf(error).has_value(), !for_good) << error;
      EXPECT_EQ(ReasonOf(error), for_good ? "DATABASE_ERROR"
                                 : !passes && c.fault.ruling.error == kDuplicateKey
                                     ? "ACCOUNT_INCONSISTENT"
                                     : "DATABASE_UNAVAILABLE")
          << error;
    }
    EXPECT_FALSE(outcome.errors.empty())
        << "answered " << outcome.answers << " instead of " << expected;
  }

  static PrivateDatabaseServer* server_;
  static Rig* rig_;
  static std::map<std::string, Undisturbed>* learned_;  // by scenario
};

PrivateDatabaseServer* DatabaseErrorsTest::server_ = nullptr;
Rig* DatabaseErrorsTest::rig_ = nullptr;
std::map<std::string, Undisturbed>* DatabaseErrorsTest::learned_ = nullptr;

TEST_P(DatabaseErrorsTest, AreEachPassedOrToldAndNothingIsHalfDone) {
  std::vector<Case> cases = Cases();
  AddFailedRollbacks(&cases);
  AddUnknownCommits(&cases);
  std::vector<std::string> spare;
  for (size_t i = 1; i <= 3; ++i) spare.push_back(AccountOf(cases.size() + i));
  ASSERT_NO_FATAL_FAILURE(Prepare(GetParam(), 1, cases.size() + 1 + spare.size()));
  const std::string accounts = absl::StrCat(GetParam().name, ".%");
  std::vector<Outcome> outcomes;
  for (Case& c : cases) outcomes.push_back(RunUntilStruck(&c, &spare));
  auto stored = rig_->StoredOfAll(accounts);
  for (size_t i = 0; i < cases.size() && !HasFailure(); ++i) {  // one failure is enough to read
    SCOPED_TRACE(NameOf(cases[i]));
    ExpectWhatWasAnswered(cases[i], outcomes[i], stored[cases[i].account_id]);
  }
  if (!HasFailure()) ExpectRepeats(cases);
  // In the end all accounts are alike, so that one stands for all in the audit.
  stored = rig_->StoredOfAll(accounts);
  for (size_t i = 0; i < cases.size() && !HasFailure(); ++i) {
    SCOPED_TRACE(NameOf(cases[i]));
    EXPECT_EQ(stored[cases[i].account_id], Learned().after) << "repeated";
  }
  Findings findings;
  for (const size_t one : {size_t{0}, cases.size()}) {
    ASSERT_TRUE(VerifyAccount(*rig_->ledger().Connect(), AccountOf(one), &findings).ok());
  }
  EXPECT_EQ(findings.difference_count, 0);
  std::printf("%s: %zu statements, %zu of them in full, %zu cases\n", GetParam().name.c_str(),
              Learned().statements.size(), Learned().in_full.size(), cases.size());
}

// What this program has spoiled, for database_errors_coverage_test.
class SpoiledFile : public testing::Environment {
 public:
  void TearDown() override {
    const char* const folder = std::getenv("RESERVE_SPOILED_DIR");
    const char* const shard = std::getenv("GTEST_SHARD_INDEX");
    if (folder == nullptr || shard == nullptr) return;
    std::filesystem::create_directories(folder);
    WriteSpoiled(absl::StrCat(folder, "/", shard));
  }
};

const testing::Environment* const kSpoiledFile = testing::AddGlobalTestEnvironment(new SpoiledFile);

INSTANTIATE_TEST_SUITE_P(Of, DatabaseErrorsTest, testing::ValuesIn(AllScenarios()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace reserve::engine
