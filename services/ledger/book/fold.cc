#include "services/ledger/book/fold.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/book/entry_chain.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/book/etag.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Account;
using domain::Entry;
using domain::Recharge;
using domain::Transition;
using domain::User;

// Amounts of a request must be in the account's currency; empty means that.
absl::Status CheckCurrency(const Account& account, const std::string& currency,
                           absl::string_view field) {
  if (currency.empty() || currency == account.currency) return absl::OkStatus();
  return InvalidField(
      absl::StrCat(field, ".currency_code"),
      absl::StrCat("must be ", account.currency, ", the account's, not ", currency));
}

// The answer to who books a usage: as the entry says.
UsageReply ReplyOf(const Entry& entry, const std::string& currency) {
  UsageReply reply{entry.seq, -entry.amount, entry.balance_after, currency};
  reply.hash = entry.hash;
  if (entry.booked.has_value() && entry.booked->rating.unrated()) {
    reply.status = domain::UsageStatus::kUnrated;
    reply.unrated_reason = entry.booked->rating.unrated_reason;
  }
  return reply;
}

// The same of one that was booked before, as it stands.
UsageReply ReplyOfBooked(const Entry& entry, const domain::UsageState& state,
                         const std::string& currency) {
  UsageReply reply = ReplyOf(entry, currency);
  reply.duplicate = true;
  reply.cost = state.net_cost();
  reply.status = state.status;
  reply.unrated_reason = state.unrated_reason;
  return reply;
}

// `method` is one of the account's.
PaymentMethodReply ReplyOf(const Account& account, const domain::PaymentMethod& method) {
  return {method, static_cast<int32_t>(&method - account.payment_methods.data()) + 1};
}

std::string DigestOf(const AdjustBalance& command) {
  return Sha256HexOfFields({"adjust", absl::StrCat(command.amount), command.by.reason,
                            command.by.actor, command.by.reference});
}

std::string DigestOf(const GrantCredit& command) {
  const domain::GrantRequest& request = command.request;
  return Sha256HexOfFields({"grant", absl::StrCat(request.amount),
                            absl::FormatTime(request.end, absl::UTCTimeZone()), request.by.reason,
                            request.by.actor, request.by.reference});
}

std::string DigestOf(absl::string_view method, absl::string_view payment_method_id,
                     const domain::GivenCard& given) {
  const domain::CardDisplay display = given.display.value_or(domain::CardDisplay());
  return Sha256HexOfFields(
      {method, payment_method_id, given.card.token.Reveal(), given.card.fingerprint,
       absl::StrCat(static_cast<int>(given.card.network)), display.brand, display.last_four.view(),
       absl::StrCat(given.display.has_value(), " ", display.expiry_year, " ", display.expiry_month,
                    " ", given.position)});
}

std::string DigestOf(const UpdateAccount& command) {
  const domain::AccountChange& change = command.change;
  return Sha256HexOfFields(
      {"update account", change.country.value_or(""),
       change.time_zone.has_value() ? change.time_zone->name() : "",
       change.billing_day.has_value() ? absl::StrCat(*change.billing_day) : ""});
}

std::string DigestOf(const RequestRecharge& command) {
  return Sha256HexOfFields(
      {"recharge", command.amount.has_value() ? absl::StrCat(*command.amount) : "default"});
}

std::string DigestOf(const RefundRecharge& command) {
  const domain::RefundRequest& request = command.request;
  return Sha256HexOfFields({"refund", absl::StrCat(command.ordinal),
                            request.amount.has_value() ? absl::StrCat(*request.amount) : "all",
                            request.by.reason, request.by.actor, request.by.reference,
                            request.allow_debt ? "debt" : ""});
}

std::string DigestOf(const RecordPayment& command) {
  const domain::PaymentRequest& request = command.request;
  return Sha256HexOfFields({"payment", absl::StrCat(request.amount),
                            absl::StrCat(static_cast<int>(request.means)), request.charge_id,
                            absl::FormatTime(request.received_time, absl::UTCTimeZone()),
                            request.by.reason, request.by.actor, request.by.reference});
}

std::string DigestOf(const CloseAccount& command) {
  return Sha256HexOfFields({"close", absl::StrJoin(command.waived, " "), command.by.reason,
                            command.by.actor, command.by.reference});
}

std::string DigestOf(const ReversePayment& command) {
  return Sha256HexOfFields({"reverse payment", absl::StrCat(command.ordinal), command.by.reason,
                            command.by.actor, command.by.reference});
}

std::string DigestOf(const UpdateBillingSettings& command) {
  const domain::BillingChange& change = command.change;
  const auto text = [](const std::optional<Nanos>& amount) {
    return amount.has_value() ? absl::StrCat(*amount) : std::string("as it is");
  };
  return Sha256HexOfFields(
      {"settings", text(change.reserve_amount), text(change.recharge_threshold),
       text(change.monthly_cap), text(change.notify_below),
       change.automatic_recharge.has_value() ? absl::StrCat(*change.automatic_recharge)
                                             : "as it is"});
}

std::string DigestOf(const RemovePaymentMethod& command) {
  return Sha256HexOfFields({"remove card", command.payment_method_id});
}

// What staff does of an account as a whole.
std::string DigestOf(absl::string_view method, const domain::ByStaff& by) {
  return Sha256HexOfFields({method, by.reason, by.actor, by.reference});
}

std::string DigestOf(const LiftSuspension& command) {
  return Sha256HexOfFields({"lift suspension", command.card.payment_method_id,
                            command.card.dispute_id, command.by.reason, command.by.actor,
                            command.by.reference});
}

std::string DigestOf(const ResolveReview& command) {
  const domain::ReviewOutcome& outcome = command.outcome;
  return Sha256HexOfFields({"resolve review", absl::StrCat(command.ordinal),
                            outcome.charged     ? "charged"
                            : outcome.dismissed ? "dismissed"
                                                : "not charged",
                            outcome.charge_id, absl::StrCat(outcome.amount), command.by.reason,
                            command.by.actor, command.by.reference});
}

// `old`: the usage before it was taken back; null of one that is voided in advance.
VoidReply ReplyOfVoid(const Account& account, const Entry& entry, const domain::UsageState* old) {
  VoidReply reply{entry.seq, entry.amount, entry.voided.free_seconds, account.balance,
                  account.currency};
  if (old != nullptr) {
    reply.user_id = old->user_id;
    reply.free_period = old->free_period;
    reply.usage_seq = old->seq;
  }
  return reply;
}

// The same of one that was taken back before.
VoidReply ReplyOfVoid(const Account& account, const domain::UsageState& state) {
  VoidReply reply{state.latest_seq, state.cost,       state.free_seconds,
                  account.balance,  account.currency, /*already_voided=*/true};
  reply.user_id = state.user_id;
  reply.free_period = state.free_period;
  reply.usage_seq = state.seq;
  reply.corrected_by = state.corrected_by;
  return reply;
}

// The answer to a usage whose id is taken: by that usage, by another, or by a void in advance,
// which knew no content (U2, U5).
absl::StatusOr<UsageReply> AnswerRepeat(const Image& images, const AccountImage& image,
                                        const Entry& stored, const domain::Usage& usage) {
  if (!stored.booked.has_value() || domain::SameContent(stored.booked->usage, usage)) {
    return ReplyOfBooked(stored, images.StateOf(stored), image.account().currency);
  }
  return UsageIdReused(usage.usage_id, stored.seq);
}

// Was it booked from what a switch had reported, and waits for its CDR still (H12)? One that was
// corrected has it.
bool IsStandingEstimate(const Entry& stored, const domain::UsageState& state) {
  return stored.booked.has_value() && stored.booked->estimated && state.corrected_by.empty();
}

// What a command may change of an account beside its balance without an event. Looks at numbers
// and times only.
bool SameButForBalance(const Account& before, const Account& after) {
  return before.due == after.due && before.taken_back == after.taken_back &&
         before.open_waits == after.open_waits &&
         before.cap_reached_time == after.cap_reached_time &&
         before.expiry_notice_time == after.expiry_notice_time;
}

// Was this usage booked, now or before? A call for help may not have been (C10, P4).
bool IsBooked(const absl::StatusOr<Reply>& reply) {
  return reply.ok() && std::get<UsageReply>(*reply).booked;
}

// One fold under way.
class Folder {
 public:
  Folder(const domain::Context& context, const Catalog& catalog, Image& image)
      : context_(context), catalog_(catalog), image_(image) {}

  Folded Run(absl::Span<const AccountCommand> commands);

