#include "common/flags/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/time/time.h"
#include "common/flags/address.h"

ABSL_FLAG(std::string, test_listen, "127.0.0.1:1", "An address.");
ABSL_FLAG(absl::Duration, test_patience, absl::Seconds(1), "A duration.");
ABSL_FLAG(bool, test_eager, true, "A switch.");

namespace reserve {
namespace {

using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

Environment EnvironmentOf(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

class FlagsTest : public ::testing::Test {
 protected:
  absl::FlagSaver saver_;
};

TEST_F(FlagsTest, AFlagThatIsNotGivenComesFromTheEnvironment) {
  ASSERT_TRUE(SetFlagsFromEnvironment({}, EnvironmentOf({{"RESERVE_TEST_LISTEN", "[::]:9"},
                                                         {"RESERVE_TEST_PATIENCE", "3m"},
                                                         {"RESERVE_TEST_EAGER", "false"}}))
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_listen), "[::]:9");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_patience), absl::Minutes(3));
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_eager));
}

TEST_F(FlagsTest, TheCommandLineComesBeforeTheEnvironment) {
  const Environment environment = EnvironmentOf(
      {{"RESERVE_TEST_LISTEN", "from the environment"}, {"RESERVE_TEST_EAGER", "true"}});
  for (const char* given : {"--test_listen=x", "-test_listen=x", "--test_listen"}) {
    ASSERT_TRUE(SetFlagsFromEnvironment({given, "x"}, environment).ok());
    EXPECT_EQ(absl::GetFlag(FLAGS_test_listen), "127.0.0.1:1") << given;
  }
  absl::SetFlag(&FLAGS_test_eager, false);
  ASSERT_TRUE(SetFlagsFromEnvironment({"--notest_eager", "--test_listen=x"}, environment).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_eager));
}

TEST_F(FlagsTest, WhatFollowsTheEndOfFlagsIsNoFlag) {
  ASSERT_TRUE(SetFlagsFromEnvironment({"--", "--test_listen=x"},
                                      EnvironmentOf({{"RESERVE_TEST_LISTEN", "y"}}))
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_listen), "y");
}

TEST_F(FlagsTest, ABadValueInTheEnvironmentNamesTheVariable) {
  const absl::Status status =
      SetFlagsFromEnvironment({}, EnvironmentOf({{"RESERVE_TEST_PATIENCE", "soon"}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "environment variable RESERVE_TEST_PATIENCE: 'soon' is not a value for "
            "--test_patience");
}

TEST_F(FlagsTest, AFlagIsGivenWithOneDashOrTwoAndASwitchByItsNameAlone) {
  const auto positional = SetFlagsFrom({"-test_listen", "a", "serve", "--notest_eager",
                                        "--test_patience=2s", "--", "--test_listen=b"});
  ASSERT_TRUE(positional.ok()) << positional.status();
  EXPECT_THAT(*positional, ElementsAre("serve", "--test_listen=b"));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_listen), "a");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_patience), absl::Seconds(2));
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_eager));
  ASSERT_TRUE(SetFlagsFrom({"--test_eager"}).ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_eager));
  EXPECT_FALSE(SetFlagsFrom({"--notest_listen"}).ok());
  EXPECT_FALSE(SetFlagsFrom({"--flagfile=/etc/passwd"}).ok());
}

TEST_F(FlagsTest, AddressesAreCheckedByTheirMeaning) {
  for (const char* good : {"127.0.0.1:0", "0.0.0.0:65535", "[::]:50051", "unix:/run/x", "h:1"}) {
    EXPECT_TRUE(CheckListenAddress("--listen", good).ok()) << good;
  }
  for (const char* bad : {"", "50051", ":50051", "127.0.0.1:", "127.0.0.1:99999", "::1:5", "h:-1",
                          "h:+1", "h:0x1", "h:000001", "unix:", "a b:1"}) {
    EXPECT_FALSE(CheckListenAddress("--listen", bad).ok()) << bad;
  }
  EXPECT_FALSE(CheckListenAddress("--metrics_listen", "unix:/run/x", false).ok());
  for (const char* good : {"ledger:50051", "dns:///ledger.x.svc:50051", "dns://1.1.1.1/h:1",
                           "unix:/run/x", "[::1]:1", "ipv4:1.2.3.4:5,1.2.3.5:5"}) {
    EXPECT_TRUE(CheckTarget("--ledger", good).ok()) << good;
  }
  for (const char* bad : {"", "ledger", "ledger:", "ledger:0", "ledger:65536", "dns:///ledger",
                          "http://ledger:1", "unix:"}) {
    EXPECT_FALSE(CheckTarget("--ledger", bad).ok()) << bad;
  }
}

TEST_F(FlagsTest, AnAddressThatIsGoodHasItsTwoParts) {
  const auto parts = [](absl::string_view address) {
    const HostAndPort split = SplitHostAndPort(address);
    return std::pair(split.host, split.port);
  };
  EXPECT_EQ(parts("127.0.0.1:8080"), std::pair(std::string("127.0.0.1"), 8080));
  EXPECT_EQ(parts("localhost:0"), std::pair(std::string("localhost"), 0));
  EXPECT_EQ(parts("[::1]:50051"), std::pair(std::string("::1"), 50051));
}

