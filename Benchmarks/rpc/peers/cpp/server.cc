// GetInstance in grpc C++, with the callback API: the peer that `Benchmarks/run rpc` measures novitaid beside.
//
//   grpc-cpp PORT INSTANCE TOKENS [CERTIFICATE KEY]
//
// INSTANCE is a file with one encoded novitai.v1.Instance, the only one that it knows. TOKENS has a line for each bearer token:
// the SHA-256 of the token in hexadecimal digits, and the role of its principal. With CERTIFICATE and KEY it serves TLS.

#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include "credentials.h"
#include "novitai/v1/instance.grpc.pb.h"

namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using grpc::Status;
using grpc::StatusCode;
using novitai::v1::GetInstanceRequest;
using novitai::v1::Instance;

std::string bytesFromHexadecimal(const std::string& digits) {
    std::string bytes;
    for (size_t index = 0; index + 1 < digits.size(); index += 2) {
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(index, 2), nullptr, 16)));
    }
    return bytes;
}

// Who may call: bearer tokens, known by their hashes only.
class Identity {
public:
    explicit Identity(const std::string& path) {
        std::ifstream file(path);
        if (!file) throw std::runtime_error("cannot read " + path);
        for (std::string hash, role; file >> hash >> role;) roles_[bytesFromHexadecimal(hash)] = role;
    }

    Status check(const CallbackServerContext& context) const {
        static constexpr std::string_view scheme = "Bearer ";
        const auto& metadata = context.client_metadata();
        const auto entry = metadata.find("authorization");
        if (entry == metadata.end()) return {StatusCode::UNAUTHENTICATED, "no bearer token"};
        const std::string_view value(entry->second.data(), entry->second.size());
        if (value.substr(0, scheme.size()) != scheme) return {StatusCode::UNAUTHENTICATED, "no bearer token"};
        const auto role = roles_.find(hash(value.substr(scheme.size())));
        if (role == roles_.end()) return {StatusCode::UNAUTHENTICATED, "unknown token"};
        return mayRead(role->second) ? Status::OK : Status(StatusCode::PERMISSION_DENIED, "the role may not read instances");
    }

private:
    static bool mayRead(const std::string& role) { return role == "viewer" || role == "operator" || role == "admin"; }

    // Fetching the algorithm costs more than hashing a token, so it is fetched once, and a thread keeps its context.
    static std::string hash(std::string_view token) {
        static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        std::string digest(EVP_MAX_MD_SIZE, '\0');
        unsigned int size = 0;
        EVP_DigestInit_ex(context.get(), algorithm, nullptr);
        EVP_DigestUpdate(context.get(), token.data(), token.size());
        EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
        digest.resize(size);
        return digest;
    }

    std::unordered_map<std::string, std::string> roles_;
};

class InstanceService final : public novitai::v1::InstanceService::CallbackService {
public:
    InstanceService(const std::string& instancePath, const Identity& identity) : identity_(identity) {
        std::ifstream file(instancePath, std::ios::binary);
        Instance instance;
        if (!file || !instance.ParseFromIstream(&file)) throw std::runtime_error("no Instance in " + instancePath);
        const std::string id = instance.id();
        instances_.emplace(id, std::move(instance));
    }

    ServerUnaryReactor* GetInstance(CallbackServerContext* context, const GetInstanceRequest* request, Instance* reply) override {
        ServerUnaryReactor* reactor = context->DefaultReactor();
        reactor->Finish(answer(*context, *request, *reply));
        return reactor;
    }

private:
    Status answer(const CallbackServerContext& context, const GetInstanceRequest& request, Instance& reply) const {
        if (context.IsCancelled()) return {StatusCode::CANCELLED, "cancelled"};
        if (context.deadline() <= std::chrono::system_clock::now()) return {StatusCode::DEADLINE_EXCEEDED, "deadline exceeded"};
        if (Status status = identity_.check(context); !status.ok()) return status;
        const auto found = instances_.find(request.id());
        if (found == instances_.end()) return {StatusCode::NOT_FOUND, "no instance " + request.id()};
        reply = found->second;
        return Status::OK;
    }

    const Identity& identity_;
    std::unordered_map<std::string, Instance> instances_;
};

void serve(const std::string& port, const std::shared_ptr<grpc::ServerCredentials>& credentials, InstanceService& service) {
    constexpr int maximumConcurrentStreams = 1000;  // as novitaid allows
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + port, credentials);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, maximumConcurrentStreams);
    builder.RegisterService(&service);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) throw std::runtime_error("cannot listen on port " + port);
    server->Wait();
}

}  // namespace

int main(int count, char** arguments) try {
    if (count != 4 && count != 6) throw std::runtime_error("usage: grpc-cpp PORT INSTANCE TOKENS [CERTIFICATE KEY]");
    const Identity identity(arguments[3]);
    InstanceService service(arguments[2], identity);
    serve(arguments[1], count == 6 ? tlsCredentials(arguments[4], arguments[5]) : grpc::InsecureServerCredentials(), service);
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
