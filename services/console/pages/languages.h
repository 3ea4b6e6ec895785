// The pages in each language of which there are texts: one file of texts/ each, named as the
// language is ("en.txt"). A reader gets the one that his browser asks for first among these, else
// English. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const Languages languages, Languages::Read(&ledger, options));
//   WebServer::Start(..., languages.Routes(), ...)
#ifndef RESERVE_CONSOLE_PAGES_LANGUAGES_H_
#define RESERVE_CONSOLE_PAGES_LANGUAGES_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/console/pages/site.h"

namespace reserve::console {

class Languages {
 public:
  // Those that are built in.
  static absl::StatusOr<Languages> Read(const LedgerClient* ledger, const SiteOptions& options);
  // Those of these names and files. INVALID_ARGUMENT without English, or if a file can't be read.
  static absl::StatusOr<Languages> Of(
      const std::vector<std::pair<std::string, absl::string_view>>& files,
      const LedgerClient* ledger, const SiteOptions& options);

  // That of a reader, by the header Accept-Language.
  const Site& For(const std::string& accept_language) const;
  // All pages, each in its reader's language. This must outlive them.
  std::vector<Route> Routes() const;

 private:
  Languages() = default;

  std::set<std::string> names_;
  std::map<std::string, std::unique_ptr<Site>> sites_;
};

// The first of these languages that the header asks for; "en" if it asks for none of them.
std::string ChooseLanguage(absl::string_view accept_language, const std::set<std::string>& names);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_PAGES_LANGUAGES_H_