 private:
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const VoidUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CorrectUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RateUnrated& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RerateUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AuthorizeUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const OpenAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdateBillingSettings& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AddPaymentMethod& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdatePaymentMethod& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RemovePaymentMethod& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const PutUser& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AdjustBalance& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const GrantCredit& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RequestRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const BlockAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UnblockAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const LiftSuspension& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RefundRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordPayment& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReversePayment& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportGatewayRefund& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportGatewayDispute& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ResolveReview& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const DeferRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const Reconsider& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CloseAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordPayout& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdateAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CreateHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ExtendHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReleaseHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const EndHold& command);

  // Changes the account, once under a request's id that is not empty: a repeat answers how the
  // account is by now.
  absl::StatusOr<Reply> ChangeOnce(
      absl::string_view account_id, const std::string& request_id, const std::string& digest,
      absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> change);
  // What a person's decision upon a recharge or refund comes to.
  absl::StatusOr<Transition> Resolved(const AccountImage& image, const Recharge& recharge,
                                      const ResolveReview& command);
  absl::StatusOr<AccountImage*> FindAccount(absl::string_view account_id);
  static User* UserOf(const AccountImage& image, absl::string_view user_id);  // or null
  static absl::StatusOr<const User*> FindUser(const AccountImage& image,
                                              const std::string& user_id);
  absl::StatusOr<const domain::Plan*> FindPlan(const std::string& plan_id);
  // Null if there is none; an error if the deck that would say is not in memory.
  absl::StatusOr<const domain::Rate*> FindRate(const AccountImage& image, const domain::Plan& plan,
                                               const domain::Usage& usage);
  // UNAVAILABLE if what is in force at its start may still change: what is booked is priced for
  // good (K2). What only promises goes by what is known.
  absl::Status CheckTimelineKnown(const AccountImage& image, const domain::Plan& plan,
                                  const domain::Usage& usage);
  absl::StatusOr<const domain::Rate*> FindRateIn(int64_t deck_version, const AccountImage& image,
                                                 const domain::Usage& usage);
  // A rate that was found, until the next command.
  const domain::Rate* Keep(std::optional<domain::Rate> rate);
  // The user, the plan and the rate of a fact, as far as they are known (U1). What is for help
  // needs none of them (C10).
  absl::StatusOr<domain::UsageTerms> TermsOf(const AccountImage& image, const domain::Usage& usage);
  // The same of a usage that is rated again.
  absl::StatusOr<domain::UsageTerms> TermsAgain(const AccountImage& image, const Entry& stored,
                                                const domain::UsageState& state,
                                                const RerateUsage& command);
  // USAGE_NOT_ALLOWED, after which what waited for such a wish goes on (G12).
  absl::Status CheckAllowed(AccountImage& image, const domain::UsageTerms& terms,
                            const domain::Usage& usage);
  // The entry of a usage that is booked, or null.
  const Entry* FindBooked(absl::string_view account_id, const std::string& usage_id) const;
  // How a booked usage stands.
  domain::UsageState StateOf(const AccountImage& image, const Entry& entry) const;
  // Is it for help? Of an account that is not there, may it be (C10)?
  bool IsForHelp(const AccountImage& image, const domain::Usage& usage) const;
  static void ChangeUser(AccountImage& image, User&& user);
  static void ChangeAllowance(AccountImage& image, const domain::UsedAllowance& changed);
  static void NoteAllowance(AccountImage& image, const User& user, int32_t period);
  // The user, and plan and rate by which a hold is priced: those of its time, or, where `extension`
  // tells that it was answered, those of the answer.
  absl::StatusOr<domain::UsageTerms> TermsOf(const AccountImage& image, const domain::Hold& hold,
                                             const domain::HoldExtension& extension);
  // The hold that a command names. Where it is not there it may have been made by another ledger.
  absl::StatusOr<const domain::Hold*> FindHold(const AccountImage& image,
                                               const std::string& hold_id);
  // Was its usage booked after it had ended? Then a report of it comes too late (H5).
  bool WasBookedSince(const domain::Hold& hold) const {
    return hold.may_return() && FindBooked(hold.account_id, hold.usage_id) != nullptr;
  }
  // The answer to a command on a hold, once its transition is applied.
  HoldReply ApplyToHold(AccountImage& image, const std::string& hold_id, Transition&& transition);
  void NoteHold(AccountImage& image, domain::Hold&& hold);
  AuthorizeReply AuthorizeReplyOf(const AccountImage& image, const domain::Plan& plan,
                                  const domain::Usage& usage, const domain::Rate* rate,
                                  const domain::Authorization& authorization) const;
  // Ends what is held for a usage that is booked, and the hold that its CDR names, even if that has
  // ended: no late report makes it live again (H5).
  void SettleNamed(AccountImage& image, const std::string& usage_id, const std::string& hold_id);
  // Of a usage that names a hold: what books it in the place of what that hold was estimated at,
  // under the id that CreateHold named (H12); none where no such estimate stands.
  absl::StatusOr<std::optional<Transition>> InPlaceOfEstimate(const AccountImage& image,
                                                              const RecordUsage& command,
                                                              const domain::UsageTerms& terms);
  // The answer to a usage whose id is taken; what is held for it is not held any more.
  absl::StatusOr<Reply> RecordedBefore(AccountImage& image, const Entry& stored,
                                       const RecordUsage& command);
  // The answer to a correction whose usage is booked already, as `stored`.
  absl::StatusOr<Reply> CorrectedBefore(AccountImage& image, const Entry& stored,
                                        const CorrectUsage& command,
                                        const domain::UsageToVoid& old);
  // Keeps where the usages of a batch are booked, and how they stand.
  void NoteUsages(const Entry& entry);
  void NoteUsageState(domain::UsageState&& state);
  // Takes a transition over into the image and the write set. Returns the last entry that it
  // booked, but for credit grants that end, or null.
  const Entry* Apply(AccountImage& image, Transition&& transition);
  // The same for commands that decide upon the open recharge.
  const Entry* ApplyWithOpen(AccountImage& image, Transition&& transition);
  // Takes the next steps of an account that is being closed, and of one that is closed (P4).
  void MoveClosingOn(AccountImage& image);
  // As it would be with `account`, once `waived` are voided.
  ClosingReply ClosingReplyOf(const AccountImage& image, const Account& account,
                              absl::Span<const std::string> waived = {});
  // How usages of that name stand, which are to be waived.
  absl::StatusOr<std::vector<domain::UsageState>> FindWaived(const AccountImage& image,
                                                             const CloseAccount& command) const;
  // With what was loaded beside the account. Until it is asked for again.
  domain::Context ContextOf(const AccountImage& image);
  RechargeImage* OpenRechargeOf(const AccountImage& image) const;
  absl::StatusOr<RechargeImage*> FindRecharge(absl::string_view account_id, int64_t ordinal);
  // Applies what the gateway told of the charge of row `ordinal` before it was credited just now
  // (P3).
  absl::Status ApplyKept(AccountImage& image, int64_t ordinal);
  // The number that this attempt was sent to, if another came after it; empty if that is not known.
  std::string EarlierNumber(const Recharge& recharge, int32_t attempt) const;
  // Applies the outcome of a report or a review, and what the gateway told before.
  absl::StatusOr<Reply> ApplyOutcome(AccountImage& image, int64_t ordinal,
                                     absl::StatusOr<Transition> transition);
  // The answer to a request for a recharge or refund whose id was used before; none if it was not.
  std::optional<absl::StatusOr<Reply>> AnswerAgain(absl::string_view account_id,
                                                   const std::string& request_id,
                                                   const std::string& digest) const;
  // `ordinal` is that of the recharge, refund or payment that it led to, or the number of the card;
  // `entry` what it booked, or null.
  void NoteRequest(absl::string_view account_id, const std::string& request_id,
                   const std::string& digest, int64_t ordinal, const Entry* entry = nullptr);
  // How the payment stands, with what else a caller is told of it.
  PaymentReply PaymentReplyOf(const RecordPayment& command, const Recharge& credited,
                              const Entry* entry) const;
  // Gives a card once under the request's id, if it has one.
  absl::StatusOr<Reply> GiveOnce(
      absl::string_view account_id, const std::string& request_id, const std::string& digest,
      absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> give,
      absl::FunctionRef<const domain::PaymentMethod*(const Account&)> find);
  // Books an entry once under the request's id.
  absl::StatusOr<Reply> BookOnce(
      AccountImage& image, absl::string_view account_id, const std::string& request_id,
      const std::string& digest, bool validate_only,
      absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> book);
  void WriteCards(const AccountImage& image);
  void WriteUsers(const AccountImage& image);
  void WriteUsageStates();
  void WriteHolds();
  // Adds the entry to the account's chain, in the newest form that may be written.
  void Chain(AccountImage& image, Entry* entry);
  // Adds what has changed in the image to the write set.
  void WriteAccounts();
  void WriteRecharges();

  const domain::Context& context_;
  const Catalog& catalog_;
  std::deque<domain::Rate> found_rates_;  // by the command at hand
  Image& image_;
  domain::ClosingRows closing_rows_;  // of the last context
  Folded folded_;
};

