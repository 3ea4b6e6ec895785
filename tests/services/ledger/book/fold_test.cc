#include "services/ledger/book/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/book/etag.h"
#include "tests/services/ledger/book/catalogs.h"
#include "tests/services/ledger/book/scene.h"

namespace reserve::book {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr domain::NumberKey kNewKey = {'n', 'e', 'w'};
constexpr char kStandard[] = "14155550123";
constexpr char kNowhere[] = "99955501234";

// What is stored, as far as the tests need it, and the batch that is folded upon it.
class FoldTest : public testing::Test {
 protected:
  FoldTest() {
    rates::RateRow row;
    row.prefix = "1";
    row.price = kNanosPerCent;
    rates::DeckHeader header;
    header.version = 1;
    header.currency = "USD";
    PutInForce(*rates::DeckSnapshot::Create(header, {row}), &catalog_);
    PutPlan(PlanNamed("p"), &catalog_);
  }

  // An account with a card and a user "u".
  AccountImage& Store(const std::string& account_id) {
    AccountImage& image = image_.accounts[names_.emplace_back(account_id)];
    image.known = std::make_unique<KnownAccount>();
    image.exists = true;
    image.known->version = image.known->revision = 7;
    domain::Account& account = image.account();
    account.account_id = account_id;
    account.currency = "USD";
    account.state = domain::AccountState::kActive;
    account.balance = 100 * kNanosPerUnit;
    account.reserve_amount = 15 * kNanosPerUnit;
    account.recharge_threshold = 10 * kNanosPerUnit;
    domain::PaymentMethod& method = account.payment_methods.emplace_back();
    method.payment_method_id = domain::PaymentMethodId(++account.last_payment_method);
    method.card = {CardToken("tok"), "old", domain::CardNetwork::kVisa};
    domain::User user;
    user.account_id = account_id;
    user.user_id = "u";
    user.plan_id = "p";
    image.known->users.push_back(user);
    return image;
  }

  void Ask(const std::string& account_id, Command command) {
    commands_.push_back(
        {names_.emplace_back(account_id), &asked_.emplace_back(std::move(command))});
  }

  Folded Run() {
    for (const AccountCommand& each : commands_) {
      AccountImage& image = image_.accounts[each.account_id];
      if (image.known == nullptr) image.known = std::make_unique<KnownAccount>();
    }
    const domain::Context context{settings_, now_, feature_level_};
    for (const UserYear& need : KeysOf(commands_, context, Duplicates::kOptimistic).number_keys) {
      const AccountImage& image = image_.accounts[need.account_id];
      if (image.FindNumberKey(need.user_id, need.year) != nullptr) continue;
      image.known->number_keys.push_back({std::string(need.user_id), need.year, kNewKey});
    }
    return Fold(context, catalog_, commands_, &image_);
  }

  static domain::Usage Call(const std::string& usage_id, const std::string& user_id = "u",
                            const std::string& destination = kStandard) {
    domain::Usage usage;
    usage.usage_id = usage_id;
    usage.user_id = user_id;
    usage.destination = destination;
    usage.start_time = kNow - absl::Minutes(3);
    usage.duration = absl::Seconds(60);
    return usage;
  }

  static CreateHold HoldOf(const std::string& hold_id, const std::string& usage_id) {
    CreateHold create;
    create.request.hold_id = hold_id;
    create.request.call = Call(usage_id);
    create.request.call.duration = absl::ZeroDuration();
    return create;
  }

  // Folds the batch, and stores what it writes of holds; the next one begins.
  Folded Commit() {
    Folded folded = Run();
    for (const HoldRow& row : folded.writes.holds) {
      places_[row.slot] = row.hold == nullptr ? "" : row.hold->hold_id;
    }
    folded.writes = {};
    image_.holds.clear();
    commands_.clear();
    return folded;
  }

  static std::vector<std::string> Reasons(const Folded& folded) {
    std::vector<std::string> reasons;
    for (const auto& reply : folded.replies) reasons.emplace_back(ReasonOf(reply.status()));
    return reasons;
  }

  domain::Settings settings_;
  int feature_level_ = domain::kNewestFeatureLevel;
  absl::Time now_ = kNow;
  Catalog catalog_;
  std::map<int32_t, std::string> places_;  // of an account's holds, as they are stored
  Image image_;
  std::deque<std::string> names_;
  std::deque<Command> asked_;
  std::vector<AccountCommand> commands_;
};

TEST_F(FoldTest, LaterCommandsOfABatchSeeWhatEarlierOnesDid) {
  Store("a");
  Ask("a", PutUser{"new", "p"});
  Ask("a", RecordUsage{Call("c1", "new")});
  Ask("a", RecordUsage{Call("c1", "new")});
  Ask("a", RecordUsage{Call("c1", "u")});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "USAGE_ID_REUSED"));
  EXPECT_TRUE(As<UsageReply>(*folded.replies[2]).duplicate);
  EXPECT_EQ(folded.writes.entries.size(), 1u);
  EXPECT_EQ(folded.duplicates, 2);
}

// K4, and the form of all requests that change something: whatever came in between stands.
TEST_F(FoldTest, ALateRepeatAboutAUserChangesNothing) {
  Store("a");
  PutUser put{"u", "p"};
  put.blocked = true;
  put.request_id = "put";
  put.plan_from = now_ + absl::Hours(1);
  Ask("a", put);
  PutUser unblock{"u", ""};
  unblock.blocked = false;
  Ask("a", unblock);
  // Its time has come, and gone.
  put.plan_from_passed = true;
  Ask("a", put);
  Ask("a", RemoveUser{"u", "remove"});
  Ask("a", put);
  Ask("a", PutUser{"u", ""});
  Ask("a", RemoveUser{"u", "remove"});
  put.blocked = false;
  Ask("a", put);
  Ask("a", RemoveUser{"u", "put"});
  put.request_id = "another";
  Ask("a", put);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded),
              ElementsAre("OK", "OK", "OK", "OK", "OK", "OK", "OK", "REQUEST_ID_REUSED",
                          "REQUEST_ID_REUSED", "INVALID_FIELD"));
  const auto user = [&folded](size_t i) { return As<UserReply>(*folded.replies[i]).user; };
  EXPECT_TRUE(user(0).blocked());
  EXPECT_FALSE(user(2).blocked()) << "unblocked since";
  EXPECT_TRUE(user(4).removed()) << "removed since";
  EXPECT_FALSE(user(6).removed()) << "brought back since";
  EXPECT_EQ(FieldOf(folded.replies[9].status()), "plan_effective_time");
  EXPECT_EQ(folded.writes.requests.size(), 2u);
}

TEST_F(FoldTest, TheWriteSetHasEachAccountOnceInTheOrderOfIdsAndOverTheRevisionThatWasRead) {
  for (const std::string id : {"c", "a", "b", "untouched"}) {
    Store(id);
    if (id == "untouched") continue;
    Ask(id, RecordUsage{Call("one")});
    Ask(id, RecordUsage{Call("two")});
  }
  Ask("untouched", VoidUsage{"x", false, {"wrong"}});
  const Folded folded = Run();
  std::vector<std::string> ids;
  for (const Balance& balance : folded.writes.balances) {
    ids.push_back(balance.account_id);
    EXPECT_EQ(balance.revision, 8);
    EXPECT_EQ(balance.last_seq, 2);
  }
  EXPECT_THAT(ids, ElementsAre("a", "b", "c"));
  EXPECT_EQ(folded.writes.entries.size(), 6u);
  EXPECT_THAT(folded.writes.changed, IsEmpty()) << "nothing but balances changed";
}

TEST_F(FoldTest, EntriesOfABatchAreChained) {
  Store("a");
  Ask("a", RecordUsage{Call("one")});
  Ask("a", RecordUsage{Call("two")});
  const Folded folded = Run();
  domain::EntryHash head{};
  for (const domain::Entry& entry : folded.writes.entries) {
    EXPECT_EQ(entry.chain_form, domain::ChainForm::kTagged);
    head = ChainedHash(head, entry, &kNewKey);
    EXPECT_EQ(entry.hash, head);
  }
  EXPECT_EQ(folded.writes.balances.at(0).head, head);
}

TEST_F(FoldTest, EntriesAndEventsSayWhoseCallMadeThemAndTheChainDoesNot) {
  Store("a");
  domain::ByStaff by;
  by.reason = "goodwill";
  Ask("a", AdjustBalance{"r1", kNanosPerUnit, by, ""});
  Ask("a", AdjustBalance{"r2", kNanosPerUnit, by, ""});
  commands_[0].caller = "spiffe://x/console";
  const Folded folded = Run();
  ASSERT_EQ(folded.writes.entries.size(), 2u);
  EXPECT_EQ(folded.writes.entries[0].caller, "spiffe://x/console");
  EXPECT_EQ(folded.writes.entries[1].caller, "") << "the ledger's own";
  domain::Entry without = folded.writes.entries[0];
  without.caller = "";
  EXPECT_EQ(ChainedHash(domain::EntryHash(), without, nullptr), folded.writes.entries[0].hash);
  int named = 0;
  for (const domain::Event& event : folded.writes.events) {
    named += event.caller == "spiffe://x/console" ? 1 : 0;
  }
  EXPECT_GE(named, 1);
}

TEST_F(FoldTest, EventsSayWhoDidItAsTheCommandSaysOrElseTheCaller) {
  Store("a");
  domain::ByStaff by;
  by.reason = "goodwill";
  by.actor = "sue";
  Ask("a", AdjustBalance{"r1", kNanosPerUnit, by, ""});
  UpdateBillingSettings off;
  off.change.automatic_recharge = false;
  Ask("a", off);
  for (AccountCommand& each : commands_) each.actor = "ann";
  const Folded folded = Run();
  const auto who = [&](domain::EventKind kind) {
    for (const domain::Event& event : folded.writes.events) {
      if (event.kind == kind) return event.actor;
    }
    return std::string("nobody");
  };
  EXPECT_EQ(who(domain::EventKind::kBalanceAdjusted), "sue");
  EXPECT_EQ(who(domain::EventKind::kAutomaticRechargeOff), "ann");
}

