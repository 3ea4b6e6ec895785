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
  commands_ = commands;
  queries_ = queries;
}

}  // namespace reserve::serve
