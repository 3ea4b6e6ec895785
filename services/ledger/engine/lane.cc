#include "services/ledger/engine/lane.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/load_image.h"
#include "services/ledger/storage/write_set.h"

namespace reserve::engine {
namespace {

constexpr absl::Duration kLongestBackOff = absl::Milliseconds(200);
constexpr int kMostBatchesToLock = 64;
// A batch that meets so many conflicts is run in parts. An account that goes on meeting them when
// it is alone in its part is given up: after the second number the first time, and after the first
// number while it runs apart.
constexpr int kConflictsTogether = 3;
constexpr int kConflictsAlone = 8;
constexpr absl::Duration kApartFor = absl::Seconds(10);
// If more accounts than this fail, the accounts are not the cause.
constexpr size_t kMostApart = 16;

bool MayPass(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAborted ||
         status.code() == absl::StatusCode::kUnavailable;
}

bool ByAccount(const Task& a, const Task& b) { return a.account_id < b.account_id; }

// Orders tasks so that they can be cut in two between accounts, and says where; 0 if all are of
// one account.
size_t CutBetweenAccounts(absl::Span<Task> tasks) {
  std::stable_sort(tasks.begin(), tasks.end(), ByAccount);
  // As near to the middle as there is a border.
  const Task& middle = tasks[tasks.size() / 2];
  auto border = std::lower_bound(tasks.begin(), tasks.end(), middle, ByAccount);
  if (border == tasks.begin()) border = std::upper_bound(border, tasks.end(), middle, ByAccount);
  return border == tasks.end() ? 0 : static_cast<size_t>(border - tasks.begin());
}

// A span names at most so many of the calls that a transaction served.
constexpr size_t kMostLinks = 128;

// By which call each recharge was opened: the last of its account in the batch.
std::vector<TraceContext> TracesOf(const std::vector<book::RechargeKey>& recharges,
                                   absl::Span<const Task> tasks) {
  std::vector<TraceContext> traces(recharges.size());
  absl::flat_hash_map<absl::string_view, TraceContext*> by_account;
  for (size_t i = 0; i < recharges.size(); ++i) by_account[recharges[i].first] = &traces[i];
  for (const Task& task : tasks) {
    const auto found = by_account.find(task.account_id);
    if (found != by_account.end()) *found->second = task.trace;
  }
  return traces;
}

absl::Status OutcomeUnknown() {
  return TryAgain(storage::DatabaseUnavailable("the outcome is unknown, repeat the same request"),
                  storage::kRepeatAfter);
}

// Does what becomes of it, where it was not done before, depend on how things are now?
bool IsConditional(const book::Command& command) {
  const auto* const record = std::get_if<book::RecordUsage>(&command);
  return record != nullptr && record->only_if_allowed;
}

// What the caller is told of an error that concerns the whole batch. If one of its commits is
// unknown an error says only that it could not be found out.
absl::Status ForCaller(const absl::Status& error, bool unknown) {
  if (!MayPass(error) && !unknown) return storage::ForCaller(error);
  return OutcomeUnknown();
}

// Accounts are given to lanes by a hash, which gives some more than others: with room for four
// deviations above the mean hardly a lane keeps less than there is room for over all.
size_t ShareOfCache(const EngineOptions& options) {
  const double mean = static_cast<double>(options.cached_accounts) / options.lanes;
  return static_cast<size_t>(mean + (options.lanes == 1 ? 0 : 4 * std::sqrt(mean)));
}

}  // namespace

Lane::Lane(const EngineOptions& options, CatalogKeeper& catalogs, Patience& patience,
           EngineStats& stats, OnDueRecharges on_due_recharges, OnNewUsers on_new_users,
           OnStretchBooked on_stretch_booked, OnDeckNeeded on_deck_needed)
    : options_(options),
      catalogs_(catalogs),
      patience_(patience),
      own_patience_(options.retry_budget),
      stats_(stats),
      on_due_recharges_(std::move(on_due_recharges)),
      on_new_users_(std::move(on_new_users)),
      on_stretch_booked_(std::move(on_stretch_booked)),
      on_deck_needed_(std::move(on_deck_needed)),
      level_(options.known_feature_level, options.feature_level_holds),
      cache_(ShareOfCache(options)),
      replies_(static_cast<size_t>(options.max_batch)),
      thread_([this] { Run(); }) {}

Lane::~Lane() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

bool Lane::Fits() const {
  return !stopping_ && queue_.size() < static_cast<size_t>(options_.max_queue) &&
         queue_bytes_ < static_cast<size_t>(options_.max_queue_bytes);
}

void Lane::NoteFill() {
  const auto holds = [this](size_t sixteenths) ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return queue_.size() * 16 >= sixteenths * static_cast<size_t>(options_.max_queue) ||
           queue_bytes_ * 16 >= sixteenths * static_cast<size_t>(options_.max_queue_bytes);
  };
  full_.store(stopping_ || holds(15) || (full() && holds(14)), std::memory_order_relaxed);
  crowded_.store(holds(8), std::memory_order_relaxed);
}

