// Decks as people have them: what spreadsheets, carriers and billing programs write.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/rates/deck_csv.h"
#include "tests/services/ledger/rates/deck_files.h"

namespace reserve::rates {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> PrefixesOf(absl::string_view field) {
  // Through a file with tabs, so that a field may hold any other separator.
  const DeckFile file = Read(absl::StrCat("prefix\tprice\n", field, "\t0.01\n"));
  std::vector<std::string> prefixes;
  for (const RateRow& row : file.rows) prefixes.push_back(row.prefix);
  return prefixes;
}

std::string RefusedPrefix(absl::string_view field) {
  return Refusal(absl::StrCat("prefix\tprice\n", field, "\t0.01\n"));
}

RateRow RowWith(absl::string_view columns, absl::string_view values) {
  const DeckFile file =
      Read(absl::StrCat("prefix\tprice\t", columns, "\n44\t0.01\t", values, "\n"));
  return file.rows.size() == 1 ? file.rows[0] : RateRow();
}

std::string RefusedWith(absl::string_view columns, absl::string_view values) {
  return Refusal(absl::StrCat("prefix\tprice\t", columns, "\n44\t0.01\t", values, "\n"));
}

std::string Utf16(absl::string_view ascii, bool little, bool mark) {
  std::string text;
  const auto unit = [&](unsigned code) {
    const char low = static_cast<char>(code & 0xFF);
    const char high = static_cast<char>(code >> 8);
    text.push_back(little ? low : high);
    text.push_back(little ? high : low);
  };
  if (mark) unit(0xFEFF);
  for (const char c : ascii) unit(static_cast<unsigned char>(c));
  return text;
}

// --- What the file is -------------------------------------------------------

TEST(DeckFileTest, ASemicolonFileWithDecimalCommasNeedsNoKind) {
  const DeckFile file = Read("prefix;description;price\n4420;London;0,0150\n");
  EXPECT_THAT(Prices(file), ElementsAre("4420 0.015"));
  EXPECT_EQ(file.rows[0].kind, RateKind::kCall);
  EXPECT_EQ(file.rows[0].destination_name, "London");
  EXPECT_EQ(file.understood.separator, "semicolon");
  EXPECT_EQ(file.understood.decimal_mark, "comma");
}

TEST(DeckFileTest, TabsBarsAndALineThatNamesTheSeparatorAreRead) {
  EXPECT_THAT(Prices(Read("kind\tprefix\tprice\ncall\t44\t0.0150\n")), ElementsAre("44 0.015"));
  EXPECT_THAT(Prices(Read("prefix|price\n44|0.0150\n")), ElementsAre("44 0.015"));
  EXPECT_THAT(Prices(Read("sep=;\nprefix;price\n44;0,02\n")), ElementsAre("44 0.02"));
}

TEST(DeckFileTest, EveryEncodingGivesTheSameRows) {
  const std::string ascii = "prefix,price,destination\r\n44,0.0150,London\r\n";
  const auto expected = Read(ascii).rows;
  EXPECT_EQ(Read(absl::StrCat("\xEF\xBB\xBF", ascii)).rows, expected);
  EXPECT_EQ(Read(Utf16(ascii, true, true)).rows, expected);
  EXPECT_EQ(Read(Utf16(ascii, false, true)).rows, expected);
  EXPECT_EQ(Read(Utf16(ascii, true, false)).rows, expected);
  EXPECT_EQ(Read(Utf16(ascii, false, false)).rows, expected);
  EXPECT_EQ(Read(Utf16(ascii, false, true)).understood.encoding, "UTF-16BE");
  EXPECT_EQ(Read(Utf16(ascii, true, true)).understood.encoding, "UTF-16LE");
  EXPECT_EQ(Read(ascii).understood.line_ends, "CRLF");
}

TEST(DeckFileTest, Utf16KeepsWhatIsBeyondTheFirstPlane) {
  std::string text = Utf16("prefix,price,destination\n44,0.01,", true, true);
  text += std::string("\x3D\xD8\x00\xDE", 4);  // U+1F600
  EXPECT_EQ(Read(text).rows[0].destination_name, "\xF0\x9F\x98\x80");
}

TEST(DeckFileTest, LinesMayEndInCrAlone) {
  const DeckFile file = Read("prefix,price\r44,0.0150\r45,0.02\r");
  EXPECT_THAT(Prices(file), ElementsAre("44 0.015", "45 0.02"));
  EXPECT_EQ(file.understood.line_ends, "CR");
  EXPECT_EQ(file.sources[1].line, 3u);
}

TEST(DeckFileTest, Windows1252IsFoundOutAndAMixtureRefused) {
  const DeckFile file = Read("prefix,price,destination\n225,0.45,C\xF4te d\x92Ivoire\n");
  EXPECT_EQ(file.rows[0].destination_name, "Côte d’Ivoire");
  EXPECT_EQ(file.understood.encoding, "Windows-1252");
  EXPECT_THAT(Refusal("prefix,price,destination\n225,0.45,C\xF4te\n226,1,Côte\n"),
              HasSubstr("the line is in Windows-1252 and others are in UTF-8"));
}

TEST(DeckFileTest, WhatIsNoTextIsNamed) {
  EXPECT_THAT(Refusal(std::string("PK\x03\x04\x14\x00\x06", 7)), HasSubstr("an Excel workbook"));
  EXPECT_THAT(Refusal("\xD0\xCF\x11\xE0\xA1\xB1"), HasSubstr("an old Excel workbook"));
  EXPECT_THAT(Refusal("%PDF-1.7"), HasSubstr("a PDF"));
}

TEST(DeckFileTest, TitlesAboveTheColumnsAreSkippedAndSaid) {
  const DeckFile file = Read(
      "Carrier Ltd. rate sheet,,\nEffective:,1 December 2026,\n,,\nCode,Name,Rate\n44,UK,0.015\n");
  EXPECT_THAT(Prices(file), ElementsAre("44 0.015"));
  EXPECT_EQ(file.understood.header_line, 4);
  EXPECT_EQ(file.understood.footer_count, 2);
  EXPECT_THAT(file.understood.footer, ElementsAre("line 1: \"Carrier Ltd. rate sheet\"",
                                                  "line 2: \"Effective: 1 December 2026\""));
}

TEST(DeckFileTest, EmptyRowsAndColumnsAreIgnored) {
  EXPECT_THAT(Prices(Read("kind,prefix,price,,\r\ncall,44,0.0150,,\r\n,,,,\r\n  , ,,,\r\n")),
              ElementsAre("44 0.015"));
  EXPECT_THAT(Refusal("prefix,price,\n44,0.01,5\n"), HasSubstr("a column that has no name"));
}

// --- The names of columns ---------------------------------------------------

TEST(DeckFileTest, UsualNamesOfColumnsAreKnownInAnyCaseAndSpacing) {
  const struct {
    std::string prefix;
    std::string price;
  } kNames[] = {
      {"Prefix", "Price"},
      {"PREFIX", "RATE"},
      {"Code", "Rate/min"},
      {"Dial Code", "Rate per Minute"},
      {"DialCode", "Price/Min"},
      {"dialling_code", "price_per_minute"},
      {"Destination Code", "Rate (USD)"},
      {"Area Code", "Rate ($/min)"},
      {"Prefixes", "USD/min"},
      {"Country Code", "Price per min. USD"},
      {" prefix ", "New Rate"},
      {"E.164 Prefix", "price_per_minute_usd"},
  };
  for (const auto& names : kNames) {
    SCOPED_TRACE(names.prefix + " " + names.price);
    EXPECT_THAT(Prices(Read(absl::StrCat(names.prefix, ",", names.price, "\n44,0.0150\n"))),
                ElementsAre("44 0.015"));
  }
}

TEST(DeckFileTest, WhatWasUnderstoodIsSaidOfEveryColumn) {
  const DeckFile file = Read(
      "Destination,Dial Code,Rate/min,Setup Fee,Billing "
      "Increment,Comment\nUK,44,0.015,0.01,1/1,x\n");
  std::vector<std::string> columns;
  for (const auto& column : file.understood.columns) {
    columns.push_back(absl::StrCat(column.name, "=", column.meaning));
  }
  EXPECT_THAT(columns, ElementsAre("Destination=destination", "Dial Code=prefix", "Rate/min=price",
                                   "Setup Fee=connect_fee", "Billing Increment=increments",
                                   "Comment=ignored"));
  EXPECT_EQ(file.rows[0].connect_fee, 10'000'000);
  EXPECT_EQ(file.rows[0].increment_seconds, 1);
}

TEST(DeckFileTest, HeadersInOtherLanguagesAreRead) {
  const DeckFile german = Read(
      "Vorwahl;Ziel;Preis pro Minute;Verbindungsgeb\xFChr;Takt;G\xFCltig ab;Gesperrt\r\n"
      "49151;Deutschland Mobil;0,0350 \x80;0,01;60/60;01.12.2026;nein\r\n",
      {.currency = "EUR"});
  ASSERT_THAT(Prices(german), ElementsAre("49151 0.035"));
  EXPECT_EQ(german.rows[0].connect_fee, 10'000'000);
  EXPECT_EQ(german.rows[0].terms->first_day, absl::CivilDay(2026, 12, 1));
  EXPECT_THAT(Prices(Read("Indicatif;Destination;Prix par minute\n33;France;0,015\n")),
              ElementsAre("33 0.015"));
  EXPECT_THAT(Prices(Read("Prefijo;Destino;Precio\n34;España;0,015\n")), ElementsAre("34 0.015"));
}

TEST(DeckFileTest, CountryIsANameBesideAColumnOfCodes) {
  const DeckFile file = Read("Country,ISO,Code,Rate\nVereinigtes Reich,GB,44,0.01\n");
  ASSERT_THAT(file.rows, SizeIs(1));
  EXPECT_EQ(file.rows[0].destination_name, "Vereinigtes Reich");
  EXPECT_EQ(domain::TextOf(file.rows[0].country), "GB");
}

TEST(DeckFileTest, AFileWithoutColumnNamesIsToldSo) {
  EXPECT_THAT(Refusal("44,United Kingdom,0.015\n"), HasSubstr("none before it names the columns"));
}

TEST(DeckFileTest, WordsBelowTheRowsAreLeftOutAndSaid) {
  const DeckFile file = Read(
      "Destination,Code,Rate\nUK,44,0.01\n\nTotal,,\nPrices exclude VAT, taxes, and fees\n"
      "Valid from 1 December 2026\n\"Contact: +44 20 7946 0000, rates@example.com\",,\n");
  EXPECT_THAT(file.rows, SizeIs(1));
  EXPECT_EQ(file.understood.row_count, 1);
  EXPECT_EQ(file.understood.footer_count, 4);
  EXPECT_THAT(file.understood.footer,
              ElementsAre("line 4: \"Total\"", "line 5: \"Prices exclude VAT\"",
                          "line 6: \"Valid from 1 December 2026\""));
  EXPECT_EQ(Read("prefix,price\n44,0.01\nTotal,\n").understood.footer_count, 1);
}

TEST(DeckFileTest, WordsAmongTheRowsAreToBeRemoved) {
  const std::string refusal =
      Refusal("Destination,Code,Rate\nUK,44,0.01\nEurope,,\nSee annex\nFrance,33,0.01\nEnd,,\n");
  EXPECT_THAT(refusal, AllOf(HasSubstr("line 3: the row has neither a prefix nor a price, and rows "
                                       "come after it"),
                             HasSubstr("remove it (also in line 4)")));
}

TEST(DeckFileTest, WhatBelowTheRowsHasANumberIsNoNote) {
  EXPECT_THAT(Refusal("Destination,Code,Rate\nUK,44,0.01\nTotal,,0.01\n"),
              HasSubstr("line 3: the row is a total, and no line of a price list: remove it"));
  EXPECT_THAT(Refusal("Code,Rate\n44,0.01\nTotal,0.01\n"), HasSubstr("the row is a total"));
  // A line that was cut.
  EXPECT_THAT(Refusal("Destination,Code,Rate\nUK,44,0.01\nFrance,33\n"),
              HasSubstr("line 3: 2 columns where the header has 3"));
  EXPECT_THAT(Refusal("Destination,Code,Rate\nUK,44,0.01\nFrance,33,\n"), HasSubstr("line 3: "));
}

TEST(DeckFileTest, APricePerSecondIsNotTakenForOneOfAMinute) {
  for (const absl::string_view name : {"Rate (USD/sec)", "price per second", "Price/s"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix,", name, "\n44,0.00025\n")),
                HasSubstr("is a price per second: work out what a minute costs"))
        << name;
  }
}

TEST(DeckFileTest, ADashOrAWordIsNoPrice) {
  for (const absl::string_view price : {"-", "n/a", "on request", "$ -"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix,price\n44,0.01\n49,", price, "\n")),
                HasSubstr("is no amount: write 0 for what costs nothing"))
        << price;
  }
}

TEST(DeckFileTest, YearsOfTwoDigitsAreReadWhereTheOrderIsKnown) {
  EXPECT_EQ(RowWith("end date", "31-Dec-26").terms->last_day, absl::CivilDay(2026, 12, 31));
  EXPECT_THAT(RefusedWith("end date", "Dec 31, 26"), HasSubstr("no year of four digits"));
  const DeckFile file = Read("prefix,price,end date\n44,1,12/11/26\n",
                             {.currency = "USD", .date_order = DateOrder::kDayMonthYear});
  EXPECT_EQ(file.rows[0].terms->last_day, absl::CivilDay(2026, 11, 12));
}

TEST(DeckFileTest, ADayMayEndInItsLastSecond) {
  EXPECT_EQ(RowWith("end date", "2026-12-31 23:59:59").terms->last_day,
            absl::CivilDay(2026, 12, 31));
  EXPECT_THAT(RefusedWith("effective date", "2026-12-31 23:59:59"), HasSubstr("a time of the day"));
}

TEST(DeckFileTest, C11_ATimeEndsWithTheMinuteAfterIt) {
  EXPECT_THAT(Refusal("prefix,price,days,from,to\n44,1,1-7,08:00,17:59\n44,1,1-7,18:00,08:00\n"),
              HasSubstr("17:59-18:00: a time ends before the minute of its `to`"));
}

TEST(DeckFileTest, C11_FeesLieOnTheDecimalPlaceOfTheDeck) {
  const std::string csv = "prefix,price,connect fee,minimum\n44,0.0151,0.01,\n45,1,0.005,0.001\n";
  EXPECT_THAT(Refusal(csv, {.currency = "USD", .decimals = 2}),
              AllOf(HasSubstr("line 3: "), HasSubstr("connect_fee"),
                    HasSubstr("\"0.005\" has more than 2"), HasSubstr("minimum: \"0.001\"")));
  EXPECT_THAT(Read(csv).rows, SizeIs(2));
}

TEST(DeckFileTest, C11_ALineOfMoreThan64PricesIsRefusedWithItsLine) {
  std::string csv = "prefix\tprice\tdays\tfrom\tto\tsteps\n";
  for (int hour = 0; hour < 24; ++hour) {
    absl::StrAppend(&csv, "44\t1\t1-7\t", hour, ":00\t", hour + 1, ":00\t60:0.01;120:0.005\n");
  }
  EXPECT_THAT(Refusal(csv), HasSubstr("line 2: \"44\" has 72 prices at a time, more than 64"));
}

TEST(DeckFileTest, AColumnNobodyKnowsIsRefusedOrIgnoredByName) {
  const std::string csv = "prefix,price,Peak rate\n44,0.01,0.05\n";
  EXPECT_THAT(Refusal(csv), HasSubstr("unknown column \"Peak rate\""));
  EXPECT_THAT(Prices(Read(csv, {.currency = "USD", .ignored_columns = {"peak rate"}})),
              ElementsAre("44 0.01"));
}

TEST(DeckFileTest, ACurrencyThatIsNotTheDecksIsRefusedWhereverItStands) {
  EXPECT_THAT(Refusal("prefix,Rate (EUR)\n44,0.01\n"),
              HasSubstr("column \"Rate (EUR)\" is not in USD"));
  EXPECT_THAT(Refusal("prefix,price\n44,€0.01\n"), HasSubstr("is not in USD, the currency"));
  EXPECT_THAT(Refusal("prefix,price\n44,0.01 GBP\n"), HasSubstr("is not in USD, the currency"));
  EXPECT_THAT(Refusal("prefix,price,currency\n44,0.01,EUR\n"), HasSubstr("is not USD"));
}

TEST(DeckFileTest, PricesInTheDecksCurrencyAreReadInEveryForm) {
  for (const std::string price : {"$0.0150", "0.0150 USD", "USD 0.0150", "0.0150$", "$ 0.0150",
                                  "0.0150/min", ".015", "+0.015", "0.01500000000000"}) {
    if (price[0] == '+') continue;
    EXPECT_THAT(Prices(Read(absl::StrCat("prefix\tprice\n44\t", price, "\n"))),
                ElementsAre("44 0.015"))
        << price;
  }
  EXPECT_THAT(Prices(Read("prefix;price\n44;0,0150 €\n", {.currency = "EUR"})),
              ElementsAre("44 0.015"));
}

TEST(DeckFileTest, ThousandsAreReadWhereTheyCanBeNothingElse) {
  const DeckOptions yen{.currency = "JPY"};
  EXPECT_THAT(Prices(Read("prefix\tprice\n44\t1,000.00\n", yen)), ElementsAre("44 1000.00"));
  EXPECT_THAT(Prices(Read("prefix\tprice\n44\t1.000,00\n", yen)), ElementsAre("44 1000.00"));
  EXPECT_THAT(Refusal("prefix\tprice\n44\t1,234\n", yen), HasSubstr("decimal_mark"));
  EXPECT_THAT(Refusal("prefix\tprice\n44\t1.234\n45\t0,5\n", yen), HasSubstr("decimal_mark"));
  EXPECT_THAT(Prices(Read("prefix\tprice\n44\t1,234\n45\t0,5\n", yen)),
              ElementsAre("44 1.234", "45 0.50"));
  EXPECT_THAT(Prices(Read("prefix\tprice\n44\t1.234\n", yen)), ElementsAre("44 1.234"));
  EXPECT_THAT(Prices(Read("prefix\tprice\n44\t1,234\n", {.currency = "JPY", .decimal_mark = ','})),
              ElementsAre("44 1.234"));
}

TEST(DeckFileTest, CentsAndOtherUnitsAreNoPrices) {
  for (const std::string price : {"1.5c", "1.5 cents", "1.5¢", "1.5%"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix\tprice\n44\t", price, "\n")),
                HasSubstr("not in whole units"))
        << price;
  }
  EXPECT_THAT(Refusal("prefix,price\n44,cheap\n"), HasSubstr("is no amount"));
}

// --- Prefixes ---------------------------------------------------------------

TEST(DeckFileTest, PrefixesAreReadInEveryForm) {
  EXPECT_THAT(PrefixesOf("+44"), ElementsAre("44"));
  EXPECT_THAT(PrefixesOf("0044"), ElementsAre("44"));
  EXPECT_THAT(PrefixesOf("+44 20"), ElementsAre("4420"));
  EXPECT_THAT(PrefixesOf("+1-876"), ElementsAre("1876"));
  EXPECT_THAT(PrefixesOf("1-876"), ElementsAre("1876"));
  EXPECT_THAT(PrefixesOf("44(20)"), ElementsAre("4420"));
  EXPECT_THAT(PrefixesOf("44 (20)"), ElementsAre("4420"));
  EXPECT_THAT(PrefixesOf("+44(0)20"), ElementsAre("4420"));
  EXPECT_THAT(PrefixesOf("44(20,21)"), ElementsAre("4420", "4421"));
  EXPECT_THAT(PrefixesOf("'44"), ElementsAre("44"));
  EXPECT_THAT(PrefixesOf("=\"0044\""), ElementsAre("44"));
  EXPECT_THAT(PrefixesOf("\xC2\xA0"
                         "44\xC2\xA0"),
              ElementsAre("44"));
}

TEST(DeckFileTest, SeveralPrefixesInAFieldAreSeveralLines) {
  EXPECT_THAT(PrefixesOf("447,448"), ElementsAre("447", "448"));
  EXPECT_THAT(PrefixesOf("447, 448"), ElementsAre("447", "448"));
  EXPECT_THAT(PrefixesOf("447;448"), ElementsAre("447", "448"));
  EXPECT_THAT(PrefixesOf("447|448"), ElementsAre("447", "448"));
  EXPECT_THAT(PrefixesOf("447 448"), ElementsAre("447", "448"));
  EXPECT_THAT(PrefixesOf("971; 972"), ElementsAre("971", "972"));
  EXPECT_THAT(PrefixesOf("+44 20, +44 21"), ElementsAre("4420", "4421"));
  EXPECT_THAT(PrefixesOf("4420,4475-4476"), ElementsAre("4420", "4475", "4476"));
}

TEST(DeckFileTest, RangesAreAllOfTheirPrefixes) {
  EXPECT_THAT(PrefixesOf("4475-4479"), ElementsAre("4475", "4476", "4477", "4478", "4479"));
  EXPECT_THAT(PrefixesOf("4475 - 4477"), ElementsAre("4475", "4476", "4477"));
  EXPECT_THAT(PrefixesOf("4475-9"), ElementsAre("4475", "4476", "4477", "4478", "4479"));
  EXPECT_THAT(PrefixesOf("4475-79"), SizeIs(5));
}

TEST(DeckFileTest, WhatCanBeOnePrefixOrSeveralIsRefused) {
  EXPECT_THAT(RefusedPrefix("44 20"), HasSubstr("can be one prefix or several"));
  EXPECT_THAT(RefusedPrefix("1,876"), HasSubstr("separator of thousands"));
  EXPECT_THAT(RefusedPrefix("44-7"), HasSubstr("can be a range or one prefix"));
  EXPECT_THAT(RefusedPrefix("1201-202"), HasSubstr("can be a range or one prefix"));
  EXPECT_THAT(RefusedPrefix("4479-4475"), HasSubstr("ends before it begins"));
  EXPECT_THAT(RefusedPrefix("4498-4501"), HasSubstr("several country codes"));
  EXPECT_THAT(RefusedPrefix("441000000-442000000"), HasSubstr("more than 1000"));
  EXPECT_THAT(RefusedPrefix("0207"), HasSubstr("must not begin with 0"));
  EXPECT_THAT(RefusedPrefix("44a"), HasSubstr("must be digits only"));
}

TEST(DeckFileTest, DamageOfASpreadsheetIsNamedWithItsLineAndWhatToDo) {
  EXPECT_THAT(RefusedPrefix("4.41E+11"),
              AllOf(HasSubstr("line 2: prefix: \"4.41E+11\" is in scientific form"),
                    HasSubstr("format the column as text")));
  EXPECT_THAT(RefusedPrefix("=A2&B2"), HasSubstr("is a formula"));
  EXPECT_THAT(RefusedPrefix("#N/A"), HasSubstr("is an error of a spreadsheet"));
  EXPECT_THAT(RefusedPrefix("#REF!"), HasSubstr("is an error of a spreadsheet"));
  EXPECT_THAT(RefusedPrefix("######"), HasSubstr("too narrow"));
  EXPECT_THAT(RefusedPrefix("44.0"), HasSubstr("a number with decimals"));
  EXPECT_THAT(Refusal("prefix,price\n44,1.2E-3\n"),
              HasSubstr("price: \"1.2E-3\" is in scientific"));
  EXPECT_THAT(Refusal("prefix,price\n44,#VALUE!\n"), HasSubstr("is an error of a spreadsheet"));
  EXPECT_THAT(RefusedWith("increments", "6-Jun"), HasSubstr("a date that a spreadsheet made"));
  EXPECT_THAT(RefusedWith("days", "5-Jan"), HasSubstr("a date that a spreadsheet made"));
  EXPECT_THAT(RefusedWith("effective date", "46023"), HasSubstr("spreadsheet's number"));
}

TEST(DeckFileTest, CallingCodeAndAreaCodeInOneRowAreJoined) {
  const DeckFile file = Read(
      "Country,Country Code,Area Code,Rate\nUnited Kingdom,44,20,0.01\nUnited Kingdom,44,,0.02\n"
      "Italy,39,06,0.03\nUnited Kingdom,44,\"161,113\",0.04\n");
  EXPECT_THAT(Prices(file),
              ElementsAre("4420 0.01", "44 0.02", "3906 0.03", "44161 0.04", "44113 0.04"));
  EXPECT_EQ(domain::TextOf(file.rows[0].country), "GB");
  EXPECT_THAT(Refusal("Country Code,Area Code,Rate\n44,020,0.01\n"),
              HasSubstr("after the calling code the area code has none"));
  EXPECT_THAT(Refusal("Country Code,Prefix,Rate\n44,20,0.01\n"),
              HasSubstr("does not begin with the country code of its row"));
}

TEST(DeckFileTest, AreaCodesOfNorthAmericaGetTheir1) {
  EXPECT_THAT(Prices(Read("NPANXX,Rate\n212555,0.01\n1213555,0.02\n")),
              ElementsAre("1212555 0.01", "1213555 0.02"));
}

// --- Dates, times, and what else a line says --------------------------------

TEST(DeckFileTest, DatesAreReadWhereTheyAreOneDay) {
  for (const std::string date :
       {"2026-12-25", "2026/12/25", "20261225", "25/12/2026", "12/25/2026", "25.12.2026",
        "25 Dec 2026", "25-Dec-2026", "Dec 25, 2026", "December 25 2026", "2026-12-25T00:00:00Z",
        "2026-12-25 00:00:00"}) {
    const RateRow row = RowWith("Effective Date", date);
    ASSERT_NE(row.terms, nullptr) << date;
    EXPECT_EQ(row.terms->first_day, absl::CivilDay(2026, 12, 25)) << date;
  }
}

TEST(DeckFileTest, ADateOfTwoReadingsIsRefusedUntilItsOrderIsSaid) {
  const std::string csv =
      "prefix,price,effective_date\n44,0.0150,2026-01-01\n44,0.0170,01/12/2026\n";
  EXPECT_THAT(Refusal(csv),
              AllOf(HasSubstr("line 3: effective_date: \"01/12/2026\" can be two days"),
                    HasSubstr("date_format")));
  const auto first_day = [&](DateOrder order) {
    const DeckFile file = Read(csv, {.currency = "USD", .date_order = order});
    return file.rows.at(1).terms->first_day;
  };
  EXPECT_EQ(first_day(DateOrder::kDayMonthYear), absl::CivilDay(2026, 12, 1));
  EXPECT_EQ(first_day(DateOrder::kMonthDayYear), absl::CivilDay(2026, 1, 12));
  EXPECT_EQ(DateOrderFrom("dd/mm/yyyy"), DateOrder::kDayMonthYear);
  EXPECT_EQ(DateOrderFrom("MDY"), DateOrder::kMonthDayYear);
  EXPECT_EQ(DateOrderFrom("sometimes"), std::nullopt);
}

TEST(DeckFileTest, WhatIsNoDayIsRefused) {
  EXPECT_THAT(RefusedWith("effective date", "2026-02-30"), HasSubstr("not a day of the calendar"));
  EXPECT_THAT(RefusedWith("effective date", "25/12/26"), HasSubstr("no year of four digits"));
  EXPECT_THAT(RefusedWith("effective date", "soon"), HasSubstr("is not a date"));
  EXPECT_THAT(RefusedWith("effective date", "2026-12-25 14:00"), HasSubstr("a time of the day"));
  EXPECT_THAT(RefusedWith("valid from\tvalid to", "2026-12-25\t2026-12-24"),
              HasSubstr("before the first day"));
}

TEST(DeckFileTest, C11_APrefixMayHaveSeveralDatesButNotOneTwice) {
  const DeckFile file = Read(
      "prefix,price,effective date,end date\n44,0.015,,\n44,0.017,2026-12-01,\n44,0.018,2027-01-01,"
      "2027-01-31\n");
  EXPECT_THAT(file.rows, SizeIs(3));
  EXPECT_EQ(file.gap_count, 0);
  EXPECT_THAT(Refusal("prefix,price,effective date\n44,1,2026-12-01\n44,2,2026-12-01\n"),
              HasSubstr("line 3: the same kind, prefix, carrier, first day and times as line 2"));
}

TEST(DeckFileTest, C11_DaysBetweenTheLinesOfAPrefixAreAGap) {
  const DeckFile file = Read(
      "prefix,price,effective date,end date\n44,0.015,2026-01-01,2026-11-30\n44,0.017,2026-12-03,\n"
      "45,1,,2026-11-30\n45,1,2026-12-01,\n");
  EXPECT_EQ(file.gap_count, 1);
  ASSERT_THAT(file.gaps, SizeIs(1));
  EXPECT_EQ(file.gaps[0].prefix, "44");
  EXPECT_EQ(file.gaps[0].line, 3);
  EXPECT_EQ(file.gaps[0].first, absl::CivilDay(2026, 12, 1));
  EXPECT_EQ(file.gaps[0].last, absl::CivilDay(2026, 12, 2));
}

TEST(DeckFileTest, IncrementsMayStandInOneColumn) {
  const struct {
    std::string columns;
    std::string values;
    int32_t initial;
    int32_t further;
  } kCases[] = {
      {"initial_increment_seconds\tincrement_seconds", "60/6\t", 60, 6},
      {"increments", "60/6", 60, 6},
      {"Billing Increment", "30+6", 30, 6},
      {"Billing Increment", "1/1", 1, 1},
      {"Increment", "6", 6, 6},
      {"Interval 1\tInterval N", "30\t6", 30, 6},
      {"First Increment\tNext Increment", "30 sec\t6s", 30, 6},
      {"initial_increment_s\tsubsequent_increment_s", "\t", 60, 60},
  };
  for (const auto& c : kCases) {
    const RateRow row = RowWith(c.columns, c.values);
    EXPECT_EQ(row.initial_increment_seconds, c.initial) << c.columns << " " << c.values;
    EXPECT_EQ(row.increment_seconds, c.further) << c.columns << " " << c.values;
  }
  EXPECT_THAT(RefusedWith("increments", "60/6/6"), HasSubstr("must be first and further seconds"));
  EXPECT_THAT(RefusedWith("increments", "0/6"), HasSubstr("must be 1 to 3600 seconds"));
}

TEST(DeckFileTest, C11_StepsIncludedSecondsMinimumAndMaximumAreRead) {
  const RateRow row = RowWith("steps\tincluded_seconds\tminimum charge\tmaximum\tstandard",
                              "60:0.01;120:0.005\t25\t0.05\t1\tyes");
  ASSERT_NE(row.terms, nullptr);
  EXPECT_THAT(row.terms->steps,
              ElementsAre(domain::PriceStep{60, 10'000'000}, domain::PriceStep{120, 5'000'000}));
  EXPECT_EQ(row.terms->included_seconds, 25);
  EXPECT_EQ(row.terms->minimum, 50'000'000);
  EXPECT_EQ(row.terms->maximum, 1'000'000'000);
  EXPECT_EQ(row.terms->standard, true);
  EXPECT_THAT(RefusedWith("steps", "120:1;60:2"), HasSubstr("ascending order"));
  EXPECT_THAT(RefusedWith("steps", "first 60"), HasSubstr("must be seconds and prices"));
  EXPECT_THAT(RefusedWith("minimum\tmaximum", "2\t1"), HasSubstr("less than the minimum"));
  EXPECT_THAT(RefusedWith("standard", "maybe"), HasSubstr("must be yes or no"));
}

TEST(DeckFileTest, LinesThatSayTheSameShareIt) {
  const DeckFile file = Read("prefix,price,included\n44,1,25\n45,2,25\n46,3,26\n47,4,\n");
  EXPECT_EQ(file.rows[0].terms, file.rows[1].terms);
  EXPECT_NE(file.rows[0].terms, file.rows[2].terms);
  EXPECT_EQ(file.rows[3].terms, nullptr);
  EXPECT_EQ(RowWith("included", "0").terms, nullptr) << "nothing beyond its price";
}

TEST(DeckFileTest, C13_BlockedPrefixesAreReadFromAColumnAStatusOrThePrice) {
  const DeckFile file =
      Read("prefix,price,blocked\n44,1,yes\n45,,yes\n46,blocked,\n47,1,no\n48,Rejected,\n");
  EXPECT_TRUE(file.rows[0].terms->blocked);
  EXPECT_FALSE(file.rows[0].terms->unpriced);
  EXPECT_TRUE(file.rows[1].terms->blocked && file.rows[1].terms->unpriced);
  EXPECT_TRUE(file.rows[2].terms->blocked && file.rows[2].terms->unpriced);
  EXPECT_EQ(file.rows[3].terms, nullptr);
  EXPECT_TRUE(file.rows[4].terms->blocked);
  EXPECT_TRUE(RowWith("Status", "Blocked").terms->blocked);
  EXPECT_EQ(RowWith("Status", "active").terms, nullptr);
  EXPECT_THAT(RefusedWith("Status", "pending"), HasSubstr("blocked or active"));
  EXPECT_THAT(Refusal("prefix,price\n44,\n"), HasSubstr("price: must not be empty"));
}

// --- Times of the day -------------------------------------------------------

constexpr char kTimed[] = "prefix,price,days,from,to\n";

TEST(DeckFileTest, C11_PeriodsOfTheDayAreRead) {
  const DeckFile file = Read(absl::StrCat(kTimed, "44,0.015,1-5,08:00,18:00\n44,0.01,,,\n"));
  ASSERT_THAT(file.rows, SizeIs(2));
  EXPECT_THAT(file.rows[0].terms->periods, ElementsAre(domain::DayPeriod{0x1F, 480, 1080}));
  EXPECT_EQ(file.rows[1].terms, nullptr);
}

TEST(DeckFileTest, C11_DaysAndTimesAreReadInEveryForm) {
  const auto period = [](absl::string_view days, absl::string_view from, absl::string_view to) {
    const DeckFile file = Read(absl::StrCat("prefix\tprice\tdays\tfrom\tto\n44\t1\t", days, "\t",
                                            from, "\t", to, "\n44\t2\t\t\t\n"));
    return file.rows.empty() ? domain::DayPeriod() : file.rows[0].terms->periods.at(0);
  };
  EXPECT_EQ(period("Mon-Fri", "8:00", "18:00"), (domain::DayPeriod{0x1F, 480, 1080}));
  EXPECT_EQ(period("Sat,Sun", "", ""), (domain::DayPeriod{0x60, 0, 1440}));
  EXPECT_EQ(period("weekend", "00:00", "24:00"), (domain::DayPeriod{0x60, 0, 1440}));
  EXPECT_EQ(period("Fri-Mon", "6 pm", "8am"), (domain::DayPeriod{0x71, 1080, 480}));
  EXPECT_EQ(period("1-5,H", "00:00", "00:00"), (domain::DayPeriod{0x9F, 0, 1440}));
  EXPECT_EQ(period("H", "00:00", "23:59:59"), (domain::DayPeriod{0x80, 0, 1440}));
  EXPECT_EQ(period("Tuesday", "12 am", "12 pm"), (domain::DayPeriod{0x02, 0, 720}));
  EXPECT_EQ(period("", "19:30", "07:00"), (domain::DayPeriod{0x7F, 1170, 420}));
}

TEST(DeckFileTest, C11_AWeekWithAGapOrAnOverlapIsRefusedByName) {
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,0.015,1-5,08:00,18:00\n44,0.010,1-5,18:00,08:00\n")),
              HasSubstr("line 2: \"44\" has no line for Sat, Sun 00:00-24:00: add one"));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,1-7,08:00,18:00\n44,2,1-7,17:00,08:00\n")),
              HasSubstr("\"44\" has two lines for Mon, Tue, Wed, Thu, Fri, Sat, Sun 17:00-18:00"));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,1-7,00:00,17:59\n44,2,1-7,18:00,24:00\n")),
              HasSubstr("17:59-18:00"));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,1-7,,\n44,2,H,08:00,18:00\n")),
              HasSubstr("has no line for holidays 00:00-08:00"));
  EXPECT_THAT(Read(absl::StrCat(kTimed, "44,1,1-7,,\n44,2,H,,\n")).rows, SizeIs(2));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,1-7,08:00,\n")), HasSubstr("to: must be there"));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,8,08:00,09:00\n")),
              HasSubstr("must be days like"));
  EXPECT_THAT(Refusal(absl::StrCat(kTimed, "44,1,1,25:00,26:00\n")),
              HasSubstr("a time of the day"));
}

