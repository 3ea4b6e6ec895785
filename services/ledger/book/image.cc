#include "services/ledger/book/image.h"

namespace reserve::book {

KnownNumberKey* AccountImage::FindNumberKey(absl::string_view user_id, int32_t year) const {
  // Few, as users are.
  for (KnownNumberKey& key : known->number_keys) {
    if (key.year == year && key.user_id == user_id) return &key;
  }
  return nullptr;
}

}  // namespace reserve::book
