// Payments in a batch: once by their request ids and by their charges, whichever of a report and a
// payment names a charge first (P5, G4), and what else a caller is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/book/fold.h"
#include "tests/services/ledger/book/scene.h"

namespace reserve::book {
namespace {

using domain::Entry;
using domain::EntryKind;
using domain::RechargeKind;
using domain::RechargeState;
using testing::ElementsAre;
using testing::IsEmpty;

// Account "a" with $100, recharge 1 credited for ch_1, and recharge 2 in flight.
class PaymentsFoldTest : public testing::Test {
 protected:
  PaymentsFoldTest() {
    AccountImage& image = image_.accounts["a"];
    image.known = std::make_unique<KnownAccount>();
    image.exists = true;
    image.known->version = image.known->revision = 7;
    domain::Account& account = image.account();
    account.account_id = "a";
    account.currency = "USD";
    account.state = domain::AccountState::kActive;
    account.balance = 100 * kDollar;
    account.reserve_amount = 15 * kDollar;
    account.recharge_threshold = 10 * kDollar;
    account.last_ordinal = 2;
    account.open_ordinal = 2;
    domain::Recharge& credited = StoreRecharge(1);
    credited.state = RechargeState::kSucceeded;
    credited.credited = credited.amount;
    credited.charge_id = "ch_1";
    StoreRecharge(2).attempt_start = kNow - absl::Seconds(3);
  }

  domain::Recharge& StoreRecharge(int64_t ordinal) {
    domain::Recharge& recharge = image_.recharges[RechargeKey("a", ordinal)].recharge;
    recharge.account_id = "a";
    recharge.ordinal = ordinal;
    recharge.currency = "USD";
    recharge.amount = 15 * kDollar;
    recharge.lease_epoch = 1;
    return recharge;
  }

  static RecordPayment Paying(const std::string& request_id, Nanos amount,
                              const std::string& charge_id = "",
                              const std::string& reference = "") {
    RecordPayment command;
    command.request.request_id = request_id;
    command.request.amount = amount;
    command.request.means = domain::PaymentMeans::kBankTransfer;
    command.request.charge_id = charge_id;
    command.request.by = {"paid", "support-1", reference};
    return command;
  }
  static ReportRecharge Success(const std::string& charge_id) {
    domain::ChargeOutcome outcome;
    outcome.attempt = 1;
    outcome.lease_epoch = 1;
    outcome.charge_id = charge_id;
    outcome.amount = 15 * kDollar;
    outcome.currency = "USD";
    return {2, std::nullopt, outcome};
  }

  void Ask(Command command) {
    commands_.push_back({"a", &asked_.emplace_back(std::move(command))});
  }
  void Run() {
    folded_ = Fold({settings_, kNow}, catalog_, commands_, &image_);
    reasons_.clear();
    for (const auto& reply : folded_.replies) reasons_.emplace_back(ReasonOf(reply.status()));
  }
  const PaymentReply& Payment(size_t asked) { return As<PaymentReply>(*folded_.replies[asked]); }
  const domain::Recharge& Row(size_t asked) {
    return As<RechargeReply>(*folded_.replies[asked]).recharge;
  }
  Nanos Balance() { return image_.accounts["a"].account().balance; }

  domain::Settings settings_;
  Catalog catalog_;
  Image image_;
  std::deque<Command> asked_;
  std::vector<AccountCommand> commands_;
  Folded folded_;
  std::vector<std::string> reasons_;
};

TEST_F(PaymentsFoldTest, P5_ARequestBooksOnce) {
  Ask(Paying("p", 20 * kDollar));
  Ask(Paying("p", 20 * kDollar));
  Ask(Paying("p", 21 * kDollar));
  Ask(RequestRecharge{"p", 15 * kDollar, "", false});
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "REQUEST_ID_REUSED", "REQUEST_ID_REUSED"));
  EXPECT_EQ(Balance(), 120 * kDollar);
  for (const size_t asked : {0, 1}) {
    EXPECT_EQ(Payment(asked).credited.ordinal, 3);
    EXPECT_EQ(Payment(asked).credited.request_id, "p");
    EXPECT_FALSE(Payment(asked).already_credited);
    ASSERT_TRUE(Payment(asked).entry.has_value());
    EXPECT_EQ(Payment(asked).entry->kind, EntryKind::kPayment);
    EXPECT_EQ(Payment(asked).entry->balance_after, 120 * kDollar);
  }
  ASSERT_EQ(folded_.writes.requests.size(), 1u);
  EXPECT_EQ(folded_.writes.requests[0].seq, 1);
  EXPECT_EQ(folded_.writes.requests[0].ordinal, 3);
}

