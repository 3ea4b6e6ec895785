#include "tests/chaos/caller.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/reference/reference.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"

namespace reserve::chaos {
namespace {

namespace gw = gateway::v1;
namespace pb = ledger::v1;

constexpr absl::Duration kStreamTimeout = absl::Seconds(6);
constexpr absl::Duration kLastPatience = absl::Seconds(120);
constexpr absl::Duration kMonth = absl::Hours(31 * 24);
constexpr size_t kRemembered = 200;
// How long a charge is disputed and moved on.
constexpr absl::Duration kDisputable = absl::Seconds(10);
constexpr char kNowhere[] = "+999555";
constexpr char kNobody[] = "nobody";
constexpr char kLate[] = "late";  // calls before the account is told of the user

// Cards by weight; `services/gateway_stub/card_token.h` says what each does.
struct Weighted {
  int weight;
  const char* text;
};
constexpr Weighted kCards[] = {
    {40, "tok_visa"},
    {12, "tok_lost_reply"},
    {6, "tok_late_1500"},
    {4, "tok_late_300"},
    {5, "tok_slow_1200"},
    {8, "tok_soft_then_ok_2"},
    {5, "tok_decline_after_3"},
    {5, "tok_fail_before_2"},
    {4, "tok_internal_charged"},
    {6, "tok_decline_expired_card"},
    {3, "tok_authenticationRequired"},
    // Pending for less, and for more, than it takes to look them up.
    {4, "tok_pending_300"},
    {4, "tok_pending_2500"},
    {3, "tok_pending_decline_1500"},
    // 12 of 15, and a cent.
    {4, "tok_partial_1200"},
    {3, "tok_partial_1"},
    {4, "tok_refund_fail"},
    {4, "tok_refund_fail_later_1500"},
    {3, "tok_refund_pending_1500"},
    {3, "tok_refund_pending_fail_1500"},
};

// Where calls go: cheap ones, dear ones, and one to nowhere, which has no price.
constexpr Weighted kDestinations[] = {
    {50, "+1201555"}, {10, "+4420946"}, {8, "+4930180"},
    {24, "+1876555"}, {4, "+5378555"},  {4, kNowhere},
};

template <size_t n>
const char* Pick(const Weighted (&choices)[n], uint64_t random) {
  int total = 0;
  for (const Weighted& choice : choices) total += choice.weight;
  int left = static_cast<int>(random % static_cast<uint64_t>(total));
  for (const Weighted& choice : choices) {
    left -= choice.weight;
    if (left < 0) return choice.text;
  }
  return choices[0].text;
}

// No such user ever, or a price for nowhere: booked, and UNRATED for ever (C1, U1).
bool HasNoPrice(const pb::Usage& usage) {
  const std::string& number = usage.call().destination();
  if (number == kHelp || number == "+112") return false;
  if (usage.user_id() == kNobody) return true;
  if (usage.has_sms()) return absl::StartsWith(usage.sms().destination(), kNowhere);
  return usage.call().direction() == pb::DIRECTION_OUTBOUND &&
         absl::StartsWith(usage.call().destination(), kNowhere);
}

}  // namespace

bool IsNoAnswer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return false;
    default:
      return !status.ok();
  }
}

Nanos NanosOf(const google::type::Money& money) {
  return FromProto(money, "USD", "amount").value_or(-1);
}

std::unique_ptr<grpc::ClientContext> Within(absl::Duration timeout) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  return context;
}

std::string AccountId(int number) {
  char id[24];
  std::snprintf(id, sizeof(id), "acct-%04d", number);
  return id;
}

Caller::Caller(Stage& stage, Record& record, LoadCounts& counts, const CallerOptions& options)
    : record_(record),
      counts_(counts),
      options_(options),
      random_(options.seed * 1'000'003 + static_cast<uint64_t>(options.number)) {
  ChannelOptions channel_options;
  channel_options.own_connection = true;
  channel_options.max_reconnect_backoff = absl::Milliseconds(300);
  for (size_t i = 0; i < kLedgers; ++i) {
    auto channel = MakeChannel(stage.ledger_proxy(i).address(), channel_options);
    ledgers_.emplace_back(*std::move(channel));
  }
  const auto gateway = *MakeChannel(stage.DirectTarget(stage.gateway()), channel_options);
  gateway_ = gw::PaymentGateway::NewStub(gateway);
  bank_ = gw::StubDashboard::NewStub(gateway);
  turn_ = static_cast<size_t>(options.number);
}