TEST_F(FoldTest, TheKeyOfAUsersNumbersOfAYearIsStoredOnceWithTheFirstEntryThatNeedsIt) {
  AccountImage& image = Store("a");
  image.known->number_keys.push_back({"u", 2026, {'k', 'n', 'o', 'w', 'n'}, /*stored=*/true});
  domain::Usage last_year = Call("late");
  last_year.start_time -= absl::Hours(24 * 366);
  domain::Usage without_number = Call("text");
  without_number.user_id = "v";
  without_number.kind = domain::UsageKind::kSms;
  without_number.direction = domain::Direction::kInbound;
  without_number.destination = "";
  Ask("a", PutUser{"v", "p"});
  Ask("a", RecordUsage{Call("one")});
  Ask("a", RecordUsage{last_year});
  Ask("a", RecordUsage{without_number});
  last_year.usage_id = "late too";
  Ask("a", RecordUsage{last_year});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK"));
  ASSERT_EQ(folded.writes.number_keys.size(), 1u);
  EXPECT_EQ(folded.writes.number_keys[0].user_id, "u");
  EXPECT_EQ(folded.writes.number_keys[0].year, 2025);
  EXPECT_EQ(folded.writes.number_keys[0].key, kNewKey);
}

TEST_F(FoldTest, ARefusedUsageStoresNoKey) {
  Store("a");
  domain::Usage too_old = Call("c", "nobody");
  too_old.start_time -= absl::Hours(24 * 10'000);
  Ask("a", RecordUsage{too_old});
  EXPECT_THAT(Run().writes.number_keys, IsEmpty());
}

TEST_F(FoldTest, BelowTheLevelOfTheTaggedChainEntriesAreChainedAsBefore) {
  feature_level_ = domain::kTaggedChainLevel - 1;
  Store("a");
  Ask("a", RecordUsage{Call("one")});
  const Folded folded = Run();
  const domain::Entry& entry = folded.writes.entries.at(0);
  EXPECT_EQ(entry.chain_form, domain::ChainForm::kFixed);
  EXPECT_EQ(entry.hash, ChainedHash({}, entry, nullptr));
  EXPECT_THAT(folded.writes.number_keys, IsEmpty());
}

TEST_F(FoldTest, U2_ANumberThatWasErasedIsNotComparedWithTheOneThatIsSentAgain) {
  Store("a");
  domain::Entry booked;
  booked.account_id = "a";
  booked.seq = 1;
  booked.booked.emplace().usage = Call("one");
  booked.booked->usage.destination = ErasedNumber(kNewKey, kStandard);
  image_.AddBooked(std::move(booked));
  Ask("a", RecordUsage{Call("one")});
  domain::Usage longer = Call("one");
  longer.duration += absl::Microseconds(1);
  Ask("a", RecordUsage{longer});
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK", "USAGE_ID_REUSED"));
}

TEST_F(FoldTest, WhatNothingCameOfIsNotWritten) {
  Store("a");
  Ask("a", VoidUsage{"never-booked", false, {"wrong"}});
  Ask("b", BlockAccount{{"fraud"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("USAGE_NOT_FOUND", "ACCOUNT_NOT_FOUND"));
  EXPECT_TRUE(folded.writes.empty());
}

TEST_F(FoldTest, U2_TheStoredResultOfARepeatComesBeforeAnyRefusal) {
  Store("a");
  domain::Usage usage = Call("c", "nobody", kNowhere);
  usage.start_time = kNow - absl::Hours(24 * 10'000);
  domain::Entry stored;
  stored.account_id = "a";
  stored.seq = 5;
  stored.booked.emplace().usage = usage;
  Ask("a", RecordUsage{usage});
  // Found beforehand, or once it was refused.
  Folded folded = Run();
  EXPECT_THAT(RefusedUsages(commands_, folded, image_), ElementsAre(OnceKey("a", "c")));
  image_.AddBooked(domain::Entry(stored));
  AnswerRepeats(commands_, image_, &folded);
  ASSERT_TRUE(folded.replies[0].ok()) << folded.replies[0].status();
  EXPECT_EQ(As<UsageReply>(*folded.replies[0]).seq, 5);
  const Folded again = Run();
  ASSERT_TRUE(again.replies[0].ok()) << again.replies[0].status();
  EXPECT_TRUE(As<UsageReply>(*again.replies[0]).duplicate);
}

// What can never be right, then what is not there. A user or a price that is missing refuses
// nothing.
TEST_F(FoldTest, RefusalsOfAUsageComeInTheDocumentedOrder) {
  Store("a").known->users.push_back({"a", "without-plan", "gone", {}, kNow});
  const auto too_late = [](domain::Usage usage) {
    usage.start_time = kNow + absl::Hours(24);
    return usage;
  };
  Ask("missing", RecordUsage{too_late(Call("1", "nobody", kNowhere))});
  Ask("missing", RecordUsage{Call("2", "nobody", kNowhere)});
  Ask("a", RecordUsage{too_late(Call("3", "nobody", kNowhere))});
  Ask("a", RecordUsage{Call("4", "nobody", kNowhere)});
  Ask("a", RecordUsage{Call("5", "without-plan", kNowhere)});
  Ask("a", RecordUsage{Call("6", "u", kNowhere)});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("INVALID_FIELD", "ACCOUNT_NOT_FOUND", "INVALID_FIELD",
                                           "OK", "PLAN_NOT_STORED", "OK"));
  EXPECT_EQ(folded.unrated, 2);
}

TEST_F(FoldTest, RefusalsOfAHoldComeInTheDocumentedOrder) {
  Store("a");
  Ask("a", RecordUsage{Call("booked")});
  Ask("a", HoldOf("h", "held"));
  const auto hold = [](const std::string& hold_id, const std::string& usage_id,
                       const std::string& user_id, absl::Time start = kNow) {
    CreateHold create = HoldOf(hold_id, usage_id);
    create.request.call.user_id = user_id;
    create.request.call.start_time = start;
    return create;
  };
  const absl::Time too_late = kNow + absl::Hours(24);
  Ask("missing", hold("h", "booked", "nobody", too_late));
  Ask("missing", hold("h", "booked", "nobody"));
  Ask("a", hold("h", "booked", "nobody"));
  Ask("a", hold("h", "booked", "u"));
  Ask("a", hold("other", "booked", "u"));
  Ask("a", hold("other", "held", "u"));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded),
              ElementsAre("OK", "OK", "INVALID_FIELD", "ACCOUNT_NOT_FOUND", "USER_NOT_FOUND",
                          "HOLD_ID_REUSED", "USAGE_BOOKED", "USAGE_HELD"));
}

// --- U1, U5, K3 -----------------------------------------------------------------------

domain::UsageStatus StatusOf(const absl::StatusOr<Reply>& reply) {
  return As<UsageReply>(*reply).status;
}

TEST_F(FoldTest, U8_AnArchivedUsageIsKnownByItsIdAndTakesNoChange) {
  Store("a");
  image_.archived[{"a", "gone"}] = 7;
  Ask("a", RecordUsage{Call("gone")});
  Ask("a", RecordUsage{Call("gone", "somebody-else")});
  Ask("a", VoidUsage{"gone", true, {"wrong"}});
  Ask("a", CorrectUsage{{"gone"}, Call("new"), {"wrong"}});
  Ask("a", CorrectUsage{{"never-was"}, Call("gone"), {"wrong"}});
  Ask("a", RateUnrated{"gone"});
  Ask("a", HoldOf("h", "gone"));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "USAGE_ARCHIVED", "USAGE_ARCHIVED",
                                           "USAGE_ARCHIVED", "USAGE_ARCHIVED", "USAGE_BOOKED"));
  for (const size_t asked : {0, 1}) {
    const auto& reply = As<UsageReply>(*folded.replies[asked]);
    EXPECT_TRUE(reply.duplicate && reply.archived);
    EXPECT_EQ(reply.seq, 7);
    EXPECT_EQ(reply.cost, 0);
  }
  EXPECT_TRUE(folded.writes.empty());
}

TEST_F(FoldTest, U8_AUsageThatIsRefusedForItsAgeMayBeTheRepeatOfOneThatIsArchived) {
  Store("a");
  domain::Usage old = Call("gone");
  old.start_time = kNow - settings_.max_usage_age - absl::Hours(1);
  Ask("a", RecordUsage{old});
  old.usage_id = "new";
  Ask("a", RecordUsage{old});
  Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("USAGE_TOO_OLD", "USAGE_TOO_OLD"));
  EXPECT_EQ(RefusedUsages(commands_, folded, image_).size(), 2u);
  image_.archived[{"a", "gone"}] = 7;
  AnswerRepeats(commands_, image_, &folded);
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "USAGE_TOO_OLD"));
  EXPECT_TRUE(As<UsageReply>(*folded.replies[0]).archived);
}

