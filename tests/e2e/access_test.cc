// Who may call what: every method of the real ledger and of the gateway stub, by every role and
// every kind of certificate, over real sockets.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/access/roles.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/health_check.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "reserve/ledger/v1/peers.grpc.pb.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "reserve/ledger/v1/support.grpc.pb.h"
#include "services/gateway_stub/access_table.h"
#include "services/ledger/access/access_table.h"
#include "tests/e2e/console_process.h"
#include "tests/e2e/raw_call.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_authority.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::ContentOf;
using test_support::Subprocess;
using test_support::TestAuthority;
using test_support::TestCertificate;
using test_support::TestDatabase;
using test_support::WaitUntil;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kMayNot[] = "CALLER_MAY_NOT";
constexpr char kUnnamed[] = "CALLER_UNNAMED";

// A caller that is known by the name of its one role.
std::string CallerWith(absl::string_view role) { return absl::StrCat("spiffe://test/", role); }

// The ledger and the gateway stub with TLS, and a roles file with a caller for each role, started
// once for all tests.
class AccessTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = ::testing::TempDir() + "/access-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = new std::string(pattern);
    auto authority = TestAuthority::Create(*folder_, "ca");
    if (absl::IsNotFound(authority.status())) GTEST_SKIP() << authority.status();
    ASSERT_TRUE(authority.ok()) << authority.status();
    authority_ = new TestAuthority(*authority);
    database_ = new TestDatabase();
    server_ = new TestCertificate(Issue("server", "DNS:localhost,IP:127.0.0.1"));
    WriteRoles(AllRoles());
    auto migrate = Subprocess::Start(
        {.program = "ledger", .args = {"migrate", absl::StrCat("--database=", database_->url())}});
    ASSERT_TRUE(migrate.ok()) << migrate.status();
    ASSERT_EQ((*migrate)->Wait(absl::Seconds(60)), 0) << (*migrate)->Stderr();
    ledger_ = StartServer("ledger", {"serve", absl::StrCat("--database=", database_->url())});
    gateway_ = StartServer("gateway_stub", {});
    ASSERT_NE(ledger_, nullptr);
    ASSERT_NE(gateway_, nullptr);
  }

  static void TearDownTestSuite() {
    delete std::exchange(ledger_, nullptr);
    delete std::exchange(gateway_, nullptr);
    delete std::exchange(server_, nullptr);
    delete std::exchange(database_, nullptr);
    delete std::exchange(authority_, nullptr);
    if (folder_ != nullptr) std::filesystem::remove_all(*folder_);
    delete std::exchange(folder_, nullptr);
  }

  void SetUp() override {
    if (ledger_ == nullptr) GTEST_SKIP() << "needs openssl";
  }

  struct Server {
    std::unique_ptr<Subprocess> process;
    int port = 0;
    int metrics_port = 0;
  };

  static int PortIn(const std::string& path) {
    int port = 0;
    WaitUntil([&] { return absl::SimpleAtoi(absl::StripAsciiWhitespace(ContentOf(path)), &port); });
    return port;
  }

  static Server* StartServer(const std::string& program, std::vector<std::string> args,
                             const std::string& name = "",
                             const TestCertificate& certificate = *server_, int port = 0) {
    const std::string port_file = absl::StrCat(*folder_, "/", program, name, ".port");
    const int metrics_port = test_support::FreePort();
    args.insert(args.end(), {absl::StrCat("--listen=127.0.0.1:", port),
                             absl::StrCat("--metrics_listen=127.0.0.1:", metrics_port),
                             absl::StrCat("--port_file=", port_file),
                             absl::StrCat("--roles_file=", *folder_, "/roles"),
                             absl::StrCat("--tls_ca_file=", authority_->ca_file()),
                             absl::StrCat("--tls_certificate_file=", certificate.certificate_file),
                             absl::StrCat("--tls_key_file=", certificate.key_file)});
    auto process = Subprocess::Start({.program = program, .args = std::move(args)});
    if (!process.ok()) return nullptr;
    auto* server = new Server{*std::move(process), PortIn(port_file), metrics_port};
    EXPECT_NE(server->port, 0) << server->process->Stderr();
    return server;
  }

  static std::vector<std::string> AllRoles() {
    std::vector<std::string> lines = {"# everybody"};
    for (const NamedRole& role : kNamedRoles) {
      lines.push_back(absl::StrCat(CallerWith(role.name), " ", role.name));
    }
    lines.push_back("billing.test billing");
    lines.push_back(absl::StrCat(CallerWith("jobs"), " worker operations"));
    lines.push_back(
        "spiffe://test/all switch, billing, support, operations, worker, "
        "gateway_events, auditor, ledger");
    return lines;
  }

  // Whole at once, as a ConfigMap changes.
  static void WriteRoles(const std::vector<std::string>& lines) {
    const std::string path = *folder_ + "/roles";
    std::ofstream(path + ".new") << absl::StrJoin(lines, "\n") << "\n";
    std::filesystem::rename(path + ".new", path);
  }

  static TestCertificate Issue(const std::string& name, const std::string& names,
                               const std::string& common_name = "test", bool expired = false) {
    auto issued = authority_->Issue(name, names, common_name, expired);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? *issued : TestCertificate();
  }

  static TestCertificate CertificateOf(absl::string_view role) {
    return Issue(std::string(role), absl::StrCat("URI:", CallerWith(role)));
  }

  // By the program, as operations do it.
  static void ImportStarterDeck() {
    const TestCertificate operations = CertificateOf("operations");
    auto import = Subprocess::Start(
        {.program = "ledger",
         .args = {"import-rates", "--starter", absl::StrCat("--ledger=localhost:", ledger_->port),
                  absl::StrCat("--tls_ca_file=", authority_->ca_file()),
                  absl::StrCat("--tls_certificate_file=", operations.certificate_file),
                  absl::StrCat("--tls_key_file=", operations.key_file)}});
    ASSERT_TRUE(import.ok()) << import.status();
    ASSERT_EQ((*import)->Wait(absl::Seconds(60)), 0) << (*import)->Stderr();
  }

  // By gRPC alone, as our own channels take no certificate that can't serve.
  static std::shared_ptr<grpc::Channel> ChannelOf(const Server& server,
                                                  const TestCertificate& certificate,
                                                  const std::string& host = "localhost") {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ContentOf(authority_->ca_file());
    options.pem_cert_chain = ContentOf(certificate.certificate_file);
    options.pem_private_key = ContentOf(certificate.key_file);
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride(host);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server.port),
                                     grpc::SslCredentials(options), arguments);
  }

  // What an empty request ends with.
  static absl::Status CallOf(const std::shared_ptr<grpc::Channel>& channel,
                             absl::string_view method,
                             absl::Duration patience = absl::Seconds(20)) {
    return CallRaw(channel, std::string(method), "", patience).status();
  }

  static bool IsLetIn(const absl::Status& status) {
    return !absl::IsPermissionDenied(status) && !absl::IsUnauthenticated(status) &&
           // The caller's and the handshake's: a call that reached a handler is answered.
           !absl::StrContains(status.message(), "failed to connect");
  }

  template <size_t kRows>
  static void ExpectAsTheTableSays(const Server& server, const MethodAccess (&table)[kRows]) {
    for (const NamedRole& role : kNamedRoles) {
      const auto channel = ChannelOf(server, CertificateOf(role.name));
      for (const MethodAccess& row : table) {
        SCOPED_TRACE(absl::StrCat(role.name, " calls ", row.method));
        // This one ends by its deadline.
        const bool endless = absl::EndsWith(row.method, "/WatchEvents");
        const absl::Status status = CallOf(channel, row.method, absl::Seconds(endless ? 1 : 20));
        if (row.roles.Has(role.role)) {
          EXPECT_TRUE(IsLetIn(status)) << status;
          continue;
        }
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
        EXPECT_EQ(ReasonOf(status), kMayNot);
        EXPECT_THAT(std::string(status.message()),
                    AllOf(HasSubstr(absl::StrCat(absl::StripPrefix(row.method, "/"),
                                                 " is for the roles ", NamesOf(row.roles))),
                          HasSubstr(CallerWith(role.name))));
      }
    }
  }

  // What holds of a certificate that is not let in at all.
  template <size_t kRows>
  static void ExpectNobodyIsReached(const std::shared_ptr<grpc::Channel>& channel,
                                    const MethodAccess (&table)[kRows]) {
    for (const MethodAccess& row : table) {
      EXPECT_EQ(CallOf(channel, row.method).code(), absl::StatusCode::kUnavailable) << row.method;
    }
    EXPECT_EQ(CallOf(channel, "/grpc.health.v1.Health/Check").code(),
              absl::StatusCode::kUnavailable);
  }

  static std::string* folder_;
  static TestAuthority* authority_;
  static TestDatabase* database_;
  static TestCertificate* server_;
  static Server* ledger_;
  static Server* gateway_;
};

