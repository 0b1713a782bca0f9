// Sends calls as fast as the server takes them.
//
//   streamer PORT PATH BODY COUNT CONNECTIONS STREAMS [NAME=VALUE ...]
//
// Sends COUNT requests of the bytes in the file BODY to 127.0.0.1, STREAMS of them at a time on each of CONNECTIONS connections, with the
// given header fields. Writes the seconds that they took, and the bytes of the bodies of all answers, to standard output.
//
// It is there for bodies of megabytes, with which h2load, which copies them twice, is slower than the servers that it is to measure.

#include <exception>
#include <iostream>
#include <memory>

#include <poll.h>

#include "connection.h"

namespace {

using load::Call;
using load::Clock;
using load::Connection;
using load::Request;

class Stream {
public:
    Stream(const std::string& port, const Request& request, size_t count, size_t connectionCount, size_t streamCount)
        : count_(count), calls_(connectionCount * streamCount) {
        for (size_t index = 0; index < connectionCount; ++index) {
            connections_.push_back(std::make_unique<Connection>(port, request, [this](Call& call) { end(call); }));
        }
    }

    void run() {
        std::vector<pollfd> polled;
        for (const auto& connection : connections_) polled.push_back({connection->descriptor(), POLLIN, 0});
        for (size_t index = 0; index < calls_.size() && begun_ < count_; ++index) begin(calls_[index]);
        for (const auto& connection : connections_) connection->send();
        while (ended_ < count_) {
            for (size_t index = 0; index < polled.size(); ++index) {
                polled[index].events = static_cast<short>(connections_[index]->isBlocked() ? POLLIN | POLLOUT : POLLIN);
            }
            if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) throw std::runtime_error("cannot poll");
            for (size_t index = 0; index < polled.size(); ++index) {
                if (polled[index].revents == 0) continue;
                connections_[index]->receive();
                connections_[index]->send();
            }
        }
    }

    size_t replyBytes() const {
        size_t sum = 0;
        for (const auto& connection : connections_) sum += connection->replyBytes();
        return sum;
    }

private:
    // The connection of a call is that of its place.
    void begin(Call& call) {
        const size_t place = static_cast<size_t>(&call - calls_.data());
        call.bodyBytesSent = 0;
        connections_[place % connections_.size()]->begin(call);
        ++begun_;
    }

    void end(Call& call) {
        ++ended_;
        if (begun_ < count_) begin(call);
    }

    size_t count_, begun_ = 0, ended_ = 0;
    std::vector<Call> calls_;
    std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace

int main(int argumentCount, char** arguments) try {
    if (argumentCount < 7) throw std::runtime_error("usage: streamer PORT PATH BODY COUNT CONNECTIONS STREAMS [NAME=VALUE ...]");
    const Request request(arguments[1], arguments[2], arguments[3], {arguments + 7, arguments + argumentCount});
    Stream stream(arguments[1], request, std::stoul(arguments[4]), std::stoul(arguments[5]), std::stoul(arguments[6]));
    const Clock::time_point start = Clock::now();
    stream.run();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    std::cout << elapsed.count() << " " << stream.replyBytes() << "\n";
} catch (const std::exception& error) {
    std::cerr << "streamer: " << error.what() << "\n";
    return 1;
}
