// Ends holds whose time has come (H4, H12), in the background.
//
// It goes through those that are due by small pages, the longest due first, and sends the lanes the
// next page only when they are done with the one before, so that a switch that dies with a hundred
// thousand calls takes its turn beside the load, and keeps nobody waiting for long. OPEN holds and
// UNSETTLED ones are gone through apart: to end one needs no price, to book what was reported does.
// What fails is passed, and met again when all others have had their turn. Each hold is ended, or
// its usage booked, by a command of its own, once, however many ledgers look; where ledgers share
// the accounts each leaves those of the others to them.
//
// Look() is for one thread; the rest is thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_

#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::engine {

class HoldSweep {
 public:
  // Are holds of the account to be ended here? Asked while Look() runs.
  using IsOurs = std::function<bool(absl::string_view account_id)>;

  // `stats` and what `submit` uses must outlive it; it must outlive the tasks that it submits.
  HoldSweep(EngineStats& stats, TaskPage::Submit submit, IsOurs is_ours)
      : stats_(stats), submit_(std::move(submit)), is_ours_(std::move(is_ours)) {}

  // Sends pages of those that are due by `now`, for half a second while there are more, if what was
  // sent before is done. `latest`: what is due after it can only come from a clock that was wrong,
  // and is due, too. An error of one part keeps nobody from the others; that of a hold is told
  // until all have had their turn without one.
  absl::Status Look(storage::Connection& connection, absl::Time now, absl::Time latest);

 private:
  // One kind of them, gone through again and again.
  struct Round {
    explicit Round(HoldSweep* sweep)
        : page([sweep](const book::Reply& reply) {
            sweep->Note(book::As<book::HoldReply>(reply));
          }) {}

    TaskPage page;
    storage::DuePlace place;  // behind which it goes on; that of the first: it begins
    absl::Status failed;      // so far
    absl::Status failed_before;
  };
  using Read =
      absl::FunctionRef<absl::StatusOr<std::vector<domain::Hold>>(const storage::DuePlace& after)>;

  absl::Status GoOn(Round* round, Moment until, Read read);
  // Is the page done before `until`, with no error?
  static bool DoneBefore(TaskPage* page, Moment until);
  void Send(const std::vector<domain::Hold>& due, TaskPage* page);
  void Note(const book::HoldReply& ended);
  absl::Status Count(storage::Connection& connection);

  EngineStats& stats_;
  const TaskPage::Submit submit_;
  const IsOurs is_ours_;
  Round open_{this};
  Round unsettled_{this};
  Round too_far_{this};
  Moment next_count_ = -absl::InfiniteDuration();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_HOLD_SWEEP_H_
