#include "tests/chaos/verdict.h"

#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "tests/chaos/at_the_gateway.h"
#include "tests/chaos/dispute_checks.h"
#include "tests/chaos/rows.h"
#include "tests/chaos/slow_card_checks.h"
#include "tests/history/checker.h"
#include "tests/support/wait_until.h"

namespace reserve::chaos {
namespace {

using Rows = std::vector<test_support::TestDatabase::Row>;

// As stored: services/ledger/domain.
constexpr int64_t kPending = 1;
constexpr int64_t kActive = 2;
constexpr int64_t kPendingFunding = 1;
constexpr int64_t kDisabled = 3;
constexpr int64_t kClosing = 4;
constexpr int64_t kClosed = 5;
constexpr int64_t kOpen = 1;
constexpr int64_t kSucceeded = 2;
constexpr int64_t kNeedsReview = 4;

// One thing that may be booked once: by account and id.
struct Booked {
  std::string account;
  Place place;
};
using BookedById = std::multimap<std::string, Booked>;

absl::StatusOr<BookedById> ReadBooked(const Stage& stage, Kind kind) {
  std::string query;
  switch (kind) {
    case Kind::kUsage:
      // Without the estimates that were given back for the CDR that took their place (H12).
      query =
          "SELECT e.account_id, e.usage_id, e.seq, e.amount_nanos FROM entries e WHERE e.kind = 1 "
          "AND (COALESCE(e.estimated, 0) = 0 OR NOT EXISTS (SELECT 1 FROM entries v WHERE "
          "v.account_id = e.account_id AND v.kind = 8 AND v.voided_usage_id = e.usage_id "
          "AND v.reason = 'its CDR came'))";
      break;
    case Kind::kVoid:
      query =
          "SELECT account_id, voided_usage_id, seq, amount_nanos FROM entries WHERE kind = 8 "
          "AND reason <> 'its CDR came'";
      break;
    case Kind::kRerating:
      query = "SELECT account_id, request_id, number, 0 FROM reratings WHERE state = 2";
      break;
    case Kind::kAdjustment:
      query = "SELECT account_id, request_id, seq, amount_nanos FROM entries WHERE kind = 3";
      break;
    case Kind::kGrant:
      query = "SELECT account_id, request_id, seq, amount_nanos FROM entries WHERE kind = 12";
      break;
    case Kind::kTopUp:
      query = "SELECT account_id, request_id, ordinal, amount_nanos FROM recharges WHERE kind = 3";
      break;
    case Kind::kRefund:
      query =
          "SELECT account_id, request_id, ordinal, amount_nanos FROM recharges WHERE kind = 4 "
          "AND request_id <> ''";
      break;
    case Kind::kPayment:
      query = "SELECT account_id, request_id, seq, amount_nanos FROM entries WHERE kind = 10";
      break;
    case Kind::kReversal:
      query = "SELECT account_id, request_id, seq, amount_nanos FROM entries WHERE kind = 11";
      break;
  }
  RESERVE_ASSIGN_OR_RETURN(const Rows rows, stage.database().TryQuery(query));
  BookedById booked;
  for (const auto& row : rows) booked.insert({row[1], {row[0], {Int(row[2]), Int(row[3])}}});
  return booked;
}

// What was told of one id, against what is booked under it.
void Compare(Kind kind, const std::string& id, const Told& told, const BookedById& booked,
             Verdict* verdict) {
  const std::string what = absl::StrCat(NameOf(kind), " ", id, " of ", told.account);
  const auto [first, last] = booked.equal_range(id);
  const auto count = std::distance(first, last);
  if (count > 1) verdict->doubled.push_back(absl::StrCat(what, " is there ", count, " times"));
  switch (told.fate) {
    case Fate::kPending:
      verdict->stuck.push_back(absl::StrCat(what, " was never answered; the last error: ",
                                            told.last_error.empty() ? "none" : told.last_error));
      return;
    case Fate::kEither:
      return;
    case Fate::kRefused:
      if (count > 0) verdict->mismatched.push_back(absl::StrCat(what, " was refused, and booked"));
      return;
    case Fate::kBooked:
      break;
  }
  if (count == 0) {
    verdict->lost.push_back(absl::StrCat(what, " was acknowledged"));
    return;
  }
  const Booked& found = first->second;
  if (found.account != told.account) {
    verdict->mismatched.push_back(absl::StrCat(what, " is booked on ", found.account));
  }
  if (told.place.has_value() && *told.place != found.place) {
    verdict->mismatched.push_back(absl::StrCat(what, " was told as ", told.place->seq, ": ",
                                               told.place->amount, ", is ", found.place.seq, ": ",
                                               found.place.amount));
  }
}

absl::Status CompareBooks(const Stage& stage, const Record& record, Verdict* verdict) {
  for (const Kind kind : kKinds) {
    RESERVE_ASSIGN_OR_RETURN(const BookedById booked, ReadBooked(stage, kind));
    const Record::ById& told = record.of(kind);
    for (const auto& [id, one] : told) Compare(kind, id, one, booked, verdict);
    for (const auto& [id, one] : booked) {
      if (told.count(id) > 0) continue;
      verdict->mismatched.push_back(
          absl::StrCat(NameOf(kind), " ", id, " of ", one.account, " was sent by nobody"));
    }
    verdict->entries += static_cast<int64_t>(booked.size());
  }
  for (const std::string& text : record.contradictions()) verdict->mismatched.push_back(text);
  return absl::OkStatus();
}

// --- Charges and credits ---------------------------------------------------------------

// What was given back, against what was debited for it and not booked back: so charged minus
// refunded is credited minus debited.
absl::Status CompareRefunds(const Stage& stage, const AtTheGateway& found, Verdict* verdict) {
  const std::multimap<std::string, Charge>& refunds = found.refunds;
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT r.account_id, r.ordinal, r.amount_nanos, r.refund_id, r.state, "
          "(SELECT COALESCE(SUM(e.amount_nanos), 0) FROM entries e WHERE e.account_id = "
          "r.account_id AND e.recharge_ordinal = r.ordinal AND e.kind IN (4, 5)) "
          "FROM recharges r WHERE r.kind = 4"));
  std::set<std::string> known;
  for (const auto& row : rows) {
    const std::string refund = absl::StrCat(row[0], "/", row[1]);
    known.insert(refund);
    const bool succeeded = Int(row[4]) == kSucceeded;
    const auto count = refunds.count(refund);
    if (count > 1) {
      verdict->doubled.push_back(absl::StrCat("refund ", refund, " is made ", count, " times"));
    }
    if ((count > 0) != succeeded) {
      verdict->mismatched.push_back(
          absl::StrCat("refund ", refund, " is in state ", row[4], ", and made ", count, " times"));
    }
    const Nanos debited = -Int(row[5]);
    if (debited != (succeeded ? Int(row[2]) : 0)) {
      verdict->mismatched.push_back(absl::StrCat("refund ", refund, " of ", row[2], " in state ",
                                                 row[4], " has debited ", debited));
    }
    const auto made = refunds.find(refund);
    if (made != refunds.end() && made->second.amount != Int(row[2])) {
      verdict->mismatched.push_back(
          absl::StrCat("refund ", refund, " of ", row[2], " was made of ", made->second.amount));
    }
  }
  for (const auto& [reference, refund] : refunds) {
    if (known.count(reference) > 0) continue;
    verdict->mismatched.push_back(
        absl::StrCat("refund ", refund.id, " (", reference, ") was asked for by nobody"));
  }
  return absl::OkStatus();
}

