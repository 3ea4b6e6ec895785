#include "services/console/views/formatter.h"

#include <unicode/coll.h>
#include <unicode/currunit.h>
#include <unicode/numberformatter.h>
#include <unicode/uloc.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "common/clock/calendar.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"

namespace reserve::console {
namespace {

constexpr size_t kMostLanguage = 256;
constexpr int kMostDecimals = 9;
// Parts of countries that ICU lists beside those that ISO 3166-1 has assigned.
constexpr std::array<absl::string_view, 6> kReservedCodes = {"AC", "CP", "DG", "EA", "IC", "TA"};

// Of the nano-units of a minor unit: USD 2, JPY 0.
int DecimalsOf(const std::string& currency) {
  if (!IsCurrency(currency)) return 2;
  int decimals = kMostDecimals;
  for (Nanos minor = MinorUnitNanos(currency); minor >= 10; minor /= 10) --decimals;
  return decimals;
}

// "-12.345", with all that it has.
std::string DecimalOf(const google::type::Money& money) {
  const bool negative = IsNegative(money);
  return absl::StrFormat("%s%d.%09d", negative ? "-" : "", std::abs(money.units()),
                         std::abs(money.nanos()));
}

icu::Locale LocaleOf(const std::string& accept_language) {
  UErrorCode error = U_ZERO_ERROR;
  std::array<char, ULOC_FULLNAME_CAPACITY> name{};
  UAcceptResult result = ULOC_ACCEPT_FAILED;
  if (!accept_language.empty() && accept_language.size() <= kMostLanguage) {
    UEnumeration* const known = uloc_openAvailableByType(ULOC_AVAILABLE_DEFAULT, &error);
    uloc_acceptLanguageFromHTTP(name.data(), name.size(), &result, accept_language.c_str(), known,
                                &error);
    uenum_close(known);
  }
  if (U_FAILURE(error) || result == ULOC_ACCEPT_FAILED) return icu::Locale("en_US");
  return icu::Locale(name.data());
}

std::string Utf8(const icu::UnicodeString& text) {
  std::string utf8;
  text.toUTF8String(utf8);
  return utf8;
}

}  // namespace

bool IsZero(const google::type::Money& money) { return money.units() == 0 && money.nanos() == 0; }

bool IsNegative(const google::type::Money& money) { return money.units() < 0 || money.nanos() < 0; }

bool ReadMoney(absl::string_view text, const std::string& currency, google::type::Money* money) {
  std::string plain(absl::StripAsciiWhitespace(text));
  const size_t sign = plain.find_first_of(".,");
  const bool three = sign != std::string::npos && plain.size() - sign == 4;
  if (three && (plain[sign] == ',' || DecimalsOf(currency) != 3)) return false;
  if (!absl::StrContains(plain, '.')) plain = absl::StrReplaceAll(plain, {{",", "."}});
  const absl::StatusOr<Nanos> amount = ParseDecimal(plain);
  if (!amount.ok()) return false;
  ToProto(*amount, currency, money);
  return true;
}

std::string PlainMoney(const google::type::Money& money) {
  std::string text = DecimalOf(money);
  const size_t least =
      text.size() - kMostDecimals + static_cast<size_t>(DecimalsOf(money.currency_code()));
  while (text.size() > least && text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string TypedMoney(const google::type::Money& money) {
  std::string text = PlainMoney(money);
  const size_t point = text.find('.');
  const bool three = point != std::string::npos && text.size() - point == 4;
  return three && DecimalsOf(money.currency_code()) != 3 ? text + "0" : text;
}

Formatter::Formatter(const std::string& accept_language, const std::string& time_zone)
    : locale_(LocaleOf(accept_language)), zone_name_("UTC"), zone_(absl::UTCTimeZone()) {
  if (const auto zone = FindTimeZone(time_zone); zone.has_value()) {
    zone_name_ = time_zone;
    zone_ = *zone;
  }
}

std::string Formatter::language() const {
  UErrorCode error = U_ZERO_ERROR;
  return locale_.toLanguageTag<std::string>(error);
}

std::string Formatter::Money(const google::type::Money& money) const {
  UErrorCode error = U_ZERO_ERROR;
  const std::string code = money.currency_code().size() == 3 ? money.currency_code() : "XXX";
  const icu::CurrencyUnit unit(icu::StringPiece(code), error);
  const std::string decimal = DecimalOf(money);
  const icu::number::FormattedNumber written =
      icu::number::NumberFormatter::withLocale(locale_)
          .unit(unit)
          .precision(icu::number::Precision::minMaxFraction(DecimalsOf(code), kMostDecimals))
          .formatDecimal({decimal.data(), static_cast<int32_t>(decimal.size())}, error);
  const icu::UnicodeString text = written.toString(error);
  if (U_FAILURE(error)) return absl::StrCat(money.currency_code(), " ", PlainMoney(money));
  return Utf8(text);
}

std::string Formatter::Number(int64_t number) const {
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString text =
      icu::number::NumberFormatter::withLocale(locale_).formatInt(number, error).toString(error);
  return U_FAILURE(error) ? absl::StrCat(number) : Utf8(text);
}

std::string Formatter::Write(const google::protobuf::Timestamp& time, const char* skeleton) const {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  std::unique_ptr<icu::DateFormat>& format = formats_[skeleton];
  UErrorCode error = U_ZERO_ERROR;
  if (format == nullptr) {
    format.reset(icu::DateFormat::createInstanceForSkeleton(skeleton, locale_, error));
    if (U_FAILURE(error) || format == nullptr) return absl::StrCat(time.seconds());
    format->adoptTimeZone(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(zone_name_)));
  }
  icu::UnicodeString text;
  format->format(static_cast<UDate>(time.seconds()) * 1000 + time.nanos() / 1'000'000, text);
  return Utf8(text);
}

std::string Formatter::Day(const google::protobuf::Timestamp& time) const {
  return Write(time, "yMMMd");
}

std::string Formatter::Time(const google::protobuf::Timestamp& time) const {
  return Write(time, "yMMMdjm");
}

std::string Formatter::ExactTime(const google::protobuf::Timestamp& time) const {
  return Write(time, "yMMMdjms");
}

std::string Formatter::Clock(const google::protobuf::Duration& duration) {
  // What is begun counts: 0.4 seconds are shown as one.
  const int64_t seconds = duration.seconds() + (duration.nanos() > 0 ? 1 : 0);
  const int64_t hours = seconds / 3600;
  if (hours == 0) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", hours, seconds / 60 % 60, seconds % 60);
}

std::string Formatter::Country(const std::string& code) const {
  const bool is_code =
      code.size() == 2 && absl::ascii_isupper(code[0]) && absl::ascii_isupper(code[1]);
  if (!is_code) return code;
  icu::UnicodeString name;
  icu::Locale("", code.c_str()).getDisplayCountry(locale_, name);
  const std::string utf8 = Utf8(name);
  return utf8.empty() || utf8 == code ? code : absl::StrCat(utf8, " (", code, ")");
}

std::vector<std::pair<std::string, std::string>> Formatter::Countries() const {
  std::vector<std::pair<std::string, icu::UnicodeString>> countries;
  for (const char* const* code = icu::Locale::getISOCountries(); *code != nullptr; ++code) {
    if (absl::c_linear_search(kReservedCodes, absl::string_view(*code))) continue;
    icu::UnicodeString name;
    icu::Locale("", *code).getDisplayCountry(locale_, name);
    countries.emplace_back(*code, std::move(name));
  }
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::Collator> order(icu::Collator::createInstance(locale_, error));
  std::stable_sort(countries.begin(), countries.end(), [&](const auto& a, const auto& b) {
    UErrorCode ignored = U_ZERO_ERROR;
    return order == nullptr ? a.second < b.second
                            : order->compare(a.second, b.second, ignored) == UCOL_LESS;
  });
  std::vector<std::pair<std::string, std::string>> named;
  named.reserve(countries.size());
  for (const auto& [code, name] : countries) named.emplace_back(code, Utf8(name));
  return named;
}

std::string Formatter::Minutes(const google::protobuf::Duration& duration) const {
  return Number(duration.seconds() / 60);
}

}  // namespace reserve::console
