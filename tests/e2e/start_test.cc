// How our programs start: refusals, flags, the environment, help, exit codes, and the commands that
// make a database and a ledger ready.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/flags/known_flags.h"
#include "common/rpc/channel.h"
#include "common/rpc/health_check.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/currency_settings.h"
#include "tests/support/free_port.h"
#include "tests/support/ledger_stubs.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_database.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::PrivateDatabaseServer;
using test_support::Subprocess;
using test_support::TestDatabase;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// --- Refusals to start --------------------------------------------------------------

class StartTest : public ::testing::Test {
 protected:
  struct Ended {
    int exit_code;
    std::string output;
    std::string errors;
  };
  static Ended Run(const std::string& program, std::vector<std::string> args,
                   std::map<std::string, std::string> env = {}) {
    auto process =
        Subprocess::Start({.program = program, .args = std::move(args), .env = std::move(env)});
    if (!process.ok()) return {-1, "", process.status().ToString()};
    const int exit_code = (*process)->Wait(absl::Seconds(30));
    return {exit_code, (*process)->Stdout(), (*process)->Stderr()};
  }
  // It ended by itself, and said why in one line; what it logs before is JSON.
  static void ExpectRefused(const Ended& ended, const std::string& why, int exit_code = 2) {
    EXPECT_EQ(ended.exit_code, exit_code);
    std::vector<std::string> said;
    for (const std::string& line : LinesOf(ended.errors)) {
      if (!absl::StartsWith(line, "{")) said.push_back(line);
    }
    EXPECT_THAT(said, ElementsAre(HasSubstr(why))) << ended.errors;
    EXPECT_EQ(ended.output, "");
  }
};

TEST_F(StartTest, AServerThatCanLoseACommitIsRefusedUnlessToldOtherwise) {
  auto server =
      PrivateDatabaseServer::Create({.extra_args = {"--innodb-flush-log-at-trx-commit=2"}});
  if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
  ASSERT_TRUE(server.ok()) << server.status();
  const TestDatabase database(**server);
  const std::string url = absl::StrCat("--database=", database.url());
  ASSERT_EQ(Run("ledger", {"migrate", url}).exit_code, 0);
  ExpectRefused(Run("ledger", {"serve", url, "--listen=127.0.0.1:0"}),
                "innodb_flush_log_at_trx_commit", 1);
  auto allowed = Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", url, "--listen=127.0.0.1:0", "--allow_unsafe_database"}});
  ASSERT_TRUE(allowed.ok()) << allowed.status();
  EXPECT_TRUE((*allowed)->WaitForOutput("\"listening\"", absl::Seconds(20)).ok());
}