// G4: whichever of a report and a payment named it first.
absl::Status CheckCreditedOnce(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT account_id, charge_id, COUNT(*) AS credits FROM recharges WHERE state = 2 AND "
          "kind <> 4 AND charge_id <> '' AND credited_as = 0 GROUP BY account_id, charge_id "
          "HAVING credits > 1"));
  for (const auto& row : rows) {
    verdict->doubled.push_back(
        absl::StrCat("charge ", row[1], " of ", row[0], " is credited ", row[2], " times"));
  }
  return absl::OkStatus();
}

absl::Status CompareCharges(const Stage& stage, const AtTheGateway& found, Verdict* verdict) {
  const std::multimap<std::string, Charge>& charges = found.charges;
  RESERVE_ASSIGN_OR_RETURN(
      const Rows credits,
      stage.database().TryQuery("SELECT e.account_id, e.recharge_ordinal, e.amount_nanos, "
                                "r.charge_id, r.state FROM entries e LEFT JOIN recharges r ON "
                                "r.account_id = e.account_id AND r.ordinal = e.recharge_ordinal "
                                "WHERE e.kind = 2"));
  verdict->entries += static_cast<int64_t>(credits.size());
  std::map<std::string, Nanos> credited;
  for (const auto& row : credits) {
    const std::string recharge = absl::StrCat(row[0], "/", row[1]);
    const Nanos amount = Int(row[2]);
    if (!credited.insert({recharge, amount}).second) {
      verdict->doubled.push_back(absl::StrCat("recharge ", recharge, " is credited again"));
    }
    if (Int(row[4]) != kSucceeded) {
      verdict->mismatched.push_back(
          absl::StrCat("recharge ", recharge, " is credited in state ", row[4]));
    }
    const auto charge = charges.find(recharge);
    if (charge == charges.end()) {
      verdict->mismatched.push_back(
          absl::StrCat("recharge ", recharge, " is credited, and nothing was charged"));
    } else if (charge->second.amount != amount || charge->second.id != row[3]) {
      verdict->mismatched.push_back(absl::StrCat("recharge ", recharge, " is credited as ", amount,
                                                 " of ", row[3], ", charged as ",
                                                 charge->second.amount, " of ", charge->second.id));
    }
  }
  for (auto it = charges.begin(); it != charges.end(); it = charges.upper_bound(it->first)) {
    if (charges.count(it->first) > 1) {
      verdict->doubled.push_back(
          absl::StrCat("recharge ", it->first, " is charged ", charges.count(it->first), " times"));
    }
    if (credited.count(it->first) == 0) {
      verdict->lost.push_back(
          absl::StrCat("recharge ", it->first, ": charge ", it->second.id, " is not credited"));
    }
  }
  return absl::OkStatus();
}

