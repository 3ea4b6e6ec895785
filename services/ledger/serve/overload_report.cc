#include "services/ledger/serve/overload_report.h"

#include "common/telemetry/log.h"

namespace reserve::serve {

void OverloadReport::Tell() {
  const engine::EngineStats& stats = engine_.stats();
  const int64_t commands = stats.overloaded;
  const int64_t queries = stats.overloaded_queries;
  if (commands != commands_ || queries != queries_) {
    Log(Severity::kWarning, "overloaded",
        {{"refused_commands", commands - commands_},
         {"refused_queries", queries - queries_},
         {"queued_commands", int64_t{stats.queued}},
         {"queued_bytes", int64_t{stats.queued_bytes}}});
  }
  const int64_t unavailable = stats.unavailable;
  const int64_t unavailable_calls = calls_.unavailable();
  if (unavailable != unavailable_ || unavailable_calls != unavailable_calls_) {
    Log(Severity::kWarning, "the database can't do what is asked for",
        {{"refused_commands", unavailable - unavailable_},
         {"refused_calls", unavailable_calls - unavailable_calls_}});
  }
  for (const engine::StepReport::Line& line : engine_.steps().Take()) {
    Log(Severity::kError, "a step in the background failed",
        {{"step", NameOf(line.step)},
         {"times", line.times},
         {"failing", line.failing},
         {"error", line.error.message()}});
  }
  for (const storage::ErrorTally::Line& line : engine_.database_errors().Take()) {
    Log(Severity::kError, "database error",
        {{"class", storage::NameOf(storage::ClassOfError(line.error_number))},
         {"error_number", int64_t{line.error_number}},
         {"times", line.count},
         {"error", line.text}});
  }
  unavailable_ = unavailable;
  unavailable_calls_ = unavailable_calls;
  commands_ = commands;
  queries_ = queries;
}

}  // namespace reserve::serve
