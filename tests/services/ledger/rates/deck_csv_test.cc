#include "services/ledger/rates/deck_csv.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::rates {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr absl::string_view kHeader =
    "kind,prefix,carrier,destination,price,connect_fee,initial_increment_seconds,"
    "increment_seconds\n";

std::string WithHeader(absl::string_view rows) { return absl::StrCat(kHeader, rows); }

std::map<std::string, std::string> Metadata(const absl::Status& status) {
  const auto metadata = MetadataOf(status);
  return {metadata.begin(), metadata.end()};
}

TEST(DeckCsvTest, ReadsEveryColumn) {
  const auto rows =
      ParseDeckCsv(WithHeader("call,447,,United Kingdom mobile,0.0350,0.01,30,6\n"
                              "call_inbound,1800,,Toll-free,0.018,,,\n"
                              "sms,1212,att,United States,0.0100,,,\n"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(
      *rows,
      ElementsAre(RateRow{RateKind::kCall, "447", "", "United Kingdom mobile", 35'000'000,
                          10'000'000, 30, 6},
                  RateRow{RateKind::kCallInbound, "1800", "", "Toll-free", 18'000'000, 0, 60, 60},
                  RateRow{RateKind::kSms, "1212", "att", "United States", 10'000'000, 0, 0, 0}));
}

TEST(DeckCsvTest, ColumnsComeInTheOrderOfTheHeaderAndOptionalOnesMayBeMissing) {
  const auto rows = ParseDeckCsv("price,kind,prefix\n0.5,call,44\n1,sms,44\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, ElementsAre(RateRow{RateKind::kCall, "44", "", "", 500'000'000, 0, 60, 60},
                                 RateRow{RateKind::kSms, "44", "", "", 1'000'000'000, 0, 0, 0}));
}

struct GoodCase {
  std::string name;
  std::string row;
  RateRow expected;
};

class DeckCsvGoodRowTest : public ::testing::TestWithParam<GoodCase> {};

TEST_P(DeckCsvGoodRowTest, IsRead) {
  const auto rows = ParseDeckCsv(WithHeader(GetParam().row));
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_THAT(*rows, SizeIs(1));
  EXPECT_EQ(rows->front(), GetParam().expected);
}

RateRow Call(std::string prefix, std::string name, Nanos price) {
  return {RateKind::kCall, std::move(prefix), "", std::move(name), price, 0, 60, 60};
}

INSTANTIATE_TEST_SUITE_P(
    DeckCsv, DeckCsvGoodRowTest,
    ::testing::Values(
        GoodCase{"NoLineEnd", "call,44,,UK,0.015,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"CrLf", "call,44,,UK,0.015,,,\r\n", Call("44", "UK", 15'000'000)},
        GoodCase{"EmptyLines", "\n\r\ncall,44,,UK,0.015,,,\n\n\r\n", Call("44", "UK", 15'000'000)},
        GoodCase{"CommaInQuotes", "call,44,,\"UK, fixed\",0.015,,,\n",
                 Call("44", "UK, fixed", 15'000'000)},
        GoodCase{"QuotesInQuotes", "call,44,,\"the \"\"UK\"\"\",0.015,,,\n",
                 Call("44", "the \"UK\"", 15'000'000)},
        GoodCase{"EmptyQuotes", "call,44,\"\",\"\",0.015,,,\"\"\n", Call("44", "", 15'000'000)},
        GoodCase{"AllQuoted", "\"call\",\"44\",\"\",\"UK\",\"0.015\",\"0\",\"60\",\"60\"\r\n",
                 Call("44", "UK", 15'000'000)},
        GoodCase{"Utf8Name", "call,225,,Côte d’Ivoire,0.45,,,\n",
                 Call("225", "Côte d’Ivoire", 450'000'000)},
        GoodCase{"NonCharacterPlanes", "call,1,,\xF0\x9F\x93\x9E,0.45,,,\n",
                 Call("1", "\xF0\x9F\x93\x9E", 450'000'000)},
        GoodCase{"LongestName", absl::StrCat("call,44,,", std::string(128, 'n'), ",1,,,\n"),
                 Call("44", std::string(128, 'n'), 1'000'000'000)},
        GoodCase{"LongestPrefix", "call,123456789012345,,X,1,,,\n",
                 Call("123456789012345", "X", 1'000'000'000)},
        GoodCase{"NineDecimals", "call,44,,X,0.000000001,,,\n", Call("44", "X", 1)},
        GoodCase{"FreeOfCharge", "call,1800,,X,0,,,\n", Call("1800", "X", 0)},
        GoodCase{"DearestPrice", "call,979,,X,1000.00,,,\n", Call("979", "X", 1'000'000'000'000)},
        GoodCase{"LongestIncrements",
                 "call,44,,X,1,0,3600,1\n",
                 {RateKind::kCall, "44", "", "X", 1'000'000'000, 0, 3600, 1}},
        GoodCase{"OnlySpacesBefore", "  \ncall,44,,UK,0.015,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"EmptyFieldsMore", "call,44,,UK,0.015,,,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"UpperCaseKind", "CALL,44,,UK,0.015,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"SpacesAround", " call , 44 ,, UK , 0.015 ,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"BarePoint", "call,44,,UK,.5,,,", Call("44", "UK", 500'000'000)},
        GoodCase{"CurrencySign", "call,44,,UK,$0.015,,,", Call("44", "UK", 15'000'000)},
        GoodCase{"Windows1252", "call,225,,C\xF4te d\x92Ivoire,0.45,,,",
                 Call("225", "Côte d’Ivoire", 450'000'000)},
        GoodCase{"OverTwoLines", "call,44,,\"UK\nfixed\",0.015,,,",
                 Call("44", "UK fixed", 15'000'000)},
        GoodCase{"TextWithZeros",
                 "sms,1,a.b_c-9,X,1,0.00,0,0\n",
                 {RateKind::kSms, "1", "a.b_c-9", "X", 1'000'000'000, 0, 0, 0}}),
    [](const auto& param) { return param.param.name; });

TEST(DeckCsvTest, C10_AShortCodeIsALineOfItsOwnKind) {
  const auto rows = ParseDeckCsv(
      "kind,prefix,price\nshort_code,411,1.50\nshort_code,000,1\nshort_code,0000,1\n"
      "sms_short_code,12345,0.25\ncall,411,0.01\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows,
              ElementsAre(RateRow{RateKind::kShortCode, "411", "", "", 1'500'000'000, 0, 60, 60},
                          RateRow{RateKind::kShortCode, "000", "", "", 1'000'000'000, 0, 60, 60},
                          RateRow{RateKind::kShortCode, "0000", "", "", 1'000'000'000, 0, 60, 60},
                          RateRow{RateKind::kSmsShortCode, "12345", "", "", 250'000'000, 0, 0, 0},
                          RateRow{RateKind::kCall, "411", "", "", 10'000'000, 0, 60, 60}));
  for (const std::string bad : {"short_code,41,1", "short_code,123456789,1", "short_code,4a1,1",
                                "short_code,,1", "call,000,1"}) {
    EXPECT_FALSE(ParseDeckCsv(absl::StrCat("kind,prefix,price\n", bad, "\n")).ok()) << bad;
  }
  EXPECT_FALSE(ParseDeckCsv("kind,prefix,price,carrier\nsms_short_code,12345,1,att\n").ok());
}

TEST(DeckCsvTest, C14_ALineMaySayItsCountry) {
  const auto rows =
      ParseDeckCsv("kind,prefix,price,country\ncall,44,1,GB\ncall,8816,1,SATELLITE\ncall,1,1,\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(domain::TextOf(rows->at(0).country), "GB");
  EXPECT_EQ(rows->at(1).country, domain::NumberCountry::kSatellite);
  EXPECT_EQ(rows->at(2).country, domain::NumberCountry::kUnknown);
  const absl::Status bad = ParseDeckCsv("kind,prefix,price,country\ncall,44,1,XX\n").status();
  EXPECT_THAT(std::string(bad.message()), HasSubstr("country: \"XX\" must be a country"));
}

TEST(DeckCsvTest, AcceptsAByteOrderMark) {
  const auto rows = ParseDeckCsv(absl::StrCat("\xEF\xBB\xBF", WithHeader("call,44,,UK,1,,,\n")));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, SizeIs(1));
}

struct BadCase {
  std::string name;
  std::string row;
  std::string reason;
};

class DeckCsvBadRowTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(DeckCsvBadRowTest, IsRefusedWithItsReason) {
  const auto rows = ParseDeckCsv(WithHeader(absl::StrCat("call,999,,X,1,,,\n", GetParam().row)));
  ASSERT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument) << rows.status();
  EXPECT_EQ(ReasonOf(rows.status()), "INVALID_RATE_DECK");
  EXPECT_EQ(rows.status().message(), absl::StrCat("1 bad row: line 3: ", GetParam().reason));
  EXPECT_THAT(
      Metadata(rows.status()),
      ::testing::UnorderedElementsAre(
          Pair("bad_row_count", "1"), Pair("line_3", GetParam().reason),
          Pair("read_as", HasSubstr("UTF-8, lines end in LF, values are separated by comma"))));
}

INSTANTIATE_TEST_SUITE_P(
    DeckCsv, DeckCsvBadRowTest,
    ::testing::Values(
        BadCase{"TooFewColumns", "call,44,,UK,1,,", "7 columns where the header has 8"},
        BadCase{"TooManyColumns", "call,44,,UK,1,,,,x",
                "9 columns where the header has 8 (a value with a comma in it, like 0,015, needs "
                "quotes, or another separator)"},
        BadCase{"UnknownKind", "fax,44,,UK,1,,,",
                "kind: \"fax\" must be call, call_inbound, sms, short_code or sms_short_code"},
        BadCase{"Duplicate", "call,999,,Y,2,,,", "the same kind, prefix and carrier as line 2"},
        BadCase{"EmptyPrefix", "call,,,UK,1,,,", "prefix: must not be empty"},
        BadCase{"LettersInPrefix", "call,44a,,UK,1,,,", "prefix: \"44a\" must be digits only"},
        BadCase{
            "ZeroPrefix", "call,044,,UK,1,,,",
            "prefix: \"044\" must not begin with 0: a prefix is the number as it is dialled from "
            "abroad, from its country code on"},
        BadCase{"LongPrefix", "call,1234567890123456,,UK,1,,,",
                "prefix: \"1234567890123456\" is longer than 15 digits"},
        BadCase{"CallWithCarrier", "call,44,att,UK,1,,,",
                "carrier: \"att\" must be empty for a call"},
        BadCase{"InboundCallWithCarrier", "call_inbound,44,att,UK,1,,,",
                "carrier: \"att\" must be empty for a call"},
        BadCase{
            "StrangeCarrier", "sms,44,a@b,UK,1,,,",
            "carrier: \"a@b\" must be a name of up to 32 letters and digits, or MCC and MNC like "
            "310-410"},
        BadCase{
            "LongCarrier", absl::StrCat("sms,44,", std::string(33, 'c'), ",UK,1,,,"),
            absl::StrCat("carrier: \"", std::string(33, 'c'),
                         "\" must be a name of up to 32 letters and digits, or MCC and MNC like "
                         "310-410")},
        BadCase{"LongName", absl::StrCat("call,44,,", std::string(129, 'n'), ",1,,,"),
                absl::StrCat("destination: \"", std::string(40, 'n'),
                             "...\" is longer than 128 bytes")},
        BadCase{"NoTextAtAll", "call,44,,\xF4\x90\x80\x80,1,,,",
                "destination: \"\\364\\220\\200\\200\" is neither UTF-8 nor Windows-1252"},
        BadCase{"TabInName", "call,44,,a\tb,1,,,",
                "destination: \"a\\tb\" holds a control character"},
        BadCase{"C1ControlInName", "call,44,,a\xC2\x85,1,,,",
                "destination: \"a\xC2\x85\" holds a control character"},
        BadCase{"CarriageReturnInName", "call,44,,a\rb,1,,,",
                "destination: \"a\\rb\" holds a control character"},
        BadCase{"EmptyPrice", "call,44,,UK,,,,", "price: must not be empty"},
        BadCase{"NegativePrice", "call,44,,UK,-0.01,,,", "price: \"-0.01\" must not be negative"},
        BadCase{"VeryNegativePrice", "call,44,,UK,-99999999999,,,",
                "price: \"-99999999999\" must not be negative"},
        BadCase{"TwelveDecimals", "call,44,,UK,0.123456789012,,,",
                "price: \"0.123456789012\" has more than 9 decimals"},
        BadCase{
            "ExponentPrice", "call,44,,UK,1e-2,,,",
            "price: \"1e-2\" is in scientific form, as a spreadsheet writes numbers that are long "
            "or small: digits are lost; format the column as text before the values are typed or "
            "pasted, and export again"},
        BadCase{"TwoPoints", "call,44,,UK,1.2.3,,,", "price: \"1.2.3\" is not a decimal number"},
        BadCase{"TooDear", "call,44,,UK,1000.000000001,,,",
                "price: \"1000.000000001\" must be at most 1000.00"},
        BadCase{"MuchTooDear", "call,44,,UK,99999999999999999999,,,",
                "price: \"99999999999999999999\" must be at most 1000.00"},
        BadCase{"NegativeConnectFee", "call,44,,UK,1,-1,,",
                "connect_fee: \"-1\" must not be negative"},
        BadCase{"ZeroInitialIncrement", "call,44,,UK,1,,0,60",
                "initial_increment_seconds: \"0\" must be 1 to 3600 seconds"},
        BadCase{"ZeroIncrement", "call,44,,UK,1,,60,0",
                "increment_seconds: \"0\" must be 1 to 3600 seconds"},
        BadCase{"LongIncrement", "call,44,,UK,1,,60,3601",
                "increment_seconds: \"3601\" must be 1 to 3600 seconds"},
        BadCase{"HugeIncrement", "call,44,,UK,1,,60,4294967356",
                "increment_seconds: \"4294967356\" must be 1 to 3600 seconds"},
        BadCase{"NegativeIncrement", "call,44,,UK,1,,60,-6",
                "increment_seconds: \"-6\" must be 1 to 3600 seconds"},
        BadCase{"TextWithConnectFee", "sms,44,,UK,1,0.01,,",
                "connect_fee: \"0.01\" must be empty or 0 for a text"},
        BadCase{"TextWithIncrements", "sms,44,,UK,1,,60,60",
                "initial_increment_seconds: \"60\" must be empty or 0 for a text; "
                "increment_seconds: \"60\" must be empty or 0 for a text"},
        BadCase{"OpenQuote", "call,44,,\"UK,1,,,", "a quote is not closed"},
        BadCase{"TextAfterQuote", "call,44,,\"UK\"!,1,,,", "text follows a closing quote"},
        BadCase{"QuoteInside", "call,44,,the \"UK\",1,,,",
                "a quote inside a field that is not quoted"},
        BadCase{"LongLine", std::string(4097, 'x'), "the line is longer than 4096 bytes"},
        BadCase{"SeveralProblems", "call,x,,UK,-1,,,",
                "prefix: \"x\" must be digits only; price: \"-1\" must not be negative"}),
    [](const auto& param) { return param.param.name; });

TEST(DeckCsvTest, ALineOfExactlyTheLimitIsLongEnough) {
  std::string row = "call,44,,,1,,,";
  row.insert(9, std::string(kMaxDeckLineBytes - row.size(), 'n'));
  for (const absl::string_view end : {"", "\n", "\r\n"}) {
    const auto rows = ParseDeckCsv(WithHeader(absl::StrCat(row, end)));
    EXPECT_THAT(rows.status().message(), HasSubstr("is longer than 128 bytes"));
  }
}

TEST(DeckCsvTest, AnOpenQuoteSpoilsItsOwnLineOnly) {
  const auto rows =
      ParseDeckCsv(WithHeader("call,44,,\"UK,1,,,\ncall,45,,DK,1,,,\ncall,x,,X,1,,,"));
  EXPECT_EQ(rows.status().message(),
            "2 bad rows: line 2: a quote is not closed; line 4: prefix: \"x\" must be digits only");
}

TEST(DeckCsvTest, LineNumbersCountEmptyLines) {
  const auto rows = ParseDeckCsv(WithHeader("\n\ncall,44,,UK,1,,,\n\ncall,44,,UK,1,,,\n"));
  EXPECT_EQ(rows.status().message(),
            "1 bad row: line 6: the same kind, prefix and carrier as line 4");
}

TEST(DeckCsvTest, TheSamePrefixOfAnotherKindOrCarrierIsNoDuplicate) {
  const auto rows =
      ParseDeckCsv(WithHeader("call,1212,,US,1,,,\ncall_inbound,1212,,US,1,,,\nsms,1212,,US,1,,,\n"
                              "sms,1212,att,US,1,,,\nsms,1212,verizon,US,1,,,\n"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, SizeIs(5));
}

TEST(DeckCsvTest, EachFaultIsToldOnceWithItsFirstLinesAndItsCount) {
  std::string csv(kHeader);
  for (int i = 0; i < 250; ++i) absl::StrAppend(&csv, i % 2 == 0 ? "call,44\n" : "sms,a,,,1,,,\n");
  const auto rows = ParseDeckCsv(csv);
  EXPECT_EQ(
      rows.status().message(),
      "250 bad rows: line 2: 2 columns where the header has 8 (also in lines 4, 6, 8, 10 and "
      "120 more); line 3: prefix: \"a\" must be digits only (also in lines 5, 7, 9, 11 and 120 "
      "more)");
  const auto metadata = Metadata(rows.status());
  EXPECT_THAT(metadata, SizeIs(4));
  EXPECT_EQ(metadata.at("bad_row_count"), "250");
  EXPECT_EQ(metadata.at("line_2"),
            "2 columns where the header has 8 (also in lines 4, 6, 8, 10 and 120 more)");
}

TEST(DeckCsvTest, OfVeryManyDifferentFaultsTheFirstHundredAreTold) {
  std::string csv(kHeader);
  for (int i = 0; i < 150; ++i) absl::StrAppend(&csv, "call,1", std::string(i + 20, ','), "x\n");
  const auto metadata = Metadata(ParseDeckCsv(csv).status());
  EXPECT_EQ(metadata.at("bad_row_count"), "150");
  EXPECT_TRUE(metadata.contains("line_101"));
  EXPECT_FALSE(metadata.contains("line_102"));
}

TEST(DeckCsvTest, AnEmptyFileIsRefused) {
  for (const absl::string_view csv : {"", "\n", "\xEF\xBB\xBF", "\r\n\r\n"}) {
    const auto rows = ParseDeckCsv(csv);
    EXPECT_EQ(rows.status().message(), "the file is empty");
    EXPECT_EQ(ReasonOf(rows.status()), "INVALID_RATE_DECK");
  }
}

TEST(DeckCsvTest, AFileWithoutRowsIsRefused) {
  const auto rows = ParseDeckCsv(kHeader);
  EXPECT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rows.status().message(), "the file has no rows after its header");
}

TEST(DeckCsvTest, AWrongHeaderIsTheOnlyThingReported) {
  const struct {
    std::string header;
    std::string reason;
  } kCases[] = {
      {"kind,prefix,cost,price", "unknown column \"cost\""},
      {"kind,prefix,peak price,price", "unknown column \"peak price\""},
      {"call,44,,UK,0.01,,,", "the line holds values, and none before it names the columns"},
      {"kind,prefix,price,prefix", "column \"prefix\" is there twice"},
      {"kind,code,price,prefix", "column \"prefix\" is there twice"},
      {"kind,price", "column \"prefix\" is missing"},
      {"kind,prefix", "column \"price\" is missing"},
      {"kind,prefix,price (cents)", "column \"price (cents)\" is not in whole units"},
      {"kind,\"prefix", "a quote is not closed"},
      {"prefix,price,carrier", "the file looks like prices of texts"},
      {"prefix,price per sms", "the file looks like prices of texts"},
  };
  for (const auto& c : kCases) {
    const auto rows = ParseDeckCsv(absl::StrCat(c.header, "\ncall,x\n"));
    EXPECT_THAT(std::string(rows.status().message()),
                ::testing::StartsWith(absl::StrCat("1 bad row: line 1: ", c.reason)))
        << c.header;
  }
}

TEST(DeckCsvTest, MoreRowsThanTheLimitAreRefused) {
  DeckCsvParser parser;
  parser.Feed("kind,prefix,price\n");
  // Rows that are bad in themselves need no memory; the limit counts them too.
  std::string chunk;
  for (int i = 0; i < 1000; ++i) chunk += "x\n";
  for (int64_t i = 0; i <= kMaxDeckRows / 1000; ++i) parser.Feed(chunk);
  const auto result = std::move(parser).Finish();
  // The row over the limit ends the reading.
  EXPECT_EQ(Metadata(result.status()).at("bad_row_count"), absl::StrCat(kMaxDeckRows + 1));
}

TEST(DeckCsvTest, PiecesOfAnySizeReadLikeTheWhole) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::string good = absl::StrCat("\xEF\xBB\xBF", "kind,prefix,destination,price\r\n",
                                        "call,44,\"UK, \"\"fixed\"\"\",0.015\r\n", "\r\n",
                                        "call,225,Côte d’Ivoire,0.45\n", "sms,44,UK,0.04");
  const std::string bad = absl::StrCat(good, "\ncall,44,again,1\n", std::string(9000, 'x'),
                                       "\ncall,46,\"open,1\r\nsms,0,,1");
  for (const std::string& csv : {good, bad}) {
    const auto whole = ParseDeckCsv(csv);
    for (int round = 0; round < 300; ++round) {
      const size_t longest = round % 3 == 0 ? 1 : round % 3 == 1 ? 7 : 5000;
      std::uniform_int_distribution<size_t> length(0, longest);
      DeckCsvParser parser;
      for (size_t pos = 0; pos < csv.size();) {
        const absl::string_view piece = absl::string_view(csv).substr(pos, length(random));
        parser.Feed(piece);
        pos += piece.size();
      }
      const auto pieces = std::move(parser).Finish();
      ASSERT_EQ(pieces.status(), whole.status());
      if (whole.ok()) {
        ASSERT_EQ(pieces->rows, *whole);
      }
    }
  }
}

TEST(DeckCsvTest, RandomBytesNeverCrashAndMessagesStayPrintable) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  constexpr absl::string_view kAlphabet = "call,sms\"\r\n0123.-\xC3\xA9\xFF\x01";
  for (int round = 0; round < 2000; ++round) {
    std::string csv = round % 2 == 0 ? std::string(kHeader) : "";
    const size_t length = random() % 200;
    for (size_t i = 0; i < length; ++i) csv.push_back(kAlphabet[random() % kAlphabet.size()]);
    const auto rows = ParseDeckCsv(csv);
    for (const char c : rows.status().message()) {
      ASSERT_GE(static_cast<unsigned char>(c), 0x20) << rows.status();
    }
  }
}

}  // namespace
}  // namespace reserve::rates
