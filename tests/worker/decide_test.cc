#include "worker/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

constexpr Nanos kAmount = 15 * kNanosPerUnit;
constexpr absl::Duration kLease = absl::Seconds(60);
const Moment kStart = absl::Hours(1000);

Task SomeTask() {
  return {.account_id = "acct-1",
          .ordinal = 3,
          .attempt = 1,
          .amount = kAmount,
          .currency = "USD",
          .card_token = CardToken("pm_card_visa")};
}

Task SomeRefund() {
  return {.account_id = "acct-1",
          .ordinal = 4,
          .attempt = 1,
          .amount = kAmount,
          .currency = "USD",
          .refunded_charge_id = "ch_1"};
}

HandOut Fresh() { return {.lease_epoch = 1, .lease_remaining = kLease}; }

HandOut Aged(absl::Duration age) {
  return {
      .attempt_age = age, .handed_out_before = true, .lease_epoch = 1, .lease_remaining = kLease};
}

HandOut PendingFor(absl::Duration age) {
  HandOut handed_out = Aged(age);
  handed_out.pending = true;
  return handed_out;
}

GatewayAnswer Answer(GatewayAnswer::Kind kind, std::string text = "") {
  return {.kind = kind, .text = std::move(text)};
}

GatewayAnswer Charged() {
  return {.kind = GatewayAnswer::Kind::kFound,
          .succeeded = true,
          .charge_id = "ch_1",
          .amount = kAmount,
          .currency = "USD",
          .card_token = CardToken("pm_card_visa")};
}

GatewayAnswer Declined(DeclineClass decline_class) {
  GatewayAnswer answer = Charged();
  answer.succeeded = false;
  answer.decline_class = decline_class;
  answer.text = "insufficient_funds";
  return answer;
}

GatewayAnswer GivenBack() {
  return {.kind = GatewayAnswer::Kind::kFound,
          .succeeded = true,
          .charge_id = "ch_1",
          .refund_id = "re_1",
          .amount = kAmount,
          .currency = "USD"};
}

GatewayAnswer RefundPending() {
  GatewayAnswer answer = GivenBack();
  answer.succeeded = false;
  answer.pending = true;
  return answer;
}

GatewayAnswer RefundFailed() {
  GatewayAnswer answer = GivenBack();
  answer.succeeded = false;
  answer.text = "expired_or_canceled_card";
  return answer;
}

// What Decide said, as one word and what matters of it.
std::string Describe(const Action& action) {
  struct Describer {
    std::string operator()(const Wait& wait) const {
      return absl::StrCat("wait ", absl::FormatDuration(wait.until - kStart));
    }
    std::string operator()(const Charge&) const { return "charge"; }
    std::string operator()(const Refund&) const { return "refund"; }
    std::string operator()(const LookUp&) const { return "look up"; }
    std::string operator()(const Tell& tell) const { return absl::StrCat("tell ", tell.state.id); }
    std::string operator()(const Report& report) const {
      switch (report.outcome.kind) {
        case Outcome::Kind::kSucceeded:
          return absl::StrCat("report succeeded ", report.outcome.charge_id);
        case Outcome::Kind::kDeclined:
          return absl::StrCat("report declined ", static_cast<int>(report.outcome.decline_class),
                              " ", report.outcome.text);
        case Outcome::Kind::kUnresolved:
          return "report unresolved";
        case Outcome::Kind::kPending:
          return absl::StrCat("report pending ", report.outcome.charge_id,
                              report.outcome.refund_id);
        case Outcome::Kind::kRefunded:
          return absl::StrCat("report refunded ", report.outcome.refund_id);
        case Outcome::Kind::kRefundFailed:
          return absl::StrCat("report refund failed ", report.outcome.refund_id, " ",
                              report.outcome.text);
      }
      return "?";
    }
    std::string operator()(const GiveUp&) const { return "give up"; }
  };
  return std::visit(Describer(), action);
}

// One attempt, told what happens and asked what to do.
class Script {
 public:
  explicit Script(const HandOut& handed_out = Fresh(), const Task& task = SomeTask())
      : attempt_(BeginAttempt(task, handed_out, kStart)) {}

