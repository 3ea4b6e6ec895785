#include "services/ledger/storage/load_image.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/card_decline_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/number_key_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

using book::AccountImage;
using book::Image;
using book::Keys;

struct ById {
  bool operator()(const book::Balance& balance, absl::string_view id) const {
    return balance.account_id < id;
  }
  bool operator()(absl::string_view id, const book::Balance& balance) const {
    return id < balance.account_id;
  }
};

// Reads these accounts, as far as what is remembered of them is not what is stored.
absl::Status LoadAccounts(Connection& connection, const std::vector<absl::string_view>& account_ids,
                          Lock lock, Image* image) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<book::Balance> balances,
                           LoadBalances(connection, account_ids, lock));
  std::vector<absl::string_view> unknown;
  std::vector<absl::string_view> with_holds;  // of the unknown
  for (const book::Balance& balance : balances) {
    AccountImage& account = image->accounts.find(balance.account_id)->second;
    if (account.known != nullptr && account.known->version == balance.version) {
      account.account().balance = balance.balance;
      account.account().last_seq = balance.last_seq;
      account.account().held = balance.held;
      account.account().accrued = balance.accrued;
      account.account().spent = balance.spent;
      account.exists = true;
    } else {
      account.known = std::make_unique<book::KnownAccount>();
      account.known->version = balance.version;
      unknown.push_back(balance.account_id);
      if (balance.holds > 0) with_holds.push_back(balance.account_id);
    }
    account.known->revision = balance.revision;
    account.known->head = balance.head;
    account.known->month = balance.month;
  }
  // Those without a row: new ones, or, where they were remembered, the database went back in time.
  for (const absl::string_view account_id : account_ids) {
    if (balances.size() == account_ids.size()) break;
    if (!std::binary_search(balances.begin(), balances.end(), account_id, ById())) {
      image->accounts.find(account_id)->second.known = std::make_unique<book::KnownAccount>();
    }
  }
  // Read after the version. Without a lock it may be newer than that, but then this
  // version is never met again, and what is remembered under it never used.
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Account> loaded,
                           storage::LoadAccounts(connection, unknown));
  for (domain::Account& row : loaded) {
    AccountImage& account = image->accounts.find(row.account_id)->second;
    account.account() = std::move(row);
    account.exists = true;
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Hold> holds,
                           storage::LoadHolds(connection, with_holds));
  for (domain::Hold& hold : holds) {
    image->accounts.find(hold.account_id)->second.known->holds.push_back(std::move(hold));
  }
  return absl::OkStatus();
}

// Of holds that commands name and that don't live.
absl::Status LoadEndedHolds(Connection& connection, const Keys& keys, Image* image) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<domain::Hold> ended,
      storage::LoadEndedHolds(connection, book::NeedsEndedHolds(keys, *image)));
  for (domain::Hold& hold : ended) {
    const std::pair<std::string, std::string> key(hold.account_id, hold.hold_id);
    image->holds[key].hold = std::move(hold);
  }
  return absl::OkStatus();
}

absl::Status LoadAccounts(Connection& connection, const Keys& keys, Image* image) {
  std::vector<absl::string_view> to_lock;
  std::vector<absl::string_view> to_read;
  image->accounts.reserve(keys.accounts.size());
  for (const book::AccountNeed& need : keys.accounts) {
    if (image->accounts[need.account_id].remembered) continue;
    (need.may_change ? to_lock : to_read).push_back(need.account_id);
  }
  std::sort(to_lock.begin(), to_lock.end());
  RESERVE_RETURN_IF_ERROR(LoadAccounts(connection, to_lock, Lock::kForUpdate, image));
  return LoadAccounts(connection, to_read, Lock::kNone, image);
}