TEST_F(PaymentsFoldTest, G12_P6_AnAdjustmentOrAGrantThatIsOnlyTriedBooksNothing) {
  AdjustBalance adjustment{"down", -5 * kDollar, {"fee"}, "", /*validate_only=*/true};
  GrantCredit grant{{"promo", 7 * kDollar, kNow + absl::Hours(24), {"welcome"}},
                    "",
                    /*validate_only=*/true};
  for (int i = 0; i < 2; ++i) {
    Ask(adjustment);
    Ask(grant);
  }
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_TRUE(folded_.writes.empty());
  EXPECT_EQ(Balance(), 100 * kDollar);
  const auto told = [this](size_t asked) {
    const Entry& entry = As<EntryReply>(*folded_.replies[asked]).entry;
    return std::tuple(entry.kind, entry.seq, entry.amount, entry.balance_after, entry.reason);
  };
  const auto tried = told(0);
  EXPECT_EQ(tried, std::tuple(EntryKind::kAdjustment, 1, -5 * kDollar, 95 * kDollar, "fee"));
  EXPECT_EQ(told(1), std::tuple(EntryKind::kGrant, 1, 7 * kDollar, 107 * kDollar, "welcome"));
  EXPECT_EQ(told(2), told(0));
  EXPECT_EQ(told(3), told(1));
  adjustment.validate_only = false;
  commands_.clear();
  Ask(adjustment);
  Run();
  EXPECT_EQ(told(0), tried);
  EXPECT_EQ(Balance(), 95 * kDollar);
}

TEST_F(PaymentsFoldTest, P5_OnlyTryingAnswersWhatWouldBeBookedAndWritesNothing) {
  RecordPayment trial = Paying("p", 20 * kDollar);
  trial.validate_only = true;
  Ask(trial);
  ReversePayment reversal{3, "r", {"bounced"}, /*validate_only=*/true};
  Ask(reversal);
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "PAYMENT_NOT_FOUND"));
  EXPECT_EQ(Payment(0).entry->balance_after, 120 * kDollar);
  EXPECT_TRUE(folded_.writes.empty());
}

TEST_F(PaymentsFoldTest, P5_AnAmountInAnotherCurrencyIsRefused) {
  RecordPayment command = Paying("p", 20 * kDollar);
  command.currency = "EUR";
  Ask(command);
  Run();
  EXPECT_THAT(reasons_, ElementsAre("INVALID_FIELD"));
  EXPECT_EQ(FieldOf(folded_.replies[0].status()), "amount.currency_code");
}

TEST_F(PaymentsFoldTest, P5_ARepeatedReferenceIsWarnedOf) {
  Ask(Paying("p1", 20 * kDollar, "", "transfer-7"));
  Ask(Paying("p2", 20 * kDollar, "", "transfer-7"));
  Ask(Paying("p3", 20 * kDollar, "", "transfer-8"));
  Ask(Paying("p4", 20 * kDollar));
  Ask(Paying("p5", 20 * kDollar));
  Ask(Paying("p1", 20 * kDollar, "", "transfer-7"));
  Run();
  EXPECT_EQ(Balance(), 200 * kDollar) << "it is no refusal";
  EXPECT_THAT(Payment(0).same_reference, IsEmpty());
  ASSERT_EQ(Payment(1).same_reference.size(), 1u);
  EXPECT_EQ(Payment(1).same_reference[0].ordinal, 3);
  EXPECT_THAT(Payment(2).same_reference, IsEmpty());
  EXPECT_THAT(Payment(4).same_reference, IsEmpty()) << "none is none";
  EXPECT_THAT(Payment(5).same_reference, IsEmpty()) << "a repeat is told the same";
}

TEST_F(PaymentsFoldTest, G4_TheReportNamesTheChargeFirst) {
  Ask(Success("ch_2"));
  Ask(Paying("p", 15 * kDollar, "ch_2"));
  Ask(Paying("p", 15 * kDollar, "ch_2"));
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(Balance(), 115 * kDollar);
  for (const size_t asked : {1, 2}) {
    EXPECT_TRUE(Payment(asked).already_credited);
    EXPECT_EQ(Payment(asked).credited.ordinal, 2);
    EXPECT_EQ(Payment(asked).credited.kind, RechargeKind::kAutomatic);
    ASSERT_TRUE(Payment(asked).entry.has_value());
    EXPECT_EQ(Payment(asked).entry->kind, EntryKind::kRecharge);
  }
}

TEST_F(PaymentsFoldTest, G4_ThePaymentNamesTheChargeFirst) {
  Ask(Paying("p", 15 * kDollar, "ch_2"));
  Ask(Success("ch_2"));
  Ask(Success("ch_2"));
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(Balance(), 115 * kDollar);
  EXPECT_EQ(Row(1).state, RechargeState::kSucceeded);
  EXPECT_EQ(Row(1).credited_as, 3);
  EXPECT_TRUE(As<RechargeReply>(*folded_.replies[2]).already_applied);
  EXPECT_EQ(folded_.writes.entries.size(), 1u);
}

