// Money, numbers and times as a reader's language writes them, in an account's time zone: by ICU.
//
// Amounts are exact, down to the nano-unit: at least the decimals of the currency, and as many more
// as there are. Made for one request: not thread-safe.
//
//   Formatter format("de-DE,de;q=0.9", "Europe/Berlin");
//   format.Money(account.balance())  ->  "15,00 $"
#ifndef RESERVE_CONSOLE_VIEWS_FORMATTER_H_
#define RESERVE_CONSOLE_VIEWS_FORMATTER_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <unicode/datefmt.h>
#include <unicode/locid.h>
#include <unicode/timezone.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/type/money.pb.h"

namespace reserve::console {

class Formatter {
 public:
  // The first language of the header `Accept-Language` that ICU knows, else American English; and a
  // name of a time zone, else UTC.
  Formatter(const std::string& accept_language, const std::string& time_zone);

  std::string Money(const google::type::Money& money) const;
  std::string Number(int64_t number) const;
  // "Nov 29, 2026"; "Nov 29, 2026, 8:14 PM"; the second with seconds. Empty of no time.
  std::string Day(const google::protobuf::Timestamp& time) const;
  std::string Time(const google::protobuf::Timestamp& time) const;
  std::string ExactTime(const google::protobuf::Timestamp& time) const;
  // "1:05", "2:00:00": minutes and seconds, and hours.
  static std::string Clock(const google::protobuf::Duration& duration);
  // Whole minutes, rounded down.
  std::string Minutes(const google::protobuf::Duration& duration) const;

  // "United Kingdom (GB)" of a country's code by ISO 3166-1, which is what filters take; anything
  // else as it is.
  std::string Country(const std::string& code) const;
  // All countries, by code and name, as the reader's language puts these in order.
  std::vector<std::pair<std::string, std::string>> Countries() const;

  // What the zone is called: "America/New_York".
  const std::string& zone() const { return zone_name_; }
  absl::TimeZone time_zone() const { return zone_; }
  // A BCP 47 tag.
  std::string language() const;

 private:
  std::string Write(const google::protobuf::Timestamp& time, const char* skeleton) const;

  icu::Locale locale_;
  std::string zone_name_;
  absl::TimeZone zone_;
  // By skeleton; each is dear to make.
  mutable std::map<std::string, std::unique_ptr<icu::DateFormat>> formats_;
};

// Reads an amount that somebody typed: "20", "20.5", "20,50"; at most nine decimals. Nothing for
// anything else: thousands are not told apart, so "1,000.50" is refused and not guessed at, and so
// are "1,000" and "1.000", which are a thousand to some. Only of a currency of three decimals
// "1.000" is what it is everywhere else in the pages.
bool ReadMoney(absl::string_view text, const std::string& currency, google::type::Money* money);
// "20.50", with the decimals of the currency or more.
std::string PlainMoney(const google::type::Money& money);
// The same as it stands in a field, so that ReadMoney takes it back: "0.1250".
std::string TypedMoney(const google::type::Money& money);
bool IsZero(const google::type::Money& money);
bool IsNegative(const google::type::Money& money);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_FORMATTER_H_
