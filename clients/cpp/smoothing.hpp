// A causal low-pass on frames: second-order Butterworth, its delay stated; the numbers are the Python client's.
//
//     second_skin::Smoothing smoothing(6.0);  // Hz; smoothing.delay_ms() is what it costs
//     while (running) {
//         client.recv_all(5, [&](const second_skin::Frame& frame) { smoothing.update(frame); });
//         if (client.value("ankle_angle_r_moment", 20)) control(smoothing.newest().moment.at("ankle_angle_r_moment"));
//         else ramp_torque_down();
//     }
#pragma once

#include "second_skin.hpp"

namespace second_skin {

/// The bilinear transform of 1 / (s^2 + sqrt(2) s + 1), warped so that it is down to 0.707 at the cut-off (Oppenheim
/// and Schafer, Discrete-Time Signal Processing, 7.1). b: of the input, a: of the output, newest first, a0 is 1.
struct LowPass {
    /// In Hz, above 0 and below half of kRateHz (std::invalid_argument).
    explicit LowPass(double cutoff_hz) {
        if (!(cutoff_hz > 0 && cutoff_hz < kRateHz / 2))
            throw std::invalid_argument("a cut-off is above 0 and below " + std::to_string(kRateHz / 2) + " Hz");
        const double k = std::tan(std::acos(-1.0) * cutoff_hz / kRateHz), root = std::sqrt(2.0);
        const double n = 1 / (1 + root * k + k * k);
        b0 = b2 = k * k * n;
        b1 = 2 * k * k * n;
        a1 = 2 * n * (k * k - 1);
        a2 = n * (1 - root * k + k * k);
    }
    /// Group delay at 0 Hz: by so much a slow movement is told late. About 225 ms / cut-off in Hz.
    double delay_ms() const {
        return ((b1 + 2 * b2) / (b0 + b1 + b2) - (a1 + 2 * a2) / (1 + a1 + a2)) * 1000 / kRateHz;
    }

    double b0, b1, b2, a1, a2;
};

/// One number a frame. It begins with the first value as if that had always been; NaN is passed on, and ends it.
class Series {
public:
    /// The next value is the first one.
    void reset() { known_ = false; }

    /// The smoothed value after `value` came, `times` over.
    double update(const LowPass& by, double value, std::int64_t times) {
        if (!std::isfinite(value)) {
            known_ = false;
            return value;
        }
        if (!known_) {
            known_ = true;
            first_ = value * (1 - by.b0);
            second_ = value * (by.b2 - by.a2);
            return value;
        }
        double out = value;
        for (; times > 0; times--) {
            out = by.b0 * value + first_;
            first_ = by.b1 * value - by.a1 * out + second_;
            second_ = by.b2 * value - by.a2 * out;
        }
        return out;
    }

private:
    bool known_ = false;
    double first_ = 0.0, second_ = 0.0;
};

/// angle, moment and velocity of each frame smoothed by those before it, all else as sent. It begins anew with another
/// session, after more than kMostBridged lost frames, and where `valid` begins or ends; one value that is NaN is passed
/// on, and that one begins anew behind it. Whether a value may be acted on, FrameClient says.
class Smoothing {
public:
    // Up to so many lost frames the newest value stands for them as well.
    static constexpr std::int64_t kMostBridged = 10;

    /// std::invalid_argument: no cut-off.
    explicit Smoothing(double cutoff_hz) : low_pass_(cutoff_hz) {}

    double delay_ms() const { return low_pass_.delay_ms(); }

    /// To be given each frame, in order. What it returns holds until the next call.
    const Frame& update(const Frame& frame) {
        const std::int64_t steps = steps_to(frame);
        newest_ = frame;
        smooth(newest_.angle, angle_, steps);
        smooth(newest_.moment, moment_, steps);
        smooth(newest_.velocity, velocity_, steps);
        return newest_;
    }
    /// What `update` returned last.
    const Frame& newest() const { return newest_; }

private:
    struct Named {
        std::string name;
        Series series;
    };

    /// How many frames after the last one; 0: it is the first.
    std::int64_t steps_to(const Frame& frame) const {
        if (frame.session != newest_.session || frame.valid != newest_.valid) return 0;
        const std::int64_t steps = frame.seq - newest_.seq;
        return steps > 0 && steps <= kMostBridged + 1 ? steps : 0;
    }
    void smooth(Table& table, std::vector<Named>& known, std::int64_t steps) {
        for (Table::Named& entry : table) {
            const auto is_it = [&entry](const Named& one) { return one.name == entry.name; };
            auto found = std::find_if(known.begin(), known.end(), is_it);
            if (found == known.end()) found = known.insert(known.end(), {entry.name, Series()});
            if (steps == 0) found->series.reset();
            entry.value = found->series.update(low_pass_, entry.value, steps);
        }
    }

    LowPass low_pass_;
    Frame newest_;
    std::vector<Named> angle_, moment_, velocity_;
};

}  // namespace second_skin
