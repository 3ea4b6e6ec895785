#include "services/ledger/api/ledger_service.h"

#include <atomic>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/advice.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using book::Reply;
using engine::Task;
using storage::Connection;

constexpr int kMaxBatch = 1000;
constexpr char kDefaultPlan[] = "per_minute";

absl::StatusOr<domain::Account> LoadAccount(Connection& connection, const std::string& account_id) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Account> found,
                           storage::LoadAccounts(connection, {account_id}));
  if (found.empty()) return domain::AccountNotFound(account_id);
  return std::move(found.front());
}

// A command on an account, once its id is known to be well formed.
absl::StatusOr<Task> TaskFor(const std::string& account_id, absl::StatusOr<book::Command> command) {
  RESERVE_RETURN_IF_ERROR(CheckId(account_id, "account_id"));
  RESERVE_RETURN_IF_ERROR(command.status());
  return Task{account_id, *std::move(command), nullptr, 0};
}

// Fills the `account` of a response.
template <typename Response>
FillResponse FillAccount(Response* response) {
  return [response](Reply&& reply) {
    ToProto(std::get<domain::Account>(reply), response->mutable_account());
  };
}

absl::StatusOr<book::Command> ParseOpenAccount(const pb::OpenAccountRequest& request) {
  book::OpenAccount open;
  RESERVE_ASSIGN_OR_RETURN(open.currency, CurrencyFrom(request.currency_code(), "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(open.card, CardFrom(request.card_token(), request.card_fingerprint(),
                                               request.card_network()));
  open.plan_id = request.default_plan_id().empty() ? kDefaultPlan : request.default_plan_id();
  RESERVE_RETURN_IF_ERROR(CheckId(open.plan_id, "default_plan_id"));
  RESERVE_ASSIGN_OR_RETURN(open.reserve_amount,
                           OptionalMoney(request.has_reserve_amount(), request.reserve_amount(),
                                         open.currency, "reserve_amount"));
  RESERVE_ASSIGN_OR_RETURN(
      open.recharge_threshold,
      OptionalMoney(request.has_recharge_threshold(), request.recharge_threshold(), open.currency,
                    "recharge_threshold"));
  RESERVE_ASSIGN_OR_RETURN(
      open.expected_monthly_spend,
      OptionalMoney(request.has_expected_monthly_spend(), request.expected_monthly_spend(),
                    open.currency, "expected_monthly_spend"));
  const auto text = [](const std::optional<Nanos>& amount) {
    return amount.has_value() ? absl::StrCat(*amount) : std::string();
  };
  open.digest =
      Sha256HexOfFields({open.currency, open.card.token.Reveal(), open.card.fingerprint,
                         open.plan_id, text(open.reserve_amount), text(open.recharge_threshold),
                         text(open.expected_monthly_spend)});
  // Apart, so that a request without it reads as it always did.
  if (open.card.network != domain::CardNetwork::kUnknown) {
    open.digest =
        Sha256HexOfFields({open.digest, absl::StrCat(static_cast<int>(open.card.network))});
  }
  return open;
}

absl::StatusOr<book::Command> ParseSettings(const pb::UpdateBillingSettingsRequest& request) {
  book::UpdateBillingSettings update;
  RESERVE_ASSIGN_OR_RETURN(
      update.reserve_amount,
      OptionalMoney(request.has_reserve_amount(), request.reserve_amount(), "", "reserve_amount"));
  RESERVE_ASSIGN_OR_RETURN(update.recharge_threshold,
                           OptionalMoney(request.has_recharge_threshold(),
                                         request.recharge_threshold(), "", "recharge_threshold"));
  const std::string& amount_currency = request.reserve_amount().currency_code();
  const std::string& threshold_currency = request.recharge_threshold().currency_code();
  update.currency = amount_currency.empty() ? threshold_currency : amount_currency;
  if (!threshold_currency.empty() && threshold_currency != update.currency) {
    return InvalidField("recharge_threshold.currency_code",
                        "must be the same as reserve_amount.currency_code");
  }
  return update;
}

absl::StatusOr<book::Command> ParseCard(const pb::UpdatePaymentMethodRequest& request) {
  if (request.card_token().empty()) return InvalidField("card_token", "must be set");
  RESERVE_ASSIGN_OR_RETURN(
      domain::Card card,
      CardFrom(request.card_token(), request.card_fingerprint(), request.card_network()));
  return book::UpdatePaymentMethod{std::move(card)};
}

