#include "tests/worker/fake_books.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::ledger::v1;

std::string NameOf(const pb::Recharge& recharge) {
  return absl::StrCat(recharge.account_id(), "/", recharge.ordinal());
}

grpc::Status Refuse(absl::StatusCode code, const std::string& reason) {
  return ToGrpcStatus(MakeError(code, reason, "", "not so"), "reserve.ledger");
}

}  // namespace

class FakeBooks::AccountsDoor final : public pb::Accounts::Service {
 public:
  explicit AccountsDoor(FakeBooks* books) : books_(*books) {}

  grpc::Status ListAccounts(grpc::ServerContext*, const pb::ListAccountsRequest*,
                            pb::ListAccountsResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    std::set<std::string> ids;
    for (const auto& [name, recharge] : books_.recharges_) ids.insert(recharge.account_id());
    for (const pb::Payment& payment : books_.payments_) ids.insert(payment.account_id());
    for (const std::string& id : ids) response->add_accounts()->set_account_id(id);
    return grpc::Status::OK;
  }

  grpc::Status ListRecharges(grpc::ServerContext*, const pb::ListRechargesRequest* request,
                             pb::ListRechargesResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    for (auto entry = books_.recharges_.rbegin(); entry != books_.recharges_.rend(); ++entry) {
      if (entry->second.account_id() == request->account_id()) {
        *response->add_recharges() = entry->second;
      }
    }
    const bool paid = !books_.AccountOf("", request->account_id() + "/").empty();
    return response->recharges_size() > 0 || paid
               ? grpc::Status::OK
               : Refuse(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND");
  }

  grpc::Status ListPayments(grpc::ServerContext*, const pb::ListPaymentsRequest* request,
                            pb::ListPaymentsResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    for (const pb::Payment& payment : books_.payments_) {
      const bool wanted = request->charge_id().empty()
                              ? payment.account_id() == request->account_id()
                              : payment.charge_id() == request->charge_id();
      if (wanted) *response->add_payments() = payment;
    }
    return grpc::Status::OK;
  }

  grpc::Status ListRefunds(grpc::ServerContext*, const pb::ListRefundsRequest* request,
                           pb::ListRefundsResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    for (const auto& [id, refund] : books_.refunds_) {
      if (refund.account_id() == request->account_id()) *response->add_refunds() = refund;
    }
    return grpc::Status::OK;
  }

  grpc::Status ListDisputes(grpc::ServerContext*, const pb::ListDisputesRequest* request,
                            pb::ListDisputesResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    for (const auto& [id, dispute] : books_.disputes_) {
      if (dispute.account_id() == request->account_id()) *response->add_disputes() = dispute;
    }
    return grpc::Status::OK;
  }

 private:
  FakeBooks& books_;
};

class FakeBooks::RechargesDoor final : public pb::Recharges::Service {
 public:
  explicit RechargesDoor(FakeBooks* books) : books_(*books) {}

  grpc::Status ReportRecharge(grpc::ServerContext*, const pb::ReportRechargeRequest* request,
                              pb::ReportRechargeResponse*) override {
    absl::MutexLock lock(&books_.mutex_);
    const auto found =
        books_.recharges_.find(absl::StrCat(request->account_id(), "/", request->ordinal()));
    if (found == books_.recharges_.end()) {
      return Refuse(absl::StatusCode::kNotFound, "RECHARGE_NOT_FOUND");
    }
    books_.told_.push_back(absl::StrCat("success ", request->succeeded().charge_id()));
    found->second.set_state(pb::RECHARGE_STATE_SUCCEEDED);
    found->second.set_charge_id(request->succeeded().charge_id());
    *found->second.mutable_credited_amount() = request->succeeded().amount();
    reserve::ToProto(absl::Now(), found->second.mutable_end_time());
    return grpc::Status::OK;
  }

