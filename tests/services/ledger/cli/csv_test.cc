// Rows that a spreadsheet can be given.
#include "services/ledger/cli/csv.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace reserve::cli {
namespace {

std::string Written(const CsvRow& row) {
  std::ostringstream out;
  row.WriteTo(out);
  return out.str();
}

std::string OfText(const std::string& text, CsvText how = CsvText::kGuarded) {
  return Written(CsvRow(how).Text(text));
}

google::type::Money Dollars(int64_t units, int32_t nanos) {
  google::type::Money money;
  money.set_currency_code("USD");
  money.set_units(units);
  money.set_nanos(nanos);
  return money;
}

TEST(CsvTest, TextThatASpreadsheetTakesForAFormulaIsGuarded) {
  EXPECT_EQ(OfText("=1+1"), "'=1+1\n");
  EXPECT_EQ(OfText("+12025550123"), "'+12025550123\n");
  EXPECT_EQ(OfText("-1"), "'-1\n");
  EXPECT_EQ(OfText("@SUM(A1)"), "'@SUM(A1)\n");
  EXPECT_EQ(OfText("\t=1"), "\"'\t=1\"\n");
  EXPECT_EQ(OfText("\r=1"), "\"'\r=1\"\n");
  EXPECT_EQ(OfText("\n=1"), "\"'\n=1\"\n");
  EXPECT_EQ(OfText("1-1=0"), "1-1=0\n") << "none at its begin";
  EXPECT_EQ(OfText(""), "\n");
}

TEST(CsvTest, RawTextIsAsItIs) {
  for (const std::string text : {"=1+1", "+12025550123", "-1", "@SUM(A1)"}) {
    EXPECT_EQ(OfText(text, CsvText::kRaw), text + "\n");
  }
  EXPECT_EQ(OfText("\t=1", CsvText::kRaw), "\"\t=1\"\n");
}

TEST(CsvTest, CommasQuotesAndEndsOfLinesAreInQuotes) {
  EXPECT_EQ(OfText("a,b"), "\"a,b\"\n");
  EXPECT_EQ(OfText("said \"fine\""), "\"said \"\"fine\"\"\"\n");
  EXPECT_EQ(OfText("a\nb"), "\"a\nb\"\n");
  EXPECT_EQ(OfText("=\"x\",1"), "\"'=\"\"x\"\",1\"\n");
}

TEST(CsvTest, NumbersStayNumbers) {
  google::protobuf::Duration half;
  half.set_seconds(61);
  half.set_nanos(500'000'000);
  EXPECT_EQ(Written(CsvRow(CsvText::kGuarded)
                        .Money(Dollars(0, -50'000'000))
                        .Money(Dollars(-3, 0))
                        .Int(-7)
                        .IntIfAny(0)
                        .Seconds(half)
                        .YesNo(true)),
            "-0.05,-3.00,-7,,61.5,yes\n");
}

}  // namespace
}  // namespace reserve::cli
