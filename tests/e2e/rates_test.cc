// Rate decks through the real ledger process on a real database: in by upload and by
// `ledger import-rates`, out as lists, quotes and booked usages.
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/stack.h"
#include "tests/services/ledger/rates/reference_data.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ::reserve::ledger::v1;
using ::reserve::rates::HasReferenceData;
using ::reserve::rates::ReadReference;
using ::reserve::rates::ReferenceDeckCsv;
using ::reserve::rates::ReferenceRow;
using test_support::WaitUntil;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kColumns[] = "kind,prefix,price\n";
constexpr char kLongAgo[] = "effective_time { seconds: 1420070400 }";  // 2015-01-01

Nanos Amount(const google::type::Money& money) {
  return money.units() * kNanosPerUnit + money.nanos();
}

// What "0.0171" is in nano-units.
Nanos Decimal(absl::string_view text) {
  const auto amount = ParseDecimal(text);
  EXPECT_TRUE(amount.ok()) << text;
  return amount.value_or(-1);
}

std::string MetadataValue(const absl::Status& status, absl::string_view key) {
  for (const auto& [name, value] : MetadataOf(status)) {
    if (name == key) return value;
  }
  return "";
}

class RatesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto stack = Stack::Start({.starter_deck = false});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  // Sends these messages as they are.
  absl::StatusOr<pb::ImportRateDeckResponse> Send(
      const std::vector<pb::ImportRateDeckRequest>& messages) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    pb::ImportRateDeckResponse response;
    const auto writer = stack_->rates().ImportRateDeck(&context, &response);
    for (const auto& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  static pb::ImportRateDeckRequest Header(const std::string& header) {
    pb::ImportRateDeckRequest message;
    *message.mutable_header() = Parse<pb::RateDeckHeader>(header);
    return message;
  }
  static pb::ImportRateDeckRequest Chunk(const std::string& csv) {
    pb::ImportRateDeckRequest message;
    message.set_csv_chunk(csv);
    return message;
  }

  // These decks are small, and each is another one. They are in force from the header's effective
  // time on, else from now.
  absl::StatusOr<pb::ImportRateDeckResponse> Import(const std::string& header,
                                                    const std::string& csv) {
    auto imported = ImportDraft(header, csv);
    if (!imported.ok()) return imported;
    pb::ActivateRateDeckRequest activate;
    activate.set_deck_version(imported->rate_deck().version());
    activate.set_backdate(true);
    activate.set_request_id(absl::StrCat("activation-", ++activations_));
    activate.set_reason("test");
    const auto asked = Parse<pb::RateDeckHeader>(header);
    if (asked.has_effective_time()) {
      *activate.mutable_effective_time() = asked.effective_time();
    } else {
      activate.mutable_effective_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    }
    const auto activated =
        Call(stack_->rates(), &pb::Rates::Stub::ActivateRateDeck, activate).status();
    if (!activated.ok()) return activated;
    return imported;
  }

  absl::StatusOr<pb::ImportRateDeckResponse> ImportDraft(const std::string& header,
                                                         const std::string& csv) {
    std::string accepting = header;
    for (const absl::string_view code :
         {"ROWS_DROPPED", "PRICES_CHANGED", "CROSSES_CEILING", "BARE_PREFIX", "MISSES_RECENT",
          "LEAVES_UNRATED", "FIRST_OF_CURRENCY", "NAME_NOT_IN_PREFIX"}) {
      absl::StrAppend(&accepting, " accept: RATE_DECK_FINDING_CODE_", code);
    }
    return ImportAccepting(accepting, csv);
  }

  // The header accepts what it says.
  absl::StatusOr<pb::ImportRateDeckResponse> ImportAccepting(const std::string& header,
                                                             const std::string& csv) {
    constexpr size_t kChunkBytes = 100'000;
    std::vector<pb::ImportRateDeckRequest> messages = {Header(header)};
    for (size_t i = 0; i < csv.size(); i += kChunkBytes) {
      messages.push_back(Chunk(csv.substr(i, kChunkBytes)));
    }
    return Send(messages);
  }

  pb::ListRateDecksResponse Decks(const std::string& request = "") {
    const auto decks = Call(stack_->rates(), &pb::Rates::Stub::ListRateDecks,
                            Parse<pb::ListRateDecksRequest>(request));
    EXPECT_TRUE(decks.ok()) << decks.status();
    return decks.value_or(pb::ListRateDecksResponse());
  }

  absl::StatusOr<pb::ListRatesResponse> ListRates(const std::string& request) {
    return Call(stack_->rates(), &pb::Rates::Stub::ListRates, Parse<pb::ListRatesRequest>(request));
  }
  absl::StatusOr<pb::QuoteCallResponse> QuoteCall(const std::string& request) {
    return Call(stack_->rates(), &pb::Rates::Stub::QuoteCall, Parse<pb::QuoteCallRequest>(request));
  }
  absl::StatusOr<pb::QuoteSmsResponse> QuoteSms(const std::string& request) {
    return Call(stack_->rates(), &pb::Rates::Stub::QuoteSms, Parse<pb::QuoteSmsRequest>(request));
  }

  // A minute each, now, of a new account "a".
  void BookCallsTo(const std::vector<std::string>& numbers) {
    ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                     Parse<pb::OpenAccountRequest>("account_id: 'a'"))
                    .ok());
    ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                     Parse<pb::PutUserRequest>("account_id: 'a' user_id: 'u'"))
                    .ok());
    for (const std::string& number : numbers) {
      ASSERT_TRUE(
          Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
               Parse<pb::RecordUsageRequest>(absl::StrCat(
                   "account_id: 'a' usage { usage_id: '", number.substr(1),
                   "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                   " } call { direction: DIRECTION_OUTBOUND destination: '", number,
                   "' duration { seconds: 60 } } }")))
              .ok());
    }
  }

  // What the database holds of decks and rates.
  std::string Stored() const {
    return absl::StrCat(
        stack_->database().QueryText("SELECT CONCAT(COUNT(*), '/', COALESCE(MAX(version), 0)) "
                                     "FROM rate_decks"),
        "/", stack_->database().QueryInt("SELECT COUNT(*) FROM rates"));
  }

  void ImportStarter() {
    const Stack::Ended ended = stack_->RunLedger({"import-rates", "--starter"});
    ASSERT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
  }

  std::string WriteFile(const std::string& name, const std::string& content) const {
    const std::string path = absl::StrCat(stack_->folder(), "/", name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::unique_ptr<Stack> stack_;
  int activations_ = 0;
};

// --- Import -----------------------------------------------------------------

TEST_F(RatesTest, TheStarterDeckIsImportedOnceHoweverOftenItIsSent) {
  const Stack::Ended first = stack_->RunLedger({"import-rates", "--starter"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_THAT(first.output, HasSubstr("\"starter\" is now version 1"));
  EXPECT_THAT(first.output, HasSubstr("import-rates: in force from 2015-01-01T00:00:00Z"));
  const std::string stored = Stored();
  const Stack::Ended second = stack_->RunLedger({"import-rates", "--starter"});
  ASSERT_EQ(second.exit_code, 0) << second.errors;
  EXPECT_THAT(second.output, HasSubstr("\"starter\" is there already as version 1"));
  EXPECT_THAT(second.output, HasSubstr("in force from 2015-01-01T00:00:00Z"));
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM rate_activations"), 1);
  EXPECT_EQ(Stored(), stored);

  const pb::ListRateDecksResponse decks = Decks();
  ASSERT_THAT(decks.rate_decks(), SizeIs(1));
  const pb::RateDeck& deck = decks.rate_decks(0);
  EXPECT_EQ(deck.version(), 1);
  EXPECT_EQ(deck.name(), "starter");
  EXPECT_EQ(deck.currency_code(), "USD");
  EXPECT_EQ(deck.effective_time().seconds(), 1'420'070'400);
  EXPECT_EQ(Amount(deck.standard_rate_ceiling()), Decimal("0.02"));
  EXPECT_GT(deck.rate_count(), 1000);
  EXPECT_EQ(deck.rate_count(), stack_->database().QueryInt("SELECT COUNT(*) FROM rates"));
}

TEST_F(RatesTest, K1_ARepeatIsTheDeckThatIsThere) {
  const std::string csv = absl::StrCat(kColumns, "call,44,0.01\n");
  const auto first = ImportDraft("name: 'uk'", csv);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->already_imported());
  const auto again = ImportDraft(absl::StrCat("name: 'uk' ", kLongAgo), csv);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_imported());
  EXPECT_EQ(again->rate_deck().DebugString(), first->rate_deck().DebugString());
  // Anything else about it makes it another deck.
  const std::vector<std::string> others = {"name: 'uk2'", "name: 'uk' currency_code: 'EUR'",
                                           "name: 'uk' series: 'reseller'",
                                           "name: 'uk' standard_rate_ceiling { nanos: 10000000 }"};
  for (size_t i = 0; i < others.size(); ++i) {
    const auto other = ImportDraft(others[i], csv);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_FALSE(other->already_imported()) << others[i];
    EXPECT_EQ(other->rate_deck().version(), static_cast<int64_t>(i) + 2);
  }
}

TEST_F(RatesTest, LineEndsOfWindowsAndAByteOrderMarkAreAccepted) {
  const auto imported = Import("name: 'windows'",
                               "\xEF\xBB\xBFkind,prefix,price,destination\r\n"
                               "call,44,0.015,\"United Kingdom, all of it\"\r\n\r\n"
                               "sms,44,0.02,\r\n");
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->rate_deck().rate_count(), 2);
  const auto rates = ListRates("");
  ASSERT_TRUE(rates.ok()) << rates.status();
  ASSERT_THAT(rates->rates(), SizeIs(2));
  EXPECT_EQ(rates->rates(0).destination_name(), "United Kingdom, all of it");
  EXPECT_EQ(Amount(rates->rates(0).price()), Decimal("0.015"));
}

struct BadDeck {
  const char* what;
  std::string csv;
  int line;  // 0: no line is at fault, but the file
  const char* problem;
};

TEST_F(RatesTest, ABadDeckIsRefusedWithItsLinesAndChangesNothing) {
  ASSERT_TRUE(Import("name: 'good'", absl::StrCat(kColumns, "call,44,0.01\n")).ok());
  const std::string stored = Stored();
  const std::string good = absl::StrCat(kColumns, "call,33,0.01\n");
  const std::vector<BadDeck> decks = {
      {"empty", "", 0, "empty"},
      {"no rows", kColumns, 0, "row"},
      {"a prefix twice", good + "call,34,0.01\ncall,33,0.02\n", 4, "line 2"},
      {"letters in a prefix", good + "call,4a,0.01\n", 3, "prefix"},
      {"two countries in a prefix", good + "call,44 33,0.01\n", 3, "prefix"},
      {"a zero in front", good + "call,044,0.01\n", 3, "prefix"},
      {"an empty prefix", good + "call,,0.01\n", 3, "prefix"},
      {"too long a prefix", good + "call,1234567890123456,0.01\n", 3, "prefix"},
      {"a negative price", good + "call,34,-0.01\n", 3, "price"},
      {"a price of 12 decimals", good + "call,34,0.010000000001\n", 3, "price"},
      {"a price in words", good + "call,34,cheap\n", 3, "price"},
      {"no price", good + "call,34,\n", 3, "price"},
      {"a price out of all proportion", good + "call,34,1000.01\n", 3, "price"},
      {"an unknown kind", good + "fax,34,0.01\n", 3, "kind"},
      {"a column too many", good + "call,34,0.01,x\n", 3, "columns"},
      {"a column too few", good + "call,34\n", 3, "columns"},
      {"an unknown column", "kind,prefix,price,colour\ncall,34,0.01,red\n", 1, "colour"},
      {"a missing column", "kind,prefix\ncall,34\n", 1, "price"},
      {"a column twice", "kind,prefix,price,price\ncall,34,1,1\n", 1, "twice"},
      {"an increment of zero", "kind,prefix,price,increment_seconds\ncall,33,1,6\ncall,34,1,0\n", 3,
       "increment_seconds"},
      {"a call with a carrier", "kind,prefix,price,carrier\ncall,34,1,att\n", 2, "carrier"},
      {"an open quote", good + "call,34,\"0.01\n", 3, "quote"},
      {"neither UTF-8 nor Windows-1252", "kind,prefix,price,destination\ncall,34,1,\x81\n", 2,
       "UTF-8"},
      {"an ambiguous date", "prefix,price,effective date\n34,1,01/12/2026\n", 2, "date_format"},
      {"a number of a spreadsheet", "prefix,price\n4.41E+11,1\n", 2, "scientific"},
      {"an hour of the week without a line", "prefix,price,days,from,to\n44,1,1-5,08:00,18:00\n", 2,
       "has no line for Mon, Tue, Wed, Thu, Fri 00:00-08:00"},
  };
  for (const BadDeck& deck : decks) {
    SCOPED_TRACE(deck.what);
    const absl::Status status = Import("name: 'bad'", deck.csv).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "INVALID_RATE_DECK");
    EXPECT_THAT(std::string(status.message()), HasSubstr(deck.problem));
    if (deck.line > 0) {
      EXPECT_EQ(MetadataValue(status, "bad_row_count"), "1");
      EXPECT_THAT(MetadataValue(status, absl::StrCat("line_", deck.line)), HasSubstr(deck.problem));
    }
    EXPECT_EQ(Stored(), stored);
  }
  EXPECT_THAT(Decks().rate_decks(), SizeIs(1));
}

