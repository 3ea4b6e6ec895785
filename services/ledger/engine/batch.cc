#include "services/ledger/engine/batch.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/storage/account_rows.h"

namespace reserve::engine {
namespace {

using domain::Account;
using domain::Entry;
using domain::Recharge;
using domain::Transition;
using domain::User;

absl::Status NotFound(absl::string_view reason, absl::string_view field, std::string message) {
  return MakeError(absl::StatusCode::kNotFound, reason, field, message);
}

absl::Status AlreadyUsed(absl::string_view reason, absl::string_view field, std::string message) {
  return MakeError(absl::StatusCode::kAlreadyExists, reason, field, message);
}

// Amounts of a request must be in the account's currency; empty means that.
absl::Status CheckCurrency(const Account& account, const std::string& currency,
                           absl::string_view field) {
  if (currency.empty() || currency == account.currency) return absl::OkStatus();
  return InvalidField(
      absl::StrCat(field, ".currency_code"),
      absl::StrCat("must be ", account.currency, ", the account's, not ", currency));
}

UsageReply ReplyOf(const Entry& entry, const std::string& currency, bool duplicate) {
  return {entry.seq, -entry.amount, entry.balance_after, currency, duplicate, entry.hash};
}

bool ChangesAccount(const Command& command) {
  return !std::holds_alternative<AuthorizeUsage>(command);
}

// The user that a command is about; null if none.
const std::string* UserIdOf(const Command& command) {
  if (const auto* record = std::get_if<RecordUsage>(&command)) return &record->usage.user_id;
  if (const auto* ask = std::get_if<AuthorizeUsage>(&command)) return &ask->usage.user_id;
  if (const auto* put = std::get_if<PutUser>(&command)) return &put->user_id;
  return nullptr;
}

// The request id of a command that books once under it; null if none.
const std::string* RequestIdOf(const Command& command) {
  if (const auto* adjust = std::get_if<AdjustBalance>(&command)) return &adjust->request_id;
  if (const auto* ask = std::get_if<RequestRecharge>(&command)) return &ask->request_id;
  return nullptr;
}

std::string DigestOf(const AdjustBalance& command) {
  return Sha256HexOfFields({"adjust", absl::StrCat(command.amount), command.reason});
}

std::string DigestOf(const RequestRecharge& command) {
  return Sha256HexOfFields(
      {"recharge", command.amount.has_value() ? absl::StrCat(*command.amount) : "default"});
}

}  // namespace

Batch::Batch(const domain::Context& context, const Catalog& catalog, absl::Span<const Task> tasks,
             AccountCache& cache)
    : context_(context), catalog_(catalog), tasks_(tasks), cache_(cache) {
  for (const Task& task : tasks) may_write_ |= ChangesAccount(task.command);
}

absl::Status Batch::Run(storage::Connection& connection, Duplicates duplicates, Reading reading) {
  RESERVE_RETURN_IF_ERROR(Load(connection, duplicates, reading));
  replies_.reserve(tasks_.size());
  for (const Task& task : tasks_) {
    replies_.push_back(Fold(task));
    // Other refusals of a usage don't depend on what may have moved: the currency of an
    // account never changes, and no user is ever taken away.
    if (replies_.back().status().code() == absl::StatusCode::kOutOfRange &&
        accounts_.find(task.account_id)->second.remembered) {
      return MakeError(absl::StatusCode::kAborted, "BALANCE_MOVED", "", "an account must be read");
    }
  }
  if (duplicates == Duplicates::kOptimistic) RESERVE_RETURN_IF_ERROR(LookUpRefused(connection));
  return Write(connection);
}

// --- Loading ------------------------------------------------------------------------

absl::Status Batch::Load(storage::Connection& connection, Duplicates duplicates, Reading reading) {
  RESERVE_RETURN_IF_ERROR(LoadAccounts(connection, reading));
  RESERVE_RETURN_IF_ERROR(LoadUsers(connection));
  if (duplicates == Duplicates::kLookUp) RESERVE_RETURN_IF_ERROR(LoadBookedUsages(connection));
  RESERVE_RETURN_IF_ERROR(LoadOnceRequests(connection));
  RESERVE_RETURN_IF_ERROR(LoadRecharges(connection));
  return LoadCardDeclines(connection);
}

absl::Status Batch::LoadAccounts(storage::Connection& connection, Reading reading) {
  // Who is changed is locked; who is only asked about is not.
  struct Need {
    bool change = false;
    bool more_than_usage = false;
  };
  absl::flat_hash_map<absl::string_view, Need> needs;
  needs.reserve(tasks_.size());
  for (const Task& task : tasks_) {
    Need& need = needs[task.account_id];
    need.change |= ChangesAccount(task.command);
    need.more_than_usage |= !std::holds_alternative<RecordUsage>(task.command);
  }
  std::vector<absl::string_view> only_used;
  std::vector<absl::string_view> to_lock;
  std::vector<absl::string_view> to_read;
  for (const auto& [account_id, need] : needs) {
    if (reading == Reading::kRemembered && !need.more_than_usage) {
      only_used.push_back(account_id);
    } else {
      (need.change ? to_lock : to_read).push_back(account_id);
    }
  }
  accounts_.reserve(needs.size());
  std::vector<std::unique_ptr<KnownAccount>> remembered = cache_.TakeAll(only_used);
  for (size_t i = 0; i < only_used.size(); ++i) {
    if (remembered[i] == nullptr) {
      to_lock.push_back(only_used[i]);
      continue;
    }
    AccountSlot& slot = accounts_[only_used[i]];
    slot.known = std::move(remembered[i]);
    slot.remembered = true;
    slot.exists = true;
  }
  for (const std::vector<absl::string_view>* ids : {&to_lock, &to_read}) {
    for (const absl::string_view account_id : *ids) {
      accounts_[account_id].known = std::make_unique<KnownAccount>();
    }
  }
  std::sort(to_lock.begin(), to_lock.end());
  RESERVE_RETURN_IF_ERROR(LoadAccounts(connection, to_lock, storage::Lock::kForUpdate));
  return LoadAccounts(connection, to_read, storage::Lock::kNone);
}

absl::Status Batch::LoadAccounts(storage::Connection& connection,
                                 const std::vector<absl::string_view>& account_ids,
                                 storage::Lock lock) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::Balance> balances,
                           storage::LoadBalances(connection, account_ids, lock));
  std::vector<absl::string_view> unknown;
  for (const storage::Balance& balance : balances) {
    AccountSlot& slot = accounts_.find(balance.account_id)->second;
    std::unique_ptr<KnownAccount> known = cache_.Take(balance.account_id);
    if (known != nullptr && known->version == balance.version) {
      slot.known = std::move(known);
      slot.account().balance = balance.balance;
      slot.account().last_seq = balance.last_seq;
      slot.exists = true;
    } else {
      slot.known->version = balance.version;
      unknown.push_back(balance.account_id);
    }
    slot.known->revision = balance.revision;
    slot.known->head = balance.head;
    slot.known->month = balance.month;
  }
  // Read after the version. Without a lock it may be newer than that, but then this
  // version is never met again, and what is remembered under it never used.
  RESERVE_ASSIGN_OR_RETURN(std::vector<Account> loaded, storage::LoadAccounts(connection, unknown));
  for (Account& account : loaded) {
    AccountSlot& slot = accounts_.find(account.account_id)->second;
    slot.account() = std::move(account);
    slot.exists = true;
  }
  return absl::OkStatus();
}

