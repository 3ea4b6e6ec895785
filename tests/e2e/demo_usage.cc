// Scenes of the demo: prices, funding, calls and texts.

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

pb::Call OneMinute(const Destination& to) {
  pb::Call call;
  call.set_direction(pb::DIRECTION_OUTBOUND);
  call.set_destination(to.number);
  call.mutable_duration()->set_seconds(60);
  return call;
}

pb::Sms TextOf(pb::SmsEncoding encoding, int length) {
  pb::Sms sms;
  sms.mutable_text()->set_encoding(encoding);
  sms.mutable_text()->set_length(length);
  return sms;
}

// S2, in GSM-7, which is all that the play writes.
int SegmentsOf(const pb::Sms& sms) {
  const int length = sms.text().length();
  return length <= 160 ? 1 : (length + 152) / 153;
}

std::string PriceText(absl::string_view prefix, Nanos price, bool standard_rate) {
  return absl::StrCat("prefix ", prefix, ", ", Dollars(price),
                      standard_rate ? ", standard" : ", dearer");
}

}  // namespace

absl::Status Play::Prices() {
  report_.Section("What calls and texts cost, by the starter deck");
  report_.Say(
      "a minute, by the longest prefix; up to $0.02 is a standard rate, and a bare 1 prices "
      "nothing");
  for (const Destination& to : {UnitedStates(), UnitedKingdom(), Barbados(), Cuba(), Satellite()}) {
    RESERVE_ASSIGN_OR_RETURN(const pb::QuoteCallResponse quote, client_.QuoteCall(OneMinute(to)));
    deck_version_ = quote.deck_version();
    report_.Text(absl::StrCat(to.number, ", ", to.name),
                 PriceText(to.prefix, to.price, to.standard_rate),
                 PriceText(quote.rate().prefix(), NanosOf(quote.cost()).value_or(-1),
                           quote.standard_rate()));
  }
  report_.Refusal(absl::StrCat(Nowhere().number, ", in no deck"), "NO_RATE", "call.destination",
                  client_.QuoteCall(OneMinute(Nowhere())).status());
  report_.Say("a segment of a text, by carrier");
  for (const Destination& to : {VerizonText(), AttText(), TelusText()}) {
    pb::Sms sms = TextOf(pb::SMS_ENCODING_GSM7, 1);
    sms.set_direction(pb::DIRECTION_OUTBOUND);
    sms.set_destination(to.number);
    sms.set_carrier(to.carrier);
    RESERVE_ASSIGN_OR_RETURN(const pb::QuoteSmsResponse quote, client_.QuoteSms(sms));
    report_.Money(absl::StrCat(to.number, " ", to.name, ", ", to.carrier), to.price, quote.cost());
  }
  return absl::OkStatus();
}

absl::Status Play::Funding() {
  report_.Section("An account is opened, and funded with $15.00");
  // Slow enough that the questions below surely come before the money.
  const std::string card = absl::StrCat("tok_slow_2000#", bakery_.account_id);
  report_.Say(absl::StrCat("account ", bakery_.account_id,
                           " is opened with a card whose bank takes two seconds"));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account opened, client_.OpenAccount(bakery_.account_id, card));
  report_.Text("state", "PENDING_FUNDING", StateName(opened.state()));
  report_.Money("balance", 0, opened.balance());
  report_.Money("reserve amount", kReserveAmount, opened.billing_settings().reserve_amount());
  report_.Money("recharge threshold", kRechargeThreshold,
                opened.billing_settings().recharge_threshold());
  RESERVE_RETURN_IF_ERROR(AddUser(bakery_, ann_));
  RESERVE_RETURN_IF_ERROR(AddUser(bakery_, bob_));
  RESERVE_RETURN_IF_ERROR(MayNotCall(bakery_, ann_, UnitedStates(), "PENDING_FUNDING"));
  RESERVE_RETURN_IF_ERROR(MayNotCall(bakery_, bob_, UnitedStates(), "PENDING_FUNDING"));

  report_.Say("the worker charges the card, and the ledger credits the reserve");
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(bakery_, "INITIAL", kReserveAmount));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(bakery_.account_id + "/"));
  report_.Count("charges of the account at the gateway", 1, static_cast<int64_t>(charges.size()));
  return absl::OkStatus();
}

