// What a page is asked, what it answers, and the table of pages: the shell's language, in which
// nothing is of the library for HTTP.
#ifndef RESERVE_CONSOLE_WEB_VISIT_H_
#define RESERVE_CONSOLE_WEB_VISIT_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/console/identity/permission.h"
#include "services/console/identity/token.h"

namespace reserve::console {

using Fields = std::map<std::string, std::string>;

// The value of a field; empty if it is not there.
inline std::string FieldIn(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

// A request that was let in.
struct Visit {
  std::string path;   // "/a/acme/billing"
  std::string query;  // as it stood in the address, without the question mark
  Fields places;      // what stands at the named places of the route's pattern: "account"
  Fields asked;       // of the query; the first value of each
  Fields form;        // of a form that was sent; likewise
  std::optional<Identity> identity;
  std::string token;            // the visitor's, by which forms are known (FormToken)
  std::string accept_language;  // the header

  std::string place(const std::string& name) const { return FieldIn(places, name); }
};

struct Reply {
  int status = 200;
  std::string content_type = "text/html; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Instead of a body: gives one piece after the other; nothing at the end.
  std::function<std::optional<std::string>()> next_piece = {};
};

// Sends the browser to another address, there to GET it.
inline Reply SeeOther(const std::string& address) {
  return {.status = 303, .headers = {{"Location", address}}};
}

using Handler = std::function<Reply(const Visit&)>;

// A page, or what a form is sent to.
struct Route {
  std::string method;   // "GET" or "POST"
  std::string pattern;  // "/a/:account/billing": a part that begins with ':' takes any text
  Door door;
  Handler handler;
  // A GET that costs as much as a form: it is counted among those of the account.
  bool counted = false;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_WEB_VISIT_H_
