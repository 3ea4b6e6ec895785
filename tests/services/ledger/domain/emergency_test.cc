// Emergency numbers, short codes, and the country of a number: C10, C14 (docs/RULES.md).
#include "services/ledger/domain/emergency.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "services/ledger/domain/country.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Usage CallTo(const std::string& dialled, const Settings& settings = Settings()) {
  Usage usage = OutboundCall(absl::UnixEpoch(), absl::Seconds(60));
  usage.destination = DestinationFrom(settings, dialled).value_or("");
  return usage;
}

// --- C10 -------------------------------------------------------------------------

TEST(EmergencyTest, C10_ANumberIsKeptSoThatAShortCodeIsNeverTakenForE164) {
  struct Case {
    std::string dialled;
    std::optional<std::string> kept;
  };
  for (const Case& c : {Case{"+12025550123", "12025550123"},
                        {"+41141", "41141"},
                        {"41141", "#41141"},
                        {"411", "#411"},
                        {"12345678", "#12345678"},
                        {"000", "#000"},
                        {"112", "#112"},
                        {"+112", "#112"},
                        {"+911", "#911"},
                        {"15", "#15"},
                        {"+18000", "18000"},
                        {"", std::nullopt},
                        {"+", std::nullopt},
                        {"12", std::nullopt},
                        {"+411", std::nullopt},
                        {"123456789", std::nullopt},
                        {"#911", std::nullopt},
                        {"911#", std::nullopt},
                        {"++911", std::nullopt},
                        {"9 1 1", std::nullopt}}) {
    EXPECT_EQ(DestinationFrom(Settings(), c.dialled), c.kept) << c.dialled;
  }
  EXPECT_EQ(DialledForm("12025550123"), "+12025550123");
  EXPECT_EQ(DialledForm("#411"), "411");
}

TEST(EmergencyTest, C10_TheNumbersAreThoseOfTheCountryWithOrWithoutAPlusAnd112And911Everywhere) {
  struct Case {
    const char* country;
    const char* dialled;
    bool emergency;
  };
  const Settings settings;  // of an operator in the United States
  for (const Case& c :
       {Case{"US", "911", true}, {"US", "+911", true},          {"US", "933", true},
        {"US", "112", true},     {"US", "999", false},          {"US", "411", false},
        {"CA", "911", true},     {"GB", "999", true},           {"GB", "+999", true},
        {"GB", "112", true},     {"GB", "911", true},           {"GB", "18000", true},
        {"GB", "933", false},    {"AU", "000", true},           {"JP", "110", true},
        {"JP", "119", true},     {"DE", "110", true},           {"FR", "15", true},
        {"ZA", "10111", true},   {"AQ", "112", true},           {"", "933", true},
        {"", "999", false},      {"US", "+19115550123", false}, {"US", "+911123456789", false}}) {
    EXPECT_EQ(IsEmergency(settings, c.country, CallTo(c.dialled)), c.emergency)
        << c.country << " " << c.dialled;
  }
}

TEST(EmergencyTest, C10_OfAnAccountThatCannotBeAskedAnyCountrysNumberIsOne) {
  const Settings settings;
  EXPECT_TRUE(MayBeEmergency(settings, CallTo("999")));
  EXPECT_FALSE(IsEmergencyForAll(settings, CallTo("999")));
  EXPECT_TRUE(IsEmergencyForAll(settings, CallTo("112")));
  EXPECT_TRUE(IsEmergencyForAll(settings, CallTo("933"))) << "of the operator's country";
  EXPECT_FALSE(MayBeEmergency(settings, CallTo("411")));
  EXPECT_FALSE(MayBeEmergency(settings, CallTo("+12025550123")));
}

TEST(EmergencyTest, C10_TheOperatorAddsNumbers) {
  Settings settings;
  settings.emergency_numbers = {{"US", "988"}};
  EXPECT_TRUE(IsEmergency(settings, "US", CallTo("988")));
  EXPECT_FALSE(IsEmergency(settings, "GB", CallTo("988")));
  EXPECT_TRUE(MayBeEmergency(settings, CallTo("988")));
}

TEST(EmergencyTest, C10_ANumberThatTheOperatorAddsIsKnownWithAPlusToo) {
  Settings settings;
  settings.emergency_numbers = {{"US", "988"}, {"GB", "105"}, {"GB", "17"}, {"GB", "18001"}};
  for (const std::string number : {"988", "105", "17"}) {
    EXPECT_EQ(DestinationFrom(settings, number), "#" + number);
    EXPECT_EQ(DestinationFrom(settings, "+" + number), "#" + number);
  }
  EXPECT_EQ(DestinationFrom(settings, "+18001"), "18001") << "is E.164 as well";
  EXPECT_TRUE(IsEmergency(settings, "GB", CallTo("+18001", settings)));
  EXPECT_TRUE(IsEmergency(settings, "US", CallTo("+988", settings)));
  EXPECT_FALSE(IsEmergency(settings, "GB", CallTo("+988", settings)));
  EXPECT_TRUE(MayBeEmergency(settings, CallTo("+105", settings)));
  EXPECT_EQ(DestinationFrom(settings, "+411"), std::nullopt);
  EXPECT_EQ(DestinationFrom(Settings(), "+988"), std::nullopt);
}

TEST(EmergencyTest, C10_WhatComesInIsNoCallForHelp) {
  Usage usage = CallTo("911");
  usage.direction = Direction::kInbound;
  EXPECT_FALSE(MayBeEmergency(Settings(), usage));
}

