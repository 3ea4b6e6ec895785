#include "tests/support/http_get.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tests/support/told.h"

namespace reserve::test_support {

std::string HttpGet(int port, const std::string& path) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* address = nullptr;
  if (getaddrinfo("127.0.0.1", std::to_string(port).c_str(), &hints, &address) != 0) return "";
  const int fd = socket(address->ai_family, SOCK_STREAM, 0);
  std::string response;
  if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
    if (write(fd, request.data(), request.size()) > 0) {
      char buffer[4096];
      ssize_t got = 0;
      while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        response.append(buffer, static_cast<size_t>(got));
      }
    }
  }
  close(fd);
  freeaddrinfo(address);
  if (path == "/metrics") ExpectNothingOfCustomers("metrics", response);
  return response;
}

}  // namespace reserve::test_support
