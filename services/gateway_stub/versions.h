// What changes after it was decided (refunds, disputes), each by its latest version and by the
// latest that is durable: money goes by the first, and only the second may be shown.
//
// Versions become durable in the order in which they were decided, so a decision that went by
// one that is not durable yet is lost with it, or not at all. Not thread-safe.
//
//   refunds.Decide(refund);
//   journal->Append(EncodeLine(refund), [&](absl::Status) { refunds.MakeDurable(refund); });
#ifndef RESERVE_GATEWAY_STUB_VERSIONS_H_
#define RESERVE_GATEWAY_STUB_VERSIONS_H_

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/gateway_stub/record.h"

namespace reserve::gateway_stub {

// `Record` has an IdOf() and a ChargeIdOf(), neither of which changes.
template <typename Record>
class Versions {
 public:
  // The first version, or a further one.
  void Decide(const Record& record) {
    const auto [found, is_new] = by_id_.try_emplace(IdOf(record));
    found->second.decided = record;
    if (is_new) of_charge_[ChargeIdOf(record)].push_back(&found->second);
  }
  // A version that was decided. True if it is the first one of its id.
  bool MakeDurable(const Record& record) {
    Pair& pair = by_id_[IdOf(record)];
    const bool is_first = !pair.durable.has_value();
    pair.durable = record;
    return is_first;
  }

  // The latest decided version of what has a durable one, and that one; null if there is none.
  const Record* Decided(const std::string& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() || !found->second.durable.has_value() ? nullptr
                                                                       : &found->second.decided;
  }
  const Record* Durable(const std::string& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() || !found->second.durable.has_value() ? nullptr
                                                                       : &*found->second.durable;
  }

  // All of a charge, oldest first.
  std::vector<Record> DecidedOf(const std::string& charge_id) const {
    std::vector<Record> records;
    const auto found = of_charge_.find(charge_id);
    if (found == of_charge_.end()) return records;
    for (const Pair* pair : found->second) records.push_back(pair->decided);
    return records;
  }
  std::vector<Record> DurableOf(const std::string& charge_id) const {
    std::vector<Record> records;
    const auto found = of_charge_.find(charge_id);
    if (found == of_charge_.end()) return records;
    for (const Pair* pair : found->second) {
      if (pair->durable.has_value()) records.push_back(*pair->durable);
    }
    return records;
  }

 private:
  struct Pair {
    Record decided;
    std::optional<Record> durable;
  };

  std::unordered_map<std::string, Pair> by_id_;  // whose elements never move
  std::unordered_map<std::string, std::vector<const Pair*>> of_charge_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_VERSIONS_H_