TEST_F(RatesTest, ThousandsOfBadRowsAreCountedAndTheFirstOnesShown) {
  std::string csv = kColumns;
  for (int i = 0; i < 3000; ++i) {
    absl::StrAppend(&csv, "call,x", i, "\xC3\xA9-not-a-prefix-at-all,also-not-a-price\n");
  }
  const absl::Status status = Import("name: 'bad'", csv).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ReasonOf(status), "INVALID_RATE_DECK");
  EXPECT_EQ(MetadataValue(status, "bad_row_count"), "3000");
  // Each fault once, with its first lines.
  EXPECT_THAT(MetadataValue(status, "line_2"),
              ::testing::AllOf(HasSubstr("prefix"), HasSubstr("lines 3, 4, 5, 6 and 2995 more"),
                               HasSubstr("price")));
  EXPECT_THAT(MetadataValue(status, "line_3"), IsEmpty());
  EXPECT_THAT(MetadataValue(status, "read_as"), HasSubstr("separated by comma"));
  EXPECT_EQ(Stored(), "0/0/0");

  const Stack::Ended ended = stack_->RunLedger({"import-rates", WriteFile("bad.csv", csv)});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.output, HasSubstr("line 2: prefix"));
  EXPECT_THAT(ended.output, HasSubstr("3000 bad rows; nothing was imported"));
  EXPECT_THAT(ended.errors, HasSubstr("3000 bad rows"));
}

TEST_F(RatesTest, M3_AnAccountIsOpenedInACurrencyWithSettingsAndADeckElseItSaysWhichIsMissing) {
  const auto open = [this](const std::string& request) {
    return Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                Parse<pb::OpenAccountRequest>(request));
  };
  const std::string yen =
      "account_id: 'yen' currency_code: 'JPY' card_token: 'tok_visa' reserve_amount { units: 2000 "
      "}";
  EXPECT_EQ(ReasonOf(open(yen).status()), "CURRENCY_WITHOUT_DECK");
  EXPECT_EQ(FieldOf(open(yen).status()), "currency_code");
  const absl::Status kronor = open("account_id: 'kr' currency_code: 'SEK'").status();
  EXPECT_EQ(ReasonOf(kronor), "CURRENCY_NOT_SUPPORTED");
  EXPECT_EQ(FieldOf(kronor), "currency_code");
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM recharges"), 0)
      << "nothing is charged before";

  const auto deck =
      Import("name: 'jp' currency_code: 'JPY'", absl::StrCat(kColumns, "call,81,3\ncall,1,9\n"));
  ASSERT_TRUE(deck.ok()) << deck.status();
  EXPECT_EQ(deck->rate_deck().standard_rate_ceiling().units(), 3) << "of the currency's settings";
  const auto chosen = open(yen);
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_EQ(chosen->billing_settings().reserve_amount().units(), 2000);
  const auto usual = open("account_id: 'usual' currency_code: 'JPY' card_token: 'tok_visa#2'");
  ASSERT_TRUE(usual.ok()) << usual.status();
  EXPECT_EQ(usual->billing_settings().reserve_amount().units(), 1500);
  EXPECT_EQ(usual->billing_settings().recharge_threshold().units(), 1000);
  EXPECT_EQ(stack_->database().QueryInt(
                "SELECT amount_nanos DIV 1000000000 FROM recharges WHERE account_id = 'usual'"),
            1500);
}

TEST_F(RatesTest, M3_ANoRateSaysWhereNoDeckOfTheCurrencyWasInForce) {
  ASSERT_TRUE(Import("name: 'us' effective_time { seconds: 1700000000 }",
                     absl::StrCat(kColumns, "call,44,0.01\n"))
                  .ok());
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>("account_id: 'a'"))
                  .ok());
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                   Parse<pb::PutUserRequest>("account_id: 'a' user_id: 'u'"))
                  .ok());
  const auto record = [this](const std::string& id, const std::string& start,
                             const std::string& destination) {
    const auto booked =
        Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
             Parse<pb::RecordUsageRequest>(absl::StrCat(
                 "account_id: 'a' usage { usage_id: '", id, "' user_id: 'u' start_time { ", start,
                 " } call { direction: DIRECTION_OUTBOUND destination: '", destination,
                 "' duration { seconds: 60 } } }")));
    EXPECT_TRUE(booked.ok()) << booked.status();
    return booked.ok() ? booked->unrated_reason() : pb::UNRATED_REASON_UNSPECIFIED;
  };
  EXPECT_EQ(record("before", "seconds: 1600000000", "+441632960123"), pb::UNRATED_REASON_NO_DECK);
  const std::string now = absl::StrCat("seconds: ", absl::ToUnixSeconds(absl::Now()));
  EXPECT_EQ(record("elsewhere", now, "+33140205050"), pb::UNRATED_REASON_NO_RATE);
  const auto asked =
      Call(stack_->ledger(), &pb::Ledger::Stub::AuthorizeUsage,
           Parse<pb::AuthorizeUsageRequest>("account_id: 'a' user_id: 'u' start_time { seconds: "
                                            "1600000000 } sms { direction: DIRECTION_OUTBOUND "
                                            "destination: '+441632960123' segments: 1 }"));
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_TRUE(asked->deck_missing());
}

TEST_F(RatesTest, ABadHeaderIsRefusedWithItsField) {
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"", "header.name"},
      {"name: 'not a name'", "header.name"},
      {"name: 'x' currency_code: 'usd'", "header.currency_code"},
      {"name: 'x' currency_code: 'XYZ'", "header.currency_code"},
      {"name: 'x' effective_time { seconds: 253402300800 }", "header.effective_time.seconds"},
      {"name: 'x' effective_time { nanos: -1 }", "header.effective_time.nanos"},
      {"name: 'x' standard_rate_ceiling { units: -1 }", "header.standard_rate_ceiling"},
      {"name: 'x' standard_rate_ceiling { currency_code: 'EUR' }",
       "header.standard_rate_ceiling.currency_code"},
      {"name: 'x' currency_code: 'SEK'", "header.standard_rate_ceiling"},  // has no settings
      {"name: 'x' csv_bytes: -1", "header.csv_bytes"},
      {"name: 'x' csv_bytes: 5", "header.csv_bytes"},
  };
  for (const auto& [header, field] : headers) {
    const absl::Status status = Import(header, absl::StrCat(kColumns, "call,44,1\n")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "INVALID_FIELD") << header;
    EXPECT_EQ(FieldOf(status), field) << header;
  }
  EXPECT_EQ(Stored(), "0/0/0");
}