std::string* AccessTest::folder_ = nullptr;
TestAuthority* AccessTest::authority_ = nullptr;
TestDatabase* AccessTest::database_ = nullptr;
TestCertificate* AccessTest::server_ = nullptr;
AccessTest::Server* AccessTest::ledger_ = nullptr;
AccessTest::Server* AccessTest::gateway_ = nullptr;

TEST_F(AccessTest, EachRoleMayCallWhatItsRowsSayAndNothingElse) {
  ExpectAsTheTableSays(*ledger_, access::kAccessTable);
}

TEST_F(AccessTest, OnlyWorkersChargeAtTheGatewayStub) {
  ExpectAsTheTableSays(*gateway_, gateway_stub::kAccessTable);
}

TEST_F(AccessTest, WithoutACertificateOfTheAuthorityNoMethodIsReached) {
  const auto stranger = TestAuthority::Create(*folder_, "stranger");
  ASSERT_TRUE(stranger.ok()) << stranger.status();
  const std::string all = absl::StrCat("URI:", CallerWith("all"));
  const auto foreign = stranger->Issue("foreign", all);
  ASSERT_TRUE(foreign.ok()) << foreign.status();
  const TestCertificate good = Issue("good", all);
  const TestCertificate ended = Issue("ended", all, "test", true);
  for (const Server* server : {ledger_, gateway_}) {
    const std::map<std::string, std::shared_ptr<grpc::Channel>> refused = {
        {"none", ChannelOf(*server, TestCertificate())},
        {"expired", ChannelOf(*server, ended)},
        {"another authority's", ChannelOf(*server, *foreign)},
        {"right, and the server has another name", ChannelOf(*server, good, "elsewhere.test")},
        {"plain text", grpc::CreateChannel(absl::StrCat("127.0.0.1:", server->port),
                                           grpc::InsecureChannelCredentials())}};
    for (const auto& [which, channel] : refused) {
      SCOPED_TRACE(absl::StrCat(which, server == ledger_ ? "" : ", at the stub"));
      if (server == ledger_) {
        ExpectNobodyIsReached(channel, access::kAccessTable);
      } else {
        ExpectNobodyIsReached(channel, gateway_stub::kAccessTable);
      }
    }
  }
  EXPECT_TRUE(IsLetIn(CallOf(ChannelOf(*ledger_, good), access::kAccessTable[0].method)));
  EXPECT_TRUE(IsLetIn(CallOf(ChannelOf(*gateway_, good), gateway_stub::kAccessTable[0].method)));
  // The ledger has told of each of them apart, and of whom (common/rpc/grpc_log.h).
  for (const char* why : {"no_certificate", "expired", "other_authority", "no_tls"}) {
    const auto told =
        ledger_->process->WaitForOutput(absl::StrCat("\"why\":\"", why, "\""), absl::Seconds(20));
    ASSERT_TRUE(told.ok()) << told.status();
    EXPECT_THAT(*told, HasSubstr("\"peer_one_of\":\"127.0.0.1:"));
  }
}

