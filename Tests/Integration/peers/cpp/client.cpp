#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "service.h"

namespace peer {
namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

constexpr int kRequestSize = 271828;
constexpr int kResponseSize = 314159;
constexpr std::chrono::seconds kCaseTimeout{20};
constexpr int kSoakCalls = 20;
constexpr int kParallel = 100;
constexpr int kPauses = 2;
constexpr std::chrono::milliseconds kPause{1500};

using Duplex = grpc::ClientReaderWriter<StreamingOutputCallRequest, StreamingOutputCallResponse>;

void Expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

void ExpectStatus(const Status& status, StatusCode code, const std::string& message = "") {
  Expect(status.error_code() == code && (message.empty() || status.error_message() == message),
         "status " + std::to_string(status.error_code()) + " \"" + status.error_message() + "\" instead of " + std::to_string(code));
}

void ExpectOK(const Status& status) { ExpectStatus(status, StatusCode::OK); }

void ExpectZeros(const Payload& payload, int size) {
  Expect(payload.body() == Zeros(size), "a body of " + std::to_string(payload.body().size()) + " bytes instead of " + std::to_string(size));
}

struct Context : ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + kCaseTimeout); }
};

SimpleRequest LargeRequest() {
  SimpleRequest request;
  request.set_response_size(kResponseSize);
  request.mutable_payload()->set_body(Zeros(kRequestSize));
  return request;
}

StreamingOutputCallRequest Sized(int size, const std::vector<int>& responses = {}) {
  StreamingOutputCallRequest request;
  request.mutable_payload()->set_body(Zeros(size));
  for (int response : responses) request.add_response_parameters()->set_size(response);
  return request;
}

StreamingInputCallRequest Input(int size) {
  StreamingInputCallRequest request;
  request.mutable_payload()->set_body(Zeros(size));
  return request;
}

// The calls of grpc/grpc doc/interop-test-descriptions.md that need no cloud.
class Client {
 public:
  explicit Client(const Target& target) : target_(target) {
    grpc::ChannelArguments arguments;
    // Channels of one process share connections otherwise.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(target.address, target.credentials, arguments);
    stub_ = TestService::NewStub(channel_);
  }

  // ---- calls as they should be

  void EmptyUnary() {
    Context context;
    Empty response;
    ExpectOK(stub_->EmptyCall(&context, Empty(), &response));
  }

  void LargeUnary() {
    Context context;
    SimpleResponse response;
    ExpectOK(stub_->UnaryCall(&context, LargeRequest(), &response));
    ExpectZeros(response.payload(), kResponseSize);
  }

  void ClientStreaming() {
    Context context;
    StreamingInputCallResponse response;
    auto writer = stub_->StreamingInputCall(&context, &response);
    for (int size : {27182, 8, 1828, 45904}) Expect(writer->Write(Input(size)), "the stream ended early");
    writer->WritesDone();
    ExpectOK(writer->Finish());
    Expect(response.aggregated_payload_size() == 74922, std::to_string(response.aggregated_payload_size()));
  }

  void ServerStreaming() {
    const std::vector<int> sizes = {31415, 9, 2653, 58979};
    Context context;
    auto reader = stub_->StreamingOutputCall(&context, Sized(0, sizes));
    StreamingOutputCallResponse response;
    for (int size : sizes) {
      Expect(reader->Read(&response), "too few responses");
      ExpectZeros(response.payload(), size);
    }
    Expect(!reader->Read(&response), "one response too many");
    ExpectOK(reader->Finish());
  }

  void PingPong() {
    Context context;
    auto stream = stub_->FullDuplexCall(&context);
    for (auto [size, response] : {std::pair{27182, 31415}, {8, 9}, {1828, 2653}, {45904, 58979}}) PingPong(stream.get(), size, response);
    ExpectEnd(stream.get());
  }

  void EmptyStream() {
    Context context;
    ExpectEnd(stub_->FullDuplexCall(&context).get());
  }