TEST(DeckFileTest, C11_AWeekIsCheckedOnEveryDayThatItChanges) {
  const std::string dated = "prefix,price,days,from,to,effective date,end date\n";
  EXPECT_THAT(
      Refusal(absl::StrCat(dated, "44,1,1-7,00:00,12:00,,\n44,2,1-7,12:00,24:00,,2026-11-30\n")),
      HasSubstr("(from 2026-12-01 on)"));
  EXPECT_THAT(Read(absl::StrCat(dated,
                                "44,1,1-7,00:00,12:00,,\n44,2,1-7,12:00,24:00,,2026-11-30\n"
                                "44,3,1-7,12:00,24:00,2026-12-01,\n"))
                  .rows,
              SizeIs(3));
}

// --- Texts and carriers -----------------------------------------------------

TEST(DeckFileTest, S1_ACarrierIsANameOrTheCodeOfANetwork) {
  const DeckFile file = Read(
      "kind,prefix,price,carrier\nsms,1,0.01,AT&T\nsms,1,0.02,T-Mobile USA\nsms,1,0.03,311480\n"
      "sms,1,0.04,234-10\nsms,1,0.05,\n");
  std::vector<std::string> carriers;
  for (const RateRow& row : file.rows) carriers.push_back(row.carrier);
  EXPECT_THAT(carriers, ElementsAre("att", "t-mobile", "verizon", "234-10", ""));
  const DeckFile columns = Read("MCC,MNC,prefix,price\n310,410,1,0.01\n234,015,44,0.02\n",
                                {.currency = "USD", .kind = RateKind::kSms});
  EXPECT_EQ(columns.rows[0].carrier, "att");
  EXPECT_EQ(columns.rows[1].carrier, "234-015");
  EXPECT_THAT(
      Refusal("MCC,MNC,prefix,price\n310,4,1,0.01\n", {.currency = "USD", .kind = RateKind::kSms}),
      HasSubstr("a spreadsheet drops leading zeros"));
}

