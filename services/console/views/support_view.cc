#include "services/console/views/support_view.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text/url_text.h"
#include "services/console/views/account_words.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

// "no. 3, card-1": which recharge, card, usage, hold and user it is about, as far as it says; and
// how a card was declined.
std::string About(const pb::Event& event, const Texts& texts) {
  std::vector<std::string> parts;
  if (event.recharge_ordinal() > 0) {
    parts.push_back(texts.Say("about_ordinal", {absl::StrCat(event.recharge_ordinal())}));
  }
  for (const std::string& id : {event.payment_method_id(), event.usage_id(), event.hold_id()}) {
    if (!id.empty()) parts.push_back(id);
  }
  if (!event.user_id().empty()) parts.push_back(texts.Say("about_user", {event.user_id()}));
  std::string about = absl::StrJoin(parts, ", ");
  const std::string decline =
      absl::StrCat("decline_", pb::DeclineClass_Name(event.decline_class()));
  if (texts.Has(decline)) absl::StrAppend(&about, about.empty() ? "" : " ", texts.Say(decline));
  return about;
}

Data LineOf(const pb::Entry& entry, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("when", format.ExactTime(entry.record_time()));
  one.set("what", texts.SayName("entry_", pb::EntryKind_Name(entry.kind())));
  one.set("money", format.Money(entry.amount()));
  one.set("balance", format.Money(entry.balance_after()));
  one.set("why", entry.usage_id().empty() ? entry.reason()
                                          : absl::StrCat(entry.usage_id(), " ", entry.reason()));
  if (entry.recharge_ordinal() > 0) {
    one.set("about", texts.Say("about_ordinal", {absl::StrCat(entry.recharge_ordinal())}));
  }
  one.set("who", entry.caller());
  one.set("number", texts.Say("entry_number", {absl::StrCat(entry.seq())}));
  one.set("mark", "entry");
  return one;
}

Data LineOf(const pb::Event& event, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("when", format.ExactTime(event.event_time()));
  one.set("what", texts.SayName("event_", pb::EventKind_Name(event.kind())));
  if (event.has_amount()) one.set("money", format.Money(event.amount()));
  one.set("balance", format.Money(event.balance()));
  std::string why = event.cause();
  if (!event.reference().empty()) absl::StrAppend(&why, " (", event.reference(), ")");
  one.set("why", why);
  if (const std::string about = About(event, texts); !about.empty()) one.set("about", about);
  std::string who = event.actor();
  if (!event.caller().empty()) absl::StrAppend(&who, who.empty() ? "" : ", ", event.caller());
  one.set("who", who);
  one.set("number", texts.Say("event_number", {absl::StrCat(event.event_seq())}));
  one.set("mark", "event");
  return one;
}

Data ReviewLine(const std::string& account, const std::string& what, const std::string& ordinal) {
  Data one;
  if (!account.empty()) one.set("of", account);
  one.set("what", what);
  one.set("ordinal", ordinal);
  return one;
}

}  // namespace

LifeShown SetLife(const Life& life, size_t most, const Formatter& format, const Texts& texts,
                  Data* data) {
  LifeShown shown;
  Data moments = ListOf();
  while (shown.entries + shown.events < most) {
    const bool entry_left = shown.entries < life.entries.size();
    const bool event_left = shown.events < life.events.size();
    if ((!entry_left && life.more_entries) || (!event_left && life.more_events)) break;
    if (!entry_left && !event_left) break;
    const bool event_next =
        event_left && (!entry_left || MicrosOf(life.events[shown.events].event_time()) >=
                                          MicrosOf(life.entries[shown.entries].record_time()));
    moments.push_back(event_next ? LineOf(life.events[shown.events++], format, texts)
                                 : LineOf(life.entries[shown.entries++], format, texts));
  }
  shown.more = life.more_entries || life.more_events || shown.entries < life.entries.size() ||
               shown.events < life.events.size();
  SetList(data, "moments", moments);
  return shown;
}

void SetFound(const std::vector<pb::Account>& accounts, const std::string& number,
              const Formatter& format, const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const pb::Account& account : accounts) {
    Data one;
    one.set("id", account.account_id());
    one.set("name", account.display_name());
    one.set("state", texts.SayName("state_", StateName(account.state())));
    one.set("balance", format.Money(account.balance()));
    if (!number.empty()) {
      one.set("calls", absl::StrCat("/a/", UrlText(account.account_id()),
                                    "/calls?number=", UrlText(number)));
    }
    list.push_back(one);
  }
  SetList(data, "found", list);
  data->set("by_number", !number.empty());
}

void SetReviews(const pb::ListReviewsResponse& reviews, const Formatter& format, const Texts& texts,
                Data* data) {
  Data list = ListOf();
  for (const pb::Recharge& recharge : reviews.recharges()) {
    Data one = ReviewLine(recharge.account_id(),
                          texts.Say("review_recharge", {format.Money(recharge.amount()),
                                                        format.Time(recharge.create_time())}),
                          absl::StrCat(recharge.ordinal()));
    one.set("money", TypedMoney(recharge.amount()));
    one.set("decides", true);
    list.push_back(one);
  }
  for (const pb::Refund& refund : reviews.refunds()) {
    Data one = ReviewLine(refund.account_id(),
                          texts.Say("review_refund", {format.Money(refund.amount()),
                                                      format.Time(refund.create_time())}),
                          absl::StrCat(refund.ordinal()));
    one.set("money", TypedMoney(refund.amount()));
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
    one.set("charge", UrlText(kept.charge_id()));
    one.set("dismisses_charge", true);
    list.push_back(one);
  }
  SetList(data, "reviews", list);
}

}  // namespace reserve::console