  Script& After(absl::Duration passed) {
    now_ += passed;
    return *this;
  }
  // The lease is renewed all along.
  Script& AfterRenewing(absl::Duration passed) {
    now_ += passed;
    OnRenewed(attempt_.lease.epoch, kLease, now_, &attempt_);
    return *this;
  }
  Script& ChargeSays(const GatewayAnswer& answer) {
    OnChargeAnswer(rules_, answer, now_, /*jitter=*/0, &attempt_);
    return *this;
  }
  Script& LookUpSays(const GatewayAnswer& answer) {
    OnLookUpAnswer(rules_, answer, now_, /*jitter=*/0, &attempt_);
    return *this;
  }
  Script& ReportSays(ReportAnswer answer, int64_t epoch = 1) {
    OnReportAnswer(rules_, answer, epoch, "why not", now_, /*jitter=*/0, &attempt_);
    return *this;
  }
  Script& ToldSays(ReportAnswer answer) {
    OnTold(rules_, answer, "why not", now_, /*jitter=*/0, &attempt_);
    return *this;
  }
  Script& HandedOutAgain(int64_t epoch) {
    OnHandOut({.attempt_age = now_ - kStart,
               .handed_out_before = true,
               .lease_epoch = epoch,
               .lease_remaining = kLease},
              now_, &attempt_);
    return *this;
  }
  Script& LeaseLost(int64_t epoch = 1) {
    OnLeaseLost(epoch, &attempt_);
    return *this;
  }
  std::string Decision() const { return Describe(Decide(rules_, attempt_, now_)); }
  const Attempt& attempt() const { return attempt_; }
  Moment now() const { return now_; }

 private:
  Rules rules_;
  Attempt attempt_;
  Moment now_ = kStart;
};

using Kind = GatewayAnswer::Kind;

struct Row {
  std::string name;
  std::function<Script()> script;
  std::string decision;
};

class DecideTest : public testing::TestWithParam<Row> {};

TEST_P(DecideTest, Rule) { EXPECT_EQ(GetParam().script().Decision(), GetParam().decision); }

const absl::Duration kHalf = absl::Hours(12);
const absl::Duration kMoment = absl::Milliseconds(1);
const absl::Duration kHalfASecond = absl::Milliseconds(500);

std::vector<Row> ChargingRules() {
  return {
      {"AFreshAttemptIsCharged", [] { return Script(); }, "charge"},
      {"AnAttemptHandedOutBeforeIsChargedUnderTheSameKey",
       [] { return Script(Aged(absl::Hours(1))); }, "charge"},
      {"JustBeforeHalfOfTheKeyLifetimeItIsStillCharged",
       [] { return Script(Aged(kHalf - kMoment)); }, "charge"},
      {"FromHalfOfTheKeyLifetimeOnItIsOnlyLookedUp", [] { return Script(Aged(kHalf)); }, "look up"},
      {"AnAgeThatGrowsWhileWeHoldItCounts",
       [] { return Script(Aged(kHalf - absl::Seconds(30))).After(absl::Seconds(30)); }, "look up"},
      {"AfterATimeoutItIsLookedUpAtOnce",
       [] { return Script().ChargeSays(Answer(Kind::kNoAnswer)); }, "look up"},
      {"AfterAnOutageItWaits", [] { return Script().ChargeSays(Answer(Kind::kOutage)); },
       "wait 200ms"},
      {"AfterAnOutageItIsLookedUpFirst",
       [] { return Script().ChargeSays(Answer(Kind::kOutage)).After(absl::Milliseconds(200)); },
       "look up"},
      {"AnOutageUsesUpNothingHoweverLong",
       [] {
         Script script;
         script.ChargeSays(Answer(Kind::kOutage));
         for (int i = 0; i < 1000; ++i) {
           script.AfterRenewing(absl::Seconds(15)).LookUpSays(Answer(Kind::kOutage));
         }
         return script.AfterRenewing(absl::Seconds(15))
             .LookUpSays(Answer(Kind::kNotFound))
             .AfterRenewing(absl::Seconds(15));
       },
       "charge"},
      {"NotFoundAfterATimeoutWaitsBeforeItChargesAgain",
       [] {
         return Script().ChargeSays(Answer(Kind::kNoAnswer)).LookUpSays(Answer(Kind::kNotFound));
       },
       "wait 200ms"},
      {"NotFoundAfterATimeoutIsChargedAgain",
       [] {
         return Script()
             .ChargeSays(Answer(Kind::kNoAnswer))
             .LookUpSays(Answer(Kind::kNotFound))
             .After(absl::Milliseconds(200));
       },
       "charge"},
      {"ALookUpWithoutAnswerWaits",
       [] {
         return Script().ChargeSays(Answer(Kind::kNoAnswer)).LookUpSays(Answer(Kind::kNoAnswer));
       },
       "wait 200ms"},
      {"ALookUpWithoutAnswerIsRepeated",
       [] {
         return Script()
             .ChargeSays(Answer(Kind::kNoAnswer))
             .LookUpSays(Answer(Kind::kNoAnswer))
             .After(absl::Milliseconds(200));
       },
       "look up"},
      {"TooManyNonAnswersMakeRoomForOthers",
       [] {
         Script script;
         for (int i = 0; i < Rules().patience; ++i) {
           script.ChargeSays(Answer(Kind::kNoAnswer))
               .LookUpSays(Answer(Kind::kNotFound))
               .AfterRenewing(absl::Seconds(15));
         }
         return script;
       },
       "give up"},
  };
}

