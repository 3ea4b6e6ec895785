// Commands to the book and their replies, as plain values. Each command is for one account,
// which is named beside it.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_
#define RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "services/ledger/domain/account.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/policy.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/usage.h"

namespace reserve::book {

struct OpenAccount {
  std::string currency;
  std::string plan_id;
  domain::Card card;
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  std::optional<Nanos> expected_monthly_spend;
  std::string digest;  // of the request's content
};
struct UpdateBillingSettings {
  std::optional<Nanos> reserve_amount;
  std::optional<Nanos> recharge_threshold;
  std::string currency;  // of the amounts; empty: the account's
};
struct UpdatePaymentMethod {
  domain::Card card;
};
struct PutUser {
  std::string user_id;
  std::string plan_id;  // empty: the account's default, or no change
};
struct RecordUsage {
  domain::Usage usage;
};
struct AuthorizeUsage {
  domain::Usage usage;  // without an id
};
struct AdjustBalance {
  std::string request_id;
  Nanos amount = 0;
  std::string reason;
  std::string currency;  // of the amount; empty: the account's
};
struct RequestRecharge {
  std::string request_id;
  std::optional<Nanos> amount;
  std::string currency;  // of the amount; empty: the account's
};
struct BlockAccount {
  std::string reason;
};
struct UnblockAccount {
  std::string reason;
};
struct ReportRecharge {
  int64_t ordinal = 0;
  domain::ChargeOutcome outcome;
};
// Puts a due recharge off whose card has reached a limit of its network (G9).
struct DeferRecharge {
  int64_t ordinal = 0;
};
// Applies the level-triggered rules to an account whose Due has come.
struct Reconsider {};

using Command =
    std::variant<RecordUsage, AuthorizeUsage, OpenAccount, UpdateBillingSettings,
                 UpdatePaymentMethod, PutUser, AdjustBalance, RequestRecharge, BlockAccount,
                 UnblockAccount, ReportRecharge, DeferRecharge, Reconsider>;

struct UsageReply {
  int64_t seq = 0;
  Nanos cost = 0;
  Nanos balance_after = 0;
  std::string currency;
  bool duplicate = false;
  domain::EntryHash hash{};  // of the entry
};
struct AuthorizeReply {
  domain::Authorization authorization;
  std::string currency;
  // Of the rate that matched; unset if none did.
  std::optional<Nanos> price;
  bool standard_rate = false;
  std::string prefix;
};
struct UserReply {
  domain::User user;
  domain::Plan plan;
};
struct EntryReply {
  domain::Entry entry;
  std::string currency;
};
struct RechargeReply {
  domain::Recharge recharge;
  bool already_applied = false;
};
// RecordUsage -> UsageReply, AuthorizeUsage -> AuthorizeReply, PutUser ->
// UserReply, AdjustBalance -> EntryReply, RequestRecharge and ReportRecharge ->
// RechargeReply; all others -> Account.
using Reply =
    std::variant<UsageReply, AuthorizeReply, domain::Account, UserReply, EntryReply, RechargeReply>;

// About how much memory the strings of a command hold outside of it. Cheap: it looks at their
// sizes only.
size_t HeapBytesOf(const Command& command);
// The same of one string.
size_t HeapBytesOf(const std::string& text);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_COMMAND_H_
