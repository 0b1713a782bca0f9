// How the C++ peers serve TLS.
#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <grpcpp/security/server_credentials.h>

inline std::string contentOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Files of PEM. Clients show no certificate.
inline std::shared_ptr<grpc::ServerCredentials> tlsCredentials(const std::string& certificatePath, const std::string& keyPath) {
    grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_key_cert_pairs.push_back({contentOf(keyPath), contentOf(certificatePath)});
    return grpc::SslServerCredentials(options);
}
