// The streaming methods of grpc.testing.TestService in grpc C++, with the callback API: a peer of `Benchmarks/run streams`.
//
//   grpc-cpp-streams PORT

#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include <grpcpp/grpcpp.h>

#include "grpc/testing/test.grpc.pb.h"

namespace {

using grpc::CallbackServerContext;
using grpc::ServerBidiReactor;
using grpc::ServerReadReactor;
using grpc::ServerUnaryReactor;
using grpc::ServerWriteReactor;
using grpc::Status;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;

// Has the response carry as many zeros: made anew when another size is asked for, as all contestants do.
void set_zeros(StreamingOutputCallResponse& response, size_t size) {
    auto& body = *response.mutable_payload()->mutable_body();
    if (body.size() != size) body.assign(size, '\0');
}

// Writes the responses that a request asks for, each when the one before it has been taken.
class Output final : public ServerWriteReactor<StreamingOutputCallResponse> {
public:
    explicit Output(const StreamingOutputCallRequest& request) : request_(request) { next(); }

    void OnWriteDone(bool ok) override {
        if (!ok) return Finish(Status::CANCELLED);
        next();
    }

    void OnDone() override { delete this; }

private:
    void next() {
        if (written_ == request_.response_parameters_size()) return Finish(Status::OK);
        set_zeros(response_, request_.response_parameters(written_++).size());
        StartWrite(&response_);
    }

    const StreamingOutputCallRequest& request_;
    StreamingOutputCallResponse response_;
    int written_ = 0;
};

// Adds up what comes.
class Input final : public ServerReadReactor<StreamingInputCallRequest> {
public:
    explicit Input(StreamingInputCallResponse& response) : response_(response) { StartRead(&request_); }

    void OnReadDone(bool ok) override {
        if (!ok) {
            response_.set_aggregated_payload_size(size_);
            return Finish(Status::OK);
        }
        size_ += static_cast<int>(request_.payload().body().size());
        StartRead(&request_);
    }

    void OnDone() override { delete this; }

private:
    StreamingInputCallResponse& response_;
    StreamingInputCallRequest request_;
    int size_ = 0;
};

// Answers each request before it reads the next.
class Duplex final : public ServerBidiReactor<StreamingOutputCallRequest, StreamingOutputCallResponse> {
public:
    Duplex() { StartRead(&request_); }

    void OnReadDone(bool ok) override {
        if (!ok) return Finish(Status::OK);
        written_ = 0;
        next();
    }

    void OnWriteDone(bool ok) override {
        if (!ok) return Finish(Status::CANCELLED);
        next();
    }

    void OnDone() override { delete this; }

private:
    void next() {
        if (written_ == request_.response_parameters_size()) return StartRead(&request_);
        set_zeros(response_, request_.response_parameters(written_++).size());
        StartWrite(&response_);
    }

    StreamingOutputCallRequest request_;
    StreamingOutputCallResponse response_;
    int written_ = 0;
};

class TestService final : public grpc::testing::TestService::CallbackService {
public:
    ServerUnaryReactor* UnaryCall(CallbackServerContext* context, const SimpleRequest* request, SimpleResponse* response) override {
        if (request->response_compressed().value()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
        response->mutable_payload()->mutable_body()->assign(request->response_size(), '\0');
        ServerUnaryReactor* reactor = context->DefaultReactor();
        reactor->Finish(Status::OK);
        return reactor;
    }

    ServerWriteReactor<StreamingOutputCallResponse>* StreamingOutputCall(
        CallbackServerContext*, const StreamingOutputCallRequest* request) override {
        return new Output(*request);
    }

    ServerReadReactor<StreamingInputCallRequest>* StreamingInputCall(
        CallbackServerContext*, StreamingInputCallResponse* response) override {
        return new Input(*response);
    }

    ServerBidiReactor<StreamingOutputCallRequest, StreamingOutputCallResponse>* FullDuplexCall(CallbackServerContext*) override {
        return new Duplex();
    }
};

void serve(const std::string& port) {
    constexpr int maximumConcurrentStreams = 1000;  // as novitaid allows
    TestService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + port, grpc::InsecureServerCredentials());
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, maximumConcurrentStreams);
    builder.RegisterService(&service);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) throw std::runtime_error("cannot listen on port " + port);
    server->Wait();
}

}  // namespace

int main(int count, char** arguments) try {
    if (count != 2) throw std::runtime_error("usage: grpc-cpp-streams PORT");
    serve(arguments[1]);
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
