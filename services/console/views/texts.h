// What the pages say, by keys: one file for a language (texts/en.txt), a line each, "key = text",
// where $0, $1 ... stand for what is put in. Thread-safe once it is made.
//
//   texts.Say("until", {"Nov 29, 2026"})
#ifndef RESERVE_CONSOLE_VIEWS_TEXTS_H_
#define RESERVE_CONSOLE_VIEWS_TEXTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve::console {

class Texts {
 public:
  // INVALID_ARGUMENT naming a line that is none, or a key that comes twice. Lines that are empty or
  // begin with '#' say nothing.
  static absl::StatusOr<Texts> Read(absl::string_view file);

  bool Has(const std::string& key) const { return texts_.contains(key); }
  // The text; the key itself in brackets where there is none, which a test finds.
  std::string Say(const std::string& key, const std::vector<std::string>& put_in = {}) const;
  // The text of `prefix` and a name of a proto, else that name: "event_" and "EVENT_KIND_BLOCKED".
  std::string SayName(const std::string& prefix, const std::string& name) const;

  const std::map<std::string, std::string>& all() const { return texts_; }

 private:
  std::map<std::string, std::string> texts_;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_TEXTS_H_
