// Sends unary calls at a fixed rate and tells how long each took.
//
//   pacer PORT PATH BODY RATE COUNT CONNECTIONS [NAME=VALUE ...]
//
// Sends COUNT requests of the bytes in the file BODY to 127.0.0.1, one every 1/RATE seconds, in turn over CONNECTIONS connections,
// with the given header fields. Writes the time of every request in nanoseconds to standard output, a line for each.
//
// The time counts from the instant at which the request was due, not from when it was sent: a server that stalls is charged for
// the requests that piled up meanwhile (no coordinated omission). The program never sleeps, so that it is never late itself;
// give it a core of its own. Fails when an answer is not :status 200, or carries a grpc-status other than 0.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

namespace {

using Clock = std::chrono::steady_clock;

struct Call {
    Clock::time_point due;
    size_t bodyBytesSent = 0;
};

struct Load {
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
    std::vector<int64_t> nanoseconds;
};

nghttp2_nv field(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

int connectedSocket(uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
    const int enabled = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
}

// One HTTP/2 connection. An exception must not pass through nghttp2, so a callback that fails notes it in `failure_`.
class Connection {
public:
    Connection(uint16_t port, Load& load) : load_(load), descriptor_(connectedSocket(port)) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose);
        nghttp2_session_client_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
        send();
    }

    ~Connection() {
        nghttp2_session_del(session_);
        close(descriptor_);
    }

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void begin(Call& call) {
        std::vector<nghttp2_nv> fields;
        for (const auto& [name, value] : load_.fields) fields.push_back(field(name, value));
        nghttp2_data_provider body{};
        body.source.ptr = this;
        body.read_callback = readBody;
        if (nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), &body, &call) < 0) {
            throw std::runtime_error("cannot submit a request");
        }
        send();
    }

    // Takes in what has arrived, if anything has.
    void poll() {
        uint8_t buffer[16384];
        const ssize_t count = recv(descriptor_, buffer, sizeof buffer, 0);
        if (count == 0) throw std::runtime_error("the server closed a connection");
        if (count < 0) {
            if (!unsent_.empty()) send();
            return;
        }
        if (nghttp2_session_mem_recv(session_, buffer, static_cast<size_t>(count)) < 0) throw std::runtime_error("HTTP/2 violation");
        if (!failure_.empty()) throw std::runtime_error(failure_);
        send();
    }

private:
    void send() {
        const uint8_t* bytes = nullptr;
        for (;;) {
            if (unsent_.empty()) {
                for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
                    unsent_.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
                }
            }
            if (unsent_.empty()) return;
            const ssize_t count = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
            if (count < 0) return;
            unsent_.erase(0, static_cast<size_t>(count));
        }
    }

    static ssize_t readBody(nghttp2_session* session, int32_t stream, uint8_t* buffer, size_t capacity, uint32_t* flags,
                            nghttp2_data_source* source, void*) {
        const std::string& body = static_cast<Connection*>(source->ptr)->load_.body;
        Call& call = *static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream));
        const size_t count = body.copy(reinterpret_cast<char*>(buffer), capacity, call.bodyBytesSent);
        call.bodyBytesSent += count;
        if (call.bodyBytesSent == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    static int onHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t nameSize, const uint8_t* value,
                        size_t valueSize, uint8_t, void* userData) {
        const std::string_view key(reinterpret_cast<const char*>(name), nameSize);
        const std::string_view text(reinterpret_cast<const char*>(value), valueSize);
        if ((key == ":status" && text != "200") || (key == "grpc-status" && text != "0")) {
            static_cast<Connection*>(userData)->failure_ = std::string(key) + " " + std::string(text);
        }
        return 0;
    }

    static int onStreamClose(nghttp2_session* session, int32_t stream, uint32_t error, void* userData) {
        auto& connection = *static_cast<Connection*>(userData);
        const auto* call = static_cast<const Call*>(nghttp2_session_get_stream_user_data(session, stream));
        if (error != NGHTTP2_NO_ERROR) connection.failure_ = "a stream was reset";
        connection.load_.nanoseconds.push_back(std::chrono::nanoseconds(Clock::now() - call->due).count());
        return 0;
    }

    Load& load_;
    int descriptor_;
    nghttp2_session* session_ = nullptr;
    std::string unsent_;
    std::string failure_;
};

void run(Load& load, uint16_t port, double rate, size_t count, size_t connectionCount) {
    std::vector<std::unique_ptr<Connection>> connections;
    for (size_t index = 0; index < connectionCount; ++index) connections.push_back(std::make_unique<Connection>(port, load));
    std::vector<Call> calls(count);
    load.nanoseconds.reserve(count);
    const std::chrono::duration<double> interval(1 / rate);
    const Clock::time_point start = Clock::now();
    for (size_t begun = 0; load.nanoseconds.size() < count;) {
        if (begun < count) {
            const auto due = start + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(begun));
            if (due <= Clock::now()) {
                calls[begun].due = due;
                connections[begun % connectionCount]->begin(calls[begun]);
                ++begun;
                continue;
            }
        }
        for (const auto& connection : connections) connection->poll();
    }
}

}  // namespace

int main(int argumentCount, char** arguments) try {
    if (argumentCount < 7) throw std::runtime_error("usage: pacer PORT PATH BODY RATE COUNT CONNECTIONS [NAME=VALUE ...]");
    const std::string port = arguments[1];
    Load load;
    std::ifstream file(arguments[3], std::ios::binary);
    if (!file) throw std::runtime_error(std::string("cannot read ") + arguments[3]);
    load.body.assign(std::istreambuf_iterator<char>(file), {});
    load.fields = {{":method", "POST"}, {":scheme", "http"}, {":authority", "127.0.0.1:" + port}, {":path", arguments[2]}};
    for (int index = 7; index < argumentCount; ++index) {
        const std::string pair = arguments[index];
        const size_t separator = std::min(pair.find('='), pair.size());
        load.fields.emplace_back(pair.substr(0, separator), pair.substr(std::min(separator + 1, pair.size())));
    }
    run(load, static_cast<uint16_t>(std::stoul(port)), std::stod(arguments[4]), std::stoul(arguments[5]), std::stoul(arguments[6]));
    for (const int64_t time : load.nanoseconds) std::cout << time << "\n";
} catch (const std::exception& error) {
    std::cerr << "pacer: " << error.what() << "\n";
    return 1;
}
