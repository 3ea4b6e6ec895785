#include "services/console/views/page_data.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/console/embedded/embedded.h"

namespace reserve::console {
namespace {

constexpr char kParts[] = "templates/part_";
constexpr char kEnd[] = ".mustache";

}  // namespace

Drawing::Drawing(const Texts& texts) {
  Data said;
  for (const auto& [key, text] : texts.all()) said.set(key, text);
  shared_.set("t", said);
  for (const embedded::File& file : embedded::Files()) {
    if (!absl::StartsWith(file.name, kParts)) continue;
    const absl::string_view part =
        absl::StripSuffix(absl::StripPrefix(file.name, "templates/"), kEnd);
    shared_.set(std::string(part),
                kainjow::mustache::partial([&file] { return std::string(file.content); }));
  }
}

std::string Drawing::Draw(const std::string& name, const Data& page) const {
  const std::optional<absl::string_view> source =
      embedded::Find(absl::StrCat("templates/", name, kEnd));
  if (!source.has_value()) return "500";
  // What the page has is found before what all have.
  kainjow::mustache::context<std::string> context(&shared_);
  context.push(&page);
  return kainjow::mustache::mustache{std::string(*source)}.render(context);
}

}  // namespace reserve::console
