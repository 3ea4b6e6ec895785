// The server shell, the channel and request ids, over loopback and unix sockets.
#include "common/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/doorkeeper.h"
#include "common/rpc/health_check.h"
#include "common/rpc/health_port.h"
#include "common/rpc/request_id.h"
#include "common/rpc/shutdown_signal.h"
#include "common/rpc/status.h"
#include "common/rpc/tls_identity.h"
#include "common/telemetry/log.h"
#include "reserve/gateway/v1/doors.pb.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "services/gateway_stub/access_table.h"
#include "tests/support/test_authority.h"
#include "tests/support/wait_until.h"

namespace reserve {
namespace {

namespace pb = gateway::v1;
using test_support::ContentOf;
using test_support::TestAuthority;
using test_support::TestCertificate;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// Answers with the request id; the key "wait" waits until the test lets it go.
class EchoService final : public pb::PaymentGateway::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetCharge(grpc::CallbackServerContext* context,
                                      const pb::GetChargeRequest* request,
                                      pb::Charge* response) override {
    response->set_reference(RequestIdOf(*context));
    response->set_idempotency_key(request->idempotency_key());
    left_millis_ = absl::ToInt64Milliseconds(DeadlineOf(*context) - MonotonicNow());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (request->idempotency_key() == "wait") {
      waiting_ = reactor;
      begun_.Notify();
    } else {
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

  void WaitForTheWaiting() { begun_.WaitForNotification(); }
  void LetGo() { waiting_.load()->Finish(grpc::Status::OK); }
  // How long the last call had left when it came.
  absl::Duration left() const { return absl::Milliseconds(left_millis_.load()); }

 private:
  std::atomic<int64_t> left_millis_ = 0;
  absl::Notification begun_;
  std::atomic<grpc::ServerUnaryReactor*> waiting_ = nullptr;
};

class RpcServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/rpc-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    server_options_.listen = "127.0.0.1:0";
    channel_options_.own_connection = true;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  absl::Status Start() {
    // Nobody is asked for a role here.
    if (!server_options_.tls.empty()) server_options_.doorkeeper = &keeper_;
    return StartWith(server_options_.tls.empty() ? static_cast<grpc::Service*>(&service_) : &door_);
  }

  absl::Status StartWith(grpc::Service* service) {
    auto server =
        RpcServer::Start(server_options_, {{pb::PaymentGateway::service_full_name(), service}});
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  absl::StatusOr<pb::Charge> Call(const std::string& key, const std::string& request_id = "") {
    auto channel = MakeChannel(server_->local_target(), channel_options_);
    if (!channel.ok()) return channel.status();
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    if (!request_id.empty()) context.AddMetadata(kRequestIdKey, request_id);
    pb::GetChargeRequest request;
    request.set_idempotency_key(key);
    pb::Charge response;
    const grpc::Status status =
        pb::PaymentGateway::NewStub(*channel)->GetCharge(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  // What grpc.health.v1.Health/Check says of a service: 1 serving, 2 not serving; -1 if it
  // does not know the service. No package ships its proto; the messages are two bytes.
  int Health(const std::string& service) {
    auto channel = MakeChannel(server_->local_target(), channel_options_);
    const std::string text =
        service.empty()
            ? ""
            : absl::StrCat("\n", std::string(1, static_cast<char>(service.size())), service);
    grpc::Slice slice(text);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    grpc::Status status;
    absl::Notification answered;
    grpc::GenericStub stub(*channel);
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                   &response, [&status, &answered](grpc::Status result) {
                     status = std::move(result);
                     answered.Notify();
                   });
    answered.WaitForNotification();
    if (!status.ok()) return -1;
    grpc::Slice answer;
    if (!response.DumpToSingleSlice(&answer).ok() || answer.size() != 2) return 0;
    return answer.begin()[1];
  }

  std::string folder_;
  EchoService service_;
  prometheus::Registry registry_;
  Doorkeeper keeper_{"reserve.gateway", nullptr, registry_};
  pb::PaymentGatewayDoor<gateway_stub::kAccessTable> door_{service_, keeper_};
  ServerOptions server_options_;
  ChannelOptions channel_options_;
  std::unique_ptr<RpcServer> server_;
};

TEST_F(RpcServerTest, TheBoundPortIsKnownAndWritten) {
  server_options_.port_file = folder_ + "/port";
  ASSERT_TRUE(Start().ok());
  ASSERT_GT(server_->port(), 0);
  int written = 0;
  std::ifstream(server_options_.port_file) >> written;
  EXPECT_EQ(written, server_->port());
  EXPECT_TRUE(Call("k").ok());
}

TEST_F(RpcServerTest, AUnixSocketServesAsWell) {
  server_options_.listen = absl::StrCat("unix:", folder_, "/socket");
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(server_->local_target(), server_options_.listen);
  EXPECT_TRUE(Call("k").ok());
}

TEST_F(RpcServerTest, AnAddressInUseIsAnError) {
  ASSERT_TRUE(Start().ok());
  EchoService other;
  ServerOptions options;
  options.listen = server_->local_target();
  EXPECT_EQ(RpcServer::Start(options, {{"other", &other}}).status().code(),
            absl::StatusCode::kUnavailable);
  options.listen = "";
  EXPECT_EQ(RpcServer::Start(options, {{"other", &other}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(RpcServerTest, APortFileThatCanNotBeWrittenIsAnError) {
  server_options_.port_file = folder_ + "/missing/port";
  EXPECT_EQ(Start().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RpcServerTest, HealthIsToldPerService) {
  const std::string name = pb::PaymentGateway::service_full_name();
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Health(""), 2);
  EXPECT_EQ(Health(name), 2);
  server_->SetServing(true);
  EXPECT_EQ(Health(""), 1);
  EXPECT_EQ(Health(name), 1);
  server_->SetServing(name, false);
  EXPECT_EQ(Health(""), 1);
  EXPECT_EQ(Health(name), 2);
  EXPECT_EQ(Health("nobody"), -1);
}

TEST_F(RpcServerTest, ADrainLetsARunningCallFinish) {
  ASSERT_TRUE(Start().ok());
  auto call = std::async(std::launch::async, [this] { return Call("wait"); });
  service_.WaitForTheWaiting();
  auto drain = std::async(std::launch::async, [this] { server_->Drain(absl::Seconds(20)); });
  service_.LetGo();
  EXPECT_TRUE(call.get().ok());
  drain.get();
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(Call("late").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RpcServerTest, ADrainCutsACallThatOutlastsItsDeadline) {
  ASSERT_TRUE(Start().ok());
  auto call = std::async(std::launch::async, [this] { return Call("wait"); });
  service_.WaitForTheWaiting();
  auto drain = std::async(std::launch::async, [this] { server_->Drain(absl::ZeroDuration()); });
  EXPECT_EQ(call.get().status().code(), absl::StatusCode::kUnavailable);
  service_.LetGo();
  drain.get();
}

TEST_F(RpcServerTest, WhoIsHungUpOnHearsUnavailableAndMayCallAgain) {
  ASSERT_TRUE(Start().ok());
  auto call = std::async(std::launch::async, [this] { return Call("wait"); });
  service_.WaitForTheWaiting();
  server_->HangUp();
  EXPECT_EQ(call.get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Call("again").ok());
  service_.LetGo();
}

TEST_F(RpcServerTest, OnAUnixSocketToo) {
  server_options_.listen = absl::StrCat("unix:", folder_, "/socket");
  ASSERT_TRUE(Start().ok());
  auto call = std::async(std::launch::async, [this] { return Call("wait"); });
  service_.WaitForTheWaiting();
  server_->HangUp();
  EXPECT_EQ(call.get().status().code(), absl::StatusCode::kUnavailable);
  service_.LetGo();
}

TEST_F(RpcServerTest, ACallWithoutADeadlineHasHalfAMinuteAndOneWithHasWhatItSays) {
  ASSERT_TRUE(Start().ok());
  auto channel = MakeChannel(server_->local_target(), channel_options_);
  ASSERT_TRUE(channel.ok());
  const auto stub = pb::PaymentGateway::NewStub(*channel);
  pb::Charge charge;
  grpc::ClientContext without;
  ASSERT_TRUE(stub->GetCharge(&without, pb::GetChargeRequest(), &charge).ok());
  EXPECT_GT(service_.left(), absl::Seconds(20));
  EXPECT_LE(service_.left(), absl::Seconds(30));
  grpc::ClientContext with;
  with.set_deadline(DeadlineIn(absl::Minutes(2)));
  ASSERT_TRUE(stub->GetCharge(&with, pb::GetChargeRequest(), &charge).ok());
  EXPECT_GT(service_.left(), absl::Seconds(110));
  EXPECT_LE(service_.left(), absl::Seconds(121));
}

TEST_F(RpcServerTest, TheCallersRequestIdIsKeptIfItIsFitForALog) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Call("k", "req-1/a")->reference(), "req-1/a");
  const std::string uuid = "01934567-89ab-7cde-8f01-23456789abcd";
  EXPECT_EQ(Call("k", uuid)->reference(), uuid);
  for (const std::string& id :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("+14155550123"),
        std::string("call/+14155550123"), std::string("14155550123"),
        std::string("card-4111111111111111"), std::string("4111-1111-1111-1111")}) {
    EXPECT_THAT(Call("k", id)->reference(), MatchesRegex("[0-9a-f]{32}"));
  }
  EXPECT_NE(Call("k")->reference(), Call("k")->reference());
}

// A certificate authority with a certificate for this machine.
class TlsTest : public RpcServerTest {
 protected:
  void SetUp() override {
    RpcServerTest::SetUp();
    if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs openssl";
    const std::string script = absl::StrCat(
        "cd ", folder_,
        " && new() { openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1; }"
        " && authority() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $1.key"
        "      -out $1.pem -subj /CN=$1; }"
        " && authority ca && authority stranger && new peer"
        " && echo subjectAltName=IP:127.0.0.1 > names"
        " && openssl x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
        "      -extfile names -out peer.pem"
        " && openssl x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 0"
        "      -extfile names -out ended.pem"
        " && head -c 400 peer.key > half.key && echo none > empty.pem");
    ASSERT_EQ(std::system(absl::StrCat("(", script, ") >/dev/null 2>&1").c_str()), 0);
    good_ = {.certificate_file = folder_ + "/peer.pem",
             .key_file = folder_ + "/peer.key",
             .ca_file = folder_ + "/ca.pem"};
    foreign_ = {.certificate_file = folder_ + "/stranger.pem",
                .key_file = folder_ + "/stranger.key",
                .ca_file = folder_ + "/ca.pem",
                .other_authority = true};
  }

  TlsFiles good_;
  TlsFiles foreign_;  // of an authority that we don't trust
};

TEST_F(TlsTest, PeersOfOneAuthorityTalk) {
  server_options_.tls = good_;
  channel_options_.tls = good_;
  ASSERT_TRUE(Start().ok());
  const auto answer = Call("k");
  EXPECT_TRUE(answer.ok()) << answer.status();
}

TEST_F(TlsTest, AServiceWithoutADoorIsNotServed) {
  server_options_.tls = good_;
  EXPECT_EQ(StartWith(&door_).code(), absl::StatusCode::kFailedPrecondition);
  server_options_.doorkeeper = &keeper_;
  const absl::Status no_door = StartWith(&service_);
  EXPECT_EQ(no_door.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(no_door.message()), HasSubstr("PaymentGateway has no door"));
}

TEST_F(TlsTest, ACallerOfAnotherAuthorityOrInPlainTextIsRefused) {
  server_options_.tls = good_;
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(Call("k").ok());
  channel_options_.tls = foreign_;
  EXPECT_FALSE(Call("k").ok());
}

TEST_F(TlsTest, AServerOfAnotherAuthorityIsRefused) {
  server_options_.tls = foreign_;
  channel_options_.tls = good_;
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(Call("k").ok());
}

TEST_F(TlsTest, AServerIsTakenUnderTheNameThatOneExpectsOfIt) {
  server_options_.tls = good_;
  channel_options_.tls = good_;
  ASSERT_TRUE(Start().ok());
  channel_options_.tls_server_name = "another.example";
  EXPECT_FALSE(Call("k").ok());
  channel_options_.tls_server_name = "127.0.0.1";
  EXPECT_TRUE(Call("k").ok());
}

TEST_F(TlsTest, HealthIsServedInPlainTextAndAloneOnAPortOfItsOwn) {
  server_options_.tls = good_;
  ASSERT_TRUE(Start().ok());
  const auto health = HealthPort::Start("127.0.0.1:0");
  ASSERT_TRUE(health.ok()) << health.status();
  const auto channel = MakeChannel(absl::StrCat("127.0.0.1:", (*health)->port()), {});
  ASSERT_TRUE(channel.ok()) << channel.status();
  const auto serving = [&](const std::string& service) {
    const auto answer = IsServing(*channel, service, absl::Seconds(10));
    return answer.ok() ? std::string(*answer ? "yes" : "no") : ReasonOf(answer.status());
  };
  EXPECT_EQ(serving("live"), "yes");
  EXPECT_EQ(serving("ready"), "no");
  EXPECT_EQ(serving(""), "no");
  (*health)->SetReady(true);
  EXPECT_EQ(serving("ready"), "yes");
  EXPECT_EQ(serving(""), "yes");
  EXPECT_EQ(serving("reserve.ledger.v1.Ledger"), "NOT_FOUND");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  grpc::Slice slice("\x3a\x01*");
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::GenericStub stub(*channel);
  absl::Notification answered;
  grpc::Status status;
  stub.UnaryCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                 grpc::StubOptions(), &request, &response, [&](grpc::Status result) {
                   status = std::move(result);
                   answered.Notify();
                 });
  answered.WaitForNotification();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST(HealthPortTest, AnAddressThatIsTakenIsAnErrorAndNoneIsNowhere) {
  const auto first = HealthPort::Start("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = HealthPort::Start(absl::StrCat("127.0.0.1:", (*first)->port()));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  const auto nowhere = HealthPort::Start("");
  ASSERT_TRUE(nowhere.ok());
  (*nowhere)->SetReady(true);
  EXPECT_EQ((*nowhere)->port(), 0);
}

TEST_F(TlsTest, HalfAnIdentityIsRefusedAtTheStart) {
  server_options_.tls = good_;
  server_options_.tls.key_file = "";
  EXPECT_EQ(Start().code(), absl::StatusCode::kInvalidArgument);
  server_options_.tls.key_file = folder_ + "/missing";
  EXPECT_EQ(Start().code(), absl::StatusCode::kInvalidArgument);
  channel_options_.tls.ca_file = good_.ca_file;
  EXPECT_FALSE(MakeChannel("127.0.0.1:1", channel_options_).ok());
}

TEST_F(TlsTest, WhatCanNotServeIsRefusedAtTheStartAndSaysWhy) {
  const auto refused = [&](const std::string& certificate, const std::string& key,
                           const std::string& authority) {
    server_options_.tls = {.certificate_file = absl::StrCat(folder_, "/", certificate),
                           .key_file = absl::StrCat(folder_, "/", key),
                           .ca_file = absl::StrCat(folder_, "/", authority)};
    channel_options_.tls = server_options_.tls;
    EXPECT_FALSE(MakeChannel("127.0.0.1:1", channel_options_).ok());
    return Start();
  };
  using ::testing::Property;
  const auto says = [](absl::string_view why) {
    return Property(&absl::Status::message, HasSubstr(std::string(why)));
  };
  EXPECT_THAT(refused("peer.pem", "stranger.key", "ca.pem"),
              says("not the key of the certificate"));
  EXPECT_THAT(refused("ended.pem", "peer.key", "ca.pem"), says("has expired"));
  EXPECT_THAT(refused("empty.pem", "peer.key", "ca.pem"), says("no certificate in PEM"));
  EXPECT_THAT(refused("peer.pem", "half.key", "ca.pem"), says("no private key in PEM"));
  EXPECT_THAT(refused("peer.pem", "peer.key", "empty.pem"), says("no certificate in PEM"));
  EXPECT_THAT(refused("stranger.pem", "stranger.key", "ca.pem"),
              says("signed by none of the authorities"));
}

// What is said of handshakes that fail, by a server of ours or to a client of ours.
class HandshakeTest : public TlsTest {
 protected:
  void SetUp() override {
    TlsTest::SetUp();
    if (IsSkipped()) return;
    auto identity = TlsIdentity::Open(good_, &registry_);
    ASSERT_TRUE(identity.ok()) << identity.status();
    identity_ = *identity;
    SetLogSink([this](absl::string_view record) {
      absl::MutexLock lock(&mutex_);
      if (absl::StrContains(record, "a handshake of TLS failed")) lines_.emplace_back(record);
    });
  }
  void TearDown() override {
    SetLogSink(nullptr);
    TlsTest::TearDown();
  }

  double Failed(const std::string& why) {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "reserve_tls_handshakes_failed_total") continue;
      for (const auto& metric : family.metric) {
        if (metric.label.at(0).value == why) return metric.counter.value;
      }
    }
    return -1.0;
  }
  bool Fails(const std::string& why, int times = 1) {
    return test_support::WaitUntil([&] { return Failed(why) >= times; });
  }
  std::vector<std::string> Told(const std::string& why) {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> told;
    for (const std::string& line : lines_) {
      if (absl::StrContains(line, absl::StrCat("\"why\":\"", why, "\""))) told.push_back(line);
    }
    return told;
  }
  static void Connect(const std::string& target,
                      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    ConnectBy(grpc::CreateCustomChannel(target, credentials, arguments));
  }
  static void ConnectBy(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    pb::Charge charge;
    EXPECT_FALSE(pb::PaymentGateway::NewStub(channel)->GetCharge(&context, {}, &charge).ok());
  }

  std::shared_ptr<TlsIdentity> identity_;
  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(HandshakeTest, ACallerThatIsNotLetInIsCountedAndToldByReasonAndPeerOnceAMinute) {
  server_options_.tls = good_;
  server_options_.identity = identity_;
  ASSERT_TRUE(Start().ok());
  const auto connect = [&](const std::string& certificate, const std::string& key) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ContentOf(good_.ca_file);
    options.pem_cert_chain = ContentOf(absl::StrCat(folder_, "/", certificate));
    options.pem_private_key = ContentOf(absl::StrCat(folder_, "/", key));
    Connect(server_->local_target(), grpc::SslCredentials(options));
  };
  for (int i = 0; i < 2; ++i) connect("none", "none");
  EXPECT_TRUE(Fails("no_certificate", 2));
  connect("ended.pem", "peer.key");
  EXPECT_TRUE(Fails("expired"));
  connect("stranger.pem", "stranger.key");
  EXPECT_TRUE(Fails("other_authority"));
  Connect(server_->local_target(), grpc::InsecureChannelCredentials());
  EXPECT_TRUE(Fails("no_tls"));
  EXPECT_EQ(Failed("not_trusted"), 0) << "each was told apart";
  for (const char* why : {"no_certificate", "expired", "other_authority", "no_tls"}) {
    const std::vector<std::string> told = Told(why);
    ASSERT_EQ(told.size(), 1) << why;
    EXPECT_THAT(told[0], HasSubstr("\"peer_one_of\":\"127.0.0.1:"));
  }
}

TEST_F(HandshakeTest, AServerThatAChannelDoesNotTakeIsToldOfToo) {
  const auto serve = [&](const std::string& certificate, const std::string& key, int* port) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs = {{ContentOf(absl::StrCat(folder_, "/", key)),
                                   ContentOf(absl::StrCat(folder_, "/", certificate))}};
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), port);
    builder.RegisterService(&service_);
    return builder.BuildAndStart();
  };
  const auto call = [&](int port, const std::string& name) {
    channel_options_.tls = good_;
    channel_options_.identity = identity_;
    channel_options_.tls_server_name = name;
    const auto channel = MakeChannel(absl::StrCat("127.0.0.1:", port), channel_options_);
    ASSERT_TRUE(channel.ok()) << channel.status();
    ConnectBy(*channel);
  };
  int port = 0;
  const auto ended = serve("ended.pem", "peer.key", &port);
  call(port, "");
  EXPECT_TRUE(Fails("expired"));
  const auto foreign = serve("stranger.pem", "stranger.key", &port);
  call(port, "");
  EXPECT_TRUE(Fails("other_authority"));
  const auto good = serve("peer.pem", "peer.key", &port);
  call(port, "elsewhere.test");
  EXPECT_TRUE(Fails("other_name"));
  const std::vector<std::string> told = Told("other_name");
  ASSERT_EQ(told.size(), 1);
  EXPECT_THAT(told[0], HasSubstr("\"called\":\"elsewhere.test\""));
  EXPECT_THAT(told[0], HasSubstr("\"ip_names\":\"127.0.0.1\""));
}

TEST_F(TlsTest, ACertificateOfAnotherAuthorityThanWeTrustMustBeAskedForAndIsShown) {
  const auto trusted = [&] {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name == "reserve_tls_certificate_trusted") {
        return family.metric.at(0).gauge.value;
      }
    }
    return -1.0;
  };
  ASSERT_TRUE(TlsIdentity::Open(good_, &registry_).ok());
  EXPECT_EQ(trusted(), 1);
  TlsFiles unasked = foreign_;
  unasked.other_authority = false;
  EXPECT_EQ(TlsIdentity::Open(unasked, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(TlsIdentity::Open(foreign_, &registry_).ok()) << "peers trust another one";
  EXPECT_EQ(trusted(), 0);
}

// Files that are written anew while a server and its clients run.
class RenewalTest : public RpcServerTest {
 protected:
  void SetUp() override {
    RpcServerTest::SetUp();
    auto authority = TestAuthority::Create(folder_, "ca");
    if (absl::IsNotFound(authority.status())) GTEST_SKIP() << authority.status();
    ASSERT_TRUE(authority.ok()) << authority.status();
    authority_ = std::make_unique<TestAuthority>(*authority);
    files_ = {.certificate_file = folder_ + "/live.pem",
              .key_file = folder_ + "/live.key",
              .ca_file = folder_ + "/live_ca.pem"};
    Write(files_.ca_file, ContentOf(authority_->ca_file()));
    Put(Issue("first"));
    auto identity = TlsIdentity::Open(files_, &registry_, absl::Milliseconds(20));
    ASSERT_TRUE(identity.ok()) << identity.status();
    server_options_.tls = files_;
    server_options_.identity = *identity;
    ASSERT_TRUE(Start().ok());
  }

  static void Write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
  TestCertificate Issue(const std::string& name) { return IssueBy(*authority_, name); }
  static TestCertificate IssueBy(const TestAuthority& authority, const std::string& name) {
    auto issued = authority.Issue(name, absl::StrCat("DNS:", name, ".test,IP:127.0.0.1"));
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? *issued : TestCertificate();
  }
  void Put(const TestCertificate& certificate) {
    Write(files_.certificate_file, ContentOf(certificate.certificate_file));
    Write(files_.key_file, ContentOf(certificate.key_file));
  }

  // A new connection of a client that trusts `ca_file`, and expects the server to be of this name.
  bool IsServerCalled(const std::string& name, const std::string& ca_file) {
    const TestCertificate client = client_;
    channel_options_.tls = {.certificate_file = client.certificate_file,
                            .key_file = client.key_file,
                            .ca_file = ca_file,
                            .other_authority = true};
    channel_options_.tls_server_name = name + ".test";
    return Call("k").ok();
  }
  bool BecomesCalled(const std::string& name, const std::string& ca_file) {
    return test_support::WaitUntil([&] { return IsServerCalled(name, ca_file); }, absl::Seconds(30),
                                   absl::Milliseconds(50));
  }

  double Metric(const std::string& name) {
    double sum = 0;
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) sum += metric.counter.value + metric.gauge.value;
    }
    return sum;
  }

