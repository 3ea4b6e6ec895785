// Statements: which entries are of a period, and what they come to, whatever the clocks did. And
// the receipts of money that came or went back, numbered without a gap.

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/receipt.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/receipt_rows.h"
#include "services/ledger/storage/statements.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using domain::Entry;
using domain::EntryKind;
using domain::Receipt;
using storage::BookedPeriod;
using storage::Oldest;
using storage::SeqRange;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

class StatementsTest : public OneAccountTest {
 protected:
  std::vector<Entry> AllEntries() {
    const auto all = storage::ListEntriesAfter(*connection_, kAccount, 0, 100'000);
    EXPECT_TRUE(all.ok()) << all.status();
    return *all;
  }
  BookedPeriod Booked(absl::Time begin, absl::Time end) {
    const auto period = storage::FindBooked(*connection_, kAccount, begin, end);
    EXPECT_TRUE(period.ok()) << period.status();
    return *period;
  }
  storage::PeriodSums Sums(const SeqRange& seqs) {
    const auto sums = storage::SumPeriod(*connection_, kAccount, seqs);
    EXPECT_TRUE(sums.ok()) << sums.status();
    return *sums;
  }
  std::vector<Receipt> Receipts() {
    const auto receipts =
        storage::ListReceipts(*connection_, kAccount, 1, storage::kNewest, Oldest::kFirst, 1000);
    EXPECT_TRUE(receipts.ok()) << receipts.status();
    return *receipts;
  }
  std::vector<std::pair<int64_t, EntryKind>> NumbersAndKinds() {
    std::vector<std::pair<int64_t, EntryKind>> all;
    for (const Receipt& receipt : Receipts()) all.emplace_back(receipt.number, receipt.kind);
    return all;
  }
  void Adjust(Nanos amount) {
    static int number = 0;
    Must<EntryReply>(AdjustBalance{absl::StrCat("adjust-", ++number), amount, {"a test"}, ""});
  }
  // Books this and that while the clock goes on, and now and then back.
  void LiveWithABadClock(std::mt19937& random) {
    // So far that no step back comes before the calls began.
    ledger_.clock().Advance(15 * kDay);
    for (int i = 0; i < 120; ++i) {
      const int step = static_cast<int>(random() % 10) - 3;  // hours
      ledger_.clock().Advance(absl::Hours(step));
      if (random() % 3 == 0) {
        Adjust((static_cast<Nanos>(random() % 9) - 3) * kDollar + 1);
      } else {
        Spend(*engine_, kAccount, 10'000'000 * static_cast<Nanos>(1 + random() % 5));
      }
    }
  }

  const std::unique_ptr<storage::Connection> connection_ = ledger_.Connect();
};

// The first entry that was booked at or after `time`: the rule, word for word.
int64_t BorderOf(const std::vector<Entry>& all, absl::Time time) {
  for (const Entry& entry : all) {
    if (entry.record_time >= time) return entry.seq;
  }
  return static_cast<int64_t>(all.size()) + 1;
}

TEST_F(StatementsTest, PeriodsThatMeetHaveEachEntryOnceWhateverTheClockDid) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  OpenFunded(*engine_, kAccount);
  LiveWithABadClock(random);
  const std::vector<Entry> all = AllEntries();
  absl::Time first = all.front().record_time;
  absl::Time last = first;
  bool went_back = false;
  for (size_t i = 1; i < all.size(); ++i) {
    went_back |= all[i].record_time < all[i - 1].record_time;
    first = std::min(first, all[i].record_time);
    last = std::max(last, all[i].record_time);
  }
  EXPECT_TRUE(went_back) << "else this tries nothing";
  std::vector<absl::Time> borders = {absl::InfinitePast(), first, last, last + kDay};
  for (int i = 0; i < 30; ++i) {
    borders.push_back(first + absl::Seconds(random() % absl::ToInt64Seconds(last - first)));
    borders.push_back(all[random() % all.size()].record_time);
  }
  std::sort(borders.begin(), borders.end());
  int64_t next = 1;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    if (borders[i] == borders[i + 1]) continue;
    const BookedPeriod period = Booked(borders[i], borders[i + 1]);
    EXPECT_EQ(period.seqs.first, next);
    EXPECT_EQ(period.seqs.end, BorderOf(all, borders[i + 1]));
    EXPECT_EQ(period.final, period.seqs.end <= static_cast<int64_t>(all.size()));
    next = period.seqs.end;
  }
  EXPECT_EQ(next, static_cast<int64_t>(all.size()) + 1);
}

