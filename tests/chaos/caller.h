// One caller of the ledgers: makes requests up, and sends each until it is answered.
// Belongs to one thread.
//
//   Caller caller(stage, record, counts, {.accounts = 200, .number = 1, .seed = 1});
//   caller.RecordOne();
#ifndef RESERVE_TESTS_CHAOS_CALLER_H_
#define RESERVE_TESTS_CHAOS_CALLER_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "tests/chaos/claims.h"
#include "tests/chaos/load.h"
#include "tests/chaos/record.h"
#include "tests/support/ledger_stubs.h"

namespace reserve::chaos {

inline constexpr absl::Duration kCallTimeout = absl::Seconds(3);

// An emergency number of every account (C10).
inline constexpr char kHelp[] = "911";

std::string AccountId(int number);

// May the same request end otherwise if it is sent again?
bool IsNoAnswer(const absl::Status& status);
Nanos NanosOf(const google::type::Money& money);
std::unique_ptr<grpc::ClientContext> Within(absl::Duration timeout);

struct CallerOptions {
  int accounts = 200;
  int number = 0;
  uint64_t seed = 1;
};

class Caller {
 public:
  Caller(Stage& stage, Record& record, LoadCounts& counts, const CallerOptions& options);

  absl::Status OpenAccount(int number);

  // Books one usage; now and then an old one again, or an old id with other content.
  void RecordOne();
  // Books some by BatchRecordUsage, now and then one of them twice.
  void RecordBatch(int size);
  // Books some by StreamUsage.
  void RecordStream(int size);
  // Books one usage at a ledger, and reads of it and of its account at the other, as people and
  // programs do (looks.cc).
  void LookBack();
  // Reads all entries of an account, for the history. False if no ledger answered.
  bool ListAll(const std::string& account_id);
  // Takes a usage back, or books another in its place.
  void TakeBack();
  // Has what an account used rated again, mostly by its own decks: what a void gave back goes to
  // calls that were paid for since.
  void RateAgain();
  // Tells an account of a user who has called before.
  void ComeLate();
  void Adjust();
  void TopUp();
  // Promotional credit that ends soon.
  void Grant();
  // Has a little of the first charge given back. The customer then switches automatic recharging
  // on again, which the refund may have suspended.
  void Refund();
  // Money comes by bank, and some of it bounces; or, now and then, a charge that a worker made is
  // taken for a payment.
  void Pay();
  void ChangeCard();
  // A bank takes a charge of late back, or goes on with what it took, and the gateway's webhook
  // tells of it. The customer then switches automatic recharging on again, which that has
  // suspended, confirms the disputed card now and then, and gives another one.
  void Dispute();
  // Tells what became of pending charges and of refunds in the last seconds, as webhooks do: of
  // some of it.
  void TellOfNews();
  // Tells of all refunds and disputes once more, as a reconciliation does: of what a webhook got
  // lost. False if the gateway did not answer.
  bool TellOfAll();
  // Waits until no charge and no refund is pending at the gateway, and each refund that is to fail
  // later has. False if some still are.
  bool AwaitDecisions(absl::Duration patience);
  // A customer comes, calls, tops up, and leaves: the account is closed, now and then asked for
  // twice, and a record of it comes late (P4).
  void ComeAndLeave();
  // Somebody calls for help, and asks before: an account's user, a stranger, of no account at all.
  void CallForHelp();
  // The customer switches automatic recharging off, and on again after a while.
  void Switch();
  // A customer whose calls share a reserve that nothing else touches: several begin together, are
  // extended, and end by their CDRs, late ones too, or are left to the ledger (H1 to H12).
  void CallTogether();
  // Spends up to a limit, and goes on once that is lifted (limits.cc).
  void ReachTheLimit();
  // The switch starts anew: what it left is released, and the CDRs that it still has are sent.
  void StartSwitchAnew();
  // No CDR comes any more.
  void LeaveTheRest();

