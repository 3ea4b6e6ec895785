// The billing page, as data for its template. Thread-safe: pure functions of what the ledger
// answered, and of what somebody had typed.
#ifndef RESERVE_CONSOLE_VIEWS_BILLING_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_BILLING_VIEW_H_

#include <map>
#include <set>
#include <string>

#include "reserve/ledger/v1/accounts.pb.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"

namespace reserve::console {

struct BillingReplies {
  ledger::v1::Account account;
  ledger::v1::ListRechargesResponse recharges;
  ledger::v1::ListRefundsResponse refunds;
  ledger::v1::ListDisputesResponse disputes;
  ledger::v1::ListReceiptsResponse receipts;
  ledger::v1::ListUsersResponse users;
  ledger::v1::BillingAdvice advice;
  // What could not be read, and is left out: "users", "recharges", "refunds", "disputes",
  // "receipts", "advice".
  std::set<std::string> unread = {};
};

// What somebody typed, and what is wrong with it.
struct Tried {
  std::map<std::string, std::string> typed = {};   // by the names of the fields
  std::map<std::string, std::string> errors = {};  // likewise
  std::string message = {};                        // about no one field
};

Data BillingData(const BillingReplies& replies, const Tried& tried, bool may_give_cards,
                 const Formatter& format, const Texts& texts);

// Lists of an account, each under its name, with what says that there is something in it.
void SetUsers(const ledger::v1::ListUsersResponse& users, const Formatter& format,
              const Texts& texts, Data* data);
void SetRecharges(const ledger::v1::ListRechargesResponse& recharges, const Formatter& format,
                  const Texts& texts, Data* data);
void SetRefunds(const ledger::v1::ListRefundsResponse& refunds, const Formatter& format,
                const Texts& texts, Data* data);
void SetDisputes(const ledger::v1::ListDisputesResponse& disputes, const Formatter& format,
                 const Texts& texts, Data* data);
void SetReceipts(const ledger::v1::ListReceiptsResponse& receipts, const Formatter& format,
                 const Texts& texts, Data* data);

// A receipt by itself, as it is printed.
Data ReceiptData(const ledger::v1::Account& account, const ledger::v1::Receipt& receipt,
                 const Formatter& format, const Texts& texts);

// What a top-up would do: what RequestRecharge answered that was only tried.
Data TopUpData(const ledger::v1::Account& account, const ledger::v1::Recharge& recharge,
               const Formatter& format, const Texts& texts);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_BILLING_VIEW_H_