absl::Status Batch::LoadUsers(storage::Connection& connection) {
  absl::flat_hash_set<IdPair> unknown;
  for (const Task& task : tasks_) {
    const std::string* user_id = UserIdOf(task.command);
    if (user_id == nullptr) continue;
    const AccountSlot& slot = accounts_.find(task.account_id)->second;
    if (UserOf(slot, *user_id) == nullptr) unknown.emplace(task.account_id, *user_id);
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<User> loaded,
                           storage::LoadUsers(connection, {unknown.begin(), unknown.end()}));
  for (User& user : loaded) {
    accounts_.find(user.account_id)->second.known->users.push_back(std::move(user));
  }
  return absl::OkStatus();
}

void Batch::Remember() {
  for (auto& [id, slot] : accounts_) {
    if (slot.exists) cache_.Put(std::move(slot.known));
  }
}

absl::Status Batch::LoadBookedUsages(storage::Connection& connection) {
  std::vector<storage::OnceKey> keys;
  for (const Task& task : tasks_) {
    const auto* record = std::get_if<RecordUsage>(&task.command);
    if (record != nullptr) keys.emplace_back(task.account_id, record->usage.usage_id);
  }
  RESERVE_ASSIGN_OR_RETURN(booked_, storage::FindUsages(connection, keys));
  for (const Entry& entry : booked_) {
    usages_.emplace(IdPair(entry.account_id, entry.booked->usage.usage_id), &entry);
  }
  return absl::OkStatus();
}

