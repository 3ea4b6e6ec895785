#include "common/telemetry/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace reserve {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kSampled[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceparentTest, IsReadAndWrittenAsW3cHasIt) {
  const std::optional<TraceContext> read = ParseTraceparent(kSampled);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(TraceIdOf(*read), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(read->span_id, 0xb7ad6b7169203331);
  EXPECT_TRUE(read->sampled);
  EXPECT_EQ(FormatTraceparent(*read), kSampled);
}

TEST(TraceparentTest, FlagsThatAreNotKnownAndLaterVersionsAreTaken) {
  EXPECT_FALSE(
      ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02")->sampled);
  EXPECT_TRUE(ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03")->sampled);
  EXPECT_TRUE(
      ParseTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").has_value());
}

TEST(TraceparentTest, WhatIsNoneIsNone) {
  for (const char* header : {"", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                             "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                             "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                             "00-0af7651916cd43dd8448eb211c80319cxb7ad6b7169203331-01",
                             "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more"}) {
    EXPECT_FALSE(ParseTraceparent(header).has_value()) << header;
  }
}

Span SpanOf(const Tracer& tracer, const std::string& name) {
  Span span;
  span.name = name;
  span.context = tracer.Begin(ParseTraceparent(kSampled));
  return span;
}

std::vector<std::string> NamesOf(const std::vector<Span>& spans) {
  std::vector<std::string> names;
  for (const Span& span : spans) names.push_back(span.name);
  return names;
}

TEST(TracerTest, AChildIsOfItsParentsTraceAndAnIdOfItsOwn) {
  const Tracer tracer({.on = true});
  const TraceContext parent = *ParseTraceparent(kSampled);
  const TraceContext child = tracer.Begin(parent);
  EXPECT_EQ(TraceIdOf(child), TraceIdOf(parent));
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_TRUE(child.sampled);
  EXPECT_NE(TraceIdOf(tracer.Begin(std::nullopt)), TraceIdOf(tracer.Begin(std::nullopt)));
}

TEST(TracerTest, TheRatioIsThatOfTracesThatBeginHere) {
  for (const auto& [ratio, least, most] :
       {std::tuple{0.0, 0, 0}, std::tuple{0.1, 800, 1200}, std::tuple{1.0, 10'000, 10'000}}) {
    const Tracer tracer({.on = true, .ratio = ratio});
    int sampled = 0;
    for (int i = 0; i < 10'000; ++i) sampled += tracer.Begin(std::nullopt).sampled ? 1 : 0;
    EXPECT_GE(sampled, least) << ratio;
    EXPECT_LE(sampled, most) << ratio;
  }
}

TEST(TracerTest, WhatHasNoRoomIsDroppedAndCounted) {
  Tracer tracer({.on = true, .ratio = 1, .most_queued = 3});
  for (const char* name : {"1", "2", "3", "4", "5"}) tracer.End(SpanOf(tracer, name));
  EXPECT_EQ(tracer.counts().queued, 3);
  EXPECT_EQ(tracer.counts().dropped, 2);
  EXPECT_THAT(NamesOf(tracer.Take(2, absl::ZeroDuration())), ElementsAre("1", "2"));
}

TEST(TracerTest, WhatIsPutBackIsNextAndTheOldestOfItGoesFirst) {
  Tracer tracer({.on = true, .ratio = 1, .most_queued = 3});
  for (const char* name : {"1", "2", "3"}) tracer.End(SpanOf(tracer, name));
  std::vector<Span> taken = tracer.Take(3, absl::ZeroDuration());
  for (const char* name : {"4", "5"}) tracer.End(SpanOf(tracer, name));
  tracer.PutBack(std::move(taken));
  EXPECT_EQ(tracer.counts().dropped, 2);
  EXPECT_THAT(NamesOf(tracer.Take(9, absl::ZeroDuration())), ElementsAre("3", "4", "5"));
}

TEST(TracerTest, NothingIsKeptOfATraceThatIsNotSampledOrWithoutACollector) {
  Tracer off;
  off.End(SpanOf(off, "span"));
  EXPECT_THAT(off.Take(9, absl::ZeroDuration()), IsEmpty());
  EXPECT_FALSE(off.Begin(std::nullopt).sampled);
  Tracer on({.on = true});
  Span span = SpanOf(on, "span");
  span.context.sampled = false;
  on.End(span);
  EXPECT_THAT(on.Take(9, absl::ZeroDuration()), IsEmpty());
  EXPECT_EQ(on.counts().dropped, 0);
}

TEST(TracerTest, NobodyWaitsOnceItIsClosed) {
  Tracer tracer({.on = true});
  tracer.End(SpanOf(tracer, "span"));
  tracer.Close();
  EXPECT_THAT(tracer.Take(9, absl::InfiniteDuration()), SizeIs(1));
}

}  // namespace
}  // namespace reserve