TEST_F(FoldTest, U5_AVoidInTheBatchOfItsUsageTakesItBackAndTheUsageStaysVoided) {
  Store("a");
  Ask("a", RecordUsage{Call("c")});
  Ask("a", VoidUsage{"c", false, {"wrong"}});
  Ask("a", RecordUsage{Call("c")});
  Ask("a", VoidUsage{"c", false, {"wrong"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_EQ(folded.writes.entries.size(), 2u);
  EXPECT_EQ(StatusOf(folded.replies[2]), domain::UsageStatus::kVoided);
  EXPECT_EQ(As<UsageReply>(*folded.replies[2]).cost, 0);
  EXPECT_TRUE(As<VoidReply>(*folded.replies[3]).already_voided);
  EXPECT_EQ(As<VoidReply>(*folded.replies[3]).returned, kNanosPerCent);
  EXPECT_EQ(image_.accounts["a"].account().balance, 100 * kNanosPerUnit);
  ASSERT_EQ(folded.writes.usage_states.size(), 1u);
  EXPECT_EQ(folded.writes.usage_states[0]->status, domain::UsageStatus::kVoided);
}

TEST_F(FoldTest, U5_AVoidThatIsOnlyTriedIsAnsweredAndChangesNothing) {
  Store("a");
  Ask("a", RecordUsage{Call("c")});
  VoidUsage tried{"c", false, {"wrong"}, /*validate_only=*/true};
  Ask("a", tried);
  Ask("a", tried);
  tried.validate_only = false;
  Ask("a", tried);
  tried = {"missing", false, {"wrong"}, /*validate_only=*/true};
  Ask("a", tried);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "USAGE_NOT_FOUND"));
  for (const size_t asked : {1, 2, 3}) {
    const auto& reply = As<VoidReply>(*folded.replies[asked]);
    EXPECT_EQ(reply.seq, 2);
    EXPECT_EQ(reply.returned, kNanosPerCent);
    EXPECT_EQ(reply.balance, 100 * kNanosPerUnit);
    EXPECT_FALSE(reply.already_voided);
  }
  EXPECT_EQ(folded.writes.entries.size(), 2u);
}

TEST_F(FoldTest, U5_ACorrectionThatIsOnlyTriedIsAnsweredAndChangesNothing) {
  Store("a");
  Ask("a", RecordUsage{Call("old")});
  CorrectUsage tried{{"old"}, Call("new"), {"wrong"}, /*validate_only=*/true};
  tried.usage.duration = absl::Minutes(5);
  CorrectUsage made = tried;
  made.validate_only = false;
  Ask("a", tried);
  Ask("a", tried);
  Ask("a", made);
  Ask("a", tried);
  // Of one that was booked by itself the old one is still to be taken back.
  Ask("a", RecordUsage{Call("third")});
  Ask("a", CorrectUsage{{"new"}, Call("third"), {"wrong"}, /*validate_only=*/true});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK", "OK", "OK"));
  for (const size_t asked : {1, 2, 3}) {
    const auto& reply = As<CorrectionReply>(*folded.replies[asked]);
    EXPECT_EQ(reply.usage.seq, 3);
    EXPECT_EQ(reply.usage.cost, 5 * kNanosPerCent);
    EXPECT_FALSE(reply.usage.duplicate);
    ASSERT_TRUE(reply.voided.has_value());
    EXPECT_EQ(reply.voided->returned, kNanosPerCent);
  }
  EXPECT_TRUE(As<CorrectionReply>(*folded.replies[4]).usage.duplicate);
  EXPECT_EQ(As<CorrectionReply>(*folded.replies[6]).voided->returned, 5 * kNanosPerCent);
  EXPECT_EQ(folded.writes.entries.size(), 4u);
  EXPECT_EQ(image_.accounts["a"].account().balance, 100 * kNanosPerUnit - 6 * kNanosPerCent);
}

TEST_F(FoldTest, G8_ATopUpThatIsOnlyTriedIsAnsweredAndOpensNothing) {
  Store("a");
  RequestRecharge tried{"top-up", 20 * kNanosPerUnit, "", /*validate_only=*/true};
  RequestRecharge made = tried;
  made.validate_only = false;
  Ask("a", tried);
  Ask("a", tried);
  Ask("a", made);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK"));
  for (const size_t asked : {0, 1, 2}) {
    const auto& reply = As<RechargeReply>(*folded.replies[asked]);
    EXPECT_EQ(reply.recharge.ordinal, 1);
    EXPECT_EQ(reply.recharge.amount, 20 * kNanosPerUnit);
    EXPECT_FALSE(reply.already_applied);
  }
  EXPECT_EQ(folded.writes.recharges.size(), 1u);
  EXPECT_EQ(folded.writes.requests.size(), 1u);
}

TEST_F(FoldTest, ARechargeHasTheTimeOfItsLastChange) {
  Store("a").account().balance = kNanosPerUnit;
  Ask("a", RequestRecharge{"top-up", 20 * kNanosPerUnit, ""});
  const Folded opened = Commit();
  EXPECT_EQ(As<RechargeReply>(*opened.replies[0]).recharge.update_time, kNow);
  // What is decided upon it writes it as it is.
  now_ = kNow + absl::Minutes(1);
  Ask("a", BlockAccount{{"fraud"}, "", /*validate_only=*/true});
  Ask("a", RecordUsage{Call("c")});
  Commit();
  EXPECT_EQ(image_.recharges[RechargeKey("a", 1)].recharge.update_time, kNow);
  Ask("a", BlockAccount{{"fraud"}});
  Commit();
  const domain::Recharge& canceled = image_.recharges[RechargeKey("a", 1)].recharge;
  EXPECT_EQ(canceled.state, domain::RechargeState::kCanceled);
  EXPECT_EQ(canceled.update_time, now_);
}

TEST_F(FoldTest, P4_APayoutIsNotedOnceUnderItsRequest) {
  domain::Account& account = Store("a").account();
  account.state = domain::AccountState::kClosed;
  account.balance = 0;
  account.closing.owed = 15 * kNanosPerUnit;
  account.closing.close_time = kNow;
  RecordPayout payout{5 * kNanosPerUnit, "", {"by bank"}, "paid"};
  RecordPayout other = payout;
  other.total = 9 * kNanosPerUnit;
  RecordPayout tried = other;
  tried.request_id = "";
  tried.validate_only = true;
  for (const RecordPayout& each : {tried, payout, payout, other}) Ask("a", each);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "REQUEST_ID_REUSED"));
  EXPECT_EQ(As<domain::Account>(*folded.replies[0]).closing.paid_out, 9 * kNanosPerUnit);
  EXPECT_EQ(As<domain::Account>(*folded.replies[2]).closing.paid_out, 5 * kNanosPerUnit);
  EXPECT_EQ(folded.writes.events.size(), 1u);
  EXPECT_EQ(folded.writes.requests.size(), 1u);
}

TEST_F(FoldTest, ATryOfWhatPeopleDoAnswersWhatWouldBeAndWritesNothing) {
  domain::PaymentMethod& card = Store("a").account().payment_methods.front();
  const domain::GivenCard other{{CardToken("tok-2"), "second"}};
  const domain::GivenCard shown{{}, domain::CardDisplay{"visa", "4242", 2029, 1}};
  Ask("a", AddPaymentMethod{"", other, /*validate_only=*/true});
  Ask("a", UpdatePaymentMethod{"", card.payment_method_id, shown, "", /*validate_only=*/true});
  Ask("a", RemovePaymentMethod{card.payment_method_id, "", "", /*validate_only=*/true});
  Ask("a", RemoveUser{"u", "", /*validate_only=*/true});
  Ask("a", BlockAccount{{"fraud"}, "", /*validate_only=*/true});
  Ask("a", UnblockAccount{{"no fraud"}, "", /*validate_only=*/true});
  Ask("a", LiftSuspension{{}, {"why"}, "", "", {}, /*validate_only=*/true});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK", "OK", "OK"));
  EXPECT_EQ(As<PaymentMethodReply>(*folded.replies[0]).position, 2);
  EXPECT_EQ(As<PaymentMethodReply>(*folded.replies[1]).method.display.brand, "visa");
  EXPECT_THAT(As<domain::Account>(*folded.replies[2]).payment_methods, IsEmpty());
  EXPECT_TRUE(As<UserReply>(*folded.replies[3]).user.removed());
  EXPECT_EQ(As<domain::Account>(*folded.replies[4]).block.reason, "fraud");
  EXPECT_THAT(folded.writes.events, IsEmpty());
  EXPECT_THAT(folded.writes.balances, IsEmpty());
}

