// What this program is: for --version, the metrics and the traces.
#ifndef RESERVE_COMMON_FLAGS_VERSION_H_
#define RESERVE_COMMON_FLAGS_VERSION_H_

namespace reserve {

// "0.1.0", the project's.
const char* Version();
// Which build of it, as whoever built it says (-DRESERVE_BUILD=..., a commit); "unknown" if nobody
// did.
const char* Build();

}  // namespace reserve

#endif  // RESERVE_COMMON_FLAGS_VERSION_H_
