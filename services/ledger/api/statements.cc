// Entries as they are booked, of all time or of a period, of the `Accounts` service.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/statements.h"

namespace reserve::api {
namespace {

using domain::EntryKind;
using storage::Connection;
using storage::SeqRange;

// Months of which there may be a statement.
constexpr int kFirstStatementYear = 2000;
constexpr int kLastStatementYear = 9998;

struct Period {
  absl::Time begin = absl::InfinitePast();
  absl::Time end = absl::InfiniteFuture();
};

bool HasPeriod(const pb::ListEntriesRequest& request) {
  return request.has_begin_time() || request.has_end_time() || !request.month().empty();
}

absl::StatusOr<absl::CivilMonth> MonthFrom(const std::string& text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, '-');
  const auto digits = [](absl::string_view part) {
    return std::all_of(part.begin(), part.end(), absl::ascii_isdigit);
  };
  int year = 0;
  int month = 0;
  const bool read = parts.first.size() == 4 && parts.second.size() == 2 && text.size() == 7 &&
                    digits(parts.first) && digits(parts.second) &&
                    absl::SimpleAtoi(parts.first, &year) && absl::SimpleAtoi(parts.second, &month);
  if (!read || year < kFirstStatementYear || year > kLastStatementYear || month < 1 || month > 12) {
    return InvalidField("month", "must be a year from 2000 on and a month, like \"2026-11\"");
  }
  return absl::CivilMonth(year, month);
}

absl::StatusOr<Period> PeriodFrom(const pb::ListEntriesRequest& request,
                                  const domain::Account& account) {
  Period period;
  if (!request.month().empty()) {
    if (request.has_begin_time() || request.has_end_time()) {
      return InvalidField("month", "must not be set beside begin_time or end_time");
    }
    RESERVE_ASSIGN_OR_RETURN(const absl::CivilMonth month, MonthFrom(request.month()));
    // A change of the zone moves the ends of months by a day or so: its middle is in it.
    const absl::CivilSecond middle = absl::CivilSecond(absl::CivilDay(month) + 14);
    const domain::CalendarWindow window =
        domain::WindowAt(account.calendar, domain::CalendarUnit::kMonth,
                         absl::FromCivil(middle, absl::UTCTimeZone()));
    return Period{window.begin, window.end};
  }
  if (request.has_begin_time()) {
    RESERVE_ASSIGN_OR_RETURN(period.begin, reserve::FromProto(request.begin_time(), "begin_time"));
  }
  if (request.has_end_time()) {
    RESERVE_ASSIGN_OR_RETURN(period.end, reserve::FromProto(request.end_time(), "end_time"));
  }
  if (period.begin >= period.end) return InvalidField("end_time", "must be after begin_time");
  return period;
}

absl::StatusOr<std::vector<EntryKind>> KindsFrom(const pb::ListEntriesRequest& request) {
  std::vector<EntryKind> kinds;
  for (int i = 0; i < request.kinds_size(); ++i) {
    const int kind = request.kinds(i);
    if (!pb::EntryKind_IsValid(kind) || kind == pb::ENTRY_KIND_UNSPECIFIED) {
      return InvalidField(absl::StrCat("kinds[", i, "]"), "is not a kind of entry");
    }
    kinds.push_back(static_cast<EntryKind>(kind));
  }
  std::sort(kinds.begin(), kinds.end());
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  return kinds;
}

std::string TextOf(bool is_set, const google::protobuf::Timestamp& time) {
  return is_set ? absl::StrCat(time.seconds(), ".", time.nanos()) : "";
}

absl::StatusOr<Page> PageOf(const pb::ListEntriesRequest& request) {
  return PageFrom(
      request,
      {"ListEntries", request.account_id(), TextOf(request.has_begin_time(), request.begin_time()),
       TextOf(request.has_end_time(), request.end_time()), request.month(),
       absl::StrJoin(request.kinds(), ","), request.oldest_first() ? "oldest" : "newest"});
}

// "first:end": the seqs that are still to be listed.
std::string CursorOf(const SeqRange& left) { return absl::StrCat(left.first, ":", left.end); }

absl::StatusOr<SeqRange> SeqsFrom(const Page& page) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(page.cursor, ':');
  SeqRange left;
  if (!absl::SimpleAtoi(parts.first, &left.first) || !absl::SimpleAtoi(parts.second, &left.end)) {
    return BadPageToken();
  }
  const bool sensible = left.first >= 1 && left.first <= left.end && left.end <= kMostSeqs;
  return sensible ? absl::StatusOr<SeqRange>(left) : BadPageToken();
}

