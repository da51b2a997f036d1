// ramp LIMIT RATE DOWN UP STEADY LONGEST: each step a line "wanted elapsed" on stdin (wanted: a number, or "-"), and
// "state torque" on stdout.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "torque_ramp.hpp"

int main(int argc, char** argv) try {
    if (argc != 7) return EXIT_FAILURE;
    second_skin::TorqueRamp ramp({std::stod(argv[1]), std::stod(argv[2]), std::stod(argv[3]), std::stod(argv[4]),
                                  std::stod(argv[5]), std::stod(argv[6])});
    std::string wanted, elapsed;
    while (std::cin >> wanted >> elapsed) {
        const auto wish = wanted == "-" ? std::nullopt : std::optional(std::stod(wanted));
        const double torque = ramp.step(wish, std::stod(elapsed));
        std::printf("%s %.17g\n", name(ramp.state()), torque);
    }
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
