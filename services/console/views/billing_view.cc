#include "services/console/views/billing_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "services/console/views/account_words.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

// A field of a form: what was typed, else what is set; and what is wrong with it.
void SetField(const std::string& name, const std::string& now, const Tried& tried, Data* data) {
  const auto typed = tried.typed.find(name);
  data->set(name, typed == tried.typed.end() ? now : typed->second);
  if (typed != tried.typed.end() && typed->second != now && !now.empty()) {
    data->set(name + "_now", now);
  }
  const auto error = tried.errors.find(name);
  if (error != tried.errors.end()) data->set(name + "_error", error->second);
}

std::string PlainOrEmpty(const google::type::Money& money) {
  return IsZero(money) ? std::string() : TypedMoney(money);
}

Data SettingsData(const pb::BillingSettings& settings, const Tried& tried, const Formatter& format,
                  const Texts& texts) {
  Data data;
  SetField("reserve_amount", TypedMoney(settings.reserve_amount()), tried, &data);
  SetField("recharge_threshold", TypedMoney(settings.recharge_threshold()), tried, &data);
  SetField("monthly_cap", PlainOrEmpty(settings.monthly_cap()), tried, &data);
  SetField("notify_below", PlainOrEmpty(settings.notify_below()), tried, &data);
  data.set("currency", settings.reserve_amount().currency_code());
  // Of what the reader has seen, until somebody has told that it is another by now.
  const auto etag = tried.typed.find("etag");
  const bool seen = etag != tried.typed.end() && tried.typed.contains("reserve_amount");
  data.set("etag", seen ? etag->second : settings.etag());
  data.set("automatic", settings.automatic_recharge());
  data.set("automatic_words",
           texts.Say(settings.automatic_recharge() ? "automatic_is_on" : "automatic_is_off",
                     {format.Money(settings.reserve_amount()),
                      format.Money(settings.recharge_threshold())}));
  return data;
}

Data CardsData(const pb::Account& account, const Formatter& format, const Texts& texts) {
  Data cards = ListOf();
  for (const pb::PaymentMethod& card : account.payment_methods()) {
    Data one;
    one.set("id", card.payment_method_id());
    one.set("name", CardName(card, texts));
    if (card.expiry_year() != 0) {
      one.set("expiry", absl::StrFormat("%02d/%d", card.expiry_month(), card.expiry_year()));
    }
    one.set("state", texts.SayName("card_", pb::CardState_Name(card.card_state())));
    one.set("since", texts.Say("since", {format.Day(card.state_time())}));
    if (card.has_retry_time()) {
      one.set("retry", texts.Say("card_retry", {format.Time(card.retry_time())}));
    }
    one.set("good", card.card_state() == pb::CARD_STATE_USABLE);
    one.set("first", card.position() <= 1);
    one.set("position", absl::StrCat(card.position()));
    one.set("etag", card.etag());
    cards.push_back(one);
  }
  return cards;
}

Data AdviceData(const pb::BillingAdvice& advice, const Formatter& format, const Texts& texts) {
  Data list = ListOf();
  for (const pb::PlanAdvice& one : advice.plan_advice()) {
    Data line;
    line.set("text",
             texts.Say("advice_plan", {one.user_id(), one.plan_id(), format.Money(one.saving()),
                                       format.Money(one.standard_cost()),
                                       format.Money(one.advised_monthly_price())}));
    list.push_back(line);
  }
  if (advice.has_reserve_advice()) {
    const pb::ReserveAdvice& one = advice.reserve_advice();
    Data line;
    line.set("text", texts.Say("advice_reserve", {format.Number(one.recharges()),
                                                  format.Money(one.current_reserve_amount()),
                                                  format.Money(one.advised_reserve_amount())}));
    list.push_back(line);
  }
  return list;
}

void SetAmounts(const pb::Account& account, const Formatter& format, Data* data) {
  data->set("balance", format.Money(account.balance()));
  data->set("own", format.Money(account.own_balance()));
  data->set("promotional", format.Money(account.promotional_balance()));
  data->set("held", format.Money(account.held()));
  data->set("available", format.Money(account.available()));
  data->set("debt", IsNegative(account.balance()));
}

std::string CardOf(const pb::Receipt& receipt, const Texts& texts) {
  if (receipt.card_last_four().empty()) return "";
  return texts.Say("card_ending", {receipt.card_brand(), receipt.card_last_four()});
}

