#include "tests/e2e/play_traffic.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"

namespace reserve::play {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);

struct Firm {
  const char* id;
  const char* name;
};
constexpr Firm kFirms[] = {{"brook-cafe", "Brook Cafe"},         {"harbor-books", "Harbor Books"},
                           {"lake-dental", "Lake Dental"},       {"mill-garage", "Mill Garage"},
                           {"orchard-school", "Orchard School"}, {"pine-hotel", "Pine Hotel"}};
struct Person {
  const char* id;
  const char* name;
};
constexpr Person kPeople[] = {{"ann", "Ann Archer"}, {"ben", "Ben Baker"}, {"cleo", "Cleo Carter"}};

struct Place {
  const char* number;
  const char* name;
};
constexpr Place kPlaces[] = {{"+14155550123", "San Francisco"},
                             {"+442079460000", "London"},
                             {"+12464301234", "Barbados"},
                             {"+5371234567", "Havana"}};
constexpr Place kDear = {"+8816234567", "a satellite phone"};

// What cards of new customers do (services/gateway_stub/card_token.h).
struct Card {
  const char* token;
  const char* what;
};
constexpr Card kCards[] = {
    {"tok_visa", "a card that works"},
    {"tok_decline_lost_card", "a card that is declined for good"},
    {"tok_soft_then_ok_1", "a card that is declined once"},
    {"tok_partial_900", "a card that gives less than was asked for"},
    {"tok_pending_3000", "a card whose bank takes its time"},
    {"tok_lost_reply", "a card whose first answer gets lost"},
    {"tok_invalid_request_1", "a charge that the gateway calls invalid, for a person to look at"},
};

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(Stub& stub,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                          Response*),
                             const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kCallTimeout));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

std::string Amount(const google::type::Money& money) {
  const absl::StatusOr<Nanos> nanos = reserve::FromProto(money, "", "money");
  return nanos.ok() ? absl::StrCat("$", FormatDecimal(*nanos)) : "?";
}

// Is it a part of the play that somebody is refused?
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsNotFound(status) ||
         absl::IsPermissionDenied(status) || absl::IsResourceExhausted(status);
}

}  // namespace

Traffic::Traffic(const std::shared_ptr<grpc::Channel>& ledger, const Options& options,
                 std::ostream& out)
    : options_(options),
      out_(out),
      random_(options.seed),
      accounts_(pb::Accounts::NewStub(ledger)),
      ledger_(pb::Ledger::NewStub(ledger)),
      switch_({ledger}, {.switch_id = absl::StrCat("play-", options.run),
                         .incarnation = absl::ToUnixMillis(absl::Now())}) {}

uint64_t Traffic::Below(uint64_t bound) { return random_() % bound; }

void Traffic::Say(absl::string_view who, absl::string_view what) {
  out_ << absl::FormatTime("%H:%M:%S", absl::Now(), absl::UTCTimeZone()) << "  " << who << ": "
       << what << std::endl;
}

absl::Status Traffic::OpenFirm(const std::string& id, const std::string& name,
                               const std::string& card) {
  pb::OpenAccountRequest open;
  open.set_account_id(id);
  open.set_card_token(absl::StrCat(card, "#", id));
  open.set_display_name(name);
  const auto opened = Ask(*accounts_, &pb::Accounts::Stub::OpenAccount, open);
  // A play of before has left them.
  if (!opened.ok() && !absl::IsAlreadyExists(opened.status())) return opened.status();
  for (const Person& person : kPeople) {
    pb::PutUserRequest put;
    put.set_account_id(id);
    put.set_user_id(person.id);
    put.mutable_user()->set_display_name(person.name);
    RESERVE_RETURN_IF_ERROR(Ask(*accounts_, &pb::Accounts::Stub::PutUser, put).status());
  }
  return absl::OkStatus();
}

absl::Status Traffic::Open() {
  for (const Firm& firm : kFirms) {
    RESERVE_RETURN_IF_ERROR(OpenFirm(firm.id, firm.name, "tok_visa"));
    Say(firm.id, absl::StrCat("\"", firm.name, "\" is a customer, with ", std::size(kPeople),
                              " people who call"));
  }
  return absl::OkStatus();
}

absl::Status Traffic::Step() {
  RESERVE_RETURN_IF_ERROR(GoOn());
  const uint64_t what = Below(100);
  if (what < 45) return Dial();
  if (what < 80) return Text();
  if (what < 88) return Spend();
  if (what < 96) return Look();
  return NewCustomer();
}

absl::Status Traffic::Dial() {
  const Firm& firm = kFirms[Below(std::size(kFirms))];
  const Person& person = kPeople[Below(std::size(kPeople))];
  const Place& place = kPlaces[Below(std::size(kPlaces))];
  const std::string id = absl::StrCat("call-", options_.run, "-", ++ids_);
  const auto decision = switch_.Dial({firm.id, person.id, place.number, id});
  if (!decision.ok() && !IsRefusal(decision.status())) return decision.status();
  const bool allowed = decision.ok() && *decision == pb::AUTHORIZATION_DECISION_ALLOWED;
  if (!allowed) {
    ++counts_.refused;
    Say(firm.id, absl::StrCat(person.name, " may not call ", place.name, ": ",
                              decision.ok() ? pb::AuthorizationDecision_Name(*decision)
                                            : std::string(decision.status().message())));
    return absl::OkStatus();
  }
  RESERVE_RETURN_IF_ERROR(switch_.Answer(id));
  in_progress_[id] = absl::Seconds(20 + static_cast<int64_t>(Below(600)));
  ++counts_.calls;
  Say(firm.id, absl::StrCat(person.name, " calls ", place.name));
  return absl::OkStatus();
}

