// Every kind of row, written and read back: nothing may change on the way.

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/calendar.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/number_key_rows.h"
#include "services/ledger/storage/payment_method_rows.h"
#include "services/ledger/storage/plan_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

using book::Balance;
using book::MonthOfEntry;
using book::RequestRecord;

using domain::Account;
using domain::BookedUsage;
using domain::Entry;
using domain::EntryKind;
using domain::Event;
using domain::PaymentMethod;
using domain::Recharge;
using domain::User;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

// Ids and tokens are bytes: anything must come back as it went in.
std::string OddBytes() { return std::string("a'\"\\%_\0\n\r\x1a\xff\xc3 ", 13); }
// Texts are UTF-8.
std::string OddText() { return std::string("'\"\\%_\0\n\t\xc3\xa4 \xf0\x9f\x93\x9e", 15); }

absl::Time LastMoment() { return absl::FromUnixMicros(253'402'300'799'999'999); }  // year 9999

// Bytes that look like the end of a literal, at every place of a hash; the last is a zero.
domain::EntryHash AnyHash() {
  domain::EntryHash hash;
  for (size_t i = 0; i < hash.size(); ++i) hash[i] = "'\\\xff\0"[i % 4];
  return hash;
}

std::vector<book::PaymentMethodRow> CardRows(const Account& account) {
  std::vector<book::PaymentMethodRow> rows;
  int32_t position = 0;
  for (const PaymentMethod& method : account.payment_methods) {
    rows.push_back({account.account_id, ++position, &method});
  }
  return rows;
}

class RowsTest : public testing::Test {
 protected:
  MigratedDatabase database_;
  // Whole accounts: both rows of each, and its cards.
  void Store(const std::vector<Account>& accounts) {
    std::vector<const Account*> rest;
    std::vector<Balance> balances;
    for (const Account& account : accounts) {
      rest.push_back(&account);
      balances.push_back({account.account_id, account.balance, account.last_seq, 1, 1, {}});
    }
    ASSERT_TRUE(InsertAccounts(*connection_, rest).ok());
    ASSERT_TRUE(WriteBalances(*connection_, balances).ok());
    for (const Account& account : accounts) {
      ASSERT_TRUE(WritePaymentMethods(*connection_, CardRows(account)).ok());
    }
  }

  std::unique_ptr<Connection> connection_ = database_.Connect();
};

PaymentMethod AnyCard(const std::string& id) {
  PaymentMethod m;
  m.payment_method_id = id;
  m.card = {CardToken("tok-" + id), "fp-" + id, domain::CardNetwork::kVisa};
  m.state_time = TestNow();
  m.update_time = TestNow();
  return m;
}

PaymentMethod ExtremeCard() {
  PaymentMethod m;
  m.payment_method_id = std::string(64, 'i');
  m.card = {CardToken(std::string(255, '\'')), OddBytes(), domain::CardNetwork::kOther};
  m.display = {OddText(), "'\\\xff\x1a", std::numeric_limits<int32_t>::max(), 12};
  m.state = domain::CardState::kDisputed;
  m.state_time = LastMoment();
  m.given = std::numeric_limits<int32_t>::max();
  m.soft_declines = std::numeric_limits<int32_t>::max();
  m.retry_time = LastMoment();
  m.declined_ordinal = kMax;
  m.declined_attempt = std::numeric_limits<int32_t>::max();
  m.expiry_told = true;
  return m;
}

// Cards that may be tried at once, and never by themselves; and what is at its limits.
std::vector<PaymentMethod> CardsOfEveryKind() {
  std::vector<PaymentMethod> cards = {AnyCard("z"), ExtremeCard(), AnyCard("a")};
  cards[2].state = domain::CardState::kFailing;
  cards[2].retry_time = absl::InfiniteFuture();
  return cards;
}

Account ExtremeAccount(const std::string& id) {
  Account a;
  a.account_id = id;
  a.currency = "KWD";
  a.default_plan_id = OddBytes();
  a.display_name = OddText();
  a.country = "GB";
  a.calendar.first = {FindTimeZone("America/Argentina/Buenos_Aires").value(), 31};
  a.calendar.Add({LastMoment(), {FindTimeZone("Asia/Kathmandu").value(), 30}, kMax});
  a.calendar.Add({LastMoment(), {FindTimeZone("Etc/GMT+5").value(), 1}, kMax});
  a.state = domain::AccountState::kDisabled;
  a.balance = kMin;
  a.reserve_amount = kMax;
  a.recharge_threshold = kMax;
  a.last_seq = kMax;
  a.last_event_seq = kMax;
  a.last_ordinal = kMax;
  a.open_ordinal = kMax;
  a.open_waits = true;
  a.set_aside = std::numeric_limits<int32_t>::max();
  a.set_aside_time = LastMoment();
  a.payment_methods = CardsOfEveryKind();
  a.last_payment_method = std::numeric_limits<int32_t>::max();
  a.caps = {{9999123123, kMax, 9999123122}, {99991231, kMin, 99991230}, {999912, kMax, 999911}};
  a.cap_reached_time = TestNow();
  a.monthly_cap = kMax;
  a.automatic_off = true;
  a.automatic_off_time = LastMoment();
  a.suspension = {domain::SuspensionReason::kDispute, TestNow()};
  a.taken_back = {kMax, LastMoment()};
  a.payments = std::numeric_limits<int32_t>::max();
  a.notify_below = kMin;
  a.tries = {99991231, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()};
  a.marks = {{LastMoment(), kMin}, {TestNow(), kMax}, {LastMoment(), kMin}, {LastMoment(), kMin}};
  a.block = {OddText(), TestNow()};
  a.due = {domain::DueReason::kMonthlyCap, LastMoment()};
  a.expiry_notice_time = LastMoment();
  a.closing = {TestNow(), LastMoment(), TestNow(), kMax,        std::numeric_limits<int32_t>::max(),
               kMin,      kMax,         kMin,      LastMoment()};
  a.create_time = TestNow();
  a.update_time = TestNow() + absl::Hours(1);
  a.settings_time = TestNow() + absl::Hours(2);
  a.opening_digest = std::string(64, 'f');
  return a;
}

TEST_F(RowsTest, AccountsComeBackAsTheyWere) {
  Account plain;
  plain.account_id = "plain";
  plain.currency = "USD";
  const Account extreme = ExtremeAccount(OddBytes());
  Store({plain, extreme});
  const auto loaded = LoadAccounts(*connection_, {extreme.account_id, plain.account_id, "none"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(*loaded, testing::ElementsAre(extreme, plain));
}

TEST_F(RowsTest, ATimeZoneThatThisMachineDoesNotKnowCountsAsUtcAndStaysStored) {
  const Account stored = ExtremeAccount("a");
  Store({stored});
  ASSERT_TRUE(connection_
                  ->Execute("UPDATE accounts SET time_zone = 'Mars/Olympus', "
                            "calendar_changes = '1800000000000000:7:15:Mars/Tharsis'")
                  .ok());
  auto loaded = LoadAccounts(*connection_, {"a"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->front().calendar.first.time_zone, absl::UTCTimeZone());
  EXPECT_EQ(loaded->front().calendar.latest(), (domain::CalendarRule{absl::UTCTimeZone(), 15}));
  ASSERT_TRUE(WriteAccounts(*connection_, {&loaded->front()}).ok());
  std::string stored_now;
  ASSERT_TRUE(
      connection_
          ->Query("SELECT time_zone,calendar_changes FROM accounts",
                  [&](const Row& row) { stored_now = absl::StrCat(row.Text(1), " ", row.Text(2)); })
          .ok());
  EXPECT_EQ(stored_now, "Mars/Olympus 1800000000000000:7:15:Mars/Tharsis");
}

TEST_F(RowsTest, AChangedAccountKeepsWhatNeverChanges) {
  Account stored = ExtremeAccount("a");
  Store({stored});
  Account changed;
  changed.account_id = "a";
  changed.currency = "USD";
  changed.due = {};
  changed.last_payment_method = stored.last_payment_method;
  changed.payment_methods = stored.payment_methods;
  ASSERT_TRUE(WriteAccounts(*connection_, {&changed}).ok());
  changed.currency = stored.currency;
  changed.balance = stored.balance;
  changed.last_seq = stored.last_seq;
  changed.default_plan_id = stored.default_plan_id;
  changed.calendar.first = stored.calendar.first;
  changed.create_time = stored.create_time;
  changed.opening_digest = stored.opening_digest;
  EXPECT_THAT(*LoadAccounts(*connection_, {"a"}), testing::ElementsAre(changed));
}

TEST_F(RowsTest, CardsComeBackInTheCustomersOrderOfEachAccount) {
  Account one = ExtremeAccount("one");
  Account other = ExtremeAccount("other");
  std::swap(other.payment_methods.front(), other.payment_methods.back());
  Account without;
  without.account_id = "without";
  Store({one, other, without});
  EXPECT_THAT(*LoadAccounts(*connection_, {"one", "other", "without"}),
              testing::ElementsAre(one, other, without));
  EXPECT_THAT(*ListAccounts(*connection_, "one", 10), testing::ElementsAre(other, without));
  // Another order, and another state.
  std::swap(one.payment_methods[0], one.payment_methods[1]);
  const std::string id = one.payment_methods[0].payment_method_id;
  one.payment_methods[0] = AnyCard("other");
  one.payment_methods[0].payment_method_id = id;
  one.payment_methods[0].retry_time = TestNow();
  ASSERT_TRUE(WritePaymentMethods(*connection_, CardRows(one)).ok());
  EXPECT_THAT(*LoadAccounts(*connection_, {"one", "other"}), testing::ElementsAre(one, other));
}

TEST_F(RowsTest, ACardThatWasTakenAwayKeepsItsRowAndDoesNotComeBack) {
  Account account = ExtremeAccount("a");
  Store({account});
  PaymentMethod removed = account.payment_methods[1];
  removed.state = domain::CardState::kRemoved;
  removed.card.token = CardToken();
  ASSERT_TRUE(WritePaymentMethods(*connection_, {{"a", 0, &removed}}).ok());
  account.payment_methods.erase(account.payment_methods.begin() + 1);
  EXPECT_THAT(*LoadAccounts(*connection_, {"a"}), testing::ElementsAre(account));
  EXPECT_EQ(database_.sql().QueryInt("SELECT COUNT(*) FROM payment_methods"), 3);
  EXPECT_EQ(database_.sql().QueryInt("SELECT COUNT(*) FROM payment_methods WHERE card_token = ''"),
            1);
}

TEST_F(RowsTest, ExpiryNoticesAreDueFromTheirTimeOn) {
  std::vector<Account> accounts(3);
  for (size_t i = 0; i < accounts.size(); ++i) {
    accounts[i].account_id = absl::StrCat("a", i);
    accounts[i].expiry_notice_time = TestNow() + absl::Seconds(2 - static_cast<int64_t>(i));
  }
  accounts[0].expiry_notice_time = absl::InfiniteFuture();
  Store(accounts);
  EXPECT_THAT(*DueExpiryNotices(*connection_, TestNow() - absl::Microseconds(1), 10),
              testing::IsEmpty());
  EXPECT_THAT(*DueExpiryNotices(*connection_, TestNow(), 10), testing::ElementsAre("a2"));
  EXPECT_THAT(*DueExpiryNotices(*connection_, LastMoment(), 10), testing::ElementsAre("a2", "a1"));
  EXPECT_THAT(*DueExpiryNotices(*connection_, LastMoment(), 1), testing::ElementsAre("a2"));
}

TEST_F(RowsTest, ATimeWithoutAReasonIsOfTheCapAsBeforeThereWereReasons) {
  Account stored = ExtremeAccount("a");
  stored.due.reason = domain::DueReason::kCapWindow;
  Store({stored});
  database_.sql().Execute("UPDATE accounts SET due_reason = 0");
  EXPECT_THAT(*LoadAccounts(*connection_, {"a"}), testing::ElementsAre(stored));
  // A program from before clears the time alone.
  database_.sql().Execute("UPDATE accounts SET due_reason = 1, recheck_time = NULL");
  stored.due = {};
  EXPECT_THAT(*LoadAccounts(*connection_, {"a"}), testing::ElementsAre(stored));
}

TEST_F(RowsTest, ABalanceAloneChangesNothingElse) {
  Account stored = ExtremeAccount("a");
  Store({stored});
  stored.balance = kMax;
  stored.last_seq = 7;
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", kMax, 7, 2, 2, {}}}).ok());
  EXPECT_THAT(*LoadAccounts(*connection_, {"a"}), testing::ElementsAre(stored));
}

TEST_F(RowsTest, BalancesComeBackInTheOrderOfTheirIds) {
  ASSERT_TRUE(WriteBalances(*connection_,
                            {{"b", -kMax, 1, 9, 1, AnyHash()}, {"a", kMax, kMax, kMax, 1, {}}})
                  .ok());
  for (const Lock lock : {Lock::kNone, Lock::kForUpdate}) {
    const auto loaded = LoadBalances(*connection_, {"b", "none", "a"}, lock);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    ASSERT_EQ(loaded->size(), 2u);
    EXPECT_EQ((*loaded)[0].account_id, "a");
    EXPECT_EQ((*loaded)[0].balance, kMax);
    EXPECT_EQ((*loaded)[0].last_seq, kMax);
    EXPECT_EQ((*loaded)[0].version, kMax);
    EXPECT_EQ((*loaded)[0].revision, 1);
    EXPECT_EQ((*loaded)[0].head, domain::EntryHash{});
    EXPECT_EQ((*loaded)[1].account_id, "b");
    EXPECT_EQ((*loaded)[1].head, AnyHash());
    EXPECT_EQ((*loaded)[1].balance, -kMax);
  }
}

TEST_F(RowsTest, ABalanceIsOnlyWrittenOverTheRevisionBefore) {
  const auto write = [&](std::vector<Balance> balances) -> std::string {
    EXPECT_TRUE(connection_->Begin().ok());
    const absl::Status status = WriteBalances(*connection_, balances);
    EXPECT_TRUE(connection_->Execute(status.ok() ? "COMMIT" : "ROLLBACK").ok());
    return status.ok() ? "" : ReasonOf(status);
  };
  const auto stored = [&] {
    std::string text;
    const auto balances = LoadBalances(*connection_, {"a", "b", "c"}, Lock::kNone);
    for (const Balance& b : *balances) {
      absl::StrAppend(&text, b.account_id, ":", b.balance, "/", b.last_seq, "/", b.revision, " ");
    }
    return text;
  };
  EXPECT_EQ(write({{"a", 5, 1, 1, 1, {}}, {"b", 6, 1, 1, 1, {}}}), "");
  EXPECT_EQ(write({{"a", 4, 2, 1, 2, {}}, {"b", 5, 2, 1, 2, {}}, {"c", 1, 1, 1, 1, {}}}), "");
  const std::string before = "a:4/2/2 b:5/2/2 c:1/1/1 ";
  EXPECT_EQ(stored(), before);
  EXPECT_EQ(write({{"a", 3, 3, 1, 2, {}}}), "BALANCE_MOVED") << "somebody else wrote revision 2";
  EXPECT_EQ(write({{"a", 3, 3, 1, 4, {}}}), "BALANCE_MOVED") << "revision 3 is missing";
  EXPECT_EQ(write({{"a", 3, 3, 1, 3, {}}, {"b", 4, 3, 1, 2, {}}}), "BALANCE_MOVED") << "one of two";
  EXPECT_EQ(write({{"d", 3, 3, 1, 3, {}}}), "BALANCE_MOVED") << "there is no such row";
  EXPECT_EQ(stored(), before);
}

TEST_F(RowsTest, AnAccountIsOpenedOnce) {
  const Account account = ExtremeAccount("a");
  ASSERT_TRUE(InsertAccounts(*connection_, {&account}).ok());
  EXPECT_EQ(InsertAccounts(*connection_, {&account}).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RowsTest, AccountsAreListedByIdInPages) {
  std::vector<Account> accounts(5);
  for (size_t i = 0; i < accounts.size(); ++i) {
    accounts[i].account_id = absl::StrCat("a", i);
    accounts[i].currency = "USD";
  }
  Store(accounts);
  EXPECT_THAT(*ListAccounts(*connection_, "", 2), testing::ElementsAre(accounts[0], accounts[1]));
  EXPECT_THAT(*ListAccounts(*connection_, "a1", 2), testing::ElementsAre(accounts[2], accounts[3]));
  EXPECT_THAT(*ListAccounts(*connection_, "a3", 2), testing::ElementsAre(accounts[4]));
}

TEST_F(RowsTest, RechecksAreDueFromTheirTimeOn) {
  std::vector<Account> accounts(3);
  for (size_t i = 0; i < accounts.size(); ++i) {
    accounts[i].account_id = absl::StrCat("a", i);
    accounts[i].due = {domain::DueReason::kCapWindow,
                       TestNow() + absl::Seconds(static_cast<int64_t>(i))};
  }
  accounts[2].due = {};
  Store(accounts);
  EXPECT_THAT(*DueRechecks(*connection_, TestNow() - absl::Microseconds(1), 10),
              testing::IsEmpty());
  EXPECT_THAT(*DueRechecks(*connection_, TestNow(), 10), testing::ElementsAre("a0"));
  EXPECT_THAT(*DueRechecks(*connection_, LastMoment(), 10), testing::ElementsAre("a0", "a1"));
}

TEST_F(RowsTest, UsersComeBackAsTheyWere) {
  User user{OddBytes(), OddBytes(), OddBytes(), {{0, kMax}, {999912, 1}}, TestNow()};
  ASSERT_TRUE(WriteUsers(*connection_, {&user}).ok());
  ASSERT_TRUE(WriteAllowances(*connection_, {{&user, {999912, 1}}, {&user, {0, kMax}}}).ok());
  EXPECT_THAT(*LoadUsers(*connection_, {{OddBytes(), OddBytes()}, {"x", "y"}}),
              testing::ElementsAre(user));
  user.plan_id = "unlimited";
  user.earlier_plans.Change("c", TestNow(), &user.plan_id);
  user.earlier_plans.Change("a:b", TestNow() + absl::Hours(1), &user.plan_id);
  user.display_name = OddText();
  user.remove_time = TestNow();
  user.block_time = TestNow() - absl::Hours(1);
  user.update_time = TestNow();
  user.SetSecondsUsed({0, 5});
  ASSERT_TRUE(WriteUsers(*connection_, {&user}).ok());
  ASSERT_TRUE(WriteAllowances(*connection_, {{&user, {0, 5}}}).ok());
  EXPECT_THAT(*ListUsers(*connection_, OddBytes(), "", 10), testing::ElementsAre(user));
  EXPECT_THAT(*ListUsers(*connection_, OddBytes(), OddBytes(), 10), testing::IsEmpty());
}

TEST_F(RowsTest, PlansAreThoseOfTheContract) {
  const auto plans = LoadPlans(*connection_);
  ASSERT_TRUE(plans.ok());
  ASSERT_EQ(plans->size(), 2u);
  for (const domain::Plan& plan : *plans) {
    EXPECT_EQ(plan.allowance_reset, domain::AllowanceReset::kNever);
    if (plan.plan_id == "per_minute") {
      EXPECT_EQ(plan.standard_calls, domain::StandardCalls::kMetered);
      EXPECT_EQ(plan.free_seconds, domain::kPerMinuteFreeSeconds);
    } else {
      EXPECT_EQ(plan.plan_id, "unlimited");
      EXPECT_EQ(plan.standard_calls, domain::StandardCalls::kIncluded);
    }
  }
}

TEST_F(RowsTest, K4_TheVersionsOfAPlanComeBackAsTheyWereWritten) {
  rates::PlanVersion version;
  version.number = 7;
  version.version = 2;
  version.plan.plan_id = "per_minute";
  version.plan.free_seconds = 600;
  version.plan.allowance_reset = domain::AllowanceReset::kBillingDay;
  version.plan.longest_call_seconds = 60;
  version.plan.series = "night";
  version.plan.default_reserve_amounts = {{"EUR", 30}, {"USD", 20}};
  version.plan.monthly_prices = {{"USD", 5}};
  version.plan.display_name = OddText();
  version.from = TestNow() + absl::Hours(1);
  version.write_time = TestNow();
  version.stage = rates::ActivationStage::kPrepared;
  version.request_id = "r";
  version.digest = "digest";
  version.by = {"why", "who", "ticket"};
  ASSERT_TRUE(AddPlanVersion(*connection_, version).ok());
  EXPECT_EQ(AddPlanVersion(*connection_, version).code(), absl::StatusCode::kAlreadyExists);
  const auto found = FindPlanVersion(*connection_, "r");
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->plan, version.plan);
  EXPECT_EQ((*found)->from, version.from);
  EXPECT_EQ((*found)->by.actor, "who");
  EXPECT_EQ(LoadPlanBook(*connection_)->undecided().size(), 1u);
  EXPECT_EQ(*DecidePlanVersion(*connection_, 7, rates::ActivationStage::kCounts),
            rates::ActivationStage::kCounts);
  EXPECT_EQ(*DecidePlanVersion(*connection_, 7, rates::ActivationStage::kMissed),
            rates::ActivationStage::kCounts)
      << "it is decided";
  const auto book = LoadPlanBook(*connection_);
  EXPECT_EQ(book->Find("per_minute", version.from)->free_seconds, 600);
  EXPECT_EQ(book->Find("per_minute", TestNow())->free_seconds, domain::kPerMinuteFreeSeconds);
}

// --- Entries ----------------------------------------------------------------------------

Entry CallEntry(const std::string& account_id, int64_t seq, const std::string& usage_id) {
  Entry e;
  e.account_id = account_id;
  e.seq = seq;
  e.amount = -30'000'000;
  e.balance_after = 15'000'000'000;
  e.record_time = TestNow();
  BookedUsage& booked = e.booked.emplace();
  booked.usage = {.usage_id = usage_id,
                  .user_id = "u",
                  .kind = domain::UsageKind::kCall,
                  .direction = domain::Direction::kOutbound,
                  .destination = "442079460000",
                  .carrier = "",
                  .start_time = TestNow() - absl::Minutes(3),
                  .duration = absl::Microseconds(60'000'001),
                  .segments = 0};
  domain::Rating& r = booked.rating;
  r.basis = domain::ChargeBasis::kDearer;
  r.plan_id = "per_minute";
  r.deck_version = 3;
  r.prefix = "44";
  r.price = 15'000'000;
  r.initial_increment_seconds = 60;
  r.increment_seconds = 60;
  r.billable_seconds = 120;
  r.paid_seconds = 120;
  r.free_seconds_before = 18'000;
  r.cost = 30'000'000;
  return e;
}

void ExpectSame(const Entry& actual, const Entry& expected) {
  EXPECT_EQ(actual.account_id, expected.account_id);
  EXPECT_EQ(actual.seq, expected.seq);
  EXPECT_EQ(actual.kind, expected.kind);
  EXPECT_EQ(actual.amount, expected.amount);
  EXPECT_EQ(actual.balance_after, expected.balance_after);
  EXPECT_EQ(actual.hash, expected.hash);
  EXPECT_EQ(actual.chain_form, expected.chain_form);
  EXPECT_EQ(actual.record_time, expected.record_time);
  EXPECT_EQ(actual.recharge_ordinal, expected.recharge_ordinal);
  EXPECT_EQ(actual.request_id, expected.request_id);
  EXPECT_EQ(actual.reason, expected.reason);
  EXPECT_EQ(actual.caller, expected.caller);
  ASSERT_EQ(actual.booked.has_value(), expected.booked.has_value());
  if (!actual.booked.has_value()) return;
  EXPECT_EQ(actual.booked->usage, expected.booked->usage);
  EXPECT_EQ(actual.booked->rating, expected.booked->rating);
}

TEST_F(RowsTest, EntriesOfEveryKindComeBackAsTheyWere) {
  const Entry call = CallEntry("a", 1, "call-1");
  Entry extreme = CallEntry("a", 2, OddBytes());
  extreme.amount = -kMax;
  extreme.balance_after = kMin;
  extreme.hash = AnyHash();
  extreme.chain_form = domain::ChainForm::kTagged;
  extreme.booked->usage.user_id = OddBytes();
  extreme.booked->usage.destination = "123456789012345";
  extreme.booked->usage.duration = absl::Seconds(domain::kMaxDurationSeconds);
  extreme.booked->usage.start_time = TestNow() - absl::Hours(24 * 3650);
  domain::Rating& r = extreme.booked->rating;
  r.cost = kMax;
  r.price = kMax;
  r.connect_fee = kMax;
  r.initial_increment_seconds = 3600;
  r.increment_seconds = 3600;
  r.billable_seconds = domain::kMaxDurationSeconds;
  r.paid_seconds = domain::kMaxDurationSeconds;
  r.free_seconds_before = std::numeric_limits<int32_t>::max();
  r.country = "PREMIUM_RATE";
  r.terms = absl::StrCat("maximum:", kMax, " part:0/0/1/0/", domain::kMaxDurationSeconds, "/0");
  Entry metered = CallEntry("a", 3, "call-3");
  metered.booked->rating.basis = domain::ChargeBasis::kMeteredStandard;
  metered.booked->rating.standard_rate = true;
  metered.booked->rating.free_seconds_taken = 60;
  metered.booked->rating.paid_seconds = 60;
  Entry sms = CallEntry("a", 4, "sms-4");
  sms.booked->usage.kind = domain::UsageKind::kSms;
  sms.booked->usage.duration = absl::ZeroDuration();
  sms.booked->usage.segments = domain::kMaxSegments;
  sms.booked->usage.carrier = std::string(32, 'c');
  sms.booked->rating = {};
  sms.booked->rating.basis = domain::ChargeBasis::kSms;
  sms.booked->rating.deck_version = kMax;
  sms.booked->rating.cost = 30'000'000;
  Entry inbound = CallEntry("a", 5, "in-5");
  inbound.amount = 0;
  inbound.booked->usage.direction = domain::Direction::kInbound;
  inbound.booked->usage.destination = "";
  inbound.booked->rating = {};
  inbound.booked->rating.basis = domain::ChargeBasis::kInboundFree;
  Entry recharge;
  recharge.account_id = "a";
  recharge.seq = 6;
  recharge.kind = EntryKind::kRecharge;
  recharge.amount = kMax;
  recharge.balance_after = kMax;
  recharge.record_time = TestNow();
  recharge.recharge_ordinal = kMax;
  Entry adjustment = recharge;
  adjustment.seq = 7;
  adjustment.kind = EntryKind::kAdjustment;
  adjustment.amount = kMin;
  adjustment.recharge_ordinal = 0;
  adjustment.request_id = OddBytes();
  adjustment.reason = OddText();
  adjustment.caller = std::string(128, 'c');
  const std::vector<const Entry*> all = {&call,    &extreme,  &metered,   &sms,
                                         &inbound, &recharge, &adjustment};
  ASSERT_TRUE(InsertEntries(*connection_, all).ok());

  const auto loaded = ListEntriesAfter(*connection_, "a", 0, 100);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(all[i]->seq);
    ExpectSame((*loaded)[i], *all[i]);
  }
}

TEST_F(RowsTest, AnEntryOfAProgramFromBeforeIsOfTheFirstFormAndOfWholeSeconds) {
  Entry call = CallEntry("a", 1, "call-1");
  call.chain_form = domain::ChainForm::kTagged;
  ASSERT_TRUE(InsertEntries(*connection_, {&call}).ok());
  // What such a program reads, and what it leaves out.
  EXPECT_EQ(database_.sql().QueryInt("SELECT duration_seconds FROM entries"), 61);
  database_.sql().Execute("UPDATE entries SET chain_form = NULL, duration_micros = NULL");
  call.chain_form = domain::ChainForm::kFixed;
  call.booked->usage.duration = absl::Seconds(61);
  const auto loaded = ListEntriesAfter(*connection_, "a", 0, 10);
  ASSERT_TRUE(loaded.ok() && loaded->size() == 1) << loaded.status();
  ExpectSame(loaded->front(), call);
}

TEST_F(RowsTest, ADigestHasRoomInThePlaceOfANumber) {
  Entry call = CallEntry("a", 1, "call-1");
  call.booked->usage.destination = std::string(domain::kNumberDigestLength, 'f');
  ASSERT_TRUE(InsertEntries(*connection_, {&call}).ok());
  const auto loaded = ListEntriesAfter(*connection_, "a", 0, 10);
  ASSERT_TRUE(loaded.ok() && loaded->size() == 1) << loaded.status();
  ExpectSame(loaded->front(), call);
}

TEST_F(RowsTest, NumberKeysComeBackAsTheyWereAndAreMadeOnce) {
  const domain::NumberKey key = AnyHash();
  const std::vector<book::NumberKeyRecord> keys = {{"a", OddBytes(), 2026, key},
                                                   {"a", OddBytes(), 2027, {}},
                                                   {"a", "v", 2026, {}},
                                                   {"b", "v", 1, {}}};
  ASSERT_TRUE(InsertNumberKeys(*connection_, keys).ok());
  const auto of_user = LoadNumberKeys(*connection_, {{"a", OddBytes()}});
  ASSERT_TRUE(of_user.ok() && of_user->size() == 2) << of_user.status();
  EXPECT_EQ(of_user->front().user_id, OddBytes());
  EXPECT_EQ(of_user->front().year, 2026);
  EXPECT_EQ(of_user->front().key, key);
  EXPECT_EQ(ListNumberKeys(*connection_, "a")->size(), 3u);
  EXPECT_EQ(InsertNumberKeys(*connection_, {keys[2]}).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RowsTest, EntriesAreListedInPagesBothWays) {
  std::vector<Entry> entries;
  for (int i = 1; i <= 5; ++i) entries.push_back(CallEntry("a", i, absl::StrCat("id", i)));
  std::vector<const Entry*> pointers;
  for (const Entry& entry : entries) pointers.push_back(&entry);
  ASSERT_TRUE(InsertEntries(*connection_, pointers).ok());
  const int32_t month = MonthOfEntry(entries[0]);
  ASSERT_TRUE(WriteBalances(*connection_, {{"a", 0, 5, 1, 1, {}, month}}).ok());
  ASSERT_TRUE(WriteMonths(*connection_, {{"a", month, 1, 1}}).ok());
  const auto seqs = [](const absl::StatusOr<std::vector<Entry>>& page) {
    std::vector<int64_t> result;
    for (const Entry& entry : *page) result.push_back(entry.seq);
    return result;
  };
  EXPECT_THAT(seqs(ListEntries(*connection_, "a", kNewest, 2)), testing::ElementsAre(5, 4));
  EXPECT_THAT(seqs(ListEntries(*connection_, "a", 4, 2)), testing::ElementsAre(3, 2));
  EXPECT_THAT(seqs(ListEntriesAfter(*connection_, "a", 3, 10)), testing::ElementsAre(4, 5));
  EXPECT_THAT(seqs(ListEntries(*connection_, "b", kNewest, 2)), testing::IsEmpty());
}

TEST_F(RowsTest, AUsageIdIsTakenOnceInAnAccountWhateverTheMonth) {
  const Entry first = CallEntry("a", 1, "same");
  ASSERT_TRUE(InsertEntries(*connection_, {&first}).ok());
  Entry again = CallEntry("a", 2, "same");
  again.booked->usage.start_time -= absl::Hours(24 * 100);
  EXPECT_EQ(InsertEntries(*connection_, {&again}).code(), absl::StatusCode::kAlreadyExists);
  const Entry elsewhere = CallEntry("b", 1, "same");
  EXPECT_TRUE(InsertEntries(*connection_, {&elsewhere}).ok());
}

TEST_F(RowsTest, AUsageIdThatLeadsToAnotherKindOfEntryIsAnError) {
  const Entry usage = CallEntry("a", 1, "x");
  Entry credit;
  credit.account_id = "a";
  credit.seq = 2;
  credit.kind = EntryKind::kRecharge;
  credit.record_time = usage.record_time;
  ASSERT_TRUE(InsertEntries(*connection_, {&usage, &credit}).ok());
  ASSERT_TRUE(connection_
                  ->Execute(absl::StrCat("INSERT INTO usage_ids (usage_id,account_id,seq,month) "
                                         "VALUES ('stray','a',2,",
                                         MonthOfEntry(credit), ")"))
                  .ok());
  const absl::Status status = FindUsages(*connection_, {{"a", "x"}, {"a", "stray"}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReasonOf(status), "DATABASE_ERROR");
  EXPECT_TRUE(FindUsages(*connection_, {{"a", "x"}}).ok());
}

TEST_F(RowsTest, AVoidInAdvanceTakesTheIdOfItsUsage) {
  Entry entry;
  entry.account_id = "a";
  entry.seq = 1;
  entry.kind = EntryKind::kVoid;
  entry.record_time = TestNow();
  entry.voided = {OddBytes(), 0, 0, /*in_advance=*/true};
  entry.reason = "wrong";
  ASSERT_TRUE(InsertEntries(*connection_, {&entry}).ok());
  const auto found = FindUsages(*connection_, {{"a", OddBytes()}});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().voided.usage_id, OddBytes());
  EXPECT_TRUE(found->front().voided.in_advance);
  const Entry usage = CallEntry("a", 2, OddBytes());
  EXPECT_EQ(InsertEntries(*connection_, {&usage}).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RowsTest, AVoidAndARatingTakeNoId) {
  Entry rating = CallEntry("a", 2, "x");
  rating.kind = EntryKind::kRating;
  rating.booked->previous_cost = 7;
  rating.booked->previous_free_seconds = kMax;
  rating.booked->previous_free_period = 202611;
  rating.amount = 5;
  Entry voided;
  voided.account_id = "a";
  voided.seq = 3;
  voided.kind = EntryKind::kVoid;
  voided.record_time = rating.record_time;
  voided.voided = {"x", kMax, 202611, false};
  ASSERT_TRUE(InsertEntries(*connection_, {&rating, &voided}).ok());
  EXPECT_TRUE(FindUsages(*connection_, {{"a", "x"}})->empty());
  const auto loaded = LoadEntries(*connection_, "a", {2, 3, 4});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->size(), 2u);
  for (const Entry& entry : *loaded) {
    if (entry.kind == EntryKind::kRating) {
      EXPECT_EQ(entry.booked->rating.cost, 2);
      EXPECT_EQ(entry.booked->previous_free_seconds, kMax);
      EXPECT_EQ(entry.booked->previous_free_period, 202611);
    } else {
      EXPECT_EQ(entry.voided.free_seconds, kMax);
      EXPECT_EQ(entry.voided.free_period, 202611);
    }
  }
}

TEST_F(RowsTest, UsageStatesComeBackAsTheyWere) {
  domain::UsageState state;
  state.account_id = OddBytes();
  state.usage_id = OddBytes();
  state.status = domain::UsageStatus::kUnrated;
  state.unrated_reason = domain::UnratedReason::kUserUnknown;
  state.seq = state.cost = state.free_seconds = state.latest_seq = kMax;
  state.deck_version = state.previous_cost = state.rerating = state.rated_seq = kMax;
  state.estimate_void_seq = kMax;
  state.plan_id = OddBytes();
  state.free_period = 999912;
  state.user_id = OddBytes();
  state.start_time = state.update_time = TestNow();
  ASSERT_TRUE(WriteUsageStates(*connection_, {&state}).ok());
  EXPECT_THAT(*LoadUsageStates(*connection_, {{OddBytes(), OddBytes()}, {"x", "y"}}),
              testing::ElementsAre(state));
  EXPECT_THAT(*ListUnrated(*connection_, {"", ""}, 10), testing::ElementsAre(state));
  EXPECT_THAT(*ListUnrated(*connection_, {OddBytes(), OddBytes()}, 10), testing::IsEmpty());
  EXPECT_THAT(*ListUnratedOf(*connection_, OddBytes(), "", 10), testing::ElementsAre(state));
  EXPECT_EQ(*CountUnrated(*connection_), 1);
  state.status = domain::UsageStatus::kVoided;
  state.unrated_reason = domain::UnratedReason::kNone;
  state.corrected_by = OddBytes();
  state.latest_seq = 3;
  // As of one whose CDR took the place of its estimate (H12).
  state.seq = 2;
  state.user_id = "another";
  state.start_time = TestNow() - absl::Hours(1);
  ASSERT_TRUE(WriteUsageStates(*connection_, {&state}).ok());
  EXPECT_THAT(*ListUsageStates(*connection_, OddBytes(), "", 10), testing::ElementsAre(state));
  EXPECT_THAT(*ListUnrated(*connection_, {"", ""}, 10), testing::IsEmpty());
}

TEST_F(RowsTest, UsagesAreFoundByTheirIdsAcrossMonths) {
  Entry now = CallEntry("a", 1, "x");
  Entry old = CallEntry("a", 2, "y");
  old.booked->usage.start_time -= absl::Hours(24 * 400);
  Entry other = CallEntry("b", 1, OddBytes());
  ASSERT_TRUE(InsertEntries(*connection_, {&now, &old, &other}).ok());
  const auto found =
      FindUsages(*connection_, {{"a", "x"}, {"a", "y"}, {"b", OddBytes()}, {"b", "x"}, {"c", "x"}});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 3u);
  for (const Entry& entry : *found) {
    ExpectSame(entry, entry.account_id == "b" ? other : entry.seq == 1 ? now : old);
  }
  const auto places = FindUsagePlaces(*connection_, {{"a", "x"}, {"a", "y"}, {"a", "z"}});
  ASSERT_TRUE(places.ok());
  ASSERT_EQ(places->size(), 2u);
  for (const UsagePlace& place : *places) {
    EXPECT_EQ(place.seq, place.usage_id == "x" ? 1 : 2);
    EXPECT_EQ(place.month, MonthOfEntry(place.usage_id == "x" ? now : old));
  }
}

TEST_F(RowsTest, RequestsComeBackAsTheyWere) {
  const RequestRecord request{"a", OddBytes(), std::string(64, 'd'), kMax, 999912, kMax};
  ASSERT_TRUE(InsertRequests(*connection_, {request}).ok());
  const auto found = FindRequests(*connection_, {{"a", OddBytes()}, {"a", "none"}});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().request_id, request.request_id);
  EXPECT_EQ(found->front().digest, request.digest);
  EXPECT_EQ(found->front().seq, request.seq);
  EXPECT_EQ(found->front().month, request.month);
  EXPECT_EQ(found->front().ordinal, request.ordinal);
  EXPECT_EQ(InsertRequests(*connection_, {request}).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RowsTest, AnEntryIsLoadedByItsPlace) {
  const Entry entry = CallEntry("a", 9, "x");
  ASSERT_TRUE(InsertEntries(*connection_, {&entry}).ok());
  const auto loaded = LoadEntry(*connection_, "a", 9, MonthOfEntry(entry));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectSame(*loaded, entry);
  EXPECT_EQ(ReasonOf(LoadEntry(*connection_, "a", 8, MonthOfEntry(entry)).status()),
            "ENTRY_NOT_FOUND");
}

TEST_F(RowsTest, EventsComeBackAsTheyWere) {
  Event first;
  first.account_id = "a";
  first.event_seq = 1;
  first.cause = OddText();
  first.time = TestNow();
  first.balance = kMin;
  Event second;
  second.account_id = "a";
  second.event_seq = 2;
  second.kind = domain::EventKind::kBalanceAdjusted;
  second.cause = std::string(512, 'x');
  second.time = LastMoment();
  second.state = domain::AccountState::kDisabled;
  second.balance = kMax;
  second.recharge_ordinal = kMax;
  second.amount = kMin;
  second.recharge_kind = domain::RechargeKind::kTopUp;
  second.decline_class = domain::DeclineClass::kAuthenticationRequired;
  second.obstacle = domain::RefillObstacle::kTakenBack;
  second.payment_method_id = OddBytes();
  second.actor = OddText();
  second.caller = "spiffe://x/y";
  second.reference = std::string(128, 'r');
  ASSERT_TRUE(InsertEvents(*connection_, {&first, &second}).ok());
  const auto loaded = ListEvents(*connection_, "a", 0, 10);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const Event& expected = i == 0 ? first : second;
    const Event& actual = (*loaded)[i];
    EXPECT_EQ(actual.event_seq, expected.event_seq);
    EXPECT_EQ(actual.kind, expected.kind);
    EXPECT_EQ(actual.cause, expected.cause);
    EXPECT_EQ(actual.time, expected.time);
    EXPECT_EQ(actual.state, expected.state);
    EXPECT_EQ(actual.balance, expected.balance);
    EXPECT_EQ(actual.recharge_ordinal, expected.recharge_ordinal);
    EXPECT_EQ(actual.amount, expected.amount);
    EXPECT_EQ(actual.recharge_kind, expected.recharge_kind);
    EXPECT_EQ(actual.decline_class, expected.decline_class);
    EXPECT_EQ(actual.obstacle, expected.obstacle);
    EXPECT_EQ(actual.payment_method_id, expected.payment_method_id);
    EXPECT_EQ(actual.actor, expected.actor);
    EXPECT_EQ(actual.caller, expected.caller);
    EXPECT_EQ(actual.reference, expected.reference);
  }
  EXPECT_EQ(ListEvents(*connection_, "a", 1, 10)->size(), 1u);
}

TEST_F(RowsTest, EventsOfAStretchAreListedByKindTimeAndInBothOrders) {
  std::vector<Event> events(6);
  std::vector<const Event*> all;
  for (size_t i = 0; i < events.size(); ++i) {
    events[i].account_id = "stretch";
    events[i].event_seq = static_cast<int64_t>(i) + 1;
    events[i].kind = i % 2 == 0 ? domain::EventKind::kUserPut : domain::EventKind::kBlocked;
    events[i].time = TestNow() + absl::Hours(static_cast<int64_t>(i));
    all.push_back(&events[i]);
  }
  ASSERT_TRUE(InsertEvents(*connection_, all).ok());
  const auto list = [this](const EventRange& range, const EventFilter& filter, int limit = 10) {
    std::vector<int64_t> seqs;
    const auto found = ListEventsWithin(*connection_, "stretch", range, filter, limit);
    EXPECT_TRUE(found.ok()) << found.status();
    for (const Event& event : *found) seqs.push_back(event.event_seq);
    return seqs;
  };
  using testing::ElementsAre;
  EXPECT_THAT(list({2, 6}, {}), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(list({2, 6}, {.newest_first = true}, 3), ElementsAre(5, 4, 3));
  EXPECT_THAT(list({1, 7}, {.kinds = {domain::EventKind::kBlocked}}), ElementsAre(2, 4, 6));
  EXPECT_THAT(list({1, 7}, {.from = TestNow() + absl::Hours(2)}), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(list({1, 7}, {.before = TestNow() + absl::Hours(2)}), ElementsAre(1, 2));
}

TEST_F(RowsTest, StandardUseIsSummedByUser) {
  std::vector<Entry> entries;
  for (int i = 1; i <= 4; ++i) {
    Entry e = CallEntry("a", i, absl::StrCat("id", i));
    e.booked->rating.basis = domain::ChargeBasis::kMeteredStandard;
    e.booked->usage.user_id = i == 4 ? "v" : "u";
    entries.push_back(e);
  }
  entries[2].booked->rating.basis = domain::ChargeBasis::kDearer;
  entries[1].booked->usage.start_time -= absl::Hours(24 * 60);
  ASSERT_TRUE(
      InsertEntries(*connection_, {&entries[0], &entries[1], &entries[2], &entries[3]}).ok());
  const auto uses = StandardUseSince(*connection_, "a", TestNow() - absl::Hours(24 * 30));
  ASSERT_TRUE(uses.ok()) << uses.status();
  ASSERT_EQ(uses->size(), 2u);
  EXPECT_EQ((*uses)[0].user_id, "u");
  EXPECT_EQ((*uses)[0].billable_seconds, 120);
  EXPECT_EQ((*uses)[0].cost, 30'000'000);
  EXPECT_EQ((*uses)[1].user_id, "v");
}

// A1: what was voided was no use, and what was rated again counts as it is.
TEST_F(RowsTest, StandardUseIsOfUsagesAsTheyStand) {
  std::vector<Entry> entries;
  for (int i = 1; i <= 6; ++i) {
    Entry e = CallEntry("a", i, i <= 4 ? absl::StrCat("id", i) : "id4");
    e.booked->rating.basis = domain::ChargeBasis::kMeteredStandard;
    // As it comes back: what it cost from the amount, what is billed from the duration.
    e.amount = -i;
    e.booked->usage.duration = absl::Minutes(i);
    e.booked->usage.user_id = "u";
    entries.push_back(e);
  }
  entries[4].kind = EntryKind::kRating;  // of id4, twice
  entries[5].kind = EntryKind::kRating;
  std::vector<const Entry*> all;
  for (const Entry& entry : entries) all.push_back(&entry);
  ASSERT_TRUE(InsertEntries(*connection_, all).ok());
  domain::UsageState voided;
  voided.account_id = "a";
  voided.usage_id = "id2";
  voided.status = domain::UsageStatus::kVoided;
  voided.seq = voided.latest_seq = 2;
  voided.start_time = voided.update_time = TestNow();
  domain::UsageState rated_again = voided;
  rated_again.usage_id = "id4";
  rated_again.status = domain::UsageStatus::kRated;
  rated_again.seq = 4;
  rated_again.latest_seq = 6;
  domain::UsageState of_another = voided;
  of_another.account_id = "b";
  of_another.usage_id = "id1";
  ASSERT_TRUE(WriteUsageStates(*connection_, {&voided, &rated_again, &of_another}).ok());
  const auto uses = StandardUseSince(*connection_, "a", TestNow() - absl::Hours(24 * 30));
  ASSERT_TRUE(uses.ok()) << uses.status();
  ASSERT_EQ(uses->size(), 1u);
  EXPECT_EQ((*uses)[0].billable_seconds, 60 * (1 + 3 + 6));
  EXPECT_EQ((*uses)[0].cost, 1 + 3 + 6);
}

// --- Recharges --------------------------------------------------------------------------

Recharge OpenRecharge(const std::string& account_id, int64_t ordinal, absl::Time due) {
  Recharge r;
  r.account_id = account_id;
  r.ordinal = ordinal;
  r.currency = "USD";
  r.amount = 15 * kNanosPerUnit;
  r.payment_method_id = "card-1";
  r.card = {CardToken("tok"), "fp", domain::CardNetwork::kMastercard};
  r.card_given = 1;
  r.due_time = due;
  r.create_time = TestNow();
  return r;
}

TEST_F(RowsTest, RechargesComeBackAsTheyWere) {
  const Recharge plain = OpenRecharge("a", 1, TestNow());
  Recharge extreme;
  extreme.account_id = OddBytes();
  extreme.ordinal = kMax;
  extreme.kind = domain::RechargeKind::kTopUp;
  extreme.state = domain::RechargeState::kNeedsReview;
  extreme.currency = "JPY";
  extreme.amount = kMax;
  extreme.credited = kMax;
  extreme.payment_method_id = OddBytes();
  extreme.card_given = std::numeric_limits<int32_t>::max();
  extreme.card = {CardToken(std::string(255, '"')), OddBytes(), domain::CardNetwork::kVisa};
  extreme.attempt = std::numeric_limits<int32_t>::max();
  extreme.attempt_start = TestNow();
  extreme.due_time = absl::InfiniteFuture();
  extreme.lease_owner = OddBytes();
  extreme.lease_epoch = kMax;
  extreme.declines = std::numeric_limits<int32_t>::max();
  extreme.last_decline = domain::DeclineClass::kAuthenticationRequired;
  extreme.last_decline_code = OddBytes();
  extreme.charge_id = OddBytes();
  extreme.request_id = OddBytes();
  extreme.pending_time = LastMoment();
  extreme.set_aside = true;
  extreme.refunded = extreme.disputed = extreme.refund_of = kMax;
  extreme.keeps = extreme.debited = extreme.refund_id_typed = true;
  extreme.refund_id = OddBytes();
  extreme.suspension_number = std::numeric_limits<int32_t>::max();
  extreme.credited_as = kMax;
  extreme.means = domain::PaymentMeans::kOther;
  extreme.reference = "transfer \u00e9 7";
  extreme.received_time = LastMoment();
  extreme.create_time = LastMoment();
  extreme.end_time = LastMoment();
  extreme.update_time = LastMoment();
  ASSERT_TRUE(WriteRecharges(*connection_, {&plain, &extreme}).ok());
  EXPECT_THAT(*LoadRecharges(*connection_, {{"a", 1}, {OddBytes(), kMax}, {"a", 2}}, Lock::kNone),
              testing::UnorderedElementsAre(plain, extreme));
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kAll, kNewest, 10),
              testing::ElementsAre(plain));
}

TEST_F(RowsTest, PaymentsAreFoundByEachThingThatIsAskedOfThem) {
  using testing::ElementsAre;
  std::vector<Recharge> payments;
  for (int i = 1; i <= 3; ++i) {
    Recharge& payment = payments.emplace_back(OpenRecharge("a", i, TestNow()));
    payment.kind = domain::RechargeKind::kPayment;
    payment.state = domain::RechargeState::kSucceeded;
    payment.means = domain::PaymentMeans::kCash;
    payment.create_time = TestNow() + absl::Hours(i);
  }
  payments[0].state = domain::RechargeState::kReversed;
  payments[1].means = domain::PaymentMeans::kCheque;
  payments[1].reference = "cheque 'n' 7";
  payments[2].refund_of = 9;
  ASSERT_TRUE(WriteRecharges(*connection_, {&payments[0], &payments[1], &payments[2]}).ok());
  const auto found = [this](RechargeFilter filter, Oldest oldest = Oldest::kLast) {
    filter.listed = Listed::kPayments;
    const auto listed = SearchRecharges(*connection_, "a", filter, {1, 10}, oldest, 10);
    std::vector<int64_t> ordinals;
    for (const Recharge& each : *listed) ordinals.push_back(each.ordinal);
    return ordinals;
  };
  EXPECT_THAT(found({}), ElementsAre(3, 2, 1));
  EXPECT_THAT(found({}, Oldest::kFirst), ElementsAre(1, 2, 3));
  EXPECT_THAT(found({.state = domain::RechargeState::kReversed}), ElementsAre(1));
  EXPECT_THAT(found({.means = domain::PaymentMeans::kCash}), ElementsAre(3, 1));
  EXPECT_THAT(found({.reference = "cheque 'n' 7"}), ElementsAre(2));
  EXPECT_THAT(found({.refund_of = 9}), ElementsAre(3));
  EXPECT_THAT(found({.from = TestNow() + absl::Hours(2)}), ElementsAre(3, 2));
  EXPECT_THAT(found({.before = TestNow() + absl::Hours(2)}), ElementsAre(1));
}

TEST_F(RowsTest, WhatIsOfAChargeIsFoundByItAndEachKindIsListedByItself) {
  using testing::ElementsAre;
  Recharge charge = OpenRecharge("a", 1, TestNow());
  charge.charge_id = "ch_1";
  Recharge refund = OpenRecharge("a", 2, TestNow());
  refund.kind = domain::RechargeKind::kRefund;
  refund.refund_of = 1;
  refund.refund_id = "re_1";
  refund.charge_id = "ch_1";
  Recharge payment = OpenRecharge("a", 3, TestNow());
  payment.kind = domain::RechargeKind::kPayment;
  payment.charge_id = "pg_1";
  payment.reference = "transfer-7";
  Recharge other = refund;
  other.account_id = "b";
  Recharge again = payment;
  again.account_id = "b";
  ASSERT_TRUE(WriteRecharges(*connection_, {&charge, &refund, &payment, &other, &again}).ok());
  EXPECT_THAT(*LoadRowsOfCharges(*connection_, {{"a", "ch_1"}, {"a", "ch_2"}, {"c", "ch_1"}}),
              testing::UnorderedElementsAre(charge, refund));
  EXPECT_THAT(*FindCharge(*connection_, "ch_1", Listed::kAll, {}, 10),
              ElementsAre(charge, refund, other));
  EXPECT_THAT(*FindCharge(*connection_, "pg_1", Listed::kPayments, {"a", 3}, 10),
              ElementsAre(again));
  EXPECT_THAT(*FindCharge(*connection_, "ch_1", Listed::kPayments, {}, 10), testing::IsEmpty());
  EXPECT_THAT(*LoadPaymentsOf(*connection_, {{"a", "transfer-7"}, {"a", "other"}}),
              ElementsAre(payment));
  EXPECT_THAT(*LoadToldRefunds(*connection_, {{"a", refund.refund_id}, {"a", "re_none"}}),
              ElementsAre(refund));
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kRefunds, kNewest, 10),
              ElementsAre(refund));
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kPayments, kNewest, 10),
              ElementsAre(payment));
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kCharges, kNewest, 10),
              ElementsAre(charge));
}

