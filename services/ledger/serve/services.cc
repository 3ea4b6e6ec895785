#include "services/ledger/serve/services.h"

namespace reserve::serve {

Services::Services(const api::ApiContext& api, Doorkeeper& keeper)
    : keeper_(keeper),
      generation_(keeper.generation()),
      ledger_(api),
      accounts_(api, &keeper),
      events_(api),
      support_(api),
      rates_(api, &keeper),
      recharges_(api),
      audit_(api, &keeper),
      peers_(api),
      ledger_door_(ledger_, keeper),
      accounts_door_(accounts_, keeper),
      events_door_(events_, keeper),
      support_door_(support_, keeper),
      rates_door_(rates_, keeper),
      recharges_door_(recharges_, keeper),
      audit_door_(audit_, keeper),
      peers_door_(peers_, keeper) {}

std::vector<ServiceEntry> Services::entries() {
  return {{ledger::v1::Ledger::service_full_name(), &ledger_door_},
          {ledger::v1::Accounts::service_full_name(), &accounts_door_},
          {ledger::v1::Events::service_full_name(), &events_door_},
          {ledger::v1::Support::service_full_name(), &support_door_},
          {ledger::v1::Rates::service_full_name(), &rates_door_},
          {ledger::v1::Recharges::service_full_name(), &recharges_door_},
          {ledger::v1::Audit::service_full_name(), &audit_door_},
          {ledger::v1::Peers::service_full_name(), &peers_door_}};
}

void Services::EndStreams() {
  ledger_.EndStreams();
  accounts_.EndStreams();
  events_.EndStreams();
  rates_.EndStreams();
  recharges_.EndStreams();
  audit_.EndStreams();
  peers_.EndStreams();
}

void Services::EndRefusedStreams() {
  const int64_t generation = keeper_.generation();
  const bool changed = generation != generation_;
  // Twice: a stream that had passed its door when the roles changed may have begun after the first.
  if (!changed && !look_again_) return;
  look_again_ = changed;
  generation_ = generation;
  // Verifications and exports look by themselves, at each page.
  ledger_.EndRefusedStreams(keeper_);
  events_.EndRefusedStreams(keeper_);
  rates_.EndRefusedStreams(keeper_);
  recharges_.EndRefusedStreams(keeper_);
  peers_.EndRefusedStreams(keeper_);
}

}  // namespace reserve::serve