absl::Status Play::FreeMinutes() {
  report_.Section("A per-minute user uses up the 300 free minutes, then pays");
  RESERVE_RETURN_IF_ERROR(MayCall(bakery_, ann_, UnitedStates()));
  RESERVE_RETURN_IF_ERROR(Call(bakery_, ann_, UnitedStates(), 17'850));
  RESERVE_RETURN_IF_ERROR(MayCall(bakery_, ann_, UnitedKingdom()));
  straddling_ = bakery_.bookings.size();
  RESERVE_RETURN_IF_ERROR(Call(bakery_, ann_, UnitedKingdom(), 290));
  RESERVE_RETURN_IF_ERROR(MayCall(bakery_, ann_, UnitedKingdom()));
  RESERVE_RETURN_IF_ERROR(Call(bakery_, ann_, UnitedKingdom(), 61));
  RESERVE_ASSIGN_OR_RETURN(const pb::User user, client_.GetUser(bakery_.account_id, ann_.user_id));
  report_.Duration("free seconds left, says GetUser", 0, user.allowance_left().seconds());
  return absl::OkStatus();
}

absl::Status Play::DearCountry() {
  report_.Section("Standard and dear countries: what an unlimited plan includes");
  RESERVE_RETURN_IF_ERROR(MayCall(bakery_, bob_, UnitedKingdom()));
  RESERVE_RETURN_IF_ERROR(Call(bakery_, bob_, UnitedKingdom(), 3'600));
  RESERVE_RETURN_IF_ERROR(MayCall(bakery_, bob_, Cuba()));
  RESERVE_RETURN_IF_ERROR(Call(bakery_, bob_, Cuba(), 150));
  report_.Say("a per-minute user's free minutes are for standard rates alone");
  RESERVE_RETURN_IF_ERROR(AddUser(bakery_, carl_));
  return Call(bakery_, carl_, Cuba(), 45);
}

absl::Status Play::Text(Book& book, const Caller& caller, const Destination& to, pb::Sms size) {
  const int segments = SegmentsOf(size);
  const bool outbound = !to.number.empty();
  if (outbound) {
    report_.Say(absl::StrCat(caller.user_id, " texts ", to.number, " (", to.carrier, ", ",
                             Dollars(to.price), " a segment): ", size.text().length(),
                             " characters"));
  } else {
    report_.Say(absl::StrCat(caller.user_id, " receives a text"));
  }
  pb::Usage usage;
  usage.set_user_id(caller.user_id);
  *usage.mutable_sms() = std::move(size);
  usage.mutable_sms()->set_direction(outbound ? pb::DIRECTION_OUTBOUND : pb::DIRECTION_INBOUND);
  usage.mutable_sms()->set_destination(to.number);
  usage.mutable_sms()->set_carrier(to.carrier);
  RESERVE_ASSIGN_OR_RETURN(const pb::UsageRecord record,
                           Record(book, usage, outbound ? to.price * segments : 0));
  report_.Count("segments", segments, record.rating().segments());
  return absl::OkStatus();
}

absl::Status Play::Texts() {
  report_.Section("Texts: by carrier and segment; received ones are free");
  RESERVE_RETURN_IF_ERROR(Text(bakery_, ann_, VerizonText(), TextOf(pb::SMS_ENCODING_GSM7, 160)));
  RESERVE_RETURN_IF_ERROR(Text(bakery_, ann_, TelusText(), TextOf(pb::SMS_ENCODING_GSM7, 42)));
  RESERVE_RETURN_IF_ERROR(Text(bakery_, bob_, AttText(), TextOf(pb::SMS_ENCODING_GSM7, 161)));
  RESERVE_RETURN_IF_ERROR(Text(bakery_, ann_, Destination(), TextOf(pb::SMS_ENCODING_GSM7, 20)));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<pb::UsageRecord> newest,
                           client_.ListUsage(bakery_.account_id, 1'000));
  if (newest.empty()) return absl::NotFoundError("the history is empty");
  report_.Text("newest in the history", bakery_.bookings.back().usage.usage_id(),
               newest.front().usage().usage_id());
  report_.Money("at", 0, newest.front().cost());
  return absl::OkStatus();
}

}  // namespace reserve::demo
