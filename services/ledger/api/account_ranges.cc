// GetAccountRanges: who works on which accounts.
#include "services/ledger/api/ledger_service.h"

namespace reserve::api {

grpc::ServerUnaryReactor* LedgerService::GetAccountRanges(grpc::CallbackServerContext* context,
                                                          const pb::GetAccountRangesRequest*,
                                                          pb::AccountRanges* response) {
  for (engine::RangeKeeper::Placed& placed : api_.engine.ranges().placed()) {
    pb::AccountRange* range = response->add_ranges();
    range->set_number(placed.number);
    range->set_ledger_id(std::move(placed.ledger_id));
    range->set_address(std::move(placed.address));
  }
  return FinishNow(api_, context, "GetAccountRanges", absl::OkStatus());
}

}  // namespace reserve::api