TEST_F(AccessTest, ACallerIsItsFirstUriElseItsFirstDnsNameAndNeverItsCommonName) {
  constexpr char kList[] = "/reserve.ledger.v1.Accounts/ListAccounts";  // billing's, no switch's
  const auto ends_with = [&](const std::string& file, const std::string& names,
                             const std::string& common_name = "test") {
    return ReasonOf(CallOf(ChannelOf(*ledger_, Issue(file, names, common_name)), kList));
  };
  EXPECT_EQ(ends_with("dns", "DNS:billing.test"), "OK");
  EXPECT_EQ(ends_with("second", "DNS:other.test,DNS:billing.test"), kMayNot);
  EXPECT_EQ(ends_with("both", absl::StrCat("DNS:billing.test,URI:", CallerWith("switch"))),
            kMayNot);
  EXPECT_EQ(
      ends_with("uris", absl::StrCat("URI:", CallerWith("billing"), ",URI:", CallerWith("switch"))),
      "OK");
  EXPECT_EQ(ends_with("common", "", "billing.test"), kUnnamed);
  EXPECT_EQ(ends_with("address", "IP:127.0.0.1", "billing.test"), kUnnamed);
  EXPECT_EQ(ends_with("long", absl::StrCat("URI:spiffe://test/", std::string(200, 'x'))), kUnnamed);
  EXPECT_EQ(ends_with("unknown", "URI:spiffe://test/nobody"), kMayNot);
}

TEST_F(AccessTest, HealthIsOpenAndReflectionForCallersThatAreKnown) {
  const auto nobody = ChannelOf(*ledger_, Issue("nobody", "URI:spiffe://test/nobody"));
  const auto unnamed = ChannelOf(*ledger_, Issue("unnamed", ""));
  const auto known = ChannelOf(*ledger_, CertificateOf("ledger"));
  for (const auto& channel : {nobody, unnamed, known}) {
    const auto serving = IsServing(channel, "", absl::Seconds(10));
    EXPECT_TRUE(serving.ok() && *serving) << serving.status();
  }
  EXPECT_EQ(CallOf(nobody, kReflection).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CallOf(unnamed, kReflection).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(IsLetIn(CallOf(known, kReflection)));
}

TEST_F(AccessTest, WhatIsInNoTableNobodyMayCall) {
  const auto all = ChannelOf(*ledger_, Issue("all", absl::StrCat("URI:", CallerWith("all"))));
  for (const char* method : {"/reserve.ledger.v1.Accounts/DropAll", "/reserve.ledger.v1.Nothing/X",
                             "/reserve.gateway.v1.PaymentGateway/Charge"}) {
    EXPECT_EQ(CallOf(all, method).code(), absl::StatusCode::kUnimplemented) << method;
  }
}

TEST_F(AccessTest, ARefusalIsLoggedWithCallerAndPeerAndOnceAMinute) {
  const auto channel = ChannelOf(*ledger_, Issue("told", "URI:spiffe://test/told"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(IsLetIn(CallOf(channel, "/reserve.ledger.v1.Support/AdjustBalance")));
  }
  std::vector<std::string> lines;
  for (const std::string& line : LinesOf(ledger_->process->Stderr())) {
    if (absl::StrContains(line, "spiffe://test/told")) lines.push_back(line);
  }
  ASSERT_EQ(lines.size(), 1);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("refused at the door"),
                              HasSubstr("reserve.ledger.v1.Support/AdjustBalance"),
                              HasSubstr("PERMISSION_DENIED"), HasSubstr("127.0.0.1")));
  EXPECT_THAT(test_support::HttpGet(ledger_->metrics_port, "/metrics"),
              HasSubstr("reserve_door_refusals_total{code=\"PERMISSION_DENIED\",method="
                        "\"reserve.ledger.v1.Support/AdjustBalance\"}"));
}

TEST_F(AccessTest, ACallerWhoComesTooOftenIsRefusedByNameAndNobodyElseIs) {
  const std::unique_ptr<Server> ledger(StartServer(
      "ledger", {"serve", absl::StrCat("--database=", database_->url()), "--max_caller_rate=3"},
      "-with-rates"));
  ASSERT_NE(ledger, nullptr);
  constexpr char kMethod[] = "/reserve.ledger.v1.Accounts/GetAccount";
  const auto billing = ChannelOf(*ledger, CertificateOf("billing"));
  const auto support = ChannelOf(*ledger, CertificateOf("support"));
  absl::Status refused;
  WaitUntil([&] {
    refused = CallOf(billing, kMethod);
    return absl::IsResourceExhausted(refused);
  });
  EXPECT_EQ(ReasonOf(refused), "CALLER_RATE_EXCEEDED");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("spiffe://test/billing"));
  EXPECT_EQ(ReasonOf(CallOf(support, kMethod)), "INVALID_FIELD");
}

TEST_F(AccessTest, ARoleThatIsTakenAwayEndsItsCallersStreamsAndABadFileChangesNothing) {
  const auto channel = ChannelOf(*ledger_, CertificateOf("auditor"));
  const auto stub = pb::Events::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
  const auto stream = stub->WatchEvents(&context, pb::WatchEventsRequest());
  // A bad file: the last good one stays, and that is said once.
  WriteRoles({"spiffe://test/auditor auditor", "spiffe://test/other auditr"});
  const auto told = ledger_->process->WaitForOutput("the roles file is bad", absl::Seconds(30));
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_THAT(*told, HasSubstr("line 2: \\\"auditr\\\" is none of the roles switch, billing"));
  EXPECT_TRUE(IsLetIn(CallOf(channel, "/reserve.ledger.v1.Accounts/ListEntries")));
  // A good one without the role.
  std::vector<std::string> lines = AllRoles();
  for (std::string& line : lines) {
    if (absl::StartsWith(line, CallerWith("auditor"))) line = CallerWith("auditor") + " worker";
  }
  WriteRoles(lines);
  pb::WatchEventsResponse message;
  while (stream->Read(&message)) {
  }
  const absl::Status ended = FromGrpcStatus(stream->Finish());
  EXPECT_EQ(ReasonOf(ended), kMayNot) << ended;
  EXPECT_EQ(ReasonOf(CallOf(channel, "/reserve.ledger.v1.Accounts/ListEntries")), kMayNot);
  WriteRoles(AllRoles());
  EXPECT_TRUE(
      WaitUntil([&] { return IsLetIn(CallOf(channel, "/reserve.ledger.v1.Accounts/ListEntries")); },
                absl::Seconds(30), absl::Milliseconds(200)));
}