absl::StatusOr<book::Command> ParseUser(const pb::PutUserRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  if (!request.plan_id().empty()) RESERVE_RETURN_IF_ERROR(CheckId(request.plan_id(), "plan_id"));
  return book::PutUser{request.user_id(), request.plan_id()};
}

absl::StatusOr<book::Command> ParseAuthorize(const pb::AuthorizeUsageRequest& request,
                                             absl::Time now) {
  domain::Usage usage;
  RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
  usage.user_id = request.user_id();
  usage.start_time = now;
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(usage.start_time,
                             reserve::FromProto(request.start_time(), "start_time"));
  }
  switch (request.kind_case()) {
    case pb::AuthorizeUsageRequest::kCall:
      RESERVE_RETURN_IF_ERROR(CallFrom(request.call(), &usage));
      break;
    case pb::AuthorizeUsageRequest::kSms:
      RESERVE_RETURN_IF_ERROR(SmsFrom(request.sms(), &usage));
      break;
    default:
      return InvalidField("call", "give a call or an sms");
  }
  return book::AuthorizeUsage{std::move(usage)};
}

// Fields of a refusal are named as the engine's are: without "usage.".
absl::StatusOr<Task> ParseRecord(const pb::RecordUsageRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageFrom(request.usage()));
  return Task{request.account_id(), book::RecordUsage{std::move(usage)}, nullptr, 0};
}

absl::StatusOr<book::Command> ParseAdjust(const pb::AdjustBalanceRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  if (!request.has_amount()) return InvalidField("amount", "must be set");
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Nanos> amount,
                           OptionalMoney(true, request.amount(), "", "amount"));
  if (*amount == 0) return InvalidField("amount", "must not be zero");
  RESERVE_RETURN_IF_ERROR(CheckReason(request.reason(), "reason"));
  return book::AdjustBalance{request.request_id(), *amount, request.reason(),
                             request.amount().currency_code()};
}

absl::StatusOr<book::Command> ParseRecharge(const pb::RequestRechargeRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Nanos> amount,
                           OptionalMoney(request.has_amount(), request.amount(), "", "amount"));
  return book::RequestRecharge{request.request_id(), amount, request.amount().currency_code()};
}

// The deck's name for the destination: decks never change, so it need not be
// stored with each usage.
void AddDestinationName(const book::Catalog& catalog, const domain::Entry& entry,
                        pb::UsageRecord* record) {
  const domain::Rating& rating = entry.booked->rating;
  const rates::DeckSnapshot* deck = catalog.decks->ByVersion(rating.deck_version);
  if (deck == nullptr) return;
  const domain::Usage& usage = entry.booked->usage;
  const domain::Rate* rate = usage.kind == domain::UsageKind::kCall
                                 ? deck->FindCall(usage.direction, usage.destination)
                                 : deck->FindSms(usage.destination, usage.carrier);
  if (rate != nullptr) record->mutable_rating()->set_destination_name(rate->destination_name);
}

// Collects the results of a batch, each in its place, and answers after the last.
class BatchSink : public engine::ReplySink {
 public:
  BatchSink(CallRecord record, grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response_bytes,
            int count)
      : record_(record), reactor_(reactor), response_bytes_(response_bytes), waiting_(count) {
    for (int i = 0; i < count; ++i) response_.add_results();
  }

  void Done(uint32_t index, absl::StatusOr<Reply> reply) override {
    // Each index is another message: no two threads fill the same one.
    pb::RecordUsageResult* result = response_.mutable_results(static_cast<int>(index));
    if (reply.ok()) {
      ToProto(std::get<book::UsageReply>(*reply), result->mutable_response());
    } else {
      *result->mutable_error() = ToProtoStatus(PrefixField(reply.status(), "usage."), kErrorDomain);
    }
    if (waiting_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const grpc::Slice slice(response_.SerializeAsString());
    *response_bytes_ = grpc::ByteBuffer(&slice, 1);
    reactor_->Finish(record_.End(absl::OkStatus()));
    delete this;
  }

 private:
  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  grpc::ByteBuffer* const response_bytes_;
  pb::BatchRecordUsageResponse response_;
  std::atomic<int> waiting_;
};

}  // namespace

// --- Accounts and users -------------------------------------------------------------

