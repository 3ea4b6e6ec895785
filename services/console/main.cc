// console: the pages of customers and of support, in front of a ledger.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/flags/flags.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/health_port.h"
#include "common/rpc/port_file.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/shutdown_signal.h"
#include "common/telemetry/log.h"
#include "common/telemetry/telemetry_flags.h"
#include "services/console/identity/key_file.h"
#include "services/console/ledger_client.h"
#include "services/console/pages/languages.h"
#include "services/console/web/web_server.h"

ABSL_DECLARE_FLAG(std::string, port_file);  // of common/rpc/rpc_flags
ABSL_FLAG(std::string, listen, "127.0.0.1:8080", "host:port to serve the pages on, by plain HTTP.");
ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "Where the ledger serves.");
ABSL_FLAG(std::string, public_url, "",
          "Where readers find the pages, like https://pages.example.org; empty: http:// and "
          "--listen.");
ABSL_FLAG(std::string, jwks_file, "",
          "The identity provider's public keys, a JWKS. Read again when it changes.");
ABSL_FLAG(std::string, token_audience, "", "What a token must have as its audience; must be set.");
ABSL_FLAG(std::string, token_issuer, "",
          "What a token must have as its issuer; empty: any whose key is in --jwks_file.");
ABSL_FLAG(std::string, card_page, "",
          "The gateway's page on which a card is given; empty: cards can't be given here.");
ABSL_FLAG(bool, public_prices, false, "Anybody may see the list of prices, at /prices.");
ABSL_FLAG(std::string, currency, "USD", "The currency of the public list of prices.");
ABSL_FLAG(bool, behind_proxy, false,
          "A proxy stands in front that ends TLS: serve plain HTTP to other machines, and take the "
          "last address of X-Forwarded-For for the reader's.");
ABSL_FLAG(int32_t, web_threads, 32,
          "Pages that are made at once, 2 to 512; four times as many wait for their turn.");
ABSL_FLAG(
    double, max_address_rate, 20,
    "The most requests a second from one address; what is more is told to wait. 0: no limit.");
ABSL_FLAG(double, max_account_rate, 5,
          "The most forms a second of one account, or of one of support. 0: no limit.");

