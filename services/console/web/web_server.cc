#include "services/console/web/web_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/flags/address.h"
#include "common/telemetry/log.h"
#include "common/text/url_text.h"
#include "services/console/embedded/embedded.h"

namespace reserve::console {
namespace {

constexpr size_t kMostBodyBytes = 8192;
// Browsers keep no cookie whose name and value are longer than 4,096 bytes, with its attributes.
constexpr size_t kMostCookieBytes = 4000;
constexpr int kWaitingAPage = 4;  // that is being made
constexpr int kPagesAStream = 4;
constexpr char kFormTokenField[] = "form_token";
constexpr char kStatic[] = "/static/";

// Nothing comes from elsewhere, nothing runs that stands in a page, nobody frames it.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'";

std::vector<std::string> PartsOf(absl::string_view path) {
  return absl::StrSplit(absl::StripPrefix(path, "/"), '/');
}

// Does the pattern fit? Then what stands at its places.
bool Fits(absl::string_view pattern, absl::string_view path, Fields* places) {
  const std::vector<std::string> wanted = PartsOf(pattern);
  const std::vector<std::string> given = PartsOf(path);
  if (wanted.size() != given.size()) return false;
  Fields found;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (absl::StartsWith(wanted[i], ":") && !given[i].empty()) {
      found[wanted[i].substr(1)] = given[i];
    } else if (wanted[i] != given[i]) {
      return false;
    }
  }
  *places = std::move(found);
  return true;
}

std::string TypeOf(absl::string_view name) {
  if (absl::EndsWith(name, ".css")) return "text/css; charset=utf-8";
  if (absl::EndsWith(name, ".js")) return "text/javascript; charset=utf-8";
  return "image/svg+xml";
}

std::string CookieIn(const std::string& header, const std::string& name) {
  for (absl::string_view one : absl::StrSplit(header, ';')) {
    const std::pair<absl::string_view, absl::string_view> cookie =
        absl::StrSplit(absl::StripAsciiWhitespace(one), absl::MaxSplits('=', 1));
    if (cookie.first == name) return std::string(cookie.second);
  }
  return "";
}

Fields FirstValues(const httplib::Params& params) {
  Fields fields;
  for (const auto& [name, value] : params) fields.emplace(name, value);
  return fields;
}

// A place of ours, and no other host's: begins with one slash. Browsers leave out what is no sign
// for people, so that two slashes may come of it.
bool IsOurs(absl::string_view path) {
  return absl::StartsWith(path, "/") && !absl::StartsWith(path, "//") &&
         absl::c_all_of(path, [](char c) { return c > ' ' && c < 0x7f && c != '\\'; });
}

bool IsSame(const Identity& a, const Identity& b) {
  return a.subject == b.subject && a.account_id == b.account_id && a.support == b.support &&
         a.operations == b.operations;
}

}  // namespace

bool IsOrigin(absl::string_view url) {
  const bool tls = absl::ConsumePrefix(&url, "https://");
  if (!tls && !absl::ConsumePrefix(&url, "http://")) return false;
  const bool plain = absl::c_all_of(url, [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) ||
           absl::StrContains("-._:[]", absl::string_view(&c, 1));
  });
  const bool usual_port = absl::EndsWith(url, tls ? ":443" : ":80");
  if (!plain || usual_port || url.empty() || absl::StartsWith(url, ":")) return false;
  return CheckListenAddress("", url, /*may_be_unix=*/false).ok() ||
         CheckListenAddress("", absl::StrCat(url, ":1"), /*may_be_unix=*/false).ok();
}

WebServer::WebServer(WebOptions options, std::vector<Route> routes, DrawRefusal draw_refusal,
                     const KeyFile* keys, prometheus::Registry* registry)
    : options_(std::move(options)),
      routes_(std::move(routes)),
      draw_refusal_(std::move(draw_refusal)),
      keys_(*keys),
      // A browser takes the first name from none but this host itself, by TLS.
      cookie_(absl::StartsWith(options_.public_url, "https://") ? "__Host-reserve" : "reserve"),
      addresses_(options_.max_address_rate),
      refused_tokens_(options_.max_refused_tokens),
      accounts_(options_.max_account_rate),
      requests_(prometheus::BuildCounter()
                    .Name("reserve_console_requests_total")
                    .Help("Requests by page and status.")
                    .Register(*registry)),
      durations_(prometheus::BuildHistogram()
                     .Name("reserve_console_request_seconds")
                     .Help("How long a page took, until its first byte.")
                     .Register(*registry)) {}