absl::Status Batch::LoadOnceRequests(storage::Connection& connection) {
  std::vector<storage::OnceKey> keys;
  for (const Task& task : tasks_) {
    const std::string* request_id = RequestIdOf(task.command);
    if (request_id != nullptr) keys.emplace_back(task.account_id, *request_id);
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<storage::OnceRequest> found,
                           storage::FindRequests(connection, keys));
  for (storage::OnceRequest& request : found) {
    // The keys of the map must outlive it: take the task's own strings.
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const storage::OnceKey& k) {
      return k.first == request.account_id && k.second == request.request_id;
    });
    OnceSlot& slot = once_[*key];
    if (request.seq != 0) {
      RESERVE_ASSIGN_OR_RETURN(slot.entry, storage::LoadEntry(connection, request.account_id,
                                                              request.seq, request.month));
    }
    slot.request = std::move(request);
  }
  return absl::OkStatus();
}

absl::Status Batch::LoadRecharges(storage::Connection& connection) {
  std::vector<storage::RechargeKey> keys;
  for (const Task& task : tasks_) {
    const AccountSlot& slot = accounts_.find(task.account_id)->second;
    if (!slot.exists) continue;
    if (const auto* report = std::get_if<ReportRecharge>(&task.command)) {
      keys.emplace_back(task.account_id, report->ordinal);
    } else if (const auto* defer = std::get_if<DeferRecharge>(&task.command)) {
      keys.emplace_back(task.account_id, defer->ordinal);
    } else if (std::holds_alternative<UpdatePaymentMethod>(task.command) &&
               slot.account().open_ordinal != 0) {
      keys.emplace_back(task.account_id, slot.account().open_ordinal);
    }
  }
  for (const auto& [key, once] : once_) {
    if (once.request.ordinal != 0) keys.emplace_back(std::string(key.first), once.request.ordinal);
  }
  // Locked, as a claim may change them at the same time without the account.
  RESERVE_ASSIGN_OR_RETURN(std::vector<Recharge> loaded,
                           storage::LoadRecharges(connection, keys, storage::Lock::kForUpdate));
  for (Recharge& recharge : loaded) {
    const storage::RechargeKey key(recharge.account_id, recharge.ordinal);
    recharges_[key].recharge = std::move(recharge);
  }
  return absl::OkStatus();
}

