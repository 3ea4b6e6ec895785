// The fold: what a command finds in what was loaded: its account, user, plan and rate, how a usage
// stands, and what its policy is to look at beside the account.
#include "services/ledger/book/folder.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::User;

}  // namespace

absl::Status CheckCurrency(const Account& account, const std::string& currency,
                           absl::string_view field) {
  if (currency.empty() || currency == account.currency) return absl::OkStatus();
  return InvalidField(
      absl::StrCat(field, ".currency_code"),
      absl::StrCat("must be ", account.currency, ", the account's, not ", currency));
}

absl::StatusOr<AccountImage*> Folder::FindAccount(absl::string_view account_id) {
  AccountImage& image = image_.accounts.find(account_id)->second;
  if (!image.exists) return domain::AccountNotFound(account_id);
  return &image;
}

User* Folder::UserOf(const AccountImage& image, absl::string_view user_id) {
  // Few, so that looking at each is quicker than a map.
  for (User& user : image.known->users) {
    if (user.user_id == user_id) return &user;
  }
  return nullptr;
}

absl::StatusOr<const User*> Folder::FindUser(const AccountImage& image,
                                             const std::string& user_id) {
  if (const User* user = UserOf(image, user_id); user != nullptr) return user;
  return domain::UserNotFound(image.account().account_id, user_id);
}

absl::StatusOr<const domain::Plan*> Folder::FindPlan(const std::string& plan_id, absl::Time start) {
  absl::StatusOr<const domain::Plan*> plan = catalog_.FindPlan(plan_id, start);
  folded_.missed_plan |= !plan.ok();
  return plan;
}

absl::StatusOr<const domain::Plan*> Folder::FindStoredPlan(const std::string& plan_id,
                                                           absl::Time start) {
  const absl::StatusOr<const domain::Plan*> plan = FindPlan(plan_id, start);
  if (!plan.ok()) return PlanNotStored(plan_id);
  return plan;
}

const domain::Rate* Folder::Keep(const std::optional<domain::Rate>& rate) {
  return rate.has_value() ? &found_rates_.emplace_back(*rate) : nullptr;
}

absl::Status Folder::CheckPlanKnown(const domain::Plan& plan, const domain::Usage& usage) {
  if (usage.start_time > catalog_.known_until) {
    folded_.unknown_start = std::min(folded_.unknown_start, usage.start_time);
    return TimelineNotRead();
  }
  const bool undecided = catalog_.plans->IsUndecidedAt(plan.plan_id, usage.start_time);
  return undecided ? TimelineNotRead() : absl::OkStatus();
}

absl::Status Folder::CheckTimelineKnown(const AccountImage& image, const domain::Plan& plan,
                                        const domain::Usage& usage) {
  RESERVE_RETURN_IF_ERROR(CheckPlanKnown(plan, usage));
  const bool undecided =
      catalog_.timeline->IsUndecidedAt(image.account().currency, plan.series, usage.start_time);
  return undecided ? TimelineNotRead() : absl::OkStatus();
}

absl::StatusOr<const domain::Rate*> Folder::FindRate(const AccountImage& image,
                                                     const domain::Plan& plan,
                                                     const domain::Usage& usage) {
  // Each usage comes here: the timeline and the decks are asked once.
  const int64_t version =
      catalog_.timeline->VersionAt(image.account().currency, plan.series, usage.start_time);
  const rates::DeckSnapshot* deck = version == 0 ? nullptr : catalog_.decks->ByVersion(version);
  if (version != 0 && deck == nullptr) return DeckNotInMemory(version);
  const domain::Rate* rate = Keep(FindRateOf(deck, usage));
  folded_.missed_rate |= rate == nullptr && usage.direction == domain::Direction::kOutbound;
  return rate;
}

absl::StatusOr<const domain::Rate*> Folder::FindRateIn(int64_t deck_version,
                                                       const AccountImage& image,
                                                       const domain::Usage& usage) {
  if (catalog_.decks->ByVersion(deck_version) == nullptr) {
    if (catalog_.FindHeader(deck_version) != nullptr) return DeckNotInMemory(deck_version);
    folded_.missed_rate = true;
  }
  return Keep(catalog_.FindRateIn(deck_version, image.account().currency, usage));
}

bool Folder::IsForHelp(const AccountImage& image, const domain::Usage& usage) const {
  return image.exists
             ? domain::IsEmergency(context_.settings, image.account().country.view(), usage)
             : domain::MayBeEmergency(context_.settings, usage);
}

const Entry* Folder::FindBooked(absl::string_view account_id, const std::string& usage_id) const {
  const auto found = image_.usages.find(OnceKey(account_id, usage_id));
  return found == image_.usages.end() ? nullptr : found->second;
}

absl::Status Folder::CheckNotArchived(absl::string_view account_id,
                                      const std::string& usage_id) const {
  const int64_t seq = image_.ArchivedAs(account_id, usage_id);
  return seq == 0 ? absl::OkStatus() : domain::UsageArchived(usage_id, seq);
}

domain::UsageState Folder::StateOf(const AccountImage& image, const Entry& entry) const {
  domain::UsageState state = image_.StateOf(entry);
  // Entries from before the period was stored with them.
  if (state.free_seconds > 0 && state.free_period == 0) {
    const auto plan = catalog_.FindPlan(entry.booked->rating.plan_id, state.start_time);
    if (plan.ok()) {
      state.free_period = PeriodOf(**plan, state.start_time, image.account().calendar, entry.seq);
    }
  }
  // A row from before it said so of a rating that the entry has.
  if (state.plan_id.empty() && entry.booked.has_value() && state.latest_seq == state.seq) {
    state.plan_id = entry.booked->rating.plan_id;
    state.deck_version = entry.booked->rating.deck_version;
  }
  return state;
}

domain::Context Folder::ContextOf(const AccountImage& image) {
  const RechargeImage* open = OpenRechargeOf(image);
  domain::Context context{context_.settings, context_.now, context_.feature_level,
                          open == nullptr ? nullptr : &open->recharge,
                          image.declines_known ? &image_.declines : nullptr};
  if (image.closing_known) {
    closing_rows_ = ClosingRowsOf(image_, image.account().account_id);
    context.closing = &closing_rows_;
  }
  context.archived_month = context_.archived_month;
  if (!image.known->holds.empty()) context.holds = &image.known->holds;
  if (catalog_.plans->any_limits()) {
    context.account_plan = catalog_.plans->Find(image.account().default_plan_id, context_.now);
  }
  return context;
}

RechargeImage* Folder::OpenRechargeOf(const AccountImage& image) const {
  const Account& account = image.account();
  if (account.open_ordinal == 0) return nullptr;
  const auto found = image_.recharges.find(RechargeKey(account.account_id, account.open_ordinal));
  return found == image_.recharges.end() ? nullptr : &found->second;
}

absl::StatusOr<RechargeImage*> Folder::FindRecharge(absl::string_view account_id, int64_t ordinal) {
  const auto found = image_.recharges.find(RechargeKey(account_id, ordinal));
  if (found != image_.recharges.end()) return &found->second;
  return RechargeNotFound(account_id, ordinal);
}

}  // namespace reserve::book
