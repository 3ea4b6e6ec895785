#include "common/rpc/port_file.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace reserve {

absl::Status WritePortFile(const std::string& path, int port) {
  const std::string unfinished = absl::StrCat(path, ".tmp");
  std::FILE* file = std::fopen(unfinished.c_str(), "we");
  if (file == nullptr) {
    return absl::UnavailableError(absl::StrCat("can't write the port file '", path, "'"));
  }
  const bool written = std::fprintf(file, "%d\n", port) > 0;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("can't write the port file '", path, "'"));
  }
  return absl::OkStatus();
}

}  // namespace reserve
