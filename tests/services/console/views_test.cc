// What the pages show: money and times of a language, words, pictures, CSV, and that every text and
// template is there.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/console/embedded/embedded.h"
#include "services/console/views/account_words.h"
#include "services/console/views/billing_view.h"
#include "services/console/views/country_name.h"
#include "services/console/views/decks_view.h"
#include "services/console/views/formatter.h"
#include "services/console/views/history_view.h"
#include "services/console/views/page_data.h"
#include "services/console/views/prices_view.h"
#include "services/console/views/support_view.h"
#include "services/console/views/texts.h"
#include "services/console/views/typed_number.h"
#include "tests/support/build_tree.h"

namespace reserve::console {
namespace {

namespace fs = std::filesystem;
namespace pb = ledger::v1;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

google::type::Money Dollars(int64_t units, int32_t nanos = 0) {
  google::type::Money money;
  money.set_currency_code("USD");
  money.set_units(units);
  money.set_nanos(nanos);
  return money;
}

const Texts& English() {
  static const auto* const texts = new Texts(*Texts::Read(*embedded::Find("texts/en.txt")));
  return *texts;
}

// What ICU writes has narrow and fixed spaces.
std::string Plain(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\u00a0", " "}, {"\u202f", " "}});
}

TEST(FormatterTest, MoneyIsExactAndOfTheReadersLanguage) {
  const Formatter english("en-US,en;q=0.9", "UTC");
  EXPECT_EQ(english.Money(Dollars(1234567, 500'000'000)), "$1,234,567.50");
  EXPECT_EQ(english.Money(Dollars(0, 17'100'000)), "$0.0171");
  EXPECT_EQ(english.Money(Dollars(-3, -1)), "-$3.000000001");
  EXPECT_EQ(Plain(Formatter("de-DE", "UTC").Money(Dollars(1234, 500'000'000))), "1.234,50 $");
  google::type::Money yen = Dollars(1500);
  yen.set_currency_code("JPY");
  EXPECT_EQ(english.Money(yen), "¥1,500");
  for (const std::string strange : {"", "xx", "*", "\x01", "en-US;q=nan"}) {
    EXPECT_EQ(Formatter(strange, "UTC").Money(Dollars(15)), "$15.00") << strange;
  }
}

TEST(FormatterTest, CountriesAreNamedInTheReadersLanguageWithTheCodeThatFiltersTake) {
  const Formatter english("en-US", "UTC");
  EXPECT_EQ(CountryName("GB", english, English()), "United Kingdom (GB)");
  EXPECT_EQ(CountryName("GB", Formatter("de-DE", "UTC"), English()),
            "Vereinigtes K\u00f6nigreich (GB)");
  EXPECT_EQ(CountryName("SATELLITE", english, English()), "Satellite networks (SATELLITE)");
  EXPECT_EQ(CountryName("", english, English()), "not known");
  EXPECT_EQ(CountryName("<b", english, English()), "<b");
}

TEST(FormatterTest, TimesAreOfTheAccountsZone) {
  google::protobuf::Timestamp time;
  time.set_seconds(1'796'000'000);  // 2026-11-30 02:13:20 UTC
  EXPECT_THAT(Plain(Formatter("en-US", "America/New_York").ExactTime(time)),
              AllOf(HasSubstr("Nov 29, 2026"), HasSubstr("7:53:20")));
  EXPECT_THAT(Formatter("de-DE", "Europe/Berlin").Day(time), HasSubstr("2026"));
  const Formatter unknown("en-US", "Nowhere/Land");
  EXPECT_EQ(unknown.zone(), "UTC");
  EXPECT_EQ(unknown.Time(google::protobuf::Timestamp()), "");
}

TEST(FormatterTest, AmountsAreReadAsTypedAndNeverGuessedAt) {
  google::type::Money money;
  for (const auto& [typed, units, nanos] : std::vector<std::tuple<std::string, int64_t, int32_t>>{
           {"20", 20, 0}, {" 20.5 ", 20, 500'000'000}, {"20,50", 20, 500'000'000}, {"-3", -3, 0}}) {
    ASSERT_TRUE(ReadMoney(typed, "USD", &money)) << typed;
    EXPECT_EQ(money.units(), units) << typed;
    EXPECT_EQ(money.nanos(), nanos) << typed;
  }
  for (const std::string wrong :
       {"", "x", "1,000.50", "1,000", "1.000", "12,000", "-1,000", "1e3", "20 $", "1.2.3"}) {
    EXPECT_FALSE(ReadMoney(wrong, "USD", &money)) << wrong;
  }
  // What stands in a field is taken back as it stands there, whatever its decimals.
  for (const google::type::Money& amount :
       {Dollars(20), Dollars(0, 125'000'000), Dollars(1234, 17'100'000)}) {
    ASSERT_TRUE(ReadMoney(TypedMoney(amount), "USD", &money)) << TypedMoney(amount);
    EXPECT_EQ(money.units(), amount.units());
    EXPECT_EQ(money.nanos(), amount.nanos());
  }
  EXPECT_EQ(PlainMoney(Dollars(20)), "20.00");
  EXPECT_EQ(PlainMoney(Dollars(0, 17'100'000)), "0.0171");
}

TEST(FormatterTest, CountriesStandInTheOrderOfTheReadersLanguage) {
  const auto place = [](const std::string& language, const std::string& code) {
    const auto countries = Formatter(language, "UTC").Countries();
    return std::find_if(countries.begin(), countries.end(),
                        [&](const auto& one) { return one.first == code; }) -
           countries.begin();
  };
  EXPECT_GT(Formatter("en-US", "UTC").Countries().size(), 200u);
  EXPECT_LT(place("en-US", "AX"), place("en-US", "AL")) << "Aland is written with a ring";
  EXPECT_LT(place("en-US", "AL"), place("en-US", "GB"));
  EXPECT_LT(place("de", "EG"), place("de", "AL")) << "Egypt begins with an A there, with dots";
}

TEST(TypedNumberTest, WhatStandsBetweenDigitsIsLeftOutAndOtherTextIsLeftAlone) {
  EXPECT_EQ(TypedNumber(" +44 (20) 7946-0000 "), "+442079460000");
  EXPECT_EQ(TypedNumber("202.555.0123"), "2025550123");
  EXPECT_EQ(TypedNumber("411"), "411");
  for (const std::string text : {"United Kingdom", "+", "4+4", "--", ""}) {
    EXPECT_EQ(TypedNumber(text), text) << text;
  }
}

TEST(FormatterTest, ClocksCountWhatHasBegun) {
  google::protobuf::Duration duration;
  duration.set_seconds(3661);
  EXPECT_EQ(Formatter::Clock(duration), "1:01:01");
  duration.set_seconds(64);
  duration.set_nanos(1);
  EXPECT_EQ(Formatter::Clock(duration), "1:05");
}

// --- Texts and templates.

std::string ContentOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What stands between `before` and `after` in the text, where it is of letters, digits and
// underscores alone; with `head`, which it must begin with.
std::set<std::string> Found(const std::string& text, const std::string& before,
                            const std::string& after, const std::string& head = "") {
  std::set<std::string> found;
  const std::string begin = before + head;
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const size_t from = at + before.size();
    size_t end = from;
    while (end < text.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) {
      ++end;
    }
    if (end > from && absl::StartsWith(absl::string_view(text).substr(end), after)) {
      found.insert(text.substr(from, end - from));
    }
  }
  return found;
}

TEST(TextsTest, EveryKeyThatTemplatesAndSourcesSayIsThere) {
  int files = 0;
  size_t keys = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(test_support::SourceDir()) /
                                                            "services" / "console")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string text = ContentOf(entry.path());
    std::set<std::string> said = Found(text, "{{t.", "}}");
    for (const std::string& key : Found(text, "Say(\"", "\"")) {
      // A key that ends so is put together with a name.
      if (key.back() != '_') said.insert(key);
    }
    for (const std::string head : {"refused_", "title_", "not_", "filter_"}) {
      said.merge(Found(text, "\"", "\"", head));
    }
    keys += said.size();
    for (const std::string& key : said) {
      EXPECT_TRUE(English().Has(key) || key == "not_charged") << key << " in " << entry.path();
    }
  }
  EXPECT_GT(files, 30);
  EXPECT_GT(keys, 200u);
}

