// A peer of the interoperability tests, made with Debian's grpc C++: `peer server` prints its port, `peer client PORT CASE,CASE…` prints a
// verdict for each case. With files in PEM they speak TLS: the server's certificate and its key, the authority that the client trusts.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "service.h"

namespace {

// Empty when there is no such file, which credentials refuse.
std::string Contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ServerCredentials> ServerTLS(const char* certificate, const char* key) {
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({Contents(key), Contents(certificate)});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ClientTLS(const char* authority) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = Contents(authority);
  return grpc::SslCredentials(options);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  if (role == "server" && (count == 2 || count == 4)) {
    peer::Serve(count == 4 ? ServerTLS(arguments[2], arguments[3]) : grpc::InsecureServerCredentials());
    return 0;
  }
  if (role != "client" || (count != 4 && count != 5)) {
    std::fputs("usage: peer server [CERTIFICATE KEY] | peer client PORT CASE,CASE... [AUTHORITY]\n", stderr);
    return 2;
  }
  const peer::Target target{std::string("127.0.0.1:") + arguments[2],
                            count == 5 ? ClientTLS(arguments[4]) : grpc::InsecureChannelCredentials()};
  bool has_failed = false;
  std::stringstream names(arguments[3]);
  for (std::string name; std::getline(names, name, ',');) {
    const std::string why = peer::RunCase(target, name);
    has_failed |= !why.empty();
    std::printf(why.empty() ? "OK: %s\n" : "FAILED: %s: %s\n", name.c_str(), why.c_str());
    std::fflush(stdout);
  }
  return has_failed ? 1 : 0;
}