Folded Folder::Run(absl::Span<const AccountCommand> commands) {
  folded_.replies.reserve(commands.size());
  for (const AccountCommand& each : commands) {
    found_rates_.clear();
    folded_.replies.push_back(std::visit(
        [&](const auto& command) { return Handle(each.account_id, command); }, *each.command));
    if (domain::IsUsageAfterClosing(folded_.replies.back().status())) ++folded_.after_closing;
    if (AccountImage& image = image_.accounts.find(each.account_id)->second;
        image.exists && image.account().ends()) {
      MoveClosingOn(image);
    }
    // Other refusals of a usage don't depend on what may have moved: the currency of an
    // account never changes, and no user is ever taken away. (One that is not allowed says so.)
    folded_.must_read |= folded_.replies.back().status().code() == absl::StatusCode::kOutOfRange &&
                         image_.accounts.find(each.account_id)->second.remembered;
    if (folded_.must_read) return std::move(folded_);
  }
  WriteAccounts();
  WriteRecharges();
  WriteUsageStates();
  WriteHolds();
  return std::move(folded_);
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

absl::StatusOr<const domain::Plan*> Folder::FindPlan(const std::string& plan_id) {
  absl::StatusOr<const domain::Plan*> plan = catalog_.FindPlan(plan_id);
  folded_.missed_plan |= !plan.ok();
  return plan;
}

const domain::Rate* Folder::Keep(std::optional<domain::Rate> rate) {
  return rate.has_value() ? &found_rates_.emplace_back(*std::move(rate)) : nullptr;
}

absl::Status Folder::CheckTimelineKnown(const AccountImage& image, const domain::Plan& plan,
                                        const domain::Usage& usage) {
  if (usage.start_time > catalog_.known_until) {
    folded_.unknown_start = std::min(folded_.unknown_start, usage.start_time);
    return TimelineNotRead();
  }
  const bool unsettled =
      catalog_.timeline->IsUnsettledAt(image.account().currency, plan.series, usage.start_time);
  return unsettled ? TimelineNotRead() : absl::OkStatus();
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

void Folder::ChangeUser(AccountImage& image, User&& user) {
  std::vector<User>& users = image.known->users;
  User* stored = UserOf(image, user.user_id);
  if (stored == nullptr) stored = &users.emplace_back();
  *stored = std::move(user);
  const auto place = static_cast<size_t>(stored - users.data());
  std::vector<size_t>& changed = image.changed_users;
  if (std::find(changed.begin(), changed.end(), place) == changed.end()) changed.push_back(place);
}

void Folder::ChangeAllowance(AccountImage& image, const domain::UsedAllowance& changed) {
  User* user = UserOf(image, changed.user_id);
  user->SetSecondsUsed(changed.used);
  NoteAllowance(image, *user, changed.used.period);
}

void Folder::NoteAllowance(AccountImage& image, const User& user, int32_t period) {
  const std::pair<size_t, int32_t> place(&user - image.known->users.data(), period);
  auto& places = image.changed_allowances;
  if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(place);
}

void Folder::NoteHold(AccountImage& image, domain::Hold&& hold) {
  image.holds_changed = true;
  std::vector<domain::Hold>& live = image.known->holds;
  const auto found = std::find_if(live.begin(), live.end(), [&hold](const domain::Hold& other) {
    return other.hold_id == hold.hold_id;
  });
  if (!hold.live()) {
    if (found != live.end()) {
      if (&*found != &live.back()) *found = std::move(live.back());
      live.pop_back();
    }
  } else if (found == live.end()) {
    live.push_back(hold);
  } else {
    *found = hold;
  }
  HoldImage& kept = image_.holds[std::pair(hold.account_id, hold.hold_id)];
  kept.hold = std::move(hold);
  kept.changed = true;
}

const Entry* Folder::FindBooked(absl::string_view account_id, const std::string& usage_id) const {
  const auto found = image_.usages.find(OnceKey(account_id, usage_id));
  return found == image_.usages.end() ? nullptr : found->second;
}

domain::UsageState Folder::StateOf(const AccountImage& image, const Entry& entry) const {
  domain::UsageState state = image_.StateOf(entry);
  // Entries from before the period was stored with them.
  if (state.free_seconds > 0 && state.free_period == 0) {
    const auto plan = catalog_.FindPlan(entry.booked->rating.plan_id);
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

void Folder::NoteUsages(const Entry& entry) {
  const bool replaces = entry.booked.has_value() && entry.booked->replaces_estimate();
  if (!domain::TakesUsageId(entry) && !replaces) return;
  if (entry.booked.has_value() && entry.booked->rating.unrated()) {
    ++folded_.unrated;
  }
  image_.usages.insert_or_assign(OnceKey(entry.account_id, UsageIdOf(entry)), &entry);
}

void Folder::NoteUsageState(domain::UsageState&& state) {
  UsageStateImage& kept = image_.usage_states[std::pair(state.account_id, state.usage_id)];
  kept.state = std::move(state);
  kept.changed = true;
}

const Entry* Folder::Apply(AccountImage& image, Transition&& transition) {
  if (transition.unchanged) return nullptr;
  WriteSet& writes = folded_.writes;
  // Where the transition took the account over, its numbers and times are here still.
  const bool only_balance = transition.events.empty() && transition.recharges.empty() &&
                            !transition.cards_changed && !transition.grants_changed &&
                            SameButForBalance(image.account(), transition.account);
  image.account() = std::move(transition.account);
  image.exists = true;
  image.balance_changed = true;
  image.rest_changed |= !only_balance;
  image.cards_changed |= transition.cards_changed;
  if (transition.removed_card.has_value()) {
    image.removed_cards.push_back(*std::move(transition.removed_card));
  }
  const Entry* last = nullptr;
  for (Entry& entry : transition.entries) {
    Chain(image, &entry);
    const Entry& booked = writes.entries.emplace_back(std::move(entry));
    NoteMonth(booked, image.known.get(), &writes.months);
    if (domain::IsOfUsage(booked.kind)) NoteUsages(booked);
    if (booked.kind == domain::EntryKind::kRecharge || booked.kind == domain::EntryKind::kPayment) {
      image_.credits[RechargeKey(booked.account_id, booked.recharge_ordinal)] = booked;
    }
    // A grant that ends, ends beside what was asked for.
    if (booked.kind != domain::EntryKind::kGrantEnded) last = &booked;
  }
  for (domain::Event& event : transition.events) writes.events.push_back(std::move(event));
  for (Recharge& recharge : transition.recharges) {
    RechargeImage& changed = image_.recharges[RechargeKey(recharge.account_id, recharge.ordinal)];
    changed.recharge = std::move(recharge);
    changed.changed = true;
  }
  for (domain::Dispute& dispute : transition.disputes) {
    DisputeImage& changed = image_.disputes[std::pair(dispute.account_id, dispute.dispute_id)];
    changed.dispute = std::move(dispute);
    changed.changed = true;
  }
  if (transition.decline.has_value()) {
    std::vector<absl::Time>& of_card = image_.declines[transition.decline->card_fingerprint];
    of_card.insert(of_card.begin(), transition.decline->time);
    const domain::CardDecline& decline = *transition.decline;
    image_.earlier_numbers[AttemptKey(decline.account_id, decline.ordinal, decline.attempt)] =
        decline.card_fingerprint;
    writes.declines.push_back(*std::move(transition.decline));
  }
  if (transition.user.has_value()) ChangeUser(image, *std::move(transition.user));
  for (const domain::UsedAllowance& each : transition.allowances) ChangeAllowance(image, each);
  for (const domain::HeldSeconds& each : transition.held_seconds) {
    User* user = UserOf(image, each.user_id);
    user->HoldSeconds(each.period, each.more);
    NoteAllowance(image, *user, each.period);
  }
  for (domain::Hold& hold : transition.holds) NoteHold(image, std::move(hold));
  for (domain::UsageState& state : transition.usage_states) NoteUsageState(std::move(state));
  return last;
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
  if (!image.known->holds.empty()) context.holds = &image.known->holds;
  return context;
}

RechargeImage* Folder::OpenRechargeOf(const AccountImage& image) const {
  const Account& account = image.account();
  if (account.open_ordinal == 0) return nullptr;
  const auto found = image_.recharges.find(RechargeKey(account.account_id, account.open_ordinal));
  return found == image_.recharges.end() ? nullptr : &found->second;
}

const Entry* Folder::ApplyWithOpen(AccountImage& image, Transition&& transition) {
  // Decided upon what was read of it, so it is written too: a lock alone does not hold against
  // another node of a cluster, where a worker may have been given it meanwhile.
  RechargeImage* open = image.exists ? OpenRechargeOf(image) : nullptr;
  if (open != nullptr && open->recharge.waits() && !transition.unchanged) open->changed = true;
  return Apply(image, std::move(transition));
}

absl::StatusOr<RechargeImage*> Folder::FindRecharge(absl::string_view account_id, int64_t ordinal) {
  const auto found = image_.recharges.find(RechargeKey(account_id, ordinal));
  if (found != image_.recharges.end()) return &found->second;
  return RechargeNotFound(account_id, ordinal);
}

std::optional<absl::StatusOr<Reply>> Folder::AnswerAgain(absl::string_view account_id,
                                                         const std::string& request_id,
                                                         const std::string& digest) const {
  const auto stored = image_.requests.find(OnceKey(account_id, request_id));
  if (stored == image_.requests.end()) return std::nullopt;
  const RequestRecord& record = stored->second.record;
  const auto recharge = image_.recharges.find(RechargeKey(account_id, record.ordinal));
  if (record.digest == digest && recharge != image_.recharges.end()) {
    return RechargeReply{recharge->second.recharge, /*already_applied=*/true};
  }
  return domain::RequestIdReused(request_id);
}

void Folder::NoteRequest(absl::string_view account_id, const std::string& request_id,
                         const std::string& digest, int64_t ordinal, const Entry* entry) {
  // The key refers to the command's id, as those of loaded requests do.
  RequestImage& once = image_.requests[OnceKey(account_id, request_id)];
  once.record = {std::string(account_id), request_id, digest, 0, 0, ordinal};
  if (entry != nullptr) {
    once.record.seq = entry->seq;
    once.record.month = MonthOfEntry(*entry);
    once.entry = *entry;
  }
  folded_.writes.requests.push_back(once.record);
}

std::string Folder::EarlierNumber(const Recharge& recharge, int32_t attempt) const {
  if (attempt >= recharge.attempt) return "";
  const auto found =
      image_.earlier_numbers.find(AttemptKey(recharge.account_id, recharge.ordinal, attempt));
  return found == image_.earlier_numbers.end() ? "" : found->second;
}

void Folder::Chain(AccountImage& image, Entry* entry) {
  const bool tagged = context_.feature_level >= domain::kTaggedChainLevel;
  entry->chain_form = tagged ? domain::ChainForm::kTagged : domain::ChainForm::kFixed;
  KnownNumberKey* key = nullptr;
  if (NeedsNumberKey(*entry)) {
    const domain::Usage& usage = entry->booked->usage;
    const int32_t year = YearOfNumberKey(usage.start_time);
    key = image.FindNumberKey(usage.user_id, year);
    if (!key->stored) {
      folded_.writes.number_keys.push_back({entry->account_id, usage.user_id, year, key->key});
      key->stored = true;
    }
  }
  KnownAccount& known = *image.known;
  entry->hash = known.head = ChainedHash(known.head, *entry, key == nullptr ? nullptr : &key->key);
}

// --- What to write ------------------------------------------------------------------

void Folder::WriteAccounts() {
  std::vector<AccountImage*> changed;
  changed.reserve(image_.accounts.size());
  for (auto& [account_id, image] : image_.accounts) {
    if (image.balance_changed) changed.push_back(&image);
  }
  std::sort(changed.begin(), changed.end(), [](const AccountImage* one, const AccountImage* other) {
    return one->account().account_id < other->account().account_id;
  });
  WriteSet& writes = folded_.writes;
  writes.balances.reserve(changed.size());
  for (AccountImage* image : changed) {
    KnownAccount& known = *image->known;
    ++known.revision;
    if (image->is_new || image->rest_changed || image->users_changed() || image->holds_changed) {
      ++known.version;
    }
    const Account& account = known.account;
    if (image->is_new) {
      writes.opened.push_back(&account);
    } else if (image->rest_changed) {
      writes.changed.push_back(&account);
    }
    writes.balances.push_back({account.account_id, account.balance, account.last_seq, known.version,
                               known.revision, known.head, known.month, account.held,
                               account.accrued, static_cast<int64_t>(known.holds.size())});
    if (image->users_changed()) WriteUsers(*image);
    if (image->cards_changed) WriteCards(*image);
  }
}

void Folder::WriteUsers(const AccountImage& image) {
  const std::vector<User>& users = image.known->users;
  for (const size_t place : image.changed_users) folded_.writes.users.push_back(&users[place]);
  for (const auto& [place, period] : image.changed_allowances) {
    folded_.writes.allowances.push_back(
        {&users[place],
         {period, users[place].SecondsUsed(period), users[place].SecondsHeld(period)}});
  }
}

void Folder::WriteUsageStates() {
  std::vector<const domain::UsageState*>& states = folded_.writes.usage_states;
  for (const auto& [key, image] : image_.usage_states) {
    if (image.changed) states.push_back(&image.state);
  }
  std::sort(states.begin(), states.end(),
            [](const domain::UsageState* one, const domain::UsageState* other) {
              return std::tie(one->account_id, one->usage_id) <
                     std::tie(other->account_id, other->usage_id);
            });
}

void Folder::WriteHolds() {
  WriteSet& writes = folded_.writes;
  for (const auto& [key, image] : image_.holds) {
    if (!image.changed) continue;
    const domain::Hold& hold = image.hold;
    if (hold.live()) {
      writes.holds.push_back({hold.account_id, hold.slot, &hold});
      continue;
    }
    writes.ended_holds.push_back(&hold);
    // Its place may be another's by now.
    const std::vector<domain::Hold>& live =
        image_.accounts.find(hold.account_id)->second.known->holds;
    const bool taken = absl::c_any_of(
        live, [&hold](const domain::Hold& other) { return other.slot == hold.slot; });
    if (hold.slot != 0 && !taken) writes.holds.push_back({hold.account_id, hold.slot});
  }
  absl::c_sort(writes.holds, [](const HoldRow& one, const HoldRow& other) {
    return std::tie(one.account_id, one.slot) < std::tie(other.account_id, other.slot);
  });
  // Several may have left the same place.
  writes.holds.erase(std::unique(writes.holds.begin(), writes.holds.end(),
                                 [](const HoldRow& one, const HoldRow& other) {
                                   return one.account_id == other.account_id &&
                                          one.slot == other.slot;
                                 }),
                     writes.holds.end());
  absl::c_sort(writes.ended_holds, [](const domain::Hold* one, const domain::Hold* other) {
    return std::tie(one->account_id, one->hold_id) < std::tie(other->account_id, other->hold_id);
  });
}

void Folder::WriteCards(const AccountImage& image) {
  std::vector<PaymentMethodRow>& rows = folded_.writes.payment_methods;
  const Account& account = image.account();
  int32_t position = 0;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    rows.push_back({account.account_id, ++position, &method});
  }
  for (const domain::PaymentMethod& method : image.removed_cards) {
    rows.push_back({account.account_id, 0, &method});
  }
}

void Folder::WriteRecharges() {
  std::vector<const Recharge*>& changed = folded_.writes.recharges;
  for (const auto& [key, image] : image_.recharges) {
    if (image.changed) changed.push_back(&image.recharge);
  }
  std::sort(changed.begin(), changed.end(), [](const Recharge* one, const Recharge* other) {
    return std::tie(one->account_id, one->ordinal) < std::tie(other->account_id, other->ordinal);
  });
  for (const Recharge* recharge : changed) {
    if (recharge->state == domain::RechargeState::kOpen && recharge->lease_owner.empty() &&
        recharge->due_time <= context_.now) {
      folded_.due_recharges.emplace_back(recharge->account_id, recharge->ordinal);
    }
  }
  std::vector<const domain::Dispute*>& disputes = folded_.writes.disputes;
  for (const auto& [key, image] : image_.disputes) {
    if (image.changed) disputes.push_back(&image.dispute);
  }
  std::sort(disputes.begin(), disputes.end(),
            [](const domain::Dispute* one, const domain::Dispute* other) {
              return std::tie(one->account_id, one->dispute_id) <
                     std::tie(other->account_id, other->dispute_id);
            });
}

// --- Commands -----------------------------------------------------------------------

absl::StatusOr<domain::UsageTerms> Folder::TermsOf(const AccountImage& image,
                                                   const domain::Usage& usage) {
  domain::UsageTerms terms;
  terms.emergency = IsForHelp(image, usage);
  if (terms.emergency) return terms;
  if (usage.user_id.empty()) {
    // It might have been for help, but not in this account's country, as it is remembered.
    folded_.must_read |= image.remembered;
    return InvalidField("user_id", "must be set");
  }
  terms.user = UserOf(image, usage.user_id);
  if (terms.user == nullptr) return terms;
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlan(terms.user->plan_id));
  RESERVE_RETURN_IF_ERROR(CheckTimelineKnown(image, *terms.plan, usage));
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
  if (terms.rate == nullptr) {
    terms.deck_in_force =
        catalog_.DeckInForce(image.account().currency, terms.plan->series, usage.start_time);
  }
  return terms;
}

absl::Status Folder::CheckAllowed(AccountImage& image, const domain::UsageTerms& terms,
                                  const domain::Usage& usage) {
  if (terms.user == nullptr) {
    return domain::UserNotFound(image.account().account_id, usage.user_id);
  }
  const domain::Decision decision = domain::AuthorizeAtOnce(image.account(), terms, usage).decision;
  if (decision == domain::Decision::kAllowed) return absl::OkStatus();
  // What was remembered may have moved.
  folded_.must_read |= image.remembered;
  if (!folded_.must_read) {
    ApplyWithOpen(image, domain::AfterRefusal(ContextOf(image), image.account(), decision));
  }
  return domain::UsageNotAllowed(domain::NameOf(decision));
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordUsage& command) {
  const domain::Usage& usage = command.usage;
  if (const Entry* stored = FindBooked(account_id, usage.usage_id); stored != nullptr) {
    return RecordedBefore(image_.accounts.find(account_id)->second, *stored, command);
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckFact(context_, usage));
  const AccountImage& known = image_.accounts.find(account_id)->second;
  if (!known.exists && IsForHelp(known, usage)) {
    ++folded_.unbooked_emergencies;
    UsageReply reply;
    reply.booked = false;
    return reply;
  }
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  if (!image->account().closing.takes_facts() && IsForHelp(*image, usage)) {
    ++folded_.unbooked_emergencies;
    UsageReply reply;
    reply.booked = false;
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckTakesFacts(image->account()));
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  if (command.only_if_allowed && !terms.emergency) {
    RESERVE_RETURN_IF_ERROR(CheckAllowed(*image, terms, usage));
  }
  if (!command.hold_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(std::optional<Transition> in_place,
                             InPlaceOfEstimate(*image, command, terms));
    if (in_place.has_value()) {
      const Entry* entry = ApplyWithOpen(*image, *std::move(in_place));
      SettleNamed(*image, usage.usage_id, command.hold_id);
      return ReplyOf(*entry, image->account().currency);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::RecordUsage(ContextOf(*image), std::move(image->account()),
                                               terms, usage, command.hold_id));
  const Entry* entry = Apply(*image, std::move(transition));
  if (!command.hold_id.empty()) SettleNamed(*image, usage.usage_id, command.hold_id);
  return ReplyOf(*entry, image->account().currency);
}

absl::StatusOr<Reply> Folder::RecordedBefore(AccountImage& image, const Entry& stored,
                                             const RecordUsage& command) {
  const domain::Usage& usage = command.usage;
  const domain::UsageState state = StateOf(image, stored);
  if (IsStandingEstimate(stored, state)) {
    const domain::UsageToVoid estimate{&state, UserOf(image, state.user_id)};
    RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(image, usage));
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::ReplaceEstimate(ContextOf(image), image.account(), estimate, terms, usage));
    const Entry* entry = ApplyWithOpen(image, std::move(transition));
    SettleNamed(image, usage.usage_id, command.hold_id);
    return ReplyOf(*entry, image.account().currency);
  }
  ++folded_.duplicates;
  absl::StatusOr<Reply> repeat = AnswerRepeat(image_, image, stored, usage);
  // What is refused changes nothing (U2): a hold that another usage's CDR names is still its
  // call's.
  if (repeat.ok()) SettleNamed(image, usage.usage_id, command.hold_id);
  return repeat;
}

void Folder::SettleNamed(AccountImage& image, const std::string& usage_id,
                         const std::string& hold_id) {
  const Account& account = image.account();
  Apply(image, domain::SettleHold(ContextOf(image), account, usage_id, hold_id));
  const domain::Hold* ended =
      hold_id.empty() ? nullptr : image_.FindHold(account.account_id, hold_id);
  if (ended == nullptr || !ended->may_return()) return;
  Apply(image, domain::SettleEndedHold(ContextOf(image), account, domain::Hold(*ended)));
}

absl::StatusOr<std::optional<Transition>> Folder::InPlaceOfEstimate(
    const AccountImage& image, const RecordUsage& command, const domain::UsageTerms& terms) {
  const std::string& account_id = image.account().account_id;
  const domain::Hold* named = image_.FindHold(account_id, command.hold_id);
  if (named == nullptr || named->state != domain::HoldState::kEstimated) return std::nullopt;
  const Entry* stored = FindBooked(account_id, named->usage_id);
  if (stored == nullptr) return std::nullopt;
  const domain::UsageState state = StateOf(image, *stored);
  if (!IsStandingEstimate(*stored, state)) return std::nullopt;
  const domain::UsageToVoid estimate{&state, UserOf(image, state.user_id)};
  return domain::ReplaceEstimate(ContextOf(image), image.account(), estimate, terms, command.usage);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const VoidUsage& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr && !command.allow_missing) {
    return domain::UsageNotFound(account_id, command.usage_id);
  }
  std::optional<domain::UsageState> state;
  domain::UsageToVoid old;
  if (stored != nullptr) {
    old.state = &state.emplace(StateOf(*image, *stored));
    old.user = UserOf(*image, state->user_id);
    if (state->status == domain::UsageStatus::kVoided) {
      return ReplyOfVoid(image->account(), *state);
    }
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::VoidUsage(ContextOf(*image), image->account(), command.usage_id, old, command.by));
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  return ReplyOfVoid(image->account(), *entry, old.state);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CorrectUsage& command) {
  const domain::Usage& usage = command.usage;
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  std::optional<domain::UsageState> state;
  domain::UsageToVoid old;
  if (const Entry* stored = FindBooked(account_id, command.correction.usage_id)) {
    old.state = &state.emplace(StateOf(*image, *stored));
    old.estimated = IsStandingEstimate(*stored, *state);
    old.user = UserOf(*image, state->user_id);
  }
  if (const Entry* stored = FindBooked(account_id, usage.usage_id); stored != nullptr) {
    return CorrectedBefore(*image, *stored, command, old);
  }
  if (!image->account().closing.takes_facts() && IsForHelp(*image, usage)) {
    ++folded_.unbooked_emergencies;  // and refused: the old usage stays as it is
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckTakesFacts(image->account()));
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  RESERVE_ASSIGN_OR_RETURN(Transition transition,
                           domain::CorrectUsage(ContextOf(*image), image->account(),
                                                command.correction, old, terms, usage, command.by));
  const bool voids = transition.entries.front().kind == domain::EntryKind::kVoid;
  const size_t before = folded_.writes.entries.size();
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  CorrectionReply reply{ReplyOf(*entry, image->account().currency), std::nullopt};
  if (voids) {
    reply.voided = ReplyOfVoid(image->account(), folded_.writes.entries[before], old.state);
    reply.voided->corrected_by = usage.usage_id;
  }
  return reply;
}