template <typename Enum>
void ExpectNamed(const std::string& prefix, const google::protobuf::EnumDescriptor& descriptor) {
  for (int i = 0; i < descriptor.value_count(); ++i) {
    if (descriptor.value(i)->number() == 0) continue;
    EXPECT_TRUE(English().Has(prefix + descriptor.value(i)->name()))
        << prefix << descriptor.value(i)->name();
  }
}

TEST(TextsTest, EveryValueThatAPageMayShowHasAName) {
  ExpectNamed<pb::AccountState>("state_", *pb::AccountState_descriptor());
  ExpectNamed<pb::AccountState>("explained_", *pb::AccountState_descriptor());
  ExpectNamed<pb::RefillObstacle>("obstacle_", *pb::RefillObstacle_descriptor());
  ExpectNamed<pb::CardState>("card_", *pb::CardState_descriptor());
  ExpectNamed<pb::RechargeKind>("recharge_", *pb::RechargeKind_descriptor());
  ExpectNamed<pb::RechargeState>("recharge_", *pb::RechargeState_descriptor());
  ExpectNamed<pb::RefundState>("refund_", *pb::RefundState_descriptor());
  ExpectNamed<pb::DisputeState>("dispute_", *pb::DisputeState_descriptor());
  ExpectNamed<pb::PaymentMeans>("choice_", *pb::PaymentMeans_descriptor());
  ExpectNamed<pb::RateDeckState>("deck_", *pb::RateDeckState_descriptor());
  ExpectNamed<pb::RateChangeKind>("change_", *pb::RateChangeKind_descriptor());
  ExpectNamed<pb::DeclineClass>("decline_", *pb::DeclineClass_descriptor());
  ExpectNamed<pb::ChargeBasis>("basis_", *pb::ChargeBasis_descriptor());
  ExpectNamed<pb::UnratedReason>("why_", *pb::UnratedReason_descriptor());
  ExpectNamed<pb::EntryKind>("entry_", *pb::EntryKind_descriptor());
  ExpectNamed<pb::EventKind>("event_", *pb::EventKind_descriptor());
  ExpectNamed<pb::RateKind>("rate_", *pb::RateKind_descriptor());
  ExpectNamed<pb::ClosingStepKind>("step_", *pb::ClosingStepKind_descriptor());
}

