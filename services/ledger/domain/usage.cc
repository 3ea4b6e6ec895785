#include "services/ledger/domain/usage.h"

#include "absl/strings/ascii.h"

namespace reserve::domain {
namespace {

// One segment holds `alone`; of several each holds `part`, as the header that
// joins them takes room.
int32_t Segments(int32_t length, int32_t alone, int32_t part) {
  if (length <= alone) return 1;
  return (length - 1) / part + 1;
}

}  // namespace

bool IsValidId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength) return false;
  for (const char c : id) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != ':' &&
        c != '-') {
      return false;
    }
  }
  return true;
}

bool SameContent(const Usage& stored, const Usage& sent) {
  if (!IsErasedNumber(stored.destination)) return stored == sent;
  Usage known = sent;
  known.destination = stored.destination;
  return stored == known;
}

absl::string_view DestinationField(const Usage& usage) {
  return usage.kind == UsageKind::kCall ? "call.destination" : "sms.destination";
}

absl::Duration RoundedUpToMicros(absl::Duration duration) {
  return absl::Ceil(duration, absl::Microseconds(1));
}

int64_t StartedSeconds(absl::Duration duration) {
  return absl::ToInt64Seconds(absl::Ceil(duration, absl::Seconds(1)));
}

bool IsE164(absl::string_view number) {
  if (number.size() < 6 || number.size() > 16 || number[0] != '+') return false;
  if (number[1] < '1' || number[1] > '9') return false;
  for (const char c : number.substr(2)) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

int32_t Gsm7Segments(int32_t length) { return Segments(length, 160, 153); }

int32_t Ucs2Segments(int32_t length) { return Segments(length, 70, 67); }

}  // namespace reserve::domain