// Those of `keys` that are not known yet.
absl::Status LoadUsers(Connection& connection, const std::vector<book::UserKey>& keys,
                       Image* image) {
  absl::flat_hash_set<book::UserKey> unknown;
  for (const book::UserKey& key : keys) {
    const std::vector<domain::User>& users = image->accounts.find(key.first)->second.known->users;
    const bool is_known = std::any_of(users.begin(), users.end(), [&key](const domain::User& user) {
      return user.user_id == key.second;
    });
    if (!is_known) unknown.insert(key);
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::User> loaded,
                           storage::LoadUsers(connection, {unknown.begin(), unknown.end()}));
  for (domain::User& user : loaded) {
    image->accounts.find(user.account_id)->second.known->users.push_back(std::move(user));
  }
  return absl::OkStatus();
}

// Those whose limits were reached, of accounts whose limits may be lifted (L4).
absl::Status LoadRinging(Connection& connection, const Keys& keys, Image* image) {
  constexpr int kPage = 1000;
  for (const book::AccountNeed& need : keys.accounts) {
    AccountImage& account = image->accounts.find(need.account_id)->second;
    if (!book::NeedsRinging(need, account)) continue;
    std::vector<domain::User>& known = account.known->users;
    const size_t known_before = known.size();
    std::string after;
    for (bool more = true; more;) {
      RESERVE_ASSIGN_OR_RETURN(std::vector<domain::User> page,
                               ListUsers(connection, need.account_id, after, kPage));
      more = page.size() == kPage;
      if (more) after = page.back().user_id;
      for (domain::User& user : page) {
        const bool is_known = std::any_of(
            known.begin(), known.begin() + known_before,
            [&user](const domain::User& other) { return other.user_id == user.user_id; });
        if (user.alarm.rings() && !is_known) known.push_back(std::move(user));
      }
    }
  }
  return absl::OkStatus();
}

// The keys of numbers that commands need; those that there are not yet are made.
absl::Status LoadNumberKeys(Connection& connection, const std::vector<book::UserYear>& needs,
                            MakeNumberKey make, Image* image) {
  std::vector<const book::UserYear*> missing;
  absl::flat_hash_set<book::UserKey> unknown;
  for (const book::UserYear& need : needs) {
    const AccountImage& account = image->accounts.find(need.account_id)->second;
    if (account.FindNumberKey(need.user_id, need.year) != nullptr) continue;
    missing.push_back(&need);
    if (account.exists) unknown.emplace(need.account_id, need.user_id);
  }
  if (missing.empty()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(std::vector<book::NumberKeyRecord> loaded,
                           storage::LoadNumberKeys(connection, {unknown.begin(), unknown.end()}));
  for (book::NumberKeyRecord& record : loaded) {
    const AccountImage& account = image->accounts.find(record.account_id)->second;
    if (account.FindNumberKey(record.user_id, record.year) != nullptr) continue;
    account.known->number_keys.push_back(
        {std::move(record.user_id), record.year, record.key, /*stored=*/true});
  }
  for (const book::UserYear* need : missing) {
    const AccountImage& account = image->accounts.find(need->account_id)->second;
    if (account.FindNumberKey(need->user_id, need->year) != nullptr) continue;
    account.known->number_keys.push_back({std::string(need->user_id), need->year, make()});
  }
  return absl::OkStatus();
}

absl::Status LoadRequests(Connection& connection, const Keys& keys, Image* image) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<book::RequestRecord> found,
                           FindRequests(connection, keys.requests));
  for (book::RequestRecord& record : found) {
    // The image's keys must outlive the record: take those that were asked for.
    const auto key = std::find(keys.requests.begin(), keys.requests.end(),
                               book::OnceKey(record.account_id, record.request_id));
    book::RequestImage& request = image->requests[*key];
    if (record.seq != 0) {
      RESERVE_ASSIGN_OR_RETURN(request.entry,
                               LoadEntry(connection, record.account_id, record.seq, record.month));
    }
    request.record = std::move(record);
  }
  return absl::OkStatus();
}

