#include "services/ledger/api/deck_import.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/text/utf8.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/recent_usage.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

constexpr int kUnratedUsages = 500;
constexpr size_t kMaxFindingBytes = 300;
constexpr size_t kMaxShownLineBytes = 80;
constexpr int kMaxIgnoredColumns = 100;
constexpr size_t kMaxColumnNameBytes = 128;

bool IsAccepted(const pb::RateDeckHeader& header, rates::FindingCode code) {
  return std::any_of(header.accept().begin(), header.accept().end(),
                     [code](int each) { return each == static_cast<int>(code); });
}

// What was priced in the last days by decks of the currency and series.
absl::Status AddRecent(const book::Catalog& catalog, Connection& connection, absl::Time now,
                       const rates::DeckHeader& deck, rates::Circumstances* circumstances) {
  RESERVE_ASSIGN_OR_RETURN(RecentUsage recent, LoadRecentUsage(catalog, connection, now, deck));
  circumstances->first_day = recent.first_day;
  circumstances->last_day = recent.last_day;
  circumstances->groups = std::move(recent.groups);
  for (const storage::PricedUsage& each : recent.newest) {
    if (each.usage.direction == domain::Direction::kInbound) continue;
    circumstances->recent.push_back(
        {each.usage.kind, each.usage.destination, recent.IsInGroups(each) ? each.prefix : ""});
  }
  return absl::OkStatus();
}