TEST_F(FoldTest, U5_TheOriginalThatWasOvertakenBooksNothing) {
  Store("a");
  Ask("a", CorrectUsage{{"old"}, Call("new"), {"wrong"}});
  Ask("a", RecordUsage{Call("old")});
  Ask("a", CorrectUsage{{"old"}, Call("new"), {"wrong"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(StatusOf(folded.replies[1]), domain::UsageStatus::kVoided);
  const auto& again = As<CorrectionReply>(*folded.replies[2]);
  EXPECT_TRUE(again.usage.duplicate);
  EXPECT_TRUE(again.voided->already_voided);
  EXPECT_EQ(folded.writes.entries.size(), 2u);
  EXPECT_TRUE(folded.writes.entries[0].voided.in_advance);
}

TEST_F(FoldTest, U5_ACorrectionWhoseUsageWasBookedByItselfStillTakesTheOldOneBack) {
  Store("a");
  Ask("a", RecordUsage{Call("old")});
  Ask("a", RecordUsage{Call("new")});
  Ask("a", CorrectUsage{{"old"}, Call("new"), {"wrong"}});
  domain::Usage other = Call("new");
  other.duration += absl::Seconds(1);
  Ask("a", CorrectUsage{{"old"}, other, {"wrong"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "USAGE_ID_REUSED"));
  EXPECT_EQ(As<CorrectionReply>(*folded.replies[2]).voided->returned, kNanosPerCent);
  EXPECT_EQ(image_.accounts["a"].account().balance, 100 * kNanosPerUnit - kNanosPerCent);
}

TEST_F(FoldTest, S3_TextsThatAreSentTogetherSpendTheBalanceOnce) {
  rates::RateRow text;
  text.kind = rates::RateKind::kSms;
  text.prefix = "1";
  text.price = kNanosPerCent;
  rates::DeckHeader header;
  header.version = 2;
  header.currency = "USD";
  PutInForce(*rates::DeckSnapshot::Create(header, {text}), &catalog_);
  Store("a").account().balance = 3 * kNanosPerCent;
  for (int i = 0; i < 10; ++i) {
    domain::Usage usage = Call(absl::StrCat("t", i));
    usage.kind = domain::UsageKind::kSms;
    usage.duration = absl::ZeroDuration();
    usage.segments = 1;
    Ask("a", RecordUsage{usage, /*only_if_allowed=*/true});
  }
  const Folded folded = Run();
  EXPECT_EQ(folded.writes.entries.size(), 3u);
  EXPECT_THAT(Reasons(folded),
              ElementsAre("OK", "OK", "OK", "USAGE_NOT_ALLOWED", "USAGE_NOT_ALLOWED",
                          "USAGE_NOT_ALLOWED", "USAGE_NOT_ALLOWED", "USAGE_NOT_ALLOWED",
                          "USAGE_NOT_ALLOWED", "USAGE_NOT_ALLOWED"));
  EXPECT_THAT(
      MetadataOf(folded.replies[3].status()),
      ElementsAre(testing::Pair("decision", "AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE")));
  EXPECT_EQ(image_.accounts["a"].account().balance, 0);
}

TEST_F(FoldTest, S3_OneThatIsNotAllowedByWhatIsRememberedIsReadFirst) {
  AccountImage& image = Store("a");
  image.remembered = true;
  image.account().balance = 0;
  Ask("a", RecordUsage{Call("c"), /*only_if_allowed=*/true});
  const Folded folded = Run();
  EXPECT_TRUE(folded.must_read);
}

TEST_F(FoldTest, G12_OneThatIsRefusedForWantOfMoneyThatWasTakenBackEndsTheWait) {
  domain::Account& account = Store("a").account();
  account.balance = 0;
  account.taken_back = {20 * kNanosPerUnit, kNow - absl::Hours(1)};
  Ask("a", RecordUsage{Call("c"), /*only_if_allowed=*/true});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("USAGE_NOT_ALLOWED"));
  EXPECT_EQ(folded.writes.recharges.size(), 1u) << "the reserve is refilled now";
  EXPECT_THAT(folded.writes.entries, IsEmpty());
}

TEST_F(FoldTest, K3_WhatWaitedForItsUserIsRatedOnce) {
  Store("a");
  Ask("a", RecordUsage{Call("c", "zoe")});
  Ask("a", RateUnrated{"c"});
  Ask("a", PutUser{"zoe", "p"});
  Ask("a", RateUnrated{"c"});
  Ask("a", RateUnrated{"c"});
  Ask("a", RecordUsage{Call("c", "zoe")});
  const Folded folded = Run();
  EXPECT_EQ(StatusOf(folded.replies[1]), domain::UsageStatus::kUnrated);
  EXPECT_EQ(StatusOf(folded.replies[3]), domain::UsageStatus::kRated);
  EXPECT_EQ(As<UsageReply>(*folded.replies[5]).cost, kNanosPerCent);
  EXPECT_EQ(folded.writes.entries.size(), 2u);
  EXPECT_THAT(folded.with_new_users, ElementsAre("a"));
}

TEST_F(FoldTest, C8_WhatIsUsedOfAnAllowanceIsARowOfItsOwn) {
  domain::Plan plan = PlanNamed("p");
  plan.free_seconds = 600;
  PutPlan(plan, &catalog_);
  Store("a");
  Ask("a", RecordUsage{Call("c")});
  Ask("a", RecordUsage{Call("d")});
  const Folded folded = Run();
  EXPECT_THAT(folded.writes.users, IsEmpty());
  ASSERT_EQ(folded.writes.allowances.size(), 1u);
  EXPECT_EQ(folded.writes.allowances[0].used, (domain::Allowance{0, 120}));
}

// Another time zone and billing day.
UpdateAccount Move(const std::string& request_id, int32_t billing_day) {
  UpdateAccount update;
  update.request_id = request_id;
  update.change.time_zone = FindTimeZone("Asia/Tokyo").value();
  update.change.billing_day = billing_day;
  return update;
}

TEST_F(FoldTest, C8_AVoidGivesBackToTheMonthThatTheCallDrewOnWhateverTheCalendarAndThePlanAre) {
  domain::Plan plan = PlanNamed("p");
  plan.free_seconds = 600;
  plan.allowance_reset = domain::AllowanceReset::kBillingDay;
  PutPlan(plan, &catalog_);
  PutPlan(PlanNamed("q"), &catalog_);
  Store("a").account().calendar.first.billing_day = 5;
  const int32_t period =
      PeriodOf(plan, Call("c").start_time, image_.accounts["a"].account().calendar);
  EXPECT_EQ(period % 100, 5);
  Ask("a", RecordUsage{Call("c")});
  Ask("a", RecordUsage{Call("d")});
  Ask("a", Move("r", 20));
  Ask("a", PutUser{"u", "q"});
  Ask("a", VoidUsage{"c", false, {"wrong"}});
  const Folded folded = Run();
  EXPECT_EQ(As<VoidReply>(*folded.replies[4]).free_period, period);
  ASSERT_EQ(folded.writes.allowances.size(), 1u);
  EXPECT_EQ(folded.writes.allowances[0].used, (domain::Allowance{period, 60}));
}

TEST_F(FoldTest, C8_AMoveIsMadeOnceByItsRequestIdAlsoWhereItChangedNothing) {
  Store("a");
  Ask("a", Move("first", 20));
  Ask("a", Move("same", 20));
  Ask("a", Move("", 25));
  Ask("a", Move("first", 20));
  Ask("a", Move("same", 20));
  Ask("a", Move("first", 21));
  EXPECT_THAT(KeysOf(commands_, {settings_, kNow}, Duplicates::kOptimistic).requests,
              testing::SizeIs(5));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK", "REQUEST_ID_REUSED"));
  EXPECT_EQ(image_.accounts["a"].account().calendar.latest().billing_day, 25);
  EXPECT_EQ(folded.writes.requests.size(), 2u);
  EXPECT_EQ(folded.writes.changed.size(), 1u);
}

TEST_F(FoldTest, C8_AnAccountThatWasChangedSinceItWasReadIsNotWrittenOver) {
  const std::string read = EtagOfAccount(Store("a").account());
  const auto move = [&](int32_t day, const std::string& etag) {
    UpdateAccount update = Move("", day);
    update.etag = etag;
    Ask("a", update);
  };
  move(20, read);
  move(25, read);
  move(20, read);  // the first again, whose reply was lost
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "ETAG_MISMATCH", "OK"));
}

TEST_F(FoldTest, ARefusalForMoneyOfARememberedAccountIsNotBelieved) {
  AccountImage& image = Store("a");
  image.remembered = true;
  image.account().balance = -9'223'372'036'854'775'807;
  domain::Usage usage = Call("c", "u");
  usage.duration = absl::Seconds(36'000'000);
  settings_.max_call_duration = usage.duration;
  Ask("a", RecordUsage{usage});
  const Folded folded = Run();
  EXPECT_TRUE(folded.must_read);
  EXPECT_TRUE(folded.writes.empty());
}

TEST_F(FoldTest, ACatalogThatLacksAPlanOrARateIsSaidToBeOldPerhaps) {
  Store("a");
  Ask("a", PutUser{"u", "made-elsewhere"});
  const Folded plan = Run();
  EXPECT_TRUE(plan.missed_plan);
  EXPECT_FALSE(plan.missed_rate);
  Ask("a", RecordUsage{Call("d", "u", kNowhere)});
  EXPECT_TRUE(Run().missed_rate);
}

TEST_F(FoldTest, AFactOfAUserWhosePlanHasNoRowIsNotRefusedForGood) {
  AccountImage& image = Store("a");
  image.known->users.front().plan_id = "gone";
  Ask("a", RecordUsage{Call("c", "u")});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("PLAN_NOT_STORED"));
  EXPECT_TRUE(absl::IsUnavailable(folded.replies.front().status()));
  EXPECT_TRUE(folded.missed_plan);
  EXPECT_TRUE(folded.writes.empty());
}

// The declines of a card that comes with the batch are needed by what follows in it.
TEST_F(FoldTest, M3_AnAccountIsOpenedWhereADeckOfItsCurrencyIsInForceAndTheCatalogMayBeOld) {
  OpenAccount open;
  open.currency = "EUR";
  open.plan_id = "p";
  open.card.card = {CardToken("tok"), "new", domain::CardNetwork::kVisa};
  Ask("euros", open);
  const Folded without = Run();
  EXPECT_THAT(Reasons(without), ElementsAre("CURRENCY_WITHOUT_DECK"));
  EXPECT_TRUE(without.missed_rate) << "the deck may have been imported just now";
  EXPECT_THAT(without.writes.opened, IsEmpty());

  rates::DeckHeader header;
  header.version = 2;
  header.currency = "EUR";
  header.effective_time = kNow;
  PutInForce(*rates::DeckSnapshot::Create(header, {}), &catalog_);
  const Folded opened = Run();
  EXPECT_THAT(Reasons(opened), ElementsAre("OK"));
  EXPECT_FALSE(opened.missed_rate);
}

TEST_F(FoldTest, M3_AUsageWithoutAPriceSaysWhereNoDeckWasInForce) {
  Store("a").account().currency = "EUR";
  Ask("a", RecordUsage{Call("c")});
  Ask("a", AuthorizeUsage{Call("")});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK"));
  EXPECT_EQ(As<UsageReply>(*folded.replies[0]).unrated_reason, domain::UnratedReason::kNoDeck);
  EXPECT_TRUE(As<AuthorizeReply>(*folded.replies[1]).deck_missing);
}

TEST_F(FoldTest, C10_AnEmergencyCallIsAllowedAndBookedWhoeverMakesItAndCountedWhereNobodyDoes) {
  AccountImage& image = Store("a");
  image.account().country = "GB";
  image.account().block.reason = "fraud";
  for (const std::string account : {"a", "nobody"}) {
    Ask(account, AuthorizeUsage{Call("", "nobody", "#999")});
    Ask(account, RecordUsage{Call("help", "nobody", "#999")});
  }
  Ask("a", RecordUsage{Call("help", "nobody", "#999")});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK"));
  for (const size_t i : {0, 2}) {
    EXPECT_TRUE(As<AuthorizeReply>(*folded.replies[i]).authorization.emergency) << i;
  }
  EXPECT_TRUE(As<UsageReply>(*folded.replies[1]).booked);
  EXPECT_EQ(As<UsageReply>(*folded.replies[1]).cost, 0);
  EXPECT_FALSE(As<UsageReply>(*folded.replies[3]).booked);
  EXPECT_TRUE(As<UsageReply>(*folded.replies[4]).duplicate);
  EXPECT_EQ(folded.unbooked_emergencies, 1);
  ASSERT_EQ(folded.writes.entries.size(), 1u);
  EXPECT_EQ(folded.writes.entries[0].booked->rating, domain::EmergencyRating());
  EXPECT_FALSE(folded.missed_rate);
}

TEST_F(FoldTest, C10_ACallForHelpWithoutAUserIsBookedAndAnyOtherNeedsOne) {
  Store("a").account().country = "US";
  Ask("a", RecordUsage{Call("help", "", "#911")});
  Ask("nobody", RecordUsage{Call("help", "", "#911")});
  Ask("a", RecordUsage{Call("not-here", "", "#999")});
  Ask("a", CorrectUsage{{"help"}, Call("help-2", "", "#112"), {"wrong CDR"}});
  Ask("a", CorrectUsage{{"help-2"}, Call("help-3", "", "#999"), {"wrong CDR"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "INVALID_FIELD", "OK", "INVALID_FIELD"));
  EXPECT_EQ(FieldOf(folded.replies[2].status()), "user_id");
  EXPECT_EQ(folded.unbooked_emergencies, 1);
  ASSERT_EQ(folded.writes.entries.size(), 3u);
  EXPECT_EQ(folded.writes.entries[0].booked->usage.user_id, "");
  EXPECT_EQ(folded.writes.entries[0].booked->rating, domain::EmergencyRating());
  EXPECT_EQ(folded.writes.entries[2].booked->corrects, "help");
}

TEST_F(FoldTest, C10_ACallWithoutAUserIsNotRefusedByACountryThatIsOnlyRemembered) {
  AccountImage& image = Store("a");
  image.account().country = "US";
  image.remembered = true;
  Ask("a", RecordUsage{Call("help", "", "#999")});
  EXPECT_TRUE(Run().must_read) << "it may have moved to where that is for help";
}

TEST_F(FoldTest, C10_AnotherCountrysNumberIsNone) {
  Store("a").account().country = "US";
  Ask("a", RecordUsage{Call("c", "u", "#999")});
  Ask("a", AuthorizeUsage{Call("", "u", "#999")});
  const Folded folded = Run();
  EXPECT_EQ(StatusOf(folded.replies[0]), domain::UsageStatus::kUnrated);
  EXPECT_EQ(As<AuthorizeReply>(*folded.replies[1]).authorization.decision,
            domain::Decision::kNoRate);
}

TEST_F(FoldTest, G9_ANewCardIsUnderItsLimitsInTheSameBatch) {
  Store("a").declines_known = true;
  const domain::Card worn = {CardToken("tok-worn"), "worn", domain::CardNetwork::kVisa};
  Ask("a", UpdatePaymentMethod{"", "", {worn}});
  Ask("a", RequestRecharge{"r", {}, ""});
  const Keys keys = KeysOf(commands_, {settings_, kNow}, Duplicates::kOptimistic);
  EXPECT_THAT(keys.cards, ElementsAre("worn"));
  EXPECT_TRUE(keys.accounts.at(0).declines);
  image_.declines["worn"].assign(15, kNow - absl::Hours(1));
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK", "CARD_LIMIT_REACHED"));
}

TEST_F(FoldTest, SettingsThatWereChangedSinceTheyWereReadAreNotWrittenOver) {
  const std::string read = EtagOf(Store("a").account());
  const auto set = [&](Nanos cap, const std::string& etag) {
    UpdateBillingSettings update;
    update.change.monthly_cap = cap;
    update.etag = etag;
    Ask("a", update);
  };
  set(200 * kNanosPerUnit, read);
  set(300 * kNanosPerUnit, read);
  set(200 * kNanosPerUnit, read);  // the first again, whose reply was lost
  set(300 * kNanosPerUnit, "");
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "ETAG_MISMATCH", "OK", "OK"));
  EXPECT_EQ(folded.replies[1].status().code(), absl::StatusCode::kAborted);
}

