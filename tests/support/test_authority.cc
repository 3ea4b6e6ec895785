#include "tests/support/test_authority.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::test_support {
namespace {

constexpr char kNewKey[] = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

// Runs it in the folder.
absl::Status Run(const std::string& folder, const std::string& command) {
  const std::string whole = absl::StrCat("cd '", folder, "' && (", command, ") >/dev/null 2>&1");
  if (std::system(whole.c_str()) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("failed: ", command));
}

}  // namespace

absl::StatusOr<TestAuthority> TestAuthority::Create(const std::string& folder,
                                                    const std::string& name) {
  if (std::system("openssl version >/dev/null 2>&1") != 0) {
    return absl::NotFoundError("needs openssl");
  }
  const absl::Status made =
      Run(folder, absl::StrCat("openssl req -x509 ", kNewKey, " -days 3 -keyout ", name,
                               ".key -out ", name, ".pem -subj '/CN=", name, "'"));
  if (!made.ok()) return made;
  return TestAuthority(folder, name);
}

absl::StatusOr<TestCertificate> TestAuthority::Issue(const std::string& name,
                                                     const std::string& names,
                                                     const std::string& common_name,
                                                     bool expired) const {
  const std::string extensions = names.empty() ? "" : absl::StrCat(" -extfile ", name, ".names");
  std::ofstream(absl::StrCat(folder_, "/", name, ".names")) << "subjectAltName=" << names << "\n";
  const absl::Status made =
      Run(folder_,
          absl::StrCat("openssl req ", kNewKey, " -keyout ", name, ".key -out ", name,
                       ".csr -subj '/CN=", common_name, "' && openssl x509 -req -in ", name,
                       ".csr -CA ", name_, ".pem -CAkey ", name_, ".key -CAcreateserial -days ",
                       expired ? 0 : 2, extensions, " -out ", name, ".pem"));
  if (!made.ok()) return made;
  const std::string stem = absl::StrCat(folder_, "/", name);
  return TestCertificate{stem + ".pem", stem + ".key"};
}

std::string TestAuthority::ca_file() const { return absl::StrCat(folder_, "/", name_, ".pem"); }

std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace reserve::test_support
