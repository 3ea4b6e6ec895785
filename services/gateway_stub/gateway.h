// The card gateway itself, without gRPC: idempotency keys, charges, refunds and disputes.
//
// What holds:
//  - Nobody hears of a charge, a refund or a dispute, nor of how it went on, before that is
//    durable in the journal.
//  - Refunds that did not fail are never more than was captured, and no refund is made of money
//    that a bank has taken.
//  - A key whose request is being worked on is in use; its outcome is unknown.
//  - A key is good for its lifetime; after that the same key makes a new charge, as
//    real gateways do. Looking a charge or a refund up by its key works for ever.
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
#include "services/gateway_stub/versions.h"

namespace reserve::gateway_stub {

struct ChargeAnswer {
  ChargeRecord charge;
  bool replayed = false;
};

struct RefundAnswer {
  RefundRecord refund;
  bool replayed = false;
};

struct DisputeOrder {
  std::string charge_id = {};
  Nanos amount = 0;  // 0: all that is left
  std::string currency_code = {};
  bool inquiry = false;
  std::string reason = {};
};

struct ListQuery {
  std::string card_token = {};        // empty: any
  std::string reference_prefix = {};  // empty: any
  absl::Time start_time = absl::InfinitePast();
  absl::Time end_time = absl::InfiniteFuture();
  absl::Time updated_since = absl::InfinitePast();
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
    // Every charge and every refund is in work for `latency`, and for up to `latency_jitter` more.
    absl::Duration latency = absl::ZeroDuration();
    absl::Duration latency_jitter = absl::ZeroDuration();
    absl::Duration key_lifetime = absl::Hours(24);
    // While this file exists every request fails with UNAVAILABLE "OUTAGE", but for what banks
    // and people do.
    std::string outage_file = {};
    std::function<absl::Time()> clock = absl::Now;
  };
  using ChargeDone = std::function<void(absl::StatusOr<ChargeAnswer>)>;
  using RefundDone = std::function<void(absl::StatusOr<RefundAnswer>)>;
  using DisputeDone = std::function<void(absl::StatusOr<DisputeRecord>)>;
  using CardDone = std::function<void(absl::Status)>;

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

  // The charge of that id. NOT_FOUND "CHARGE_NOT_FOUND"; UNAVAILABLE "OUTAGE".
  absl::StatusOr<ChargeRecord> GetChargeById(const std::string& charge_id)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Charges in the order of their decision, from `position` (0: the first) on, at most
  // `page_size`. UNAVAILABLE "OUTAGE".
  absl::StatusOr<ChargePage> ListCharges(const ListQuery& query, int64_t position,
                                         int64_t page_size) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives some of a charge back. The order is valid: see service.h. NOT_FOUND "CHARGE_NOT_FOUND";
  // FAILED_PRECONDITION "CHARGE_NOT_SUCCEEDED" or "REFUND_TOO_LARGE"; INVALID_ARGUMENT on `amount`
  // for another currency; else as Charge.
  void Refund(const RefundOrder& order, RefundDone done) ABSL_LOCKS_EXCLUDED(mutex_);

