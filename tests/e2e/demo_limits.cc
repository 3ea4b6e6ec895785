// A scene of the demo: a limit on what an account spends a day is reached, and lifted.
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {

absl::Status Play::StolenTelephone() {
  report_.Section("A telephone in the lobby, and a limit of $5.00 a day");
  RESERVE_ASSIGN_OR_RETURN(Book hotel, OpenAnother("hotel", "tok_visa"));
  Caller lobby{"lobby", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(hotel, lobby));
  const Destination to = Barbados();
  RESERVE_RETURN_IF_ERROR(client_.LimitSpending(hotel.account_id, 5 * kNanosPerUnit).status());
  RESERVE_RETURN_IF_ERROR(Call(hotel, lobby, to, 20 * kMinute));
  RESERVE_RETURN_IF_ERROR(Call(hotel, lobby, to, 10 * kMinute));
  report_.Say("the limit is reached: what would be paid is refused, and the card is left alone");
  RESERVE_RETURN_IF_ERROR(MayNotCall(hotel, lobby, to, "LIMIT_REACHED"));
  RESERVE_RETURN_IF_ERROR(MayCall(hotel, lobby, UnitedStates()));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account stopped, client_.GetAccount(hotel.account_id));
  report_.Text("in the way of a recharge", "REFILL_OBSTACLE_LIMIT_REACHED",
               stopped.obstacles().empty() ? "nothing"
                                           : pb::RefillObstacle_Name(stopped.obstacles(0).kind()));
  report_.Count("open recharge", 0, stopped.open_recharge_ordinal());
  report_.Say("support looks: a guest called home. It lifts the limit, and leaves it for a day");
  RESERVE_RETURN_IF_ERROR(client_.LiftLimit(hotel.account_id, absl::Hours(24)).status());
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(hotel, "AUTOMATIC", DueAmount(hotel)));
  return MayCall(hotel, lobby, to);
}

}  // namespace reserve::demo
