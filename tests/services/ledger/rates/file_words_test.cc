// Files that could be misread without a word: each is refused by name, or read as it is meant.
#include "services/ledger/rates/file_words.h"

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
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// --- What is to become of a line --------------------------------------------

TEST(FileWordsTest, C13_AStatusInDigitsIsNeitherBlockedNorActive) {
  for (const std::string value : {"1", "0", "yes", "no", "true", "x"}) {
    EXPECT_THAT(
        Refusal(absl::StrCat("prefix,price,status\n44,0.01,", value, "\n")),
        AllOf(HasSubstr("line 2: blocked (\"status\")"), HasSubstr("can be active or blocked")))
        << value;
  }
  EXPECT_TRUE(Read("prefix,price,blocked\n44,0.01,1\n").rows[0].terms->blocked);
  EXPECT_TRUE(Read("prefix,price,forbidden\n44,0.01,Y\n").rows[0].terms->blocked);
}

TEST(FileWordsTest, AStatusMayTellWhatBecameOfThePrice) {
  const DeckFile file = Read(
      "Code,Rate,Status\n44,0.015,No Change\n447,0.03,Increase\n4420,0.01,New\n53,1,Blocked\n");
  EXPECT_EQ(file.rows[0].terms, nullptr);
  EXPECT_EQ(file.rows[1].terms, nullptr);
  EXPECT_EQ(file.rows[2].terms, nullptr);
  EXPECT_TRUE(file.rows[3].terms->blocked);
  EXPECT_THAT(Refusal("Code,Rate,Status\n44,0.015,Discontinued\n"),
              HasSubstr("says that the line ends: remove the row"));
}

TEST(FileWordsTest, C13_ABlockedRowIsSeenInAColumnOfWordsToo) {
  for (const std::string name : {"State", "Comments", "Change", "Name"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix,price,", name, "\n44,0.01,ok\n53,0.02,BLOCKED\n")),
                AllOf(HasSubstr("line 3: \"BLOCKED\" stands in column \"" + name + "\""),
                      HasSubstr("name the column blocked")))
        << name;
  }
  EXPECT_THAT(Refusal("prefix,price,change type\n44,0.01,Deleted\n"),
              HasSubstr("remove the row if it is to end"));
  EXPECT_THAT(Prices(Read("prefix,price,notes\n44,0.01,Blocked\n",
                          {.currency = "USD", .ignored_columns = {"notes"}})),
              ElementsAre("44 0.01"));
}

TEST(FileWordsTest, C13_ABlockedPrefixMayHaveAnyWordInPlaceOfAPrice) {
  const DeckFile file = Read("Code,Rate,Status\n850,n/a,Rejected\n53,-,blocked\n44,0.01,active\n");
  EXPECT_TRUE(file.rows[0].terms->blocked && file.rows[0].terms->unpriced);
  EXPECT_TRUE(file.rows[1].terms->blocked && file.rows[1].terms->unpriced);
  EXPECT_THAT(Refusal("Code,Rate,Status\n850,#N/A,Rejected\n"),
              HasSubstr("an error of a spreadsheet"));
}

// --- What the prices are ----------------------------------------------------

TEST(FileWordsTest, ATitleOrANoteInAnotherCurrencyIsRefused) {
  EXPECT_THAT(Refusal("Prices in EUR,,\n,,\nDestination,Code,Rate\nUK,44,0.01\n"),
              HasSubstr("line 1: \"Prices in EUR\" says EUR, and the deck is in USD"));
  EXPECT_THAT(Refusal("Currency:,Euro\nCode,Rate\n44,0.01\n"), HasSubstr("says EUR"));
  EXPECT_THAT(Refusal("A-Z \xE2\x82\xAC December\nCode,Rate\n44,0.01\n"), HasSubstr("says EUR"));
  EXPECT_THAT(Refusal("Code,Rate\n44,0.01\n\nAll rates in EUR per minute excl. VAT\n"),
              HasSubstr("line 4: "));
  EXPECT_THAT(Refusal("All rates in US$\nCode,Rate\n44,0.01\n", {.currency = "EUR"}),
              HasSubstr("says US$, and the deck is in EUR"));
}

