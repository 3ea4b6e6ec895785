// Scenes of the demo: cards that change, money that goes back, and the customer's switch.

#include <functional>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/e2e/demo_destinations.h"
#include "tests/e2e/demo_play.h"

namespace reserve::demo {
namespace {

namespace gw = ::reserve::gateway::v1;

std::string DisputeName(pb::DisputeState state) {
  return ShortName(pb::DisputeState_Name(state), "DISPUTE_STATE_");
}

}  // namespace

absl::StatusOr<Book> Play::OpenAnother(const std::string& name, const std::string& card) {
  Book book;
  book.account_id = absl::StrCat(name, "-", run_);
  RESERVE_RETURN_IF_ERROR(OpenAndFund(book, absl::StrCat(card, "#", book.account_id)));
  return book;
}

absl::Status Play::CheckLastCharge(Book& book, const std::string& card, Nanos amount) {
  book.charged += amount;
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(book.account_id + "/"));
  if (charges.empty()) return absl::NotFoundError("the gateway has no charge");
  report_.Text("charged at the gateway last", card, charges.back().card_token());
  report_.Money("amount", amount, charges.back().amount());
  return absl::OkStatus();
}

absl::Status Play::CardsThatChange() {
  report_.Section("A card that is authenticated, one that is renewed, and a second one");
  Book gym;
  gym.account_id = absl::StrCat("gym-", run_);
  const std::string secured = absl::StrCat("tok_authenticationRequired#", gym.account_id);
  report_.Say(absl::StrCat("account ", gym.account_id,
                           " is opened with a card that its bank wants authenticated"));
  RESERVE_RETURN_IF_ERROR(client_.OpenAccount(gym.account_id, secured).status());
  RESERVE_RETURN_IF_ERROR(Await(gym, "the decline", [](const pb::Account& now) {
                            return now.payment_methods(0).card_state() == pb::CARD_STATE_REFUSED;
                          }).status());
  report_.Say("the customer authenticates it with the bank, and confirms it: tried at once");
  RESERVE_RETURN_IF_ERROR(client_.AuthenticateCard(secured));
  RESERVE_RETURN_IF_ERROR(client_.UpdatePaymentMethod(gym.account_id, secured).status());
  RESERVE_RETURN_IF_ERROR(AwaitBalance(gym, kReserveAmount));
  RESERVE_RETURN_IF_ERROR(CheckLastCharge(gym, secured, kReserveAmount));

  RESERVE_ASSIGN_OR_RETURN(Book salon, OpenAnother("salon", "tok_decline_after_1"));
  Caller fay{"fay", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(salon, fay));
  RESERVE_RETURN_IF_ERROR(Call(salon, fay, Barbados(), 26 * kMinute));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account failing,
                           Await(salon, "the decline", [](const pb::Account& now) {
                             return now.payment_methods(0).card_state() == pb::CARD_STATE_FAILING;
                           }));
  const std::string renewed = absl::StrCat("tok_visa#", salon.account_id, "-renewed");
  report_.Say("the bank renews the card: another token of the same number");
  RESERVE_RETURN_IF_ERROR(client_
                              .UpdatePaymentMethod(salon.account_id, renewed,
                                                   failing.payment_methods(0).card_fingerprint())
                              .status());
  RESERVE_RETURN_IF_ERROR(AwaitBalance(salon, kReserveAmount));
  RESERVE_RETURN_IF_ERROR(CheckLastCharge(salon, renewed, kReserveAmount));

  RESERVE_ASSIGN_OR_RETURN(Book shop, OpenAnother("shop", "tok_decline_after_1"));
  Caller gus{"gus", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(shop, gus));
  const std::string second = absl::StrCat("tok_mastercard#", shop.account_id);
  report_.Say("a second card is given; the first declines at the next dip");
  RESERVE_RETURN_IF_ERROR(client_.AddPaymentMethod(shop.account_id, second).status());
  RESERVE_RETURN_IF_ERROR(Call(shop, gus, Barbados(), 26 * kMinute));
  RESERVE_RETURN_IF_ERROR(AwaitBalance(shop, kReserveAmount));
  return CheckLastCharge(shop, second, kReserveAmount);
}

