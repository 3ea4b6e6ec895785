#include "tests/support/build_tree.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace reserve::test_support {

std::string BinDir() {
  const char* const configured = std::getenv("RESERVE_TEST_BIN_DIR");
  if (configured != nullptr && *configured != '\0') return configured;
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

std::string BuildDir() { return std::filesystem::path(BinDir()).parent_path().string(); }

std::string SourceDir() {
  const char* const configured = std::getenv("RESERVE_TEST_SOURCE_DIR");
  if (configured != nullptr && *configured != '\0') return configured;
  std::error_code error;
  return std::filesystem::current_path(error).string();
}

std::string FindProgram(absl::string_view name) {
  const auto is_program = [](const std::string& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
  };
  if (absl::StrContains(name, '/')) return is_program(std::string(name)) ? std::string(name) : "";
  const char* const path = std::getenv("PATH");
  const std::string folders =
      absl::StrCat(BinDir(), ":", path == nullptr ? "" : path, ":/usr/local/sbin:/usr/sbin:/sbin");
  for (const absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (is_program(candidate)) return candidate;
  }
  return "";
}

}  // namespace reserve::test_support
