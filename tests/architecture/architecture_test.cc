#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/architecture/source_rules.h"
#include "tests/support/build_tree.h"

namespace reserve::architecture {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(ArchitectureTest, SourcesKeepToTheRules) {
  const fs::path root = test_support::SourceDir();
  std::vector<std::string> violations;
  int files = 0;
  for (const std::string folder : {"common", "services", "worker"}) {
    ASSERT_TRUE(fs::is_directory(root / folder)) << root / folder;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cc" && extension != ".h" && extension != ".sql") continue;
      ++files;
      const std::string path = fs::relative(entry.path(), root).string();
      for (std::string& found : Violations(path, ReadFile(entry.path()))) {
        violations.push_back(std::move(found));
      }
    }
  }
  EXPECT_GT(files, 20);
  EXPECT_THAT(violations, IsEmpty()) << absl::StrJoin(violations, "\n");
}

TEST(ArchitectureTest, FunctionsAreShortEnoughToBeReadAtOnce) {
  const fs::path root = test_support::SourceDir();
  std::vector<std::string> violations;
  for (const std::string folder : {"common", "services", "worker", "protos", "tests"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cc" && extension != ".h") continue;
      const std::string path = fs::relative(entry.path(), root).string();
      for (std::string& found : LongFunctions(path, ReadFile(entry.path()))) {
        violations.push_back(std::move(found));
      }
    }
  }
  EXPECT_THAT(violations, IsEmpty()) << absl::StrJoin(violations, "\n");
}

// The words of an array of a shell script: NAME=(word word ...).
std::set<std::string> WordsOf(const std::string& script, const std::string& array) {
  const size_t begin = script.find(array + "=(");
  EXPECT_NE(begin, std::string::npos) << array;
  if (begin == std::string::npos) return {};
  const size_t from = begin + array.size() + 2;
  std::istringstream words(script.substr(from, script.find(')', from) - from));
  return {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
}

// Who adds a package to what the image is made of and not to the lists that are installed has an
// image that can't be built.
TEST(ImageTest, EachPackageThatIsAskedForIsInItsList) {
  const fs::path folder = fs::path(test_support::SourceDir()) / "scripts" / "image";
  const std::string script = ReadFile(folder / "try.sh");
  for (const auto& [array, file] : std::map<std::string, std::string>{
           {"BUILD_ROOTS", "build.lock"}, {"RUNTIME_ROOTS", "runtime.lock"}}) {
    const std::string list = ReadFile(folder / file);
    const std::set<std::string> packages = WordsOf(script, array);
    EXPECT_GT(packages.size(), 5u) << array;
    for (const std::string& package : packages) {
      EXPECT_THAT(list, HasSubstr("\n" + package + "=")) << file << ": ./run image --pin";
    }
  }
}

// Reasons, and other names in capitals that somebody relies on: they are made, and known again, in
// one place of a program. A word of capitals may be many things; it is a reason where an error is
// made of it.
TEST(ArchitectureTest, EveryReasonIsWrittenOnceInAProgram) {
  static const std::regex kName(R"re("([A-Z][A-Z0-9]*(_[A-Z0-9]+)+)")re");
  static const std::regex kWord(R"re(MakeError\(\s*absl::StatusCode::\w+,\s*"([A-Z]+)")re");
  const fs::path root = test_support::SourceDir();
  for (const std::string program :
       {"common", "services/ledger", "services/gateway_stub", "services/console", "worker"}) {
    std::map<std::string, std::vector<std::string>> places;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / program)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cc" && extension != ".h") continue;
      const std::string code = WithoutComments(ReadFile(entry.path()));
      for (const std::regex& name : {kName, kWord}) {
        for (std::sregex_iterator it(code.begin(), code.end(), name), end; it != end; ++it) {
          places[(*it)[1].str()].push_back(fs::relative(entry.path(), root).string());
        }
      }
    }
    for (const auto& [name, files] : places) {
      EXPECT_EQ(files.size(), 1u) << name << " is in " << absl::StrJoin(files, ", ");
    }
  }
}

// "Suite.Name" of every test that is written down in the sources of the tests.
std::set<std::string> TestsIn(const fs::path& folder) {
  static const std::regex kTest(R"(\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::set<std::string> tests;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string text = ReadFile(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), kTest), end; it != end; ++it) {
      tests.insert(absl::StrCat((*it)[1].str(), ".", (*it)[2].str()));
    }
  }
  return tests;
}

