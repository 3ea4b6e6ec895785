#include "services/ledger/book/image.h"

namespace reserve::book {

KnownNumberKey* AccountImage::FindNumberKey(absl::string_view user_id, int32_t year) const {
  // Few, as users are.
  for (KnownNumberKey& key : known->number_keys) {
    if (key.year == year && key.user_id == user_id) return &key;
  }
  return nullptr;
}

GivenBackNeed NeedsGivenBack(const Keys& keys, const Image& image) {
  GivenBackNeed need;
  need.given_back = keys.given_back;
  for (const auto& [key, loaded] : image.recharges) {
    const domain::Recharge& recharge = loaded.recharge;
    const RechargeKey charge(key.first, recharge.refund_of);
    if (recharge.is_refund() && !image.recharges.contains(charge)) need.charges.push_back(charge);
    if (recharge.keeps) need.given_back.push_back(key);
  }
  return need;
}

std::vector<AttemptKey> NeedsEarlierNumbers(const Keys& keys, const Image& image) {
  std::vector<AttemptKey> need;
  for (const AttemptKey& key : keys.successes) {
    const auto& [account_id, ordinal, attempt] = key;
    const auto loaded = image.recharges.find(RechargeKey(account_id, ordinal));
    if (loaded == image.recharges.end()) continue;
    const domain::Recharge& recharge = loaded->second.recharge;
    if (attempt < recharge.attempt && recharge.state != domain::RechargeState::kSucceeded) {
      need.push_back(key);
    }
  }
  return need;
}

}  // namespace reserve::book
