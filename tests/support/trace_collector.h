// A real receiver of spans (OTLP over gRPC) in the test's own process. It keeps what it gets, and
// may be told to hang. Spans that tell of a customer (told.h) are a failure of the test.
// Thread-safe.
//
//   TraceCollector collector(port);
//   EXPECT_TRUE(WaitUntil([&] { return !collector.Named("ledger.commit").empty(); }));
#ifndef RESERVE_TESTS_SUPPORT_TRACE_COLLECTOR_H_
#define RESERVE_TESTS_SUPPORT_TRACE_COLLECTOR_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "opentelemetry/trace_service.grpc.pb.h"
#include "tests/support/told.h"

namespace reserve::test_support {

class TraceCollector {
 public:
  using Span = ::opentelemetry::proto::collector::trace::v1::SpanRecord;

  // Listens on that port of 127.0.0.1.
  explicit TraceCollector(int port) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~TraceCollector() {
    Hang(false);
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  bool listens() const { return server_ != nullptr; }

  // From now on it answers nobody; or again.
  void Hang(bool hang) {
    absl::MutexLock lock(&service_.mutex);
    service_.hangs = hang;
  }
  // Has somebody been kept waiting?
  bool Kept() const {
    absl::MutexLock lock(&service_.mutex);
    return service_.kept > 0;
  }

  std::vector<Span> spans() const {
    absl::MutexLock lock(&service_.mutex);
    return service_.spans;
  }
  // Those of that name, in the order in which they came.
  std::vector<Span> Named(const std::string& name) const {
    std::vector<Span> named;
    for (const Span& span : spans()) {
      if (span.name() == name) named.push_back(span);
    }
    return named;
  }
  // All that came, as text.
  std::string Text() const {
    absl::MutexLock lock(&service_.mutex);
    return service_.text;
  }

 private:
  struct Service final
      : public ::opentelemetry::proto::collector::trace::v1::TraceService::Service {
    grpc::Status Export(
        grpc::ServerContext*,
        const ::opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest* request,
        ::opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse*) override {
      absl::MutexLock lock(&mutex);
      if (hangs) ++kept;
      const auto answers = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) { return !hangs; };
      mutex.Await(absl::Condition(&answers));
      const std::string came = request->DebugString();
      ExpectNothingOfCustomers("spans", came);
      text += came;
      for (const auto& of_program : request->resource_spans()) {
        for (const auto& of_scope : of_program.scope_spans()) {
          spans.insert(spans.end(), of_scope.spans().begin(), of_scope.spans().end());
        }
      }
      return grpc::Status::OK;
    }

    mutable absl::Mutex mutex;
    bool hangs ABSL_GUARDED_BY(mutex) = false;
    int kept ABSL_GUARDED_BY(mutex) = 0;
    std::vector<Span> spans ABSL_GUARDED_BY(mutex);
    std::string text ABSL_GUARDED_BY(mutex);
  };

  mutable Service service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_TRACE_COLLECTOR_H_