  void PickFirstUnary() {
    std::set<std::string> servers;
    for (int i = 0; i < 100; i++) {
      Context context;
      SimpleRequest request;
      request.set_fill_server_id(true);
      SimpleResponse response;
      ExpectOK(stub_->UnaryCall(&context, request, &response));
      servers.insert(response.server_id());
    }
    Expect(servers.size() == 1 && servers.count("") == 0, std::to_string(servers.size()) + " servers");
  }

  // ---- who compresses what

  void ClientCompressedUnary() {
    UnaryWithFlag(true, false, StatusCode::INVALID_ARGUMENT);
    UnaryWithFlag(true, true, StatusCode::OK);
    UnaryWithFlag(false, false, StatusCode::OK);
  }

  void ServerCompressedUnary() {
    for (bool compressed : {true, false}) {
      Context context;
      SimpleRequest request = LargeRequest();
      request.mutable_response_compressed()->set_value(compressed);
      SimpleResponse response;
      ExpectOK(stub_->UnaryCall(&context, request, &response));
      ExpectZeros(response.payload(), kResponseSize);
      Expect(InteropClientContextInspector::IsCompressed(context) == compressed, "the response's flag is wrong");
    }
  }

  void ClientCompressedStreaming() {
    {
      Context context;
      context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
      StreamingInputCallResponse response;
      auto writer = stub_->StreamingInputCall(&context, &response);
      Write(writer.get(), 27182, true, false);
      writer->WritesDone();
      ExpectStatus(writer->Finish(), StatusCode::INVALID_ARGUMENT);
    }
    Context context;
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    StreamingInputCallResponse response;
    auto writer = stub_->StreamingInputCall(&context, &response);
    Write(writer.get(), 27182, true, true);
    Write(writer.get(), 45904, false, false);
    writer->WritesDone();
    ExpectOK(writer->Finish());
    Expect(response.aggregated_payload_size() == 73086, std::to_string(response.aggregated_payload_size()));
  }

  void ServerCompressedStreaming() {
    Context context;
    StreamingOutputCallRequest request = Sized(0, {31415, 92653});
    request.mutable_response_parameters(0)->mutable_compressed()->set_value(true);
    request.mutable_response_parameters(1)->mutable_compressed()->set_value(false);
    auto reader = stub_->StreamingOutputCall(&context, request);
    StreamingOutputCallResponse response;
    for (const auto& wanted : request.response_parameters()) {
      Expect(reader->Read(&response), "too few responses");
      ExpectZeros(response.payload(), wanted.size());
      Expect(InteropClientContextInspector::IsCompressed(context) == wanted.compressed().value(), "a response's flag is wrong");
    }
    Expect(!reader->Read(&response), "one response too many");
    ExpectOK(reader->Finish());
  }

  // ---- statuses, metadata, and calls that do not come to their end

  void CustomMetadata() {
    Context unary;
    AddMetadata(&unary);
    SimpleResponse response;
    ExpectOK(stub_->UnaryCall(&unary, LargeRequest(), &response));
    ExpectMetadata(unary);
    Context duplex;
    AddMetadata(&duplex);
    auto stream = stub_->FullDuplexCall(&duplex);
    PingPong(stream.get(), 10, 10);
    ExpectEnd(stream.get());
    ExpectMetadata(duplex);
  }

  void StatusCodeAndMessage() {
    const std::string message = "test status message";
    ExpectEchoedStatus(message);
    Context context;
    auto stream = stub_->FullDuplexCall(&context);
    StreamingOutputCallRequest request;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(message);
    stream->Write(request);
    stream->WritesDone();
    StreamingOutputCallResponse response;
    Expect(!stream->Read(&response), "a response");
    ExpectStatus(stream->Finish(), StatusCode::UNKNOWN, message);
  }

  void SpecialStatusMessage() { ExpectEchoedStatus("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"); }

  void UnimplementedMethod() { ExpectUnimplemented("/grpc.testing.TestService/UnimplementedCall"); }
  void UnimplementedService() { ExpectUnimplemented("/grpc.testing.UnimplementedService/UnimplementedCall"); }

