// The lines of decks by which what is audited was priced, as they are stored.
//
// Of each deck only the lines that a page of entries or holds may need are read. They are found as
// the ledger itself finds them.
//
//   AuditedLines lines;
//   RESERVE_RETURN_IF_ERROR(lines.ReadFor(connection, decks, page));
//   const std::optional<domain::Rate> line = lines.Find(booked.rating.deck_version, booked.usage);
#ifndef RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LINES_H_
#define RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LINES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/storage/connection.h"

namespace reserve::audit {

// Not thread-safe.
class AuditedLines {
 public:
  using Decks = absl::flat_hash_map<int64_t, rates::DeckHeader>;

  // Forgets what was read before, and reads the lines by which the usages of these entries say that
  // they were rated. Those of decks that are not among `decks` are left out.
  absl::Status ReadFor(storage::Connection& connection, const Decks& decks,
                       const std::vector<domain::Entry>& entries);
  // The same for holds, by the numbers that are called.
  absl::Status ReadFor(storage::Connection& connection, const Decks& decks,
                       const std::vector<domain::Hold>& holds);

  // The line for this usage in that deck, if there is one. It is good until the next ReadFor.
  std::optional<domain::Rate> Find(int64_t deck_version, const domain::Usage& usage) const;

 private:
  using DeckAndKind = std::pair<int64_t, rates::RateKind>;
  using Wanted = std::map<DeckAndKind, std::set<std::string>>;  // prefixes

  absl::Status Read(storage::Connection& connection, const Decks& decks, const Wanted& wanted);

  std::map<int64_t, std::shared_ptr<const rates::DeckSnapshot>> decks_;
};

}  // namespace reserve::audit

#endif  // RESERVE_SERVICES_LEDGER_AUDIT_AUDITED_LINES_H_