TEST_F(StatementsTest, BalancesAndTotalsAreThoseOfItsEntries) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  OpenFunded(*engine_, kAccount);
  LiveWithABadClock(random);
  const std::vector<Entry> all = AllEntries();
  const auto size = static_cast<int64_t>(all.size());
  for (int i = 0; i < 20; ++i) {
    SeqRange seqs = {1 + static_cast<int64_t>(random() % size), 0};
    seqs.end = seqs.first + static_cast<int64_t>(random() % (size + 2 - seqs.first));
    SCOPED_TRACE(absl::StrCat("seqs ", seqs.first, " to before ", seqs.end));
    std::map<EntryKind, storage::KindTotal> expected;
    for (const Entry& entry : all) {
      if (entry.seq < seqs.first || entry.seq >= seqs.end) continue;
      storage::KindTotal& total = expected[entry.kind];
      ++total.count;
      (entry.amount > 0 ? total.credits : total.debits) += entry.amount;
    }
    const storage::PeriodSums sums = Sums(seqs);
    EXPECT_EQ(sums.opening_balance, seqs.first == 1 ? 0 : all[seqs.first - 2].balance_after);
    Nanos closing = sums.opening_balance;
    ASSERT_EQ(sums.totals.size(), expected.size());
    for (const storage::KindTotal& total : sums.totals) {
      EXPECT_EQ(total.count, expected[total.kind].count);
      EXPECT_EQ(total.credits, expected[total.kind].credits);
      EXPECT_EQ(total.debits, expected[total.kind].debits);
      closing += total.credits + total.debits;
    }
    EXPECT_EQ(sums.closing_balance, closing);
  }
}

TEST_F(StatementsTest, APeriodThatIsFinalStaysAsItIsAndOneThatIsNotGrows) {
  OpenFunded(*engine_, kAccount);
  const absl::Time end = TestNow() + kDay;
  Spend(*engine_, kAccount, kDollar);
  const BookedPeriod open = Booked(TestNow() - kDay, end);
  EXPECT_FALSE(open.final);
  ledger_.clock().Advance(kDay);
  Adjust(kDollar);  // at the very end: of the next period
  const BookedPeriod closed = Booked(TestNow() - kDay, end);
  EXPECT_TRUE(closed.final);
  EXPECT_EQ(closed.seqs, open.seqs);
  // The clock is put back into the period: what is booked then is of the next one all the same.
  ledger_.clock().Advance(-absl::Hours(3));
  Adjust(kDollar);
  EXPECT_EQ(Booked(TestNow() - kDay, end).seqs, closed.seqs);
  EXPECT_TRUE(Booked(TestNow() - kDay, end).final);
  EXPECT_EQ(Booked(end, absl::InfiniteFuture()).seqs.first, closed.seqs.end);
}

TEST_F(StatementsTest, ThereIsNoEntryOfNoAccountAndOfATimeToCome) {
  const auto none = storage::FindBooked(*connection_, "nobody", TestNow(), absl::InfiniteFuture());
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->seqs.empty());
  OpenFunded(*engine_, kAccount);
  const BookedPeriod later = Booked(TestNow() + kDay, TestNow() + 2 * kDay);
  EXPECT_TRUE(later.seqs.empty());
  EXPECT_FALSE(later.final);
  const storage::PeriodSums sums = Sums(later.seqs);
  EXPECT_EQ(sums.opening_balance, 15 * kDollar);
  EXPECT_EQ(sums.closing_balance, 15 * kDollar);
  EXPECT_THAT(sums.totals, IsEmpty());
}

