// The main function of tests that may be skipped, as where a tool is missing: ctest tells a skipped
// test by its exit code, and a failure stays one whatever else was skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
constexpr int kFailed = 1;
constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in cmake/ReserveModule.cmake
}  // namespace

int main(int argc, char* argv[]) {
  ::testing::InitGoogleMock(&argc, argv);
  if (RUN_ALL_TESTS() != 0) return kFailed;
  return ::testing::UnitTest::GetInstance()->skipped_test_count() > 0 ? kSkipped : 0;
}
