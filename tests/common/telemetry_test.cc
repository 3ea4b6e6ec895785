#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "common/telemetry/log.h"
#include "common/telemetry/metrics_server.h"
#include "tests/support/http_get.h"

namespace reserve {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const absl::Time kTime = absl::FromUnixMicros(1'700'000'000'000'007);

Json Parse(const std::string& record) { return Json::parse(record, nullptr, false); }

TEST(LogTest, ARecordIsOneLineOfJsonWithItsFieldsInOrder) {
  EXPECT_EQ(FormatLogRecord(kTime, Severity::kInfo, "listening",
                            {{"port", 50051}, {"host", "::1"}, {"tls", false}}),
            R"({"time":"2023-11-14T22:13:20.000007Z","severity":"INFO","message":"listening",)"
            R"("port":50051,"host":"::1","tls":false})");
}

TEST(LogTest, EveryKindOfValueIsJson) {
  const Json record = Parse(FormatLogRecord(kTime, Severity::kError, "m",
                                            {{"least", std::numeric_limits<int64_t>::min()},
                                             {"most", std::numeric_limits<uint64_t>::max()},
                                             {"half", 0.5},
                                             {"never", std::numeric_limits<double>::infinity()},
                                             {"took", absl::Milliseconds(1500)},
                                             {"at", kTime},
                                             {"text", std::string("t")}}));
  ASSERT_TRUE(record.is_object());
  EXPECT_EQ(record["least"], std::numeric_limits<int64_t>::min());
  EXPECT_EQ(record["most"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(record["half"], 0.5);
  EXPECT_EQ(record["never"], "inf");
  EXPECT_EQ(record["took"], 1.5);
  EXPECT_EQ(record["at"], "2023-11-14T22:13:20.000007Z");
  EXPECT_EQ(record["text"], "t");
}

TEST(LogTest, NoTextBreaksTheLine) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  const std::string record = FormatLogRecord(kTime, Severity::kInfo, every_byte, {});
  EXPECT_EQ(record.find('\n'), std::string::npos);
  EXPECT_TRUE(Parse(record).is_object()) << record;
}

TEST(LogTest, TextsKeepTheirCharactersAndBadBytesAreReplaced) {
  struct Row {
    std::string text;
    std::string logged;
  };
  const Row rows[] = {
      {"\"quoted\" \\ \n \t \x01", "\"quoted\" \\ \n \t \x01"},
      {"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x93\x9e",
       "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x93\x9e"},
      {"\xc3", "\xef\xbf\xbd"},                                                  // cut short
      {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                  // overlong
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                  // a surrogate
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // beyond Unicode
  };
  for (const Row& row : rows) {
    const Json record = Parse(FormatLogRecord(kTime, Severity::kInfo, "m", {{"text", row.text}}));
    ASSERT_TRUE(record.is_object());
    EXPECT_EQ(record["text"], row.logged);
  }
}

TEST(LogTest, OnlyRecordsAtOrAboveTheLevelAreWritten) {
  std::vector<std::string> records;
  SetLogSink([&records](absl::string_view record) { records.emplace_back(record); });
  ASSERT_TRUE(SetLogLevel("Warning").ok());
  Log(Severity::kInfo, "quiet");
  Log(Severity::kWarning, "loud");
  EXPECT_FALSE(SetLogLevel("noisy").ok());
  SetLogLevel(Severity::kInfo);
  SetLogSink(nullptr);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(Parse(records[0])["message"], "loud");
}

TEST(LogTest, RecordsOfManyThreadsDoNotMix) {
  std::vector<std::string> records;
  SetLogSink([&records](absl::string_view record) { records.emplace_back(record); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 250; ++i) Log(Severity::kInfo, "m", {{"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  SetLogSink(nullptr);
  ASSERT_EQ(records.size(), 1000u);
  for (const std::string& record : records) EXPECT_TRUE(Parse(record).is_object());
}

TEST(MetricsServerTest, ServesWhatModulesCountAndTheProcessItself) {
  auto server = MetricsServer::Start("127.0.0.1:0");
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_GT((*server)->port(), 0);
  prometheus::BuildCounter()
      .Name("reserve_test_total")
      .Help("Counts.")
      .Register((*server)->registry())
      .Add({{"kind", "x"}})
      .Increment(3);
  const std::string page = test_support::HttpGet((*server)->port(), "/metrics");
  EXPECT_THAT(page, HasSubstr("reserve_test_total{kind=\"x\"} 3"));
  EXPECT_THAT(page, HasSubstr("process_resident_memory_bytes "));
  EXPECT_THAT(page, HasSubstr("process_cpu_seconds_total "));
  EXPECT_THAT(page, HasSubstr("process_open_fds "));
}

TEST(MetricsServerTest, WithoutAnAddressOnlyTheRegistryIsThere) {
  auto server = MetricsServer::Start("");
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->port(), 0);
  prometheus::BuildCounter().Name("reserve_test_total").Register((*server)->registry()).Add({});
}

TEST(MetricsServerTest, ABadAddressIsAnError) {
  for (const char* listen : {"localhost", "localhost:", "localhost:x", "localhost:70000"}) {
    EXPECT_EQ(MetricsServer::Start(listen).status().code(), absl::StatusCode::kInvalidArgument)
        << listen;
  }
  auto first = MetricsServer::Start("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(MetricsServer::Start("127.0.0.1:" + std::to_string((*first)->port())).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace reserve
