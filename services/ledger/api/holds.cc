// Calls in progress: the RPCs of the Ledger service on holds.
#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/help_calls.h"
#include "services/ledger/api/hold_requests.h"
#include "services/ledger/api/ledger_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/peer_links.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// Holds of a switch that are released together.
constexpr int kReleasedAtOnce = 500;
// Rows that one page of a list of all accounts looks at.
constexpr int kMostLookedAt = 20'000;

FillResponse FillHold(pb::Hold* response) {
  return [response](book::Reply&& reply) {
    const auto& held = book::As<book::HoldReply>(reply);
    ToProto(*held.hold, held.currency, response);
  };
}

std::function<void(pb::PassedResult*)> TakeHold(pb::Hold* response) {
  return [response](pb::PassedResult* result) {
    response->Swap(result->mutable_hold()->mutable_hold());
  };
}

absl::Status ReleaseAll(engine::Engine& engine, Connection& connection,
                        const pb::ReleaseSwitchHoldsRequest& request, const std::string& caller,
                        pb::ReleaseSwitchHoldsResponse* response) {
  std::atomic<int64_t> released = 0;
  std::atomic<int64_t> unsettled = 0;
  engine::TaskPage releases([&](const book::Reply& reply) {
    const auto& held = book::As<book::HoldReply>(reply);
    released += held.released_now ? 1 : 0;
    unsettled += held.unsettled_now ? 1 : 0;
  });
  // One that can't be released keeps no other from it.
  absl::Status first_error;
  storage::HoldPlace after;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Hold> page,
        storage::ListHoldsOfSwitch(connection, request.switch_id(), request.switch_incarnation(),
                                   after, kReleasedAtOnce));
    if (page.empty()) return first_error;
    after = {page.back().account_id, page.back().slot};
    std::vector<engine::Task> tasks;
    tasks.reserve(page.size());
    for (const domain::Hold& hold : page) {
      book::ReleaseHold release;
      release.hold_id = hold.hold_id;
      release.before_incarnation = request.switch_incarnation();
      engine::Task& task = tasks.emplace_back();
      task.account_id = hold.account_id;
      task.command = std::move(release);
      task.caller = caller;
    }
    releases.Send(std::move(tasks),
                  [&](std::vector<engine::Task> each) { engine.Submit(std::move(each)); });
    first_error.Update(releases.Await());
    response->set_released(response->released() + released.exchange(0));
    response->set_unsettled(response->unsettled() + unsettled.exchange(0));
    if (page.size() < kReleasedAtOnce) return first_error;
  }
}

absl::Status Get(Connection& connection, const pb::GetHoldRequest& request, pb::Hold* response) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.hold_id(), "hold_id"));
  RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                           LoadAccount(connection, request.account_id()));
  // Live ones first: what ends in between is found among those that ended.
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Hold> holds,
                           storage::LoadHolds(connection, {request.account_id()}));
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<domain::Hold> ended,
      storage::LoadEndedHolds(connection, {{request.account_id(), request.hold_id()}}));
  holds.insert(holds.end(), ended.begin(), ended.end());
  for (const domain::Hold& hold : holds) {
    if (hold.hold_id != request.hold_id()) continue;
    response->Clear();
    ToProto(hold, account.currency, response);
    return absl::OkStatus();
  }
  return domain::HoldNotFound(request.account_id(), request.hold_id());
}

absl::StatusOr<std::optional<domain::HoldState>> StateFrom(const pb::ListHoldsRequest& request) {
  switch (request.state()) {
    case pb::HOLD_STATE_UNSPECIFIED:
      return std::nullopt;
    case pb::HOLD_STATE_OPEN:
      return domain::HoldState::kOpen;
    case pb::HOLD_STATE_UNSETTLED:
      return domain::HoldState::kUnsettled;
    default:
      return InvalidField("state", "must be OPEN or UNSETTLED, or unset");
  }
}

// The cursor is "<account id>/<slot>"; no id has a slash.
absl::StatusOr<storage::HoldPlace> PlaceOf(const Page& page) {
  storage::HoldPlace place;
  if (page.cursor.empty()) return place;
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(page.cursor, absl::MaxSplits('/', 1));
  place.first = parts.first;
  if (!absl::SimpleAtoi(parts.second, &place.second)) {
    return InvalidField("page_token", "is not one of this list");
  }
  return place;
}

std::string CursorAfterHold(const storage::HoldPlace& place) {
  return absl::StrCat(place.first, "/", place.second);
}