// Flags of `serve` that make no sense, and what the refusal must name.
std::vector<std::pair<std::string, std::string>> BadFlags() {
  return {
      {"--lanes=-1", "lanes"},
      {"--lanes=65", "lanes"},
      {"--shards=0", "--shards"},
      {"--shards=3", "--shards"},
      {"--shards=128", "--shards"},
      {"--peer_address=nowhere", "--peer_address"},
      {"--peer_address=10.0.0.1:50051", "--insecure_plaintext"},
      {"--peer_server_name=ledger", "--peer_server_name"},
      {"--query_threads=0", "query_threads"},
      {"--bulk_threads=0", "bulk_threads"},
      {"--max_batch=1001", "max_batch"},
      {"--max_queue=0", "max_queue"},
      {"--max_concurrent_calls=0", "max_concurrent_calls"},
      {"--max_queue_bytes=0", "max_queue_bytes"},
      {"--lease_duration=10ms", "lease_duration"},
      {"--lease_duration=2h", "lease_duration"},
      {"--poll_interval=0s", "poll_interval"},
      {"--poll_interval=-1s", "poll_interval"},
      {"--poll_interval=inf", "poll_interval"},
      {"--event_poll_interval=inf", "event_poll_interval"},
      {"--max_usage_age=inf", "max_usage_age"},
      {"--card_expiry_notice=inf", "card_expiry_notice"},
      {"--retry_delays=inf", "retry_delays"},
      {"--close_grace=inf", "close_grace"},
      {"--max_call_duration=1s", "max_call_duration"},
      {"--event_overlap=9s", "event_overlap"},
      {"--event_overlap=2h", "event_overlap"},
      {"--event_poll_interval=0s", "event_poll_interval"},
      {"--retry_delays=1h,soon", "retry_delays"},
      {"--retry_delays=-1h", "retry_delays"},
      {"--currency_settings_file=/nonexistent", "/nonexistent"},
      {"--default_country=Atlantis", "default_country"},
      {"--emergency_numbers=988", "emergency_numbers"},
      {"--emergency_numbers=US:+12025550123", "emergency_numbers"},
      {"--max_recharge_multiple=0", "max_recharge_multiple"},
      {"--max_usage_age=-1s", "max_usage_age"},
      {"--max_usage_ahead=-1s", "max_usage_ahead"},
      {"--close_grace=-1s", "close_grace"},
      {"--metrics_listen=nowhere", "metrics_listen"},
      {"--metrics_listen=127.0.0.1:99999", "metrics_listen"},
      {"--listen=127.0.0.1:99999", "--listen"},
      {"--listen=127.0.0.1:", "--listen"},
      {"--listen=50051", "--listen"},
      {"--listen=::1:50051", "--listen"},
      {"--health_listen=127.0.0.1:-1", "health_listen"},
      {"--drain_timeout=-5s", "drain_timeout"},
      {"--drain_timeout=2h", "drain_timeout"},
      {"--max_connection_age=0s", "max_connection_age"},
      {"--max_connection_idle=0s", "max_connection_idle"},
      {"--max_caller_rate=-1", "max_caller_rate"},
      {"--max_account_rate=nan", "max_account_rate"},
      {"--decline_interval=-1s", "decline_interval"},
      {"--lanse=4", "--lanes"},
      {"--log_level=loud", "log_level"},
      {"--lanes=four", "lanes"},
      {"--no_such_flag=1", "no_such_flag"},
      {"--database=postgres://u@h/x", "database"},
      {"--database_password_file=/nonexistent", "/nonexistent"},
      {"--tls_ca_file=/nonexistent", "TLS"},
      {"--tls_other_authority=maybe", "tls_other_authority"},
  };
}

TEST_F(StartTest, BadFlagsAreRefusedInOneLine) {
  const TestDatabase database;
  const std::string url = absl::StrCat("--database=", database.url());
  for (const auto& [flag, name] : BadFlags()) {
    SCOPED_TRACE(flag);
    ExpectRefused(Run("ledger", {"serve", url, "--listen=127.0.0.1:0", flag}), name);
  }
  ExpectRefused(Run("ledger", {"serve", url, "--shards=4", "--lanes=6"}), "--lanes");
  ExpectRefused(Run("ledger", {"serve"}), "database");
  ExpectRefused(Run("ledger", {"migrate"}), "database");
  ExpectRefused(Run("ledger", {"serve", "twice", url}), "twice");
  ExpectRefused(Run("ledger", {"verify", "--ledger=127.0.0.1:"}), "--ledger");
  ExpectRefused(Run("ledger", {"verify", "--ledger=127.0.0.1:0"}), "--ledger");
  ExpectRefused(Run("ledger", {"verify", "--tls_server_name=x"}), "--tls_server_name");
  ExpectRefused(Run("ledger", {"migrate", url, "--database_wait=-1s"}), "--database_wait");
  ExpectRefused(Run("ledger", {"migrate", url, "--database_wait=inf"}), "--database_wait");
  ExpectRefused(Run("ledger", {"grants", url, "--grantee=reserve, root"}), "--grantee");
  // Before the database is asked.
  const Ended tls = Run("ledger", {"serve", "--database=mysql://u@127.0.0.1:1/x",
                                   "--tls_certificate_file=/nonexistent",
                                   "--tls_key_file=/nonexistent", "--tls_ca_file=/nonexistent"});
  ExpectRefused(tls, "/nonexistent");
  EXPECT_THAT(tls.errors, Not(HasSubstr("not serving")));
  // This one says so in its log.
  const Ended stub = Run("gateway_stub", {"--listen=127.0.0.1:99999"});
  EXPECT_EQ(stub.exit_code, 2);
  EXPECT_THAT(stub.errors, HasSubstr("--listen"));
}

