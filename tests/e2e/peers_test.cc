// Two ledgers, and at times three, that share the accounts of a database: whichever is asked, the
// answer is the same, and what happens to one of them is no business of those who ask another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "services/ledger/book/keyspace.h"
#include "tests/e2e/failure_scene.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

constexpr int kRanges = 64;
// Long enough for a beat that stands still to be seen so, and for the ranges to be taken.
constexpr absl::Duration kTakenWithin = absl::Seconds(10);

class PeersTest : public FailureTest {
 protected:
  static void SetUpTestSuite() {
    SetUpStage({.ledger_flags = {"--hold_ringing=60s"}, .share_accounts = true});
  }
  void SetUp() override {
    FailureTest::SetUp();
    ASSERT_TRUE(AwaitShares({32, 32}));
  }

  static pb::AccountRanges RangesOf(size_t index) {
    const auto ranges =
        Call(ledger(index), &pb::Ledger::Stub::GetAccountRanges, pb::GetAccountRangesRequest());
    return ranges.ok() ? *ranges : pb::AccountRanges();
  }
  static std::string AddressOf(size_t index) { return stage().DirectTarget(stage().ledger(index)); }
  // As ledger `asked` sees it.
  static int CountOf(const std::string& address, size_t asked) {
    int count = 0;
    const pb::AccountRanges ranges = RangesOf(asked);
    for (const pb::AccountRange& range : ranges.ranges()) {
      count += range.address() == address ? 1 : 0;
    }
    return count;
  }
  // Both see that each has so many.
  static bool AwaitShares(const std::vector<int>& shares) {
    const auto is_so = [&] {
      for (size_t asked = 0; asked < chaos::kLedgers; ++asked) {
        if (!stage().ledger(asked).Running()) continue;
        for (size_t i = 0; i < shares.size(); ++i) {
          if (CountOf(AddressOf(i), asked) != shares[i]) return false;
        }
      }
      return true;
    };
    return WaitUntil(is_so, kTakenWithin, absl::Milliseconds(20));
  }
  // An account that this ledger works on, now; a new one for each name.
  static std::string AccountOf(size_t owner, const std::string& name) {
    const pb::AccountRanges ranges = RangesOf(owner);
    for (int i = 0; i < 10'000; ++i) {
      std::string id = absl::StrCat(name, "-", i);
      const auto number = static_cast<int>(book::RangeOf(id, kRanges));
      if (ranges.ranges(number).address() == AddressOf(owner)) return id;
    }
    ADD_FAILURE() << "no account of ledger " << owner;
    return name;
  }
  static absl::StatusOr<pb::RecordUsageResponse> RecordAt(size_t index,
                                                          const pb::RecordUsageRequest& usage) {
    return Call(ledger(index), &pb::Ledger::Stub::RecordUsage, usage);
  }
  static pb::SharingStatus SharingOf(size_t index) {
    const auto status =
        Call(stub<pb::Audit::Stub>(index), &pb::Audit::Stub::GetStatus, pb::GetStatusRequest());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->sharing() : pb::SharingStatus();
  }
  static int64_t Booked(const std::string& id) {
    return stage().database().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM entries WHERE kind = 1 AND account_id = '", id, "'"));
  }
  static void ExpectClean(const std::string& id) {
    pb::VerifyAccountRequest request;
    request.set_account_id(id);
    const auto verified = Call(stub<pb::Audit::Stub>(), &pb::Audit::Stub::VerifyAccount, request);
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_THAT(verified->differences(), IsEmpty()) << id;
  }
};

TEST_F(PeersTest, EachRangeIsOfOneLedgerAndAllSayWhose) {
  const pb::AccountRanges ranges = RangesOf(0);
  ASSERT_THAT(ranges.ranges(), SizeIs(kRanges));
  EXPECT_EQ(ranges.ShortDebugString(), RangesOf(1).ShortDebugString());
  EXPECT_EQ(SharingOf(0).ranges(), 32);
  EXPECT_EQ(SharingOf(1).ledgers(), 2);
}

TEST_F(PeersTest, AUsageIsAnsweredTheSameWhicheverLedgerIsAsked) {
  const std::string id = AccountOf(1, "same");
  OpenFunded(id);
  const int64_t passed = SharingOf(0).passed_on();
  const auto usage = UsageOf(id, "call-1", 60);
  const auto booked = RecordAt(0, usage);
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(TextOf(booked->cost()), "0.18");
  EXPECT_EQ(TextOf(booked->balance_after()), "14.82");
  EXPECT_FALSE(booked->duplicate());
  EXPECT_THAT(booked->hash(), SizeIs(32));
  EXPECT_EQ(SharingOf(0).passed_on(), passed + 1);
  for (const size_t asked : {size_t{0}, size_t{1}}) {
    auto again = RecordAt(asked, usage);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->duplicate());
    again->set_duplicate(false);
    EXPECT_EQ(again->ShortDebugString(), booked->ShortDebugString()) << asked;
  }
  EXPECT_EQ(Booked(id), 1);
  ExpectClean(id);
}

