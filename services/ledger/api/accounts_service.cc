#include "services/ledger/api/accounts_service.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/update_mask.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/account_search.h"

namespace reserve::api {
namespace {

using book::Reply;
using storage::Connection;

// On a page of a search by number: what is told of so many fits into one answer.
constexpr int kMostByNumber = 200;

// Before the fields of what an update writes, where a refusal names one.
constexpr char kSettings[] = "billing_settings.";
constexpr char kUpdatedAccount[] = "account.";

absl::StatusOr<book::Command> ParseOpenAccount(const pb::OpenAccountRequest& request) {
  book::OpenAccount open;
  RESERVE_ASSIGN_OR_RETURN(open.currency, CurrencyFrom(request.currency_code(), "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(open.country, CountryFrom(request.country_code(), "country_code"));
  RESERVE_ASSIGN_OR_RETURN(open.calendar.time_zone, TimeZoneFrom(request.time_zone(), "time_zone"));
  if (request.has_billing_day()) open.calendar.billing_day = request.billing_day();
  RESERVE_RETURN_IF_ERROR(domain::CheckBillingDay(open.calendar.billing_day));
  RESERVE_ASSIGN_OR_RETURN(
      open.card.card,
      CardFrom(request.card_token(), request.card_fingerprint(), request.card_network()));
  open.plan_id =
      request.default_plan_id().empty() ? domain::kPerMinutePlanId : request.default_plan_id();
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
      Sha256HexOfFields({open.currency, open.card.card.token.Reveal(), open.card.card.fingerprint,
                         open.plan_id, text(open.reserve_amount), text(open.recharge_threshold),
                         text(open.expected_monthly_spend)});
  // Apart, so that a request without it reads as it always did.
  if (open.card.card.network != domain::CardNetwork::kUnknown) {
    open.digest =
        Sha256HexOfFields({open.digest, absl::StrCat(static_cast<int>(open.card.card.network))});
  }
  if (!request.country_code().empty() || !request.time_zone().empty()) {
    open.digest =
        Sha256HexOfFields({open.digest, "place", request.country_code(), request.time_zone()});
  }
  if (request.has_billing_day()) {
    open.digest =
        Sha256HexOfFields({open.digest, "billing day", absl::StrCat(request.billing_day())});
  }
  RESERVE_RETURN_IF_ERROR(CheckStaffText(request.display_name(), "display_name"));
  open.display_name = request.display_name();
  if (!open.display_name.empty()) {
    open.digest = Sha256HexOfFields({open.digest, "display name", open.display_name});
  }
  return open;
}

// An amount of the settings, if it is to be written.
absl::StatusOr<std::optional<Nanos>> AmountToWrite(const UpdateMask& mask, bool is_set,
                                                   const google::type::Money& money,
                                                   const std::string& field) {
  if (!mask.Writes(field)) return std::nullopt;
  if (!is_set) return CannotBeCleared(field);
  return OptionalMoney(true, money, "", field);
}

// The same of one that is cleared by leaving it out: zero then.
absl::StatusOr<std::optional<Nanos>> AmountToWriteOrClear(const UpdateMask& mask, bool is_set,
                                                          const google::type::Money& money,
                                                          const std::string& field) {
  if (!mask.Writes(field)) return std::nullopt;
  if (!is_set) return std::optional<Nanos>(0);
  return OptionalMoney(true, money, "", field);
}

// One currency for all amounts that name one.
absl::Status TakeCurrency(const std::optional<Nanos>& amount, const google::type::Money& money,
                          absl::string_view field, std::string* currency) {
  if (!amount.has_value() || money.currency_code().empty()) return absl::OkStatus();
  if (currency->empty()) *currency = money.currency_code();
  if (*currency == money.currency_code()) return absl::OkStatus();
  return InvalidField(absl::StrCat(field, ".currency_code"),
                      "must be the same as that of the other amounts");
}

absl::StatusOr<book::UpdateBillingSettings> SettingsFrom(const pb::BillingSettings& settings,
                                                         const UpdateMask& mask) {
  book::UpdateBillingSettings update;
  domain::BillingChange& change = update.change;
  RESERVE_ASSIGN_OR_RETURN(change.reserve_amount,
                           AmountToWrite(mask, settings.has_reserve_amount(),
                                         settings.reserve_amount(), "reserve_amount"));
  RESERVE_ASSIGN_OR_RETURN(change.recharge_threshold,
                           AmountToWrite(mask, settings.has_recharge_threshold(),
                                         settings.recharge_threshold(), "recharge_threshold"));
  RESERVE_ASSIGN_OR_RETURN(change.monthly_cap,
                           AmountToWriteOrClear(mask, settings.has_monthly_cap(),
                                                settings.monthly_cap(), "monthly_cap"));
  RESERVE_ASSIGN_OR_RETURN(change.notify_below,
                           AmountToWriteOrClear(mask, settings.has_notify_below(),
                                                settings.notify_below(), "notify_below"));
  if (mask.Writes("automatic_recharge")) {
    if (!settings.has_automatic_recharge()) return CannotBeCleared("automatic_recharge");
    change.automatic_recharge = settings.automatic_recharge();
  }
  absl::Status status = TakeCurrency(change.reserve_amount, settings.reserve_amount(),
                                     "reserve_amount", &update.currency);
  status.Update(TakeCurrency(change.recharge_threshold, settings.recharge_threshold(),
                             "recharge_threshold", &update.currency));
  status.Update(
      TakeCurrency(change.monthly_cap, settings.monthly_cap(), "monthly_cap", &update.currency));
  status.Update(
      TakeCurrency(change.notify_below, settings.notify_below(), "notify_below", &update.currency));
  if (!status.ok()) return status;
  return update;
}

absl::StatusOr<book::Command> ParseSettings(const pb::UpdateBillingSettingsRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask,
                           UpdateMask::From(request.update_mask(), request.billing_settings()));
  absl::StatusOr<book::UpdateBillingSettings> update =
      SettingsFrom(request.billing_settings(), mask);
  if (!update.ok()) return WithFieldPrefix(update.status(), kSettings);
  RESERVE_RETURN_IF_ERROR(CheckEtag(request.billing_settings().etag(), "billing_settings.etag"));
  update->etag = request.billing_settings().etag();
  update->validate_only = request.validate_only();
  update->request_id = IdUnlessTried(request);
  return *std::move(update);
}

absl::StatusOr<domain::AccountChange> ChangeFrom(const pb::AccountUpdate& account,
                                                 const UpdateMask& mask) {
  domain::AccountChange change;
  if (mask.Writes("country_code")) {
    if (account.country_code().empty()) return CannotBeCleared("country_code");
    RESERVE_ASSIGN_OR_RETURN(change.country, CountryFrom(account.country_code(), "country_code"));
  }
  if (mask.Writes("time_zone")) {
    if (account.time_zone().empty()) return CannotBeCleared("time_zone");
    RESERVE_ASSIGN_OR_RETURN(change.time_zone, TimeZoneFrom(account.time_zone(), "time_zone"));
  }
  if (mask.Writes("billing_day")) {
    if (!account.has_billing_day()) return CannotBeCleared("billing_day");
    RESERVE_RETURN_IF_ERROR(domain::CheckBillingDay(account.billing_day()));
    change.billing_day = account.billing_day();
  }
  if (mask.Writes("display_name")) {
    RESERVE_RETURN_IF_ERROR(CheckStaffText(account.display_name(), "display_name"));
    change.display_name = account.display_name();
  }
  RESERVE_RETURN_IF_ERROR(CheckEtag(account.etag(), "etag"));
  return change;
}

absl::StatusOr<book::Command> ParseUpdate(const pb::UpdateAccountRequest& request) {
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask,
                           UpdateMask::From(request.update_mask(), request.account()));
  absl::StatusOr<domain::AccountChange> change = ChangeFrom(request.account(), mask);
  if (!change.ok()) return WithFieldPrefix(change.status(), kUpdatedAccount);
  if (!request.request_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  }
  return book::UpdateAccount{IdUnlessTried(request), *std::move(change), request.account().etag(),
                             request.validate_only()};
}

// Fills what a command on an account answers.
FillResponse FillFromAccount(pb::BillingSettings* response) {
  return [response](Reply&& reply) { ToProto(book::As<domain::Account>(reply), response); };
}

absl::StatusOr<storage::AccountFilter> FilterFrom(const pb::ListAccountsRequest& request) {
  storage::AccountFilter filter;
  if (!pb::AccountState_IsValid(request.state())) {
    return InvalidField("state", "must be one of AccountState");
  }
  if (request.state() != pb::ACCOUNT_STATE_UNSPECIFIED) {
    filter.state = static_cast<domain::AccountState>(request.state());
  }
  filter.low_balance = request.low_balance();
  filter.card_failing = request.card_failing();
  filter.under_review = request.under_review();
  if (!request.called_number().empty() &&
      (filter != storage::AccountFilter() || !request.usage_id().empty())) {
    return InvalidField("called_number", "must not be set beside another filter");
  }
  if (request.usage_id().empty()) return filter;
  RESERVE_RETURN_IF_ERROR(CheckId(request.usage_id(), "usage_id"));
  if (filter != storage::AccountFilter()) {
    return InvalidField("usage_id", "must not be set beside another filter");
  }
  filter.usage_id = request.usage_id();
  return filter;
}

// Where a search by number goes on, as a page token has it.
std::string CursorOf(const storage::BookingPlace& place) {
  return absl::StrCat(absl::ToUnixMicros(place.record_time), ":", place.account_id);
}

absl::StatusOr<storage::BookingPlace> PlaceBefore(const Page& page) {
  storage::BookingPlace place;
  if (page.cursor.empty()) return place;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(page.cursor, absl::MaxSplits(':', 1));
  int64_t micros = 0;
  if (!absl::SimpleAtoi(parts.first, &micros)) return BadPageToken();
  place.record_time = absl::FromUnixMicros(micros);
  place.account_id = std::string(parts.second);
  return place;
}

absl::Status ListByNumber(Connection& connection, const Sight& sight,
                          const pb::ListAccountsRequest& request, const Page& page,
                          pb::ListAccountsResponse* response) {
  const auto destination = domain::DestinationFrom(sight.settings, request.called_number());
  if (!destination.has_value()) {
    return InvalidField("called_number", "must be E.164, or a short code of 3 to 8 digits");
  }
  RESERVE_ASSIGN_OR_RETURN(const storage::BookingPlace before, PlaceBefore(page));
  RESERVE_ASSIGN_OR_RETURN(const storage::FoundByNumber found,
                           storage::SearchByNumber(connection, *destination, before,
                                                   std::min(page.size, kMostByNumber)));
  response->Clear();
  for (const domain::Account& account : found.accounts) {
    ToProto(account, sight, response->add_accounts());
  }
  if (!found.looked_to.has_value()) return absl::OkStatus();
  response->set_next_page_token(EncodePageToken(page.query_digest, CursorOf(*found.looked_to)));
  reserve::ToProto(found.looked_to->record_time, response->mutable_searched_until_time());
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::OpenAccount(grpc::CallbackServerContext* context,
                                                       const pb::OpenAccountRequest* request,
                                                       pb::Account* response) {
  return StartCommand(api_, context, "OpenAccount",
                      TaskFor(request->account_id(), ParseOpenAccount(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* AccountsService::GetAccount(grpc::CallbackServerContext* context,
                                                      const pb::GetAccountRequest* request,
                                                      pb::Account* response) {
  return StartQuery(api_, context, "GetAccount", request->account_id(),
                    [=, this](Connection& connection) -> absl::Status {
                      RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                               LoadAccount(connection, request->account_id()));
                      ToProto(account, api_.Now(), response);
                      return absl::OkStatus();
                    });
}

grpc::ServerUnaryReactor* AccountsService::ListAccounts(grpc::CallbackServerContext* context,
                                                        const pb::ListAccountsRequest* request,
                                                        pb::ListAccountsResponse* response) {
  // By a number many entries are looked at: that is none of the quick reads.
  const bool by_number = !request->called_number().empty();
  return StartQueryIn(
      by_number ? api_.engine.pages() : api_.engine.queries(), api_, context, "ListAccounts",
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const storage::AccountFilter filter, FilterFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageOfQuery(*request, "ListAccounts"));
        if (by_number) return ListByNumber(connection, api_.Now(), *request, page, response);
        RESERVE_ASSIGN_OR_RETURN(
            const storage::FoundAccounts found,
            storage::SearchAccounts(connection, filter, page.cursor, page.limit()));
        response->Clear();
        FillPage(
            page, found.accounts, response,
            [=, this](const domain::Account& account) {
              ToProto(account, api_.Now(), response->add_accounts());
            },
            [response](const domain::Account& last) {
              response->set_searched_until_account_id(last.account_id);
              return last.account_id;
            });
        if (response->next_page_token().empty() && !found.searched_until.empty()) {
          response->set_next_page_token(EncodePageToken(page.query_digest, found.searched_until));
          response->set_searched_until_account_id(found.searched_until);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccountsService::UpdateAccount(grpc::CallbackServerContext* context,
                                                         const pb::UpdateAccountRequest* request,
                                                         pb::Account* response) {
  return StartCommand(api_, context, "UpdateAccount",
                      TaskFor(request->account_id(), ParseUpdate(*request)),
                      FillAccount(api_, response));
}

grpc::ServerUnaryReactor* AccountsService::UpdateBillingSettings(
    grpc::CallbackServerContext* context, const pb::UpdateBillingSettingsRequest* request,
    pb::BillingSettings* response) {
  return StartCommand(api_, context, "UpdateBillingSettings",
                      TaskBy(request->actor(), request->account_id(), ParseSettings(*request)),
                      FillFromAccount(response), kSettings);
}

}  // namespace reserve::api
