#include "services/ledger/book/rerating.h"

#include <utility>

namespace reserve::book {

void ReratingCounts::Add(const RerateReply& reply) {
  if (reply.outcome == domain::Rerated::kElsewhere) return;
  ++looked_at;
  switch (reply.outcome) {
    case domain::Rerated::kSame:
    case domain::Rerated::kElsewhere:
      return;
    case domain::Rerated::kWithoutPrice:
      ++without_price;
      return;
    case domain::Rerated::kPassedOver:
      ++passed_over;
      return;
    case domain::Rerated::kChanged:
    case domain::Rerated::kDoneBefore:  // by a try whose end nobody saw
      break;
  }
  ++changed;
  const Nanos more = SubtractSaturating(reply.cost, reply.cost_before);
  Nanos& sum = more > 0 ? charged : returned;
  sum = AddSaturating(sum, more > 0 ? more : -more);
}

void ReratingCounts::Add(const ReratingCounts& other) {
  looked_at += other.looked_at;
  changed += other.changed;
  without_price += other.without_price;
  passed_over += other.passed_over;
  failed += other.failed;
  charged = AddSaturating(charged, other.charged);
  returned = AddSaturating(returned, other.returned);
}

RerateUsage CommandFor(const ReratingJob& job, std::string usage_id, int64_t seq) {
  const ReratingOrder& order = job.order;
  RerateUsage command;
  command.usage_id = std::move(usage_id);
  command.seq = seq;
  command.prices = order.prices;
  command.deck_version = order.deck_version;
  command.rerating = {job.number, order.include_unrated, order.may_recharge, order.by};
  return command;
}

}  // namespace reserve::book
