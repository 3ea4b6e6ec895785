#include "tests/simulation/batch.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::simulation {
namespace {

using book::Reply;
using domain::Entry;
using domain::Recharge;
using domain::RechargeState;
using domain::Transition;

absl::Status Refused(absl::StatusCode code, absl::string_view reason) {
  return MakeError(code, reason, "", "refused by the simulated engine");
}

const domain::Rate* NewRate(std::string prefix, Nanos price, bool standard) {
  auto* rate = new domain::Rate;
  rate->deck_version = 1;
  rate->prefix = std::move(prefix);
  rate->price = price;
  rate->connect_fee = kNanosPerCent;
  rate->standard_rate = standard;
  return rate;
}

}  // namespace

const domain::Plan& ThePlan() {
  static const auto* const plan = [] {
    auto* made = new domain::Plan;
    made->plan_id = "per_minute";
    made->free_seconds = int64_t{20} * 60;
    return made;
  }();
  return *plan;
}

// Some calls are at the standard rate and draw on the allowance, others are dear.
const domain::Rate& TheRate(const domain::Usage& usage) {
  static const auto* const standard = NewRate("1", 2 * kNanosPerCent, /*standard=*/true);
  static const auto* const dear = NewRate("88", 50 * kNanosPerCent, /*standard=*/false);
  return usage.destination[0] == '1' ? *standard : *dear;
}

Batch::Slot& Batch::SlotOf(const std::string& account_id) {
  const auto [found, fresh] = slots_.try_emplace(account_id);
  Slot& slot = found->second;
  if (fresh) {
    slot.stored = database_.Find(account_id);
    slot.exists = slot.stored != nullptr;
    if (slot.exists) {
      slot.write.account = slot.stored->account;
      slot.write.version = slot.stored->version;
    } else {
      slot.write.account.account_id = account_id;
    }
  }
  return slot;
}

RechargeRow* Batch::FindRecharge(Slot& slot, int64_t ordinal) {
  const auto changed = slot.write.recharges.find(ordinal);
  if (changed != slot.write.recharges.end()) return &changed->second;
  if (slot.stored == nullptr) return nullptr;
  const auto stored = slot.stored->recharges.find(ordinal);
  if (stored == slot.stored->recharges.end()) return nullptr;
  return &slot.write.recharges.emplace(*stored).first->second;
}

const Entry* Batch::FindUsage(const Slot& slot, const std::string& usage_id) const {
  for (const Entry& entry : slot.write.entries) {
    if (entry.booked.has_value() && entry.booked->usage.usage_id == usage_id) return &entry;
  }
  if (!look_up_ || slot.stored == nullptr) return nullptr;
  const auto found = slot.stored->usages.find(usage_id);
  return found == slot.stored->usages.end() ? nullptr : &slot.stored->entries[found->second - 1];
}

void Batch::Apply(Transition transition, Slot* slot) {
  if (transition.unchanged) return;
  AccountWrite& write = slot->write;
  slot->exists = slot->changed = true;
  write.account = std::move(transition.account);
  for (Entry& entry : transition.entries) write.entries.push_back(std::move(entry));
  for (domain::Event& event : transition.events) write.events.push_back(std::move(event));
  for (Recharge& recharge : transition.recharges) {
    write.recharges[recharge.ordinal].recharge = std::move(recharge);
  }
  if (transition.decline.has_value()) write.declines.push_back(*std::move(transition.decline));
  if (transition.user.has_value()) {
    write.users[transition.user->user_id] = *std::move(transition.user);
  }
}