TEST_F(RatesTest, MessagesOutOfOrderOrTooLargeAreRefused) {
  const auto header = Header("name: 'x'");
  const auto rows = Chunk(absl::StrCat(kColumns, "call,44,1\n"));
  const auto large = Chunk(std::string(1 << 20, 'x'));
  std::vector<pb::ImportRateDeckRequest> too_much(66, large);
  too_much.front() = header;
  const std::vector<std::pair<std::vector<pb::ImportRateDeckRequest>, std::string>> uploads = {
      {{}, "header"},
      {{rows}, "header"},
      {{header, header}, "header"},
      {{header, rows, header}, "header"},
      {{pb::ImportRateDeckRequest()}, "header"},
      {{header, pb::ImportRateDeckRequest()}, "csv_chunk"},
      {{header, Chunk(std::string((1 << 20) + 1, 'x'))}, "csv_chunk"},
      {too_much, "csv_chunk"},
  };
  for (size_t i = 0; i < uploads.size(); ++i) {
    SCOPED_TRACE(i);
    const absl::Status status = Send(uploads[i].first).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(FieldOf(status), uploads[i].second);
  }
  // An upload that was refused has left nothing behind that is in the way of others.
  EXPECT_TRUE(Send({header, rows}).ok());
}

TEST_F(RatesTest, ACancelledUploadIsNotADeck) {
  // Empty lines mean nothing, but so many of them are written only while the ledger
  // reads: when the upload is cut off, the ledger has a deck that looks whole.
  const std::string lines(1 << 20, '\n');
  const std::string rows = absl::StrCat(kColumns, "call,44,1\n");
  const auto cut_off = [&] {
    grpc::ClientContext context;
    pb::ImportRateDeckResponse response;
    const auto writer = stack_->rates().ImportRateDeck(&context, &response);
    bool read = writer->Write(Header("name: 'half'")) && writer->Write(Chunk(rows));
    for (int chunk = 0; chunk < 4; ++chunk) read = read && writer->Write(Chunk(lines));
    context.TryCancel();
    const grpc::StatusCode code = writer->Finish().error_code();
    return read && code == grpc::StatusCode::CANCELLED;
  };
  // Only so many uploads at once are taken, and a cancelled one counts for a moment.
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(test_support::WaitUntil(cut_off));
  ASSERT_TRUE(test_support::WaitUntil(
      [this] { return Import("name: 'whole'", absl::StrCat(kColumns, "call,44,1\n")).ok(); }));
  const pb::ListRateDecksResponse decks = Decks();
  ASSERT_THAT(decks.rate_decks(), SizeIs(1));
  EXPECT_EQ(decks.rate_decks(0).name(), "whole");
}

TEST_F(RatesTest, TheImportCommandNamesADeckAfterItsFileAndSaysWhatIsWrong) {
  const std::string file =
      WriteFile("spring-2026.csv", absl::StrCat(kColumns, "call,44,0.025\ncall,49,0.03\n"));
  Stack::Ended ended = stack_->RunLedger({"import-rates", file, "--currency=EUR",
                                          "--effective_time=2026-03-01T01:00:00+01:00",
                                          "--backdate", "--standard_rate_ceiling=0.025"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("\"spring-2026\" is now version 1: 2 rates in EUR\n"));
  EXPECT_THAT(ended.output, HasSubstr("in force from 2026-03-01T00:00:00Z"));
  EXPECT_EQ(Amount(Decks().rate_decks(0).standard_rate_ceiling()), Decimal("0.025"));

  ended = stack_->RunLedger({"import-rates", stack_->folder() + "/missing.csv"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("missing.csv"));
  ended = stack_->RunLedger({"import-rates", file, "--effective_time=tomorrow"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("--effective_time"));
  ended = stack_->RunLedger({"import-rates", WriteFile("empty.csv", "")});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("the file is empty"));
  EXPECT_THAT(Decks().rate_decks(), SizeIs(1));
}

// --- Sense ------------------------------------------------------------------

// The codes that a refusal or a report names.
std::vector<std::string> CodesOf(const absl::Status& status) {
  std::vector<std::string> codes;
  for (const auto& [key, text] : MetadataOf(status)) {
    pb::RateDeckFindingCode code;
    if (pb::RateDeckFindingCode_Parse("RATE_DECK_FINDING_CODE_" + key, &code)) codes.push_back(key);
  }
  return codes;
}

TEST_F(RatesTest, AStrangeDeckIsRefusedUntilEachFindingIsAccepted) {
  ImportStarter();
  const std::string stored = Stored();
  const std::string one_row =
      "kind,prefix,destination,price\ncall,1201,United States,0.0001\ncall,212,USA - NY,0.0045\n";
  const absl::Status refused = ImportAccepting("name: 'one'", one_row).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  EXPECT_EQ(ReasonOf(refused), "RATE_DECK_FINDINGS");
  EXPECT_EQ(FieldOf(refused), "header.accept");
  EXPECT_THAT(CodesOf(refused),
              ::testing::UnorderedElementsAre("ROWS_DROPPED", "PRICES_CHANGED", "CROSSES_CEILING",
                                              "NAME_NOT_IN_PREFIX"));
  EXPECT_THAT(MetadataValue(refused, "NAME_NOT_IN_PREFIX"), HasSubstr("line 3: call 212 USA - NY"));
  EXPECT_EQ(Stored(), stored);

  const std::string three =
      "accept: RATE_DECK_FINDING_CODE_ROWS_DROPPED accept: RATE_DECK_FINDING_CODE_PRICES_CHANGED "
      "accept: RATE_DECK_FINDING_CODE_CROSSES_CEILING ";
  const absl::Status still = ImportAccepting("name: 'one' " + three, one_row).status();
  EXPECT_THAT(CodesOf(still), ElementsAre("NAME_NOT_IN_PREFIX"));
  EXPECT_EQ(Stored(), stored);

  const std::string header =
      "name: 'one' " + three + "accept: RATE_DECK_FINDING_CODE_NAME_NOT_IN_PREFIX";
  const auto tried = ImportAccepting(header + " validate_only: true", one_row);
  ASSERT_TRUE(tried.ok()) << tried.status();
  EXPECT_EQ(tried->findings_size(), 4);
  EXPECT_EQ(tried->rate_deck().version(), 0);
  EXPECT_EQ(tried->rate_deck().rate_count(), 2);
  EXPECT_EQ(Stored(), stored);

  const auto imported = ImportAccepting(header, one_row);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->findings_size(), 4);
  EXPECT_TRUE(imported->findings(0).accepted());
  EXPECT_EQ(imported->rate_deck().version(), 2);
  // Again, without a word of accepting: it is there.
  const auto again = ImportAccepting("name: 'one'", one_row);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->already_imported());
}

TEST_F(RatesTest, ADryRunOfTheCommandSaysTheSameAndStoresNothing) {
  ImportStarter();
  const std::string stored = Stored();
  const std::string file =
      WriteFile("autumn.csv", "Dial Code;Name;Rate/Min;Comment\r\n1201;United States;0,0100;x\r\n");
  Stack::Ended ended = stack_->RunLedger({"import-rates", file, "--dry_run"});
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("1 row, UTF-8, lines end in CRLF, separated by semicolon, "
                                      "decimal mark comma"));
  EXPECT_THAT(ended.output,
              HasSubstr("Dial Code=prefix Name=destination Rate/Min=price Comment=ignored"));
  EXPECT_THAT(ended.output, HasSubstr("ROWS_DROPPED: "));
  EXPECT_THAT(ended.output, HasSubstr("\"autumn\" would be refused: 1 rate in USD"));
  EXPECT_THAT(ended.output, HasSubstr("--accept=ROWS_DROPPED\n"));
  EXPECT_EQ(Stored(), stored);
  ended = stack_->RunLedger({"import-rates", file, "--dry_run", "--accept=ROWS_DROPPED"});
  EXPECT_THAT(ended.output, HasSubstr("\"autumn\" would be imported"));
  EXPECT_EQ(Stored(), stored);

  ended = stack_->RunLedger({"import-rates", file});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.output, HasSubstr("if this is right for this file: --accept=ROWS_DROPPED"));
  EXPECT_EQ(Stored(), stored);
  ended = stack_->RunLedger({"import-rates", file, "--accept=ROWS_DROPPED"});
  EXPECT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("is now version 2"));
  ended = stack_->RunLedger({"import-rates", file, "--accept=ROWS"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("--accept"));
}

TEST_F(RatesTest, AFileThatSaysSomethingElseOfItsPricesIsRefusedByItsLine) {
  const struct {
    const char* name;
    const char* csv;
    const char* told;
  } kFiles[] = {
      {"status", "prefix,price,status\n44,0.01,1\n",
       "line 2: blocked (\"status\"): \"1\" can be active or blocked"},
      {"comment", "prefix,price,comments\n44,0.01,\n53,0.01,Blocked\n",
       "line 3: \"Blocked\" stands in column \"comments\""},
      {"title", "All rates in EUR\nCode,Rate\n44,0.01\n", "line 1: \"All rates in EUR\" says EUR"},
      {"cents", "Code,Rate\n44,1.5\n\nRates in US cents\n",
       "line 4: \"Rates in US cents\" says cents"},
      {"seconds", "prefix,price,minimum\n44,0.015,30\n",
       "line 2: minimum: \"30\" can be money or seconds"},
      {"twice", "Country Code,Area Code,Rate\n44,4420,0.01\n",
       "line 2: area_code (\"Area Code\"): each"},
  };
  for (const auto& file : kFiles) {
    SCOPED_TRACE(file.name);
    const Stack::Ended ended = stack_->RunLedger(
        {"import-rates", WriteFile(absl::StrCat(file.name, ".csv"), file.csv), "--dry_run"});
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.output, HasSubstr(file.told));
    EXPECT_THAT(ended.output, HasSubstr("1 bad row; nothing was imported"));
  }
  EXPECT_EQ(Stored(), "0/0/0");
}