TEST_F(RowsTest, TheEntryThatCreditedARechargeIsFoundByItsTime) {
  Recharge credited = OpenRecharge("a", 7, TestNow());
  credited.state = domain::RechargeState::kSucceeded;
  credited.end_time = TestNow();
  Entry entry;
  entry.account_id = "a";
  entry.seq = 3;
  entry.kind = domain::EntryKind::kRecharge;
  entry.recharge_ordinal = 7;
  entry.record_time = TestNow();
  Entry other = entry;
  other.seq = 4;
  other.kind = domain::EntryKind::kRefund;
  ASSERT_TRUE(InsertEntries(*connection_, {&entry, &other}).ok());
  const auto found = FindCredit(*connection_, credited);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->seq, 3);
  credited.ordinal = 8;
  EXPECT_FALSE(FindCredit(*connection_, credited)->has_value());
}

TEST_F(RowsTest, DisputesComeBackAsTheyWere) {
  domain::Dispute dispute;
  dispute.account_id = OddBytes();
  dispute.dispute_id = OddBytes();
  dispute.ordinal = kMax;
  dispute.charge_id = OddBytes();
  dispute.amount = kMax;
  dispute.state = domain::DisputeState::kInquiry;
  dispute.reason = "not recognised \u00e9";
  dispute.create_time = dispute.update_time = TestNow();
  ASSERT_TRUE(WriteDisputes(*connection_, {&dispute}).ok());
  EXPECT_THAT(*LoadDisputesOf(*connection_, {{OddBytes(), OddBytes()}, {"a", OddBytes()}}),
              testing::ElementsAre(dispute));
  EXPECT_THAT(*LoadToldDisputes(*connection_, {{OddBytes(), OddBytes()}, {"a", OddBytes()}}),
              testing::ElementsAre(dispute));
  dispute.state = domain::DisputeState::kLost;
  dispute.ordinal = 4;
  dispute.debited = true;
  dispute.suspension_number = 3;
  dispute.card_fingerprint = OddBytes();
  dispute.update_time = LastMoment();
  ASSERT_TRUE(WriteDisputes(*connection_, {&dispute}).ok());
  EXPECT_THAT(*ListDisputes(*connection_, OddBytes(), "", 10), testing::ElementsAre(dispute));
  EXPECT_THAT(*ListDisputes(*connection_, OddBytes(), OddBytes(), 10), testing::IsEmpty());
}