void FillPeriod(const Period& period, const storage::BookedPeriod& booked,
                const storage::PeriodSums& sums, const std::string& currency,
                pb::StatementPeriod* message) {
  if (period.begin != absl::InfinitePast()) {
    reserve::ToProto(period.begin, message->mutable_begin_time());
  }
  if (period.end != absl::InfiniteFuture()) {
    reserve::ToProto(period.end, message->mutable_end_time());
  }
  if (!booked.seqs.empty()) {
    message->set_first_seq(booked.seqs.first);
    message->set_last_seq(booked.seqs.end - 1);
  }
  message->set_final(booked.final);
  reserve::ToProto(sums.opening_balance, currency, message->mutable_opening_balance());
  reserve::ToProto(sums.closing_balance, currency, message->mutable_closing_balance());
  Nanos credits = 0;
  Nanos debits = 0;
  Nanos usage = 0;
  for (const storage::KindTotal& total : sums.totals) {
    pb::EntryTotal* each = message->add_totals();
    each->set_kind(static_cast<pb::EntryKind>(total.kind));
    each->set_count(total.count);
    reserve::ToProto(total.credits, currency, each->mutable_credits());
    reserve::ToProto(total.debits, currency, each->mutable_debits());
    credits = AddSaturating(credits, total.credits);
    debits = AddSaturating(debits, total.debits);
    if (domain::IsOfUsage(total.kind)) {
      usage = AddSaturating(usage, AddSaturating(total.credits, total.debits));
    }
  }
  reserve::ToProto(credits, currency, message->mutable_credits());
  reserve::ToProto(debits, currency, message->mutable_debits());
  reserve::ToProto(usage, currency, message->mutable_usage());
}

// Lists what fits on the page of the seqs that are left.
absl::Status FillEntries(Connection& connection, const pb::ListEntriesRequest& request,
                         const std::string& currency, const Page& page, SeqRange left,
                         pb::ListEntriesResponse* response) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<EntryKind> kinds, KindsFrom(request));
  const bool oldest_first = request.oldest_first();
  // Seqs have no gaps: of all kinds, a page has as many entries as seqs.
  const int64_t looked_at = kinds.empty() ? page.size : kLookedAt;
  SeqRange seqs = left;
  if (oldest_first) {
    seqs.end = std::min(left.end, left.first + looked_at);
  } else {
    seqs.first = std::max(left.first, left.end - looked_at);
  }
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<domain::Entry> entries,
      storage::ListEntriesWithin(connection, request.account_id(), seqs, kinds,
                                 oldest_first ? storage::Oldest::kFirst : storage::Oldest::kLast,
                                 page.limit()));
  PageFill fill(page);
  while (fill.rows() < entries.size() && !fill.full()) {
    ToProto(entries[fill.rows()], currency, response->add_entries());
    fill.AddNewOf(*response);
  }
  if (fill.rows() < entries.size()) {
    // The next page begins beyond the last that is on this one.
    const int64_t last = entries[fill.rows() - 1].seq;
    seqs = oldest_first ? SeqRange{seqs.first, last + 1} : SeqRange{last, seqs.end};
  }
  left = oldest_first ? SeqRange{seqs.end, left.end} : SeqRange{left.first, seqs.first};
  if (!left.empty()) {
    response->set_next_page_token(EncodePageToken(page.query_digest, CursorOf(left)));
    response->set_searched_until_seq(oldest_first ? left.first - 1 : left.end);
  }
  return absl::OkStatus();
}

// The first page: which seqs there are to list, and what the period comes to.
absl::StatusOr<SeqRange> BeginPeriod(Connection& connection, const pb::ListEntriesRequest& request,
                                     const domain::Account& account,
                                     pb::ListEntriesResponse* response) {
  if (!HasPeriod(request)) return SeqRange{1, account.last_seq + 1};
  RESERVE_ASSIGN_OR_RETURN(const Period period, PeriodFrom(request, account));
  RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> archived,
                           storage::FindArchivedHead(connection, account.account_id));
  if (archived.has_value() && archived->seq > 0 && period.begin < archived->border) {
    return domain::ArchivedAlready(
        request.month().empty() ? "begin_time" : "month",
        absl::StrCat("entries of then are archived; a statement is whole from ",
                     FormatRfc3339(archived->border), " on"));
  }
  RESERVE_ASSIGN_OR_RETURN(
      const storage::BookedPeriod booked,
      storage::FindBooked(connection, account.account_id, period.begin, period.end));
  RESERVE_ASSIGN_OR_RETURN(const storage::PeriodSums sums,
                           storage::SumPeriod(connection, account.account_id, booked.seqs));
  FillPeriod(period, booked, sums, account.currency, response->mutable_period());
  return booked.seqs;
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::ListEntries(grpc::CallbackServerContext* context,
                                                       const pb::ListEntriesRequest* request,
                                                       pb::ListEntriesResponse* response) {
  // What a period comes to is summed over all of its entries: that is none of the quick reads.
  const bool sums = HasPeriod(*request) && request->page_token().empty();
  return StartQueryIn(
      sums ? api_.engine.pages() : api_.engine.queries(), api_, context, "ListEntries",
      request->account_id(), [=](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageOf(*request));
        RESERVE_RETURN_IF_ERROR(KindsFrom(*request).status());
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        response->Clear();
        SeqRange left;
        if (page.cursor.empty()) {
          RESERVE_ASSIGN_OR_RETURN(left, BeginPeriod(connection, *request, account, response));
        } else {
          RESERVE_ASSIGN_OR_RETURN(left, SeqsFrom(page));
        }
        RESERVE_ASSIGN_OR_RETURN(*response->mutable_archived_through(),
                                 ArchivedThrough(connection, request->account_id()));
        return FillEntries(connection, *request, account.currency, page, left, response);
      });
}

}  // namespace reserve::api