  void CancelAfterBegin() {
    Context context;
    StreamingInputCallResponse response;
    auto writer = stub_->StreamingInputCall(&context, &response);
    context.TryCancel();
    ExpectStatus(writer->Finish(), StatusCode::CANCELLED);
  }

  void CancelAfterFirstResponse() {
    Context context;
    auto stream = stub_->FullDuplexCall(&context);
    PingPong(stream.get(), 27182, 31415);
    context.TryCancel();
    ExpectStatus(stream->Finish(), StatusCode::CANCELLED);
  }

  void TimeoutOnSleepingServer() {
    ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
    auto stream = stub_->FullDuplexCall(&context);
    stream->Write(Sized(27182));
    ExpectStatus(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
  }

  // ---- load, and what servers say of it

  // That the trailer comes is not to be seen here: C-core keeps it to itself.
  void OrcaOutOfBand() {
    auto loads = xds::service::orca::v3::OpenRcaService::NewStub(channel_);
    Context loads_context;
    auto reports = loads->StreamCoreMetrics(&loads_context, {});
    Context context;
    auto stream = stub_->FullDuplexCall(&context);
    for (auto [cpu, memory, utilization] : {std::tuple{0.8210, 0.5847, 0.30499}, {0.29309, 0.2, 0.2039}}) {
      StreamingOutputCallRequest request = Sized(0, {1});
      TestOrcaReport* report = request.mutable_orca_oob_report();
      report->set_cpu_utilization(cpu);
      report->set_memory_utilization(memory);
      (*report->mutable_utilization())["util"] = utilization;
      StreamingOutputCallResponse response;
      Expect(stream->Write(request) && stream->Read(&response), "the call ended");
      xds::data::orca::v3::OrcaLoadReport load;
      // The report that was on its way before may come first.
      do {
        Expect(reports->Read(&load), "the reports ended");
      } while (load.cpu_utilization() != cpu);
      Expect(load.mem_utilization() == memory && load.utilization().at("util") == utilization, load.ShortDebugString());
    }
    loads_context.TryCancel();
    ExpectEnd(stream.get());
  }

  void RpcSoak() {
    for (int i = 0; i < kSoakCalls; i++) LargeUnary();
  }

  void ChannelSoak() {
    for (int i = 0; i < kSoakCalls; i++) Client(target_).LargeUnary();
  }

  void LongLivedChannel() {
    for (int i = 0; i < kPauses; i++) {
      LargeUnary();
      std::this_thread::sleep_for(kPause);
    }
    LargeUnary();
  }

  void ConcurrentLargeUnary() {
    std::vector<SimpleResponse> responses(kParallel);
    std::vector<Context> contexts(kParallel);
    std::vector<Status> statuses(kParallel);
    grpc::CompletionQueue queue;
    std::vector<std::unique_ptr<grpc::ClientAsyncResponseReader<SimpleResponse>>> calls;
    for (int i = 0; i < kParallel; i++) {
      calls.push_back(stub_->AsyncUnaryCall(&contexts[i], LargeRequest(), &queue));
      calls.back()->Finish(&responses[i], &statuses[i], nullptr);
    }
    void* tag;
    bool ok;
    for (int i = 0; i < kParallel; i++) queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    for (int i = 0; i < kParallel; i++) {
      ExpectOK(statuses[i]);
      ExpectZeros(responses[i].payload(), kResponseSize);
    }
  }

 private:
  static void PingPong(Duplex* stream, int size, int response_size) {
    StreamingOutputCallResponse response;
    Expect(stream->Write(Sized(size, {response_size})) && stream->Read(&response), "the call ended");
    ExpectZeros(response.payload(), response_size);
  }

  static void ExpectEnd(Duplex* stream) {
    stream->WritesDone();
    StreamingOutputCallResponse response;
    Expect(!stream->Read(&response), "one response too many");
    ExpectOK(stream->Finish());
  }

  void UnaryWithFlag(bool expected, bool compressed, StatusCode code) {
    Context context;
    if (compressed) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    SimpleRequest request = LargeRequest();
    request.mutable_expect_compressed()->set_value(expected);
    SimpleResponse response;
    ExpectStatus(stub_->UnaryCall(&context, request, &response), code);
    if (code == StatusCode::OK) ExpectZeros(response.payload(), kResponseSize);
  }

  static void Write(grpc::ClientWriter<StreamingInputCallRequest>* writer, int size, bool expected, bool compressed) {
    StreamingInputCallRequest request = Input(size);
    request.mutable_expect_compressed()->set_value(expected);
    grpc::WriteOptions options;
    if (!compressed) options.set_no_compression();
    writer->Write(request, options);
  }

  static void AddMetadata(ClientContext* context) {
    context->AddMetadata(kEchoInitial, "test_initial_metadata_value");
    context->AddMetadata(kEchoTrailing, "\xab\xab\xab");
  }

  static void ExpectMetadata(const ClientContext& context) {
    const auto initial = context.GetServerInitialMetadata().find(kEchoInitial);
    Expect(initial != context.GetServerInitialMetadata().end() && initial->second == "test_initial_metadata_value", "headers");
    const auto trailing = context.GetServerTrailingMetadata().find(kEchoTrailing);
    Expect(trailing != context.GetServerTrailingMetadata().end() && trailing->second == "\xab\xab\xab", "trailers");
  }

  void ExpectEchoedStatus(const std::string& message) {
    Context context;
    SimpleRequest request;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(message);
    SimpleResponse response;
    ExpectStatus(stub_->UnaryCall(&context, request, &response), StatusCode::UNKNOWN, message);
  }

  void ExpectUnimplemented(const char* path) {
    Context context;
    Empty request, response;
    const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::NORMAL_RPC, channel_);
    ExpectStatus(grpc::internal::BlockingUnaryCall<Empty, Empty>(channel_.get(), method, &context, request, &response),
                 StatusCode::UNIMPLEMENTED);
  }