absl::Status Play::TheSwitch() {
  report_.Section("The customer switches automatic recharging off, and on again");
  RESERVE_ASSIGN_OR_RETURN(Book kiosk, OpenAnother("kiosk", "tok_visa"));
  Caller ida{"ida", /*unlimited=*/false, kFreeSeconds};
  RESERVE_RETURN_IF_ERROR(AddUser(kiosk, ida));
  RESERVE_RETURN_IF_ERROR(client_.SwitchAutomatic(kiosk.account_id, false).status());
  RESERVE_RETURN_IF_ERROR(Call(kiosk, ida, Barbados(), 26 * kMinute));
  RESERVE_ASSIGN_OR_RETURN(const pb::Account off, client_.GetAccount(kiosk.account_id));
  report_.Count("open recharge", 0, off.open_recharge_ordinal());
  if (off.obstacles_size() == 0) return absl::NotFoundError("nothing stands in the way");
  report_.Text("in the way", "SWITCHED_OFF",
               ShortName(pb::RefillObstacle_Name(off.obstacles(0).kind()), "REFILL_OBSTACLE_"));
  report_.Show("what ends it", off.obstacles(0).remedy());
  RESERVE_RETURN_IF_ERROR(client_.SwitchAutomatic(kiosk.account_id, true).status());
  RESERVE_RETURN_IF_ERROR(AwaitBalance(kiosk, kReserveAmount));
  return CheckLastCharge(kiosk, absl::StrCat("tok_visa#", kiosk.account_id), kReserveAmount);
}

absl::Status Play::MoneyGoesBack() {
  report_.Section("A refund in part, a dispute that is won, and one that is lost");
  RESERVE_ASSIGN_OR_RETURN(Book inn, OpenAnother("inn", "tok_visa"));
  const Nanos part = 4 * kNanosPerUnit;
  report_.Say("support gives $4.00 of the charge back");
  RESERVE_RETURN_IF_ERROR(client_.Refund(inn.account_id, 1, part).status());
  inn.balance -= part;
  RESERVE_ASSIGN_OR_RETURN(const pb::Account refunded, client_.GetAccount(inn.account_id));
  report_.Money("balance, at once", inn.balance, refunded.balance());
  RESERVE_RETURN_IF_ERROR(Await(inn, "the refund", [&](const pb::Account&) {
                            const auto refunds = client_.ListRefunds(inn.account_id);
                            return refunds.ok() && refunds->size() == 1 &&
                                   refunds->front().state() == pb::REFUND_STATE_SUCCEEDED;
                          }).status());
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(inn.account_id + "/"));
  if (charges.empty() || charges[0].refunds_size() == 0) {
    return absl::NotFoundError("the gateway has no refund");
  }
  report_.Count("refunds at the gateway", 1, charges[0].refunds_size());
  report_.Money("given back there", part, charges[0].refunds(0).amount());

  for (const bool won : {true, false}) {
    RESERVE_RETURN_IF_ERROR(Dispute(won ? "diner" : "hotel", won));
  }
  return absl::OkStatus();
}