TEST_F(StartTest, AFlagThatTheCommandDoesNotReadIsRefusedUnlessItIsAVariable) {
  const TestDatabase database;
  const std::string url = absl::StrCat("--database=", database.url());
  ExpectRefused(Run("ledger", {"migrate", url, "--dry_run"}),
                "--dry_run is not read by `ledger migrate`, but by `ledger forget`, ");
  EXPECT_THAT(database.Query("SHOW TABLES"), IsEmpty()) << "nothing was migrated";
  ExpectRefused(Run("worker", {"--dry_run"}),
                "--dry_run is not read by `worker`, but by `worker reconcile`");
  ExpectRefused(Run("worker", {"--nodry_run"}), "--dry_run is not read by `worker`");
  ExpectRefused(Run("worker", {"reconcile", "--once"}), "--once is not read by `worker reconcile`");
  ExpectRefused(Run("ledger", {"serve", url, "--month=2026-11"}), "`ledger serve`");
  ExpectRefused(Run("ledger", {"settings", "--lanes=4"}),
                "--lanes is not read by `ledger settings`, but by `ledger serve`");
  EXPECT_EQ(Run("ledger", {"settings"}, {{"RESERVE_LANES", "4"}}).exit_code, 0);
}

TEST_F(StartTest, PlainTextToOtherMachinesMustBeAskedFor) {
  ExpectRefused(
      Run("ledger", {"serve", "--database=mysql://u@127.0.0.1:1/x", "--listen=0.0.0.0:0"}),
      "--insecure_plaintext");
  ExpectRefused(Run("ledger", {"verify", "--ledger=ledger.example:50051"}), "--insecure_plaintext");
  for (const auto& [program, flag] : std::map<std::string, std::string>{
           {"gateway_stub", "--listen=[::]:0"}, {"worker", "--ledger=ledger.example:1"}}) {
    const Ended refused = Run(program, {flag});
    EXPECT_EQ(refused.exit_code, 2) << program;
    EXPECT_THAT(refused.errors, HasSubstr("--insecure_plaintext")) << program;
  }
  // To the database it is warned of, unless that is this machine's own.
  for (const auto& [host, warned] : std::map<std::string, bool>{
           {"db.example", true}, {"127.0.0.1", false}, {"localhost", false}}) {
    const Ended ended =
        Run("ledger",
            {"serve", absl::StrCat("--database=mysql://u:secret@", host, "/x"), "--lanes=-1"});
    EXPECT_EQ(absl::StrContains(ended.errors, "reached in plain text"), warned) << host;
    EXPECT_THAT(ended.errors, Not(HasSubstr("secret")));
  }
  // Asked for, it is warned of; on this machine's own address it is said.
  for (const auto& [listen, severity] :
       std::map<std::string, std::string>{{"0.0.0.0:0", "WARNING"}, {"127.0.0.1:0", "INFO"}}) {
    auto stub = Subprocess::Start(
        {.program = "gateway_stub", .args = {"--listen=" + listen, "--insecure_plaintext"}});
    ASSERT_TRUE(stub.ok()) << stub.status();
    const auto said = (*stub)->WaitForOutput("everybody may call everything", absl::Seconds(20));
    ASSERT_TRUE(said.ok()) << said.status();
    EXPECT_THAT(*said, HasSubstr(absl::StrCat("\"severity\":\"", severity, "\"")));
  }
}

