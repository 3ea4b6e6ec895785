// Who a visitor is: keys, tokens and doors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "services/console/identity/key_file.h"
#include "services/console/identity/key_set.h"
#include "services/console/identity/permission.h"
#include "services/console/identity/token.h"
#include "tests/support/test_provider.h"
#include "tests/support/wait_until.h"

namespace reserve::console {
namespace {

using test_support::Claims;
using test_support::kTestAudience;
using test_support::TestProvider;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class TokenTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { provider_ = new TestProvider(); }
  static void TearDownTestSuite() { delete provider_; }

  static absl::StatusOr<Identity> Check(const std::string& token, const std::string& issuer = "") {
    const auto keys = ReadKeySet(provider_->Jwks());
    EXPECT_TRUE(keys.ok()) << keys.status();
    return CheckToken(token, *keys, {.audience = kTestAudience, .issuer = issuer}, kNow);
  }
  static std::string Good() { return Claims("acme", kTestAudience, kNow + absl::Hours(1)); }
  // The refusal of good claims of which a part is another.
  static std::string RefusalOf(const std::string& from, const std::string& to) {
    const auto who = Check(provider_->Sign(absl::StrReplaceAll(Good(), {{from, to}})));
    EXPECT_FALSE(who.ok()) << to;
    return std::string(who.status().message());
  }

  static TestProvider* provider_;
};
TestProvider* TokenTest::provider_ = nullptr;

TEST_F(TokenTest, ACustomerAndSupportAreKnownByEitherAlgorithm) {
  for (const std::string algorithm : {"RS256", "ES256"}) {
    const auto customer = Check(provider_->Sign(Good(), algorithm));
    ASSERT_TRUE(customer.ok()) << customer.status();
    EXPECT_EQ(customer->account_id, "acme");
    EXPECT_FALSE(customer->support);
    const auto support =
        Check(provider_->Sign(Claims("", kTestAudience, kNow + absl::Hours(1)), algorithm));
    ASSERT_TRUE(support.ok()) << support.status();
    EXPECT_TRUE(support->support);
    EXPECT_EQ(support->subject, "sue");
  }
}

TEST_F(TokenTest, AnAlgorithmThatSignsNothingOrByWhatEverybodyKnowsIsRefused) {
  for (const std::string algorithm : {"none", "HS256", "RS384", ""}) {
    EXPECT_THAT(Check(provider_->Sign(Good(), algorithm)).status().message(),
                HasSubstr("algorithm or key"))
        << algorithm;
  }
}

TEST_F(TokenTest, WhatWasChangedAfterSigningIsRefused) {
  const std::string token = provider_->Sign(Good());
  const std::string other = provider_->Sign(Claims("beta", kTestAudience, kNow + absl::Hours(1)));
  const size_t dot = token.find('.');
  const std::string mixed =
      absl::StrCat(token.substr(0, dot), other.substr(dot, other.rfind('.') - dot),
                   token.substr(token.rfind('.')));
  EXPECT_THAT(Check(mixed).status().message(), HasSubstr("signature"));
  EXPECT_FALSE(Check(token.substr(0, token.size() - 4)).ok());
  EXPECT_FALSE(Check(token.substr(0, token.rfind('.') + 1)).ok());
  EXPECT_FALSE(Check("").ok());
  EXPECT_FALSE(Check("a.b").ok());
  EXPECT_FALSE(Check(std::string(9000, 'a')).ok());
  EXPECT_FALSE(Check(TestProvider().Sign(Good())).ok()) << "of another provider";
}

TEST_F(TokenTest, WhatItSaysMustBeWhole) {
  EXPECT_THAT(RefusalOf("reserve-console", "another"), HasSubstr("somebody else"));
  EXPECT_THAT(RefusalOf("\"aud\"", "\"audience\""), HasSubstr("somebody else"));
  EXPECT_THAT(RefusalOf("\"exp\"", "\"end\""), HasSubstr("no end"));
  EXPECT_THAT(RefusalOf("\"sub\": \"ann\"", "\"sub\": \"\""), HasSubstr("nobody"));
  EXPECT_THAT(RefusalOf("\"sub\": \"ann\"", "\"sub\": 7"), HasSubstr("nobody"));
  EXPECT_THAT(RefusalOf("\"account_id\": \"acme\"", "\"x\": 1"), HasSubstr("neither"));
  EXPECT_THAT(RefusalOf("\"acme\"", "\"acme\", \"role\": \"support\""), HasSubstr("both"));
  EXPECT_THAT(RefusalOf("\"acme\"", "\"acme\", \"role\": \"admin\""), HasSubstr("role"));
  EXPECT_THAT(RefusalOf("\"acme\"", "\"a/../b\""), HasSubstr("account"));
  EXPECT_THAT(RefusalOf("\"acme\"", "7"), HasSubstr("account"));
  EXPECT_THAT(RefusalOf("\"acme\"", "\"acme\", \"nbf\": 1800000031"), HasSubstr("not valid yet"));
}

TEST_F(TokenTest, ItEndsByItsEndAndTheLeeway) {
  const auto at = [](absl::Duration after) {
    return Check(provider_->Sign(Claims("acme", kTestAudience, kNow + after))).ok();
  };
  EXPECT_TRUE(at(absl::Seconds(1)));
  EXPECT_TRUE(at(-kClockLeeway + absl::Seconds(1)));
  EXPECT_FALSE(at(-kClockLeeway));
  EXPECT_FALSE(at(-absl::Hours(1)));
}

TEST_F(TokenTest, TheIssuerCountsWhereOneIsAskedFor) {
  EXPECT_FALSE(Check(provider_->Sign(Good()), "https://id.example.org").ok());
  const std::string issued =
      absl::StrReplaceAll(Good(), {{"{", "{\"iss\": \"https://id.example.org\", "}});
  EXPECT_TRUE(Check(provider_->Sign(issued), "https://id.example.org").ok());
}

TEST(KeySetTest, WhatIsNoSetOfKeysIsRefused) {
  for (const std::string bad :
       {"", "[]", "{}", R"({"keys": []})", R"({"keys": [{"kty": "oct", "k": "AAAA"}]})",
        R"({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]})",
        R"({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]})"}) {
    EXPECT_FALSE(ReadKeySet(bad).ok()) << bad;
  }
  EXPECT_THAT(*ReadKeySet(TestProvider().Jwks()), SizeIs(2));
}

TEST(KeyFileTest, IsReadAgainWhenItChangesAndKeepsTheLastGoodOne) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/keys-", absl::ToUnixNanos(absl::Now()));
  const TestProvider first;
  const TestProvider second;
  const std::string token = second.ForCustomer("acme");
  std::ofstream(path) << first.Jwks();
  prometheus::Registry registry;
  const auto file = KeyFile::Open(path, registry, absl::Milliseconds(5));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto known = [&] {
    return CheckToken(token, *(*file)->Get(), {.audience = kTestAudience}, absl::Now()).ok();
  };
  EXPECT_FALSE(known());
  const auto put = [&](const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  };
  put(second.Jwks());
  EXPECT_TRUE(test_support::WaitUntil(known));
  const auto failures = [&registry] {
    for (const auto& family : registry.Collect()) {
      if (family.name == "reserve_console_key_file_failures_total") {
        return family.metric.front().counter.value;
      }
    }
    return 0.0;
  };
  put("{broken");
  EXPECT_TRUE(test_support::WaitUntil([&] { return failures() > 0; }));
  EXPECT_TRUE(known());
  EXPECT_FALSE(KeyFile::Open(path, registry, absl::Seconds(1)).ok());
  std::filesystem::remove(path);
}