absl::StatusOr<Reply> Folder::CorrectedBefore(AccountImage& image, const Entry& stored,
                                              const CorrectUsage& command,
                                              const domain::UsageToVoid& old) {
  RESERVE_ASSIGN_OR_RETURN(UsageReply usage, AnswerRepeat(image_, image, stored, command.usage));
  ++folded_.duplicates;
  CorrectionReply reply{std::move(usage), std::nullopt};
  const std::string& corrected_by = command.usage.usage_id;
  const bool was_voided = old.state != nullptr && old.state->status == domain::UsageStatus::kVoided;
  if (was_voided) {
    if (old.state->corrected_by == corrected_by) {
      reply.voided = ReplyOfVoid(image.account(), *old.state);
    }
    ApplyWithOpen(image,
                  domain::NoteCorrectedBy(ContextOf(image), image.account(), old, corrected_by));
  } else {
    // The new usage was booked by itself: what it corrects is still to be taken back.
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::VoidUsage(ContextOf(image), image.account(), command.correction.usage_id, old,
                          command.by, corrected_by));
    const Entry* entry = ApplyWithOpen(image, std::move(transition));
    reply.voided = ReplyOfVoid(image.account(), *entry, old.state);
    reply.voided->corrected_by = corrected_by;
  }
  SettleNamed(image, corrected_by, command.correction.hold_id);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RateUnrated& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr) return domain::UsageNotFound(account_id, command.usage_id);
  const domain::UsageState state = StateOf(*image, *stored);
  if (state.status == domain::UsageStatus::kUnrated) {
    const domain::Usage& usage = stored->booked->usage;
    RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
    RESERVE_ASSIGN_OR_RETURN(
        Transition transition,
        domain::RateUnrated(ContextOf(*image), image->account(), state, terms, usage));
    ApplyWithOpen(*image, std::move(transition));
  }
  const domain::UsageState after = StateOf(*image, *stored);
  UsageReply reply = ReplyOfBooked(*stored, after, image->account().currency);
  reply.duplicate = after.status == state.status;
  return reply;
}