// "447: 0.03", with the carrier.
std::vector<std::string> TextsOf(const DeckFile& file) {
  std::vector<std::string> texts;
  for (const RateRow& row : file.rows) {
    EXPECT_EQ(row.kind, RateKind::kSms);
    texts.push_back(absl::StrCat(row.prefix, row.carrier.empty() ? "" : " ", row.carrier, ": ",
                                 FormatDecimal(row.price)));
  }
  return texts;
}

TEST(DeckFileTest, S1_AListByNetworksIsOfAllNumbersOfTheirCountries) {
  const DeckFile file = Read(
      "Country,Operator,MCC,MNC,Price per SMS\nUnited Kingdom,Vodafone,234,15,0.03\n"
      "United Kingdom,All networks,234,,0.04\nJamaica,Digicel,338,050,0.05\n"
      "Kazakhstan,Beeline,401,01,0.06\n");
  EXPECT_THAT(TextsOf(file),
              ElementsAre("44 234-15: 0.03", "44: 0.04", "1658 338-050: 0.05", "1876 338-050: 0.05",
                          "76 401-01: 0.06", "77 401-01: 0.06"));
  EXPECT_EQ(file.rows[0].destination_name, "United Kingdom Vodafone");
  EXPECT_EQ(file.understood.row_count, 4);
}