std::string Caller::NewId(const char* prefix) {
  char id[48];
  std::snprintf(id, sizeof(id), "%s-%lld-%d-%lld", prefix,
                static_cast<long long>(absl::ToUnixMillis(absl::Now())), options_.number,
                static_cast<long long>(++ids_));
  return id;
}

// Of every tenth account usage is rated again.
bool Caller::IsRatedAgain(const std::string& account_id) { return account_id.back() == '3'; }

std::string Caller::PickRatedAgain() {
  const auto accounts = static_cast<uint64_t>(options_.accounts);
  // The first has many users' worth of calls.
  const uint64_t number = Below(2) == 0 ? 3 : 3 + 10 * Below(std::max<uint64_t>(accounts / 10, 1));
  return AccountId(static_cast<int>(number));
}

// A few accounts get a fifth of the load.
std::string Caller::PickAccount() {
  const auto accounts = static_cast<uint64_t>(options_.accounts);
  return AccountId(
      static_cast<int>(Below(5) == 0 ? Below(std::min<uint64_t>(accounts, 5)) : Below(accounts)));
}

std::string Caller::PickCard() { return absl::StrCat(Pick(kCards, random_()), "#", NewId("card")); }

void Caller::NoteCall(const char* method, Claims claims, reserve::Moment asked,
                      const absl::Status& status) {
  history::Call call = {.who = options_.number,
                        .ledger = static_cast<int>(turn_ % ledgers_.size()),
                        .method = method,
                        .claims = std::move(claims)};
  record_.history().Note(std::move(call), asked, status);
}

void Caller::TurnAway(int tries) {
  ++counts_.retries;
  ++turn_;
  absl::SleepFor(absl::Milliseconds(10) * std::min(tries, 20));
}

bool Caller::GivesUp(absl::Time start) const {
  return counts_.giving_up || absl::Now() - start >= kLastPatience;
}

absl::Status Caller::OpenAccount(int number) {
  pb::OpenAccountRequest open;
  open.set_account_id(AccountId(number));
  open.set_card_token(PickCard());
  RESERVE_RETURN_IF_ERROR(Persist(&pb::Accounts::Stub::OpenAccount, open).status());
  if (number % 3 == 0) {
    pb::AddPaymentMethodRequest second;
    second.set_account_id(open.account_id());
    second.set_request_id("second");
    second.mutable_payment_method()->set_card_token(PickCard());
    RESERVE_RETURN_IF_ERROR(Persist(&pb::Accounts::Stub::AddPaymentMethod, second).status());
  }
  for (const char* user : {"ann", "bob"}) {
    pb::PutUserRequest put;
    put.set_account_id(open.account_id());
    put.set_user_id(user);
    put.mutable_user()->set_plan_id(user[0] == 'a' ? "per_minute" : "unlimited");
    RESERVE_RETURN_IF_ERROR(Persist(&pb::Accounts::Stub::PutUser, put).status());
  }
  return absl::OkStatus();
}

// --- Usage --------------------------------------------------------------------------

