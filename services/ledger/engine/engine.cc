#include "services/ledger/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/digest/random_key.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/pace.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {
namespace {

constexpr int kMaxRechecksAtOnce = 500;
// A server that does not answer for so long hangs: whoever waits for it is told within the
// patience for outages, of about the sum of the two.
constexpr int kConnectTimeoutSeconds = 1;
constexpr int kIoTimeoutSeconds = 4;
// What audits and imports ask may take its time, and what adds up a long time of an account.
// (Numbers of their own: a drain knows their connections by them.)
constexpr int kBulkIoTimeoutSeconds = 29;
constexpr int kPagesIoTimeoutSeconds = 28;
constexpr int kMaxImportTries = 10;
// Recharges that are not over are counted this often, for the metrics.
constexpr absl::Duration kCountRechargesEvery = absl::Seconds(5);
// A renewal is one short statement; two, so that one that waits for a lock is not in the way.
constexpr int kDoorThreads = 2;
// Pages for people are few at a time; two, so that one of a long time is not in the way of the
// next.
constexpr int kPageThreads = 2;

bool SameDeck(const rates::DeckHeader& a, const rates::DeckHeader& b) {
  return a.name == b.name && a.currency == b.currency && a.series == b.series &&
         a.content_digest == b.content_digest && SameOptions(a, b);
}

// The stored deck that an import would only repeat: none that is retired.
const rates::DeckHeader* FindRepeat(const std::vector<rates::DeckHeader>& stored,
                                    const rates::Timeline& timeline,
                                    const rates::DeckHeader& header) {
  const auto known =
      std::find_if(stored.rbegin(), stored.rend(), [&](const rates::DeckHeader& each) {
        return SameDeck(each, header) && !timeline.RetireTimeOf(each.version).has_value();
      });
  return known == stored.rend() ? nullptr : &*known;
}

std::string AnyLedgerId() {
  const Key256 random = RandomKey();
  return absl::BytesToHexString(absl::string_view(random.data(), 8));
}

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      writing_patience_(options_.retry_budget),
      catalogs_([this] { return DeckHorizon(); }, CatalogKeeper::kKeptFor, options_.database_clock,
                options_.timeline_read_again_after) {
  if (!options_.clock) options_.clock = absl::Now;
  if (options_.ledger_id.empty()) options_.ledger_id = AnyLedgerId();
  options_.database.errors = &database_errors_;
  options_.database.connect_timeout_seconds = kConnectTimeoutSeconds;
  options_.database.io_timeout_seconds = kIoTimeoutSeconds;
  dispatcher_ = std::make_unique<RechargeDispatcher>(
      options_, stats_, [this](std::vector<Task> tasks) { Submit(std::move(tasks)); });
  queries_ = std::make_unique<QueryPool>(options_.database, options_.query_threads,
                                         options_.retry_budget, stats_.overloaded_queries);
  storage::DatabaseOptions pages = options_.database;
  pages.io_timeout_seconds = kPagesIoTimeoutSeconds;
  pages_ = std::make_unique<QueryPool>(pages, kPageThreads, options_.retry_budget,
                                       stats_.overloaded_queries);
  storage::DatabaseOptions bulk = options_.database;
  bulk.io_timeout_seconds = kBulkIoTimeoutSeconds;
  bulk_ = std::make_unique<QueryPool>(bulk, options_.bulk_threads, options_.retry_budget,
                                      stats_.overloaded_queries, ThreadPriority::kLow);
  doors_ = std::make_unique<QueryPool>(options_.database, kDoorThreads, options_.retry_budget,
                                       stats_.overloaded_queries);
  event_feed_ = std::make_unique<EventFeed>(options_, stats_);
  reratings_ = std::make_unique<ReratingRunner>(
      options_, stats_, [this](std::vector<Task> tasks) { Submit(std::move(tasks)); },
      [this] { return crowded(); });
  usage_counter_ = std::make_unique<UsageCounter>(options_, stats_, [this] { return crowded(); });
  summaries_ = std::make_unique<SummaryKeeper>(options_, stats_, [this] { return crowded(); });
  ranges_ = std::make_unique<RangeKeeper>(options_, stats_);
  decks_ = std::make_unique<DeckLoader>(
      options_.database, static_cast<size_t>(options_.max_queue), catalogs_, stats_.steps,
      [this](std::vector<Task> tasks) { Submit(std::move(tasks)); });
  for (int i = 0; i < options_.lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(
        options_, catalogs_, writing_patience_, stats_,
        [this](const std::vector<book::RechargeKey>& keys,
               const std::vector<TraceContext>& traces) { dispatcher_->Announce(keys, traces); },
        [this](const std::vector<std::string>& accounts) { unrated_.NoteNewUsers(accounts); },
        [this](const std::vector<std::string>& accounts) { summaries_->NoteBooked(accounts); },
        [this](int64_t version, Task task) { decks_->Wait(version, std::move(task)); }));
  }
}