TEST_F(PeersTest, ARefusalIsTheSameWhicheverLedgerIsAsked) {
  const std::string id = AccountOf(1, "refused");
  OpenFunded(id);
  ASSERT_TRUE(RecordAt(1, UsageOf(id, "call-1", 60)).ok());
  std::vector<pb::RecordUsageRequest> bad = {UsageOf(id, "call-1", 61), UsageOf(id, "call-2", 60),
                                             UsageOf(id, "call-3", 60), UsageOf(id, "", 60),
                                             UsageOf(id, "call-4", 60)};
  bad[1].mutable_usage()->mutable_start_time()->set_seconds(1);
  bad[2].set_only_if_allowed(true);
  bad[2].mutable_usage()->set_user_id("nobody");
  bad[4].set_only_if_allowed(true);
  Must(&pb::Support::Stub::BlockAccount, Parse<pb::BlockAccountRequest>(absl::StrCat(
                                             "account_id: '", id, "' reason: 'no more calls'")));
  for (const pb::RecordUsageRequest& request : bad) {
    const absl::Status at_another = RecordAt(0, request).status();
    const absl::Status at_its_own = RecordAt(1, request).status();
    EXPECT_FALSE(at_its_own.ok()) << request.ShortDebugString();
    EXPECT_EQ(at_another.code(), at_its_own.code()) << at_another << " | " << at_its_own;
    EXPECT_THAT(MetadataOf(at_another), UnorderedElementsAreArray(MetadataOf(at_its_own)));
    EXPECT_EQ(ReasonOf(at_another), ReasonOf(at_its_own));
    EXPECT_EQ(FieldOf(at_another), FieldOf(at_its_own));
  }
  EXPECT_EQ(Booked(id), 1);
}

TEST_F(PeersTest, AHoldIsMadeExtendedReleasedAndSettledAtAnyLedger) {
  const std::string id = AccountOf(1, "held");
  OpenFunded(id);
  const int64_t passed = SharingOf(0).passed_on();
  const auto create = Parse<pb::CreateHoldRequest>(
      absl::StrCat("account_id: '", id, "' hold_id: 'h' usage_id: 'call-1' user_id: 'u' ",
                   "call { direction: DIRECTION_OUTBOUND destination: '", kDearCall, "' }"));
  const auto made = Call(ledger(0), &pb::Ledger::Stub::CreateHold, create);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->authorization().allowed());
  EXPECT_EQ(TextOf(made->hold().held()), "0.18");
  const auto repeated = Call(ledger(1), &pb::Ledger::Stub::CreateHold, create);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(repeated->hold().ShortDebugString(), made->hold().ShortDebugString());

  const auto extended =
      Call(ledger(0), &pb::Ledger::Stub::ExtendHold,
           Parse<pb::ExtendHoldRequest>(absl::StrCat("account_id: '", id,
                                                     "' hold_id: 'h' extension: 1 "
                                                     "used { seconds: 50 }")));
  ASSERT_TRUE(extended.ok()) << extended.status();
  EXPECT_EQ(extended->used().seconds(), 50);
  const auto released =
      Call(ledger(0), &pb::Ledger::Stub::ReleaseHold,
           Parse<pb::ReleaseHoldRequest>(absl::StrCat("account_id: '", id, "' hold_id: 'h'")));
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->state(), pb::HOLD_STATE_UNSETTLED);
  const auto settled = RecordAt(0, UsageOf(id, "call-1", 50));
  ASSERT_TRUE(settled.ok()) << settled.status();
  EXPECT_EQ(SharingOf(0).passed_on(), passed + 4);
  const absl::Status unknown =
      Call(ledger(0), &pb::Ledger::Stub::ReleaseHold,
           Parse<pb::ReleaseHoldRequest>(absl::StrCat("account_id: '", id, "' hold_id: 'x'")))
          .status();
  EXPECT_EQ(ReasonOf(unknown), "HOLD_NOT_FOUND");
  ExpectClean(id);
}

