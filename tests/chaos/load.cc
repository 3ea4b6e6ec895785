#include "tests/chaos/load.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

// A caller of one kind: what it does, and how often.
struct Habit {
  std::function<void(Caller&, int round)> act;
  absl::Duration pause;
  // Once there are no new requests.
  std::function<void(Caller&)> end = [](Caller&) {};
};

std::vector<Habit> Habits() {
  const Habit one = {[](Caller& caller, int) { caller.RecordOne(); }, absl::Milliseconds(5)};
  const Habit batch = {[](Caller& caller, int round) { caller.RecordBatch(1 + round % 60); },
                       absl::Milliseconds(80)};
  const Habit stream = {[](Caller& caller, int round) { caller.RecordStream(1 + round % 80); },
                        absl::Milliseconds(100)};
  const Habit office = {[](Caller& caller, int round) {
                          switch (round % 7) {
                            case 0:
                              return caller.ChangeCard();
                            case 1:
                              return caller.TopUp();
                            case 2:
                              return caller.Refund();
                            case 3:
                              return caller.Pay();
                            case 4:
                              return caller.Grant();
                            default:
                              return caller.Adjust();
                          }
                        },
                        absl::Milliseconds(25)};
  const Habit mender = {[](Caller& caller, int round) {
                          // It has booked some of its own, to mend.
                          if (round % 8 == 0) return caller.ComeLate();
                          if (round % 24 == 11) return caller.RateAgain();
                          if (round % 2 == 0) return caller.RecordOne();
                          return caller.TakeBack();
                        },
                        absl::Milliseconds(10)};
  const Habit customer = {[](Caller& caller, int) { caller.Switch(); }, absl::Milliseconds(10)};
  const Habit bank = {[](Caller& caller, int round) {
                        caller.Dispute();
                        if (round % 3 == 0) caller.TellOfNews();
                      },
                      absl::Milliseconds(150), [](Caller& caller) { caller.TellOfAll(); }};
  const Habit leaver = {[](Caller& caller, int) { caller.ComeAndLeave(); },
                        absl::Milliseconds(100)};
  const Habit telephone_switch = {[](Caller& caller, int) { caller.CallTogether(); },
                                  absl::Milliseconds(50),
                                  [](Caller& caller) { caller.LeaveTheRest(); }};
  const Habit spender = {[](Caller& caller, int) { caller.ReachTheLimit(); },
                         absl::Milliseconds(200)};
  const Habit looker = {[](Caller& caller, int) { caller.LookBack(); }, absl::Milliseconds(20)};
  const Habit in_need = {[](Caller& caller, int) { caller.CallForHelp(); }, absl::Milliseconds(40)};
  return {one,     one,      one,      batch, stream, office,
          mender,  customer, customer, bank,  leaver, telephone_switch,
          spender, in_need,  looker,   looker};
}

}  // namespace

absl::Status Load::OpenAccounts() {
  Caller caller(stage_, record_, counts_, {options_.accounts, /*number=*/99, options_.seed});
  for (int i = 0; i < options_.accounts; ++i) RESERVE_RETURN_IF_ERROR(caller.OpenAccount(i));
  return absl::OkStatus();
}

void Load::Start() {
  int number = 0;
  absl::MutexLock lock(&mutex_);
  for (Habit& habit : Habits()) {
    threads_.emplace_back([this, habit = std::move(habit), number] {
      Caller caller(stage_, record_, counts_, {options_.accounts, number, options_.seed});
      for (int round = 0; !stopping_; ++round) {
        habit.act(caller, round);
        absl::SleepFor(habit.pause);
      }
      habit.end(caller);
      absl::MutexLock done(&mutex_);
      --at_work_;
    });
    ++at_work_;
    ++number;
  }
}

bool Load::TellOfTheRest(absl::Duration patience) {
  LoadCounts counts;  // that give nothing up
  Caller caller(stage_, record_, counts, {options_.accounts, /*number=*/98, options_.seed});
  return caller.AwaitDecisions(patience) && caller.TellOfAll();
}

bool Load::ReadAll() {
  LoadCounts counts;  // that give nothing up
  Caller caller(stage_, record_, counts, {options_.accounts, /*number=*/97, options_.seed});
  bool all = true;
  for (const std::string& account_id : record_.history().accounts()) {
    all &= caller.ListAll(account_id);
  }
  return all;
}

void Load::Stop(absl::Duration patience) {
  stopping_ = true;
  {
    absl::MutexLock lock(&mutex_);
    const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return at_work_ == 0; };
    mutex_.AwaitWithTimeout(absl::Condition(&idle), patience);
  }
  counts_.giving_up = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace reserve::chaos
