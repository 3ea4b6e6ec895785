// Messages as JSON, for programs that read what a command says: the names of protobuf's JSON form,
// with every field that has a value or could have one. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_CLI_JSON_TEXT_H_
#define RESERVE_SERVICES_LEDGER_CLI_JSON_TEXT_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/strings/string_view.h"

namespace reserve::cli {

// Without a line's end.
std::string JsonOf(const google::protobuf::Message& message);
// A text in quotes.
std::string JsonOf(absl::string_view text);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_JSON_TEXT_H_