TEST_F(FoldTest, AnEtagIsOfWhatAnUpdateMayWriteAlone) {
  domain::Account account = Store("a").account();
  const std::string settings = EtagOf(account);
  domain::PaymentMethod card = account.payment_methods.front();
  const std::string of_card = EtagOf(card, 1);
  account.balance -= kNanosPerUnit;
  account.state = domain::AccountState::kDisabled;
  card.state = domain::CardState::kFailing;
  card.soft_declines = 1;
  EXPECT_EQ(EtagOf(account), settings);
  EXPECT_EQ(EtagOf(card, 1), of_card);
  account.notify_below = kNanosPerUnit;
  EXPECT_NE(EtagOf(account), settings);
  EXPECT_NE(EtagOf(card, 2), of_card);
  card.display.expiry_year = 2031;
  EXPECT_NE(EtagOf(card, 1), of_card);
}

TEST_F(FoldTest, ACardThatWasChangedSinceItWasReadIsNeitherGivenNorTakenAway) {
  const std::string read = EtagOf(Store("a").account().payment_methods.front(), 1);
  const domain::GivenCard renewed = {{CardToken("tok-2"), "other", domain::CardNetwork::kVisa}};
  Ask("a", UpdatePaymentMethod{"r", "card-1", renewed, read});
  Ask("a", UpdatePaymentMethod{"r", "card-1", renewed, read});  // a repeat
  Ask("a", UpdatePaymentMethod{"s", "card-1", renewed, read});
  Ask("a", RemovePaymentMethod{"card-1", read});
  Ask("a", RemovePaymentMethod{"card-1", ""});
  Ask("a", RemovePaymentMethod{"card-1", read});  // it is away already
  EXPECT_THAT(Reasons(Run()),
              ElementsAre("OK", "OK", "ETAG_MISMATCH", "ETAG_MISMATCH", "OK", "OK"));
}

TEST_F(FoldTest, ACardThatIsAlreadyAsItIsToBeIsNotRefusedForItsEtag) {
  const std::string read = EtagOf(Store("a").account().payment_methods.front(), 1);
  const auto show = [&](const char* last_four) {
    const domain::GivenCard shown = {{}, domain::CardDisplay{"visa", last_four, 2029, 1}};
    Ask("a", UpdatePaymentMethod{"", "card-1", shown, read});
  };
  show("4242");
  show("4242");  // the same again, whose reply was lost
  show("1111");
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK", "OK", "ETAG_MISMATCH"));
}

// It is told by no event, and who remembers the account must know all the same.
TEST_F(FoldTest, G6_WhatIsShownOfACardMakesWhatIsRememberedOld) {
  Store("a");
  Ask("a", UpdatePaymentMethod{"", "card-1", {{}, domain::CardDisplay{"visa", "4242", 2029, 1}}});
  const Folded folded = Run();
  ASSERT_THAT(Reasons(folded), ElementsAre("OK"));
  EXPECT_THAT(folded.writes.events, IsEmpty());
  EXPECT_EQ(folded.writes.balances.at(0).version, 8);
  ASSERT_EQ(folded.writes.payment_methods.size(), 1u);
  EXPECT_EQ(folded.writes.payment_methods[0].position, 1);
  EXPECT_EQ(folded.writes.payment_methods[0].method->display.last_four, "4242");
}

TEST_F(FoldTest, G6_ACardIsGivenOnceUnderARequestsId) {
  Store("a");
  const domain::GivenCard other = {{CardToken("tok-2"), "other", domain::CardNetwork::kVisa}};
  Ask("a", AddPaymentMethod{"r", other});
  Ask("a", AddPaymentMethod{"r", other});
  Ask("a", AddPaymentMethod{"r", {{CardToken("tok-3"), "third"}}});
  Ask("a", RemovePaymentMethod{"card-2"});
  Ask("a", AddPaymentMethod{"r", other});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "REQUEST_ID_REUSED", "OK", "OK"));
  for (const size_t asked : {0, 1}) {
    const auto& reply = As<PaymentMethodReply>(*folded.replies[asked]);
    EXPECT_EQ(reply.method.payment_method_id, "card-2");
    EXPECT_EQ(reply.position, 2);
  }
  const auto& gone = As<PaymentMethodReply>(*folded.replies[4]);
  EXPECT_EQ(gone.method.state, domain::CardState::kRemoved);
  EXPECT_EQ(gone.position, 0);
  EXPECT_EQ(folded.writes.requests.size(), 1u);
  // The one that stays at its place, then the one that was taken away, without its token.
  ASSERT_EQ(folded.writes.payment_methods.size(), 2u);
  EXPECT_EQ(folded.writes.payment_methods[0].method->payment_method_id, "card-1");
  EXPECT_EQ(folded.writes.payment_methods[1].position, 0);
  EXPECT_TRUE(folded.writes.payment_methods[1].method->card.token.empty());
}

// --- Refunds and disputes ---------------------------------------------------------

// Recharge 1 of $15, charged as "ch_1", and 2, which is with a worker.
void StoreCharges(Image* image, domain::Account* account) {
  for (const int64_t ordinal : {1, 2}) {
    domain::Recharge& recharge =
        image->recharges[RechargeKey(account->account_id, ordinal)].recharge;
    recharge.account_id = account->account_id;
    recharge.ordinal = ordinal;
    recharge.currency = "USD";
    recharge.amount = 15 * kNanosPerUnit;
    recharge.payment_method_id = "card-1";
    recharge.card = account->payment_methods[0].card;
    recharge.card_given = 1;
    recharge.lease_epoch = 1;
    recharge.attempt_start = kNow;
  }
  domain::Recharge& charged = image->recharges[RechargeKey(account->account_id, 1)].recharge;
  charged.state = domain::RechargeState::kSucceeded;
  charged.credited = charged.amount;
  charged.charge_id = "ch_1";
  account->last_ordinal = account->open_ordinal = 2;
}

RefundRecharge RefundOf(int64_t ordinal, const std::string& request_id,
                        std::optional<Nanos> amount) {
  return {ordinal, {request_id, amount, {"goodwill"}}, "", false};
}

domain::ChargeOutcome Outcome(domain::ChargeOutcome::Kind kind, const std::string& id) {
  domain::ChargeOutcome outcome;
  outcome.kind = kind;
  outcome.attempt = 1;
  outcome.charge_id = id;
  outcome.amount = 15 * kNanosPerUnit;
  outcome.currency = "USD";
  return outcome;
}

ReportGatewayRefund TellRefund(int64_t ordinal, const std::string& charge_id,
                               const std::string& refund_id, int64_t reference = 0) {
  return {ordinal,
          reference,
          "USD",
          {charge_id, refund_id, domain::GatewayRefund::State::kSucceeded, 4 * kNanosPerUnit, ""}};
}

ReportGatewayDispute TellDispute(int64_t ordinal, const std::string& charge_id,
                                 domain::DisputeState state) {
  return {ordinal, "USD", {charge_id, "dp_1", state, 15 * kNanosPerUnit, "fraudulent"}};
}

TEST_F(FoldTest, P1_ARefundIsAskedForOnceUnderARequestsId) {
  StoreCharges(&image_, &Store("a").account());
  const Nanos four = 4 * kNanosPerUnit;
  Ask("a", RefundOf(1, "r", four));
  Ask("a", RefundOf(1, "r", four));
  Ask("a", RefundOf(1, "r", std::nullopt));
  Ask("a", RefundOf(2, "r", four));
  RefundRecharge other = RefundOf(1, "r", four);
  other.request.allow_debt = true;
  Ask("a", other);
  other = RefundOf(1, "r", four);
  other.request.by.reason = "another";
  Ask("a", other);
  Ask("a", RequestRecharge{"r", {}, ""});
  Ask("a", AdjustBalance{"r", four, {"goodwill"}, "", false});
  Ask("a", RefundOf(7, "s", four));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded),
              ElementsAre("OK", "OK", "REQUEST_ID_REUSED", "REQUEST_ID_REUSED", "REQUEST_ID_REUSED",
                          "REQUEST_ID_REUSED", "REQUEST_ID_REUSED", "REQUEST_ID_REUSED",
                          "RECHARGE_NOT_FOUND"));
  const auto& first = As<RechargeReply>(*folded.replies[0]);
  const auto& again = As<RechargeReply>(*folded.replies[1]);
  EXPECT_EQ(first.recharge.ordinal, 3);
  EXPECT_FALSE(first.already_applied);
  EXPECT_EQ(again.recharge, first.recharge);
  EXPECT_TRUE(again.already_applied);
  EXPECT_EQ(folded.writes.entries.size(), 1u);
  EXPECT_EQ(folded.writes.requests.size(), 1u);
  EXPECT_EQ(folded.writes.requests.at(0).ordinal, 3);
  EXPECT_EQ(folded.writes.recharges.size(), 2u) << "the refund and its charge";
  EXPECT_THAT(folded.due_recharges, ElementsAre(RechargeKey("a", 3))) << "a worker may have it";
}

TEST_F(FoldTest, P1_WhatIsOnlyValidatedIsNotWrittenAndTheCurrencyMustBeTheAccounts) {
  StoreCharges(&image_, &Store("a").account());
  RefundRecharge asked = RefundOf(1, "r", 4 * kNanosPerUnit);
  asked.validate_only = true;
  Ask("a", asked);
  asked.currency = "EUR";
  Ask("a", asked);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "INVALID_FIELD"));
  EXPECT_EQ(FieldOf(folded.replies[1].status()), "amount.currency_code");
  EXPECT_EQ(As<RechargeReply>(*folded.replies[0]).recharge.amount, 4 * kNanosPerUnit);
  EXPECT_TRUE(folded.writes.empty());
}