  std::unique_ptr<TestAuthority> authority_;
  TestCertificate client_;
  TlsFiles files_;
};

TEST_F(RenewalTest, ARenewedPairIsUsedOnceItIsWholeAndUntilThenTheLastGoodOne) {
  client_ = Issue("client");
  const std::string ca = authority_->ca_file();
  ASSERT_TRUE(IsServerCalled("first", ca));
  EXPECT_NEAR(Metric("reserve_tls_days_left"), 2 + 3,
              0.1);  // the certificate's and the authority's
  EXPECT_EQ(Metric("reserve_tls_failed_reloads_total"), 0);
  std::atomic<int> lines = 0;
  SetLogSink([&](absl::string_view record) {
    if (absl::StrContains(record, "can't serve")) ++lines;
  });
  // The new certificate stands beside the old key.
  const TestCertificate second = Issue("second");
  Write(files_.certificate_file, ContentOf(second.certificate_file));
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return Metric("reserve_tls_failed_reloads_total") > 5; }));
  EXPECT_EQ(lines, 1);
  EXPECT_TRUE(IsServerCalled("first", ca));
  // Half of the key, then the whole.
  const std::string key = ContentOf(second.key_file);
  Write(files_.key_file, key.substr(0, key.size() / 2));
  EXPECT_TRUE(test_support::WaitUntil([&] { return lines == 2; }));
  EXPECT_TRUE(IsServerCalled("first", ca));
  Write(files_.key_file, key);
  EXPECT_TRUE(BecomesCalled("second", ca));
  EXPECT_FALSE(IsServerCalled("first", ca));
  SetLogSink(nullptr);
}

