#include "services/ledger/cli/export.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/status.h"
#include "services/ledger/cli/message_text.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kProgressInterval = absl::Seconds(2);

constexpr absl::string_view kUsageColumns =
    "account_id,seq,record_time,usage_id,user_id,kind,direction,destination,carrier,start_time,"
    "duration_seconds,segments,status,cost,currency,promotional_cost,price,connect_fee,"
    "billable_seconds,paid_seconds,plan_id,deck_version,prefix,destination_name,country,"
    "balance_after,corrects_usage_id,estimated\n";
constexpr absl::string_view kEntryColumns =
    "account_id,seq,record_time,kind,amount,currency,balance_after,promotional_amount,usage_id,"
    "recharge_ordinal,request_id,credit_grant_number,reason,caller\n";
constexpr absl::string_view kRechargeColumns =
    "account_id,ordinal,kind,state,create_time,end_time,amount,credited,refunded,disputed,"
    "currency,attempt,payment_method_id,card_network,charge_id,request_id,last_decline_code,"
    "credited_as_ordinal\n";

absl::string_view ColumnsOf(pb::ExportKind kind) {
  switch (kind) {
    case pb::EXPORT_KIND_USAGE:
      return kUsageColumns;
    case pb::EXPORT_KIND_ENTRIES:
      return kEntryColumns;
    default:
      return kRechargeColumns;
  }
}

void Write(const pb::UsageRecord& record, CsvText how, std::ostream& out) {
  const pb::Usage& usage = record.usage();
  const pb::Rating& rating = record.rating();
  const bool is_call = usage.has_call();
  const pb::Direction direction = is_call ? usage.call().direction() : usage.sms().direction();
  CsvRow row(how);
  row.Text(record.account_id())
      .Int(record.seq())
      .Time(record.has_record_time(), record.record_time())
      .Text(usage.usage_id())
      .Text(usage.user_id())
      .Text(is_call ? "call" : "sms")
      .Text(ValueText(pb::Direction_Name(direction), "DIRECTION_"))
      .Text(is_call ? usage.call().destination() : usage.sms().destination())
      .Text(usage.sms().carrier())
      .Time(usage.has_start_time(), usage.start_time())
      .Seconds(usage.call().duration())
      .IntIfAny(usage.sms().segments())
      .Text(ValueText(pb::UsageStatus_Name(record.status()), "USAGE_STATUS_"))
      .Money(record.cost())
      .Text(record.cost().currency_code())
      .Money(record.promotional_cost())
      .Money(rating.price())
      .Money(rating.connect_fee())
      .Seconds(rating.billable_duration())
      .Seconds(rating.paid_duration())
      .Text(rating.plan_id())
      .IntIfAny(rating.deck_version())
      .Text(rating.prefix())
      .Text(rating.destination_name())
      .Text(rating.country())
      .Money(record.balance_after())
      .Text(record.corrects_usage_id())
      .YesNo(record.estimated())
      .WriteTo(out);
}

void Write(const pb::Entry& entry, CsvText how, std::ostream& out) {
  CsvRow row(how);
  row.Text(entry.account_id())
      .Int(entry.seq())
      .Time(entry.has_record_time(), entry.record_time())
      .Text(ValueText(pb::EntryKind_Name(entry.kind()), "ENTRY_KIND_"))
      .Money(entry.amount())
      .Text(entry.amount().currency_code())
      .Money(entry.balance_after())
      .Money(entry.promotional_amount())
      .Text(entry.usage_id())
      .IntIfAny(entry.recharge_ordinal())
      .Text(entry.request_id())
      .IntIfAny(entry.credit_grant_number())
      .Text(entry.reason())
      .Text(entry.caller())
      .WriteTo(out);
}

void Write(const pb::Recharge& recharge, CsvText how, std::ostream& out) {
  CsvRow row(how);
  row.Text(recharge.account_id())
      .Int(recharge.ordinal())
      .Text(ValueText(pb::RechargeKind_Name(recharge.kind()), "RECHARGE_KIND_"))
      .Text(ValueText(pb::RechargeState_Name(recharge.state()), "RECHARGE_STATE_"))
      .Time(recharge.has_create_time(), recharge.create_time())
      .Time(recharge.has_end_time(), recharge.end_time())
      .Money(recharge.amount())
      .Money(recharge.credited_amount())
      .Money(recharge.refunded_amount())
      .Money(recharge.disputed_amount())
      .Text(recharge.amount().currency_code())
      .Int(recharge.attempt())
      .Text(recharge.payment_method_id())
      .Text(ValueText(pb::CardNetwork_Name(recharge.card_network()), "CARD_NETWORK_"))
      .Text(recharge.charge_id())
      .Text(recharge.request_id())
      .Text(recharge.last_decline_code())
      .IntIfAny(recharge.credited_as_ordinal())
      .WriteTo(out);
}