// The names of tests that a document has in backticks; "Suite.G4_*" stands for all that begin so.
std::vector<std::string> TestsNamedIn(const std::string& document) {
  static const std::regex kName(R"(`(\w+Test\.\w+\*?)`)");
  std::vector<std::string> names;
  for (std::sregex_iterator it(document.begin(), document.end(), kName), end; it != end; ++it) {
    names.push_back((*it)[1].str());
  }
  return names;
}

TEST(DocumentsTest, EveryTestThatIsNamedExists) {
  const fs::path root = test_support::SourceDir();
  const std::set<std::string> tests = TestsIn(root / "tests");
  const auto exists = [&tests](std::string name) {
    if (name.back() != '*') return tests.count(name) > 0;
    name.pop_back();
    const auto first = tests.lower_bound(name);
    return first != tests.end() && absl::StartsWith(*first, name);
  };
  for (const std::string document : {"docs/FAILURES.md", "docs/RULES.md"}) {
    const std::vector<std::string> names = TestsNamedIn(ReadFile(root / document));
    EXPECT_GT(names.size(), 20u) << document;
    for (const std::string& name : names) EXPECT_TRUE(exists(name)) << document << ": " << name;
  }
}

std::set<std::string> NamesIn(const std::string& text, const std::regex& name) {
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it) {
    names.insert((*it)[1].str());
  }
  return names;
}

// The reasons of the errors that the modules behind the doors make.
std::set<std::string> ReasonsOfTheDoors(const fs::path& root) {
  static const std::regex kReason(R"re("([A-Z]{5,}|[A-Z]+(?:_[A-Z]+)+)")re");
  std::string sources;
  for (const std::string module :
       {"common/rpc", "services/ledger/api", "services/ledger/book", "services/ledger/domain",
        "services/ledger/engine", "services/ledger/rates", "services/gateway_stub"}) {
    for (const std::string file : {"errors.h", "errors.cc", "refusals.h", "refusals.cc"}) {
      sources += WithoutComments(ReadFile(root / module / file));
    }
  }
  return NamesIn(sources, kReason);
}

// A failure whose output has the word would count as skipped: MAY_SKIP goes by the exit code.
TEST(ArchitectureTest, NoTestIsSkippedByWhatItPrints) {
  const fs::path root = test_support::SourceDir();
  int files = 0;
  for (const std::string folder : {"cmake", "tests"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string name = entry.path().filename().string();
      if (name != "CMakeLists.txt" && entry.path().extension() != ".cmake") continue;
      ++files;
      EXPECT_THAT(ReadFile(entry.path()), ::testing::Not(HasSubstr("SKIP_REGULAR_EXPRESSION")))
          << entry.path();
    }
  }
  EXPECT_GT(files, 10);
}

// A client's programmer finds each reason in the README, and none that there is no more.
TEST(DocumentsTest, TheReadmeHasTheReasonsOfErrorsAndNoOthers) {
  static const std::regex kInBackticks(R"(`([A-Z]{5,}|[A-Z]+(?:_[A-Z]+)+)`)");
  const fs::path root = test_support::SourceDir();
  const std::string readme = ReadFile(root / "README.md");
  const size_t begin = readme.find("## Errors");
  ASSERT_NE(begin, std::string::npos);
  const std::set<std::string> told =
      NamesIn(readme.substr(begin, readme.find("## Limits") - begin), kInBackticks);
  const std::set<std::string> made = ReasonsOfTheDoors(root);
  EXPECT_GT(made.size(), 50u);
  // Between modules: no caller ever gets them.
  const std::set<std::string> inner = {"CATALOG_IS_NEW", "MONTH_IS_SEALED", "TRANSACTION_TOO_OLD",
                                       "DATA_FILE"};
  for (const std::string& reason : made) {
    EXPECT_EQ(told.count(reason), 1 - inner.count(reason)) << reason;
  }
  std::string all;
  for (const std::string folder : {"common", "services"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".cc" || entry.path().extension() == ".h") {
        all += WithoutComments(ReadFile(entry.path()));
      }
    }
  }
  for (const std::string& reason : told) {
    EXPECT_THAT(all, HasSubstr(absl::StrCat("\"", reason, "\""))) << "is in the README";
  }
}

