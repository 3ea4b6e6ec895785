// Sends spans to an OpenTelemetry collector (OTLP over gRPC), from a thread of its own.
//
// It takes what the tracer keeps, some hundreds at a time, and sends it with a deadline. While the
// collector is away or slow it tries again after growing pauses; the tracer's queue is bounded, and
// what has no room is dropped and counted. So a dead collector costs a connection attempt now and
// then, and no caller ever waits for one. Told of in the log when it begins to fail, and when it is
// over. Thread-safe.
//
//   OtlpExporter exporter(tracer, {.service = "reserve-ledger", .channel = channel});
#ifndef RESERVE_COMMON_RPC_OTLP_EXPORTER_H_
#define RESERVE_COMMON_RPC_OTLP_EXPORTER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/telemetry/trace.h"

namespace reserve {

class OtlpExporter {
 public:
  struct Options {
    // service.name and service.version of what is sent.
    std::string service;
    std::string version;
    std::shared_ptr<grpc::Channel> channel;
    // How long spans wait for others before they are sent, if they are few.
    absl::Duration interval = absl::Seconds(1);
    absl::Duration timeout = absl::Seconds(5);
    absl::Duration longest_pause = absl::Seconds(30);
  };

  // The tracer must outlive this.
  OtlpExporter(Tracer& tracer, Options options);
  // Sends what is left, if the collector takes it within half a second.
  ~OtlpExporter() ABSL_LOCKS_EXCLUDED(mutex_);
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

 private:
  void Run();
  // Sends them; false if the pause after a failure was ended by the end of this.
  bool Send(std::vector<Span> spans);
  absl::Status Export(const std::vector<Span>& spans, absl::Duration timeout);
  void TellOf(const absl::Status& status);
  // False if it is time to end.
  bool Pause(absl::Duration pause) ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() ABSL_LOCKS_EXCLUDED(mutex_);

  Tracer& tracer_;
  const Options options_;
  int failures_ = 0;  // in a row; of the thread alone
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* under_way_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_OTLP_EXPORTER_H_
