// A peer of the interoperability tests, made with Debian's grpc C++: `peer server` prints its port, `peer client PORT CASE,CASE…` prints a
// verdict for each case.
#include <cstdio>
#include <sstream>

#include "service.h"

int main(int count, char** arguments) {
  const std::string role = count > 1 ? arguments[1] : "";
  if (role == "server" && count == 2) {
    peer::Serve();
    return 0;
  }
  if (role != "client" || count != 4) {
    std::fputs("usage: peer server | peer client PORT CASE,CASE...\n", stderr);
    return 2;
  }
  bool has_failed = false;
  std::stringstream names(arguments[3]);
  for (std::string name; std::getline(names, name, ',');) {
    const std::string why = peer::RunCase(std::string("127.0.0.1:") + arguments[2], name);
    has_failed |= !why.empty();
    std::printf(why.empty() ? "OK: %s\n" : "FAILED: %s: %s\n", name.c_str(), why.c_str());
    std::fflush(stdout);
  }
  return has_failed ? 1 : 0;
}
