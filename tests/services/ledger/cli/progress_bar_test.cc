#include "services/ledger/cli/progress_bar.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(ProgressBarTest, ABarIsAsLongAsWhatIsDone) {
  EXPECT_EQ(BarOf(0), "[" + std::string(40, '-') + "]");
  EXPECT_EQ(BarOf(0.25), "[" + std::string(10, '#') + std::string(30, '-') + "]");
  EXPECT_EQ(BarOf(1), "[" + std::string(40, '#') + "]");
  EXPECT_EQ(BarOf(7), BarOf(1));
  EXPECT_EQ(BarOf(-1), BarOf(0));
}

TEST(ProgressBarTest, OnATerminalItIsOneLineThatIsGoneAtTheEnd) {
  std::ostringstream out;
  ProgressBar bar("import-rates", /*terminal=*/true, out);
  bar.Sent(1 << 20, 4 << 20);
  EXPECT_THAT(out.str(), StartsWith("\rimport-rates: " + BarOf(0.25) + "  25 % of 4.0 MiB"));
  bar.Wait("checking and storing");
  bar.End();
  EXPECT_THAT(out.str(), HasSubstr("] checking and storing"));
  EXPECT_THAT(out.str(), Not(HasSubstr("\n")));
  EXPECT_THAT(out.str(), testing::EndsWith("\r\x1B[K"));
  const std::string ended = out.str();
  bar.End();
  EXPECT_EQ(out.str(), ended);
}

TEST(ProgressBarTest, ElsewhereWhatIsQuickSaysNothing) {
  std::ostringstream out;
  ProgressBar bar("import-rates", /*terminal=*/false, out);
  bar.Sent(1, 2);
  bar.Wait("checking and storing");
  bar.End();
  EXPECT_THAT(out.str(), IsEmpty());
}

}  // namespace
}  // namespace reserve::cli