TEST_F(StatementsTest, EntriesOfAStretchAreListedEitherWayAndByKind) {
  OpenFunded(*engine_, kAccount);
  for (int i = 0; i < 3; ++i) Spend(*engine_, kAccount, kDollar);
  Adjust(kDollar);
  const auto seqs = [&](const SeqRange& range, const std::vector<EntryKind>& kinds, Oldest oldest,
                        int limit) {
    std::vector<int64_t> found;
    const auto entries =
        storage::ListEntriesWithin(*connection_, kAccount, range, kinds, oldest, limit);
    EXPECT_TRUE(entries.ok()) << entries.status();
    for (const Entry& entry : *entries) found.push_back(entry.seq);
    return found;
  };
  EXPECT_THAT(seqs({2, 6}, {}, Oldest::kFirst, 10), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(seqs({2, 6}, {}, Oldest::kLast, 3), ElementsAre(5, 4, 3));
  EXPECT_THAT(seqs({1, 6}, {EntryKind::kUsage}, Oldest::kFirst, 2), ElementsAre(2, 3));
  EXPECT_THAT(seqs({1, 6}, {EntryKind::kRecharge, EntryKind::kAdjustment}, Oldest::kLast, 10),
              ElementsAre(5, 1));
  EXPECT_THAT(seqs({3, 3}, {}, Oldest::kFirst, 10), IsEmpty());
}

TEST_F(StatementsTest, MoneyThatComesOrGoesBackHasReceiptsInItsOrder) {
  OpenFunded(*engine_, kAccount);                                    // seq 1: recharge 1
  Spend(*engine_, kAccount, kDollar);                                // no receipt
  Must<PaymentReply>(Payment("paid", 20 * kDollar));                 // ordinal 2
  Must<RechargeReply>(Refund("r", 1, 5 * kDollar));                  // ordinal 3
  Must<RechargeReply>(RefundFailed(3, "expired_or_canceled_card"));  // booked back
  Must<RechargeReply>(Reversal("bounced", 2));
  EXPECT_THAT(
      NumbersAndKinds(),
      ElementsAre(std::pair(1, EntryKind::kRecharge), std::pair(2, EntryKind::kPayment),
                  std::pair(3, EntryKind::kRefund), std::pair(4, EntryKind::kRefundReturned),
                  std::pair(5, EntryKind::kPaymentReversed)));
  const std::vector<Receipt> receipts = Receipts();
  EXPECT_EQ(receipts[0].amount, 15 * kDollar);
  EXPECT_EQ(receipts[0].charge_id, "ch_1");
  EXPECT_EQ(receipts[1].seq, 3);
  EXPECT_EQ(receipts[1].means, domain::PaymentMeans::kBankTransfer);
  EXPECT_EQ(receipts[2].amount, -5 * kDollar);
  EXPECT_EQ(receipts[2].asked, 5 * kDollar);
  EXPECT_EQ(receipts[2].refund_of, 1);
  EXPECT_EQ(receipts[2].charge_id, "ch_1");
  EXPECT_EQ(receipts[3].amount, 5 * kDollar);
  EXPECT_EQ(receipts[4].amount, -20 * kDollar);
  EXPECT_EQ(ledger_.Account(kAccount).last_receipt, 5);
}

TEST_F(StatementsTest, AReceiptKeepsTheCardAsItWasThen) {
  OpenFunded(*engine_, kAccount);
  const auto name = [&](const std::string& request_id, const char* brand, const char* last_four) {
    UpdatePaymentMethod named;
    named.request_id = request_id;
    named.payment_method_id = ledger_.Account(kAccount).payment_methods.front().payment_method_id;
    named.given.display = domain::CardDisplay{brand, last_four};
    Must<PaymentMethodReply>(named);
  };
  name("first", "Visa", "4242");
  Must<RechargeReply>(RequestRecharge{"top-up", 20 * kDollar, ""});
  Must<RechargeReply>(Succeeded(2, 20 * kDollar));
  Must<RechargeReply>(Refund("r", 2, 5 * kDollar));
  name("second", "Mastercard", "5454");
  const std::vector<Receipt> receipts = Receipts();
  ASSERT_EQ(receipts.size(), 3U);
  EXPECT_EQ(receipts[0].card_last_four, "") << "it was not known then";
  EXPECT_EQ(receipts[1].card_brand, "Visa");
  EXPECT_EQ(receipts[1].card_last_four, "4242");
  EXPECT_EQ(receipts[2].card_last_four, "4242") << "of the charge that is given back";
}

TEST_F(StatementsTest, P1_ARefundsReceiptNamesTheCardThatWasChargedThoughItWasReplaced) {
  OpenFunded(*engine_, kAccount);
  const auto give = [&](const std::string& request_id, const char* token, const char* number,
                        const char* brand, const char* last_four) {
    UpdatePaymentMethod given;
    given.request_id = request_id;
    given.payment_method_id = ledger_.Account(kAccount).payment_methods.front().payment_method_id;
    given.given.card = {CardToken(token), number, domain::CardNetwork::kVisa};
    given.given.number_given = true;
    given.given.display = domain::CardDisplay{brand, last_four};
    Must<PaymentMethodReply>(given);
  };
  give("first", "tok-a", "number-a", "Visa", "4242");
  Must<RechargeReply>(RequestRecharge{"top-up", 20 * kDollar, ""});
  Must<RechargeReply>(Succeeded(2, 20 * kDollar));
  give("second", "tok-b", "number-b", "Visa", "1881");
  Must<RechargeReply>(Refund("r", 2, 5 * kDollar));
  Must<RechargeReply>(RequestRecharge{"another", 20 * kDollar, ""});
  Must<RechargeReply>(Succeeded(4, 20 * kDollar));
  std::vector<std::string> shown;
  for (const Receipt& receipt : Receipts()) shown.push_back(receipt.card_last_four);
  EXPECT_THAT(shown, ElementsAre("", "4242", "4242", "1881"));
}

TEST_F(StatementsTest, ARepeatedReportAndARepeatedRequestHaveNoSecondReceipt) {
  OpenFunded(*engine_, kAccount);
  EXPECT_TRUE(Must<RechargeReply>(Succeeded(1, 15 * kDollar)).already_applied);
  for (int i = 0; i < 2; ++i) Must<PaymentReply>(Payment("paid", 20 * kDollar));
  EXPECT_THAT(NumbersAndKinds(),
              ElementsAre(std::pair(1, EntryKind::kRecharge), std::pair(2, EntryKind::kPayment)));
}

TEST_F(StatementsTest, LessThanWasAskedForIsWhatTheReceiptSays) {
  OpenFunded(*engine_, kAccount);
  Must<RechargeReply>(RequestRecharge{"top-up", 20 * kDollar, ""});
  Must<RechargeReply>(Succeeded(2, 12 * kDollar));
  EXPECT_EQ(Receipts().back().amount, 12 * kDollar);
  EXPECT_EQ(Receipts().back().asked, 20 * kDollar);
}

TEST_F(StatementsTest, ManyAccountsAtOnceEachHaveASeriesOfTheirOwnWithoutAGap) {
  constexpr int kAccounts = 8;
  constexpr int kPayments = 20;
  std::vector<Order> orders;
  for (int a = 0; a < kAccounts; ++a) OpenFunded(*engine_, absl::StrCat("many-", a));
  const auto other = ledger_.StartEngine();
  for (int p = 0; p < kPayments; ++p) {
    for (int a = 0; a < kAccounts; ++a) {
      orders.emplace_back(absl::StrCat("many-", a), Payment(absl::StrCat("p-", p), kDollar));
    }
  }
  // Half by one ledger, half by another: each finds what the other has written.
  const auto half = static_cast<std::ptrdiff_t>(orders.size() / 2);
  const std::vector<Order> first(orders.begin(), orders.begin() + half);
  const std::vector<Order> second(orders.begin() + half, orders.end());
  for (const auto& reply : AskAll(*engine_, first)) EXPECT_TRUE(reply.ok()) << reply.status();
  for (const auto& reply : AskAll(*other, second)) EXPECT_TRUE(reply.ok()) << reply.status();
  for (int a = 0; a < kAccounts; ++a) {
    const auto receipts = storage::ListReceipts(*connection_, absl::StrCat("many-", a), 1,
                                                storage::kNewest, Oldest::kLast, 1000);
    ASSERT_TRUE(receipts.ok()) << receipts.status();
    ASSERT_EQ(receipts->size(), kPayments + 1U);
    for (size_t i = 0; i < receipts->size(); ++i) {
      EXPECT_EQ((*receipts)[i].number, static_cast<int64_t>(receipts->size() - i));
    }
  }
}

TEST_F(StatementsTest, NumbersBeginWithTheFirstMoneyAfterTheUpgradeIsFinished) {
  ledger_.sql().Execute("UPDATE feature_level SET level = 2, receipts_from = NULL");
  EngineOptions options = ledger_.Options();
  options.feature_level_holds = absl::ZeroDuration();
  engine_ = ledger_.StartEngine(options);
  EngineOptions slow_options = ledger_.Options();
  slow_options.feature_level_holds = absl::InfiniteDuration();
  const auto slow = ledger_.StartEngine(slow_options);
  OpenFunded(*engine_, kAccount);
  ASSERT_TRUE(Ask<PaymentReply>(*slow, kAccount, Payment("before", kDollar)).ok());
  EXPECT_THAT(Receipts(), IsEmpty());
  ledger_.sql().Execute("UPDATE feature_level SET level = 3");
  Must<PaymentReply>(Payment("after", 2 * kDollar));
  // One that has not heard of it sees that receipts are written, and leaves none out.
  const auto late = Ask<PaymentReply>(*slow, kAccount, Payment("late", 3 * kDollar));
  ASSERT_TRUE(late.ok()) << late.status();
  const std::vector<Receipt> receipts = Receipts();
  ASSERT_EQ(receipts.size(), 2U);
  EXPECT_EQ(receipts[0].amount, 2 * kDollar);
  EXPECT_EQ(receipts[1].amount, 3 * kDollar);
}

struct Spoiled {
  const char* name;
  const char* sql;
};
class SpoiledReceiptsTest : public StatementsTest, public testing::WithParamInterface<Spoiled> {
 protected:
  void TearDown() override {}  // its books are spoiled
};

TEST_P(SpoiledReceiptsTest, AreFoundByTheAudit) {
  OpenFunded(*engine_, kAccount);
  Must<PaymentReply>(Payment("one", kDollar));
  Must<PaymentReply>(Payment("two", 2 * kDollar));
  EXPECT_EQ(ledger_.AuditOf(kAccount).difference_count, 0);
  ledger_.sql().Execute(GetParam().sql);
  const Findings findings = ledger_.AuditOf(kAccount);
  EXPECT_GE(findings.difference_count, 1);
  for (const Difference& difference : findings.differences) {
    EXPECT_EQ(difference.check, audit::kCheckReceipts) << difference.stored;
  }
}

TEST_F(StatementsTest, ReceiptsThatAreAllGoneWithTheirCounterAreMissed) {
  OpenFunded(*engine_, kAccount);
  Must<PaymentReply>(Payment("one", kDollar));
  ledger_.sql().Execute("DELETE FROM receipts");
  ledger_.sql().Execute("UPDATE accounts SET last_receipt = 0");
  const Findings findings = ledger_.AuditOf(kAccount);
  ASSERT_EQ(findings.difference_count, 2);
  EXPECT_EQ(findings.differences[0].check, audit::kCheckReceipts);
  EXPECT_EQ(findings.differences[0].stored, "no receipt");
  // Where it is not known since when there are receipts, none is missed.
  ledger_.sql().Execute("UPDATE feature_level SET receipts_from = NULL");
  EXPECT_EQ(ledger_.AuditOf(kAccount).difference_count, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, SpoiledReceiptsTest,
    testing::Values(Spoiled{"Lost", "DELETE FROM receipts WHERE number = 2"},
                    Spoiled{"LostLast", "DELETE FROM receipts WHERE number = 3"},
                    Spoiled{"LostFirst", "DELETE FROM receipts WHERE number = 1"},
                    Spoiled{"Amount",
                            "UPDATE receipts SET amount_nanos = amount_nanos + 1 WHERE number = 2"},
                    Spoiled{"Entry", "UPDATE receipts SET seq = 9 WHERE number = 3"},
                    Spoiled{"Number", "UPDATE receipts SET number = 4 WHERE number = 3"},
                    Spoiled{"LastNumber", "UPDATE accounts SET last_receipt = 4"},
                    Spoiled{"Swapped", "UPDATE receipts SET seq = 5 - seq WHERE number > 1"}),
    [](const auto& spoiled) { return std::string(spoiled.param.name); });

}  // namespace
}  // namespace reserve::engine