  const Target target_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<TestService::Stub> stub_;
};

const std::map<std::string, std::function<void(Client&)>> kCases = {
    {"empty_unary", &Client::EmptyUnary},
    {"large_unary", &Client::LargeUnary},
    {"client_compressed_unary", &Client::ClientCompressedUnary},
    {"server_compressed_unary", &Client::ServerCompressedUnary},
    {"client_streaming", &Client::ClientStreaming},
    {"client_compressed_streaming", &Client::ClientCompressedStreaming},
    {"server_streaming", &Client::ServerStreaming},
    {"server_compressed_streaming", &Client::ServerCompressedStreaming},
    {"ping_pong", static_cast<void (Client::*)()>(&Client::PingPong)},
    {"empty_stream", &Client::EmptyStream},
    {"custom_metadata", &Client::CustomMetadata},
    {"status_code_and_message", &Client::StatusCodeAndMessage},
    {"special_status_message", &Client::SpecialStatusMessage},
    {"unimplemented_method", &Client::UnimplementedMethod},
    {"unimplemented_service", &Client::UnimplementedService},
    {"cancel_after_begin", &Client::CancelAfterBegin},
    {"cancel_after_first_response", &Client::CancelAfterFirstResponse},
    {"timeout_on_sleeping_server", &Client::TimeoutOnSleepingServer},
    {"pick_first_unary", &Client::PickFirstUnary},
    {"orca_oob", &Client::OrcaOutOfBand},
    {"rpc_soak", &Client::RpcSoak},
    {"channel_soak", &Client::ChannelSoak},
    {"long_lived_channel", &Client::LongLivedChannel},
    {"concurrent_large_unary", &Client::ConcurrentLargeUnary},
};

}  // namespace

std::string RunCase(const Target& target, const std::string& name) {
  const auto found = kCases.find(name);
  if (found == kCases.end()) return "unknown case";
  try {
    Client client(target);
    found->second(client);
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace peer