TEST_F(StartTest, AVariableThatBelongsToNoProgramIsRefusedAndTheNearestNamed) {
  for (const char* program : {"ledger", "worker", "gateway_stub"}) {
    SCOPED_TRACE(program);
    ExpectRefused(Run(program, {}, {{"RESERVE_DATABSE", "x"}}),
                  "RESERVE_DATABSE: belongs to no flag; the nearest is RESERVE_DATABASE");
  }
  // What another program of the stack reads, the tests have, or Kubernetes sets for a Service that
  // is called reserve-ledger.
  const std::map<std::string, std::string> others = {
      {"RESERVE_MAX_IN_FLIGHT", "8"},
      {"RESERVE_TEST_DATABASE_OR_OTHER", "x"},
      {"RESERVE_LEDGER_SERVICE_HOST", "10.0.0.1"},
      {"RESERVE_LEDGER_SERVICE_PORT_GRPC", "50051"},
      {"RESERVE_LEDGER_PORT", "tcp://10.0.0.1:50051"},
      {"RESERVE_LEDGER_PORT_50051_TCP_ADDR", "10.0.0.1"}};
  EXPECT_EQ(Run("ledger", {"settings"}, others).exit_code, 0);
  ExpectRefused(Run("ledger", {"settings"}, {{"RESERVE_LEDGER_PORT", "50051"}}),
                "RESERVE_LEDGER_PORT");
}

TEST_F(StartTest, AnUnknownCommandShowsTheCommands) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{}, std::vector<std::string>{"dance"}}) {
    const Ended ended = Run("ledger", args);
    EXPECT_EQ(ended.exit_code, 2);
    for (const char* command :
         {"serve", "migrate", "grants", "settings", "import-rates", "activate-rates", "verify"}) {
      EXPECT_THAT(ended.errors, HasSubstr(command));
    }
  }
}

TEST_F(StartTest, M3_TheAmountsOfCurrenciesCanBeSeenAndWhatIsWrongStopsTheStart) {
  const TestDatabase database;
  std::string folder = ::testing::TempDir() + "/settings-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string flag =
      test_support::CurrencySettingsFlag(folder, {{"default_reserve_amount", "20"}});
  const Ended built_in = Run("ledger", {"settings"});
  EXPECT_EQ(built_in.exit_code, 0) << built_in.errors;
  EXPECT_THAT(built_in.output, AllOf(HasSubstr("\nUSD,15.00,"), HasSubstr("\nJPY,1500.00,")));
  EXPECT_THAT(Run("ledger", {"settings", flag}).output, HasSubstr("\nUSD,20.00,15.00,"));
  test_support::CurrencySettingsFlag(folder, {{"default_reserve_amount", "10"}});
  const Ended refused = Run("ledger", {"serve", absl::StrCat("--database=", database.url()), flag});
  ExpectRefused(refused, "currency_settings_file");
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("line 2"), HasSubstr("default_reserve_amount")));
  std::filesystem::remove_all(folder);
}

TEST_F(StartTest, APortThatIsTakenIsRefused) {
  auto stack = Stack::Start({.starter_deck = false});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const auto second =
      (*stack)->RunLedger({"serve", absl::StrCat("--listen=", (*stack)->ledger_address())});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr((*stack)->ledger_address()));
}

// --- Flags --------------------------------------------------------------------------

// The names in ABSL_FLAG(type, name, ...) of a source file.
std::set<std::string> FlagsIn(const std::string& path) {
  std::ifstream file(absl::StrCat(test_support::SourceDir(), "/", path));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::regex flag("ABSL_FLAG\\(\\s*[^,]+,\\s*([a-z0-9_]+),");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), flag), end; it != end; ++it) {
    names.insert((*it)[1]);
  }
  return names;
}

// The flags that help shows.
std::set<std::string> FlagsShown(const std::string& help) {
  std::set<std::string> names;
  for (absl::string_view line : absl::StrSplit(help, '\n')) {
    if (absl::ConsumePrefix(&line, "  --")) names.insert(std::string(line));
  }
  return names;
}