// Would another try end the same way?
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

// Everything so far, over all streams.
class Exporting {
 public:
  Exporting(const ExportOptions& options, std::ostream& out, std::ostream& notes)
      : options_(options), out_(out), notes_(notes), resume_token_(options.resume_token) {}

  // One stream. True in `*done` if it came to the end, in `*progress` if anything came.
  absl::Status Stream(pb::Accounts::Stub& stub, bool* done, bool* progress) {
    grpc::ClientContext context;
    pb::ExportRequest request;
    request.set_account_id(options_.account_id);
    request.set_kind(options_.kind);
    request.set_resume_token(resume_token_);
    const auto reader = stub.Export(&context, request);
    pb::ExportResponse message;
    int64_t accounts_of_stream = 0;
    while (reader->Read(&message)) {
      *progress = true;
      if (const absl::Status written = WriteRows(message); !written.ok()) {
        context.TryCancel();
        reader->Finish();
        return written;
      }
      resume_token_ = message.resume_token();
      accounts_ += message.accounts() - accounts_of_stream;
      accounts_of_stream = message.accounts();
      if (message.done()) *done = true;
      ShowProgress();
    }
    return FromGrpcStatus(reader->Finish());
  }

  void Close() { notes_ << "export: " << CountsText() << std::endl; }
  // Of rows that were being written when that failed, the last may be cut.
  void Break() {
    if (resume_token_.empty()) return;
    notes_ << "export: " << CountsText();
    if (!out_) notes_ << " are whole, what follows them is to be removed";
    notes_ << "; go on with --resume_token=" << resume_token_ << std::endl;
  }

 private:
  absl::Status WriteRows(const pb::ExportResponse& message) {
    for (const pb::UsageRecord& record : message.usage_records()) {
      Write(record, options_.text, out_);
    }
    for (const pb::Entry& entry : message.entries()) Write(entry, options_.text, out_);
    for (const pb::Recharge& recharge : message.recharges()) Write(recharge, options_.text, out_);
    out_ << std::flush;
    if (!out_) return absl::UnknownError("the file can't be written");
    rows_ += message.usage_records_size() + message.entries_size() + message.recharges_size();
    return absl::OkStatus();
  }

  void ShowProgress() {
    if (MonotonicNow() - last_progress_ < kProgressInterval) return;
    last_progress_ = MonotonicNow();
    // With the token, as whoever ends this command ends it without a word more.
    notes_ << "export: so far " << CountsText() << ", --resume_token=" << resume_token_
           << std::endl;
  }

  std::string CountsText() const { return absl::StrCat(accounts_, " accounts, ", rows_, " rows"); }

  const ExportOptions& options_;
  std::ostream& out_;
  std::ostream& notes_;
  std::string resume_token_;
  int64_t accounts_ = 0;
  int64_t rows_ = 0;
  Moment last_progress_ = -absl::InfiniteDuration();  // the first message is told of
};

}  // namespace

absl::StatusOr<pb::ExportKind> ExportKindFrom(absl::string_view what) {
  if (what == "usage") return pb::EXPORT_KIND_USAGE;
  if (what == "entries") return pb::EXPORT_KIND_ENTRIES;
  if (what == "recharges") return pb::EXPORT_KIND_RECHARGES;
  return InvalidField("WHAT", "must be usage, entries or recharges");
}

absl::Status Export(const std::shared_ptr<grpc::Channel>& channel, const ExportOptions& options,
                    std::ostream& out, std::ostream& notes) {
  const auto stub = pb::Accounts::NewStub(channel);
  Exporting exporting(options, out, notes);
  if (options.resume_token.empty()) out << ColumnsOf(options.kind) << std::flush;
  for (int failures = 0;;) {
    bool done = false;
    bool progress = false;
    const absl::Status status = exporting.Stream(*stub, &done, &progress);
    if (done && status.ok()) {
      exporting.Close();
      return absl::OkStatus();
    }
    failures = progress ? 1 : failures + 1;
    if (IsFinal(status) || !out || failures >= options.max_failures) {
      exporting.Break();
      return status.ok() ? absl::DataLossError("the ledger ended the export before its end")
                         : status;
    }
    notes << "export: going on after: " << status << std::endl;
    absl::SleepFor(options.pause_after_failure);
  }
}

}  // namespace reserve::cli
