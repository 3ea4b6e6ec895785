// An account's statement of a month: what `ledger report` shows, as the ledger's public RPCs say
// it.
#ifndef RESERVE_SERVICES_LEDGER_CLI_STATEMENT_H_
#define RESERVE_SERVICES_LEDGER_CLI_STATEMENT_H_

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "services/ledger/cli/csv.h"

namespace reserve::cli {

struct Statement {
  std::string account_id;
  std::string display_name;                       // of the account, now; may be empty
  std::map<std::string, std::string> user_names;  // by user id, of those that have one now
  std::string month;                              // "2026-11"
  std::string currency;
  absl::TimeZone time_zone;  // the account's, by its latest rule
  ledger::v1::StatementPeriod period;
  std::vector<ledger::v1::Entry> entries;             // by seq
  std::map<int64_t, ledger::v1::UsageRecord> usages;  // by the seq that booked them
  std::map<int64_t, ledger::v1::Receipt> receipts;    // by the seq that booked them
};

// NOT_FOUND "ACCOUNT_NOT_FOUND", INVALID_ARGUMENT for a month that is none, or what went wrong.
absl::StatusOr<Statement> FetchStatement(const std::shared_ptr<grpc::Channel>& channel,
                                         const std::string& account_id, const std::string& month);

// A line for each entry, by seq, after a head line.
void WriteStatementCsv(const Statement& statement, CsvText text, std::ostream& out);

// A page that stands alone, for a browser and for paper: A4, without scripts, fonts or pictures
// from elsewhere.
void WriteStatementHtml(const Statement& statement, std::ostream& out);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_STATEMENT_H_
