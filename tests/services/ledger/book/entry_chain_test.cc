#include "services/ledger/book/entry_chain.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"

namespace reserve::book {
namespace {

using domain::Entry;
using domain::EntryHash;

constexpr int64_t kMicros = 1795478400000001;

std::string Hex(const EntryHash& hash) {
  return absl::BytesToHexString(absl::string_view(hash.data(), hash.size()));
}

Entry Correction() {
  Entry entry;
  entry.account_id = "acme";
  entry.seq = 1;
  entry.kind = domain::EntryKind::kAdjustment;
  entry.amount = entry.balance_after = 15'000'000'000;
  entry.record_time = absl::FromUnixMicros(kMicros);
  entry.request_id = "r-1";
  entry.reason = "gift";
  return entry;
}

Entry DearCall() {
  Entry entry;
  entry.account_id = "acme";
  entry.seq = 2;
  entry.kind = domain::EntryKind::kUsage;
  entry.amount = -60'000'000;
  entry.balance_after = 14'940'000'000;
  entry.record_time = absl::FromUnixMicros(kMicros + 1);
  domain::BookedUsage& booked = entry.booked.emplace();
  booked.usage.usage_id = "call-1";
  booked.usage.user_id = "alice";
  booked.usage.destination = "442079460000";
  booked.usage.start_time = absl::FromUnixMicros(kMicros) - absl::Minutes(1);
  booked.usage.duration = absl::Microseconds(60'000'001);  // 61 are begun
  booked.rating.basis = domain::ChargeBasis::kDearer;
  booked.rating.plan_id = "per_minute";
  booked.rating.deck_version = 7;
  booked.rating.prefix = "44";
  booked.rating.price = 30'000'000;
  booked.rating.initial_increment_seconds = 60;
  booked.rating.increment_seconds = 60;
  booked.rating.free_seconds_before = 18'000;
  return entry;
}

// Computed from the description in entry_chain.h by another program.
TEST(EntryChainTest, HashesAreThoseOfTheDescription) {
  const EntryHash first = ChainedHash({}, Correction());
  EXPECT_EQ(Hex(first), "9a7ffe3cbb3ed4fc042aa3405ffde7fd40828d8b44950c95395534d48f58da05");
  EXPECT_EQ(Hex(ChainedHash(first, DearCall())),
            "eb2fcb8b1c7957eabde122bffa427f16c1a34c4ec37ba8a7730b0af183cb7e5f");
}

TEST(EntryChainTest, EveryStoredFigureCounts) {
  using Change = std::function<void(Entry&)>;
  const auto differ = [](const Entry& entry, const std::vector<Change>& changes) {
    for (size_t i = 0; i < changes.size(); ++i) {
      Entry changed = entry;
      changes[i](changed);
      EXPECT_NE(ChainedHash({}, changed), ChainedHash({}, entry)) << "change " << i;
    }
  };
  const std::vector<Change> of_all = {
      [](Entry& e) { ++e.seq; },
      [](Entry& e) { e.kind = domain::EntryKind::kRecharge; },
      [](Entry& e) { ++e.amount; },
      [](Entry& e) { ++e.balance_after; },
      [](Entry& e) { e.record_time += absl::Microseconds(1); },
  };
  differ(Correction(), of_all);
  differ(DearCall(), of_all);
  differ(Correction(), {[](Entry& e) { ++e.recharge_ordinal; },
                        [](Entry& e) { e.request_id += "x"; }, [](Entry& e) { e.reason += "x"; },
                        // Where one text ends and the next begins is part of it.
                        [](Entry& e) { e.request_id = "r-1g", e.reason = "ift"; }});
  differ(DearCall(), {[](Entry& e) { e.booked->usage.usage_id += "x"; },
                      [](Entry& e) { e.booked->usage.user_id += "x"; },
                      [](Entry& e) { e.booked->usage.kind = domain::UsageKind::kSms; },
                      [](Entry& e) { e.booked->usage.direction = domain::Direction::kInbound; },
                      [](Entry& e) { e.booked->usage.destination += "0"; },
                      [](Entry& e) { e.booked->usage.carrier += "x"; },
                      [](Entry& e) { e.booked->usage.start_time += absl::Microseconds(1); },
                      [](Entry& e) { e.booked->usage.duration += absl::Seconds(1); },
                      [](Entry& e) { ++e.booked->usage.segments; },
                      [](Entry& e) { e.booked->rating.basis = domain::ChargeBasis::kSms; },
                      [](Entry& e) { e.booked->rating.plan_id += "x"; },
                      [](Entry& e) { ++e.booked->rating.deck_version; },
                      [](Entry& e) { e.booked->rating.prefix += "2"; },
                      [](Entry& e) { ++e.booked->rating.price; },
                      [](Entry& e) { ++e.booked->rating.connect_fee; },
                      [](Entry& e) { ++e.booked->rating.initial_increment_seconds; },
                      [](Entry& e) { ++e.booked->rating.increment_seconds; },
                      [](Entry& e) { ++e.booked->rating.free_seconds_before; },
                      [](Entry& e) { ++e.booked->rating.free_seconds_taken; },
                      [](Entry& e) { e.booked->rating.standard_rate = true; }});
}

TEST(EntryChainTest, WhatCameBeforeCounts) {
  EntryHash other{};
  other[31] = 1;
  EXPECT_NE(ChainedHash(other, DearCall()), ChainedHash({}, DearCall()));
}

}  // namespace
}  // namespace reserve::book