void Caller::FillUsage(pb::Usage* usage) {
  usage->set_user_id(Below(3) == 0 ? "bob" : "ann");
  const std::string destination = absl::StrCat(Pick(kDestinations, random_()), 1000 + Below(9000));
  const auto seconds = static_cast<int64_t>(Below(900));
  // Some come so late that they are of another month.
  const auto months_late = static_cast<int64_t>(Below(30) == 0 ? 1 + Below(2) : 0);
  reserve::ToProto(absl::Now() - absl::Seconds(seconds) - months_late * kMonth,
                   usage->mutable_start_time());
  if (Below(5) == 0) {
    pb::Sms* sms = usage->mutable_sms();
    sms->set_direction(pb::DIRECTION_OUTBOUND);
    sms->set_destination(destination);
    sms->set_segments(static_cast<int32_t>(1 + Below(3)));
    return;
  }
  pb::Call* call = usage->mutable_call();
  call->set_direction(Below(8) == 0 ? pb::DIRECTION_INBOUND : pb::DIRECTION_OUTBOUND);
  call->set_destination(destination);
  call->mutable_duration()->set_seconds(seconds);
  call->mutable_duration()->set_nanos(static_cast<int32_t>(Below(1'000'000)) * 1'000);
}

Caller::RecordRequest Caller::NewUsage() {
  RecordRequest request;
  request.set_account_id(PickAccount());
  request.mutable_usage()->set_usage_id(NewId("u"));
  FillUsage(request.mutable_usage());
  if (Below(100) == 0) request.mutable_usage()->set_user_id(kNobody);
  if (Below(60) == 0) request.mutable_usage()->set_user_id(kLate);
  record_.Sent(Kind::kUsage, request.usage().usage_id(), request.account_id());
  return request;
}

void Caller::NoteBooked(const RecordRequest& request, std::optional<Place> place) {
  record_.Booked(Kind::kUsage, request.usage().usage_id(), place);
  Remember(request);
}

// Nothing that was made here may be refused.
void Caller::NoteRefusal(const RecordRequest& request, absl::string_view why) {
  const pb::Usage& usage = request.usage();
  record_.Refused(Kind::kUsage, usage.usage_id());
  record_.Contradict(absl::StrCat("usage ", usage.usage_id(), " of ", request.account_id(),
                                  " was refused without a reason: ", why));
}

void Caller::NoteUsage(const RecordRequest& request,
                       const absl::StatusOr<pb::RecordUsageResponse>& got) {
  const pb::Usage& usage = request.usage();
  ++counts_.operations;
  if (got.ok()) {
    // What became of it since is told too: its cost is that of now.
    const bool may_change = usage.user_id() == kLate || got->status() == pb::USAGE_STATUS_VOIDED ||
                            (got->duplicate() && IsRatedAgain(request.account_id()));
    if (!may_change && (got->status() == pb::USAGE_STATUS_UNRATED) != HasNoPrice(usage)) {
      record_.Contradict(absl::StrCat("usage ", usage.usage_id(), " of ", request.account_id(),
                                      " is told as ", pb::UsageStatus_Name(got->status())));
    }
    NoteBooked(request,
               may_change ? std::nullopt : std::optional(Place{got->seq(), -NanosOf(got->cost())}));
  } else if (IsNoAnswer(got.status())) {
    --counts_.operations;
    record_.NotAnswered(Kind::kUsage, usage.usage_id(), got.status().ToString());
  } else {
    NoteRefusal(request, got.status().ToString());
  }
}

void Caller::NoteVoid(const std::string& account_id, const std::string& usage_id,
                      const pb::VoidUsageResponse& voided) {
  record_.Sent(Kind::kVoid, usage_id, account_id);
  record_.Booked(Kind::kVoid, usage_id, Place{voided.seq(), NanosOf(voided.returned())});
}

void Caller::TakeBack() {
  if (booked_.empty()) return RecordOne();
  const RecordRequest old = booked_[Below(booked_.size())];
  if (Below(2) == 0) return Correct(old);
  pb::VoidUsageRequest request;
  request.set_account_id(old.account_id());
  request.set_usage_id(old.usage().usage_id());
  request.set_reason("chaos");
  record_.Sent(Kind::kVoid, request.usage_id(), request.account_id());
  const auto got = Persist(&pb::Ledger::Stub::VoidUsage, request);
  if (got.ok()) {
    ++counts_.operations;
    NoteVoid(request.account_id(), request.usage_id(), *got);
  } else if (IsNoAnswer(got.status())) {
    record_.NotAnswered(Kind::kVoid, request.usage_id(), got.status().ToString());
  } else {
    record_.Refused(Kind::kVoid, request.usage_id());
    record_.Contradict(absl::StrCat("void of ", request.usage_id(), " of ", request.account_id(),
                                    " was refused: ", got.status().ToString()));
  }
}

void Caller::Correct(const RecordRequest& old) {
  RecordRequest right;
  right.set_account_id(old.account_id());
  right.mutable_usage()->set_usage_id(NewId("u"));
  FillUsage(right.mutable_usage());
  record_.Sent(Kind::kUsage, right.usage().usage_id(), right.account_id());
  pb::CorrectUsageRequest request;
  request.set_account_id(old.account_id());
  request.set_usage_id(old.usage().usage_id());
  *request.mutable_usage() = right.usage();
  request.set_reason("chaos");
  request.set_may_recharge(Below(2) == 0);
  const auto got = Persist(&pb::Ledger::Stub::CorrectUsage, request);
  if (!got.ok()) return NoteUsage(right, got.status());
  NoteUsage(right, got->usage());
  if (got->has_voided()) NoteVoid(old.account_id(), old.usage().usage_id(), got->voided());
}

void Caller::RateAgain() {
  pb::RerateUsageRequest request;
  request.set_account_id(PickRatedAgain());
  request.set_request_id(NewId("again"));
  request.set_reason("chaos");
  request.set_include_unrated(Below(2) == 0);
  if (Below(4) > 0) request.set_own_decks(true);
  record_.Sent(Kind::kRerating, request.request_id(), request.account_id());
  const absl::Time start = absl::Now();
  absl::Status status;
  for (int tries = 1; !GivesUp(start); ++tries) {
    const auto context = Within(kStreamTimeout);
    const reserve::Moment asked = MonotonicNow();
    const auto reader = stub<pb::Rates::Stub>().RerateUsage(context.get(), request);
    pb::RerateUsageResponse response;
    bool done = false;
    while (reader->Read(&response)) {
      done = response.rerating().state() == pb::RERATING_STATE_DONE;
    }
    status = FromGrpcStatus(reader->Finish());
    NoteCall("RerateUsage", {}, asked, status);
    if (done) {
      ++counts_.operations;
      return record_.Booked(Kind::kRerating, request.request_id(), std::nullopt);
    }
    if (!status.ok() && !IsNoAnswer(status)) {
      record_.Refused(Kind::kRerating, request.request_id());
      return record_.Contradict(absl::StrCat("rerating ", request.request_id(), " of ",
                                             request.account_id(),
                                             " was refused: ", status.ToString()));
    }
    TurnAway(tries);
  }
  record_.NotAnswered(Kind::kRerating, request.request_id(), status.ToString());
}

void Caller::ComeLate() {
  pb::PutUserRequest put;
  put.set_account_id(PickAccount());
  put.set_user_id(kLate);
  if (Persist(&pb::Accounts::Stub::PutUser, put).ok()) ++counts_.operations;
}

void Caller::Remember(const RecordRequest& request) {
  booked_.push_back(request);
  if (booked_.size() > kRemembered) booked_.pop_front();
}

void Caller::RecordOne() {
  const uint64_t dice = Below(20);
  if (dice > 1 || booked_.empty()) {
    const RecordRequest request = NewUsage();
    NoteUsage(request, Persist(&pb::Ledger::Stub::RecordUsage, request));
    return;
  }
  RecordRequest request = booked_[Below(booked_.size())];
  const std::string id = request.usage().usage_id();
  if (dice == 0) {
    NoteUsage(request, Persist(&pb::Ledger::Stub::RecordUsage, request));
    return;
  }
  // U2: another content under a known id.
  request.mutable_usage()->mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
  request.mutable_usage()->mutable_call()->set_destination("+120155512345");
  request.mutable_usage()->mutable_call()->mutable_duration()->set_seconds(86'399);
  const auto got = Persist(&pb::Ledger::Stub::RecordUsage, request);
  if (got.status().code() != absl::StatusCode::kAlreadyExists && !IsNoAnswer(got.status())) {
    record_.Contradict(absl::StrCat("usage ", id, " of ", request.account_id(),
                                    ": other content was answered ", got.status().ToString()));
  }
  ++counts_.operations;
}

void Caller::NoteResult(const RecordRequest& request, const pb::RecordUsageResult& result,
                        std::vector<RecordRequest>* again) {
  if (result.has_response()) {
    NoteUsage(request, result.response());
    return;
  }
  const absl::Status status = FromProtoStatus(result.error());
  NoteUsage(request, status);
  if (IsNoAnswer(status)) again->push_back(request);
}

void Caller::RecordBatch(int size) {
  std::vector<RecordRequest> pending;
  for (int i = 0; i < size; ++i) pending.push_back(NewUsage());
  if (Below(4) == 0) pending.push_back(pending.front());
  const absl::Time start = absl::Now();
  for (int tries = 1; !pending.empty(); ++tries) {
    pb::BatchRecordUsageRequest batch;
    for (const RecordRequest& request : pending) *batch.add_requests() = request;
    const auto got = Persist(&pb::Ledger::Stub::BatchRecordUsage, batch);
    if (!got.ok()) {
      for (const RecordRequest& request : pending) NoteUsage(request, got.status());
      return;
    }
    std::vector<RecordRequest> again;
    for (size_t i = 0; i < pending.size(); ++i) {
      NoteResult(pending[i], got->results(static_cast<int>(i)), &again);
    }
    pending = std::move(again);
    if (GivesUp(start)) return;  // they stay pending in the record
    if (!pending.empty()) TurnAway(tries);
  }
}

void Caller::NoteStreamed(const std::vector<RecordRequest>& pending,
                          const std::vector<bool>& refused, int64_t from, int64_t to,
                          reserve::Moment asked) {
  Claims claims;
  for (auto i = static_cast<size_t>(from); i < static_cast<size_t>(to); ++i) {
    claims.push_back(
        StreamedClaim(pending[i], refused[i] ? history::What::kRefused : history::What::kDone));
  }
  NoteCall("StreamUsage", std::move(claims), asked, absl::OkStatus());
}

void Caller::StreamOnce(std::vector<RecordRequest>* pending) {
  const auto context = Within(kStreamTimeout);
  const reserve::Moment asked = MonotonicNow();
  const auto stream = stub<pb::Ledger::Stub>().StreamUsage(context.get());
  pb::StreamUsageRequest message;
  for (const RecordRequest& request : *pending) {
    message.set_sequence(message.sequence() + 1);
    *message.mutable_request() = request;
    if (!stream->Write(message)) break;
  }
  stream->WritesDone();
  std::vector<bool> refused(pending->size());
  int64_t decided = 0;
  pb::StreamUsageResponse response;
  while (stream->Read(&response)) {
    const int64_t before = decided;
    decided = std::min(response.acknowledged_sequence(), static_cast<int64_t>(pending->size()));
    for (const pb::StreamUsageRefusal& refusal : response.refusals()) {
      refused[static_cast<size_t>(refusal.sequence() - 1)] = true;
    }
    NoteStreamed(*pending, refused, before, decided, asked);
  }
  const absl::Status end = FromGrpcStatus(stream->Finish());
  if (end.code() == absl::StatusCode::kInternal || end.code() == absl::StatusCode::kUnknown) {
    ++counts_.failures;
  }
  for (size_t i = 0; i < static_cast<size_t>(decided); ++i) {
    if (refused[i]) {
      NoteRefusal((*pending)[i], "on a stream");
    } else {
      NoteBooked((*pending)[i], std::nullopt);
    }
  }
  counts_.operations += decided;
  pending->erase(pending->begin(), pending->begin() + static_cast<std::ptrdiff_t>(decided));
  Claims unknown;
  for (const RecordRequest& request : *pending) {
    record_.NotAnswered(Kind::kUsage, request.usage().usage_id(), end.ToString());
    unknown.push_back(StreamedClaim(request, history::What::kUnknown));
  }
  if (!unknown.empty()) NoteCall("StreamUsage", std::move(unknown), asked, end);
}

void Caller::RecordStream(int size) {
  std::vector<RecordRequest> pending;
  for (int i = 0; i < size; ++i) pending.push_back(NewUsage());
  const absl::Time start = absl::Now();
  for (int tries = 1; !GivesUp(start); ++tries) {
    StreamOnce(&pending);
    if (pending.empty()) return;
    TurnAway(tries);
  }
}

// --- Money and cards ------------------------------------------------------------------

void Caller::Adjust() {
  pb::AdjustBalanceRequest request;
  request.set_account_id(PickAccount());
  request.set_request_id(NewId("adj"));
  request.set_reason("chaos");
  const Nanos amount = (static_cast<Nanos>(Below(900)) + 1 - 400) * kNanosPerCent;
  reserve::ToProto(amount == 0 ? 1 : amount, "USD", request.mutable_amount());
  record_.Sent(Kind::kAdjustment, request.request_id(), request.account_id());
  const auto got = Persist(&pb::Support::Stub::AdjustBalance, request);
  ++counts_.operations;
  if (got.ok()) {
    record_.Booked(Kind::kAdjustment, request.request_id(),
                   Place{got->seq(), NanosOf(got->amount())});
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kAdjustment, request.request_id());
  } else {
    record_.NotAnswered(Kind::kAdjustment, request.request_id(), got.status().ToString());
  }
}

void Caller::Grant() {
  pb::GrantCreditRequest request;
  request.set_account_id(PickAccount());
  request.set_request_id(NewId("grant"));
  reserve::ToProto(static_cast<Nanos>(1 + Below(400)) * kNanosPerCent, "USD",
                   request.mutable_amount());
  // Some end while it is still being called.
  const absl::Time end = absl::Now() + absl::Seconds(static_cast<int64_t>(20 + Below(120)));
  reserve::ToProto(absl::FromUnixSeconds(absl::ToUnixSeconds(end)), request.mutable_expire_time());
  request.set_reason("chaos");
  record_.Sent(Kind::kGrant, request.request_id(), request.account_id());
  const auto got = Persist(&pb::Support::Stub::GrantCredit, request);
  ++counts_.operations;
  if (got.ok()) {
    record_.Booked(Kind::kGrant, request.request_id(), Place{got->seq(), NanosOf(got->amount())});
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kGrant, request.request_id());
  } else {
    record_.NotAnswered(Kind::kGrant, request.request_id(), got.status().ToString());
  }
}

