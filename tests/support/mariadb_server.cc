#include "tests/support/mariadb_server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/build_tree.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::test_support {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kStartTimeout = absl::Seconds(30);

// The server to start. The two differ in how a data folder is made and in a few arguments.
struct Program {
  std::string path;
  bool mysql = false;
  std::string template_folder;
};

Program ProgramToStart() {
  const char* const mysqld = std::getenv("RESERVE_TEST_MYSQLD");
  if (mysqld == nullptr || *mysqld == '\0') {
    return {"mariadbd", false, BuildDir() + "/test-mariadb-template"};
  }
  // One template for each program: an older server can't take up the data of a newer one.
  return {
      mysqld, true,
      absl::StrCat(BuildDir(), "/test-mysql-template", absl::StrReplaceAll(mysqld, {{"/", "-"}}))};
}

// Arguments that the template must agree about, or each start would write new log files.
std::vector<std::string> LogArgs(const Program& program, int megabytes) {
  if (!program.mysql) return {absl::StrCat("--innodb-log-file-size=", megabytes, "M")};
  return {absl::StrCat("--innodb-redo-log-capacity=", megabytes, "M")};
}

absl::StatusOr<Subprocess::Options> Installation(const Program& program,
                                                 const std::string& folder) {
  std::vector<std::string> args = {"--no-defaults", "--datadir=" + folder};
  const std::vector<std::string> log_args = LogArgs(program, 8);
  args.insert(args.end(), log_args.begin(), log_args.end());
  if (program.mysql) {
    args.insert(args.end(), {"--initialize-insecure", "--secure-file-priv=NULL"});
    if (geteuid() == 0) args.push_back("--user=root");
    return Subprocess::Options{.program = program.path, .args = std::move(args)};
  }
  const std::string install = FindProgram("mariadb-install-db");
  if (install.empty()) {
    return absl::NotFoundError("MariaDB is not installed (./run setup installs it)");
  }
  // --force: also where the host's own name does not resolve.
  args.insert(args.end(), {"--force", "--auth-root-authentication-method=normal", "--skip-test-db",
                           "--skip-name-resolve"});
  return Subprocess::Options{.program = install, .args = std::move(args)};
}

std::string Tail(const std::string& text) {
  constexpr size_t kShownBytes = 3000;
  return text.size() <= kShownBytes ? text : "..." + text.substr(text.size() - kShownBytes);
}

absl::Status RunToEnd(Subprocess::Options options) {
  const std::string program = options.program;
  auto process = Subprocess::Start(std::move(options));
  if (!process.ok()) return process.status();
  if ((*process)->Wait(absl::Seconds(60)) == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(program, " failed: ", Tail((*process)->Stdout() + (*process)->Stderr())));
}

// Makes the data folder that all servers start from, unless it is there. Safe from several
// programs at once: whoever gets the file lock makes it, under another name first.
absl::Status EnsureTemplate(const Program& program) {
  const std::string& folder = program.template_folder;
  std::error_code error;
  if (fs::exists(folder, error)) return absl::OkStatus();
  const int lock_fd = open((folder + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock_fd < 0) {
    return absl::InternalError(absl::StrCat(folder, ".lock: ", std::strerror(errno)));
  }
  while (flock(lock_fd, LOCK_EX) != 0 && errno == EINTR) {
  }
  absl::Status status;
  if (!fs::exists(folder, error)) {
    const std::string unfinished = folder + ".unfinished";
    fs::remove_all(unfinished, error);
    auto installation = Installation(program, unfinished);
    if (!installation.ok()) {
      status = installation.status();
    } else {
      status = RunToEnd(*std::move(installation));
    }
    if (status.ok()) {
      fs::rename(unfinished, folder, error);
      if (error) status = absl::InternalError(absl::StrCat(folder, ": ", error.message()));
    }
  }
  close(lock_fd);
  return status;
}

// Removes the folders of programs that ended without their destructors: "PID-NUMBER".
void SweepUp(const std::string& servers) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(servers, error)) {
    const std::string name = entry.path().filename().string();
    const std::vector<absl::string_view> parts = absl::StrSplit(name, '-');
    int pid = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &pid) || pid <= 0) continue;
    if (kill(pid, 0) != 0 && errno == ESRCH) fs::remove_all(entry.path(), error);
  }
}

