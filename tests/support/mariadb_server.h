// A database server of a test's own: on a unix socket, in a folder of the build tree. MariaDB, or
// MySQL with RESERVE_TEST_MYSQLD=/path/to/mysqld.
//
// It keeps a real server's durability (a log flush for every commit) in small files. The data
// folder is a copy of a template made once per build folder, so a start takes some 0.3 s (MySQL:
// 1 s). The server is killed and its folder removed with the object; if the test program dies
// first, the kernel ends the server, and the next test sweeps up the folder. Runs as root or as
// anyone. Not thread-safe: one thread starts and stops it; the server itself serves all.
//
//   auto server = PrivateDatabaseServer::Create();
//   ASSERT_TRUE(server.ok()) << server.status();
//   TestDatabase database(**server);
//   (*server)->Kill();  // Power failure
//   ASSERT_TRUE((*server)->Start().ok());
#ifndef RESERVE_TESTS_SUPPORT_MARIADB_SERVER_H_
#define RESERVE_TESTS_SUPPORT_MARIADB_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/subprocess.h"

namespace reserve::test_support {

class PrivateDatabaseServer {
 public:
  struct Options {
    // Of the files that hold the log, whatever this server's argument for it is called.
    int log_megabytes = 8;
    // Where the server's folder is made; empty: in the build tree.
    std::string parent_folder = {};
    // Server arguments after ours, so they win: {"--innodb-buffer-pool-size=256M"}.
    std::vector<std::string> extra_args = {};
    // A data folder to begin with, copied; empty: the template.
    std::string data_from = {};
    // Added to the server's environment.
    std::map<std::string, std::string> env = {};
  };

  // A server that accepts connections. NOT_FOUND if no server is installed, INTERNAL with the
  // end of the server's log if it did not come up within 30 s.
  static absl::StatusOr<std::unique_ptr<PrivateDatabaseServer>> Create(Options options);
  static absl::StatusOr<std::unique_ptr<PrivateDatabaseServer>> Create() { return Create({}); }

  PrivateDatabaseServer(const PrivateDatabaseServer&) = delete;
  PrivateDatabaseServer& operator=(const PrivateDatabaseServer&) = delete;
  ~PrivateDatabaseServer();

  // The unix socket; the user is "root", without a password. The same over restarts.
  const std::string& socket_path() const { return socket_path_; }
  // Of its data; to be copied only while it does not run.
  std::string data_folder() const { return folder_ + "/data"; }
  // mysql://root@localhost/SCHEMA?socket=PATH, the form that our binaries take.
  std::string Url(absl::string_view schema) const;

  // Starts the server on the same data, and waits until it accepts connections. Does nothing if
  // it runs. Errors as Create.
  absl::Status Start();
  bool Running() const { return process_ != nullptr && process_->Running(); }
  // SIGKILL: what is not in the log is lost, as in a crash of the server.
  void Kill();
  // SIGTERM: the server ends its sessions and shuts down in order. DEADLINE_EXCEEDED after 30 s.
  absl::Status Stop();
  // Kill and Start.
  absl::Status Restart();
  // SIGSTOP and SIGCONT: a server that hangs, with its connections open.
  void Freeze();
  void Thaw();

  // What the server wrote to its log since it was started.
  std::string Log() const;

 private:
  PrivateDatabaseServer() = default;

  Options options_;
  std::string folder_;
  std::string socket_folder_;  // Only where `folder_` is too long for a socket's address.
  std::string socket_path_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_MARIADB_SERVER_H_