Engine::~Engine() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (housekeeper_.joinable()) housekeeper_.join();
  ranges_.reset();
  event_feed_.reset();
  usage_counter_.reset();
  summaries_->Stop();  // lanes and queries give it work
  decks_->Stop();      // a rerating may wait for one
  reratings_.reset();
  for (QueryPool* pool : {pages_.get(), bulk_.get()}) pool->Drain();
  pages_.reset();
  bulk_.reset();
  doors_.reset();
  queries_.reset();
  dispatcher_->Stop();  // it gives the lanes work, and they it
  lanes_.clear();
  dispatcher_.reset();
  // A database that is away is not waited for: who can't leave counts as silent.
  const bool can_say = stats_.steps.failing(Step::kHeartbeat) == absl::ZeroDuration();
  if (started_ && can_say) std::thread([this] { Leave(); }).join();
}

absl::Status Engine::Start() {
  const auto begin = [this](storage::Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(
        storage::RegisterLedger(connection, options_.ledger_id, options_.known_feature_level));
    return catalogs_.Refresh(connection);
  };
  RESERVE_RETURN_IF_ERROR(queries_->Run(begin));
  housekeeper_ = std::thread([this] { KeepHouse(); });
  started_ = true;
  decks_->Start();
  reratings_->Start();
  usage_counter_->Start();
  summaries_->Start();
  ranges_->Start();
  return absl::OkStatus();
}

void Engine::Submit(std::vector<Task> tasks) {
  if (!started_) {
    for (const Task& task : tasks) task.sink->Done(task.index, NotServing());
    return;
  }
  if (tasks.size() == 1) {
    Task* const task = tasks.data();
    lanes_[LaneNumber(task->account_id)]->Submit({&task, 1});
    return;
  }
  std::vector<std::vector<Task*>> by_lane(lanes_.size());
  for (Task& task : tasks) by_lane[LaneNumber(task.account_id)].push_back(&task);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (!by_lane[i].empty()) lanes_[i]->Submit(by_lane[i]);
  }
}

void Engine::NoteDatabaseWorks() {
  for (QueryPool* pool : {queries_.get(), pages_.get(), bulk_.get(), doors_.get()}) {
    pool->NoteDatabaseWorks();
  }
  if (stats_.write_trouble.reason().has_value()) {
    writing_patience_.Answered();
  } else {
    writing_patience_.Worked();
  }
}

void Engine::NoteDatabaseHangs() { pages_->BreakOffRunning(); }

absl::StatusOr<std::shared_ptr<const book::Catalog>> Engine::CatalogWithPlan(
    storage::Connection& connection, const std::string& plan_id) {
  if (catalogs_.Get()->plans->Find(plan_id, Now()) == nullptr) {
    RESERVE_RETURN_IF_ERROR(catalogs_.CatchUpPlans(connection).status());
  }
  return catalogs_.Get();
}

absl::StatusOr<std::shared_ptr<const book::Catalog>> Engine::CatalogWithDeck(
    storage::Connection& connection, int64_t version) {
  catalogs_.Want(version);
  RESERVE_RETURN_IF_ERROR(catalogs_.Load(connection, version));
  return catalogs_.Get();
}

