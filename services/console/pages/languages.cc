#include "services/console/pages/languages.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "services/console/embedded/embedded.h"

namespace reserve::console {
namespace {

constexpr char kEnglish[] = "en";
constexpr char kTextsFolder[] = "texts/";
constexpr size_t kMostWishes = 20;

// A language, and how much it is wished for.
struct Wish {
  std::string name;
  double weight = 1;
};

std::vector<Wish> WishesOf(absl::string_view accept_language) {
  std::vector<Wish> wishes;
  for (const absl::string_view part : absl::StrSplit(accept_language, ',')) {
    if (wishes.size() == kMostWishes) break;
    const std::vector<absl::string_view> fields = absl::StrSplit(part, ';');
    const std::vector<absl::string_view> tags =
        absl::StrSplit(absl::StripAsciiWhitespace(fields.front()), '-');
    Wish wish{absl::AsciiStrToLower(tags.front())};
    for (absl::string_view field : fields) {
      field = absl::StripAsciiWhitespace(field);
      if (absl::ConsumePrefix(&field, "q=") && !absl::SimpleAtod(field, &wish.weight)) {
        wish.weight = 0;
      }
    }
    if (wish.weight > 0) wishes.push_back(std::move(wish));
  }
  std::stable_sort(wishes.begin(), wishes.end(),
                   [](const Wish& a, const Wish& b) { return a.weight > b.weight; });
  return wishes;
}

}  // namespace

std::string ChooseLanguage(absl::string_view accept_language, const std::set<std::string>& names) {
  for (const Wish& wish : WishesOf(accept_language)) {
    if (names.contains(wish.name)) return wish.name;
  }
  return kEnglish;
}

absl::StatusOr<Languages> Languages::Read(const LedgerClient* ledger, const SiteOptions& options) {
  std::vector<std::pair<std::string, absl::string_view>> files;
  for (const embedded::File& file : embedded::Files()) {
    absl::string_view name = file.name;
    if (!absl::ConsumePrefix(&name, kTextsFolder)) continue;
    files.emplace_back(absl::StripSuffix(name, ".txt"), file.content);
  }
  return Of(files, ledger, options);
}

absl::StatusOr<Languages> Languages::Of(
    const std::vector<std::pair<std::string, absl::string_view>>& files, const LedgerClient* ledger,
    const SiteOptions& options) {
  Languages languages;
  for (const auto& [name, file] : files) {
    RESERVE_ASSIGN_OR_RETURN(Texts texts, Texts::Read(file));
    languages.names_.insert(name);
    languages.sites_[name] = std::make_unique<Site>(ledger, std::move(texts), options);
  }
  if (!languages.names_.contains(kEnglish)) {
    return absl::InvalidArgumentError("there are no English texts");
  }
  return languages;
}

const Site& Languages::For(const std::string& accept_language) const {
  return *sites_.at(ChooseLanguage(accept_language, names_));
}

std::vector<Route> Languages::Routes() const {
  // The table of pages is the same in each language.
  std::vector<Route> routes = AllRoutes(sites_.at(kEnglish).get());
  std::map<std::string, std::vector<Route>> by_name;
  for (const auto& [name, site] : sites_) by_name[name] = AllRoutes(site.get());
  for (size_t i = 0; i < routes.size(); ++i) {
    std::map<std::string, Handler> handlers;
    for (const auto& [name, own] : by_name) handlers[name] = own[i].handler;
    routes[i].handler = [this, handlers = std::move(handlers)](const Visit& visit) {
      return handlers.at(ChooseLanguage(visit.accept_language, names_))(visit);
    };
  }
  return routes;
}

}  // namespace reserve::console