// P4: what was given back to cards, and what is owed, is no more than what was charged, as nobody
// gives such accounts anything else.
absl::Status CheckClosings(const Stage& stage, const AtTheGateway& found, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT a.account_id, a.closing_owed_nanos, a.closing_written_off_nanos, "
          "COALESCE(SUM(CASE WHEN e.kind = 2 THEN e.amount_nanos ELSE 0 END), 0), "
          "COALESCE(SUM(CASE WHEN e.kind = 14 THEN e.amount_nanos ELSE 0 END), 0), "
          "COALESCE(SUM(CASE WHEN e.kind = 15 THEN e.amount_nanos ELSE 0 END), 0) "
          "FROM accounts a LEFT JOIN entries e ON e.account_id = a.account_id "
          "WHERE a.state = 5 GROUP BY a.account_id, a.closing_owed_nanos, "
          "a.closing_written_off_nanos"));
  std::map<std::string, Nanos> given_back;
  for (const auto& [refund, made] : found.refunds) {
    given_back[refund.substr(0, refund.rfind('/'))] += made.amount;
  }
  for (const auto& row : rows) {
    const Nanos owed = Int(row[1]);
    if (-Int(row[5]) != owed || Int(row[4]) != Int(row[2])) {
      verdict->mismatched.push_back(
          absl::StrCat("account ", row[0], " is owed ", row[1], ", by its entries ", row[5]));
    }
    const Nanos paid_out = given_back[row[0]] + owed;
    const Nanos had = Int(row[3]);
    if (paid_out > had) {
      verdict->doubled.push_back(absl::StrCat("account ", row[0], " is paid out ",
                                              FormatDecimal(paid_out), " of ", FormatDecimal(had)));
    }
  }
  return absl::OkStatus();
}

