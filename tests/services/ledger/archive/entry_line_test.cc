// Lines of the files of archives, and how numbers lie in them.
#include "services/ledger/archive/entry_line.h"

#include <gtest/gtest.h>

#include <string>

#include "common/digest/sealed_text.h"
#include "services/ledger/book/entry_chain.h"

namespace reserve::archive {
namespace {

domain::NumberKey Key(char first) {
  domain::NumberKey key{};
  key[0] = first;
  return key;
}

// An entry whose every kind of field is set, with text that would break a line.
storage::KeptEntry OddEntry() {
  storage::KeptEntry kept;
  domain::Entry& entry = kept.entry;
  entry.account_id = "acme";
  entry.seq = 7;
  entry.kind = domain::EntryKind::kUsage;
  entry.amount = -5;
  entry.balance_after = -12;
  entry.record_time = absl::FromUnixMicros(1'758'000'000'000'007);
  entry.chain_form = domain::ChainForm::kTagged;
  entry.caller = "a\tcaller\n";
  domain::BookedUsage& booked = entry.booked.emplace();
  booked.usage.usage_id = "call-1";
  booked.usage.user_id = "u";
  booked.usage.kind = domain::UsageKind::kCall;
  booked.usage.destination = "14155550123";
  booked.usage.start_time = absl::FromUnixMicros(1'757'999'000'000'001);
  booked.usage.duration = absl::Microseconds(61'000'001);
  booked.rating.terms = std::string("\0\t\n\\x41", 7);
  booked.grant_draws = "1:5";
  kept.previous[3] = 'p';
  const domain::NumberKey key = Key('k');
  entry.hash = book::ChainedHash(kept.previous, entry, &key);
  return kept;
}

TEST(EntryLineTest, ALineHasAllThatTheHashIsMadeOfAndNoNumber) {
  const storage::KeptEntry kept = OddEntry();
  const domain::NumberKey key = Key('k');
  const std::string line = LineOf(kept, &key);
  EXPECT_EQ(line.find("14155550123"), std::string::npos);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = EntryFrom(line);
  ASSERT_TRUE(read.has_value()) << line;
  EXPECT_EQ(read->previous, kept.previous);
  EXPECT_EQ(read->entry.hash, kept.entry.hash);
  EXPECT_EQ(read->entry.booked->rating.terms, kept.entry.booked->rating.terms);
  EXPECT_EQ(read->entry.caller, kept.entry.caller);
  EXPECT_EQ(book::ChainedHash(read->previous, read->entry, nullptr), kept.entry.hash);
}

TEST(EntryLineTest, AnEntryOfMoneyComesBackAsItWas) {
  storage::KeptEntry kept;
  kept.entry.account_id = "acme";
  kept.entry.seq = 1;
  kept.entry.kind = domain::EntryKind::kAdjustment;
  kept.entry.amount = 100;
  kept.entry.record_time = absl::FromUnixMicros(5);
  kept.entry.chain_form = domain::ChainForm::kTagged;
  kept.entry.request_id = "r-1";
  kept.entry.reason = "welcome,\tand \"so on\"";
  kept.entry.hash = book::ChainedHash(kept.previous, kept.entry, nullptr);
  const auto read = EntryFrom(LineOf(kept, nullptr));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->entry.reason, kept.entry.reason);
  EXPECT_EQ(book::ChainedHash(read->previous, read->entry, nullptr), kept.entry.hash);
}

TEST(EntryLineTest, WhatIsNoLineIsNone) {
  const domain::NumberKey key = Key('k');
  const std::string line = LineOf(OddEntry(), &key);
  for (const std::string& text : {std::string(), line + "\t", line.substr(0, line.size() / 2),
                                  "x" + line.substr(line.find('\t')) + "\tx"}) {
    EXPECT_FALSE(EntryFrom(text).has_value()) << text;
  }
  EXPECT_FALSE(NumberFrom("acme\t1\tu\t2025\tzz\t").has_value());
}

TEST(EntryLineTest, ANumberCanBeReadUnderItsKeyAlone) {
  const storage::KeptEntry kept = OddEntry();
  const domain::NumberKey key = Key('k');
  const auto line = NumberFrom(NumberLineOf(kept.entry, &key));
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->user_id, "u");
  EXPECT_EQ(line->year, 2025);
  EXPECT_EQ(NumberOf(*line, key), "14155550123");
  EXPECT_EQ(NumberOf(*line, Key('x')), std::nullopt);
  // It can't be moved to another entry.
  NumberLine moved = *line;
  moved.seq = 8;
  EXPECT_EQ(NumberOf(moved, key), std::nullopt);
}

TEST(SealedTextTest, WhatIsAlteredDoesNotOpen) {
  const Key256 key = RandomKey();
  std::string sealed = SealText(key, "a", "text");
  EXPECT_EQ(OpenText(key, "a", sealed), "text");
  EXPECT_EQ(SealText(key, "a", "text"), sealed);
  EXPECT_EQ(OpenText(key, "b", sealed), std::nullopt);
  EXPECT_EQ(OpenText(key, "a", ""), std::nullopt);
  sealed[0] = static_cast<char>(sealed[0] ^ 1);
  EXPECT_EQ(OpenText(key, "a", sealed), std::nullopt);
  EXPECT_EQ(OpenText(key, "", SealText(key, "", "")), "");
}

}  // namespace
}  // namespace reserve::archive
