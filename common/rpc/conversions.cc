#include "common/rpc/conversions.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve {
namespace {

constexpr int32_t kNanosPerSecond = 1'000'000'000;
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds since the epoch.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;
// As google.protobuf.Duration has it.
constexpr int64_t kLongestSeconds = 315'576'000'000;

absl::Status CheckCurrency(absl::string_view given, absl::string_view expected,
                           absl::string_view field) {
  const std::string path = absl::StrCat(field, ".currency_code");
  if (expected.empty()) {
    if (IsCurrency(given)) return absl::OkStatus();
    return InvalidField(path, "must be the ISO 4217 code of a currency, like USD");
  }
  if (given.empty() || given == expected) return absl::OkStatus();
  return InvalidField(path, absl::StrCat("must be ", expected, " or empty"));
}

}  // namespace

absl::StatusOr<Nanos> FromProto(const google::type::Money& money,
                                absl::string_view expected_currency, absl::string_view field) {
  RESERVE_RETURN_IF_ERROR(CheckCurrency(money.currency_code(), expected_currency, field));
  if (money.nanos() <= -kNanosPerUnit || money.nanos() >= kNanosPerUnit) {
    return InvalidField(absl::StrCat(field, ".nanos"), "must be from -999,999,999 to 999,999,999");
  }
  if ((money.units() > 0 && money.nanos() < 0) || (money.units() < 0 && money.nanos() > 0)) {
    return InvalidField(absl::StrCat(field, ".nanos"), "must have the sign of units");
  }
  const absl::int128 amount = absl::int128(money.units()) * kNanosPerUnit + money.nanos();
  if (amount > std::numeric_limits<Nanos>::max() || amount < std::numeric_limits<Nanos>::min()) {
    return InvalidField(absl::StrCat(field, ".units"), "is too large");
  }
  return static_cast<Nanos>(amount);
}

void ToProto(Nanos amount, absl::string_view currency_code, google::type::Money* money) {
  money->set_currency_code(currency_code.data(), currency_code.size());
  money->set_units(amount / kNanosPerUnit);
  money->set_nanos(static_cast<int32_t>(amount % kNanosPerUnit));
}

absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& timestamp,
                                     absl::string_view field) {
  if (timestamp.seconds() < kFirstSecond || timestamp.seconds() > kLastSecond) {
    return InvalidField(absl::StrCat(field, ".seconds"), "must be in the years 1 to 9999");
  }
  if (timestamp.nanos() < 0 || timestamp.nanos() >= kNanosPerSecond) {
    return InvalidField(absl::StrCat(field, ".nanos"), "must be from 0 to 999,999,999");
  }
  return TruncateToMicros(absl::FromUnixSeconds(timestamp.seconds()) +
                          absl::Nanoseconds(timestamp.nanos()));
}

void ToProto(absl::Time time, google::protobuf::Timestamp* timestamp) {
  const absl::Time first = absl::FromUnixSeconds(kFirstSecond);
  const absl::Time last = absl::FromUnixSeconds(kLastSecond);
  time = std::clamp(time, first, last + absl::Nanoseconds(kNanosPerSecond - 1));
  // Rounds to the past, so that the nanos are never negative.
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<absl::Duration> FromProto(const google::protobuf::Duration& duration,
                                         absl::string_view field) {
  if (duration.seconds() < -kLongestSeconds || duration.seconds() > kLongestSeconds) {
    return InvalidField(absl::StrCat(field, ".seconds"), "must be within 10,000 years");
  }
  if (duration.nanos() <= -kNanosPerSecond || duration.nanos() >= kNanosPerSecond) {
    return InvalidField(absl::StrCat(field, ".nanos"), "must be within 999,999,999");
  }
  if ((duration.seconds() < 0 && duration.nanos() > 0) ||
      (duration.seconds() > 0 && duration.nanos() < 0)) {
    return InvalidField(absl::StrCat(field, ".nanos"), "must be of the sign of the seconds");
  }
  return FromProto(duration);
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void ToProto(absl::Duration duration, google::protobuf::Duration* proto) {
  absl::Duration rest;
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

}  // namespace reserve
