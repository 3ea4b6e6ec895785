// One fold under way (fold.h): what the files fold*.cc have in common. Nobody else includes this.
//
// Each command has its Handle(), in the file of its subject; what follows each of them is in
// fold_lookups.cc, fold_requests.cc, fold_transitions.cc and fold_writes.cc. The members stand
// here in the order of the files.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_FOLDER_H_
#define RESERVE_SERVICES_LEDGER_BOOK_FOLDER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/book/command.h"
#include "services/ledger/book/fold.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/policy.h"

namespace reserve::book {

// One fold under way; used once.
class Folder {
 public:
  Folder(const domain::Context& context, const Catalog& catalog, Image& image)
      : context_(context), catalog_(catalog), image_(image) {}

  Folded Run(absl::Span<const AccountCommand> commands);

 private:
  // What a command comes to, of one account.
  using Policy = absl::FunctionRef<absl::StatusOr<domain::Transition>(const domain::Context&,
                                                                      const domain::Account&)>;

  // --- Usages (fold_usage.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AuthorizeUsage& command);
  // The user, the plan and the rate of a fact, as far as they are known (U1). What is for help
  // needs none of them (C10).
  absl::StatusOr<domain::UsageTerms> TermsOf(const AccountImage& image, const domain::Usage& usage);
  // USAGE_NOT_ALLOWED if the account may not, after which what waited for such a wish goes on
  // (G12).
  absl::Status CheckAllowed(AccountImage& image, const domain::UsageTerms& terms,
                            const domain::Usage& usage);
  // The answer to a usage whose id is taken; what is held for it is not held any more.
  absl::StatusOr<Reply> RecordedBefore(AccountImage& image, const domain::Entry& stored,
                                       const RecordUsage& command);
  // Ends what is held for a usage that is booked, and the hold that its CDR names, even if that has
  // ended: no late report makes it live again (H5).
  void SettleNamed(AccountImage& image, const std::string& usage_id, const std::string& hold_id);
  // Of a usage that names a hold: what books it in the place of what that hold was estimated at,
  // under the id that CreateHold named (H12); none where no such estimate stands.
  absl::StatusOr<std::optional<domain::Transition>> InPlaceOfEstimate(
      const AccountImage& image, const RecordUsage& command, const domain::UsageTerms& terms);
  AuthorizeReply AuthorizeReplyOf(const AccountImage& image, const domain::Plan& plan,
                                  const domain::Usage& usage, const domain::Rate* rate,
                                  const domain::Authorization& authorization);

  // --- Usages taken back, corrected and rated again (fold_corrections.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const VoidUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CorrectUsage& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RateUnrated& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RerateUsage& command);
  // The answer to a correction whose usage is booked already, as `stored`.
  absl::StatusOr<Reply> CorrectedBefore(AccountImage& image, const domain::Entry& stored,
                                        const CorrectUsage& command,
                                        const domain::UsageToVoid& old);
  // The user, the plan and the rate of a usage that is rated again.
  absl::StatusOr<domain::UsageTerms> TermsAgain(const AccountImage& image,
                                                const domain::Entry& stored,
                                                const domain::UsageState& state,
                                                const RerateUsage& command);

  // --- Calls in progress (fold_holds.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CreateHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ExtendHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReleaseHold& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const EndHold& command);
  // The user, and plan and rate by which a hold is priced: those of its time, or, where `extension`
  // tells that it was answered, those of the answer.
  absl::StatusOr<domain::UsageTerms> TermsOf(const AccountImage& image, const domain::Hold& hold,
                                             const domain::HoldExtension& extension);
  // The hold that a command names. Where it is not there it may have been made by another ledger.
  absl::StatusOr<const domain::Hold*> FindHold(const AccountImage& image,
                                               const std::string& hold_id);
  // Was its usage booked after it had ended? Then a report of it comes too late (H5).
  bool WasBookedSince(const domain::Hold& hold) const {
    return hold.may_return() && IsIdTaken(hold.account_id, hold.usage_id);
  }
  // The live hold of that usage, for which another is refused; null if there is none.
  const domain::Hold* OtherHoldOf(const AccountImage& image, const std::string& usage_id);
  // The answer to a command on a hold, once its transition is applied.
  HoldReply ApplyToHold(AccountImage& image, const std::string& hold_id,
                        domain::Transition&& transition);