TEST(PermissionTest, EachDoorLetsInWhomItIsFor) {
  const Identity customer{.subject = "ann", .account_id = "acme"};
  const Identity support{.subject = "sue", .support = true};
  using V = Verdict;
  struct Row {
    Door door;
    V nobody;
    V own;
    V other;
    V staff;
  };
  for (const Row& row :
       {Row{Door::kEverybody, V::kLetIn, V::kLetIn, V::kLetIn, V::kLetIn},
        Row{Door::kKnown, V::kNotKnown, V::kLetIn, V::kLetIn, V::kLetIn},
        Row{Door::kAccount, V::kNotKnown, V::kLetIn, V::kForbidden, V::kLetIn},
        Row{Door::kSupport, V::kNotKnown, V::kForbidden, V::kForbidden, V::kLetIn}}) {
    EXPECT_EQ(Judge(row.door, std::nullopt, "acme"), row.nobody);
    EXPECT_EQ(Judge(row.door, customer, "acme"), row.own);
    EXPECT_EQ(Judge(row.door, customer, "beta"), row.other);
    EXPECT_EQ(Judge(row.door, support, "acme"), row.staff);
  }
  EXPECT_EQ(Judge(Door::kAccount, Identity{.subject = "x"}, ""), V::kForbidden);
}

TEST(FormTokenTest, IsOfOneVisitorAndOnePurpose) {
  const std::string token = FormToken("visitor", "form");
  EXPECT_TRUE(IsFormToken(token, "visitor", "form"));
  EXPECT_FALSE(IsFormToken(token, "another", "form"));
  EXPECT_FALSE(IsFormToken(token, "visitor", "card"));
  EXPECT_FALSE(IsFormToken("", "visitor", "form"));
  EXPECT_FALSE(IsFormToken(FormToken("", "form"), "", "form"));
}

}  // namespace
}  // namespace reserve::console
