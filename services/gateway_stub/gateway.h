// The card gateway itself, without gRPC: idempotency keys, charges and refunds.
//
// What holds:
//  - Nobody hears of a charge or a refund before it is durable in the journal.
//  - A key whose request is being worked on is in use; its outcome is unknown.
//  - A key is good for its lifetime; after that the same key makes a new charge, as
//    real gateways do. Looking a charge up by its key works for ever.
//  - Charge keys and refund keys share one name space.
// Thread-safe. Callbacks come once each, in the caller's or in another thread, and must
// not block.
//
//   auto gateway = Gateway::Open({.data_file = "gateway.jsonl"});
//   (*gateway)->Charge(order, [](absl::StatusOr<ChargeAnswer> answer) { ... });
#ifndef RESERVE_GATEWAY_STUB_GATEWAY_H_
#define RESERVE_GATEWAY_STUB_GATEWAY_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/gateway_stub/delay_queue.h"
#include "services/gateway_stub/journal.h"
#include "services/gateway_stub/record.h"

namespace reserve::gateway_stub {

struct ChargeAnswer {
  ChargeRecord charge;
  bool replayed = false;
};

struct ListQuery {
  std::string card_token = {};        // empty: any
  std::string reference_prefix = {};  // empty: any
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfiniteFuture();
};

struct ChargePage {
  std::vector<ChargeRecord> charges;
  // Where the next page begins; -1 at the end.
  int64_t next_position = -1;
};

class Gateway {
 public:
  struct Options {
    std::string data_file = {};  // empty: nothing outlives the process
    // Every charge is in work for `latency`, and for up to `latency_jitter` more.
    absl::Duration latency = absl::ZeroDuration();
    absl::Duration latency_jitter = absl::ZeroDuration();
    absl::Duration key_lifetime = absl::Hours(24);
    // While this file exists every request fails with UNAVAILABLE "OUTAGE".
    std::string outage_file = {};
    std::function<absl::Time()> clock = absl::Now;
  };
  using ChargeDone = std::function<void(absl::StatusOr<ChargeAnswer>)>;

  // FAILED_PRECONDITION if the data file is in use, UNAVAILABLE if it can't be used.
  static absl::StatusOr<std::unique_ptr<Gateway>> Open(Options options);

  // Finishes what is in work.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Charges a card. The order is valid: see service.h. ALREADY_EXISTS
  // "IDEMPOTENCY_KEY_REUSED", ABORTED "IDEMPOTENCY_KEY_IN_USE"; UNAVAILABLE and INTERNAL
  // as the card's behaviour asks for, and UNAVAILABLE "OUTAGE" or "DATA_FILE".
  void Charge(const ChargeOrder& order, ChargeDone done) ABSL_LOCKS_EXCLUDED(mutex_);

  // The latest charge under a key. NOT_FOUND "CHARGE_NOT_FOUND"; ABORTED
  // "IDEMPOTENCY_KEY_IN_USE" while it is being worked on; UNAVAILABLE "OUTAGE".
  absl::StatusOr<ChargeRecord> GetCharge(const std::string& idempotency_key)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Charges in the order of their decision, from `position` (0: the first) on, at most
  // `page_size`. UNAVAILABLE "OUTAGE".
  absl::StatusOr<ChargePage> ListCharges(const ListQuery& query, int64_t position,
                                         int64_t page_size) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives a charge back. NOT_FOUND "CHARGE_NOT_FOUND"; FAILED_PRECONDITION
  // "CHARGE_NOT_SUCCEEDED" or "ALREADY_REFUNDED"; ABORTED "REFUND_IN_PROGRESS" while
  // another key refunds the same charge; else as Charge.
  void Refund(const RefundOrder& order, ChargeDone done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers all that is late or in work now, and everything after it without delay.
  void Hurry() { delays_.Hurry(); }

 private:
  struct ChargeKey {
    ChargeOrder order;
    bool in_work = false;
    // Of the charge, once it was decided; -1 before.
    int64_t position = -1;
  };
  struct RefundKey {
    RefundOrder order;
    bool in_work = false;
    int64_t position = -1;
    absl::Time create_time;
  };

  explicit Gateway(Options options);

  absl::Status CheckReachable() const;
  // Takes over a line of the data file.
  absl::Status Load(absl::string_view line) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status LoadRefund(RefundRecord refund) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(ChargeRecord charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A charge as it is shown now.
  ChargeRecord Shown(ChargeRecord charge) const;
  bool IsExpired(absl::Time create_time) const;

  // An answer or a refusal; nothing if there is still work to do.
  using Known = std::optional<absl::StatusOr<ChargeAnswer>>;
  // What the key's earlier request says; nothing if the key is new.
  Known StoredCharge(const ChargeOrder& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Known StoredRefund(const RefundOrder& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the key in work, unless the answer is known.
  Known BeginCharge(const ChargeOrder& order, const CardBehavior& behavior,
                    absl::Duration* work_time) ABSL_LOCKS_EXCLUDED(mutex_);
  Known BeginRefund(const RefundOrder& order, const ChargeDone& done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Where the charge of the order is; or why it can't be refunded.
  absl::StatusOr<int64_t> RefundablePosition(const RefundOrder& order)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The work of a charge is over: how does it end?
  void DecideCharge(const ChargeOrder& order, ChargeDone done) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnChargeDurable(int64_t position, const absl::Status& status, const ChargeDone& done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void OnRefundDurable(const RefundRecord& refund, int64_t position, const absl::Status& status,
                       const ChargeDone& done) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  absl::Mutex mutex_;
  // In the order of decision. Only the first `durable_charges_` may be shown.
  std::vector<ChargeRecord> charges_ ABSL_GUARDED_BY(mutex_);
  int64_t durable_charges_ ABSL_GUARDED_BY(mutex_) = 0;
  // The numbers in the latest ids.
  int64_t last_charge_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_refund_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, int64_t> position_of_charge_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, ChargeKey> charge_keys_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, RefundKey> refund_keys_ ABSL_GUARDED_BY(mutex_);
  // The refund in work for a charge, by the charge's position.
  std::unordered_map<int64_t, std::string> refunds_in_work_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, CardHistory> cards_ ABSL_GUARDED_BY(mutex_);
  absl::InsecureBitGen random_ ABSL_GUARDED_BY(mutex_);
  // These call back into all of the above, and into each other: see the destructor.
  DelayQueue delays_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_GATEWAY_H_