TEST(FileWordsTest, ATitleOrANoteThatSaysTheSameOrNothingOfPricesIsNone) {
  for (const std::string title :
       {"All rates in USD", "Rates in $", "Rates in US$ (1 EUR = 1.1 USD)", "PLEASE TRY ALL CODES",
        "Rate sheet December 2026"}) {
    EXPECT_THAT(Prices(Read(title + ",\nCode,Rate\n44,0.01\n")), ElementsAre("44 0.01")) << title;
  }
  EXPECT_THAT(Prices(Read("Code,Rate\n44,0.01\nA late payment costs 40 EUR\n")),
              ElementsAre("44 0.01"));
  EXPECT_THAT(Prices(Read("EUR list\nCode,Rate (USD)\n44,0.01\n")), ElementsAre("44 0.01"))
      << "the column says it";
}

TEST(FileWordsTest, ATitleOrANoteOfCentsOrSecondsIsRefused) {
  EXPECT_THAT(Refusal("Rates in US cents per minute,,\nDestination,Code,Rate\nUK,44,1.5\n"),
              HasSubstr("says cents: write prices in whole units"));
  EXPECT_THAT(Refusal("Code,Rate\n44,1.5\nPrices in ct/min\n"), HasSubstr("says cents"));
  EXPECT_THAT(Refusal("Rates per second\nCode,Rate\n44,0.0002\n"),
              HasSubstr("says prices per second"));
  for (const std::string note :
       {"Rates are per minute and billed per second", "Charges are rounded to whole cents",
        "A discount of 10 per cent", "Rates are billed per second"}) {
    EXPECT_THAT(Prices(Read("Code,Rate\n44,0.01\n" + note + "\n")), ElementsAre("44 0.01")) << note;
  }
}

TEST(FileWordsTest, AColumnOfAnotherUnitIsNamedWithWhatToDo) {
  EXPECT_THAT(Refusal("prefix,price per sec\n44,0.0002\n"),
              HasSubstr("column \"price per sec\" is a price per second: work out what a minute "
                        "costs, write that, and name it price"));
  for (const std::string name : {"rate per 6 seconds", "rate per 10 sec", "rate/hour",
                                 "price per 100 minutes", "price per 1000"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix,", name, "\n44,1\n")),
                HasSubstr("is no price a minute"))
        << name;
  }
  for (const std::string name :
       {"Rate in US cents per minute", "cpm", "USD cent/min", "Price (ct)", "Cent/Min"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix,", name, "\n44,1.5\n")),
                HasSubstr("is not in whole units of the currency"))
        << name;
  }
  EXPECT_THAT(Refusal("Vorwahl;Preis pro Sekunde\n49;0,0002\n"),
              HasSubstr("is a price per second"));
  for (const std::string name : {"price incl. VAT", "Preis inkl. MwSt", "Preis brutto"}) {
    EXPECT_THAT(Refusal(absl::StrCat("prefix;", name, "\n44;1\n")), HasSubstr("is with tax"))
        << name;
  }
  EXPECT_THAT(Prices(Read("prefix,Price (USD excl. VAT)\n44,1\n")), ElementsAre("44 1.00"));
}

