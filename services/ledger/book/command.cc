#include "services/ledger/book/command.h"

#include <initializer_list>

namespace reserve::book {
namespace {

// What strings hold outside of themselves.
size_t HeapBytes(std::initializer_list<const std::string*> strings) {
  static const size_t kInside = std::string().capacity();
  size_t bytes = 0;
  for (const std::string* text : strings) {
    if (text->capacity() > kInside) bytes += text->capacity() + 1;
  }
  return bytes;
}

size_t BytesHeldBy(const domain::Usage& usage) {
  return HeapBytes({&usage.usage_id, &usage.user_id, &usage.destination, &usage.carrier});
}
size_t BytesHeldBy(const RecordUsage& command) {
  return BytesHeldBy(command.usage) + HeapBytes({&command.hold_id});
}
size_t BytesHeldBy(const CreateHold& command) {
  return BytesHeldBy(command.request.call) +
         HeapBytes({&command.request.hold_id, &command.request.switch_id});
}
size_t BytesHeldBy(const ExtendHold& command) { return HeapBytes({&command.hold_id}); }
size_t BytesHeldBy(const ReleaseHold& command) { return HeapBytes({&command.hold_id}); }
size_t BytesHeldBy(const EndHold& command) {
  return BytesHeldBy(command.usage) + HeapBytes({&command.hold_id});
}
size_t BytesHeldBy(const AuthorizeUsage& command) { return BytesHeldBy(command.usage); }
size_t BytesHeldBy(const domain::GivenCard& given) {
  size_t bytes = HeapBytes({&given.card.token.Reveal(), &given.card.fingerprint});
  if (given.display.has_value()) {
    bytes += HeapBytes({&given.display->brand});
  }
  return bytes;
}
size_t BytesHeldBy(const domain::ByStaff& by) {
  return HeapBytes({&by.reason, &by.actor, &by.reference});
}
size_t BytesHeldBy(const VoidUsage& command) {
  return HeapBytes({&command.usage_id}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const CorrectUsage& command) {
  return HeapBytes({&command.correction.usage_id, &command.correction.hold_id}) +
         BytesHeldBy(command.usage) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const RateUnrated& command) { return HeapBytes({&command.usage_id}); }
size_t BytesHeldBy(const RerateUsage& command) {
  return HeapBytes({&command.usage_id}) + BytesHeldBy(command.rerating.by);
}
size_t BytesHeldBy(const OpenAccount& command) {
  return HeapBytes({&command.currency, &command.plan_id, &command.digest, &command.display_name}) +
         BytesHeldBy(command.card);
}
size_t BytesHeldBy(const UpdateBillingSettings& command) {
  return HeapBytes({&command.currency, &command.etag, &command.request_id});
}
size_t BytesHeldBy(const AddPaymentMethod& command) {
  return HeapBytes({&command.request_id}) + BytesHeldBy(command.given);
}
size_t BytesHeldBy(const UpdatePaymentMethod& command) {
  return HeapBytes({&command.request_id, &command.payment_method_id, &command.etag}) +
         BytesHeldBy(command.given);
}
size_t BytesHeldBy(const RemovePaymentMethod& command) {
  return HeapBytes({&command.payment_method_id, &command.etag, &command.request_id});
}
size_t BytesHeldBy(const PutUser& command) {
  return HeapBytes({&command.user_id, &command.plan_id, &command.request_id}) +
         (command.display_name.has_value() ? HeapBytes({&*command.display_name}) : 0);
}
size_t BytesHeldBy(const RemoveUser& command) {
  return HeapBytes({&command.user_id, &command.request_id});
}
size_t BytesHeldBy(const AdjustBalance& command) {
  return HeapBytes({&command.request_id, &command.currency}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const GrantCredit& command) {
  return HeapBytes({&command.request.request_id, &command.currency}) +
         BytesHeldBy(command.request.by);
}
size_t BytesHeldBy(const RequestRecharge& command) {
  return HeapBytes({&command.request_id, &command.currency});
}
size_t BytesHeldBy(const BlockAccount& command) {
  return HeapBytes({&command.request_id}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const UnblockAccount& command) {
  return HeapBytes({&command.request_id}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const LiftSuspension& command) {
  return HeapBytes({&command.card.payment_method_id, &command.card.dispute_id, &command.request_id,
                    &command.user_id}) +
         BytesHeldBy(command.by);
}
size_t BytesHeldBy(const RefundRecharge& command) {
  return HeapBytes({&command.request.request_id, &command.currency}) +
         BytesHeldBy(command.request.by);
}
size_t BytesHeldBy(const RecordPayment& command) {
  const domain::PaymentRequest& request = command.request;
  return HeapBytes({&request.request_id, &request.charge_id, &command.currency}) +
         BytesHeldBy(request.by);
}
size_t BytesHeldBy(const CloseAccount& command) {
  size_t bytes = HeapBytes({&command.request_id}) + BytesHeldBy(command.by) +
                 command.waived.capacity() * sizeof(std::string);
  for (const std::string& usage_id : command.waived) bytes += HeapBytes({&usage_id});
  return bytes;
}
size_t BytesHeldBy(const RecordPayout& command) {
  return HeapBytes({&command.currency, &command.request_id}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const UpdateAccount& command) {
  const std::optional<std::string>& name = command.change.display_name;
  return HeapBytes({&command.request_id, &command.etag}) +
         (name.has_value() ? HeapBytes({&*name}) : 0);
}
size_t BytesHeldBy(const ReversePayment& command) {
  return HeapBytes({&command.request_id}) + BytesHeldBy(command.by);
}
size_t BytesHeldBy(const ReportGatewayRefund& command) {
  const domain::GatewayRefund& told = command.told;
  return HeapBytes({&command.currency, &told.charge_id, &told.refund_id, &told.failure_code});
}
size_t BytesHeldBy(const ReportGatewayDispute& command) {
  const domain::GatewayDispute& told = command.told;
  return HeapBytes({&command.currency, &told.charge_id, &told.dispute_id, &told.reason});
}
size_t BytesHeldBy(const ResolveReview& command) {
  return HeapBytes({&command.currency, &command.outcome.charge_id, &command.request_id}) +
         BytesHeldBy(command.by);
}
size_t BytesHeldBy(const ReportRecharge& command) {
  const domain::ChargeOutcome& outcome = command.outcome;
  return HeapBytes({&outcome.charge_id, &outcome.currency, &outcome.text});
}
size_t BytesHeldBy(const UpdateLimits& command) {
  size_t bytes =
      HeapBytes({&command.user_id, &command.currency, &command.etag, &command.request_id}) +
      BytesHeldBy(command.by);
  if (command.change.limits.countries.has_value()) {
    for (const std::string& each : *command.change.limits.countries) {
      bytes += sizeof(each) + HeapBytes({&each});
    }
  }
  return bytes;
}
size_t BytesHeldBy(const DeferRecharge&) { return 0; }
size_t BytesHeldBy(const Reconsider&) { return 0; }

}  // namespace

size_t HeapBytesOf(const Command& command) {
  return std::visit([](const auto& one) { return BytesHeldBy(one); }, command);
}

size_t HeapBytesOf(const std::string& text) { return HeapBytes({&text}); }

}  // namespace reserve::book
