// The statement as a page.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "common/text/html.h"
#include "services/ledger/cli/message_text.h"
#include "services/ledger/cli/statement.h"
#include "services/ledger/cli/svg_plot.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

// Lines in the plot of free minutes; whose they are has to be told apart.
constexpr absl::string_view kLineColors[] = {"#2b6cb0", "#c05621", "#2f855a",
                                             "#805ad5", "#b83280", "#4a5568"};
constexpr absl::string_view kSpendColor = "#2b6cb0";
constexpr absl::string_view kCreditColor = "#2f855a";
constexpr absl::string_view kGivenBackColor = "#c53030";
constexpr int64_t kSecondsPerMinute = 60;
constexpr int64_t kThousand = 1000;

constexpr absl::string_view kStyle = R"(
@page { size: A4; margin: 16mm 14mm; }
body { font: 13px/1.4 "DejaVu Sans", Verdana, sans-serif; color: #1a202c; background: #fff;
       max-width: 760px; margin: 24px auto; padding: 0 16px; }
h1 { font-size: 22px; margin: 0 0 2px; } .sub, .key { overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 26px 0 6px; border-bottom: 1px solid #cbd5e0; padding-bottom: 3px; }
p { margin: 2px 0 8px; } .sub, .note { color: #4a5568; } .note { font-size: 11px; }
.open, .debt { background: #fffaf0; border: 1px solid #ed8936; padding: 6px 10px; }
.debt { background: #fff5f5; border-color: #c53030; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th, td { text-align: left; padding: 3px 10px 3px 0; vertical-align: top; white-space: nowrap; }
td.t { white-space: normal; overflow-wrap: anywhere; width: 100%; }
th { border-bottom: 1px solid #a0aec0; font-weight: 600; } tr { break-inside: avoid; }
td { border-bottom: 1px solid #edf2f7; }
td.t, th.d { padding-left: 12px; } td.first { padding-left: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
             padding-right: 0; padding-left: 12px; }
.sums { max-width: 420px; } .sums tr.total td { border-top: 1px solid #1a202c; font-weight: 600; }
figure { margin: 8px 0; break-inside: avoid; } svg { width: 100%; height: auto; display: block; }
svg text { font: 10px "DejaVu Sans", Verdana, sans-serif; fill: #4a5568; }
.key { font-size: 11px; margin: 2px 0 0; } .key i { display: inline-block; width: 10px;
       height: 10px; margin: 0 4px 0 12px; }
@media print { body { margin: 0; padding: 0; max-width: none; -webkit-print-color-adjust: exact;
               print-color-adjust: exact; } }
)";

bool IsOfUsage(pb::EntryKind kind) {
  return kind == pb::ENTRY_KIND_USAGE || kind == pb::ENTRY_KIND_VOID ||
         kind == pb::ENTRY_KIND_RATING;
}

absl::string_view NameOf(pb::EntryKind kind) {
  switch (kind) {
    case pb::ENTRY_KIND_USAGE:
      return "Calls and texts";
    case pb::ENTRY_KIND_VOID:
      return "Calls and texts taken back";
    case pb::ENTRY_KIND_RATING:
      return "Calls and texts priced later";
    case pb::ENTRY_KIND_RECHARGE:
      return "Recharge";
    case pb::ENTRY_KIND_PAYMENT:
      return "Payment";
    case pb::ENTRY_KIND_PAYMENT_REVERSED:
      return "Payment taken back";
    case pb::ENTRY_KIND_REFUND:
      return "Refund";
    case pb::ENTRY_KIND_REFUND_RETURNED:
      return "Refund that failed";
    case pb::ENTRY_KIND_DISPUTE:
      return "Disputed charge";
    case pb::ENTRY_KIND_DISPUTE_RETURNED:
      return "Disputed charge returned";
    case pb::ENTRY_KIND_ADJUSTMENT:
      return "Adjustment";
    case pb::ENTRY_KIND_CREDIT_GRANT:
      return "Promotional credit";
    case pb::ENTRY_KIND_CREDIT_GRANT_ENDED:
      return "Promotional credit ended";
    case pb::ENTRY_KIND_WRITE_OFF:
      return "Written off";
    case pb::ENTRY_KIND_PAYOUT:
      return "Paid out";
    default:
      return "Other";
  }
}

// "Brook Cafe (brook-cafe)", or the id alone.
std::string Named(const std::string& name, const std::string& id) {
  return name.empty() ? id : absl::StrCat(name, " (", id, ")");
}

// "12:05": minutes and seconds.
std::string MinutesText(int64_t seconds) {
  return absl::StrFormat("%d:%02d", seconds / kSecondsPerMinute, seconds % kSecondsPerMinute);
}

// What happened on a day, or by one user.
struct Figures {
  Nanos spend = 0;
  Nanos credited = 0;
  Nanos given_back = 0;
  int64_t calls = 0;
  int64_t texts = 0;
  int64_t seconds = 0;

  bool any_usage() const { return spend != 0 || calls != 0 || texts != 0; }
  void Count(const pb::Usage& usage) {
    (usage.has_call() ? calls : texts) += 1;
    seconds += usage.call().duration().seconds();
  }
};

class Page {
 public:
  Page(const Statement& statement, std::ostream& out)
      : statement_(statement),
        out_(out),
        begin_(TimeOf(statement.period.begin_time())),
        end_(TimeOf(statement.period.end_time())) {
    const absl::CivilDay first(absl::ToCivilSecond(begin_, statement.time_zone));
    const absl::CivilDay last(
        absl::ToCivilSecond(end_ - absl::Nanoseconds(1), statement.time_zone));
    for (absl::CivilDay day = first; day <= last; ++day) days_.push_back(day);
    by_day_.resize(days_.size());
    CountEntries();
  }

  void Write() {
    FindDecimals();
    WriteHead();
    WriteSums();
    WriteSpend();
    WriteMinutes();
    WriteRecharges();
    WriteMoney();
    WriteDays();
    out_ << "</body>\n</html>\n";
  }

 private:
  // To how many decimals amounts are shown: as many as any of them needs, so that they line up.
  void FindDecimals() {
    for (const pb::Entry& entry : statement_.entries) {
      for (const google::type::Money* money : {&entry.amount(), &entry.balance_after()}) {
        const std::string text = AmountText(*money);
        decimals_ = std::max(decimals_, text.size() - text.find('.') - 1);
      }
    }
  }
  std::string Shown(Nanos amount) const {
    std::string text = FormatDecimal(amount);
    const size_t decimals = text.size() - text.find('.') - 1;
    if (decimals < decimals_) text.append(decimals_ - decimals, '0');
    return text;
  }
  std::string Shown(const google::type::Money& money) const { return Shown(NanosOf(money)); }

  // The day of an entry; what a clock that was wrong has put elsewhere is of the nearest.
  size_t DayOf(const pb::Entry& entry) const {
    const absl::CivilDay day(
        absl::ToCivilSecond(TimeOf(entry.record_time()), statement_.time_zone));
    const int64_t place = day - days_.front();
    return static_cast<size_t>(
        std::clamp<int64_t>(place, 0, static_cast<int64_t>(days_.size()) - 1));
  }

  void CountEntries() {
    std::map<std::string, std::string> user_of;  // by usage id
    for (const pb::Entry& entry : statement_.entries) {
      Figures& day = by_day_[DayOf(entry)];
      const Nanos amount = NanosOf(entry.amount());
      if (!IsOfUsage(entry.kind())) {
        if (entry.kind() == pb::ENTRY_KIND_RECHARGE || entry.kind() == pb::ENTRY_KIND_PAYMENT) {
          day.credited = AddSaturating(day.credited, amount);
        } else if (amount < 0) {
          day.given_back = SubtractSaturating(day.given_back, amount);
        }
        continue;
      }
      const auto usage = statement_.usages.find(entry.seq());
      const bool booked = usage != statement_.usages.end();
      if (booked) user_of[entry.usage_id()] = usage->second.usage().user_id();
      const auto user = user_of.find(entry.usage_id());
      Figures& of_user = by_user_[user == user_of.end() ? std::string() : user->second];
      for (Figures* figures : {&day, &of_user}) {
        figures->spend = SubtractSaturating(figures->spend, amount);
        if (booked) figures->Count(usage->second.usage());
      }
    }
  }

  std::vector<std::string> DayNames() const {
    std::vector<std::string> names;
    for (const absl::CivilDay& day : days_) names.push_back(absl::StrCat(day.day()));
    return names;
  }

  std::string DateText(const absl::CivilDay& day) const { return absl::FormatCivilTime(day); }

  void WriteHead() {
    const std::string account = EscapeHtml(Named(statement_.display_name, statement_.account_id));
    const absl::CivilDay middle = days_[days_.size() / 2];
    const std::string month = absl::FormatTime(
        "%B %Y", absl::FromCivil(middle, absl::UTCTimeZone()), absl::UTCTimeZone());
    out_ << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         << "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Statement of "
         << account << ", " << EscapeHtml(statement_.month) << "</title>\n<style>" << kStyle
         << "</style>\n</head>\n<body>\n<h1>Statement, " << month
         << "</h1>\n<p class=\"sub\">Account "
         << "<b>" << account << "</b>, " << DateText(days_.front()) << " to "
         << DateText(days_.back()) << ", days of " << EscapeHtml(statement_.time_zone.name())
         << ". Amounts in " << EscapeHtml(statement_.currency) << ".</p>\n";
    if (!statement_.period.final()) {
      out_ << "<p class=\"open\">This is what was booked so far: the statement is final once "
              "something is booked after its end.</p>\n";
    }
  }

  void WriteSum(absl::string_view name, const std::string& amount, bool total) {
    out_ << "<tr" << (total ? " class=\"total\"" : "") << "><td>" << EscapeHtml(name)
         << "</td><td class=\"n\">" << amount << "</td></tr>\n";
  }

  void WriteSums() {
    const pb::StatementPeriod& period = statement_.period;
    out_ << "<h2>Balance</h2>\n<table class=\"sums\">\n";
    WriteSum("Opening balance", Shown(period.opening_balance()), true);
    for (const pb::EntryTotal& total : period.totals()) {
      const Nanos sum = AddSaturating(NanosOf(total.credits()), NanosOf(total.debits()));
      const std::string count =
          total.count() == 1 ? "" : absl::StrCat(" (", total.count(), " times)");
      const bool usage = IsOfUsage(total.kind());
      WriteSum(absl::StrCat(NameOf(total.kind()),
                            usage ? absl::StrCat(" (", total.count(), ")") : count),
               Shown(sum), false);
    }
    WriteSum("Closing balance", Shown(period.closing_balance()), true);
    out_ << "</table>\n";
    if (const Nanos closing = NanosOf(period.closing_balance()); closing < 0) {
      out_ << "<p class=\"debt\">" << (period.final() ? "At its end the" : "The")
           << " account owed " << Shown(SubtractSaturating(0, closing)) << ".</p>\n";
    }
  }

  void WriteSpend() {
    Nanos most = 0;
    for (const Figures& day : by_day_) most = std::max(most, day.spend);
    out_ << "<h2>Spend by day</h2>\n";
    if (most == 0) {
      out_ << "<p class=\"note\">Nothing was spent.</p>\n";
      return;
    }
    Plot plot("Spend by day", DayNames(), most, FormatDecimal);
    for (size_t day = 0; day < days_.size(); ++day) {
      if (by_day_[day].spend == 0) continue;
      plot.AddBar(day, by_day_[day].spend, kSpendColor,
                  absl::StrCat(DateText(days_[day]), ": ", FormatDecimal(by_day_[day].spend)));
    }
    out_ << "<figure id=\"spend\">\n";
    plot.WriteTo(out_);
    out_ << "</figure>\n";
  }

  // Where in the period it is, in thousandths.
  int64_t PlaceOf(absl::Time time) const {
    const absl::Duration whole = end_ - begin_;
    return absl::ToInt64Milliseconds(time - begin_) * kThousand / absl::ToInt64Milliseconds(whole);
  }

  // Did it have its price when the period ended? What was taken back since is drawn as it was.
  bool StoodAtTheEnd(const pb::UsageRecord& record) const {
    return record.status() == pb::USAGE_STATUS_RATED ||
           record.voided().seq() > statement_.period.last_seq();
  }

  // What was left of each user's allowance, from the first call of the period on.
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> MinutesLeft() const {
    std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> lines;
    for (const auto& [seq, record] : statement_.usages) {
      const pb::Rating& rating = record.rating();
      const bool draws = rating.basis() == pb::CHARGE_BASIS_METERED_STANDARD ||
                         rating.basis() == pb::CHARGE_BASIS_MIXED;
      if (!draws || !StoodAtTheEnd(record)) continue;
      auto& line = lines[record.usage().user_id()];
      const int64_t place =
          std::max(PlaceOf(TimeOf(record.record_time())), line.empty() ? 0 : line.back().first);
      if (line.empty()) line.emplace_back(0, rating.allowance_before().seconds());
      line.emplace_back(place, rating.allowance_after().seconds());
    }
    return lines;
  }

  void WriteMinutes() {
    out_ << "<h2>Free minutes left</h2>\n";
    auto lines = MinutesLeft();
    if (lines.empty()) {
      out_ << "<p class=\"note\">No call drew on free minutes.</p>\n";
      return;
    }
    int64_t most = 0;
    for (const auto& [user, line] : lines) {
      for (const auto& [place, seconds] : line) most = std::max(most, seconds);
    }
    const absl::Time last_entry = TimeOf(statement_.entries.back().record_time());
    const int64_t until = statement_.period.final()
                              ? kThousand
                              : std::clamp<int64_t>(PlaceOf(last_entry), 0, kThousand);
    Plot plot("Free minutes left", DayNames(), (most + kSecondsPerMinute - 1) / kSecondsPerMinute,
              [](int64_t minutes) { return absl::StrCat(minutes); });
    std::string key;
    size_t drawn = 0;
    for (auto& [user, line] : lines) {
      if (drawn == std::size(kLineColors)) break;
      line.emplace_back(std::max(until, line.back().first), line.back().second);
      const std::string left = MinutesText(line.back().second);
      for (auto& point : line) point.second /= kSecondsPerMinute;
      const std::string name = NameOfUser(user);
      plot.AddSteps(line, kLineColors[drawn], name);
      absl::StrAppend(&key, "<i style=\"background:", kLineColors[drawn], "\"></i>",
                      EscapeHtml(name), ": ", left, " left");
      ++drawn;
    }
    out_ << "<figure id=\"minutes\">\n";
    plot.WriteTo(out_);
    out_ << "<figcaption class=\"key\">" << key;
    if (lines.size() > drawn) out_ << " and " << lines.size() - drawn << " more users";
    out_ << "</figcaption>\n</figure>\n";
  }

  void WriteRecharges() {
    Nanos most = 0;
    bool any = false;
    for (const Figures& day : by_day_) {
      most = std::max({most, day.credited, day.given_back});
      any |= day.credited != 0 || day.given_back != 0;
    }
    out_ << "<h2>Recharges by day</h2>\n";
    if (!any) {
      out_ << "<p class=\"note\">None.</p>\n";
      return;
    }
    Plot plot("Recharges by day", DayNames(), most, FormatDecimal);
    for (size_t day = 0; day < days_.size(); ++day) {
      const Figures& figures = by_day_[day];
      // The lower of the two stands before the higher.
      std::vector<std::pair<Nanos, bool>> bars = {{figures.credited, true},
                                                  {figures.given_back, false}};
      if (bars[0].first < bars[1].first) std::swap(bars[0], bars[1]);
      for (const auto& [amount, credited] : bars) {
        if (amount == 0) continue;
        plot.AddBar(day, amount, credited ? kCreditColor : kGivenBackColor,
                    absl::StrCat(DateText(days_[day]), credited ? ": added " : ": taken ",
                                 FormatDecimal(amount)));
      }
    }
    out_ << "<figure id=\"recharges\">\n";
    plot.WriteTo(out_);
    out_ << "<figcaption class=\"key\"><i style=\"background:" << kCreditColor
         << "\"></i>recharges and payments<i style=\"background:" << kGivenBackColor
         << "\"></i>given back or taken</figcaption>\n</figure>\n";
  }

  // "Visa 4242, asked for 20.00".
  std::string DetailsOf(const pb::Entry& entry) const {
    std::vector<std::string> parts;
    const auto receipt = statement_.receipts.find(entry.seq());
    if (receipt != statement_.receipts.end()) {
      const pb::Receipt& r = receipt->second;
      if (!r.card_last_four().empty()) {
        parts.push_back(absl::StrCat(r.card_brand(), r.card_brand().empty() ? "" : " ", "····",
                                     r.card_last_four()));
      }
      if (!r.charge_id().empty()) parts.push_back(absl::StrCat("charge ", r.charge_id()));
      const Nanos amount = NanosOf(r.amount());
      if (NanosOf(r.requested_amount()) != (amount < 0 ? -amount : amount)) {
        parts.push_back(absl::StrCat("asked for ", AmountText(r.requested_amount())));
      }
    }
    if (!entry.reason().empty()) parts.push_back(entry.reason());
    std::string text;
    for (const std::string& part : parts) {
      absl::StrAppend(&text, text.empty() ? "" : ", ", EscapeHtml(part));
    }
    return text;
  }

  void WriteMoney() {
    out_ << "<h2>Money in and out</h2>\n";
    bool any = false;
    for (const pb::Entry& entry : statement_.entries) {
      if (IsOfUsage(entry.kind())) continue;
      if (!any) {
        out_ << "<table>\n<tr><th>Date</th><th>What</th><th class=\"n\">Receipt</th><th "
                "class=\"d\">Details</th><th class=\"n\">Amount</th><th "
                "class=\"n\">Balance</th></tr>\n";
      }
      any = true;
      const auto receipt = statement_.receipts.find(entry.seq());
      out_ << "<tr><td>"
           << absl::FormatTime("%Y-%m-%d&nbsp;%H:%M", TimeOf(entry.record_time()),
                               statement_.time_zone)
           << "</td><td>" << NameOf(entry.kind()) << "</td><td class=\"n\">";
      if (receipt != statement_.receipts.end()) out_ << receipt->second.number();
      out_ << "</td><td class=\"t\">" << DetailsOf(entry) << "</td><td class=\"n\">"
           << Shown(entry.amount()) << "</td><td class=\"n\">" << Shown(entry.balance_after())
           << "</td></tr>\n";
    }
    out_ << (any ? "</table>\n" : "<p class=\"note\">None.</p>\n");
  }

  std::string NameOfUser(const std::string& user_id) const {
    const auto name = statement_.user_names.find(user_id);
    return Named(name == statement_.user_names.end() ? std::string() : name->second, user_id);
  }

  void WriteFigures(const std::string& name, const Figures& figures) {
    out_ << "<tr><td class=\"t first\">" << EscapeHtml(name) << "</td><td class=\"n\">"
         << figures.calls << "</td><td class=\"n\">" << MinutesText(figures.seconds)
         << "</td><td class=\"n\">" << figures.texts << "</td><td class=\"n\">"
         << Shown(figures.spend) << "</td></tr>\n";
  }

  void WriteFiguresHead(absl::string_view title, absl::string_view first) {
    out_ << "<h2>" << title << "</h2>\n<table>\n<tr><th>" << first
         << "</th><th class=\"n\">Calls</th><th class=\"n\">Minutes</th><th class=\"n\">Texts</th>"
            "<th class=\"n\">Cost</th></tr>\n";
  }

  void WriteDays() {
    if (by_user_.empty()) {
      out_ << "<h2>Usage</h2>\n<p class=\"note\">No calls or texts.</p>\n";
      return;
    }
    WriteFiguresHead("Usage by day", "Day");
    for (size_t day = 0; day < days_.size(); ++day) {
      if (by_day_[day].any_usage()) WriteFigures(DateText(days_[day]), by_day_[day]);
    }
    out_ << "</table>\n";
    WriteUsers();
  }

  void WriteUsers() {
    WriteFiguresHead("Usage by user", "User");
    for (const auto& [user, figures] : by_user_) {
      WriteFigures(user.empty() ? "Calls and texts of before, put right" : NameOfUser(user),
                   figures);
    }
    out_ << "</table>\n<p class=\"note\">Days and amounts go by booking.</p>\n";
  }

  const Statement& statement_;
  std::ostream& out_;
  const absl::Time begin_;
  const absl::Time end_;
  size_t decimals_ = 2;
  std::vector<absl::CivilDay> days_;
  std::vector<Figures> by_day_;
  std::map<std::string, Figures> by_user_;
};

}  // namespace

void WriteStatementHtml(const Statement& statement, std::ostream& out) {
  Page(statement, out).Write();
}

}  // namespace reserve::cli