WebServer::~WebServer() { Drain(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<WebServer>> WebServer::Start(WebOptions options,
                                                            std::vector<Route> routes,
                                                            DrawRefusal draw_refusal,
                                                            const KeyFile* keys,
                                                            prometheus::Registry* registry) {
  auto web = std::unique_ptr<WebServer>(new WebServer(std::move(options), std::move(routes),
                                                      std::move(draw_refusal), keys, registry));
  web->server_ = std::make_unique<BoundedServer>(
      web->options_.connections,
      [&turned_away = web->requests_.Add({{"page", "none"}, {"status", "503"}})] {
        turned_away.Increment();
      });
  BoundedServer& server = *web->server_;
  server.set_tcp_nodelay(true);
  server.set_payload_max_length(kMostBodyBytes);
  const auto serve = [raw = web.get()](const httplib::Request& request,
                                       httplib::Response& response) {
    raw->Serve(request, response);
  };
  server.Get(".*", serve);
  server.Post(".*", serve);
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, const std::exception_ptr&) {
        Log(Severity::kError, "a page could not be made");
        response = httplib::Response();
        response.status = 500;
      });
  server.set_error_handler(httplib::Server::HandlerWithResponse(
      [raw = web.get()](const httplib::Request& request, httplib::Response& response) {
        return raw->DrawFault(request, response) ? httplib::Server::HandlerResponse::Handled
                                                 : httplib::Server::HandlerResponse::Unhandled;
      }));
  const auto [host, port] = SplitHostAndPort(web->options_.listen);
  if (port == 0) {
    web->port_ = server.bind_to_any_port(host);
  } else if (server.bind_to_port(host, port)) {
    web->port_ = port;
  }
  if (web->port_ <= 0) {
    return absl::UnavailableError(absl::StrCat("can't listen on ", web->options_.listen));
  }
  server.LetWait();
  web->thread_ = std::thread([&server] { server.listen_after_bind(); });
  return web;
}

void WebServer::Drain(absl::Duration timeout) {
  draining_ = true;
  if (!thread_.joinable()) return;
  // Listening begins on the other thread: what is stopped before that would go on.
  while (!server_->is_running()) std::this_thread::yield();
  server_->stop();
  server_->HearNoMore();
  if (!server_->AwaitNone(timeout)) {
    Log(Severity::kWarning, "who is still connected is cut off");
    server_->CutOff();
  }
  thread_.join();
}

std::string WebServer::AddressOf(const httplib::Request& request) const {
  if (!options_.behind_proxy) return request.remote_addr;
  // A proxy may add to the visitor's own line, or a line of its own behind it.
  const size_t lines = request.get_header_value_count("X-Forwarded-For");
  const std::string chain =
      lines == 0 ? std::string() : request.get_header_value("X-Forwarded-For", lines - 1);
  const std::vector<absl::string_view> hops = absl::StrSplit(chain, ',');
  const absl::string_view last = absl::StripAsciiWhitespace(hops.back());
  return last.empty() ? request.remote_addr : std::string(last);
}

std::string WebServer::Cookie(const std::string& value, int64_t seconds) const {
  return absl::StrCat(cookie_, "=", value, "; Path=/; Max-Age=", seconds,
                      "; HttpOnly; Secure; SameSite=Lax");
}

void WebServer::Identify(const httplib::Request& request, Visit* visit) {
  const std::string header = request.get_header_value("Authorization");
  const std::string token = absl::StartsWithIgnoreCase(header, "Bearer ")
                                ? std::string(absl::StripAsciiWhitespace(header.substr(7)))
                                : CookieIn(request.get_header_value("Cookie"), cookie_);
  if (token.empty()) return;
  const absl::StatusOr<Identity> who = CheckToken(token, *keys_.Get(), options_.rules, absl::Now());
  if (who.ok()) {
    visit->identity = *who;
    visit->token = token;
    return;
  }
  Log(Severity::kDebug, "a token is refused", {{"why", who.status().message()}});
  refused_tokens_.Take(AddressOf(request), 1, MonotonicNow());
}

// Browsers say where a form comes from; who says nothing is no browser, or an old one, for which
// the form's token must do.
bool WebServer::SentByOurselves(const httplib::Request& request) const {
  const std::string site = request.get_header_value("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin") return false;
  const std::string origin = request.get_header_value("Origin");
  return origin.empty() || origin == options_.public_url;
}