TEST_F(RatesTest, ALongImportShowsABarAndHowLongItTakes) {
  // On a terminal: `script` makes one.
  if (test_support::FindProgram("script").empty()) GTEST_SKIP() << "there is no script";
  std::string csv = "prefix,destination,price\n";
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&csv, 40'000'000 + i, ",Zone,0.01\n");
  const auto process = test_support::Subprocess::Start(
      {.program = "script",
       .args = {
           "-qec",
           absl::StrCat(test_support::FindProgram("ledger"), " import-rates ",
                        WriteFile("long.csv", csv), " --draft --ledger=", stack_->ledger_address()),
           "/dev/null"}});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(absl::Seconds(60)), 0) << (*process)->Stderr();
  EXPECT_THAT((*process)->Stdout(), HasSubstr("[########################################] 100 %"));
  EXPECT_THAT((*process)->Stdout(), HasSubstr("] checking and storing"));
  EXPECT_THAT((*process)->Stdout(), HasSubstr("20000 rates"));
}

TEST_F(RatesTest, TheHelpOfTheImportListsTheColumns) {
  const Stack::Ended ended = stack_->RunLedger({"import-rates", "--help"});
  EXPECT_EQ(ended.exit_code, 0);
  for (const std::string text : {"billing increment", "effective_date", "60:0.01;120:0.005",
                                 "447,448;United Kingdom mobile;0,0350;1/1", "--accept"}) {
    EXPECT_THAT(ended.output, HasSubstr(text));
  }
}

TEST_F(RatesTest, K1_AnEarlierFileImportedAgainIsInForceAgain) {
  const std::string right = WriteFile("right.csv", absl::StrCat(kColumns, "call,44,0.0150\n"));
  const std::string wrong = WriteFile("wrong.csv", absl::StrCat(kColumns, "call,44,0.1500\n"));
  const auto import = [this](const std::string& file) {
    const Stack::Ended ended =
        stack_->RunLedger({"import-rates", file, "--accept=PRICES_CHANGED,CROSSES_CEILING"});
    EXPECT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
    return ended.output;
  };
  const auto cost = [this] {
    const auto quote = QuoteCall(
        "call { direction: DIRECTION_OUTBOUND destination: '+447700900123' duration { "
        "seconds: 60 } }");
    EXPECT_TRUE(quote.ok()) << quote.status();
    return quote.ok() ? Amount(quote->cost()) : -1;
  };
  import(right);
  EXPECT_EQ(cost(), Decimal("0.0150")) << "it is in force when the command ends";
  import(wrong);
  EXPECT_EQ(cost(), Decimal("0.1500"));
  EXPECT_THAT(import(right), ::testing::AllOf(HasSubstr("is there already as version 1"),
                                              HasSubstr("in force from 20")));
  EXPECT_EQ(cost(), Decimal("0.0150"));
  import(right);
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM rate_activations"), 3)
      << "what is in force stays so";
  EXPECT_EQ(Stored(), "2/2/2");
}