void Lane::Submit(absl::Span<Task* const> tasks) {
  size_t taken = 0;
  size_t taken_bytes = 0;
  {
    absl::MutexLock lock(&mutex_);
    for (; taken < tasks.size() && Fits(); ++taken) {
      const size_t bytes = BytesOf(*tasks[taken]);
      queue_.emplace_back(std::move(*tasks[taken]), bytes);
      queue_bytes_ += bytes;
      taken_bytes += bytes;
    }
    stats_.queued += static_cast<int64_t>(taken);
    stats_.queued_bytes += static_cast<int64_t>(taken_bytes);
    NoteFill();
  }
  if (taken == tasks.size()) return;
  const absl::Status refusal = Refuse(tasks.size() - taken);
  for (Task* const task : tasks.subspan(taken)) task->sink->Done(task->index, refusal);
}

absl::Status Lane::Refuse(size_t refused) {
  stats_.overloaded += static_cast<int64_t>(refused);
  absl::Duration retry_after;
  {
    absl::MutexLock lock(&mutex_);
    retry_after = drain_.RetryAfter(queue_.size(), MonotonicNow() - busy_since_);
  }
  return Overloaded("commands", retry_after);
}

std::vector<Task> Lane::TakeQueued() {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || stopping_;
  };
  mutex_.Await(absl::Condition(&ready));
  const size_t count = std::min(queue_.size(), static_cast<size_t>(options_.max_batch));
  std::vector<Task> tasks;
  tasks.reserve(count);
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    bytes += queue_.front().bytes;
    tasks.push_back(std::move(queue_.front().task));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
  busy_since_ = MonotonicNow();
  NoteFill();
  stats_.queued -= static_cast<int64_t>(count);
  stats_.queued_bytes -= static_cast<int64_t>(bytes);
  return tasks;
}

void Lane::Run() {
  const storage::SqlThread sql_thread;
  while (true) {
    std::vector<Task> tasks = TakeQueued();
    if (tasks.empty()) break;  // stopping, and nothing is left
    if (const auto in_time = DropTooLate(absl::MakeSpan(tasks)); !in_time.empty()) {
      const Moment began = MonotonicNow();
      Process(in_time);
      stats_.batch_micros.Note(absl::ToInt64Microseconds(MonotonicNow() - began));
    }
    absl::MutexLock lock(&mutex_);
    drain_.Note(tasks.size(), MonotonicNow() - busy_since_);
    busy_since_ = absl::InfiniteDuration();
  }
  connection_.reset();
}

absl::Span<Task> Lane::DropTooLate(absl::Span<Task> tasks) {
  const Moment now = MonotonicNow();
  const auto in_time = [now](const Task& task) { return task.deadline > now; };
  if (std::all_of(tasks.begin(), tasks.end(), in_time)) return tasks;
  const auto late = std::stable_partition(tasks.begin(), tasks.end(), in_time);
  const auto count = static_cast<size_t>(late - tasks.begin());
  const absl::Span<Task> dropped = tasks.subspan(count);
  stats_.too_late += static_cast<int64_t>(dropped.size());
  Answer(dropped, std::vector<absl::StatusOr<book::Reply>>(dropped.size(),
                                                           DeadlinePassed("nothing was done")));
  return tasks.first(count);
}

