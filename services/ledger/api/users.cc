// Users, of the `Accounts` service.
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/update_mask.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/user_search.h"

namespace reserve::api {
namespace {

using storage::Connection;

absl::StatusOr<book::Command> ParseUser(const pb::PutUserRequest& request, absl::Time now) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  const pb::User& user = request.user();
  RESERVE_RETURN_IF_ERROR(CheckSameId(user.account_id(), request.account_id(), "user.account_id"));
  RESERVE_RETURN_IF_ERROR(CheckSameId(user.user_id(), request.user_id(), "user.user_id"));
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask, UpdateMask::From(request.update_mask(), user));
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  book::PutUser put{request.user_id(), ""};
  put.validate_only = request.validate_only();
  put.request_id = IdUnlessTried(request);
  if (mask.Writes("plan_id")) {
    if (user.plan_id().empty()) return CannotBeCleared("user.plan_id");
    RESERVE_RETURN_IF_ERROR(CheckId(user.plan_id(), "user.plan_id"));
    put.plan_id = user.plan_id();
  }
  if (request.has_plan_effective_time()) {
    constexpr char kField[] = "plan_effective_time";
    if (put.plan_id.empty()) return InvalidField(kField, "must not be set without a plan");
    RESERVE_ASSIGN_OR_RETURN(put.plan_from,
                             reserve::FromProto(request.plan_effective_time(), kField));
    put.plan_from = TruncateToMicros(put.plan_from);
    // A repeat of what was done before then is answered all the same.
    put.plan_from_passed = put.plan_from < now;
    if (put.plan_from_passed && put.request_id.empty()) return book::PlanFromPassed(now);
  }
  if (mask.Writes("display_name")) {
    RESERVE_RETURN_IF_ERROR(CheckStaffText(user.display_name(), "user.display_name"));
    put.display_name = user.display_name();
  }
  if (mask.Writes("blocked")) put.blocked = user.blocked();
  return put;
}

absl::StatusOr<book::Command> ParseRemoval(const pb::RemoveUserRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  return book::RemoveUser{request.user_id(), IdUnlessTried(request), request.validate_only()};
}

absl::StatusOr<storage::UserFilter> UserFilterFrom(const pb::ListUsersRequest& request) {
  storage::UserFilter filter;
  if (!pb::UserState_IsValid(request.state())) {
    return InvalidField("state", "must be one of UserState");
  }
  if (request.state() != pb::USER_STATE_UNSPECIFIED) {
    filter.state = static_cast<storage::UserState>(request.state());
  }
  RESERVE_RETURN_IF_ERROR(CheckStaffText(request.search(), "search"));
  filter.search = request.search();
  filter.with_removed = request.show_removed();
  return filter;
}

// With what the plan leaves of the allowance.
absl::Status UserToProto(engine::Engine& engine, Connection& connection,
                         const domain::Account& account, const domain::User& user,
                         pb::User* message) {
  const absl::Time now = engine.Now();
  const std::string& plan_id = user.PlanIdAt(now);
  RESERVE_ASSIGN_OR_RETURN(const auto catalog, engine.CatalogWithPlan(connection, plan_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog->FindPlan(plan_id, now));
  ToProto({user, *plan, account.calendar}, now, message);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::PutUser(grpc::CallbackServerContext* context,
                                                   const pb::PutUserRequest* request,
                                                   pb::User* response) {
  return StartCommand(
      api_, context, "PutUser",
      TaskFor(request->account_id(), ParseUser(*request, api_.engine.Now())),
      [this, response](book::Reply&& reply) {
        // After it was done: a plan of now on is in force.
        ToProto(book::As<book::UserReply>(reply), api_.engine.Now(), response);
      },
      "user.");
}

grpc::ServerUnaryReactor* AccountsService::RemoveUser(grpc::CallbackServerContext* context,
                                                      const pb::RemoveUserRequest* request,
                                                      pb::User* response) {
  return StartCommand(api_, context, "RemoveUser",
                      TaskFor(request->account_id(), ParseRemoval(*request)),
                      [this, response](book::Reply&& reply) {
                        ToProto(book::As<book::UserReply>(reply), api_.engine.Now(), response);
                      });
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
        RESERVE_ASSIGN_OR_RETURN(const storage::UserFilter filter, UserFilterFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(
            const Page page, filter.filters()
                                 ? PageOfQuery(*request, "ListUsers")
                                 : PageFrom(*request, {"ListUsers", request->account_id(),
                                                       request->show_removed() ? "removed" : ""}));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(const storage::FoundUsers found,
                                 storage::SearchUsers(connection, request->account_id(), filter,
                                                      page.cursor, page.limit()));
        response->Clear();
        absl::Status filled;
        FillPage(
            page, found.users, response,
            [&](const domain::User& user) {
              filled.Update(
                  UserToProto(api_.engine, connection, account, user, response->add_users()));
            },
            [response](const domain::User& last) {
              response->set_searched_until_user_id(last.user_id);
              return last.user_id;
            });
        if (response->next_page_token().empty() && !found.searched_until.empty()) {
          response->set_next_page_token(EncodePageToken(page.query_digest, found.searched_until));
          response->set_searched_until_user_id(found.searched_until);
        }
        return filled;
      });
}

}  // namespace reserve::api
