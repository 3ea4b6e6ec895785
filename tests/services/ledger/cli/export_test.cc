// The command `export`, of a ledger whose streams break.
#include "services/ledger/cli/export.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <streambuf>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reserve::cli {
namespace {

namespace pb = ledger::v1;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kRows = 6;

// Has an entry a message, and ends each stream after two of them.
class BreakingLedger : public pb::Accounts::Service {
 public:
  BreakingLedger() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~BreakingLedger() override { server_->Shutdown(); }

  std::shared_ptr<grpc::Channel> Channel() const {
    return grpc::CreateChannel(absl::StrCat("127.0.0.1:", port_),
                               grpc::InsecureChannelCredentials());
  }

 private:
  grpc::Status Export(grpc::ServerContext*, const pb::ExportRequest* request,
                      grpc::ServerWriter<pb::ExportResponse>* writer) override {
    int row = 0;
    if (!request->resume_token().empty() && !absl::SimpleAtoi(request->resume_token(), &row)) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no token of this ledger"};
    }
    for (int sent = 0; row < kRows; ++sent) {
      if (sent == 2) return {grpc::StatusCode::UNAVAILABLE, "it drains"};
      pb::ExportResponse message;
      pb::Entry* entry = message.add_entries();
      entry->set_account_id("acme");
      entry->set_seq(++row);
      entry->set_kind(pb::ENTRY_KIND_ADJUSTMENT);
      message.set_resume_token(absl::StrCat(row));
      message.set_done(row == kRows);
      writer->Write(message);
    }
    return grpc::Status::OK;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

ExportOptions Entries() {
  ExportOptions options;
  options.kind = pb::EXPORT_KIND_ENTRIES;
  options.pause_after_failure = absl::ZeroDuration();
  return options;
}

// The seqs of the rows, without the head line.
std::string SeqsIn(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::string seqs;
  while (std::getline(lines, line)) {
    if (line.rfind("acme,", 0) == 0) absl::StrAppend(&seqs, line.substr(5, 1));
  }
  return seqs;
}

// A disk on which so many bytes fit.
class SmallDisk : public std::streambuf {
 public:
  explicit SmallDisk(size_t room) : room_(room) {}
  const std::string& content() const { return content_; }

 private:
  int_type overflow(int_type next) override {
    if (content_.size() >= room_) return traits_type::eof();
    content_.push_back(traits_type::to_char_type(next));
    return next;
  }

  const size_t room_;
  std::string content_;
};

TEST(ExportTest, AStreamThatBreaksIsTakenUpWhereItWas) {
  BreakingLedger ledger;
  std::ostringstream out;
  std::ostringstream notes;
  EXPECT_TRUE(Export(ledger.Channel(), Entries(), out, notes).ok());
  EXPECT_EQ(SeqsIn(out.str()), "123456");
  EXPECT_THAT(out.str(), testing::StartsWith("account_id,seq,"));
  EXPECT_THAT(notes.str(),
              AllOf(HasSubstr("export: so far 0 accounts, 1 rows, --resume_token=1"),
                    HasSubstr("going on after"), HasSubstr("it drains"), HasSubstr("6 rows")));
}

TEST(ExportTest, ATokenGoesOnWithoutAHeadLine) {
  BreakingLedger ledger;
  ExportOptions options = Entries();
  options.resume_token = "4";
  std::ostringstream out;
  std::ostringstream notes;
  EXPECT_TRUE(Export(ledger.Channel(), options, out, notes).ok());
  EXPECT_EQ(SeqsIn(out.str()), "56");
  EXPECT_THAT(out.str(), Not(HasSubstr("account_id")));
}

TEST(ExportTest, AFullDiskIsToldWithWhatIsWhole) {
  BreakingLedger ledger;
  std::ostringstream whole;
  std::ostringstream notes;
  ASSERT_TRUE(Export(ledger.Channel(), Entries(), whole, notes).ok());
  // The fourth row is cut.
  SmallDisk disk(whole.str().find("acme,4,") + 3);
  std::ostream out(&disk);
  std::ostringstream said;
  EXPECT_FALSE(Export(ledger.Channel(), Entries(), out, said).ok());
  EXPECT_THAT(said.str(), HasSubstr("3 rows are whole, what follows them is to be removed; go on "
                                    "with --resume_token=3"));
  EXPECT_EQ(SeqsIn(disk.content()).substr(0, 3), "123");
}

}  // namespace
}  // namespace reserve::cli
