// What templates are drawn from, and how: kainjow's mustache, which escapes whatever it puts into a
// page unless the template says otherwise; no template here does.
//
//   Data page;
//   page.set("title", "Billing");
//   const std::string html = Drawing(texts).Draw("billing", page);
#ifndef RESERVE_CONSOLE_VIEWS_PAGE_DATA_H_
#define RESERVE_CONSOLE_VIEWS_PAGE_DATA_H_

#include <kainjow/mustache.hpp>
#include <string>

#include "services/console/views/texts.h"

namespace reserve::console {

using Data = kainjow::mustache::data;

inline Data ListOf() { return Data(Data::type::list); }
// Marks a section that stands, or does not, by whether there is anything to show in it.
inline void SetList(Data* page, const std::string& name, const Data& list) {
  page->set(name, list);
  page->set("has_" + name, !list.list_value().empty());
}

// Draws pages; what all of them may take in is put together once. Thread-safe.
class Drawing {
 public:
  // The texts stand under "t".
  explicit Drawing(const Texts& texts);

  // Draws templates/NAME.mustache, which may take in templates/part_*.mustache by {{>part_*}}. The
  // text "500" if there is no such template, which a test finds.
  std::string Draw(const std::string& name, const Data& page) const;

 private:
  Data shared_;
};

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_PAGE_DATA_H_