TEST_F(FlagsTest, ThisMachinesOwnAddressesAreTold) {
  for (const char* own : {"127.0.0.1:0", "127.8.9.10:1", "localhost:50051", "[::1]:1",
                          "unix:/run/x", "unix-abstract:x", "dns:///localhost:1",
                          "ipv4:127.0.0.1:5", "ipv6:[::1]:5", "dns://1.1.1.1/127.0.0.1:1"}) {
    EXPECT_TRUE(IsLoopback(own)) << own;
  }
  for (const char* other : {"0.0.0.0:50051", "[::]:50051", "ledger:50051", "10.0.0.1:1",
                            "127.0.0.1.example.org:1", "localhost.example.org:1", "127.x:1",
                            "dns://127.0.0.1/ledger:1", "ipv4:127.0.0.1:5,1.2.3.4:5", "[::2]:1"}) {
    EXPECT_FALSE(IsLoopback(other)) << other;
  }
}

TEST_F(FlagsTest, FlagsOfTheLibraryItselfAreNotSetFromTheEnvironment) {
  EXPECT_TRUE(
      SetFlagsFromEnvironment({}, EnvironmentOf({{"RESERVE_FLAGFILE", "/etc/passwd"}})).ok());
}

TEST_F(FlagsTest, PositionalArgumentsComeBackWithoutTheProgram) {
  std::string program = "program", flag = "--test_listen=x", argument = "migrate";
  char* argv[] = {program.data(), flag.data(), argument.data(), nullptr};
  EXPECT_THAT(ParseFlags(3, argv, "Tests flags."), ElementsAre("migrate"));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_listen), "x");
}

using FlagsDeathTest = FlagsTest;

[[noreturn]] void Parse(std::string argument) {
  std::string program = "program";
  char* argv[] = {program.data(), argument.data(), nullptr};
  // Help goes to stdout; a death test looks at stderr.
  dup2(STDERR_FILENO, STDOUT_FILENO);
  ParseFlags(2, argv, "Tests flags.");
  std::exit(0);
}

TEST_F(FlagsDeathTest, HelpShowsEveryFlagOfOursAndEndsWell) {
  EXPECT_EXIT(Parse("--help"), ExitedWithCode(0),
              "Tests flags(.|\n)*--test_eager(.|\n)*--test_listen\n *An address. Default: "
              "127.0.0.1:1(.|\n)*--test_patience");
}

TEST_F(FlagsDeathTest, AnUnknownFlagIsNamed) {
  EXPECT_EXIT(Parse("--test_lissten=x"), ExitedWithCode(2),
              "--test_lissten is not known; the nearest is --test_listen");
  EXPECT_EXIT(Parse("--q"), ExitedWithCode(2), "--q is not known; the nearest is --test_eager");
}

TEST_F(FlagsDeathTest, ABadValueEndsTheProgramWithTwo) {
  EXPECT_EXIT(Parse("--test_patience=soon"), ExitedWithCode(2),
              "'soon' is not a value for --test_patience");
  EXPECT_EXIT(Parse("--test_listen"), ExitedWithCode(2), "--test_listen needs a value");
}

TEST_F(FlagsDeathTest, AVariableOfNoFlagEndsTheProgramWithTwo) {
  EXPECT_EXIT(
      {
        setenv("RESERVE_DATABSE", "x", 1);
        Parse("--test_listen=x");
      },
      ExitedWithCode(2), "RESERVE_DATABSE: belongs to no flag; the nearest is RESERVE_DATABASE");
}

TEST_F(FlagsDeathTest, ABadVariableEndsTheProgramWithTwo) {
  EXPECT_EXIT(
      {
        setenv("RESERVE_TEST_PATIENCE", "soon", 1);
        Parse("--test_listen=x");
      },
      ExitedWithCode(2), "RESERVE_TEST_PATIENCE");
}

class SecretFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& content) {
    std::string path = ::testing::TempDir() + "/secret-" + std::to_string(getpid());
    std::ofstream(path, std::ios::trunc) << content;
    return path;
  }
  void TearDown() override { unlink(Write("").c_str()); }
};

TEST_F(SecretFileTest, TheNewlineAtTheEndIsNotPartOfTheSecret) {
  EXPECT_EQ(*ReadSecretFile(Write("pass word \n")), "pass word ");
  EXPECT_EQ(*ReadSecretFile(Write("secret\r\n")), "secret");
  EXPECT_EQ(*ReadSecretFile(Write("secret")), "secret");
}

TEST_F(SecretFileTest, WhatCanNotBeASecretIsRefusedNamingTheFile) {
  const std::string path = Write("\n");
  EXPECT_EQ(ReadSecretFile(path).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ReadSecretFile(path).status().message()), HasSubstr(path));
  EXPECT_EQ(ReadSecretFile(Write(std::string(65 << 10, 'x'))).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadSecretFile("/does/not/exist").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadSecretFile(::testing::TempDir()).ok());
}

}  // namespace
}  // namespace reserve
