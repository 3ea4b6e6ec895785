#include "services/ledger/storage/database_url.h"

#include <string>

#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::storage {
namespace {

struct GoodUrl {
  const char* name;
  const char* url;
  DatabaseOptions expected;
};

class GoodUrlTest : public testing::TestWithParam<GoodUrl> {};

TEST_P(GoodUrlTest, IsRead) {
  const absl::StatusOr<DatabaseOptions> options = ParseDatabaseUrl(GetParam().url);
  ASSERT_TRUE(options.ok()) << options.status();
  const DatabaseOptions& expected = GetParam().expected;
  EXPECT_EQ(options->user, expected.user);
  EXPECT_EQ(options->password, expected.password);
  EXPECT_EQ(options->host, expected.host);
  EXPECT_EQ(options->port, expected.port);
  EXPECT_EQ(options->schema, expected.schema);
  EXPECT_EQ(options->socket, expected.socket);
  EXPECT_EQ(options->ssl_ca, expected.ssl_ca);
  EXPECT_EQ(options->wsrep_sync_wait, expected.wsrep_sync_wait);
}

INSTANTIATE_TEST_SUITE_P(
    Urls, GoodUrlTest,
    testing::Values(GoodUrl{"Full",
                            "mysql://ann:secret@db.example:3307/reserve",
                            {"ann", "secret", "db.example", 3307, "reserve", "", ""}},
                    GoodUrl{"DefaultPort",
                            "mysql://ann:secret@db/reserve",
                            {"ann", "secret", "db", 3306, "reserve", "", ""}},
                    GoodUrl{"NoPassword",
                            "mysql://root@localhost/reserve",
                            {"root", "", "localhost", 3306, "reserve", "", ""}},
                    GoodUrl{"Socket",
                            "mysql://root@localhost/reserve?socket=/run/my%20sql.sock",
                            {"root", "", "localhost", 3306, "reserve", "/run/my sql.sock", ""}},
                    GoodUrl{"NoHost",
                            "mysql://root@/reserve?socket=/s",
                            {"root", "", "127.0.0.1", 3306, "reserve", "/s", ""}},
                    GoodUrl{"EncodedLogin",
                            "mysql://a%3Ab:p%40ss%2Fw%25rd@db/reserve",
                            {"a:b", "p@ss/w%rd", "db", 3306, "reserve", "", ""}},
                    GoodUrl{"PlainAtInPassword",
                            "mysql://ann:p@ss@db/reserve",
                            {"ann", "p@ss", "db", 3306, "reserve", "", ""}},
                    GoodUrl{"ColonInPassword",
                            "mysql://ann:a:b@db/reserve",
                            {"ann", "a:b", "db", 3306, "reserve", "", ""}},
                    GoodUrl{"Tls",
                            "mysql://ann:x@db/reserve?ssl_ca=/etc/ca.pem",
                            {"ann", "x", "db", 3306, "reserve", "", "/etc/ca.pem"}},
                    GoodUrl{"WaitsForGalera",
                            "mysql://ann:x@db/reserve?wsrep_sync_wait=7",
                            {"ann", "x", "db", 3306, "reserve", "", "", 7}},
                    GoodUrl{"WaitsForNothing",
                            "mysql://ann:x@db/reserve?wsrep_sync_wait=0",
                            {"ann", "x", "db", 3306, "reserve", "", "", 0}}),
    [](const auto& test) { return test.param.name; });

struct BadUrl {
  const char* name;
  const char* url;
  const char* complaint;
};

class BadUrlTest : public testing::TestWithParam<BadUrl> {};

TEST_P(BadUrlTest, IsRefusedWithoutShowingThePassword) {
  const absl::Status status = ParseDatabaseUrl(GetParam().url).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(FieldOf(status), "database");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(GetParam().complaint));
  EXPECT_THAT(std::string(status.message()), testing::Not(testing::HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(
    Urls, BadUrlTest,
    testing::Values(
        BadUrl{"Empty", "", "mysql://"},
        BadUrl{"OtherScheme", "postgres://ann:secret@db/reserve", "mysql://"},
        BadUrl{"NoLogin", "mysql://db/reserve", "mysql://"},
        BadUrl{"EmptyUser", "mysql://:secret@db/reserve", "no user"},
        BadUrl{"NoSchema", "mysql://ann:secret@db", "no schema"},
        BadUrl{"EmptySchema", "mysql://ann:secret@db/", "no schema"},
        BadUrl{"PortZero", "mysql://ann:secret@db:0/reserve", "port"},
        BadUrl{"PortTooHigh", "mysql://ann:secret@db:65536/reserve", "port"},
        BadUrl{"PortNoNumber", "mysql://ann:secret@db:x/reserve", "port"},
        BadUrl{"CutPercent", "mysql://ann:secret%4@db/reserve", "%"},
        BadUrl{"BadPercent", "mysql://ann:secret%zz@db/reserve", "%"},
        BadUrl{"EmptyAuthority",
               "mysql://ann:secret@db/reserve?ssl_ca=", "\"ssl_ca\" without a value"},
        BadUrl{"NoAuthority", "mysql://ann:secret@db/reserve?ssl_ca", "\"ssl_ca\" without a value"},
        BadUrl{"EmptySocket",
               "mysql://ann:secret@db/reserve?socket=", "\"socket\" without a value"},
        BadUrl{"SyncWaitNoNumber", "mysql://ann:secret@db/reserve?wsrep_sync_wait=on",
               "wsrep_sync_wait that is not 0 to 15"},
        BadUrl{"SyncWaitTooHigh", "mysql://ann:secret@db/reserve?wsrep_sync_wait=16",
               "wsrep_sync_wait that is not 0 to 15"},
        BadUrl{"UnknownParameter", "mysql://ann:secret@db/reserve?ssl=1",
               "unknown parameter \"ssl\""},
        BadUrl{"PasswordWithAQuestionMark", "mysql://ann:what?secret@db/reserve", "mysql://"},
        BadUrl{"PasswordWithBoth", "mysql://ann:what@is?secret=1@db/reserve",
               "unknown parameter;"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace reserve::storage
