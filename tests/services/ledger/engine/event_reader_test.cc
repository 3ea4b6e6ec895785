// The feed of a database that is spread over shards: here two schemas of one server stand for them.
#include "services/ledger/engine/event_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/book/keyspace.h"
#include "services/ledger/storage/database_error.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::engine {
namespace {

using storage::EventKey;
using storage::Shard;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr uint64_t kMiddle = uint64_t{1} << 63;
const Shard kAll{"all"};
const Shard kLow{"low", 0, kMiddle - 1};
const Shard kHigh{"high", kMiddle};

// A shard a schema, any of which may be away.
class SchemasAsShards : public FeedSource {
 public:
  absl::StatusOr<std::vector<Shard>> Shards() override { return shards; }
  absl::StatusOr<storage::Connection*> At(const Shard& shard) override {
    if (away.count(shard.schema) > 0) {
      return storage::DatabaseError(storage::ErrorClass::kShard, "away");
    }
    return connections.at(shard.schema).get();
  }
  void Failed(const Shard&) override { ADD_FAILURE() << "nothing fails that was reached"; }

  std::vector<Shard> shards;
  std::set<std::string> away;
  std::map<std::string, std::unique_ptr<storage::Connection>> connections;
};

class EventReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    source_.shards = {kLow, kHigh};
    for (const Shard& shard : {kAll, kLow, kHigh}) {
      auto database = std::make_unique<storage::MigratedDatabase>();
      source_.connections[shard.schema] = database->Connect();
      databases_[shard.schema] = std::move(database);
    }
    for (int i = 0; low_.empty() || high_.empty(); ++i) {
      const std::string id = absl::StrCat("account-", i);
      (book::KeyspaceIdOf(id) < kMiddle ? low_ : high_) = id;
    }
    reader_ = std::make_unique<EventReader>(EventReader::Options{});
  }

  // An event of an account, in the schema of a shard.
  void Happen(const Shard& shard, const std::string& account_id, int seq) {
    const test_support::TestDatabase& sql = databases_.at(shard.schema)->sql();
    if (seq == 1) {
      sql.Execute(absl::StrCat("INSERT INTO accounts (account_id,currency) VALUES ('", account_id,
                               "','USD')"));
    }
    sql.Execute(absl::StrCat(
        "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
        "recharge_ordinal) "
        "VALUES ('",
        account_id, "',", seq, ",1,'',UTC_TIMESTAMP(6),1,0,0)"));
  }

  // What is new, by a reader that has no more to come.
  std::vector<EventKey> Read(EventReader& reader) {
    std::vector<EventKey> keys;
    for (bool more = true; more;) {
      absl::StatusOr<EventReader::Page> page = reader.Next(source_);
      if (!page.ok()) {
        ADD_FAILURE() << page.status();
        return keys;
      }
      for (const storage::FeedEvent& event : page->events) {
        keys.emplace_back(event.event.account_id, event.event.event_seq);
      }
      if (!page->position.stretches.empty()) position_ = page->position;
      more = !page->caught_up;
    }
    return keys;
  }
  std::vector<EventKey> Read() { return Read(*reader_); }

  SchemasAsShards source_;
  std::map<std::string, std::unique_ptr<storage::MigratedDatabase>> databases_;
  std::string low_;   // an account of the one half
  std::string high_;  // and of the other
  std::unique_ptr<EventReader> reader_;
  FeedPosition position_;
};

TEST_F(EventReaderTest, AShardThatIsAwayStopsItsOwnEventsAlone) {
  EXPECT_THAT(Read(), IsEmpty());
  source_.away = {kHigh.schema};
  Happen(kHigh, high_, 1);
  Happen(kLow, low_, 1);
  EXPECT_THAT(Read(), ElementsAre(EventKey(low_, 1)));
  source_.away.clear();
  Happen(kLow, low_, 2);
  EXPECT_THAT(Read(), UnorderedElementsAre(EventKey(low_, 2), EventKey(high_, 1)));
}