absl::StatusOr<domain::UsageTerms> Folder::TermsAgain(const AccountImage& image,
                                                      const Entry& stored,
                                                      const domain::UsageState& state,
                                                      const RerateUsage& command) {
  const domain::Usage& usage = stored.booked->usage;
  domain::UsageTerms terms;
  terms.emergency =
      stored.booked->rating.basis == domain::ChargeBasis::kEmergency || IsForHelp(image, usage);
  if (terms.emergency) return terms;
  terms.user = UserOf(image, usage.user_id);
  if (terms.user == nullptr) return terms;
  // The plan that it was rated on stays the one that applied then.
  const bool has_plan = state.status == domain::UsageStatus::kRated && !state.plan_id.empty();
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlan(has_plan ? state.plan_id : terms.user->plan_id));
  const int64_t deck_version =
      command.prices == PricesBy::kOwnDeck ? state.deck_version : command.deck_version;
  if (command.prices == PricesBy::kTimeline || deck_version == 0) {
    RESERVE_RETURN_IF_ERROR(CheckTimelineKnown(image, *terms.plan, usage));
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
  } else {
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRateIn(deck_version, image, usage));
  }
  return terms;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RerateUsage& command) {
  if (context_.now > command.not_after) return domain::ReratingMovedOn();
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const Entry* stored = FindBooked(account_id, command.usage_id);
  if (stored == nullptr || !stored->booked.has_value()) {
    return domain::UsageNotFound(account_id, command.usage_id);
  }
  const domain::Usage& usage = stored->booked->usage;
  const domain::UsageState before = StateOf(*image, *stored);
  RerateReply reply;
  reply.account_id = std::string(account_id);
  reply.usage = usage;
  reply.was_unrated = before.status == domain::UsageStatus::kUnrated;
  const int64_t number = command.rerating.number;
  if (command.seq != 0 && command.seq != domain::TurnOf(before, number)) {
    reply.outcome = domain::Rerated::kElsewhere;
    return reply;
  }
  if (domain::IsErasedNumber(usage.destination)) return reply;  // no price can be found any more
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms,
                           TermsAgain(*image, *stored, before, command));
  RESERVE_ASSIGN_OR_RETURN(domain::ReratedUsage rerated,
                           domain::RateAgain(ContextOf(*image), image->account(), before, terms,
                                             usage, command.rerating));
  reply.outcome = rerated.outcome;
  ApplyWithOpen(*image, std::move(rerated.transition));
  const domain::UsageState after = StateOf(*image, *stored);
  const bool by_this = rerated.outcome == domain::Rerated::kDoneBefore && before.rerating == number;
  reply.cost_before = by_this ? before.previous_cost : before.net_cost();
  reply.cost = after.net_cost();
  reply.free_seconds_before = before.free_seconds;
  reply.free_seconds = after.free_seconds;
  reply.deck_version_before = before.deck_version;
  reply.deck_version = after.deck_version;
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const AuthorizeUsage& command) {
  if (IsForHelp(image_.accounts.find(account_id)->second, command.usage)) {
    AuthorizeReply reply;
    reply.authorization = domain::AllowEmergency();
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckStartTime(context_, command.usage.start_time));
  RESERVE_ASSIGN_OR_RETURN(const AccountImage* image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const User* user, FindUser(*image, command.usage.user_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, FindPlan(user->plan_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Rate* rate, FindRate(*image, *plan, command.usage));
  return AuthorizeReplyOf(
      *image, *plan, command.usage, rate,
      domain::AuthorizeUsage(context_, image->account(), *user, *plan, command.usage, rate));
}

AuthorizeReply Folder::AuthorizeReplyOf(const AccountImage& image, const domain::Plan& plan,
                                        const domain::Usage& usage, const domain::Rate* rate,
                                        const domain::Authorization& authorization) const {
  AuthorizeReply reply;
  reply.authorization = authorization;
  reply.currency = image.account().currency;
  reply.deck_missing =
      rate == nullptr && !catalog_.DeckInForce(reply.currency, plan.series, usage.start_time);
  if (rate != nullptr) {
    reply.price = rate->price;
    reply.standard_rate = rate->standard_rate;
    reply.prefix = rate->prefix;
  }
  return reply;
}

// --- Calls in progress ----------------------------------------------------------------

absl::StatusOr<domain::UsageTerms> Folder::TermsOf(const AccountImage& image,
                                                   const domain::Hold& hold,
                                                   const domain::HoldExtension& extension) {
  domain::Usage usage = UsageOf(hold);
  domain::UsageTerms terms;
  RESERVE_ASSIGN_OR_RETURN(terms.user, FindUser(image, hold.user_id));
  if (TellsOfAnswer(hold, extension)) {
    usage.start_time = PriceTimeAfter(context_, hold, extension);
    RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlan(terms.user->plan_id));
    RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(image, *terms.plan, usage));
    // One that came to be blocked goes on at the price that it has.
    if (terms.rate != nullptr && terms.rate->unpriced) terms.rate = nullptr;
    if (terms.rate != nullptr || hold.deck_version == 0) return terms;
  }
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlan(hold.plan_id));
  if (hold.deck_version == 0) return terms;
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRateIn(hold.deck_version, image, usage));
  return terms;
}

absl::StatusOr<const domain::Hold*> Folder::FindHold(const AccountImage& image,
                                                     const std::string& hold_id) {
  const std::string& account_id = image.account().account_id;
  if (const domain::Hold* hold = image_.FindHold(account_id, hold_id)) return hold;
  folded_.must_read |= image.remembered;
  return domain::HoldNotFound(account_id, hold_id);
}