absl::Status FillHolds(Connection& connection, const Page& page,
                       const std::vector<domain::Hold>& holds, pb::ListHoldsResponse* response) {
  std::vector<absl::string_view> account_ids;
  for (const domain::Hold& hold : holds) {
    if (account_ids.empty() || account_ids.back() != hold.account_id) {
      account_ids.push_back(hold.account_id);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Account> accounts,
                           storage::LoadAccounts(connection, account_ids));
  absl::flat_hash_map<absl::string_view, absl::string_view> currencies;
  for (const domain::Account& account : accounts) currencies[account.account_id] = account.currency;
  response->Clear();
  FillPage(
      page, holds, response,
      [&](const domain::Hold& hold) {
        ToProto(hold, std::string(currencies[hold.account_id]), response->add_holds());
      },
      [](const domain::Hold& last) {
        return CursorAfterHold(storage::HoldPlace(last.account_id, last.slot));
      });
  return absl::OkStatus();
}

absl::Status List(Connection& connection, const pb::ListHoldsRequest& request,
                  pb::ListHoldsResponse* response) {
  const std::string& account_id = request.account_id();
  if (!account_id.empty()) RESERVE_RETURN_IF_ERROR(LoadAccount(connection, account_id).status());
  RESERVE_ASSIGN_OR_RETURN(const std::optional<domain::HoldState> state, StateFrom(request));
  RESERVE_ASSIGN_OR_RETURN(
      const Page page, PageFrom(request, {"ListHolds", account_id, absl::StrCat(request.state())}));
  RESERVE_ASSIGN_OR_RETURN(const storage::HoldPlace after, PlaceOf(page));
  if (!account_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Hold> holds,
        storage::ListHolds(connection, account_id, after.second, state, page.limit()));
    return FillHolds(connection, page, holds, response);
  }
  RESERVE_ASSIGN_OR_RETURN(
      const storage::HoldPage found,
      storage::ListAllHolds(connection, after, state, page.limit(), kMostLookedAt));
  RESERVE_RETURN_IF_ERROR(FillHolds(connection, page, found.holds, response));
  if (response->next_page_token().empty() && found.looked_to.has_value()) {
    response->set_next_page_token(
        EncodePageToken(page.query_digest, CursorAfterHold(*found.looked_to)));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* LedgerService::CreateHold(grpc::CallbackServerContext* context,
                                                    const pb::CreateHoldRequest* request,
                                                    pb::CreateHoldResponse* response) {
  const domain::Settings& settings = api_.engine.options().settings;
  AskedTask asked = ParseCreateHold(settings, *request, api_.engine.Now());
  absl::StatusOr<engine::Task>& task = asked.task;
  const auto fill = [response](book::Reply&& reply) {
    ToProto(book::As<book::HoldReply>(reply), response);
  };
  domain::Usage unread;
  if (!task.ok() && request->has_call()) CallFrom(settings, request->call(), &unread).IgnoreError();
  const domain::Usage& dialled =
      task.ok() ? std::get<book::CreateHold>(task->command).request.call : unread;
  if (domain::MayBeEmergency(settings, dialled)) {
    return StartForHelp(api_, context, "CreateHold", std::move(task), domain::Usage(dialled), fill,
                        [response] { AllowHelp(response->mutable_authorization()); });
  }
  if (const absl::Status rate = CheckCallerRate(api_, *context, "CreateHold"); !rate.ok()) {
    return FinishNow(api_, context, "CreateHold", rate, request->account_id());
  }
  return StartPassable(
      api_, context, "CreateHold", std::move(asked), fill,
      {[request](pb::PassedCommand* command) { *command->mutable_create_hold() = *request; },
       [response](pb::PassedResult* result) { response->Swap(result->mutable_hold()); }});
}

grpc::ServerUnaryReactor* LedgerService::ExtendHold(grpc::CallbackServerContext* context,
                                                    const pb::ExtendHoldRequest* request,
                                                    pb::Hold* response) {
  return StartPassable(
      api_, context, "ExtendHold", ParseExtendHold(*request), FillHold(response),
      {[request](pb::PassedCommand* command) { *command->mutable_extend_hold() = *request; },
       TakeHold(response)});
}

grpc::ServerUnaryReactor* LedgerService::ReleaseHold(grpc::CallbackServerContext* context,
                                                     const pb::ReleaseHoldRequest* request,
                                                     pb::Hold* response) {
  return StartPassable(
      api_, context, "ReleaseHold", ParseReleaseHold(*request), FillHold(response),
      {[request](pb::PassedCommand* command) { *command->mutable_release_hold() = *request; },
       TakeHold(response)});
}

grpc::ServerUnaryReactor* LedgerService::ReleaseSwitchHolds(
    grpc::CallbackServerContext* context, const pb::ReleaseSwitchHoldsRequest* request,
    pb::ReleaseSwitchHoldsResponse* response) {
  const absl::Status valid =
      CheckSwitch(request->switch_id(), request->switch_incarnation(), /*least=*/1);
  if (!valid.ok()) return FinishNow(api_, context, "ReleaseSwitchHolds", valid);
  return StartQueryIn(
      api_.engine.bulk(), api_, context, "ReleaseSwitchHolds", [=, this](Connection& connection) {
        return ReleaseAll(api_.engine, connection, *request, CallerOf(*context), response);
      });
}

grpc::ServerUnaryReactor* LedgerService::GetHold(grpc::CallbackServerContext* context,
                                                 const pb::GetHoldRequest* request,
                                                 pb::Hold* response) {
  return StartQuery(api_, context, "GetHold", request->account_id(),
                    [=](Connection& connection) { return Get(connection, *request, response); });
}

grpc::ServerUnaryReactor* LedgerService::ListHolds(grpc::CallbackServerContext* context,
                                                   const pb::ListHoldsRequest* request,
                                                   pb::ListHoldsResponse* response) {
  // Of all accounts it may look at many rows.
  engine::QueryPool& pool =
      request->account_id().empty() ? api_.engine.bulk() : api_.engine.queries();
  return StartQueryIn(pool, api_, context, "ListHolds", request->account_id(),
                      [=](Connection& connection) { return List(connection, *request, response); });
}

}  // namespace reserve::api