// So that no reader gets half a sentence, or another language's.
TEST(TextsTest, EachLanguageSaysTheSameWithTheSamePlaces) {
  const auto places = [](const std::string& text) {
    std::set<std::string> found;
    for (size_t at = text.find('$'); at != std::string::npos; at = text.find('$', at + 1)) {
      found.insert(text.substr(at, 2));
    }
    return found;
  };
  for (const embedded::File& file : embedded::Files()) {
    if (!absl::StartsWith(file.name, "texts/")) continue;
    const auto texts = Texts::Read(file.content);
    ASSERT_TRUE(texts.ok()) << file.name << ": " << texts.status();
    EXPECT_EQ(absl::StrCat("texts/", texts->Say("language"), ".txt"), file.name);
    EXPECT_EQ(texts->all().size(), English().all().size()) << file.name;
    for (const auto& [key, text] : English().all()) {
      EXPECT_EQ(places(texts->Say(key)), places(text)) << file.name << ": " << key;
    }
  }
}

TEST(TextsTest, AFileWithALineThatIsNoneIsRefused) {
  EXPECT_FALSE(Texts::Read("a = b\nnothing").ok());
  EXPECT_FALSE(Texts::Read("a = b\na = c").ok());
  EXPECT_EQ(Texts::Read("# a\n\na = $1 of $0")->Say("a", {"x", "y"}), "y of x");
  EXPECT_EQ(English().Say("no such key"), "[no such key]");
}

TEST(TemplatesTest, EachIsWellFormedAndNoneTakesWhatIsNotEscaped) {
  int templates = 0;
  for (const embedded::File& file : embedded::Files()) {
    if (!absl::StartsWith(file.name, "templates/")) continue;
    ++templates;
    const kainjow::mustache::mustache drawing{std::string(file.content)};
    EXPECT_TRUE(drawing.is_valid()) << file.name << ": " << drawing.error_message();
    EXPECT_THAT(
        std::string(file.content),
        AllOf(Not(HasSubstr("{{{")), Not(HasSubstr("{{&")), Not(HasSubstr(" style=")),
              Not(HasSubstr("onclick")), Not(HasSubstr("http://")), Not(HasSubstr("https://"))))
        << file.name;
  }
  EXPECT_GT(templates, 10);
}

TEST(TemplatesTest, WhatPeopleWroteIsText) {
  Data data;
  data.set("title", "<script>alert(1)</script>");
  data.set("words", "\"><img src=x onerror=alert(1)>'");
  const std::string page = Drawing(English()).Draw("refusal", data);
  EXPECT_THAT(
      page, AllOf(StartsWith("<!DOCTYPE html>"), Not(HasSubstr("<script>")), Not(HasSubstr("<img")),
                  HasSubstr("&lt;script&gt;"), HasSubstr("&quot;&gt;&lt;img")));
}

// --- An account in words.

std::string Said(const Data& data, const std::string& name) {
  const Data* const found = data.get(name);
  return found != nullptr && found->is_string() ? found->string_value() : "";
}

TEST(AccountWordsTest, TheStateSaysWhatIsInTheWayAndWhatEndsIt) {
  const auto account = Parse<pb::Account>(
      "state: ACCOUNT_STATE_DISABLED balance { currency_code: 'USD' }"
      " obstacles { kind: REFILL_OBSTACLE_CARD_REFUSED since { seconds: 1796000000 } }"
      " obstacles { kind: REFILL_OBSTACLE_SWITCHED_OFF since { seconds: 1796000000 } }"
      " block { reason: '<b>fraud</b>' block_time { seconds: 1796000000 } }");
  const Data data = StateData(account, Formatter("en-US", "UTC"), English());
  EXPECT_EQ(Said(data, "tone"), "bad");
  const auto& obstacles = data.get("obstacles")->list_value();
  ASSERT_EQ(obstacles.size(), 3u);
  EXPECT_THAT(Said(obstacles[0], "text"), HasSubstr("<b>fraud</b>"));
  EXPECT_NE(obstacles[1].get("act_card"), nullptr);
  EXPECT_EQ(obstacles[1].get("act_top_up"), nullptr);
  EXPECT_NE(obstacles[2].get("act_switch_on"), nullptr);
}

