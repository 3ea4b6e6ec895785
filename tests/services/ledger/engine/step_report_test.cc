#include "services/ledger/engine/step_report.h"

#include "gtest/gtest.h"

namespace reserve::engine {
namespace {

TEST(StepReportTest, AFailingStepIsToldWithTheNumberOfTimesAndOnce) {
  StepReport steps;
  steps.Note(Step::kFeed, absl::InternalError("first"));
  steps.Note(Step::kFeed, absl::InternalError("second"));
  const std::vector<StepReport::Line> lines = steps.Take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].step, Step::kFeed);
  EXPECT_EQ(lines[0].times, 2);
  EXPECT_EQ(lines[0].error.message(), "second");
  EXPECT_TRUE(steps.Take().empty());
  EXPECT_EQ(steps.failures(Step::kFeed), 2);
}

TEST(StepReportTest, ItFailsUntilItWorksAndOthersAreNotStruckByIt) {
  StepReport steps;
  steps.Note(Step::kCatalog, absl::InternalError("broken"));
  steps.Note(Step::kRechecks, absl::OkStatus());
  EXPECT_GT(steps.failing(Step::kCatalog), absl::ZeroDuration());
  EXPECT_EQ(steps.failing(Step::kRechecks), absl::ZeroDuration());
  steps.Note(Step::kCatalog, absl::OkStatus());
  EXPECT_EQ(steps.failing(Step::kCatalog), absl::ZeroDuration());
  EXPECT_EQ(steps.failures(Step::kCatalog), 1);
}

}  // namespace
}  // namespace reserve::engine