 private:
  // A call in progress, as its switch knows it.
  struct HeldCall {
    ledger::v1::Hold hold;
    int64_t used = 0;  // seconds
  };
  // One whose CDR the switch has not sent.
  struct LeftCall {
    ledger::v1::RecordUsageRequest cdr;
    absl::Time since;
  };
  using RecordRequest = ledger::v1::RecordUsageRequest;

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string NewId(const char* prefix);
  std::string PickAccount();
  std::string PickCard();
  static bool IsRatedAgain(const std::string& account_id);
  std::string PickRatedAgain();
  RecordRequest NewUsage();
  // By one who is there, to where there is a price.
  RecordRequest NewUsageOf(const std::string& account_id);
  void FillUsage(ledger::v1::Usage* usage);
  void ReversePayment(const std::string& account_id, int64_t ordinal);
  // The gateway's charge of the newest recharge that succeeded; empty if there is none.
  std::string NewestCharge(const std::string& account_id);
  void SwitchOn(const std::string& account_id);
  // At the ledger whose turn it is.
  template <typename Stub>
  Stub& stub() {
    return ledgers_[turn_ % ledgers_.size()].of<Stub>();
  }
  // After a request without an answer: pauses, and turns to the other ledger.
  void TurnAway(int tries);
  // Is what was first sent at `start` not to be sent again?
  bool GivesUp(absl::Time start) const;

  // Sends until there is an answer; `unknown` says whether an earlier one may have been
  // applied. DEADLINE_EXCEEDED if there was none for very long.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Persist(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                                   const Request& request, bool* unknown = nullptr);
  // Writes a call to the ledger whose turn it is into the history.
  void NoteCall(const char* method, Claims claims, reserve::Moment asked,
                const absl::Status& status);
  template <typename Request, typename Response>
  void NoteCall(const Request& request, const Response& response, reserve::Moment asked,
                const absl::Status& status);
  // How long the caller has waited, if it is about one account.
  template <typename Request>
  void NoteWait(const Request& request, reserve::Moment first_asked, reserve::Moment asked,
                const absl::Status& status);
  void NoteUsage(const RecordRequest& request,
                 const absl::StatusOr<ledger::v1::RecordUsageResponse>& got);
  void NoteBooked(const RecordRequest& request, std::optional<Place> place);
  void NoteVoid(const std::string& account_id, const std::string& usage_id,
                const ledger::v1::VoidUsageResponse& voided);
  void Correct(const RecordRequest& old);
  void NoteRefusal(const RecordRequest& request, absl::string_view why);
  void NoteResult(const RecordRequest& request, const ledger::v1::RecordUsageResult& result,
                  std::vector<RecordRequest>* again);
  // One stream over `pending`; what was not decided stays there.
  void StreamOnce(std::vector<RecordRequest>* pending);
  // A part of a stream that was decided together.
  void NoteStreamed(const std::vector<RecordRequest>& pending, const std::vector<bool>& refused,
                    int64_t from, int64_t to, reserve::Moment asked);
  void Remember(const RecordRequest& request);
  // One try at the gateway, past the proxies.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> AskGateway(Stub& stub,
                                      grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                      const Request& request);
  // A charge that was decided within the last seconds and can be disputed, or is.
  std::optional<gateway::v1::Charge> PickCharge();
  absl::StatusOr<gateway::v1::Dispute> AtTheBank(const gateway::v1::Charge& charge);
  // The charges that changed since then, or all; an error if the gateway does not answer.
  absl::StatusOr<std::vector<gateway::v1::Charge>> ChargesSince(absl::Time since);
  void TellOf(const gateway::v1::Charge& charge, const gateway::v1::Dispute& dispute);
  void TellOf(const gateway::v1::Charge& charge, const gateway::v1::Refund& refund);
  // That it succeeded.
  void TellOf(const gateway::v1::Charge& charge);
  void GiveCard(const std::string& account_id, const std::string& card_token);
  // An account with a reserve and no automatic recharging; empty if it did not come to be.
  std::string OpenForCalls();
  // An account that may spend $8.00 a day; empty if that was not to be had.
  std::string OpenLimited();
  // A call of $5.50 that began so long ago.
  bool BookDear(const std::string& account_id, const std::string& usage_id, absl::Duration ago);
  bool ExpectLimit(const std::string& account_id, bool reached);
  // One way to look at an account, of which this was booked last.
  void LookAt(const RecordRequest& request, const ledger::v1::RecordUsageResponse& booked);
  void LookForUsage(const std::string& account_id, const std::string& usage_id);
  std::optional<HeldCall> BeginCall(const std::string& account_id);
  // False where the ledger did not answer.
  bool ExtendCall(HeldCall* call);
  void EndCall(const HeldCall& call);
  // Asks until a ledger answers, which must be with help (C10); nothing if it was not, or nobody
  // did.
  template <typename Request, typename Response>
  std::optional<Response> AskForHelp(grpc::Status (ledger::v1::Ledger::Stub::*method)(
                                         grpc::ClientContext*, const Request&, Response*),
                                     const Request& request);
  void ExpectHelp(const std::string& account_id,
                  const ledger::v1::AuthorizeUsageResponse& authorization);
  // H1: what is held for the calls of an account that has had nothing else.
  void CheckPromises(const std::vector<HeldCall>& calls);