TEST_F(StartTest, HelpShowsEveryFlagUnderTheCommandsThatReadIt) {
  const std::vector<std::string> ledger_commands = {
      "serve",        "migrate",     "grants",        "settings",     "access",
      "import-rates", "rate-decks",  "compare-rates", "export-rates", "activate-rates",
      "retire-rates", "report",      "export",        "forget",       "check",
      "verify",       "check-heads", "status",        "archive",      "verify-archive"};
  struct Row {
    std::string program;
    std::vector<std::string> commands;
    std::vector<std::string> sources;
  };
  const std::vector<Row> rows = {
      {"ledger",
       ledger_commands,
       {"services/ledger/serve/database_flags.cc", "services/ledger/serve/serve_flags.cc",
        "services/ledger/serve/settings_flags.cc", "services/ledger/cli/commands.cc",
        "common/rpc/rpc_flags.cc", "common/telemetry/telemetry_flags.cc"}},
      // A worker's port is that of health: it has no port file, and nobody's connection ages.
      {"worker", {"", "reconcile"}, {"worker/main.cc", "common/telemetry/telemetry_flags.cc"}},
      {"gateway_stub",
       {""},
       {"services/gateway_stub/main.cc", "common/rpc/rpc_flags.cc",
        "common/telemetry/telemetry_flags.cc"}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.program);
    std::set<std::string> shown;
    for (const std::string& command : row.commands) {
      SCOPED_TRACE(command);
      const Ended help =
          Run(row.program, command.empty() ? std::vector<std::string>{"--help"}
                                           : std::vector<std::string>{"help", command});
      EXPECT_EQ(help.exit_code, 0);
      EXPECT_EQ(help.errors, "");
      if (!command.empty()) {
        EXPECT_EQ(Run(row.program, {command, "--help"}).output, help.output);
        EXPECT_THAT(help.output, HasSubstr(absl::StrCat(row.program, " ", command)));
      }
      shown.merge(FlagsShown(help.output));
    }
    for (const std::string& source : row.sources) {
      const std::set<std::string> in_source = FlagsIn(source);
      EXPECT_GE(in_source.size(), 2u) << source;
      for (const std::string& flag : in_source) EXPECT_TRUE(shown.contains(flag)) << flag;
    }
    EXPECT_EQ(Run(row.program, {"--version"}).exit_code, 0);
  }
}

TEST_F(StartTest, TheHelpOfACommandShowsItsFlagsAlone) {
  EXPECT_THAT(FlagsShown(Run("ledger", {"help", "migrate"}).output),
              UnorderedElementsAre("database", "database_password_file", "database_wait", "finish",
                                   "silent_are_gone", "grant", "grantee"));
  EXPECT_THAT(FlagsShown(Run("ledger", {"settings", "--help"}).output),
              UnorderedElementsAre("currency_settings_file"));
  EXPECT_THAT(FlagsShown(Run("ledger", {"--help"}).output), IsEmpty());
  const Ended unknown = Run("ledger", {"help", "dance"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("dance"));
}

// Of every ABSL_FLAG in a folder of the sources.
std::set<std::string> FlagsUnder(const std::string& folder) {
  std::set<std::string> names;
  const std::string root = absl::StrCat(test_support::SourceDir(), "/");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root + folder)) {
    if (entry.path().extension() != ".cc") continue;
    names.merge(FlagsIn(entry.path().string().substr(root.size())));
  }
  return names;
}

TEST_F(StartTest, TheListOfAllFlagsIsThatOfTheSources) {
  std::set<std::string> defined = FlagsUnder("common");
  defined.merge(FlagsUnder("services"));
  defined.merge(FlagsUnder("worker"));
  const std::set<std::string> listed(std::begin(kKnownFlags), std::end(kKnownFlags));
  EXPECT_EQ(listed, defined) << "mend common/flags/known_flags.h";
}

