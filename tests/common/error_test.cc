#include "common/error/error.h"

#include <optional>
#include <string>

#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(ErrorTest, CarriesItsReasonAndField) {
  const absl::Status status =
      MakeError(absl::StatusCode::kFailedPrecondition, "NO_RATE", "call.destination", "no rate");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "no rate");
  EXPECT_EQ(ReasonOf(status), "NO_RATE");
  EXPECT_EQ(FieldOf(status), "call.destination");
  EXPECT_THAT(MetadataOf(status), IsEmpty());
}

TEST(ErrorTest, AFieldAtFaultIsNamedInTheMessage) {
  const absl::Status status = InvalidField("page_size", "must not be negative");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "page_size: must not be negative");
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_EQ(FieldOf(status), "page_size");
}

TEST(ErrorTest, AStatusWithoutAReasonHasItsCodesName) {
  EXPECT_EQ(ReasonOf(absl::NotFoundError("gone")), "NOT_FOUND");
  EXPECT_EQ(FieldOf(absl::NotFoundError("gone")), "");
}

TEST(ErrorTest, MetadataIsKeptApartFromReasonAndField) {
  absl::Status status = InvalidField("csv", "two bad rows");
  status = WithMetadata(status, "line_7", "price: missing");
  status = WithMetadata(status, "line_9", "prefix: missing");
  status = WithMetadata(status, "line_9", "kind: missing");
  EXPECT_THAT(MetadataOf(status), UnorderedElementsAre(Pair("line_7", "price: missing"),
                                                       Pair("line_9", "kind: missing")));
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_EQ(FieldOf(status), "csv");
}

TEST(ErrorTest, APrefixGoesBeforeTheFieldAndTheMessage) {
  const absl::Status inner =
      WithMetadata(InvalidField("call.destination", "must be E.164"), "got", "x");
  const absl::Status status = WithFieldPrefix(inner, "usage.");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(status), "usage.call.destination");
  EXPECT_EQ(status.message(), "usage.call.destination: must be E.164");
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  EXPECT_THAT(MetadataOf(status), UnorderedElementsAre(Pair("got", "x")));
}

TEST(ErrorTest, APrefixLeavesAMessageOfAnotherShapeAsItIs) {
  const absl::Status status = WithFieldPrefix(
      MakeError(absl::StatusCode::kFailedPrecondition, "NO_RATE", "call.destination", "no rate"),
      "usages[3].");
  EXPECT_EQ(FieldOf(status), "usages[3].call.destination");
  EXPECT_EQ(status.message(), "no rate");
}

TEST(ErrorTest, APrefixChangesNothingWithoutAField) {
  const absl::Status status = absl::NotFoundError("gone");
  EXPECT_EQ(WithFieldPrefix(status, "usage."), status);
  EXPECT_EQ(WithFieldPrefix(absl::OkStatus(), "usage."), absl::OkStatus());
}

absl::Status Check(const absl::Status& first, int* reached) {
  RESERVE_RETURN_IF_ERROR(first);
  ++*reached;
  return absl::OkStatus();
}

TEST(ErrorTest, ReturnIfErrorStopsAtAnErrorOnly) {
  int reached = 0;
  EXPECT_TRUE(Check(absl::OkStatus(), &reached).ok());
  EXPECT_EQ(reached, 1);
  const absl::Status error = InvalidField("f", "wrong");
  EXPECT_EQ(Check(error, &reached), error);
  EXPECT_EQ(reached, 1);
}

absl::StatusOr<std::string> Join(absl::StatusOr<std::string> a, absl::StatusOr<std::string> b) {
  RESERVE_ASSIGN_OR_RETURN(std::string joined, std::move(a));
  RESERVE_ASSIGN_OR_RETURN(const std::string more, std::move(b));
  return joined + more;
}

TEST(ErrorTest, AssignOrReturnTakesTheValueOrReturnsTheError) {
  EXPECT_EQ(*Join("a", "b"), "ab");
  EXPECT_EQ(Join("a", absl::AbortedError("b")).status(), absl::AbortedError("b"));
  EXPECT_EQ(Join(absl::DataLossError("a"), absl::AbortedError("b")).status(),
            absl::DataLossError("a"));
}

TEST(RetryAfterTest, TheFirstWaitIsKeptAndSaid) {
  const absl::Status refused = MakeError(absl::StatusCode::kUnavailable, "GONE", "f", "gone");
  EXPECT_EQ(RetryAfterOf(refused), std::nullopt);
  const absl::Status waits = TryAgain(refused, absl::Microseconds(250'700));
  EXPECT_EQ(waits.message(), "gone; try again in 250ms");
  EXPECT_EQ(RetryAfterOf(waits), absl::Microseconds(250'700));
  EXPECT_EQ(ReasonOf(waits), "GONE");
  EXPECT_EQ(FieldOf(waits), "f");
  EXPECT_EQ(TryAgain(waits, absl::Seconds(9)), waits);
  EXPECT_TRUE(TryAgain(absl::OkStatus(), absl::Seconds(9)).ok());
}

}  // namespace
}  // namespace reserve