// Does a server greet us on this socket? (It listens some time before it serves.)
bool Greets(const std::string& socket_path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
  const timeval patience = {.tv_sec = 5, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  bool greeted = false;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    // Three bytes of length, one of sequence, then the protocol version, or 255 for an error.
    unsigned char packet[5] = {};
    greeted = recv(fd, packet, sizeof(packet), MSG_WAITALL) == sizeof(packet) && packet[4] == 10;
  }
  close(fd);
  return greeted;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateDatabaseServer>> PrivateDatabaseServer::Create(
    Options options) {
  static std::atomic<int> counter = 0;
  const std::string build = BuildDir();
  const std::string servers = build + "/test-mariadb";
  std::error_code error;
  fs::create_directories(servers, error);
  SweepUp(servers);
  const Program program = ProgramToStart();
  absl::Status status = EnsureTemplate(program);
  if (!status.ok()) return status;

  std::unique_ptr<PrivateDatabaseServer> server(new PrivateDatabaseServer());
  server->options_ = std::move(options);
  const std::string& parent = server->options_.parent_folder;
  server->folder_ = absl::StrCat(parent.empty() ? servers : parent, "/", getpid(), "-", ++counter);
  fs::remove_all(server->folder_, error);
  fs::create_directories(server->folder_ + "/tmp", error);
  const std::string& from = server->options_.data_from;
  fs::copy(from.empty() ? program.template_folder : from, server->data_folder(),
           fs::copy_options::recursive, error);
  if (error) return absl::InternalError(absl::StrCat(server->folder_, ": ", error.message()));

  server->socket_path_ = server->folder_ + "/s";
  if (server->socket_path_.size() >= sizeof(sockaddr_un::sun_path)) {
    char name[] = "/tmp/reserve-XXXXXX";
    if (mkdtemp(name) == nullptr) return absl::InternalError("no folder for a socket in /tmp");
    server->socket_folder_ = name;
    server->socket_path_ = server->socket_folder_ + "/s";
  }
  status = server->Start();
  if (!status.ok()) return status;
  return server;
}

PrivateDatabaseServer::~PrivateDatabaseServer() {
  Kill();
  std::error_code error;
  fs::remove_all(folder_, error);
  if (!socket_folder_.empty()) fs::remove_all(socket_folder_, error);
}

std::string PrivateDatabaseServer::Url(absl::string_view schema) const {
  DatabaseAddress address;
  address.user = "root";
  address.socket = socket_path_;
  address.schema = std::string(schema);
  return address.ToUrl();
}

absl::Status PrivateDatabaseServer::Start() {
  if (process_ != nullptr && process_->Running()) return absl::OkStatus();
  const Program program = ProgramToStart();
  std::vector<std::string> args = {"--no-defaults",
                                   absl::StrCat("--datadir=", data_folder()),
                                   absl::StrCat("--tmpdir=", folder_, "/tmp"),
                                   absl::StrCat("--pid-file=", folder_, "/pid"),
                                   absl::StrCat("--socket=", socket_path_),
                                   "--skip-networking",
                                   "--skip-name-resolve",
                                   "--innodb-flush-log-at-trx-commit=1",
                                   "--innodb-buffer-pool-size=64M",
                                   "--innodb-buffer-pool-dump-at-shutdown=0",
                                   "--innodb-buffer-pool-load-at-startup=0",
                                   "--max-connections=500"};
  const std::vector<std::string> log_args = LogArgs(program, options_.log_megabytes);
  args.insert(args.end(), log_args.begin(), log_args.end());
  if (program.mysql) args.insert(args.end(), {"--mysqlx=OFF", "--secure-file-priv=NULL"});
  if (geteuid() == 0) args.push_back("--user=root");
  args.insert(args.end(), options_.extra_args.begin(), options_.extra_args.end());
  std::error_code error;
  fs::remove(socket_path_, error);
  auto process =
      Subprocess::Start({.program = program.path, .args = std::move(args), .env = options_.env});
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  const bool done =
      WaitUntil([&] { return !process_->Running() || Greets(socket_path_); }, kStartTimeout);
  if (done && process_->Running()) return absl::OkStatus();
  const std::string log = Log();
  Kill();
  return absl::InternalError(absl::StrCat("the database server did not come up:\n", Tail(log)));
}

void PrivateDatabaseServer::Kill() {
  if (process_ != nullptr) process_->Kill();
}

absl::Status PrivateDatabaseServer::Stop() {
  if (process_ == nullptr) return absl::OkStatus();
  process_->Signal(SIGTERM);
  if (process_->Wait(absl::Seconds(30)) >= 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the database server still runs:\n", Tail(Log())));
}

absl::Status PrivateDatabaseServer::Restart() {
  Kill();
  return Start();
}

void PrivateDatabaseServer::Freeze() {
  if (process_ == nullptr) return;
  process_->Signal(SIGSTOP);
  // It stops a little later than it is told to.
  const std::string stat = absl::StrCat("/proc/", process_->pid(), "/stat");
  WaitUntil([&stat] {
    std::ifstream in(stat);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return absl::StrContains(text, ") T ");
  });
}

void PrivateDatabaseServer::Thaw() {
  if (process_ != nullptr) process_->Signal(SIGCONT);
}

std::string PrivateDatabaseServer::Log() const {
  return process_ == nullptr ? "" : process_->Stderr();
}

}  // namespace reserve::test_support