TEST_F(PaymentsFoldTest, G4_WhatIsStoredAsCreditedIsAnsweredWithItsEntryAndRemembered) {
  domain::Entry entry;
  entry.account_id = "a";
  entry.seq = 5;
  entry.kind = EntryKind::kRecharge;
  entry.record_time = kNow - absl::Hours(1);
  image_.credits[RechargeKey("a", 1)] = entry;
  Ask(Paying("p", 15 * kDollar, "ch_1"));
  Run();
  EXPECT_TRUE(Payment(0).already_credited);
  EXPECT_EQ(Payment(0).entry->seq, 5);
  EXPECT_EQ(Balance(), 100 * kDollar);
  ASSERT_EQ(folded_.writes.requests.size(), 1u);
  EXPECT_EQ(folded_.writes.requests[0].seq, 5);
  EXPECT_EQ(folded_.writes.requests[0].ordinal, 1);
  ASSERT_EQ(folded_.writes.balances.size(), 1u) << "without which nothing is written";
  EXPECT_EQ(folded_.writes.balances[0].revision, 8);
  EXPECT_THAT(folded_.writes.entries, IsEmpty());
}

TEST_F(PaymentsFoldTest, P5_WhatWasAnsweredStaysAnsweredOnceThePaymentIsReversed) {
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  Ask(Paying("again", 15 * kDollar, "pg_1"));
  Ask(ReversePayment{3, "r", {"bounced"}});
  Ask(ReversePayment{3, "r", {"bounced"}});
  Ask(ReversePayment{3, "other", {"bounced"}});
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  Ask(Paying("again", 15 * kDollar, "pg_1"));
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK", "OK", "ALREADY_REVERSED", "OK", "OK"));
  EXPECT_EQ(Row(3).state, RechargeState::kReversed);
  EXPECT_EQ(Payment(6).credited.ordinal, 3);
  EXPECT_EQ(Payment(6).credited.state, RechargeState::kReversed);
  EXPECT_EQ(Balance(), 100 * kDollar);
}

TEST_F(PaymentsFoldTest, P5_OnlyAPaymentIsReversed) {
  Ask(ReversePayment{1, "r", {"bounced"}});
  Ask(ReversePayment{9, "r", {"bounced"}});
  Run();
  EXPECT_THAT(reasons_, ElementsAre("PAYMENT_NOT_FOUND", "PAYMENT_NOT_FOUND"));
}

TEST_F(PaymentsFoldTest, P5_NobodyReportsOnAPayment) {
  Ask(Paying("p", 15 * kDollar));
  ReportRecharge report = Success("ch_9");
  report.ordinal = 3;
  Ask(report);
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "RECHARGE_NOT_FOUND"));
}

TEST_F(PaymentsFoldTest, P1_ARefundOfARechargeThatWasCreditedAsAPaymentIsOfThePayment) {
  Ask(Paying("p", 15 * kDollar, "ch_2"));
  Ask(Success("ch_2"));
  Ask(RefundRecharge{2, {"r", 4 * kDollar, {"goodwill"}}, ""});
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(Row(2).refund_of, 3);
  EXPECT_EQ(image_.recharges.at(RechargeKey("a", 3)).recharge.refunded, 4 * kDollar);
}

TEST_F(PaymentsFoldTest, P3_WhatIsToldIsMatchedByTheChargesIdWhateverIsNamed) {
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  for (const int64_t named : {0, 2, 3}) {
    const std::string dispute_id = "dp_" + std::to_string(named);
    Ask(ReportGatewayDispute{
        named, "", {"pg_1", dispute_id, domain::DisputeState::kOpened, kDollar, ""}});
  }
  Ask(ReportGatewayDispute{0, "", {"pg_9", "dp_9", domain::DisputeState::kOpened, kDollar, ""}});
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK", "OK", "CHARGE_NOT_FOUND"));
  EXPECT_EQ(image_.recharges.at(RechargeKey("a", 3)).recharge.disputed, 3 * kDollar);
  EXPECT_EQ(Balance(), 112 * kDollar);
}