// While it waits its amount and its card follow the account (G1).
TEST_F(RowsTest, AChangedRechargeKeepsWhatItIsFor) {
  Recharge recharge = OpenRecharge("a", 1, TestNow());
  ASSERT_TRUE(WriteRecharges(*connection_, {&recharge}).ok());
  Recharge changed = recharge;
  changed.state = domain::RechargeState::kSucceeded;
  changed.amount = 1;
  changed.credited = 2;
  changed.payment_method_id = "card-2";
  changed.card = {CardToken("tok-2"), "fp-2", domain::CardNetwork::kVisa};
  changed.card_given = 3;
  changed.attempt = 4;
  changed.attempt_start = changed.pending_time = TestNow();
  changed.due_time = absl::InfiniteFuture();
  changed.lease_owner = "w";
  changed.lease_epoch = 5;
  changed.declines = 6;
  changed.last_decline = domain::DeclineClass::kSoft;
  changed.last_decline_code = "code";
  changed.charge_id = "ch";
  changed.set_aside = true;
  changed.refunded = 7;
  changed.disputed = 8;
  changed.keeps = changed.debited = changed.refund_id_typed = true;
  changed.refund_id = "re";
  changed.suspension_number = 9;
  changed.credited_as = 10;
  changed.refund_of = 11;
  changed.means = domain::PaymentMeans::kCash;
  changed.reference = "till 3";
  changed.received_time = TestNow();
  changed.end_time = TestNow();
  changed.kind = domain::RechargeKind::kTopUp;
  changed.currency = "EUR";
  changed.request_id = "r";
  changed.create_time = LastMoment();
  ASSERT_TRUE(WriteRecharges(*connection_, {&changed}).ok());
  changed.kind = recharge.kind;
  changed.currency = recharge.currency;
  changed.request_id = recharge.request_id;
  changed.create_time = recharge.create_time;
  changed.means = recharge.means;
  changed.reference = recharge.reference;
  changed.received_time = recharge.received_time;
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kAll, 2, 10),
              testing::ElementsAre(changed));
}