void TakeUp(std::vector<domain::Recharge>&& rows, Image* image) {
  for (domain::Recharge& row : rows) {
    const book::RechargeKey key(row.account_id, row.ordinal);
    image->recharges[key].recharge = std::move(row);
  }
}

// Locked, as a claim may change them at the same time without the account.
absl::Status TakeUpRecharges(Connection& connection, const std::vector<book::RechargeKey>& wanted,
                             Image* image) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> loaded,
                           storage::LoadRecharges(connection, wanted, Lock::kForUpdate));
  TakeUp(std::move(loaded), image);
  return absl::OkStatus();
}

// The rows of charges, with the entry that credits each where that is asked for, and payments by
// their references.
absl::Status LoadCharges(Connection& connection, const Keys& keys, Image* image) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> rows,
                           LoadRowsOfCharges(connection, keys.charges));
  TakeUp(std::move(rows), image);
  for (const book::ChargeNeed& need : keys.charges) {
    if (!need.entry) continue;
    const domain::Recharge* credited = book::CreditedFor(*image, need.account_id, need.charge_id);
    if (credited == nullptr) continue;
    RESERVE_ASSIGN_OR_RETURN(std::optional<domain::Entry> entry, FindCredit(connection, *credited));
    if (!entry.has_value()) continue;
    image->credits[book::RechargeKey(credited->account_id, credited->ordinal)] = *std::move(entry);
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> payments,
                           LoadPaymentsOf(connection, keys.references));
  TakeUp(std::move(payments), image);
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::UnplacedState> unplaced,
                           LoadUnplaced(connection, keys.charges));
  for (domain::UnplacedState& state : unplaced) image->unplaced.push_back({std::move(state)});
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> refunds,
                           LoadToldRefunds(connection, book::NeedsTold(keys, *image).refunds));
  TakeUp(std::move(refunds), image);
  return absl::OkStatus();
}

absl::Status LoadFurther(Connection& connection, const Keys& keys, Image* image) {
  const book::FurtherNeed need = book::NeedsFurther(keys, *image);
  RESERVE_RETURN_IF_ERROR(TakeUpRecharges(connection, need.recharges, image));
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Dispute> disputes,
                           LoadDisputesOf(connection, need.disputes));
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Dispute> told,
                           LoadToldDisputes(connection, book::NeedsTold(keys, *image).disputes));
  std::move(told.begin(), told.end(), std::back_inserter(disputes));
  for (domain::Dispute& dispute : disputes) {
    const std::pair<std::string, std::string> key(dispute.account_id, dispute.dispute_id);
    image->disputes[key].dispute = std::move(dispute);
  }
  return absl::OkStatus();
}

absl::Status LoadRecharges(Connection& connection, const Keys& keys, Image* image) {
  std::vector<book::RechargeKey> wanted;
  for (const book::RechargeKey& key : keys.recharges) {
    if (image->accounts.find(key.first)->second.exists) wanted.push_back(key);
  }
  for (const book::AccountNeed& need : keys.accounts) {
    const AccountImage& account = image->accounts.find(need.account_id)->second;
    if (book::NeedsOpenRecharge(need, account)) {
      wanted.emplace_back(need.account_id, account.account().open_ordinal);
    }
  }
  for (const auto& [key, request] : image->requests) {
    if (request.record.ordinal != 0) wanted.emplace_back(key.first, request.record.ordinal);
  }
  RESERVE_RETURN_IF_ERROR(TakeUpRecharges(connection, wanted, image));
  RESERVE_RETURN_IF_ERROR(LoadCharges(connection, keys, image));
  return LoadFurther(connection, keys, image);
}

