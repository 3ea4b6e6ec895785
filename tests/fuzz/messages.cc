// What callers and the payment gateway send.
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/rpc/status.h"
#include "google/protobuf/message.h"
#include "reserve/gateway/v1/payment_gateway.pb.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "reserve/ledger/v1/recharges.pb.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/settings.h"
#include "tests/fuzz/targets.h"
#include "worker/gateway_messages.h"

namespace reserve::fuzz {
namespace {

// A refusal of what was sent: it says which field, in words.
void RequireRefusal(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument ||
              status.code() == absl::StatusCode::kOutOfRange,
          "what can't be read is refused as the caller's mistake");
  RequireReadable(status.message());
}

template <typename Message>
bool Read(absl::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void OfUsage(absl::string_view bytes) {
  ledger::v1::Usage message;
  if (!Read(bytes, &message)) return;
  const domain::Settings settings;
  const absl::StatusOr<domain::Usage> usage = api::UsageFrom(settings, message);
  if (!usage.ok()) return RequireRefusal(usage.status());
  Require(domain::IsValidId(usage->usage_id), "a usage has an id");
  Require(usage->duration >= absl::ZeroDuration(), "a duration is not below zero");
  Require(absl::Trunc(usage->duration, absl::Microseconds(1)) == usage->duration,
          "a duration is whole microseconds");
}

void OfCard(absl::string_view bytes) {
  ledger::v1::PaymentMethod message;
  if (!Read(bytes, &message)) return;
  const auto card = api::GivenCardFrom(message);
  if (!card.ok()) RequireRefusal(card.status());
}

void OfReport(absl::string_view bytes) {
  ledger::v1::ReportRechargeRequest message;
  if (!Read(bytes, &message)) return;
  const auto report = api::ReportFrom(message);
  if (!report.ok()) RequireRefusal(report.status());
}

}  // namespace

void PageTokens(absl::string_view bytes) {
  const std::string digest = api::QueryDigest({"ListUsage", "acc-1"});
  const absl::StatusOr<std::string> cursor = api::DecodePageToken(digest, bytes);
  if (!cursor.ok()) {
    RequireRefusal(cursor.status());
  } else if (!bytes.empty()) {
    Require(api::EncodePageToken(digest, *cursor) == bytes, "a token is taken in one form alone");
  }
  const std::string token = api::EncodePageToken(digest, bytes);
  const absl::StatusOr<std::string> again = api::DecodePageToken(digest, token);
  Require(again.ok() && *again == bytes, "a token says where its list goes on");
  Require(!api::DecodePageToken(api::QueryDigest({"ListUsage", "acc-2"}), token).ok(),
          "a token of another query is refused");
  const api::Page page{digest, 50, std::string(bytes)};
  const absl::StatusOr<int64_t> number = page.Number(7);
  if (!number.ok()) RequireRefusal(number.status());
  const absl::StatusOr<book::RechargeKey> row = api::RowBefore(page);
  if (!row.ok()) RequireRefusal(row.status());
}

void Requests(absl::string_view bytes) {
  OfUsage(bytes);
  OfCard(bytes);
  OfReport(bytes);
}

void GatewayAnswers(absl::string_view bytes) {
  gateway::v1::Charge charge;
  if (!Read(bytes, &charge)) return;
  for (const worker::GatewayState& state : worker::StatesOf(charge)) {
    RequireReadable(worker::TextOf(state));
    const std::string reference = "acc-1/7";
    std::string sent;
    if (state.kind == worker::GatewayState::Kind::kRefund) {
      worker::RefundReport(charge.charge_id(), reference, state).SerializeToString(&sent);
    } else {
      worker::DisputeReport(charge.charge_id(), reference, state).SerializeToString(&sent);
    }
    Require(!sent.empty(), "what the gateway says is told");
  }
}

// The first byte is the code, the rest the details.
void StatusDetails(absl::string_view bytes) {
  if (bytes.empty()) return;
  const auto code = static_cast<grpc::StatusCode>(static_cast<uint8_t>(bytes[0]) % 20);
  const std::string details(bytes.substr(1));
  const absl::Status status = FromGrpcStatus(grpc::Status(code, "refused", details));
  Require(status.ok() == (code == grpc::StatusCode::OK), "details make no error good");
  // As it is handed on, and logged.
  const google::rpc::Status handed_on = ToProtoStatus(status, "reserve.test");
  RequireReadable(handed_on.message());
  const absl::Status again = FromProtoStatus(handed_on);
  Require(again.code() == status.code(), "a status is handed on with its code");
  Require(RetryAfterOf(again) == RetryAfterOf(status), "a wait is handed on");
  for (const auto& [key, value] : MetadataOf(again)) {
    RequireReadable(key);
    RequireReadable(value);
  }
}

}  // namespace reserve::fuzz
