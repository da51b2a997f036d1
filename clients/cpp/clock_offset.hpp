// How far the clock of a suit on another machine is ahead of ours, by `ping` on its control address.
#pragma once

#include "second_skin.hpp"

namespace second_skin {

/// The service's CLOCK_MONOTONIC minus ours, and how far off that can be: half of the fastest round trip.
struct ClockOffset {
    std::int64_t offset_ns = 0, error_ns = 0;
};

/// One question after the other to a control address.
class Ping {
public:
    /// Connects in the background. Error: no such address, or a bad key file (empty: none).
    explicit Ping(const std::string& control = "tcp://127.0.0.1:5557", const std::string& key_file = "")
        : socket_(control, ZMQ_DEALER) {
        // What waits for a service that is not there would be answered late, and measured as a long way.
        socket_.set(ZMQ_IMMEDIATE, 1);
        socket_.connect(key_file);
    }

    /// False where no connection stood within that time. Answers to earlier questions count no more.
    bool ask(int timeout_ms = 0) {
        // {"op": "ping", "id": 0 to 127, "client_ns": 0}
        unsigned char question[] = "\x83\xa2op\xa4ping\xa2id\x00\xa9" "client_ns\x00";
        number_ = (number_ + 1) & 0x7f;
        question[kNumberAt] = number_;
        socket_.connect_after_silence();
        socket_.set(ZMQ_SNDTIMEO, timeout_ms);
        sent_ns_ = monotonic_ns();
        return zmq_send(socket_.get(), question, sizeof question - 1, 0) >= 0;
    }
    /// The answer to the last question, once it is there.
    std::optional<ClockOffset> take() {
        while (socket_.receive()) {
            const std::int64_t half_ns = (monotonic_ns() - sent_ns_) / 2;
            if (const auto middle_ns = answer(Reader(socket_.data(), socket_.size())))
                return ClockOffset{*middle_ns - sent_ns_ - half_ns, half_ns};
        }
        return std::nullopt;
    }
    /// Asks and waits; empty where no answer came in time.
    std::optional<ClockOffset> next(int timeout_ms) {
        const std::int64_t deadline_ns = monotonic_ns() + timeout_ms * 1'000'000LL;
        if (!ask(timeout_ms)) return std::nullopt;
        do {
            if (const auto found = take()) return found;
        } while (socket_.wait(deadline_ns - monotonic_ns()));
        return std::nullopt;
    }
    /// By the fastest of `tries`. Error: the service does not answer.
    ClockOffset best_of(int tries) {
        std::optional<ClockOffset> best;
        for (int i = 0; i < tries; i++) {
            const auto found = next(best ? 1000 : 5000);  // the first waits for the connection
            if (!best && !found) break;
            if (!best || (found && found->error_ns < best->error_ns)) best = found;
        }
        if (best) return *best;
        throw Error(socket_.endpoint() +
                    ": does not answer; is it the suit's control address, and does it need a key?");
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
    std::int64_t sent_ns_ = 0;
    unsigned char number_ = 0;
};

/// By the fastest of `tries`. Error: the service does not answer, or as in Ping.
inline ClockOffset measure_clock_offset(const std::string& control, const std::string& key_file = "", int tries = 20) {
    return Ping(control, key_file).best_of(tries);
}

/// Keeps a client told of the clock of its suit, which drifts, and jumps where the machine slept or booted. Waits for
/// answers at its beginning alone.
class ClockWatch {
public:
    /// Error: as of measure_clock_offset.
    ClockWatch(FrameClient& client, const std::string& control, const std::string& key_file = "")
        : client_(client), ping_(control, key_file) {
        use(ping_.best_of(20), monotonic_ns());
    }

    /// In each step: takes in what was answered, and asks anew where it is time.
    void turn() {
        const std::int64_t now_ns = monotonic_ns();
        if (const auto found = ping_.take()) note(*found, now_ns);
        if (now_ns < due_ns_) return;
        due_ns_ = now_ns + kPeriodNs;
        ping_.ask();
    }

private:
    // Less than the silence after which a connection is made anew.
    static constexpr std::int64_t kPeriodNs = kSilenceNs / 2;

    /// The best one counts, and one that contradicts it takes its place.
    void note(const ClockOffset& found, std::int64_t now_ns) {
        const auto drift_ns = static_cast<std::int64_t>(kDrift * static_cast<double>(now_ns - held_ns_));
        const std::int64_t error_ns = held_.error_ns + drift_ns;
        const bool agree = std::abs(found.offset_ns - held_.offset_ns) <= found.error_ns + error_ns;
        if (!agree || found.error_ns <= error_ns) use(found, now_ns);
    }
    void use(const ClockOffset& found, std::int64_t now_ns) {
        held_ = found;
        held_ns_ = now_ns;
        client_.set_clock_offset_ns(found.offset_ns, found.error_ns);
    }

    FrameClient& client_;
    Ping ping_;
    ClockOffset held_;
    std::int64_t held_ns_ = 0, due_ns_ = 0;
};

}  // namespace second_skin