void Caller::TopUp() {
  pb::RequestRechargeRequest request;
  request.set_account_id(PickAccount());
  request.set_request_id(NewId("top"));
  reserve::ToProto(static_cast<Nanos>(500 + Below(3000)) * kNanosPerCent, "USD",
                   request.mutable_amount());
  record_.Sent(Kind::kTopUp, request.request_id(), request.account_id());
  bool unknown = false;
  const auto got = Persist(&pb::Accounts::Stub::RequestRecharge, request, &unknown);
  ++counts_.operations;
  if (got.ok()) {
    record_.Booked(Kind::kTopUp, request.request_id(),
                   Place{got->ordinal(), NanosOf(got->amount())});
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kTopUp, request.request_id(), unknown ? Fate::kEither : Fate::kRefused);
  } else {
    record_.NotAnswered(Kind::kTopUp, request.request_id(), got.status().ToString());
  }
}

void Caller::Refund() {
  pb::RefundRechargeRequest request;
  request.set_account_id(PickAccount());
  request.set_request_id(NewId("back"));
  request.set_ordinal(1);
  request.set_reason("chaos");
  request.set_allow_debt(true);
  reserve::ToProto(static_cast<Nanos>(1 + Below(200)) * kNanosPerCent, "USD",
                   request.mutable_amount());
  record_.Sent(Kind::kRefund, request.request_id(), request.account_id());
  bool unknown = false;
  const auto got = Persist(&pb::Support::Stub::RefundRecharge, request, &unknown);
  ++counts_.operations;
  if (got.ok()) {
    record_.Booked(Kind::kRefund, request.request_id(),
                   Place{got->ordinal(), NanosOf(got->amount())});
    SwitchOn(request.account_id());
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kRefund, request.request_id(), unknown ? Fate::kEither : Fate::kRefused);
  } else {
    record_.NotAnswered(Kind::kRefund, request.request_id(), got.status().ToString());
  }
}