// C10: calls for help are booked at nothing, draw on no allowance, and nothing is held for them.
// That each is there once is told with the other usages.
absl::Status CheckHelp(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery("SELECT account_id, usage_id, amount_nanos, basis, "
                                "COALESCE(free_seconds_taken, 0) FROM entries WHERE kind = 1 AND "
                                "destination IN ('#911', '#112') AND (amount_nanos <> 0 OR "
                                "basis <> 8 OR COALESCE(free_seconds_taken, 0) <> 0)"));
  for (const auto& row : rows) {
    verdict->mismatched.push_back(absl::StrCat(
        "call for help ", row[1], " of ", row[0],
        " (amount, basis, free seconds): ", absl::StrJoin(row.begin() + 2, row.end(), ", ")));
  }
  RESERVE_ASSIGN_OR_RETURN(
      const Rows held,
      stage.database().TryQuery("SELECT account_id, hold_id FROM holds WHERE destination IN "
                                "('#911', '#112') UNION ALL SELECT account_id, hold_id FROM "
                                "ended_holds WHERE destination IN ('#911', '#112')"));
  for (const auto& row : held) {
    verdict->mismatched.push_back(
        absl::StrCat("hold ", row[1], " of ", row[0], " was for a call for help"));
  }
  return absl::OkStatus();
}

absl::Status CompareMoney(Stage& stage, absl::Duration patience, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(const AtTheGateway found, ReadGateway(stage, patience));
  verdict->charges = static_cast<int64_t>(found.charges.size());
  verdict->refunds = static_cast<int64_t>(found.refunds.size());
  verdict->disputes = static_cast<int64_t>(found.disputes.size());
  verdict->pending = found.pending;
  verdict->in_part = found.in_part;
  verdict->failed_refunds = found.failed_refunds;
  verdict->failed_later = found.failed_later;
  CheckPending(found, verdict);
  RESERVE_RETURN_IF_ERROR(CompareCharges(stage, found, verdict));
  RESERVE_RETURN_IF_ERROR(CheckCreditedOnce(stage, verdict));
  RESERVE_RETURN_IF_ERROR(CompareRefunds(stage, found, verdict));
  RESERVE_RETURN_IF_ERROR(CheckClosings(stage, found, verdict));
  RESERVE_RETURN_IF_ERROR(CompareDisputes(stage, found, verdict));
  return CheckDisputedNumbers(stage, found, verdict);
}

// --- States ------------------------------------------------------------------------------

absl::Status CheckRecharges(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(absl::StrCat(
          "SELECT account_id, ordinal, state, attempt, lease_owner, lease_epoch, due_time, "
          "card_token FROM recharges r WHERE state IN (",
          kOpen, ", ", kNeedsReview, ") AND NOT ", kRestsAfterPart)));
  for (const auto& row : rows) {
    verdict->stuck.push_back(absl::StrCat(
        "recharge ", row[0], "/", row[1], " (state, attempt, ",
        "owner, epoch, due, card): ", absl::StrJoin(row.begin() + 2, row.end(), ", ")));
  }
  return absl::OkStatus();
}

// Each balance is the sum of its account's entries, and knows how many there are.
absl::Status CheckBalances(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT b.account_id, b.balance_nanos, b.last_seq, COALESCE(SUM(e.amount_nanos), 0), "
          "COUNT(e.seq), COALESCE(MAX(e.seq), 0) FROM balances b LEFT JOIN entries e ON "
          "e.account_id = b.account_id GROUP BY b.account_id, b.balance_nanos, b.last_seq"));
  for (const auto& row : rows) {
    if (row[1] == row[3] && row[2] == row[4] && row[2] == row[5]) continue;
    verdict->mismatched.push_back(absl::StrCat(
        "account ", row[0], " has ", FormatDecimal(Int(row[1])), " at entry ", row[2], ", its ",
        row[4], " entries up to ", row[5], " come to ", FormatDecimal(Int(row[3]))));
  }
  return absl::OkStatus();
}

