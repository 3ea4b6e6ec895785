// Plays calls of one user against a ledger, and tells how each ended: for trying the ledger by
// hand. `./run up` starts one.
//
//   telephone_switch --account=acme --user=ann --calls=30 --minutes=10

#include <cstdio>
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/rpc_flags.h"
#include "tests/e2e/telephone_switch.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "Where the ledger serves.");
ABSL_FLAG(std::string, account, "acme", "The account.");
ABSL_FLAG(std::string, user, "ann", "The user who calls.");
ABSL_FLAG(std::string, destination, "+12464301234", "Whom the user calls.");
ABSL_FLAG(int, calls, 1, "How many calls begin at once.");
ABSL_FLAG(int, minutes, 5, "How long they would last; these minutes pass at once.");
ABSL_FLAG(absl::Duration, slice, absl::ZeroDuration(),
          "How much to ask for at a time; 0s: the ledger's own.");
ABSL_FLAG(absl::Duration, wait_for_money, absl::Seconds(2),
          "A call that must end for want of money waits so long whether some comes.");
ABSL_FLAG(std::string, switch_id, "telephone-switch", "The name of the switch.");
ABSL_FLAG(int, crash_after_minutes, 0,
          "The switch dies after so many minutes, and releases its holds as it starts again; "
          "0: it does not die.");

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;

std::string Text(const google::type::Money& money) {
  const auto amount = reserve::FromProto(money, "", "money");
  return amount.ok() ? FormatDecimal(*amount) : "?";
}

absl::Status Die(TelephoneSwitch& pbx) {
  pbx.Crash();
  RESERVE_ASSIGN_OR_RETURN(const pb::ReleaseSwitchHoldsResponse released, pbx.ReleaseOldHolds());
  std::cout << "the switch died, and started again: " << released.released()
            << " calls were released, " << released.unsettled() << " wait for their CDRs\n";
  return absl::OkStatus();
}

absl::Status HangUpAll(TelephoneSwitch& pbx) {
  for (const auto& [id, call] : pbx.calls()) {
    if (!call.over) RESERVE_RETURN_IF_ERROR(pbx.HangUp(id));
    std::cout << id << ": " << absl::ToInt64Seconds(call.talked) << " s, "
              << Text(call.booked.cost()) << ", balance " << Text(call.booked.balance_after());
    if (call.cut) std::cout << ", cut: " << pb::FinalReason_Name(call.hold.final_reason());
    std::cout << "\n";
  }
  return absl::OkStatus();
}

absl::Status Main() {
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  // Other ids and a higher incarnation at each start.
  const int64_t started = absl::ToUnixMillis(absl::Now());
  SwitchOptions options;
  options.switch_id = absl::GetFlag(FLAGS_switch_id);
  options.incarnation = started;
  options.slice = absl::GetFlag(FLAGS_slice);
  options.wait_for_money = absl::GetFlag(FLAGS_wait_for_money);
  TelephoneSwitch pbx({channel}, options);
  for (int i = 1; i <= absl::GetFlag(FLAGS_calls); ++i) {
    const std::string id = absl::StrCat("call-", started, "-", i);
    RESERVE_ASSIGN_OR_RETURN(const pb::AuthorizationDecision decision,
                             pbx.Dial({absl::GetFlag(FLAGS_account), absl::GetFlag(FLAGS_user),
                                       absl::GetFlag(FLAGS_destination), id}));
    if (decision != pb::AUTHORIZATION_DECISION_ALLOWED) {
      std::cout << id << ": " << pb::AuthorizationDecision_Name(decision) << "\n";
      continue;
    }
    RESERVE_RETURN_IF_ERROR(pbx.Answer(id));
  }
  const int crash_after = absl::GetFlag(FLAGS_crash_after_minutes);
  RESERVE_RETURN_IF_ERROR(
      pbx.Pass(absl::Minutes(crash_after > 0 ? crash_after : absl::GetFlag(FLAGS_minutes))));
  RESERVE_RETURN_IF_ERROR(crash_after > 0 ? Die(pbx) : HangUpAll(pbx));
  std::cout << pbx.messages() << " messages\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace reserve::e2e

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv, "Plays calls in progress against a ledger.");
  const absl::Status status = reserve::e2e::Main();
  if (status.ok()) return 0;
  std::fprintf(stderr, "telephone_switch: %s\n", std::string(status.message()).c_str());
  return 1;
}