TEST(AccountWordsTest, ThePictureStaysWithinItsFrame) {
  const Formatter format("en-US", "UTC");
  for (const int64_t balance : {-50'000, -1, 0, 1, 15, 9'000'000}) {
    pb::Account account;
    *account.mutable_balance() = Dollars(balance);
    *account.mutable_own_balance() = Dollars(balance - 3);
    *account.mutable_promotional_balance() = Dollars(3);
    *account.mutable_held() = Dollars(40);
    *account.mutable_billing_settings()->mutable_reserve_amount() = Dollars(15);
    *account.mutable_billing_settings()->mutable_recharge_threshold() = Dollars(7);
    const Data data = BalancePicture(account, format, English());
    const auto number = [&data](const char* name) { return std::stoll(Said(data, name)); };
    for (const char* const name : {"own_width", "promotional_width", "held_width", "held_x",
                                   "threshold_x", "promotional_x"}) {
      EXPECT_GE(number(name), 0) << name << " of " << balance;
      EXPECT_LE(number(name), 600) << name << " of " << balance;
    }
    EXPECT_LE(number("held_x") + number("held_width"), 600) << balance;
    EXPECT_LE(number("own_width") + number("promotional_width"), 600) << balance;
  }
}

// --- Calls.

pb::UsageRecord Call(const std::string& more) {
  auto call = Parse<pb::UsageRecord>(
      "usage { usage_id: 'call-1' user_id: 'ann' start_time { seconds: 1796000000 } call { "
      "direction: DIRECTION_OUTBOUND destination: '+442079460000' duration { seconds: 65 } } } "
      "cost { currency_code: 'USD' nanos: 40000000 } status: USAGE_STATUS_RATED "
      "rating { destination_name: 'United Kingdom' country: 'GB' }");
  call.MergeFrom(Parse<pb::UsageRecord>(more));
  return call;
}

TEST(HistoryViewTest, ACostIsExplainedByFreeMinutesIncrementsAndFee) {
  const Formatter format("en-US", "UTC");
  const std::string why = ExplainCost(
      Call("rating { basis: CHARGE_BASIS_METERED_STANDARD allowance_before { seconds: 60 } "
           "allowance_after { } paid_duration { seconds: 6 } price { currency_code: 'USD' nanos: "
           "20000000 } initial_increment { seconds: 6 } increment { seconds: 6 } connect_fee { "
           "currency_code: 'USD' nanos: 10000000 } }"),
      format, English());
  EXPECT_THAT(why, AllOf(HasSubstr("before: 1:00"), HasSubstr("after: 0:00"),
                         HasSubstr("0:06 paid at $0.02"), HasSubstr("fee $0.01")));
  EXPECT_THAT(ExplainCost(Call("status: USAGE_STATUS_VOIDED voided { returned { currency_code: "
                               "'USD' nanos: 40000000 } }"),
                          format, English()),
              HasSubstr("$0.04 were given back"));
  EXPECT_THAT(
      ExplainCost(Call("status: USAGE_STATUS_UNRATED unrated_reason: UNRATED_REASON_NO_RATE"),
                  format, English()),
      HasSubstr("no price yet"));
}

TEST(HistoryViewTest, CsvHasALineForEachAndNoFormulas) {
  pb::ListUsageResponse page;
  *page.add_usage_records() = Call("");
  pb::UsageRecord hostile = Call("");
  hostile.mutable_usage()->set_user_id("=HYPERLINK(1)");
  hostile.mutable_rating()->set_destination_name("A \"B\", C");
  *page.add_usage_records() = hostile;
  const std::string lines = CsvLines(page, absl::UTCTimeZone());
  EXPECT_THAT(lines,
              AllOf(HasSubstr("\"+442079460000\""), HasSubstr("\"'=HYPERLINK(1)\""),
                    HasSubstr("\"A \"\"B\"\", C\""), HasSubstr("\"0.04\",\"USD\",\"RATED\"")));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  pb::ListUsageResponse parts;
  *parts.add_usage_records() = Call("");
  auto* const duration =
      parts.mutable_usage_records(0)->mutable_usage()->mutable_call()->mutable_duration();
  duration->set_seconds(59);
  duration->set_nanos(500'000'000);
  EXPECT_THAT(CsvLines(parts, absl::UTCTimeZone()), HasSubstr(",\"59.5\","));
}

TEST(HistoryViewTest, SumsGoByTheFiltersThatTheyCan) {
  const Fields asked = {{"user", "ann"}, {"country", "gb"}, {"kind", "call"}};
  const SumFilter filter = SumFilterOf(asked);
  EXPECT_FALSE(HasOtherFilters(asked));
  EXPECT_TRUE(HasOtherFilters({{"number", "+44"}}));
  pb::SummarizeUsageRequest request;
  request.add_group_by(pb::USAGE_GROUPING_COUNTRY);
  AddGroups(filter, &request);
  EXPECT_THAT(request.group_by(), ElementsAre(pb::USAGE_GROUPING_COUNTRY, pb::USAGE_GROUPING_USER,
                                              pb::USAGE_GROUPING_KIND));
  const auto sums = Parse<pb::SummarizeUsageResponse>(
      "summaries { user_id: 'ann' country: 'GB' kind: USAGE_KIND_CALL usages: 1 } "
      "summaries { user_id: 'bob' country: 'GB' kind: USAGE_KIND_CALL usages: 2 } "
      "summaries { user_id: 'ann' country: 'FR' kind: USAGE_KIND_CALL usages: 4 } "
      "summaries { user_id: 'ann' country: 'GB' kind: USAGE_KIND_SMS usages: 8 }");
  ASSERT_EQ(Filtered(sums, filter).summaries_size(), 1);
  EXPECT_EQ(Filtered(sums, filter).summaries(0).usages(), 1);
  EXPECT_EQ(Filtered(sums, SumFilterOf({})).summaries_size(), 4);
}

TEST(HistoryViewTest, WhatIsInTheArchiveIsToldWhereItMayBeMissing) {
  pb::ListUsageRequest request;
  EXPECT_EQ(ArchivedIn("", request), "");
  EXPECT_EQ(ArchivedIn("2025-09", request), "2025-09");
  request.mutable_start_from()->set_seconds(
      absl::ToUnixSeconds(absl::FromCivil(absl::CivilDay(2025, 9, 30), absl::UTCTimeZone())));
  EXPECT_EQ(ArchivedIn("2025-09", request), "2025-09");
  request.mutable_start_from()->set_seconds(
      absl::ToUnixSeconds(absl::FromCivil(absl::CivilDay(2025, 10, 1), absl::UTCTimeZone())));
  EXPECT_EQ(ArchivedIn("2025-09", request), "");
}

TEST(HistoryViewTest, FiltersAreDaysOfTheZoneAndSayWhatHasNoSense) {
  pb::ListUsageRequest request;
  std::map<std::string, std::string> errors;
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  ReadFilters({{"from", "2026-11-29"},
               {"to", "2026-11-29"},
               {"number", "+44"},
               {"least", "0,5"},
               {"country", "gb"}},
              "USD", berlin, &request, &errors);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(request.start_before().seconds() - request.start_from().seconds(), 86400);
  EXPECT_EQ(request.destination_prefix(), "+44");
  EXPECT_EQ(request.country(), "GB");
  EXPECT_EQ(request.minimum_cost().nanos(), 500'000'000);
  ReadFilters({{"from", "yesterday"}, {"least", "much"}}, "USD", berlin, &request, &errors);
  EXPECT_THAT(errors, ElementsAre(Pair("from", "not_a_day"), Pair("least", "not_money")));
  const Range month = RangeOf({}, absl::FromCivil(absl::CivilDay(2026, 11, 29), berlin), berlin);
  EXPECT_EQ(absl::ToCivilDay(month.from, berlin), absl::CivilDay(2026, 11, 1));
  EXPECT_EQ(absl::ToCivilDay(month.before, berlin), absl::CivilDay(2026, 12, 1));
}

TEST(PricesViewTest, WhatIsLookedForIsACodeANumberOrAName) {
  const auto asked = [](const std::string& text) {
    pb::ListRatesRequest request;
    ReadSearch({{"search", text}}, &request);
    return absl::StrCat(request.prefix(), "|", request.number(), "|", request.search());
  };
  EXPECT_EQ(asked("+44"), "44||");
  EXPECT_EQ(asked("4420"), "4420||");
  EXPECT_EQ(asked("+442079460000"), "|+442079460000|");
  EXPECT_EQ(asked("+44 20 7946 0000"), "|+442079460000|");
  EXPECT_EQ(asked("United King"), "||United King");
  EXPECT_EQ(asked(""), "||");
}

// Of entries and events at these seconds, newest first, numbered so that the latest has the highest
// number.
Life LifeOf(const std::vector<int64_t>& entries, const std::vector<int64_t>& events) {
  Life life;
  for (const int64_t second : entries) {
    pb::Entry entry;
    entry.mutable_record_time()->set_seconds(second);
    life.entries.push_back(entry);
  }
  for (const int64_t second : events) {
    pb::Event event;
    event.mutable_event_time()->set_seconds(second);
    life.events.push_back(event);
  }
  return life;
}

TEST(SupportViewTest, ALifeIsOneLineOfTimeThatLeavesNothingOut) {
  Life life = LifeOf({50, 40, 30}, {45, 35, 10});
  life.more_entries = true;
  Data data;
  const LifeShown shown = SetLife(life, 100, Formatter("en-US", "UTC"), English(), &data);
  std::vector<std::string> marks;
  for (const Data& one : data.get("moments")->list_value()) marks.push_back(Said(one, "mark"));
  EXPECT_THAT(marks, ElementsAre("entry", "event", "entry", "event", "entry"))
      << "the event at 10 waits for the entries before 30";
  EXPECT_EQ(shown.entries, 3u);
  EXPECT_EQ(shown.events, 2u);
  EXPECT_TRUE(shown.more);
}

TEST(SupportViewTest, AMomentSaysWhichRechargeAndCardItIsAbout) {
  Life life;
  life.events.push_back(Parse<pb::Event>(
      "event_seq: 2 kind: EVENT_KIND_RECHARGE_DECLINED event_time { seconds: 9 } recharge_ordinal: "
      "3 payment_method_id: 'card-1' decline_class: DECLINE_CLASS_SOFT caller: 'spiffe://x' actor: "
      "'sue'"));
  life.entries.push_back(Parse<pb::Entry>(
      "seq: 1 kind: ENTRY_KIND_RECHARGE record_time { seconds: 8 } recharge_ordinal: 2"));
  Data data;
  SetLife(life, 100, Formatter("en-US", "UTC"), English(), &data);
  const auto& moments = data.get("moments")->list_value();
  EXPECT_EQ(Said(moments[0], "about"), "no. 3, card-1 (declined; the same card may work later)");
  EXPECT_EQ(Said(moments[0], "who"), "sue, spiffe://x");
  EXPECT_EQ(Said(moments[1], "about"), "no. 2");
}

TEST(SupportViewTest, AMomentOfManyEntriesIsCutAndGoesOnWhereItWasCut) {
  const Formatter format("en-US", "UTC");
  const Life life = LifeOf(std::vector<int64_t>(250, 7), {7, 7});
  size_t entries = 0;
  size_t events = 0;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    ASSERT_LT(pages, 9);
    Life rest = life;
    rest.entries.erase(rest.entries.begin(), rest.entries.begin() + entries);
    rest.events.erase(rest.events.begin(), rest.events.begin() + events);
    Data data;
    const LifeShown shown = SetLife(rest, 100, format, English(), &data);
    EXPECT_EQ(data.get("moments")->list_value().size(), shown.entries + shown.events);
    entries += shown.entries;
    events += shown.events;
    more = shown.more;
  }
  EXPECT_EQ(entries, 250u);
  EXPECT_EQ(events, 2u);
  EXPECT_EQ(pages, 3);
}

