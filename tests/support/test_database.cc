#include "tests/support/test_database.h"

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>
#include <mysql_driver.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace reserve::test_support {
namespace {

std::string PercentEncode(absl::string_view text, absl::string_view also_plain) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~", c) ||
        absl::StrContains(also_plain, c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      absl::StrAppend(&encoded, "%", std::string(1, kHex[byte >> 4]),
                      std::string(1, kHex[byte & 15]));
    }
  }
  return encoded;
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::SimpleHexAtoi(text.substr(i + 1, 2), &byte)) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// Cuts `text` at the first `separator`: what follows it, or nothing, is returned.
absl::string_view CutAt(char separator, absl::string_view* text) {
  const size_t found = text->find(separator);
  if (found == absl::string_view::npos) return "";
  const absl::string_view rest = text->substr(found + 1);
  *text = text->substr(0, found);
  return rest;
}

absl::StatusOr<std::unique_ptr<sql::Connection>> Connect(const DatabaseAddress& address,
                                                         const std::string& schema) {
  try {
    sql::ConnectOptionsMap options;
    options["hostName"] =
        address.socket.empty()
            ? sql::SQLString(absl::StrCat("tcp://", address.host, ":", address.port))
            : sql::SQLString(absl::StrCat("unix://", address.socket));
    options["userName"] = sql::SQLString(address.user);
    options["password"] = sql::SQLString(address.password);
    if (!schema.empty()) options["schema"] = sql::SQLString(schema);
    options["OPT_CONNECT_TIMEOUT"] = 10;
    options["OPT_READ_TIMEOUT"] = 60;
    return std::unique_ptr<sql::Connection>(sql::mysql::get_driver_instance()->connect(options));
  } catch (const sql::SQLException& error) {
    return absl::UnavailableError(
        absl::StrCat("connect: ", error.getErrorCode(), " ", error.what()));
  }
}

absl::StatusOr<std::vector<TestDatabase::Row>> Run(const DatabaseAddress& address,
                                                   const std::string& schema,
                                                   absl::string_view sql) {
  auto connection = Connect(address, schema);
  if (!connection.ok()) return connection.status();
  try {
    std::vector<TestDatabase::Row> rows;
    const std::unique_ptr<sql::Statement> statement((*connection)->createStatement());
    if (!statement->execute(sql::SQLString(sql.data(), sql.size()))) return rows;
    const std::unique_ptr<sql::ResultSet> result(statement->getResultSet());
    const unsigned columns = result->getMetaData()->getColumnCount();
    while (result->next()) {
      TestDatabase::Row& row = rows.emplace_back();
      for (unsigned column = 1; column <= columns; ++column) {
        const std::string text = result->getString(column);
        row.push_back(result->isNull(column) ? "NULL" : text);
      }
    }
    return rows;
  } catch (const sql::SQLException& error) {
    return absl::UnknownError(absl::StrCat(error.getErrorCode(), " ", error.what(), " in: ", sql));
  }
}

[[noreturn]] void Fatal(absl::string_view what, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", std::string(what).c_str(), status.ToString().c_str());
  std::exit(1);
}

// The private server that the tests of this program share, started by the first of them.
const PrivateDatabaseServer& SharedServer() {
  static const std::unique_ptr<PrivateDatabaseServer> server = [] {
    auto created = PrivateDatabaseServer::Create();
    if (!created.ok()) Fatal("no private database server", created.status());
    return *std::move(created);
  }();
  return *server;
}

DatabaseAddress PrivateAddress(const PrivateDatabaseServer& server) {
  DatabaseAddress address;
  address.user = "root";
  address.socket = server.socket_path();
  return address;
}

DatabaseAddress SharedAddress() {
  const char* const configured = std::getenv("RESERVE_TEST_DATABASE");
  if (configured == nullptr || *configured == '\0') return PrivateAddress(SharedServer());
  auto address = DatabaseAddress::Parse(configured);
  if (!address.ok()) Fatal("RESERVE_TEST_DATABASE", address.status());
  return *std::move(address);
}

}  // namespace