// H4, H12: nothing is held once no call is in progress; all of them end by themselves.
absl::Status CheckHolds(const Stage& stage, absl::Duration patience, Verdict* verdict) {
  test_support::WaitUntil(
      [&stage] {
        const auto live = stage.database().TryQuery("SELECT 1 FROM holds WHERE state <> 0");
        return live.ok() && live->empty();
      },
      patience);
  RESERVE_ASSIGN_OR_RETURN(
      const Rows live,
      stage.database().TryQuery("SELECT account_id, hold_id, state, expire_time FROM holds "
                                "WHERE state <> 0"));
  for (const auto& row : live) {
    verdict->stuck.push_back(
        absl::StrCat("hold ", row[1], " of ", row[0], " in state ", row[2], " until ", row[3]));
  }
  RESERVE_ASSIGN_OR_RETURN(
      const Rows held,
      stage.database().TryQuery("SELECT account_id, held_nanos, accrued_nanos, holds FROM balances "
                                "WHERE held_nanos <> 0 OR accrued_nanos <> 0 OR holds <> 0"));
  for (const auto& row : held) {
    verdict->mismatched.push_back(absl::StrCat("account ", row[0], " holds ", row[1], ", accrued ",
                                               row[2], ", for ", row[3], " calls"));
  }
  return absl::OkStatus();
}

// G1, D1 and O1, when no recharge is open any more.
absl::Status CheckAccounts(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          "SELECT a.account_id, a.state, b.balance_nanos, a.recharge_threshold_nanos, "
          "(SELECT COUNT(*) FROM payment_methods m WHERE m.account_id = a.account_id "
          "AND m.state = 1), a.open_ordinal, a.recheck_time IS NOT NULL OR a.set_aside > 0 OR "
          "a.taken_back_time IS NOT NULL OR a.block_reason <> '' OR a.suspension <> 0 OR "
          "a.automatic_off_time IS NOT NULL, "
          "(SELECT COUNT(*) FROM recharges r WHERE r.account_id = a.account_id AND r.state = 2 AND "
          "r.kind IN (1, 2, 3)), "
          "(SELECT COUNT(*) FROM recharges r WHERE r.account_id = a.account_id AND r.kind = 5) "
          "FROM accounts a JOIN balances b ON b.account_id = a.account_id"));
  for (const auto& row : rows) {
    const int64_t state = Int(row[1]);
    const Nanos balance = Int(row[2]);
    const bool usable = Int(row[4]) > 0;
    const bool open = Int(row[5]) != 0;
    const bool in_the_way = Int(row[6]) != 0;
    const std::string account =
        absl::StrCat("account ", row[0], " (state ", row[1], ", balance ", FormatDecimal(balance),
                     ", usable cards ", row[4], ")");
    const auto wrong = [&](const char* why) {
      verdict->mismatched.push_back(absl::StrCat(account, ": ", why));
    };
    if (state == kClosing) verdict->stuck.push_back(absl::StrCat(account, ": it does not close"));
    if (state == kClosed && (balance != 0 || open)) wrong("closed, and something is left");
    if (state == kClosing || state == kClosed) continue;
    const bool wants = state == kPending || balance < Int(row[3]);
    if (wants && usable && !open && !in_the_way) {
      verdict->stuck.push_back(absl::StrCat(account, ": low, and no recharge is open"));
    }
    if (state == kDisabled && balance > 0) wrong("disabled with a balance above zero");
    if (state == kActive && balance <= 0 && !open && !in_the_way) {
      wrong("active with nothing left");
    }
    // A payment funds it only where it brings the account's own money to the reserve amount (P5).
    const bool charged = Int(row[7]) > 0;
    const bool paid = Int(row[8]) > 0;
    if (state == kPending ? charged : !charged && !paid) {
      wrong("funded or not, against its recharges and payments");
    }
  }
  return absl::OkStatus();
}

// G7: what was charged by itself in an hour.
absl::Status CheckCaps(const Stage& stage, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(
          absl::StrCat("SELECT account_id, DATE_FORMAT(settle_time, '%Y-%m-%dT%H') AS hour, "
                       "SUM(credited_nanos) AS charged FROM recharges WHERE kind = 2 AND state = ",
                       kSucceeded, " GROUP BY account_id, hour HAVING charged > ",
                       kMostAnHour * kNanosPerUnit)));
  for (const auto& row : rows) {
    verdict->mismatched.push_back(
        absl::StrCat("account ", row[0], " was charged ", FormatDecimal(Int(row[2])),
                     " by itself in the hour ", row[1], ", against its cap"));
  }
  return absl::OkStatus();
}