// --- Whole pages of awkward accounts, also for the eye: they are written to the build folder.

constexpr char kHostile[] = "<script>document.title=1</script>";

// Writes the page so that a browser draws it from the folder, and looks at what must not be in it.
std::string Sample(const std::string& template_name, const std::string& file, Data data) {
  data.set("title", English().Say("title_" + template_name));
  data.set("account", "a-rather-long-account-id.of:some-provider_with-64-characters-in-it");
  data.set("who", "ann");
  data.set("form_token", "t");
  data.set("request_id", "r");
  data.set("zone_note", English().Say("zone_note", {"America/Argentina/ComodRivadavia"}));
  const std::string page = Drawing(English()).Draw(template_name, data);
  const fs::path folder = fs::path(test_support::BuildDir()) / "console-samples";
  fs::create_directories(folder / "static");
  for (const embedded::File& one : embedded::Files()) {
    if (absl::StartsWith(one.name, "static/"))
      std::ofstream(folder / std::string(one.name)) << one.content;
  }
  std::ofstream(folder / (file + ".html"))
      << absl::StrReplaceAll(page, {{"\"/static/", "\"static/"}});
  EXPECT_THAT(page, AllOf(Not(HasSubstr(kHostile)), Not(HasSubstr("{{")), Not(HasSubstr("}}"))));
  static const std::regex kUnsaid(R"(\[[a-z]+_\w+\])");
  EXPECT_FALSE(std::regex_search(page, kUnsaid)) << file;
  return page;
}