TEST_F(PeersTest, ABatchAndAStreamAreOfAnyAccounts) {
  const std::string here = AccountOf(0, "mixed");
  const std::string there = AccountOf(1, "mixed");
  OpenFunded(here);
  OpenFunded(there);
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 40; ++i) {
    *batch.add_requests() = UsageOf(i % 2 == 0 ? here : there, absl::StrCat("call-", i), 60);
  }
  batch.mutable_requests(3)->mutable_usage()->clear_usage_id();
  batch.mutable_requests(5)->set_account_id("no id");
  auto* replaces = batch.mutable_requests(39)->mutable_replaces();
  replaces->set_usage_id("call-1");
  replaces->set_reason("typed wrong");
  const auto results = Call(ledger(0), &pb::Ledger::Stub::BatchRecordUsage, batch);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_THAT(results->results(), SizeIs(40));
  for (int i = 0; i < 40; ++i) {
    const pb::RecordUsageResult& result = results->results(i);
    EXPECT_EQ(result.has_error(), i == 3 || i == 5) << i << result.ShortDebugString();
  }
  EXPECT_TRUE(results->results(39).has_corrected());
  EXPECT_EQ(Booked(here), 20);

  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  const auto stream = ledger(0).StreamUsage(&context);
  for (int i = 1; i <= 40; ++i) {
    pb::StreamUsageRequest request;
    request.set_sequence(i);
    *request.mutable_request() = UsageOf(i % 2 == 0 ? here : there, absl::StrCat("s-", i), 60);
    if (i == 7) request.mutable_request()->mutable_usage()->clear_user_id();
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::set<int64_t> refused;
  int64_t acknowledged = 0;
  for (pb::StreamUsageResponse response; stream->Read(&response);) {
    acknowledged = response.acknowledged_sequence();
    for (const pb::StreamUsageRefusal& refusal : response.refusals()) {
      refused.insert(refusal.sequence());
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(acknowledged, 40);
  EXPECT_EQ(refused, std::set<int64_t>{7});
  EXPECT_EQ(Booked(here), 40);
  ExpectClean(here);
  ExpectClean(there);
}

// Callers at ledger 0 of accounts of both, one usage after the other, as quickly as they are
// answered.
class Load {
 public:
  Load(pb::Ledger::Stub& ledger, std::vector<pb::RecordUsageRequest> usages)
      : ledger_(ledger), usages_(std::move(usages)), thread_([this] { Run(); }) {}
  ~Load() { End(); }

  void End() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once it has ended.
  const std::map<std::string, int64_t>& booked() const { return booked_; }
  absl::Duration longest() const { return longest_; }
  const std::vector<absl::Status>& errors() const { return errors_; }

 private:
  void Run() {
    for (int64_t i = 0; !stop_; ++i) {
      pb::RecordUsageRequest usage = usages_[static_cast<size_t>(i) % usages_.size()];
      usage.mutable_usage()->set_usage_id(absl::StrCat("load-", i));
      const absl::Time began = absl::Now();
      const auto response = Call(ledger_, &pb::Ledger::Stub::RecordUsage, usage);
      longest_ = std::max(longest_, absl::Now() - began);
      if (response.ok()) {
        ++booked_[usage.account_id()];
      } else {
        errors_.push_back(response.status());
      }
    }
  }

  pb::Ledger::Stub& ledger_;
  const std::vector<pb::RecordUsageRequest> usages_;
  std::atomic<bool> stop_ = false;
  std::map<std::string, int64_t> booked_;
  absl::Duration longest_;
  std::vector<absl::Status> errors_;
  std::thread thread_;
};

class PeersInTroubleTest : public PeersTest {
 protected:
  // Free calls, so that no money moves, on an account of each ledger.
  std::vector<pb::RecordUsageRequest> UsagesOfBoth(const std::string& name) {
    std::vector<pb::RecordUsageRequest> usages;
    for (const size_t owner : {size_t{0}, size_t{1}}) {
      const std::string id = AccountOf(owner, name);
      OpenFunded(id);
      Must(&pb::Accounts::Stub::PutUser,
           Parse<pb::PutUserRequest>(
               absl::StrCat("account_id: '", id, "' user_id: 'v' user { plan_id: 'unlimited' }")));
      usages.push_back(UsageOf(id, "", 1, kUsCall));
      usages.back().mutable_usage()->set_user_id("v");
    }
    return usages;
  }
  // All was answered, quickly enough, and is there once.
  static void ExpectUndisturbed(const Load& load, absl::Duration longest) {
    EXPECT_THAT(load.errors(), IsEmpty());
    EXPECT_LT(load.longest(), longest);
    EXPECT_THAT(load.booked(), SizeIs(2));
    for (const auto& [id, count] : load.booked()) {
      EXPECT_GT(count, 0) << id;
      EXPECT_EQ(Booked(id), count) << id;
      ExpectClean(id);
    }
  }
};

TEST_F(PeersInTroubleTest, AKilledLedgersRangesAreTakenAndCallersOfTheOtherSeeNothing) {
  Load load(ledger(0), UsagesOfBoth("killed"));
  absl::SleepFor(absl::Milliseconds(300));
  stage().ledger(1).Kill();
  const absl::Time killed = absl::Now();
  EXPECT_TRUE(AwaitShares({kRanges, 0}));
  EXPECT_LT(absl::Now() - killed, absl::Seconds(8));
  absl::SleepFor(absl::Milliseconds(200));
  Restart(stage().ledger(1));
  EXPECT_TRUE(AwaitShares({32, 32})) << "and given back";
  load.End();
  ExpectUndisturbed(load, absl::Seconds(3));
}

TEST_F(PeersInTroubleTest, AFrozenLedgerIsWorkedAroundAndWakesUpToDoNothingTwice) {
  // Not in the middle of a transaction, whose accounts nobody could write.
  const std::vector<pb::RecordUsageRequest> usages = UsagesOfBoth("frozen");
  stage().ledger(1).Signal(SIGSTOP);
  Load load(ledger(0), usages);
  EXPECT_TRUE(WaitUntil([] { return SharingOf(0).ranges() == kRanges; }, kTakenWithin));
  Thaw(stage().ledger(1));
  EXPECT_TRUE(AwaitShares({32, 32}));
  load.End();
  ExpectUndisturbed(load, absl::Seconds(3));
  EXPECT_GT(SharingOf(0).done_in_place(), 0);
}

TEST_F(PeersInTroubleTest, OneThatDrainsHasHandedItsRangesOver) {
  Load load(ledger(0), UsagesOfBoth("drained"));
  absl::SleepFor(absl::Milliseconds(300));
  stage().ledger(1).Signal(SIGTERM);
  EXPECT_TRUE(WaitUntil([] { return SharingOf(0).ranges() == kRanges; }, absl::Seconds(2)))
      << "sooner than it could be found dead";
  EXPECT_EQ(stage().ledger(1).life->Wait(kPatience), 0);
  Restart(stage().ledger(1));
  EXPECT_TRUE(AwaitShares({32, 32}));
  load.End();
  ExpectUndisturbed(load, absl::Seconds(2));
}

TEST_F(PeersInTroubleTest, AThirdLedgerThatComesHasItsShareAndWhatItLeavesIsTaken) {
  Load load(ledger(0), UsagesOfBoth("third"));
  const std::string socket = absl::StrCat(stage().folder(), "/third.sock");
  auto third =
      Subprocess::Start({.program = "ledger",
                         .args = {"serve", "--database=" + stage().database().url(),
                                  "--listen=unix:" + socket, "--peer_address=unix:" + socket}});
  ASSERT_TRUE(third.ok()) << third.status();
  // A third of 64, and the one that is over if its id is the first of the three.
  const auto has_its_share = [&] {
    const int count = CountOf("unix:" + socket, 0);
    return count == 21 || count == 22;
  };
  EXPECT_TRUE(WaitUntil(has_its_share, kTakenWithin));
  absl::SleepFor(absl::Milliseconds(300));
  (*third)->Kill();
  EXPECT_TRUE(AwaitShares({32, 32}));
  load.End();
  ExpectUndisturbed(load, absl::Seconds(3));
}

// The frozen one may still book it when it wakes up.
TEST_F(PeersInTroubleTest, WhatIsBookedOnlyIfAllowedIsNotRefusedWhileItsOwnerMayStillBookIt) {
  const std::string id = AccountOf(1, "unsure");
  OpenFunded(id);
  auto usage = UsageOf(id, "text-1", 60);
  usage.set_only_if_allowed(true);
  usage.mutable_usage()->set_user_id("nobody");
  EXPECT_EQ(ReasonOf(RecordAt(0, usage).status()), "USER_NOT_FOUND");
  stage().ledger(1).Signal(SIGSTOP);
  const absl::Status unsure = RecordAt(0, usage).status();
  Thaw(stage().ledger(1));
  EXPECT_TRUE(absl::IsUnavailable(unsure)) << unsure;
  EXPECT_TRUE(WaitUntil([&] { return ReasonOf(RecordAt(0, usage).status()) == "USER_NOT_FOUND"; },
                        kPatience));
}

}  // namespace
}  // namespace reserve::e2e
