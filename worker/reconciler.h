// `worker reconcile`: goes through the gateway's charges and the ledger's credited recharges,
// refunds and payments of a period, tells the ledger of refunds and disputes, and puts right what
// judge_charge.h says can be. For a cron job and for people.
//
// Safe to repeat, to break off anywhere and to run twice at once: a credit is made once by the
// ledger, a refund once by the gateway, and what the ledger is told is a state. It holds a page of
// charges, a page of accounts and the ids of old charges that it looked at in memory, however long
// the period. Blocks; use it from one thread.
//
//   Reconciler reconciler({.from = from, .to = to}, ledger_channel, gateway_channel, &std::cout);
//   RESERVE_ASSIGN_OR_RETURN(const ReconcileCounts counts, reconciler.Run());
#ifndef RESERVE_WORKER_RECONCILER_H_
#define RESERVE_WORKER_RECONCILER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "worker/judge_charge.h"
#include "worker/request_limit.h"

namespace reserve::worker {

struct ReconcileOptions {
  // Charges decided, recharges credited, refunds made and payments booked from `from` on and before
  // `to`; and charges decided before that have changed since `from`.
  absl::Time from;
  absl::Time to;
  // Say what would be done, and change nothing.
  bool dry_run = false;
  // After so many charges given back the others are left to a person: many orphans at once say
  // that this is the wrong ledger, or one that was restored from a backup.
  int64_t max_refunds = 20;
  // Names this process to the ledger, 1 to 64 characters.
  std::string worker_id = "reconcile";
  // So many requests a second are sent to the gateway at the most; 0: no limit.
  int32_t gateway_requests_per_second = 0;
  absl::Duration call_timeout = absl::Seconds(10);
  // A call that may be tried again is, so often, with this pause between.
  int max_tries = 10;
  absl::Duration pause = absl::Seconds(1);
  absl::Duration progress_interval = absl::Seconds(2);
  // Sleeps; true if it is time to stop.
  std::function<bool(absl::Duration)> wait;
};

struct ReconcileCounts {
  int64_t charges = 0;    // seen at the gateway
  int64_t foreign = 0;    // of them, those of other systems
  int64_t accounts = 0;   // seen at the ledger
  int64_t recharges = 0;  // credited in the period
  int64_t refunds = 0;    // made in the period, as the ledger says
  int64_t credited = 0;   // or to be credited, in a dry run
  int64_t refunded = 0;   // given back, or to be
  int64_t reported = 0;   // refunds and disputes that the ledger did not know, or not as they are
  int64_t for_person = 0;
};

class Reconciler {
 public:
  Reconciler(ReconcileOptions options, const std::shared_ptr<grpc::Channel>& ledger,
             const std::shared_ptr<grpc::Channel>& gateway, std::ostream* out);

  // Writes a line for each difference, progress now and then, and a closing line of counts.
  // CANCELLED if it was asked to stop, and the last error if ledger or gateway can't be reached or
  // refuse: what was put right until then stays, and the next run does the rest.
  absl::StatusOr<ReconcileCounts> Run();

 private:
  // A recharge with what else the ledger says of it.
  struct StoredRecharge {
    LedgerRecharge recharge;
    absl::Time end_time;
  };

  absl::Status GoThroughCharges();
  absl::Status GoThroughLedger();
  absl::Status GoThroughRecharges(const std::string& account_id);
  absl::Status GoThroughRefunds(const std::string& account_id);
  absl::Status GoThroughPayments(const std::string& account_id);