std::string Caller::NewestCharge(const std::string& account_id) {
  pb::ListRechargesRequest request;
  request.set_account_id(account_id);
  request.set_page_size(5);
  const auto page = Persist(&pb::Accounts::Stub::ListRecharges, request);
  if (!page.ok()) return "";
  for (const pb::Recharge& recharge : page->recharges()) {
    if (recharge.state() == pb::RECHARGE_STATE_SUCCEEDED) return recharge.charge_id();
  }
  return "";
}

void Caller::Pay() {
  pb::RecordPaymentRequest request;
  request.set_account_id(PickAccount());
  request.set_request_id(NewId("pay"));
  request.set_means(pb::PAYMENT_MEANS_BANK_TRANSFER);
  request.set_reason("chaos");
  request.set_reference("transfer");
  reserve::ToProto(static_cast<Nanos>(1 + Below(1500)) * kNanosPerCent, "USD",
                   request.mutable_amount());
  if (Below(4) == 0) request.set_charge_id(NewestCharge(request.account_id()));
  const bool credited = !request.charge_id().empty();
  if (!credited) record_.Sent(Kind::kPayment, request.request_id(), request.account_id());
  const auto got = Persist(&pb::Support::Stub::RecordPayment, request);
  ++counts_.operations;
  if (credited) {
    if (got.ok() && !got->already_credited()) {
      record_.Contradict(absl::StrCat("charge ", request.charge_id(), " of ", request.account_id(),
                                      " is credited again, as payment ", request.request_id()));
    }
  } else if (got.ok()) {
    record_.Booked(Kind::kPayment, request.request_id(),
                   Place{got->entry().seq(), NanosOf(got->entry().amount())});
    if (Below(3) == 0) ReversePayment(request.account_id(), got->payment().ordinal());
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kPayment, request.request_id());
  } else {
    record_.NotAnswered(Kind::kPayment, request.request_id(), got.status().ToString());
  }
}