void Lane::Process(absl::Span<Task> tasks) {
  if (!patience().TakeTurn(MonotonicNow())) {
    return Fail(tasks, storage::DatabaseUnavailable("the database has not answered for long"),
                /*unknown=*/false);
  }
  // While the database stays away one try is enough: batches before this one have waited.
  const Moment give_up = patience().GiveUp(MonotonicNow());
  size_t together = tasks.size();
  if (!apart_.empty()) {
    // Once for all tasks, or an account whose time is over just now would change its order.
    absl::erase_if(apart_,
                   [now = MonotonicNow()](const auto& apart) { return apart.second <= now; });
    const auto apart = std::stable_partition(
        tasks.begin(), tasks.end(), [this](const Task& task) { return !IsApart(task.account_id); });
    std::stable_sort(apart, tasks.end(), ByAccount);
    together = static_cast<size_t>(apart - tasks.begin());
  }
  if (together > 0) TryUntilAnswered(tasks.first(together), {}, give_up);
  for (absl::Span<Task> rest = tasks.subspan(together); !rest.empty();) {
    const auto end = std::upper_bound(rest.begin(), rest.end(), rest.front(), ByAccount);
    const auto count = static_cast<size_t>(end - rest.begin());
    TryUntilAnswered(rest.first(count), {.suspect = true}, give_up);
    rest.remove_prefix(count);
  }
}

void Lane::TryUntilAnswered(absl::Span<Task> tasks, Past past, Moment give_up) {
  book::Duplicates duplicates = past.suspect || expect_duplicates_ ? book::Duplicates::kLookUp
                                                                   : book::Duplicates::kOptimistic;
  Reading reading = duplicates == book::Duplicates::kOptimistic && batches_to_lock_ == 0
                        ? Reading::kRemembered
                        : Reading::kLocked;
  if (batches_to_lock_ > 0) --batches_to_lock_;
  absl::Status error;
  int conflicts = 0;
  for (int tries = 1;; ++tries) {
    const Moment began = MonotonicNow();
    if (tries > 1) ++stats_.retries;
    const Outcome outcome = Try(tasks, &duplicates, &reading, &error);
    if (outcome == Outcome::kDone) return;
    // A duplicate is looked up now, or a balance read: that is an answer, however late.
    if (outcome == Outcome::kRetryAtOnce) continue;
    if (outcome == Outcome::kFailed) break;
    past.unknown |= outcome == Outcome::kUnknown;
    if (absl::IsUnavailable(error)) patience().Failed(began, MonotonicNow(), FailureOf(error));
    if (!absl::IsUnavailable(error) && ++conflicts >= MostConflicts(tasks, past.suspect, outcome)) {
      break;
    }
    if (outcome == Outcome::kContradiction) continue;
    if (MonotonicNow() >= give_up) return Fail(tasks, error, past.unknown);
    BackOff(tries);
  }
  // A conflict is an account's, anything else may be a single command's.
  size_t cut = CutBetweenAccounts(tasks);
  if (cut == 0 && !absl::IsAborted(error)) cut = tasks.size() / 2;
  if (cut == 0) {
    SetApart(tasks.front().account_id);
    return Fail(tasks, error, past.unknown);
  }
  ++stats_.splits;
  past.suspect = true;
  TryUntilAnswered(tasks.first(cut), past, give_up);
  TryUntilAnswered(tasks.subspan(cut), past, give_up);
}

int Lane::MostConflicts(absl::Span<const Task> tasks, bool suspect, Outcome outcome) const {
  // What was so in a larger batch is so: only a new account can look like this for a moment.
  if (outcome == Outcome::kContradiction) return suspect ? 1 : kConflictsTogether;
  const bool several = std::any_of(tasks.begin(), tasks.end(), [&](const Task& task) {
    return task.account_id != tasks.front().account_id;
  });
  if (several || IsApart(tasks.front().account_id)) return kConflictsTogether;
  return suspect ? kConflictsAlone : std::numeric_limits<int>::max();
}

