// TLS to the database: with `ssl_ca` there is a connection to the right server, encrypted, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "tests/support/free_port.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/test_authority.h"

namespace reserve::storage {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::TestAuthority;
using test_support::TestCertificate;

class DatabaseTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/database-tls-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto authority = TestAuthority::Create(folder_, "ca");
    if (absl::IsNotFound(authority.status())) GTEST_SKIP() << authority.status();
    ASSERT_TRUE(authority.ok()) << authority.status();
    authority_ = std::make_unique<TestAuthority>(*authority);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // A server of this certificate, or of none.
  void Start(const TestCertificate* certificate) {
    port_ = test_support::FreePort();
    std::vector<std::string> args = {"--skip-networking=0", "--bind-address=127.0.0.1",
                                     absl::StrCat("--port=", port_)};
    if (certificate == nullptr) {
      args.push_back("--skip-ssl");
    } else {
      args.insert(args.end(), {absl::StrCat("--ssl-cert=", certificate->certificate_file),
                               absl::StrCat("--ssl-key=", certificate->key_file),
                               absl::StrCat("--ssl-ca=", authority_->ca_file())});
    }
    auto server = PrivateDatabaseServer::Create({.extra_args = args});
    if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    DatabaseOptions root;
    root.user = "root";
    root.socket = server_->socket_path();
    const SqlThread sql_thread;
    const auto connection = Connection::Open(root);
    ASSERT_TRUE(connection.ok()) << connection.status();
    ASSERT_TRUE((*connection)->Execute("CREATE USER 'caller'@'%' IDENTIFIED BY 'secret'").ok());
  }

  absl::Status OpenedWith(const std::string& ca_file) {
    const SqlThread sql_thread;
    DatabaseOptions options;
    options.user = "caller";
    options.password = "secret";
    options.port = port_;
    options.ssl_ca = ca_file;
    return Connection::Open(options).status();
  }

  TestCertificate Issue(const std::string& names, bool expired = false) {
    auto issued = authority_->Issue("server", names, "database", expired);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? *issued : TestCertificate();
  }

  std::string folder_;
  std::unique_ptr<TestAuthority> authority_;
  std::unique_ptr<PrivateDatabaseServer> server_;
  int port_ = 0;
};

TEST_F(DatabaseTlsTest, TheRightServerIsTakenAndOneOfAnotherAuthorityIsNot) {
  const TestCertificate right = Issue("DNS:127.0.0.1,IP:127.0.0.1");
  Start(&right);
  if (server_ == nullptr) return;
  EXPECT_EQ(OpenedWith(authority_->ca_file()), absl::OkStatus());
  EXPECT_EQ(OpenedWith(""), absl::OkStatus());  // plain text was asked for
  const auto stranger = TestAuthority::Create(folder_, "stranger");
  ASSERT_TRUE(stranger.ok()) << stranger.status();
  EXPECT_FALSE(OpenedWith(stranger->ca_file()).ok());
  EXPECT_FALSE(OpenedWith(folder_ + "/nonexistent.pem").ok());
}

TEST_F(DatabaseTlsTest, AServerOfAnotherNameIsNotTaken) {
  const TestCertificate other = Issue("DNS:elsewhere.test");
  Start(&other);
  if (server_ == nullptr) return;
  EXPECT_FALSE(OpenedWith(authority_->ca_file()).ok());
}

TEST_F(DatabaseTlsTest, AServerWhoseCertificateHasExpiredIsNotTaken) {
  const TestCertificate ended = Issue("DNS:127.0.0.1,IP:127.0.0.1", /*expired=*/true);
  Start(&ended);
  if (server_ == nullptr) return;
  EXPECT_FALSE(OpenedWith(authority_->ca_file()).ok());
}

TEST_F(DatabaseTlsTest, AServerWithoutTlsIsNotTakenInPlainText) {
  Start(nullptr);
  if (server_ == nullptr) return;
  EXPECT_EQ(OpenedWith(""), absl::OkStatus());
  EXPECT_FALSE(OpenedWith(authority_->ca_file()).ok());
}

}  // namespace
}  // namespace reserve::storage