// Between what amounts may be, said before any is refused.
void SetBounds(const pb::BillingBounds& bounds, const Formatter& format, const Texts& texts,
               Data* data) {
  data->set("reserve_help", texts.Say("reserve_help", {format.Money(bounds.min_reserve_amount()),
                                                       format.Money(bounds.max_reserve_amount())}));
  data->set("threshold_help",
            texts.Say("threshold_help", {format.Money(bounds.min_recharge_threshold())}));
  data->set("amount_help", texts.Say("amount_help", {format.Money(bounds.min_top_up_amount()),
                                                     format.Money(bounds.max_top_up_amount())}));
}

}  // namespace

void SetUsers(const pb::ListUsersResponse& users, const Formatter& format, const Texts& texts,
              Data* data) {
  Data list = ListOf();
  for (const pb::User& user : users.users()) {
    Data one;
    one.set("name", user.display_name().empty() ? user.user_id() : user.display_name());
    one.set("plan", user.plan_id());
    one.set("left", MinutesLeft(user, format, texts));
    if (user.allowance().seconds() > 0) {
      one.set("left_seconds", absl::StrCat(user.allowance_left().seconds()));
      one.set("allowance_seconds", absl::StrCat(user.allowance().seconds()));
    }
    if (user.has_allowance_end_time()) {
      one.set("until", texts.Say("minutes_until", {format.Day(user.allowance_end_time())}));
    }
    one.set("blocked", user.blocked());
    list.push_back(one);
  }
  SetList(data, "users", list);
}

void SetRecharges(const pb::ListRechargesResponse& recharges, const Formatter& format,
                  const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const pb::Recharge& recharge : recharges.recharges()) {
    Data one;
    const bool done = recharge.state() == pb::RECHARGE_STATE_SUCCEEDED;
    one.set("when", format.Time(recharge.create_time()));
    one.set("kind", texts.SayName("recharge_", pb::RechargeKind_Name(recharge.kind())));
    one.set("amount", format.Money(done ? recharge.credited_amount() : recharge.amount()));
    one.set("state", texts.SayName("recharge_", pb::RechargeState_Name(recharge.state())));
    if (!recharge.last_decline_code().empty() && !done) {
      one.set("decline",
              texts.SayName("decline_", pb::DeclineClass_Name(recharge.last_decline_class())));
    }
    if (recharge.state() == pb::RECHARGE_STATE_OPEN && recharge.has_due_time()) {
      one.set("due", texts.Say("recharge_due", {format.Time(recharge.due_time())}));
    }
    if (!IsZero(recharge.disputed_amount())) {
      one.set("disputed",
              texts.Say("recharge_disputed", {format.Money(recharge.disputed_amount())}));
    }
    list.push_back(one);
  }
  SetList(data, "recharges", list);
}

void SetRefunds(const pb::ListRefundsResponse& refunds, const Formatter& format, const Texts& texts,
                Data* data) {
  Data list = ListOf();
  for (const pb::Refund& refund : refunds.refunds()) {
    Data one;
    one.set("when", format.Time(refund.create_time()));
    one.set("amount", format.Money(refund.amount()));
    one.set("state", texts.SayName("refund_", pb::RefundState_Name(refund.state())));
    list.push_back(one);
  }
  SetList(data, "refunds", list);
}

void SetReceipts(const pb::ListReceiptsResponse& receipts, const Formatter& format,
                 const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const pb::Receipt& receipt : receipts.receipts()) {
    Data one;
    one.set("number", absl::StrCat(receipt.number()));
    one.set("when", format.Day(receipt.create_time()));
    one.set("kind", texts.SayName("entry_", pb::EntryKind_Name(receipt.kind())));
    one.set("amount", format.Money(receipt.amount()));
    if (const std::string card = CardOf(receipt, texts); !card.empty()) one.set("card", card);
    list.push_back(one);
  }
  SetList(data, "receipts", list);
}

void SetDisputes(const pb::ListDisputesResponse& disputes, const Formatter& format,
                 const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const pb::Dispute& dispute : disputes.disputes()) {
    Data one;
    one.set("when", format.Day(dispute.create_time()));
    one.set("amount", format.Money(dispute.amount()));
    one.set("state", texts.SayName("dispute_", pb::DisputeState_Name(dispute.state())));
    one.set("since", texts.Say("since", {format.Day(dispute.update_time())}));
    one.set("why", dispute.reason());
    list.push_back(one);
  }
  SetList(data, "disputes", list);
}

