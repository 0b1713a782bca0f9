// The streaming methods of grpc.testing.TestService in grpc-swift: a peer of `Benchmarks/run streams`.
//
//   grpc-swift-streams PORT

import Glibc
import Serving

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("usage: grpc-swift-streams PORT")
    exit(1)
}
try await serve(TestService(), port: port, certificate: [])
