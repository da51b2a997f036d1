// smooth CUTOFF_HZ: records on stdin as of feed.cpp, each a frame; the delay in ms, then a line of JSON for each frame.
#include <cstdio>
#include <cstdlib>

#include "smoothing.hpp"

static void tell(const char* kind, const second_skin::Table& table) {
    std::printf("\"%s\":{", kind);
    const char* comma = "";
    for (const auto& entry : table) {
        std::printf("%s\"%s\":", comma, entry.name.c_str());
        if (std::isnan(entry.value)) std::printf("NaN");
        else std::printf("%.17g", entry.value);
        comma = ",";
    }
    std::printf("}");
}

int main(int argc, char** argv) try {
    if (argc != 2) return EXIT_FAILURE;
    second_skin::Smoothing smoothing(std::stod(argv[1]));
    std::printf("%.17g\n", smoothing.delay_ms());
    second_skin::Intake intake(true);
    std::vector<char> payload;
    std::uint32_t size = 0;
    std::int64_t now_ns = 0;
    while (std::fread(&size, sizeof size, 1, stdin) == 1 && std::fread(&now_ns, sizeof now_ns, 1, stdin) == 1) {
        payload.resize(size);
        if (std::fread(payload.data(), 1, size, stdin) != size) return EXIT_FAILURE;
        intake.take(payload.data(), size, now_ns);
        const second_skin::Frame& frame = smoothing.update(*intake.newest());
        std::printf("{");
        tell("angle", frame.angle);
        std::printf(",");
        tell("moment", frame.moment);
        std::printf(",");
        tell("velocity", frame.velocity);
        std::printf("}\n");
    }
} catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