TEST_F(RowsTest, DueRechargesAreTheOpenOnesLongestDueFirst) {
  const Recharge late = OpenRecharge("a", 1, TestNow() - absl::Seconds(1));
  const Recharge later = OpenRecharge("b", 1, TestNow() - absl::Seconds(2));
  const Recharge future = OpenRecharge("c", 1, TestNow() + absl::Microseconds(1));
  Recharge closed = OpenRecharge("d", 1, TestNow() - absl::Seconds(9));
  closed.state = domain::RechargeState::kFailed;
  Recharge review = OpenRecharge("e", 1, TestNow() - absl::Seconds(9));
  review.state = domain::RechargeState::kNeedsReview;
  ASSERT_TRUE(WriteRecharges(*connection_, {&late, &later, &future, &closed, &review}).ok());
  EXPECT_THAT(*DueRecharges(*connection_, TestNow(), 10), testing::ElementsAre(later, late));
  EXPECT_THAT(*DueRecharges(*connection_, TestNow(), 1), testing::ElementsAre(later));
}

TEST_F(RowsTest, WhatKeepsStatesOfItsChargeIsListedWithTheRefundsThatAreKept) {
  using testing::ElementsAre;
  Recharge failed = OpenRecharge("a", 2, absl::InfiniteFuture());
  failed.state = domain::RechargeState::kFailed;
  failed.keeps = true;
  Recharge other = failed;
  other.account_id = "b";
  Recharge under_way = OpenRecharge("a", 5, TestNow());
  under_way.keeps = true;
  Recharge refund = OpenRecharge("a", 3, absl::InfiniteFuture());
  refund.kind = domain::RechargeKind::kRefund;
  refund.state = domain::RechargeState::kSucceeded;
  refund.refund_of = 2;
  Recharge counted = refund;
  counted.ordinal = 4;
  counted.debited = true;
  ASSERT_TRUE(WriteRecharges(*connection_, {&failed, &other, &under_way, &refund, &counted}).ok());
  EXPECT_THAT(*ListKeeping(*connection_, {"", 0}, 10), ElementsAre(failed, other));
  EXPECT_THAT(*ListKeeping(*connection_, {"", 0}, 1), ElementsAre(failed));
  EXPECT_THAT(*ListKeeping(*connection_, {"a", 2}, 10), ElementsAre(other));
  EXPECT_THAT(*LoadKeptRefunds(*connection_, {"a", 2}), ElementsAre(refund));
  EXPECT_THAT(*LoadKeptRefunds(*connection_, {"b", 2}), testing::IsEmpty());
}