TEST_F(RatesTest, AnExportGivesBackWhatWasImported) {
  const std::string file =
      WriteFile("trade.csv",
                "kind,prefix,carrier,destination,price,connect_fee,increments,days,from,to,steps,"
                "included_seconds,minimum,maximum,standard,effective_date,end_date,blocked\n"
                "call,44,,\"United Kingdom, \"\"all\"\"\",0.015,0,60/6,,,,,,,,,,,\n"
                "call,49,,Germany by day,0.05,0.01,1/1,1-5,08:00,18:00,,,,,,,,\n"
                "call,49,,Germany else,0.02,0,1/1,,,,,,,,,,,\n"
                "call,33,,France,0.06,0,60/60,,,,60:0.04;120:0.02,10,0.05,1.00,,,,\n"
                "call,39,,Italy,0.05,0,60/60,,,,,,,,yes,2027-01-01,2027-12-31,\n"
                "call,882,,Blocked,blocked,0,60/60,,,,,,,,,,,\n"
                "call_inbound,1800,,,0.015,0,60/60,,,,,,,,,,,\n"
                "sms,1,310-410,,0.011,,,,,,,,,,,,,\n"
                "short_code,611,,Care,0,0,60/60,,,,,,,,,,,\n");
  Stack::Ended ended = stack_->RunLedger({"import-rates", file, "--currency=EUR",
                                          "--time_zone=Europe/Berlin", "--holidays=2026-12-25",
                                          "--rounding=up/4", "--draft", "--accept=BARE_PREFIX"});
  ASSERT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
  const Stack::Ended exported = stack_->RunLedger({"export-rates", "1"});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  EXPECT_THAT(exported.errors, HasSubstr("--name=trade --currency=EUR --series=standard "
                                         "--standard_rate_ceiling=0.02 --time_zone=Europe/Berlin "
                                         "--holidays=2026-12-25 --rounding=up/4"));
  const std::string again = WriteFile("again.csv", exported.output);
  ended = stack_->RunLedger({"import-rates", again, "--currency=EUR", "--time_zone=Europe/Berlin",
                             "--holidays=2026-12-25", "--rounding=up/4", "--draft",
                             "--accept=BARE_PREFIX"});
  ASSERT_EQ(ended.exit_code, 0) << ended.output << ended.errors << exported.output;
  EXPECT_EQ(stack_->RunLedger({"export-rates", "2"}).output, exported.output);
  ended = stack_->RunLedger({"compare-rates", "2", "1"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("version 2 with version 1: 9 lines cost the same\n0 added\n"
                                      "0 removed\n0 dearer\n0 cheaper\n0 changed otherwise\n0 "
                                      "cross the standard-rate ceiling\n"));
}

TEST_F(RatesTest, WhatWouldChangeIsToldBeforeADeckIsActivated) {
  ASSERT_TRUE(Import(absl::StrCat("name: 'us' ", kLongAgo),
                     absl::StrCat(kColumns, "call,44,0.05\ncall,33,0.05\ncall,49,0.03\n"))
                  .ok());
  ASSERT_NO_FATAL_FAILURE(BookCallsTo({"+447700900123", "+33140205050", "+4930901820"}));
  const auto draft = ImportDraft(
      "name: 'new'", absl::StrCat(kColumns, "call,44,0.07\ncall,33,0.02\ncall,34,0.01\n"));
  ASSERT_TRUE(draft.ok()) << draft.status();
  const auto compare = [&](const std::string& more) {
    const auto compared = Call(stack_->rates(), &pb::Rates::Stub::CompareRateDecks,
                               Parse<pb::CompareRateDecksRequest>(absl::StrCat(
                                   "deck_version: ", draft->rate_deck().version(), " ", more)));
    EXPECT_TRUE(compared.ok()) << compared.status();
    return compared.value_or(pb::CompareRateDecksResponse());
  };
  const auto all = compare("");
  EXPECT_EQ(all.base_deck_version(), 1);
  EXPECT_EQ(all.added_count(), 1);
  EXPECT_EQ(all.removed_count(), 1);
  EXPECT_EQ(all.dearer_count(), 1);
  EXPECT_EQ(all.cheaper_count(), 1);
  EXPECT_EQ(all.becomes_standard_count(), 1);
  EXPECT_EQ(all.ceases_standard_count(), 0);
  EXPECT_EQ(all.changes_size(), 4);
  EXPECT_EQ(all.recent_usage().usage_count(), 3);
  EXPECT_EQ(all.recent_usage().without_price_count(), 1) << "Germany";
  EXPECT_EQ(Amount(all.recent_usage().cost_before()), Decimal("0.10"));
  EXPECT_EQ(Amount(all.recent_usage().cost()), Decimal("0.09"));
  const auto crossing = compare("only_crossing: true");
  ASSERT_EQ(crossing.changes_size(), 1);
  EXPECT_EQ(crossing.changes(0).after().prefix(), "33");
  EXPECT_TRUE(crossing.changes(0).crosses_ceiling());
  EXPECT_EQ(crossing.changes(0).kind(), pb::RATE_CHANGE_KIND_CHEAPER);
  std::vector<std::string> prefixes;
  std::string token;
  do {
    const auto page = compare(absl::StrCat("page_size: 1 page_token: '", token, "'"));
    for (const pb::RateChange& change : page.changes()) {
      prefixes.push_back((change.has_after() ? change.after() : change.before()).prefix());
    }
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(prefixes, ElementsAre("33", "34", "44", "49"));
}

TEST_F(RatesTest, WhatRecentUsageWentToAndWhatWaitsForAPriceIsMissed) {
  ASSERT_TRUE(
      Import(absl::StrCat("name: 'us' ", kLongAgo), absl::StrCat(kColumns, "call,44,0.01\n")).ok());
  ASSERT_NO_FATAL_FAILURE(BookCallsTo({"+447700900123", "+33140205050"}));
  const absl::Status refused =
      ImportAccepting(absl::StrCat("name: 'new' ", kLongAgo),
                      absl::StrCat(kColumns, "call,447,0.01\ncall,49,0.01\n"))
          .status();
  EXPECT_THAT(MetadataValue(refused, "LEAVES_UNRATED"), HasSubstr("calls to +331402..."));
  EXPECT_THAT(MetadataValue(refused, "MISSES_RECENT"), IsEmpty()) << refused;
  const absl::Status missing = ImportAccepting(absl::StrCat("name: 'new' ", kLongAgo),
                                               absl::StrCat(kColumns, "call,33,0.01\n"))
                                   .status();
  EXPECT_THAT(MetadataValue(missing, "MISSES_RECENT"), HasSubstr("calls to +447700..."));
  EXPECT_THAT(MetadataValue(missing, "LEAVES_UNRATED"), IsEmpty()) << missing;
}

TEST_F(RatesTest, UsageThatIsAddedUpIsHeldAgainstADeckByDayAndPrefix) {
  ASSERT_TRUE(Import(absl::StrCat("name: 'us' ", kLongAgo),
                     absl::StrCat(kColumns, "call,44,0.05\ncall,33,0.05\ncall,49,0.03\n"))
                  .ok());
  ASSERT_NO_FATAL_FAILURE(
      BookCallsTo({"+447700900123", "+447700900124", "+33140205050", "+4930901820"}));
  // As if it had been booked a while ago.
  stack_->database().Execute("UPDATE entries SET record_time = record_time - INTERVAL 20 MINUTE");
  stack_->database().Execute(
      "UPDATE usage_count SET through_time = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR");
  ASSERT_TRUE(WaitUntil([this] {
    return stack_->database().QueryInt("SELECT COALESCE(SUM(usages), 0) FROM usage_by_prefix") == 4;
  }));
  const auto draft = ImportDraft(
      "name: 'new'", absl::StrCat(kColumns, "call,44,0.07\ncall,3314,0.02\ncall,34,0.01\n"));
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_THAT(draft->DebugString(), HasSubstr("would have none: 1 of 4 from 20"));
  const auto compared = Call(stack_->rates(), &pb::Rates::Stub::CompareRateDecks,
                             Parse<pb::CompareRateDecksRequest>(
                                 absl::StrCat("deck_version: ", draft->rate_deck().version())));
  ASSERT_TRUE(compared.ok()) << compared.status();
  const pb::RecentUsageCost& usage = compared->recent_usage();
  EXPECT_EQ(usage.usage_count(), 4);
  EXPECT_EQ(usage.without_price_count(), 1) << "Germany";
  EXPECT_EQ(usage.about_count(), 1) << "France has a price in part";
  EXPECT_EQ(Amount(usage.cost_before()), Decimal("0.15"));
  EXPECT_EQ(Amount(usage.cost()), Decimal("0.16"));
  EXPECT_EQ(usage.first_day().size(), 10u);
  EXPECT_LE(usage.first_day(), usage.last_day());
  EXPECT_TRUE(usage.has_counted_until());
}

TEST_F(RatesTest, TheFirstDeckOfAnotherCurrencyIsAskedAbout) {
  ImportStarter();
  const absl::Status refused =
      ImportAccepting("name: 'eur' currency_code: 'EUR'", absl::StrCat(kColumns, "call,44,0.01\n"))
          .status();
  EXPECT_THAT(CodesOf(refused), ElementsAre("FIRST_OF_CURRENCY"));
}

// --- Lists ------------------------------------------------------------------

TEST_F(RatesTest, ThePriceListIsSearchedByCountryNameNumberAndStandard) {
  ImportStarter();
  const auto prefixes = [this](const std::string& request) {
    std::vector<std::string> found;
    const auto rates = ListRates(request);
    EXPECT_TRUE(rates.ok()) << rates.status();
    if (!rates.ok()) return found;
    for (const pb::Rate& rate : rates->rates()) {
      found.push_back(
          absl::StrCat(rate.prefix(), rate.carrier().empty() ? "" : " ", rate.carrier()));
    }
    return found;
  };
  const std::string calls = "kind: RATE_KIND_CALL page_size: 1000 ";
  EXPECT_THAT(prefixes(calls + "country: 'JM'"), ElementsAre("1658", "1876"));
  EXPECT_THAT(prefixes(calls + "country: 'Jamaica'"), ElementsAre("1658", "1876"));
  EXPECT_THAT(prefixes(calls + "country: 'united kingdom' filter: RATE_FILTER_STANDARD"),
              ElementsAre("44"));
  EXPECT_THAT(prefixes(calls + "country: 'GB' filter: RATE_FILTER_DEARER search: 'MOBILE'"),
              ElementsAre("447"));
  EXPECT_THAT(prefixes(calls + "country: 'Jersey' search: 'mobile'"), Contains("4477003"));
  EXPECT_THAT(prefixes(calls + "number: '+447700900123'"), ElementsAre("447"));
  EXPECT_THAT(prefixes(calls + "number: '+18765551234'"), ElementsAre("1876"));
  EXPECT_THAT(prefixes(calls + "number: '+19995551234'"), IsEmpty());
  EXPECT_THAT(prefixes("kind: RATE_KIND_SMS number: '+12125551234'"),
              ElementsAre("1212", "1212 att", "1212 t-mobile", "1212 us-cellular", "1212 verizon"));
  EXPECT_THAT(prefixes("search: 'no such place'"), IsEmpty());
  for (const auto& [request, field] : std::vector<std::pair<std::string, std::string>>{
           {"country: 'Atlantis'", "country"},
           {"filter: 9", "filter"},
           {"number: 'x'", "number"},
           {"currency_code: 'x'", "currency_code"},
           {absl::StrCat("search: '", std::string(65, 'x'), "'"), "search"}}) {
    EXPECT_EQ(FieldOf(ListRates(request).status()), field) << request;
  }
}

TEST_F(RatesTest, ThePriceListIsThatOfItsCurrencyAndTime) {
  ASSERT_TRUE(Import(absl::StrCat("name: 'old' currency_code: 'EUR' ", kLongAgo),
                     absl::StrCat(kColumns, "call,44,0.01\n"))
                  .ok());
  ASSERT_TRUE(
      Import("name: 'new' currency_code: 'EUR'", absl::StrCat(kColumns, "call,44,0.02\n")).ok());
  EXPECT_EQ(ListRates("currency_code: 'EUR'")->deck_version(), 2);
  EXPECT_EQ(ListRates("currency_code: 'EUR' time { seconds: 1600000000 }")->deck_version(), 1);
  EXPECT_EQ(ReasonOf(ListRates("currency_code: 'EUR' time { seconds: 1 }").status()),
            "RATE_DECK_NOT_FOUND");
}

TEST_F(RatesTest, ThePriceListIsThatOfItsSeriesAndSaysWhetherItsPricesIncludeTax) {
  ASSERT_TRUE(
      Import(absl::StrCat("name: 'all' ", kLongAgo), absl::StrCat(kColumns, "call,44,0.02\n"))
          .ok());
  ASSERT_TRUE(
      Import(absl::StrCat("name: 'resale' series: 'reseller' prices_include_tax: true ", kLongAgo),
             absl::StrCat(kColumns, "call,44,0.01\n"))
          .ok());
  const auto price_of = [this](const std::string& request) {
    const auto rates = ListRates(request);
    EXPECT_TRUE(rates.ok()) << rates.status();
    return rates.ok() && rates->rates_size() == 1 ? Amount(rates->rates(0).price()) : -1;
  };
  EXPECT_EQ(price_of(""), Decimal("0.02"));
  EXPECT_EQ(price_of("series: 'reseller'"), Decimal("0.01")) << "tax changes nothing";
  EXPECT_EQ(ReasonOf(ListRates("series: 'none'").status()), "RATE_DECK_NOT_FOUND");
  EXPECT_TRUE(Decks("series: 'reseller'").rate_decks(0).prices_include_tax());
  EXPECT_FALSE(Decks("series: 'standard'").rate_decks(0).prices_include_tax());
}

// --- Texts ------------------------------------------------------------------

TEST_F(RatesTest, S2_TheSegmentsOfATextAreCountedFromTheText) {
  const auto count = [this](const std::string& text) {
    pb::CountSmsSegmentsRequest request;
    request.set_text(text);
    return Call(stack_->ledger(), &pb::Ledger::Stub::CountSmsSegments, request);
  };
  EXPECT_EQ(count(std::string(153, ']'))->segments(), 3);
  EXPECT_EQ(count(std::string(153, ']'))->encoding(), pb::SMS_ENCODING_GSM7);
  std::string emojis;
  for (int i = 0; i < 67; ++i) emojis += "\xF0\x9F\x98\x80";
  EXPECT_EQ(count(emojis)->segments(), 3);
  EXPECT_EQ(count(emojis)->encoding(), pb::SMS_ENCODING_UCS2);
  EXPECT_EQ(count(emojis)->length(), 134);
  EXPECT_EQ(count("")->segments(), 1);
}

TEST_F(RatesTest, S1_ACarrierIsGivenByNameOrCodeAndAnUnknownOneIsSaid) {
  ImportStarter();
  const auto quote = [this](const std::string& carrier) {
    return QuoteSms(absl::StrCat(
        "sms { direction: DIRECTION_OUTBOUND destination: '+12125551234' segments: 1 carrier: '",
        carrier, "' }"));
  };
  for (const std::string carrier : {"att", "AT&T", "310-410", "310410"}) {
    const auto quoted = quote(carrier);
    ASSERT_TRUE(quoted.ok()) << quoted.status();
    EXPECT_EQ(quoted->rate().carrier(), "att");
    EXPECT_FALSE(quoted->carrier_unknown());
  }
  const auto unknown = quote("nobody-mobile");
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_EQ(unknown->rate().carrier(), "");
  EXPECT_TRUE(unknown->carrier_unknown());
  EXPECT_FALSE(quote("")->carrier_unknown());
}

TEST_F(RatesTest, S1_AnUnknownCarrierIsSaidInTheExplanationOfAText) {
  ImportStarter();
  ASSERT_NO_FATAL_FAILURE(BookCallsTo({}));
  for (const auto& [id, carrier, unknown] : std::vector<std::tuple<std::string, std::string, bool>>{
           {"known", "AT&T", false}, {"other", "nobody-mobile", true}, {"none", "", false}}) {
    const auto booked =
        Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
             Parse<pb::RecordUsageRequest>(absl::StrCat(
                 "account_id: 'a' usage { usage_id: '", id,
                 "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                 " } sms { direction: DIRECTION_OUTBOUND destination: '+12125551234' segments: 1 "
                 "carrier: '",
                 carrier, "' } }")));
    ASSERT_TRUE(booked.ok()) << booked.status();
    const auto found =
        Call(stack_->accounts(), &pb::Accounts::Stub::GetUsage,
             Parse<pb::GetUsageRequest>(absl::StrCat("account_id: 'a' usage_id: '", id, "'")));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->rating().carrier_unknown(), unknown) << id;
  }
}