// Ledgers that share the accounts of the database, each with a certificate of these names.
class PeersWithTlsTest : public AccessTest {
 protected:
  void SetUp() override {
    AccessTest::SetUp();
    if (IsSkipped()) return;
    ImportStarterDeck();
  }

  static std::unique_ptr<Server> StartPeer(const std::string& name, const std::string& names) {
    const int port = test_support::FreePort();
    std::unique_ptr<Server> ledger(
        StartServer("ledger",
                    {"serve", absl::StrCat("--database=", database_->url()),
                     absl::StrCat("--peer_address=localhost:", port)},
                    name, Issue(name, names), port));
    return ledger;
  }

  static pb::SharingStatus SharingOf(const Server& ledger) {
    const auto audit = pb::Audit::NewStub(ChannelOf(ledger, CertificateOf("operations")));
    const auto status = Call(*audit, &pb::Audit::Stub::GetStatus, pb::GetStatusRequest());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->sharing() : pb::SharingStatus();
  }

  // How many ranges are of the other, as the one sees it.
  static int RangesOf(const Server& other, const Server& one) {
    const auto stub = pb::Ledger::NewStub(ChannelOf(one, CertificateOf("all")));
    const auto ranges =
        Call(*stub, &pb::Ledger::Stub::GetAccountRanges, pb::GetAccountRangesRequest());
    EXPECT_TRUE(ranges.ok()) << ranges.status();
    if (!ranges.ok()) return 0;
    int count = 0;
    for (const pb::AccountRange& range : ranges->ranges()) {
      count += range.address() == absl::StrCat("localhost:", other.port) ? 1 : 0;
    }
    return count;
  }
  // Both see it so.
  static bool ShareHalfEach(const Server& one, const Server& other) {
    const auto is_so = [&] { return RangesOf(other, one) == 32 && RangesOf(one, other) == 32; };
    return WaitUntil(is_so, absl::Seconds(30), absl::Milliseconds(100));
  }

  // Calls of this name on so many accounts, to one of the ledgers.
  static void RecordAt(const Server& ledger, const std::string& name) {
    const auto channel = ChannelOf(ledger, CertificateOf("all"));
    const auto accounts = pb::Accounts::NewStub(channel);
    const auto usages = pb::Ledger::NewStub(channel);
    for (int i = 0; i < kAccounts; ++i) {
      const std::string id = absl::StrCat("account_id: '", name, "-", i, "' ");
      const auto opened =
          Call(*accounts, &pb::Accounts::Stub::OpenAccount, Parse<pb::OpenAccountRequest>(id));
      ASSERT_TRUE(opened.ok()) << opened.status();
      const auto usage = Parse<pb::RecordUsageRequest>(absl::StrCat(
          id, "usage { usage_id: 'call' user_id: 'u' start_time { seconds: 1790000000 } call { ",
          "direction: DIRECTION_OUTBOUND destination: '+12125550100' duration { seconds: 60 } } "
          "}"));
      const auto booked = Call(*usages, &pb::Ledger::Stub::RecordUsage, usage);
      ASSERT_TRUE(booked.ok()) << booked.status();
      EXPECT_FALSE(booked->duplicate());
    }
  }

  static constexpr int kAccounts = 20;  // both ledgers have some, but in one of 500,000 runs
};

TEST_F(PeersWithTlsTest, TheyPassOnUnderTheirOwnCertificates) {
  const std::string names = absl::StrCat("DNS:localhost,URI:", CallerWith("ledger"));
  const std::unique_ptr<Server> one = StartPeer("peer-1", names);
  const std::unique_ptr<Server> other = StartPeer("peer-2", names);
  ASSERT_TRUE(one != nullptr && other != nullptr);
  ASSERT_TRUE(ShareHalfEach(*one, *other));
  RecordAt(*one, "both-may");
  EXPECT_GT(SharingOf(*one).passed_on(), 0);
  EXPECT_EQ(SharingOf(*one).done_in_place(), 0) << one->process->Stderr();
}

// Its role is missing: what it would pass on it does itself, and says why.
TEST_F(PeersWithTlsTest, OneThatMayNotPassOnDoesAllOfItItself) {
  const std::unique_ptr<Server> one =
      StartPeer("stranger", absl::StrCat("DNS:localhost,URI:", CallerWith("billing")));
  const std::unique_ptr<Server> other =
      StartPeer("peer-3", absl::StrCat("DNS:localhost,URI:", CallerWith("ledger")));
  ASSERT_TRUE(one != nullptr && other != nullptr);
  ASSERT_TRUE(ShareHalfEach(*one, *other));
  RecordAt(*one, "one-may-not");
  EXPECT_GT(SharingOf(*one).done_in_place(), 0) << one->process->Stderr();
  const auto told =
      other->process->WaitForOutput("reserve.ledger.v1.Peers/PassOn", absl::Seconds(20));
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_THAT(*told, HasSubstr(CallerWith("billing")));
}

// A stream that is open, past its door: reads what comes, and says how it ended.
using Ending = std::function<absl::Status()>;

// What every stream of the test below is opened with.
struct Opening {
  std::shared_ptr<grpc::Channel> channel;
  grpc::ClientContext* context;
};