absl::StatusOr<DatabaseAddress> DatabaseAddress::Parse(absl::string_view url) {
  absl::string_view rest = url;
  const auto malformed = [] {
    return absl::InvalidArgumentError(
        "not of the form mysql://USER:PASSWORD@HOST:PORT/SCHEMA?socket=PATH");
  };
  if (!absl::ConsumePrefix(&rest, "mysql://")) return malformed();
  DatabaseAddress address;
  absl::string_view query = CutAt('?', &rest);
  if (absl::ConsumePrefix(&query, "socket=")) address.socket = PercentDecode(query);
  address.schema = PercentDecode(CutAt('/', &rest));
  const size_t at = rest.rfind('@');
  if (at == absl::string_view::npos) return malformed();
  absl::string_view user = rest.substr(0, at);
  address.password = PercentDecode(CutAt(':', &user));
  address.user = PercentDecode(user);
  absl::string_view host = rest.substr(at + 1);
  const absl::string_view port = CutAt(':', &host);
  if (!port.empty() && !absl::SimpleAtoi(port, &address.port)) return malformed();
  address.host = PercentDecode(host);
  if (address.user.empty() || (address.host.empty() && address.socket.empty())) return malformed();
  return address;
}

std::string DatabaseAddress::ToUrl() const {
  std::string url = absl::StrCat("mysql://", PercentEncode(user, ""));
  if (!password.empty()) absl::StrAppend(&url, ":", PercentEncode(password, ""));
  absl::StrAppend(&url, "@", host);
  if (socket.empty()) absl::StrAppend(&url, ":", port);
  if (!schema.empty()) absl::StrAppend(&url, "/", PercentEncode(schema, ""));
  if (!socket.empty()) absl::StrAppend(&url, "?socket=", PercentEncode(socket, "/"));
  return url;
}

TestDatabase::TestDatabase() : address_(SharedAddress()) { CreateSchema(); }

TestDatabase::TestDatabase(const PrivateDatabaseServer& server) : address_(PrivateAddress(server)) {
  CreateSchema();
}

TestDatabase::TestDatabase(const PrivateDatabaseServer& server, std::string schema)
    : address_(PrivateAddress(server)), owned_(false) {
  address_.schema = std::move(schema);
}

void TestDatabase::CreateSchema() {
  static std::atomic<int> counter = 0;
  address_.schema = absl::StrCat("reserve_test_", getpid(), "_", ++counter);
  // A program with the same pid may have crashed on this server before.
  for (const absl::string_view verb : {"DROP DATABASE IF EXISTS ", "CREATE DATABASE "}) {
    const auto done = Run(address_, "", absl::StrCat(verb, address_.schema));
    if (!done.ok()) Fatal("no schema for the test", done.status());
  }
}

TestDatabase::~TestDatabase() {
  if (!owned_) return;
  // The server may be gone by now, on purpose.
  Run(address_, "", absl::StrCat("DROP DATABASE IF EXISTS ", address_.schema)).IgnoreError();
}

std::string TestDatabase::UrlAs(absl::string_view user, absl::string_view password) const {
  DatabaseAddress address = address_;
  address.user = std::string(user);
  address.password = std::string(password);
  return address.ToUrl();
}

void TestDatabase::Execute(absl::string_view sql) const {
  const absl::Status status = TryExecute(sql);
  if (!status.ok()) ADD_FAILURE() << status;
}

absl::Status TestDatabase::TryExecute(absl::string_view sql) const {
  return TryQuery(sql).status();
}

std::vector<TestDatabase::Row> TestDatabase::Query(absl::string_view sql) const {
  auto rows = TryQuery(sql);
  if (rows.ok()) return *std::move(rows);
  ADD_FAILURE() << rows.status();
  return {};
}

absl::StatusOr<std::vector<TestDatabase::Row>> TestDatabase::TryQuery(absl::string_view sql) const {
  return Run(address_, address_.schema, sql);
}

int64_t TestDatabase::QueryInt(absl::string_view sql) const {
  const std::string text = QueryText(sql);
  int64_t number = -1;
  if (!absl::SimpleAtoi(text, &number))
    ADD_FAILURE() << "not a number: " << text << " from " << sql;
  return number;
}

std::string TestDatabase::QueryText(absl::string_view sql) const {
  const std::vector<Row> rows = Query(sql);
  if (rows.size() == 1 && !rows[0].empty()) return rows[0][0];
  ADD_FAILURE() << rows.size() << " rows, not one, from " << sql;
  return "";
}

TableLock::TableLock(const TestDatabase& database, absl::string_view table) {
  auto connection = Connect(database.address(), database.schema());
  if (!connection.ok()) {
    ADD_FAILURE() << connection.status();
    return;
  }
  connection_ = *std::move(connection);
  try {
    const std::unique_ptr<sql::Statement> statement(connection_->createStatement());
    statement->execute(sql::SQLString(absl::StrCat("LOCK TABLES ", table, " WRITE")));
  } catch (const sql::SQLException& error) {
    ADD_FAILURE() << error.getErrorCode() << " " << error.what();
  }
}

// With the session its locks go.
TableLock::~TableLock() = default;

}  // namespace reserve::test_support
