#include "services/ledger/engine/patience.h"

#include "gtest/gtest.h"

namespace reserve::engine {
namespace {

using Failure = Patience::Failure;

constexpr Moment kStart = absl::Hours(1000);
Moment At(double seconds) { return kStart + absl::Seconds(seconds); }

TEST(PatienceTest, ABriefOutageIsWaitedOutFromItsBeginning) {
  Patience patience(absl::Seconds(5));
  EXPECT_EQ(patience.GiveUp(At(0)), At(5));
  patience.Failed(At(0), At(0), Failure::kNoAnswer);
  patience.Failed(At(1), At(1), Failure::kNoAnswer);
  EXPECT_EQ(patience.GiveUp(At(2)), At(5)) << "who comes later waits for the same outage";
}

TEST(PatienceTest, NobodyWaitsForAnOutageThatHasLastedLonger) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  EXPECT_LT(patience.GiveUp(At(6.01)), At(6.01));
}

TEST(PatienceTest, TheNextOutageIsANewOneThoughNothingWorkedBetween) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  // The last command failed; then nobody asked while the database was back.
  EXPECT_EQ(patience.GiveUp(At(60)), At(65));
  patience.Failed(At(60), At(60), Failure::kNoAnswer);
  EXPECT_EQ(patience.GiveUp(At(61)), At(65));
}

TEST(PatienceTest, WhatWorkedEndsAnOutageAtOnce) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  patience.Worked();
  EXPECT_EQ(patience.GiveUp(At(6.01)), At(11.01));
}

TEST(PatienceTest, ADatabaseThatHungWasAwaySinceItWasAsked) {
  Patience patience(absl::Seconds(5));
  patience.Failed(At(0), At(4), Failure::kNoAnswer);
  EXPECT_EQ(patience.GiveUp(At(4)), At(5));
  patience.Failed(At(4), At(5), Failure::kNoAnswer);
}

TEST(PatienceTest, WhileNobodyAnswersOneAtATimeAsks) {
  Patience patience(absl::Seconds(5));
  EXPECT_TRUE(patience.TakeTurn(At(0)));
  for (int i = 0; i <= 4; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  EXPECT_TRUE(patience.TakeTurn(At(4.9))) << "as long as it may be a brief outage all ask";
  EXPECT_TRUE(patience.TakeTurn(At(4.9)));
  EXPECT_TRUE(patience.TakeTurn(At(5.1)));
  EXPECT_FALSE(patience.TakeTurn(At(5.1))) << "then one, and the others are told at once";
  EXPECT_FALSE(patience.TakeTurn(At(6)));
  patience.Failed(At(5.1), At(6.1), Failure::kNoAnswer);
  EXPECT_FALSE(patience.TakeTurn(At(6.15)));
  EXPECT_TRUE(patience.TakeTurn(At(6.3)));
  patience.Worked();
  EXPECT_TRUE(patience.TakeTurn(At(6.4)));
  EXPECT_TRUE(patience.TakeTurn(At(6.4)));
}

TEST(PatienceTest, ATurnThatEndsNeitherWayIsNotWaitedForForGood) {
  Patience patience(absl::Seconds(1));
  for (int i = 0; i <= 2; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  EXPECT_TRUE(patience.TakeTurn(At(2.5)));
  EXPECT_FALSE(patience.TakeTurn(At(4.4)));
  EXPECT_TRUE(patience.TakeTurn(At(4.6)));
}

TEST(PatienceTest, ADatabaseThatAnswersAndRefusesIsAskedByAllAndWaitedForByNobodyAnew) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i), Failure::kRefused);
  EXPECT_TRUE(patience.TakeTurn(At(6.1)));
  EXPECT_TRUE(patience.TakeTurn(At(6.1)));
  EXPECT_LT(patience.GiveUp(At(6.1)), At(6.1));
  // What only reads works, and says nothing of what is to be written.
  patience.Answered();
  EXPECT_LT(patience.GiveUp(At(6.2)), At(6.2));
}

TEST(PatienceTest, WhoAnswersAgainIsAskedByAll) {
  Patience patience(absl::Seconds(1));
  for (int i = 0; i <= 2; ++i) patience.Failed(At(i), At(i), Failure::kNoAnswer);
  EXPECT_TRUE(patience.TakeTurn(At(2.5)));
  EXPECT_FALSE(patience.TakeTurn(At(2.6)));
  patience.Answered();
  EXPECT_TRUE(patience.TakeTurn(At(2.7)));
  EXPECT_TRUE(patience.TakeTurn(At(2.7)));
}

}  // namespace
}  // namespace reserve::engine
