#include "tests/e2e/console_process.h"

#include <httplib.h>

#include <fstream>
#include <regex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/support/free_port.h"

namespace reserve::e2e {
namespace {

constexpr absl::Duration kStart = absl::Seconds(30);
constexpr int kPatienceSeconds = 30;

httplib::Headers HeadersOf(const std::string& token, const WebFields& more) {
  httplib::Headers headers(more.begin(), more.end());
  if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
  return headers;
}

WebAnswer AnswerOf(const httplib::Result& result) {
  if (!result) return {};
  WebAnswer answer{result->status, result->body, {}};
  for (const auto& [name, value] : result->headers) answer.headers.emplace(name, value);
  return answer;
}

}  // namespace

std::string WebAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string HiddenIn(const std::string& page, const std::string& name) {
  const std::regex field("name=\"" + name + "\" value=\"([^\"]*)\"");
  std::smatch match;
  return std::regex_search(page, match, field) ? match[1].str() : "";
}

absl::StatusOr<std::unique_ptr<ConsoleProcess>> ConsoleProcess::Start(
    const Stack& stack, const std::vector<std::string>& flags) {
  return StartBefore(stack.ledger_address(), stack.folder(), flags);
}

absl::StatusOr<std::unique_ptr<ConsoleProcess>> ConsoleProcess::StartBefore(
    const std::string& ledger, const std::string& folder, const std::vector<std::string>& flags) {
  auto console = std::unique_ptr<ConsoleProcess>(new ConsoleProcess());
  const std::string jwks = absl::StrCat(folder, "/jwks-", test_support::FreePort());
  std::ofstream(jwks) << console->provider_.Jwks();
  console->port_ = test_support::FreePort();
  console->metrics_port_ = test_support::FreePort();
  console->url_ = absl::StrCat("http://127.0.0.1:", console->port_);
  std::vector<std::string> args = {
      absl::StrCat("--listen=127.0.0.1:", console->port_),
      absl::StrCat("--metrics_listen=127.0.0.1:", console->metrics_port_),
      "--ledger=" + ledger,
      "--jwks_file=" + jwks,
      absl::StrCat("--token_audience=", test_support::kTestAudience),
      "--public_url=" + console->url_};
  args.insert(args.end(), flags.begin(), flags.end());
  RESERVE_ASSIGN_OR_RETURN(console->process_,
                           test_support::Subprocess::Start({.program = "console", .args = args}));
  RESERVE_RETURN_IF_ERROR(console->process_->WaitForOutput("listening", kStart).status());
  return console;
}

WebAnswer ConsoleProcess::Get(const std::string& path, const std::string& token,
                              const WebFields& headers) const {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(kPatienceSeconds);
  return AnswerOf(client.Get(path, HeadersOf(token, headers)));
}

WebAnswer ConsoleProcess::Post(const std::string& path, const std::string& token,
                               const WebFields& fields, const WebFields& headers) const {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(kPatienceSeconds);
  return AnswerOf(
      client.Post(path, HeadersOf(token, headers), httplib::Params(fields.begin(), fields.end())));
}

WebAnswer ConsoleProcess::Send(const std::string& page, const std::string& path,
                               const std::string& token, WebFields fields) const {
  const std::string body = Get(page, token).body;
  for (const std::string name : {"form_token", "request_id", "etag"}) {
    fields.emplace(name, HiddenIn(body, name));
  }
  return Post(path, token, fields);
}

}  // namespace reserve::e2e