// G10, G12: by its events, nothing was charged by itself while the customer had switched that off,
// or while it was suspended; and a refund, or a payment that bounced, that leaves an account low
// suspends it.
absl::Status CheckEvents(const Stage& stage, Verdict* verdict) {
  constexpr int64_t kOpened = 6;
  constexpr int64_t kOff = 29;
  constexpr int64_t kOn = 30;
  constexpr int64_t kSuspended = 31;
  constexpr int64_t kLifted = 32;
  constexpr int64_t kRefundOpened = 34;
  constexpr int64_t kPaymentReversed = 49;
  RESERVE_ASSIGN_OR_RETURN(
      const Rows rows,
      stage.database().TryQuery(absl::StrCat(
          "SELECT account_id, event_seq, kind, balance_nanos, "
          "COALESCE(recharge_kind, 0), state FROM events WHERE kind IN (",
          absl::StrJoin({kOpened, kOff, kOn, kSuspended, kLifted, kRefundOpened, kPaymentReversed},
                        ", "),
          ") ORDER BY account_id, event_seq")));
  std::string account;
  bool off = false;
  bool suspended = false;
  bool must_suspend = false;
  const auto wrong = [&](const Rows::value_type& row, const char* what) {
    verdict->mismatched.push_back(absl::StrCat("event ", row[1], " of ", row[0], ": ", what));
  };
  for (const auto& row : rows) {
    if (row[0] != account) off = suspended = must_suspend = false;
    account = row[0];
    const int64_t kind = Int(row[2]);
    if (must_suspend && kind != kSuspended) wrong(row, "what was taken back suspends nothing");
    const bool takes_back = kind == kRefundOpened || kind == kPaymentReversed;
    must_suspend = takes_back && !suspended && Int(row[5]) != kPendingFunding &&
                   Int(row[5]) != kClosing && Int(row[5]) != kClosed &&
                   Int(row[3]) < 10 * kNanosPerUnit;
    if (kind == kOff || kind == kOn) off = kind == kOff;
    if (kind == kSuspended || kind == kLifted) suspended = kind == kSuspended;
    if (kind != kOpened || Int(row[4]) != 2) continue;
    if (off) wrong(row, "a recharge is opened while the customer has switched that off");
    if (suspended) wrong(row, "a recharge is opened while that is suspended");
  }
  return absl::OkStatus();
}

// --- Through the API ---------------------------------------------------------------------

absl::Status Verify(Stage& stage, absl::Duration patience, Verdict* verdict) {
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(stage.DirectTarget(stage.ledger(0)), ChannelOptions()));
  const auto stub = ledger::v1::Audit::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  context.set_wait_for_ready(true);
  const auto stream = stub->VerifyLedger(&context, ledger::v1::VerifyLedgerRequest());
  ledger::v1::VerifyLedgerResponse response;
  bool done = false;
  while (stream->Read(&response)) {
    done = response.done();
    for (const ledger::v1::Difference& difference : response.differences()) {
      verdict->mismatched.push_back(absl::StrCat("VerifyLedger: ", difference.ShortDebugString()));
    }
  }
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stream->Finish()));
  if (!done) return absl::InternalError("VerifyLedger ended early");
  return absl::OkStatus();
}

