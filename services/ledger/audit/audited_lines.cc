#include "services/ledger/audit/audited_lines.h"

#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/storage/deck_rows.h"

namespace reserve::audit {
namespace {

using domain::Usage;
using rates::RateKind;

RateKind KindOf(const Usage& usage) {
  const bool call = usage.kind == domain::UsageKind::kCall;
  if (domain::IsShortCode(usage.destination)) {
    return call ? RateKind::kShortCode : RateKind::kSmsShortCode;
  }
  if (!call) return RateKind::kSms;
  return usage.direction == domain::Direction::kInbound ? RateKind::kCallInbound : RateKind::kCall;
}

}  // namespace

absl::Status AuditedLines::ReadFor(storage::Connection& connection, const Decks& decks,
                                   const std::vector<domain::Entry>& entries) {
  Wanted wanted;
  for (const domain::Entry& entry : entries) {
    if (!entry.booked.has_value() || entry.booked->rating.deck_version == 0) continue;
    const domain::Rating& rating = entry.booked->rating;
    wanted[{rating.deck_version, KindOf(entry.booked->usage)}].insert(rating.prefix);
  }
  return Read(connection, decks, wanted);
}

absl::Status AuditedLines::ReadFor(storage::Connection& connection, const Decks& decks,
                                   const std::vector<domain::Hold>& holds) {
  Wanted wanted;
  for (const domain::Hold& hold : holds) {
    if (hold.deck_version == 0) continue;
    const Usage usage = UsageOf(hold);
    std::set<std::string>& prefixes = wanted[{hold.deck_version, KindOf(usage)}];
    const absl::string_view digits = domain::DigitsOf(usage.destination);
    for (size_t length = 1; length <= digits.size(); ++length) {
      prefixes.emplace(digits.substr(0, length));
    }
  }
  return Read(connection, decks, wanted);
}

absl::Status AuditedLines::Read(storage::Connection& connection, const Decks& decks,
                                const Wanted& wanted) {
  std::map<int64_t, std::vector<rates::RateRow>> rows;
  for (const auto& [deck_and_kind, prefixes] : wanted) {
    const auto& [version, kind] = deck_and_kind;
    if (!decks.contains(version)) continue;
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<rates::RateRow> found,
        storage::FindDeckRows(connection, version, kind, {prefixes.begin(), prefixes.end()}));
    std::vector<rates::RateRow>& of_deck = rows[version];
    of_deck.insert(of_deck.end(), found.begin(), found.end());
  }
  decks_.clear();
  for (auto& [version, of_deck] : rows) {
    RESERVE_ASSIGN_OR_RETURN(decks_[version],
                             rates::DeckSnapshot::Create(decks.find(version)->second, of_deck));
  }
  return absl::OkStatus();
}

std::optional<domain::Rate> AuditedLines::Find(int64_t deck_version, const Usage& usage) const {
  const auto deck = decks_.find(deck_version);
  return deck == decks_.end() ? std::nullopt : book::FindRateOf(deck->second.get(), usage);
}

}  // namespace reserve::audit
