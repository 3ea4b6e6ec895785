#include "tests/architecture/source_rules.h"

#include <array>
#include <cctype>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "re2/re2.h"

namespace reserve::architecture {
namespace {

using Prefixes = std::vector<absl::string_view>;

// What the files of one module may include of this repository and of others. A prefix that
// ends with '/' is a folder.
struct IncludeRule {
  absl::string_view module;
  Prefixes allowed;
  Prefixes forbidden = {};  // Wins over `allowed`.
};

const std::vector<IncludeRule>& IncludeRules() {
  static const auto* const rules = new std::vector<IncludeRule>{
      {"common/", {"common/", "google/rpc/", "google/type/", "grpc/health/", "opentelemetry/"}},
      {"services/ledger/domain/",
       {"services/ledger/domain/", "common/card/", "common/money/", "common/error/",
        "common/clock/", "common/text/"}},
      {"services/ledger/rates/",
       {"services/ledger/rates/", "services/ledger/domain/", "common/card/", "common/money/",
        "common/error/", "common/clock/", "common/digest/", "common/text/"}},
      {"services/ledger/book/",
       {"services/ledger/book/", "services/ledger/rates/", "services/ledger/domain/",
        "common/money/", "common/error/", "common/clock/", "common/digest/", "common/text/"}},
      {"services/ledger/storage/",
       {"services/ledger/storage/", "services/ledger/book/", "services/ledger/rates/",
        "services/ledger/domain/", "common/"},
       {"common/rpc/"}},
      {"services/ledger/engine/",
       {"services/ledger/engine/", "services/ledger/storage/", "services/ledger/book/",
        "services/ledger/rates/", "services/ledger/domain/", "common/"},
       {"common/rpc/"}},
      {"services/ledger/audit/",
       {"services/ledger/audit/", "services/ledger/storage/", "services/ledger/book/",
        "services/ledger/rates/", "services/ledger/domain/", "common/"},
       {"common/rpc/"}},
      {"services/ledger/archive/",
       {"services/ledger/archive/", "services/ledger/audit/", "services/ledger/storage/",
        "services/ledger/book/", "services/ledger/domain/", "common/"},
       {"common/rpc/"}},
      {"services/ledger/api/",
       {"services/ledger/", "common/", "reserve/"},
       {"services/ledger/archive/", "services/ledger/serve/", "services/ledger/cli/"}},
      {"services/ledger/serve/",
       {"services/ledger/", "common/", "reserve/"},
       {"services/ledger/cli/"}},
      // The table of who may call what.
      {"services/ledger/access/", {"services/ledger/access/", "common/access/", "reserve/"}},
      // A command is a client of a running ledger, or looks after the database.
      {"services/ledger/cli/",
       {"services/ledger/cli/", "services/ledger/access/", "services/ledger/archive/",
        "services/ledger/serve/database_flags.h", "services/ledger/serve/currency_settings_file.h",
        "services/ledger/storage/", "services/ledger/rates/", "common/", "reserve/"}},
      {"services/ledger/", {"services/ledger/", "common/", "reserve/"}},
      {"services/gateway_stub/", {"services/gateway_stub/", "common/", "reserve/gateway/"}},
      // The pages: a client of the ledger's public services, and of nothing else of it.
      {"services/console/identity/", {"services/console/identity/", "common/"}},
      {"services/console/views/",
       {"services/console/views/", "services/console/embedded/", "services/console/web/visit.h",
        "common/", "reserve/ledger/", "google/type/"}},
      {"services/console/web/",
       {"services/console/web/", "services/console/identity/", "services/console/embedded/",
        "common/"}},
      {"services/console/", {"services/console/", "common/", "reserve/ledger/"}},
      {"worker/", {"worker/", "common/", "reserve/"}},
  };
  return *rules;
}

// An include that only the files under `only_in` may have; tests are free.
struct ReservedInclude {
  std::regex include;
  Prefixes only_in;
  absl::string_view reason;
};

const std::vector<ReservedInclude>& ReservedIncludes() {
  static const auto* const rules = new std::vector<ReservedInclude>{
      {std::regex("^(cppconn/|mysql|mariadb).*"),
       {"services/ledger/storage/"},
       "only storage talks to the database"},
      {std::regex("^(grpc/|grpcpp/|google/protobuf/).*|.*\\.pb\\.h$"),
       {"common/rpc/", "services/ledger/api/", "services/ledger/serve/", "services/ledger/cli/",
        "services/ledger/*", "services/gateway_stub/", "services/console/pages/",
        "services/console/views/", "services/console/*", "worker/"},
       "proto types and gRPC stop at the edge"},
  };
  return *rules;
}

// Words that must not be in the code of a module (nor in its SQL).
struct BannedText {
  std::unique_ptr<const RE2> text;
  Prefixes in;
  absl::string_view reason;
  Prefixes but_in = {};
};

std::unique_ptr<const RE2> Words(const char* text) { return std::make_unique<const RE2>(text); }

absl::Span<const BannedText> BannedTexts() {
  static const Prefixes everywhere = {"common/", "services/", "worker/"};
  static const Prefixes sql = {"services/ledger/storage/", "services/ledger/engine/",
                               "services/ledger/audit/"};
  static const auto* const rules = new std::array<BannedText, 17>{{
      {Words(R"((->|\.)\s*(commit|rollback)\s*\()"), sql,
       "the connector's commit() and rollback() swallow errors; execute COMMIT and ROLLBACK"},
      {Words(R"(\bsetAutoCommit\b)"), everywhere, "setAutoCommit() swallows errors"},
      {Words(R"(\bOPT_RECONNECT\b)"), everywhere,
       "a silent reconnect loses the transaction it is in"},
      {Words(R"(\bSELECT\s+\*)"), everywhere, "name the columns"},
      {Words(R"(\bINSERT\s+IGNORE\b)"), everywhere, "INSERT IGNORE hides errors"},
      {Words(R"(\bGET_LOCK\b)"), everywhere, "GET_LOCK is not replicated"},
      {Words(R"(\baccount_id\s*=\s*VALUES\b)"), everywhere,
       "keys begin with the account, and Vitess refuses an upsert that sets a column of its key"},
      {Words(R"(\bSKIP\s+LOCKED\b)"), everywhere, "not on every server we run on"},
      {Words(R"(\bRETURNING\b)"), everywhere, "MySQL has no RETURNING"},
      {Words(R"(\bAUTO_INCREMENT\b)"), everywhere, "nothing may depend on its order"},
      {Words(R"(\bFOREIGN\s+KEY\b)"), everywhere, "sharded servers have none"},
      {Words(R"(\b(double|float)\b)"),
       {"common/money/", "services/ledger/domain/", "services/ledger/rates/",
        "services/ledger/book/"},
       "no floating point near money (M1)"},
      {Words(R"(\b(absl::Now\s*\(|system_clock\b))"),
       {"common/money/", "services/ledger/domain/", "services/ledger/rates/",
        "services/ledger/book/"},
       "the clock is read once at the edge and passed on"},
      {Words(R"(\bReveal\s*\()"),
       {"common/telemetry/", "common/error/", "services/ledger/domain/", "services/ledger/rates/",
        "services/ledger/engine/", "worker/recharge_loop", "worker/decide", "worker/reconciler"},
       "a card's token is for who stores it or charges the card"},
      {Words(R"(\b(AwaitWith|WaitWith|LockWhenWith|WaitForNotificationWith)\w*\s*\()"), everywhere,
       "waits by the wall clock, which may be set back; use a Waker"},
      {Words(R"(\bReasonOf\s*\(.*[=!]=\s*")"), everywhere,
       "an error is known again by a function beside the one that makes it"},
      {Words(R"(\bMakeError\s*\()"),
       everywhere,
       "an error is made by a named function, in its module's file of errors",
       {"common/error/", "common/money/money.cc", "common/rpc/status.cc", "common/rpc/errors.cc",
        "services/ledger/domain/refusals.cc", "services/ledger/rates/errors.cc",
        "services/ledger/book/errors.cc", "services/ledger/storage/errors.cc",
        "services/ledger/storage/database_error.cc", "services/ledger/engine/errors.cc",
        "services/ledger/api/errors.cc", "services/ledger/serve/errors.cc",
        "services/ledger/archive/errors.cc", "services/ledger/cli/errors.cc",
        "services/gateway_stub/errors.cc", "worker/errors.cc",
        // Cuts an error short that was made elsewhere.
        "services/ledger/api/rates_service.cc"}},
  }};
  return *rules;
}

// Is `path` under one of the prefixes? "folder/*" is a file in that folder itself.
bool Matches(absl::string_view path, const Prefixes& prefixes) {
  return absl::c_any_of(prefixes, [&](absl::string_view prefix) {
    if (!absl::EndsWith(prefix, "/*")) return absl::StartsWith(path, prefix);
    prefix.remove_suffix(1);
    return absl::StartsWith(path, prefix) &&
           path.find('/', prefix.size()) == absl::string_view::npos;
  });
}

// std has no slash and no dot; absl is used throughout.
bool IsPlainInclude(absl::string_view include) {
  return absl::StartsWith(include, "absl/") || !absl::StrContains(include, '.');
}

// What is wrong with an include, or empty.
std::string IncludeViolation(absl::string_view path, absl::string_view include, bool quoted) {
  if (IsPlainInclude(include)) return "";
  for (const ReservedInclude& rule : ReservedIncludes()) {
    if (std::regex_match(std::string(include), rule.include) && !Matches(path, rule.only_in)) {
      return absl::StrCat("may not include ", include, ": ", rule.reason);
    }
  }
  // The first module that holds the file is the narrowest.
  const auto rule = absl::c_find_if(IncludeRules(), [&](const IncludeRule& candidate) {
    return absl::StartsWith(path, candidate.module);
  });
  if (rule == IncludeRules().end()) return "";
  if (!quoted) {
    if (rule->module != "services/ledger/domain/" && rule->module != "services/ledger/book/") {
      return "";
    }
    return absl::StrCat(rule->module, " may not include <", include, ">: std and absl only");
  }
  if (Matches(include, rule->allowed) && !Matches(include, rule->forbidden)) return "";
  return absl::StrCat(rule->module, " may not include ", include);
}

}  // namespace

std::string WithoutComments(absl::string_view text) {
  enum class In { kCode, kString, kCharacter, kLineComment, kBlockComment } in = In::kCode;
  std::string result(text);
  for (size_t i = 0; i < text.size(); ++i) {
    const absl::string_view rest = text.substr(i);
    const bool in_comment = in == In::kLineComment || in == In::kBlockComment;
    if (in == In::kCode) {
      if (absl::StartsWith(rest, "//")) in = In::kLineComment;
      if (absl::StartsWith(rest, "/*")) in = In::kBlockComment;
      if (rest[0] == '"') in = In::kString;
      // Digits are separated by this character, too.
      if (rest[0] == '\'' && (i == 0 || !std::isxdigit(static_cast<unsigned char>(text[i - 1]))))
        in = In::kCharacter;
      if (in == In::kLineComment || in == In::kBlockComment) result[i] = ' ';
    } else if (in_comment) {
      if (rest[0] == '\n') {
        if (in == In::kLineComment) in = In::kCode;
        continue;
      }
      result[i] = ' ';
      if (in == In::kBlockComment && absl::StartsWith(rest, "*/")) {
        result[++i] = ' ';
        in = In::kCode;
      }
    } else if (rest[0] == '\\') {
      ++i;
    } else if (rest[0] == (in == In::kString ? '"' : '\'') || rest[0] == '\n') {
      in = In::kCode;
    }
  }
  return result;
}

std::vector<std::string> Violations(absl::string_view path, absl::string_view text) {
  static const std::regex include_line(R"(^\s*#\s*include\s*(["<])([^">]+)[">].*)");
  const bool is_sql = absl::EndsWith(path, ".sql");
  const std::string code = is_sql ? std::string(text) : WithoutComments(text);
  std::vector<std::string> violations;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(code, '\n')) {
    ++number;
    const auto report = [&](absl::string_view what) {
      violations.push_back(absl::StrCat(path, ":", number, ": ", what));
    };
    const std::string line_text(is_sql ? line.substr(0, line.find("--")) : line);
    std::smatch match;
    if (!is_sql && absl::StrContains(line, '#') &&
        std::regex_match(line_text, match, include_line)) {
      const std::string wrong = IncludeViolation(path, match[2].str(), match[1].str() == "\"");
      if (!wrong.empty()) report(wrong);
      continue;
    }
    for (const BannedText& rule : BannedTexts()) {
      if (Matches(path, rule.in) && !Matches(path, rule.but_in) &&
          RE2::PartialMatch(line_text, *rule.text)) {
        report(rule.reason);
      }
    }
  }
  return violations;
}