HoldReply Folder::ApplyToHold(AccountImage& image, const std::string& hold_id,
                              Transition&& transition) {
  // What is answered and not written may have moved.
  folded_.must_read |= transition.unchanged && image.remembered;
  ApplyWithOpen(image, std::move(transition));
  HoldReply reply;
  reply.hold = *image_.FindHold(image.account().account_id, hold_id);
  reply.currency = image.account().currency;
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CreateHold& command) {
  const domain::HoldRequest& request = command.request;
  const domain::Usage& call = request.call;
  if (IsForHelp(image_.accounts.find(account_id)->second, call)) {
    HoldReply reply;
    reply.authorize.authorization = domain::AllowEmergency();
    return reply;
  }
  RESERVE_RETURN_IF_ERROR(domain::CheckStartTime(context_, call.start_time));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  domain::UsageTerms terms;
  RESERVE_ASSIGN_OR_RETURN(terms.user, FindUser(*image, call.user_id));
  RESERVE_ASSIGN_OR_RETURN(terms.plan, FindPlan(terms.user->plan_id));
  RESERVE_ASSIGN_OR_RETURN(terms.rate, FindRate(*image, *terms.plan, call));
  if (const domain::Hold* known = image_.FindHold(account_id, request.hold_id)) {
    if (!SameHold(*known, request)) return domain::HoldIdReused(*known);
    const domain::Authorization before =
        domain::AuthorizeBeside(image->account(), terms, call, *known);
    HoldReply repeat = ApplyToHold(
        *image, request.hold_id,
        WasBookedSince(*known)
            ? domain::SettleEndedHold(ContextOf(*image), image->account(), domain::Hold(*known))
            : domain::Unchanged(image->account()));
    repeat.authorize = AuthorizeReplyOf(*image, *terms.plan, call, terms.rate, before);
    return repeat;
  }
  if (const Entry* booked = FindBooked(account_id, call.usage_id)) {
    return domain::UsageBooked(call.usage_id, booked->seq);
  }
  if (const domain::Hold* other = domain::HoldOf(&image->known->holds, call.usage_id, "")) {
    return domain::UsageHeld(*other);
  }
  RESERVE_ASSIGN_OR_RETURN(domain::HeldCall held,
                           domain::CreateHold(ContextOf(*image), image->account(), terms, request));
  HoldReply reply;
  const bool allowed = held.authorization.decision == domain::Decision::kAllowed;
  folded_.must_read |= !allowed && image->remembered;
  if (folded_.must_read) return reply;
  if (allowed) {
    reply = ApplyToHold(*image, request.hold_id, std::move(held.transition));
  } else {
    ApplyWithOpen(*image, std::move(held.transition));
  }
  reply.authorize = AuthorizeReplyOf(*image, *terms.plan, call, terms.rate, held.authorization);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ExtendHold& command) {
  // What can't be is refused before anything is looked at.
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(context_.settings, command.extension.used, "used"));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* hold, FindHold(*image, command.hold_id));
  if (WasBookedSince(*hold)) {
    return ApplyToHold(*image, command.hold_id,
                       domain::SettleEndedHold(ContextOf(*image), image->account(), *hold));
  }
  if (hold->may_return()) {
    // Another hold was made for the same call meanwhile: that one is its call's.
    const domain::Hold* other = domain::HoldOf(&image->known->holds, hold->usage_id, "");
    if (other != nullptr) return domain::UsageHeld(*other);
  }
  const domain::HoldExtension& extension = command.extension;
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, *hold, extension));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ExtendHold(ContextOf(*image), image->account(), *hold, terms, extension));
  return ApplyToHold(*image, command.hold_id, std::move(transition));
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReleaseHold& command) {
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(context_.settings, command.used, "used"));
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* found, FindHold(*image, command.hold_id));
  const domain::Hold before = *found;
  if (WasBookedSince(before)) {
    return ApplyToHold(*image, command.hold_id,
                       domain::SettleEndedHold(ContextOf(*image), image->account(), before));
  }
  if (command.before_incarnation != 0 && before.incarnation >= command.before_incarnation) {
    return ApplyToHold(*image, command.hold_id, domain::Unchanged(image->account()));
  }
  const domain::HoldExtension report{before.extension, command.used, command.answer_time};
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, before, report));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ReleaseHold(ContextOf(*image), image->account(), before, terms, report));
  HoldReply reply = ApplyToHold(*image, command.hold_id, std::move(transition));
  reply.unsettled_now = before.open() && reply.hold->live();
  reply.released_now = before.open() && !reply.hold->live();
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const EndHold& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const domain::Hold* found, FindHold(*image, command.hold_id));
  const domain::Hold hold = *found;
  HoldReply reply;
  reply.hold = hold;
  reply.currency = image->account().currency;
  if (!hold.live()) return reply;  // another ledger was faster
  if (hold.open()) {
    reply = ApplyToHold(*image, command.hold_id,
                        domain::ExpireHold(ContextOf(*image), image->account(), hold));
    reply.expired_now = !reply.hold->open();
    return reply;
  }
  const domain::Usage usage = UsageOf(hold);
  // What was told since it was found is looked at next time.
  if (usage.start_time != command.usage.start_time) return reply;
  RESERVE_ASSIGN_OR_RETURN(const domain::UsageTerms terms, TermsOf(*image, usage));
  const bool id_is_taken = FindBooked(account_id, usage.usage_id) != nullptr;
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::EstimateUsage(ContextOf(*image), image->account(), hold, terms, id_is_taken));
  reply = ApplyToHold(*image, command.hold_id, std::move(transition));
  reply.estimated_now = reply.hold->state == domain::HoldState::kEstimated;
  return reply;
}

// --- Accounts -------------------------------------------------------------------------

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const OpenAccount& command) {
  AccountImage& image = image_.accounts.find(account_id)->second;
  if (image.exists) {
    if (image.account().opening_digest == command.digest) {
      RESERVE_RETURN_IF_ERROR(domain::CheckNotClosing(image.account()));
      return image.account();
    }
    return AccountExists(account_id);
  }
  absl::StatusOr<const domain::Plan*> plan = FindPlan(command.plan_id);
  if (!plan.ok()) return WithFieldPrefix(plan.status(), "default_");
  domain::OpenAccountCommand open;
  open.account_id = std::string(account_id);
  open.currency = command.currency;
  open.deck_in_force = catalog_.DeckInForce(command.currency, (*plan)->series, context_.now);
  open.country = command.country;
  open.calendar = command.calendar;
  // One that was imported just now may be missing in this catalog only.
  folded_.missed_rate |= !open.deck_in_force;
  open.card = command.card;
  open.reserve_amount = command.reserve_amount;
  open.recharge_threshold = command.recharge_threshold;
  open.default_plan = **plan;
  open.expected_monthly_spend = command.expected_monthly_spend;
  open.digest = command.digest;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, domain::OpenAccount(context_, open));
  Apply(image, std::move(transition));
  image.is_new = true;
  image.closing_known = true;  // all that there is of it is here
  return image.account();
}

absl::StatusOr<Reply> Folder::ChangeOnce(
    absl::string_view account_id, const std::string& request_id, const std::string& digest,
    absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> change) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  if (!request_id.empty()) {
    const auto stored = image_.requests.find(OnceKey(account_id, request_id));
    if (stored != image_.requests.end()) {
      if (stored->second.record.digest != digest) return domain::RequestIdReused(request_id);
      return image->account();
    }
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition, change(ContextOf(*image), image->account()));
  ApplyWithOpen(*image, std::move(transition));
  if (!request_id.empty()) {
    NoteRequest(account_id, request_id, digest, /*ordinal=*/0);
    image->balance_changed = true;
  }
  return image->account();
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const UpdateBillingSettings& command) {
  const domain::BillingChange& change = command.change;
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        RESERVE_RETURN_IF_ERROR(CheckCurrency(account, command.currency,
                                              change.reserve_amount.has_value() ? "reserve_amount"
                                              : change.recharge_threshold.has_value()
                                                  ? "recharge_threshold"
                                              : change.monthly_cap.has_value() ? "monthly_cap"
                                                                               : "notify_below"));
        RESERVE_ASSIGN_OR_RETURN(Transition transition,
                                 domain::UpdateBillingSettings(context, account, change));
        // Settings that are in force already change nothing: so the repeat of a request after its
        // reply was lost is no other than the request.
        const std::string etag = EtagOf(account);
        if (!command.etag.empty() && command.etag != etag && EtagOf(transition.account) != etag) {
          return domain::EtagMismatch("etag");
        }
        return transition;
      });
}

