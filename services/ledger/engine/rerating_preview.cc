#include "services/ledger/engine/rerating_preview.h"

#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/book/fold.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/rerating_policy.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/load_image.h"

namespace reserve::engine {
namespace {

constexpr int kPreviewedAPage = 500;

// A preview books nothing, and goes by what is known now of starts of any time.
std::shared_ptr<const book::Catalog> AsKnownNow(const book::Catalog& catalog) {
  auto known = std::make_shared<book::Catalog>(catalog);
  known->known_until = absl::InfiniteFuture();
  return known;
}

}  // namespace

// Stays where it is, as the image refers to it.
struct ReratingPreview::Scene {
  explicit Scene(std::string id) : account_id(std::move(id)) {}

  const std::string account_id;
  book::Image image;
  std::optional<Nanos> balance_before;
};

ReratingPreview::ReratingPreview(const EngineOptions& options,
                                 const std::shared_ptr<const book::Catalog>& catalog,
                                 book::ReratingOrder order)
    : options_(options), catalog_(AsKnownNow(*catalog)), walk_(order.scope, {}) {
  // Later than all that there are.
  job_.number = std::numeric_limits<int64_t>::max();
  job_.order = std::move(order);
  job_.order.may_recharge = false;  // what would follow is asked for at the end of the account
}

ReratingPreview::~ReratingPreview() = default;

domain::Context ReratingPreview::ContextNow() const {
  return {options_.settings, TruncateToMicros(options_.clock())};
}

absl::Status ReratingPreview::Next(storage::Connection& connection) {
  if (interrupted_) return PreviewInterrupted();
  differences_.clear();
  RESERVE_RETURN_IF_ERROR(walk_.Next(connection, kPreviewedAPage));
  interrupted_ = true;
  const absl::Span<const storage::UsageOfScope> page = walk_.page();
  for (size_t begin = 0; begin < page.size();) {
    size_t end = begin;
    while (end < page.size() && page[end].account_id == page[begin].account_id) ++end;
    RESERVE_RETURN_IF_ERROR(Rate(connection, page.subspan(begin, end - begin)));
    begin = end;
  }
  if (ended()) EndAccount();
  interrupted_ = false;
  return absl::OkStatus();
}

absl::Status ReratingPreview::Rate(storage::Connection& connection,
                                   absl::Span<const storage::UsageOfScope> usages) {
  const std::string& account_id = usages.front().account_id;
  if (scene_ != nullptr && scene_->account_id != account_id) EndAccount();
  const bool is_new = scene_ == nullptr;
  if (is_new) scene_ = std::make_unique<Scene>(account_id);
  book::Image& image = scene_->image;
  std::vector<book::Command> commands;
  for (const storage::UsageOfScope& usage : usages) {
    commands.emplace_back(book::CommandFor(job_, usage.usage_id, usage.seq));
  }
  std::vector<book::AccountCommand> of_account;
  for (const book::Command& command : commands) {
    of_account.push_back({scene_->account_id, &command});
  }
  const domain::Context context = ContextNow();
  book::Keys keys = book::KeysOf(of_account, context, book::Duplicates::kLookUp);
  // As one that is only looked at, so that nothing is locked.
  keys.accounts.front().may_change = false;
  // What the pages before have moved goes on.
  book::AccountImage& account = image.accounts[scene_->account_id];
  account.remembered = !is_new;
  RESERVE_RETURN_IF_ERROR(storage::LoadImage(connection, keys, options_.make_number_key, &image));
  account.remembered = false;
  if (!account.exists) return absl::OkStatus();
  if (!scene_->balance_before.has_value()) scene_->balance_before = account.account().balance;
  const book::Folded folded = book::Fold(context, *catalog_, of_account, &image);
  for (const absl::StatusOr<book::Reply>& reply : folded.replies) {
    if (book::DeckToLoad(reply.status()).has_value()) return reply.status();
    Note(reply);
  }
  image.usages.clear();
  image.booked.clear();
  return absl::OkStatus();
}

void ReratingPreview::Note(const absl::StatusOr<book::Reply>& reply) {
  if (!reply.ok()) {
    ++counts_.looked_at;
    ++counts_.failed;
    return;
  }
  const auto& rerated = book::As<book::RerateReply>(*reply);
  counts_.Add(rerated);
  if (rerated.outcome == domain::Rerated::kChanged) differences_.push_back(rerated);
}

void ReratingPreview::EndAccount() {
  const std::unique_ptr<Scene> scene = std::move(scene_);
  if (scene == nullptr || !scene->balance_before.has_value()) return;
  const book::AccountImage& image = scene->image.accounts[scene->account_id];
  if (!image.balance_changed) return;
  ++consequences_.accounts;
  const domain::Account& account = image.account();
  if (account.balance >= *scene->balance_before) return;
  if (account.balance < 0) ++consequences_.below_zero;
  const std::optional<domain::Recharge> recharge = domain::RechargeToFollow(ContextNow(), account);
  if (!recharge.has_value()) return;
  ++consequences_.recharges;
  consequences_.recharged = AddSaturating(consequences_.recharged, recharge->amount);
}

}  // namespace reserve::engine
