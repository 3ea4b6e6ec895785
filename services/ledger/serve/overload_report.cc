#include "services/ledger/serve/overload_report.h"

#include "common/telemetry/log.h"

namespace reserve::serve {

void OverloadReport::Tell() {
  const int64_t commands = stats_.overloaded;
  const int64_t queries = stats_.overloaded_queries;
  if (commands != commands_ || queries != queries_) {
    Log(Severity::kWarning, "overloaded",
        {{"refused_commands", commands - commands_},
         {"refused_queries", queries - queries_},
         {"queued_commands", int64_t{stats_.queued}},
         {"queued_bytes", int64_t{stats_.queued_bytes}}});
  }
  const int64_t unavailable = stats_.unavailable;
  if (unavailable != unavailable_) {
    Log(Severity::kWarning, "the database can't do what is asked for",
        {{"refused_commands", unavailable - unavailable_}});
  }
  for (const storage::ErrorTally::Line& line : database_errors_.Take()) {
    Log(Severity::kError, "database error",
        {{"class", storage::NameOf(storage::ClassOfError(line.error_number))},
         {"error_number", int64_t{line.error_number}},
         {"times", line.count},
         {"error", line.text}});
  }
  unavailable_ = unavailable;
  commands_ = commands;
  queries_ = queries;
}

}  // namespace reserve::serve