grpc::ServerUnaryReactor* LedgerService::OpenAccount(grpc::CallbackServerContext* context,
                                                     const pb::OpenAccountRequest* request,
                                                     pb::OpenAccountResponse* response) {
  return StartCommand(api_, context, "OpenAccount",
                      TaskFor(request->account_id(), ParseOpenAccount(*request)),
                      FillAccount(response));
}

grpc::ServerUnaryReactor* LedgerService::GetAccount(grpc::CallbackServerContext* context,
                                                    const pb::GetAccountRequest* request,
                                                    pb::GetAccountResponse* response) {
  return StartQuery(api_, context, "GetAccount", [=](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    ToProto(account, response->mutable_account());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LedgerService::ListAccounts(grpc::CallbackServerContext* context,
                                                      const pb::ListAccountsRequest* request,
                                                      pb::ListAccountsResponse* response) {
  return StartQuery(api_, context, "ListAccounts", [=](Connection& connection) -> absl::Status {
    const std::string digest = QueryDigest({"ListAccounts"});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const std::string after,
                             DecodePageToken(digest, request->page_token()));
    RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Account> accounts,
                             storage::ListAccounts(connection, after, size + 1));
    response->Clear();
    for (int i = 0; i < size && i < static_cast<int>(accounts.size()); ++i) {
      ToProto(accounts[i], response->add_accounts());
    }
    if (static_cast<int>(accounts.size()) > size) {
      response->set_next_page_token(EncodePageToken(digest, accounts[size - 1].account_id));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LedgerService::UpdateBillingSettings(
    grpc::CallbackServerContext* context, const pb::UpdateBillingSettingsRequest* request,
    pb::UpdateBillingSettingsResponse* response) {
  return StartCommand(api_, context, "UpdateBillingSettings",
                      TaskFor(request->account_id(), ParseSettings(*request)),
                      FillAccount(response));
}

grpc::ServerUnaryReactor* LedgerService::UpdatePaymentMethod(
    grpc::CallbackServerContext* context, const pb::UpdatePaymentMethodRequest* request,
    pb::UpdatePaymentMethodResponse* response) {
  return StartCommand(api_, context, "UpdatePaymentMethod",
                      TaskFor(request->account_id(), ParseCard(*request)), FillAccount(response));
}

grpc::ServerUnaryReactor* LedgerService::PutUser(grpc::CallbackServerContext* context,
                                                 const pb::PutUserRequest* request,
                                                 pb::PutUserResponse* response) {
  const absl::Time now = api_.engine.Now();
  return StartCommand(api_, context, "PutUser", TaskFor(request->account_id(), ParseUser(*request)),
                      [response, now](Reply&& reply) {
                        ToProto(std::get<book::UserReply>(reply), now, response->mutable_user());
                      });
}

grpc::ServerUnaryReactor* LedgerService::GetUser(grpc::CallbackServerContext* context,
                                                 const pb::GetUserRequest* request,
                                                 pb::GetUserResponse* response) {
  return StartQuery(api_, context, "GetUser", [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    RESERVE_RETURN_IF_ERROR(CheckId(request->user_id(), "user_id"));
    RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::User> users,
        storage::LoadUsers(connection, {{request->account_id(), request->user_id()}}));
    if (users.empty()) {
      return MakeError(absl::StatusCode::kNotFound, "USER_NOT_FOUND", "user_id",
                       absl::StrCat("account \"", request->account_id(), "\" has no user \"",
                                    request->user_id(), "\""));
    }
    RESERVE_ASSIGN_OR_RETURN(const auto catalog,
                             api_.engine.CatalogWithPlan(connection, users[0].plan_id));
    RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog->FindPlan(users[0].plan_id));
    ToProto({users[0], *plan}, api_.engine.Now(), response->mutable_user());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LedgerService::ListUsers(grpc::CallbackServerContext* context,
                                                   const pb::ListUsersRequest* request,
                                                   pb::ListUsersResponse* response) {
  return StartQuery(api_, context, "ListUsers", [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    const std::string digest = QueryDigest({"ListUsers", request->account_id()});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const std::string after,
                             DecodePageToken(digest, request->page_token()));
    RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::User> users,
        storage::ListUsers(connection, request->account_id(), after, size + 1));
    response->Clear();
    for (int i = 0; i < size && i < static_cast<int>(users.size()); ++i) {
      RESERVE_ASSIGN_OR_RETURN(const auto catalog,
                               api_.engine.CatalogWithPlan(connection, users[i].plan_id));
      RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog->FindPlan(users[i].plan_id));
      ToProto({users[i], *plan}, api_.engine.Now(), response->add_users());
    }
    if (static_cast<int>(users.size()) > size) {
      response->set_next_page_token(EncodePageToken(digest, users[size - 1].user_id));
    }
    return absl::OkStatus();
  });
}

// --- Usage --------------------------------------------------------------------------

grpc::ServerUnaryReactor* LedgerService::AuthorizeUsage(grpc::CallbackServerContext* context,
                                                        const pb::AuthorizeUsageRequest* request,
                                                        pb::AuthorizeUsageResponse* response) {
  return StartCommand(
      api_, context, "AuthorizeUsage",
      TaskFor(request->account_id(), ParseAuthorize(*request, api_.engine.Now())),
      [response](Reply&& reply) { ToProto(std::get<book::AuthorizeReply>(reply), response); });
}

grpc::ServerUnaryReactor* LedgerService::RecordUsage(grpc::CallbackServerContext* context,
                                                     const pb::RecordUsageRequest* request,
                                                     pb::RecordUsageResponse* response) {
  if (const absl::Status room = api_.engine.CheckRoom(request->account_id()); !room.ok()) {
    return FinishNow(api_, context, "RecordUsage", room);
  }
  absl::StatusOr<Task> task = ParseRecord(*request);
  if (!task.ok()) {
    return FinishNow(api_, context, "RecordUsage", PrefixField(task.status(), "usage."));
  }
  return StartCommand(
      api_, context, "RecordUsage", std::move(task),
      [response](Reply&& reply) { ToProto(std::get<book::UsageReply>(reply), response); },
      "usage.");
}

grpc::ServerUnaryReactor* LedgerService::BatchRecordUsage(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request_bytes,
                                                          grpc::ByteBuffer* response_bytes) {
  if (const absl::Status room = api_.engine.CheckRoom(); !room.ok()) {
    return FinishNow(api_, context, "BatchRecordUsage", room);
  }
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<pb::BatchRecordUsageRequest>(&arena);
  grpc::ByteBuffer bytes = *request_bytes;  // shares them
  if (!grpc::SerializationTraits<pb::BatchRecordUsageRequest>::Deserialize(&bytes, request).ok()) {
    return FinishNow(api_, context, "BatchRecordUsage",
                     InvalidField("requests", "can't be read: the bytes are no such message"));
  }
  const int count = request->requests_size();
  if (count == 0 || count > kMaxBatch) {
    return FinishNow(api_, context, "BatchRecordUsage",
                     InvalidField("requests", absl::StrCat("must hold 1 to ", kMaxBatch,
                                                           " usages, not ", count)));
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto* sink = new BatchSink(CallRecord(api_.metrics, *context, "BatchRecordUsage"), reactor,
                             response_bytes, count);
  std::vector<Task> tasks;
  tasks.reserve(static_cast<size_t>(count));
  std::vector<std::pair<uint32_t, absl::Status>> bad;
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<Task> task = ParseRecord(request->requests(i));
    const auto index = static_cast<uint32_t>(i);
    if (!task.ok()) {
      bad.emplace_back(index, task.status());
      continue;
    }
    task->sink = sink;
    task->index = index;
    task->call_bytes = kBatchUsageBytes;
    tasks.push_back(*std::move(task));
  }
  // The last reply, whichever it is, ends the sink.
  if (!tasks.empty()) api_.engine.Submit(std::move(tasks));
  for (const auto& [index, status] : bad) sink->Done(index, status);
  return reactor;
}

grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>*
LedgerService::StreamUsage(grpc::CallbackServerContext* context) {
  return streams_.Start(api_, context, &ParseRecord);
}

grpc::ServerUnaryReactor* LedgerService::GetUsage(grpc::CallbackServerContext* context,
                                                  const pb::GetUsageRequest* request,
                                                  pb::GetUsageResponse* response) {
  return StartQuery(api_, context, "GetUsage", [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    RESERVE_RETURN_IF_ERROR(CheckId(request->usage_id(), "usage_id"));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Entry> found,
        storage::FindUsages(connection, {{request->account_id(), request->usage_id()}}));
    if (found.empty()) {
      return MakeError(absl::StatusCode::kNotFound, "USAGE_NOT_FOUND", "usage_id",
                       absl::StrCat("account \"", request->account_id(), "\" has no usage \"",
                                    request->usage_id(), "\""));
    }
    pb::UsageRecord* record = response->mutable_usage_record();
    ToProto(found.front(), account.currency, record);
    AddDestinationName(*api_.engine.catalog(), found.front(), record);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LedgerService::ListUsage(grpc::CallbackServerContext* context,
                                                   const pb::ListUsageRequest* request,
                                                   pb::ListUsageResponse* response) {
  return StartQuery(api_, context, "ListUsage", [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    if (!request->user_id().empty()) {
      RESERVE_RETURN_IF_ERROR(CheckId(request->user_id(), "user_id"));
    }
    const std::string digest =
        QueryDigest({"ListUsage", request->account_id(), request->user_id()});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before,
                             DecodeNumberToken(digest, request->page_token(), storage::kNewest));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Entry> entries,
                             storage::ListUsages(connection, request->account_id(),
                                                 request->user_id(), before, size + 1));
    response->Clear();
    const auto catalog = api_.engine.catalog();
    for (int i = 0; i < size && i < static_cast<int>(entries.size()); ++i) {
      pb::UsageRecord* record = response->add_usage_records();
      ToProto(entries[i], account.currency, record);
      AddDestinationName(*catalog, entries[i], record);
    }
    if (static_cast<int>(entries.size()) > size) {
      response->set_next_page_token(EncodePageToken(digest, absl::StrCat(entries[size - 1].seq)));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* LedgerService::ListEntries(grpc::CallbackServerContext* context,
                                                     const pb::ListEntriesRequest* request,
                                                     pb::ListEntriesResponse* response) {
  return StartQuery(api_, context, "ListEntries", [=](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    const std::string digest = QueryDigest({"ListEntries", request->account_id()});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before,
                             DecodeNumberToken(digest, request->page_token(), storage::kNewest));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Entry> entries,
        storage::ListEntries(connection, request->account_id(), before, size + 1));
    response->Clear();
    for (int i = 0; i < size && i < static_cast<int>(entries.size()); ++i) {
      ToProto(entries[i], account.currency, response->add_entries());
    }
    if (static_cast<int>(entries.size()) > size) {
      response->set_next_page_token(EncodePageToken(digest, absl::StrCat(entries[size - 1].seq)));
    }
    return absl::OkStatus();
  });
}

// --- Money by other ways ------------------------------------------------------------

grpc::ServerUnaryReactor* LedgerService::AdjustBalance(grpc::CallbackServerContext* context,
                                                       const pb::AdjustBalanceRequest* request,
                                                       pb::AdjustBalanceResponse* response) {
  return StartCommand(api_, context, "AdjustBalance",
                      TaskFor(request->account_id(), ParseAdjust(*request)),
                      [response](Reply&& reply) {
                        const auto& booked = std::get<book::EntryReply>(reply);
                        ToProto(booked.entry, booked.currency, response->mutable_entry());
                      });
}

grpc::ServerUnaryReactor* LedgerService::RequestRecharge(grpc::CallbackServerContext* context,
                                                         const pb::RequestRechargeRequest* request,
                                                         pb::RequestRechargeResponse* response) {
  return StartCommand(
      api_, context, "RequestRecharge", TaskFor(request->account_id(), ParseRecharge(*request)),
      [response](Reply&& reply) {
        ToProto(std::get<book::RechargeReply>(reply).recharge, response->mutable_recharge());
      });
}

grpc::ServerUnaryReactor* LedgerService::ListRecharges(grpc::CallbackServerContext* context,
                                                       const pb::ListRechargesRequest* request,
                                                       pb::ListRechargesResponse* response) {
  return StartQuery(api_, context, "ListRecharges", [=](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    const std::string digest = QueryDigest({"ListRecharges", request->account_id()});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before,
                             DecodeNumberToken(digest, request->page_token(), storage::kNewest));
    RESERVE_RETURN_IF_ERROR(LoadAccount(connection, request->account_id()).status());
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Recharge> recharges,
        storage::ListRecharges(connection, request->account_id(), before, size + 1));
    response->Clear();
    for (int i = 0; i < size && i < static_cast<int>(recharges.size()); ++i) {
      ToProto(recharges[i], response->add_recharges());
    }
    if (static_cast<int>(recharges.size()) > size) {
      response->set_next_page_token(
          EncodePageToken(digest, absl::StrCat(recharges[size - 1].ordinal)));
    }
    return absl::OkStatus();
  });
}

// --- Administration -----------------------------------------------------------------

grpc::ServerUnaryReactor* LedgerService::BlockAccount(grpc::CallbackServerContext* context,
                                                      const pb::BlockAccountRequest* request,
                                                      pb::BlockAccountResponse* response) {
  absl::StatusOr<book::Command> command = book::BlockAccount{request->reason()};
  const absl::Status reason = CheckReason(request->reason(), "reason");
  if (!reason.ok()) command = reason;
  return StartCommand(api_, context, "BlockAccount",
                      TaskFor(request->account_id(), std::move(command)), FillAccount(response));
}

grpc::ServerUnaryReactor* LedgerService::UnblockAccount(grpc::CallbackServerContext* context,
                                                        const pb::UnblockAccountRequest* request,
                                                        pb::UnblockAccountResponse* response) {
  absl::StatusOr<book::Command> command = book::UnblockAccount{request->reason()};
  const absl::Status reason = CheckReason(request->reason(), "reason");
  if (!reason.ok()) command = reason;
  return StartCommand(api_, context, "UnblockAccount",
                      TaskFor(request->account_id(), std::move(command)), FillAccount(response));
}

grpc::ServerUnaryReactor* LedgerService::ListEvents(grpc::CallbackServerContext* context,
                                                    const pb::ListEventsRequest* request,
                                                    pb::ListEventsResponse* response) {
  return StartQuery(api_, context, "ListEvents", [=](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
    const std::string digest = QueryDigest({"ListEvents", request->account_id()});
    RESERVE_ASSIGN_OR_RETURN(const int size, PageSize(request->page_size()));
    RESERVE_ASSIGN_OR_RETURN(const int64_t after,
                             DecodeNumberToken(digest, request->page_token(), 0));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Event> events,
        storage::ListEvents(connection, request->account_id(), after, size + 1));
    response->Clear();
    for (int i = 0; i < size && i < static_cast<int>(events.size()); ++i) {
      ToProto(events[i], account.currency, response->add_events());
    }
    if (static_cast<int>(events.size()) > size) {
      response->set_next_page_token(
          EncodePageToken(digest, absl::StrCat(events[size - 1].event_seq)));
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<pb::WatchEventsResponse>* LedgerService::WatchEvents(
    grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) {
  return watches_.Start(api_, context, *request);
}

grpc::ServerUnaryReactor* LedgerService::GetBillingAdvice(
    grpc::CallbackServerContext* context, const pb::GetBillingAdviceRequest* request,
    pb::GetBillingAdviceResponse* response) {
  return StartQueryIn(api_.engine.bulk(), api_, context, "GetBillingAdvice",
                      [=, this](Connection& connection) -> absl::Status {
                        RESERVE_RETURN_IF_ERROR(CheckId(request->account_id(), "account_id"));
                        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                                 LoadAccount(connection, request->account_id()));
                        const absl::Time now = api_.engine.Now();
                        const absl::Time since = now - domain::kAdviceWindow;
                        RESERVE_ASSIGN_OR_RETURN(
                            const std::vector<storage::StandardUse> uses,
                            storage::StandardUseSince(connection, request->account_id(), since));
                        RESERVE_ASSIGN_OR_RETURN(
                            const int64_t recharges,
                            storage::CountAutomaticSince(connection, request->account_id(), since));
                        response->Clear();
                        const int business_days = domain::BusinessDays(since, now);
                        for (const storage::StandardUse& use : uses) {
                          if (!domain::AdviseUnlimited(use.billable_seconds, business_days))
                            continue;
                          pb::PlanAdvice* advice = response->add_plan_advice();
                          advice->set_user_id(use.user_id);
                          advice->set_plan_id(domain::kUnlimitedPlanId);
                          reserve::ToProto(absl::Seconds(use.billable_seconds),
                                           advice->mutable_standard_duration());
                          advice->set_business_days(business_days);
                          reserve::ToProto(use.cost, account.currency, advice->mutable_saving());
                        }
                        const std::optional<Nanos> advised = domain::AdviseReserveAmount(
                            api_.engine.options().settings, account.reserve_amount, recharges);
                        if (advised.has_value()) {
                          pb::ReserveAdvice* advice = response->mutable_reserve_advice();
                          advice->set_recharges(static_cast<int32_t>(recharges));
                          reserve::ToProto(account.reserve_amount, account.currency,
                                           advice->mutable_current_reserve_amount());
                          reserve::ToProto(*advised, account.currency,
                                           advice->mutable_advised_reserve_amount());
                        }
                        return absl::OkStatus();
                      });
}

}  // namespace reserve::api