std::vector<Row> OutcomeRules() {
  return {
      {"ASuccessIsReported", [] { return Script().ChargeSays(Charged()); },
       "report succeeded ch_1"},
      {"ASoftDeclineIsReported", [] { return Script().ChargeSays(Declined(DeclineClass::kSoft)); },
       "report declined 1 insufficient_funds"},
      {"AHardDeclineIsReported", [] { return Script().ChargeSays(Declined(DeclineClass::kHard)); },
       "report declined 2 insufficient_funds"},
      {"AuthenticationRequiredIsReported",
       [] { return Script().ChargeSays(Declined(DeclineClass::kAuthenticationRequired)); },
       "report declined 3 insufficient_funds"},
      {"ALostReplyIsFoundAndReported",
       [] { return Script().ChargeSays(Answer(Kind::kNoAnswer)).LookUpSays(Charged()); },
       "report succeeded ch_1"},
      {"AFoundDeclineIsReported",
       [] {
         return Script()
             .ChargeSays(Answer(Kind::kNoAnswer))
             .LookUpSays(Declined(DeclineClass::kSoft));
       },
       "report declined 1 insufficient_funds"},
      {"PastTheKeyLifetimeASuccessIsStillFound",
       [] { return Script(Aged(absl::Hours(100))).LookUpSays(Charged()); },
       "report succeeded ch_1"},
      {"PastHalfOfTheKeyLifetimeNotFoundIsForAPerson",
       [] { return Script(Aged(kHalf)).LookUpSays(Answer(Kind::kNotFound)); }, "report unresolved"},
      {"PastHalfOfTheKeyLifetimeAnOutageIsWaitedOut",
       [] { return Script(Aged(kHalf)).LookUpSays(Answer(Kind::kOutage)); }, "wait 200ms"},
      {"PastTheKeyLifetimeNoAnswerIsForAPerson",
       [] { return Script(Aged(absl::Hours(24))).LookUpSays(Answer(Kind::kNoAnswer)); },
       "report unresolved"},
  };
}