namespace {

// The code with literals and preprocessor lines blanked out, too, so that braces are braces.
std::string BracesOf(absl::string_view text) {
  static const std::regex literal(
      R"re(R"([^(]*)\([^\0]*?\)\1"|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])'|(?:^|\n)#(?:.*\\\n)*.*)re");
  const std::string code = WithoutComments(text);
  std::string braces = code;
  for (std::sregex_iterator it(code.begin(), code.end(), literal), end; it != end; ++it) {
    for (size_t i = 0; i < it->str().size(); ++i) {
      char& c = braces[static_cast<size_t>(it->position()) + i];
      if (c != '\n') c = ' ';
    }
  }
  return braces;
}

// A block that is open, by what stands before its brace.
struct Block {
  enum class Kind { kScope, kFunction, kOther } kind;
  int first_line;
};

Block::Kind KindOf(const std::string& head, bool in_scope) {
  static const std::regex scope(R"(^\s*((inline\s+)?namespace\b|extern\b).*)");
  static const std::regex type(R"(\b(class|struct|union|enum)\b)");
  static const std::regex parameters_end(R"(\)(\s|const|override|noexcept|final)*$)");
  if (std::regex_match(head, scope)) return Block::Kind::kScope;
  if (std::regex_search(head, type) && !std::regex_search(head, parameters_end)) {
    return Block::Kind::kScope;
  }
  return in_scope && absl::StrContains(head, "(") ? Block::Kind::kFunction : Block::Kind::kOther;
}

}  // namespace

std::vector<std::string> LongFunctions(absl::string_view path, absl::string_view text) {
  std::vector<std::string> violations;
  std::vector<Block> open;
  std::string head;  // of the block that comes next, on one line
  int head_line = 0;
  int line = 1;
  for (const char c : BracesOf(text)) {
    if (c == '\n') ++line;
    if (c == '{') {
      const bool in_scope =
          absl::c_all_of(open, [](const Block& b) { return b.kind == Block::Kind::kScope; });
      open.push_back({KindOf(head, in_scope), head.empty() ? line : head_line});
    } else if (c == '}' && !open.empty()) {
      const Block block = open.back();
      open.pop_back();
      const int length = line - block.first_line + 1;
      if (block.kind == Block::Kind::kFunction && length > kMaxFunctionLines) {
        violations.push_back(absl::StrCat(path, ":", block.first_line, ": a function of ", length,
                                          " lines; at most ", kMaxFunctionLines));
      }
    }
    if (c == '{' || c == '}' || c == ';') {
      head.clear();
    } else if (!head.empty() || !std::isspace(static_cast<unsigned char>(c))) {
      if (head.empty()) head_line = line;
      head += c == '\n' ? ' ' : c;
    }
  }
  return violations;
}

}  // namespace reserve::architecture