// What waits for a price of its start, on accounts of the currency: of the first of them.
absl::Status AddUnrated(Connection& connection, const rates::DeckHeader& header,
                        rates::Circumstances* circumstances) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> states,
                           storage::ListUnrated(connection, {"", ""}, kUnratedUsages));
  std::vector<book::OnceKey> keys;
  for (const domain::UsageState& state : states) {
    if (state.unrated_reason == domain::UnratedReason::kUserUnknown) continue;
    keys.emplace_back(state.account_id, state.usage_id);
  }
  if (keys.empty()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const storage::StoredUsages stored,
                           storage::FindUsagesAsTheyStand(connection, keys));
  std::map<std::string, std::string> currencies;  // by account id
  for (const domain::Entry& entry : stored.entries) {
    if (!entry.booked.has_value()) continue;
    const domain::Usage& usage = entry.booked->usage;
    if (usage.direction != domain::Direction::kOutbound) continue;
    if (usage.start_time < header.effective_time || usage.destination.empty()) continue;
    const auto [known, is_new] = currencies.try_emplace(entry.account_id);
    if (is_new) {
      RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                               LoadAccount(connection, entry.account_id));
      known->second = account.currency;
    }
    if (known->second == header.currency) {
      circumstances->unrated.push_back({usage.kind, usage.destination});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<rates::DeckOptions> DeckOptionsFrom(const pb::RateDeckHeader& message,
                                                   const rates::DeckHeader& header) {
  rates::DeckOptions options;
  options.currency = header.currency;
  options.decimals = header.rules.rounding.place;
  if (!message.date_format().empty()) {
    const std::optional<rates::DateOrder> order = rates::DateOrderFrom(message.date_format());
    if (!order.has_value()) {
      return InvalidField("header.date_format", "must be DMY or MDY, or empty");
    }
    options.date_order = *order;
  }
  const std::string& mark = message.decimal_mark();
  if (!mark.empty() && mark != "." && mark != ",") {
    return InvalidField("header.decimal_mark", "must be . or , or empty");
  }
  if (!mark.empty()) options.decimal_mark = mark[0];
  if (message.default_kind() != pb::RATE_KIND_UNSPECIFIED) {
    if (!pb::RateKind_IsValid(message.default_kind())) {
      return InvalidField("header.default_kind", "must be a kind of rate");
    }
    options.kind = static_cast<rates::RateKind>(message.default_kind());
  }
  if (message.ignored_columns_size() > kMaxIgnoredColumns) {
    return InvalidField("header.ignored_columns",
                        absl::StrCat("must be at most ", kMaxIgnoredColumns));
  }
  for (const std::string& name : message.ignored_columns()) {
    if (name.empty() || name.size() > kMaxColumnNameBytes) {
      return InvalidField("header.ignored_columns",
                          absl::StrCat("must each be 1 to ", kMaxColumnNameBytes, " bytes"));
    }
    options.ignored_columns.push_back(name);
  }
  return options;
}

std::string DigestedOptions(const rates::DeckOptions& options) {
  std::string text;
  if (options.date_order != rates::DateOrder::kUnknown) {
    absl::StrAppend(&text, "\ndates ", static_cast<int>(options.date_order));
  }
  if (options.decimal_mark != 0) {
    absl::StrAppend(&text, "\ndecimals ", std::string(1, options.decimal_mark));
  }
  if (options.kind.has_value()) {
    absl::StrAppend(&text, "\nkind ", static_cast<int>(*options.kind));
  }
  for (const std::string& name : options.ignored_columns) {
    absl::StrAppend(&text, "\nwithout ", name);
  }
  return text;
}

absl::Status CheckAccepted(const pb::RateDeckHeader& message) {
  for (const int code : message.accept()) {
    const bool known =
        std::any_of(std::begin(rates::kFindingCodes), std::end(rates::kFindingCodes),
                    [code](rates::FindingCode each) { return static_cast<int>(each) == code; });
    if (!known) return InvalidField("header.accept", "must be codes of findings");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<rates::Finding>> FindFindings(engine::Engine& engine,
                                                         Connection& connection,
                                                         const rates::DeckFile& file,
                                                         const rates::DeckHeader& header) {
  std::shared_ptr<const book::Catalog> catalog = engine.catalog();
  if (const int64_t version =
          catalog->LeftOutAt(header.currency, header.series, header.effective_time)) {
    RESERVE_ASSIGN_OR_RETURN(catalog, engine.CatalogWithDeck(connection, version));
  }
  rates::Circumstances circumstances;
  const rates::DeckSnapshot* deck =
      catalog->InForce(header.currency, header.series, header.effective_time);
  if (deck != nullptr) {
    circumstances.header_in_force = deck->header();
    circumstances.row_in_force = [deck](size_t index, rates::RateRow* row) {
      if (index >= deck->size()) return false;
      *row = deck->RowAt(index);
      return true;
    };
  }
  bool of_currency = false;
  const auto count = [&](const rates::DeckHeader& each) {
    const bool same = each.currency == header.currency;
    of_currency = of_currency || same;
    circumstances.other_currencies = circumstances.other_currencies || !same;
  };
  for (const auto& each : catalog->decks->decks()) count(each->header());
  for (const rates::DeckHeader& each : catalog->left_out) count(each);
  circumstances.other_currencies = circumstances.other_currencies && !of_currency;
  RESERVE_RETURN_IF_ERROR(AddRecent(*catalog, connection, engine.Now(), header, &circumstances));
  RESERVE_RETURN_IF_ERROR(AddUnrated(connection, header, &circumstances));
  return rates::FindFindings(file, header, circumstances);
}

absl::Status RefuseFindings(const std::vector<rates::Finding>& findings,
                            const pb::RateDeckHeader& header) {
  std::vector<std::pair<std::string, std::string>> refused;
  for (const rates::Finding& finding : findings) {
    if (IsAccepted(header, finding.code)) continue;
    // All of them must fit into the trailers of a call.
    std::string text = absl::StrCat(finding.message, " (", finding.count);
    for (const std::string& line : finding.lines) {
      if (text.size() + kMaxShownLineBytes > kMaxFindingBytes) break;
      absl::StrAppend(&text, "; ", CutUtf8(line, kMaxShownLineBytes));
    }
    text.push_back(')');
    refused.emplace_back(rates::NameOf(finding.code), std::move(text));
  }
  return refused.empty() ? absl::OkStatus() : RateDeckFindings(refused);
}

void ToProto(const std::vector<rates::Finding>& findings, const pb::RateDeckHeader& header,
             pb::ImportRateDeckResponse* response) {
  for (const rates::Finding& finding : findings) {
    pb::RateDeckFinding* message = response->add_findings();
    message->set_code(static_cast<pb::RateDeckFindingCode>(finding.code));
    message->set_count(finding.count);
    message->set_message(finding.message);
    for (const std::string& line : finding.lines) message->add_lines(line);
    message->set_accepted(IsAccepted(header, finding.code));
  }
}

void ToProto(const rates::DeckUnderstood& understood, pb::RateFileReading* message) {
  message->set_encoding(understood.encoding);
  message->set_line_ends(understood.line_ends);
  message->set_separator(understood.separator);
  message->set_decimal_mark(understood.decimal_mark);
  message->set_date_order(understood.date_order);
  message->set_header_line(understood.header_line);
  message->set_row_count(understood.row_count);
  message->set_footer_count(understood.footer_count);
  for (const std::string& line : understood.footer) message->add_footer(line);
  for (const rates::DeckUnderstood::Column& each : understood.columns) {
    pb::RateFileReading::Column* column = message->add_columns();
    column->set_name(each.name);
    column->set_meaning(each.meaning);
  }
}

}  // namespace reserve::api
