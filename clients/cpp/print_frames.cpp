// Prints the right knee ten times a second, and says when nobody should act on it.
#include <cstdio>
#include <cstdlib>

#include "second_skin.hpp"

int main(int argc, char** argv) try {
    second_skin::Options options;
    if (argc > 2) options.key_file = argv[2], options.same_clock = false;  // a suit on another machine
    second_skin::FrameClient client(argc > 1 ? argv[1] : "tcp://127.0.0.1:5555", options);
    for (std::uint64_t next = 0;;) {
        if (!client.poll(100)) {
            std::puts(client.alive() ? "stale" : "silent");
        } else if (client.frames() >= next) {
            next = client.frames() + 20;
            const auto angle = client.value("knee_angle_r", 20);
            const auto moment = client.value("knee_angle_r_moment", 20);
            if (angle && moment) std::printf("knee %6.1f deg %6.2f Nm/kg\n", *angle, *moment);
            else std::printf("not to be used: %s\n", client.latest()->state.c_str());
        }
        std::fflush(stdout);
    }
} catch (const second_skin::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
