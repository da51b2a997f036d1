// An exoskeleton's controller: a share of a joint's moment as torque, none where the stream may not be acted on.
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "clock_offset.hpp"
#include "torque_ramp.hpp"

namespace {

constexpr const char* kHelp = R"(exoskeleton_loop [--OPTION VALUE ...]
writes t,state,input,torque (s, word, Nm/kg, Nm), a line each step.

  --endpoint tcp://127.0.0.1:5555    the stream
  --control ADDRESS                  of a suit on another machine, whose clock is then asked for
  --key FILE                         of `second-skin keys add`, for both addresses
  --moment ankle_angle_r_moment      what is assisted; the torque has its sign
  --share 0.2                        of the biological moment; 1 at most
  --mass KG                          of the wearer, 20 to 250; without it, what the suit says within that
  --rate 1000                        steps a second
  --max-age-ms 30                    of the frame that is acted on, counted from its sending; 50 at most
  --torque-limit 30                  Nm
  --rate-limit 300                   Nm/s
  --down-ms 200                      100 to 300: how long the torque takes to go when the stream is silent, stale,
                                     slow or not valid
  --steady-ms 500                    how long without a gap it may be acted on before the torque comes back
  --up-ms 500                        how long the torque takes to come back, from none
  --seconds 0                        ends after that long; 0: by SIGINT, SIGTERM or SIGHUP, once the torque is down
)";

constexpr int kLightestKg = 20, kHeaviestKg = 250;

volatile sig_atomic_t ending = 0;

class Words {
public:
    Words(int argc, char** argv) {
        for (int i = 1; i < argc; i += 2) {
            const std::string name = argv[i];
            if (i + 1 == argc || std::string(kHelp).find("  " + name + " ") == std::string::npos)
                throw std::invalid_argument(name + " is no option, or has no value; see --help");
            given_[name] = argv[i + 1];
        }
    }
    std::string text(const char* name, const char* otherwise) const {
        const auto found = given_.find(name);
        return found == given_.end() ? otherwise : found->second;
    }
    /// An angle would be taken for Nm/kg, and is not gated by moment_valid.
    std::string moment() const {
        const std::string word = text("--moment", "ankle_angle_r_moment"), tail = "_moment";
        if (word.size() > tail.size() && word.compare(word.size() - tail.size(), tail.size(), tail) == 0)
            return word;
        throw std::invalid_argument("--moment " + word + ": is no moment; their names end in _moment");
    }
    double up_to(int most, const char* name, const char* otherwise) const {
        const double value = number(name, otherwise);
        if (value > 0 && value <= most) return value;
        throw std::invalid_argument(std::string(name) + ": above 0, " + std::to_string(most) + " at most");
    }
    double within(int least, int most, const char* name, const char* otherwise) const {
        const double value = number(name, otherwise);
        if (value >= least && value <= most) return value;
        throw std::invalid_argument(std::string(name) + ": " + std::to_string(least) + " to " + std::to_string(most));
    }
    double number(const char* name, const char* otherwise) const {
        const std::string word = text(name, otherwise);
        char* end = nullptr;
        const double value = std::strtod(word.c_str(), &end);
        if (word.empty() || *end != '\0') throw std::invalid_argument(std::string(name) + " " + word + ": is no number");
        return value;
    }

private:
    std::map<std::string, std::string> given_;
};

/// Returns at the next multiple of the period since the first call; those that were overslept are left out.
class Pace {
public:
    explicit Pace(double rate_hz) : period_ns_(static_cast<std::int64_t>(1e9 / rate_hz)) {}