// Of accounts that are being closed. What is there already stays: it may be locked.
absl::Status LoadClosings(Connection& connection, const Keys& keys, Image* image) {
  for (const book::AccountNeed& need : keys.accounts) {
    AccountImage& account = image->accounts.find(need.account_id)->second;
    if (!book::NeedsClosing(need, account)) continue;
    account.closing_known = true;
    RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> rows,
                             LoadForClosing(connection, account.account()));
    for (domain::Recharge& row : rows) {
      const book::RechargeKey key(row.account_id, row.ordinal);
      image->recharges.try_emplace(key, book::RechargeImage{std::move(row)});
    }
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<domain::UsageState> unrated,
        ListUnratedOf(connection, need.account_id, /*after=*/"", domain::kMostUnratedLookedAt));
    for (domain::UsageState& state : unrated) {
      const std::pair<std::string, std::string> key(state.account_id, state.usage_id);
      image->usage_states.try_emplace(key, book::UsageStateImage{std::move(state)});
    }
  }
  return absl::OkStatus();
}

// The account is locked, and with it what was declined of its recharges.
absl::Status LoadEarlierNumbers(Connection& connection, const Keys& keys, Image* image) {
  RESERVE_ASSIGN_OR_RETURN(
      image->earlier_numbers,
      LoadDeclinedNumbers(connection, book::NeedsEarlierNumbers(keys, *image)));
  return absl::OkStatus();
}

absl::Status LoadDeclines(Connection& connection, const Keys& keys, Image* image) {
  std::vector<absl::string_view> cards = keys.cards;
  for (const book::AccountNeed& need : keys.accounts) {
    if (!need.declines) continue;
    AccountImage& account = image->accounts.find(need.account_id)->second;
    account.declines_known = true;
    for (const domain::PaymentMethod& method : account.account().payment_methods) {
      cards.push_back(method.card.fingerprint);
    }
  }
  if (cards.empty()) return absl::OkStatus();
  // A card may be on any account.
  RESERVE_ASSIGN_OR_RETURN(Connection* const anywhere, connection.Aside());
  RESERVE_ASSIGN_OR_RETURN(image->declines,
                           LoadCardDeclines(*anywhere, cards, keys.declines_since));
  return absl::OkStatus();
}

}  // namespace

absl::Status LoadBookedUsages(Connection& connection, const std::vector<book::OnceKey>& keys,
                              Image* image) {
  if (keys.empty()) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(StoredUsages stored, FindUsagesAsTheyStand(connection, keys));
  for (domain::Entry& entry : stored.entries) image->AddBooked(std::move(entry));
  for (ArchivedUsage& usage : stored.archived) {
    image->archived[std::pair(std::move(usage.account_id), std::move(usage.usage_id))] = usage.seq;
  }
  for (domain::UsageState& state : stored.states) {
    const std::pair<std::string, std::string> key(state.account_id, state.usage_id);
    image->usage_states[key].state = std::move(state);
  }
  return absl::OkStatus();
}

absl::Status LoadImage(Connection& connection, const Keys& keys, MakeNumberKey make_number_key,
                       Image* image) {
  RESERVE_RETURN_IF_ERROR(LoadAccounts(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadUsers(connection, keys.users, image));
  RESERVE_RETURN_IF_ERROR(LoadRinging(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadNumberKeys(connection, keys.number_keys, make_number_key, image));
  RESERVE_RETURN_IF_ERROR(LoadBookedUsages(connection, keys.usages, image));
  RESERVE_RETURN_IF_ERROR(LoadEndedHolds(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadBookedUsages(connection, book::UsagesOfEndedHolds(*image), image));
  RESERVE_RETURN_IF_ERROR(LoadUsers(connection, book::UsersOfBooked(*image), image));
  RESERVE_RETURN_IF_ERROR(LoadUsers(connection, book::UsersOfHolds(keys, *image), image));
  RESERVE_RETURN_IF_ERROR(
      LoadNumberKeys(connection, book::NumberKeysOfBooked(keys, *image), make_number_key, image));
  RESERVE_RETURN_IF_ERROR(LoadRequests(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadRecharges(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadEarlierNumbers(connection, keys, image));
  RESERVE_RETURN_IF_ERROR(LoadClosings(connection, keys, image));
  return LoadDeclines(connection, keys, image);
}

}  // namespace reserve::storage
