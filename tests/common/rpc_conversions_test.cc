#include "common/rpc/conversions.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/rpc/status.h"
#include "google/rpc/error_details.pb.h"

namespace reserve {
namespace {

constexpr Nanos kLeast = std::numeric_limits<Nanos>::min();
constexpr Nanos kMost = std::numeric_limits<Nanos>::max();

google::type::Money Money(const char* currency, int64_t units, int32_t nanos) {
  google::type::Money money;
  money.set_currency_code(currency);
  money.set_units(units);
  money.set_nanos(nanos);
  return money;
}

TEST(MoneyConversionTest, EveryAmountThatFitsGoesThereAndBack) {
  for (const Nanos amount :
       {Nanos{0}, Nanos{1}, Nanos{-1}, 15 * kNanosPerUnit, Nanos{999'999'999}, Nanos{-999'999'999},
        Nanos{1'000'000'001}, Nanos{-1'000'000'001}, kLeast, kMost}) {
    google::type::Money money;
    ToProto(amount, "USD", &money);
    EXPECT_EQ(*FromProto(money, "USD", "amount"), amount) << money.ShortDebugString();
  }
}

TEST(MoneyConversionTest, AnEmptyCurrencyStandsForTheExpectedOne) {
  EXPECT_EQ(*FromProto(Money("", 1, 0), "USD", "amount"), kNanosPerUnit);
}

TEST(MoneyConversionTest, ARefusalNamesThePartAtFault) {
  struct Row {
    google::type::Money money;
    const char* expected_currency;
    const char* field;
  };
  const Row rows[] = {
      {Money("EUR", 1, 0), "USD", "a.amount.currency_code"},
      {Money("usd", 1, 0), "USD", "a.amount.currency_code"},
      {Money("", 1, 0), "", "a.amount.currency_code"},
      {Money("ABC", 1, 0), "", "a.amount.currency_code"},
      {Money("USD", 0, 1'000'000'000), "USD", "a.amount.nanos"},
      {Money("USD", 0, -1'000'000'000), "USD", "a.amount.nanos"},
      {Money("USD", 0, std::numeric_limits<int32_t>::min()), "USD", "a.amount.nanos"},
      {Money("USD", 1, -1), "USD", "a.amount.nanos"},
      {Money("USD", -1, 1), "USD", "a.amount.nanos"},
      {Money("USD", 9'223'372'036, 854'775'808), "USD", "a.amount.units"},
      {Money("USD", -9'223'372'036, -854'775'809), "USD", "a.amount.units"},
      {Money("USD", std::numeric_limits<int64_t>::max(), 0), "USD", "a.amount.units"},
      {Money("USD", std::numeric_limits<int64_t>::min(), 0), "USD", "a.amount.units"},
  };
  for (const Row& row : rows) {
    const absl::Status status = FromProto(row.money, row.expected_currency, "a.amount").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.money.ShortDebugString();
    EXPECT_EQ(FieldOf(status), row.field) << row.money.ShortDebugString();
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  }
}

// A Timestamp or a Duration.
template <typename Message>
Message Of(int64_t seconds, int32_t nanos) {
  Message message;
  message.set_seconds(seconds);
  message.set_nanos(nanos);
  return message;
}
constexpr auto Timestamp = Of<google::protobuf::Timestamp>;
constexpr auto DurationOf = Of<google::protobuf::Duration>;

TEST(TimeConversionTest, TimesGoThereAndBackAtMicroseconds) {
  for (const int64_t micros :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1'700'000'000'123'456},
        int64_t{-62'135'596'800'000'000}, int64_t{253'402'300'799'999'999}}) {
    google::protobuf::Timestamp timestamp;
    ToProto(absl::FromUnixMicros(micros), &timestamp);
    EXPECT_GE(timestamp.nanos(), 0);
    EXPECT_EQ(*FromProto(timestamp, "t"), absl::FromUnixMicros(micros)) << micros;
  }
  EXPECT_EQ(*FromProto(Timestamp(0, 1'999), "t"), absl::FromUnixMicros(1));
  EXPECT_EQ(*FromProto(Timestamp(-1, 999'999'999), "t"), absl::FromUnixMicros(-1));
}

TEST(TimeConversionTest, ATimeOutsideOfTheCalendarIsRefused) {
  EXPECT_EQ(FieldOf(FromProto(Timestamp(-62'135'596'801, 0), "t").status()), "t.seconds");
  EXPECT_EQ(FieldOf(FromProto(Timestamp(253'402'300'800, 0), "t").status()), "t.seconds");
  EXPECT_EQ(FieldOf(FromProto(Timestamp(0, -1), "t").status()), "t.nanos");
  EXPECT_EQ(FieldOf(FromProto(Timestamp(0, 1'000'000'000), "t").status()), "t.nanos");
}

TEST(TimeConversionTest, EndlessTimesAreCutToTheCalendar) {
  google::protobuf::Timestamp timestamp;
  ToProto(absl::InfiniteFuture(), &timestamp);
  EXPECT_EQ(timestamp.seconds(), 253'402'300'799);
  EXPECT_EQ(timestamp.nanos(), 999'999'999);
  ToProto(absl::InfinitePast(), &timestamp);
  EXPECT_EQ(timestamp.seconds(), -62'135'596'800);
  EXPECT_EQ(timestamp.nanos(), 0);
}

TEST(StatusConversionTest, AllOfARefusalGoesThereAndBack) {
  const absl::Status status =
      WithMetadata(WithMetadata(MakeError(absl::StatusCode::kFailedPrecondition, "CARD_REFUSED",
                                          "card.token", "card.token: is blocked"),
                                "since", "yesterday"),
                   "attempts", "3");
  for (const absl::Status& back : {FromGrpcStatus(ToGrpcStatus(status, "reserve.ledger")),
                                   FromProtoStatus(ToProtoStatus(status, "reserve.ledger"))}) {
    EXPECT_EQ(back.code(), status.code());
    EXPECT_EQ(back.message(), status.message());
    EXPECT_EQ(ReasonOf(back), "CARD_REFUSED");
    EXPECT_EQ(FieldOf(back), "card.token");
    EXPECT_EQ(MetadataOf(back).size(), 2u);
  }
}

// The detail of a type, which a status has once or not at all.
template <typename Detail>
std::optional<Detail> DetailOf(const google::rpc::Status& status) {
  std::optional<Detail> found;
  for (const google::protobuf::Any& any : status.details()) {
    Detail detail;
    if (!any.UnpackTo(&detail)) continue;
    EXPECT_FALSE(found.has_value()) << any.type_url() << " is there twice";
    found = detail;
  }
  return found;
}

TEST(StatusConversionTest, AWaitIsInTheDetailsAndInTheText) {
  const absl::Status status =
      TryAgain(MakeError(absl::StatusCode::kUnavailable, "NOT_SERVING", "", "not yet"),
               absl::Milliseconds(1'234) + absl::Nanoseconds(567));
  const google::rpc::Status proto = ToProtoStatus(status, "reserve.ledger");
  EXPECT_EQ(proto.message(), "not yet; try again in 1.234s");
  const auto retry = DetailOf<google::rpc::RetryInfo>(proto);
  ASSERT_TRUE(retry.has_value());
  EXPECT_EQ(retry->retry_delay().seconds(), 1);
  EXPECT_EQ(retry->retry_delay().nanos(), 234'000'567);
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status, "reserve.ledger"));
  EXPECT_EQ(RetryAfterOf(back), RetryAfterOf(status));
  EXPECT_EQ(back.message(), status.message());
  EXPECT_EQ(ReasonOf(back), "NOT_SERVING");
  EXPECT_EQ(FieldOf(back), "");

  const google::rpc::Status field = ToProtoStatus(InvalidField("a", "is bad"), "d");
  EXPECT_FALSE(DetailOf<google::rpc::RetryInfo>(field).has_value())
      << "waiting does not mend a bad field";
}

TEST(DurationConversionTest, ADurationComesAsItIsToTheNanosecond) {
  EXPECT_EQ(FromProto(DurationOf(60, 1), "d").value(), absl::Seconds(60) + absl::Nanoseconds(1));
  EXPECT_EQ(FromProto(DurationOf(-1, -500'000'000), "d").value(), absl::Milliseconds(-1'500));
  EXPECT_EQ(FromProto(DurationOf(0, 0), "d").value(), absl::ZeroDuration());
}

TEST(DurationConversionTest, WhatIsNoDurationIsRefusedByName) {
  const std::vector<std::tuple<int64_t, int32_t, std::string>> cases = {
      {315'576'000'001, 0, "d.seconds"},
      {-315'576'000'001, 0, "d.seconds"},
      {0, 1'000'000'000, "d.nanos"},
      {0, -1'000'000'000, "d.nanos"},
      {1, -1, "d.nanos"},
      {-1, 1, "d.nanos"},
  };
  for (const auto& [seconds, nanos, field] : cases) {
    const absl::Status refused = FromProto(DurationOf(seconds, nanos), "d").status();
    EXPECT_EQ(ReasonOf(refused), "INVALID_FIELD") << seconds << " s " << nanos;
    EXPECT_EQ(FieldOf(refused), field) << seconds << " s " << nanos;
  }
}

TEST(StatusConversionTest, TheDetailsAreTheStandardOnes) {
  const grpc::Status status =
      ToGrpcStatus(WithMetadata(InvalidField("a.b", "is bad"), "limit", "3"), "reserve.ledger");
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.message(), status.error_message());
  ASSERT_EQ(details.details_size(), 2);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  const auto info = DetailOf<google::rpc::ErrorInfo>(details);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->reason(), "INVALID_FIELD");
  EXPECT_EQ(info->domain(), "reserve.ledger");
  EXPECT_EQ(info->metadata().at("limit"), "3");
  const auto bad_request = DetailOf<google::rpc::BadRequest>(details);
  ASSERT_TRUE(bad_request.has_value());
  ASSERT_EQ(bad_request->field_violations_size(), 1);
  EXPECT_EQ(bad_request->field_violations(0).field(), "a.b");
  EXPECT_EQ(bad_request->field_violations(0).description(), "is bad");
}

TEST(StatusConversionTest, OkHasNoDetails) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus(), "d").ok());
  EXPECT_EQ(ToProtoStatus(absl::OkStatus(), "d").details_size(), 0);
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
  EXPECT_TRUE(FromProtoStatus(google::rpc::Status()).ok());
}

TEST(StatusConversionTest, AnErrorWithoutAReasonIsNamedAfterItsCode) {
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(absl::InternalError("x"), "d"));
  EXPECT_EQ(ReasonOf(back), "INTERNAL");
}

TEST(StatusConversionTest, DetailsOfOthersAreReadWithoutHarm) {
  const absl::Status plain = FromGrpcStatus(grpc::Status(grpc::UNAVAILABLE, "gone"));
  EXPECT_EQ(plain.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(plain), "UNAVAILABLE");
  const absl::Status garbage =
      FromGrpcStatus(grpc::Status(grpc::ABORTED, "x", std::string("\xff\x01garbage")));
  EXPECT_EQ(garbage.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(FromGrpcStatus(grpc::Status(static_cast<grpc::StatusCode>(99), "x")).code(),
            absl::StatusCode::kUnknown);
}

TEST(StatusConversionTest, MessagesAreFitForAHeader) {
  const std::string umlauts = [] {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "\xc3\xbc";
    return text;
  }();
  const google::rpc::Status long_message = ToProtoStatus(absl::InternalError("x" + umlauts), "d");
  EXPECT_LE(long_message.message().size(), 2048u);
  EXPECT_EQ(long_message.message().size() % 2, 1u) << "a character was cut in two";
  const google::rpc::Status bytes = ToProtoStatus(absl::InternalError("\xff\xfe."), "d");
  EXPECT_EQ(bytes.message(), "??.");
}

}  // namespace
}  // namespace reserve
