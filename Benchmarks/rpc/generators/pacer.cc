// Sends unary calls at a fixed rate and tells how long each took.
//
//   pacer PORT PATH BODY RATE COUNT CONNECTIONS [NAME=VALUE ...]
//
// Sends COUNT requests of the bytes in the file BODY to 127.0.0.1, one every 1/RATE seconds, in turn over CONNECTIONS connections,
// with the given header fields. Writes the time of every request in nanoseconds to standard output, a line for each.
//
// The time counts from the instant at which the request was due, not from when it was sent: a server that stalls is charged for
// the requests that piled up meanwhile (no coordinated omission). The program never sleeps, so that it is never late itself;
// give it a core of its own.

#include <exception>
#include <iostream>
#include <memory>

#include "connection.h"

namespace {

using load::Call;
using load::Clock;
using load::Connection;
using load::Request;

// Nanoseconds of each call, in the order in which they ended.
std::vector<int64_t> pace(const std::string& port, const Request& request, double rate, size_t count, size_t connectionCount) {
    std::vector<int64_t> nanoseconds;
    nanoseconds.reserve(count);
    const auto ended = [&](Call& call) { nanoseconds.push_back(std::chrono::nanoseconds(Clock::now() - call.due).count()); };
    std::vector<std::unique_ptr<Connection>> connections;
    for (size_t index = 0; index < connectionCount; ++index) connections.push_back(std::make_unique<Connection>(port, request, ended));
    std::vector<Call> calls(count);
    const std::chrono::duration<double> interval(1 / rate);
    const Clock::time_point start = Clock::now();
    for (size_t begun = 0; nanoseconds.size() < count;) {
        if (begun < count) {
            const auto due = start + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(begun));
            if (due <= Clock::now()) {
                Connection& connection = *connections[begun % connectionCount];
                calls[begun].due = due;
                connection.begin(calls[begun]);
                connection.send();
                ++begun;
                continue;
            }
        }
        for (const auto& connection : connections) {
            connection->receive();
            connection->send();
        }
    }
    return nanoseconds;
}

}  // namespace

int main(int argumentCount, char** arguments) try {
    if (argumentCount < 7) throw std::runtime_error("usage: pacer PORT PATH BODY RATE COUNT CONNECTIONS [NAME=VALUE ...]");
    const Request request(arguments[1], arguments[2], arguments[3], {arguments + 7, arguments + argumentCount});
    for (const int64_t time : pace(arguments[1], request, std::stod(arguments[4]), std::stoul(arguments[5]), std::stoul(arguments[6]))) {
        std::cout << time << "\n";
    }
} catch (const std::exception& error) {
    std::cerr << "pacer: " << error.what() << "\n";
    return 1;
}