// Of charge "ch_<number>".
domain::UnplacedState OfNobody(int number) {
  domain::UnplacedState state;
  state.told = domain::GatewayDispute{absl::StrCat("ch_", number), OddBytes(),
                                      domain::DisputeState::kOpened, kMax, OddText()};
  state.currency = "USD";
  return state;
}

KeptUnplaced Keep(Connection& connection, const domain::UnplacedState& state, absl::Time now) {
  const auto kept =
      KeepUnplaced(connection, state, now, []() -> absl::StatusOr<bool> { return false; });
  EXPECT_TRUE(kept.ok()) << kept.status();
  return kept.value_or(KeptUnplaced{});
}

TEST_F(RowsTest, WhatIsToldOfAChargeOfNobodyIsKeptAsItWasToldForwardOnly) {
  const domain::UnplacedState kept = Keep(*connection_, OfNobody(1), TestNow()).state;
  EXPECT_EQ(kept.slot, 1);
  EXPECT_EQ(Keep(*connection_, OfNobody(1), TestNow() + absl::Hours(1)).state.update_time,
            TestNow());
  domain::UnplacedState won = OfNobody(1);
  std::get<domain::GatewayDispute>(won.told).state = domain::DisputeState::kWon;
  std::get<domain::GatewayDispute>(won.told).reason = "";
  const domain::UnplacedState moved = Keep(*connection_, won, TestNow() + absl::Hours(1)).state;
  EXPECT_EQ(moved.slot, 1);
  EXPECT_EQ(moved.create_time, TestNow());
  const auto listed = ListUnplaced(*connection_, 0, 10);
  ASSERT_TRUE(listed.ok() && listed->size() == 1) << listed.status();
  const auto& told = std::get<domain::GatewayDispute>(listed->front().told);
  EXPECT_EQ(told.charge_id, "ch_1");
  EXPECT_EQ(told.dispute_id, OddBytes());
  EXPECT_EQ(told.state, domain::DisputeState::kWon);
  EXPECT_EQ(told.amount, kMax);
  EXPECT_EQ(told.reason, OddText()) << "nothing was said of it anew";
  EXPECT_EQ(listed->front().currency, "USD");
  EXPECT_EQ(listed->front().update_time, TestNow() + absl::Hours(1));
}

