// Plans as data (K4), by the real processes: made, given versions, listed and retired; users that
// change plan, are blocked, removed and brought back; names for people; and the net saving (A1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Ledger = pb::Ledger::Stub;
using Rates = pb::Rates::Stub;
using Support = pb::Support::Stub;
using testing::ElementsAre;
using testing::Not;

class PlansTest : public StackTest {
 protected:
  static void SetUpTestSuite() { StartStack({}); }

  static std::string Head(const std::string& id) { return absl::StrCat("account_id: '", id, "' "); }
  static std::string User(const std::string& id) { return Head(id) + "user_id: 'u' "; }
  static std::string At(absl::Time time) {
    return absl::StrCat("{ seconds: ", absl::ToUnixSeconds(time), " }");
  }

  static int64_t Micros(const google::protobuf::Timestamp& time) {
    return time.seconds() * 1'000'000 + time.nanos() / 1'000;
  }

  static void Open(const std::string& id, const std::string& more = "") {
    Must(&Accounts::OpenAccount, Head(id) + more);
    Must(&Support::RecordPayment,
         Head(id) +
             "request_id: 'p' means: PAYMENT_MEANS_BANK_TRANSFER reason: 'paid' "
             "amount { currency_code: 'USD' units: 20 }");
  }
  static pb::Plan Put(const std::string& plan_id, const std::string& terms,
                      const std::string& more = "") {
    static int requests = 0;
    return Must(&Rates::PutPlan,
                absl::StrCat("plan_id: '", plan_id, "' allow_missing: true request_id: 'put-",
                             ++requests, "' reason: 'test' plan { ", terms, " } ", more));
  }
  static pb::AuthorizationDecision Decision(const std::string& id, const std::string& number) {
    return Must(&Ledger::AuthorizeUsage,
                absl::StrCat(User(id), "call { direction: DIRECTION_OUTBOUND destination: '",
                             number, "' }"))
        .decision();
  }
  static std::string Record(const std::string& id, const std::string& usage_id, int64_t seconds) {
    return Text(Must(&Ledger::RecordUsage,
                     absl::StrCat(Head(id), "usage { user_id: 'u' usage_id: '", usage_id,
                                  "' start_time ", At(absl::Now() - absl::Hours(1)),
                                  " call { direction: DIRECTION_OUTBOUND destination: "
                                  "'+14155550123' duration { seconds: ",
                                  seconds, " } } }"))
                    .cost());
  }
  static std::vector<pb::EventKind> EventsOf(const std::string& id) {
    std::vector<pb::EventKind> kinds;
    const auto page = Must(&Events::ListEvents, Head(id));
    for (const pb::Event& event : page.events()) {
      EXPECT_THAT(event.cause(), Not(testing::HasSubstr("Brook")));
      kinds.push_back(event.kind());
    }
    return kinds;
  }
};

// What people change has the time of that, and a call changes none.
TEST_F(PlansTest, TimesOfUpdateAreThoseOfUpdates) {
  Open("times", "card_token: 'tok_visa#times' ");
  Must(&Accounts::PutUser, User("times"));
  // Of the account, its settings, its card and its user.
  const auto times = [] {
    const pb::Account account = Account("times");
    const pb::User user = Must(&Accounts::GetUser, User("times"));
    std::vector<int64_t> micros;
    for (const auto& time : {account.update_time(), account.billing_settings().update_time(),
                             account.payment_methods(0).update_time(), user.update_time()}) {
      micros.push_back(Micros(time));
    }
    return micros;
  };
  std::vector<int64_t> known = times();
  EXPECT_EQ(known[0], known[1]) << "opened";
  Record("times", "call", 60);
  EXPECT_EQ(times(), known);
  const std::vector<std::function<void()>> updates = {
      [] { Must(&Accounts::UpdateAccount, Head("times") + "account { display_name: 'Times' }"); },
      [] {
        Must(&Accounts::UpdateBillingSettings,
             Head("times") + "billing_settings { notify_below { units: 3 } }");
      },
      [] {
        Must(&Accounts::UpdatePaymentMethod,
             Head("times") + "payment_method { payment_method_id: 'card-1' last_four: '4242' }");
      },
      [] { Must(&Accounts::PutUser, User("times") + "user { display_name: 'U' }"); }};
  for (size_t i = 0; i < updates.size(); ++i) {
    updates[i]();
    std::vector<int64_t> now = times();
    EXPECT_GT(now[i], known[i]) << i;
    known[i] = now[i];
    EXPECT_EQ(now, known) << "no other, by " << i;
    updates[i]();
    EXPECT_EQ(times(), known) << "what is so already is no update";
  }
  ExpectAudited("times");
}