// Some usages as GetUsage shows them.
absl::Status AskForUsages(Stage& stage, const Record& record, absl::Duration patience,
                          Verdict* verdict) {
  constexpr size_t kAsked = 500;
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(stage.DirectTarget(stage.ledger(1)), ChannelOptions()));
  const auto stub = ledger::v1::Accounts::NewStub(channel);
  const Record::ById& told = record.of(Kind::kUsage);
  const size_t step = told.size() / kAsked + 1;
  size_t number = 0;
  const absl::Time end = absl::Now() + patience;
  for (const auto& [id, one] : told) {
    if (number++ % step != 0 || one.fate == Fate::kPending) continue;
    ledger::v1::GetUsageRequest request;
    request.set_account_id(one.account);
    request.set_usage_id(id);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(end));
    context.set_wait_for_ready(true);
    ledger::v1::UsageRecord response;
    const absl::Status status = FromGrpcStatus(stub->GetUsage(&context, request, &response));
    if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
    const bool there = one.fate == Fate::kBooked;
    if (status.ok() != there ||
        (there && one.place.has_value() && response.seq() != one.place->seq)) {
      verdict->mismatched.push_back(absl::StrCat("GetUsage of ", id, " of ", one.account, ": ",
                                                 status.ToString(), " seq ", response.seq()));
    }
  }
  return absl::OkStatus();
}

// All that callers were answered, as one order of each account's bookings.
void CheckHistory(const Record& record, Verdict* verdict) {
  const history::Report report = history::Check(record.history().calls());
  for (const history::Finding& finding : report.findings) {
    verdict->out_of_order.push_back(finding.text);
  }
  verdict->history = history::Summary(report);
}

}  // namespace

bool AwaitAllClosed(Stage& stage, absl::Duration patience) {
  return test_support::WaitUntil(
      [&] {
        const auto is_none = [&stage](const std::string& what) {
          const auto rows = stage.database().TryQuery(absl::StrCat("SELECT COUNT(*) FROM ", what));
          return rows.ok() && Int((*rows)[0][0]) == 0;
        };
        return is_none(absl::StrCat("recharges r WHERE state = ", kOpen, " AND NOT ",
                                    kRestsAfterPart)) &&
               is_none(absl::StrCat("accounts WHERE state = ", kClosing));
      },
      patience, absl::Milliseconds(100));
}

namespace {

// What ledgers have logged, in all their lives: a transaction of theirs over two shards would have
// been refused by vtgate.
void CheckShardsApart(Stage& stage, Verdict* verdict) {
  if (stage.databases().vitess() == nullptr) return;
  for (size_t i = 0; i < kLedgers; ++i) {
    const Process& ledger = stage.ledger(i);
    std::ifstream in(ledger.log_file);
    std::string log((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (ledger.life != nullptr) absl::StrAppend(&log, ledger.life->Stdout(), ledger.life->Stderr());
    if (absl::StrContains(log, "multi-db transaction")) {
      verdict->mismatched.push_back(
          absl::StrCat(ledger.name, " tried a transaction over two shards"));
    }
  }
}

}  // namespace

Verdict Judge(Stage& stage, const Record& record, absl::Duration patience) {
  Verdict verdict;
  const auto note = [&verdict](const char* part, const absl::Status& status) {
    if (status.ok()) return;
    verdict.stuck.push_back(absl::StrCat(part, " can't be completed: ", status.ToString()));
  };
  // What fell over meanwhile is started again, so that it can be asked.
  note("the start of what ended by itself", stage.StartAll());
  for (const std::string& end : stage.OwnEnds()) verdict.mismatched.push_back(end);
  note("the check of calls in progress", CheckHolds(stage, patience, &verdict));
  note("the comparison with what callers were told", CompareBooks(stage, record, &verdict));
  note("the check of calls for help", CheckHelp(stage, &verdict));
  note("the comparison with the charges", CompareMoney(stage, patience, &verdict));
  note("the check of the recharges", CheckRecharges(stage, &verdict));
  note("the check of the balances", CheckBalances(stage, &verdict));
  note("the check of the accounts", CheckAccounts(stage, &verdict));
  note("the check of the caps", CheckCaps(stage, &verdict));
  note("the check of the events", CheckEvents(stage, &verdict));
  note("the check of cards that pay in part", CheckInPart(stage, &verdict));
  note("the check of the reviews", CheckReviews(stage, &verdict));
  note("VerifyLedger", Verify(stage, 2 * patience, &verdict));
  note("GetUsage", AskForUsages(stage, record, patience, &verdict));
  CheckHistory(record, &verdict);
  CheckShardsApart(stage, &verdict);
  return verdict;
}

}  // namespace reserve::chaos
