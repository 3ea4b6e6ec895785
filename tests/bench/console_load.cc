#include "tests/bench/console_load.h"

#include <httplib.h>

#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "tests/bench/window.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_provider.h"

namespace reserve::bench {
namespace {

using test_support::Subprocess;
using test_support::TestProvider;

constexpr absl::Duration kStart = absl::Seconds(30);
constexpr int kPatienceSeconds = 60;
constexpr int kDays = 22;  // of the month that have calls

class Reader {
 public:
  Reader(int port, std::string token) : client_("127.0.0.1", port), token_(std::move(token)) {
    client_.set_read_timeout(kPatienceSeconds);
  }

  // The page, and how long it took.
  absl::StatusOr<std::string> Read(const std::string& path, std::vector<double>* ms) {
    const absl::Time begin = absl::Now();
    const auto result = client_.Get(path, {{"Authorization", "Bearer " + token_}});
    const double took = absl::ToDoubleMilliseconds(absl::Now() - begin);
    if (!result || result->status != 200) {
      return absl::InternalError(absl::StrCat(path, ": ", result ? result->status : 0));
    }
    if (ms != nullptr) ms->push_back(took);
    return result->body;
  }

 private:
  httplib::Client client_;
  const std::string token_;
};

// The address of the next page; empty at the end.
std::string NextIn(const std::string& page) {
  const std::string mark = "rel=\"next\" href=\"";
  const size_t at = page.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  return absl::StrReplaceAll(page.substr(begin, page.find('"', begin) - begin), {{"&amp;", "&"}});
}

absl::StatusOr<std::unique_ptr<Subprocess>> StartConsole(const std::string& ledger,
                                                         const TestProvider& provider, int port) {
  const std::string jwks = absl::StrCat(test_support::BuildDir(), "/bench-jwks-", port, ".json");
  std::ofstream(jwks) << provider.Jwks();
  RESERVE_ASSIGN_OR_RETURN(
      auto console,
      Subprocess::Start({.program = "console",
                         .args = {absl::StrCat("--listen=127.0.0.1:", port), "--ledger=" + ledger,
                                  "--jwks_file=" + jwks,
                                  absl::StrCat("--token_audience=", test_support::kTestAudience),
                                  "--max_address_rate=0", "--max_account_rate=0"}}));
  RESERVE_RETURN_IF_ERROR(console->WaitForOutput("listening", kStart).status());
  return console;
}

}  // namespace

absl::StatusOr<ConsolePages> ReadConsolePages(const std::string& ledger,
                                              const std::string& account_id, size_t first,
                                              size_t next,
                                              const std::function<absl::Status()>& warmed) {
  const TestProvider provider;
  const int port = test_support::FreePort();
  RESERVE_ASSIGN_OR_RETURN(const auto console, StartConsole(ledger, provider, port));
  Reader reader(port, provider.ForCustomer(account_id));
  const std::string path = absl::StrCat("/a/", account_id, "/calls");
  RESERVE_RETURN_IF_ERROR(reader.Read(path, nullptr).status());
  RESERVE_RETURN_IF_ERROR(warmed());
  ConsolePages pages;
  pages.bytes_before = ResidentBytes(console->pid());
  const absl::CivilMonth month = absl::ToCivilMonth(absl::Now(), absl::UTCTimeZone());
  while (pages.first_ms.size() < first) {
    const auto i = static_cast<int>(pages.first_ms.size());
    const std::string day = absl::FormatCivilTime(absl::CivilDay(month) + i / 2 % kDays);
    const std::string days = i % 2 == 0 ? "" : absl::StrCat("?from=", day, "&to=", day);
    RESERVE_RETURN_IF_ERROR(reader.Read(path + days, &pages.first_ms).status());
  }
  RESERVE_ASSIGN_OR_RETURN(std::string page, reader.Read(path, nullptr));
  for (std::string at = NextIn(page); !at.empty() && pages.next_ms.size() < next;
       at = NextIn(page)) {
    RESERVE_ASSIGN_OR_RETURN(page, reader.Read(at, &pages.next_ms));
  }
  if (pages.next_ms.empty()) return absl::InternalError("the history has one page");
  pages.bytes_after = ResidentBytes(console->pid());
  return pages;
}

}  // namespace reserve::bench