TEST_F(PlansTest, LimitsHaveTheTimeAtWhichTheyWereChanged) {
  Open("limited");
  Must(&Accounts::PutUser, User("limited"));
  const auto time_of = [](const std::string& whose) {
    const auto limits = Must(&Accounts::GetLimits, whose);
    return limits.has_update_time() ? Micros(limits.update_time()) : 0;
  };
  const auto user_time = [] {
    return Micros(Must(&Accounts::GetUser, User("limited")).update_time());
  };
  EXPECT_EQ(time_of(Head("limited")), 0);
  const int64_t put = user_time();
  const std::string set = "limits { calls: 3 } reason: 'as they ask' ";
  const auto of_account = Must(&Support::UpdateLimits, Head("limited") + set);
  const int64_t first = Micros(of_account.update_time());
  EXPECT_EQ(time_of(Head("limited")), first);
  EXPECT_EQ(time_of(User("limited")), 0) << "the user's own are as they were";
  EXPECT_EQ(user_time(), put);
  const auto again = Must(&Support::UpdateLimits, Head("limited") + set);
  EXPECT_EQ(Micros(again.update_time()), first) << "they are so already";
  const auto of_user = Must(&Support::UpdateLimits, User("limited") + set);
  EXPECT_EQ(time_of(User("limited")), Micros(of_user.update_time()));
  EXPECT_EQ(user_time(), Micros(of_user.update_time()));
  const std::string unset = "update_mask { paths: 'calls' } reason: 'as they were'";
  const auto cleared = Must(&Support::UpdateLimits, Head("limited") + unset);
  EXPECT_GT(Micros(cleared.update_time()), first);
  Record("limited", "call", 60);
  EXPECT_EQ(time_of(Head("limited")), Micros(cleared.update_time())) << "of none, too";
  ExpectAudited("limited");
}

// Without prices in its list a plan's users could not call.
TEST_F(PlansTest, K4_APlanGoesByNoPriceListThatHasNoPrices) {
  const std::string put =
      "plan_id: 'reseller' allow_missing: true request_id: 'first' reason: 'test' plan { series: "
      "'resale' } ";
  for (const std::string more : {"", "validate_only: true"}) {
    const auto refused = Ask(&Rates::PutPlan, put + more);
    EXPECT_EQ(ReasonOf(refused.status()), "SERIES_WITHOUT_DECK") << refused.status();
    EXPECT_EQ(FieldOf(refused.status()), "plan.series");
  }
  std::ofstream(stack_->folder() + "/resale.csv") << "kind,prefix,price\ncall,44,0.02\n";
  const std::vector<std::string> import = {"import-rates", stack_->folder() + "/resale.csv",
                                           "--series=resale", "--accept=FIRST_OF_CURRENCY"};
  std::vector<std::string> draft = import;
  draft.push_back("--draft");
  const Stack::Ended drafted = stack_->RunLedger(draft);
  ASSERT_EQ(drafted.exit_code, 0) << drafted.output << drafted.errors;
  EXPECT_EQ(ReasonOf(Ask(&Rates::PutPlan, put).status()), "SERIES_WITHOUT_DECK") << "a draft";
  const Stack::Ended imported = stack_->RunLedger(import);
  ASSERT_EQ(imported.exit_code, 0) << imported.output << imported.errors;
  EXPECT_EQ(Must(&Rates::PutPlan, put).series(), "resale");
  // What the plan goes by already is not asked about again.
  EXPECT_EQ(Put("reseller", "series: 'resale' display_name: 'Resale'").version(), 2);
}

