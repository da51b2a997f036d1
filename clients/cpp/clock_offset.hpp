// How far the clock of a suit on another machine is ahead of ours, by `ping` on its control address.
#pragma once

#include "second_skin.hpp"

namespace second_skin {

/// The service's CLOCK_MONOTONIC minus ours, and how far off that can be: half of the fastest round trip.
struct ClockOffset {
    std::int64_t offset_ns = 0, error_ns = 0;
};

/// One question to a control address: `next` is empty where no answer came in time.
class Ping {
public:
    /// Connects in the background. Error: no such address, or a bad key file (empty: none).
    explicit Ping(const std::string& control = "tcp://127.0.0.1:5557", const std::string& key_file = "")
        : socket_(control, ZMQ_DEALER) {
        // What waits for a service that is not there would be answered late, and measured as a long way.
        socket_.set(ZMQ_IMMEDIATE, 1);
        socket_.connect(key_file);
    }

    std::optional<ClockOffset> next(int timeout_ms) {
        // {"op": "ping", "id": 0 to 127, "client_ns": 0}
        unsigned char question[] = "\x83\xa2op\xa4ping\xa2id\x00\xa9" "client_ns\x00";
        number_ = (number_ + 1) & 0x7f;
        question[kNumberAt] = number_;
        const std::int64_t sent_ns = monotonic_ns(), deadline_ns = sent_ns + timeout_ms * 1'000'000LL;
        socket_.set(ZMQ_SNDTIMEO, timeout_ms);
        if (zmq_send(socket_.get(), question, sizeof question - 1, 0) < 0) return std::nullopt;
        do {
            while (socket_.receive()) {
                const std::int64_t back_ns = monotonic_ns();
                const std::int64_t half_ns = (back_ns - sent_ns) / 2;
                if (const auto middle_ns = answer(Reader(socket_.data(), socket_.size())))
                    return ClockOffset{*middle_ns - sent_ns - half_ns, half_ns};
            }
        } while (socket_.wait(deadline_ns - monotonic_ns()));
        return std::nullopt;
    }

private:
    static constexpr std::size_t kNumberAt = 12;

    /// Between the service's receipt and its reply, where it is the answer to this question.
    std::optional<std::int64_t> answer(Reader from) const {
        std::int64_t number = -1, receive_ns = -1, reply_ns = -1;
        for (std::uint64_t count = from.map(); count > 0 && from.ok(); count--) {
            const std::string_view key = from.text();
            if (key == "id") number = from.integer_or_nil().value_or(-1);
            else if (key != "result") from.skip();
            else
                for (std::uint64_t inner = from.map(); inner > 0 && from.ok(); inner--) {
                    const std::string_view name = from.text();
                    if (name == "receive_ns") receive_ns = from.integer();
                    else if (name == "reply_ns") reply_ns = from.integer();
                    else from.skip();
                }
        }
        if (!from.at_end() || number != number_ || receive_ns < 0 || reply_ns < receive_ns) return std::nullopt;
        return receive_ns + (reply_ns - receive_ns) / 2;
    }

    Socket socket_;
    unsigned char number_ = 0;
};

/// By the fastest of `tries`. Error: the service does not answer, or as in Ping.
inline ClockOffset measure_clock_offset(const std::string& control, const std::string& key_file = "", int tries = 20) {
    Ping ping(control, key_file);
    std::optional<ClockOffset> best;
    for (int i = 0; i < tries; i++) {
        const auto found = ping.next(best ? 1000 : 5000);  // the first waits for the connection
        if (!best && !found) break;
        if (!best || (found && found->error_ns < best->error_ns)) best = found;
    }
    if (!best) throw Error(control + ": does not answer; is it the suit's control address, and does it need a key?");
    return *best;
}

}  // namespace second_skin
