#include "tests/support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/support/build_tree.h"
#include "tests/support/told.h"

namespace reserve::test_support {
namespace {

constexpr size_t kMaxKeptBytes = 16 << 20;
constexpr size_t kShownBytes = 4000;

std::vector<char*> PointersTo(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(std::map<std::string, std::string> overrides) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos) continue;
    // What whoever runs the tests, or the tests themselves, have in their environment is no flag of
    // a program under test, which refuses what it does not know.
    if (absl::StartsWith(text, "RESERVE_") && !absl::StartsWith(text, "RESERVE_TEST_")) continue;
    overrides.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : overrides) environment.push_back(absl::StrCat(name, "=", value));
  return environment;
}

// What happens in the child between fork and exec; async-signal-safe calls only, because other
// threads of the parent may have held any lock.
[[noreturn]] void Exec(const char* path, char* const* argv, char* const* envp,
                       const char* working_directory, pid_t parent, int stdout_fd, int stderr_fd,
                       int error_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int stdin_fd = open("/dev/null", O_RDONLY);
  const bool ready = stdin_fd >= 0 && dup2(stdin_fd, STDIN_FILENO) >= 0 &&
                     dup2(stdout_fd, STDOUT_FILENO) >= 0 && dup2(stderr_fd, STDERR_FILENO) >= 0 &&
                     (*working_directory == '\0' || chdir(working_directory) == 0);
  if (ready) execve(path, argv, envp);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(error_fd, &error, sizeof(error));
  _exit(127);
}

// Appends what the pipe holds; false once it is closed.
bool ReadSome(int fd, std::string* text) {
  std::array<char, 65536> buffer;
  const ssize_t count = read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  text->append(buffer.data(), static_cast<size_t>(count));
  return true;
}

void Keep(const std::string& piece, std::string* text) {
  text->append(piece);
  if (text->size() > kMaxKeptBytes) text->erase(0, text->size() - kMaxKeptBytes / 2);
}

std::string Tail(const std::string& text) {
  return text.size() <= kShownBytes ? text : "..." + text.substr(text.size() - kShownBytes);
}

