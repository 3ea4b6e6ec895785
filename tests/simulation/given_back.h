// What of its charges the model gateway gives back, and what the banks take back: refunds that the
// ledgers ask for by a worker, refunds that somebody makes by hand, and disputes.
//
// A refund is made once under its key, within the key's lifetime, and never of more than is left
// of its charge. It is made at once, pends first, or fails; and one that was made may fail later.
// A dispute begins as an inquiry or as taken money, and is won, lost, or left as it is. Whatever
// changes is told by the news.
#ifndef RESERVE_TESTS_SIMULATION_GIVEN_BACK_H_
#define RESERVE_TESTS_SIMULATION_GIVEN_BACK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/book/command.h"
#include "tests/simulation/scene.h"
#include "worker/decide.h"

namespace reserve::simulation {

struct ModelRefund {
  std::string refund_id;
  int64_t ordinal = 0;  // the ledger's; 0: made by hand
  Nanos amount = 0;
  domain::GatewayRefund::State state = domain::GatewayRefund::State::kSucceeded;
  std::string failure_code;

  bool failed() const { return state == domain::GatewayRefund::State::kFailed; }
};

struct ModelDispute {
  std::string dispute_id;
  Nanos amount = 0;
  domain::DisputeState state = domain::DisputeState::kInquiry;

  // Has the bank the money?
  bool taken() const {
    return state == domain::DisputeState::kOpened || state == domain::DisputeState::kLost;
  }
};

// A charge that succeeded.
struct ModelCharge {
  std::string account_id;
  int64_t ordinal = 0;  // of the recharge; 0: it was made on a page
  std::string charge_id;
  Nanos amount = 0;
  std::string currency;
  std::vector<ModelRefund> refunds;
  std::vector<ModelDispute> disputes;

  Nanos given_back() const;
  Nanos taken_back() const;
  Nanos left() const { return amount - given_back() - taken_back(); }
};

// The command that tells a ledger of a refund or a dispute of charge `charge_id` of the recharge,
// or, 0, of whatever it is known as.
book::Command CommandOf(const std::string& account_id, int64_t ordinal,
                        const std::string& charge_id, const worker::GatewayState& told);

class GivenBack {
 public:
  using Done = std::function<void(const worker::GatewayAnswer&)>;
  // How a refund or a dispute of the account stands, as the command that tells a ledger.
  using News = std::function<void(const std::string& account_id, const book::Command& told)>;

  GivenBack(Scene* scene, absl::Duration key_lifetime, bool looked_up_for_ever)
      : scene_(*scene), key_lifetime_(key_lifetime), looked_up_for_ever_(looked_up_for_ever) {}

  void set_news(News news) { news_ = std::move(news); }
  // A charge succeeded: from now on it may come back.
  void Charged(const worker::Task& order, const std::string& charge_id, Nanos captured);
  // A customer pays on a page, without the ledgers. Returns the charge's id.
  std::string ChargeOnPage(const std::string& account_id, Nanos amount);

  void Refund(const std::string& key, const worker::Task& order, const Done& done);
  void LookUp(const std::string& key, const Done& done) const;

  // How refunds and disputes of a charge stand.
  std::vector<worker::GatewayState> StatesOf(const std::string& charge_id) const;
  // All that there is, told by `news`.
  void TellAll(const News& news) const;
  // Is nothing to come that was begun?
  bool over() const { return to_come_ == 0; }
  // By charge id.
  const std::map<std::string, ModelCharge>& charges() const { return charges_; }

 private:
  struct Stored {
    worker::Task order;
    bool in_work = true;
    bool broken = false;  // a repeat is answered with an internal error
    absl::Time time = {};
    size_t place = 0;  // among the charge's refunds
  };

  void MayComeBack(const std::string& charge_id);
  absl::Duration Soon();
  void Later(std::function<void()> change);
  void Decide(const std::string& key, const Done& done);
  void MakeRefund(ModelCharge* charge, int64_t ordinal, Nanos amount);
  void RefundByHand(const std::string& charge_id);
  void MoveRefund(const std::string& charge_id, size_t place, domain::GatewayRefund::State state);
  void Dispute(const std::string& charge_id);
  void MoveDispute(const std::string& charge_id, size_t place, domain::DisputeState state);
  void GoOn(const std::string& charge_id, size_t place);
  worker::GatewayAnswer AnswerOf(const Stored& stored) const;

  Scene& scene_;
  const absl::Duration key_lifetime_;
  const bool looked_up_for_ever_;
  News news_ = [](const std::string&, const book::Command&) {};
  int to_come_ = 0;
  int last_number_ = 0;
  std::map<std::string, ModelCharge> charges_;
  std::map<std::string, Stored> keys_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_GIVEN_BACK_H_
