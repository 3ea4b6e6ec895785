#include "services/ledger/book/entry_chain.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/digest/sha256.h"

namespace reserve::book {
namespace {

// What is hashed, built by appending.
class Content {
 public:
  explicit Content(const domain::EntryHash& previous) {
    bytes_.reserve(512);
    bytes_.append(previous.data(), previous.size());
  }

  Content& Int(int64_t value) {
    char bytes[8];
    for (int i = 0; i < 8; ++i)
      bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    bytes_.append(bytes, sizeof(bytes));
    return *this;
  }
  Content& Time(absl::Time time) { return Int(absl::ToUnixMicros(time)); }
  Content& Text(absl::string_view text) {
    Int(static_cast<int64_t>(text.size()));
    bytes_.append(text.data(), text.size());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace

domain::EntryHash ChainedHash(const domain::EntryHash& previous, const domain::Entry& entry) {
  Content content(previous);
  content.Int(entry.seq)
      .Int(static_cast<int64_t>(entry.kind))
      .Int(entry.amount)
      .Int(entry.balance_after)
      .Time(entry.record_time);
  if (entry.booked.has_value()) {
    const domain::Usage& u = entry.booked->usage;
    const domain::Rating& r = entry.booked->rating;
    content.Text(u.usage_id)
        .Text(u.user_id)
        .Int(static_cast<int64_t>(u.kind))
        .Int(static_cast<int64_t>(u.direction))
        .Text(u.destination)
        .Text(u.carrier)
        .Time(u.start_time)
        .Int(domain::StartedSeconds(u.duration))
        .Int(u.segments)
        .Int(static_cast<int64_t>(r.basis))
        .Text(r.plan_id)
        .Int(r.deck_version)
        .Text(r.prefix)
        .Int(r.price)
        .Int(r.connect_fee)
        .Int(r.initial_increment_seconds)
        .Int(r.increment_seconds)
        .Int(r.free_seconds_before)
        .Int(r.free_seconds_taken)
        .Int(r.standard_rate ? 1 : 0);
  } else {
    content.Int(entry.recharge_ordinal).Text(entry.request_id).Text(entry.reason);
  }
  return Sha256(content.bytes());
}

}  // namespace reserve::book
