// What a C++ client sees, as JSON, a line each.
//
//     tell frames ENDPOINT [KEY]        every frame with all that it holds
//     tell value ENDPOINT NAME [KEY]    each 2 ms: what `value`, `alive` and the others say, and when they were asked
//     tell clock CONTROL [KEY]          how far the service's clock is ahead
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "clock_offset.hpp"

namespace {

using second_skin::monotonic_ns;

long long wide(std::int64_t value) { return static_cast<long long>(value); }
const char* word(bool value) { return value ? "true" : "false"; }

void tell(double value) {
    if (std::isnan(value)) std::printf("NaN");
    else std::printf("%.17g", value);
}

void tell(const char* name, const second_skin::Table& table) {
    std::printf(",\"%s\":{", name);
    const char* comma = "";
    for (const auto& entry : table) {
        std::printf("%s\"%s\":", comma, entry.name.c_str());
        tell(entry.value);
        comma = ",";
    }
    std::printf("}");
}

void tell(const char* name, const std::vector<std::string>& names) {
    std::printf(",\"%s\":[", name);
    for (std::size_t i = 0; i < names.size(); i++) std::printf("%s\"%s\"", i == 0 ? "" : ",", names[i].c_str());
    std::printf("]");
}

void tell(const char* name, const std::optional<std::int64_t>& time_ns) {
    if (time_ns) std::printf(",\"%s\":%lld", name, wide(*time_ns));
    else std::printf(",\"%s\":null", name);
}

void tell(const char* side, const second_skin::Foot& foot) {
    std::printf("\"%s\":{\"vgrf\":", side);
    tell(foot.vgrf);
    std::printf(",\"cop_ap\":");
    tell(foot.cop_ap);
    std::printf(",\"cop_ml\":");
    tell(foot.cop_ml);
    std::printf(",\"contact\":%s", word(foot.contact));
    tell("heel_strike_ns", foot.heel_strike_ns);
    tell("toe_off_ns", foot.toe_off_ns);
    std::printf("}");
}

void tell(const second_skin::Frame& frame) {
    std::printf("{\"session\":\"%s\",\"seq\":%lld,\"t_ns\":%lld,\"publish_ns\":%lld,\"receive_ns\":%lld",
                frame.session.c_str(), wide(frame.seq), wide(frame.t_ns), wide(frame.publish_ns),
                wide(frame.receive_ns));
    for (const auto& [name, value] : {std::pair{"t", frame.t}, {"age_ms", frame.age_ms}, {"oldest_ms", frame.oldest_ms},
                                      {"settling_ms", frame.settling_ms}}) {
        std::printf(",\"%s\":", name);
        tell(value);
    }
    std::printf(",\"valid\":%s,\"moment_valid\":%s,\"state\":\"%s\"", word(frame.valid), word(frame.moment_valid),
                frame.state.c_str());
    tell("missing", frame.missing);
    tell("unusual", frame.unusual);
    tell("diverging", frame.diverging);
    tell("angle", frame.angle);
    tell("moment", frame.moment);
    tell("velocity", frame.velocity);
    tell("interval", frame.interval);
    tell("angle_imu", frame.angle_imu);
    std::printf(",\"ground\":{");
    tell("r", frame.right);
    std::printf(",");
    tell("l", frame.left);
    std::printf("}}\n");
}

void tell_value(second_skin::FrameClient& client, const char* name) {
    const std::int64_t asked_ns = monotonic_ns();
    const auto value = client.value(name, 20);
    const std::int64_t told_ns = monotonic_ns();
    const second_skin::Frame* frame = client.latest();
    std::printf("{\"asked_ns\":%lld,\"told_ns\":%lld,\"publish_ns\":%lld,\"value\":", wide(asked_ns), wide(told_ns),
                wide(frame ? frame->publish_ns : 0));
    tell(value.value_or(second_skin::kNan));
    std::printf(",\"seq\":%lld,\"alive\":%s,\"rate_ok\":%s,\"valid\":%s,\"session\":\"%s\",\"restarts\":%lld,"
                "\"missed\":%lld,\"malformed\":%lld,\"frames\":%lld,\"mass_kg\":",
                wide(frame ? frame->seq : -1), word(client.alive()), word(client.rate_ok()), word(client.valid()),
                client.session().c_str(), wide(client.restarts()), wide(client.missed()), wide(client.malformed()),
                wide(client.frames()));
    tell(client.body_mass_kg().value_or(second_skin::kNan));
    std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) try {
    std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    const bool values = argc > 3 && std::string(argv[1]) == "value";
    if (argc < 3) return EXIT_FAILURE;
    if (std::string(argv[1]) == "clock") {
        const second_skin::ClockOffset found = second_skin::measure_clock_offset(argv[2], argc > 3 ? argv[3] : "");
        return std::printf("{\"offset_ns\":%lld,\"error_ns\":%lld}\n", wide(found.offset_ns), wide(found.error_ns)) < 0;
    }
    second_skin::Options options;
    if (argc > (values ? 4 : 3)) options.key_file = argv[values ? 4 : 3];
    second_skin::FrameClient client(argv[2], options);
    while (true) {
        if (values) {
            tell_value(client, argv[3]);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        } else {
            client.recv_all(1000, [](const second_skin::Frame& frame) { tell(frame); });
        }
    }
} catch (const second_skin::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
