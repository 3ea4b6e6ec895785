// The file of roles.
#include "common/access/roles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

using ::testing::HasSubstr;

TEST(RolesTest, EachLineGivesACallerItsRoles) {
  const auto roles = ParseRoles(
      "# who is who\n\n   \t\nspiffe://x/switch-1   switch\n  billing.x\tbilling, support\r\nlast "
      "auditor");
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 3);
  EXPECT_EQ(NamesOf(roles->at("spiffe://x/switch-1")), "switch");
  EXPECT_EQ(NamesOf(roles->at("billing.x")), "billing, support");
  EXPECT_EQ(NamesOf(roles->at("last")), "auditor");
}

TEST(RolesTest, EachRoleHasItsName) {
  for (const NamedRole& role : kNamedRoles) {
    const auto roles = ParseRoles(absl::StrCat("caller ", role.name));
    ASSERT_TRUE(roles.ok()) << roles.status();
    EXPECT_EQ(roles->at("caller"), Roles(role.role));
    EXPECT_EQ(NamesOf(role.role), role.name);
  }
  EXPECT_EQ(NamesOf(Roles()), "none");
}

TEST(RolesTest, WhatHasNoSenseIsRefusedWithItsLine) {
  const std::string long_name(kMaxCallerBytes + 1, 'x');
  const struct {
    std::string text;
    std::string why;
  } cases[] = {
      {"", "names no caller"},
      {"# only this\n", "names no caller"},
      {"a switch\nb\n", "line 2: the caller \"b\" has no role"},
      {"a Switch", "line 1: \"Switch\" is none of the roles switch, billing, support"},
      {"a switch\n\na billing", "line 3: the caller \"a\" has a line already"},
      {absl::StrCat(long_name, " switch"), "line 1: a caller's name is 1 to 128"},
      {"n\xc3\xa4me switch", "line 1: a caller's name is"},
      {std::string("a\0b switch", 10), "line 1: a caller's name is"},
      {"a swi\x01tch", "line 1: a word is none of the roles"},
  };
  for (const auto& each : cases) {
    const auto roles = ParseRoles(each.text);
    EXPECT_EQ(roles.status().code(), absl::StatusCode::kInvalidArgument) << each.text;
    EXPECT_THAT(std::string(roles.status().message()), HasSubstr(each.why));
  }
  EXPECT_TRUE(ParseRoles(absl::StrCat(std::string(kMaxCallerBytes, 'x'), " switch")).ok());
}

TEST(RolesTest, AFileThatIsMissingOrTooLargeIsRefusedByItsPath) {
  EXPECT_THAT(std::string(ReadRoles("/nonexistent").status().message()),
              HasSubstr("'/nonexistent': can't be read"));
  EXPECT_THAT(std::string(ReadRoles("/tmp").status().message()), HasSubstr("can't be read"));
  const std::string path = ::testing::TempDir() + "/large_roles";
  std::ofstream(path) << std::string((1 << 20) + 1, '#');
  EXPECT_THAT(std::string(ReadRoles(path).status().message()), HasSubstr("larger than 1 MiB"));
}

}  // namespace
}  // namespace reserve