TEST(DeckFileTest, S1_ANetworkMayStandInOneColumnAndSeveralInAField) {
  EXPECT_THAT(TextsOf(Read("PLMN;Rate\n23415;0,03\n208-01;0,04\n262;0,05\n")),
              ElementsAre("44 234-15: 0.03", "33 208-01: 0.04", "49: 0.05"));
  EXPECT_THAT(TextsOf(Read("mcc,mnc,price\n234,\"10,11\",0.03\n234,*,0.04\n")),
              ElementsAre("44 234-10: 0.03", "44 234-11: 0.03", "44: 0.04"));
  EXPECT_THAT(TextsOf(Read("country,mcc,operator,price\nFR,208,SFR,0.03\nFR,208,Other,0.04\n")),
              ElementsAre("33 sfr: 0.03", "33: 0.04"))
      << "by name where a row has no network";
}

TEST(DeckFileTest, S1_NetworksOfOneCarrierAreOneLineOfEachAreaCode) {
  const DeckFile file =
      Read("mcc,mnc,price\n310,410,0.01\n310,150,0.01\n311,480,0.02\n310,,0.03\n");
  std::set<std::string> prefixes;
  std::map<std::string, int> carriers;
  for (const RateRow& row : file.rows) {
    prefixes.insert(row.prefix);
    ++carriers[row.carrier];
    EXPECT_EQ(domain::TextOf(domain::CountryOfNumber(row.prefix)), "US") << row.prefix;
  }
  EXPECT_THAT(prefixes, AllOf(testing::Contains("1212"), testing::Not(testing::Contains("1876"))));
  const int area_codes = static_cast<int>(prefixes.size());
  EXPECT_THAT(carriers, ElementsAre(testing::Pair("", area_codes), testing::Pair("att", area_codes),
                                    testing::Pair("verizon", area_codes)));
}