struct Sample {
  std::string name;
  std::string path;
  std::string line;
  bool allowed = false;
};

class SourceRulesTest : public ::testing::TestWithParam<Sample> {};

TEST_P(SourceRulesTest, JudgesTheSample) {
  const Sample& sample = GetParam();
  const std::string text = absl::StrCat("// A file.\n", sample.line, "\n");
  if (sample.allowed) {
    EXPECT_THAT(Violations(sample.path, text), IsEmpty());
  } else {
    EXPECT_THAT(Violations(sample.path, text), ElementsAre(HasSubstr(sample.path + ":2: ")));
  }
}

constexpr bool kAllowed = true;
const std::string kDomain = "services/ledger/domain/x.cc";
const std::string kRates = "services/ledger/rates/x.cc";
const std::string kBook = "services/ledger/book/x.cc";
const std::string kStorage = "services/ledger/storage/x.cc";
const std::string kEngine = "services/ledger/engine/x.h";
const std::string kAudit = "services/ledger/audit/x.cc";
const std::string kApi = "services/ledger/api/x.cc";
const std::string kServe = "services/ledger/serve/x.cc";
const std::string kCli = "services/ledger/cli/x.cc";

INSTANTIATE_TEST_SUITE_P(
    Includes, SourceRulesTest,
    ::testing::Values(
        Sample{"DomainItself", kDomain, "#include \"services/ledger/domain/account.h\"", kAllowed},
        Sample{"DomainStd", kDomain, "#include <vector>", kAllowed},
        Sample{"DomainAbsl", kDomain, "#include \"absl/time/time.h\"", kAllowed},
        Sample{"DomainSystem", kDomain, "#include <unistd.h>"},
        Sample{"DomainRates", kDomain, "#include \"services/ledger/rates/rate_deck.h\""},
        Sample{"DomainTelemetry", kDomain, "#include \"common/telemetry/log.h\""},
        Sample{"DomainProto", kDomain, "#include \"google/type/money.pb.h\""},
        Sample{"RatesDomain", kRates, "#include \"services/ledger/domain/rating.h\"", kAllowed},
        Sample{"RatesStorage", kRates, "#include \"services/ledger/storage/connection.h\""},
        Sample{"RatesBook", kRates, "#include \"services/ledger/book/command.h\""},
        Sample{"BookRates", kBook, "#include \"services/ledger/rates/deck_snapshot.h\"", kAllowed},
        Sample{"BookStorage", kBook, "#include \"services/ledger/storage/connection.h\""},
        Sample{"BookEngine", kBook, "#include \"services/ledger/engine/engine.h\""},
        Sample{"BookSystem", kBook, "#include <unistd.h>"},
        Sample{"BookProto", kBook, "#include \"reserve/ledger/v1/ledger.pb.h\""},
        Sample{"StorageBook", kStorage, "#include \"services/ledger/book/write_set.h\"", kAllowed},
        Sample{"StorageConnector", kStorage, "#include <cppconn/connection.h>", kAllowed},
        Sample{"StorageEngine", kStorage, "#include \"services/ledger/engine/engine.h\""},
        Sample{"StorageProto", kStorage, "#include \"reserve/ledger/v1/ledger.pb.h\""},
        Sample{"EngineBook", kEngine, "#include \"services/ledger/book/fold.h\"", kAllowed},
        Sample{"EngineStorage", kEngine, "#include \"services/ledger/storage/connection.h\"",
               kAllowed},
        Sample{"EngineConnector", kEngine, "#include <mysql_driver.h>"},
        Sample{"EngineGrpc", kEngine, "#include <grpcpp/grpcpp.h>"},
        Sample{"EngineRpc", kEngine, "#include \"common/rpc/status.h\""},
        Sample{"EngineApi", kEngine, "#include \"services/ledger/api/ledger_service.h\""},
        Sample{"EngineAudit", kEngine, "#include \"services/ledger/audit/auditor.h\""},
        Sample{"AuditStorage", kAudit, "#include \"services/ledger/storage/entry_rows.h\"",
               kAllowed},
        Sample{"AuditEngine", kAudit, "#include \"services/ledger/engine/engine.h\""},
        Sample{"AuditConnector", kAudit, "#include <cppconn/connection.h>"},
        Sample{"ApiAudit", kApi, "#include \"services/ledger/audit/auditor.h\"", kAllowed},
        Sample{"ApiProto", kApi, "#include \"reserve/ledger/v1/ledger.grpc.pb.h\"", kAllowed},
        Sample{"ApiConnector", kApi, "  #  include <cppconn/connection.h>"},
        Sample{"ApiServe", kApi, "#include \"services/ledger/serve/health.h\""},
        Sample{"ReasonCompared", kEngine, "if (ReasonOf(status) == \"OVERLOADED\") return;"},
        Sample{"ReasonComparedByName", kEngine, "return ReasonOf(status) == kOverloaded;",
               kAllowed},
        Sample{"ErrorMadeInPlace", kEngine, "return MakeError(code, \"LATE\", \"\", text);"},
        Sample{"ErrorMadeByItsName", "services/ledger/engine/errors.cc",
               "return MakeError(code, \"LATE\", \"\", text);", kAllowed},
        Sample{"ServeApi", kServe, "#include \"services/ledger/api/ledger_service.h\"", kAllowed},
        Sample{"ServeCli", kServe, "#include \"services/ledger/cli/commands.h\""},
        Sample{"CliStorage", kCli, "#include \"services/ledger/storage/migrator.h\"", kAllowed},
        Sample{"CliProto", kCli, "#include \"reserve/ledger/v1/ledger.grpc.pb.h\"", kAllowed},
        Sample{"CliEngine", kCli, "#include \"services/ledger/engine/engine.h\""},
        Sample{"MainProto", "services/ledger/main.cc",
               "#include \"reserve/ledger/v1/ledger.grpc.pb.h\"", kAllowed},
        Sample{"WorkerProto", "worker/x.cc", "#include \"reserve/ledger/v1/recharges.grpc.pb.h\"",
               kAllowed},
        Sample{"WorkerLedger", "worker/x.cc", "#include \"services/ledger/domain/recharge.h\""},
        Sample{"StubLedger", "services/gateway_stub/x.cc",
               "#include \"services/ledger/domain/account.h\""},
        Sample{"ConsoleProto", "services/console/pages/x.cc",
               "#include \"reserve/ledger/v1/accounts.grpc.pb.h\"", kAllowed},
        Sample{"ConsoleLedger", "services/console/pages/x.cc",
               "#include \"services/ledger/domain/account.h\""},
        Sample{"ConsoleIdentityProto", "services/console/identity/x.cc",
               "#include \"reserve/ledger/v1/accounts.pb.h\""},
        Sample{"ConsoleShellPages", "services/console/web/x.cc",
               "#include \"services/console/pages/site.h\""},
        Sample{"StubWorker", "services/gateway_stub/x.cc", "#include \"worker/decide.h\""},
        Sample{"CommonService", "common/clock/x.cc",
               "#include \"services/ledger/domain/account.h\""}),
    [](const auto& sample) { return sample.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Bans, SourceRulesTest,
    ::testing::Values(
        Sample{"Commit", kStorage, "connection->commit();"},
        Sample{"Rollback", kStorage, "connection.rollback();"},
        Sample{"CommitText", kStorage, "Execute(\"COMMIT\");", kAllowed},
        Sample{"AutoCommit", kEngine, "c->setAutoCommit(false);"},
        Sample{"Reconnect", kStorage, "options[\"OPT_RECONNECT\"] = true;"},
        Sample{"SelectStar", kStorage, "Query(\"SELECT * FROM accounts\");"},
        Sample{"SelectCount", kStorage, "Query(\"SELECT COUNT(*) FROM accounts\");", kAllowed},
        Sample{"InsertIgnore", kStorage, "\"INSERT IGNORE INTO entries\""},
        Sample{"GetLock", kStorage, "\"SELECT GET_LOCK('migrate', 1)\""},
        Sample{"KeySet", kStorage, "\" ON DUPLICATE KEY UPDATE account_id=VALUES(account_id)\""},
        Sample{"KeyNotSet", kStorage, "\" ON DUPLICATE KEY UPDATE state=VALUES(state)\"", kAllowed},
        Sample{"SkipLocked", kStorage, "\"FOR UPDATE SKIP LOCKED\""},
        Sample{"Returning", kStorage, "\"INSERT INTO t VALUES (1) RETURNING id\""},
        Sample{"InMigration", "services/ledger/storage/migrations/0009_x.sql",
               "id BIGINT AUTO_INCREMENT,"},
        Sample{"InMigrationComment", "services/ledger/storage/migrations/0009_x.sql",
               "id BIGINT, -- no AUTO_INCREMENT here", kAllowed},
        Sample{"Double", "common/money/money.cc", "double amount = 0;"},
        Sample{"Float", kDomain, "float rate;"},
        Sample{"DoubleElsewhere", "worker/x.cc", "double seconds = 0;", kAllowed},
        Sample{"DoubleInWord", kDomain, "int doubled = 2;", kAllowed},
        Sample{"InComment", kStorage, "int a = 1'000;  // Never SELECT * here.", kAllowed},
        Sample{"AfterUrl", kStorage, "Run(\"http://x\", \"SELECT * FROM t\");"},
        Sample{"ClockOfTheBook", kBook, "const absl::Time now = absl::Now();"},
        Sample{"DoubleInTheBook", kBook, "double amount = 0;"},
        Sample{"RevealInDomain", kDomain, "cause = card.token.Reveal();"},
        Sample{"RevealInStorage", kStorage, "row.Text(card.token.Reveal());", kAllowed},
        Sample{"Clock", kDomain, "const absl::Time now = absl::Now();"},
        Sample{"WaitByWallClock", kEngine, "mutex_.AwaitWithTimeout(done, absl::Seconds(1));"},
        Sample{"SignalByWallClock", "worker/x.cc", "changed_.WaitWithDeadline(&mutex_, end);"},
        Sample{"WaitByWaker", kEngine, "waker_.Await(absl::Seconds(1));", kAllowed}),
    [](const auto& sample) { return sample.param.name; });

// A body of so many lines.
std::string Lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "  Do(\"}\", '}', R\"({)\");  // }\n";
  return lines;
}