  // Judges the charge and does what is to be done.
  absl::Status Reconcile(GatewayCharge charge);
  // The same of a charge that GoThroughCharges() may not have come by; once.
  absl::Status ReconcileOnce(const gateway::v1::Charge& charge);
  absl::Status ReconcileRecharge(GatewayCharge charge);
  // Judges it as what was booked for it.
  absl::Status ReconcilePayment(GatewayCharge charge, const ledger::v1::Payment& payment);
  // Compares the payment with its charge, unless that was done as the charge was met.
  absl::Status CheckPayment(const ledger::v1::Payment& payment);
  // What the ledger did not take.
  struct Untold {
    Finding finding;
    std::string why = {};
  };
  // Tells the ledger of the refunds and disputes that it does not know as they are; after that
  // `charge->gone_is_known`, or the answer is why it is not.
  absl::StatusOr<std::optional<Untold>> TellOfStates(const RechargeName& name,
                                                     const LedgerRecharge& recharge,
                                                     int32_t attempt, GatewayCharge* charge);
  // OK if the ledger has it so by now.
  absl::Status TellOf(const GatewayState& state, const GatewayCharge& charge);
  // True in `*again` if the ledger has meanwhile credited the recharge for another charge.
  absl::Status Credit(const GatewayCharge& charge, const RechargeName& name, int32_t attempt,
                      bool* again);
  absl::Status Refund(const GatewayCharge& charge, Finding finding);
  // Looks for the charge that a recharge was credited for, and reconciles it.
  absl::Status CheckCredited(const RechargeName& name, const LedgerRecharge& recharge);
  absl::Status CheckUnderReview(const RechargeName& name);
  // Looks for a refund that the ledger has as made.
  absl::Status CheckMade(const ledger::v1::Refund& refund);

  // How the ledger has an account's refunds and disputes, by the gateway's ids.
  struct KnownStates {
    std::map<std::string, ledger::v1::RefundState> refunds;
    std::map<std::string, ledger::v1::DisputeState> disputes;
  };
  absl::StatusOr<KnownStates> FindStates(const std::string& account_id);
  // Nothing if the ledger does not have it.
  absl::StatusOr<std::optional<LedgerRecharge>> FindRecharge(const RechargeName& name);
  // What was booked for the charge, and stands if anything does; nothing if nothing was.
  absl::StatusOr<std::optional<ledger::v1::Payment>> FindPayment(const std::string& charge_id);
  // The charge of that id among those of the recharge; nothing if there is none.
  absl::StatusOr<std::optional<gateway::v1::Charge>> FindCharge(const RechargeName& name,
                                                                const LedgerRecharge& recharge);
  // The charge of that id, whosoever's it is; nothing if there is none.
  absl::StatusOr<std::optional<gateway::v1::Charge>> FindChargeById(const std::string& charge_id);
  // Of the ledger, newest first.
  using OnRefund = std::function<absl::Status(const ledger::v1::Refund&)>;
  absl::Status ListRefunds(const std::string& account_id, const OnRefund& on_refund);
  using OnCharge = std::function<absl::Status(const gateway::v1::Charge&)>;
  absl::Status ListCharges(gateway::v1::ListChargesRequest request, const OnCharge& on_charge);
  absl::Status ListChargesOf(const RechargeName& name, const OnCharge& on_charge);

  // In this run: is it one of those that GoThroughCharges() reconciles, or was it reconciled
  // besides?
  bool WasReconciled(const gateway::v1::Charge& charge) const;
  void Print(absl::string_view what, Finding finding, absl::string_view reference,
             absl::string_view charge, absl::string_view more = "");
  void LeaveToPerson(Finding finding, absl::string_view reference, absl::string_view charge,
                     absl::string_view more = "");
  // The same of what a person may have put right by an adjustment of the balance. `id` is that of
  // the charge, or of the refund.
  absl::Status LeaveUnlessAdjusted(Finding finding, const std::string& reference,
                                   const std::string& id, absl::string_view charge,
                                   absl::string_view more = "");
  // Was the balance of the account adjusted by this reference?
  absl::StatusOr<bool> IsAdjusted(const std::string& account_id, absl::string_view reference);
  void ShowProgress();

  // A unary call, tried again while that may help. Requests are all safe to repeat.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response);

  const ReconcileOptions options_;
  const std::unique_ptr<ledger::v1::Accounts::Stub> accounts_;
  const std::unique_ptr<ledger::v1::Recharges::Stub> recharges_;
  const std::unique_ptr<ledger::v1::Events::Stub> events_;
  const std::unique_ptr<gateway::v1::PaymentGateway::Stub> gateway_;
  std::ostream& out_;
  RequestLimit gateway_limit_;
  ReconcileCounts counts_;
  std::unordered_set<std::string> reconciled_;  // ids of charges that are not of the period
  // Ids of charges of workers that were reconciled as the payments that were booked for them.
  std::unordered_set<std::string> met_as_payments_;
  Moment last_progress_;
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_RECONCILER_H_