Reply WebServer::Enter(const httplib::Request& request, Visit visit) {
  const Fields link = visit.asked;
  const absl::StatusOr<Identity> who =
      CheckToken(FieldIn(link, "token"), *keys_.Get(), options_.rules, absl::Now());
  Identify(request, &visit);
  if (!who.ok() || !visit.identity.has_value() || IsSame(*who, *visit.identity)) {
    return EnterBy(request, visit, link);
  }
  // Whoever sent the link may want the visitor to take another's account for his own.
  return SeeOther(absl::StrCat("/switch?token=", UrlText(FieldIn(link, "token")),
                               "&to=", UrlText(FieldIn(link, "to"))));
}

Reply WebServer::EnterBy(const httplib::Request& request, const Visit& visit, const Fields& link) {
  const std::string token = FieldIn(link, "token");
  const absl::StatusOr<Identity> who = CheckToken(token, *keys_.Get(), options_.rules, absl::Now());
  if (!who.ok()) {
    Log(Severity::kDebug, "a link is refused", {{"why", who.status().message()}});
    refused_tokens_.Take(AddressOf(request), 1, MonotonicNow());
    return draw_refusal_(visit, 401, "refused_link");
  }
  if (cookie_.size() + 1 + token.size() > kMostCookieBytes) {
    Log(Severity::kWarning, "a link's token is too long for a cookie", {{"bytes", token.size()}});
    return draw_refusal_(visit, 400, "refused_long_link");
  }
  const int64_t seconds =
      std::max<int64_t>(1, absl::ToInt64Seconds(who->expire_time - absl::Now()));
  const std::string wanted = FieldIn(link, "to");
  Reply reply = SeeOther(IsOurs(wanted) ? wanted : "/");
  reply.headers.emplace_back("Set-Cookie", Cookie(token, seconds));
  return reply;
}

Reply WebServer::Leave(const Visit& visit) const {
  Reply reply = draw_refusal_(visit, 200, "left");
  reply.headers.emplace_back("Set-Cookie", Cookie("", 0));
  return reply;
}

Reply WebServer::AnswerRoute(const httplib::Request& request, const Route& route, Visit visit) {
  switch (Judge(route.door, visit.identity, visit.place("account"))) {
    case Verdict::kLetIn:
      break;
    case Verdict::kNotKnown:
      return draw_refusal_(visit, 401, "refused_unknown");
    case Verdict::kForbidden:
      return draw_refusal_(visit, 403, "refused_forbidden");
  }
  const bool post = route.method == "POST";
  if (post) {
    if (!SentByOurselves(request)) return draw_refusal_(visit, 403, "refused_elsewhere");
    if (!IsFormToken(FieldIn(visit.form, kFormTokenField), visit.token, "form")) {
      return draw_refusal_(visit, 403, "refused_form");
    }
  }
  if (ComesTooOften(route, visit)) return draw_refusal_(visit, 429, "refused_often");
  if (post && visit.identity->account_id.empty()) {
    // What the customer's own forms do is booked as the customer's: here it says who it was.
    Log(Severity::kInfo, "a form of staff",
        {{"who", visit.identity->subject},
         {"form", route.pattern},
         {"account_id", visit.place("account")}});
  }
  if (post && route.pattern == "/leave") return Leave(visit);
  if (post && route.pattern == "/switch") return EnterBy(request, visit, visit.form);
  return route.handler(visit);
}

bool WebServer::ComesTooOften(const Route& route, const Visit& visit) {
  if (!visit.identity.has_value() || (route.method != "POST" && !route.counted)) return false;
  const Identity& who = *visit.identity;
  const std::string whose =
      who.account_id.empty() ? absl::StrCat("s ", who.subject) : absl::StrCat("a ", who.account_id);
  return accounts_.Take(whose, 1, MonotonicNow()) > absl::ZeroDuration();
}

Reply WebServer::Answer(const httplib::Request& request, Visit visit, std::string* page) {
  const std::string address = AddressOf(request);
  const Moment now = MonotonicNow();
  if (addresses_.Take(address, 1, now) > absl::ZeroDuration() ||
      refused_tokens_.Take(address, 0, now) > absl::ZeroDuration()) {
    return draw_refusal_(visit, 429, "refused_often");
  }
  if (request.method == "GET" && request.path == "/enter") {
    *page = "/enter";
    return Enter(request, std::move(visit));
  }
  bool other_method = false;
  for (const Route& route : routes_) {
    Fields places;
    if (!Fits(route.pattern, request.path, &places)) continue;
    if (route.method != request.method && !(route.method == "GET" && request.method == "HEAD")) {
      other_method = true;
      continue;
    }
    *page = absl::StrCat(route.method, " ", route.pattern);
    visit.places = std::move(places);
    Identify(request, &visit);
    return AnswerRoute(request, route, std::move(visit));
  }
  return other_method ? draw_refusal_(visit, 405, "refused_method")
                      : draw_refusal_(visit, 404, "refused_missing");
}

