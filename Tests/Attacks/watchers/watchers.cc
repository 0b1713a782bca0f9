// Watches instances on many streams, makes changes at an even rate, and tells how long each took to reach each stream.
//
//   watchers PORT CONNECTIONS STREAMS RATE SECONDS TOKEN WATCH UPDATE ...
//
// WATCH and each UPDATE are files with a request message; the updates take turns, and contain the name `w-000000`, whose digits become the
// number of the change. Prints one JSON object. The time of a change counts from the instant at which its UpdateInstance was due, its commit
// included, to the arrival of its event in a buffer of this program. A change that does not come within `patience` of the last one is missing.
//
// Frames are built and read by hand: two hundred thousand events a second leave no time for more. Of HTTP/2 that needs little, since
// header blocks are not read: a stream that ends is a failure whatever its status says.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sys/prctl.h>
#include <sys/signal.h>

#include "../connection.h"

namespace {

using attacks::Clock;
using attacks::Poll;
using namespace std::chrono_literals;

constexpr std::string_view placeholder = "w-000000";
constexpr auto patience = 5s;

// A literal of HPACK without indexing and without Huffman codes. No text here has 127 bytes or more.
std::string field(std::string_view name, std::string_view value) {
    std::string bytes(1, '\0');
    for (const auto text : {name, value}) {
        bytes += static_cast<char>(text.size());
        bytes += text;
    }
    return bytes;
}

std::string request(uint32_t stream, std::string_view method, const std::string& token, std::string_view message) {
    const std::string block = field(":method", "POST") + field(":scheme", "http") + field(":authority", "localhost") +
                              field(":path", "/novitai.v1.InstanceService/" + std::string(method)) +
                              field("content-type", "application/grpc") + field("te", "trailers") +
                              field("authorization", "Bearer " + token);
    return attacks::request(stream, block, message);
}

// The length-delimited fields of a message, one after another; numbers are given as `number`.
class Fields {
public:
    explicit Fields(std::string_view bytes) : rest_(bytes) {}

    bool next() {
        if (rest_.empty()) return false;
        const uint64_t tag = varint();
        id = static_cast<uint32_t>(tag >> 3);
        switch (tag & 7) {
        case 0: number = varint(); break;
        case 1: take(8); break;
        case 2: text = take(varint()); break;
        case 5: take(4); break;
        default: throw std::runtime_error("an event is no protobuf");
        }
        return true;
    }

    uint32_t id = 0;
    uint64_t number = 0;
    std::string_view text;

private:
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; !rest_.empty() && shift < 64; shift += 7) {
            const auto byte = static_cast<uint8_t>(rest_[0]);
            rest_.remove_prefix(1);
            value |= uint64_t(byte & 127) << shift;
            if (byte < 128) break;
        }
        return value;
    }

    std::string_view take(uint64_t count) {
        if (count > rest_.size()) throw std::runtime_error("an event is cut");
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }

    std::string_view rest_;
};

struct Changes {
    std::vector<Clock::time_point> due;
    // Of all deliveries, in steps of ten microseconds, the last one for all beyond.
    std::vector<uint64_t> histogram = std::vector<uint64_t>(500'000);
    std::vector<int64_t> replies;
    uint64_t delivered = 0;
    uint64_t repeated = 0;
    uint64_t merged = 0;
    uint64_t failed = 0;
    int64_t longest = 0;

    static int64_t microseconds(Clock::duration time) { return std::chrono::duration_cast<std::chrono::microseconds>(time).count(); }

    void arrived(size_t number, Clock::time_point now) {
        const int64_t time = std::max<int64_t>(0, microseconds(now - due[number]));
        ++histogram[std::min<size_t>(static_cast<size_t>(time / 10), histogram.size() - 1)];
        longest = std::max(longest, time);
        ++delivered;
    }

    double quantile(double share) const {
        auto left = static_cast<uint64_t>(share * static_cast<double>(delivered));
        for (size_t index = 0; index < histogram.size(); ++index) {
            if (histogram[index] > left) return static_cast<double>(index) / 100;
            left -= histogram[index];
        }
        return static_cast<double>(histogram.size()) / 100;
    }
};

struct Stream {
    std::string partial;
    bool hasSnapshot = false;
    std::vector<bool> seen;
};

class Connection : public attacks::Connection {
public:
    Connection(uint16_t port, Changes& changes) : attacks::Connection(port), changes_(changes) {}

    void watch(const std::string& token, const std::string& message) {
        streams_[next_];
        send(request(next_, "WatchInstances", token, message));
        next_ += 2;
    }

    void change(size_t number, const std::string& token, const std::string& message) {
        updates_[next_] = {number, false};
        send(request(next_, "UpdateInstance", token, message));
        next_ += 2;
    }

    size_t snapshots() const {
        return static_cast<size_t>(std::count_if(streams_.begin(), streams_.end(), [](const auto& pair) { return pair.second.hasSnapshot; }));
    }

private:
    void take(attacks::Frame type, uint8_t flags, uint32_t stream, std::string_view payload, Clock::time_point now) override {
        switch (type) {
        case attacks::headers:
            if ((flags & attacks::endStream) != 0) ended(stream, now);
            break;
        case attacks::resetStream:
            if (streams_.count(stream) != 0) throw std::runtime_error("a watch was reset");
            break;
        case attacks::data:
            if (const auto found = streams_.find(stream); found != streams_.end()) messages(found->second, payload, now);
            if (const auto found = updates_.find(stream); found != updates_.end()) found->second.second = true;
            break;
        default: break;
        }
    }

