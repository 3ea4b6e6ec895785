// A loopback TCP port that nobody listens on.
//
// Prefer port 0 and a --port_file; this is for what needs the address before the server is
// there: a gateway that is down first and comes back, a server restarted on its old port.
// Thread-safe.
//
//   const std::string address = absl::StrCat("127.0.0.1:", FreePort());
#ifndef RESERVE_TESTS_SUPPORT_FREE_PORT_H_
#define RESERVE_TESTS_SUPPORT_FREE_PORT_H_

namespace reserve::test_support {

// A port that was free a moment ago, or 0 if the system gave none.
int FreePort();

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_FREE_PORT_H_
