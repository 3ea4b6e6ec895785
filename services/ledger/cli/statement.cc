#include "services/ledger/cli/statement.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/time/clock.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "common/rpc/status.h"
#include "services/ledger/cli/message_text.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kDeadline = absl::Minutes(2);
constexpr int kPageSize = 1000;
// How much later than its booking a usage may begin, as a rule: clocks differ.
constexpr int64_t kSecondsAhead = 24 * 60 * 60;

template <typename Request, typename Response>
absl::Status Call(pb::Accounts::Stub& stub,
                  grpc::Status (pb::Accounts::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  return FromGrpcStatus((stub.*method)(&context, request, response));
}

absl::Status FetchEntries(pb::Accounts::Stub& stub, Statement* statement) {
  pb::ListEntriesRequest request;
  request.set_account_id(statement->account_id);
  request.set_month(statement->month);
  request.set_oldest_first(true);
  request.set_page_size(kPageSize);
  do {
    pb::ListEntriesResponse response;
    RESERVE_RETURN_IF_ERROR(Call(stub, &pb::Accounts::Stub::ListEntries, request, &response));
    if (response.has_period()) statement->period = response.period();
    for (pb::Entry& entry : *response.mutable_entries()) {
      statement->entries.push_back(std::move(entry));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

bool IsWithin(const pb::StatementPeriod& period, int64_t seq) {
  return seq >= period.first_seq() && seq <= period.last_seq();
}

// Takes what the list has of the period's usages, until all are there.
absl::Status FetchUsagesFrom(pb::Accounts::Stub& stub, pb::ListUsageRequest request, size_t booked,
                             Statement* statement) {
  while (statement->usages.size() < booked) {
    pb::ListUsageResponse response;
    RESERVE_RETURN_IF_ERROR(Call(stub, &pb::Accounts::Stub::ListUsage, request, &response));
    for (pb::UsageRecord& record : *response.mutable_usage_records()) {
      const int64_t seq = record.seq();
      if (IsWithin(statement->period, seq)) statement->usages[seq] = std::move(record);
    }
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  return absl::OkStatus();
}

// Usages are listed by when they began, and the statement has those that were booked in its period:
// most began in it, some long before (a record that came late), and some, by a clock that is
// wrong, long after.
absl::Status FetchUsages(pb::Accounts::Stub& stub, Statement* statement) {
  const auto booked = static_cast<size_t>(
      std::count_if(statement->entries.begin(), statement->entries.end(),
                    [](const auto& entry) { return entry.kind() == pb::ENTRY_KIND_USAGE; }));
  pb::ListUsageRequest request;
  request.set_account_id(statement->account_id);
  request.set_page_size(kPageSize);
  const int64_t border = statement->period.end_time().seconds() + kSecondsAhead;
  request.mutable_start_before()->set_seconds(border);
  RESERVE_RETURN_IF_ERROR(FetchUsagesFrom(stub, request, booked, statement));
  request.clear_start_before();
  request.mutable_start_from()->set_seconds(border);
  request.set_order(pb::USAGE_ORDER_OLDEST_FIRST);
  return FetchUsagesFrom(stub, request, booked, statement);
}

// The newest are first: they are read down to the period's begin.
absl::Status FetchReceipts(pb::Accounts::Stub& stub, Statement* statement) {
  pb::ListReceiptsRequest request;
  request.set_account_id(statement->account_id);
  request.set_page_size(kPageSize);
  bool before_it = statement->entries.empty();
  while (!before_it) {
    pb::ListReceiptsResponse response;
    RESERVE_RETURN_IF_ERROR(Call(stub, &pb::Accounts::Stub::ListReceipts, request, &response));
    for (pb::Receipt& receipt : *response.mutable_receipts()) {
      const int64_t seq = receipt.seq();
      before_it |= seq < statement->period.first_seq();
      if (IsWithin(statement->period, seq)) statement->receipts[seq] = std::move(receipt);
    }
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  return absl::OkStatus();
}

// Also of those that were removed since.
absl::Status FetchUserNames(pb::Accounts::Stub& stub, Statement* statement) {
  pb::ListUsersRequest request;
  request.set_account_id(statement->account_id);
  request.set_show_removed(true);
  request.set_page_size(kPageSize);
  do {
    pb::ListUsersResponse response;
    RESERVE_RETURN_IF_ERROR(Call(stub, &pb::Accounts::Stub::ListUsers, request, &response));
    for (const pb::User& user : response.users()) {
      if (!user.display_name().empty()) {
        statement->user_names[user.user_id()] = user.display_name();
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Statement> FetchStatement(const std::shared_ptr<grpc::Channel>& channel,
                                         const std::string& account_id, const std::string& month) {
  const auto stub = pb::Accounts::NewStub(channel);
  Statement statement;
  statement.account_id = account_id;
  statement.month = month;
  pb::GetAccountRequest get;
  get.set_account_id(account_id);
  pb::Account account;
  RESERVE_RETURN_IF_ERROR(Call(*stub, &pb::Accounts::Stub::GetAccount, get, &account));
  statement.display_name = account.display_name();
  statement.currency = account.balance().currency_code();
  statement.time_zone = FindTimeZone(account.time_zone()).value_or(absl::UTCTimeZone());
  RESERVE_RETURN_IF_ERROR(FetchEntries(*stub, &statement));
  RESERVE_RETURN_IF_ERROR(FetchUsages(*stub, &statement));
  RESERVE_RETURN_IF_ERROR(FetchReceipts(*stub, &statement));
  if (!statement.usages.empty()) RESERVE_RETURN_IF_ERROR(FetchUserNames(*stub, &statement));
  return statement;
}

void WriteStatementCsv(const Statement& statement, CsvText text, std::ostream& out) {
  out << "seq,record_time,kind,usage_id,user_id,destination,duration_seconds,segments,"
         "recharge_ordinal,receipt_number,charge_id,card_last_four,reason,amount,balance_after,"
         "currency\n";
  for (const pb::Entry& entry : statement.entries) {
    const auto usage = statement.usages.find(entry.seq());
    const pb::Usage used = usage == statement.usages.end() ? pb::Usage() : usage->second.usage();
    const auto found = statement.receipts.find(entry.seq());
    const pb::Receipt receipt = found == statement.receipts.end() ? pb::Receipt() : found->second;
    CsvRow row(text);
    row.Int(entry.seq())
        .Time(entry.has_record_time(), entry.record_time())
        .Text(ValueText(pb::EntryKind_Name(entry.kind()), "ENTRY_KIND_"))
        .Text(entry.usage_id())
        .Text(used.user_id())
        .Text(used.has_call() ? used.call().destination() : used.sms().destination())
        .Seconds(used.call().duration())
        .IntIfAny(used.sms().segments())
        .IntIfAny(entry.recharge_ordinal())
        .IntIfAny(receipt.number())
        .Text(receipt.charge_id())
        .Text(receipt.card_last_four())
        .Text(entry.reason())
        .Money(entry.amount())
        .Money(entry.balance_after())
        .Text(statement.currency)
        .WriteTo(out);
  }
}

}  // namespace reserve::cli
