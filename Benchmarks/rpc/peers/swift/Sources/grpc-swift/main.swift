// GetInstance in grpc-swift: the peer that `Benchmarks/run rpc` measures novitaid beside.
//
//   grpc-swift PORT INSTANCE TOKENS [CERTIFICATE KEY]
//
// INSTANCE is a file with one encoded novitai.v1.Instance, the only one that it knows. TOKENS has a line for each bearer token:
// the SHA-256 of the token in hexadecimal digits, and the role of its principal. With CERTIFICATE and KEY it serves TLS.

import Glibc
import Serving

let arguments = CommandLine.arguments
guard arguments.count == 4 || arguments.count == 6, let port = Int(arguments[1]) else {
    print("usage: grpc-swift PORT INSTANCE TOKENS [CERTIFICATE KEY]")
    exit(1)
}
let instances = try readInstances(arguments[2])
let identity = try Identity(path: arguments[3])
try await serve(InstanceService(identity: identity, instances: instances), port: port, certificate: Array(arguments.dropFirst(4)))