  // --- The account as a whole (fold_accounts.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const OpenAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdateBillingSettings& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdateAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const PutUser& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RemoveUser& command);
  // The user as it is now.
  absl::StatusOr<Reply> UserReplyOf(const AccountImage& image, const std::string& user_id);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const BlockAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UnblockAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const LiftSuspension& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdateLimits& command);
  // The limits of the account, or of that user, as they stand with `account` and `user`.
  absl::StatusOr<Reply> LimitsReplyOf(const AccountImage& image, const domain::Account& account,
                                      const domain::User* user);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const Reconsider& command);

  // --- Cards (fold_cards.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AddPaymentMethod& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const UpdatePaymentMethod& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RemovePaymentMethod& command);
  // Gives a card once under the request's id, if it has one.
  absl::StatusOr<Reply> GiveOnce(
      absl::string_view account_id, const std::string& request_id, const std::string& digest,
      Policy give, absl::FunctionRef<const domain::PaymentMethod*(const domain::Account&)> find,
      bool validate_only);

  // --- Recharges, their reports and reviews (fold_recharges.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RequestRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const DeferRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ResolveReview& command);
  // The number that this attempt was sent to, if another came after it; empty if that is not known.
  std::string EarlierNumber(const domain::Recharge& recharge, int32_t attempt) const;
  // What a person's decision upon a recharge or refund comes to.
  absl::StatusOr<domain::Transition> Resolved(const AccountImage& image,
                                              const domain::Recharge& recharge,
                                              const ResolveReview& command);
  // Ends the finding of money that came after the account was closed (P4): it is of no recharge.
  absl::StatusOr<Reply> DismissLate(AccountImage& image, const ResolveReview& command);
  // Applies the outcome of a report or a review, and what the gateway told before.
  absl::StatusOr<Reply> ApplyOutcome(AccountImage& image, int64_t ordinal,
                                     absl::StatusOr<domain::Transition> transition);
  // Applies what the gateway told of the charge of row `ordinal` before it was credited just now
  // (P3).
  absl::Status ApplyKept(AccountImage& image, int64_t ordinal);

  // --- Refunds and disputes (fold_refunds.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RefundRecharge& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportGatewayRefund& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReportGatewayDispute& command);
  // Moves what is told of forward on this account.
  absl::StatusOr<Reply> ApplyTold(absl::string_view account_id, const ReportGatewayRefund& command);
  absl::StatusOr<Reply> ApplyTold(absl::string_view account_id,
                                  const ReportGatewayDispute& command);
  // Applies what the gateway told of the charge while no account had it (P3), if it is credited
  // here. What can't be applied, as the currency is another, say, stays where a person looks.
  void ApplyUnplaced(AccountImage& image, const std::string& charge_id);

  // --- Payments, adjustments, credit grants (fold_payments.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const AdjustBalance& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const GrantCredit& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordPayment& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const ReversePayment& command);
  // How the payment stands, with what else a caller is told of it.
  PaymentReply PaymentReplyOf(const RecordPayment& command, const domain::Recharge& credited,
                              const domain::Entry* entry) const;

  // --- The end of an account (fold_closing.cc).
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const CloseAccount& command);
  absl::StatusOr<Reply> Handle(absl::string_view account_id, const RecordPayout& command);
  // Takes the next steps of an account that is being closed, and of one that is closed (P4).
  void MoveClosingOn(AccountImage& image);
  // As it would be with `account`, once `waived` are voided.
  ClosingReply ClosingReplyOf(const AccountImage& image, const domain::Account& account,
                              absl::Span<const std::string> waived = {});
  // How usages of that name stand, which are to be waived.
  absl::StatusOr<std::vector<domain::UsageState>> FindWaived(const AccountImage& image,
                                                             const CloseAccount& command) const;

  // --- What was loaded (fold_lookups.cc).
  absl::StatusOr<AccountImage*> FindAccount(absl::string_view account_id);
  static domain::User* UserOf(const AccountImage& image, absl::string_view user_id);  // or null
  static absl::StatusOr<const domain::User*> FindUser(const AccountImage& image,
                                                      const std::string& user_id);
  // The terms of a plan in force at `start`.
  absl::StatusOr<const domain::Plan*> FindPlan(const std::string& plan_id, absl::Time start);
  // The same of one that something stored names, so that it must be there.
  absl::StatusOr<const domain::Plan*> FindStoredPlan(const std::string& plan_id, absl::Time start);
  // That which the user is on then (K4).
  absl::StatusOr<const domain::Plan*> FindPlanOf(const domain::User& user, absl::Time start) {
    return FindStoredPlan(user.PlanIdAt(start), start);
  }
  // A rate that was found, until the next command.
  const domain::Rate* Keep(const std::optional<domain::Rate>& rate);
  // UNAVAILABLE if what is in force at its start may still change: what is booked is priced for
  // good (K2). What only promises goes by what is known.
  absl::Status CheckTimelineKnown(const AccountImage& image, const domain::Plan& plan,
                                  const domain::Usage& usage);
  // The same of the plan's version alone (K4).
  absl::Status CheckPlanKnown(const domain::Plan& plan, const domain::Usage& usage);
  // Null if there is none; an error if the deck that would say is not in memory.
  absl::StatusOr<const domain::Rate*> FindRate(const AccountImage& image, const domain::Plan& plan,
                                               const domain::Usage& usage);
  absl::StatusOr<const domain::Rate*> FindRateIn(int64_t deck_version, const AccountImage& image,
                                                 const domain::Usage& usage);
  // Is it for help? Of an account that is not there, may it be (C10)?
  bool IsForHelp(const AccountImage& image, const domain::Usage& usage) const;
  // The entry of a usage that is booked, or null.
  const domain::Entry* FindBooked(absl::string_view account_id, const std::string& usage_id) const;
  // Was a usage booked under this id, even if it is archived since?
  bool IsIdTaken(absl::string_view account_id, const std::string& usage_id) const {
    return FindBooked(account_id, usage_id) != nullptr ||
           image_.ArchivedAs(account_id, usage_id) != 0;
  }
  // FAILED_PRECONDITION "USAGE_ARCHIVED" if it is (U8).
  absl::Status CheckNotArchived(absl::string_view account_id, const std::string& usage_id) const;
  // How a booked usage stands.
  domain::UsageState StateOf(const AccountImage& image, const domain::Entry& entry) const;
  // What a policy decides by, with what was loaded beside the account. Until it is asked for again.
  domain::Context ContextOf(const AccountImage& image);
  RechargeImage* OpenRechargeOf(const AccountImage& image) const;
  absl::StatusOr<RechargeImage*> FindRecharge(absl::string_view account_id, int64_t ordinal);

  // --- Once under the id of a request (fold_requests.cc).
  // The answer to a request for a recharge or refund whose id was used before; none if it was not.
  std::optional<absl::StatusOr<Reply>> AnswerAgain(absl::string_view account_id,
                                                   const std::string& request_id,
                                                   const std::string& digest) const;
  // `ordinal` is that of the recharge, refund or payment that it led to, or the number of the card;
  // `entry` what it booked, or null.
  void NoteRequest(absl::string_view account_id, const std::string& request_id,
                   const std::string& digest, int64_t ordinal,
                   const domain::Entry* entry = nullptr);
  // Was it done already, under this id (empty: it has none)? ALREADY_EXISTS "REQUEST_ID_REUSED" if
  // something else was.
  absl::StatusOr<bool> WasDone(absl::string_view account_id, const std::string& request_id,
                               const std::string& digest) const;
  // Notes that it was, also of what changed nothing: it must not be done after another change.
  void NoteDone(AccountImage& image, absl::string_view account_id, const std::string& request_id,
                const std::string& digest);
  // Changes the account, once under a request's id that is not empty: a repeat answers how the
  // account is by now.
  absl::StatusOr<Reply> ChangeOnce(absl::string_view account_id, const std::string& request_id,
                                   const std::string& digest, Policy change,
                                   bool validate_only = false);
  // Books an entry once under the request's id.
  absl::StatusOr<Reply> BookOnce(AccountImage& image, absl::string_view account_id,
                                 const std::string& request_id, const std::string& digest,
                                 bool validate_only, Policy book);

  // --- What a command comes to (fold_transitions.cc).
  static void ChangeUser(AccountImage& image, domain::User&& user);
  // Counts a limit that is reached, and what was refused for one.
  void NoteLimit(domain::LimitKind kind);
  void NoteRefusal(const domain::Authorization& authorization);
  static void ChangeSpending(AccountImage& image, domain::UserSpending&& spending);
  static void ChangeAllowance(AccountImage& image, const domain::UsedAllowance& changed);
  static void NoteAllowance(AccountImage& image, const domain::User& user, int32_t period);
  void NoteHold(AccountImage& image, domain::Hold&& hold);
  // Keeps where the usages of a batch are booked, and how they stand.
  void NoteUsages(const domain::Entry& entry);
  void NoteUsageState(domain::UsageState&& state);
  // Takes a transition over into the image and the write set. Returns the last entry that it
  // booked, but for credit grants that end, or null.
  const domain::Entry* Apply(AccountImage& image, domain::Transition&& transition);
  // The same for commands that decide upon the open recharge.
  const domain::Entry* ApplyWithOpen(AccountImage& image, domain::Transition&& transition);
  // A recharge that a transition has changed, as it is written.
  domain::Recharge AsWritten(domain::Recharge recharge) const {
    recharge.update_time = context_.now;
    return recharge;
  }
  // Adds the receipt of an entry, if it has one and receipts may be written; the recharge, refund
  // or payment that it is of is in the image.
  void NoteReceipt(AccountImage& image, const domain::Entry& entry);
  // Adds the entry to the account's chain, in the newest form that may be written.
  void Chain(AccountImage& image, domain::Entry* entry);

  // --- What has changed becomes rows to write (fold_writes.cc).
  // Adds what has changed in the image to the write set.
  void WriteAccounts();
  void WriteUsers(const AccountImage& image);
  void WriteUsageStates();
  void WriteHolds();
  void WriteCards(const AccountImage& image);
  void WriteRecharges();

  const domain::Context& context_;
  const Catalog& catalog_;
  std::deque<domain::Rate> found_rates_;  // by the command at hand
  absl::string_view caller_;              // whose that is
  absl::string_view actor_;               // who does it, as the caller says
  Image& image_;
  domain::ClosingRows closing_rows_;  // of the last context
  Folded folded_;
};

// Amounts of a request must be in the account's currency; empty means that.
absl::Status CheckCurrency(const domain::Account& account, const std::string& currency,
                           absl::string_view field);

// The answer to who books a usage: as the entry says.
UsageReply ReplyOf(const domain::Entry& entry, const std::string& currency);
// The answer to a repeat of a usage that is archived as this entry (U8).
UsageReply ReplyOfArchived(int64_t seq);

// The same of one that was booked before, as it stands.
UsageReply ReplyOfBooked(const domain::Entry& entry, const domain::UsageState& state,
                         const std::string& currency);

// The answer to a usage whose id is taken: by that usage, by another, or by a void in advance,
// which knew no content (U2, U5).
absl::StatusOr<UsageReply> AnswerRepeat(const Image& images, const AccountImage& image,
                                        const domain::Entry& stored, const domain::Usage& usage);

// Was it booked from what a switch had reported, and waits for its CDR still (H12)? One that was
// corrected has it.
bool IsStandingEstimate(const domain::Entry& stored, const domain::UsageState& state);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_FOLDER_H_
