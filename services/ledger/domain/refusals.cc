#include "services/ledger/domain/refusals.h"

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve::domain {
namespace {

absl::Status Refused(absl::string_view reason, absl::string_view field, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, field, message);
}

}  // namespace

absl::Status AccountNotFound(absl::string_view account_id) {
  return MakeError(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id",
                   absl::StrCat("there is no account \"", account_id, "\""));
}

absl::Status UserNotFound(absl::string_view account_id, absl::string_view user_id) {
  return MakeError(absl::StatusCode::kNotFound, "USER_NOT_FOUND", "user_id",
                   absl::StrCat("account \"", account_id, "\" has no user \"", user_id, "\""));
}

absl::Status NoRate(absl::string_view field, absl::string_view destination) {
  return Refused(
      kNoRateReason, field,
      absl::StrCat("the rate deck in force at the start has no price for +", destination));
}

absl::Status NoCard() { return Refused("NO_CARD", "", "the account has no card to charge"); }

absl::Status CardRefused() {
  return Refused("CARD_REFUSED", "", "the card was refused for good; give another card first");
}

absl::Status RechargeAlreadyOpen(int64_t ordinal) {
  return Refused("RECHARGE_ALREADY_OPEN", "", absl::StrCat("recharge ", ordinal, " is still open"));
}

absl::Status CardLimitReached(absl::Time allowed) {
  return Refused("CARD_LIMIT_REACHED", "", CardLimitText(allowed));
}

std::string CardLimitText(absl::Time allowed) {
  return absl::StrCat("the card was declined as often as its network allows; not before ",
                      FormatRfc3339(allowed));
}

absl::Status LeaseLost(absl::string_view account_id, int64_t ordinal) {
  return Refused("LEASE_LOST", "lease_epoch",
                 absl::StrCat("recharge ", ordinal, " of account \"", account_id,
                              "\" is settled or another worker has taken over"));
}

absl::Status AlreadyCredited(const Recharge& recharge, absl::string_view charge_id) {
  return Refused("ALREADY_CREDITED", "",
                 absl::StrCat("recharge ", recharge.ordinal, " was credited for charge ",
                              recharge.charge_id, ", not for ", charge_id));
}

}  // namespace reserve::domain