TEST_F(RatesTest, DecksAreListedNewestFirstInPages) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Import(absl::StrCat("name: 'd", i, "' effective_time { seconds: ", 1000 - i, " }"),
                       absl::StrCat(kColumns, "call,44,0.01\n"))
                    .ok());
  }
  std::vector<int64_t> versions;
  std::string token;
  do {
    const auto page = Decks(absl::StrCat("page_size: 2 page_token: '", token, "'"));
    EXPECT_LE(page.rate_decks_size(), 2);
    for (const auto& deck : page.rate_decks()) versions.push_back(deck.version());
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_THAT(versions, ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(RatesTest, RatesAreListedByCountryCode) {
  ImportStarter();
  const auto all = ListRates("kind: RATE_KIND_CALL prefix: '44' page_size: 1000");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->deck_version(), 1);
  EXPECT_THAT(all->next_page_token(), IsEmpty());
  EXPECT_EQ(all->rates_size(),
            stack_->database().QueryInt(
                "SELECT COUNT(*) FROM rates WHERE kind = 1 AND prefix LIKE '44%'"));
  ASSERT_GT(all->rates_size(), 5);
  EXPECT_EQ(all->rates(0).prefix(), "44");
  EXPECT_EQ(all->rates(0).destination_name(), "United Kingdom");
  for (const pb::Rate& rate : all->rates()) {
    EXPECT_EQ(rate.kind(), pb::RATE_KIND_CALL);
    EXPECT_THAT(rate.prefix(), StartsWith("44"));
    EXPECT_EQ(rate.price().currency_code(), "USD");
  }

  std::vector<std::string> prefixes;
  std::string token;
  do {
    const auto page = ListRates(
        absl::StrCat("kind: RATE_KIND_CALL prefix: '44' page_size: 4 page_token: '", token, "'"));
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& rate : page->rates()) prefixes.push_back(rate.prefix());
    token = page->next_page_token();
  } while (!token.empty());
  ASSERT_EQ(prefixes.size(), static_cast<size_t>(all->rates_size()));
  for (int i = 0; i < all->rates_size(); ++i) EXPECT_EQ(prefixes[i], all->rates(i).prefix());
}

TEST_F(RatesTest, AListOfRatesGoesThroughAllKindsOnTheDeckItBeganWith) {
  ImportStarter();
  const int64_t stored = stack_->database().QueryInt("SELECT COUNT(*) FROM rates");
  std::set<std::tuple<int, std::string, std::string>> seen;
  std::string token;
  do {
    const auto page = ListRates(absl::StrCat("page_size: 1000 page_token: '", token, "'"));
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->deck_version(), 1);
    for (const auto& rate : page->rates()) {
      seen.insert({static_cast<int>(rate.kind()), rate.prefix(), rate.carrier()});
    }
    // From the second page on there is another deck in force.
    if (token.empty()) {
      ASSERT_TRUE(Import("name: 'other'", absl::StrCat(kColumns, "call,44,0.01\n")).ok());
    }
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_EQ(static_cast<int64_t>(seen.size()), stored);
  EXPECT_EQ(ListRates("")->deck_version(), 2);
}

TEST_F(RatesTest, BadListsOfRatesAreRefused) {
  absl::Status status = ListRates("").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(ReasonOf(status), "RATE_DECK_NOT_FOUND");
  ImportStarter();
  const std::string token = ListRates("page_size: 1 prefix: '44'")->next_page_token();
  ASSERT_FALSE(token.empty());
  const std::vector<std::tuple<std::string, absl::StatusCode, std::string>> requests = {
      {"deck_version: 7", absl::StatusCode::kNotFound, "deck_version"},
      {"deck_version: -1", absl::StatusCode::kInvalidArgument, "deck_version"},
      {"page_size: -1", absl::StatusCode::kInvalidArgument, "page_size"},
      {"prefix: '+44'", absl::StatusCode::kInvalidArgument, "prefix"},
      {"prefix: '1234567890123456'", absl::StatusCode::kInvalidArgument, "prefix"},
      {"kind: 9", absl::StatusCode::kInvalidArgument, "kind"},
      {"page_token: 'garbage'", absl::StatusCode::kInvalidArgument, "page_token"},
      {absl::StrCat("prefix: '45' page_token: '", token, "'"), absl::StatusCode::kInvalidArgument,
       "page_token"},
  };
  for (const auto& [request, code, field] : requests) {
    status = ListRates(request).status();
    EXPECT_EQ(status.code(), code) << request << ": " << status;
    EXPECT_EQ(FieldOf(status), field) << request;
  }
}

// --- Quotes -----------------------------------------------------------------

std::string OutboundCall(absl::string_view number, int64_t seconds) {
  return absl::StrCat("call { direction: DIRECTION_OUTBOUND destination: '", number,
                      "' duration { seconds: ", seconds, " } }");
}

TEST_F(RatesTest, CallsAreQuotedByTheLongestPrefix) {
  ImportStarter();
  struct Case {
    const char* number;
    int64_t seconds;
    const char* prefix;
    const char* cost;
    bool standard;
  };
  const std::vector<Case> cases = {
      {"+12015550123", 60, "1201", "0.01", true},
      {"+12015550123", 61, "1201", "0.02", true},
      {"+12015550123", 0, "1201", "0", true},
      {"+18765551234", 61, "1876", "0.36", false},  // Jamaica, not "1"
      {"+442071234567", 1, "44", "0.015", true},
      {"+447400123456", 600, "447", "0.35", false},
      {"+447624123456", 60, "447624", "0.12", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.number, " ", c.seconds));
    const auto quote = QuoteCall(OutboundCall(c.number, c.seconds));
    ASSERT_TRUE(quote.ok()) << quote.status();
    EXPECT_EQ(quote->rate().prefix(), c.prefix);
    EXPECT_EQ(quote->rate().kind(), pb::RATE_KIND_CALL);
    EXPECT_EQ(quote->deck_version(), 1);
    EXPECT_EQ(quote->standard_rate(), c.standard);
    EXPECT_EQ(quote->billable_duration().seconds(), (c.seconds + 59) / 60 * 60);
    EXPECT_EQ(Amount(quote->cost()), Decimal(c.cost));
    EXPECT_EQ(quote->cost().currency_code(), "USD");
  }
  // After a restart the same deck is there.
  stack_->ledger_process()->Kill();
  ASSERT_TRUE(stack_->StartLedger().ok());
  ASSERT_TRUE(
      test_support::WaitUntil([this] { return QuoteCall(OutboundCall("+18765551234", 61)).ok(); }));
  EXPECT_EQ(Amount(QuoteCall(OutboundCall("+18765551234", 61))->cost()), Decimal("0.36"));
}

TEST_F(RatesTest, TheDeckInForceAtTheStartDecides) {
  const auto deck = [this](absl::string_view price, int64_t effective_seconds,
                           absl::string_view currency) {
    return Import(absl::StrCat("name: 'd' currency_code: '", currency,
                               "' effective_time { seconds: ", effective_seconds, " }"),
                  absl::StrCat("kind,prefix,price,connect_fee,initial_increment_seconds,"
                               "increment_seconds\ncall,44,",
                               price, ",0.05,30,6\n"))
        .status();
  };
  ASSERT_TRUE(deck("0.10", 1000, "USD").ok());
  ASSERT_TRUE(deck("0.20", 2000, "USD").ok());
  ASSERT_TRUE(deck("0.30", 2000, "USD").ok());
  ASSERT_TRUE(deck("0.40", 1000, "EUR").ok());
  ASSERT_TRUE(deck("0.50", 250'000'000'000, "USD").ok());      // far from now
  const std::string call = OutboundCall("+442071234567", 31);  // 36 s
  const std::vector<std::pair<std::string, std::string>> starts = {
      {"start_time { seconds: 1000 }", "0.11"},
      {"start_time { seconds: 1999 nanos: 999999999 }", "0.11"},
      {"start_time { seconds: 2000 }", "0.23"},
      {"", "0.23"},
      {"currency_code: 'EUR'", "0.29"},
      {"start_time { seconds: 250000000000 }", "0.35"},
  };
  for (const auto& [start, cost] : starts) {
    const auto quote = QuoteCall(absl::StrCat(call, " ", start));
    ASSERT_TRUE(quote.ok()) << quote.status();
    EXPECT_EQ(Amount(quote->cost()), Decimal(cost)) << start;
    EXPECT_EQ(quote->billable_duration().seconds(), 36);
    EXPECT_EQ(Amount(quote->rate().connect_fee()), Decimal("0.05"));
  }
  // The connect fee is for calls that cost something (C6).
  EXPECT_EQ(Amount(QuoteCall(OutboundCall("+442071234567", 0))->cost()), 0);
  const absl::Status none = QuoteCall(absl::StrCat(call, " start_time { seconds: 999 }")).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound) << none;
  EXPECT_EQ(ReasonOf(none), "NO_RATE");
}

// It is not in memory until somebody asks for it, and each question is the first.
TEST_F(RatesTest, ADeckOfLongAgoIsFoundByItsTimeWhoeverAsksFirst) {
  const std::string columns =
      "kind,prefix,price,connect_fee,initial_increment_seconds,increment_seconds\ncall,44,";
  const auto old =
      Import("name: 'old' effective_time { seconds: 1000 }", columns + "0.10,0.05,30,6\n");
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(
      Import("name: 'new' effective_time { seconds: 2000 }", columns + "0.20,0.05,30,6\n").ok());
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>("account_id: 'acct'"))
                  .ok());
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                   Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'u'"))
                  .ok());
  const auto start_again = [this] {
    stack_->ledger_process()->Kill();
    ASSERT_TRUE(stack_->StartLedger().ok());
    // The old connection may only now be found to be closed.
    ASSERT_TRUE(test_support::WaitUntil([this] {
      return Call(stack_->rates(), &pb::Rates::Stub::ListRateDecks, pb::ListRateDecksRequest())
          .ok();
    }));
  };
  start_again();
  const auto list = ListRates("time { seconds: 1500 } prefix: '44'");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->deck_version(), old->rate_deck().version());
  EXPECT_EQ(ListRates("prefix: '44'")->deck_version(), old->rate_deck().version() + 1);
  start_again();
  const std::string call = OutboundCall("+442071234567", 31);  // 36 s
  const auto quote =
      Call(stack_->accounts(), &pb::Accounts::Stub::QuoteUsage,
           Parse<pb::QuoteUsageRequest>(absl::StrCat(
               "account_id: 'acct' user_id: 'u' start_time { seconds: 1500 } ", call)));
  ASSERT_TRUE(quote.ok()) << quote.status();
  EXPECT_EQ(Amount(quote->cost()), Decimal("0.11"));
  EXPECT_EQ(quote->rating().deck_version(), old->rate_deck().version());
}