absl::Status Batch::LoadCardDeclines(storage::Connection& connection) {
  std::vector<std::string> cards;
  const auto add_of_recharge = [&](const Task& task, int64_t ordinal) {
    const auto found = recharges_.find(storage::RechargeKey(task.account_id, ordinal));
    if (found != recharges_.end()) cards.push_back(found->second.recharge.card.fingerprint);
  };
  for (const Task& task : tasks_) {
    if (const auto* report = std::get_if<ReportRecharge>(&task.command)) {
      if (report->outcome.kind == domain::ChargeOutcome::Kind::kDeclined) {
        add_of_recharge(task, report->ordinal);
      }
    } else if (const auto* defer = std::get_if<DeferRecharge>(&task.command)) {
      add_of_recharge(task, defer->ordinal);
    } else if (std::holds_alternative<RequestRecharge>(task.command)) {
      cards.push_back(accounts_.find(task.account_id)->second.account().card.fingerprint);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(
      card_declines_,
      storage::LoadCardDeclines(connection, cards, context_.now - domain::kCardDeclinesCount));
  return absl::OkStatus();
}

// --- Folding ------------------------------------------------------------------------

absl::StatusOr<Reply> Batch::Fold(const Task& task) {
  return std::visit([&](const auto& command) { return Handle(task, command); }, task.command);
}

absl::StatusOr<Batch::AccountSlot*> Batch::FindAccount(const std::string& account_id) {
  AccountSlot& slot = accounts_.find(account_id)->second;
  if (!slot.exists) {
    return NotFound("ACCOUNT_NOT_FOUND", "account_id",
                    absl::StrCat("there is no account \"", account_id, "\""));
  }
  return &slot;
}

User* Batch::UserOf(const AccountSlot& slot, absl::string_view user_id) {
  // Few, so that looking at each is quicker than a map.
  for (User& user : slot.known->users) {
    if (user.user_id == user_id) return &user;
  }
  return nullptr;
}

absl::StatusOr<const User*> Batch::FindUser(const AccountSlot& slot, const std::string& user_id) {
  if (const User* user = UserOf(slot, user_id); user != nullptr) return user;
  return NotFound(
      "USER_NOT_FOUND", "user_id",
      absl::StrCat("account \"", slot.account().account_id, "\" has no user \"", user_id, "\""));
}

void Batch::ChangeUser(AccountSlot& slot, User&& user) {
  std::vector<User>& users = slot.known->users;
  User* stored = UserOf(slot, user.user_id);
  if (stored == nullptr) stored = &users.emplace_back();
  *stored = std::move(user);
  const auto place = static_cast<size_t>(stored - users.data());
  std::vector<size_t>& changed = slot.changed_users;
  if (std::find(changed.begin(), changed.end(), place) == changed.end()) changed.push_back(place);
}

const Entry* Batch::Apply(AccountSlot& slot, Transition&& transition) {
  if (transition.unchanged) return nullptr;
  // Where the transition took the account over, its numbers and times are here still.
  const bool only_balance = transition.events.empty() && transition.recharges.empty() &&
                            slot.account().due == transition.account.due;
  slot.account() = std::move(transition.account);
  slot.exists = true;
  slot.balance_changed = true;
  slot.rest_changed |= !only_balance;
  const Entry* last = nullptr;
  for (Entry& entry : transition.entries) {
    entry.hash = slot.known->head = ChainedHash(slot.known->head, entry);
    last = &entries_.emplace_back(std::move(entry));
    NoteMonth(slot, *last);
  }
  for (domain::Event& event : transition.events) events_.push_back(std::move(event));
  for (Recharge& recharge : transition.recharges) {
    RechargeSlot& recharge_slot =
        recharges_[storage::RechargeKey(recharge.account_id, recharge.ordinal)];
    recharge_slot.recharge = std::move(recharge);
    recharge_slot.changed = true;
  }
  if (transition.decline.has_value()) {
    std::vector<absl::Time>& of_card = card_declines_[transition.decline->card_fingerprint];
    of_card.insert(of_card.begin(), transition.decline->time);
    new_declines_.push_back(*std::move(transition.decline));
  }
  if (transition.user.has_value()) {
    ChangeUser(slot, *std::move(transition.user));
  }
  return last;
}

void Batch::NoteMonth(AccountSlot& slot, const Entry& entry) {
  const int32_t month = storage::PartitionMonth(entry);
  KnownAccount& known = *slot.known;
  const int32_t last = std::exchange(known.last_month, month);
  if (month == known.month) return;  // as nearly all are: nothing to write
  month_spans_.push_back({entry.account_id, month, entry.seq, entry.seq});
  // A usage that comes late is alone. The account turns to a later month at once, as time does, and
  // to an earlier one with the second in a row: then old ones are being sent in.
  if (month < known.month && month != last) return;
  if (known.month != 0) {
    // Its row has had the first seq since the account turned to it; 1 would only be too wide.
    month_spans_.push_back({entry.account_id, known.month, 1, entry.seq - 1});
  }
  known.month = month;
}

absl::StatusOr<Reply> Batch::AnswerRepeat(const AccountSlot& slot, const Entry& stored,
                                          const domain::Usage& usage) {
  ++duplicate_count_;
  if (stored.booked->usage == usage) {
    return ReplyOf(stored, slot.account().currency, /*duplicate=*/true);
  }
  return AlreadyUsed("USAGE_ID_REUSED", "usage_id",
                     absl::StrCat("usage \"", usage.usage_id, "\" is booked as entry ", stored.seq,
                                  " with other content"));
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const RecordUsage& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  const domain::Usage& usage = command.usage;
  const auto stored = usages_.find(IdPair(task.account_id, usage.usage_id));
  if (stored != usages_.end()) return AnswerRepeat(*slot, *stored->second, usage);
  RESERVE_ASSIGN_OR_RETURN(const User* user, FindUser(*slot, usage.user_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog_.FindPlan(user->plan_id));
  const domain::Rate* rate = catalog_.FindRate(slot->account().currency, usage);
  missed_rate_ |= rate == nullptr && usage.direction == domain::Direction::kOutbound;
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RecordUsage(context_, std::move(slot->account()), *user, *plan, usage, rate));
  const Entry* entry = Apply(*slot, std::move(transition));
  usages_.emplace(IdPair(task.account_id, usage.usage_id), entry);
  return ReplyOf(*entry, slot->account().currency, /*duplicate=*/false);
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const AuthorizeUsage& command) {
  RESERVE_ASSIGN_OR_RETURN(const AccountSlot* slot, FindAccount(task.account_id));
  RESERVE_ASSIGN_OR_RETURN(const User* user, FindUser(*slot, command.usage.user_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog_.FindPlan(user->plan_id));
  RESERVE_RETURN_IF_ERROR(domain::CheckStartTime(context_, command.usage.start_time));
  const domain::Rate* rate = catalog_.FindRate(slot->account().currency, command.usage);
  missed_rate_ |= rate == nullptr && command.usage.direction == domain::Direction::kOutbound;
  AuthorizeReply reply;
  reply.authorization =
      domain::AuthorizeUsage(context_, slot->account(), *user, *plan, command.usage, rate);
  reply.currency = slot->account().currency;
  if (rate != nullptr) {
    reply.price = rate->price;
    reply.standard_rate = rate->standard_rate;
    reply.prefix = rate->prefix;
  }
  return reply;
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const OpenAccount& command) {
  AccountSlot& slot = accounts_.find(task.account_id)->second;
  if (slot.exists) {
    if (slot.account().opening_digest == command.digest) return slot.account();
    return AlreadyUsed(
        "ACCOUNT_EXISTS", "account_id",
        absl::StrCat("account \"", task.account_id, "\" was opened with other content"));
  }
  absl::StatusOr<const domain::Plan*> plan = catalog_.FindPlan(command.plan_id);
  if (!plan.ok()) return WithFieldPrefix(plan.status(), "default_");
  domain::OpenAccountCommand open;
  open.account_id = task.account_id;
  open.currency = command.currency;
  open.card = command.card;
  open.reserve_amount = command.reserve_amount;
  open.recharge_threshold = command.recharge_threshold;
  open.default_plan = **plan;
  open.expected_monthly_spend = command.expected_monthly_spend;
  open.digest = command.digest;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, domain::OpenAccount(context_, open));
  Apply(slot, std::move(transition));
  slot.is_new = true;
  return slot.account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const UpdateBillingSettings& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RESERVE_RETURN_IF_ERROR(
      CheckCurrency(slot->account(), command.currency,
                    command.reserve_amount.has_value() ? "reserve_amount" : "recharge_threshold"));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdateBillingSettings(context_, slot->account(), command.reserve_amount,
                                    command.recharge_threshold));
  Apply(*slot, std::move(transition));
  return slot->account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const UpdatePaymentMethod& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RechargeSlot* open = nullptr;
  if (slot->account().open_ordinal != 0) {
    const auto found =
        recharges_.find(storage::RechargeKey(task.account_id, slot->account().open_ordinal));
    if (found != recharges_.end()) open = &found->second;
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdatePaymentMethod(context_, slot->account(),
                                  open == nullptr ? nullptr : &open->recharge, command.card));
  // Decided upon what was read of it, so it is written too: a lock alone does not
  // hold against another node of a cluster.
  if (open != nullptr && !transition.unchanged) open->changed = true;
  Apply(*slot, std::move(transition));
  return slot->account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const PutUser& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  const User* stored = UserOf(*slot, command.user_id);
  std::string plan_id = command.plan_id;
  if (plan_id.empty())
    plan_id = stored != nullptr ? stored->plan_id : slot->account().default_plan_id;
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, catalog_.FindPlan(plan_id));
  RESERVE_ASSIGN_OR_RETURN(Transition transition, domain::PutUser(context_, slot->account(), stored,
                                                                  command.user_id, *plan));
  Apply(*slot, std::move(transition));
  return UserReply{*UserOf(*slot, command.user_id), *plan};
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const AdjustBalance& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(slot->account(), command.currency, "amount"));
  const IdPair key(task.account_id, command.request_id);
  const std::string digest = DigestOf(command);
  const auto stored = once_.find(key);
  if (stored != once_.end()) {
    if (stored->second.request.digest == digest && stored->second.entry.has_value()) {
      return EntryReply{*stored->second.entry, slot->account().currency};
    }
    return AlreadyUsed(
        "REQUEST_ID_REUSED", "request_id",
        absl::StrCat("request \"", command.request_id, "\" was made with other content"));
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::AdjustBalance(context_, slot->account(), command.request_id,
                                                 command.amount, command.reason));
  const Entry* entry = Apply(*slot, std::move(transition));
  OnceSlot& once = once_[key];
  once.request = {
      task.account_id, command.request_id, digest, entry->seq, storage::PartitionMonth(*entry), 0};
  once.entry = *entry;
  new_requests_.push_back(once.request);
  return EntryReply{*entry, slot->account().currency};
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const RequestRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(slot->account(), command.currency, "amount"));
  const IdPair key(task.account_id, command.request_id);
  const std::string digest = DigestOf(command);
  const auto stored = once_.find(key);
  if (stored != once_.end()) {
    const int64_t ordinal = stored->second.request.ordinal;
    const auto recharge = recharges_.find(storage::RechargeKey(task.account_id, ordinal));
    if (stored->second.request.digest == digest && recharge != recharges_.end()) {
      return RechargeReply{recharge->second.recharge, /*already_applied=*/true};
    }
    return AlreadyUsed(
        "REQUEST_ID_REUSED", "request_id",
        absl::StrCat("request \"", command.request_id, "\" was made with other content"));
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RequestRecharge(context_, slot->account(), command.request_id, command.amount,
                              card_declines_[slot->account().card.fingerprint]));
  const Recharge recharge = transition.recharges.front();
  Apply(*slot, std::move(transition));
  OnceSlot& once = once_[key];
  once.request = {task.account_id, command.request_id, digest, 0, 0, recharge.ordinal};
  new_requests_.push_back(once.request);
  return RechargeReply{recharge, /*already_applied=*/false};
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const BlockAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::BlockAccount(context_, slot->account(), command.reason));
  Apply(*slot, std::move(transition));
  return slot->account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const UnblockAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::UnblockAccount(context_, slot->account(), command.reason));
  Apply(*slot, std::move(transition));
  return slot->account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const ReportRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  const storage::RechargeKey key(task.account_id, command.ordinal);
  const auto found = recharges_.find(key);
  if (found == recharges_.end()) {
    return NotFound(
        "RECHARGE_NOT_FOUND", "ordinal",
        absl::StrCat("account \"", task.account_id, "\" has no recharge ", command.ordinal));
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ReportRecharge(context_, slot->account(), found->second.recharge, command.outcome,
                             card_declines_[found->second.recharge.card.fingerprint]));
  const bool already_applied = transition.unchanged;
  Apply(*slot, std::move(transition));
  return RechargeReply{recharges_.find(key)->second.recharge, already_applied};
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const DeferRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  const auto found = recharges_.find(storage::RechargeKey(task.account_id, command.ordinal));
  if (found == recharges_.end()) return slot->account();
  const Recharge& recharge = found->second.recharge;
  Apply(*slot, domain::DeferRecharge(context_, slot->account(), recharge,
                                     card_declines_[recharge.card.fingerprint]));
  return slot->account();
}