TEST_F(PlansTest, K4_APlanIsMadeGivenAnotherVersionListedAndRetired) {
  const pb::Plan made =
      Put("night",
          "display_name: 'Night' allowance { seconds: 600 } allowance_reset: "
          "ALLOWANCE_RESET_MONTHLY series: 'standard' longest_call { seconds: 3600 } "
          "monthly_prices { currency_code: 'USD' units: 5 } default_reserve_amounts { "
          "currency_code: 'USD' units: 30 }");
  EXPECT_EQ(made.version(), 1);
  EXPECT_FALSE(made.has_effective_time());
  EXPECT_EQ(made.standard_calls(), pb::STANDARD_CALLS_METERED);
  // A change of one field keeps the others; it comes into force once all ledgers know.
  const pb::Plan dearer = Put("night", "monthly_prices { currency_code: 'USD' units: 7 }");
  EXPECT_EQ(dearer.version(), 2);
  EXPECT_TRUE(dearer.has_effective_time());
  EXPECT_EQ(dearer.allowance().seconds(), 600);
  EXPECT_EQ(dearer.display_name(), "Night");
  EXPECT_NE(dearer.etag(), made.etag());
  const auto now = Must(&Rates::GetPlan, "plan_id: 'night'");
  EXPECT_EQ(now.version(), 2);
  EXPECT_EQ(now.monthly_prices(0).units(), 7);
  const auto before =
      Must(&Rates::GetPlan, "plan_id: 'night' time " + At(absl::Now() - absl::Hours(24)));
  EXPECT_EQ(before.version(), 1);
  EXPECT_EQ(before.end_time().seconds(), dearer.effective_time().seconds());
  const auto versions = Must(&Rates::ListPlanVersions, "plan_id: 'night' page_size: 1");
  ASSERT_EQ(versions.plans_size(), 1);
  EXPECT_EQ(versions.plans(0).version(), 2);
  const auto older = Must(
      &Rates::ListPlanVersions,
      absl::StrCat("plan_id: 'night' page_size: 1 page_token: '", versions.next_page_token(), "'"));
  ASSERT_EQ(older.plans_size(), 1);
  EXPECT_EQ(older.plans(0).version(), 1);
  EXPECT_EQ(older.next_page_token(), "");

  Open("night", "default_plan_id: 'night' display_name: 'Brook Cafe' ");
  EXPECT_EQ(Text(Account("night").billing_settings().reserve_amount()), "30.00");
  EXPECT_EQ(Account("night").display_name(), "Brook Cafe");
  const auto tried = Must(&Rates::RetirePlan, "plan_id: 'night' validate_only: true");
  EXPECT_FALSE(tried.has_retire_time());
  EXPECT_TRUE(Must(&Rates::RetirePlan, "plan_id: 'night'").has_retire_time());
  EXPECT_EQ(ReasonOf(Ask(&Accounts::PutUser, User("night")).status()), "PLAN_RETIRED");
  const auto names = [](const std::string& request) {
    std::vector<std::string> ids;
    const auto page = Must(&Rates::ListPlans, request);
    for (const pb::Plan& plan : page.plans()) {
      if (plan.plan_id() == "night" || plan.plan_id() == "unlimited") ids.push_back(plan.plan_id());
    }
    return ids;
  };
  EXPECT_THAT(names(""), ElementsAre("unlimited"));
  EXPECT_THAT(names("show_retired: true series: 'standard'"), ElementsAre("night", "unlimited"));
}

TEST_F(PlansTest, K4_ATryChangesNothing) {
  const auto tried = Must(&Rates::PutPlan,
                          "plan_id: 'tried' allow_missing: true reason: 'x' validate_only: true "
                          "plan { standard_calls: STANDARD_CALLS_INCLUDED }");
  EXPECT_EQ(tried.version(), 1);
  EXPECT_EQ(ReasonOf(Ask(&Rates::GetPlan, "plan_id: 'tried'").status()), "PLAN_NOT_FOUND");
}

TEST_F(PlansTest, ATryOfAChangeAnswersWhatWouldBeAndChangesNothing) {
  Open("try");
  Must(&Accounts::PutUser, User("try"));
  const std::string stored = Account("try").SerializeAsString();
  const std::string only_try = "validate_only: true request_id: 'tried' ";
  const pb::Account named =
      Must(&Accounts::UpdateAccount, Head("try") + only_try + "account { display_name: 'Try' }");
  EXPECT_EQ(named.display_name(), "Try");
  const pb::BillingSettings noticed =
      Must(&Accounts::UpdateBillingSettings,
           Head("try") + only_try + "billing_settings { notify_below { units: 3 } }");
  EXPECT_EQ(Text(noticed.notify_below()), "3.00");
  EXPECT_EQ(
      Must(&Accounts::PutUser, User("try") + only_try + "user { plan_id: 'unlimited' }").plan_id(),
      "unlimited");
  EXPECT_EQ(Must(&Accounts::PutUser, Head("try") + only_try + "user_id: 'new'").plan_id(),
            "per_minute");
  EXPECT_EQ(
      ReasonOf(Ask(&Accounts::PutUser, User("try") + only_try + "user { plan_id: 'no' }").status()),
      "PLAN_NOT_FOUND");
  EXPECT_EQ(Account("try").SerializeAsString(), stored);
  EXPECT_EQ(Must(&Accounts::GetUser, User("try")).plan_id(), "per_minute");
  EXPECT_EQ(ReasonOf(Ask(&Accounts::GetUser, Head("try") + "user_id: 'new'").status()),
            "USER_NOT_FOUND");
  // The id was not taken.
  Must(&Accounts::PutUser, User("try") + "request_id: 'tried' user { display_name: 'U' }");
}