    std::int64_t wait() {
        due_ns_ += (std::max<std::int64_t>(0, second_skin::monotonic_ns() - due_ns_) / period_ns_ + 1) * period_ns_;
        const timespec until{static_cast<time_t>(due_ns_ / 1'000'000'000), static_cast<long>(due_ns_ % 1'000'000'000)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {}
        return second_skin::monotonic_ns();
    }

private:
    std::int64_t period_ns_, due_ns_ = second_skin::monotonic_ns();
};

/// Nobody who does not read, or no longer, may hold up or end a loop that has torque on.
void tell(int descriptor, const char* line, int size) {
    pollfd out{descriptor, POLLOUT, 0};
    if (poll(&out, 1, 0) > 0 && write(descriptor, line, static_cast<std::size_t>(size)) < 0) return;
}

/// On stderr, each matter once.
class Notes {
public:
    void say(const char* matter, const std::string& text) {
        const std::string line = text.substr(0, 500) + "\n";
        if (said_.insert(matter).second) tell(STDERR_FILENO, line.c_str(), static_cast<int>(line.size()));
    }

private:
    std::set<std::string> said_;
};

/// What keeps the torque at none though the stream is well is said: a moment that the suit does not send.
void look_for(const std::string& moment, const second_skin::Frame* frame, Notes& notes) {
    if (frame == nullptr || frame->moment.find(moment) != frame->moment.end()) return;
    std::string sent;
    for (const auto& entry : frame->moment) sent += (sent.empty() ? "" : ", ") + entry.name;
    notes.say("moment", "the suit does not send " + moment + "; it sends " + sent);
}

/// Of the wearer as the suit tells it, where somebody can weigh that.
std::optional<double> told_mass_kg(second_skin::FrameClient& client, Notes& notes) {
    const std::optional<double> told = client.body_mass_kg();
    if (!told || (*told >= kLightestKg && *told <= kHeaviestKg)) return told;
    notes.say("mass", "the suit's body_mass_kg of " + std::to_string(*told) + " is not used: 20 to 250, or --mass");
    return {};
}

void run(const Words& words) {
    second_skin::Options options;
    options.key_file = words.text("--key", "");
    const std::string control = words.text("--control", "");
    options.same_clock = control.empty();
    if (!options.key_file.empty() && options.same_clock)
        throw std::invalid_argument(
            "--key is for a suit on another machine, whose clock has to be known: --control too");
    second_skin::FrameClient client(words.text("--endpoint", "tcp://127.0.0.1:5555"), options);
    second_skin::RampSettings settings;
    settings.torque_limit_nm = words.number("--torque-limit", "30");
    settings.rate_limit_nm_per_s = words.number("--rate-limit", "300");
    settings.down_s = words.number("--down-ms", "200") / 1000;
    settings.up_s = words.up_to(60'000, "--up-ms", "500") / 1000;
    settings.steady_s = words.number("--steady-ms", "500") / 1000;
    const double rate_hz = words.within(100, 10'000, "--rate", "1000");
    settings.longest_step_s = std::max(settings.longest_step_s, 2 / rate_hz);
    second_skin::TorqueRamp ramp(settings);
    const std::string moment = words.moment();
    const double share = words.up_to(1, "--share", "0.2"), max_age_ms = words.up_to(50, "--max-age-ms", "30");
    std::optional<double> mass_kg;
    if (!words.text("--mass", "").empty()) mass_kg = words.within(kLightestKg, kHeaviestKg, "--mass", "");
    const double seconds = words.within(0, 1'000'000'000, "--seconds", "0");

    std::optional<second_skin::ClockWatch> clock;
    if (!control.empty()) clock.emplace(client, control, options.key_file);
    Pace pace(rate_hz);
    std::int64_t before_ns = pace.wait();
    const std::int64_t end_ns = seconds > 0 ? before_ns + static_cast<std::int64_t>(seconds * 1e9) : INT64_MAX;
    std::string failure;
    Notes notes;
    char line[128] = "t,state,input,torque\n";
    tell(STDOUT_FILENO, line, static_cast<int>(std::strlen(line)));
    while (true) {
        const std::int64_t now_ns = pace.wait();
        const bool leaving = ending || now_ns > end_ns || !failure.empty();
        std::optional<double> input, wanted;
        if (!leaving) try {
            if (clock) clock->turn();
            input = client.value(moment, max_age_ms);
            look_for(moment, client.latest(), notes);
            const std::optional<double> mass = mass_kg ? mass_kg : told_mass_kg(client, notes);
            if (input && mass) wanted = share * *input * *mass;
        } catch (const std::exception& error) {
            failure = error.what();  // the torque goes down by its ramp, whatever it is
        }
        const double torque = ramp.step(wanted, static_cast<double>(now_ns - before_ns) * 1e-9);
        before_ns = now_ns;
        // Here the torque goes to the drive, whose own watchdog must see to it that this loop still runs.
        tell(STDOUT_FILENO, line,
             std::snprintf(line, sizeof line, "%.6f,%s,%.6g,%.9g\n", static_cast<double>(now_ns) * 1e-9,
                           name(ramp.state()), input.value_or(second_skin::kNan), torque));
        if (leaving && ramp.state() == second_skin::TorqueRamp::State::off) break;
    }
    if (!failure.empty()) throw std::runtime_error(failure);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 2 && std::string(argv[1]) == "--help") return std::fputs(kHelp, stdout) < 0;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, [](int) { ending = 1; });
    signal(SIGPIPE, SIG_IGN);
    run(Words(argc, argv));
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