  Record& record_;
  LoadCounts& counts_;
  const CallerOptions options_;
  std::mt19937_64 random_;
  std::vector<test_support::LedgerStubs> ledgers_;
  std::unique_ptr<gateway::v1::PaymentGateway::Stub> gateway_;
  std::unique_ptr<gateway::v1::StubDashboard::Stub> bank_;
  size_t turn_ = 0;
  int64_t ids_ = 0;
  std::deque<RecordRequest> booked_;  // some of the latest
  std::vector<LeftCall> left_;        // calls whose CDRs were not sent
  int64_t incarnation_ = 1;           // of the switch that it is
};

template <typename Request, typename Response>
void Caller::NoteCall(const Request& request, const Response& response, reserve::Moment asked,
                      const absl::Status& status) {
  Claims claims;
  AddClaims(request, response, OutcomeOf(status), &claims);
  const std::string method(absl::StripSuffix(Request::descriptor()->name(), "Request"));
  NoteCall(method.c_str(), std::move(claims), asked, status);
}

template <typename Request>
void Caller::NoteWait(const Request& request, reserve::Moment first_asked, reserve::Moment asked,
                      const absl::Status& status) {
  if constexpr (requires { absl::string_view(request.account_id()); }) {
    if (IsNoAnswer(status)) {
      counts_.waits.NoteFailure(request.account_id(), asked);
    } else {
      counts_.waits.NoteAnswer(request.account_id(), first_asked);
    }
  }
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Caller::Persist(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                                         const Request& request, bool* unknown) {
  const absl::Time start = absl::Now();
  const reserve::Moment first_asked = MonotonicNow();
  for (int tries = 1;; ++tries) {
    Response response;
    const auto context = Within(kCallTimeout);
    const reserve::Moment asked = MonotonicNow();
    const absl::Status status =
        FromGrpcStatus((stub<Stub>().*method)(context.get(), request, &response));
    NoteCall(request, response, asked, status);
    NoteWait(request, first_asked, asked, status);
    if (status.ok()) return response;
    if (!IsNoAnswer(status)) return status;
    if (status.code() == absl::StatusCode::kInternal ||
        status.code() == absl::StatusCode::kUnknown) {
      ++counts_.failures;
    }
    if (unknown != nullptr) *unknown = true;
    if (GivesUp(start)) return absl::DeadlineExceededError(status.ToString());
    TurnAway(tries);
  }
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Caller::AskGateway(Stub& stub,
                                            grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                                            const Request& request) {
  Response response;
  const auto context = Within(kCallTimeout);
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus((stub.*method)(context.get(), request, &response)));
  return response;
}

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_CALLER_H_
