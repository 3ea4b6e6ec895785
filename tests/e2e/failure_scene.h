// The stage on which failures are tested one by one: two ledgers, the gateway stub, a private
// MariaDB, with a proxy on each way between them, and at first one worker, which watches ledger 0.
//
// Tests talk to the ledgers and to the gateway past the proxies, so that a trap on a proxy meets
// the worker or the database only. The gateway's own list of charges is the witness of what was
// paid. Not thread-safe, but for the stubs.
//
//   class LostReplyTest : public FailureTest {};
//   TEST_F(LostReplyTest, IsLookedUp) {
//     OpenFunded("a");
//     gateway_proxy().Arm({.request = kChargeRequest, .moment = Moment::kReplyLost});
//     Spend("a", "dip", "6.00");
//     ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
//     ExpectAtRest("a", "24.00", 2);
//   }
#ifndef RESERVE_TESTS_E2E_FAILURE_SCENE_H_
#define RESERVE_TESTS_E2E_FAILURE_SCENE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/chaos/stage.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {

using chaos::Moment;

inline constexpr absl::Duration kPatience = absl::Seconds(20);

// Bytes that tell the messages apart on the wire.
inline constexpr char kCommit[] =
    "\x03"
    "COMMIT";                                        // COM_QUERY
inline constexpr char kChargeRequest[] = "tok_";     // a look-up has no card
inline constexpr char kChargeReply[] = "rsv-";       // the idempotency key
inline constexpr char kSuccessReport[] = "ch_";      // the charge's id, also in the reply
inline constexpr char kUsCall[] = "+12025550123";    // 0.0100 a minute: standard
inline constexpr char kDearCall[] = "+18765550123";  // 0.1800 a minute: always paid

// A worker in the hands of the test: takes what is due from a ledger before any other does.
class GhostWorker {
 public:
  explicit GhostWorker(ledger::v1::Recharges::Stub& stub);
  GhostWorker(const GhostWorker&) = delete;
  GhostWorker& operator=(const GhostWorker&) = delete;
  // Goes away; its leases run out.
  ~GhostWorker();

  // The next recharge that is handed to it; an empty one, and a failure of the test, if none
  // comes.
  ledger::v1::WatchLowBalanceResponse Take();

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<ledger::v1::WatchLowBalanceResponse>> stream_;
};

// A test suite with a stage of its own, healed before each test.
class FailureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { SetUpStage({}); }
  static void TearDownTestSuite();
  // `options` are over what makes the times of these tests short.
  static void SetUpStage(chaos::StageOptions options);
  // Everything runs, but for worker 1.
  void SetUp() override;

  static chaos::Stage& stage() { return *stage_; }
  static chaos::Process& worker(size_t index) { return stage_->worker(index); }
  static chaos::Proxy& gateway_proxy() { return stage_->gateway_proxy(); }
  // What a trap does to a process; it is started again by Restart, or goes on by Thaw.
  static std::function<void()> KillOf(chaos::Process& process);
  static std::function<void()> FreezeOf(chaos::Process& process);
  static void Thaw(chaos::Process& process);
  static void Restart(chaos::Process& process);
  // Waits until the process has logged a line with both texts since it was started.
  static void AwaitLog(const chaos::Process& process, const std::string& text,
                       const std::string& also);

  static const test_support::LedgerStubs& stubs(size_t index = 0) { return ledgers_[index]; }
  // A service of a ledger, by the type of its stub.
  template <typename Stub>
  static Stub& stub(size_t index = 0) {
    return ledgers_[index].of<Stub>();
  }
  static ledger::v1::Ledger::Stub& ledger(size_t index = 0) {
    return stub<ledger::v1::Ledger::Stub>(index);
  }
  static ledger::v1::Accounts::Stub& accounts(size_t index = 0) {
    return stub<ledger::v1::Accounts::Stub>(index);
  }
  static ledger::v1::Support::Stub& support(size_t index = 0) {
    return stub<ledger::v1::Support::Stub>(index);
  }
  static ledger::v1::Recharges::Stub& recharges() { return stub<ledger::v1::Recharges::Stub>(); }

  // Sends a request to ledger 0 until it is answered, as every caller may; a refusal is a
  // failure of the test.
  template <typename Stub, typename Request, typename Response>
  static Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const Request& request) {
    absl::StatusOr<Response> response;
    test_support::WaitUntil(
        [&] {
          return !absl::IsUnavailable((response = Call(stub<Stub>(), method, request)).status());
        },
        kPatience);
    EXPECT_TRUE(response.ok()) << request.ShortDebugString() << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  static void Open(const std::string& id, const std::string& card_token);
  // With 15.00 in its reserve.
  static void OpenFunded(const std::string& id, const std::string& card_token = "");
  static ledger::v1::Account Get(const std::string& id);
  // Waits until the account is so; shows it if it does not get there.
  static ledger::v1::Account Await(const std::string& id,
                                   const std::function<bool(const ledger::v1::Account&)>& is_so);
  static void Spend(const std::string& id, const std::string& request_id,
                    const std::string& amount);
  static void GiveCard(const std::string& id, const std::string& card_token);
  static ledger::v1::RecordUsageRequest UsageOf(const std::string& id, const std::string& usage_id,
                                                int64_t seconds,
                                                const std::string& destination = kDearCall);
  // Newest first.
  static std::vector<ledger::v1::Recharge> Recharges(const std::string& id);
  static std::vector<ledger::v1::EventKind> EventKinds(const std::string& id);

  // What the gateway has decided for the account, oldest first.
  static std::vector<gateway::v1::Charge> Charges(const std::string& id);
  // Charges as a worker would, past the proxy. `amount` in whole units.
  static absl::StatusOr<gateway::v1::Charge> ChargeFor(
      const ledger::v1::WatchLowBalanceResponse& task, int64_t amount_units);
  static absl::StatusOr<ledger::v1::ReportRechargeResponse> Report(
      const ledger::v1::WatchLowBalanceResponse& task, const std::string& outcome);

  // Waits for the balance with no recharge open. Then: the account is ACTIVE, the gateway has
  // made so many successful charges, each of them was credited, once, and the audit is clean.
  static void ExpectAtRest(const std::string& id, const std::string& balance,
                           int successful_charges);
  // The gateway's successful charges are the ledger's credits, and the audit is clean.
  static void ExpectMoneyMatches(const std::string& id);

  static std::string TextOf(const google::type::Money& money);

 private:
  static chaos::Stage* stage_;
  static std::vector<test_support::LedgerStubs> ledgers_;
  static std::unique_ptr<gateway::v1::PaymentGateway::Stub> gateway_;
};

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_FAILURE_SCENE_H_