TEST_F(RowsTest, WhatIsToldOfChargesOfNobodyIsBoundedAndMakesRoomOnceNobodyMustLook) {
  std::vector<std::string> rows;
  for (int i = 1; i <= kMostUnplaced; ++i) {
    rows.push_back(absl::StrCat("(", i, ",'ch_", i, "',1,'re',2,1,'USD','',1,'2026-11-22',",
                                "'2026-11-22' + INTERVAL ", i, " SECOND)"));
  }
  database_.sql().Execute(absl::StrCat(
      "INSERT INTO unplaced_states (slot,charge_id,kind,told_id,state,amount_nanos,currency,"
      "reason,standing,create_time,update_time) VALUES ",
      absl::StrJoin(rows, ",")));
  const auto keep = [&](int number, absl::Time now) {
    return Keep(*connection_, OfNobody(number), now);
  };
  EXPECT_EQ(keep(20'001, TestNow()).keeping, Keeping::kNoRoom);
  EXPECT_TRUE(*DismissUnplaced(*connection_, "ch_7", "", {"not ours"}, false));
  EXPECT_TRUE(*DismissUnplaced(*connection_, "ch_5", "", {"not ours"}, false));
  domain::UnplacedState applied;
  applied.slot = 9;
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(WriteApplied(*connection_, {&applied}).ok());
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(keep(20'001, TestNow()).state.slot, 9);
  EXPECT_EQ(keep(20'002, TestNow()).state.slot, 5);
  EXPECT_EQ(keep(20'003, TestNow()).state.slot, 7);
  EXPECT_EQ(keep(20'004, TestNow()).keeping, Keeping::kNoRoom);
  EXPECT_EQ(keep(20'003, TestNow()).keeping, Keeping::kKept) << "what is there stays";
  EXPECT_EQ(keep(20'004, TestNow() + kUnplacedKeptFor).state.slot, 1) << "it is too old";
}

TEST_F(RowsTest, ReviewsAreListedByAccountAndOrdinalInPages) {
  std::vector<Recharge> reviews;
  for (const auto& [account_id, ordinal] :
       std::vector<book::RechargeKey>{{"a", 2}, {"a", 10}, {"b", 1}, {OddBytes(), 3}}) {
    Recharge review = OpenRecharge(account_id, ordinal, absl::InfiniteFuture());
    review.state = domain::RechargeState::kNeedsReview;
    review.set_aside = true;
    reviews.push_back(review);
  }
  // OddBytes() is an "a", and more.
  std::rotate(reviews.begin() + 2, reviews.begin() + 3, reviews.end());
  const Recharge open = OpenRecharge("a", 3, absl::InfiniteFuture());
  Recharge closed = OpenRecharge("a", 4, absl::InfiniteFuture());
  closed.state = domain::RechargeState::kFailed;
  ASSERT_TRUE(WriteRecharges(*connection_,
                             {&closed, &reviews[3], &reviews[1], &reviews[2], &reviews[0], &open})
                  .ok());
  EXPECT_THAT(*ListReviews(*connection_, {"", 0}, 10), testing::ElementsAreArray(reviews));
  EXPECT_THAT(*ListReviews(*connection_, {"", 0}, 1), testing::ElementsAre(reviews[0]));
  EXPECT_THAT(*ListReviews(*connection_, {"a", 2}, 2),
              testing::ElementsAre(reviews[1], reviews[2]));
  EXPECT_THAT(*ListReviews(*connection_, {"a", 10}, 10),
              testing::ElementsAre(reviews[2], reviews[3]));
  EXPECT_THAT(*ListReviews(*connection_, {"b", 1}, 10), testing::IsEmpty());
}

TEST_F(RowsTest, RechargesThatAreNotOverAreCountedByWhatTheyWaitFor) {
  EXPECT_EQ(CountOpenRecharges(*connection_)->oldest_attempt, absl::InfiniteFuture());
  const Recharge waiting = OpenRecharge("a", 1, TestNow());
  Recharge sent = OpenRecharge("a", 2, TestNow());
  sent.attempt_start = TestNow() - absl::Seconds(7);
  Recharge pending = OpenRecharge("b", 1, TestNow());
  pending.attempt_start = TestNow() - absl::Seconds(9);
  pending.pending_time = TestNow() - absl::Seconds(8);
  Recharge in_review = OpenRecharge("b", 2, absl::InfiniteFuture());
  in_review.attempt_start = TestNow() - absl::Hours(1);
  in_review.state = domain::RechargeState::kNeedsReview;
  Recharge over = OpenRecharge("c", 1, absl::InfiniteFuture());
  over.attempt_start = TestNow() - absl::Hours(2);
  over.state = domain::RechargeState::kSucceeded;
  ASSERT_TRUE(WriteRecharges(*connection_, {&waiting, &sent, &pending, &in_review, &over}).ok());
  const OpenRecharges counted = *CountOpenRecharges(*connection_);
  EXPECT_EQ(counted.waiting, 1);
  EXPECT_EQ(counted.in_flight, 1);
  EXPECT_EQ(counted.pending, 1);
  EXPECT_EQ(counted.in_review, 1);
  EXPECT_EQ(counted.oldest_attempt, TestNow() - absl::Seconds(9));
}

TEST_F(RowsTest, ARechargeThatWasCanceledMeanwhileIsNotClaimed) {
  const Recharge seen = OpenRecharge("a", 1, TestNow());
  const absl::Time lease_end = TestNow() + absl::Seconds(30);
  Recharge canceled = seen;
  canceled.state = domain::RechargeState::kCanceled;
  canceled.due_time = absl::InfiniteFuture();
  ++canceled.lease_epoch;
  // Nor where another waits in its place that looks like it but for its lease epoch.
  Recharge moved = seen;
  ++moved.lease_epoch;
  for (const Recharge& meanwhile : {canceled, moved}) {
    ASSERT_TRUE(WriteRecharges(*connection_, {&meanwhile}).ok());
    Recharge mine = seen;
    EXPECT_FALSE(*ClaimRecharge(*connection_, "w", TestNow(), lease_end, &mine));
    EXPECT_EQ(mine, seen);
    EXPECT_FALSE(*MoveDueTime(*connection_, seen, lease_end));
    EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kAll, kNewest, 10),
                testing::ElementsAre(meanwhile));
  }
}

TEST_F(RowsTest, ARechargeIsClaimedByOneOnly) {
  Recharge stored = OpenRecharge("a", 1, TestNow());
  ASSERT_TRUE(WriteRecharges(*connection_, {&stored}).ok());
  Recharge mine = stored;
  Recharge theirs = stored;
  const absl::Time lease_end = TestNow() + absl::Seconds(30);
  const auto claimed = ClaimRecharge(*connection_, "w'1", TestNow(), lease_end, &mine);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_TRUE(*claimed);
  EXPECT_EQ(mine.lease_epoch, 1);
  EXPECT_EQ(mine.attempt_start, TestNow());
  EXPECT_FALSE(*ClaimRecharge(*connection_, "w2", TestNow(), lease_end, &theirs));
  EXPECT_THAT(*ListRecharges(*connection_, "a", Listed::kAll, kNewest, 10),
              testing::ElementsAre(mine));
  // Nor with fresh eyes before the lease is over; after it, with the attempt's start kept.
  theirs = mine;
  EXPECT_FALSE(*ClaimRecharge(*connection_, "w2", lease_end - absl::Microseconds(1),
                              lease_end + absl::Seconds(30), &theirs));
  EXPECT_TRUE(
      *ClaimRecharge(*connection_, "w2", lease_end, lease_end + absl::Seconds(30), &theirs));
  EXPECT_EQ(theirs.lease_epoch, 2);
  EXPECT_EQ(theirs.attempt_start, TestNow());
}

TEST_F(RowsTest, OnlyTheHolderOfALeaseProlongsIt) {
  Recharge recharge = OpenRecharge("a", 1, TestNow());
  ASSERT_TRUE(WriteRecharges(*connection_, {&recharge}).ok());
  ASSERT_TRUE(
      *ClaimRecharge(*connection_, "w1", TestNow(), TestNow() + absl::Seconds(1), &recharge));
  const absl::Time end = TestNow() + absl::Minutes(1);
  EXPECT_FALSE(*RenewLease(*connection_, {"a", 1}, "w2", 1, end));
  EXPECT_FALSE(*RenewLease(*connection_, {"a", 1}, "w1", 0, end));
  EXPECT_FALSE(*RenewLease(*connection_, {"a", 2}, "w1", 1, end));
  EXPECT_TRUE(*RenewLease(*connection_, {"a", 1}, "w1", 1, end));
  EXPECT_EQ(ListRecharges(*connection_, "a", Listed::kAll, kNewest, 1)->front().due_time, end);
}

TEST_F(RowsTest, AutomaticRechargesAreCounted) {
  std::vector<Recharge> recharges;
  for (int i = 1; i <= 4; ++i) {
    Recharge r = OpenRecharge("a", i, TestNow());
    r.state = domain::RechargeState::kSucceeded;
    r.end_time = TestNow();
    recharges.push_back(r);
  }
  recharges[1].kind = domain::RechargeKind::kTopUp;
  recharges[2].state = domain::RechargeState::kFailed;
  ASSERT_TRUE(
      WriteRecharges(*connection_, {&recharges[0], &recharges[1], &recharges[2], &recharges[3]})
          .ok());
  EXPECT_EQ(*CountAutomaticSince(*connection_, "a", TestNow()), 2);
  EXPECT_EQ(*CountAutomaticSince(*connection_, "a", TestNow() + absl::Seconds(1)), 0);
}

// --- Decks ------------------------------------------------------------------------------

TEST_F(RowsTest, ADeckComesBackAsItWas) {
  rates::DeckHeader header{1,    OddBytes(), "USD",     "standard",          TestNow(),
                           kMax, 5,          TestNow(), std::string(64, 'c')};
  header.time_zone = "Europe/Berlin";
  header.rules.calendar.first_offset_seconds = 3'600;
  header.rules.calendar.changes = {{954'032'400, 7'200}, {972'781'200, 3'600}};
  header.rules.calendar.holidays = {absl::CivilDay(2026, 12, 25), absl::CivilDay(2027, 1, 1)};
  header.rules.periods_by_start = true;
  header.rules.rounding = {RoundingMode::kHalfEven, 2};
  header.prices_include_tax = true;
  domain::LineTerms terms;
  terms.steps = {{60, kMax}};
  terms.periods = {{0x1F, 480, 1080}};
  terms.minimum = 5;
  domain::LineTerms later;
  later.first_day = absl::CivilDay(2026, 12, 1);
  rates::RateRow by_day{rates::RateKind::kCall, "1", "", OddText(), 7, 0, 60, 60};
  by_day.terms = std::make_shared<domain::LineTerms>(terms);
  rates::RateRow then = by_day;
  then.terms = std::make_shared<domain::LineTerms>(later);
  const std::vector<rates::RateRow> rows = {
      {rates::RateKind::kCall, "1", "", OddText(), 0, 0, 60, 60},
      by_day,
      then,
      {rates::RateKind::kCallInbound, "1800", "", "", kMax, kMax, 3600, 3600},
      {rates::RateKind::kSms, "1", std::string(32, 'c'), std::string(128, 'n'), 1, 0, 0, 0}};
  ASSERT_TRUE(InsertDeck(*connection_, header, rows).ok());
  EXPECT_THAT(*LoadDeckHeaders(*connection_), testing::ElementsAre(header));
  EXPECT_EQ(*LoadDeckRows(*connection_, 1), rows);
  EXPECT_EQ(database_.sql().QueryInt("SELECT COUNT(*) FROM rate_shapes"), 5);
  EXPECT_EQ(InsertDeck(*connection_, header, rows).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RowsTest, ADeckIsWrittenWholeOrNotAtAll) {
  const rates::DeckHeader header{1, "d", "USD", "standard", TestNow(), 0, 2, TestNow(), ""};
  const rates::RateRow row{rates::RateKind::kCall, "1", "", "", 0, 0, 60, 60};
  rates::RateRow other = row;
  other.prefix = "2";
  EXPECT_FALSE(InsertDeck(*connection_, header, {row, other, row}).ok());
  EXPECT_THAT(*LoadDeckHeaders(*connection_), testing::IsEmpty());
  EXPECT_THAT(*LoadDeckRows(*connection_, 1), testing::IsEmpty());
}

TEST_F(RowsTest, ALargeDeckIsWrittenAndReadInPieces) {
  std::vector<rates::RateRow> rows;
  for (int i = 0; i < 20'000; ++i) {
    rows.push_back(
        {rates::RateKind::kCall, absl::StrCat(100'000 + i), "", "somewhere", i, 0, 60, 60});
  }
  // The carriers of the last prefix lie on both sides of the end of a page of 20,000.
  for (int i = 0; i < 19'998; ++i) {
    rows.push_back({rates::RateKind::kSms, absl::StrCat(100'000 + i), "", "somewhere", i, 0, 0, 0});
  }
  for (const std::string carrier : {"", "a", "b", "c", "d"}) {
    rows.push_back({rates::RateKind::kSms, "999999", carrier, "elsewhere", 1, 0, 0, 0});
  }
  // Lines of one prefix keep their order.
  for (int i = 0; i < 3; ++i) {
    rates::RateRow line{rates::RateKind::kShortCode, "411", "", "", i, 0, 60, 60};
    domain::LineTerms terms;
    terms.included_seconds = i;
    if (i > 0) line.terms = std::make_shared<domain::LineTerms>(terms);
    rows.push_back(std::move(line));
  }
  const rates::DeckHeader header{7, "large", "USD",     "standard", TestNow(),
                                 0, 40'003,  TestNow(), ""};
  ASSERT_TRUE(InsertDeck(*connection_, header, rows).ok());
  EXPECT_EQ(*LoadDeckRows(*connection_, 7), rows);
}

TEST_F(RowsTest, NothingToWriteSendsNothing) {
  EXPECT_TRUE(InsertAccounts(*connection_, {}).ok());
  EXPECT_TRUE(WriteAccounts(*connection_, {}).ok());
  EXPECT_TRUE(WriteBalances(*connection_, {}).ok());
  EXPECT_TRUE(WriteUsers(*connection_, {}).ok());
  EXPECT_TRUE(InsertEntries(*connection_, {}).ok());
  EXPECT_TRUE(InsertEvents(*connection_, {}).ok());
  EXPECT_TRUE(InsertRequests(*connection_, {}).ok());
  EXPECT_TRUE(WriteRecharges(*connection_, {}).ok());
  EXPECT_TRUE(WritePaymentMethods(*connection_, {}).ok());
  EXPECT_TRUE(LoadPaymentMethods(*connection_, {}).ok());
  EXPECT_TRUE(LoadAccounts(*connection_, {})->empty());
  EXPECT_TRUE(LoadBalances(*connection_, {}, Lock::kForUpdate)->empty());
  EXPECT_TRUE(LoadUsers(*connection_, {})->empty());
  EXPECT_TRUE(FindUsages(*connection_, {})->empty());
  EXPECT_TRUE(FindUsagePlaces(*connection_, {})->empty());
  EXPECT_TRUE(FindRequests(*connection_, {})->empty());
  EXPECT_TRUE(LoadRecharges(*connection_, {}, Lock::kNone)->empty());
  EXPECT_TRUE(LoadUnplaced(*connection_, {})->empty());
  EXPECT_TRUE(WriteApplied(*connection_, {}).ok());
}

}  // namespace
}  // namespace reserve::storage