TEST_F(PlansTest, K4_AUserChangesPlanAndIsShownWithAllOfThem) {
  Open("mover");
  Must(&Accounts::PutUser, User("mover"));
  EXPECT_EQ(Record("mover", "free", 600), "0.00");
  Put("paid", "standard_calls: STANDARD_CALLS_METERED");
  const absl::Time change = absl::Now() + absl::Hours(24);
  const pb::User put = Must(&Accounts::PutUser, User("mover") +
                                                    "user { plan_id: 'paid' } "
                                                    "plan_effective_time " +
                                                    At(change));
  EXPECT_EQ(put.plan_id(), "per_minute");
  ASSERT_EQ(put.plans_size(), 2);
  EXPECT_EQ(put.plans(0).plan_id(), "per_minute");
  EXPECT_FALSE(put.plans(0).has_effective_time());
  EXPECT_EQ(put.plans(1).plan_id(), "paid");
  EXPECT_EQ(put.plans(1).effective_time().seconds(), absl::ToUnixSeconds(change));
  const pb::User moved = Must(&Accounts::PutUser, User("mover") + "user { plan_id: 'paid' }");
  EXPECT_EQ(moved.plan_id(), "paid");
  EXPECT_EQ(moved.plans_size(), 2) << "what was to come does not";
  EXPECT_EQ(Record("mover", "late", 60), "0.00") << "it began before";
  EXPECT_EQ(Must(&Accounts::GetUser, User("mover")).plans_size(), 2);
  ExpectAudited("mover");
}