  // The latest refund under a key. NOT_FOUND "REFUND_NOT_FOUND"; else as GetCharge.
  absl::StatusOr<RefundRecord> GetRefund(const std::string& idempotency_key)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What banks and people do (stub_dashboard.proto). UNAVAILABLE "DATA_FILE".
  // A refund without a key; the order's amount 0 is all that is left. As Refund.
  void RefundByHand(RefundOrder order, RefundDone done) ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND "REFUND_NOT_FOUND"; FAILED_PRECONDITION "REFUND_ALREADY_FAILED".
  void FailRefund(const std::string& refund_id, const std::string& failure_code, RefundDone done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND "CHARGE_NOT_FOUND"; FAILED_PRECONDITION "CHARGE_NOT_SUCCEEDED" or
  // "DISPUTE_TOO_LARGE"; INVALID_ARGUMENT on `amount` for another currency.
  void OpenDispute(const DisputeOrder& order, DisputeDone done) ABSL_LOCKS_EXCLUDED(mutex_);
  // NOT_FOUND "DISPUTE_NOT_FOUND"; FAILED_PRECONDITION "DISPUTE_NOT_MOVABLE".
  void MoveDispute(const std::string& dispute_id, DisputeState state, DisputeDone done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Charges of the card that are decided from now on find it authenticated.
  void AuthenticateCard(const std::string& card_token, CardDone done) ABSL_LOCKS_EXCLUDED(mutex_);

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
    // What is being worked on, if anything is.
    std::optional<RefundOrder> in_work;
    // The latest refund that was made; empty if none was.
    std::string refund_id;
  };

  explicit Gateway(Options options);

  absl::Status CheckReachable() const;
  // Takes over a line of the data file.
  absl::Status Load(absl::string_view line) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status LoadRefund(RefundRecord refund) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadDispute(const DisputeRecord& dispute) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remember(ChargeRecord charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A charge as it is shown now.
  ChargeRecord Shown(ChargeRecord charge) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsExpired(absl::Time create_time) const;
  absl::Duration WorkTime(absl::Duration of_the_card) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // An answer or a refusal; nothing if there is still work to do.
  using Known = std::optional<absl::StatusOr<ChargeAnswer>>;
  using KnownRefund = std::optional<absl::StatusOr<RefundAnswer>>;
  // What the key's earlier request says; nothing if the key is new.
  Known StoredCharge(const ChargeOrder& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  KnownRefund StoredRefund(const RefundOrder& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the key in work, unless the answer is known.
  Known BeginCharge(const ChargeOrder& order, const CardBehavior& behavior,
                    absl::Duration* work_time) ABSL_LOCKS_EXCLUDED(mutex_);
  KnownRefund BeginRefund(const RefundOrder& order, absl::Duration* work_time)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The charge that is to be given back or disputed, or why it can't be.
  absl::StatusOr<const ChargeRecord*> SucceededCharge(const std::string& charge_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, if so much of it can be given back.
  absl::StatusOr<const ChargeRecord*> RefundableCharge(const RefundOrder& order)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What may still be given back, as decided.
  Nanos LeftOf(const ChargeRecord& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  RefundRecord NewRefund(const RefundOrder& order, const RefundBehavior& behavior)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The work of a charge is over: how does it end?
  void DecideCharge(const ChargeOrder& order, ChargeDone done) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnChargeDurable(int64_t position, const absl::Status& status, const ChargeDone& done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void DecideRefund(const RefundOrder& order, const RefundDone& done) ABSL_LOCKS_EXCLUDED(mutex_);
  // Decides that the refund or dispute is so from now on, and answers when that is durable.
  void Keep(const RefundRecord& refund, RefundDone done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(const DisputeRecord& dispute, DisputeDone done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Show(const RefundRecord& refund) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReplyToRefund(absl::StatusOr<RefundAnswer> answer, const RefundBehavior& behavior,
                     const RefundDone& done);

  const Options options_;
  absl::Mutex mutex_;
  // In the order of decision. Only the first `durable_charges_` may be shown.
  std::vector<ChargeRecord> charges_ ABSL_GUARDED_BY(mutex_);
  int64_t durable_charges_ ABSL_GUARDED_BY(mutex_) = 0;
  // The numbers in the latest ids.
  int64_t last_charge_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_refund_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_dispute_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, int64_t> position_of_charge_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, ChargeKey> charge_keys_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, RefundKey> refund_keys_ ABSL_GUARDED_BY(mutex_);
  Versions<RefundRecord> refunds_ ABSL_GUARDED_BY(mutex_);
  Versions<DisputeRecord> disputes_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, CardHistory> cards_ ABSL_GUARDED_BY(mutex_);
  absl::InsecureBitGen random_ ABSL_GUARDED_BY(mutex_);
  // These call back into all of the above, and into each other: see the destructor.
  DelayQueue delays_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_GATEWAY_H_