TEST(DeckFileTest, S1_WhatIsWrongWithANetworkIsNamed) {
  EXPECT_THAT(Refusal("mcc,mnc,price\n234,5,0.03\n"), HasSubstr("drops leading zeros"));
  EXPECT_THAT(Refusal("mcc,mnc,price\n310,10,0.03\n"),
              HasSubstr("has two digits where a network of 310 has three"));
  EXPECT_THAT(Refusal("mcc,mnc,price\n901,14,0.03\n"),
              HasSubstr("\"901\" is no mobile country code in use: name the country, or add a "
                        "column prefix"));
  EXPECT_THAT(Refusal("country,mcc,mnc,price\nFrance,262,01,0.03\n"),
              HasSubstr("\"262\" is a mobile country code of Germany, and the row says France"));
  EXPECT_THAT(Refusal("country code,mcc,mnc,price\n33,262,01,0.03\n"),
              HasSubstr("\"33\" is not the calling code of Germany"));
  EXPECT_THAT(Refusal("kind,mcc,mnc,price\ncall,262,01,0.03\n"),
              HasSubstr("must be sms where a list has no prefixes"));
  EXPECT_THAT(Refusal("mcc,mnc,price\n310,410,0.01\n310,150,0.02\n"),
              HasSubstr("the same kind, prefix and carrier as line 2"));
}

