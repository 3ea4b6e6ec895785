#include "tests/bench/books.h"

#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "tests/support/build_tree.h"

namespace reserve::bench {

namespace pb = ledger::v1;

absl::Status CheckBooks(const std::string& prefix, int64_t acknowledged, int64_t booked,
                        const std::shared_ptr<grpc::Channel>& ledger,
                        const std::vector<std::string>& account_ids) {
  std::cout << prefix << "acknowledged " << acknowledged << " usages, booked " << booked
            << std::endl;
  if (booked != acknowledged) {
    return absl::DataLossError(absl::StrCat(prefix, "booked and acknowledged usages differ"));
  }
  const auto stub = pb::Audit::NewStub(ledger);
  int64_t entries = 0;
  for (const std::string& id : account_ids) {
    grpc::ClientContext context;
    pb::VerifyAccountRequest request;
    request.set_account_id(id);
    pb::VerifyAccountResponse response;
    const grpc::Status status = stub->VerifyAccount(&context, request, &response);
    if (!status.ok()) return absl::InternalError(status.error_message());
    entries += response.counts().entries();
    if (response.differences_size() > 0) {
      return absl::DataLossError(response.differences(0).ShortDebugString());
    }
  }
  std::cout << prefix << "verified " << account_ids.size() << " accounts with " << entries
            << " entries" << std::endl;
  return absl::OkStatus();
}

int Conclude(const std::string& program, const Figures& figures, const std::string& file,
             absl::Time begin, const absl::Status& status) {
  std::cout << "\n";
  figures.Print(std::cout);
  const std::string path =
      (std::filesystem::path(test_support::BuildDir()).parent_path() / "bench" / file).string();
  const absl::Status written = figures.WriteJson(path);
  std::cout << "\n" << path << ", " << absl::ToInt64Seconds(absl::Now() - begin) << " s\n";
  for (const absl::Status& result : {status, written}) {
    if (result.ok()) continue;
    std::cerr << program << ": " << result << "\n";
    return 1;
  }
  return 0;
}

}  // namespace reserve::bench
