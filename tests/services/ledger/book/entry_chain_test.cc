#include "services/ledger/book/entry_chain.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/civil_time.h"
#include "services/ledger/book/entry_fields.h"

namespace reserve::book {
namespace {

using domain::ChainForm;
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

// The key of docs/CHAIN.md: bytes 0 to 31.
domain::NumberKey KeyOfAlice() {
  domain::NumberKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i);
  return key;
}

Entry Tagged(Entry entry) {
  entry.chain_form = ChainForm::kTagged;
  return entry;
}

EntryHash HashOf(const Entry& entry, const EntryHash& previous = {}) {
  static const domain::NumberKey key = KeyOfAlice();
  return ChainedHash(previous, entry, NeedsNumberKey(entry) ? &key : nullptr);
}

// The vectors of docs/CHAIN.md, which the program there computes.
TEST(EntryChainTest, HashesAreThoseOfTheDescription) {
  const EntryHash first = HashOf(Tagged(Correction()));
  EXPECT_EQ(Hex(first), "2965b33036c6e817aa281a75c1f67ae7cfd69a6a4e18fc1f05b2ed72194581d7");
  EXPECT_EQ(Hex(HashOf(Tagged(DearCall()), first)),
            "dcfcc574061d43830f7890ec37edfe4c3b4c245c0a92fca8c97884fd7c5ef3f5");
  EXPECT_EQ(ErasedNumber(KeyOfAlice(), "442079460000"),
            "c0bd18b9be43f89a81b365cb53afd011f7152c3143faf04cc90ab540539d587e");
}

TEST(EntryChainTest, HashesOfTheFirstFormAreWhatTheyWereAndBothFormsFollowEachOther) {
  const EntryHash first = HashOf(Correction());
  EXPECT_EQ(Hex(first), "9a7ffe3cbb3ed4fc042aa3405ffde7fd40828d8b44950c95395534d48f58da05");
  EXPECT_EQ(Hex(HashOf(DearCall(), first)),
            "eb2fcb8b1c7957eabde122bffa427f16c1a34c4ec37ba8a7730b0af183cb7e5f");
  EXPECT_EQ(Hex(HashOf(Tagged(DearCall()), first)),
            "40e33936af238d3e8948b7c9afbc572e5d03e3a20f6ea156d2ee21e66086efc9");
}

TEST(EntryChainTest, ANumberThatWasErasedLeavesTheHashAsItWas) {
  Entry erased = Tagged(DearCall());
  const EntryHash before = HashOf(erased);
  erased.booked->usage.destination = ErasedNumber(KeyOfAlice(), "442079460000");
  EXPECT_FALSE(NeedsNumberKey(erased));
  EXPECT_EQ(ChainedHash({}, erased, /*key=*/nullptr), before);
}

TEST(EntryChainTest, WithoutTheKeyANumberIsNotFoundByTryingAll) {
  domain::NumberKey other = KeyOfAlice();
  other[0] = 'x';
  EXPECT_NE(ErasedNumber(other, "442079460000"), ErasedNumber(KeyOfAlice(), "442079460000"));
  EXPECT_NE(ChainedHash({}, Tagged(DearCall()), &other), HashOf(Tagged(DearCall())));
}

TEST(EntryChainTest, WhatPeopleWriteIsOutsideOfTheTaggedForm) {
  Entry changed = Tagged(Correction());
  changed.reason = "something else";
  EXPECT_EQ(HashOf(changed), HashOf(Tagged(Correction())));
  changed.chain_form = ChainForm::kFixed;
  EXPECT_NE(HashOf(changed), HashOf(Correction()));
}

TEST(EntryChainTest, AFieldThatIsNotSetIsNotHashedSoThatNewFieldsLeaveOldHashesAlone) {
  // What a field is where it is not set, an entry that knows nothing of it has too.
  Entry call = Tagged(DearCall());
  call.booked->rating.connect_fee = 0;
  call.booked->usage.carrier = "";
  EXPECT_EQ(HashOf(call), HashOf(Tagged(DearCall())));
}

TEST(EntryChainTest, FieldsComeInTheOrderOfTheirTagsEachOnce) {
  Tag last = Tag::kRecordTime;
  const auto grows = [&last](Tag tag, absl::string_view name, const auto&) {
    EXPECT_LT(last, tag) << name;
    last = tag;
  };
  const Entry call = DearCall();
  VisitUsageFields(*call.booked, grows);
  last = Tag::kRecordTime;  // no entry has both
  const Entry correction = Correction();
  VisitOtherFields(correction, grows);
}

using Change = std::function<void(Entry&)>;

void ExpectEachCounts(const Entry& entry, const std::vector<Change>& changes) {
  for (size_t i = 0; i < changes.size(); ++i) {
    Entry changed = entry;
    changes[i](changed);
    EXPECT_NE(HashOf(changed), HashOf(entry)) << "change " << i;
  }
}

std::vector<Change> ChangesOfAll() {
  return {
      [](Entry& e) { ++e.seq; },
      [](Entry& e) { e.kind = domain::EntryKind::kRecharge; },
      [](Entry& e) { ++e.amount; },
      [](Entry& e) { ++e.balance_after; },
      [](Entry& e) { e.record_time += absl::Microseconds(1); },
  };
}

std::vector<Change> ChangesOfAUsage() {
  return {[](Entry& e) { e.booked->usage.usage_id += "x"; },
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
          [](Entry& e) { e.booked->rating.standard_rate = true; }};
}

TEST(EntryChainTest, C14_TheCountryCountsInTheTaggedFormAndIsNotThereInTheFirst) {
  Entry call = DearCall();
  call.chain_form = ChainForm::kTagged;
  ExpectEachCounts(call, {[](Entry& e) { e.booked->rating.country = "GB"; }});
  call.chain_form = ChainForm::kFixed;
  Entry with_country = call;
  with_country.booked->rating.country = "GB";
  EXPECT_EQ(ChainedHash({}, call, nullptr), ChainedHash({}, with_country, nullptr));
}

TEST(EntryChainTest, U4_HowACallWasPricedCountsInTheTaggedForm) {
  ExpectEachCounts(Tagged(DearCall()),
                   {[](Entry& e) { e.booked->rating.terms = "part:0/0/1/0/60/0"; }});
}

TEST(EntryChainTest, EveryStoredFigureCountsInBothForms) {
  for (const ChainForm form : {ChainForm::kFixed, ChainForm::kTagged}) {
    SCOPED_TRACE(static_cast<int>(form));
    Entry correction = Correction();
    Entry call = DearCall();
    correction.chain_form = call.chain_form = form;
    ExpectEachCounts(correction, ChangesOfAll());
    ExpectEachCounts(call, ChangesOfAll());
    ExpectEachCounts(call, ChangesOfAUsage());
    ExpectEachCounts(correction, {[](Entry& e) { ++e.recharge_ordinal; },
                                  [](Entry& e) { e.request_id += "x"; }});
  }
  // Where one text ends and the next begins is part of it.
  ExpectEachCounts(Correction(), {[](Entry& e) { e.reason += "x"; },
                                  [](Entry& e) { e.request_id = "r-1g", e.reason = "ift"; }});
  ExpectEachCounts(
      Tagged(DearCall()),
      {[](Entry& e) { e.booked->usage.duration += absl::Microseconds(1); },
       [](Entry& e) { e.booked->usage.usage_id = "call-1a", e.booked->usage.user_id = "lice"; }});
}

TEST(EntryChainTest, WhatCameBeforeCounts) {
  EntryHash other{};
  other[31] = 1;
  EXPECT_NE(HashOf(Tagged(DearCall()), other), HashOf(Tagged(DearCall())));
  EXPECT_NE(HashOf(DearCall(), other), HashOf(DearCall()));
}

TEST(EntryChainTest, AKeyIsOfTheYearInWhichTheUsageBegan) {
  EXPECT_EQ(YearOfNumberKey(
                absl::FromCivil(absl::CivilSecond(2026, 12, 31, 23, 59, 59), absl::UTCTimeZone())),
            2026);
  EXPECT_EQ(YearOfNumberKey(absl::FromCivil(absl::CivilSecond(2027, 1, 1), absl::UTCTimeZone())),
            2027);
}

}  // namespace
}  // namespace reserve::book