  grpc::Status ReportGatewayRefund(grpc::ServerContext*,
                                   const pb::ReportGatewayRefundRequest* request,
                                   pb::Refund* response) override {
    absl::MutexLock lock(&books_.mutex_);
    const std::string account_id =
        books_.AccountOf(request->charge_id(), request->charge_reference());
    const auto named = books_.recharges_.find(request->charge_reference());
    const bool kept =
        named != books_.recharges_.end() && named->second.charge_id() != request->charge_id();
    books_.told_.push_back(absl::StrCat(
        "refund ", request->refund_id(), " of ", request->charge_reference(), " ",
        request->charge_id(), " ", pb::RefundState_Name(request->state()), kept ? " kept" : ""));
    if (!books_.states_status_.ok()) return ToGrpcStatus(books_.states_status_, "reserve.ledger");
    if (account_id.empty()) return Refuse(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND");
    const auto fixed = books_.fixed_refunds_.find(request->refund_id());
    pb::Refund& refund = books_.refunds_[request->refund_id()];
    refund.set_account_id(account_id);
    refund.set_refund_id(request->refund_id());
    refund.set_state(fixed == books_.fixed_refunds_.end() ? request->state()
                                                          : fixed->second.state());
    *response = refund;
    return grpc::Status::OK;
  }

  grpc::Status ReportGatewayDispute(grpc::ServerContext*,
                                    const pb::ReportGatewayDisputeRequest* request,
                                    pb::Dispute* response) override {
    absl::MutexLock lock(&books_.mutex_);
    const std::string account_id =
        books_.AccountOf(request->charge_id(), request->charge_reference());
    books_.told_.push_back(absl::StrCat("dispute ", request->dispute_id(), " of ",
                                        request->charge_reference(), " ", request->charge_id(), " ",
                                        pb::DisputeState_Name(request->state())));
    if (!books_.states_status_.ok()) return ToGrpcStatus(books_.states_status_, "reserve.ledger");
    if (account_id.empty()) return Refuse(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND");
    pb::Dispute& dispute = books_.disputes_[request->dispute_id()];
    dispute.set_account_id(account_id);
    dispute.set_dispute_id(request->dispute_id());
    dispute.set_state(request->state());
    *response = dispute;
    return grpc::Status::OK;
  }

 private:
  FakeBooks& books_;
};

// Gives an event a page.
class FakeBooks::EventsDoor final : public pb::Events::Service {
 public:
  explicit EventsDoor(FakeBooks* books) : books_(*books) {}

  grpc::Status ListEvents(grpc::ServerContext*, const pb::ListEventsRequest* request,
                          pb::ListEventsResponse* response) override {
    absl::MutexLock lock(&books_.mutex_);
    for (size_t i = request->page_token().size(); i < books_.events_.size(); ++i) {
      if (books_.events_[i].account_id() != request->account_id()) continue;
      if (response->events_size() > 0) {
        response->set_next_page_token(std::string(i, '.'));
        break;
      }
      *response->add_events() = books_.events_[i];
    }
    return grpc::Status::OK;
  }

 private:
  FakeBooks& books_;
};

FakeBooks::FakeBooks()
    : accounts_(std::make_unique<AccountsDoor>(this)),
      recharges_door_(std::make_unique<RechargesDoor>(this)),
      events_door_(std::make_unique<EventsDoor>(this)) {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  server_ = *RpcServer::Start(options, {{pb::Accounts::service_full_name(), accounts_.get()},
                                        {pb::Recharges::service_full_name(), recharges_door_.get()},
                                        {pb::Events::service_full_name(), events_door_.get()}});
}

FakeBooks::~FakeBooks() { server_->Drain(absl::ZeroDuration()); }

void FakeBooks::Put(const std::string& account_id, const pb::Recharge& recharge) {
  absl::MutexLock lock(&mutex_);
  pb::Recharge put = recharge;
  put.set_account_id(account_id);
  recharges_[NameOf(put)] = put;
}

void FakeBooks::Put(const pb::Payment& payment) {
  absl::MutexLock lock(&mutex_);
  payments_.push_back(payment);
}

void FakeBooks::AnswerStates(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  states_status_ = std::move(status);
}

void FakeBooks::Adjust(const std::string& account_id, const std::string& reference) {
  absl::MutexLock lock(&mutex_);
  pb::Event& event = events_.emplace_back();
  event.set_account_id(account_id);
  event.set_kind(pb::EVENT_KIND_BALANCE_ADJUSTED);
  event.set_reference(reference);
}

void FakeBooks::Fix(const pb::Refund& refund) {
  absl::MutexLock lock(&mutex_);
  refunds_[refund.refund_id()] = fixed_refunds_[refund.refund_id()] = refund;
}

pb::Recharge FakeBooks::Get(const std::string& account_id, int64_t ordinal) {
  absl::MutexLock lock(&mutex_);
  return recharges_.at(absl::StrCat(account_id, "/", ordinal));
}

std::vector<std::string> FakeBooks::told() {
  absl::MutexLock lock(&mutex_);
  return told_;
}

std::string FakeBooks::AccountOf(const std::string& charge_id, const std::string& reference) {
  for (const auto& [name, recharge] : recharges_) {
    if (recharge.charge_id() == charge_id || name == reference) return recharge.account_id();
  }
  for (const pb::Payment& payment : payments_) {
    const bool named = payment.account_id() + "/" == reference;
    if (payment.charge_id() == charge_id || named) return payment.account_id();
  }
  return "";
}

}  // namespace reserve::worker