absl::Time Engine::FirstStart() const {
  const domain::Settings& settings = options_.settings;
  return options_.clock() - std::max(settings.max_usage_age, domain::LongestHold(settings));
}

absl::Time Engine::DeckHorizon() const {
  const domain::Settings& settings = options_.settings;
  const absl::Duration calls = std::min(options_.decks_in_memory_for, settings.max_usage_age);
  return options_.clock() - std::max(calls, domain::LongestHold(settings));
}

absl::Status Engine::RefreshCatalog(storage::Connection& connection) {
  RESERVE_RETURN_IF_ERROR(catalogs_.Refresh(connection, /*large_later=*/true));
  if (catalogs_.NextWanted().has_value()) decks_->Announce();
  const std::shared_ptr<const book::Catalog> catalog = catalogs_.Get();
  RESERVE_RETURN_IF_ERROR(DecideLeft(connection, options_.database_clock, *catalog->timeline));
  return DecideLeft(connection, options_.database_clock, *catalog->plans);
}

absl::Status Engine::CheckRoom(absl::string_view account_id) {
  Lane& lane = *lanes_[LaneNumber(account_id)];
  return lane.full() ? lane.Refuse(1) : absl::OkStatus();
}

absl::Status Engine::CheckRoom() {
  // One that is full alone is no reason to refuse what is for the others.
  Lane* full = nullptr;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (!lane->crowded()) return absl::OkStatus();
    if (lane->full()) full = lane.get();
  }
  return full == nullptr ? absl::OkStatus() : full->Refuse(1);
}

bool Engine::crowded() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const std::unique_ptr<Lane>& lane) { return lane->crowded(); });
}

absl::StatusOr<std::optional<rates::DeckHeader>> Engine::FindImported(
    storage::Connection& connection, const rates::DeckHeader& header) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::DeckHeader> stored,
                           storage::LoadDeckHeaders(connection));
  RESERVE_RETURN_IF_ERROR(catalogs_.Refresh(connection));
  const rates::DeckHeader* known = FindRepeat(stored, *catalogs_.Get()->timeline, header);
  if (known == nullptr) return std::nullopt;
  return *known;
}

absl::StatusOr<Engine::ImportedDeck> Engine::ImportDeck(storage::Connection& connection,
                                                        rates::DeckHeader header,
                                                        rates::RateRows&& rows) {
  header.rate_count = static_cast<int64_t>(rows.size());
  RESERVE_RETURN_IF_ERROR(rates::CheckLines(header, &rows));
  for (int tries = 0; tries < kMaxImportTries; ++tries) {
    RESERVE_RETURN_IF_ERROR(catalogs_.Refresh(connection));
    RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::DeckHeader> stored,
                             storage::LoadDeckHeaders(connection));
    const auto catalog = catalogs_.Get();
    if (const rates::DeckHeader* known = FindRepeat(stored, *catalog->timeline, header)) {
      return ImportedDeck{*known, /*already_imported=*/true};
    }
    header.version = stored.empty() ? 1 : stored.back().version + 1;
    Pace pace;
    const absl::Status inserted =
        storage::InsertDeck(connection, header, rows, [&pace] { pace.Rest(); });
    // Another ledger may have taken the version meanwhile.
    if (inserted.code() == absl::StatusCode::kAlreadyExists ||
        inserted.code() == absl::StatusCode::kAborted) {
      continue;
    }
    stats_.write_trouble.Note(inserted);
    RESERVE_RETURN_IF_ERROR(inserted);
    // They are read again from what is stored: a large deck must not be in memory twice meanwhile.
    rows = rates::RateRows();
    RESERVE_RETURN_IF_ERROR(catalogs_.Refresh(connection));
    return ImportedDeck{std::move(header), /*already_imported=*/false};
  }
  return ImportConflict();
}

absl::StatusOr<rates::DeckActivation> Engine::ActivateDeck(storage::Connection& connection,
                                                           const ActivationOrder& order) {
  RESERVE_ASSIGN_OR_RETURN(rates::DeckActivation activation,
                           Activate(connection, options_.database_clock, order));
  RESERVE_RETURN_IF_ERROR(RefreshCatalog(connection));
  return activation;
}

