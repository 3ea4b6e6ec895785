#include "services/gateway_stub/card_token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace reserve::gateway_stub {
namespace {

std::string CodeOf(absl::string_view token, const CardHistory& history = {}) {
  const Decline* decline = NextDecline(BehaviorOf(token), history);
  return decline == nullptr ? "" : std::string(decline->code);
}

TEST(CardTokenTest, EachNamedCardEndsAsItsNameSays) {
  struct Row {
    const char* token;
    const char* code;
  };
  const Row rows[] = {
      {"tok_visa", ""},
      {"tok_mastercard", ""},
      {"pm_card_visa", ""},
      {"tok_visa_chargeDeclined", "generic_decline"},
      {"tok_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"},
      {"tok_visa_chargeDeclinedLostCard", "lost_card"},
      {"tok_visa_chargeDeclinedStolenCard", "stolen_card"},
      {"tok_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"},
      {"tok_chargeDeclinedExpiredCard", "expired_card"},
      {"tok_chargeDeclinedIncorrectCvc", "incorrect_cvc"},
      {"tok_chargeDeclinedProcessingError", "processing_error"},
      {"pm_card_chargeDeclinedExpiredCard", "expired_card"},
      {"tok_chargeCustomerFail", "generic_decline"},
      {"pm_card_radarBlock", "highest_risk_level"},
      {"pm_card_authenticationRequired", "authentication_required"},
      {"tok_authenticationRequired", "authentication_required"},
  };
  for (const Row& row : rows) EXPECT_EQ(CodeOf(row.token), row.code) << row.token;
}

TEST(CardTokenTest, EachDeclineCanBeAskedForByItsCode) {
  std::set<std::string> codes;
  for (const Decline& decline : Declines()) {
    const std::string code(decline.code);
    EXPECT_EQ(CodeOf("tok_decline_" + code), code);
    EXPECT_TRUE(codes.insert(code).second) << code << " is there twice";
    EXPECT_FALSE(decline.message.empty()) << code;
  }
}

TEST(CardTokenTest, DeclinesHaveTheClassThatSaysWhetherToRetry) {
  EXPECT_EQ(FindDecline("insufficient_funds")->decline_class, DeclineClass::kSoft);
  EXPECT_EQ(FindDecline("issuer_not_available")->decline_class, DeclineClass::kSoft);
  EXPECT_EQ(FindDecline("do_not_honor")->decline_class, DeclineClass::kSoft);
  EXPECT_EQ(FindDecline("expired_card")->decline_class, DeclineClass::kHard);
  EXPECT_EQ(FindDecline("stolen_card")->decline_class, DeclineClass::kHard);
  EXPECT_EQ(FindDecline("transaction_not_allowed")->decline_class, DeclineClass::kHard);
  EXPECT_EQ(FindDecline("authentication_required")->decline_class,
            DeclineClass::kAuthenticationRequired);
}

TEST(CardTokenTest, UnknownTokensAreDeclinedForGood) {
  for (const char* token :
       {"tok_", "tok_unknown", "visa", "card", "#tok_visa", "tok_Visa", "tok_decline_",
        "tok_decline_nonsense", "tok_decline_after_", "tok_decline_after_x", "tok_decline_after_-1",
        "tok_late_", "tok_late_3600001", "tok_late_99999999999999999999", "tok_late_1x"}) {
    EXPECT_EQ(CodeOf(token), "invalid_card_token") << token;
  }
}

TEST(CardTokenTest, ASuffixMakesAnotherCardWithTheSameBehaviour) {
  EXPECT_EQ(CodeOf("tok_visa#42"), "");
  EXPECT_EQ(CodeOf("tok_visa#tok_chargeCustomerFail"), "");
  EXPECT_EQ(CodeOf("tok_decline_lost_card#7"), "lost_card");
  EXPECT_EQ(BehaviorOf("tok_late_250#7").reply_delay, absl::Milliseconds(250));
}

TEST(CardTokenTest, ACardMayChangeAfterSomeCharges) {
  EXPECT_EQ(CodeOf("tok_decline_after_2", {.succeeded = 0}), "");
  EXPECT_EQ(CodeOf("tok_decline_after_2", {.succeeded = 1}), "");
  EXPECT_EQ(CodeOf("tok_decline_after_2", {.succeeded = 2}), "insufficient_funds");
  EXPECT_EQ(CodeOf("tok_decline_after_0", {}), "insufficient_funds");
  EXPECT_EQ(CodeOf("tok_soft_then_ok_1", {.declined = 0}), "insufficient_funds");
  EXPECT_EQ(CodeOf("tok_soft_then_ok_1", {.declined = 1}), "");
  EXPECT_EQ(CodeOf("tok_soft_then_ok_0", {}), "");
}

TEST(CardTokenTest, ACardThatAsksForAuthenticationSucceedsOnceItsHolderHasAuthenticatedIt) {
  for (const char* token : {"tok_authenticationRequired#7", "pm_card_threeDSecureRequired"}) {
    EXPECT_EQ(CodeOf(token, {.declined = 3}), "authentication_required") << token;
    EXPECT_EQ(CodeOf(token, {.authenticated = true}), "") << token;
  }
  for (const char* token : {"tok_decline_authentication_required", "tok_chargeDeclinedLostCard"}) {
    EXPECT_NE(CodeOf(token, {.authenticated = true}), "") << token;
  }
}

TEST(CardTokenTest, TroubleThatIsNotTheCardsIsInTheBehaviour) {
  EXPECT_EQ(BehaviorOf("tok_slow_40").work_time, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_fail_before").failures_before, 1);
  EXPECT_EQ(BehaviorOf("tok_fail_before_3").failures_before, 3);
  EXPECT_GT(BehaviorOf("tok_unavailable").failures_before, int64_t{1} << 60);
  EXPECT_FALSE(BehaviorOf("tok_unavailable").invalid_before);
  EXPECT_EQ(BehaviorOf("tok_invalid_request_2").failures_before, 2);
  EXPECT_TRUE(BehaviorOf("tok_invalid_request_2").invalid_before);
  EXPECT_GT(BehaviorOf("tok_invalid_request").failures_before, int64_t{1} << 60);
  EXPECT_TRUE(BehaviorOf("tok_invalid_request").invalid_before);
  EXPECT_EQ(BehaviorOf("tok_lost_reply").reply, Reply::kLost);
  EXPECT_EQ(BehaviorOf("tok_internal").reply, Reply::kInternalError);
  EXPECT_EQ(CodeOf("tok_internal"), "processing_error");
  EXPECT_EQ(CodeOf("tok_internal_charged"), "");
}

TEST(CardTokenTest, APendingCardSucceedsOrDeclinesOnceItIsPendingNoMore) {
  EXPECT_EQ(BehaviorOf("tok_pending_40").pending_time, absl::Milliseconds(40));
  EXPECT_EQ(CodeOf("tok_pending_40"), "");
  EXPECT_EQ(BehaviorOf("tok_pending_decline_40").pending_time, absl::Milliseconds(40));
  EXPECT_EQ(CodeOf("tok_pending_decline_40"), "insufficient_funds");
  EXPECT_EQ(CodeOf("tok_pending_decline_"), "invalid_card_token");
}

TEST(CardTokenTest, HowACardIsGivenBackIsInItsTokenAndItIsChargedAsAnyOther) {
  EXPECT_EQ(BehaviorOf("tok_visa").refund.failure_code, "");
  EXPECT_EQ(BehaviorOf("tok_refund_fail#3").refund.failure_code, "expired_or_canceled_card");
  EXPECT_EQ(BehaviorOf("tok_refund_pending_40").refund.pending_time, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_pending_40").refund.fails_after, absl::InfiniteDuration());
  EXPECT_EQ(BehaviorOf("tok_refund_pending_fail_40").refund.pending_time, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_pending_fail_40").refund.fails_after, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_fail_later_40").refund.pending_time, absl::ZeroDuration());
  EXPECT_EQ(BehaviorOf("tok_refund_fail_later_40").refund.fails_after, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_late_40").refund.reply_delay, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_slow_40").refund.work_time, absl::Milliseconds(40));
  EXPECT_EQ(BehaviorOf("tok_refund_fail_before").refund.failures_before, 1);
  EXPECT_EQ(BehaviorOf("tok_refund_fail_before_3").refund.failures_before, 3);
  EXPECT_GT(BehaviorOf("tok_refund_unavailable").refund.failures_before, int64_t{1} << 60);
  EXPECT_EQ(BehaviorOf("tok_refund_lost_reply").refund.reply, Reply::kLost);
  EXPECT_EQ(BehaviorOf("tok_refund_internal").refund.reply, Reply::kInternalError);
  for (const char* token :
       {"tok_refund_fail", "tok_refund_fail_later_40", "tok_refund_pending_40",
        "tok_refund_unavailable", "tok_refund_lost_reply", "tok_refund_internal"}) {
    EXPECT_EQ(CodeOf(token), "") << token;
    EXPECT_EQ(BehaviorOf(token).failures_before, 0) << token;
    EXPECT_EQ(BehaviorOf(token).reply, Reply::kAnswer) << token;
  }
  for (const char* token : {"tok_refund_", "tok_refund_pending_", "tok_refund_nonsense"}) {
    EXPECT_EQ(CodeOf(token), "invalid_card_token") << token;
  }
}

}  // namespace
}  // namespace reserve::gateway_stub
