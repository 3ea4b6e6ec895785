// What is tried with bytes that nobody has written with care: one function for each parser of what
// comes from outside. It may refuse what it gets, and must not do anything else that is wrong: what
// it promises is required here, and the sanitizers look at the rest.
//
// Thread-safe, but for Flags(). A promise that is broken ends the process, as what a sanitizer
// finds does.
#ifndef RESERVE_TESTS_FUZZ_TARGETS_H_
#define RESERVE_TESTS_FUZZ_TARGETS_H_

#include "absl/strings/string_view.h"

namespace reserve::fuzz {

void Decks(absl::string_view bytes);  // a rate deck's file, in any encoding and form
void Roles(absl::string_view bytes);  // the file of who may call what
void DatabaseUrls(absl::string_view bytes);
void Flags(absl::string_view bytes);         // a command line, and addresses in it
void Numbers(absl::string_view bytes);       // what was dialled; card numbers in free text
void Traceparents(absl::string_view bytes);  // a caller's header
void ArchiveLines(absl::string_view bytes);  // of the files of archived months
#ifdef RESERVE_WITH_GRPC
void PageTokens(absl::string_view bytes);
void Requests(absl::string_view bytes);        // messages of callers
void GatewayAnswers(absl::string_view bytes);  // messages of the payment gateway
void StatusDetails(absl::string_view bytes);   // how a call at the gateway or a ledger ended
void Currencies(absl::string_view bytes);      // the file of settings by currency
void Tokens(absl::string_view bytes);          // of the console's visitors, and what they claim
void KeySets(absl::string_view bytes);         // the identity provider's public keys
#endif

struct Target {
  const char* name;  // of the folder with its seeds, too
  void (*run)(absl::string_view);
};
inline constexpr Target kTargets[] = {
    {"decks", Decks},
    {"roles", Roles},
    {"database_urls", DatabaseUrls},
    {"flags", Flags},
    {"numbers", Numbers},
    {"traceparents", Traceparents},
    {"archive_lines", ArchiveLines},
#ifdef RESERVE_WITH_GRPC
    {"page_tokens", PageTokens},
    {"requests", Requests},
    {"gateway_answers", GatewayAnswers},
    {"status_details", StatusDetails},
    {"currencies", Currencies},
    {"tokens", Tokens},
    {"key_sets", KeySets},
#endif
};

// Ends the process, saying what was promised, unless it holds.
void Require(bool holds, absl::string_view promise);
// What people and programs get to read: UTF-8 of a size that fits into a reply.
void RequireReadable(absl::string_view message);

}  // namespace reserve::fuzz

#endif  // RESERVE_TESTS_FUZZ_TARGETS_H_