absl::Status Engine::RetireDeck(storage::Connection& connection, int64_t version,
                                const RetirementOrder& order) {
  RESERVE_RETURN_IF_ERROR(
      Retire(connection, options_.database_clock, version, FirstStart(), order));
  return RefreshCatalog(connection);
}

absl::StatusOr<rates::PlanVersion> Engine::PutPlan(storage::Connection& connection,
                                                   const PlanOrder& order) {
  absl::StatusOr<rates::PlanVersion> version =
      engine::PutPlan(connection, options_.database_clock, order);
  stats_.write_trouble.Note(version.status());
  RESERVE_RETURN_IF_ERROR(version.status());
  RESERVE_RETURN_IF_ERROR(RefreshCatalog(connection));
  return version;
}

absl::Status Engine::RetirePlan(storage::Connection& connection, const std::string& plan_id,
                                const std::string& etag, const RetirementOrder& order) {
  RESERVE_RETURN_IF_ERROR(
      engine::RetirePlan(connection, options_.database_clock, plan_id, etag, order));
  return RefreshCatalog(connection);
}

absl::StatusOr<absl::Duration> Engine::RenewLease(storage::Connection& connection,
                                                  const book::RechargeKey& key,
                                                  const std::string& worker_id,
                                                  int64_t lease_epoch) {
  const Moment asked = MonotonicNow();
  const absl::Time lease_end = Now() + options_.lease_duration;
  const absl::StatusOr<bool> renewed =
      storage::RenewLease(connection, key, worker_id, lease_epoch, lease_end);
  stats_.write_trouble.Note(renewed.status());
  RESERVE_RETURN_IF_ERROR(renewed.status());
  if (!*renewed) return domain::LeaseLost(key.first, key.second);
  dispatcher_->Renewed(key, asked);
  return options_.lease_duration;
}

void Engine::KeepHouse() {
  const storage::SqlThread sql_thread;
  std::unique_ptr<storage::Connection> connection;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      waker_.Await(options_.house_interval);
      if (stopping_) return;
    }
    ++house_rounds_;
    // What fails is tried again in a second, and keeps nobody from the next step.
    Keep(Step::kCatalog, connection, [this](storage::Connection& c) { return RefreshCatalog(c); });
    Keep(Step::kRechecks, connection, [this](storage::Connection& c) { return Recheck(c); });
    Keep(Step::kDueTimes, connection,
         [this](storage::Connection& c) { return PutDueTimesRight(c); });
    Keep(Step::kExpiryNotices, connection,
         [this](storage::Connection& c) { return NoticeExpiry(c); });
    Keep(Step::kHolds, connection, [this](storage::Connection& c) { return EndHolds(c); });
    Keep(Step::kUnrated, connection, [this](storage::Connection& c) { return LookForUnpriced(c); });
    Keep(Step::kHeartbeat, connection, [this](storage::Connection& c) { return BeatHeart(c); });
    Keep(Step::kRechargeCount, connection,
         [this](storage::Connection& c) { return CountRecharges(c); });
  }
}

void Engine::Keep(Step step, std::unique_ptr<storage::Connection>& connection,
                  absl::FunctionRef<absl::Status(storage::Connection&)> work) {
  absl::Status done = storage::EnsureOpen(options_.database, &connection);
  if (done.ok()) done = work(*connection);
  stats_.steps.Note(step, done);
}

absl::Status Engine::EndHolds(storage::Connection& connection) {
  // What is due is due, also where the database's clock can't be read.
  const absl::StatusOr<bool> is_right = due_times_.ClockIsRight(connection);
  const absl::Time now = Now();
  const bool sure = is_right.ok() && *is_right;
  absl::Status ended =
      holds_.Look(connection, now,
                  sure ? now + domain::LongestHold(options_.settings) : absl::InfiniteFuture());
  ended.Update(is_right.status());
  return ended;
}