Lane::Outcome Lane::Try(absl::Span<const Task> tasks, book::Duplicates* duplicates,
                        Reading* reading, absl::Status* error) {
  if (const absl::Status status = EnsureConnected(); !status.ok()) {
    *error = status;
    stats_.write_trouble.Note(status);
    return MayPass(status) ? Outcome::kRetry : Outcome::kFailed;
  }
  const Reading read = std::exchange(*reading, Reading::kLocked);  // of another try
  const absl::Time began_time = options_.tracer == nullptr ? absl::Time() : absl::Now();
  Attempt attempt;
  attempt.commands.reserve(tasks.size());
  for (const Task& task : tasks) {
    attempt.commands.push_back({task.account_id, &task.command, task.caller, task.actor});
  }
  absl::Status status = Execute(attempt, *duplicates, read);
  if (!status.ok()) {
    connection_->Rollback();
    return Judge(status, duplicates, read, error);
  }
  if (attempt.has_writes) {
    const Moment began = MonotonicNow();
    status = connection_->Commit();
    stats_.commit_micros.Note(absl::ToInt64Microseconds(MonotonicNow() - began));
    if (!status.ok()) {
      // Unknown, unless the server said so: look the keys up, never assume.
      *duplicates = book::Duplicates::kLookUp;
      ++stats_.unknown_commits;
      stats_.write_trouble.Note(status);
      *error = status;
      return Outcome::kUnknown;
    }
    stats_.write_trouble.Worked();
    patience().Worked();
  } else {
    if (attempt.keys.may_write) connection_->Rollback();
    patience().Answered();  // a full disk lets itself be read
  }
  Remember(attempt.image);
  if (read == Reading::kRemembered) {
    next_batches_to_lock_ = std::max(1, next_batches_to_lock_ / 2);
  }
  book::Folded& folded = attempt.folded;
  ++stats_.batches;
  stats_.batch_sizes.Note(static_cast<int64_t>(tasks.size()));
  stats_.commands += static_cast<int64_t>(tasks.size());
  stats_.duplicates += folded.duplicates;
  stats_.unbooked_emergencies += folded.unbooked_emergencies;
  stats_.usage_after_closing += folded.after_closing;
  for (size_t i = 0; i < folded.limits_reached.size(); ++i) {
    stats_.limits_reached[i] += folded.limits_reached[i];
  }
  for (size_t i = 0; i < folded.limit_refusals.size(); ++i) {
    stats_.limit_refusals[i] += folded.limit_refusals[i];
  }
  // Replays come in swarms: after one, look first.
  expect_duplicates_ = folded.duplicates * 8 > static_cast<int>(tasks.size());
  stats_.booked_unrated += folded.unrated;
  if (options_.tracer != nullptr) TraceBatch(tasks, began_time, attempt.has_writes);
  if (!folded.due_recharges.empty()) {
    on_due_recharges_(folded.due_recharges, TracesOf(folded.due_recharges, tasks));
  }
  if (!folded.with_new_users.empty()) on_new_users_(folded.with_new_users);
  if (!attempt.with_stretch.empty()) on_stretch_booked_(attempt.with_stretch);
  Answer(tasks, std::move(folded.replies));
  return Outcome::kDone;
}

void Lane::TraceBatch(absl::Span<const Task> tasks, absl::Time began, bool committed) {
  Span span;
  for (const Task& task : tasks) {
    if (!options_.tracer->Keeps(task.trace)) continue;
    // Usages of one batch call stand together, and are one call.
    if (!span.links.empty() && span.links.back() == task.trace) continue;
    if (span.links.size() == kMostLinks) break;
    span.links.push_back(task.trace);
  }
  if (span.links.empty()) return;
  // It stands in the trace of the first, and names the others.
  span.context = options_.tracer->Begin(span.links.front());
  span.parent_id = span.links.front().span_id;
  span.name = committed ? "ledger.commit" : "ledger.read";
  span.start = began;
  span.end = absl::Now();
  span.figures = {{"reserve.batch.commands", static_cast<int64_t>(tasks.size())}};
  options_.tracer->End(std::move(span));
}

