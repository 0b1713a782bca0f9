"""`Benchmarks/run rpc`: unary calls of novitaid beside those of other gRPC servers. See ../README.md."""
