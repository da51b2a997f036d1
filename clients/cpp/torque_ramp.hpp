// The torque of an assisting joint, which never steps: an instant step in stance can make a person fall.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

namespace second_skin {

struct RampSettings {
    double torque_limit_nm = 30.0;
    double rate_limit_nm_per_s = 300.0;
    double down_s = 0.2;            // 0.1 to 0.3: from whatever torque there is to none, once nothing is wanted
    double up_s = 0.5;              // from none to all that is wanted
    double steady_s = 0.5;          // 0.1 to 10: how long something must be wanted without a gap before the way up
    double longest_step_s = 0.005;  // a loop that overslept takes no greater step than this gives
};

/// Limits torque and its rate. Once a wish is missing it goes down in a straight line over down_s, which the rate limit
/// always allows, and to the end; behind steady_s of wishes without a gap it comes back from none, by a share that
/// takes up_s to grow to all that is wanted.
class TorqueRamp {
public:
    enum class State { off, rising, following, falling };

    /// std::invalid_argument: settings that cannot all be kept.
    explicit TorqueRamp(const RampSettings& settings) : set_(settings) {
        const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
        if (!positive(set_.torque_limit_nm) || !positive(set_.rate_limit_nm_per_s) || !positive(set_.up_s) ||
            !positive(set_.longest_step_s))
            throw std::invalid_argument("torque limit, rate limit, way up and longest step must be above zero");
        if (!(set_.down_s >= 0.1 && set_.down_s <= 0.3))
            throw std::invalid_argument("the way down must take 100 to 300 ms");
        if (!(set_.steady_s >= 0.1 && set_.steady_s <= 10))
            throw std::invalid_argument("what comes before the way up must take 100 ms to 10 s");
        if (set_.torque_limit_nm > set_.rate_limit_nm_per_s * set_.down_s)
            throw std::invalid_argument("the rate limit must allow the torque limit to go down in time");
    }

    /// The torque from now on. wanted_nm: empty, or no number, where nothing may be acted on. elapsed_s: since the step
    /// before.
    double step(std::optional<double> wanted_nm, double elapsed_s) {
        const double dt = std::clamp(elapsed_s, 0.0, set_.longest_step_s);
        const bool wished = wanted_nm && std::isfinite(*wanted_nm);
        wished_s_ = wished ? wished_s_ + dt : 0.0;
        const bool is_up = state_ == State::rising || state_ == State::following;
        if (wished && (is_up || (state_ == State::off && wished_s_ > set_.steady_s))) follow(*wanted_nm, dt);
        else if (state_ != State::off) fall(dt);
        return torque_nm_;
    }

    State state() const { return state_; }

private:
    void follow(double wanted_nm, double dt) {
        share_ = std::min(1.0, share_ + dt / set_.up_s);
        state_ = share_ < 1.0 ? State::rising : State::following;
        const double goal = share_ * std::clamp(wanted_nm, -set_.torque_limit_nm, set_.torque_limit_nm);
        const double most = set_.rate_limit_nm_per_s * dt;
        torque_nm_ += std::clamp(goal - torque_nm_, -most, most);
    }

    void fall(double dt) {
        if (state_ != State::falling) fall_nm_per_s_ = std::abs(torque_nm_) / set_.down_s;
        state_ = State::falling;
        const double most = fall_nm_per_s_ * dt;
        if (std::abs(torque_nm_) > most + kNothing) {
            torque_nm_ -= std::copysign(most, torque_nm_);
        } else {
            torque_nm_ = share_ = 0.0;
            state_ = State::off;
        }
    }

    static constexpr double kNothing = 1e-9;  // Nm, what rounding leaves

    RampSettings set_;
    State state_ = State::off;
    double torque_nm_ = 0.0, share_ = 0.0, fall_nm_per_s_ = 0.0, wished_s_ = 0.0;
};

inline const char* name(TorqueRamp::State state) {
    switch (state) {
        case TorqueRamp::State::rising: return "rising";
        case TorqueRamp::State::following: return "following";
        case TorqueRamp::State::falling: return "falling";
        default: return "off";
    }
}

}  // namespace second_skin
