// Usage: one call or one text, in or out, as the caller reports it.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class UsageKind : uint8_t { kCall = 1, kSms = 2 };
enum class Direction : uint8_t { kOutbound = 1, kInbound = 2 };

// Two usages with equal content are the same fact (U2): all fields count.
struct Usage {
  std::string usage_id;
  std::string user_id;
  UsageKind kind = UsageKind::kCall;
  Direction direction = Direction::kOutbound;
  std::string destination;  // as destination.h keeps it; may be empty for an inbound text
  std::string carrier;      // of a text; may be empty
  absl::Time start_time = absl::InfinitePast();
  absl::Duration duration;  // of a call; whole microseconds (C9)
  int32_t segments = 0;     // of a text

  friend bool operator==(const Usage&, const Usage&) = default;
};

// What is known of a usage beyond the fact. The numbers are stored; never reuse one.
enum class UsageStatus : uint8_t {
  kRated = 1,    // its cost is what its ratings say
  kUnrated = 2,  // it happened, and has no price yet (U1)
  kVoided = 3,   // it was taken back (U5)
};

// Why a usage has no price yet. The numbers are stored; never reuse one.
enum class UnratedReason : uint8_t {
  kNone = 0,
  kNoRate = 1,              // no line of the deck in force at its start has the destination
  kUserUnknown = 2,         // the account has no such user
  kNoDeck = 3,              // no deck of the account's currency was in force at its start (M3)
  kDestinationBlocked = 4,  // its line blocks the destination, and has no price (C13)
};

// The longest call that is believed, unless a setting says otherwise: 7 days.
inline constexpr int64_t kMaxDurationSeconds = 604'800;
// And the longest that a setting may say: 366 days.
inline constexpr int64_t kMostDurationSeconds = 31'622'400;
inline constexpr int32_t kMaxSegments = 255;
inline constexpr size_t kMaxIdLength = 64;

// Ids of accounts, users, usages and requests: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
bool IsValidId(absl::string_view id);

// U2: is what is sent again the fact that is stored? A number that was erased is not compared.
bool SameContent(const Usage& stored, const Usage& sent);

// The request's field that says where a usage went.
absl::string_view DestinationField(const Usage& usage);

// C9: what is finer than a microsecond is rounded up.
absl::Duration RoundedUpToMicros(absl::Duration duration);

// The seconds that a duration has begun: 61 of 60.000001 s.
int64_t StartedSeconds(absl::Duration duration);

// C1: "+", a first digit 1-9, 5 to 15 digits.
bool IsE164(absl::string_view number);

// A number that was erased: in its place stands its digest under a key that is gone, in so many
// hexadecimal digits.
inline constexpr size_t kNumberDigestLength = 64;
inline bool IsErasedNumber(absl::string_view number) {
  return number.size() == kNumberDigestLength;
}

// Segments of a text (S2). `length` >= 0 counts septets or UTF-16 code units; an
// empty text is one segment.
int32_t Gsm7Segments(int32_t length);
int32_t Ucs2Segments(int32_t length);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_H_