Data ReceiptData(const pb::Account& account, const pb::Receipt& receipt, const Formatter& format,
                 const Texts& texts) {
  Data data;
  if (!account.display_name().empty()) data.set("name", account.display_name());
  data.set("number", absl::StrCat(receipt.number()));
  data.set("when", format.Time(receipt.create_time()));
  data.set("kind", texts.SayName("entry_", pb::EntryKind_Name(receipt.kind())));
  data.set("amount", format.Money(receipt.amount()));
  if (const std::string card = CardOf(receipt, texts); !card.empty()) data.set("card", card);
  if (!receipt.charge_id().empty()) data.set("charge", receipt.charge_id());
  if (receipt.payment_means() != pb::PAYMENT_MEANS_UNSPECIFIED) {
    data.set("means", texts.SayName("choice_", pb::PaymentMeans_Name(receipt.payment_means())));
  }
  const std::string requested = format.Money(receipt.requested_amount());
  if (!IsZero(receipt.requested_amount()) && !IsNegative(receipt.amount()) &&
      requested != format.Money(receipt.amount())) {
    data.set("requested", requested);
  }
  return data;
}

Data BillingData(const BillingReplies& replies, const Tried& tried, bool may_give_cards,
                 const Formatter& format, const Texts& texts) {
  Data data;
  const pb::Account& account = replies.account;
  SetAmounts(account, format, &data);
  data.set("picture", BalancePicture(account, format, texts));
  data.set("standing", StateData(account, format, texts));
  Data settings = SettingsData(account.billing_settings(), tried, format, texts);
  if (account.has_billing_bounds()) {
    SetBounds(account.billing_bounds(), format, texts, &settings);
  }
  data.set("settings", settings);
  Data top_up;
  SetField("amount", TypedMoney(account.billing_settings().reserve_amount()), tried, &top_up);
  data.set("top_up", top_up);
  data.set("closed", account.state() == pb::ACCOUNT_STATE_CLOSED ||
                         account.state() == pb::ACCOUNT_STATE_CLOSING);
  data.set("may_give_cards", may_give_cards);
  if (!tried.message.empty()) data.set("message", tried.message);
  SetList(&data, "cards", CardsData(account, format, texts));
  SetUsers(replies.users, format, texts, &data);
  SetRecharges(replies.recharges, format, texts, &data);
  SetRefunds(replies.refunds, format, texts, &data);
  SetDisputes(replies.disputes, format, texts, &data);
  SetReceipts(replies.receipts, format, texts, &data);
  for (const std::string& name : replies.unread) data.set(name + "_unread", true);
  data.set("users_more", !replies.users.next_page_token().empty());
  data.set("recharges_more", !replies.recharges.next_page_token().empty());
  data.set("refunds_more", !replies.refunds.next_page_token().empty());
  data.set("disputes_more", !replies.disputes.next_page_token().empty());
  data.set("receipts_more", !replies.receipts.next_page_token().empty());
  SetList(&data, "advice", AdviceData(replies.advice, format, texts));
  return data;
}

Data TopUpData(const pb::Account& account, const pb::Recharge& recharge, const Formatter& format,
               const Texts& texts) {
  Data data;
  std::string card = texts.Say("card_unnamed");
  for (const pb::PaymentMethod& one : account.payment_methods()) {
    if (one.payment_method_id() == recharge.payment_method_id()) card = CardName(one, texts);
  }
  data.set("amount", TypedMoney(recharge.amount()));
  data.set("will_charge", texts.Say("top_up_will", {card, format.Money(recharge.amount())}));
  const auto balance = FromProto(account.balance(), account.balance().currency_code(), "balance");
  const auto amount = FromProto(recharge.amount(), account.balance().currency_code(), "amount");
  if (balance.ok() && amount.ok()) {
    google::type::Money after;
    ToProto(AddSaturating(*balance, *amount), account.balance().currency_code(), &after);
    data.set("after",
             texts.Say("top_up_after", {format.Money(account.balance()), format.Money(after)}));
  }
  data.set("follows", recharge.automatic_recharge_follows());
  return data;
}

}  // namespace reserve::console
