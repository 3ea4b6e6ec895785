#include "services/ledger/book/keys.h"

#include <variant>

#include "absl/container/flat_hash_map.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/feature_level.h"

namespace reserve::book {
namespace {

// Adds what one command needs beside its account.
class Collector {
 public:
  Collector(Keys& keys, absl::string_view account_id, Duplicates duplicates, bool with_number_keys)
      : keys_(keys),
        account_id_(account_id),
        duplicates_(duplicates),
        with_number_keys_(with_number_keys) {}

  void operator()(const RecordUsage& command) const {
    if (duplicates_ == Duplicates::kLookUp) {
      keys_.usages.emplace_back(account_id_, command.usage.usage_id);
    }
    AddHold(command.hold_id);
    AddFact(command.usage);
  }
  void operator()(const VoidUsage& command) const {
    keys_.usages.emplace_back(account_id_, command.usage_id);
  }
  void operator()(const CorrectUsage& command) const {
    keys_.usages.emplace_back(account_id_, command.correction.usage_id);
    keys_.usages.emplace_back(account_id_, command.usage.usage_id);
    AddHold(command.correction.hold_id);
    AddFact(command.usage);
  }
  void operator()(const RateUnrated& command) const {
    keys_.usages.emplace_back(account_id_, command.usage_id);
  }
  void operator()(const RerateUsage& command) const {
    keys_.usages.emplace_back(account_id_, command.usage_id);
  }
  void operator()(const AuthorizeUsage& command) const {
    keys_.users.emplace_back(account_id_, command.usage.user_id);
  }
  void operator()(const CreateHold& command) const {
    const domain::Usage& call = command.request.call;
    keys_.users.emplace_back(account_id_, call.user_id);
    keys_.usages.emplace_back(account_id_, call.usage_id);
    keys_.holds.emplace_back(account_id_, command.request.hold_id);
  }
  void operator()(const ExtendHold& command) const {
    keys_.holds.emplace_back(account_id_, command.hold_id);
  }
  void operator()(const ReleaseHold& command) const {
    keys_.holds.emplace_back(account_id_, command.hold_id);
  }
  void operator()(const EndHold& command) const {
    keys_.holds.emplace_back(account_id_, command.hold_id);
    keys_.usages.emplace_back(account_id_, command.usage.usage_id);
    AddFact(command.usage);
  }
  void operator()(const PutUser& command) const {
    keys_.users.emplace_back(account_id_, command.user_id);
    AddRequest(command.request_id);
  }
  void operator()(const RemoveUser& command) const {
    keys_.users.emplace_back(account_id_, command.user_id);
    AddRequest(command.request_id);
  }
  void operator()(const AdjustBalance& command) const {
    keys_.requests.emplace_back(account_id_, command.request_id);
  }
  void operator()(const GrantCredit& command) const {
    keys_.requests.emplace_back(account_id_, command.request.request_id);
  }
  void operator()(const RequestRecharge& command) const {
    keys_.requests.emplace_back(account_id_, command.request_id);
  }
  void operator()(const AddPaymentMethod& command) const {
    AddRequest(command.request_id);
    keys_.cards.push_back(command.given.card.fingerprint);
  }
  void operator()(const UpdatePaymentMethod& command) const {
    AddRequest(command.request_id);
    keys_.cards.push_back(command.given.card.fingerprint);
  }
  void operator()(const UpdateAccount& command) const { AddRequest(command.request_id); }
  void operator()(const RemovePaymentMethod& command) const { AddRequest(command.request_id); }
  void operator()(const ReportRecharge& command) const {
    keys_.recharges.emplace_back(account_id_, command.ordinal);
    const domain::ChargeOutcome& outcome = command.outcome;
    if (outcome.kind != domain::ChargeOutcome::Kind::kSucceeded) return;
    keys_.successes.emplace_back(account_id_, command.ordinal, outcome.attempt);
    if (!command.of_refund.value_or(false)) {
      keys_.charges.push_back({account_id_, outcome.charge_id});
    }
  }
  void operator()(const RefundRecharge& command) const {
    keys_.requests.emplace_back(account_id_, command.request.request_id);
    keys_.recharges.emplace_back(account_id_, command.ordinal);
  }
  void operator()(const RecordPayment& command) const {
    const domain::PaymentRequest& request = command.request;
    keys_.requests.emplace_back(account_id_, request.request_id);
    if (!request.charge_id.empty()) {
      keys_.charges.push_back({account_id_, request.charge_id, /*disputes=*/true, /*entry=*/true});
    }
    if (!request.by.reference.empty()) {
      keys_.references.emplace_back(account_id_, request.by.reference);
    }
  }
  void operator()(const ReversePayment& command) const {
    keys_.requests.emplace_back(account_id_, command.request_id);
    keys_.recharges.emplace_back(account_id_, command.ordinal);
  }
  void operator()(const ReportGatewayRefund& command) const {
    keys_.told_refunds.emplace_back(account_id_, command.told.refund_id);
    ToldOf(command.ordinal, command.told.charge_id);
  }
  void operator()(const ReportGatewayDispute& command) const {
    keys_.told_disputes.emplace_back(account_id_, command.told.dispute_id);
    ToldOf(command.ordinal, command.told.charge_id);
  }
  void operator()(const ResolveReview& command) const {
    AddRequest(command.request_id);
    keys_.recharges.emplace_back(account_id_, command.ordinal);
    if (command.outcome.charged) {
      keys_.charges.push_back({account_id_, command.outcome.charge_id});
    }
  }
  void operator()(const CloseAccount& command) const {
    keys_.requests.emplace_back(account_id_, command.request_id);
    for (const std::string& usage_id : command.waived) {
      keys_.usages.emplace_back(account_id_, usage_id);
    }
  }
  void operator()(const DeferRecharge& command) const {
    keys_.recharges.emplace_back(account_id_, command.ordinal);
  }
  void operator()(const OpenAccount&) const {}
  void operator()(const UpdateBillingSettings& command) const { AddRequest(command.request_id); }
  void operator()(const BlockAccount& command) const { AddRequest(command.request_id); }
  void operator()(const UnblockAccount& command) const { AddRequest(command.request_id); }
  void operator()(const LiftSuspension& command) const {
    AddRequest(command.request_id);
    if (!command.user_id.empty()) keys_.users.emplace_back(account_id_, command.user_id);
  }
  void operator()(const UpdateLimits& command) const {
    AddRequest(command.request_id);
    if (!command.user_id.empty()) keys_.users.emplace_back(account_id_, command.user_id);
  }
  void operator()(const RecordPayout& command) const { AddRequest(command.request_id); }
  void operator()(const Reconsider&) const {}

