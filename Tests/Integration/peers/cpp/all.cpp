// Everything that reads the headers of gRPC, in one unit: reading them takes most of the time of compiling this.
#include "grpc/testing/test.grpc.pb.cc"
#include "xds/service/orca/v3/orca.grpc.pb.cc"
#include "client.cpp"
#include "server.cpp"
#include "main.cpp"
