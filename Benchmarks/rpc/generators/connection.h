// What the load generators share: the request that they send again and again, and an HTTP/2 connection that sends it.

#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

namespace load {

using Clock = std::chrono::steady_clock;

struct Request {
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;

    // `pairs`: header fields as NAME=VALUE.
    Request(const std::string& port, const std::string& path, const std::string& bodyFile, const std::vector<std::string>& pairs)
        : fields{{":method", "POST"}, {":scheme", "http"}, {":authority", "127.0.0.1:" + port}, {":path", path}} {
        std::ifstream file(bodyFile, std::ios::binary);
        if (!file) throw std::runtime_error("cannot read " + bodyFile);
        body.assign(std::istreambuf_iterator<char>(file), {});
        for (const std::string& pair : pairs) {
            const size_t separator = pair.find('=');
            if (separator == std::string::npos) throw std::runtime_error("not NAME=VALUE: " + pair);
            fields.emplace_back(pair.substr(0, separator), pair.substr(separator + 1));
        }
    }
};

// The program's own: it stays where it is from `begin` until it has ended.
struct Call {
    Clock::time_point due;
    size_t bodyBytesSent = 0;
};

// Sends bodies from where they are, without a copy of its own, and as much as the server's windows and its socket take: the generator is to
// cost less than the server. Fails when an answer is not :status 200, carries a grpc-status other than 0 or ends by RST_STREAM.
// An exception must not pass through nghttp2, so a callback that fails notes it in `failure_`.
class Connection {
public:
    // `ended` is called for each call when its stream has closed, from within `receive`.
    Connection(const std::string& port, const Request& request, std::function<void(Call&)> ended)
        : request_(request), ended_(std::move(ended)), descriptor_(connectedSocket(port)), received_(readSize) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_send_callback(callbacks, onFrame);
        nghttp2_session_callbacks_set_send_data_callback(callbacks, onBody);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onReplyBytes);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose);
        nghttp2_session_client_new(&session_, callbacks, this);
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 1);
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, window);
        for (const auto& [name, value] : request_.fields) fields_.push_back(field(name, value));
        send();
    }

    ~Connection() {
        nghttp2_session_del(session_);
        close(descriptor_);
    }

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    int descriptor() const { return descriptor_; }
    size_t replyBytes() const { return replyBytes_; }
    // Whether the socket has to take more before anything else can be sent.
    bool isBlocked() const { return unsentBytes_ > 0; }

    // Is sent with the next `send`.
    void begin(Call& call) {
        nghttp2_data_provider body{};
        body.read_callback = nextPart;
        if (nghttp2_submit_request(session_, nullptr, fields_.data(), fields_.size(), &body, &call) < 0) {
            throw std::runtime_error("cannot submit a request");
        }
    }

    // Takes in what has arrived, if anything has.
    void receive() {
        const ssize_t count = recv(descriptor_, received_.data(), received_.size(), 0);
        if (count == 0) throw std::runtime_error("the server closed a connection");
        if (count < 0 && errno != EAGAIN) throw std::runtime_error("a connection is broken");
        if (count < 0) return;
        if (nghttp2_session_mem_recv(session_, received_.data(), static_cast<size_t>(count)) < 0) {
            throw std::runtime_error("HTTP/2 violation");
        }
        if (!failure_.empty()) throw std::runtime_error(failure_);
    }

    void send() {
        do {
            if (unsentBytes_ == 0 && nghttp2_session_send(session_) != 0) throw std::runtime_error("nghttp2 cannot send");
            if (unsentBytes_ == 0) return;
        } while (write());
    }