absl::StatusOr<Reply> Batch::Do(const std::string& account_id, const book::Command& command) {
  Slot& slot = SlotOf(account_id);
  if (const auto* open = std::get_if<book::OpenAccount>(&command)) return Handle(slot, *open);
  if (!slot.exists) return Refused(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND");
  if (const auto* put = std::get_if<book::PutUser>(&command)) return Handle(slot, *put);
  if (const auto* usage = std::get_if<book::RecordUsage>(&command)) return Handle(slot, *usage);
  if (const auto* money = std::get_if<book::AdjustBalance>(&command)) return Handle(slot, *money);
  if (const auto* ask = std::get_if<book::RequestRecharge>(&command)) return Handle(slot, *ask);
  if (const auto* card = std::get_if<book::UpdatePaymentMethod>(&command)) {
    return Handle(slot, *card);
  }
  if (const auto* report = std::get_if<book::ReportRecharge>(&command)) {
    return Handle(slot, *report);
  }
  if (const auto* defer = std::get_if<book::DeferRecharge>(&command)) return Handle(slot, *defer);
  return HandleSimple(slot, command);
}

std::vector<absl::Time> Batch::DeclinesOf(const domain::Card& card) const {
  std::vector<absl::Time> declines;
  for (const auto& [account_id, slot] : slots_) {
    for (const domain::CardDecline& decline : slot.write.declines) {
      if (decline.card_fingerprint == card.fingerprint) declines.push_back(decline.time);
    }
  }
  const std::vector<absl::Time> stored = database_.DeclinesOf(card.fingerprint);
  declines.insert(declines.end(), stored.begin(), stored.end());
  return declines;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::OpenAccount& command) {
  if (slot.exists) {
    if (slot.write.account.opening_digest == command.digest) return slot.write.account;
    return Refused(absl::StatusCode::kAlreadyExists, "ACCOUNT_EXISTS");
  }
  domain::OpenAccountCommand open;
  open.account_id = slot.write.account.account_id;
  open.card = command.card;
  open.default_plan = ThePlan();
  open.digest = command.digest;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, domain::OpenAccount(context_, open));
  Apply(std::move(transition), &slot);
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::PutUser& command) {
  const bool there = slot.stored != nullptr && slot.stored->users.count(command.user_id) > 0;
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::PutUser(context_, slot.write.account,
                      there ? &slot.stored->users.at(command.user_id) : nullptr, command.user_id,
                      ThePlan()));
  Apply(std::move(transition), &slot);
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::RecordUsage& command) {
  const domain::Usage& usage = command.usage;
  if (const Entry* stored = FindUsage(slot, usage.usage_id); stored != nullptr) {
    if (!(stored->booked->usage == usage)) {
      scene_.Count(Happening::kUsageIdReused);
      return Refused(absl::StatusCode::kAlreadyExists, "USAGE_ID_REUSED");
    }
    scene_.Count(Happening::kUsageRepeated);
    return book::UsageReply{stored->seq, -stored->amount, stored->balance_after, "USD", true};
  }
  auto user = slot.write.users.find(usage.user_id);
  if (user == slot.write.users.end()) {
    if (slot.stored == nullptr || slot.stored->users.count(usage.user_id) == 0) {
      return Refused(absl::StatusCode::kNotFound, "USER_NOT_FOUND");
    }
    user = slot.write.users.emplace(*slot.stored->users.find(usage.user_id)).first;
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::RecordUsage(context_, slot.write.account, user->second,
                                               ThePlan(), usage, &TheRate(usage)));
  const Entry entry = transition.entries.front();
  Apply(std::move(transition), &slot);
  return book::UsageReply{entry.seq, -entry.amount, entry.balance_after, "USD", false};
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::AdjustBalance& command) {
  const bool before =
      slot.write.requests.count(command.request_id) > 0 ||
      (slot.stored != nullptr && slot.stored->requests.count(command.request_id) > 0);
  if (before) {
    scene_.Count(Happening::kRequestRepeated);
    return slot.write.account;
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::AdjustBalance(context_, slot.write.account, command.request_id,
                                                 command.amount, command.reason));
  const int64_t seq = transition.entries.front().seq;
  Apply(std::move(transition), &slot);
  if (!scene_.sabotaged(Sabotage::kRequestsNotRemembered)) {
    slot.write.requests[command.request_id] = {.seq = seq};
  }
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::RequestRecharge& command) {
  const bool before =
      slot.write.requests.count(command.request_id) > 0 ||
      (slot.stored != nullptr && slot.stored->requests.count(command.request_id) > 0);
  if (before) {
    scene_.Count(Happening::kRequestRepeated);
    return slot.write.account;
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RequestRecharge(context_, slot.write.account, command.request_id, command.amount,
                              DeclinesOf(slot.write.account.card)));
  const int64_t ordinal = transition.recharges.front().ordinal;
  Apply(std::move(transition), &slot);
  if (!scene_.sabotaged(Sabotage::kRequestsNotRemembered)) {
    slot.write.requests[command.request_id] = {.ordinal = ordinal};
  }
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::UpdatePaymentMethod& command) {
  const int64_t ordinal = slot.write.account.open_ordinal;
  // Decided upon the open recharge, so it is written, too: see FindRecharge().
  const RechargeRow* open = ordinal == 0 ? nullptr : FindRecharge(slot, ordinal);
  if (open != nullptr && open->recharge.in_flight()) {
    scene_.Count(Happening::kCardReplacedInFlight);
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdatePaymentMethod(context_, slot.write.account,
                                  open == nullptr ? nullptr : &open->recharge, command.card));
  Apply(std::move(transition), &slot);
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::ReportRecharge& command) {
  const RechargeRow* row = FindRecharge(slot, command.ordinal);
  if (row == nullptr) return Refused(absl::StatusCode::kNotFound, "RECHARGE_NOT_FOUND");
  Recharge recharge = row->recharge;
  domain::ChargeOutcome outcome = command.outcome;
  if (scene_.sabotaged(Sabotage::kCreditWithoutLooking)) {
    recharge.state = RechargeState::kOpen;
    recharge.charge_id.clear();
  }
  if (scene_.sabotaged(Sabotage::kReportWithoutLease)) outcome.lease_epoch = recharge.lease_epoch;
  absl::StatusOr<Transition> transition = domain::ReportRecharge(
      context_, slot.write.account, recharge, outcome, DeclinesOf(recharge.card));
  if (!transition.ok()) {
    if (ReasonOf(transition.status()) == "LEASE_LOST") {
      scene_.Count(Happening::kReportWithoutLease);
    }
    return transition.status();
  }
  if (transition->unchanged) {
    scene_.Count(Happening::kReportRepeated);
  } else {
    slot.write.reports.push_back({command.ordinal, command.outcome});
  }
  Apply(*std::move(transition), &slot);
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::Handle(Slot& slot, const book::DeferRecharge& command) {
  const RechargeRow* row = FindRecharge(slot, command.ordinal);
  if (row == nullptr) return slot.write.account;
  Apply(domain::DeferRecharge(context_, slot.write.account, row->recharge,
                              DeclinesOf(row->recharge.card)),
        &slot);
  return slot.write.account;
}

absl::StatusOr<Reply> Batch::HandleSimple(Slot& slot, const book::Command& command) {
  const domain::Account& account = slot.write.account;
  absl::StatusOr<Transition> transition = absl::InternalError("not a command of the simulation");
  if (const auto* change = std::get_if<book::UpdateBillingSettings>(&command)) {
    transition = domain::UpdateBillingSettings(context_, account, change->reserve_amount,
                                               change->recharge_threshold);
  } else if (const auto* block = std::get_if<book::BlockAccount>(&command)) {
    transition = domain::BlockAccount(context_, account, block->reason);
  } else if (const auto* unblock = std::get_if<book::UnblockAccount>(&command)) {
    transition = domain::UnblockAccount(context_, account, unblock->reason);
  } else if (std::holds_alternative<book::Reconsider>(command)) {
    transition = domain::Reconsider(context_, account);
  }
  RESERVE_RETURN_IF_ERROR(transition.status());
  Apply(*std::move(transition), &slot);
  return slot.write.account;
}

bool Batch::has_writes() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const auto& slot) { return slot.second.changed; });
}

std::map<std::string, AccountWrite> Batch::Writes() const {
  std::map<std::string, AccountWrite> writes;
  for (const auto& [account_id, slot] : slots_) {
    if (slot.changed) writes[account_id] = slot.write;
  }
  return writes;
}

std::vector<RechargeKey> Batch::DueRecharges() const {
  std::vector<RechargeKey> due;
  for (const auto& [account_id, slot] : slots_) {
    if (!slot.changed) continue;
    for (const auto& [ordinal, row] : slot.write.recharges) {
      const Recharge& recharge = row.recharge;
      if (recharge.state == RechargeState::kOpen && recharge.lease_owner.empty() &&
          recharge.due_time <= context_.now) {
        due.emplace_back(account_id, ordinal);
      }
    }
  }
  return due;
}

}  // namespace reserve::simulation