absl::Status Play::PaidByBank() {
  report_.Section("A customer without a card pays by bank, and a payment bounces");
  Book mill;
  mill.account_id = absl::StrCat("mill-", run_);
  RESERVE_RETURN_IF_ERROR(client_.OpenAccount(mill.account_id, "").status());
  RESERVE_ASSIGN_OR_RETURN(pb::Account account, client_.GetAccount(mill.account_id));
  report_.Text("account", "PENDING_FUNDING", StateName(account.state()));
  const Nanos paid = 100 * kNanosPerUnit;
  report_.Say("$100.00 come by bank");
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordPaymentResponse payment,
                           client_.Pay(mill.account_id, "transfer", paid, "transfer-7"));
  report_.Money("balance", paid, payment.entry().balance_after());
  RESERVE_ASSIGN_OR_RETURN(account, client_.GetAccount(mill.account_id));
  report_.Text("account", "ACTIVE", StateName(account.state()));
  report_.Say("the same transfer is booked under another request: the answer warns of it");
  RESERVE_ASSIGN_OR_RETURN(const pb::RecordPaymentResponse twice,
                           client_.Pay(mill.account_id, "typed-again", paid, "transfer-7"));
  report_.Count("earlier payments of that reference", 1, twice.same_reference_size());
  for (const int64_t ordinal : {twice.payment().ordinal(), payment.payment().ordinal()}) {
    report_.Say(absl::StrCat("payment ", ordinal, " is taken back"));
    RESERVE_RETURN_IF_ERROR(client_.ReversePayment(mill.account_id, ordinal).status());
  }
  RESERVE_ASSIGN_OR_RETURN(account, client_.GetAccount(mill.account_id));
  report_.Money("balance", 0, account.balance());
  report_.Text("account", "DISABLED", StateName(account.state()));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(mill.account_id + "/"));
  report_.Count("charges at the gateway", 0, static_cast<int64_t>(charges.size()));
  return absl::OkStatus();
}

absl::Status Play::Dispute(const std::string& name, bool won) {
  RESERVE_ASSIGN_OR_RETURN(Book book, OpenAnother(name, "tok_visa"));
  report_.Say("the cardholder's bank takes the charge back, and the gateway's webhook tells of it");
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> charges,
                           client_.ListCharges(book.account_id + "/"));
  if (charges.empty()) return absl::NotFoundError("the gateway has no charge");
  RESERVE_ASSIGN_OR_RETURN(const gw::Dispute opened, client_.OpenDispute(charges[0].charge_id()));
  RESERVE_RETURN_IF_ERROR(client_.TellDispute(charges[0], opened).status());
  RESERVE_ASSIGN_OR_RETURN(pb::Account account, client_.GetAccount(book.account_id));
  report_.Money("balance", 0, account.balance());
  report_.Text("account", "DISABLED", StateName(account.state()));
  report_.Text("card", "DISPUTED", CardStateName(account.payment_methods(0).card_state()));
  report_.Count("open recharge", 0, account.open_recharge_ordinal());

  report_.Say(won ? "the dispute is won" : "the dispute is lost");
  RESERVE_ASSIGN_OR_RETURN(const gw::Dispute ended, client_.EndDispute(opened.dispute_id(), won));
  RESERVE_ASSIGN_OR_RETURN(const pb::Dispute told, client_.TellDispute(charges[0], ended));
  report_.Text("dispute", won ? "WON" : "LOST", DisputeName(told.state()));
  RESERVE_ASSIGN_OR_RETURN(account, client_.GetAccount(book.account_id));
  report_.Money("balance", won ? kReserveAmount : 0, account.balance());
  report_.Text("account", won ? "ACTIVE" : "DISABLED", StateName(account.state()));
  report_.Text("card", won ? "USABLE" : "DISPUTED",
               CardStateName(account.payment_methods(0).card_state()));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<gw::Charge> still,
                           client_.ListCharges(book.account_id + "/"));
  report_.Count("charges at the gateway, still", 1, static_cast<int64_t>(still.size()));
  return absl::OkStatus();
}

absl::Status Play::AwaitBalance(Book& book, Nanos credited) {
  book.balance += credited;
  RESERVE_ASSIGN_OR_RETURN(const pb::Account account,
                           Await(book, "the credit", [&](const pb::Account& now) {
                             return now.open_recharge_ordinal() == 0 &&
                                    NanosOf(now.balance()).value_or(-1) == book.balance;
                           }));
  report_.Money("balance", book.balance, account.balance());
  return absl::OkStatus();
}

}  // namespace reserve::demo