private:
    static constexpr size_t readSize = 256 * 1024;
    // The greatest that HTTP/2 has, as h2load has it: what the server sends is never held back.
    static constexpr int32_t window = (1 << 30) - 1;
    // Bytes for one system call, about, and its pieces: a frame of DATA has two.
    static constexpr size_t unsentMax = 512 * 1024;
    static constexpr size_t piecesMax = 1024;

    struct Piece {
        // Whether it lies in the request's body, or in `frames_`.
        bool isBody;
        size_t offset, size;
    };

    static int connectedSocket(const std::string& port) {
        const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(std::stoul(port)));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
        const int enabled = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
        fcntl(descriptor, F_SETFL, O_NONBLOCK);
        return descriptor;
    }

    static nghttp2_nv field(std::string_view name, std::string_view value) {
        const auto bytes = [](std::string_view text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
        return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
    }

    static Connection& self(void* userData) { return *static_cast<Connection*>(userData); }

    bool isFull() const { return unsentBytes_ >= unsentMax || pieces_.size() + 2 > piecesMax; }

    void add(bool isBody, size_t offset, size_t size) {
        pieces_.push_back({isBody, offset, size});
        unsentBytes_ += size;
    }

    // Whether all of it went out.
    bool write() {
        iovec vectors[piecesMax];
        size_t count = 0;
        for (size_t index = written_; index < pieces_.size(); ++index) {
            const Piece& piece = pieces_[index];
            const char* bytes = (piece.isBody ? request_.body.data() : frames_.data()) + piece.offset;
            vectors[count++] = {const_cast<char*>(bytes), piece.size};
        }
        msghdr message{};
        message.msg_iov = vectors;
        message.msg_iovlen = count;
        const ssize_t sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) throw std::runtime_error("cannot send");
        if (sent <= 0) return false;
        unsentBytes_ -= static_cast<size_t>(sent);
        for (auto left = static_cast<size_t>(sent); left > 0;) {
            Piece& piece = pieces_[written_];
            const size_t taken = std::min(left, piece.size);
            piece.offset += taken;
            piece.size -= taken;
            left -= taken;
            if (piece.size == 0) ++written_;
        }
        if (unsentBytes_ > 0) return false;
        pieces_.clear();
        frames_.clear();
        written_ = 0;
        return true;
    }

    static ssize_t onFrame(nghttp2_session*, const uint8_t* bytes, size_t size, int, void* userData) {
        Connection& connection = self(userData);
        if (connection.isFull()) return NGHTTP2_ERR_WOULDBLOCK;
        connection.add(false, connection.frames_.size(), size);
        connection.frames_.append(reinterpret_cast<const char*>(bytes), size);
        return static_cast<ssize_t>(size);
    }

    static ssize_t nextPart(nghttp2_session* session, int32_t stream, uint8_t*, size_t capacity, uint32_t* flags, nghttp2_data_source*,
                            void* userData) {
        const Call& call = *static_cast<const Call*>(nghttp2_session_get_stream_user_data(session, stream));
        const size_t left = self(userData).request_.body.size() - call.bodyBytesSent;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (left <= capacity) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(std::min(left, capacity));
    }

    static int onBody(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header, size_t size, nghttp2_data_source*,
                      void* userData) {
        constexpr size_t headerSize = 9;
        Connection& connection = self(userData);
        if (connection.isFull()) return NGHTTP2_ERR_WOULDBLOCK;
        Call& call = *static_cast<Call*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
        connection.add(false, connection.frames_.size(), headerSize);
        connection.frames_.append(reinterpret_cast<const char*>(header), headerSize);
        if (size > 0) connection.add(true, call.bodyBytesSent, size);
        call.bodyBytesSent += size;
        return 0;
    }

    static int onHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t nameSize, const uint8_t* value,
                        size_t valueSize, uint8_t, void* userData) {
        const std::string_view key(reinterpret_cast<const char*>(name), nameSize);
        const std::string_view text(reinterpret_cast<const char*>(value), valueSize);
        if ((key == ":status" && text != "200") || (key == "grpc-status" && text != "0")) {
            self(userData).failure_ = std::string(key) + " " + std::string(text);
        }
        return 0;
    }

    static int onReplyBytes(nghttp2_session*, uint8_t, int32_t, const uint8_t*, size_t size, void* userData) {
        self(userData).replyBytes_ += size;
        return 0;
    }

    static int onStreamClose(nghttp2_session* session, int32_t stream, uint32_t error, void* userData) {
        Connection& connection = self(userData);
        if (error != NGHTTP2_NO_ERROR) connection.failure_ = "a stream was reset";
        connection.ended_(*static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream)));
        return 0;
    }

    const Request& request_;
    std::function<void(Call&)> ended_;
    int descriptor_;
    nghttp2_session* session_ = nullptr;
    std::vector<nghttp2_nv> fields_;
    std::vector<uint8_t> received_;
    size_t replyBytes_ = 0;
    // What the socket has not taken yet: pieces from `written_` on, those of frames with their bytes in `frames_`.
    std::vector<Piece> pieces_;
    std::string frames_;
    size_t written_ = 0;
    size_t unsentBytes_ = 0;
    std::string failure_;
};

}  // namespace load
