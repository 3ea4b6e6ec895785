#include "services/ledger/engine/patience.h"

#include "gtest/gtest.h"

namespace reserve::engine {
namespace {

constexpr Moment kStart = absl::Hours(1000);
Moment At(double seconds) { return kStart + absl::Seconds(seconds); }

TEST(PatienceTest, ABriefOutageIsWaitedOutFromItsBeginning) {
  Patience patience(absl::Seconds(5));
  EXPECT_EQ(patience.GiveUp(At(0)), At(5));
  patience.Failed(At(0), At(0));
  patience.Failed(At(1), At(1));
  EXPECT_EQ(patience.GiveUp(At(2)), At(5)) << "who comes later waits for the same outage";
}

TEST(PatienceTest, NobodyWaitsForAnOutageThatHasLastedLonger) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i));
  EXPECT_LT(patience.GiveUp(At(6.01)), At(6.01));
}

TEST(PatienceTest, TheNextOutageIsANewOneThoughNothingWorkedBetween) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i));
  // The last command failed; then nobody asked while the database was back.
  EXPECT_EQ(patience.GiveUp(At(60)), At(65));
  patience.Failed(At(60), At(60));
  EXPECT_EQ(patience.GiveUp(At(61)), At(65));
}

TEST(PatienceTest, WhatWorkedEndsAnOutageAtOnce) {
  Patience patience(absl::Seconds(5));
  for (int i = 0; i <= 6; ++i) patience.Failed(At(i), At(i));
  patience.Worked();
  EXPECT_EQ(patience.GiveUp(At(6.01)), At(11.01));
}

TEST(PatienceTest, ADatabaseThatHungWasAwaySinceItWasAsked) {
  Patience patience(absl::Seconds(5));
  patience.Failed(At(0), At(4));
  EXPECT_EQ(patience.GiveUp(At(4)), At(5));
  patience.Failed(At(4), At(5));
}

}  // namespace
}  // namespace reserve::engine
