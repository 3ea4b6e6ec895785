// Where the build put things, for tests that start our binaries. Thread-safe.
//
//   const std::string ledger = BinDir() + "/ledger";
#ifndef RESERVE_TESTS_SUPPORT_BUILD_TREE_H_
#define RESERVE_TESTS_SUPPORT_BUILD_TREE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace reserve::test_support {

// The folder of our binaries: $RESERVE_TEST_BIN_DIR, or the folder of the running program.
std::string BinDir();

// The build folder, one above BinDir(): build/release and the like.
std::string BuildDir();

// The root of the sources: $RESERVE_TEST_SOURCE_DIR, or the working directory.
std::string SourceDir();

// The full path of a program: names without a slash are looked for in BinDir(), then in $PATH,
// then in the system's sbin folders (mariadbd is there). Empty if there is none.
std::string FindProgram(absl::string_view name);

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_BUILD_TREE_H_