// Accounts in each way of being refused.
std::vector<Books> Refused() {
  std::vector<Books> all;
  Books pending;
  EXPECT_TRUE(pending.OpenWithCard().ok());
  all.push_back(pending);
  Books blocked = FundedAt(Dollars(12));
  EXPECT_TRUE(blocked.Block("fraud").ok());
  all.push_back(blocked);
  Books disabled = FundedAt(Dollars(12));
  EXPECT_TRUE(disabled.RemoveCard("card-1").ok());
  EXPECT_TRUE(disabled.AdjustTo(-Dollars(3)).ok());
  all.push_back(disabled);
  return all;
}

TEST(EmergencyTest, C10_ItIsBookedAtZeroWhateverTheStateAndNothingFollows) {
  for (Books& books : Refused()) {
    const Account before = books.account();
    ASSERT_TRUE(books.RecordEmergency("nobody").ok());
    const Entry& entry = books.last().entries.at(0);
    EXPECT_EQ(entry.kind, EntryKind::kUsage);
    EXPECT_EQ(entry.amount, 0);
    EXPECT_EQ(entry.booked->rating, EmergencyRating());
    EXPECT_EQ(entry.booked->rating.basis, ChargeBasis::kEmergency);
    EXPECT_TRUE(books.last().events.empty());
    EXPECT_EQ(books.account().state, before.state);
    EXPECT_EQ(books.account().balance, before.balance);
  }
}

TEST(EmergencyTest, C10_G12_ItDoesNotEndTheWaitAfterMoneyWasTakenBack) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.AdjustDown(Dollars(8)).ok());
  ASSERT_TRUE(books.account().taken_back.waits());
  ASSERT_TRUE(books.RecordEmergency("ann").ok());
  EXPECT_TRUE(books.account().taken_back.waits());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(EmergencyTest, C10_ItIsAllowedWithoutALimitAndSaysWhatItIs) {
  const Authorization answer = AllowEmergency();
  EXPECT_EQ(answer.decision, Decision::kAllowed);
  EXPECT_TRUE(answer.unlimited_duration);
  EXPECT_TRUE(answer.emergency);
}

// --- C14 -------------------------------------------------------------------------

TEST(EmergencyTest, C14_ANumberHasTheCountryOfItsAssignedPrefix) {
  struct Case {
    const char* digits;
    const char* country;
  };
  for (const Case& c : {Case{"12025550123", "US"},
                        {"14165550123", "CA"},
                        {"18765550123", "JM"},
                        {"17875550123", "PR"},
                        {"18005550123", "TOLL_FREE"},
                        {"19005550123", "PREMIUM_RATE"},
                        {"442071234567", "GB"},
                        {"447781123456", "GG"},
                        {"441534123456", "JE"},
                        {"74951234567", "RU"},
                        {"77011234567", "KZ"},
                        {"390698123456", "IT"},
                        {"390669812345", "VA"},
                        {"881612345678", "SATELLITE"},
                        {"80012345678", "TOLL_FREE"},
                        {"97912345678", "PREMIUM_RATE"},
                        {"38344123456", "XK"},
                        {"5999123456", "CW"},
                        {"5993123456", "BQ"},
                        {"81312345678", "JP"},
                        {"210123456789", ""},
                        {"999123456789", ""},
                        {"1", "US"},
                        {"187", "US"},
                        {"1876", "JM"},
                        {"4", ""},
                        {"44", "GB"},
                        {"4477", "GB"},
                        {"44778", "GB"},
                        {"447781", "GG"},
                        {"44x7781123456", "GB"},
                        {"447781x", "GG"},
                        {"", ""},
                        {"#411", ""}}) {
    EXPECT_EQ(TextOf(CountryOfNumber(c.digits)), c.country) << c.digits;
  }
}

TEST(EmergencyTest, C14_ACountryIsReadAsItIsWritten) {
  for (const std::string text : {"", "US", "XK", "TOLL_FREE", "SATELLITE", "PREMIUM_RATE"}) {
    const std::optional<NumberCountry> read = NumberCountryFrom(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_EQ(TextOf(*read), text);
  }
  for (const std::string text : {"us", "USA", "UK", "toll_free", "FREE", "U"}) {
    EXPECT_FALSE(NumberCountryFrom(text).has_value()) << text;
  }
}

TEST(EmergencyTest, C14_AUsageHasTheCountryOfItsLineElseOfItsNumber) {
  Books books = FundedAt(Dollars(12));
  Rate rate = StandardRate();
  ASSERT_TRUE(books.Call(rate, 60).ok());
  const Usage usage = books.last().entries[0].booked->usage;
  EXPECT_EQ(books.last().entries[0].booked->rating.country,
            TextOf(CountryOfNumber(usage.destination)));
  rate.country = *NumberCountryFrom("SATELLITE");
  ASSERT_TRUE(books.Call(rate, 60).ok());
  EXPECT_EQ(books.last().entries[0].booked->rating.country, "SATELLITE");
  Usage inbound = InboundCall(books.now(), absl::Seconds(60));
  ASSERT_TRUE(books.Record("ann", inbound, nullptr).ok());
  EXPECT_EQ(books.last().entries[0].booked->rating.country, "") << "there is no line";
}

}  // namespace
}  // namespace reserve::domain