template <typename Stream, typename Message>
absl::Status EndOf(Stream& stream) {
  Message message;
  while (stream.Read(&message)) {
  }
  return FromGrpcStatus(stream.Finish());
}

// A stream of both, whose first message is answered.
template <typename Stub, typename Request, typename Response>
Ending OpenBoth(const Opening& opening,
                std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> (Stub::*method)(
                    grpc::ClientContext*),
                const std::string& request) {
  const auto stub = std::make_shared<Stub>(opening.channel);
  const auto stream = std::shared_ptr((stub.get()->*method)(opening.context));
  EXPECT_TRUE(stream->Write(Parse<Request>(request)));
  Response answered;
  EXPECT_TRUE(stream->Read(&answered));
  return [stub, stream] {
    return EndOf<grpc::ClientReaderWriter<Request, Response>, Response>(*stream);
  };
}

Ending OpenImport(const Opening& opening) {
  const std::shared_ptr<pb::Rates::Stub> stub = pb::Rates::NewStub(opening.channel);
  const auto response = std::make_shared<pb::ImportRateDeckResponse>();
  const auto stream = std::shared_ptr(stub->ImportRateDeck(opening.context, response.get()));
  EXPECT_TRUE(stream->Write(Parse<pb::ImportRateDeckRequest>("header { name: 'half' }")));
  // Nothing more is sent.
  return [stub, response, stream] { return FromGrpcStatus(stream->Finish()); };
}

// A stream of what the server has to say.
template <typename Stub, typename Request, typename Response>
Ending OpenReader(const Opening& opening,
                  std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                      grpc::ClientContext*, const Request&),
                  const std::string& request) {
  const auto stub = std::make_shared<Stub>(opening.channel);
  const auto stream =
      std::shared_ptr((stub.get()->*method)(opening.context, Parse<Request>(request)));
  return [stub, stream] { return EndOf<grpc::ClientReader<Response>, Response>(*stream); };
}

struct StreamingMethod {
  const char* role;
  std::function<Ending(const Opening&)> open;
  bool reads_entries = false;
};

// Each method that streams, by the name in the table of who may call what.
std::map<std::string, StreamingMethod> StreamingMethods() {
  return {
      {"/reserve.ledger.v1.Ledger/StreamUsage",
       {"switch",
        [](const Opening& opening) {
          return OpenBoth(opening, &pb::Ledger::Stub::StreamUsage, "sequence: 1");
        }}},
      {"/reserve.ledger.v1.Peers/PassOn",
       {"ledger",
        [](const Opening& opening) { return OpenBoth(opening, &pb::Peers::Stub::PassOn, ""); }}},
      {"/reserve.ledger.v1.Rates/ImportRateDeck", {"operations", OpenImport}},
      {"/reserve.ledger.v1.Rates/RerateUsage",
       {"operations",
        [](const Opening& opening) {
          return OpenReader(opening, &pb::Rates::Stub::RerateUsage,
                            "account_id: 'a' deck_version: 1 reason: 'a test' validate_only: true");
        },
        /*reads_entries=*/true}},
      {"/reserve.ledger.v1.Accounts/Export",
       {"support",
        [](const Opening& opening) {
          return OpenReader(opening, &pb::Accounts::Stub::Export, "kind: EXPORT_KIND_ENTRIES");
        },
        /*reads_entries=*/true}},
      {"/reserve.ledger.v1.Audit/VerifyLedger",
       {"auditor",
        [](const Opening& opening) {
          return OpenReader(opening, &pb::Audit::Stub::VerifyLedger, "");
        },
        /*reads_entries=*/true}},
      {"/reserve.ledger.v1.Events/WatchEvents",
       {"auditor",
        [](const Opening& opening) {
          return OpenReader(opening, &pb::Events::Stub::WatchEvents, "");
        }}},
      {"/reserve.ledger.v1.Recharges/WatchLowBalance",
       {"worker",
        [](const Opening& opening) {
          return OpenReader(opening, &pb::Recharges::Stub::WatchLowBalance,
                            "worker_id: 'w' max_in_flight: 100");
        }}},
  };
}

TEST_F(AccessTest, ARoleThatIsTakenAwayEndsEachKindOfStreamWithinAMinute) {
  const std::unique_ptr<Server> ledger(StartServer(
      "ledger", {"serve", absl::StrCat("--database=", database_->url()), "--bulk_threads=3"},
      "-with-streams"));
  ASSERT_NE(ledger, nullptr);
  ImportStarterDeck();
  // Entries of several accounts, as an audit and an export look between one and the next.
  const auto support = pb::Support::NewStub(ChannelOf(*ledger, CertificateOf("support")));
  const auto accounts = pb::Accounts::NewStub(ChannelOf(*ledger, CertificateOf("billing")));
  for (const std::string id : {"a", "b", "c"}) {
    ASSERT_TRUE(Call(*accounts, &pb::Accounts::Stub::OpenAccount,
                     Parse<pb::OpenAccountRequest>(
                         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa'")))
                    .ok());
    ASSERT_TRUE(Call(*support, &pb::Support::Stub::AdjustBalance,
                     Parse<pb::AdjustBalanceRequest>(
                         absl::StrCat("account_id: '", id, "' request_id: 'r' reason: 'a test' ",
                                      "amount { currency_code: 'USD' units: 1 }")))
                    .ok());
  }
  const std::map<std::string, StreamingMethod> methods = StreamingMethods();
  auto held = std::make_unique<test_support::TableLock>(*database_, "entries");
  std::map<std::string, grpc::ClientContext> contexts;
  std::map<std::string, Ending> streams;
  for (const MethodAccess& row : access::kAccessTable) {
    const std::string path(row.method);
    const auto* const method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
        absl::StrReplaceAll(path.substr(1), {{"/", "."}}));
    ASSERT_NE(method, nullptr) << path;
    if (!method->client_streaming() && !method->server_streaming()) continue;
    ASSERT_EQ(methods.count(path), 1) << path << " streams: say here how it is opened";
    const StreamingMethod& streaming = methods.at(path);
    grpc::ClientContext* const context = &contexts[path];
    context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(90)));
    streams[path] = streaming.open({ChannelOf(*ledger, CertificateOf(streaming.role)), context});
  }
  EXPECT_EQ(streams.size(), methods.size());
  ASSERT_TRUE(WaitUntil([&] {
    return database_->QueryInt(
               "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE "
               "'Waiting for table%'") >= 3;
  }));
  const Moment taken_away = MonotonicNow();
  WriteRoles({CallerWith("billing") + " billing"});
  EXPECT_TRUE(ledger->process->WaitForOutput("the roles file is in force", absl::Seconds(30)).ok());
  // Those that wait for entries last, which they get once all streams have been looked at.
  const auto expect_ended = [&](bool reads_entries) {
    for (const auto& [path, end] : streams) {
      if (methods.at(path).reads_entries != reads_entries) continue;
      EXPECT_EQ(ReasonOf(end()), kMayNot) << path;
      EXPECT_LT(MonotonicNow() - taken_away, absl::Minutes(1)) << path;
    }
  };
  expect_ended(false);
  held.reset();
  expect_ended(true);
  WriteRoles(AllRoles());
  const auto back = ChannelOf(*ledger_, CertificateOf("auditor"));
  EXPECT_TRUE(
      WaitUntil([&] { return IsLetIn(CallOf(back, "/reserve.ledger.v1.Accounts/ListEntries")); },
                absl::Seconds(30), absl::Milliseconds(200)));
}

