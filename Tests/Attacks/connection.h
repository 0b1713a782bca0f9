// One HTTP/2 connection of a client that has no time to lose: frames are built and read by hand, nothing waits, nothing is copied twice.
// Of HTTP/2 it does what a client of a well-behaved server has to, and gives the rest to those who derive from it.

#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace attacks {

using Clock = std::chrono::steady_clock;

constexpr uint32_t windowMax = 0x7fffffff;
constexpr uint32_t firstWindow = 65'535;
constexpr size_t creditPiece = 1 << 20;
constexpr uint8_t endStream = 1, acknowledges = 1, endHeaders = 4;
constexpr uint16_t maxConcurrentStreams = 3;
enum Frame : uint8_t { data = 0, headers = 1, resetStream = 3, settings = 4, ping = 6, goAway = 7, windowUpdate = 8 };

inline std::string big32(uint32_t value) {
    const uint32_t bytes = htonl(value);
    return std::string(reinterpret_cast<const char*>(&bytes), 4);
}

inline uint32_t read32(std::string_view bytes) {
    uint32_t value = 0;
    memcpy(&value, bytes.data(), 4);
    return ntohl(value);
}

inline std::string frame(Frame type, uint8_t flags, uint32_t stream, std::string_view payload) {
    std::string bytes = big32(static_cast<uint32_t>(payload.size())).substr(1);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    bytes += big32(stream);
    bytes += payload;
    return bytes;
}

// A request's header block and its only message.
inline std::string request(uint32_t stream, std::string_view block, std::string_view message) {
    const std::string body = std::string(1, '\0') + big32(static_cast<uint32_t>(message.size())) + std::string(message);
    return frame(headers, endHeaders, stream, block) + frame(data, endStream, stream, body);
}

inline std::string contents(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Connection {
public:
    explicit Connection(uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
        const int enabled = 1;
        setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
        fcntl(descriptor_, F_SETFL, O_NONBLOCK);
        send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(settings, 0, 0, std::string("\0\4", 2) + big32(windowMax)) +
             frame(windowUpdate, 0, 0, big32(windowMax - firstWindow)));
    }

    virtual ~Connection() { close(descriptor_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int descriptor() const { return descriptor_; }

    // Whether the server has said what it bears.
    bool isGreeted() const { return isGreeted_; }

    // Takes all that has come.
    void receive() {
        for (bool mayHaveMore = true; mayHaveMore && !isEnded_;) {
            const size_t room = buffer_.size() - filled_;
            const ssize_t count = recv(descriptor_, buffer_.data() + filled_, room, 0);
            if (count < 0 && errno == EAGAIN) return;
            if (count <= 0) return end("the server closed a connection");
            mayHaveMore = static_cast<size_t>(count) == room;
            filled_ += static_cast<size_t>(count);
            takeFrames(Clock::now());
        }
    }

    // Sends of what waits as much as the socket takes.
    void flush() {
        while (sent_ < unsent_.size() && !isEnded_) {
            const ssize_t count = ::send(descriptor_, unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL);
            if (count < 0 && errno == EAGAIN) return;
            if (count < 0) return end("the server closed a connection");
            sent_ += static_cast<size_t>(count);
        }
        unsent_.clear();
        sent_ = 0;
    }

protected:
    // What neither the connection nor its windows are for.
    virtual void take(Frame type, uint8_t flags, uint32_t stream, std::string_view payload, Clock::time_point now) = 0;

    // The server has closed it, or says that it will.
    virtual void lost(const std::string& why) { throw std::runtime_error(why); }

    bool isEnded() const { return isEnded_; }

    void append(std::string_view bytes) { unsent_ += bytes; }

    void send(std::string_view bytes) {
        append(bytes);
        flush();
    }

    // Of what the server allows: bytes of DATA on all streams together, and streams.
    int64_t window = firstWindow;
    uint32_t streamsMax = 100;

private:
    void end(const std::string& why) {
        if (isEnded_) return;
        isEnded_ = true;
        lost(why);
    }

    void takeFrames(Clock::time_point now) {
        size_t start = 0;
        while (filled_ - start >= 9) {
            const std::string_view head(buffer_.data() + start, 9);
            const size_t length = read32(head) >> 8;
            if (filled_ - start < 9 + length) break;
            begin(Frame(head[3]), static_cast<uint8_t>(head[4]), read32(head.substr(5)), {buffer_.data() + start + 9, length}, now);
            start += 9 + length;
        }
        memmove(buffer_.data(), buffer_.data() + start, filled_ - start);
        filled_ -= start;
    }

    void begin(Frame type, uint8_t flags, uint32_t stream, std::string_view payload, Clock::time_point now) {
        switch (type) {
        case settings:
            if ((flags & acknowledges) != 0) return;
            for (; payload.size() >= 6; payload.remove_prefix(6)) {
                if (payload[0] == 0 && payload[1] == maxConcurrentStreams) streamsMax = read32(payload.substr(2));
            }
            isGreeted_ = true;
            return send(frame(settings, acknowledges, 0, ""));
        case ping:
            if ((flags & acknowledges) == 0) send(frame(ping, acknowledges, 0, payload));
            return;
        case windowUpdate:
            if (stream == 0) window += read32(payload);
            return;
        case goAway: return end("the server sends its clients away: " + std::string(payload.substr(8)));
        case data:
            credit_ += payload.size();
            if (credit_ >= creditPiece) {
                send(frame(windowUpdate, 0, 0, big32(static_cast<uint32_t>(credit_))));
                credit_ = 0;
            }
            [[fallthrough]];
        default: take(type, flags, stream, payload, now);
        }
    }

    int descriptor_;
    bool isEnded_ = false;
    bool isGreeted_ = false;
    std::vector<char> buffer_ = std::vector<char>(1 << 18);
    size_t filled_ = 0;
    size_t credit_ = 0;
    std::string unsent_;
    size_t sent_ = 0;
};

// Serves many connections. Edge-triggered: each is served until nothing is left.
class Poll {
public:
    void add(Connection& connection) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.ptr = &connection;
        if (epoll_ctl(descriptor_, EPOLL_CTL_ADD, connection.descriptor(), &event) != 0) throw std::runtime_error("cannot poll");
    }

    // Serves them when the next of them has something, or returns when it is time.
    void until(Clock::time_point deadline) {
        const auto left = std::max<int64_t>(0, std::chrono::nanoseconds(deadline - Clock::now()).count());
        const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
        epoll_event events[256];
        const int count = epoll_pwait2(descriptor_, events, 256, &timeout, nullptr);
        for (int index = 0; index < count; ++index) {
            auto& connection = *static_cast<Connection*>(events[index].data.ptr);
            connection.receive();
            connection.flush();
        }
    }

private:
    int descriptor_ = epoll_create1(0);
};

}  // namespace attacks