TEST_F(FoldTest, P1_AnOutcomeOfARefundIsNoneOfARechargeNorTheReverse) {
  using Kind = domain::ChargeOutcome::Kind;
  StoreCharges(&image_, &Store("a").account());
  Ask("a", RefundOf(1, "r", 4 * kNanosPerUnit));
  Ask("a", ReportRecharge{2, /*of_refund=*/true, Outcome(Kind::kSucceeded, "re_1")});
  Ask("a", ReportRecharge{3, /*of_refund=*/false, Outcome(Kind::kSucceeded, "ch_3")});
  Ask("a", ReportRecharge{3, /*of_refund=*/true, Outcome(Kind::kSucceeded, "re_3")});
  Ask("a", ReportRecharge{2, /*of_refund=*/false, Outcome(Kind::kSucceeded, "ch_2")});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "INVALID_FIELD", "INVALID_FIELD", "OK", "OK"));
  for (const size_t asked : {1, 2}) {
    EXPECT_EQ(FieldOf(folded.replies[asked].status()), "outcome");
    EXPECT_EQ(folded.replies[asked].status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(As<RechargeReply>(*folded.replies[3]).recharge.refund_id, "re_3");
  EXPECT_EQ(folded.writes.balances.at(0).balance, (100 - 4 + 15) * kNanosPerUnit);
}

TEST_F(FoldTest, P3_WhatIsOfNoChargeOfOursIsNotFound) {
  StoreCharges(&image_, &Store("a").account());
  Ask("a", RefundOf(1, "r", 4 * kNanosPerUnit));
  Ask("a", TellRefund(1, "ch_other", "re_1"));
  Ask("a", TellRefund(3, "ch_9", "re_1"));  // that is a refund
  Ask("a", TellRefund(9, "ch_9", "re_1"));
  Ask("a", TellDispute(1, "ch_other", domain::DisputeState::kOpened));
  Ask("a", TellDispute(9, "ch_9", domain::DisputeState::kOpened));
  Ask("b", TellDispute(1, "ch_1", domain::DisputeState::kOpened));
  EXPECT_THAT(Reasons(Run()),
              ElementsAre("OK", "CHARGE_NOT_FOUND", "CHARGE_NOT_FOUND", "CHARGE_NOT_FOUND",
                          "CHARGE_NOT_FOUND", "CHARGE_NOT_FOUND", "ACCOUNT_NOT_FOUND"));
}

TEST_F(FoldTest, P3_ARefundIsKnownByItsIdBeforeItsReference) {
  StoreCharges(&image_, &Store("a").account());
  Ask("a", TellRefund(1, "ch_1", "re_hand"));
  Ask("a", RefundOf(1, "r", 4 * kNanosPerUnit));
  Ask("a", TellRefund(1, "ch_1", "re_hand", 4));
  Ask("a", TellRefund(1, "ch_1", "re_ours", 4));
  Ask("a", TellRefund(1, "ch_1", "re_ours"));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK"));
  const auto ordinal_of = [&](size_t asked) {
    return As<RechargeReply>(*folded.replies[asked]).recharge.ordinal;
  };
  EXPECT_EQ(ordinal_of(0), 3);
  EXPECT_EQ(ordinal_of(2), 3) << "the gateway's id says which it is";
  EXPECT_EQ(ordinal_of(3), 4);
  EXPECT_EQ(ordinal_of(4), 4);
  EXPECT_TRUE(As<RechargeReply>(*folded.replies[4]).already_applied);
  EXPECT_EQ(folded.writes.balances.at(0).balance, (100 - 4 - 4) * kNanosPerUnit);
}

// Recharge 2 is charged too, as "ch_2".
void ChargeTheSecond(Image* image, domain::Account* account) {
  StoreCharges(image, account);
  domain::Recharge& second = image->recharges[RechargeKey(account->account_id, 2)].recharge;
  second.state = domain::RechargeState::kSucceeded;
  second.credited = second.amount;
  second.charge_id = "ch_2";
  account->open_ordinal = 0;
}

TEST_F(FoldTest, P3_AnIdThatWasToldOfOneChargeIsNotBelievedOfAnother) {
  ChargeTheSecond(&image_, &Store("a").account());
  Ask("a", TellDispute(1, "ch_1", domain::DisputeState::kOpened));
  Ask("a", TellDispute(2, "ch_2", domain::DisputeState::kWon));
  Ask("a", TellRefund(2, "ch_2", "re_1"));
  Ask("a", TellRefund(1, "ch_1", "re_1"));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "DISPUTE_ID_REUSED", "OK", "REFUND_ID_REUSED"));
  EXPECT_EQ(folded.replies[1].status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(FieldOf(folded.replies[3].status()), "charge_id");
  EXPECT_EQ(folded.writes.balances.at(0).balance, (100 - 15 - 4) * kNanosPerUnit);
  EXPECT_EQ((image_.recharges[RechargeKey("a", 1)].recharge.disputed), 15 * kNanosPerUnit);
  ASSERT_EQ(folded.writes.disputes.size(), 1u);
  EXPECT_TRUE(folded.writes.disputes[0]->debited);
}

TEST_F(FoldTest, P3_WhatIsKeptIsAppliedInTheBatchThatCreditsTheCharge) {
  StoreCharges(&image_, &Store("a").account());
  Ask("a", TellRefund(2, "ch_2", "re_1"));
  Ask("a", TellDispute(2, "ch_2", domain::DisputeState::kOpened));
  Ask("a",
      ReportRecharge{2, std::nullopt, Outcome(domain::ChargeOutcome::Kind::kSucceeded, "ch_2")});
  Ask("a", TellDispute(2, "ch_2", domain::DisputeState::kOpened));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_TRUE(As<RechargeReply>(*folded.replies[0]).kept);
  EXPECT_TRUE(As<DisputeReply>(*folded.replies[1]).kept);
  const domain::Recharge& credited = As<RechargeReply>(*folded.replies[2]).recharge;
  EXPECT_FALSE(credited.keeps);
  EXPECT_EQ(credited.refunded, 4 * kNanosPerUnit);
  EXPECT_EQ(credited.disputed, 15 * kNanosPerUnit);
  EXPECT_FALSE(As<DisputeReply>(*folded.replies[3]).kept);
  std::vector<domain::EntryKind> kinds;
  for (const domain::Entry& entry : folded.writes.entries) kinds.push_back(entry.kind);
  EXPECT_THAT(kinds, ElementsAre(domain::EntryKind::kRecharge, domain::EntryKind::kRefund,
                                 domain::EntryKind::kDispute));
  EXPECT_EQ(folded.writes.balances.at(0).balance, (100 - 4) * kNanosPerUnit);
  ASSERT_EQ(folded.writes.disputes.size(), 1u);
  EXPECT_TRUE(folded.writes.disputes[0]->debited);
  ASSERT_EQ(folded.writes.payment_methods.size(), 1u) << "the card is DISPUTED";
  EXPECT_EQ(folded.writes.payment_methods[0].method->state, domain::CardState::kDisputed);
}

TEST_F(FoldTest, P2_ADisputeOfALateSuccessIsOfTheNumberThatWasDeclinedThen) {
  // It was loaded, as another attempt had been made; or the batch notes it, which makes another.
  for (const std::string id : {"loaded", "noted"}) {
    domain::Account& account = Store(id).account();
    domain::PaymentMethod& other = account.payment_methods.emplace_back();
    other.payment_method_id = domain::PaymentMethodId(++account.last_payment_method);
    other.card = {CardToken("tok_other"), "other", domain::CardNetwork::kVisa};
    StoreCharges(&image_, &account);
    if (id == "loaded") {
      domain::Recharge& recharge = image_.recharges[RechargeKey(id, 2)].recharge;
      recharge.attempt = 2;
      recharge.payment_method_id = other.payment_method_id;
      recharge.card = other.card;
      image_.earlier_numbers[AttemptKey(id, 2, 1)] = "old";
    } else {
      domain::ChargeOutcome declined = Outcome(domain::ChargeOutcome::Kind::kDeclined, "");
      declined.lease_epoch = 1;
      declined.decline_class = domain::DeclineClass::kSoft;
      Ask(id, ReportRecharge{2, std::nullopt, declined});
    }
    Ask(id,
        ReportRecharge{2, std::nullopt, Outcome(domain::ChargeOutcome::Kind::kSucceeded, "ch_2")});
    Ask(id, TellDispute(2, "ch_2", domain::DisputeState::kOpened));
  }
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK"));
  ASSERT_EQ(folded.writes.disputes.size(), 2u);
  for (const domain::Dispute* dispute : folded.writes.disputes) {
    SCOPED_TRACE(dispute->account_id);
    EXPECT_EQ(dispute->card_fingerprint, "old");
    const domain::Account& account = image_.accounts[dispute->account_id].account();
    EXPECT_EQ(account.payment_methods[0].state, domain::CardState::kDisputed);
    EXPECT_EQ(account.payment_methods[1].state, domain::CardState::kUsable);
  }
}

TEST_F(FoldTest, P2_ADisputeCancelsTheRefundsOfItsChargeThatTheSameBatchAskedFor) {
  StoreCharges(&image_, &Store("a").account());
  Ask("a", RefundOf(1, "r", 4 * kNanosPerUnit));
  Ask("a", TellDispute(1, "ch_1", domain::DisputeState::kOpened));
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK"));
  EXPECT_EQ(image_.recharges[RechargeKey("a", 3)].recharge.state, domain::RechargeState::kCanceled);
  EXPECT_EQ(folded.writes.balances.at(0).balance, (100 - 15) * kNanosPerUnit);
  EXPECT_THAT(folded.due_recharges, IsEmpty());
}

TEST_F(FoldTest, AReviewIsResolvedOnceUnderARequestsIdAndOnlyTriedWhereThatIsAsked) {
  using Kind = domain::ChargeOutcome::Kind;
  StoreCharges(&image_, &Store("a").account());
  domain::ChargeOutcome unresolved = Outcome(Kind::kUnresolved, "");
  unresolved.lease_epoch = 1;
  Ask("a", ReportRecharge{2, std::nullopt, unresolved});
  ResolveReview found{2, {true, "ch_2", 15 * kNanosPerUnit}, "", {"asked the gateway"}, "r"};
  ResolveReview tried = found;
  tried.validate_only = true;
  ResolveReview none{2, {false, "", 0}, "", {"asked the gateway"}, "r"};
  Ask("a", tried);
  Ask("a", found);
  Ask("a", found);
  Ask("a", none);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "REQUEST_ID_REUSED"));
  for (const size_t asked : {1, 2, 3}) {
    const auto& reply = As<RechargeReply>(*folded.replies[asked]);
    EXPECT_EQ(reply.recharge.state, domain::RechargeState::kSucceeded);
    EXPECT_EQ(reply.already_applied, asked == 3);
  }
  EXPECT_EQ(folded.writes.entries.size(), 1u);
  EXPECT_EQ(folded.writes.requests.size(), 1u);
}

