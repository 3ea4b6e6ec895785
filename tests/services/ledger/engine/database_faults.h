// What can happen to a statement: each error that a database can give, before the statement is
// done and after, and each way in which a connection can end.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_DATABASE_FAULTS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_DATABASE_FAULTS_H_

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/ledger/storage/database_error.h"
#include "tests/services/ledger/engine/sabotage.h"

namespace reserve::engine {

// Errors that pass: the transaction, or the connection, is tried again.
inline constexpr int kConflicts[] = {1213, 1205, 1020, 1180, 3101, 8002, 8022,
                                     8028, 9007, 1317, 1969, 3024, 1637};
inline constexpr int kDuplicateKey = 1062;
inline constexpr int kConnectionGone[] = {2002, 2003, 2005, 2006, 2013, 2026, 2027,
                                          1040, 1047, 1053, 1158, 1290, 1836, 1927,
                                          3100, 4031, 1021, 1030, 1114, 1203};
// Errors that may be about one statement: what they strike is cut down to a command. Callers hear
// of all but the last that the database can't do it now, of the last that it can't be stored.
inline constexpr int kContent = 1406;
inline constexpr int kLasting[] = {1064, 1146, 1142, 1665, 1999, kContent};

struct Fault {
  std::string name;
  Ruling ruling;
  bool passes = true;

  // Has the server done the statement all the same?
  bool done() const {
    return ruling.fate == Fate::kDoneAndCut || ruling.fate == Fate::kDoneAndGarbled ||
           ruling.fate == Fate::kDoneAndRefused;
  }
};

inline Fault FaultOf(absl::string_view how, Fate fate, int error, bool passes) {
  return {error == 0 ? std::string(how) : absl::StrCat(how, " ", error), {fate, error}, passes};
}

// Each error number, in the order of the lists above.
inline std::vector<int> AllErrors() {
  std::vector<int> errors(std::begin(kConflicts), std::end(kConflicts));
  errors.push_back(kDuplicateKey);
  errors.insert(errors.end(), std::begin(kConnectionGone), std::end(kConnectionGone));
  errors.insert(errors.end(), std::begin(kLasting), std::end(kLasting));
  return errors;
}

// One number of each class that the product knows (storage/database_error.h): of a number it looks
// at nothing else.
inline std::vector<int> OneErrorOfEachClass() {
  std::map<storage::ErrorClass, int> of_class;
  for (const int error : AllErrors()) of_class.emplace(storage::ClassOfError(error), error);
  std::vector<int> errors;
  for (const auto& [error_class, error] : of_class) errors.push_back(error);
  return errors;
}

// The ways in which each statement is spoiled, and before and after it these errors.
inline std::vector<Fault> FaultsWith(const std::vector<int>& errors) {
  std::vector<Fault> faults = {FaultOf("cut off before it", Fate::kCut, 0, true),
                               FaultOf("cut off after it", Fate::kDoneAndCut, 0, true),
                               FaultOf("garbled reply", Fate::kDoneAndGarbled, 0, true),
                               FaultOf("rolled back with", Fate::kRolledBack, 1213, true),
                               FaultOf("rolled back with", Fate::kRolledBack, 3101, true)};
  for (const int error : errors) {
    const bool passes =
        std::find(std::begin(kLasting), std::end(kLasting), error) == std::end(kLasting);
    faults.push_back(FaultOf("refused with", Fate::kRefused, error, passes));
    faults.push_back(FaultOf("done, but answered", Fate::kDoneAndRefused, error, passes));
  }
  return faults;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

// Under a sanitizer fewer are enough: what is done about which class is shown without it.
inline std::vector<Fault> FaultsUnderASanitizer() {
  return FaultsWith({kConflicts[0], kDuplicateKey, kConnectionGone[0], kLasting[0], kContent});
}

// An error of each class, and two further numbers, which are others each time it is asked: in a
// run all of them are tried, many times. Not thread-safe.
inline std::vector<Fault> FaultsToTry() {
  if (kIsSanitized) return FaultsUnderASanitizer();
  static size_t turn = 0;
  std::vector<int> errors = OneErrorOfEachClass();
  const std::vector<int> all = AllErrors();
  for (int i = 0; i < 2; ++i) {
    const int further = all[turn++ % all.size()];
    if (std::find(errors.begin(), errors.end(), further) == errors.end()) {
      errors.push_back(further);
    }
  }
  return FaultsWith(errors);
}

// One for each thing that the product does about a fault, for a statement that meets all of them
// elsewhere: connects again, connects again and looks whether it is done, tries the transaction
// again, takes what it remembers for old, tells the caller to repeat, or that it can't be stored.
inline std::vector<Fault> FaultsOfEachClass() {
  return {FaultOf("cut off before it", Fate::kCut, 0, true),
          FaultOf("cut off after it", Fate::kDoneAndCut, 0, true),
          FaultOf("rolled back with", Fate::kRolledBack, 1213, true),
          FaultOf("refused with", Fate::kRefused, kDuplicateKey, true),
          FaultOf("done, but answered", Fate::kDoneAndRefused, 1064, false),
          FaultOf("refused with", Fate::kRefused, kContent, false)};
}

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_DATABASE_FAULTS_H_