// What is no outcome at first: the token is no card, the request is invalid, or its key is taken.
std::vector<Row> RefusalRules() {
  return {
      {"ATokenThatIsNoCardIsAHardDecline",
       [] { return Script().ChargeSays(Answer(Kind::kRefused, "INVALID_FIELD")); },
       "report declined 2 refused:INVALID_FIELD"},
      {"ATokenThatIsNoCardAndMayHaveBeenSentBeforeIsLookedUp",
       [] {
         return Script(Aged(absl::Hours(1))).ChargeSays(Answer(Kind::kRefused, "INVALID_FIELD"));
       },
       "look up"},
      {"ATokenThatIsNoCardAndNotFoundIsAHardDecline",
       [] {
         return Script(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kRefused, "INVALID_FIELD"))
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report declined 2 refused:INVALID_FIELD"},
      {"ATokenThatIsNoCardAndFoundIsReportedAsItEnded",
       [] {
         return Script(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kRefused, "INVALID_FIELD"))
             .LookUpSays(Charged());
       },
       "report succeeded ch_1"},
      {"AnInvalidChargeIsNoDeclineAndIsLookedUp",
       [] { return Script().ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount")); },
       "look up"},
      {"AnInvalidChargeThatIsNotFoundIsForAPersonAtOnce",
       [] {
         return Script()
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
      {"AnInvalidChargeThatMayHaveBeenSentBeforeIsForAPersonOnceNoneIsFound",
       [] {
         return Script(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
      {"AnInvalidChargeIsNotForAPersonBeforeTheLookUpIsAnswered",
       [] {
         return Script()
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .LookUpSays(Answer(Kind::kOutage));
       },
       "wait 200ms"},
      {"AnInvalidChargeThatIsFoundIsReportedAsItEnded",
       [] {
         return Script(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .LookUpSays(Charged());
       },
       "report succeeded ch_1"},
      {"AnInvalidChargeIsForAPersonPastHalfOfTheKeyLifetime",
       [] {
         return Script(Aged(kHalf - kMoment))
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .After(kMoment)
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
  };
}

// Something else is under the key.
std::vector<Row> KeyRules() {
  return {
      {"AReusedKeyIsLookedUp", [] { return Script().ChargeSays(Answer(Kind::kKeyReused)); },
       "look up"},
      {"AReusedKeyWithNothingUnderItIsForAPerson",
       [] {
         return Script().ChargeSays(Answer(Kind::kKeyReused)).LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
      {"AChargeOfAnotherAmountIsForAPerson",
       [] {
         GatewayAnswer other = Charged();
         other.amount = kAmount + 1;
         return Script().ChargeSays(Answer(Kind::kKeyReused)).LookUpSays(other);
       },
       "report unresolved"},
      {"AChargeOfAnotherCurrencyIsForAPerson",
       [] {
         GatewayAnswer other = Charged();
         other.currency = "EUR";
         return Script().ChargeSays(other);
       },
       "report unresolved"},
      {"AChargeOfAnotherCardIsForAPerson",
       [] {
         GatewayAnswer other = Charged();
         other.card_token = CardToken("pm_card_mastercard");
         return Script().ChargeSays(Answer(Kind::kKeyReused)).LookUpSays(other);
       },
       "report unresolved"},
  };
}

// A success of which money came back before it was reported.
std::vector<Row> LateSuccessRules() {
  const auto late = [] {
    GatewayAnswer charged = Charged();
    charged.states = {{.kind = GatewayState::Kind::kRefund, .id = "re_1"},
                      {.kind = GatewayState::Kind::kDispute, .id = "dp_1"}};
    return Script(Aged(absl::Hours(1))).LookUpSays(charged);
  };
  return {
      {"TheLedgerHearsOfARefundBeforeTheSuccess", [late] { return late(); }, "tell re_1"},
      {"ThenOfTheNext", [late] { return late().ToldSays(ReportAnswer::kAccepted); }, "tell dp_1"},
      {"AndThenOfTheSuccess",
       [late] {
         return late().ToldSays(ReportAnswer::kAccepted).ToldSays(ReportAnswer::kAccepted);
       },
       "report succeeded ch_1"},
      {"ItIsToldAgainUntilThereIsAnAnswer",
       [late] {
         Script script = late();
         for (int i = 0; i < 1000; ++i) {
           script.ToldSays(ReportAnswer::kNoAnswer).After(absl::Hours(1));
         }
         return script;
       },
       "tell re_1"},
      {"ItIsToldAgainAfterAWhile", [late] { return late().ToldSays(ReportAnswer::kNoAnswer); },
       "wait 200ms"},
      {"WhatTheLedgerDoesNotTakeIsForAPerson",
       [late] { return late().ToldSays(ReportAnswer::kRefused); }, "report unresolved"},
  };
}

std::vector<Row> LeaseAndReportRules() {
  return {
      {"WithoutTheLeaseNothingIsCharged", [] { return Script().After(kLease); }, "give up"},
      {"TheLeaseIsNotUsedToItsVeryEnd", [] { return Script().After(kLease - absl::Seconds(2)); },
       "give up"},
      {"ARenewedLeaseGoesOn", [] { return Script().AfterRenewing(kLease - kMoment); }, "charge"},
      {"ALostLeaseIsGivenUp", [] { return Script().LeaseLost(); }, "give up"},
      {"TheLossOfAnOlderLeaseChangesNothing",
       [] { return Script().HandedOutAgain(2).LeaseLost(1); }, "charge"},
      {"ADeclineIsWorthNothingWithoutTheLease",
       [] { return Script().ChargeSays(Declined(DeclineClass::kSoft)).LeaseLost(); }, "give up"},
      {"ASuccessIsReportedWithoutTheLease",
       [] { return Script().LeaseLost().ChargeSays(Charged()); }, "report succeeded ch_1"},
      {"ASuccessIsReportedForEver",
       [] {
         Script script;
         script.ChargeSays(Charged());
         for (int i = 0; i < 1000; ++i) {
           script.ReportSays(ReportAnswer::kNoAnswer).After(absl::Hours(1));
         }
         return script;
       },
       "report succeeded ch_1"},
      {"AReportWithoutAnswerWaits",
       [] { return Script().ChargeSays(Charged()).ReportSays(ReportAnswer::kNoAnswer); },
       "wait 200ms"},
      {"AnAcceptedReportIsTheEnd",
       [] { return Script().ChargeSays(Charged()).ReportSays(ReportAnswer::kAccepted); },
       "give up"},
      {"ADeclineReportedUnderALostLeaseIsGivenUp",
       [] {
         return Script()
             .ChargeSays(Declined(DeclineClass::kHard))
             .ReportSays(ReportAnswer::kLeaseLost);
       },
       "give up"},
      {"ADeclineReportedUnderAnOlderLeaseIsReportedAgain",
       [] {
         return Script()
             .ChargeSays(Declined(DeclineClass::kHard))
             .HandedOutAgain(2)
             .ReportSays(ReportAnswer::kLeaseLost, /*epoch=*/1);
       },
       "report declined 2 insufficient_funds"},
      {"ARefusedDeclineIsGivenUp",
       [] {
         return Script()
             .ChargeSays(Declined(DeclineClass::kHard))
             .ReportSays(ReportAnswer::kRefused);
       },
       "give up"},
      {"ASuccessThatTheLedgerRefusesIsForAPerson",
       [] { return Script().ChargeSays(Charged()).ReportSays(ReportAnswer::kRefused); },
       "report unresolved"},
      {"ATaskHandedOutAgainGoesOnUnderTheNewLease",
       [] { return Script().After(kLease).HandedOutAgain(2); }, "charge"},
      {"AnOlderHandOutChangesNothing",
       [] { return Script().HandedOutAgain(5).LeaseLost(5).HandedOutAgain(4); }, "give up"},
      {"WhileItWaitsTheLeaseEndsTheWaiting",
       [] {
         Script script;
         for (int i = 0; i < 5; ++i) script.LookUpSays(Answer(Kind::kOutage));
         return script.After(absl::Seconds(57)).LookUpSays(Answer(Kind::kOutage));
       },
       "wait 58s"},
  };
}

Script ARefund(const HandOut& handed_out = Fresh()) { return Script(handed_out, SomeRefund()); }

std::vector<Row> RefundRules() {
  return {
      {"AFreshRefundIsSent", [] { return ARefund(); }, "refund"},
      {"ARefundHandedOutBeforeIsSentUnderTheSameKey", [] { return ARefund(Aged(absl::Hours(1))); },
       "refund"},
      {"FromHalfOfTheKeyLifetimeOnARefundIsOnlyLookedUp", [] { return ARefund(Aged(kHalf)); },
       "look up"},
      {"ARefundThatTheGatewayDoesNotKnowByThenIsForAPerson",
       [] { return ARefund(Aged(kHalf)).LookUpSays(Answer(Kind::kNotFound)); },
       "report unresolved"},
      {"ARefundThatWasMadeIsFoundHoweverLate",
       [] { return ARefund(Aged(absl::Hours(100))).LookUpSays(GivenBack()); },
       "report refunded re_1"},
      {"ARefundThatSucceedsIsReported", [] { return ARefund().ChargeSays(GivenBack()); },
       "report refunded re_1"},
      {"ARefundWithoutAnswerIsLookedUp",
       [] { return ARefund().ChargeSays(Answer(Kind::kNoAnswer)); }, "look up"},
      {"ARefundWithoutAnswerThatIsFoundIsReported",
       [] { return ARefund().ChargeSays(Answer(Kind::kNoAnswer)).LookUpSays(GivenBack()); },
       "report refunded re_1"},
      {"ARefundWithoutAnswerThatIsNotFoundIsSentAgain",
       [] {
         return ARefund()
             .ChargeSays(Answer(Kind::kNoAnswer))
             .LookUpSays(Answer(Kind::kNotFound))
             .After(absl::Milliseconds(200));
       },
       "refund"},
      {"AnOutageOfTheGatewayIsNoFailureOfARefund",
       [] { return ARefund().ChargeSays(Answer(Kind::kOutage)).After(absl::Milliseconds(200)); },
       "look up"},
      {"ARefundThatIsPendingIsReportedSo", [] { return ARefund().ChargeSays(RefundPending()); },
       "report pending re_1"},
      {"ARefundThatFailedIsReportedWithItsCode",
       [] { return ARefund().ChargeSays(RefundFailed()); },
       "report refund failed re_1 expired_or_canceled_card"},
      {"ARefundThatCanNotBeMadeFailed",
       [] { return ARefund().ChargeSays(Answer(Kind::kRefused, "REFUND_TOO_LARGE")); },
       "report refund failed  REFUND_TOO_LARGE"},
      {"ARefundThatCanNotBeMadeAndMayHaveBeenSentBeforeIsLookedUp",
       [] {
         return ARefund(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kRefused, "REFUND_TOO_LARGE"));
       },
       "look up"},
      {"ARefundThatCanNotBeMadeAndIsNotFoundFailed",
       [] {
         return ARefund(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kRefused, "REFUND_TOO_LARGE"))
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report refund failed  REFUND_TOO_LARGE"},
      {"ARefundThatCanNotBeMadeAgainButWasMadeSucceeded",
       [] {
         return ARefund(Aged(absl::Hours(1)))
             .ChargeSays(Answer(Kind::kRefused, "REFUND_TOO_LARGE"))
             .LookUpSays(GivenBack());
       },
       "report refunded re_1"},
  };
}

// What says nothing of the charge, and what is under the key instead.
std::vector<Row> RefundFaultRules() {
  return {
      {"AnInvalidRefundIsLeftUntilTheNextLease",
       [] { return ARefund().ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount")); },
       "give up"},
      {"AnInvalidRefundIsSentAgainUnderTheNextLease",
       [] {
         return ARefund()
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .HandedOutAgain(2);
       },
       "refund"},
      {"AnInvalidRefundIsForAPersonPastHalfOfTheKeyLifetime",
       [] {
         return ARefund(Aged(kHalf - kMoment))
             .ChargeSays(Answer(Kind::kInvalid, "INVALID_FIELD:amount"))
             .After(kMoment)
             .LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
      {"AReusedKeyOfARefundWithNothingUnderItIsForAPerson",
       [] {
         return ARefund().ChargeSays(Answer(Kind::kKeyReused)).LookUpSays(Answer(Kind::kNotFound));
       },
       "report unresolved"},
      {"ARefundOfAnotherChargeIsForAPerson",
       [] {
         GatewayAnswer other = GivenBack();
         other.charge_id = "ch_2";
         return ARefund().ChargeSays(Answer(Kind::kKeyReused)).LookUpSays(other);
       },
       "report unresolved"},
      {"ARefundOfAnotherAmountIsForAPerson",
       [] {
         GatewayAnswer other = RefundFailed();
         other.amount = kAmount - 1;
         return ARefund().ChargeSays(other);
       },
       "report unresolved"},
      {"ARefundOfAnotherCurrencyIsForAPerson",
       [] {
         GatewayAnswer other = RefundPending();
         other.currency = "EUR";
         return ARefund().ChargeSays(other);
       },
       "report unresolved"},
      {"WithoutTheLeaseNothingIsGivenBack", [] { return ARefund().After(kLease); }, "give up"},
      {"ARefundThatSucceededIsReportedWithoutTheLease",
       [] { return ARefund().LeaseLost().ChargeSays(GivenBack()); }, "report refunded re_1"},
      {"ARefundThatFailedIsWorthNothingWithoutTheLease",
       [] { return ARefund().ChargeSays(RefundFailed()).LeaseLost(); }, "give up"},
      {"ARefundThatIsPendingIsWorthNothingWithoutTheLease",
       [] { return ARefund().ChargeSays(RefundPending()).LeaseLost(); }, "give up"},
      {"ARefundThatSucceededIsReportedUntilThereIsAnAnswer",
       [] {
         Script script = ARefund().ChargeSays(GivenBack());
         for (int i = 0; i < 1000; ++i) {
           script.ReportSays(ReportAnswer::kNoAnswer).After(absl::Hours(1));
         }
         return script;
       },
       "report refunded re_1"},
      {"ARefundThatSucceededAndThatTheLedgerRefusesIsForAPerson",
       [] { return ARefund().ChargeSays(GivenBack()).ReportSays(ReportAnswer::kRefused); },
       "report unresolved"},
  };
}

std::string NameOf(const testing::TestParamInfo<Row>& info) { return info.param.name; }

// G3: what the gateway has called pending is no review by its age.
std::vector<Row> PendingRules() {
  const absl::Duration days = absl::Hours(100);
  return {
      {"PastTheKeyLifetimeWithoutAnAnswerItIsLookedUpAgain",
       [days] {
         return Script(PendingFor(days)).LookUpSays(Answer(Kind::kNoAnswer)).After(kHalfASecond);
       },
       "look up"},
      {"PastTheKeyLifetimeAnOutageIsWaitedOut",
       [days] { return Script(PendingFor(days)).LookUpSays(Answer(Kind::kOutage)); }, "wait 200ms"},
      {"WithoutAnAnswerForLongItIsLeftForThisLease",
       [days] {
         Script script(PendingFor(days));
         for (int32_t i = 0; i < Rules().patience; ++i) {
           script.AfterRenewing(absl::Seconds(15)).LookUpSays(Answer(Kind::kNoAnswer));
         }
         return script.AfterRenewing(absl::Seconds(15));
       },
       "give up"},
      {"ItIsReportedAsItEndedHoweverLate",
       [days] { return Script(PendingFor(days)).LookUpSays(Declined(DeclineClass::kHard)); },
       "report declined 2 insufficient_funds"},
      {"ARefundIsLookedUpAgainToo",
       [days] {
         return ARefund(PendingFor(days)).LookUpSays(Answer(Kind::kNoAnswer)).After(kHalfASecond);
       },
       "look up"},
      {"WhatTheGatewayHasLostIsForAPerson",
       [days] { return Script(PendingFor(days)).LookUpSays(Answer(Kind::kNotFound)); },
       "report unresolved"},
  };
}

INSTANTIATE_TEST_SUITE_P(Charging, DecideTest, testing::ValuesIn(ChargingRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(Outcomes, DecideTest, testing::ValuesIn(OutcomeRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(Refusals, DecideTest, testing::ValuesIn(RefusalRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(Keys, DecideTest, testing::ValuesIn(KeyRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(LateSuccesses, DecideTest, testing::ValuesIn(LateSuccessRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(Pending, DecideTest, testing::ValuesIn(PendingRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(Leases, DecideTest, testing::ValuesIn(LeaseAndReportRules()), NameOf);

INSTANTIATE_TEST_SUITE_P(Refunds, DecideTest, testing::ValuesIn(RefundRules()), NameOf);
INSTANTIATE_TEST_SUITE_P(RefundFaults, DecideTest, testing::ValuesIn(RefundFaultRules()), NameOf);

TEST(RenewalTest, IsDueWhenAThirdOfTheLeaseHasPassed) {
  Script script;
  EXPECT_FALSE(RenewalDue(script.attempt(), kStart + absl::Seconds(19)));
  EXPECT_TRUE(RenewalDue(script.attempt(), kStart + absl::Seconds(20)));
}

TEST(RenewalTest, OfALeaseThatRanOutIsNotTried) {
  EXPECT_FALSE(RenewalDue(Script().attempt(), kStart + absl::Seconds(58)));
}

TEST(RenewalTest, IsNotNeededForASuccess) {
  const Moment due = kStart + absl::Seconds(20);
  EXPECT_FALSE(RenewalDue(Script().ChargeSays(Charged()).attempt(), due));
  EXPECT_FALSE(RenewalDue(ARefund().ChargeSays(GivenBack()).attempt(), due));
  EXPECT_TRUE(RenewalDue(ARefund().ChargeSays(RefundPending()).attempt(), due));
}

TEST(RenewalTest, IsCountedFromWhenItWasSent) {
  Attempt attempt = BeginAttempt(SomeTask(), Fresh(), kStart);
  OnRenewed(/*epoch=*/1, kLease, /*requested=*/kStart + absl::Seconds(20), &attempt);
  EXPECT_EQ(attempt.lease.end, kStart + absl::Seconds(20) + kLease - absl::Seconds(2));
}

TEST(RenewalTest, OfAnOlderLeaseChangesNothing) {
  Attempt attempt = BeginAttempt(SomeTask(), Fresh(), kStart);
  OnRenewed(/*epoch=*/0, kLease * 10, kStart, &attempt);
  EXPECT_EQ(attempt.lease.end, kStart + kLease - absl::Seconds(2));
}

TEST(RenewalTest, WithoutAnswerIsTriedAgainALittleLater) {
  Attempt attempt = BeginAttempt(SomeTask(), Fresh(), kStart);
  OnRenewalFailed(kStart + absl::Seconds(28), &attempt);
  EXPECT_FALSE(RenewalDue(attempt, kStart + absl::Seconds(37)));
  EXPECT_TRUE(RenewalDue(attempt, kStart + absl::Seconds(38)));
}

TEST(BackoffTest, DoublesUpToTheLongestAndJitterTakesUpToAHalf) {
  const Rules rules{.backoff_initial = absl::Milliseconds(100), .backoff_max = absl::Seconds(1)};
  EXPECT_EQ(Backoff(rules, 1, 0), absl::Milliseconds(100));
  EXPECT_EQ(Backoff(rules, 2, 0), absl::Milliseconds(200));
  EXPECT_EQ(Backoff(rules, 4, 0), absl::Milliseconds(800));
  EXPECT_EQ(Backoff(rules, 5, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(rules, 1'000'000, 0), absl::Seconds(1));
  EXPECT_EQ(Backoff(rules, 2, 1), absl::Milliseconds(100));
}

TEST(OutcomeTest, TextsAreCutToWhatTheLedgerTakes) {
  GatewayAnswer declined = Declined(DeclineClass::kSoft);
  declined.text = absl::StrCat(std::string(63, 'x'), "\u00e9");  // the last character has two bytes
  EXPECT_EQ(Script().ChargeSays(declined).attempt().outcome->text, std::string(63, 'x'));
  const Script lost =
      Script(Aged(absl::Hours(24))).LookUpSays(Answer(Kind::kNoAnswer, std::string(1000, 'x')));
  EXPECT_EQ(lost.attempt().outcome->text.size(), 255);
}

TEST(OutcomeTest, WhatAPersonReadsOfARefundNamesItAndBothCharges) {
  GatewayAnswer other = GivenBack();
  other.charge_id = "ch_2";
  const std::string text = ARefund().ChargeSays(other).attempt().outcome->text;
  EXPECT_THAT(text, testing::HasSubstr("refund re_1 "));
  EXPECT_THAT(text, testing::HasSubstr("of charge ch_2 instead of USD 15.00 of charge ch_1"));
  EXPECT_THAT(ARefund(Aged(kHalf)).LookUpSays(Answer(Kind::kNotFound)).attempt().outcome->text,
              testing::HasSubstr("no refund was found"));
  EXPECT_THAT(
      ARefund().ChargeSays(GivenBack()).ReportSays(ReportAnswer::kRefused).attempt().outcome->text,
      testing::HasSubstr("refused the success of refund re_1"));
}

// The key is a promise to every gateway that ever saw one: these never change.
TEST(ChargeKeyTest, IsFixedForEver) {
  EXPECT_EQ(ChargeKey("acct-1", 3, 1), "rsv-95d7132b561f544a0c325f6b7c91d0216828e131cc5ceeaf");
  EXPECT_EQ(ChargeKey("a:1", 2, 3), "rsv-57b25a240661d3b00f045600c13ea805a0f0d9b4087478f2");
}

TEST(ChargeKeyTest, IsAnotherForEveryAttempt) {
  EXPECT_NE(ChargeKey("acct-1", 3, 1), ChargeKey("acct-1", 3, 2));
  EXPECT_NE(ChargeKey("acct-1", 3, 1), ChargeKey("acct-1", 31, 1));
  EXPECT_NE(ChargeKey("a", 11, 1), ChargeKey("a", 1, 11));
  EXPECT_NE(ChargeKey("a:1", 2, 3), ChargeKey("a", 12, 3));
}

// The same of refunds: printf '6:acct-1:4' | sha256sum | cut -c1-48
TEST(RefundKeyTest, IsFixedForEver) {
  EXPECT_EQ(RefundKey("acct-1", 4), "rfn-6fe9d6a378a4c724178e9044aefb5572ed209737e4e83443");
  EXPECT_EQ(RefundKey("a:1", 2), "rfn-e7a988d11ca839f8f07b3ce5716fe2c708f031fed5ecc828");
  EXPECT_EQ(KeyOf(SomeRefund()), RefundKey("acct-1", 4));
  EXPECT_EQ(KeyOf(SomeTask()), ChargeKey("acct-1", 3, 1));
}

TEST(RefundKeyTest, IsAnotherForEveryRefund) {
  EXPECT_NE(RefundKey("acct-1", 4), RefundKey("acct-1", 5));
  EXPECT_NE(RefundKey("a", 11), RefundKey("a1", 1));
  EXPECT_NE(RefundKey("a:1", 2), RefundKey("a", 12));
  EXPECT_LE(RefundKey(std::string(1000, 'x'), INT64_MAX).size(), 64);
}

TEST(ChargeKeyTest, FitsTheGateway) {
  const std::string key = ChargeKey(std::string(1000, 'x'), INT64_MAX, INT32_MAX);
  EXPECT_LE(key.size(), 64);
  EXPECT_THAT(key, testing::MatchesRegex("rsv-[0-9a-f]+"));
}

}  // namespace
}  // namespace reserve::worker
