// read_latency ENDPOINT COUNT [KEY]: of each of COUNT frames, the ns from its sending until its values are at hand, a
// line each; without the first half second's, in which the connection comes about and caches warm up.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "second_skin.hpp"

int main(int argc, char** argv) try {
    if (argc < 3) throw std::invalid_argument("read_latency ENDPOINT COUNT [KEY]");
    second_skin::Options options;
    if (argc > 3) options.key_file = argv[3];
    second_skin::FrameClient client(argv[1], options);
    const std::size_t skipped = second_skin::kRateHz / 2, count = skipped + std::strtoull(argv[2], nullptr, 10);
    std::vector<std::int64_t> found;
    found.reserve(count + 100);
    while (found.size() < count)
        client.recv_all(1000, [&found](const second_skin::Frame& frame) {
            found.push_back(second_skin::monotonic_ns() - frame.publish_ns);
        });
    for (std::size_t i = skipped; i < count; i++) std::printf("%lld\n", static_cast<long long>(found[i]));
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
}