TEST_F(RenewalTest, WhatIsCutOffOrHasExpiredIsNotTaken) {
  client_ = Issue("client");
  const std::string ca = authority_->ca_file();
  const auto failed_by = [&](const std::string& path, const std::string& content) {
    const double before = Metric("reserve_tls_failed_reloads_total");
    const std::string good = ContentOf(path);
    Write(path, content);
    EXPECT_TRUE(test_support::WaitUntil(
        [&] { return Metric("reserve_tls_failed_reloads_total") > before + 1; }));
    EXPECT_TRUE(IsServerCalled("first", ca));
    Write(path, good);
  };
  const auto ended = authority_->Issue("ended", "DNS:ended.test", "test", /*expired=*/true);
  ASSERT_TRUE(ended.ok()) << ended.status();
  const std::string whole = ContentOf(files_.certificate_file);
  failed_by(files_.certificate_file, ContentOf(ended->certificate_file));
  failed_by(files_.certificate_file, whole + whole.substr(0, whole.size() / 2));
  failed_by(files_.certificate_file, "");
  failed_by(files_.ca_file, "");
  failed_by(files_.ca_file, "no authority");
}

TEST_F(RenewalTest, APairOfAnotherAuthorityIsTakenOnlyOnceThatIsTrusted) {
  const auto next = TestAuthority::Create(folder_, "next");
  ASSERT_TRUE(next.ok()) << next.status();
  client_ = Issue("client");
  const std::string ca = authority_->ca_file();
  Put(IssueBy(*next, "early"));
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return Metric("reserve_tls_failed_reloads_total") > 5; }));
  EXPECT_TRUE(IsServerCalled("first", ca));
  Write(files_.ca_file, ContentOf(ca) + ContentOf(next->ca_file()));
  EXPECT_TRUE(BecomesCalled("early", next->ca_file()));
}