TEST_F(PaymentsFoldTest, P3_WhatWasToldWhileNobodyHadTheChargeCountsOnceItIsCredited) {
  image_.unplaced.resize(3);
  image_.unplaced[0].state.told =
      domain::GatewayRefund{"pg_1", "re_1", domain::GatewayRefund::State::kSucceeded, kDollar, ""};
  image_.unplaced[1].state.told =
      domain::GatewayDispute{"pg_1", "dp_1", domain::DisputeState::kOpened, 4 * kDollar, ""};
  image_.unplaced[2].state.told =
      domain::GatewayDispute{"pg_2", "dp_2", domain::DisputeState::kOpened, 4 * kDollar, ""};
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  Ask(ReportGatewayDispute{3, "", {"pg_1", "dp_1", domain::DisputeState::kOpened, kDollar, ""}});
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(Payment(0).credited.refunded, kDollar);
  EXPECT_EQ(Payment(0).credited.disputed, 4 * kDollar);
  EXPECT_EQ(Balance(), (100 + 15 - 1 - 4) * kDollar);
  EXPECT_THAT(folded_.writes.applied,
              ElementsAre(&image_.unplaced[0].state, &image_.unplaced[1].state));
}

TEST_F(PaymentsFoldTest, P3_OneChargeTakesUpOnceWhatWasToldOfIt) {
  image_.unplaced.resize(1);
  image_.unplaced[0].state.told =
      domain::GatewayDispute{"ch_2", "dp_1", domain::DisputeState::kLost, 15 * kDollar, ""};
  Ask(Success("ch_2"));
  Ask(Success("ch_2"));
  Ask(Paying("p", 15 * kDollar, "ch_2"));
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(Balance(), 100 * kDollar);
  EXPECT_EQ(folded_.writes.applied.size(), 1u);
}

TEST_F(PaymentsFoldTest, P3_WhatIsToldOfAReversedPaymentIsKeptOnIt) {
  Ask(Paying("p", 15 * kDollar, "pg_1"));
  Ask(ReversePayment{3, "r", {"bounced"}});
  Ask(ReportGatewayDispute{0, "", {"pg_1", "dp_1", domain::DisputeState::kLost, kDollar, ""}});
  Ask(Paying("anew", 15 * kDollar, "pg_1"));
  Run();
  EXPECT_THAT(reasons_, ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_TRUE(As<DisputeReply>(*folded_.replies[2]).kept);
  EXPECT_EQ(Payment(3).credited.ordinal, 4);
  EXPECT_EQ(Payment(3).credited.disputed, kDollar) << "now it counts";
  EXPECT_EQ(Balance(), 114 * kDollar);
}

TEST(ChargesTest, G4_AChargeIsFoundOnlyOnItsOwnAccount) {
  Image image;
  domain::Recharge& row = image.recharges[RechargeKey("a", 1)].recharge;
  row.account_id = "a";
  row.ordinal = 1;
  row.state = RechargeState::kSucceeded;
  row.charge_id = "ch_1";
  EXPECT_EQ(CreditedFor(image, "a", "ch_1"), &row);
  EXPECT_EQ(CreditedFor(image, "b", "ch_1"), nullptr);
  EXPECT_EQ(CreditedFor(image, "a", "ch_2"), nullptr);
  row.charge_id = "";
  EXPECT_EQ(CreditedFor(image, "a", ""), nullptr) << "none is none";
}

TEST(KeysTest, G4_WhatNamesAChargeNeedsAllThatTheAccountHasOfIt) {
  const domain::Settings settings;
  domain::ChargeOutcome success;
  success.charge_id = "ch_1";
  domain::ChargeOutcome decline = success;
  decline.kind = domain::ChargeOutcome::Kind::kDeclined;
  const Command report = ReportRecharge{3, std::nullopt, success};
  const Command declined = ReportRecharge{3, std::nullopt, decline};
  const Command refund = ReportRecharge{3, /*of_refund=*/true, success};
  const Command review = ResolveReview{3, {true, "ch_2", 0}, "", {}};
  RecordPayment record;
  record.request.request_id = "p";
  record.request.charge_id = "ch_3";
  record.request.by.reference = "transfer-7";
  const Command payment = record;
  const std::vector<AccountCommand> commands = {
      {"a", &report}, {"b", &declined}, {"c", &refund}, {"d", &review}, {"e", &payment}};
  const Keys keys = KeysOf(commands, {settings, kNow}, Duplicates::kOptimistic);
  ASSERT_EQ(keys.charges.size(), 3u);
  EXPECT_EQ(keys.charges[0].account_id, "a");
  EXPECT_EQ(keys.charges[0].charge_id, "ch_1");
  EXPECT_FALSE(keys.charges[0].disputes) << "the common success loads no more than it must";
  EXPECT_EQ(keys.charges[1].account_id, "d");
  EXPECT_EQ(keys.charges[2].account_id, "e");
  EXPECT_TRUE(keys.charges[2].disputes);
  EXPECT_TRUE(keys.charges[2].entry);
  EXPECT_THAT(keys.references, ElementsAre(OnceKey("e", "transfer-7")));
  EXPECT_THAT(keys.requests, ElementsAre(OnceKey("e", "p")));
}

}  // namespace
}  // namespace reserve::book