absl::StatusOr<Reply> Batch::Handle(const Task& task, const Reconsider&) {
  RESERVE_ASSIGN_OR_RETURN(AccountSlot * slot, FindAccount(task.account_id));
  Apply(*slot, domain::Reconsider(context_, slot->account()));
  return slot->account();
}

// A refused usage never reaches the unique key, but it may be the repeat of one
// that was booked when nothing stood against it: what is stored comes first (U2).
absl::Status Batch::LookUpRefused(storage::Connection& connection) {
  std::vector<storage::OnceKey> keys;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(&tasks_[i].command);
    if (record == nullptr || replies_[i].ok() || !accounts_[tasks_[i].account_id].exists) continue;
    const IdPair key(tasks_[i].account_id, record->usage.usage_id);
    if (usages_.find(key) == usages_.end()) keys.push_back(key);
  }
  RESERVE_ASSIGN_OR_RETURN(booked_but_refused_, storage::FindUsages(connection, keys));
  if (booked_but_refused_.empty()) return absl::OkStatus();
  absl::flat_hash_map<IdPair, const Entry*> found;
  for (const Entry& entry : booked_but_refused_) {
    found.emplace(IdPair(entry.account_id, entry.booked->usage.usage_id), &entry);
  }
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(&tasks_[i].command);
    if (record == nullptr || replies_[i].ok()) continue;
    const auto entry = found.find(IdPair(tasks_[i].account_id, record->usage.usage_id));
    if (entry == found.end()) continue;
    replies_[i] = AnswerRepeat(accounts_[tasks_[i].account_id], *entry->second, record->usage);
  }
  return absl::OkStatus();
}

