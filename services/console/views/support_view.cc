#include "services/console/views/support_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/console/views/account_words.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

// A line with the moment by which it is sorted.
struct Line {
  int64_t micros;
  Data data;
};

Line LineOf(const pb::Entry& entry, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("when", format.ExactTime(entry.record_time()));
  one.set("what", texts.SayName("entry_", pb::EntryKind_Name(entry.kind())));
  one.set("money", format.Money(entry.amount()));
  one.set("balance", format.Money(entry.balance_after()));
  one.set("why", entry.usage_id().empty() ? entry.reason()
                                          : absl::StrCat(entry.usage_id(), " ", entry.reason()));
  one.set("who", entry.caller());
  one.set("number", texts.Say("entry_number", {absl::StrCat(entry.seq())}));
  one.set("mark", "entry");
  return {MicrosOf(entry.record_time()), one};
}

Line LineOf(const pb::Event& event, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("when", format.ExactTime(event.event_time()));
  one.set("what", texts.SayName("event_", pb::EventKind_Name(event.kind())));
  if (event.has_amount()) one.set("money", format.Money(event.amount()));
  one.set("balance", format.Money(event.balance()));
  std::string why = event.cause();
  if (!event.reference().empty()) absl::StrAppend(&why, " (", event.reference(), ")");
  one.set("why", why);
  std::string who = event.actor();
  if (!event.caller().empty()) absl::StrAppend(&who, who.empty() ? "" : ", ", event.caller());
  one.set("who", who);
  one.set("number", texts.Say("event_number", {absl::StrCat(event.event_seq())}));
  one.set("mark", "event");
  return {MicrosOf(event.event_time()), one};
}

Data ReviewLine(const std::string& account, const std::string& what, const std::string& ordinal) {
  Data one;
  if (!account.empty()) one.set("of", account);
  one.set("what", what);
  one.set("ordinal", ordinal);
  return one;
}

}  // namespace

void SetLife(const Life& life, const Formatter& format, const Texts& texts, Data* data) {
  std::vector<Line> lines;
  for (const pb::Entry& entry : life.entries) lines.push_back(LineOf(entry, format, texts));
  for (auto event = life.events.rbegin(); event != life.events.rend(); ++event) {
    lines.push_back(LineOf(*event, format, texts));
  }
  // Further back than this one of the two is not known.
  int64_t known_from = INT64_MIN;
  if (life.more_entries && !life.entries.empty()) {
    known_from = std::max(known_from, MicrosOf(life.entries.back().record_time()));
  }
  if (life.more_events && !life.events.empty()) {
    known_from = std::max(known_from, MicrosOf(life.events.front().event_time()));
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.micros > b.micros; });
  Data moments = ListOf();
  for (const Line& line : lines) {
    if (line.micros >= known_from) moments.push_back(line.data);
  }
  SetList(data, "moments", moments);
  if (known_from != INT64_MIN) data->set("older", absl::StrCat(known_from));
}

void SetFound(const std::vector<pb::Account>& accounts, const Formatter& format, const Texts& texts,
              Data* data) {
  Data list = ListOf();
  for (const pb::Account& account : accounts) {
    Data one;
    one.set("id", account.account_id());
    one.set("name", account.display_name());
    one.set("state", texts.SayName("state_", StateName(account.state())));
    one.set("balance", format.Money(account.balance()));
    list.push_back(one);
  }
  SetList(data, "found", list);
}

void SetReviews(const pb::ListReviewsResponse& reviews, const Formatter& format, const Texts& texts,
                Data* data) {
  Data list = ListOf();
  for (const pb::Recharge& recharge : reviews.recharges()) {
    Data one = ReviewLine(recharge.account_id(),
                          texts.Say("review_recharge", {format.Money(recharge.amount()),
                                                        format.Time(recharge.create_time())}),
                          absl::StrCat(recharge.ordinal()));
    one.set("money", PlainMoney(recharge.amount()));
    one.set("decides", true);
    list.push_back(one);
  }
  for (const pb::Refund& refund : reviews.refunds()) {
    Data one = ReviewLine(refund.account_id(),
                          texts.Say("review_refund", {format.Money(refund.amount()),
                                                      format.Time(refund.create_time())}),
                          absl::StrCat(refund.ordinal()));
    one.set("money", PlainMoney(refund.amount()));
    one.set("decides", true);
    list.push_back(one);
  }
  for (const pb::KeptOfCharge& kept : reviews.kept()) {
    Data one = ReviewLine(kept.account_id(),
                          texts.Say("review_kept", {format.Number(kept.refunds_size()),
                                                    format.Number(kept.disputes_size())}),
                          absl::StrCat(kept.recharge_ordinal()));
    one.set("dismisses", true);
    list.push_back(one);
  }
  for (const pb::MoneyAfterClosing& money : reviews.after_closing()) {
    Data one = ReviewLine(money.account_id(),
                          texts.Say("review_after_closing",
                                    {format.Money(money.amount()), format.Time(money.since())}),
                          "0");
    one.set("dismisses", true);
    list.push_back(one);
  }
  for (const pb::KeptOfNobody& kept : reviews.of_nobody()) {
    Data one = ReviewLine("", texts.Say("review_nobody", {kept.charge_id()}), "0");
    one.set("charge", kept.charge_id());
    one.set("dismisses_charge", true);
    list.push_back(one);
  }
  SetList(data, "reviews", list);
}

}  // namespace reserve::console