TEST_F(RatesTest, InboundCallsAreFreeUnlessTheDeckPricesTheNumber) {
  ImportStarter();
  const auto toll_free = QuoteCall(
      "call { direction: DIRECTION_INBOUND destination: '+18005550100' duration { seconds: 60 } }");
  ASSERT_TRUE(toll_free.ok()) << toll_free.status();
  EXPECT_EQ(toll_free->rate().kind(), pb::RATE_KIND_CALL_INBOUND);
  EXPECT_EQ(toll_free->rate().prefix(), "1800");
  EXPECT_EQ(Amount(toll_free->cost()), Decimal("0.018"));
  const auto free = QuoteCall(
      "call { direction: DIRECTION_INBOUND destination: '+12015550100' duration { seconds: 60 } }");
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_FALSE(free->has_rate());
  EXPECT_EQ(Amount(free->cost()), 0);
}

TEST_F(RatesTest, TextsAreQuotedByPrefixAndCarrier) {
  ImportStarter();
  struct Case {
    const char* sms;
    const char* prefix;
    const char* carrier;
    int32_t segments;
    const char* cost;
  };
  const std::vector<Case> cases = {
      {"destination: '+12015550123' carrier: 'att' segments: 1", "1201", "att", 1, "0.01"},
      {"destination: '+12015550123' carrier: 'ATT' segments: 2", "1201", "att", 2, "0.02"},
      {"destination: '+12015550123' carrier: 'us-cellular' segments: 1", "1201", "us-cellular", 1,
       "0.013"},
      {"destination: '+12015550123' carrier: 'nobody' segments: 1", "1201", "", 1, "0.012"},
      {"destination: '+12015550123' segments: 3", "1201", "", 3, "0.036"},
      {"destination: '+12045550123' carrier: 'telus' "
       "text { encoding: SMS_ENCODING_GSM7 length: 161 }",
       "1204", "telus", 2, "0.025"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.sms);
    const auto quote = QuoteSms(absl::StrCat("sms { direction: DIRECTION_OUTBOUND ", c.sms, " }"));
    ASSERT_TRUE(quote.ok()) << quote.status();
    EXPECT_EQ(quote->rate().kind(), pb::RATE_KIND_SMS);
    EXPECT_EQ(quote->rate().prefix(), c.prefix);
    EXPECT_EQ(quote->rate().carrier(), c.carrier);
    EXPECT_EQ(quote->segments(), c.segments);
    EXPECT_EQ(Amount(quote->cost()), Decimal(c.cost));
  }
  const auto inbound = QuoteSms("sms { direction: DIRECTION_INBOUND segments: 2 }");
  ASSERT_TRUE(inbound.ok()) << inbound.status();
  EXPECT_FALSE(inbound->has_rate());
  EXPECT_EQ(inbound->segments(), 2);
  EXPECT_EQ(Amount(inbound->cost()), 0);
}

TEST_F(RatesTest, QuotesThatHaveNoAnswerSayWhy) {
  ImportStarter();
  const auto call = [this](const std::string& request) { return QuoteCall(request).status(); };
  const auto sms = [this](const std::string& request) { return QuoteSms(request).status(); };
  const std::vector<std::tuple<absl::Status, absl::StatusCode, std::string, std::string>> refusals =
      {
          {call(OutboundCall("+19992345678", 60)), absl::StatusCode::kNotFound, "NO_RATE",
           "call.destination"},
          {call(absl::StrCat(OutboundCall("+12015550123", 60), " currency_code: 'EUR'")),
           absl::StatusCode::kNotFound, "NO_RATE", "call.destination"},
          {sms("sms { direction: DIRECTION_OUTBOUND destination: '+99912345' segments: 1 }"),
           absl::StatusCode::kNotFound, "NO_RATE", "sms.destination"},
          {call(OutboundCall("12015550123", 60)), absl::StatusCode::kInvalidArgument,
           "INVALID_FIELD", "call.destination"},
          {call(OutboundCall("+12015550123", -1)), absl::StatusCode::kInvalidArgument,
           "INVALID_FIELD", "call.duration"},
          {call("call { destination: '+12015550123' }"), absl::StatusCode::kInvalidArgument,
           "INVALID_FIELD", "call.direction"},
          {call(absl::StrCat(OutboundCall("+12015550123", 60), " currency_code: 'dollars'")),
           absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "currency_code"},
          {call(absl::StrCat(OutboundCall("+12015550123", 60), " start_time { nanos: -1 }")),
           absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "start_time.nanos"},
          {sms("sms { direction: DIRECTION_OUTBOUND destination: '+12015550123' }"),
           absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "sms.segments"},
          {sms("sms { direction: DIRECTION_OUTBOUND destination: '+12015550123' segments: 256 }"),
           absl::StatusCode::kInvalidArgument, "INVALID_FIELD", "sms.segments"},
      };
  for (size_t i = 0; i < refusals.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& [status, code, reason, field] = refusals[i];
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(ReasonOf(status), reason);
    EXPECT_EQ(FieldOf(status), field);
  }
}

// --- What lines say beyond a price ------------------------------------------

// A deck with steps, periods, included seconds and a minimum, as a file; one plan without free
// seconds.
class TermsTest : public RatesTest {
 protected:
  void SetUp() override {
    RatesTest::SetUp();
    const std::string file =
        WriteFile("terms.csv",
                  "Vorwahl;Preis;days;from;to;steps;included seconds;Setup Fee;Takt;minimum\r\n"
                  "44;0,0600;Mon-Fri;08:00;18:00;60:0,0300;10;0,01;1/1;\r\n"
                  "44;0,0120;Mon-Fri;18:00;08:00;;10;0,01;1/1;\r\n"
                  "44;0,0120;Sat,Sun;;;;10;0,01;1/1;0,05\r\n"
                  "33;0,0300;;;;;;;60/60;\r\n"
                  "53;blocked;;;;;;;;\r\n");
    const Stack::Ended ended = stack_->RunLedger(
        {"import-rates", file, "--effective_time=2015-01-01T00:00:00Z", "--backdate"});
    ASSERT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
    stack_->database().Execute(
        "INSERT INTO plans (plan_id, standard_calls, free_seconds, bucket_reset, "
        "default_reserve_amount_nanos) VALUES ('metered0', 1, 0, 1, 0)");
    ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                     Parse<pb::OpenAccountRequest>("account_id: 'a'"))
                    .ok());
    // The ledger reads plans again every second.
    ASSERT_TRUE(test_support::WaitUntil([&] {
      return Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                  Parse<pb::PutUserRequest>(
                      "account_id: 'a' user_id: 'u' user { plan_id: 'metered0' }"))
          .ok();
    }));
  }

  // Books a call, and answers how it is explained.
  pb::UsageRecord Record(const std::string& id, int64_t start, int64_t seconds,
                         const std::string& destination = "+441632960123") {
    const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
                             Parse<pb::RecordUsageRequest>(absl::StrCat(
                                 "account_id: 'a' usage { usage_id: '", id,
                                 "' user_id: 'u' start_time { seconds: ", start,
                                 " } call { direction: DIRECTION_OUTBOUND destination: '",
                                 destination, "' duration { seconds: ", seconds, " } } }")));
    EXPECT_TRUE(booked.ok()) << booked.status();
    const auto found =
        Call(stack_->accounts(), &pb::Accounts::Stub::GetUsage,
             Parse<pb::GetUsageRequest>(absl::StrCat("account_id: 'a' usage_id: '", id, "'")));
    EXPECT_TRUE(found.ok()) << found.status();
    if (!booked.ok() || !found.ok()) return {};
    EXPECT_EQ(Amount(booked->cost()), Amount(found->cost()));
    return *found;
  }

  // "50s at 0.06": of each part.
  static std::vector<std::string> Parts(const pb::UsageRecord& record) {
    std::vector<std::string> parts;
    for (const pb::PricedPart& part : record.rating().priced_terms().parts()) {
      parts.push_back(
          absl::StrCat(part.duration().seconds(), "s at ", FormatDecimal(Amount(part.price()))));
    }
    return parts;
  }
};

constexpr int64_t kWednesdayMorning = 1'772'614'800;  // 2026-03-04T09:00:00Z
constexpr int64_t kWednesdayEvening = 1'772'647'170;  // 2026-03-04T17:59:30Z
constexpr int64_t kSaturday = 1'772'884'800;          // 2026-03-07T12:00:00Z

