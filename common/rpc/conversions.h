// Money, times and durations on the wire, to and from our own types, with their rules.
//
// Errors are INVALID_ARGUMENT with reason INVALID_FIELD and the path of the field
// at fault, below the `field` that the caller names. Thread-safe: pure functions.
//
//   RESERVE_ASSIGN_OR_RETURN(const Nanos amount,
//                            FromProto(request.amount(), account_currency, "amount"));
#ifndef RESERVE_COMMON_RPC_CONVERSIONS_H_
#define RESERVE_COMMON_RPC_CONVERSIONS_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "google/type/money.pb.h"

namespace reserve {

// Refuses: a currency that is not `expected_currency` ("<field>.currency_code";
// empty stands for the expected one), nanos out of range or of another sign than
// units ("<field>.nanos"), and an amount that does not fit ("<field>.units").
// With an empty `expected_currency` the message must name a known currency.
absl::StatusOr<Nanos> FromProto(const google::type::Money& money,
                                absl::string_view expected_currency, absl::string_view field);
void ToProto(Nanos amount, absl::string_view currency_code, google::type::Money* money);

// A time of the years 1 to 9999, cut to microseconds. Refuses seconds out of that
// range ("<field>.seconds") and nanos outside of 0 to 999,999,999 ("<field>.nanos").
absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& timestamp,
                                     absl::string_view field);
// Times beyond the years 1 to 9999 are cut to the range.
void ToProto(absl::Time time, google::protobuf::Timestamp* timestamp);

// A duration as it is, to the nanosecond, of either sign. Refuses seconds beyond 10,000 years
// ("<field>.seconds"), and nanos out of range or of another sign than seconds ("<field>.nanos").
absl::StatusOr<absl::Duration> FromProto(const google::protobuf::Duration& duration,
                                         absl::string_view field);
// The same of what our own programs say to each other: checks nothing.
absl::Duration FromProto(const google::protobuf::Duration& duration);
void ToProto(absl::Duration duration, google::protobuf::Duration* proto);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_CONVERSIONS_H_