TEST_F(PlansTest, K4_AUserIsBlockedRemovedAndBroughtBack) {
  constexpr char kNumber[] = "+14155550123";
  Open("staff");
  Must(&Accounts::PutUser, User("staff") + "user { display_name: 'Brook' }");
  EXPECT_EQ(Decision("staff", kNumber), pb::AUTHORIZATION_DECISION_ALLOWED);
  const pb::User blocked = Must(&Accounts::PutUser, User("staff") + "user { blocked: true }");
  EXPECT_TRUE(blocked.blocked() && blocked.has_block_time());
  EXPECT_EQ(blocked.display_name(), "Brook");
  EXPECT_EQ(Decision("staff", kNumber), pb::AUTHORIZATION_DECISION_USER_BLOCKED);
  EXPECT_EQ(Decision("staff", "911"), pb::AUTHORIZATION_DECISION_ALLOWED) << "C10";
  EXPECT_EQ(Record("staff", "fact", 60), "0.00");
  const pb::User removed = Must(&Accounts::RemoveUser, User("staff"));
  EXPECT_TRUE(removed.has_remove_time());
  EXPECT_EQ(Decision("staff", kNumber), pb::AUTHORIZATION_DECISION_USER_REMOVED);
  EXPECT_EQ(Must(&Accounts::ListUsers, Head("staff")).users_size(), 0);
  EXPECT_EQ(Must(&Accounts::ListUsers, Head("staff") + "show_removed: true").users_size(), 1);
  EXPECT_EQ(Record("staff", "late", 60), "0.00");
  const pb::User back = Must(&Accounts::PutUser, User("staff") + "user { blocked: false }");
  EXPECT_FALSE(back.has_remove_time());
  EXPECT_EQ(back.allowance_left().seconds(), 18'000 - 120) << "the id keeps what it used";
  EXPECT_EQ(Decision("staff", kNumber), pb::AUTHORIZATION_DECISION_ALLOWED);
  Must(&Accounts::UpdateAccount, Head("staff") + "account { display_name: 'Brook Staff' }");
  EXPECT_EQ(Account("staff").display_name(), "Brook Staff");
  const std::vector<pb::EventKind> kinds = EventsOf("staff");
  for (const pb::EventKind kind : {pb::EVENT_KIND_USER_BLOCKED, pb::EVENT_KIND_USER_UNBLOCKED,
                                   pb::EVENT_KIND_USER_REMOVED, pb::EVENT_KIND_ACCOUNT_UPDATED}) {
    EXPECT_THAT(kinds, testing::Contains(kind)) << pb::EventKind_Name(kind);
  }
  ExpectAudited("staff");
}

TEST_F(PlansTest, UsersAreFoundByWhatTheyAreAndByAPartOfTheirName) {
  Open("team");
  Must(&Accounts::PutUser,
       Head("team") + "user_id: 'ann-1' user { display_name: 'Ann \u00c9lan' }");
  Must(&Accounts::PutUser, Head("team") + "user_id: 'bob' user { blocked: true }");
  Must(&Accounts::PutUser, Head("team") + "user_id: 'cleo' user { display_name: '100% Cleo' }");
  Must(&Accounts::RemoveUser, Head("team") + "user_id: 'cleo'");
  const auto found = [](const std::string& filter) {
    std::vector<std::string> ids;
    const auto list = Must(&Accounts::ListUsers, Head("team") + filter);
    EXPECT_EQ(list.next_page_token(), "");
    for (const pb::User& user : list.users()) ids.push_back(user.user_id());
    return ids;
  };
  EXPECT_THAT(found(""), ElementsAre("ann-1", "bob"));
  EXPECT_THAT(found("state: USER_STATE_ACTIVE"), ElementsAre("ann-1"));
  EXPECT_THAT(found("state: USER_STATE_BLOCKED show_removed: true"), ElementsAre("bob"));
  EXPECT_THAT(found("state: USER_STATE_REMOVED"), ElementsAre("cleo"));
  EXPECT_THAT(found("search: '\u00e9LAN'"), ElementsAre("ann-1")) << "a name, whatever its case";
  EXPECT_THAT(found("search: 'ANN-'"), ElementsAre("ann-1")) << "an id";
  EXPECT_THAT(found("search: '%'"), testing::IsEmpty()) << "no pattern";
  EXPECT_THAT(found("search: '%' show_removed: true"), ElementsAre("cleo"));
  EXPECT_THAT(found("search: 'o' state: USER_STATE_BLOCKED"), ElementsAre("bob"));
}

TEST_F(PlansTest, APageOfUsersThatFindsLittleStopsAndSaysHowFarItLooked) {
  Open("crowd");
  std::string rows;
  for (int i = 0; i < 5'100; ++i) {
    absl::StrAppend(&rows, i == 0 ? "" : ",", "('crowd','u-", 10'000 + i,
                    "','per_minute','2026-11-01')");
  }
  stack_->database().Execute("INSERT INTO users (account_id,user_id,plan_id,create_time) VALUES " +
                             rows);
  Must(&Accounts::PutUser, Head("crowd") + "user_id: 'z' user { display_name: 'Zoe' }");
  const std::string zoe = Head("crowd") + "search: 'zoe' ";
  const auto page = Must(&Accounts::ListUsers, zoe);
  EXPECT_EQ(page.users_size(), 0);
  EXPECT_EQ(page.searched_until_user_id(), "u-14999");
  const auto rest =
      Must(&Accounts::ListUsers, absl::StrCat(zoe, "page_token: '", page.next_page_token(), "'"));
  ASSERT_EQ(rest.users_size(), 1);
  EXPECT_EQ(rest.users(0).user_id(), "z");
  EXPECT_EQ(rest.next_page_token(), "");
  const auto other = Ask(&Accounts::ListUsers,
                         absl::StrCat(Head("crowd"), "page_token: '", page.next_page_token(), "'"));
  EXPECT_EQ(FieldOf(other.status()), "page_token") << "it is of another query";
}

TEST_F(PlansTest, A1_TheSavingIsNetOfWhatThePlansCost) {
  Put("metered", "series: 'standard' monthly_prices { currency_code: 'USD' units: 2 }");
  Put("flat",
      "standard_calls: STANDARD_CALLS_INCLUDED monthly_prices { currency_code: 'USD' units: 7 }");
  Must(&Rates::RetirePlan, "plan_id: 'unlimited'");
  Open("talker", "default_plan_id: 'metered' ");
  Must(&Accounts::PutUser, User("talker"));
  const std::string cost = Record("talker", "long", 100'020);
  EXPECT_EQ(cost, "16.67");
  const auto advice = Must(&Accounts::GetBillingAdvice, Head("talker"));
  ASSERT_EQ(advice.plan_advice_size(), 1);
  const pb::PlanAdvice& plan = advice.plan_advice(0);
  EXPECT_EQ(plan.plan_id(), "flat");
  EXPECT_EQ(Text(plan.standard_cost()), cost);
  EXPECT_EQ(Text(plan.current_monthly_price()), "2.00");
  EXPECT_EQ(Text(plan.advised_monthly_price()), "7.00");
  EXPECT_EQ(Text(plan.saving()), "11.67");
}

}  // namespace
}  // namespace reserve::e2e
