// The closing of an account in a batch: each command sees what the one before let follow, answers
// with its own entry, and what comes of one charge is balanced once (P4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/book/fold.h"
#include "tests/services/ledger/book/scene.h"

namespace reserve::book {
namespace {

using domain::AccountState;
using domain::EntryKind;
using domain::RechargeState;
using testing::ElementsAre;
using testing::IsEmpty;

// Account "a" with $15, recharge 1 credited for ch_1, and no grace.
class ClosingFoldTest : public testing::Test {
 protected:
  ClosingFoldTest() {
    settings_.close_grace = absl::ZeroDuration();
    AccountImage& image = image_.accounts["a"];
    image.known = std::make_unique<KnownAccount>();
    image.exists = true;
    image.closing_known = true;
    image.known->version = image.known->revision = 7;
    domain::Account& account = image.account();
    account.account_id = "a";
    account.currency = "USD";
    account.state = AccountState::kActive;
    account.balance = 15 * kDollar;
    account.reserve_amount = 15 * kDollar;
    account.recharge_threshold = 10 * kDollar;
    account.last_ordinal = 1;
    domain::Recharge& credited = StoreRecharge(1);
    credited.state = RechargeState::kSucceeded;
    credited.credited = credited.amount;
    credited.charge_id = "ch_1";
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
  static domain::Usage CallOf(const std::string& usage_id) {
    domain::Usage usage;
    usage.usage_id = usage_id;
    usage.user_id = "ann";
    usage.destination = "12015550123";
    usage.start_time = kNow;
    usage.duration = absl::Seconds(60);
    return usage;
  }
  // It was booked, for nothing.
  domain::Entry& StoreUsage(const std::string& usage_id) {
    domain::Entry entry;
    entry.account_id = "a";
    entry.seq = static_cast<int64_t>(image_.booked.size()) + 1;
    entry.booked.emplace().usage = CallOf(usage_id);
    image_.AddBooked(std::move(entry));
    return image_.booked.back();
  }
  // It was closed, with nothing left; recharge 2 had failed.
  void StoreClosed() {
    domain::Account& account = this->account();
    account.state = AccountState::kClosed;
    account.balance = 0;
    account.closing.begin_time = account.closing.facts_end = kNow - absl::Hours(1);
    account.closing.close_time = kNow - absl::Hours(1);
    account.last_ordinal = 2;
    StoreRecharge(1).refunded = 15 * kDollar;
    StoreRecharge(2).state = RechargeState::kFailed;
  }

  std::vector<absl::StatusOr<Reply>> FoldAll(const std::vector<Command>& commands) {
    commands_ = commands;
    std::vector<AccountCommand> for_account;
    for (const Command& command : commands_) for_account.push_back({"a", &command});
    const domain::Context context{settings_, kNow};
    folded_ = Fold(context, catalog_, for_account, &image_);
    return std::move(folded_.replies);
  }
  absl::StatusOr<Reply> FoldOne(Command command) {
    return std::move(FoldAll({std::move(command)}).front());
  }
  std::vector<EntryKind> Kinds() const {
    std::vector<EntryKind> kinds;
    for (const domain::Entry& entry : folded_.writes.entries) kinds.push_back(entry.kind);
    return kinds;
  }
  domain::Account& account() { return image_.accounts.at("a").account(); }
  static CloseAccount Close(const std::string& request_id) { return {request_id, {}, {"leaves"}}; }
  static ReportRecharge Success(int64_t ordinal, const std::string& charge_id) {
    ReportRecharge report;
    report.ordinal = ordinal;
    report.outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
    report.outcome.attempt = 1;
    report.outcome.lease_epoch = 1;
    report.outcome.charge_id = charge_id;
    report.outcome.amount = 15 * kDollar;
    report.outcome.currency = "USD";
    return report;
  }

  domain::Settings settings_;
  Catalog catalog_;
  Image image_;
  std::vector<Command> commands_;
  Folded folded_;
};

TEST_F(ClosingFoldTest, P4_ClosingAndItsRefundsInOneBatchEndClosed) {
  const auto replies = FoldAll({Close("c"), Success(2, "re_2"), Close("c")});
  EXPECT_EQ(As<ClosingReply>(*replies[0]).account.state, AccountState::kClosing);
  EXPECT_EQ(As<ClosingReply>(*replies[0]).steps.front().ordinal, 2);
  EXPECT_EQ(As<ClosingReply>(*replies[2]).account.state, AccountState::kClosed);
  EXPECT_TRUE(account().closed());
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRefund));
  EXPECT_EQ(folded_.writes.requests.size(), 1);
}

TEST_F(ClosingFoldTest, P4_ItsRefundsAreHandedOutAtOnce) {
  EXPECT_TRUE(FoldOne(Close("c")).ok());
  EXPECT_THAT(folded_.due_recharges, ElementsAre(RechargeKey("a", 2)));
}

TEST_F(ClosingFoldTest, P4_TryingWritesNothing) {
  CloseAccount close = Close("c");
  close.validate_only = true;
  EXPECT_TRUE(FoldOne(close).ok());
  EXPECT_TRUE(folded_.writes.empty());
}

TEST_F(ClosingFoldTest, P4_APaymentOfAClosedAccountIsAnsweredWithItsOwnEntry) {
  StoreClosed();
  RecordPayment pay;
  pay.request.request_id = "p";
  pay.request.amount = 20 * kDollar;
  pay.request.means = domain::PaymentMeans::kBankTransfer;
  pay.request.by.reason = "paid";
  const auto reply = FoldOne(pay);
  EXPECT_EQ(As<PaymentReply>(*reply).entry->kind, EntryKind::kPayment);
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kPayment, EntryKind::kPayout));
  EXPECT_EQ(account().balance, 0);
  EXPECT_EQ(account().closing.owed, 20 * kDollar);
}