BillingReplies Awkward() {
  BillingReplies replies;
  replies.account = Parse<pb::Account>(
      "state: ACCOUNT_STATE_DISABLED balance { currency_code: 'USD' units: -1234567 nanos: "
      "-890000001 } own_balance { currency_code: 'USD' units: -1234570 } promotional_balance { "
      "currency_code: 'USD' units: 2 nanos: 109999999 } held { currency_code: 'USD' } available { "
      "currency_code: 'USD' units: -1234567 } billing_settings { reserve_amount { currency_code: "
      "'USD' units: 15 } recharge_threshold { currency_code: 'USD' units: 7 } automatic_recharge: "
      "true } obstacles { kind: REFILL_OBSTACLE_CARD_REFUSED since { seconds: 1796000000 } } "
      "obstacles { kind: REFILL_OBSTACLE_SUSPENDED since { seconds: 1796000000 } until { seconds: "
      "1796100000 } } obstacles { kind: REFILL_OBSTACLE_SWITCHED_OFF since { seconds: 1796000000 } "
      "}"
      " payment_methods { payment_method_id: 'card-1' brand: 'Visa' last_four: '4242' expiry_year: "
      "2031 expiry_month: 2 card_state: CARD_STATE_REFUSED position: 1 state_time { seconds: "
      "1796000000 } } payment_methods { payment_method_id: 'card-2' card_state: CARD_STATE_FAILING "
      "position: 2 state_time { seconds: 1796000000 } retry_time { seconds: 1796003600 } }");
  replies.account.mutable_payment_methods(1)->set_brand(
      absl::StrCat(kHostile, "A Very Long Brand"));
  for (int i = 0; i < 4; ++i) {
    auto* const user = replies.users.add_users();
    user->set_user_id(absl::StrCat("user-", i));
    if (i == 1) user->set_display_name(absl::StrCat(kHostile, std::string(80, 'w')));
    user->set_plan_id(i == 2 ? "unlimited" : "per_minute");
    if (i != 2) user->mutable_allowance()->set_seconds(3600);
    user->mutable_allowance_left()->set_seconds(int64_t{1200} * i);
    user->set_blocked(i == 3);
    *replies.recharges.add_recharges() = Parse<pb::Recharge>(absl::StrCat(
        "kind: RECHARGE_KIND_AUTOMATIC state: RECHARGE_STATE_", i < 2 ? "FAILED" : "OPEN",
        " last_decline_code: 'x' last_decline_class: DECLINE_CLASS_SOFT amount { "
        "currency_code: 'USD' units: 1234567 } create_time { seconds: 1796000000 } "
        "due_time { seconds: 1796003600 }"));
    *replies.receipts.add_receipts() = Parse<pb::Receipt>(absl::StrCat(
        "number: ", 7 - i,
        " kind: ENTRY_KIND_RECHARGE amount { currency_code: 'USD' units: 15 } card_brand: "
        "'Visa' card_last_four: '4242' create_time { seconds: 1796000000 }"));
  }
  *replies.disputes.add_disputes() = Parse<pb::Dispute>(
      "state: DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 15 } create_time { "
      "seconds: 1796000000 } update_time { seconds: 1796003600 }");
  replies.disputes.mutable_disputes(0)->set_reason(kHostile);
  *replies.refunds.add_refunds() = Parse<pb::Refund>(
      "state: REFUND_STATE_FAILED amount { currency_code: 'USD' units: 3 } create_time { seconds: "
      "1796000000 }");
  replies.advice = Parse<pb::BillingAdvice>(
      "plan_advice { user_id: 'user-0' plan_id: 'unlimited' saving { currency_code: 'USD' units: "
      "12 "
      "} standard_cost { currency_code: 'USD' units: 42 } advised_monthly_price { currency_code: "
      "'USD' units: 30 } }");
  return replies;
}

