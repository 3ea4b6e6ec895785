// Who looks at the books while others write them: at whichever ledger, and right after something
// was booked at the other one. What is seen is judged with the whole history (tests/history).
#include <string>

#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/chaos/caller.h"

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;

constexpr int kShortPage = 20;
constexpr int kWholePage = 1'000;
// A range of starts that holds all that is booked here, months late too.
constexpr absl::Duration kSummedUp = absl::Hours(24 * 100);

}  // namespace

void Caller::LookForUsage(const std::string& account_id, const std::string& usage_id) {
  pb::GetUsageRequest request;
  request.set_account_id(account_id);
  request.set_usage_id(usage_id);
  Persist(&pb::Accounts::Stub::GetUsage, request).status().IgnoreError();
}

void Caller::LookBack() {
  const RecordRequest request = NewUsageOf(PickAccount());
  const std::string& usage_id = request.usage().usage_id();
  if (Below(4) == 0) LookForUsage(request.account_id(), usage_id);  // not there yet
  const auto booked = Persist(&pb::Ledger::Stub::RecordUsage, request);
  NoteUsage(request, booked);
  if (!booked.ok()) return;
  // At the other ledger, mostly.
  if (Below(4) > 0) ++turn_;
  LookAt(request, *booked);
  LookAt(request, *booked);
}

void Caller::LookAt(const RecordRequest& request, const pb::RecordUsageResponse& booked) {
  const std::string& account_id = request.account_id();
  ++counts_.operations;
  switch (Below(6)) {
    case 0: {
      pb::GetAccountRequest get;
      get.set_account_id(account_id);
      return Persist(&pb::Accounts::Stub::GetAccount, get).status().IgnoreError();
    }
    case 1:
      return LookForUsage(account_id, request.usage().usage_id());
    case 2: {
      pb::CheckHeadRequest check;
      check.set_account_id(account_id);
      check.set_seq(booked.seq());
      check.set_hash(booked.hash());
      return Persist(&pb::Audit::Stub::CheckHead, check).status().IgnoreError();
    }
    case 3: {
      pb::ListEntriesRequest list;
      list.set_account_id(account_id);
      list.set_page_size(kShortPage);
      return Persist(&pb::Accounts::Stub::ListEntries, list).status().IgnoreError();
    }
    case 4: {
      pb::ListUsageRequest list;
      list.set_account_id(account_id);
      list.set_page_size(kShortPage);
      return Persist(&pb::Accounts::Stub::ListUsage, list).status().IgnoreError();
    }
    default: {
      pb::SummarizeUsageRequest sum;
      sum.set_account_id(account_id);
      reserve::ToProto(absl::Now() - kSummedUp, sum.mutable_start_from());
      reserve::ToProto(absl::Now() + absl::Hours(1), sum.mutable_start_before());
      return Persist(&pb::Accounts::Stub::SummarizeUsage, sum).status().IgnoreError();
    }
  }
}

bool Caller::ListAll(const std::string& account_id) {
  pb::ListEntriesRequest list;
  list.set_account_id(account_id);
  list.set_page_size(kWholePage);
  while (true) {
    const auto page = Persist(&pb::Accounts::Stub::ListEntries, list);
    // Not all accounts came to be.
    if (!page.ok()) return !IsNoAnswer(page.status());
    if (page->next_page_token().empty()) return true;
    list.set_page_token(page->next_page_token());
  }
}

}  // namespace reserve::chaos