namespace {

// Does the card, as it is now, have another etag than the one that a request rests on?
bool IsStale(const Account& account, const std::string& payment_method_id,
             const std::string& etag) {
  if (etag.empty()) return false;
  int32_t position = 0;
  for (const domain::PaymentMethod& method : account.payment_methods) {
    ++position;
    if (method.payment_method_id == payment_method_id) return EtagOf(method, position) != etag;
  }
  return false;  // what is said of a card that is not there is said elsewhere
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const UpdateAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  const auto stored = image_.requests.find(OnceKey(account_id, command.request_id));
  if (!command.request_id.empty() && stored != image_.requests.end()) {
    if (stored->second.record.digest != digest) return domain::RequestIdReused(command.request_id);
    return image->account();
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::UpdateAccount(ContextOf(*image), image->account(), command.change));
  // As with settings, what is so already is no other than the request.
  const std::string etag = EtagOfAccount(image->account());
  if (!command.etag.empty() && command.etag != etag && EtagOfAccount(transition.account) != etag) {
    return domain::EtagMismatch("account.etag");
  }
  ApplyWithOpen(*image, std::move(transition));
  if (!command.request_id.empty()) {
    // Also of one that changes nothing: it must not be applied after another change.
    NoteRequest(account_id, command.request_id, digest, /*ordinal=*/0);
    image->balance_changed = true;
  }
  return image->account();
}

absl::StatusOr<Reply> Folder::GiveOnce(
    absl::string_view account_id, const std::string& request_id, const std::string& digest,
    absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> give,
    absl::FunctionRef<const domain::PaymentMethod*(const Account&)> find) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const OnceKey key(account_id, request_id);
  const auto stored = image_.requests.find(key);
  if (!request_id.empty() && stored != image_.requests.end()) {
    const RequestRecord& record = stored->second.record;
    if (record.digest != digest) return domain::RequestIdReused(request_id);
    const std::string id = domain::PaymentMethodId(static_cast<int32_t>(record.ordinal));
    const domain::PaymentMethod* method = domain::FindCard(image->account(), id);
    if (method != nullptr) return ReplyOf(image->account(), *method);
    domain::PaymentMethod removed;
    removed.payment_method_id = id;
    removed.state = domain::CardState::kRemoved;
    return PaymentMethodReply{removed, 0};
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition, give(ContextOf(*image), image->account()));
  ApplyWithOpen(*image, std::move(transition));
  const domain::PaymentMethod& method = *find(image->account());
  if (!request_id.empty()) {
    NoteRequest(account_id, request_id, digest, domain::NumberOf(method.payment_method_id));
  }
  return ReplyOf(image->account(), method);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const AddPaymentMethod& command) {
  const domain::GivenCard& given = command.given;
  return GiveOnce(
      account_id, command.request_id, DigestOf("add card", "", given),
      [&](const domain::Context& context, const Account& account) {
        return domain::AddPaymentMethod(context, account, given);
      },
      [&](const Account& account) { return domain::FindCardWith(account, given.card.token); });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const UpdatePaymentMethod& command) {
  const domain::GivenCard& given = command.given;
  const std::string& id = command.payment_method_id;
  return GiveOnce(
      account_id, command.request_id, DigestOf("update card", id, given),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        if (IsStale(account, id, command.etag)) {
          return domain::EtagMismatch("payment_method.etag");
        }
        return domain::UpdatePaymentMethod(context, account, id, given);
      },
      [&](const Account& account) {
        return id.empty() ? domain::FindCardWith(account, given.card.token)
                          : domain::FindCard(account, id);
      });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const RemovePaymentMethod& command) {
  const std::string& id = command.payment_method_id;
  return ChangeOnce(
      account_id, command.request_id, DigestOf(command),
      [&](const domain::Context& context, const Account& account) -> absl::StatusOr<Transition> {
        if (IsStale(account, id, command.etag)) return domain::EtagMismatch("etag");
        return domain::RemovePaymentMethod(context, account, id);
      });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const PutUser& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const User* stored = UserOf(*image, command.user_id);
  std::string plan_id = command.plan_id;
  if (plan_id.empty())
    plan_id = stored != nullptr ? stored->plan_id : image->account().default_plan_id;
  RESERVE_ASSIGN_OR_RETURN(const domain::Plan* plan, FindPlan(plan_id));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::PutUser(ContextOf(*image), image->account(), stored, command.user_id, *plan));
  if (stored == nullptr) folded_.with_new_users.emplace_back(account_id);
  ApplyWithOpen(*image, std::move(transition));
  return UserReply{*UserOf(*image, command.user_id), *plan, image->account().calendar};
}

absl::StatusOr<Reply> Folder::BookOnce(
    AccountImage& image, absl::string_view account_id, const std::string& request_id,
    const std::string& digest, bool validate_only,
    absl::FunctionRef<absl::StatusOr<Transition>(const domain::Context&, const Account&)> book) {
  const std::string currency = image.account().currency;
  const auto stored = image_.requests.find(OnceKey(account_id, request_id));
  if (stored != image_.requests.end()) {
    if (stored->second.record.digest == digest && stored->second.entry.has_value()) {
      return EntryReply{*stored->second.entry, currency};
    }
    return domain::RequestIdReused(request_id);
  }
  RESERVE_ASSIGN_OR_RETURN(Transition transition, book(ContextOf(image), image.account()));
  if (validate_only) return EntryReply{transition.entries.front(), currency};
  const Entry* entry = ApplyWithOpen(image, std::move(transition));
  NoteRequest(account_id, request_id, digest, /*ordinal=*/0, entry);
  return EntryReply{*entry, currency};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const AdjustBalance& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  return BookOnce(*image, account_id, command.request_id, DigestOf(command), command.validate_only,
                  [&command](const domain::Context& context, const Account& account) {
                    return domain::AdjustBalance(context, account, command.request_id,
                                                 command.amount, command.by);
                  });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const GrantCredit& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  return BookOnce(*image, account_id, command.request.request_id, DigestOf(command),
                  command.validate_only,
                  [&command](const domain::Context& context, const Account& account) {
                    return domain::GrantCredit(context, account, command.request);
                  });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RequestRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  const domain::Context context = ContextOf(*image);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RequestRecharge(context, image->account(), command.request_id, command.amount));
  // The last, as it may take the place of another.
  const Recharge recharge = transition.recharges.back();
  const bool more_follows = domain::MoreFollows(context, transition.account, recharge);
  if (command.validate_only) return RechargeReply{recharge, false, more_follows};
  ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, command.request_id, digest, recharge.ordinal);
  return RechargeReply{recharge, /*already_applied=*/false, more_follows};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const BlockAccount& command) {
  return ChangeOnce(account_id, command.request_id, DigestOf("block", command.by),
                    [&command](const domain::Context& context, const Account& account) {
                      return domain::BlockAccount(context, account, command.by);
                    });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const UnblockAccount& command) {
  return ChangeOnce(account_id, command.request_id, DigestOf("unblock", command.by),
                    [&command](const domain::Context& context, const Account& account) {
                      return domain::UnblockAccount(context, account, command.by);
                    });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const LiftSuspension& command) {
  return ChangeOnce(account_id, command.request_id, DigestOf(command),
                    [&command](const domain::Context& context, const Account& account) {
                      return domain::LiftSuspension(context, account, command.card, command.by);
                    });
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RefundRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::RefundRequest& request = command.request;
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, request.request_id, digest)) return *repeat;
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge, FindRecharge(account_id, command.ordinal));
  if (const int64_t credited_as = charge->recharge.credited_as; credited_as != 0) {
    RESERVE_ASSIGN_OR_RETURN(charge, FindRecharge(account_id, credited_as));
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RefundRecharge(ContextOf(*image), image->account(), charge->recharge, request));
  const Recharge refund = transition.recharges.front();
  if (command.validate_only) return RechargeReply{refund};
  ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, request.request_id, digest, refund.ordinal);
  return RechargeReply{refund};
}

PaymentReply Folder::PaymentReplyOf(const RecordPayment& command, const Recharge& credited,
                                    const Entry* entry) const {
  const std::string& request_id = command.request.request_id;
  PaymentReply reply;
  reply.credited = credited;
  if (entry != nullptr) reply.entry = *entry;
  reply.already_credited = !credited.is_payment() || credited.request_id != request_id;
  reply.same_reference =
      PaymentsBefore(image_, credited.account_id, command.request.by.reference, credited.ordinal);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordPayment& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::PaymentRequest& request = command.request;
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, request.request_id, digest)) {
    RESERVE_RETURN_IF_ERROR(repeat->status());
    const RequestImage& stored = image_.requests.at(OnceKey(account_id, request.request_id));
    return PaymentReplyOf(command, std::get<RechargeReply>(**repeat).recharge,
                          stored.entry.has_value() ? &*stored.entry : nullptr);
  }
  const Recharge* credited = CreditedFor(image_, account_id, request.charge_id);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RecordPayment(ContextOf(*image), image->account(), credited, request));
  if (credited != nullptr) {
    const auto credit = image_.credits.find(RechargeKey(account_id, credited->ordinal));
    const Entry* entry = credit == image_.credits.end() ? nullptr : &credit->second;
    if (!command.validate_only) {
      // The same is answered to a repeat, also once that payment is reversed.
      NoteRequest(account_id, request.request_id, digest, credited->ordinal, entry);
      image->balance_changed = true;
    }
    return PaymentReplyOf(command, *credited, entry);
  }
  const Recharge payment = transition.recharges.front();
  if (command.validate_only) return PaymentReplyOf(command, payment, &transition.entries.front());
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, request.request_id, digest, payment.ordinal, entry);
  RESERVE_RETURN_IF_ERROR(ApplyKept(*image, payment.ordinal));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* booked, FindRecharge(account_id, payment.ordinal));
  return PaymentReplyOf(command, booked->recharge, entry);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReversePayment& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  const auto found = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (found == image_.recharges.end() || !found->second.recharge.is_payment()) {
    return domain::PaymentNotFound(account_id, command.ordinal);
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ReversePayment(ContextOf(*image), image->account(), found->second.recharge,
                             command.request_id, command.by));
  const Recharge reversed = transition.recharges.front();
  if (command.validate_only) return RechargeReply{reversed};
  const Entry* entry = ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, command.request_id, digest, reversed.ordinal, entry);
  return RechargeReply{reversed};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const ReportGatewayRefund& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::GatewayRefund& told = command.told;
  const Recharge* charge = RowOfCharge(image_, account_id, command.ordinal, told.charge_id);
  if (charge == nullptr) return domain::ChargeNotFound(told.charge_id);
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  if (const Recharge* other =
          RefundOfAnotherCharge(image_, account_id, told.refund_id, told.charge_id)) {
    return domain::RefundIdReused(*other);
  }
  const Recharge* known = domain::FindTold(RefundsOf(image_, account_id, told.charge_id),
                                           told.refund_id, command.refund_ordinal);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ApplyGatewayRefund(ContextOf(*image), image->account(), *charge, known, told));
  const bool already_applied = transition.unchanged;
  const int64_t charged = charge->ordinal;
  const int64_t ordinal = known != nullptr ? known->ordinal : transition.recharges.front().ordinal;
  ApplyWithOpen(*image, std::move(transition));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* now, FindRecharge(account_id, charged));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* refund, FindRecharge(account_id, ordinal));
  return RechargeReply{refund->recharge, already_applied, /*more_follows=*/false,
                       now->recharge.keeps};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const ReportGatewayDispute& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::GatewayDispute& told = command.told;
  const Recharge* found = RowOfCharge(image_, account_id, command.ordinal, told.charge_id);
  if (found == nullptr) return domain::ChargeNotFound(told.charge_id);
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::pair<std::string, std::string> key(account_id, told.dispute_id);
  const auto known = image_.disputes.find(key);
  if (known != image_.disputes.end() && known->second.dispute.charge_id != told.charge_id) {
    return domain::DisputeIdReused(known->second.dispute);
  }
  Recharge charge = *found;
  const auto named = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (charge.is_payment() && named != image_.recharges.end()) {
    // Booked as a payment before the recharge was reported, whose card was charged.
    charge.card.fingerprint = named->second.recharge.card.fingerprint;
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ApplyGatewayDispute(ContextOf(*image), image->account(), charge,
                                  known == image_.disputes.end() ? nullptr : &known->second.dispute,
                                  RefundsOf(image_, account_id, told.charge_id), told));
  ApplyWithOpen(*image, std::move(transition));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* now, FindRecharge(account_id, charge.ordinal));
  return DisputeReply{image_.disputes.find(key)->second.dispute, image->account().currency,
                      now->recharge.keeps};
}

