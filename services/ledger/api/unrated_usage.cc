// Usages that wait for their price, of the `Rates` service.
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::api {
namespace {

using domain::UsageState;
using storage::Connection;

// A page of the states, from the cursor on: "account id/usage id"; neither has a slash.
absl::StatusOr<std::vector<UsageState>> StatesOf(Connection& connection, const Page& page,
                                                 const std::string& account_id) {
  const std::pair<std::string, std::string> after =
      absl::StrSplit(page.cursor, absl::MaxSplits('/', 1));
  if (account_id.empty()) return storage::ListUnrated(connection, after, page.limit());
  RESERVE_RETURN_IF_ERROR(LoadAccount(connection, account_id).status());
  return storage::ListUnratedOf(connection, account_id, after.second, page.limit());
}

absl::Status Fill(Connection& connection, const pb::ListUnratedUsageRequest& request,
                  pb::ListUnratedUsageResponse* response) {
  const std::string& account_id = request.account_id();
  if (!account_id.empty()) RESERVE_RETURN_IF_ERROR(CheckId(account_id, "account_id"));
  RESERVE_ASSIGN_OR_RETURN(const Page page, PageFrom(request, {"ListUnratedUsage", account_id}));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<UsageState> states,
                           StatesOf(connection, page, account_id));
  std::vector<book::OnceKey> keys;
  for (const UsageState& state : states) keys.emplace_back(state.account_id, state.usage_id);
  RESERVE_ASSIGN_OR_RETURN(const storage::StoredUsages stored,
                           storage::FindUsagesAsTheyStand(connection, keys));
  absl::flat_hash_map<book::OnceKey, const domain::Entry*> by_key;
  for (const domain::Entry& entry : stored.entries) {
    by_key[book::OnceKey(entry.account_id, domain::UsageIdOf(entry))] = &entry;
  }
  response->Clear();
  FillPage(
      page, states, response,
      [&](const UsageState& state) {
        pb::UnratedUsage* message = response->add_unrated_usages();
        message->set_account_id(state.account_id);
        message->set_seq(state.seq);
        message->set_reason(static_cast<pb::UnratedReason>(state.unrated_reason));
        const auto entry = by_key.find(book::OnceKey(state.account_id, state.usage_id));
        if (entry == by_key.end()) return;  // the audit tells of it
        ToProto(entry->second->booked->usage, message->mutable_usage());
        reserve::ToProto(entry->second->record_time, message->mutable_record_time());
      },
      [](const UsageState& last) { return absl::StrCat(last.account_id, "/", last.usage_id); });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RatesService::ListUnratedUsage(grpc::CallbackServerContext* context,
                                                         const pb::ListUnratedUsageRequest* request,
                                                         pb::ListUnratedUsageResponse* response) {
  return StartQuery(api_, context, "ListUnratedUsage", request->account_id(),
                    [=](Connection& connection) { return Fill(connection, *request, response); });
}

}  // namespace reserve::api