TEST(FileWordsTest, AMinimumOfSecondsIsNotTakenForMoney) {
  EXPECT_THAT(Refusal("prefix,price,minimum\n44,0.015,30\n"),
              AllOf(HasSubstr("line 2: minimum: \"30\" can be money or seconds"),
                    HasSubstr("initial_increment_seconds")));
  EXPECT_EQ(Read("prefix,price,minimum\n44,0.015,0.05\n").rows[0].terms->minimum, 50'000'000);
  EXPECT_EQ(Read("prefix,price,minimum\n44,0.015,1.00\n").rows[0].terms->minimum, 1'000'000'000);
  EXPECT_EQ(Read("prefix,price,minimum charge\n44,0.015,1\n").rows[0].terms->minimum,
            1'000'000'000);
  EXPECT_EQ(Read("prefix,price,minimum\n44,0.015,0\n").rows[0].terms->minimum, 0);
}

TEST(FileWordsTest, ARoundingOfDecimalsIsNotTakenForSeconds) {
  EXPECT_THAT(Refusal("prefix,price,rounding\n44,0.01,4\n"),
              HasSubstr("can be seconds or decimals"));
  EXPECT_EQ(Read("prefix,price,rounding\n44,0.01,60/6\n").rows[0].increment_seconds, 6);
}

// --- Prefixes ---------------------------------------------------------------

TEST(FileWordsTest, ACallingCodeIsNotPutBeforeAWholePrefix) {
  EXPECT_THAT(Refusal("Country Code,Area Code,Rate\n1,1201,0.01\n44,20,0.01\n"),
              HasSubstr("\"1201\" begins with 1, as no area code of North America does"));
  EXPECT_THAT(Refusal("Country Code,Area Code,Rate\n44,4420,0.01\n+49,4930,0.01\n"),
              HasSubstr("line 2: area_code (\"Area Code\"): each area code of the file begins with "
                        "the calling code of its row"));
  EXPECT_THAT(Prices(Read("Country Code,Area Code,Rate\n39,393,0.01\n44,20,0.01\n")),
              ElementsAre("39393 0.01", "4420 0.01"))
      << "of one, it can be an area code";
  EXPECT_THAT(Refusal("Country,Country Code,Area Code,Rate\nUK,44,20,0.01\n,,161,0.01\n"),
              AllOf(HasSubstr("line 3"), HasSubstr("where cells were merged")));
}

TEST(FileWordsTest, DashesOfAWordProcessorAreHyphens) {
  EXPECT_THAT(Prices(Read("prefix,price\n4475–4476,0.01\n")),
              ElementsAre("4475 0.01", "4476 0.01"));
  EXPECT_THAT(Read("prefix,price,days\n44,0.01,Mon–Fri\n44,0.02,\n").rows[0].terms->periods,
              ElementsAre(domain::DayPeriod{0x1F, 0, 1440}));
}

// --- Forms of files ---------------------------------------------------------

TEST(FileWordsTest, AHeaderThatComesAgainIsPassedOver) {
  EXPECT_THAT(Prices(Read("Prefix,Price\n44,0.01\nPrefix,Price\n33,0.02\n")),
              ElementsAre("44 0.01", "33 0.02"));
  EXPECT_THAT(Refusal("Prefix,Price,Name\n44,0.01,UK\nPrefix,Name,Price\n33,FR,0.02\n"),
              HasSubstr("line 3"))
      << "with other columns";
}

TEST(FileWordsTest, SpacesMayStandAroundQuotes) {
  const DeckFile file =
      Read("\"prefix\" , \"price\", destination\n\"44\" ,\"0.01\", \"UK, all\"\n");
  EXPECT_THAT(Prices(file), ElementsAre("44 0.01"));
  EXPECT_EQ(file.rows[0].destination_name, "UK, all");
  EXPECT_THAT(Refusal("prefix,price,destination\n44,0.01,\"UK\" all\n"),
              HasSubstr("text follows a closing quote"));
}

TEST(FileWordsTest, AFieldMayGoOnOverLinesWhereverTheyEnd) {
  EXPECT_THAT(Prices(Read("\"Dial\nCode\",\"Rate\n(USD/min)\"\r\n44,0.01\r\n")),
              ElementsAre("44 0.01"));
  const DeckFile file =
      Read("prefix,destination,price\r44,\"United\rKingdom\",0.01\r33,France,0.02\r");
  EXPECT_THAT(Prices(file), ElementsAre("44 0.01", "33 0.02"));
  EXPECT_EQ(file.rows[0].destination_name, "United Kingdom");
}

TEST(FileWordsTest, ATitleMayHaveANumberAfterItsName) {
  EXPECT_THAT(Prices(Read("Customer ID:,12345\nCode,Rate\n44,0.01\n")), ElementsAre("44 0.01"));
  EXPECT_THAT(Refusal("Rate sheet\nDecember\n"),
              HasSubstr("no line of the file names the columns"));
}

TEST(FileWordsTest, AColumnOfCountriesMayHoldDestinations) {
  const DeckFile file = Read("Country,Code,Rate\nUK Mobile,447,0.03\nAlbania - Tirana,3554,0.1\n");
  EXPECT_EQ(file.rows[0].destination_name, "UK Mobile");
  EXPECT_EQ(file.rows[1].destination_name, "Albania - Tirana");
  EXPECT_THAT(Refusal("Country,Code,Rate\nAtlantis,447,0.03\n"), HasSubstr("must be a country"));
}

TEST(FileWordsTest, C11_ThePriceAfterTheFirstIntervalIsAStep) {
  const DeckFile file =
      Read("Prefix,Rate 1,Rate N,Interval 1,Interval N\n44,0.03,0.02,30,6\n33,0.02,0.02,60,60\n");
  ASSERT_NE(file.rows[0].terms, nullptr);
  EXPECT_EQ(file.rows[0].price, 30'000'000);
  EXPECT_THAT(file.rows[0].terms->steps, ElementsAre(domain::PriceStep{30, 20'000'000}));
  EXPECT_EQ(file.rows[1].terms, nullptr) << "one price is no step";
  EXPECT_THAT(Refusal("Prefix,Price,Next Price,Steps\n44,1,2,60:3\n"),
              HasSubstr("must be empty where the line has steps"));
}

TEST(FileWordsTest, IncrementsAreReadInWordsAndWithOtherMarks) {
  const struct {
    std::string text;
    int32_t initial;
    int32_t further;
  } kCases[] = {{"60|6", 60, 6},        {"60 / 6 sec", 60, 6}, {"per second", 1, 1},
                {"per minute", 60, 60}, {"1 min", 60, 60},     {"1 min/6 sec", 60, 6},
                {"60–6", 60, 6}};
  for (const auto& c : kCases) {
    const DeckFile file = Read(absl::StrCat("prefix,price,increment\n44,0.01,", c.text, "\n"));
    if (file.rows.empty()) continue;
    EXPECT_EQ(file.rows[0].initial_increment_seconds, c.initial) << c.text;
    EXPECT_EQ(file.rows[0].increment_seconds, c.further) << c.text;
  }
  EXPECT_THAT(Refusal("prefix;price;increment\n44;0,01;60,6\n"), HasSubstr("must be 1 to 3600"));
}

TEST(FileWordsTest, ADayMayBeginAtMidnightOfUtc) {
  const DeckFile file = Read(
      "prefix,price,effective date,end date\n44,0.01,2026-12-01 00:00:00 UTC,2026-12-31 23:59:59 "
      "UTC\n");
  EXPECT_EQ(file.rows[0].terms->first_day, absl::CivilDay(2026, 12, 1));
  EXPECT_EQ(file.rows[0].terms->last_day, absl::CivilDay(2026, 12, 31));
}

TEST(FileWordsTest, ADateMayBeADatabasesWordForNone) {
  const DeckFile file =
      Read("prefix,price,effective date,end date\n44,0.01,NULL,\\N\n33,0.01,2026-12-01,null\n");
  EXPECT_EQ(file.rows[0].terms, nullptr);
  EXPECT_FALSE(file.rows[1].terms->last_day.has_value());
}

TEST(FileWordsTest, MoreNamesOfColumnsAreKnown) {
  for (const std::string name :
       {"Rate US$", "Rate (US$)", "Per Minute Rate", "Rate/Minute", "Outbound Rate",
        "Termination Rate", "Net Rate", "Price in US dollars"}) {
    EXPECT_THAT(Prices(Read(absl::StrCat("prefix\t", name, "\n44\t0.015\n"))),
                ElementsAre("44 0.015"))
        << name;
  }
  for (const std::string name : {"Dialing Codes", "Dial Codes (all)", "Full Code", "Prefix/Code",
                                 "Number Range", "Dial String"}) {
    EXPECT_THAT(Prices(Read(absl::StrCat(name, "\tprice\n44\t0.015\n"))), ElementsAre("44 0.015"))
        << name;
  }
  const DeckFile file = Read(
      "prefix\tprice\t1st Increment\tSub Incr\tEff. Date\tExpires "
      "On\n44\t0.015\t30\t6\t2026-12-01\t"
      "2026-12-31\n");
  EXPECT_EQ(file.rows[0].initial_increment_seconds, 30);
  EXPECT_EQ(file.rows[0].increment_seconds, 6);
  EXPECT_EQ(file.rows[0].terms->last_day, absl::CivilDay(2026, 12, 31));
  EXPECT_THAT(Refusal("prefix,Rate (C$)\n44,0.01\n"), HasSubstr("is not in USD"));
}

TEST(FileWordsTest, AColumnOfTypesIsToBeIgnoredByName) {
  EXPECT_THAT(Refusal("Destination,Type,Code,Rate\nUK,Fixed,44,0.01\n"),
              HasSubstr("is to be ignored by its name"));
}

// --- The words alone --------------------------------------------------------

TEST(FileWordsTest, ANoteIsOfPricesOrSaysNothing) {
  EXPECT_THAT(DoubtOfTitle("Invoices are in EUR", "USD", /*is_note=*/true).cause, IsEmpty());
  EXPECT_THAT(DoubtOfTitle("Invoices are in EUR", "USD", /*is_note=*/false).cause, Not(IsEmpty()));
  EXPECT_THAT(DoubtOfTitle("Prices in EUR", "", /*is_note=*/false).cause, IsEmpty())
      << "the deck's currency is not known";
}

}  // namespace
}  // namespace reserve::rates
