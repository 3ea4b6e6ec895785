// Users, of the `Accounts` service.
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/update_mask.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/account_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

absl::StatusOr<book::Command> ParseUser(const pb::PutUserRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  const pb::User& user = request.user();
  RESERVE_RETURN_IF_ERROR(CheckSameId(user.account_id(), request.account_id(), "user.account_id"));
  RESERVE_RETURN_IF_ERROR(CheckSameId(user.user_id(), request.user_id(), "user.user_id"));
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask, UpdateMask::From(request.update_mask(), user));
  if (!mask.Writes("plan_id")) return book::PutUser{request.user_id(), ""};
  if (user.plan_id().empty()) return CannotBeCleared("user.plan_id");
  RESERVE_RETURN_IF_ERROR(CheckId(user.plan_id(), "user.plan_id"));
  return book::PutUser{request.user_id(), user.plan_id()};
}

// With what the plan leaves of the allowance.
absl::Status UserToProto(engine::Engine& engine, Connection& connection,
                         const domain::Account& account, const domain::User& user,
                         pb::User* message) {
  RESERVE_ASSIGN_OR_RETURN(const auto catalog, engine.CatalogWithPlan(connection, user.plan_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog->FindPlan(user.plan_id));
  ToProto({user, *plan, account.calendar}, engine.Now(), message);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::PutUser(grpc::CallbackServerContext* context,
                                                   const pb::PutUserRequest* request,
                                                   pb::User* response) {
  const absl::Time now = api_.engine.Now();
  return StartCommand(
      api_, context, "PutUser", TaskFor(request->account_id(), ParseUser(*request)),
      [response, now](book::Reply&& reply) {
        ToProto(std::get<book::UserReply>(reply), now, response);
      },
      "user.");
}

grpc::ServerUnaryReactor* AccountsService::GetUser(grpc::CallbackServerContext* context,
                                                   const pb::GetUserRequest* request,
                                                   pb::User* response) {
  return StartQuery(
      api_, context, "GetUser", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_RETURN_IF_ERROR(CheckId(request->user_id(), "user_id"));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::User> users,
            storage::LoadUsers(connection, {{request->account_id(), request->user_id()}}));
        if (users.empty()) return domain::UserNotFound(request->account_id(), request->user_id());
        return UserToProto(api_.engine, connection, account, users.front(), response);
      });
}

grpc::ServerUnaryReactor* AccountsService::ListUsers(grpc::CallbackServerContext* context,
                                                     const pb::ListUsersRequest* request,
                                                     pb::ListUsersResponse* response) {
  return StartQuery(
      api_, context, "ListUsers", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListUsers", request->account_id()}));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::User> users,
            storage::ListUsers(connection, request->account_id(), page.cursor, page.limit()));
        response->Clear();
        absl::Status filled;
        FillPage(
            page, users, response,
            [&](const domain::User& user) {
              filled.Update(
                  UserToProto(api_.engine, connection, account, user, response->add_users()));
            },
            [](const domain::User& last) { return last.user_id; });
        return filled;
      });
}

}  // namespace reserve::api
