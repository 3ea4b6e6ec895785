// What a server of the machine says over HTTP, as a monitoring system would ask for it.
//
//   const std::string page = HttpGet(port, "/metrics");
#ifndef RESERVE_TESTS_SUPPORT_HTTP_GET_H_
#define RESERVE_TESTS_SUPPORT_HTTP_GET_H_

#include <string>

namespace reserve::test_support {

// What is served at http://127.0.0.1:PORT/path, with its headers; empty if nothing is. Metrics that
// tell of a customer (told.h) are a failure of the test.
std::string HttpGet(int port, const std::string& path);

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_HTTP_GET_H_
