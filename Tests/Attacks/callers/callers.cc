// Makes one unary call again and again, each with a deadline, and tells what became of them.
//
//   callers PORT CONNECTIONS TOKEN PATH BODY DEADLINE SECONDS closed CALLS
//   callers PORT CONNECTIONS TOKEN PATH BODY DEADLINE SECONDS open RATE
//
// BODY is a file with the request message, DEADLINE is in milliseconds. `closed`: CALLS at a time on each connection, each followed by the
// next when it is over: what the server can do. `open`: RATE calls a second, whether those before are over or not: what is asked of it.
// As a gRPC client does, it gives a call up and resets its stream when the deadline is over, counted from the instant at which the call
// was due, and sends no call for which no connection has room.
//
// Prints one JSON object: `outcomes` by status, and beside them `expired` (given up), `unsent` (given up, for no connection had room),
// `reset …` (by the server, with that code) and `lost` (the connection was ended: `losses` tells why). `skipped` are not among them: calls
// that this program would have been late to make, for want of a processor. `refused…` are of all refusals that came, however late.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signal.h>

#include "../connection.h"

namespace {

using attacks::Clock;
using namespace std::chrono_literals;

// Calls that one connection is given in a row: each write wakes the server.
constexpr size_t inARow = 8;
// Between two looks at the sockets, at the most.
constexpr auto tick = 500us;
// What this program may be late by: the server is charged for it.
constexpr auto latenessMax = 50ms;
constexpr std::string_view statusNames[] = {
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED"};

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

struct Call {
    Clock::time_point due;
    uint32_t stream = 0;
    uint16_t connection = 0;
    bool isSent = false;
    bool isOver = false;
};

class Calls {
public:
    Calls(Clock::duration deadline, size_t count) : deadline(deadline) { all.reserve(count); }

    void over(size_t number, const std::string& outcome, Clock::time_point now) {
        Call& call = all[number];
        const auto time = now - call.due;
        // Also when it comes too late.
        if (outcome == "UNAVAILABLE" || outcome == "RESOURCE_EXHAUSTED") refusalTimes.push_back(time);
        if (call.isOver) return;
        call.isOver = true;
        ++overCount;
        const bool isLate = time > deadline && outcome != "unsent";
        ++outcomes[isLate ? "expired" : outcome];
        if (isLate || outcome != "OK") return;
        okTimes.push_back(time);
        const auto second = static_cast<size_t>(std::max<int64_t>(0, (now - start) / 1s));
        okEachSecond.resize(std::max(okEachSecond.size(), second + 1));
        ++okEachSecond[second];
    }

    void skip(size_t number) {
        all[number].isOver = true;
        ++overCount;
        ++skipped;
    }

    std::vector<Call> all;
    size_t overCount = 0;
    uint64_t skipped = 0;
    Clock::time_point start = Clock::now();
    const Clock::duration deadline;
    std::map<std::string, uint64_t> outcomes;
    std::set<std::string> losses;
    std::vector<Clock::duration> okTimes, refusalTimes, lateness;
    std::vector<uint64_t> okEachSecond;
};

// The header block of a request on a connection that has had none, and on one that has: the fields stand in the server's table then.
class Blocks {
public:
    Blocks(const std::string& token, const std::string& path, int64_t deadline) {
        const std::vector<std::pair<std::string, std::string>> fields{
            {":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "localhost"}, {"content-type", "application/grpc"},
            {"te", "trailers"}, {"grpc-timeout", std::to_string(deadline) + "m"}, {"authorization", "Bearer " + token}};
        std::vector<nghttp2_nv> values;
        const auto bytes = [](const std::string& text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
        for (const auto& [name, value] : fields) {
            values.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
        }
        nghttp2_hd_deflater* deflater = nullptr;
        if (nghttp2_hd_deflate_new(&deflater, 4096) != 0) throw std::runtime_error("no deflater");
        for (std::string* block : {&first, &later}) {
            block->resize(nghttp2_hd_deflate_bound(deflater, values.data(), values.size()));
            const ssize_t size = nghttp2_hd_deflate_hd(
                deflater, reinterpret_cast<uint8_t*>(block->data()), block->size(), values.data(), values.size());
            if (size < 0) throw std::runtime_error("the fields do not fit");
            block->resize(static_cast<size_t>(size));
        }
        nghttp2_hd_deflate_del(deflater);
    }

    std::string first, later;
};

class Caller : public attacks::Connection {
public:
    Caller(uint16_t port, uint16_t index, const Blocks& blocks, const std::string& message, Calls& calls)
        : attacks::Connection(port), index_(index), blocks_(blocks), message_(message), calls_(calls) {
        if (nghttp2_hd_inflate_new(&inflater_) != 0) throw std::runtime_error("no inflater");
    }

    ~Caller() override { nghttp2_hd_inflate_del(inflater_); }

    bool hasRoom() const { return !isEnded() && openCount_ < streamsMax && window >= static_cast<int64_t>(message_.size()) + 5; }

    // Sent by the next `flush`.
    void begin(size_t number) {
        Call& call = calls_.all[number];
        call.stream = static_cast<uint32_t>(2 * numbers_.size() + 1);
        call.connection = index_;
        call.isSent = true;
        append(attacks::request(call.stream, numbers_.empty() ? blocks_.first : blocks_.later, message_));
        window -= static_cast<int64_t>(message_.size()) + 5;
        numbers_.push_back(number);
        ++openCount_;
    }

    void giveUp(size_t number) {
        append(attacks::frame(attacks::resetStream, 0, calls_.all[number].stream, attacks::big32(NGHTTP2_CANCEL)));
        over(number, "expired", Clock::now());
        flush();
    }

    // How many calls this one keeps at work; 0: it begins none itself.
    size_t loop = 0;

    void begin() {
        while (openCount_ < loop && hasRoom()) {
            calls_.all.push_back({Clock::now()});
            begin(calls_.all.size() - 1);
        }
    }

private:
    void take(attacks::Frame type, uint8_t flags, uint32_t stream, std::string_view payload, Clock::time_point now) override {
        // The table of the decoder has to see every block, also of a call that has been given up.
        const std::string_view status = type == attacks::headers ? statusIn(payload, flags) : std::string_view();
        const size_t place = (stream - 1) / 2;
        if (place >= numbers_.size()) return;
        if (type == attacks::resetStream) {
            over(numbers_[place], std::string("reset ") + nghttp2_http2_strerror(attacks::read32(payload)), now);
        } else if ((flags & attacks::endStream) != 0) {
            over(numbers_[place], status.empty() ? "no status" : std::string(status), now);
        }
    }

    std::string_view statusIn(std::string_view block, uint8_t flags) {
        if ((flags & ~(attacks::endStream | attacks::endHeaders)) != 0 || (flags & attacks::endHeaders) == 0) {
            throw std::runtime_error("the server sends header blocks of a kind that this program does not read");
        }
        std::string_view status;
        nghttp2_nv field;
        for (int inflateFlags = 0; (inflateFlags & NGHTTP2_HD_INFLATE_FINAL) == 0;) {
            const ssize_t used = nghttp2_hd_inflate_hd2(
                inflater_, &field, &inflateFlags, reinterpret_cast<const uint8_t*>(block.data()), block.size(), 1);
            if (used < 0) throw std::runtime_error("a header block is broken");
            block.remove_prefix(static_cast<size_t>(used));
            if ((inflateFlags & NGHTTP2_HD_INFLATE_EMIT) == 0) continue;
            if (std::string_view(reinterpret_cast<const char*>(field.name), field.namelen) != "grpc-status") continue;
            const std::string value(reinterpret_cast<const char*>(field.value), field.valuelen);
            status = statusNames[std::min<size_t>(std::stoul(value), std::size(statusNames) - 1)];
        }
        nghttp2_hd_inflate_end_headers(inflater_);
        return status;
    }

    void over(size_t number, const std::string& outcome, Clock::time_point now) {
        const bool wasOpen = !calls_.all[number].isOver;
        calls_.over(number, outcome, now);
        if (!wasOpen) return;
        --openCount_;
        begin();
    }

    void lost(const std::string& why) override {
        loop = 0;
        calls_.losses.insert(why);
        for (const size_t number : numbers_) over(number, "lost", Clock::now());
    }

    const uint16_t index_;
    const Blocks& blocks_;
    const std::string& message_;
    Calls& calls_;
    nghttp2_hd_inflater* inflater_ = nullptr;
    // Of the calls, by their streams.
    std::vector<size_t> numbers_;
    size_t openCount_ = 0;
};

class Load {
public:
    Load(uint16_t port, size_t count, const Blocks& blocks, const std::string& message, Calls& calls) : calls_(calls) {
        for (size_t index = 0; index < count; ++index) {
            callers_.push_back(std::make_unique<Caller>(port, static_cast<uint16_t>(index), blocks, message, calls));
            poll_.add(*callers_.back());
        }
        // The server says first how many streams it bears.
        for (const auto limit = Clock::now() + 1s; Clock::now() < limit && !std::all_of(callers_.begin(), callers_.end(), isGreeted);) {
            poll_.until(Clock::now() + 10ms);
        }
        calls.start = Clock::now();
    }

    void closed(size_t atATime, Clock::duration time) {
        for (auto& caller : callers_) {
            caller->loop = atATime;
            caller->begin();
            caller->flush();
        }
        for (const auto limit = calls_.start + time; Clock::now() < limit;) turn(limit);
        for (auto& caller : callers_) caller->loop = 0;
        finish();
    }

    void open(double rate, Clock::duration time) {
        const auto total = static_cast<size_t>(rate * std::chrono::duration<double>(time).count());
        const std::chrono::duration<double> interval(1 / rate);
        const auto due = [&](size_t number) {
            return calls_.start + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(number));
        };
        while (calls_.all.size() < total) {
            const auto now = Clock::now();
            while (calls_.all.size() < total && due(calls_.all.size()) <= now) {
                calls_.all.push_back({due(calls_.all.size())});
                calls_.lateness.push_back(now - calls_.all.back().due);
                if (calls_.lateness.back() > latenessMax) calls_.skip(calls_.all.size() - 1);
            }
            send();
            turn(calls_.all.size() < total ? due(calls_.all.size()) : now);
        }
        finish();
    }

private:
    static bool isGreeted(const std::unique_ptr<Caller>& caller) { return caller->isGreeted(); }

    // Begins what is due, in turn on the connections that have room.
    void send() {
        while (next_ < calls_.all.size()) {
            size_t tried = 0;
            while (tried < callers_.size() && !callers_[turn_]->hasRoom()) {
                turn_ = (turn_ + 1) % callers_.size();
                ++tried;
            }
            if (tried == callers_.size()) return;
            Caller& caller = *callers_[turn_];
            for (size_t count = 0; count < inARow && next_ < calls_.all.size() && caller.hasRoom(); ++next_) {
                if (calls_.all[next_].isOver) continue;
                caller.begin(next_);
                ++count;
            }
            caller.flush();
            turn_ = (turn_ + 1) % callers_.size();
        }
    }

    void turn(Clock::time_point next) {
        poll_.until(std::min(next, Clock::now() + tick));
        const auto now = Clock::now();
        for (; oldest_ < calls_.all.size() && calls_.all[oldest_].due + calls_.deadline <= now; ++oldest_) {
            const Call& call = calls_.all[oldest_];
            if (call.isOver) continue;
            if (call.isSent) callers_[call.connection]->giveUp(oldest_);
            else calls_.over(oldest_, "unsent", now);
        }
    }

    void finish() {
        while (calls_.overCount < calls_.all.size()) {
            send();
            turn(Clock::now() + tick);
        }
    }

    Calls& calls_;
    attacks::Poll poll_;
    std::vector<std::unique_ptr<Caller>> callers_;
    // Of the calls: the first that is not sent, and the first that may still be open. Of the callers: whose turn it is.
    size_t next_ = 0, oldest_ = 0, turn_ = 0;
};

double quantile(std::vector<Clock::duration>& times, double share) {
    if (times.empty()) return 0;
    const size_t place = std::min(times.size() - 1, static_cast<size_t>(share * static_cast<double>(times.size())));
    std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(place), times.end());
    return milliseconds(times[place]);
}

double processorSeconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void tell(Calls& calls, double seconds) {
    std::string text = "{\"made\": " + std::to_string(calls.all.size() - calls.skipped) +
                       ", \"skipped\": " + std::to_string(calls.skipped) + ", \"outcomes\": {", separator;
    for (const auto& [outcome, count] : calls.outcomes) {
        text += separator + "\"" + outcome + "\": " + std::to_string(count);
        separator = ", ";
    }
    text += "}, \"losses\": [";
    separator = "";
    for (const auto& why : calls.losses) {
        text += separator + "\"" + why + "\"";
        separator = ", ";
    }
    text += "], \"ok_each_second\": [";
    separator = "";
    for (const auto count : calls.okEachSecond) {
        text += separator + std::to_string(count);
        separator = ", ";
    }
    std::cout << text << "], \"ok_p50_ms\": " << quantile(calls.okTimes, 0.5) << ", \"ok_p99_ms\": " << quantile(calls.okTimes, 0.99)
              << ", \"refused\": " << calls.refusalTimes.size() << ", \"refused_p50_ms\": " << quantile(calls.refusalTimes, 0.5)
              << ", \"refused_p99_ms\": " << quantile(calls.refusalTimes, 0.99)
              << ", \"late_p99_ms\": " << quantile(calls.lateness, 0.99)
              << ", \"processor_share\": " << processorSeconds() / seconds << "}\n";
}

void run(char** arguments) {
    const auto port = static_cast<uint16_t>(std::stoul(arguments[1]));
    const size_t connections = std::stoul(arguments[2]);
    const std::string message = attacks::contents(arguments[5]), mode = arguments[8];
    const int64_t deadline = std::stoll(arguments[6]);
    const auto time = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::stod(arguments[7])));
    const double amount = std::stod(arguments[9]);
    if (mode != "open" && mode != "closed") throw std::runtime_error("it is open or closed, not " + mode);

    const Blocks blocks(arguments[3], arguments[4], deadline);
    Calls calls(std::chrono::milliseconds(deadline), 1 << 20);
    Load load(port, connections, blocks, message, calls);
    if (mode == "open") load.open(amount, time);
    else load.closed(static_cast<size_t>(amount), time);
    tell(calls, std::chrono::duration<double>(Clock::now() - calls.start).count());
}

}  // namespace

int main(int argumentCount, char** arguments) try {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argumentCount != 10) {
        throw std::runtime_error("usage: callers PORT CONNECTIONS TOKEN PATH BODY DEADLINE SECONDS closed|open CALLS|RATE");
    }
    run(arguments);
} catch (const std::exception& error) {
    std::cerr << "callers: " << error.what() << "\n";
    return 1;
}