absl::Status Traffic::GoOn() {
  RESERVE_RETURN_IF_ERROR(switch_.Pass(absl::Seconds(5 + static_cast<int64_t>(Below(55)))));
  std::vector<std::string> over;
  for (const auto& [id, lasts] : in_progress_) {
    const e2e::PhoneCall& call = switch_.call(id);
    if (call.over || switch_.now() - call.answer_time >= lasts) over.push_back(id);
  }
  for (const std::string& id : over) RESERVE_RETURN_IF_ERROR(HangUp(id));
  return absl::OkStatus();
}

absl::Status Traffic::HangUp(const std::string& call_id) {
  if (!switch_.call(call_id).over) RESERVE_RETURN_IF_ERROR(switch_.HangUp(call_id));
  const e2e::PhoneCall& call = switch_.call(call_id);
  in_progress_.erase(call_id);
  Say(call.to.account_id,
      absl::StrCat(call.to.user_id, " has talked for ", absl::ToInt64Seconds(call.talked), " s",
                   call.cut ? ", and was cut" : "", ": ", Amount(call.booked.cost()), ", balance ",
                   Amount(call.booked.balance_after())));
  return absl::OkStatus();
}

absl::Status Traffic::Text() {
  const Firm& firm = kFirms[Below(std::size(kFirms))];
  pb::RecordUsageRequest record;
  record.set_account_id(firm.id);
  pb::Usage* usage = record.mutable_usage();
  usage->set_usage_id(absl::StrCat("text-", options_.run, "-", ++ids_));
  usage->set_user_id(kPeople[Below(std::size(kPeople))].id);
  reserve::ToProto(absl::Now(), usage->mutable_start_time());
  pb::Sms* sms = usage->mutable_sms();
  sms->set_direction(pb::DIRECTION_OUTBOUND);
  sms->set_destination(kPlaces[0].number);
  sms->set_carrier("att");
  sms->set_segments(static_cast<int32_t>(1 + Below(3)));
  const auto booked = Ask(*ledger_, &pb::Ledger::Stub::RecordUsage, record);
  if (!booked.ok()) return IsRefusal(booked.status()) ? absl::OkStatus() : booked.status();
  ++counts_.texts;
  Say(firm.id, absl::StrCat(usage->user_id(), " sends a text: ", Amount(booked->cost()),
                            ", balance ", Amount(booked->balance_after())));
  return absl::OkStatus();
}

absl::Status Traffic::Spend() {
  const Firm& firm = kFirms[Below(std::size(kFirms))];
  pb::RecordUsageRequest record;
  record.set_account_id(firm.id);
  pb::Usage* usage = record.mutable_usage();
  usage->set_usage_id(absl::StrCat("dear-", options_.run, "-", ++ids_));
  usage->set_user_id(kPeople[0].id);
  reserve::ToProto(absl::Now() - absl::Minutes(2), usage->mutable_start_time());
  usage->mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  usage->mutable_call()->set_destination(kDear.number);
  reserve::ToProto(absl::Seconds(50), usage->mutable_call()->mutable_duration());
  const auto booked = Ask(*ledger_, &pb::Ledger::Stub::RecordUsage, record);
  if (!booked.ok()) return IsRefusal(booked.status()) ? absl::OkStatus() : booked.status();
  ++counts_.calls;
  Say(firm.id, absl::StrCat(kPeople[0].name, " has called ", kDear.name, ": ",
                            Amount(booked->cost()), ", balance ", Amount(booked->balance_after())));
  return absl::OkStatus();
}

absl::Status Traffic::Look() {
  const Firm& firm = kFirms[Below(std::size(kFirms))];
  pb::ListUsageRequest list;
  list.set_account_id(firm.id);
  list.set_page_size(20);
  const auto page = Ask(*accounts_, &pb::Accounts::Stub::ListUsage, list);
  RESERVE_RETURN_IF_ERROR(page.status());
  pb::GetAccountRequest get;
  get.set_account_id(firm.id);
  const auto account = Ask(*accounts_, &pb::Accounts::Stub::GetAccount, get);
  RESERVE_RETURN_IF_ERROR(account.status());
  ++counts_.looks;
  Say(firm.id, absl::StrCat("somebody looks at the last calls and texts, and at the balance: ",
                            Amount(account->balance())));
  return absl::OkStatus();
}

absl::Status Traffic::NewCustomer() {
  const Card& card = kCards[Below(std::size(kCards))];
  const std::string id = absl::StrCat("walk-in-", options_.run, "-", ++ids_);
  RESERVE_RETURN_IF_ERROR(OpenFirm(id, absl::StrCat("Walk-in ", ids_), card.token));
  ++counts_.customers;
  Say(id, absl::StrCat("a new customer, with ", card.what));
  return absl::OkStatus();
}

absl::Status Traffic::Close() {
  while (!in_progress_.empty()) {
    RESERVE_RETURN_IF_ERROR(HangUp(in_progress_.begin()->first));
  }
  return absl::OkStatus();
}

}  // namespace reserve::play