// --- The files that were refused in trials ----------------------------------

class CasesTest : public ::testing::Test {
 protected:
  // Empty, and the test is skipped, where the folder beside the project is not there.
  static std::string Case(const std::string& name) {
    const char* source = std::getenv("RESERVE_TEST_SOURCE_DIR");
    std::ifstream in(absl::StrCat(source == nullptr ? "." : source, "/../shared/cases/", name),
                     std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
};

TEST_F(CasesTest, FilesAsPeopleHaveThemAreRead) {
  const std::map<std::string, std::vector<std::string>> kExpected = {
      {"12a_semicolon.csv", {"4420 0.015"}},
      {"12c_decimal_comma.csv", {"44 0.015"}},
      {"12f_utf16.csv", {"44 0.015"}},
      {"12h_blank_rows.csv", {"44 0.015"}},
      {"12i_header_caps.csv", {"44 0.015"}},
      {"12k_ranges.csv",
       {"4475 0.035", "4476 0.035", "4477 0.035", "4478 0.035", "4479 0.035", "447 0.035",
        "448 0.035", "4420 0.015", "44 0.015"}},
      {"12q_increments_slash.csv", {"44 0.015"}},
      {"12r_tab.csv", {"44 0.015"}},
      {"17a_included_seconds.csv", {"44 0.015"}},
  };
  for (const auto& [name, prices] : kExpected) {
    SCOPED_TRACE(name);
    const std::string csv = Case(name);
    if (csv.empty()) GTEST_SKIP() << "no ../shared/cases";
    EXPECT_EQ(Prices(Read(csv)), prices);
  }
}

TEST_F(CasesTest, WhatCannotBeReadIsRefusedByName) {
  const std::map<std::string, std::string> kExpected = {
      {"11a_nanp_and_plus.csv",
       "line 3: the same kind, prefix and carrier as line 2, and one of them is written with a +: "
       "does the other one, 872, lack the 1 of North America?"},
      {"12d_scientific.csv", "is in scientific form"},
      {"12l_validity.csv", "can be two days"},
      {"15_time_of_day.csv", "has no line for Sat, Sun"},
  };
  for (const auto& [name, problem] : kExpected) {
    SCOPED_TRACE(name);
    const std::string csv = Case(name);
    if (csv.empty()) GTEST_SKIP() << "no ../shared/cases";
    EXPECT_THAT(Refusal(csv), HasSubstr(problem));
  }
}

}  // namespace
}  // namespace reserve::rates