// Of these two methods.
std::vector<std::string> AuditLinesOf(const Subprocess& process) {
  std::vector<std::string> lines;
  for (const std::string& line : LinesOf(process.Stderr())) {
    if (absl::StrContains(line, "\"message\":\"audit\"") &&
        (absl::StrContains(line, "AdjustBalance") || absl::StrContains(line, "OpenAccount"))) {
      lines.push_back(line);
    }
  }
  return lines;
}

TEST_F(AccessTest, EachCallThatMovesMoneyOrStateLeavesALineWithoutWhatPeopleWrote) {
  ImportStarterDeck();
  const auto accounts = pb::Accounts::NewStub(ChannelOf(*ledger_, CertificateOf("billing")));
  const auto support = pb::Support::NewStub(ChannelOf(*ledger_, CertificateOf("support")));
  const auto opened =
      Call(*accounts, &pb::Accounts::Stub::OpenAccount,
           Parse<pb::OpenAccountRequest>("account_id: 'audited' card_token: 'tok_visa'"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto adjust = [&](const std::string& account) {
    return Call(*support, &pb::Support::Stub::AdjustBalance,
                Parse<pb::AdjustBalanceRequest>(absl::StrCat(
                    "account_id: '", account,
                    "' request_id: 'r' amount { currency_code: 'USD' units: 1 } reason: "
                    "'called +14155550123' actor: 'ann' reference: 'T-1'")));
  };
  const auto adjusted = adjust("audited");
  ASSERT_TRUE(adjusted.ok()) << adjusted.status();
  // The entry and the event say who called, beside whom that caller named.
  EXPECT_EQ(adjusted->caller(), CallerWith("support"));
  const auto events = pb::Events::NewStub(ChannelOf(*ledger_, CertificateOf("auditor")));
  const auto told = Call(*events, &pb::Events::Stub::ListEvents,
                         Parse<pb::ListEventsRequest>("account_id: 'audited'"));
  ASSERT_TRUE(told.ok()) << told.status();
  ASSERT_GE(told->events_size(), 2);
  EXPECT_EQ(told->events(0).caller(), CallerWith("billing"));
  EXPECT_EQ(told->events(told->events_size() - 1).caller(), CallerWith("support"));
  EXPECT_EQ(told->events(told->events_size() - 1).actor(), "ann");
  EXPECT_EQ(adjust("nobody").status().code(), absl::StatusCode::kNotFound);
  // A card's number in the reason: what is refused before anybody is asked, too.
  const auto numbered =
      Call(*support, &pb::Support::Stub::AdjustBalance,
           Parse<pb::AdjustBalanceRequest>(
               "account_id: 'audited' request_id: 's' amount { currency_code: 'USD' units: 1 } "
               "reason: 'paid by 4111111111111111'"));
  EXPECT_EQ(numbered.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Call(*support, &pb::Support::Stub::AdjustBalance,
                 Parse<pb::AdjustBalanceRequest>("account_id: 'to no +14155550123'"))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  const auto of = [](absl::string_view method, absl::string_view role, absl::string_view account,
                     absl::string_view code) {
    return AllOf(HasSubstr(absl::StrCat("\"method\":\"", method, "\"")),
                 HasSubstr(absl::StrCat("\"caller\":\"", CallerWith(role), "\"")),
                 HasSubstr("\"peer\":\"ipv4:127.0.0.1:"),
                 HasSubstr(absl::StrCat("\"account_id\":\"", account, "\"")),
                 HasSubstr(absl::StrCat("\"code\":\"", code, "\"")));
  };
  // Those of empty requests, which the tests before sent, have no account.
  const testing::Matcher<std::vector<std::string>> all =
      IsSupersetOf({of("OpenAccount", "billing", "audited", "OK"),
                    of("AdjustBalance", "support", "audited", "OK"),
                    of("AdjustBalance", "support", "nobody", "NOT_FOUND"),
                    of("AdjustBalance", "support", "audited", "INVALID_ARGUMENT"),
                    of("AdjustBalance", "support", "", "INVALID_ARGUMENT")});
  std::vector<std::string> lines;
  // What a program has written is read a moment later.
  WaitUntil([&] { return testing::Value(lines = AuditLinesOf(*ledger_->process), all); });
  EXPECT_THAT(lines, all);
  for (const char* written : {"+14155550123", "ann", "T-1", "tok_visa", "4111111111111111"}) {
    EXPECT_THAT(lines, ::testing::Each(Not(HasSubstr(absl::StrCat("\"", written))))) << written;
    EXPECT_THAT(lines, ::testing::Each(Not(HasSubstr(absl::StrCat(written, "\""))))) << written;
  }
}

TEST_F(AccessTest, EachCallThatChargesGivesBackOrActsAtTheStubsDashboardLeavesALineToo) {
  for (const MethodAccess& row : gateway_stub::kAccessTable) {
    const bool reads =
        absl::StrContains(row.method, "/Get") || absl::StrContains(row.method, "/List");
    EXPECT_EQ(row.effect == Effect::kReads, reads) << row.method;
    if (reads) continue;
    const std::string role = row.roles.Has(Role::kWorker) ? "worker" : "operations";
    const absl::Status refused = CallOf(ChannelOf(*gateway_, CertificateOf(role)), row.method);
    EXPECT_FALSE(refused.ok()) << row.method;
    const auto line = ::testing::Contains(AllOf(
        HasSubstr("\"message\":\"audit\""),
        HasSubstr(
            absl::StrCat("\"method\":\"", row.method.substr(row.method.rfind('/') + 1), "\"")),
        HasSubstr(absl::StrCat("\"caller\":\"", CallerWith(role), "\"")),
        HasSubstr("\"peer\":\"ipv4:127.0.0.1:"),
        HasSubstr(absl::StrCat("\"code\":\"", absl::StatusCodeToString(refused.code()), "\""))));
    std::vector<std::string> lines;
    WaitUntil([&] { return testing::Value(lines = LinesOf(gateway_->process->Stderr()), line); });
    EXPECT_THAT(lines, line) << row.method;
  }
}

TEST_F(AccessTest, AWorkerChargesByTheRoleOfItsCertificate) {
  ImportStarterDeck();
  const TestCertificate certificate = CertificateOf("worker");
  auto worker = Subprocess::Start(
      {.program = "worker",
       .args = {absl::StrCat("--ledger=localhost:", ledger_->port),
                absl::StrCat("--gateway=localhost:", gateway_->port),
                absl::StrCat("--tls_ca_file=", authority_->ca_file()),
                absl::StrCat("--tls_certificate_file=", certificate.certificate_file),
                absl::StrCat("--tls_key_file=", certificate.key_file)}});
  ASSERT_TRUE(worker.ok()) << worker.status();
  const auto accounts = pb::Accounts::NewStub(ChannelOf(*ledger_, CertificateOf("billing")));
  const auto opened =
      Call(*accounts, &pb::Accounts::Stub::OpenAccount,
           Parse<pb::OpenAccountRequest>("account_id: 'charged' card_token: 'tok_visa'"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(WaitUntil([&] {
    const auto account = Call(*accounts, &pb::Accounts::Stub::GetAccount,
                              Parse<pb::GetAccountRequest>("account_id: 'charged'"));
    return account.ok() && account->state() == pb::ACCOUNT_STATE_ACTIVE;
  })) << (*worker)->Stderr();
  EXPECT_TRUE(gateway_->process
                  ->WaitForOutput("\"outcome\":\"succeeded\",\"code\":\"OK\"", absl::Seconds(20))
                  .ok());
  // As `helm test` has a card charged: by the certificate of the Jobs, and by one of its own.
  const auto check = [](const TestCertificate& own) {
    auto run = Subprocess::Start(
        {.program = "ledger",
         .args = {"check", "--recharge", absl::StrCat("--ledger=localhost:", ledger_->port),
                  absl::StrCat("--tls_ca_file=", authority_->ca_file()),
                  absl::StrCat("--tls_certificate_file=", own.certificate_file),
                  absl::StrCat("--tls_key_file=", own.key_file)}});
    EXPECT_TRUE(run.ok()) << run.status();
    const int code = (*run)->Wait(absl::Seconds(60));
    return absl::StrCat(code, " ", (*run)->Stdout(), (*run)->Stderr());
  };
  EXPECT_THAT(check(CertificateOf("jobs")),
              AllOf(::testing::StartsWith("1 "), HasSubstr("this caller may read"),
                    HasSubstr("OpenAccount"), HasSubstr("billing")));
  EXPECT_THAT(check(CertificateOf("billing")),
              AllOf(::testing::StartsWith("0 "), HasSubstr("a card was charged and credited")));
}

// --- The console, a caller like others.

std::unique_ptr<ConsoleProcess> ConsoleWith(const std::string& ledger, const std::string& folder,
                                            const TestAuthority& authority,
                                            const TestCertificate& certificate) {
  auto console = ConsoleProcess::StartBefore(
      ledger, folder,
      {"--max_address_rate=0", absl::StrCat("--tls_ca_file=", authority.ca_file()),
       absl::StrCat("--tls_certificate_file=", certificate.certificate_file),
       absl::StrCat("--tls_key_file=", certificate.key_file)});
  EXPECT_TRUE(console.ok()) << console.status();
  return console.ok() ? *std::move(console) : nullptr;
}

TEST_F(AccessTest, TheConsoleServesWhatItsRolesAllowAndSaysPlainlyWhatTheyDoNot) {
  ImportStarterDeck();
  std::vector<std::string> roles = AllRoles();
  roles.emplace_back("spiffe://test/pages billing, support");
  WriteRoles(roles);
  const auto accounts = pb::Accounts::NewStub(ChannelOf(*ledger_, CertificateOf("billing")));
  const auto opened = Call(*accounts, &pb::Accounts::Stub::OpenAccount,
                           Parse<pb::OpenAccountRequest>("account_id: 'paged'"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const std::string ledger = absl::StrCat("localhost:", ledger_->port);
  const auto with = [&](const std::string& name, const std::string& caller) {
    return ConsoleWith(ledger, *folder_, *authority_, Issue(name, "URI:" + caller));
  };

  const auto both = with("pages", "spiffe://test/pages");
  ASSERT_NE(both, nullptr);
  const std::string customer = both->provider().ForCustomer("paged");
  const std::string staff = both->provider().ForSupport();
  EXPECT_TRUE(WaitUntil([&] { return both->Get("/support/reviews", staff).status == 200; }));
  const auto switched =
      both->Send("/a/paged/billing", "/a/paged/automatic", customer, {{"automatic", "off"}});
  EXPECT_EQ(switched.status, 303) << switched.body;
  const std::string adjust = "/a/paged/act/adjust";
  EXPECT_EQ(both->Send(adjust, adjust, staff,
                       {{"step", "do"}, {"amount", "1"}, {"reason", "a test"}, {"reference", ""}})
                .status,
            303);
  EXPECT_THAT(both->Get("/a/paged/life", staff).body,
              AllOf(HasSubstr("ann, spiffe://test/pages"), HasSubstr("sue, spiffe://test/pages")))
      << "the person, and by whose call";

  // One that may not do what support does: what it may goes on.
  const auto billing_only = with("half", CallerWith("billing"));
  ASSERT_NE(billing_only, nullptr);
  const std::string half_staff = billing_only->provider().ForSupport();
  EXPECT_EQ(
      billing_only->Get("/a/paged/billing", billing_only->provider().ForCustomer("paged")).status,
      200);
  EXPECT_EQ(billing_only->Get("/support/reviews", half_staff).status, 200);
  const WebAnswer refused = billing_only->Send(
      adjust, adjust, half_staff,
      {{"step", "do"}, {"amount", "7"}, {"reason", "a test"}, {"reference", ""}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("These pages are not set up for this"),
                                  HasSubstr("Nothing was changed."), HasSubstr("value=\"7\""),
                                  Not(HasSubstr("spiffe://"))));

  // One that nobody knows, and one that comes without a certificate.
  const auto unknown = with("unnamed", "spiffe://test/nobody");
  ASSERT_NE(unknown, nullptr);
  for (const std::string page : {"/a/paged/billing", "/support/reviews", "/a/paged/life"}) {
    const WebAnswer shut = unknown->Get(page, unknown->provider().ForSupport());
    EXPECT_EQ(shut.status, 502) << page;
    EXPECT_THAT(shut.body, AllOf(HasSubstr("These pages are not set up for this"),
                                 Not(HasSubstr("spiffe://"))));
  }
  const auto plain = ConsoleProcess::StartBefore(ledger, *folder_, {});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ((*plain)->Get("/a/paged/billing", (*plain)->provider().ForSupport()).status, 503);
  WriteRoles(AllRoles());
}

TEST_F(AccessTest, ARolesFileThatCanNotBeUsedIsRefusedAtTheStart) {
  const std::string path = *folder_ + "/bad_roles";
  std::ofstream(path) << "spiffe://test/a switch\nspiffe://test/a billing\n";
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"serve", "--database=mysql://u@127.0.0.1:1/x",
                                     "--listen=127.0.0.1:0"};
    args.insert(args.end(), more.begin(), more.end());
    auto process = Subprocess::Start({.program = "ledger", .args = args});
    EXPECT_TRUE(process.ok()) << process.status();
    const int code = (*process)->Wait(absl::Seconds(30));
    return absl::StrCat(code, " ", (*process)->Stderr());
  };
  const std::vector<std::string> tls = {
      absl::StrCat("--tls_ca_file=", authority_->ca_file()),
      absl::StrCat("--tls_certificate_file=", server_->certificate_file),
      absl::StrCat("--tls_key_file=", server_->key_file)};
  const auto with = [&](const std::string& flag) {
    std::vector<std::string> args = tls;
    args.push_back(flag);
    return run(args);
  };
  EXPECT_THAT(run(tls), AllOf(::testing::StartsWith("2 "), HasSubstr("--roles_file")));
  EXPECT_THAT(with("--roles_file=" + path),
              AllOf(::testing::StartsWith("2 "), HasSubstr("line 2"), HasSubstr("has a line")));
  EXPECT_THAT(with("--roles_file=/nonexistent"),
              AllOf(::testing::StartsWith("2 "), HasSubstr("can't be read")));
  EXPECT_THAT(run({"--roles_file=" + path}),
              AllOf(::testing::StartsWith("2 "), HasSubstr("of no use without TLS")));
}

TEST_F(AccessTest, TheProgramPrintsTheTableAndWhatACallerMay) {
  const auto run = [&](const std::vector<std::string>& args) {
    auto process = Subprocess::Start({.program = "ledger", .args = args});
    EXPECT_TRUE(process.ok()) << process.status();
    const int code = (*process)->Wait(absl::Seconds(30));
    return absl::StrCat(code, " ", (*process)->Stdout(), (*process)->Stderr());
  };
  const std::string table = run({"access"});
  EXPECT_THAT(table, ::testing::StartsWith("0 "));
  for (const MethodAccess& row : access::kAccessTable) {
    EXPECT_THAT(table,
                HasSubstr(absl::StrCat(absl::StripPrefix(row.method, "/reserve.ledger.v1."))));
  }
  EXPECT_THAT(table, ::testing::ContainsRegex("Support/BlockAccount +support, operations\n"));
  const std::string roles = absl::StrCat("--roles_file=", *folder_, "/roles");
  const std::string worker = run({"access", roles, "--caller=spiffe://test/worker"});
  EXPECT_THAT(worker, AllOf(HasSubstr("spiffe://test/worker: worker\n"),
                            HasSubstr("  Recharges/ReportRecharge\n"), Not(HasSubstr("Support/"))));
  EXPECT_THAT(run({"access", roles, "--caller=x"}),
              AllOf(::testing::StartsWith("1 "), HasSubstr("does not name \"x\"")));
  EXPECT_THAT(run({"access", "--caller=x"}),
              AllOf(::testing::StartsWith("2 "), HasSubstr("--roles_file")));
}

}  // namespace
}  // namespace reserve::e2e