TEST_F(StartTest, CheckSaysWhetherALedgerIsFitForUseAndChargesOnlyWhenAsked) {
  auto stack = Stack::Start({.gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const auto fit = (*stack)->RunLedger({"check"});
  EXPECT_EQ(fit.exit_code, 0) << fit.errors;
  EXPECT_THAT(fit.output,
              AllOf(HasSubstr("serving"), HasSubstr("may read"), Not(HasSubstr("charged"))));
  EXPECT_EQ((*stack)->database().QueryInt("SELECT COUNT(*) FROM accounts"), 0);
  const auto charged = (*stack)->RunLedger({"check", "--recharge"});
  EXPECT_EQ(charged.exit_code, 0) << charged.errors;
  EXPECT_THAT(charged.output, HasSubstr("15.00"));
  EXPECT_EQ((*stack)->database().QueryInt("SELECT COUNT(*) FROM accounts"), 1);
}

TEST_F(StartTest, HealthHasAPortOfItsOwnThatLivesWhileTheDatabaseIsAway) {
  const std::string address = absl::StrCat("127.0.0.1:", test_support::FreePort());
  auto ledger = Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", "--database=mysql://u@127.0.0.1:1/x", "--listen=127.0.0.1:0",
                absl::StrCat("--health_listen=", address)}});
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  ASSERT_TRUE((*ledger)->WaitForOutput("\"not serving\"", absl::Seconds(20)).ok());
  const auto channel = MakeChannel(address, ChannelOptions());
  ASSERT_TRUE(channel.ok()) << channel.status();
  const auto live = IsServing(*channel, "live", absl::Seconds(10));
  ASSERT_TRUE(live.ok()) << live.status();
  EXPECT_TRUE(*live);
  const auto ready = IsServing(*channel, "ready", absl::Seconds(10));
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_FALSE(*ready);
}

TEST_F(StartTest, MigrateWaitsForTheDatabaseAndGivesTheLedgersUserItsRights) {
  const Ended away =
      Run("ledger", {"migrate", "--database=mysql://u@127.0.0.1:1/x", "--database_wait=1s"});
  EXPECT_EQ(away.exit_code, 1);
  EXPECT_THAT(away.output, HasSubstr("waiting for the database"));
  const TestDatabase database;
  const std::string user = database.schema().substr(0, 30);
  const std::string grantee = absl::StrCat("'", user, "'@'%'");
  database.Execute(absl::StrCat("CREATE USER ", grantee));
  const Ended migrated = Run("ledger", {"migrate", absl::StrCat("--database=", database.url()),
                                        "--grant", absl::StrCat("--grantee=", grantee)});
  EXPECT_EQ(migrated.exit_code, 0) << migrated.errors;
  EXPECT_THAT(migrated.output, HasSubstr("has the rights"));
  const auto rights = database.Query(absl::StrCat("SHOW GRANTS FOR ", grantee));
  EXPECT_GT(rights.size(), 10u);
  database.Execute(absl::StrCat("DROP USER ", grantee));
}