TEST(LongFunctionsTest, AFunctionOfTheLimitIsNotTooLong) {
  const std::string fits = "int F(int a,\n      int b) {\n" + Lines(kMaxFunctionLines - 3) + "}\n";
  EXPECT_THAT(LongFunctions("x.cc", fits), IsEmpty());
  const std::string longer =
      "int F(int a,\n      int b) {\n" + Lines(kMaxFunctionLines - 2) + "}\n";
  EXPECT_THAT(LongFunctions("x.cc", "\n" + longer),
              ElementsAre("x.cc:2: a function of 71 lines; at most 70"));
}

TEST(LongFunctionsTest, MethodsCountAndTheirClassesDoNot) {
  const std::string method = "  void M() const {\n" + Lines(kMaxFunctionLines - 1) + "  }\n";
  const std::string text = "namespace a {\nclass C : public B {\n" + method + method + "};\n}\n";
  EXPECT_THAT(LongFunctions("x.h", text), ElementsAre(HasSubstr("x.h:3: "), HasSubstr("x.h:74: ")));
}

TEST(LongFunctionsTest, LambdasCountWithTheirFunction) {
  const std::string half = "  const auto f = [&](int i) {\n" + Lines(40) + "  };\n";
  EXPECT_THAT(LongFunctions("x.cc", "void F() {\n" + half + half + "}\n"),
              ElementsAre(HasSubstr("x.cc:1: ")));
}

TEST(LongFunctionsTest, TablesAndTypesAreNoFunctions) {
  EXPECT_THAT(LongFunctions("x.cc", "const Row kRows[] = {\n" + Lines(80) + "};\n"), IsEmpty());
  EXPECT_THAT(LongFunctions("x.cc", "enum class E : uint8_t {\n" + Lines(80) + "};\n"), IsEmpty());
  EXPECT_THAT(LongFunctions("x.cc", "#define F(x) { \\\n  (\nint a;\n" + Lines(80)), IsEmpty());
}

TEST(WithoutCommentsTest, KeepsStringsAndLines) {
  EXPECT_EQ(WithoutComments("a // b\n\"// c\" /* d\ne */ f"), "a     \n\"// c\"     \n     f");
  EXPECT_EQ(WithoutComments("'\"' // x"), "'\"'     ");
}

}  // namespace
}  // namespace reserve::architecture