TEST(SamplesTest, AnAccountWithDebtsLongNamesAndAllInTheWayIsDrawn) {
  const Formatter format("en-US", "America/New_York");
  const Tried tried{.typed = {{"reserve_amount", "much"}, {"recharge_threshold", "41"}},
                    .errors = {{"reserve_amount", "An amount like 20."}},
                    .message = "Something has to be put right; see below."};
  const std::string page =
      Sample("billing", "awkward", BillingData(Awkward(), tried, true, format, English()));
  EXPECT_THAT(page, AllOf(HasSubstr("-$1,234,567.890000001"), HasSubstr("value=\"much\""),
                          HasSubstr("It is now: 15.00"), HasSubstr("&lt;script&gt;")));
  EXPECT_THAT(page, HasSubstr("The bank has taken the money back"));
  BillingReplies slow = Awkward();
  slow.receipts.Clear();
  slow.advice.Clear();
  slow.unread = {"receipts", "advice"};
  EXPECT_THAT(Sample("billing", "slow", BillingData(slow, {}, true, format, English())),
              AllOf(HasSubstr("Advice on plans and reserve takes long"),
                    HasSubstr("be read at this moment"), Not(HasSubstr("There are no receipts.")),
                    HasSubstr("id=\"top-up\"")));
  BillingReplies empty;
  empty.account =
      Parse<pb::Account>("state: ACCOUNT_STATE_PENDING_FUNDING balance { currency_code: 'USD' }");
  EXPECT_THAT(Sample("billing", "empty", BillingData(empty, {}, false, format, English())),
              HasSubstr("There is no card."));
}

TEST(SamplesTest, BoundsStandBesideTheirFieldsAndAnObstacleHasNoButtonThatLeadsNowhere) {
  const Formatter format("en-US", "UTC");
  BillingReplies replies = Awkward();
  *replies.account.mutable_billing_bounds() = Parse<pb::BillingBounds>(
      "min_reserve_amount { currency_code: 'USD' units: 15 } max_reserve_amount { currency_code: "
      "'USD' units: 500 } min_recharge_threshold { currency_code: 'USD' units: 10 } "
      "min_top_up_amount { currency_code: 'USD' units: 1 } max_top_up_amount { currency_code: "
      "'USD' units: 600 }");
  const std::string page =
      Sample("billing", "bounds", BillingData(replies, {}, false, format, English()));
  EXPECT_THAT(page, AllOf(HasSubstr("from $15.00 to $500.00"), HasSubstr("from $10.00 up to"),
                          HasSubstr("From $1.00 to $600.00."), HasSubstr("The card was refused"),
                          Not(HasSubstr("/cards/new"))));
}

TEST(SamplesTest, AReceiptIsDrawnByItself) {
  const Formatter format("en-US", "UTC");
  const auto receipt = Parse<pb::Receipt>(
      "number: 7 kind: ENTRY_KIND_RECHARGE amount { currency_code: 'USD' units: 12 } "
      "requested_amount { currency_code: 'USD' units: 15 } charge_id: 'ch_7' card_brand: 'Visa' "
      "card_last_four: '4242' create_time { seconds: 1796000000 }");
  EXPECT_THAT(
      Sample("receipt", "receipt", ReceiptData(Awkward().account, receipt, format, English())),
      AllOf(HasSubstr("$12.00"), HasSubstr("$15.00"), HasSubstr("ch_7"),
            HasSubstr("Visa ending in 4242")));
}

TEST(SamplesTest, DecksAndTheirComparisonAreDrawn) {
  const Formatter format("en-US", "UTC");
  Data decks;
  SetDecks(Parse<pb::ListRateDecksResponse>(
               "rate_decks { version: 3 name: '<b>' currency_code: 'USD' state: "
               "RATE_DECK_STATE_DRAFT rate_count: 12 }"),
           format, English(), &decks);
  SetTimeline(Parse<pb::ListRateDeckActivationsResponse>(
                  "activations { deck_version: 2 currency_code: 'USD' state: "
                  "RATE_DECK_STATE_IN_FORCE effective_time { seconds: 1796000000 } reason: "
                  "'cheaper' actor: 'sue' }"),
              format, English(), &decks);
  decks.set("operations", true);
  EXPECT_THAT(Sample("decks", "decks", decks),
              AllOf(HasSubstr("&lt;b&gt;"), HasSubstr("In force"), HasSubstr("sue"),
                    HasSubstr("/decks/act/activate?deck_version=3")));
  Data deck;
  SetDeck(Parse<pb::RateDeck>("version: 3 name: 'June' state: RATE_DECK_STATE_RETIRED"), format,
          English(), &deck);
  SetComparison(
      Parse<pb::CompareRateDecksResponse>(
          "base_deck_version: 2 dearer_count: 1 changes { kind: RATE_CHANGE_KIND_DEARER before { "
          "prefix: '44' price { currency_code: 'USD' nanos: 10000000 } } after { prefix: '44' "
          "price { currency_code: 'USD' nanos: 20000000 } } crosses_ceiling: true } recent_usage { "
          "usage_count: 5 cost_before { currency_code: 'USD' units: 1 } cost { currency_code: "
          "'USD' units: 2 } first_day: '2026-11-22' last_day: '2026-11-29' }"),
      format, English(), &deck);
  deck.set("operations", true);
  EXPECT_THAT(Sample("deck", "deck", deck),
              AllOf(HasSubstr("Compared with list 2"), HasSubstr("$0.01"), HasSubstr("$0.02"),
                    HasSubstr("would have cost $2.00 instead of $1.00"),
                    Not(HasSubstr("/decks/act/activate"))))
      << "one that is retired can't be brought into force";
}