absl::Status Lane::Execute(Attempt& attempt, book::Duplicates duplicates, Reading reading) {
  RESERVE_ASSIGN_OR_RETURN(const int feature_level, level_.Get(*connection_));
  const domain::Context context{options_.settings,    TruncateToMicros(options_.clock()),
                                feature_level,
                                /*open=*/nullptr,
                                /*declines=*/nullptr,
                                /*closing=*/nullptr,
                                /*holds=*/nullptr,    level_.archived_month()};
  const std::shared_ptr<const book::Catalog> catalog = catalogs_.GetFresh(*connection_);
  attempt.keys = book::KeysOf(attempt.commands, context, duplicates);
  if (attempt.keys.may_write) RESERVE_RETURN_IF_ERROR(connection_->Begin());
  Recall(attempt, reading);
  RESERVE_RETURN_IF_ERROR(
      storage::LoadImage(*connection_, attempt.keys, options_.make_number_key, &attempt.image));
  book::Folded& folded = attempt.folded;
  folded = book::Fold(context, *catalog, attempt.commands, &attempt.image);
  if (folded.must_read) return storage::BalanceMoved("an account must be read");
  if (folded.unknown_start != absl::InfiniteFuture()) {
    RESERVE_ASSIGN_OR_RETURN(storage::Connection* const aside, connection_->Aside());
    const absl::StatusOr<bool> is_known = catalogs_.ReadTimelineUpTo(*aside, folded.unknown_start);
    if (is_known.ok() && *is_known) return CatalogIsNew();
    if (!aside->alive()) return is_known.status();
  }
  if (folded.missed_rate) {
    // Another ledger may have activated a deck a moment ago.
    RESERVE_ASSIGN_OR_RETURN(storage::Connection* const aside, connection_->Aside());
    RESERVE_ASSIGN_OR_RETURN(const bool caught_up, catalogs_.CatchUp(*aside));
    if (caught_up) return CatalogIsNew();
  }
  if (folded.missed_plan) {
    // Or have made a plan.
    RESERVE_ASSIGN_OR_RETURN(storage::Connection* const aside, connection_->Aside());
    RESERVE_ASSIGN_OR_RETURN(const bool caught_up, catalogs_.CatchUpPlans(*aside));
    if (caught_up) return CatalogIsNew();
  }
  if (duplicates == book::Duplicates::kOptimistic) {
    RESERVE_RETURN_IF_ERROR(storage::LoadBookedUsages(
        *connection_, book::RefusedUsages(attempt.commands, folded, attempt.image),
        &attempt.image));
    book::AnswerRepeats(attempt.commands, attempt.image, &folded);
  }
  RESERVE_RETURN_IF_ERROR(CheckMonthsOpen(context, folded.writes));
  attempt.has_writes = !folded.writes.empty();
  for (const domain::Entry& entry : folded.writes.entries) {
    if (entry.seq % options_.summary_stretch == 0) attempt.with_stretch.push_back(entry.account_id);
  }
  RESERVE_ASSIGN_OR_RETURN(const storage::Written written,
                           storage::Write(*connection_, std::move(folded.writes)));
  if (written.events.has_value() && MonotonicNow() - *written.events > options_.event_overlap / 2) {
    // Who watches the feed may have looked past their time by now (event_cursor.h).
    // The other half is the server's, to commit in.
    return TransactionTooOld();
  }
  return absl::OkStatus();
}

absl::Status Lane::CheckMonthsOpen(const domain::Context& context, const book::WriteSet& writes) {
  const int32_t oldest = book::OldestMonthOf(writes);
  // Nothing is archived before that.
  if (oldest >= MonthOf(context.now - storage::kNeverArchivedFor)) return absl::OkStatus();
  // In the transaction, which whoever seals a month waits for.
  RESERVE_ASSIGN_OR_RETURN(storage::Connection* const along, connection_->Along());
  RESERVE_ASSIGN_OR_RETURN(const int32_t archived, storage::ReadArchivedMonth(*along));
  if (oldest > archived) return absl::OkStatus();
  level_.Forget();
  return MonthIsSealed();
}

void Lane::Recall(Attempt& attempt, Reading reading) {
  const std::vector<book::AccountNeed>& needs = attempt.keys.accounts;
  std::vector<absl::string_view> account_ids;
  account_ids.reserve(needs.size());
  // Who opens an account that is there asks for what is not remembered (account_cache.h).
  for (const book::AccountNeed& need : needs) {
    account_ids.push_back(need.opens ? absl::string_view() : need.account_id);
  }
  std::vector<std::unique_ptr<KnownAccount>> known = cache_.TakeAll(account_ids);
  attempt.image.accounts.reserve(needs.size());
  for (size_t i = 0; i < needs.size(); ++i) {
    book::AccountImage& account = attempt.image.accounts[needs[i].account_id];
    account.known = std::move(known[i]);
    account.remembered = account.exists =
        account.known != nullptr && reading == Reading::kRemembered && !needs[i].more_than_usage;
  }
}

