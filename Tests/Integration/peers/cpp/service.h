// What both ends of the peer need.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "grpc/testing/test.grpc.pb.h"
#include "xds/service/orca/v3/orca.grpc.pb.h"

// The flags of the message that a call received last. C-core keeps this function for its own tests of interoperability.
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);
// The one that says that the message came compressed, and is not any more.
inline constexpr uint32_t kCompressedFlag = 0x40000000u;

namespace grpc::testing {

// Friends of the contexts, by these names.
class InteropClientContextInspector {
 public:
  static bool IsCompressed(const ClientContext& context) {
    return (grpc_call_test_only_get_message_flags(context.call_) & kCompressedFlag) != 0;
  }
};

class InteropServerContextInspector {
 public:
  static bool IsCompressed(const ServerContextBase& context) {
    return (grpc_call_test_only_get_message_flags(context.call_.call) & kCompressedFlag) != 0;
  }
};

}  // namespace grpc::testing

namespace peer {

using namespace grpc::testing;

inline constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
inline constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";

inline std::string Zeros(int size) { return std::string(static_cast<size_t>(size), '\0'); }

inline xds::data::orca::v3::OrcaLoadReport LoadReport(const TestOrcaReport& report) {
  xds::data::orca::v3::OrcaLoadReport load;
  load.set_cpu_utilization(report.cpu_utilization());
  load.set_mem_utilization(report.memory_utilization());
  *load.mutable_request_cost() = {report.request_cost().begin(), report.request_cost().end()};
  *load.mutable_utilization() = {report.utilization().begin(), report.utilization().end()};
  return load;
}

// Where a server is, and how to speak to it.
struct Target {
  std::string address;
  std::shared_ptr<grpc::ChannelCredentials> credentials;
};

// Runs until it is killed.
void Serve(const std::shared_ptr<grpc::ServerCredentials>& credentials);

// Returns why the case failed; nothing when it passed.
std::string RunCase(const Target& target, const std::string& name);

}  // namespace peer