TEST_F(EventReaderTest, APositionResumesEachShardWhereItWasLeft) {
  Read();
  source_.away = {kHigh.schema};
  Happen(kHigh, high_, 1);
  Happen(kLow, low_, 1);
  Read();
  ASSERT_EQ(position_.stretches.size(), 2u);
  EXPECT_GT(position_.stretches[0].watermark, position_.stretches[1].watermark);
  const auto kept = ParseFeedPosition(ToText(position_));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->stretches, position_.stretches);
  source_.away.clear();
  EventReader::Options options;
  options.resume_from = *kept;
  EventReader next(options);
  // What lies within the overlap comes once more.
  EXPECT_THAT(Read(next), testing::Contains(EventKey(high_, 1)));
}

TEST_F(EventReaderTest, OneThatIsAwayFromTheBeginMissesNothingThatHappensLater) {
  source_.away = {kHigh.schema};
  Read();
  Happen(kHigh, high_, 1);
  EXPECT_THAT(Read(), IsEmpty());
  source_.away.clear();
  EXPECT_THAT(Read(), ElementsAre(EventKey(high_, 1)));
}

TEST_F(EventReaderTest, NothingThatCanBeReadIsAnError) {
  source_.away = {kHigh.schema, kLow.schema};
  EXPECT_EQ(reader_->Next(source_).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EventReaderTest, GoesOnWhereAShardWasSplit) {
  source_.shards = {kAll};
  Read();
  Happen(kAll, low_, 1);
  Happen(kAll, high_, 1);
  EXPECT_EQ(Read().size(), 2u);
  ASSERT_EQ(position_.stretches.size(), 1u);
  // The rows are at the new ones, with the times at which they were inserted.
  for (const auto& [shard, account] : {std::pair(kLow, low_), std::pair(kHigh, high_)}) {
    Happen(shard, account, 1);
    Happen(shard, account, 2);
  }
  source_.shards = {kLow, kHigh};
  source_.away = {kAll.schema};
  EXPECT_THAT(Read(), testing::IsSupersetOf({EventKey(low_, 2), EventKey(high_, 2)}));
}

TEST_F(EventReaderTest, OfOneAccountOnlyItsShardIsRead) {
  EventReader::Options options;
  options.account_id = low_;
  EventReader of_one(options);
  source_.away = {kHigh.schema};
  EXPECT_THAT(Read(of_one), IsEmpty());
  Happen(kLow, low_, 1);
  EXPECT_THAT(Read(of_one), ElementsAre(EventKey(low_, 1)));
  EXPECT_EQ(position_.stretches.size(), 1u);
  EXPECT_EQ(position_.stretches.front().first, 0u);
}

TEST(FeedPositionTest, IsOneTimeWhereThereIsOneServer) {
  const absl::Time time = absl::FromUnixMicros(1'764'000'000'000'000);
  EXPECT_EQ(ToText(FeedPosition(time)), "1764000000000000");
  const auto parsed = ParseFeedPosition("1764000000000000");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->Watermark(kHigh), time);
  for (const char* wrong : {"", ";", "-1", "1;2", "1;80:x", "1;0:1", "1;90:1;80:1", "1:1", "1;",
                            "99999999999999999999"}) {
    EXPECT_FALSE(ParseFeedPosition(wrong).has_value()) << wrong;
  }
}

TEST(FeedPositionTest, OfAShardIsTheEarliestOfWhatItIsMadeOf) {
  const auto position = ParseFeedPosition("100;8000000000000000:50;c000000000000000:70");
  ASSERT_TRUE(position.has_value());
  const auto micros = [&](uint64_t first, uint64_t last) {
    return absl::ToUnixMicros(position->Watermark({"", first, last}));
  };
  EXPECT_EQ(micros(0, kMiddle - 1), 100);
  EXPECT_EQ(micros(0, ~uint64_t{0}), 50);
  EXPECT_EQ(micros(kMiddle + kMiddle / 2, ~uint64_t{0}), 70);
  EXPECT_EQ(micros(kMiddle + 5, kMiddle + kMiddle / 2), 50);
}

}  // namespace
}  // namespace reserve::engine