TEST_F(TermsTest, C11_StepsOfAFileArePricedFromTheSecondTheyName) {
  // 10 s are included; 50 s to the minute, 70 s after it, and the fee.
  const pb::UsageRecord record = Record("steps", kWednesdayMorning, 130);
  EXPECT_EQ(Amount(record.cost()), Decimal("0.095"));
  EXPECT_THAT(Parts(record), ElementsAre("50s at 0.06", "70s at 0.03"));
  EXPECT_EQ(record.rating().priced_terms().included_duration().seconds(), 10);
  EXPECT_EQ(Amount(record.rating().connect_fee()), Decimal("0.01"));
}

TEST_F(TermsTest, C11_ACallGoesFromOnePeriodOfAFileIntoTheNext) {
  // 20 s before six, 100 s after it.
  const pb::UsageRecord record = Record("evening", kWednesdayEvening, 130);
  EXPECT_EQ(Amount(record.cost()), Decimal("0.05"));
  EXPECT_THAT(Parts(record), ElementsAre("20s at 0.06", "100s at 0.012"));
}

TEST_F(TermsTest, C11_IncludedSecondsAndMinimumOfAFileCount) {
  const pb::UsageRecord included = Record("included", kWednesdayMorning, 10);
  EXPECT_EQ(Amount(included.cost()), 0);
  const pb::UsageRecord least = Record("least", kSaturday, 70);
  EXPECT_EQ(Amount(least.cost()), Decimal("0.05")) << "0.012 and the fee are less";
  EXPECT_EQ(Amount(least.rating().priced_terms().minimum()), Decimal("0.05"));
  // A plain line of the same file stays one.
  const pb::UsageRecord plain = Record("plain", kWednesdayMorning, 61, "+33140205050");
  EXPECT_EQ(Amount(plain.cost()), Decimal("0.06"));
  EXPECT_FALSE(plain.rating().has_priced_terms());
}

TEST_F(TermsTest, C13_ABlockedRowOfAFileHasNoPriceToQuote) {
  const pb::UsageRecord record = Record("cuba", kWednesdayMorning, 60, "+5351234567");
  EXPECT_EQ(Amount(record.cost()), 0);
  EXPECT_EQ(record.unrated_reason(), pb::UNRATED_REASON_DESTINATION_BLOCKED);
}

// --- A real deck ------------------------------------------------------------

// One known call of the reference data, as the increments of a deck make it cost.
struct KnownCall {
  const ReferenceRow& row;
  int32_t increment_seconds;
  std::string billed_seconds;
  std::string cost;

  bool has_rate() const { return !row.at("matched_prefix").empty(); }
};

class ReferenceRatesTest : public RatesTest {
 protected:
  void SetUp() override {
    if (!HasReferenceData()) GTEST_SKIP() << "no reference data";
    RatesTest::SetUp();
    // Every second is paid, so that the cost is the deck's alone.
    stack_->database().Execute(
        "INSERT INTO plans (plan_id, standard_calls, free_seconds, bucket_reset, "
        "default_reserve_amount_nanos) VALUES ('metered0', 1, 0, 1, 0)");
    calls_ = ReadReference("calls.csv");
    ASSERT_THAT(calls_, SizeIs(1000));
  }

  void OpenAccount(const std::string& account_id, const std::string& currency) {
    ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                     Parse<pb::OpenAccountRequest>(absl::StrCat(
                         "account_id: '", account_id, "' currency_code: '", currency, "'")))
                    .ok());
    // The ledger reads plans again every second.
    ASSERT_TRUE(test_support::WaitUntil([&] {
      return Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                  Parse<pb::PutUserRequest>(absl::StrCat(
                      "account_id: '", account_id, "' user_id: 'u' user { plan_id: 'metered0' }")))
          .ok();
    }));
  }

  static pb::RecordUsageRequest RequestFor(const std::string& account_id, const ReferenceRow& row) {
    pb::RecordUsageRequest request;
    request.set_account_id(account_id);
    pb::Usage& usage = *request.mutable_usage();
    usage.set_usage_id(row.at("call_id"));
    usage.set_user_id("u");
    absl::Time start;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, row.at("start_utc"), &start, &error)) << error;
    usage.mutable_start_time()->set_seconds(absl::ToUnixSeconds(start));
    usage.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
    usage.mutable_call()->set_destination(row.at("destination"));
    int64_t seconds = 0;
    EXPECT_TRUE(absl::SimpleAtoi(row.at("duration_s"), &seconds));
    usage.mutable_call()->mutable_duration()->set_seconds(seconds);
    return request;
  }

  // Checks the stored usage against the known figures; returns its cost.
  Nanos ExpectExplained(const std::string& account_id, const std::string& currency,
                        const KnownCall& known) {
    const auto found =
        Call(stack_->accounts(), &pb::Accounts::Stub::GetUsage,
             Parse<pb::GetUsageRequest>(absl::StrCat("account_id: '", account_id, "' usage_id: '",
                                                     known.row.at("call_id"), "'")));
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return 0;
    const pb::UsageRecord& record = *found;
    const pb::Rating& rating = record.rating();
    EXPECT_EQ(rating.prefix(), known.row.at("matched_prefix"));
    EXPECT_EQ(rating.destination_name(), known.row.at("rated_destination"));
    EXPECT_EQ(Amount(rating.price()), Decimal(known.row.at("price_per_minute_usd")));
    EXPECT_EQ(rating.price().currency_code(), currency);
    EXPECT_EQ(rating.initial_increment().seconds(), known.increment_seconds);
    EXPECT_EQ(rating.increment().seconds(), known.increment_seconds);
    EXPECT_EQ(absl::StrCat(rating.billable_duration().seconds()), known.billed_seconds);
    EXPECT_EQ(rating.paid_duration().seconds(), rating.billable_duration().seconds());
    EXPECT_EQ(rating.standard_rate(), Amount(rating.price()) <= Decimal("0.02"));
    EXPECT_EQ(Amount(record.cost()), Decimal(known.cost));
    EXPECT_EQ(Amount(record.balance_before()) - Amount(record.cost()),
              Amount(record.balance_after()));
    if (known.row.at("disposition") != "ANSWERED") {
      EXPECT_EQ(Amount(record.cost()), 0);
      EXPECT_EQ(rating.basis(), pb::CHARGE_BASIS_ZERO_DURATION);
    }
    return Amount(record.cost());
  }

  Nanos Balance(const std::string& account_id) {
    const auto account =
        Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
             Parse<pb::GetAccountRequest>(absl::StrCat("account_id: '", account_id, "'")));
    EXPECT_TRUE(account.ok()) << account.status();
    return account.ok() ? Amount(account->balance()) : 0;
  }

  std::vector<ReferenceRow> calls_;
};

TEST_F(ReferenceRatesTest, AThousandCallsCostWhatIsKnownInSixSecondSteps) {
  const std::string file = WriteFile("a-to-z.csv", ReferenceDeckCsv());
  const Stack::Ended ended = stack_->RunLedger(
      {"import-rates", file, "--effective_time=2015-01-01T00:00:00Z", "--backdate",
       // It has 684, the code that American Samoa had, under that name.
       "--accept=NAME_NOT_IN_PREFIX"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  ASSERT_THAT(ended.output, HasSubstr("36205 rates"));
  OpenAccount("six", "USD");
  Nanos total = 0;
  int without_rate = 0;
  for (const ReferenceRow& row : calls_) {
    SCOPED_TRACE(row.at("call_id"));
    const KnownCall known{row, 6, row.at("billed_s_6_6"), row.at("cost_6_6_exact")};
    const auto booked =
        Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, RequestFor("six", row));
    if (!known.has_rate()) {
      EXPECT_EQ(row.at("cost_1_1_ceil_6dp_or_status"), "NO_RATE");
      ASSERT_TRUE(booked.ok()) << booked.status();
      EXPECT_EQ(booked->status(), pb::USAGE_STATUS_UNRATED);
      EXPECT_EQ(booked->unrated_reason(), pb::UNRATED_REASON_NO_RATE);
      ++without_rate;
      continue;
    }
    ASSERT_TRUE(booked.ok()) << booked.status();
    EXPECT_EQ(Amount(booked->cost()), Decimal(known.cost));
    total += ExpectExplained("six", "USD", known);
  }
  EXPECT_EQ(without_rate, 48);
  EXPECT_EQ(Balance("six"), -total);
}

TEST_F(ReferenceRatesTest, AThousandCallsCostWhatIsKnownInWholeMinutes) {
  const std::string csv = absl::StrReplaceAll(ReferenceDeckCsv(), {{",6,6\n", ",60,60\n"}});
  const auto imported =
      Import(absl::StrCat("name: 'minutes' currency_code: 'EUR' ", kLongAgo), csv);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->rate_deck().rate_count(), 36'205);
  OpenAccount("minutes", "EUR");
  pb::BatchRecordUsageRequest batch;
  for (const ReferenceRow& row : calls_) *batch.add_requests() = RequestFor("minutes", row);
  const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
  ASSERT_TRUE(booked.ok()) << booked.status();
  ASSERT_THAT(booked->results(), SizeIs(1000));
  Nanos total = 0;
  for (int i = 0; i < booked->results_size(); ++i) {
    const ReferenceRow& row = calls_[static_cast<size_t>(i)];
    SCOPED_TRACE(row.at("call_id"));
    const KnownCall known{row, 60, row.at("billed_s_60_60"), row.at("cost_60_60_exact")};
    const pb::RecordUsageResult& result = booked->results(i);
    if (!known.has_rate()) {
      EXPECT_EQ(result.response().status(), pb::USAGE_STATUS_UNRATED);
      continue;
    }
    ASSERT_TRUE(result.has_response()) << result.DebugString();
    EXPECT_EQ(Amount(result.response().cost()), Decimal(known.cost));
    total += ExpectExplained("minutes", "EUR", known);
  }
  EXPECT_EQ(Balance("minutes"), -total);
}

}  // namespace
}  // namespace reserve::e2e