 private:
  // The hold that a CDR names, which may have ended.
  void AddHold(const std::string& hold_id) const {
    if (!hold_id.empty()) keys_.holds.emplace_back(account_id_, hold_id);
  }

  // One that may be empty: then each call is a request of its own.
  void AddRequest(const std::string& request_id) const {
    if (!request_id.empty()) keys_.requests.emplace_back(account_id_, request_id);
  }

  // What booking a usage takes.
  void AddFact(const domain::Usage& usage) const {
    keys_.users.emplace_back(account_id_, usage.user_id);
    if (with_number_keys_ && !usage.destination.empty()) {
      keys_.number_keys.push_back({account_id_, usage.user_id, YearOfNumberKey(usage.start_time)});
    }
  }

  void ToldOf(int64_t ordinal, absl::string_view charge_id) const {
    if (ordinal != 0) keys_.recharges.emplace_back(account_id_, ordinal);
    keys_.charges.push_back({account_id_, charge_id, /*disputes=*/true});
  }

  Keys& keys_;
  const absl::string_view account_id_;
  const Duplicates duplicates_;
  const bool with_number_keys_;
};

// What a call in progress sends all the time, or is: an account is not read for it where it is
// remembered.
bool IsOfCalls(const Command& command) {
  return std::holds_alternative<RecordUsage>(command) ||
         std::holds_alternative<CreateHold>(command) ||
         std::holds_alternative<ExtendHold>(command) ||
         std::holds_alternative<ReleaseHold>(command) || std::holds_alternative<EndHold>(command);
}

// May it choose a card? A success opens at most a new recharge, which is judged when it is about
// to be handed out, like one that usage opens; it is common and pays for nothing more.
bool ChoosesCards(const Command& command) {
  if (const auto* report = std::get_if<ReportRecharge>(&command)) {
    return report->outcome.kind != domain::ChargeOutcome::Kind::kSucceeded;
  }
  return !IsOfCalls(command) && !std::holds_alternative<AuthorizeUsage>(command) &&
         !std::holds_alternative<PutUser>(command) &&
         !std::holds_alternative<RemoveUser>(command) &&
         !std::holds_alternative<OpenAccount>(command);
}

}  // namespace

Keys KeysOf(absl::Span<const AccountCommand> commands, const domain::Context& context,
            Duplicates duplicates) {
  const bool with_number_keys = context.feature_level >= domain::kTaggedChainLevel;
  Keys keys;
  keys.with_number_keys = with_number_keys;
  keys.declines_since = context.now - domain::kCardDeclinesCount;
  keys.accounts.reserve(commands.size());
  keys.users.reserve(commands.size());
  absl::flat_hash_map<absl::string_view, size_t> places;
  places.reserve(commands.size());
  for (const AccountCommand& each : commands) {
    const auto [place, is_new] = places.try_emplace(each.account_id, keys.accounts.size());
    if (is_new) keys.accounts.push_back({each.account_id});
    AccountNeed& need = keys.accounts[place->second];
    const bool may_change = !std::holds_alternative<AuthorizeUsage>(*each.command);
    need.may_change |= may_change;
    need.more_than_usage |= !IsOfCalls(*each.command);
    need.opens |= std::holds_alternative<OpenAccount>(*each.command);
    need.closes |= std::holds_alternative<CloseAccount>(*each.command);
    need.lifts |= std::holds_alternative<LiftSuspension>(*each.command);
    need.declines |= ChoosesCards(*each.command);
    keys.may_write |= may_change;
    std::visit(Collector(keys, each.account_id, duplicates, with_number_keys), *each.command);
  }
  return keys;
}

}  // namespace reserve::book
