#include "tests/simulation/ledger.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "tests/services/ledger/book/catalogs.h"

namespace reserve::simulation {
namespace {

using domain::Recharge;
using domain::RechargeState;

constexpr absl::Duration kLease = absl::Seconds(30);
constexpr absl::Duration kRetryBudget = absl::Seconds(5);
constexpr absl::Duration kPollInterval = absl::Seconds(1);
// Longer than in truth, so that ledgers disagree now and then.
constexpr absl::Duration kFeatureLevelHolds = absl::Minutes(1);
constexpr size_t kMaxBatch = 4;

absl::Status Unavailable(absl::string_view why) {
  return MakeError(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", "", why);
}

// These plans, and one that has another version from LaterVersionFrom() on.
std::shared_ptr<const rates::PlanBook> WithAnotherVersion(const std::vector<domain::Plan>& plans) {
  std::vector<rates::PlanVersion> versions;
  for (const domain::Plan& plan : plans) {
    versions.emplace_back();
    versions.back().plan = plan;
  }
  rates::PlanVersion versioned;
  versioned.plan = plans.front();
  versioned.plan.plan_id = kVersionedPlan;
  versions.push_back(versioned);
  versioned.version = 2;
  versioned.plan.standard_calls = domain::StandardCalls::kIncluded;
  versioned.from = LaterVersionFrom();
  versions.push_back(versioned);
  for (size_t i = 0; i < versions.size(); ++i) versions[i].number = static_cast<int64_t>(i) + 1;
  return std::make_shared<rates::PlanBook>(std::move(versions));
}

// A plan with an allowance for life and one with another each month, and a deck with two prices:
// some calls are at the standard rate and draw on the allowance, others are dear. By another deck,
// which is not in force, it is the other way round.
const book::Catalog& TheCatalog() {
  static const auto* const catalog = [] {
    rates::RateRow standard;
    standard.prefix = "1";
    standard.price = 2 * kNanosPerCent;
    standard.connect_fee = kNanosPerCent;
    rates::RateRow dear = standard;
    // With a fee it is one only as it says so itself; its usages keep how they were priced (C12).
    domain::LineTerms says_standard;
    says_standard.standard = true;
    standard.terms = std::make_shared<domain::LineTerms>(says_standard);
    dear.prefix = "88";
    dear.price = 50 * kNanosPerCent;
    rates::DeckHeader header;
    header.version = 1;
    header.currency = "USD";
    auto* made = new book::Catalog;
    book::PutInForce(*rates::DeckSnapshot::Create(header, {standard, dear}), made);
    header.version = 2;
    header.effective_time = absl::FromCivil(absl::CivilYear(2100), absl::UTCTimeZone());
    std::swap(standard.prefix, dear.prefix);
    book::PutInForce(*rates::DeckSnapshot::Create(header, {standard, dear}), made);
    domain::Plan plan;
    plan.plan_id = "per_minute";
    plan.free_seconds = kFreeSeconds;
    std::vector<domain::Plan> plans = {plan};
    plan.plan_id = "monthly";
    plan.allowance_reset = domain::AllowanceReset::kMonthly;
    plans.push_back(plan);
    plan.plan_id = "by_billing_day";
    plan.allowance_reset = domain::AllowanceReset::kBillingDay;
    plans.push_back(plan);
    plan.plan_id = "flat";
    plan.allowance_reset = domain::AllowanceReset::kNever;
    plan.standard_calls = domain::StandardCalls::kIncluded;
    plans.push_back(plan);
    made->plans = WithAnotherVersion(plans);
    return made;
  }();
  return *catalog;
}

}  // namespace

SimulatedLedger::SimulatedLedger(Scene* scene, int number, double fault_rate, absl::Duration skew,
                                 ModelDatabase* database, const domain::Settings& settings)
    : Process(scene, absl::StrCat("ledger ", number), fault_rate),
      skew_(skew),
      database_(*database),
      settings_(settings) {}

void SimulatedLedger::OnStart() { Poll(); }

void SimulatedLedger::OnCrash() {
  queue_.clear();
  busy_ = false;
  EndStreams();
}

void SimulatedLedger::OnFreeze(absl::Duration length) {
  if (length > kPingTimeout) EndStreams();
}

void SimulatedLedger::EndStreams() {
  for (const auto& [worker_id, stream] : streams_) {
    scene().After(scene().UpTo(absl::Seconds(5)), stream.watcher.on_end);
  }
  streams_.clear();
}

bool SimulatedLedger::Watch(const std::string& worker_id, int64_t stream, Watcher watcher) {
  if (!reachable()) return false;
  streams_[worker_id] = {stream, std::move(watcher)};
  Later(absl::ZeroDuration(), [this] { Dispatch({}, /*poll=*/true); });
  return true;
}

void SimulatedLedger::StopWatching(const std::string& worker_id, int64_t stream) {
  const auto found = streams_.find(worker_id);
  if (found != streams_.end() && found->second.id == stream) streams_.erase(found);
}

// --- The lane -----------------------------------------------------------------------

void SimulatedLedger::Submit(const std::string& account_id, const book::Command& command,
                             Done done) {
  if (!reachable()) return done(Unavailable("nobody listens"));
  Later(absl::ZeroDuration(), [this, account_id, command, done = std::move(done)] {
    queue_.push_back({account_id, command, done});
    TakeQueued();
  });
}

void SimulatedLedger::TakeQueued() {
  if (busy_ || queue_.empty()) return;
  busy_ = true;
  auto round = std::make_shared<Round>();
  for (; !queue_.empty() && round->tasks.size() < kMaxBatch; queue_.pop_front()) {
    round->tasks.push_back(std::move(queue_.front()));
  }
  round->give_up = scene().now() + kRetryBudget;
  Try(round);
}

void SimulatedLedger::Try(const std::shared_ptr<Round>& round) {
  const bool locked =
      std::any_of(round->tasks.begin(), round->tasks.end(), [this](const Waiting& task) {
        const AccountRows* rows = database_.Find(task.account_id);
        return rows != nullptr && rows->in_doubt;
      });
  if (locked) return Retry(round);
  const auto attempt = std::make_shared<Attempt>();
  for (const Waiting& task : round->tasks) {
    attempt->commands.push_back({task.account_id, &task.command});
  }
  const domain::Context context{settings_, Clock(), FeatureLevel()};
  const book::Keys keys =
      book::KeysOf(attempt->commands, context,
                   round->look_up ? book::Duplicates::kLookUp : book::Duplicates::kOptimistic);
  database_.Load(keys, &attempt->image, &attempt->versions);
  CountLoaded(*attempt);
  Spoil(attempt.get());
  book::Folded& folded = attempt->folded;
  folded = book::Fold(context, TheCatalog(), attempt->commands, &attempt->image);
  if (!round->look_up) {
    database_.LoadUsages(book::RefusedUsages(attempt->commands, folded, attempt->image),
                         &attempt->image);
    book::AnswerRepeats(attempt->commands, attempt->image, &folded);
  }
  CountReplies(folded);
  CountTold(*attempt);
  // As long as the reading and the writing take, others may do something.
  const bool slow = scene().Fails(0.05);
  Later(scene().UpTo(slow ? absl::Seconds(3) : absl::Milliseconds(20)),
        [this, round, attempt] { Commit(round, attempt); });
}

int SimulatedLedger::FeatureLevel() {
  if (scene().now() - feature_level_read_ >= kFeatureLevelHolds) {
    feature_level_ = database_.feature_level();
    feature_level_read_ = scene().now();
  }
  return feature_level_;
}

void SimulatedLedger::CountLoaded(const Attempt& attempt) {
  for (const book::AccountCommand& each : attempt.commands) {
    if (!std::holds_alternative<book::UpdatePaymentMethod>(*each.command)) continue;
    for (const auto& [key, image] : attempt.image.recharges) {
      if (key.first == each.account_id && image.recharge.in_flight()) {
        scene().Count(Happening::kCardReplacedInFlight);
      }
    }
  }
  for (size_t i = 0; i < attempt.image.requests.size(); ++i) {
    scene().Count(Happening::kRequestRepeated);
  }
}

void SimulatedLedger::CountReplies(const book::Folded& folded) {
  for (const absl::StatusOr<book::Reply>& reply : folded.replies) {
    const std::string reason(ReasonOf(reply.status()));
    if (reason == "USAGE_ID_REUSED") scene().Count(Happening::kUsageIdReused);
    if (reason == "LEASE_LOST") scene().Count(Happening::kReportWithoutLease);
    if (!reply.ok()) continue;
    const auto* usage = book::AsIf<book::UsageReply>(*reply);
    if (usage != nullptr && usage->duplicate) scene().Count(Happening::kUsageRepeated);
    if (usage != nullptr && usage->status == domain::UsageStatus::kVoided) {
      scene().Count(Happening::kVoidedUsageSentAgain);
    }
    const auto* held = book::AsIf<book::HoldReply>(*reply);
    if (held != nullptr && held->authorize.authorization.decision != domain::Decision::kAllowed) {
      scene().Count(Happening::kHoldRefused);
    }
    const auto* voided = book::AsIf<book::VoidReply>(*reply);
    if (voided != nullptr && voided->already_voided) scene().Count(Happening::kVoidRepeated);
    const auto* recharge = book::AsIf<book::RechargeReply>(*reply);
    if (recharge != nullptr && recharge->already_applied) {
      scene().Count(Happening::kReportRepeated);
    }
  }
}

void SimulatedLedger::CountTold(const Attempt& attempt) {
  for (size_t i = 0; i < attempt.commands.size(); ++i) {
    const book::Command& command = *attempt.commands[i].command;
    const absl::StatusOr<book::Reply>& reply = attempt.folded.replies[i];
    if (!std::holds_alternative<book::ReportGatewayRefund>(command) || !reply.ok()) continue;
    const auto& told = book::As<book::RechargeReply>(*reply);
    if (told.kept) scene().Count(Happening::kGatewayStateKept);
    if (told.already_applied) scene().Count(Happening::kGatewayStateRepeated);
  }
}

// What the gateway tells of is not found among what was loaded.
void SimulatedLedger::SpoilTold(const book::AccountCommand& command, book::Image* image) {
  const auto* refund = std::get_if<book::ReportGatewayRefund>(command.command);
  if (refund != nullptr && scene().sabotaged(Sabotage::kToldRefundNotKnown)) {
    for (auto& [key, loaded] : image->recharges) loaded.recharge.refund_id.clear();
  }
  const auto* dispute = std::get_if<book::ReportGatewayDispute>(command.command);
  if (dispute != nullptr && scene().sabotaged(Sabotage::kToldDisputeNotKnown)) {
    image->disputes.clear();
  }
}

void SimulatedLedger::Spoil(Attempt* attempt) {
  for (book::AccountCommand& each : attempt->commands) {
    SpoilTold(each, &attempt->image);
    const auto* report = std::get_if<book::ReportRecharge>(each.command);
    if (report == nullptr) continue;
    const auto found = attempt->image.recharges.find(RechargeKey(each.account_id, report->ordinal));
    if (found == attempt->image.recharges.end()) continue;
    Recharge& recharge = found->second.recharge;
    if (scene().sabotaged(Sabotage::kCreditWithoutLooking)) {
      recharge.state = RechargeState::kOpen;
      recharge.charge_id.clear();
    }
    if (scene().sabotaged(Sabotage::kReportWithoutLease)) {
      book::ReportRecharge altered = *report;
      altered.outcome.lease_epoch = recharge.lease_epoch;
      each.command = &attempt->altered.emplace_back(std::move(altered));
    }
  }
}

// Of which accounts do all commands only ask for money to go back, or tell that it went?
void SimulatedLedger::NoteWhatTakesBack(const Round& round, const Attempt& attempt,
                                        Transaction* writes) {
  for (auto& [account_id, write] : *writes) write.only_takes_back = true;
  for (size_t i = 0; i < round.tasks.size(); ++i) {
    const book::Command& command = round.tasks[i].command;
    if (!attempt.folded.replies[i].ok() || std::holds_alternative<book::RefundRecharge>(command) ||
        std::holds_alternative<book::ReversePayment>(command) ||
        std::holds_alternative<book::ReportGatewayRefund>(command) ||
        std::holds_alternative<book::ReportGatewayDispute>(command)) {
      continue;
    }
    const auto write = writes->find(round.tasks[i].account_id);
    if (write != writes->end()) write->second.only_takes_back = false;
  }
}

Transaction SimulatedLedger::WritesOf(const Round& round, const Attempt& attempt) {
  Transaction writes = TransactionOf(attempt.folded.writes, attempt.versions);
  for (size_t i = 0; i < round.tasks.size(); ++i) {
    const auto* report = std::get_if<book::ReportRecharge>(&round.tasks[i].command);
    const absl::StatusOr<book::Reply>& reply = attempt.folded.replies[i];
    if (report == nullptr || !reply.ok()) continue;
    if (book::As<book::RechargeReply>(*reply).already_applied) continue;
    writes.at(round.tasks[i].account_id).reports.push_back({report->ordinal, report->outcome});
  }
  NoteWhatTakesBack(round, attempt, &writes);
  if (scene().sabotaged(Sabotage::kRequestsNotRemembered)) {
    for (auto& [account_id, write] : writes) write.requests.clear();
  }
  return writes;
}

void SimulatedLedger::Commit(const std::shared_ptr<Round>& round,
                             const std::shared_ptr<Attempt>& attempt) {
  const std::vector<absl::StatusOr<book::Reply>>& replies = attempt->folded.replies;
  if (attempt->folded.writes.empty()) return Finish(round, replies);
  const CommitResult result = database_.Commit(WritesOf(*round, *attempt));
  scene().Tell([&] {
    constexpr const char* kResults[] = {"committed", "a conflict", "a duplicate", "no answer"};
    return absl::StrCat(name(), " commits ", round->tasks.size(),
                        " command(s): ", kResults[static_cast<int>(result)]);
  });
  switch (result) {
    case CommitResult::kCommitted:
      break;
    case CommitResult::kDuplicate:
      round->look_up = true;
      return Retry(round);
    case CommitResult::kConflict:
      return Retry(round);
    case CommitResult::kUnknown:
      if (scene().sabotaged(Sabotage::kUnknownCommitTakenAsRefused)) {
        return Fail(round, absl::InternalError("it failed, says the sabotaged ledger"));
      }
      if (scene().sabotaged(Sabotage::kUnknownCommitTakenAsDone)) break;
      round->look_up = true;
      return Retry(round);
  }
  // The process may crash between the commit and the answers.
  Later(scene().UpTo(absl::Milliseconds(2)), [this, round, attempt] {
    Announce(attempt->folded.due_recharges);
    Finish(round, attempt->folded.replies);
  });
}

void SimulatedLedger::Retry(const std::shared_ptr<Round>& round) {
  if (scene().now() >= round->give_up) {
    scene().Count(Happening::kRetryBudgetSpent);
    return Fail(round, Unavailable("the outcome is unknown, repeat the same request"));
  }
  Later(scene().UpTo(absl::Milliseconds(400)), [this, round] { Try(round); });
}

void SimulatedLedger::Finish(const std::shared_ptr<Round>& round,
                             const std::vector<absl::StatusOr<book::Reply>>& replies) {
  for (size_t i = 0; i < round->tasks.size(); ++i) round->tasks[i].done(replies[i]);
  busy_ = false;
  TakeQueued();
}

void SimulatedLedger::Fail(const std::shared_ptr<Round>& round, const absl::Status& status) {
  for (const Waiting& task : round->tasks) task.done(status);
  busy_ = false;
  TakeQueued();
}

// --- The dispatcher -----------------------------------------------------------------

void SimulatedLedger::Renew(const RechargeKey& key, const std::string& owner, int64_t epoch,
                            Renewed done) {
  if (!reachable()) return done(Unavailable("nobody listens"));
  Later(absl::ZeroDuration(), [this, key, owner, epoch, done = std::move(done)] {
    std::vector<RechargeUpdate> updates = {
        {.key = key,
         .condition =
             [&](const Recharge& r) {
               return r.state == RechargeState::kOpen && r.lease_epoch == epoch &&
                      r.lease_owner == owner;
             },
         .change = [&](Recharge* r) { r->due_time = Clock() + kLease; }}};
    const CommitResult result = database_.Update(&updates);
    if (result != CommitResult::kCommitted) return done(Unavailable("not known to be renewed"));
    if (!updates[0].matched) {
      return done(MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "lost"));
    }
    done(kLease);
  });
}

void SimulatedLedger::Announce(const std::vector<RechargeKey>& keys) {
  if (keys.empty() || streams_.empty()) return;  // found by polling once somebody watches
  Later(absl::ZeroDuration(), [this, keys] { Dispatch(keys, /*poll=*/false); });
}

void SimulatedLedger::Poll() {
  Dispatch({}, /*poll=*/true);
  LookAfterAccounts();
  WakeForNextPoll();
}

// It polls every second; polls that would find nothing are left out.
void SimulatedLedger::WakeForNextPoll() {
  const absl::Duration wait = UntilSomethingIsDue();
  if (wait > kPollInterval) {
    return Later(std::min(wait, absl::Minutes(5)), [this] {
      if (UntilSomethingIsDue() <= absl::ZeroDuration()) return Poll();
      WakeForNextPoll();
    });
  }
  Later(kPollInterval, [this] { Poll(); });
}

absl::Duration SimulatedLedger::UntilSomethingIsDue() {
  absl::Time due = absl::InfiniteFuture();
  for (const auto& [account_id, rows] : database_.accounts()) {
    due = std::min<absl::Time>(due, rows.account.due.time);
    for (const auto& [slot, hold] : rows.holds) {
      due = std::min<absl::Time>(due, hold.expire_time);
    }
    for (const auto& [ordinal, row] : rows.recharges) {
      if (row.recharge.state == RechargeState::kOpen) due = std::min(due, row.recharge.due_time);
    }
  }
  return due - Clock();
}

void SimulatedLedger::LookAfterAccounts() {
  if (scene().sabotaged(Sabotage::kNoHousekeeping)) return;
  for (const auto& [account_id, rows] : database_.accounts()) {
    if (rows.exists() && rows.account.due.time <= Clock()) {
      Submit(account_id, book::Reconsider{}, [](const auto&) {});
    }
    for (const auto& [slot, hold] : rows.holds) {
      if (hold.expire_time > Clock()) continue;
      Submit(account_id, book::EndHold{hold.hold_id, UsageOf(hold)}, [](const auto&) {});
    }
  }
}

void SimulatedLedger::Dispatch(const std::vector<RechargeKey>& announced, bool poll) {
  if (streams_.empty()) return;
  if (poll && scene().sabotaged(Sabotage::kNoPolling)) return;
  const absl::Time now = Clock();
  std::vector<Claim> claims;
  const auto take = [&](const Recharge& recharge) {
    if (recharge.state != RechargeState::kOpen || recharge.due_time > now) return;
    // An attempt that was begun is brought to its end (G9).
    bool network_limited = false;
    if (!recharge.in_flight() && !recharge.is_refund() &&
        domain::AllowedByDeclines(settings_, recharge.card,
                                  database_.DeclinesOf(recharge.card.fingerprint), now,
                                  &network_limited) > now) {
      Submit(recharge.account_id, book::DeferRecharge{recharge.ordinal}, [](const auto&) {});
      return;
    }
    auto stream = streams_.begin();
    std::advance(stream, scene().Below(static_cast<int>(streams_.size())));
    claims.push_back({recharge, stream->first, recharge.attempt_start != absl::InfinitePast()});
  };
  for (const RechargeKey& key : announced) {
    const AccountRows* rows = database_.Find(key.first);
    if (rows == nullptr) continue;
    const auto row = rows->recharges.find(key.second);
    if (row != rows->recharges.end()) take(row->second.recharge);
  }
  for (const auto& [account_id, rows] : database_.accounts()) {
    if (!poll) break;
    for (const auto& [ordinal, row] : rows.recharges) take(row.recharge);
  }
  if (claims.empty()) return;
  // Between the reading and the conditional update another ledger may be faster.
  Later(scene().UpTo(absl::Milliseconds(10)),
        [this, claims = std::move(claims), now] { CommitClaims(claims, now); });
}

void SimulatedLedger::CommitClaims(std::vector<Claim> claims, absl::Time now) {
  std::vector<RechargeUpdate> updates;
  for (const Claim& claim : claims) {
    const Recharge& read = claim.recharge;
    updates.push_back({.key = {read.account_id, read.ordinal},
                       .condition =
                           [&read, now](const Recharge& r) {
                             return r.state == RechargeState::kOpen && r.attempt == read.attempt &&
                                    r.lease_epoch == read.lease_epoch && r.due_time <= now;
                           },
                       .change =
                           [&claim, now](Recharge* r) {
                             ++r->lease_epoch;
                             r->lease_owner = claim.worker_id;
                             r->due_time = now + kLease;
                             if (!claim.before) r->attempt_start = now;
                           }});
  }
  const CommitResult result = database_.Update(&updates);
  const bool sabotaged = scene().sabotaged(Sabotage::kHandOutWithoutCommit);
  if (result != CommitResult::kCommitted && !sabotaged) return;  // a later poll finds them
  std::vector<Claim> ours;
  for (size_t i = 0; i < claims.size(); ++i) {
    if (!updates[i].matched) {
      scene().Count(Happening::kClaimLost);
      continue;
    }
    if (claims[i].before) scene().Count(Happening::kLeaseTaken);
    ours.push_back({updates[i].result, claims[i].worker_id, claims[i].before});
  }
  Later(absl::ZeroDuration(), [this, ours = std::move(ours), now] { Deliver(ours, now); });
}

void SimulatedLedger::Deliver(const std::vector<Claim>& claims, absl::Time now) {
  for (const Claim& claim : claims) {
    const auto stream = streams_.find(claim.worker_id);
    if (stream == streams_.end()) continue;
    const Recharge& r = claim.recharge;
    scene().Tell([&] {
      return absl::StrCat(name(), " hands ", r.account_id, "/", r.ordinal, " attempt ", r.attempt,
                          " to ", claim.worker_id, ", lease ", r.lease_epoch);
    });
    const worker::Task task{.account_id = r.account_id,
                            .ordinal = r.ordinal,
                            .attempt = r.attempt,
                            .amount = r.amount,
                            .currency = r.currency,
                            .card_token = r.card.token,
                            .refunded_charge_id = r.is_refund() ? r.charge_id : ""};
    const worker::HandOut handed_out{
        .attempt_age = now - r.attempt_start,
        .handed_out_before = claim.before,
        .pending = r.pending() && !scene().sabotaged(Sabotage::kPendingNotTold),
        .lease_epoch = r.lease_epoch,
        .lease_remaining = kLease};
    scene().Send([on_hand_out = stream->second.watcher.on_hand_out, task, handed_out] {
      on_hand_out(task, handed_out);
    });
  }
}

}  // namespace reserve::simulation