void Caller::ReversePayment(const std::string& account_id, int64_t ordinal) {
  pb::ReversePaymentRequest request;
  request.set_account_id(account_id);
  request.set_request_id(NewId("bounce"));
  request.set_ordinal(ordinal);
  request.set_reason("chaos");
  record_.Sent(Kind::kReversal, request.request_id(), account_id);
  const auto got = Persist(&pb::Support::Stub::ReversePayment, request);
  ++counts_.operations;
  if (got.ok()) {
    record_.Booked(Kind::kReversal, request.request_id(), std::nullopt);
    SwitchOn(account_id);
  } else if (!IsNoAnswer(got.status())) {
    record_.Refused(Kind::kReversal, request.request_id());
  } else {
    record_.NotAnswered(Kind::kReversal, request.request_id(), got.status().ToString());
  }
}

Caller::RecordRequest Caller::NewUsageOf(const std::string& account_id) {
  RecordRequest request;
  request.set_account_id(account_id);
  request.mutable_usage()->set_usage_id(NewId("u"));
  do {
    FillUsage(request.mutable_usage());
    request.mutable_usage()->set_user_id("ann");
  } while (HasNoPrice(request.usage()));
  record_.Sent(Kind::kUsage, request.usage().usage_id(), account_id);
  return request;
}