TEST_F(RenewalTest, AuthoritiesChangeWhileBothSidesRun) {
  const auto next = TestAuthority::Create(folder_, "next");
  ASSERT_TRUE(next.ok()) << next.status();
  client_ = Issue("client");
  const std::string old_ca = authority_->ca_file();
  ASSERT_TRUE(IsServerCalled("first", old_ca));
  // Both are trusted, then the server has a certificate of the new one, and a client too.
  const std::string both = ContentOf(old_ca) + ContentOf(next->ca_file());
  Write(files_.ca_file, both);
  Put(IssueBy(*next, "renewed"));
  EXPECT_TRUE(BecomesCalled("renewed", next->ca_file()));
  client_ = IssueBy(*next, "client2");
  EXPECT_TRUE(BecomesCalled("renewed", next->ca_file()));
  // The old one goes: its clients are not let in any more.
  Write(files_.ca_file, ContentOf(next->ca_file()));
  client_ = Issue("client");
  EXPECT_TRUE(test_support::WaitUntil([&] { return !IsServerCalled("renewed", next->ca_file()); },
                                      absl::Seconds(30), absl::Milliseconds(50)));
}

TEST_F(RenewalTest, AClientUsesItsRenewedCertificateForNewConnections) {
  // The one channel, whose server goes and comes back with another authority for its clients.
  const auto next = TestAuthority::Create(folder_, "next");
  ASSERT_TRUE(next.ok()) << next.status();
  client_ = Issue("client");
  const TlsFiles own = {.certificate_file = folder_ + "/own.pem",
                        .key_file = folder_ + "/own.key",
                        .ca_file = authority_->ca_file(),
                        .other_authority = true};
  Write(own.certificate_file, ContentOf(client_.certificate_file));
  Write(own.key_file, ContentOf(client_.key_file));
  auto identity = TlsIdentity::Open(own, nullptr, absl::Milliseconds(20));
  ASSERT_TRUE(identity.ok()) << identity.status();
  channel_options_.tls = own;
  channel_options_.identity = *identity;
  channel_options_.tls_server_name = "first.test";
  const auto channel = MakeChannel(server_->local_target(), channel_options_);
  ASSERT_TRUE(channel.ok()) << channel.status();
  const auto stub = pb::PaymentGateway::NewStub(*channel);
  const auto answers = [&] {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    pb::Charge response;
    return stub->GetCharge(&context, pb::GetChargeRequest(), &response).ok();
  };
  ASSERT_TRUE(answers());
  Write(files_.ca_file, ContentOf(next->ca_file()));
  server_->HangUp();
  EXPECT_TRUE(test_support::WaitUntil([&] {
    server_->HangUp();
    return !answers();
  }));
  const TestCertificate renewed = IssueBy(*next, "client2");
  Write(own.certificate_file, ContentOf(renewed.certificate_file));
  Write(own.key_file, ContentOf(renewed.key_file));
  EXPECT_TRUE(test_support::WaitUntil(answers, absl::Seconds(30), absl::Milliseconds(50)));
}

TEST(ShutdownSignalDeathTest, TheFirstSignalIsWaitedForAndTheSecondEndsTheProcess) {
  EXPECT_EXIT(
      {
        ShutdownSignal signal;
        kill(getpid(), SIGTERM);
        if (signal.Wait() != SIGTERM) std::exit(1);
        kill(getpid(), SIGINT);
        std::exit(2);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(ShutdownSignalDeathTest, WaitingForATimeTellsWhetherASignalCame) {
  EXPECT_EXIT(
      {
        ShutdownSignal signal;
        if (signal.WaitFor(absl::ZeroDuration())) std::exit(1);
        kill(getpid(), SIGINT);
        std::exit(signal.WaitFor(absl::Seconds(20)) ? 7 : 2);
      },
      ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace reserve