TEST_F(StartTest, FlagsComeFromTheEnvironmentAndTheCommandLineWins) {
  const TestDatabase database;
  std::string folder = ::testing::TempDir() + "/flags-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string socket = absl::StrCat("unix:", folder, "/ledger.sock");
  std::map<std::string, std::string> env = {{"RESERVE_DATABASE", database.url()},
                                            {"RESERVE_LISTEN", socket},
                                            {"RESERVE_LANES", "1"},
                                            {"RESERVE_DEFAULT_COUNTRY", "Atlantis"}};
  ASSERT_EQ(Run("ledger", {"migrate"}, env).exit_code, 0);
  ExpectRefused(Run("ledger", {"serve"}, env), "default_country");
  {
    auto process = Subprocess::Start(
        {.program = "ledger", .args = {"serve", "--default_country=GB"}, .env = env});
    ASSERT_TRUE(process.ok()) << process.status();
    const auto listening = (*process)->WaitForOutput("\"listening\"", absl::Seconds(20));
    ASSERT_TRUE(listening.ok()) << listening.status();
    ASSERT_EQ(Run("ledger", {"import-rates", "--starter", "--ledger=" + socket}).exit_code, 0);
    const auto channel = MakeChannel(socket, ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    const auto stub = pb::Accounts::NewStub(*channel);
    const auto opened = Call(*stub, &pb::Accounts::Stub::OpenAccount,
                             Parse<pb::OpenAccountRequest>("account_id: 'a'"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->country_code(), "GB");
  }
  env["RESERVE_LANES"] = "many";
  const Ended bad = Run("ledger", {"serve"}, env);
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.errors, HasSubstr("RESERVE_LANES"));
  std::filesystem::remove_all(folder);
}

TEST_F(StartTest, TheGrantsThatItPrintsSufficeToServe) {
  const TestDatabase database;
  const std::string url = absl::StrCat("--database=", database.url());
  ASSERT_EQ(Run("ledger", {"migrate", url}).exit_code, 0);
  const std::string user = database.schema().substr(0, 30);
  for (const char* host : {"localhost", "%"}) {
    const std::string grantee = absl::StrCat("'", user, "'@'", host, "'");
    const Ended grants = Run("ledger", {"grants", url, absl::StrCat("--grantee=", grantee)});
    ASSERT_EQ(grants.exit_code, 0) << grants.errors;
    EXPECT_THAT(grants.output, AllOf(Not(HasSubstr("DELETE")), Not(HasSubstr("CREATE")),
                                     Not(HasSubstr("DROP")), Not(HasSubstr("ALTER"))));
    database.Execute(absl::StrCat("CREATE USER ", grantee, " IDENTIFIED BY 'from a file'"));
    for (const std::string& statement : LinesOf(grants.output)) database.Execute(statement);
  }
  std::string folder = ::testing::TempDir() + "/grants-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/password") << "from a file\n";
  const std::string socket = absl::StrCat("unix:", folder, "/ledger.sock");
  {
    auto process =
        Subprocess::Start({.program = "ledger",
                           .args = {"serve", absl::StrCat("--database=", database.UrlAs(user, "")),
                                    absl::StrCat("--database_password_file=", folder, "/password"),
                                    absl::StrCat("--listen=", socket)}});
    ASSERT_TRUE(process.ok()) << process.status();
    const auto listening = (*process)->WaitForOutput("\"listening\"", absl::Seconds(20));
    ASSERT_TRUE(listening.ok()) << listening.status();
    const auto imported =
        Run("ledger", {"import-rates", "--starter", "--effective_time=2000-01-01T00:00:00Z",
                       absl::StrCat("--ledger=", socket)});
    EXPECT_EQ(imported.exit_code, 0) << imported.errors;
    const auto channel = MakeChannel(socket, ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    const test_support::LedgerStubs ledger(*channel);
    EXPECT_TRUE(Call(ledger.of<pb::Accounts::Stub>(), &pb::Accounts::Stub::OpenAccount,
                     Parse<pb::OpenAccountRequest>("account_id: 'acct' card_token: 'tok_visa'"))
                    .ok());
    EXPECT_TRUE(Call(ledger.of<pb::Accounts::Stub>(), &pb::Accounts::Stub::PutUser,
                     Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'u'"))
                    .ok());
    EXPECT_TRUE(
        Call(ledger.of<pb::Ledger::Stub>(), &pb::Ledger::Stub::RecordUsage, UsageOf("c1")).ok());
    EXPECT_EQ(Run("ledger", {"verify", absl::StrCat("--ledger=", socket)}).exit_code, 0);

    // The password changes, and every connection that knew the old one ends.
    for (const char* host : {"localhost", "%"}) {
      database.Execute(
          absl::StrCat("ALTER USER '", user, "'@'", host, "' IDENTIFIED BY 'rotated'"));
    }
    std::ofstream(folder + "/password.next") << "rotated\n";
    std::filesystem::rename(folder + "/password.next", folder + "/password");
    const auto sessions = database.Query(
        absl::StrCat("SELECT id FROM information_schema.processlist WHERE user = '", user, "'"));
    EXPECT_FALSE(sessions.empty());
    for (const auto& session : sessions) {
      (void)database.TryExecute(absl::StrCat("KILL ", session[0]));
    }
    EXPECT_TRUE(
        Call(ledger.of<pb::Ledger::Stub>(), &pb::Ledger::Stub::RecordUsage, UsageOf("c2")).ok())
        << "the new password is read without a restart";
  }
  for (const char* host : {"localhost", "%"}) {
    database.Execute(absl::StrCat("DROP USER '", user, "'@'", host, "'"));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace reserve::e2e
