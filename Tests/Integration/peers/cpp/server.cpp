#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "service.h"

namespace peer {
namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;

// Reports the load apart from calls (gRFC A51).
class Loads final : public xds::service::orca::v3::OpenRcaService::Service {
 public:
  void Publish(const TestOrcaReport& report) {
    std::lock_guard lock(mutex_);
    report_ = LoadReport(report);
  }

  Status StreamCoreMetrics(ServerContext*, const xds::service::orca::v3::OrcaLoadReportRequest*,
                           grpc::ServerWriter<xds::data::orca::v3::OrcaLoadReport>* writer) override {
    while (writer->Write(Current())) {
      // A real server has seconds here; a test has no time.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return Status::CANCELLED;
  }

 private:
  xds::data::orca::v3::OrcaLoadReport Current() {
    std::lock_guard lock(mutex_);
    return report_;
  }

  std::mutex mutex_;
  xds::data::orca::v3::OrcaLoadReport report_;
};

// What grpc/grpc doc/interop-test-descriptions.md asks of a server.
class Service final : public TestService::Service {
 public:
  explicit Service(Loads* loads) : loads_(loads) {}

  Status EmptyCall(ServerContext*, const Empty*, Empty*) override { return Status::OK; }

  Status UnaryCall(ServerContext* context, const SimpleRequest* request, SimpleResponse* response) override {
    Echo(context);
    if (request->has_orca_per_query_report()) {
      context->AddTrailingMetadata("endpoint-load-metrics-bin", LoadReport(request->orca_per_query_report()).SerializeAsString());
    }
    if (request->has_expect_compressed() && !IsAsExpected(*context, request->expect_compressed())) return WrongFlag();
    if (request->response_status().code() != 0) return Wanted(request->response_status());
    if (request->response_compressed().value()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    *response->mutable_payload()->mutable_body() = Zeros(request->response_size());
    if (request->fill_server_id()) response->set_server_id("grpc-c++");
    return Status::OK;
  }

  Status StreamingOutputCall(ServerContext* context, const StreamingOutputCallRequest* request,
                             grpc::ServerWriter<StreamingOutputCallResponse>* writer) override {
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    return Answer(*request, writer);
  }

  Status StreamingInputCall(ServerContext* context, grpc::ServerReader<StreamingInputCallRequest>* reader,
                            StreamingInputCallResponse* response) override {
    StreamingInputCallRequest request;
    size_t sum = 0;
    while (reader->Read(&request)) {
      if (request.has_expect_compressed() && !IsAsExpected(*context, request.expect_compressed())) return WrongFlag();
      sum += request.payload().body().size();
    }
    response->set_aggregated_payload_size(static_cast<int>(sum));
    return Status::OK;
  }

  Status FullDuplexCall(ServerContext* context,
                        grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
    Echo(context);
    context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    StreamingOutputCallRequest request;
    while (stream->Read(&request)) {
      if (request.has_orca_oob_report()) loads_->Publish(request.orca_oob_report());
      if (Status status = Answer(request, stream); !status.ok()) return status;
    }
    return Status::OK;
  }

 private:
  static bool IsAsExpected(const ServerContext& context, const BoolValue& expected) {
    return InteropServerContextInspector::IsCompressed(context) == expected.value();
  }

  static Status WrongFlag() { return {StatusCode::INVALID_ARGUMENT, "the request's flag is not as expected"}; }

  static Status Wanted(const EchoStatus& status) { return {static_cast<StatusCode>(status.code()), status.message()}; }

  static void Echo(ServerContext* context) {
    const auto& given = context->client_metadata();
    if (auto field = given.find(kEchoInitial); field != given.end()) {
      context->AddInitialMetadata(kEchoInitial, std::string(field->second.data(), field->second.size()));
    }
    if (auto field = given.find(kEchoTrailing); field != given.end()) {
      context->AddTrailingMetadata(kEchoTrailing, std::string(field->second.data(), field->second.size()));
    }
  }

  template <typename Writer>
  static Status Answer(const StreamingOutputCallRequest& request, Writer* writer) {
    if (request.response_status().code() != 0) return Wanted(request.response_status());
    for (const auto& wanted : request.response_parameters()) {
      std::this_thread::sleep_for(std::chrono::microseconds(wanted.interval_us()));
      StreamingOutputCallResponse response;
      *response.mutable_payload()->mutable_body() = Zeros(wanted.size());
      grpc::WriteOptions options;
      if (!wanted.compressed().value()) options.set_no_compression();
      if (!writer->Write(response, options)) return Status::CANCELLED;
    }
    return Status::OK;
  }

  Loads* const loads_;
};

}  // namespace

void Serve(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  Loads loads;
  Service service(&loads);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(&service);
  builder.RegisterService(&loads);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::printf("%d\n", port);
  std::fflush(stdout);
  server->Wait();
}

}  // namespace peer