Reply WebServer::AnswerInTurn(const httplib::Request& request, const Visit& visit,
                              std::string* page) {
  {
    const absl::MutexLock lock(&mutex_);
    if (making_ >= options_.threads && waiting_ >= options_.threads * kWaitingAPage) {
      return draw_refusal_(visit, 503, "refused_busy");
    }
    const auto is_turn = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return making_ < options_.threads;
    };
    ++waiting_;
    mutex_.Await(absl::Condition(&is_turn));
    --waiting_;
    ++making_;
  }
  const auto done = absl::MakeCleanup([this] {
    const absl::MutexLock lock(&mutex_);
    --making_;
  });
  return Answer(request, visit, page);
}

void WebServer::SetHeaders(httplib::Response& response) const {
  response.set_header("Content-Security-Policy", kContentSecurityPolicy);
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "same-origin");
  response.set_header("Cross-Origin-Opener-Policy", "same-origin");
  if (absl::StartsWith(options_.public_url, "https://")) {
    response.set_header("Strict-Transport-Security", "max-age=31536000");
  }
}

bool WebServer::DrawFault(const httplib::Request& request, httplib::Response& response) const {
  if (!response.body.empty()) return false;
  Visit visit;
  visit.path = request.path;
  visit.accept_language = request.get_header_value("Accept-Language");
  const std::string why = response.status == 413   ? "refused_large"
                          : response.status >= 500 ? "refused_broken"
                                                   : "refused_malformed";
  const Reply reply = draw_refusal_(visit, response.status, why);
  SetHeaders(response);
  response.set_header("Cache-Control", "no-store");
  response.set_content(reply.body, reply.content_type);
  requests_.Add({{"page", "none"}, {"status", absl::StrCat(response.status)}}).Increment();
  return true;
}

// Pieces of an answer are made as the reader takes them, so that few may be on their way at once.
void WebServer::SendPieces(Reply reply, httplib::Response& response) {
  const std::shared_ptr<void> streaming(nullptr, [streams = streams_](void*) { --*streams; });
  response.set_chunked_content_provider(
      reply.content_type,
      [this, streaming, next = std::move(reply.next_piece)](size_t, httplib::DataSink& sink) {
        const std::optional<std::string> piece = draining_ ? std::nullopt : next();
        if (piece.has_value()) return piece->empty() || sink.write(piece->data(), piece->size());
        if (draining_) return false;
        sink.done();
        return true;
      });
}

void WebServer::Serve(const httplib::Request& request, httplib::Response& response) {
  const Moment begin = MonotonicNow();
  SetHeaders(response);
  if (absl::StartsWith(request.path, kStatic)) {
    const absl::string_view name = absl::StripPrefix(request.path, kStatic);
    if (const auto content = embedded::Find(absl::StrCat("static/", name)); content.has_value()) {
      response.set_header("Cache-Control", "public, max-age=3600");
      response.set_content(content->data(), content->size(), TypeOf(name));
      return;
    }
  }
  Visit visit;
  visit.path = request.path;
  const size_t question = request.target.find('?');
  if (question != std::string::npos) visit.query = request.target.substr(question + 1);
  // The library puts what a form says among what the address says.
  const bool post = request.method == "POST";
  (post ? visit.form : visit.asked) = FirstValues(request.params);
  visit.accept_language = request.get_header_value("Accept-Language");
  std::string page = "none";
  Reply reply = AnswerInTurn(request, visit, &page);
  if (reply.next_piece != nullptr && ++*streams_ > std::max(1, options_.threads / kPagesAStream)) {
    --*streams_;
    reply = draw_refusal_(visit, 503, "refused_busy");
  }
  response.status = reply.status;
  response.set_header("Cache-Control", "no-store");
  if (reply.status == 429 || reply.status == 503) response.set_header("Retry-After", "1");
  for (const auto& [name, value] : reply.headers) response.set_header(name, value);
  requests_.Add({{"page", page}, {"status", absl::StrCat(reply.status)}}).Increment();
  durations_
      .Add({{"page", page}},
           prometheus::Histogram::BucketBoundaries{0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10})
      .Observe(absl::ToDoubleSeconds(MonotonicNow() - begin));
  if (reply.next_piece != nullptr) {
    SendPieces(std::move(reply), response);
  } else {
    response.set_content(reply.body, reply.content_type);
  }
}

}  // namespace reserve::console