absl::StatusOr<Transition> Folder::Resolved(const AccountImage& image, const Recharge& recharge,
                                            const ResolveReview& command) {
  const std::string& account_id = image.account().account_id;
  const domain::ReviewOutcome& outcome = command.outcome;
  if (outcome.dismissed) {
    return domain::DismissKept(ContextOf(image), image.account(), recharge, command.by);
  }
  if (!recharge.is_refund()) {
    return domain::ResolveReview(ContextOf(image), image.account(), recharge,
                                 CreditedFor(image_, account_id, outcome.charge_id), outcome,
                                 command.by);
  }
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge,
                           FindRecharge(account_id, recharge.refund_of));
  std::optional<std::string> refund_id;
  if (outcome.charged) refund_id = outcome.charge_id;
  return domain::ResolveRefund(ContextOf(image), image.account(), recharge, charge->recharge,
                               refund_id, command.by);
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ResolveReview& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  if (!command.request_id.empty()) {
    if (const auto repeat = AnswerAgain(account_id, command.request_id, digest)) return *repeat;
  }
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "charged.amount"));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* found, FindRecharge(account_id, command.ordinal));
  const Recharge before = found->recharge;
  RESERVE_ASSIGN_OR_RETURN(Transition transition, Resolved(*image, before, command));
  if (command.validate_only) {
    const auto resolved = absl::c_find_if(transition.recharges, [&](const Recharge& changed) {
      return changed.ordinal == command.ordinal;
    });
    return RechargeReply{transition.unchanged ? before : *resolved, transition.unchanged};
  }
  RESERVE_ASSIGN_OR_RETURN(Reply reply,
                           ApplyOutcome(*image, command.ordinal, std::move(transition)));
  if (!command.request_id.empty()) {
    NoteRequest(account_id, command.request_id, digest, command.ordinal);
    image->balance_changed = true;
  }
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const ReportRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* found, FindRecharge(account_id, command.ordinal));
  const Recharge& recharge = found->recharge;
  if (recharge.is_payment()) return RechargeNotFound(account_id, command.ordinal);
  if (command.of_refund.value_or(recharge.is_refund()) != recharge.is_refund()) {
    return InvalidField(
        "outcome", recharge.is_refund() ? "must be one of a refund" : "must be one of a recharge");
  }
  if (!recharge.is_refund()) {
    const domain::ChargeOutcome& outcome = command.outcome;
    const Recharge* credited = outcome.kind == domain::ChargeOutcome::Kind::kSucceeded
                                   ? CreditedFor(image_, account_id, outcome.charge_id)
                                   : nullptr;
    return ApplyOutcome(
        *image, command.ordinal,
        domain::ReportRecharge(ContextOf(*image), image->account(), recharge, credited, outcome,
                               EarlierNumber(recharge, outcome.attempt)));
  }
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge,
                           FindRecharge(account_id, recharge.refund_of));
  return ApplyOutcome(*image, command.ordinal,
                      domain::ReportRefund(ContextOf(*image), image->account(), recharge,
                                           charge->recharge, command.outcome));
}

absl::Status Folder::ApplyKept(AccountImage& image, int64_t ordinal) {
  const std::string account_id = image.account().account_id;
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* settled, FindRecharge(account_id, ordinal));
  const Recharge& charge = settled->recharge;
  if (!charge.holds_credit()) return absl::OkStatus();
  const std::vector<const Recharge*> refunds = RefundsOf(image_, account_id, charge.charge_id);
  const std::vector<const domain::Dispute*> disputes =
      DisputesOf(image_, account_id, charge.charge_id);
  if (!charge.keeps && refunds.empty() && disputes.empty()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(Transition kept, domain::ApplyKept(ContextOf(image), image.account(),
                                                              charge, refunds, disputes));
  ApplyWithOpen(image, std::move(kept));
  return absl::OkStatus();
}

absl::StatusOr<Reply> Folder::ApplyOutcome(AccountImage& image, int64_t ordinal,
                                           absl::StatusOr<Transition> transition) {
  RESERVE_RETURN_IF_ERROR(transition.status());
  const bool already_applied = transition->unchanged;
  const std::string account_id = image.account().account_id;
  ApplyWithOpen(image, *std::move(transition));
  if (!already_applied) RESERVE_RETURN_IF_ERROR(ApplyKept(image, ordinal));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* settled, FindRecharge(account_id, ordinal));
  return RechargeReply{settled->recharge, already_applied};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const DeferRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const auto found = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (found == image_.recharges.end()) return image->account();
  ApplyWithOpen(*image,
                domain::DeferRecharge(ContextOf(*image), image->account(), found->second.recharge));
  return image->account();
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const Reconsider&) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  ApplyWithOpen(*image, domain::Reconsider(ContextOf(*image), image->account()));
  MoveClosingOn(*image);  // so that the answer is that of a repeat
  return image->account();
}

void Folder::MoveClosingOn(AccountImage& image) {
  ApplyWithOpen(image, domain::MoveClosingOn(ContextOf(image), image.account()));
}

ClosingReply Folder::ClosingReplyOf(const AccountImage& image, const Account& account,
                                    absl::Span<const std::string> waived) {
  const domain::Context context = ContextOf(image);
  std::vector<std::string>& unrated = closing_rows_.unrated;
  unrated.erase(std::remove_if(unrated.begin(), unrated.end(),
                               [&](const std::string& usage_id) {
                                 return absl::c_linear_search(waived, usage_id);
                               }),
                unrated.end());
  return {account, domain::ClosingStepsOf(context, account)};
}

absl::StatusOr<std::vector<domain::UsageState>> Folder::FindWaived(
    const AccountImage& image, const CloseAccount& command) const {
  std::vector<domain::UsageState> states;
  for (const std::string& usage_id : command.waived) {
    const Entry* stored = FindBooked(image.account().account_id, usage_id);
    if (stored == nullptr) return domain::UsageNotFound(image.account().account_id, usage_id);
    states.push_back(StateOf(image, *stored));
  }
  return states;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const CloseAccount& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const std::string digest = DigestOf(command);
  const auto stored = image_.requests.find(OnceKey(account_id, command.request_id));
  if (stored != image_.requests.end()) {
    if (stored->second.record.digest != digest) return domain::RequestIdReused(command.request_id);
    MoveClosingOn(*image);
    return ClosingReplyOf(*image, image->account());
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> waived,
                           FindWaived(*image, command));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::CloseAccount(ContextOf(*image), image->account(), command.waived, command.by));
  if (command.validate_only) {
    return ClosingReplyOf(*image, transition.account, command.waived);
  }
  ApplyWithOpen(*image, std::move(transition));
  for (const domain::UsageState& state : waived) {
    if (state.status != domain::UsageStatus::kUnrated) continue;
    const domain::UsageToVoid old{&state, UserOf(*image, state.user_id)};
    RESERVE_ASSIGN_OR_RETURN(
        Transition voided,
        domain::VoidUsage(ContextOf(*image), image->account(), state.usage_id, old, command.by));
    ApplyWithOpen(*image, std::move(voided));
  }
  NoteRequest(account_id, command.request_id, digest, /*ordinal=*/0);
  image->balance_changed = true;
  MoveClosingOn(*image);
  return ClosingReplyOf(*image, image->account());
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RecordPayout& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "total"));
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RecordPayout(ContextOf(*image), image->account(), command.total, command.by));
  ApplyWithOpen(*image, std::move(transition));
  return image->account();
}

}  // namespace

Folded Fold(const domain::Context& context, const Catalog& catalog,
            absl::Span<const AccountCommand> commands, Image* image) {
  return Folder(context, catalog, *image).Run(commands);
}

std::vector<OnceKey> RefusedUsages(absl::Span<const AccountCommand> commands, const Folded& folded,
                                   const Image& image) {
  std::vector<OnceKey> keys;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(commands[i].command);
    if (record == nullptr || IsBooked(folded.replies[i])) continue;
    if (!image.accounts.find(commands[i].account_id)->second.exists) continue;
    const OnceKey key(commands[i].account_id, record->usage.usage_id);
    if (!image.usages.contains(key)) keys.push_back(key);
  }
  return keys;
}

void AnswerRepeats(absl::Span<const AccountCommand> commands, const Image& image, Folded* folded) {
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto* record = std::get_if<RecordUsage>(commands[i].command);
    if (record == nullptr || IsBooked(folded->replies[i])) continue;
    if (absl::IsAlreadyExists(folded->replies[i].status())) continue;  // answered by it already
    const auto entry = image.usages.find(OnceKey(commands[i].account_id, record->usage.usage_id));
    if (entry == image.usages.end()) continue;
    // What takes the place of an estimate was refused for itself.
    if (IsStandingEstimate(*entry->second, image.StateOf(*entry->second))) continue;
    ++folded->duplicates;
    if (domain::IsUsageAfterClosing(folded->replies[i].status())) --folded->after_closing;
    if (folded->replies[i].ok()) --folded->unbooked_emergencies;
    folded->replies[i] = AnswerRepeat(image, image.accounts.find(commands[i].account_id)->second,
                                      *entry->second, record->usage);
  }
}

}  // namespace reserve::book
