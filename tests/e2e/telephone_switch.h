// A telephone switch that behaves like one, for tests: it plays calls against ledgers by their
// public RPCs, and goes by their answers alone: `granted`, `expire_time`, `final`.
//
// It has a clock of its own, which begins a day ago and passes only when it is told to. So a call
// of two hours is played in a second: the switch reports the seconds and the times of its own
// clock. Holds expire by the ledger's. A ledger that is away is asked again, with the same request.
// Not thread-safe.
//
//   TelephoneSwitch pbx({ledger_channel}, {.switch_id = "pbx-1"});
//   pbx.Dial({"acme", "ann", "+12464301234", "call-1"});
//   pbx.Answer("call-1");
//   pbx.Pass(absl::Hours(2));  // extends the hold on the way; cuts the call where it must
//   pbx.HangUp("call-1");
#ifndef RESERVE_TESTS_E2E_TELEPHONE_SWITCH_H_
#define RESERVE_TESTS_E2E_TELEPHONE_SWITCH_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"

namespace reserve::e2e {

// What becomes of the extensions on their way.
enum class Line : uint8_t {
  kGood,
  kDoubles,   // each comes twice
  kLoses,     // every other one does not come; the switch then sends a new one
  kReorders,  // each comes once more, after the next one
};

struct SwitchOptions {
  std::string switch_id = "pbx";
  int64_t incarnation = 1;
  Line line = Line::kGood;
  // 0: the ledger's own.
  absl::Duration slice = absl::ZeroDuration();
  // It asks for more so long before what is granted is used up.
  absl::Duration margin = absl::Seconds(10);
  // A call that must end for want of money waits so long, of real time, whether money comes.
  absl::Duration wait_for_money = absl::ZeroDuration();
};

// Whom somebody calls. The call's id is that of its hold, and of its usage.
struct CallTo {
  std::string account_id;
  std::string user_id;
  std::string destination;
  std::string call_id;
};

// A call as the switch knows it. Times are those of the switch's clock.
struct PhoneCall {
  CallTo to;
  ledger::v1::AuthorizationDecision decision;
  ledger::v1::Hold hold;  // as last answered; empty of an emergency call
  int32_t extension = 0;  // the number of the last one
  absl::Time answer_time = absl::InfiniteFuture();
  absl::Time next_time = absl::InfiniteFuture();  // when it is to be extended, or cut
  absl::Duration talked;
  int times_without_money = 0;  // it was told to end for want of money, and then had some
  bool cut = false;             // what was granted was used up
  bool over = false;
  ledger::v1::RecordUsageResponse booked;  // what the ledger answered to the CDR

  bool answered() const { return answer_time != absl::InfiniteFuture(); }
};

// A connection of its own to a ledger.
std::shared_ptr<grpc::Channel> WireTo(const std::string& ledger_address);

class TelephoneSwitch {
 public:
  // Messages go to the ledgers in turn.
  TelephoneSwitch(const std::vector<std::shared_ptr<grpc::Channel>>& ledgers,
                  SwitchOptions options);
  TelephoneSwitch(const TelephoneSwitch&) = delete;
  TelephoneSwitch& operator=(const TelephoneSwitch&) = delete;

  // Asks whether the call may begin, and has it ring if so.
  absl::StatusOr<ledger::v1::AuthorizationDecision> Dial(const CallTo& to);
  absl::Status Answer(const std::string& call_id);
  // Time passes, for all calls: each is extended before what it was granted is used up, and cut,
  // with its CDR, once nothing follows that.
  absl::Status Pass(absl::Duration duration);
  // Time passes, and it does nothing: no extension is sent, no call is cut.
  void Hang(absl::Duration duration);
  // The call is over: the CDR books it and frees what is set aside. One that was not answered is
  // released.
  absl::Status HangUp(const std::string& call_id);
  // The call is over, and its CDR comes later.
  absl::Status HangUpWithoutCdr(const std::string& call_id);
  absl::Status SendCdr(PhoneCall& call);
  // Sends one extension now.
  absl::Status Extend(const std::string& call_id);

  // It forgets all calls, and starts again as its next incarnation.
  void Crash();
  absl::StatusOr<ledger::v1::ReleaseSwitchHoldsResponse> ReleaseOldHolds();

  PhoneCall& call(const std::string& call_id) { return calls_.at(call_id); }
  const std::map<std::string, PhoneCall>& calls() const { return calls_; }
  absl::Time now() const { return now_; }
  // Messages to ledgers, those that got lost included.
  int64_t messages() const { return messages_; }

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Ask(grpc::Status (ledger::v1::Ledger::Stub::*method)(
                                   grpc::ClientContext*, const Request&, Response*),
                               const Request& request);
  // Sends it as the line has it; the last answer to it.
  absl::StatusOr<ledger::v1::Hold> SendExtension(const ledger::v1::ExtendHoldRequest& request);
  absl::Status Extend(PhoneCall& call);
  absl::Status AtNextTime(PhoneCall& call);
  // Was told to end for want of money: does some come in time?
  bool MoneyComes(PhoneCall& call);
  absl::Status End(PhoneCall& call);
  void Schedule(PhoneCall& call) const;

  const SwitchOptions options_;
  int64_t incarnation_;
  absl::Time now_;
  int64_t messages_ = 0;
  std::vector<std::unique_ptr<ledger::v1::Ledger::Stub>> ledgers_;
  size_t turn_ = 0;
  std::map<std::string, PhoneCall> calls_;
  std::map<std::string, ledger::v1::ExtendHoldRequest> late_;  // by hold: still on its way
};

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_TELEPHONE_SWITCH_H_
