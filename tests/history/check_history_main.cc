// check_history FILE: whether the answers of a history are those of one order. 0 if they are, 1 if
// not, 2 if the file can't be read.
#include <cstdio>

#include "absl/status/statusor.h"
#include "tests/history/checker.h"
#include "tests/history/history_lines.h"

int main(int argc, char* argv[]) {
  namespace history = reserve::history;
  if (argc != 2) {
    std::fprintf(stderr, "usage: check_history FILE\n");
    return 2;
  }
  const absl::StatusOr<std::vector<history::Call>> calls = history::ReadHistory(argv[1]);
  if (!calls.ok()) {
    std::fprintf(stderr, "check_history: %s\n", calls.status().ToString().c_str());
    return 2;
  }
  const history::Report report = history::Check(*calls);
  for (const history::Finding& finding : report.findings) std::puts(finding.text.c_str());
  std::printf("check_history: %s\n", history::Summary(report).c_str());
  return report.clean() ? 0 : 1;
}