std::string LineWith(const std::string& output, absl::string_view text) {
  const size_t found = output.find(text.data(), 0, text.size());
  if (found == std::string::npos) return "";
  const size_t end = output.find('\n', found);
  if (end == std::string::npos) return "";
  const size_t before = found == 0 ? std::string::npos : output.rfind('\n', found - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  return output.substr(begin, end - begin);
}

// Those that log what customers do, and in a log nothing else is right.
bool IsServer(absl::string_view program) {
  return program == "ledger" || program == "worker" || program == "gateway_stub" ||
         program == "console";
}

// At which level our servers log: all that they can, so that each test is one of what is in there.
std::string LogLevel() {
  const char* const asked = std::getenv("RESERVE_TEST_LOG_LEVEL");
  if (asked != nullptr) return asked;
  return InATest() ? "debug" : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Start(Options options) {
  const std::string level = LogLevel();
  if (!level.empty() && IsServer(options.program)) {
    options.env.emplace("RESERVE_LOG_LEVEL", level);
  }
  const std::string path = FindProgram(options.program);
  if (path.empty()) return absl::NotFoundError(absl::StrCat("no program ", options.program));
  std::unique_ptr<Subprocess> process(new Subprocess());
  process->name_ = options.program;
  process->thread_ = std::thread(
      [raw = process.get(), options = std::move(options), path] { raw->Run(options, path); });
  absl::Status status;
  {
    absl::MutexLock lock(&process->mutex_);
    process->mutex_.Await(absl::Condition(&process->started_));
    status = process->start_status_;
  }
  if (!status.ok()) return status;
  return process;
}

Subprocess::~Subprocess() {
  Signal(SIGKILL);
  if (thread_.joinable()) thread_.join();
  ExpectNothingOfCustomers();
}

void Subprocess::ExpectNothingOfCustomers() const {
  if (!InATest() || told_.empty()) return;
  ADD_FAILURE() << name_ << " tells of a customer in its log: " << told_;
}

void Subprocess::LookThrough(absl::string_view piece) {
  if (!IsServer(name_) || !told_.empty()) return;
  unfinished_line_.append(piece.data(), piece.size());
  size_t begin = 0;
  for (size_t end = 0; (end = unfinished_line_.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    const absl::string_view line(unfinished_line_.data() + begin, end - begin);
    if (!absl::StartsWith(line, "{") || !TellsOfACustomer(line)) continue;
    told_ = std::string(line);
    return;
  }
  unfinished_line_.erase(0, begin);
}

void Subprocess::Run(const Options& options, const std::string& path) {
  std::vector<std::string> argv_texts = {path};
  argv_texts.insert(argv_texts.end(), options.args.begin(), options.args.end());
  std::vector<std::string> environment = Environment(options.env);
  const std::vector<char*> argv = PointersTo(argv_texts);
  const std::vector<char*> envp = PointersTo(environment);

  int out[2] = {-1, -1}, err[2] = {-1, -1}, failure[2] = {-1, -1};
  absl::Status status;
  pid_t pid = -1;
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 || pipe2(failure, O_CLOEXEC) != 0) {
    status = absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  } else {
    const pid_t parent = getpid();
    pid = fork();
    if (pid == 0) {
      Exec(path.c_str(), argv.data(), envp.data(), options.working_directory.c_str(), parent,
           out[1], err[1], failure[1]);
    }
    if (pid < 0) status = absl::InternalError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  for (const int fd : {out[1], err[1], failure[1]}) {
    if (fd >= 0) close(fd);
  }
  int error = 0;
  if (status.ok() && read(failure[0], &error, sizeof(error)) == sizeof(error)) {
    status = absl::InternalError(absl::StrCat("exec ", path, ": ", std::strerror(error)));
  }
  {
    absl::MutexLock lock(&mutex_);
    pid_ = pid;
    start_status_ = status;
    ended_ = pid < 0;
    started_ = true;
  }
  if (pid > 0) Drain(out[0], err[0]);
  for (const int fd : {out[0], err[0], failure[0]}) {
    if (fd >= 0) close(fd);
  }
}

void Subprocess::Drain(int stdout_fd, int stderr_fd) {
  fcntl(stdout_fd, F_SETFL, O_NONBLOCK);
  fcntl(stderr_fd, F_SETFL, O_NONBLOCK);
  // The end of the program is watched beside its pipes: a grandchild may hold those open.
  const int pid_fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  std::array<pollfd, 3> fds = {pollfd{stdout_fd, POLLIN, 0}, pollfd{stderr_fd, POLLIN, 0},
                               pollfd{pid_fd, POLLIN, 0}};
  bool exited = false;
  while (!exited) {
    // Without pidfd (an old kernel, a sandbox) the pipes' ends have to do.
    if (pid_fd < 0 && fds[0].fd < 0 && fds[1].fd < 0) break;
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    exited = (fds[2].revents & POLLIN) != 0;
    std::string out, err;
    if (fds[0].revents != 0 && !ReadSome(stdout_fd, &out)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !ReadSome(stderr_fd, &err)) fds[1].fd = -1;
    if (exited) {
      for (size_t size = 0; ReadSome(stdout_fd, &out) && out.size() > size;) size = out.size();
      for (size_t size = 0; ReadSome(stderr_fd, &err) && err.size() > size;) size = err.size();
    }
    if (out.empty() && err.empty()) continue;
    LookThrough(err);
    absl::MutexLock lock(&mutex_);
    Keep(out, &stdout_);
    Keep(err, &stderr_);
    ++reads_;
  }
  if (pid_fd >= 0) close(pid_fd);
  // Waits without reaping, so that the pid stays ours until Signal can no longer use it.
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  absl::MutexLock lock(&mutex_);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  ended_ = true;
}

bool Subprocess::Running() const {
  absl::MutexLock lock(&mutex_);
  return !ended_;
}

void Subprocess::Signal(int signal) {
  absl::MutexLock lock(&mutex_);
  if (started_ && !ended_) kill(pid_, signal);
}

void Subprocess::Kill() {
  Signal(SIGKILL);
  Wait(absl::InfiniteDuration());
}

int Subprocess::Wait(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithTimeout(absl::Condition(&ended_), timeout)) return -1;
  return exit_code_;
}

absl::StatusOr<std::string> Subprocess::WaitForOutput(absl::string_view text,
                                                      absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (true) {
    std::string line = FindLine(text);
    if (!line.empty()) return line;
    if (ended_) return NoSuchLine(absl::StatusCode::kFailedPrecondition, text);
    const auto has_news = [this, seen = reads_]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return ended_ || reads_ != seen;
    };
    if (!mutex_.AwaitWithDeadline(absl::Condition(&has_news), deadline)) {
      return NoSuchLine(absl::StatusCode::kDeadlineExceeded, text);
    }
  }
}

std::string Subprocess::FindLine(absl::string_view text) const {
  std::string line = LineWith(stdout_, text);
  return line.empty() ? LineWith(stderr_, text) : line;
}

absl::Status Subprocess::NoSuchLine(absl::StatusCode code, absl::string_view text) const {
  return absl::Status(
      code, absl::StrCat(name_, ended_ ? absl::StrCat(" ended with ", exit_code_) : " runs", ", ",
                         "no line with \"", text, "\"\nstdout:\n", Tail(stdout_), "\nstderr:\n",
                         Tail(stderr_)));
}

std::string Subprocess::Stdout() const {
  absl::MutexLock lock(&mutex_);
  return stdout_;
}

std::string Subprocess::Stderr() const {
  absl::MutexLock lock(&mutex_);
  return stderr_;
}

}  // namespace reserve::test_support
