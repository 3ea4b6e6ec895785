// A refund that the worker asks the gateway for, and what is known of it after the answer: plain
// values, without gRPC.
#ifndef RESERVE_WORKER_REFUND_ANSWER_H_
#define RESERVE_WORKER_REFUND_ANSWER_H_

#include <cstdint>
#include <string>

#include "common/money/money.h"

namespace reserve::worker {

// The whole content goes with the key: asked again, it must be the same.
struct RefundOrder {
  std::string key = {};
  std::string charge_id = {};
  Nanos amount = 0;
  std::string currency = {};
  std::string reference = {};
  std::string reason = {};
};

// What the gateway said to a refund or to the look-up of one.
struct RefundAnswer {
  enum class Kind : uint8_t {
    kSucceeded = 1,  // the money is on its way
    kPending,        // accepted, not decided yet: look it up later
    kFailed,         // the bank did not take it: nothing was given back under this key
    kNotDone,        // refund only: this request has surely given nothing back
    kNotFound,       // look-up only: no refund was ever begun under the key
    kUnknown,        // it may have been given back: look it up, or send the same again
  };
  Kind kind = Kind::kUnknown;
  // Of what was found: kSucceeded, kPending, kFailed.
  std::string refund_id = {};
  std::string charge_id = {};
  Nanos amount = 0;
  std::string currency = {};
  // Of kUnknown: the gateway can't be reached, is overloaded, or not to be used by us.
  bool outage = false;
  // The failure's code of kFailed; the reason of kNotDone, with the field at fault
  // ("INVALID_FIELD:amount"); of the others the error, for people.
  std::string text = {};
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_REFUND_ANSWER_H_
