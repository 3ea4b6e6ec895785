// What visitors of the console's pages show, and the file of keys by which it is believed.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/console/identity/key_set.h"
#include "services/console/identity/token.h"
#include "tests/fuzz/targets.h"
#include "tests/support/test_provider.h"

namespace reserve::fuzz {
namespace {

constexpr int64_t kNow = 1'795'000'000;  // 2026-11-18

const test_support::TestProvider& Provider() {
  static const auto* const provider = new test_support::TestProvider;
  return *provider;
}

const console::KeySet& Keys() {
  static const auto* const keys =
      new console::KeySet(console::ReadKeySet(Provider().Jwks()).value());
  return *keys;
}

// True if the token is one.
bool IsBelieved(absl::string_view token) {
  const console::TokenRules rules{test_support::kTestAudience};
  const absl::Time now = absl::FromUnixSeconds(kNow);
  const absl::StatusOr<console::Identity> who = console::CheckToken(token, Keys(), rules, now);
  if (!who.ok()) {
    RequireReadable(who.status().message());
    return false;
  }
  Require(!who->subject.empty() && who->subject.size() <= 128, "a token names who it is of");
  RequireReadable(who->subject);
  const int reach =
      (who->account_id.empty() ? 0 : 1) + (who->support ? 1 : 0) + (who->operations ? 1 : 0);
  Require(reach == 1, "a token is a customer's, or support's, or operations'");
  Require(who->account_id.size() <= 64, "an account's id is one");
  Require(now < who->expire_time + console::kClockLeeway, "a token has not expired");
  return true;
}

}  // namespace

void Tokens(absl::string_view bytes) {
  Require(!IsBelieved(bytes), "what the provider has not signed is not believed");
  // What the provider signs may say anything.
  const std::string token = Provider().Sign(std::string(bytes));
  if (!IsBelieved(token)) return;
  const size_t claims = token.find('.') + 1;
  std::string altered = token;
  altered[claims] = altered[claims] == 'e' ? 'f' : 'e';
  Require(!IsBelieved(altered), "what was altered since is not believed");
  Require(!IsBelieved(absl::StrCat(token, ".")), "a token has three parts");
}

void KeySets(absl::string_view bytes) {
  const absl::StatusOr<console::KeySet> keys = console::ReadKeySet(bytes);
  if (!keys.ok()) return RequireReadable(keys.status().message());
  Require(!keys->empty(), "a set has keys");
  for (const console::PublicKey& key : *keys) {
    Require(key.key != nullptr, "a key is one");
    Require(!console::Signed(key, "text", bytes), "no key has signed what it has not");
  }
}

}  // namespace reserve::fuzz