// --- Writing ------------------------------------------------------------------------

absl::Status Batch::Write(storage::Connection& connection) {
  std::vector<const Account*> opened;
  std::vector<const Account*> changed;
  std::vector<storage::Balance> balances;
  std::vector<const User*> users;
  for (auto& [id, slot] : accounts_) {
    if (!slot.balance_changed) continue;
    ++slot.known->revision;
    if (slot.is_new || slot.rest_changed || !slot.changed_users.empty()) ++slot.known->version;
    const Account& account = slot.account();
    if (slot.is_new) {
      opened.push_back(&account);
    } else if (slot.rest_changed) {
      changed.push_back(&account);
    }
    balances.push_back({account.account_id, account.balance, account.last_seq, slot.known->version,
                        slot.known->revision, slot.known->head, slot.known->month});
    for (const size_t place : slot.changed_users) users.push_back(&slot.known->users[place]);
  }
  // What was not locked before is locked by being written: all in one order.
  std::sort(balances.begin(), balances.end(),
            [](const auto& one, const auto& other) { return one.account_id < other.account_id; });
  std::vector<const Recharge*> recharges;
  for (const auto& [key, slot] : recharges_) {
    if (!slot.changed) continue;
    const Recharge& recharge = slot.recharge;
    recharges.push_back(&recharge);
    if (recharge.state == domain::RechargeState::kOpen && recharge.lease_owner.empty() &&
        recharge.due_time <= context_.now) {
      due_recharges_.push_back(key);
    }
  }
  std::vector<const Entry*> entries;
  for (const Entry& entry : entries_) entries.push_back(&entry);
  std::vector<const domain::Event*> events;
  for (const domain::Event& event : events_) events.push_back(&event);

  has_writes_ = !balances.empty();
  if (!has_writes_) return absl::OkStatus();
  RESERVE_RETURN_IF_ERROR(storage::InsertAccounts(connection, opened));
  RESERVE_RETURN_IF_ERROR(storage::InsertEntries(connection, entries));
  RESERVE_RETURN_IF_ERROR(storage::WriteRecharges(connection, recharges));
  RESERVE_RETURN_IF_ERROR(storage::InsertCardDeclines(connection, new_declines_));
  RESERVE_RETURN_IF_ERROR(storage::InsertRequests(connection, new_requests_));
  RESERVE_RETURN_IF_ERROR(storage::WriteUsers(connection, users));
  RESERVE_RETURN_IF_ERROR(storage::WriteAccounts(connection, changed));
  RESERVE_RETURN_IF_ERROR(storage::WriteBalances(connection, balances));
  // Now that each account is locked, whether it was read or remembered.
  RESERVE_RETURN_IF_ERROR(storage::WriteMonths(connection, std::move(month_spans_)));
  // Last, as who watches events counts on a commit soon after.
  if (!events.empty()) events_written_ = std::chrono::steady_clock::now();
  return storage::InsertEvents(connection, events);
}

absl::Duration Batch::events_age() const {
  if (!events_written_.has_value()) return absl::ZeroDuration();
  return absl::FromChrono(std::chrono::steady_clock::now() - *events_written_);
}

}  // namespace reserve::engine