TEST_F(FoldTest, P3_WhatIsKeptIsDismissedOnceUnderARequestsId) {
  StoreCharges(&image_, &Store("a").account());
  Ask("a", TellRefund(2, "ch_2", "re_1"));
  Ask("a", ResolveReview{2, {false, "", 0, true}, "", {"too early"}});
  domain::ChargeOutcome declined = Outcome(domain::ChargeOutcome::Kind::kDeclined, "");
  declined.lease_epoch = 1;
  declined.decline_class = domain::DeclineClass::kHard;
  Ask("a", ReportRecharge{2, std::nullopt, declined});
  const ResolveReview dismiss{2, {false, "", 0, true}, "", {"never charged"}, "r"};
  Ask("a", dismiss);
  Ask("a", dismiss);
  Ask("a", ResolveReview{2, {false, "", 0, true}, "", {"never charged"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded),
              ElementsAre("OK", "NOT_UNDER_REVIEW", "OK", "OK", "OK", "NOT_UNDER_REVIEW"));
  EXPECT_FALSE((image_.recharges[RechargeKey("a", 2)].recharge.keeps));
}

TEST_F(FoldTest, ALateRepeatUndoesNothingThatCameInBetween) {
  StoreCharges(&image_, &Store("a").account());
  domain::BillingChange on;
  on.automatic_recharge = true;
  domain::BillingChange off;
  off.automatic_recharge = false;
  const LiftSuspension lift{{}, {"spoke to them"}, "lift"};
  const BlockAccount block{{"fraud"}, "block"};
  const UnblockAccount unblock{{"cleared"}, "unblock"};
  UpdateBillingSettings switch_on{on, ""};
  switch_on.request_id = "on";
  Ask("a", switch_on);
  Ask("a", UpdateBillingSettings{off, ""});
  Ask("a", switch_on);
  Ask("a", block);
  Ask("a", unblock);
  Ask("a", block);
  Ask("a", BlockAccount{{"fraud again"}});
  Ask("a", unblock);
  Ask("a", lift);
  Ask("a", TellDispute(1, "ch_1", domain::DisputeState::kOpened));
  Ask("a", lift);
  Ask("a", BlockAccount{{"another"}, "lift"});
  const Folded folded = Run();
  std::vector<std::string> wanted(11, "OK");
  wanted.push_back("REQUEST_ID_REUSED");
  EXPECT_EQ(Reasons(folded), wanted);
  const domain::Account& account = image_.accounts["a"].account();
  EXPECT_TRUE(account.automatic_off);
  EXPECT_EQ(account.block.reason, "fraud again");
  EXPECT_EQ(account.suspension.reason, domain::SuspensionReason::kDispute);
  EXPECT_EQ(folded.writes.requests.size(), 4u);
}

// --- Of two faults the first in order is told -------------------------------------

TEST_F(FoldTest, RefusalsOfACardThatIsAddedComeInTheirOrder) {
  domain::Account& account = Store("a").account();
  const domain::GivenCard given = {{CardToken("tok-2"), "other", domain::CardNetwork::kVisa}};
  const auto fill = [&] {
    for (int i = 2; i <= 5; ++i) {
      domain::PaymentMethod& method = account.payment_methods.emplace_back();
      method.payment_method_id = domain::PaymentMethodId(++account.last_payment_method);
      method.card = {CardToken(absl::StrCat("full-", i)), absl::StrCat("number-", i)};
    }
    account.tries.CountOn(domain::WindowAt(account.calendar, domain::CalendarUnit::kDay, kNow));
    account.tries.cards_given = settings_.max_cards_given_per_day;
  };
  Ask("a", AddPaymentMethod{"r", given});
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK"));
  commands_.clear();
  account.payment_methods.pop_back();
  fill();
  Ask("a", AddPaymentMethod{"r", {{CardToken("tok-3"), "third"}}});
  Ask("a", AddPaymentMethod{"s", {{CardToken("tok-3"), "third"}}});
  EXPECT_THAT(Reasons(Run()), ElementsAre("REQUEST_ID_REUSED", "TOO_MANY_PAYMENT_METHODS"));
  commands_.clear();
  account.payment_methods.pop_back();
  Ask("a", AddPaymentMethod{"s", {{CardToken("tok-3"), "third"}}});
  EXPECT_THAT(Reasons(Run()), ElementsAre("TOO_MANY_CARDS_GIVEN"));
  commands_.clear();
  account.state = domain::AccountState::kClosing;
  Ask("a", AddPaymentMethod{"s", {{CardToken("tok-3"), "third"}}});
  Ask("a", AddPaymentMethod{"r", {{CardToken("tok-3"), "third"}}});
  EXPECT_THAT(Reasons(Run()), ElementsAre("ACCOUNT_CLOSING", "REQUEST_ID_REUSED"));
}

TEST_F(FoldTest, RefusalsOfAReviewComeInTheirOrder) {
  const Nanos fifteen = 15 * kNanosPerUnit;
  ChargeTheSecond(&image_, &Store("a").account());
  domain::Account& account = image_.accounts["a"].account();
  domain::Recharge third = image_.recharges[RechargeKey("a", 2)].recharge;
  third.ordinal = account.last_ordinal = 3;
  third.state = domain::RechargeState::kNeedsReview;
  third.charge_id.clear();
  third.credited = 0;
  third.due_time = absl::InfiniteFuture();
  third.set_aside = true;
  account.set_aside = 1;
  image_.recharges[RechargeKey("a", 3)].recharge = third;
  const auto resolve = [this](const std::string& id, const std::string& request_id, int64_t ordinal,
                              const std::string& charge_id, Nanos amount,
                              const std::string& currency) {
    Ask(id,
        ResolveReview{ordinal, {true, charge_id, amount}, currency, {"asked them"}, request_id});
  };
  Ask("a", BlockAccount{{"fraud"}, "used"});
  resolve("b", "used", 9, "ch_1", 0, "EUR");
  resolve("a", "used", 9, "ch_1", 0, "EUR");
  resolve("a", "new", 9, "ch_1", 0, "EUR");
  resolve("a", "new", 9, "ch_1", 0, "");
  resolve("a", "new", 2, "ch_1", 0, "");
  resolve("a", "new", 3, "ch_1", 0, "");
  resolve("a", "new", 3, "ch_1", fifteen, "");
  resolve("a", "new", 3, "ch_3", fifteen, "");
  Ask("a", ResolveReview{2, {false, "", 0}, "", {"asked them"}});
  EXPECT_THAT(Reasons(Run()),
              ElementsAre("OK", "ACCOUNT_NOT_FOUND", "REQUEST_ID_REUSED", "INVALID_FIELD",
                          "RECHARGE_NOT_FOUND", "ALREADY_CREDITED", "INVALID_FIELD",
                          "CHARGE_CREDITED", "OK", "NOT_UNDER_REVIEW"));
}

TEST_F(FoldTest, RefusalsOfALiftedSuspensionComeInTheirOrder) {
  Store("a");
  Ask("a", BlockAccount{{"fraud"}, "used"});
  Ask("b", LiftSuspension{{"card-9", ""}, {"why"}, "used"});
  Ask("a", LiftSuspension{{"card-9", ""}, {"why"}, "used"});
  Ask("a", LiftSuspension{{"card-9", ""}, {"why"}, "new"});
  Ask("a", LiftSuspension{{"", "dp_9"}, {"why"}, "new"});
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK", "ACCOUNT_NOT_FOUND", "REQUEST_ID_REUSED",
                                          "PAYMENT_METHOD_NOT_FOUND", "DISPUTE_NOT_FOUND"));
}

TEST_F(FoldTest, ARepeatOfWhatTookACardAwayTakesNoOther) {
  domain::Account& account = Store("a").account();
  Ask("a", RemovePaymentMethod{"card-1", "", "r"});
  Ask("a", RemovePaymentMethod{"card-1", "", "r"});
  Ask("a", RemovePaymentMethod{"card-2", "", "r"});
  EXPECT_THAT(Reasons(Run()), ElementsAre("OK", "OK", "REQUEST_ID_REUSED"));
  EXPECT_THAT(account.payment_methods, IsEmpty());
}

TEST_F(FoldTest, P1_AReviewOfARefundIsResolvedAsOne) {
  using Kind = domain::ChargeOutcome::Kind;
  StoreCharges(&image_, &Store("a").account());
  Ask("a", RefundOf(1, "r", 4 * kNanosPerUnit));
  Ask("a", ReportRecharge{3, std::nullopt, Outcome(Kind::kUnresolved, "")});
  Ask("a", ResolveReview{3, {false, "", 0}, "", {"asked the gateway"}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK"));
  EXPECT_EQ(As<RechargeReply>(*folded.replies[2]).recharge.state, domain::RechargeState::kFailed);
  EXPECT_EQ(folded.writes.balances.at(0).balance, 100 * kNanosPerUnit);
}

TEST_F(FoldTest, H5_AReportAfterItsUsageWasBookedMakesAnEndedHoldNotLiveAgain) {
  AccountImage& account = Store("a");
  Ask("a", HoldOf("h", "c"));
  Ask("a", ReleaseHold{"h", absl::ZeroDuration()});
  Ask("a", RecordUsage{Call("c"), false, "h"});
  Ask("a", ExtendHold{"h", {1, absl::Seconds(40)}});
  Ask("a", ReleaseHold{"h", absl::Seconds(50)});
  const Folded folded = Run();
  ASSERT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK", "OK"));
  for (const size_t late : {3, 4}) {
    const auto& reply = As<HoldReply>(*folded.replies[late]);
    EXPECT_EQ(reply.hold->state, domain::HoldState::kSettled);
    EXPECT_EQ(reply.hold->final_reason, domain::FinalReason::kHoldEnded);
  }
  EXPECT_EQ(account.account().held, 0) << "the call is paid already";
  EXPECT_THAT(account.known->holds, IsEmpty());
  ASSERT_EQ(folded.writes.ended_holds.size(), 1u);
  EXPECT_EQ(folded.writes.ended_holds[0]->state, domain::HoldState::kSettled);
}

TEST_F(FoldTest, H12_ACdrThatIsRefusedEndsNoHold) {
  AccountImage& account = Store("a");
  Ask("a", RecordUsage{Call("booked")});
  Ask("a", HoldOf("h", "c"));
  Ask("a", ExtendHold{"h", {1, absl::Hours(1)}});
  RecordUsage other{Call("booked"), false, "h"};
  other.usage.duration = absl::Seconds(7);
  Ask("a", other);
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "USAGE_ID_REUSED"));
  ASSERT_EQ(account.known->holds.size(), 1u) << "its hour is still to be paid";
  EXPECT_EQ(account.account().accrued, 60 * kNanosPerCent);
}

