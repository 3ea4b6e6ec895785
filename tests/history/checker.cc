#include "tests/history/checker.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/history/books.h"
#include "tests/history/order.h"
#include "tests/history/tell.h"

namespace reserve::history {
namespace {

using Key = std::pair<std::string, std::string>;

// Of these nothing is booked but what a caller asked for.
bool OnlyByCallers(const std::string& kind) {
  return kind == "usage" || kind == "void" || kind == "adjustment" || kind == "grant" ||
         kind == "payment";
}

class AccountChecker {
 public:
  AccountChecker(std::string account, int64_t origin, std::vector<Finding>* findings)
      : teller_(origin), findings_(std::move(account), findings) {}

  void Add(const Call& call, const Claim& claim) {
    switch (claim.what) {
      case What::kDone:
        return AddDone(call, claim);
      case What::kUnknown:
        return AddAsked(call, claim);
      case What::kRefused:
        Of(claim).refused = &call;
        return;
      case What::kHeld:
        Of(claim).held = true;
        return;
      case What::kEntry:
        Learn(call, claim);
        if (!claim.id.empty()) NoteListed(call, claim);
        break;
      case What::kHead:
      case What::kFound:
        Learn(call, claim);
        break;
      case What::kChanged:
        findings_.Add(Rule::kTwoEntries,
                      absl::StrCat("entry ", claim.seq, " is not the one that was told of, as ",
                                   teller_.Tell(call), " was answered"));
        break;
      case What::kListEnd:
        if (claim.seq > 1) {
          findings_.Add(Rule::kGap, absl::StrCat("the list of ", teller_.Tell(call),
                                                 " ends at entry ", claim.seq));
        }
        break;
      default:
        break;
    }
    books_.reads.push_back({&call, &claim});
  }

  void Finish(Report* report) {
    CheckBalances();
    complete_ = IsComplete();
    for (const auto& [key, asked] : books_.asked) CheckAsked(key, asked);
    CheckOrder(books_, teller_, &findings_);
    CheckListed(books_, teller_, &findings_);
    report->entries += static_cast<int64_t>(books_.entries.size() - books_.entries.count(0));
    report->asked += static_cast<int64_t>(books_.asked.size());
    report->reads += static_cast<int64_t>(books_.reads.size());
  }

 private:
  Asked& Of(const Claim& claim) {
    Asked& asked = books_.asked[{claim.kind, claim.id}];
    if (claim.start_micros.has_value()) asked.start_micros = claim.start_micros;
    return asked;
  }

  void AddAsked(const Call& call, const Claim& claim) {
    Asked& asked = Of(claim);
    if (call.asked >= asked.first_asked) return;
    asked.first_asked = call.asked;
    asked.asker = &call;
  }

  void AddDone(const Call& call, const Claim& claim) {
    AddAsked(call, claim);
    Asked& asked = Of(claim);
    if (call.answered < asked.first_answered) {
      asked.first_answered = call.answered;
      asked.answerer = &call;
    }
    if (claim.fresh) {
      if (asked.fresh != nullptr) {
        findings_.Add(Rule::kBothFirst, absl::StrCat(NameOfKey({claim.kind, claim.id}), ": ",
                                                     teller_.Tell(*asked.fresh), " and ",
                                                     teller_.Tell(call), " have each booked it"));
      }
      asked.fresh = &call;
    }
    if (claim.seq == 0) return;
    if (asked.seq.value.has_value() && *asked.seq.value != claim.seq) {
      findings_.Add(Rule::kDoubled,
                    absl::StrCat(NameOfKey({claim.kind, claim.id}), " is entry ", *asked.seq.value,
                                 " by ", teller_.Tell(*asked.seq.by), ", and entry ", claim.seq,
                                 " by ", teller_.Tell(call)));
    }
    if (!asked.seq.value.has_value()) asked.seq = {claim.seq, &call};
    Learn(call, claim);
  }

  void NoteListed(const Call& call, const Claim& claim) {
    Asked& asked = Of(claim);
    for (const auto& [seq, by] : asked.listed) {
      if (seq == claim.seq) return;
    }
    asked.listed.emplace_back(claim.seq, &call);
  }