TEST_F(ClosingFoldTest, P4_ALateSuccessWhoseRefundWasToldOfBeforeIsBalancedOnce) {
  StoreClosed();
  StoreRecharge(2).state = RechargeState::kFailed;
  ReportGatewayRefund told;
  told.ordinal = 2;
  told.told = {"ch_2", "re_hand", domain::GatewayRefund::State::kSucceeded, 15 * kDollar, ""};
  const auto replies = FoldAll({told, Success(2, "ch_2"), Success(2, "ch_2")});
  for (const auto& reply : replies) EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRecharge, EntryKind::kRefund));
  EXPECT_EQ(account().closing.owed, 0);
  EXPECT_TRUE(account().closed());
}

TEST_F(ClosingFoldTest, P4_UsageOfAClosedAccountIsCountedAndNotBooked) {
  StoreClosed();
  EXPECT_EQ(ReasonOf(FoldOne(RecordUsage{CallOf("u")}).status()), "USAGE_AFTER_CLOSING");
  EXPECT_EQ(folded_.after_closing, 1);
  EXPECT_THAT(folded_.writes.entries, IsEmpty());
}

TEST_F(ClosingFoldTest, P4_EachWayInWhichUsageOfAClosedAccountIsRefusedIsCounted) {
  StoreClosed();
  StoreUsage("booked");
  StoreUsage("estimate").booked->estimated = true;
  domain::Usage longer = CallOf("estimate");
  longer.duration += absl::Seconds(1);
  const struct {
    const char* name;
    Command command;
  } refused[] = {
      {"a usage", RecordUsage{CallOf("new")}},
      {"the void of one", VoidUsage{"booked", false, {"wrong"}}},
      {"a void in advance", VoidUsage{"never came", true, {"wrong"}}},
      {"a correction", CorrectUsage{{"booked"}, CallOf("new"), {"wrong"}}},
      {"one that comes before its original",
       CorrectUsage{{"never came"}, CallOf("new"), {"wrong"}}},
      {"one whose usage was booked by itself",
       CorrectUsage{{"never came"}, CallOf("booked"), {"wrong"}}},
      {"the CDR of an estimate", RecordUsage{longer}},
  };
  for (const auto& each : refused) {
    EXPECT_EQ(ReasonOf(FoldOne(each.command).status()), "USAGE_AFTER_CLOSING") << each.name;
    EXPECT_EQ(folded_.after_closing, 1) << each.name;
    EXPECT_EQ(folded_.unbooked_emergencies, 0) << each.name;
    EXPECT_THAT(folded_.writes.entries, IsEmpty()) << each.name;
  }
}

TEST_F(ClosingFoldTest, P4_C10_ACallForHelpOfAClosedAccountIsCountedAlsoAsACorrection) {
  StoreClosed();
  StoreUsage("booked");
  domain::Usage help = CallOf("help");
  help.destination = "#911";
  help.user_id = "";
  const auto recorded = FoldOne(RecordUsage{help});
  EXPECT_FALSE(As<UsageReply>(*recorded).booked);
  EXPECT_EQ(folded_.unbooked_emergencies, 1);
  EXPECT_EQ(folded_.after_closing, 0);
  // What it corrects can't be given back any more.
  EXPECT_EQ(ReasonOf(FoldOne(CorrectUsage{{"booked"}, help, {"wrong"}}).status()),
            "USAGE_AFTER_CLOSING");
  EXPECT_EQ(folded_.unbooked_emergencies, 1);
  EXPECT_EQ(folded_.after_closing, 1);
  EXPECT_THAT(folded_.writes.entries, IsEmpty());
}

TEST_F(ClosingFoldTest, P4_WhatIsBookedIsAnsweredAndNotCounted) {
  StoreClosed();
  StoreUsage("booked");
  const auto repeat = FoldOne(RecordUsage{CallOf("booked")});
  EXPECT_TRUE(As<UsageReply>(*repeat).duplicate);
  EXPECT_EQ(folded_.after_closing, 0);
}

TEST_F(ClosingFoldTest, P4_WhatWasNotLoadedMovesNothingOn) {
  account().state = AccountState::kClosing;
  account().closing.begin_time = account().closing.grace_until = kNow - absl::Hours(1);
  image_.accounts.at("a").closing_known = false;
  EXPECT_TRUE(FoldOne(Reconsider{}).ok());
  EXPECT_TRUE(account().closing.takes_facts());
}

}  // namespace
}  // namespace reserve::book