TEST_F(FoldTest, H5_ACdrUnderAnIdOfItsOwnSettlesTheHoldThatItNamesAlsoAfterItsEnd) {
  AccountImage& account = Store("a");
  Ask("a", HoldOf("h", "c"));
  Ask("a", ReleaseHold{"h", absl::ZeroDuration()});
  Ask("a", RecordUsage{Call("of-the-switch"), false, "h"});
  Ask("a", ExtendHold{"h", {1, absl::Seconds(50)}});
  const Folded folded = Run();
  ASSERT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK"));
  EXPECT_EQ(As<HoldReply>(*folded.replies[3]).hold->state, domain::HoldState::kSettled);
  EXPECT_EQ(account.account().held, 0) << "the call is paid already";
  EXPECT_THAT(account.known->holds, IsEmpty());
}

TEST_F(FoldTest, H5_AHoldWhoseUsageIsBookedSaysSoWhenItIsAskedForAgain) {
  Store("a");
  Ask("a", HoldOf("h", "c"));
  Ask("a", ReleaseHold{"h", absl::ZeroDuration()});
  Ask("a", RecordUsage{Call("c")});
  Ask("a", HoldOf("h", "c"));
  const Folded folded = Run();
  ASSERT_THAT(Reasons(folded), ElementsAre("OK", "OK", "OK", "OK"));
  const auto& again = As<HoldReply>(*folded.replies[3]);
  EXPECT_EQ(again.hold->state, domain::HoldState::kSettled);
  EXPECT_EQ(again.hold->final_reason, domain::FinalReason::kHoldEnded);
}

TEST_F(FoldTest, H4_AnEndedHoldIsNotMadeAnewBesideAnotherOfItsCall) {
  AccountImage& account = Store("a");
  domain::Hold& expired = image_.holds[std::pair(std::string("a"), std::string("first"))].hold;
  expired.account_id = "a";
  expired.hold_id = "first";
  expired.usage_id = "c";
  expired.user_id = "u";
  expired.state = domain::HoldState::kExpired;
  Ask("a", HoldOf("second", "c"));
  Ask("a", ExtendHold{"first", {1, absl::Seconds(10)}});
  const Folded folded = Run();
  EXPECT_THAT(Reasons(folded), ElementsAre("OK", "USAGE_HELD"));
  EXPECT_EQ(account.known->holds.size(), 1u);
}

TEST_F(FoldTest, H4_AHoldThatIsReleasedAndReportedInOneBatchIsStoredOnce) {
  AccountImage& account = Store("a");
  Ask("a", HoldOf("first", "c1"));
  Ask("a", HoldOf("second", "c2"));
  Commit();
  Ask("a", ReleaseHold{"first", absl::ZeroDuration()});
  Commit();
  Ask("a", ReleaseHold{"second", absl::ZeroDuration()});
  Ask("a", ExtendHold{"second", {1, absl::Seconds(50)}});
  EXPECT_THAT(Reasons(Commit()), ElementsAre("OK", "OK"));
  EXPECT_THAT(places_, ElementsAre(Pair(1, ""), Pair(2, "second")));
  ASSERT_EQ(account.known->holds.size(), 1u);
  EXPECT_EQ(account.known->holds[0].state, domain::HoldState::kUnsettled);
}

TEST_F(FoldTest, H4_AHoldThatExpiresAndIsExtendedInOneBatchIsStoredOnce) {
  AccountImage& account = Store("a");
  Ask("a", HoldOf("first", "c1"));
  Ask("a", HoldOf("second", "c2"));
  Commit();
  Ask("a", ReleaseHold{"first", absl::ZeroDuration()});
  Commit();
  now_ += absl::Minutes(5);
  Ask("a", EndHold{"second", UsageOf(account.known->holds[0])});
  Ask("a", ExtendHold{"second", {1, absl::Seconds(50)}});
  EXPECT_THAT(Reasons(Commit()), ElementsAre("OK", "OK"));
  EXPECT_THAT(places_, ElementsAre(Pair(1, ""), Pair(2, "second")));
  ASSERT_EQ(account.known->holds.size(), 1u);
  EXPECT_TRUE(account.known->holds[0].open());
}

TEST_F(FoldTest, H4_AHoldWhosePlaceWasTakenMeanwhileComesBackInAnother) {
  Store("a");
  Ask("a", HoldOf("first", "c1"));
  Ask("a", HoldOf("second", "c2"));
  Commit();
  Ask("a", ReleaseHold{"first", absl::ZeroDuration()});
  Ask("a", HoldOf("third", "c3"));
  Ask("a", ExtendHold{"first", {1, absl::Seconds(50)}});
  EXPECT_THAT(Reasons(Commit()), ElementsAre("OK", "OK", "OK"));
  EXPECT_THAT(places_, ElementsAre(Pair(1, "third"), Pair(2, "second"), Pair(3, "first")));
}

// What another ledger has ended may be remembered as if it lived.
TEST_F(FoldTest, H3_ARefusalForAnotherHoldThatIsOnlyRememberedIsNotBelieved) {
  AccountImage& account = Store("a");
  Ask("a", HoldOf("first", "c"));
  Commit();
  account.remembered = true;
  Ask("a", HoldOf("second", "c"));
  EXPECT_TRUE(Commit().must_read);
  domain::Hold& expired = image_.holds[std::pair(std::string("a"), std::string("expired"))].hold;
  expired = account.known->holds[0];
  expired.hold_id = "expired";
  expired.state = domain::HoldState::kExpired;
  Ask("a", ExtendHold{"expired", {1, absl::Seconds(10)}});
  EXPECT_TRUE(Commit().must_read);
}

TEST_F(FoldTest, H5_WhetherTheUsageOfAnEndedHoldWasBookedIsLookedUp) {
  Store("a");
  for (const auto& [hold_id, state] : {std::pair("expired", domain::HoldState::kExpired),
                                       std::pair("released", domain::HoldState::kReleased),
                                       std::pair("estimated", domain::HoldState::kEstimated),
                                       std::pair("settled", domain::HoldState::kSettled)}) {
    domain::Hold& hold = image_.holds[std::pair(std::string("a"), std::string(hold_id))].hold;
    hold.account_id = "a";
    hold.usage_id = absl::StrCat("usage-", hold_id);
    hold.state = state;
  }
  EXPECT_THAT(
      UsagesOfEndedHolds(image_),
      testing::UnorderedElementsAre(OnceKey("a", "usage-expired"), OnceKey("a", "usage-released"),
                                    OnceKey("a", "usage-estimated")));
}

TEST(KeysTest, P3_WhatTheGatewayTellsNeedsTheRefundsAndDisputesOfItsCharge) {
  const domain::Settings settings;
  const Command refund = TellRefund(3, "ch_1", "re_1", 5);
  const Command dispute = TellDispute(4, "ch_1", domain::DisputeState::kOpened);
  const Command asked = RefundOf(2, "r", std::nullopt);
  const std::vector<AccountCommand> commands = {{"a", &refund}, {"b", &dispute}, {"c", &asked}};
  const Keys keys = KeysOf(commands, {settings, kNow}, Duplicates::kOptimistic);
  ASSERT_EQ(keys.charges.size(), 2u);
  for (const ChargeNeed& need : keys.charges) {
    EXPECT_EQ(need.charge_id, "ch_1");
    EXPECT_TRUE(need.disputes);
  }
  EXPECT_THAT(keys.recharges,
              ElementsAre(RechargeKey("a", 3), RechargeKey("b", 4), RechargeKey("c", 2)));
  EXPECT_THAT(keys.requests, ElementsAre(OnceKey("c", "r")));
  // Of whichever charge they were told before.
  EXPECT_THAT(keys.told_refunds, ElementsAre(OnceKey("a", "re_1")));
  EXPECT_THAT(keys.told_disputes, ElementsAre(OnceKey("b", "dp_1")));
  EXPECT_TRUE(keys.may_write);
}

TEST(KeysTest, G4_ASuccessOfAnEarlierAttemptNeedsTheNumberThatWasDeclinedThen) {
  using Kind = domain::ChargeOutcome::Kind;
  const domain::Settings settings;
  const Command success = ReportRecharge{2, std::nullopt, Outcome(Kind::kSucceeded, "ch_2")};
  const Command decline = ReportRecharge{2, std::nullopt, Outcome(Kind::kDeclined, "")};
  const std::vector<AccountCommand> commands = {
      {"late", &success}, {"in time", &success}, {"again", &success}, {"late too", &decline}};
  const Keys keys = KeysOf(commands, {settings, kNow}, Duplicates::kOptimistic);
  Image image;
  for (const AccountCommand& each : commands) {
    domain::Recharge& recharge =
        image.recharges[RechargeKey(std::string(each.account_id), 2)].recharge;
    recharge.attempt = each.account_id == "in time" ? 1 : 2;
    if (each.account_id == "again") recharge.state = domain::RechargeState::kSucceeded;
  }
  EXPECT_THAT(NeedsEarlierNumbers(keys, image), ElementsAre(AttemptKey("late", 2, 1)));
}

TEST(KeysTest, OnlyQuestionsNeedNoTransactionAndNoLock) {
  domain::Usage usage;
  usage.user_id = "u";
  usage.usage_id = "c";
  const domain::Settings settings;
  const domain::Context context{settings, kNow};
  const Command question = AuthorizeUsage{usage};
  const Command record = RecordUsage{usage};
  std::vector<AccountCommand> commands = {{"a", &question}};
  Keys keys = KeysOf(commands, context, Duplicates::kLookUp);
  EXPECT_FALSE(keys.may_write);
  EXPECT_FALSE(keys.accounts.at(0).may_change);
  EXPECT_THAT(keys.usages, IsEmpty());
  commands.push_back({"b", &record});
  commands.push_back({"a", &record});
  keys = KeysOf(commands, context, Duplicates::kLookUp);
  EXPECT_TRUE(keys.may_write);
  ASSERT_EQ(keys.accounts.size(), 2u);
  EXPECT_TRUE(keys.accounts[0].may_change);
  EXPECT_TRUE(keys.accounts[0].more_than_usage);
  EXPECT_FALSE(keys.accounts[1].more_than_usage);
  EXPECT_THAT(keys.usages, ElementsAre(OnceKey("b", "c"), OnceKey("a", "c")));
  EXPECT_THAT(KeysOf(commands, context, Duplicates::kOptimistic).usages, IsEmpty());
}

}  // namespace
}  // namespace reserve::book