  template <typename T, typename Print>
  void LearnOne(const char* what, int64_t seq, const Call& call, const T& value, Said<T>* said,
                Print print) {
    if (!said->value.has_value()) {
      *said = {value, &call};
    } else if (*said->value != value) {
      findings_.Add(Rule::kTwoEntries,
                    absl::StrCat(what, " of entry ", seq, " is ", print(*said->value), " by ",
                                 teller_.Tell(*said->by), ", and ", print(value), " by ",
                                 teller_.Tell(call)));
    }
  }

  void Learn(const Call& call, const Claim& claim) {
    EntryFacts& facts = books_.entries[claim.seq];
    const auto print_money = [](int64_t nanos) { return Money(nanos); };
    if (!claim.id.empty()) {
      LearnOne("the name", claim.seq, call, Key{claim.kind, claim.id}, &facts.name,
               [](const Key& key) { return NameOfKey(key); });
    }
    if (claim.amount.has_value()) {
      LearnOne("the amount", claim.seq, call, *claim.amount, &facts.amount, print_money);
    }
    if (claim.balance.has_value()) {
      LearnOne("the balance", claim.seq, call, *claim.balance, &facts.balance, print_money);
    }
    if (!claim.hash.empty()) {
      LearnOne("the hash", claim.seq, call, claim.hash, &facts.hash,
               [](const std::string& hash) { return hash; });
    }
  }

  void CheckBalances() {
    const EntryFacts* before = nullptr;
    EntryFacts nothing;
    nothing.balance.value = 0;
    int64_t last = -1;
    for (const auto& [seq, facts] : books_.entries) {
      if (seq == 1) before = &nothing;
      const bool follows = before != nullptr && (seq == last + 1 || seq == 1);
      if (follows && before->balance.value.has_value() && facts.amount.value.has_value() &&
          facts.balance.value.has_value() &&
          *before->balance.value + *facts.amount.value != *facts.balance.value) {
        findings_.Add(Rule::kBalance,
                      absl::StrCat("after entry ", seq - 1, " the balance is ",
                                   Money(*before->balance.value), BySaid(before->balance.by),
                                   ", entry ", seq, " adds ", Money(*facts.amount.value),
                                   BySaid(facts.amount.by), ", and the balance after it is ",
                                   Money(*facts.balance.value), BySaid(facts.balance.by)));
      }
      before = &facts;
      last = seq;
    }
  }

  std::string BySaid(const Call* call) const {
    return call == nullptr ? "" : absl::StrCat(" by ", teller_.Tell(*call));
  }

  bool IsComplete() const {
    if (books_.entries.empty()) return false;
    const int64_t last = books_.entries.rbegin()->first;
    const size_t known = books_.entries.size() - books_.entries.count(0);
    return last > 0 && static_cast<int64_t>(known) == last &&
           std::all_of(books_.entries.begin(), books_.entries.end(), [](const auto& entry) {
             return entry.first == 0 || entry.second.amount.value.has_value();
           });
  }

  void CheckAsked(const Key& key, const Asked& asked) {
    CheckPlaces(key, asked);
    CheckAskers(key, asked);
    const std::string name = NameOfKey(key);
    if (asked.fresh != nullptr && asked.fresh->asked > asked.first_answered) {
      findings_.Add(Rule::kBothFirst,
                    absl::StrCat(name, " was acknowledged to ", teller_.Tell(*asked.answerer), "; ",
                                 teller_.Tell(*asked.fresh),
                                 ", which was asked after that answer, is told that it booked it"));
    }
    if (asked.answerer != nullptr && asked.Place() == 0 && asked.listed.empty() && complete_) {
      findings_.Add(Rule::kLost,
                    absl::StrCat(name, " was acknowledged to ", teller_.Tell(*asked.answerer),
                                 ", and is none of the account's ", books_.entries.rbegin()->first,
                                 " entries"));
    }
  }