    void ended(uint32_t stream, Clock::time_point now) {
        const auto found = updates_.find(stream);
        if (found == updates_.end()) throw std::runtime_error("a watch has ended");
        const auto [number, isAnswered] = found->second;
        if (isAnswered) changes_.replies.push_back(Changes::microseconds(now - changes_.due[number]));
        else ++changes_.failed;
        updates_.erase(found);
    }

    void messages(Stream& stream, std::string_view payload, Clock::time_point now) {
        if (!stream.partial.empty()) {
            stream.partial += payload;
            payload = stream.partial;
        }
        size_t used = 0;
        while (payload.size() - used >= 5) {
            const uint32_t length = attacks::read32(payload.substr(used + 1));
            if (payload.size() - used < 5 + length) break;
            message(stream, payload.substr(used + 5, length), now);
            used += 5 + length;
        }
        stream.partial = std::string(payload.substr(used));
    }

    void message(Stream& stream, std::string_view bytes, Clock::time_point now) {
        for (Fields response(bytes); response.next();) {
            if (response.id == 3) stream.hasSnapshot = true;
            if (response.id != 1) continue;
            std::string_view name;
            for (Fields event(response.text); event.next();) {
                if (event.id == 4 && event.number > 1) ++changes_.merged;
                if (event.id != 2) continue;
                for (Fields instance(event.text); instance.next();) {
                    if (instance.id == 2) {
                        name = instance.text;
                        break;
                    }
                }
            }
            changed(stream, name, now);
        }
    }

    void changed(Stream& stream, std::string_view name, Clock::time_point now) {
        if (name.size() != placeholder.size() || name.substr(0, 2) != placeholder.substr(0, 2)) return;
        const size_t number = std::stoul(std::string(name.substr(2)));
        if (number >= changes_.due.size()) return;
        stream.seen.resize(std::max(stream.seen.size(), number + 1));
        if (stream.seen[number]) {
            ++changes_.repeated;
            return;
        }
        stream.seen[number] = true;
        changes_.arrived(number, now);
    }

    Changes& changes_;
    uint32_t next_ = 1;
    std::unordered_map<uint32_t, Stream> streams_;
    std::map<uint32_t, std::pair<size_t, bool>> updates_;
};

std::string numbered(std::string message, size_t number) {
    const size_t place = message.find(placeholder);
    if (place == std::string::npos) throw std::runtime_error("the request has no name to number");
    const std::string digits = std::to_string(number);
    message.replace(place + placeholder.size() - digits.size(), digits.size(), digits);
    return message;
}

void run(char** arguments) {
    const auto port = static_cast<uint16_t>(std::stoul(arguments[1]));
    const size_t connectionCount = std::stoul(arguments[2]), streamCount = std::stoul(arguments[3]);
    const double rate = std::stod(arguments[4]);
    const auto total = static_cast<size_t>(rate * std::stod(arguments[5]));
    const std::string token = arguments[6], watch = attacks::contents(arguments[7]);
    std::vector<std::string> updates;
    for (char** argument = arguments + 8; *argument != nullptr; ++argument) updates.push_back(attacks::contents(*argument));

    Changes changes;
    Poll poll;
    std::vector<std::unique_ptr<Connection>> connections;
    // The last one makes the changes.
    for (size_t index = 0; index <= connectionCount; ++index) {
        connections.push_back(std::make_unique<Connection>(port, changes));
        poll.add(*connections.back());
    }
    for (size_t index = 0; index < streamCount; ++index) connections[index % connectionCount]->watch(token, watch);
    const auto snapshots = [&] {
        size_t count = 0;
        for (const auto& connection : connections) count += connection->snapshots();
        return count;
    };
    for (const auto limit = Clock::now() + 30s; snapshots() < streamCount;) {
        if (Clock::now() > limit) throw std::runtime_error("only " + std::to_string(snapshots()) + " watches have begun");
        poll.until(Clock::now() + 10ms);
    }

    const std::chrono::duration<double> interval(1 / rate);
    const auto start = Clock::now() + 100ms;
    for (size_t number = 0; number < total;) {
        const auto due = start + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(number));
        if (due <= Clock::now()) {
            changes.due.push_back(due);
            connections.back()->change(number, token, numbered(updates[number % updates.size()], number));
            ++number;
        }
        poll.until(due);
    }
    const uint64_t expected = static_cast<uint64_t>(total) * streamCount;
    for (const auto limit = Clock::now() + patience; changes.delivered < expected && Clock::now() < limit;) poll.until(Clock::now() + 10ms);

    std::sort(changes.replies.begin(), changes.replies.end());
    const double reply = changes.replies.empty() ? 0 : static_cast<double>(changes.replies[changes.replies.size() * 99 / 100]) / 1000;
    std::cout << "{\"streams\": " << streamCount << ", \"changes\": " << total << ", \"failed_changes\": " << changes.failed
              << ", \"deliveries\": " << changes.delivered << ", \"missing\": " << expected - changes.delivered
              << ", \"repeated\": " << changes.repeated << ", \"merged\": " << changes.merged << ", \"p50_ms\": " << changes.quantile(0.5)
              << ", \"p99_ms\": " << changes.quantile(0.99) << ", \"p999_ms\": " << changes.quantile(0.999)
              << ", \"longest_ms\": " << static_cast<double>(changes.longest) / 1000 << ", \"reply_p99_ms\": " << reply << "}\n";
}

}  // namespace

int main(int argumentCount, char** arguments) try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argumentCount < 9) throw std::runtime_error("usage: watchers PORT CONNECTIONS STREAMS RATE SECONDS TOKEN WATCH UPDATE ...");
    run(arguments);
} catch (const std::exception& error) {
    std::cerr << "watchers: " << error.what() << "\n";
    return 1;
}