namespace reserve::console {
namespace {

// The gateway's page, which may have a path.
bool IsWebAddress(absl::string_view url) {
  return (absl::StartsWith(url, "https://") || absl::StartsWith(url, "http://")) &&
         !absl::EndsWith(url, "/") && !absl::StrContains(url, ' ');
}

absl::Status CheckOwnFlags() {
  const std::string listen = absl::GetFlag(FLAGS_listen);
  RESERVE_RETURN_IF_ERROR(CheckListenAddress("--listen", listen, /*may_be_unix=*/false));
  if (!absl::GetFlag(FLAGS_behind_proxy) && !IsLoopback(listen)) {
    return InvalidField("--listen",
                        absl::StrCat("'", listen,
                                     "' is not this machine's own address: pages are plain HTTP, "
                                     "for a proxy that ends TLS (--behind_proxy)"));
  }
  RESERVE_RETURN_IF_ERROR(CheckTarget("--ledger", absl::GetFlag(FLAGS_ledger)));
  RESERVE_RETURN_IF_ERROR(CheckPlaintext("--ledger", absl::GetFlag(FLAGS_ledger)));
  const std::string url = absl::GetFlag(FLAGS_public_url);
  if (!url.empty() && !IsOrigin(url)) {
    return InvalidField("--public_url",
                        "must be like https://pages.example.org: a host in lower case, without a "
                        "path and without the usual port");
  }
  const std::string card_page = absl::GetFlag(FLAGS_card_page);
  if (!card_page.empty() && !IsWebAddress(card_page)) {
    return InvalidField("--card_page", "must be like https://gateway.example.org/card");
  }
  if (absl::GetFlag(FLAGS_jwks_file).empty()) {
    return InvalidField("--jwks_file", "must be set: without keys nobody is known");
  }
  if (absl::GetFlag(FLAGS_token_audience).empty()) {
    return InvalidField("--token_audience", "must be set: a token for anybody is for nobody");
  }
  if (!IsCurrency(absl::GetFlag(FLAGS_currency))) {
    return InvalidField("--currency", "must be of ISO 4217, like USD");
  }
  const int threads = absl::GetFlag(FLAGS_web_threads);
  if (threads < 2 || threads > 512) return InvalidField("--web_threads", "must be 2 to 512");
  if (!(absl::GetFlag(FLAGS_max_address_rate) >= 0)) {
    return InvalidField("--max_address_rate", "must not be negative");
  }
  if (!(absl::GetFlag(FLAGS_max_account_rate) >= 0)) {
    return InvalidField("--max_account_rate", "must not be negative");
  }
  return absl::OkStatus();
}

WebOptions WebOptionsFromFlags() {
  WebOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.public_url = absl::GetFlag(FLAGS_public_url);
  options.behind_proxy = absl::GetFlag(FLAGS_behind_proxy);
  options.threads = absl::GetFlag(FLAGS_web_threads);
  options.max_address_rate = absl::GetFlag(FLAGS_max_address_rate);
  options.max_account_rate = absl::GetFlag(FLAGS_max_account_rate);
  options.rules = {.audience = absl::GetFlag(FLAGS_token_audience),
                   .issuer = absl::GetFlag(FLAGS_token_issuer)};
  if (options.public_url.empty()) options.public_url = absl::StrCat("http://", options.listen);
  return options;
}

absl::Status Run(ShutdownSignal* signal) {
  RESERVE_RETURN_IF_ERROR(CheckRpcFlags());
  RESERVE_RETURN_IF_ERROR(CheckOwnFlags());
  RESERVE_ASSIGN_OR_RETURN(const auto metrics, StartTelemetry());
  ChannelOptions channel_options = ChannelOptionsFromFlags();
  RESERVE_ASSIGN_OR_RETURN(channel_options.identity, TlsIdentityFromFlags(metrics->registry()));
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), channel_options));
  RESERVE_ASSIGN_OR_RETURN(const auto keys,
                           KeyFile::Open(absl::GetFlag(FLAGS_jwks_file), metrics->registry()));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<HealthPort> health, StartHealthPort());
  const LedgerClient ledger(channel);
  WebOptions web_options = WebOptionsFromFlags();
  RESERVE_ASSIGN_OR_RETURN(
      const Languages languages,
      Languages::Read(&ledger, {.public_url = web_options.public_url,
                                .card_page = absl::GetFlag(FLAGS_card_page),
                                .public_prices = absl::GetFlag(FLAGS_public_prices),
                                .currency = absl::GetFlag(FLAGS_currency)}));
  const auto refuse = [&languages](const Visit& visit, int status, const std::string& why) {
    return languages.For(visit.accept_language).Refusal(visit, status, why);
  };
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<WebServer> web,
                           WebServer::Start(std::move(web_options), languages.Routes(), refuse,
                                            keys.get(), &metrics->registry()));
  if (const std::string path = absl::GetFlag(FLAGS_port_file); !path.empty()) {
    RESERVE_RETURN_IF_ERROR(WritePortFile(path, web->port()));
  }
  health->SetReady(true);
  Log(Severity::kInfo, "listening",
      {{"port", web->port()},
       {"ledger", absl::GetFlag(FLAGS_ledger)},
       {"health_port", health->port()},
       {"metrics_port", metrics->port()}});
  Log(Severity::kInfo, "draining", {{"signal", signal->Wait()}});
  health->SetReady(false);
  web->Drain(DrainTimeoutFromFlags());
  return absl::OkStatus();
}

}  // namespace
}  // namespace reserve::console

int main(int argc, char* argv[]) {
  reserve::ShutdownSignal signal;
  const std::vector<std::string> arguments = reserve::ParseFlags(
      argc, argv,
      {.usage = "console [flags]\n  Serves the pages of customers and of support: billing, call "
                "history, prices. What it needs to know of them is in docs/CONSOLE.md."});
  if (!arguments.empty()) {
    std::fprintf(stderr, "ERROR: unexpected argument '%s'\n", arguments.front().c_str());
    return reserve::kExitUsage;
  }
  const absl::Status status = reserve::console::Run(&signal);
  if (!status.ok()) {
    reserve::Log(reserve::Severity::kError, "can't serve", {{"error", status.message()}});
  }
  return reserve::ExitCodeOf(status);
}
