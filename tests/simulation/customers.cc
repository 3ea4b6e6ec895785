#include "tests/simulation/customers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"

namespace reserve::simulation {
namespace {

constexpr int kAccounts = 3;
constexpr int kMostActions = 22;  // of one customer

// Which stories have what: by the seed, not by chance.
bool SomeLeave(uint64_t seed) { return seed % 16 == 7 || seed % 16 == 9; }
bool SomeIsRatedAgain(uint64_t seed) { return seed % 16 == 11 || seed % 16 == 13; }
bool SomeAreGivenCredit(uint64_t seed) {
  return seed % 16 == 3 || seed % 16 == 11 || seed % 16 == 5;
}

// What a switch sends while a call goes on.
std::string WordsOfCall(const book::Command& command) {
  if (const auto* create = std::get_if<book::CreateHold>(&command)) {
    return absl::StrCat("asks for ", create->request.hold_id);
  }
  if (const auto* extend = std::get_if<book::ExtendHold>(&command)) {
    return absl::StrCat("extends ", extend->hold_id, " by report ", extend->extension.number,
                        " of ", absl::FormatDuration(extend->extension.used));
  }
  if (const auto* release = std::get_if<book::ReleaseHold>(&command)) {
    return absl::StrCat("releases ", release->hold_id);
  }
  return "?";
}

}  // namespace

Customers::Customers(Scene* scene, uint64_t seed, std::vector<SimulatedLedger*> ledgers,
                     const ModelDatabase* database, ModelGateway* gateway, Checks* checks)
    : scene_(*scene),
      seed_(seed),
      ledgers_(std::move(ledgers)),
      database_(*database),
      gateway_(*gateway),
      checks_(*checks),
      switch_(
          scene, SettleWithin(seed),
          [this](const std::string& account_id, book::Command command, PhoneSwitch::Heard heard) {
            AskAndHear(account_id, std::move(command), std::move(heard));
          }) {}

domain::Card Customers::AnyCard() {
  // Most cards are good, or there would be no money to go astray.
  CardKind kind =
      scene_.Happens(0.5) ? CardKind::kGood : static_cast<CardKind>(scene_.Below(kUsualCards));
  if (HasSlowCards(seed_) && kind == CardKind::kGood && scene_.Happens(0.5)) {
    kind = scene_.Happens(0.5) ? CardKind::kLate : CardKind::kPartial;
  }
  const std::string token = TokenOf(kind, scene_.Below(3));
  return {.token = CardToken(token), .fingerprint = absl::StrCat("fp-", token)};
}

// Now and then of a caller that knows the token alone.
domain::GivenCard Customers::SomeCard() {
  domain::GivenCard given{.card = AnyCard()};
  if (scene_.Happens(0.2)) {
    given.card.fingerprint = domain::StandInNumber(given.card.token);
    given.number_given = false;
  }
  return given;
}

void Customers::Begin(absl::Duration length) {
  for (int i = 1; i <= kAccounts; ++i) {
    const std::string id = absl::StrCat("acct-", i);
    book::OpenAccount open;
    open.currency = "USD";
    open.plan_id = !TurnsAMonth(seed_) ? "per_minute"
                   : seed_ % 16 < 8    ? "monthly"
                                       : "by_billing_day";
    if (scene_.Happens(0.3)) open.calendar.time_zone = *FindTimeZone("America/New_York");
    open.digest = id;
    if (scene_.Happens(0.9)) open.card.card = AnyCard();
    Ask(id, open, [this, id, length] {
      Ask(id, book::PutUser{.user_id = "ann", .plan_id = ""}, [this, id, length] {
        const int actions = 1 + scene_.Below(kMostActions);
        for (int j = 0; j < actions; ++j) {
          scene_.After(scene_.UpTo(length), [this, id] { DoSomething(id); });
        }
        if (ChangesPlans(seed_)) ChangePlans(id, length);
        if (!SomeLeave(seed_) || id == absl::StrCat("acct-", kAccounts)) return;
        // Again and again, as more may have to be waived.
        for (int64_t part = 2 + static_cast<int64_t>(seed_ / 16 % 3); part < 9; ++part) {
          scene_.After(length * part / 8, [this, id] { Close(id); });
        }
      });
    });
  }
}

void Customers::DoSomething(const std::string& id) {
  const std::string number = absl::StrCat(++last_number_);
  switch (scene_.Below(23)) {
    case 0: {
      book::AdjustBalance adjust;
      adjust.request_id = absl::StrCat("adjust-", number);
      adjust.amount = (scene_.Below(41) - 20) * kNanosPerUnit;
      adjust.by.reason = "a correction";
      return Ask(id, adjust);
    }
    case 1:
    case 2: {
      book::RequestRecharge ask;
      ask.request_id = absl::StrCat("top-up-", number);
      if (scene_.Happens(0.5)) ask.amount = (1 + scene_.Below(50)) * kNanosPerUnit;
      return Ask(id, ask);
    }
    case 3:
    case 4:
      return TouchCards(id);
    case 5:
      return ChangeSettings(id);
    case 6: {
      const double what = scene_.Uniform();
      if (what < 0.4) return Ask(id, book::BlockAccount{.by = {.reason = "a complaint"}});
      if (what < 0.8) return Ask(id, book::UnblockAccount{.by = {.reason = "paid"}});
      if (what < 0.95) return LimitSpending(id);
      return LiftSuspension(id);
    }
    case 7:
      return AskForRefund(id);
    case 8:
      return scene_.Happens(0.5) ? AskForRefund(id) : LiftSuspension(id);
    case 9:
    case 10:
      return PutUsageRight(id);
    case 11:
      return RateWhatWaits(id);
    case 12:
      return Pay(id);
    case 13:
      return scene_.Happens(0.5) ? Pay(id) : ReverseAPayment(id);
    default:
      return UseTelephone(id);
  }
}

// A usage of the account that was sent, or one that was not.
std::string Customers::AnyUsage(const std::string& id) {
  const std::vector<std::string>& sent = usages_[id];
  if (sent.empty() || scene_.Happens(0.1)) return absl::StrCat("early-", ++last_number_);
  return sent[static_cast<size_t>(scene_.Below(static_cast<int>(sent.size())))];
}

// U5: a switch takes a record back, or sends a better one.
void Customers::PutUsageRight(const std::string& id) {
  const std::string old_id = AnyUsage(id);
  if (scene_.Happens(0.4)) {
    const book::VoidUsage ask{old_id, /*allow_missing=*/scene_.Happens(0.5), {"a wrong record"}};
    return Ask(id, ask, [this, id, ask] {
      if (scene_.Fails(0.3)) Ask(id, ask);
    });
  }
  const book::CorrectUsage ask{{old_id, scene_.Happens(0.3)}, AnyCall(id), {"a wrong record"}};
  Ask(id, ask, [this, id, ask] {
    if (!scene_.Fails(0.4)) return;
    if (scene_.Happens(0.5)) return Ask(id, ask);
    // The original, which was overtaken.
    domain::Usage original = ask.usage;
    original.usage_id = ask.correction.usage_id;
    if (original.usage_id[0] == 'e') Ask(id, book::RecordUsage{original});
  });
}

// K3: as a ledger's own sweep does, whichever it is, and however often.
void Customers::RateWhatWaits(const std::string& id) {
  if (scene_.Happens(0.4)) Ask(id, book::PutUser{.user_id = "zoe", .plan_id = ""});
  for (const auto& [usage_id, state] : database_.Find(id)->usage_states) {
    if (state.status == domain::UsageStatus::kUnrated || scene_.Happens(0.2)) {
      Ask(id, book::RateUnrated{usage_id});
    }
  }
  if (SomeIsRatedAgain(seed_)) RateAgain(id);
  if (SomeAreGivenCredit(seed_)) GrantCredit(id);
}

// P6: for some minutes, or hours.
void Customers::GrantCredit(const std::string& id) {
  book::GrantCredit ask;
  ask.request.request_id = absl::StrCat("grant-", ++last_grant_);
  ask.request.amount = last_grant_ % 7 * kNanosPerUnit + kNanosPerCent;
  // Beside calls in progress most end under one of them.
  const int64_t minutes =
      seed_ % 16 == 5 ? last_grant_ % 4 + 1 : last_grant_ % 5 * last_grant_ % 11 * 20 + 5;
  ask.request.end = scene_.now() + absl::Minutes(minutes);
  ask.request.by.reason = "welcome";
  Ask(id, ask, [this, id, ask] {
    if (ask.request.amount > 3 * kNanosPerUnit) Ask(id, ask);
  });
}

// U6, U7: by another deck, and back, or as the allowance stands.
void Customers::RateAgain(const std::string& id) {
  const int64_t number = ++last_rerating_;
  const std::vector<std::string> sent = usages_[id];
  for (size_t i = sent.size() - std::min<size_t>(sent.size(), 8); i < sent.size(); ++i) {
    book::RerateUsage ask;
    ask.usage_id = sent[i];
    ask.prices = number % 3 == 0 ? book::PricesBy::kOwnDeck : book::PricesBy::kDeck;
    ask.deck_version = number % 3;
    ask.rerating = {number,
                    /*include_unrated=*/number % 2 == 0,
                    /*may_recharge=*/number % 5 == 0,
                    {"a wrong deck"}};
    Ask(id, ask);
  }
}

domain::Usage Customers::AnyCall(const std::string& id) {
  domain::Usage usage;
  usage.usage_id = absl::StrCat("usage-", ++last_number_);
  usage.user_id = scene_.Happens(0.1) ? "zoe" : "ann";
  usage.destination = scene_.Happens(0.3) ? "12015550123" : "88012345678";
  if (scene_.Happens(0.05)) usage.destination = "99912345678";  // in no deck
  usage.start_time = scene_.now() - absl::Minutes(10);
  usage.duration = absl::Milliseconds(scene_.Below(20 * 60 * 1'000));
  usages_[id].push_back(usage.usage_id);
  return usage;
}

void Customers::TouchCards(const std::string& id) {
  const std::string number = absl::StrCat(++last_number_);
  switch (scene_.Below(5)) {
    case 0:
    case 1:
      return Ask(id, book::UpdatePaymentMethod{
                         .request_id = "", .payment_method_id = "", .given = SomeCard()});
    case 2:
      return Ask(id, book::UpdatePaymentMethod{.request_id = absl::StrCat("card-", number),
                                               .payment_method_id = "card-1",
                                               .given = SomeCard()});
    case 3:
      return Ask(id,
                 book::AddPaymentMethod{.request_id = absl::StrCat("card-", number),
                                        .given = {.card = AnyCard(), .position = scene_.Below(3)}});
    default:
      return Ask(id, book::RemovePaymentMethod{.payment_method_id =
                                                   domain::PaymentMethodId(1 + scene_.Below(3))});
  }
}

void Customers::ChangeSettings(const std::string& id) {
  if (TurnsAMonth(seed_) && scene_.Happens(0.5)) return ChangeCalendar(id);
  book::UpdateBillingSettings change;
  if (scene_.Happens(0.4)) {
    change.change.automatic_recharge = scene_.Happens(0.6);
  } else {
    change.change.reserve_amount = (15 + scene_.Below(20)) * kNanosPerUnit;
    change.change.recharge_threshold = *change.change.reserve_amount * 2 / 3;
  }
  return Ask(id, change);
}

// C8: some minutes before or after a month turns.
void Customers::ChangeCalendar(const std::string& id) {
  const char* const zones[] = {"UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo"};
  book::UpdateAccount ask;
  ask.request_id = absl::StrCat("calendar-", ++last_number_);
  ask.change.time_zone = *FindTimeZone(zones[scene_.Below(4)]);
  if (scene_.Happens(0.5)) ask.change.billing_day = 1 + scene_.Below(2) * 14;
  Ask(id, ask, [this, id, ask] {
    if (scene_.Fails(0.3)) Ask(id, ask);
  });
}

// K4: again and again, each from some minutes later on, in place of what was to come then.
void Customers::ChangePlans(const std::string& id, absl::Duration length) {
  const char* const plans[] = {kVersionedPlan, "flat", "per_minute"};
  for (int part = 0; part < 9; ++part) {
    scene_.After(length * part / 10, [this, id, plan = plans[part % 3], part] {
      book::PutUser put{.user_id = "ann", .plan_id = plan};
      put.plan_from = scene_.now() + absl::Minutes(3 + part % 4 * 7);
      Ask(id, put);
    });
  }
}

void Customers::AskForRefund(const std::string& id) {
  const AccountRows* rows = database_.Find(id);
  std::vector<int64_t> ordinals;
  for (const auto& [ordinal, row] : rows->recharges) {
    // Mostly of what was charged.
    if (row.recharge.left() > 0 || scene_.Happens(0.1)) ordinals.push_back(ordinal);
  }
  if (ordinals.empty()) return UseTelephone(id);
  book::RefundRecharge ask;
  ask.ordinal = ordinals[static_cast<size_t>(scene_.Below(static_cast<int>(ordinals.size())))];
  ask.request.request_id = absl::StrCat("refund-", ++last_number_);
  if (scene_.Happens(0.7)) ask.request.amount = (1 + scene_.Below(25)) * kNanosPerUnit;
  ask.request.allow_debt = scene_.Happens(0.4);
  ask.request.by.reason = "a complaint";
  Ask(id, ask, [this, id, ask] {
    // Afterwards: the same once more, or another refund under the same id.
    if (!scene_.Fails(0.3)) return;
    book::RefundRecharge again = ask;
    if (scene_.Happens(0.3)) again.request.amount = kNanosPerUnit;
    Ask(id, again);
  });
}

std::string Customers::AnyUser(const std::string& id) {
  const std::map<std::string, domain::User>& users = database_.Find(id)->users;
  if (users.empty()) return "";
  return std::next(users.begin(), scene_.Below(static_cast<int>(users.size())))->first;
}

void Customers::LimitSpending(const std::string& id) {
  book::UpdateLimits update;
  update.by.reason = "as the customer asks";
  update.change.set = {domain::LimitKind::kSpendPerDay};
  if (scene_.Happens(0.3)) update.user_id = AnyUser(id);
  if (scene_.Happens(0.8)) {
    update.change.limits.spend[1] = (1 + scene_.Below(20)) * kNanosPerUnit;
  }
  Ask(id, update);
}

void Customers::LiftSuspension(const std::string& id) {
  book::LiftSuspension lift;
  lift.by.reason = "looked at";
  if (scene_.Happens(0.3)) lift.quiet = absl::Hours(1 + scene_.Below(10));
  if (scene_.Happens(0.2)) lift.user_id = AnyUser(id);
  const domain::Account& account = database_.Find(id)->account;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    if (method.state == domain::CardState::kDisputed && scene_.Happens(0.5)) {
      lift.card.payment_method_id = method.payment_method_id;
    }
  }
  if (lift.card.payment_method_id.empty() && !account.disputed_numbers.empty() &&
      scene_.Happens(0.3)) {
    lift.card.dispute_id = account.disputed_numbers.back().dispute_id;
  }
  Ask(id, lift);
}

const ModelCharge* Customers::AnyCharge(const std::string& id) {
  std::vector<const ModelCharge*> charges;
  for (const auto& [charge_id, charge] : gateway_.given_back().charges()) {
    if (charge.account_id == id) charges.push_back(&charge);
  }
  if (charges.empty()) return nullptr;
  return charges[static_cast<size_t>(scene_.Below(static_cast<int>(charges.size())))];
}

void Customers::Pay(const std::string& id) {
  book::RecordPayment pay;
  pay.request.request_id = absl::StrCat("payment-", ++last_number_);
  pay.request.amount = (1 + scene_.Below(60)) * kNanosPerUnit;
  pay.request.means = domain::PaymentMeans::kBankTransfer;
  pay.request.by = {"paid", "", absl::StrCat("transfer-", scene_.Below(3))};
  const double how = scene_.Uniform();
  const ModelCharge* charge = how < 0.4 ? AnyCharge(id) : nullptr;
  if (charge != nullptr) {
    pay.request.charge_id = charge->charge_id;
    pay.request.amount = charge->amount;
  } else if (how < 0.7) {
    pay.request.charge_id = gateway_.given_back().ChargeOnPage(id, pay.request.amount);
  }
  Ask(id, pay, [this, id, pay] {
    // Afterwards: the same once more, or the same charge as another payment.
    if (!scene_.Fails(0.3)) return;
    book::RecordPayment again = pay;
    if (scene_.Happens(0.5)) again.request.request_id = absl::StrCat("payment-", ++last_number_);
    Ask(id, again);
  });
}

void Customers::ReverseAPayment(const std::string& id) {
  std::vector<int64_t> ordinals;
  for (const auto& [ordinal, row] : database_.Find(id)->recharges) {
    if (row.recharge.is_payment()) ordinals.push_back(ordinal);
  }
  if (ordinals.empty()) return Pay(id);
  book::ReversePayment reverse;
  reverse.ordinal = ordinals[static_cast<size_t>(scene_.Below(static_cast<int>(ordinals.size())))];
  reverse.request_id = absl::StrCat("reversal-", ++last_number_);
  reverse.by.reason = "bounced";
  Ask(id, reverse, [this, id, reverse] {
    if (!scene_.Fails(0.3)) return;
    book::ReversePayment again = reverse;
    if (scene_.Happens(0.5)) again.request_id = absl::StrCat("reversal-", ++last_number_);
    Ask(id, again);
  });
}

void Customers::Close(const std::string& id) {
  book::CloseAccount close;
  close.request_id = absl::StrCat("close-", ++last_number_);
  close.by.reason = "the customer leaves";
  for (const auto& [usage_id, state] : database_.Find(id)->usage_states) {
    if (state.status == domain::UsageStatus::kUnrated) close.waived.push_back(usage_id);
  }
  Ask(id, close, [this, id, close] {
    if (scene_.Fails(0.3)) Ask(id, close);
  });
}

void Customers::UseTelephone(const std::string& id) {
  domain::Usage usage = AnyCall(id);
  if (HoldsCalls(seed_) && scene_.Happens(0.6)) return switch_.Place(id, usage);
  if (scene_.Happens(0.02)) usage.destination = "#911";
  Ask(id, book::RecordUsage{usage}, [this, id, usage] {
    // Afterwards: the same once more, or another call under the same id.
    if (!scene_.Fails(0.15)) return;
    domain::Usage again = usage;
    if (scene_.Happens(0.3)) again.duration += absl::Microseconds(1);
    Ask(id, book::RecordUsage{again});
  });
}

void Customers::Ask(const std::string& account_id, book::Command command,
                    std::function<void()> then) {
  PhoneSwitch::Heard heard;
  if (then != nullptr) {
    heard = [then = std::move(then)](const absl::StatusOr<book::Reply>&) { then(); };
  }
  AskAndHear(account_id, std::move(command), std::move(heard));
}

void Customers::AskAndHear(const std::string& account_id, book::Command command,
                           PhoneSwitch::Heard then) {
  ++unanswered_;
  auto request = std::make_shared<Request>();
  request->account_id = account_id;
  request->command = std::move(command);
  request->then = std::move(then);
  SendOut(request);
}

void Customers::SendOut(const std::shared_ptr<Request>& request) {
  SimulatedLedger* ledger =
      ledgers_[static_cast<size_t>(scene_.Below(static_cast<int>(ledgers_.size())))];
  ++request->sent;
  scene_.Tell([&] {
    const auto* usage = std::get_if<book::RecordUsage>(&request->command);
    const auto* card = std::get_if<book::UpdatePaymentMethod>(&request->command);
    constexpr const char* kWords[] = {"books usage ",
                                      "asks",
                                      "opens the account",
                                      "changes settings",
                                      "adds a card",
                                      "gives card ",
                                      "takes a card away",
                                      "puts a user",
                                      "adjusts the balance",
                                      "asks for a top-up",
                                      "is blocked",
                                      "is unblocked",
                                      "has a usage voided",
                                      "has a usage corrected",
                                      "has a usage rated",
                                      "has a usage rated again",
                                      "is not suspended any more",
                                      "is given a charge back",
                                      "pays",
                                      "has not paid"};
    const size_t which = request->command.index();
    return absl::StrCat(request->account_id, " ",
                        which < std::size(kWords) ? kWords[which] : WordsOfCall(request->command),
                        usage == nullptr ? "" : usage->usage.usage_id,
                        card == nullptr ? "" : card->given.card.token.Reveal(), " at ",
                        ledger->name(), request->sent > 1 ? ", again" : "");
  });
  scene_.Send([this, request, ledger] {
    ledger->Submit(request->account_id, request->command,
                   [this, request](const absl::StatusOr<book::Reply>& reply) {
                     scene_.Send([this, request, reply] { OnReply(request, reply); });
                   });
  });
  const absl::Duration patience = std::min(absl::Seconds(6) * request->sent, absl::Minutes(2));
  scene_.After(patience, [this, request] {
    if (!request->answered) SendOut(request);
  });
}

void Customers::OnReply(const std::shared_ptr<Request>& request,
                        const absl::StatusOr<book::Reply>& reply) {
  if (absl::IsUnavailable(reply.status())) return;  // its outcome is unknown: it is sent again
  checks_.OnReply(database_, request->account_id, request->command, reply);
  if (request->answered) return;
  scene_.Tell([&] {
    // Without its details, which are in no order.
    return absl::StrCat(request->account_id,
                        " is answered: ", absl::StatusCodeToString(reply.status().code()), " ",
                        reply.status().message());
  });
  request->answered = true;
  --unanswered_;
  if (request->then != nullptr) request->then(reply);
}

}  // namespace reserve::simulation
