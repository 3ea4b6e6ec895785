// All services of the ledger, each with the door before it that asks who calls
// (common/rpc/doorkeeper.h). Thread-safe. EndStreams() must be called before the server is drained.
//
//   Services services(api, doorkeeper);
//   RpcServer::Start(options, services.entries());
#ifndef RESERVE_SERVICES_LEDGER_SERVE_SERVICES_H_
#define RESERVE_SERVICES_LEDGER_SERVE_SERVICES_H_

#include <vector>

#include "common/rpc/doorkeeper.h"
#include "common/rpc/server.h"
#include "reserve/ledger/v1/doors.pb.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/audit_service.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/events_service.h"
#include "services/ledger/api/ledger_service.h"
#include "services/ledger/api/peers_service.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/api/recharges_service.h"
#include "services/ledger/api/support_service.h"

namespace reserve::serve {

class Services {
 public:
  // The keeper must outlive this, and what `api` refers to.
  Services(const api::ApiContext& api, Doorkeeper& keeper);

  // What a server serves: the doors. This must outlive the server.
  std::vector<ServiceEntry> entries();

  // Ends what is streamed with UNAVAILABLE; new streams end at once.
  void EndStreams();

  // To be called every second or so, by one thread: if roles have changed, ends the streams of
  // callers that may no longer have them with PERMISSION_DENIED.
  void EndRefusedStreams();

 private:
  const Doorkeeper& keeper_;
  int64_t generation_;
  bool look_again_ = false;
  api::LedgerService ledger_;
  api::AccountsService accounts_;
  api::EventsService events_;
  api::SupportService support_;
  api::RatesService rates_;
  api::RechargesService recharges_;
  api::AuditService audit_;
  api::PeersService peers_;
  ledger::v1::LedgerDoor<access::kAccessTable> ledger_door_;
  ledger::v1::AccountsDoor<access::kAccessTable> accounts_door_;
  ledger::v1::EventsDoor<access::kAccessTable> events_door_;
  ledger::v1::SupportDoor<access::kAccessTable> support_door_;
  ledger::v1::RatesDoor<access::kAccessTable> rates_door_;
  ledger::v1::RechargesDoor<access::kAccessTable> recharges_door_;
  ledger::v1::AuditDoor<access::kAccessTable> audit_door_;
  ledger::v1::PeersDoor<access::kAccessTable> peers_door_;
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_SERVICES_H_