  // It is where its answers say, and nowhere else.
  void CheckPlaces(const Key& key, const Asked& asked) {
    if (asked.held || asked.listed.empty()) return;
    const bool told = asked.seq.value.has_value();
    const int64_t place = told ? *asked.seq.value : asked.listed.front().first;
    const Call& by = told ? *asked.seq.by : *asked.listed.front().second;
    for (const auto& [seq, lister] : asked.listed) {
      if (seq == place) continue;
      findings_.Add(Rule::kDoubled,
                    absl::StrCat(NameOfKey(key), " is entry ", place, " by ", teller_.Tell(by),
                                 ", and entry ", seq, " by ", teller_.Tell(*lister)));
    }
  }

  // What is booked somebody has asked for, and was not refused.
  void CheckAskers(const Key& key, const Asked& asked) {
    if (asked.asker != nullptr || asked.held || asked.listed.empty()) return;
    const auto& [seq, lister] = asked.listed.front();
    const std::string what =
        absl::StrCat(NameOfKey(key), " is entry ", seq, " by ", teller_.Tell(*lister));
    if (asked.refused != nullptr) {
      findings_.Add(Rule::kRefused, absl::StrCat(what, ", and was refused each time, as by ",
                                                 teller_.Tell(*asked.refused)));
    } else if (OnlyByCallers(key.first)) {
      findings_.Add(Rule::kNobody, absl::StrCat(what, ", and nobody has asked for it"));
    }
  }

  const Teller teller_;
  Findings findings_;
  Books books_;
  bool complete_ = false;  // every entry is known up to the last one that anybody was told of
};

// A list from the newest entry on shows each entry down to its last one.
void CheckLists(const Call& call, const Teller& teller, std::vector<Finding>* findings) {
  const Claim* before = nullptr;
  for (const Claim& claim : call.claims) {
    if (claim.what != What::kEntry || call.method != "ListEntries") continue;
    if (before != nullptr && claim.seq != before->seq - 1) {
      findings->push_back(
          {Rule::kGap, claim.account,
           absl::StrCat(NameOf(Rule::kGap), " ", claim.account, ": ", teller.Tell(call),
                        " shows entry ", before->seq, ", and then entry ", claim.seq)});
    }
    before = &claim;
  }
}

}  // namespace

const char* NameOf(Rule rule) {
  switch (rule) {
    case Rule::kTurned:
      return "TURNED";
    case Rule::kStale:
      return "STALE";
    case Rule::kEarly:
      return "EARLY";
    case Rule::kBack:
      return "BACK";
    case Rule::kTwoEntries:
      return "TWO_ENTRIES";
    case Rule::kBalance:
      return "BALANCE";
    case Rule::kDoubled:
      return "DOUBLED";
    case Rule::kBothFirst:
      return "BOTH_FIRST";
    case Rule::kLost:
      return "LOST";
    case Rule::kNobody:
      return "NOBODY";
    case Rule::kRefused:
      return "REFUSED";
    case Rule::kGap:
      return "GAP";
  }
  return "";
}

Report Check(const std::vector<Call>& calls) {
  Report report;
  int64_t origin = kNever;
  for (const Call& call : calls) origin = std::min(origin, call.asked);
  const Teller teller(origin);
  std::map<std::string, AccountChecker> accounts;
  for (const Call& call : calls) {
    ++report.calls;
    bool unknown = false;
    for (const Claim& claim : call.claims) {
      unknown |= claim.what == What::kUnknown;
      auto [found, is_new] =
          accounts.try_emplace(claim.account, claim.account, origin, &report.findings);
      found->second.Add(call, claim);
    }
    report.unknown += unknown ? 1 : 0;
    CheckLists(call, teller, &report.findings);
  }
  for (auto& [account, checker] : accounts) checker.Finish(&report);
  report.accounts = static_cast<int64_t>(accounts.size());
  return report;
}

std::string Summary(const Report& report) {
  return absl::StrCat(report.calls, " calls (", report.unknown, " without an answer) about ",
                      report.accounts, " accounts: ", report.asked, " bookings asked for, ",
                      report.entries, " entries, ", report.reads, " things read; out of order ",
                      report.findings.size());
}

}  // namespace reserve::history
