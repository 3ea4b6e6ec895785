// The ledger and the gateway as a customer of their public RPCs sees them: one
// function a question, with a deadline, and lists read to their end.
//
// Every function returns the refusal as the service gave it (ReasonOf, FieldOf).
// Thread-safe.
//
//   Client client(ledger_channel, gateway_channel);
//   RESERVE_ASSIGN_OR_RETURN(const pb::Account account, client.GetAccount("acme"));
#ifndef RESERVE_TESTS_E2E_DEMO_CLIENT_H_
#define RESERVE_TESTS_E2E_DEMO_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/money/money.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "reserve/ledger/v1/recharges.grpc.pb.h"
#include "reserve/ledger/v1/support.grpc.pb.h"

namespace reserve::demo {

namespace pb = ::reserve::ledger::v1;

class Client {
 public:
  Client(const std::shared_ptr<grpc::Channel>& ledger,
         const std::shared_ptr<grpc::Channel>& gateway);

  // For those that are clients of the ledger themselves.
  const std::shared_ptr<grpc::Channel>& ledger_channel() const { return ledger_channel_; }

  absl::StatusOr<pb::Account> OpenAccount(const std::string& account_id,
                                          const std::string& card_token);
  absl::StatusOr<pb::Account> GetAccount(const std::string& account_id);
  // What is not given stays.
  absl::StatusOr<pb::BillingSettings> UpdateBillingSettings(
      const std::string& account_id, std::optional<Nanos> reserve_amount,
      std::optional<Nanos> recharge_threshold);
  // Without a fingerprint the token stands for a number of its own.
  absl::StatusOr<pb::PaymentMethod> UpdatePaymentMethod(const std::string& account_id,
                                                        const std::string& card_token,
                                                        const std::string& card_fingerprint = "");
  absl::StatusOr<pb::PaymentMethod> AddPaymentMethod(const std::string& account_id,
                                                     const std::string& card_token);
  absl::StatusOr<pb::BillingSettings> SwitchAutomatic(const std::string& account_id, bool on);
  absl::StatusOr<pb::RecordPaymentResponse> Pay(const std::string& account_id,
                                                const std::string& request_id, Nanos amount,
                                                const std::string& reference);
  absl::StatusOr<pb::Payment> ReversePayment(const std::string& account_id, int64_t ordinal);
  absl::StatusOr<pb::Refund> Refund(const std::string& account_id, int64_t ordinal, Nanos amount);
  // Newest first.
  absl::StatusOr<std::vector<pb::Refund>> ListRefunds(const std::string& account_id);
  // What a bank does at the gateway, and what a receiver of its webhooks tells the ledger of it.
  absl::StatusOr<gateway::v1::Dispute> OpenDispute(const std::string& charge_id);
  absl::StatusOr<gateway::v1::Dispute> EndDispute(const std::string& dispute_id, bool won);
  // The cardholder authenticates the card with the bank.
  absl::Status AuthenticateCard(const std::string& card_token);
  absl::StatusOr<pb::Dispute> TellDispute(const gateway::v1::Charge& charge,
                                          const gateway::v1::Dispute& dispute);
  absl::StatusOr<pb::User> PutUser(const std::string& account_id, const std::string& user_id,
                                   const std::string& plan_id);
  // Makes a plan, without an allowance, or gives it another version.
  absl::StatusOr<pb::Plan> PutPlan(const std::string& plan_id, const std::string& request_id,
                                   pb::StandardCalls standard_calls);
  absl::StatusOr<pb::User> GetUser(const std::string& account_id, const std::string& user_id);

  absl::StatusOr<pb::AuthorizeUsageResponse> AuthorizeCall(const std::string& account_id,
                                                           const std::string& user_id,
                                                           const pb::Call& call);
  absl::StatusOr<pb::CorrectUsageResponse> CorrectUsage(const std::string& account_id,
                                                        const std::string& usage_id,
                                                        const pb::Usage& usage);
  absl::StatusOr<pb::VoidUsageResponse> VoidUsage(const std::string& account_id,
                                                  const std::string& usage_id);
  // Rates what this user used again, each usage by its own deck, or says what that would do.
  absl::StatusOr<pb::Rerating> RateAgain(const std::string& account_id, const std::string& user_id,
                                         bool only_try);
  absl::StatusOr<pb::Entry> GrantCredit(const std::string& account_id, Nanos amount);
  // What the account may spend a day; and lets it go on after that, for a while whatever it spends.
  absl::StatusOr<pb::AccountLimits> LimitSpending(const std::string& account_id, Nanos a_day);
  absl::StatusOr<pb::Account> LiftLimit(const std::string& account_id, absl::Duration quiet);
  absl::StatusOr<pb::CloseAccountResponse> CloseAccount(const std::string& account_id);
  absl::StatusOr<pb::RecordUsageResponse> RecordUsage(const std::string& account_id,
                                                      const pb::Usage& usage);
  // The same of one that may begin only if the account pays for it.
  absl::StatusOr<pb::RecordUsageResponse> RecordIfAllowed(const std::string& account_id,
                                                          const pb::Usage& usage);
  absl::StatusOr<pb::Hold> GetHold(const std::string& account_id, const std::string& hold_id);
  // Those that set something aside.
  absl::StatusOr<std::vector<pb::Hold>> ListHolds(const std::string& account_id);
  absl::StatusOr<pb::UsageRecord> GetUsage(const std::string& account_id,
                                           const std::string& usage_id);

  // Newest first, read in pages of `page_size`.
  absl::StatusOr<std::vector<pb::UsageRecord>> ListUsage(const std::string& account_id,
                                                         int page_size);
  absl::StatusOr<std::vector<pb::Entry>> ListEntries(const std::string& account_id);
  absl::StatusOr<std::vector<pb::Recharge>> ListRecharges(const std::string& account_id);
  // Oldest first.
  absl::StatusOr<std::vector<pb::Event>> ListEvents(const std::string& account_id);

  absl::StatusOr<pb::QuoteCallResponse> QuoteCall(const pb::Call& call);
  absl::StatusOr<pb::QuoteSmsResponse> QuoteSms(const pb::Sms& sms);

  absl::StatusOr<pb::VerifyAccountResponse> VerifyAccount(const std::string& account_id);
  // Every account: the differences of all messages, and the counts of the last.
  absl::StatusOr<pb::VerifyLedgerResponse> VerifyLedger();

  // The gateway's charges whose reference starts so, oldest first.
  absl::StatusOr<std::vector<gateway::v1::Charge>> ListCharges(const std::string& reference_prefix);

 private:
  const std::shared_ptr<grpc::Channel> ledger_channel_;
  std::unique_ptr<pb::Ledger::Stub> ledger_;
  std::unique_ptr<pb::Accounts::Stub> accounts_;
  std::unique_ptr<pb::Events::Stub> events_;
  std::unique_ptr<pb::Rates::Stub> rates_;
  std::unique_ptr<pb::Audit::Stub> audit_;
  std::unique_ptr<pb::Support::Stub> support_;
  std::unique_ptr<pb::Recharges::Stub> recharges_;
  std::unique_ptr<gateway::v1::PaymentGateway::Stub> gateway_;
  std::unique_ptr<gateway::v1::StubDashboard::Stub> dashboard_;
};

}  // namespace reserve::demo

#endif  // RESERVE_TESTS_E2E_DEMO_CLIENT_H_