TEST(SamplesTest, AHistoryOfManyDaysAndCountriesIsDrawn) {
  const Formatter format("en-US", "America/New_York");
  Data data;
  pb::ListUsageResponse page;
  pb::SummarizeUsageResponse days;
  pb::SummarizeUsageResponse countries;
  for (int i = 0; i < 28; ++i) {
    pb::UsageRecord call = Call(
        "rating { basis: CHARGE_BASIS_METERED_STANDARD allowance_before { "
        "seconds: 60 } allowance_after { } paid_duration { seconds: 6 } "
        "price { currency_code: 'USD' nanos: 20000000 } initial_increment { "
        "seconds: 6 } increment { seconds: 6 } }");
    if (i == 1) call.mutable_usage()->set_user_id(kHostile);
    if (i == 2) call.set_status(pb::USAGE_STATUS_VOIDED);
    if (i == 3) call.set_status(pb::USAGE_STATUS_UNRATED);
    if (i < 6) *page.add_usage_records() = call;
    auto* const day = days.add_summaries();
    day->mutable_day_start()->set_seconds(1'793'600'000 + 86400 * i);
    day->set_usages(i);
    *day->mutable_cost() = Dollars(i % 9, 120'000'000);
    if (i < 12) *countries.add_summaries() = *day;
    if (i < 12) countries.mutable_summaries(i)->set_country(i == 0 ? "" : "GB");
  }
  SetFilters({{"number", "+44"}, {"kind", "call"}}, {}, format, English(), &data);
  SetCalls(page, format, English(), &data);
  SetSums(days, countries, "USD", format, English(), &data);
  data.set("range", English().Say("range", {"Nov 1, 2026", "Nov 30, 2026"}));
  data.set("next", "/next");
  EXPECT_THAT(Sample("calls", "calls", data),
              AllOf(HasSubstr("data-value=\"8.12\""), HasSubstr("taken back")));
}

TEST(SamplesTest, ALifeAndPricesAreDrawn) {
  const Formatter format("en-US", "America/New_York");
  Life life;
  for (int i = 0; i < 8; ++i) {
    life.events.push_back(Parse<pb::Event>(
        absl::StrCat("event_seq: ", 8 - i,
                     " kind: EVENT_KIND_BALANCE_ADJUSTED event_time { seconds: ", 1'796'000'007 - i,
                     " } balance { currency_code: 'USD' units: 1234567 } amount { "
                     "currency_code: 'USD' units: -3 } actor: 'sue' reference: 'T-7' cause: '",
                     kHostile, "'")));
    life.entries.push_back(Parse<pb::Entry>(absl::StrCat(
        "seq: ", 9 - i, " kind: ENTRY_KIND_ADJUSTMENT record_time { seconds: ", 1'796'000'008 - i,
        " } amount { currency_code: 'USD' units: -3 } balance_after { currency_code: 'USD' units: "
        "1234567 } reason: '",
        std::string(200, 'r'), "'")));
  }
  Data data;
  SetLife(life, 100, format, English(), &data);
  Data actions = ListOf();
  for (const char* const action :
       {"adjust", "grant", "refund", "pay", "void", "correct", "block"}) {
    Data one;
    one.set("href", "#");
    one.set("text", English().Say(absl::StrCat("act_", action)));
    actions.push_back(one);
  }
  data.set("actions", actions);
  data.set("balance", "$1,234,567.00");
  data.set("standing", StateData(Awkward().account, format, English()));
  Sample("life", "life", data);
  Data prices;
  pb::ListRatesResponse rates;
  for (int i = 0; i < 12; ++i) {
    *rates.add_rates() = Parse<pb::Rate>(absl::StrCat(
        "kind: RATE_KIND_CALL prefix: '44", i,
        "' destination_name: 'United Kingdom, mobile, some "
        "operator or other' country: 'GB' price { currency_code: 'USD' nanos: 17100000 } "
        "initial_increment { seconds: 6 } increment { seconds: 6 } standard_rate: ",
        i % 2 == 0 ? "true" : "false"));
  }
  SetSearch({}, format, English(), &prices);
  SetRates(rates, "", format, English(), &prices);
  EXPECT_THAT(Sample("prices", "prices", prices), HasSubstr("$0.0171"));
}

}  // namespace
}  // namespace reserve::console
