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
  RESERVE_ASSIGN_OR_RETURN(Book motel, OpenAnother("motel", "tok_visa"));
  Caller lobby{"lobby", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(motel, lobby));
  const Destination to = Barbados();
  RESERVE_RETURN_IF_ERROR(client_.LimitSpending(motel.account_id, 5 * kNanosPerUnit).status());
  RESERVE_RETURN_IF_ERROR(Call(motel, lobby, to, 20 * kMinute));
  RESERVE_RETURN_IF_ERROR(Call(motel, lobby, to, 10 * kMinute));
  report_.Say("the limit is reached: what would be paid is refused, and the card is left alone");
  RESERVE_RETURN_IF_ERROR(MayNotCall(motel, lobby, to, "LIMIT_REACHED"));
  RESERVE_RETURN_IF_ERROR(MayCall(motel, lobby, UnitedStates(), /*left=*/0));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account stopped, client_.GetAccount(motel.account_id));
  report_.Text("in the way of a recharge", "REFILL_OBSTACLE_LIMIT_REACHED",
               stopped.obstacles().empty() ? "nothing"
                                           : pb::RefillObstacle_Name(stopped.obstacles(0).kind()));
  report_.Count("open recharge", 0, stopped.open_recharge_ordinal());
  report_.Say("support looks: a guest called home. It lifts the limit, and leaves it for a day");
  RESERVE_RETURN_IF_ERROR(client_.LiftLimit(motel.account_id, absl::Hours(24)).status());
  RESERVE_RETURN_IF_ERROR(AwaitRecharge(motel, "AUTOMATIC", DueAmount(motel)));
  return MayCall(motel, lobby, to);
}

}  // namespace reserve::demo
