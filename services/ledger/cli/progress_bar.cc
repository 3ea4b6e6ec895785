#include "services/ledger/cli/progress_bar.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace reserve::cli {
namespace {

constexpr int kCells = 40;
constexpr int kMarkCells = 6;
constexpr double kBytesPerMebibyte = 1 << 20;
constexpr absl::Duration kTerminalInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(1);

// A mark that goes to and fro: how far nobody knows.
std::string MovingBar(absl::Duration elapsed) {
  constexpr int kPlaces = kCells - kMarkCells;
  const int step = static_cast<int>(elapsed / kTerminalInterval % (2 * kPlaces));
  std::string cells(kCells, '-');
  cells.replace(static_cast<size_t>(std::min(step, 2 * kPlaces - step)), kMarkCells,
                std::string(kMarkCells, '#'));
  return absl::StrCat("[", cells, "]");
}

}  // namespace

std::string BarOf(double done) {
  const int cells = static_cast<int>(std::lround(std::clamp(done, 0.0, 1.0) * kCells));
  return absl::StrCat("[", std::string(static_cast<size_t>(cells), '#'),
                      std::string(static_cast<size_t>(kCells - cells), '-'), "]");
}

ProgressBar::ProgressBar(absl::string_view command, bool terminal, std::ostream& out)
    : command_(command), terminal_(terminal), out_(out), begin_(MonotonicNow()), drawn_(begin_) {}

void ProgressBar::Sent(size_t bytes, size_t all) {
  const Moment now = MonotonicNow();
  const bool due = now - drawn_ >= (terminal_ ? kTerminalInterval : kLineInterval);
  if (!due && !(terminal_ && (!shown_ || bytes == all))) return;
  drawn_ = now;
  const double done = all == 0 ? 1.0 : static_cast<double>(bytes) / static_cast<double>(all);
  Draw(absl::StrFormat("%s %3.0f %% of %.1f MiB", BarOf(done), 100 * done,
                       static_cast<double>(all) / kBytesPerMebibyte));
}

void ProgressBar::Wait(absl::string_view doing) {
  if (drawing_.joinable()) return;
  doing_ = std::string(doing);
  waiting_since_ = MonotonicNow();
  if (terminal_) Draw(absl::StrCat(MovingBar(absl::ZeroDuration()), " ", doing_));
  drawing_ = std::thread([this] { KeepDrawing(); });
}

void ProgressBar::KeepDrawing() {
  absl::MutexLock lock(&mutex_);
  while (!ended_) {
    if (waker_.Await(terminal_ ? kTerminalInterval : kLineInterval)) continue;
    const absl::Duration elapsed = MonotonicNow() - waiting_since_;
    Draw(absl::StrFormat("%s %s, %.0f s", MovingBar(elapsed), doing_,
                         absl::ToDoubleSeconds(elapsed)));
  }
}

void ProgressBar::End() {
  if (drawing_.joinable()) {
    {
      absl::MutexLock lock(&mutex_);
      ended_ = true;
      waker_.Wake();
    }
    drawing_.join();
  }
  if (terminal_ && shown_) out_ << "\r\x1B[K" << std::flush;
  shown_ = false;
}

void ProgressBar::Draw(absl::string_view text) {
  shown_ = true;
  if (terminal_) {
    out_ << "\r" << command_ << ": " << text << "\x1B[K" << std::flush;
  } else {
    out_ << command_ << ": " << text << std::endl;
  }
}

}  // namespace reserve::cli