void Caller::ComeAndLeave() {
  pb::OpenAccountRequest open;
  open.set_account_id(NewId("leaves"));
  open.set_card_token(PickCard());
  pb::PutUserRequest put;
  put.set_account_id(open.account_id());
  put.set_user_id("ann");
  if (!Persist(&pb::Accounts::Stub::OpenAccount, open).ok() ||
      !Persist(&pb::Accounts::Stub::PutUser, put).ok()) {
    return;
  }
  absl::SleepFor(absl::Milliseconds(Below(500)));
  for (uint64_t calls = Below(4); calls > 0; --calls) {
    const RecordRequest request = NewUsageOf(open.account_id());
    NoteUsage(request, Persist(&pb::Ledger::Stub::RecordUsage, request));
  }
  if (Below(2) == 0) {
    pb::RequestRechargeRequest top_up;
    top_up.set_account_id(open.account_id());
    top_up.set_request_id(NewId("top"));
    top_up.mutable_amount()->set_units(static_cast<int64_t>(5 + Below(30)));
    record_.Sent(Kind::kTopUp, top_up.request_id(), top_up.account_id());
    const auto got = Persist(&pb::Accounts::Stub::RequestRecharge, top_up);
    // Whatever was answered before: it is there once, or not at all.
    record_.Refused(Kind::kTopUp, top_up.request_id(), Fate::kEither);
    if (got.ok()) absl::SleepFor(absl::Milliseconds(Below(1'000)));
  }
  pb::CloseAccountRequest close;
  close.set_account_id(open.account_id());
  close.set_request_id(NewId("close"));
  close.set_reason("chaos");
  for (uint64_t times = 1 + Below(2); times > 0; --times) {
    const auto got = Persist(&pb::Support::Stub::CloseAccount, close);
    if (got.ok()) {
      ++counts_.operations;
    } else if (!IsNoAnswer(got.status())) {
      record_.Contradict(absl::StrCat("the closing of ", close.account_id(),
                                      " was refused: ", got.status().ToString()));
    }
  }
  const RecordRequest late = NewUsageOf(open.account_id());
  const auto got = Persist(&pb::Ledger::Stub::RecordUsage, late);
  if (ReasonOf(got.status()) == "USAGE_AFTER_CLOSING") {
    record_.Refused(Kind::kUsage, late.usage().usage_id());
  } else {
    NoteUsage(late, got);
  }
}

void Caller::Switch() {
  pb::UpdateBillingSettingsRequest request;
  request.set_account_id(PickAccount());
  for (const bool on : {false, true}) {
    request.mutable_billing_settings()->set_automatic_recharge(on);
    if (Persist(&pb::Accounts::Stub::UpdateBillingSettings, request).ok()) ++counts_.operations;
    if (!on) absl::SleepFor(absl::Milliseconds(500));
  }
}

void Caller::SwitchOn(const std::string& account_id) {
  pb::UpdateBillingSettingsRequest request;
  request.set_account_id(account_id);
  request.mutable_billing_settings()->set_automatic_recharge(true);
  if (Persist(&pb::Accounts::Stub::UpdateBillingSettings, request).ok()) ++counts_.operations;
}

void Caller::GiveCard(const std::string& account_id, const std::string& card_token) {
  pb::UpdatePaymentMethodRequest request;
  request.set_account_id(account_id);
  request.mutable_payment_method()->set_card_token(card_token);
  if (Persist(&pb::Accounts::Stub::UpdatePaymentMethod, request).ok()) ++counts_.operations;
}

void Caller::ChangeCard() { GiveCard(PickAccount(), PickCard()); }

// --- Disputes -------------------------------------------------------------------------

std::optional<gw::Charge> Caller::PickCharge() {
  gw::ListChargesRequest request;
  request.set_page_size(1000);
  reserve::ToProto(absl::Now() - kDisputable, request.mutable_start_time());
  const auto page = AskGateway(*gateway_, &gw::PaymentGateway::Stub::ListCharges, request);
  if (!page.ok()) return std::nullopt;
  std::vector<const gw::Charge*> whole;
  std::vector<const gw::Charge*> disputed;
  for (const gw::Charge& charge : page->charges()) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    if (charge.disputes_size() == 0) {
      whole.push_back(&charge);
    } else if (charge.disputes(0).state() == gw::DISPUTE_STATE_INQUIRY ||
               charge.disputes(0).state() == gw::DISPUTE_STATE_OPENED) {
      disputed.push_back(&charge);
    }
  }
  const std::vector<const gw::Charge*>& choices = Below(3) == 0 ? disputed : whole;
  if (choices.empty()) return std::nullopt;
  return *choices[Below(choices.size())];
}

absl::StatusOr<gw::Dispute> Caller::AtTheBank(const gw::Charge& charge) {
  if (charge.disputes_size() == 0) {
    gw::OpenDisputeRequest open;
    open.set_charge_id(charge.charge_id());
    open.set_inquiry(Below(5) == 0);
    open.set_reason("chaos");
    return AskGateway(*bank_, &gw::StubDashboard::Stub::OpenDispute, open);
  }
  gw::MoveDisputeRequest move;
  move.set_dispute_id(charge.disputes(0).dispute_id());
  move.set_state(Below(2) == 0 ? gw::DISPUTE_STATE_WON
                 : charge.disputes(0).state() == gw::DISPUTE_STATE_INQUIRY
                     ? gw::DISPUTE_STATE_OPENED
                     : gw::DISPUTE_STATE_LOST);
  return AskGateway(*bank_, &gw::StubDashboard::Stub::MoveDispute, move);
}

void Caller::Dispute() {
  const std::optional<gw::Charge> charge = PickCharge();
  if (!charge.has_value()) return;
  const absl::StatusOr<gw::Dispute> dispute = AtTheBank(*charge);
  const std::optional<Reference> name = ParseReference(charge->reference());
  if (!dispute.ok() || !name.has_value()) return;
  TellOf(*charge, *dispute);
  if (dispute->state() != gw::DISPUTE_STATE_OPENED) return;
  SwitchOn(name->account_id);
  if (Below(2) == 0) GiveCard(name->account_id, charge->card_token());
  absl::SleepFor(absl::Milliseconds(50));
  GiveCard(name->account_id, PickCard());
}

}  // namespace reserve::chaos