void Lane::Remember(book::Image& image) {
  for (const auto& [account_id, account] : image.accounts) {
    if (account.exists) cache_.ExpectBack(*account.known);
  }
  for (auto& [account_id, account] : image.accounts) {
    if (account.exists) cache_.Put(std::move(account.known));
  }
}

Lane::Outcome Lane::Judge(const absl::Status& status, book::Duplicates* duplicates, Reading reading,
                          absl::Status* error) {
  *error = status;
  if (reading == Reading::kRemembered && storage::IsBalanceMoved(status)) {
    ++stats_.moved;
    batches_to_lock_ = next_batches_to_lock_;
    next_batches_to_lock_ = std::min(2 * next_batches_to_lock_, kMostBatchesToLock);
    return Outcome::kRetryAtOnce;
  }
  if (absl::IsAlreadyExists(status) && *duplicates == book::Duplicates::kOptimistic) {
    *duplicates = book::Duplicates::kLookUp;
    return Outcome::kRetryAtOnce;
  }
  if (absl::IsAborted(status) || absl::IsAlreadyExists(status)) ++stats_.conflicts;
  // With everything read under the accounts' locks nothing collides or moves, but for a
  // new account that another ledger opens: read it again.
  if (absl::IsAlreadyExists(status) || storage::IsBalanceMoved(status)) {
    *error = storage::AccountInconsistent(
        absl::StrCat("what is stored of the account contradicts itself, nothing was done; verify "
                     "shows where: ",
                     status.message()));
    return Outcome::kContradiction;
  }
  stats_.write_trouble.Note(status);
  return MayPass(status) ? Outcome::kRetry : Outcome::kFailed;
}

absl::Status Lane::EnsureConnected() {
  if (connection_ != nullptr && connection_->alive()) return absl::OkStatus();
  if (connection_ != nullptr) ++stats_.connections_lost;
  connection_.reset();
  cache_.Clear();
  absl::StatusOr<std::unique_ptr<storage::Connection>> opened =
      storage::Connection::OpenForCallers(options_.database);
  if (!opened.ok()) return opened.status();
  connection_ = *std::move(opened);
  has_shard_ = connection_->on_vitess();
  return absl::OkStatus();
}

void Lane::Fail(absl::Span<const Task> tasks, const absl::Status& error, bool unknown) {
  const absl::Status told = ForCaller(error, unknown);
  if (absl::IsUnavailable(told)) stats_.unavailable += static_cast<int64_t>(tasks.size());
  Answer(tasks, std::vector<absl::StatusOr<book::Reply>>(tasks.size(), told));
}

void Lane::Answer(absl::Span<const Task> tasks, std::vector<absl::StatusOr<book::Reply>> replies) {
  BatchReplies batch;
  batch.sinks.reserve(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    absl::StatusOr<book::Reply>& reply = replies[i];
    if (absl::IsUnavailable(reply.status())) {
      if (const auto deck = book::DeckToLoad(reply.status())) {
        on_deck_needed_(*deck, tasks[i]);
        continue;
      }
    }
    if (tasks[i].maybe_done && !reply.ok() && IsConditional(tasks[i].command)) {
      reply = OutcomeUnknown();
    }
    // Nearly all stay where they are.
    if (const size_t place = batch.sinks.size(); place != i) replies[place] = std::move(reply);
    batch.sinks.emplace_back(tasks[i].sink, tasks[i].index);
  }
  if (batch.sinks.empty()) return;
  replies.erase(replies.begin() + static_cast<ptrdiff_t>(batch.sinks.size()), replies.end());
  batch.replies = std::move(replies);
  replies_.Give(std::move(batch));
}

bool Lane::IsApart(const std::string& account_id) const { return apart_.contains(account_id); }

void Lane::SetApart(const std::string& account_id) {
  if (apart_.size() >= kMostApart && !IsApart(account_id)) apart_.clear();
  apart_[account_id] = MonotonicNow() + kApartFor;
}

void Lane::BackOff(int tries) {
  const absl::Duration longest =
      std::min(options_.first_back_off * (int64_t{1} << std::min(tries, 10)), kLongestBackOff);
  absl::SleepFor(longest * absl::Uniform(random_, 0.5, 1.0));
}

}  // namespace reserve::engine
