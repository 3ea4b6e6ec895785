// The client behind `ledger import-rates`: streams a rate deck to a running ledger, and brings it
// into force.
//
// A repeat is safe: the ledger knows a deck that it has, and one that is in force stays so. A deck
// of before is brought into force again. Blocks; call it from one thread.
//
//   ImportRatesOptions options;
//   options.ledger = "127.0.0.1:50051";
//   options.starter = true;
//   absl::Status status = ImportRates(options, std::cout);
#ifndef RESERVE_SERVICES_LEDGER_CLI_IMPORT_RATES_H_
#define RESERVE_SERVICES_LEDGER_CLI_IMPORT_RATES_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/rpc/channel.h"

namespace reserve::cli {

struct ImportRatesOptions {
  // The running ledger, as MakeChannel takes it.
  std::string ledger;
  ChannelOptions channel;
  // The deck that is built in, or else the CSV file at this path.
  bool starter = false;
  std::string file;
  // Empty: "starter", or the file's name without its folder and ending.
  std::string name;
  // ISO 4217; empty: USD.
  std::string currency;
  // The price list; empty: "standard".
  std::string series;
  // RFC 3339. Empty: as soon as all ledgers know, or for the starter deck 2015-01-01T00:00:00Z, so
  // that old usage can be rated, too.
  std::string effective_time;
  // The effective time may be in the past; that of the starter deck may anyway.
  bool backdate = false;
  // Only import it.
  bool draft = false;
  // A decimal per minute; empty: 0.02.
  std::string standard_rate_ceiling;
  // Of the days and periods of its lines: an IANA name; empty: UTC.
  std::string time_zone;
  // "split" (empty) or "start": all of a call is in the period of its start.
  std::string periods;
  // "half_up", "up" or "half_even", a slash, and to how many decimals; empty: half_up/9.
  std::string rounding;
  // ISO 8601 dates.
  std::vector<std::string> holidays;
  bool prices_include_tax = false;
  // "ROWS_DROPPED" and so on: findings that are right for this file.
  std::vector<std::string> accept;
  // Say what would be done, and store nothing.
  bool dry_run = false;
  // "DMY" or "MDY"; "." or ","; a kind of rate, as in the column `kind`. Empty: the file says it.
  std::string date_format;
  std::string decimal_mark;
  std::string kind;
  // Names of columns that are passed over.
  std::vector<std::string> ignore_columns;
  // `out` is a terminal: progress is a bar in one line.
  bool terminal = false;
};

// The columns of a file, with their other names and an example: for `import-rates --help`.
std::string ImportRatesHelp();

// Writes progress to `out`, and what was imported or what is wrong with which line.
// INVALID_ARGUMENT for bad options, a file that can't be read, or a bad deck; else
// the ledger's refusal, or UNAVAILABLE if it can't be reached.
absl::Status ImportRates(const ImportRatesOptions& options, std::ostream& out);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_IMPORT_RATES_H_