absl::Status Engine::LookForUnpriced(storage::Connection& connection) {
  absl::Status looked = unrated_.Look(connection, *catalogs_.Get());
  // What another ledger was asked for, and maybe left.
  const absl::StatusOr<bool> is_left = storage::IsReratingLeft(connection);
  if (is_left.ok() && *is_left) reratings_->Announce();
  looked.Update(is_left.status());
  return looked;
}

absl::Status Engine::BeatHeart(storage::Connection& connection) {
  const Moment now = MonotonicNow();
  if (now < next_heartbeat_) return absl::OkStatus();
  const absl::Status noted =
      storage::NoteHeartbeat(connection, options_.ledger_id, options_.known_feature_level);
  // The only write of a ledger that nobody calls.
  stats_.write_trouble.Note(noted);
  RESERVE_RETURN_IF_ERROR(noted);
  next_heartbeat_ = now + options_.heartbeat_interval;
  return absl::OkStatus();
}

absl::Status Engine::CountRecharges(storage::Connection& connection) {
  const Moment now = MonotonicNow();
  if (now < next_recharge_count_) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const storage::OpenRecharges open,
                           storage::CountOpenRecharges(connection));
  stats_.recharges_waiting = open.waiting;
  stats_.recharges_in_flight = open.in_flight;
  stats_.recharges_pending = open.pending;
  stats_.recharges_in_review = open.in_review;
  stats_.oldest_attempt_micros =
      open.oldest_attempt == absl::InfiniteFuture() ? 0 : absl::ToUnixMicros(open.oldest_attempt);
  RESERVE_ASSIGN_OR_RETURN(std::vector<storage::ServingLedger> ledgers,
                           storage::ListLedgers(connection));
  {
    absl::MutexLock lock(&ledgers_mutex_);
    ledgers_ = std::move(ledgers);
  }
  next_recharge_count_ = now + kCountRechargesEvery;
  return absl::OkStatus();
}

absl::Duration Engine::OldestUnknownOutcome() const {
  const int64_t micros = stats_.oldest_attempt_micros;
  if (micros == 0) return absl::ZeroDuration();
  return std::max(Now() - absl::FromUnixMicros(micros), absl::ZeroDuration());
}

std::vector<storage::ServingLedger> Engine::ledgers() const {
  absl::MutexLock lock(&ledgers_mutex_);
  return ledgers_;
}

void Engine::Leave() {
  const storage::SqlThread sql_thread;
  std::unique_ptr<storage::Connection> connection;
  if (storage::EnsureOpen(options_.database, &connection).ok()) {
    storage::LeaveLedgers(*connection, options_.ledger_id).IgnoreError();
  }
}

absl::Status Engine::Recheck(storage::Connection& connection) {
  if (!rechecks_.done()) return rechecks_.failing();
  RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> due,
                           storage::DueRechecks(connection, Now(), kMaxRechecksAtOnce));
  return Reconsider(due, &rechecks_);
}

absl::Status Engine::PutDueTimesRight(storage::Connection& connection) {
  if (!due_times_.IsTime() || !moved_.done()) return moved_.failing();
  std::vector<std::string> too_far;
  absl::Status put_right = due_times_.PutRight(connection, Now(), &too_far);
  put_right.Update(Reconsider(too_far, &moved_));  // also those that were found before an error
  return put_right;
}

absl::Status Engine::NoticeExpiry(storage::Connection& connection) {
  if (!notices_.done()) return notices_.failing();
  RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> expiring,
                           storage::DueExpiryNotices(connection, Now(), kMaxRechecksAtOnce));
  return Reconsider(expiring, &notices_);
}

absl::Status Engine::Reconsider(const std::vector<std::string>& accounts, TaskPage* page) {
  const absl::Status failed = page->status();
  std::vector<Task> tasks;
  for (const std::string& account_id : accounts) {
    if (IsOurs(account_id)) tasks.push_back({account_id, book::Reconsider{}});
  }
  if (tasks.empty()) {
    page->SendNothing();
  } else {
    page->Send(std::move(tasks), [this](std::vector<Task> each) { Submit(std::move(each)); });
  }
  return failed;
}

}  // namespace reserve::engine
