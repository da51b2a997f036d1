// What the client makes of messages and times that the test chooses: no socket, no clock.
//
//     feed same | other | OFFSET_NS ERROR_NS    records on stdin: u32 size, i64 now_ns (little-endian), payload
//
// The offset was measured at 0.
//
// A line of JSON for each record: what is held at now_ns, and how often memory was asked for meanwhile.
#include <cstdio>
#include <cstdlib>
#include <new>

#include "second_skin.hpp"

static std::size_t allocations = 0;

void* operator new(std::size_t size) {
    allocations++;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main(int argc, char** argv) {
    const std::string clock = argc > 1 ? argv[1] : "same";
    second_skin::Intake intake(clock != "other");
    if (argc > 2) intake.set_offset(std::stoll(clock), std::stoll(argv[2]), 0);
    std::vector<char> payload;
    std::uint32_t size = 0;
    std::int64_t now_ns = 0;
    while (std::fread(&size, sizeof size, 1, stdin) == 1 && std::fread(&now_ns, sizeof now_ns, 1, stdin) == 1) {
        payload.resize(size);
        if (std::fread(payload.data(), 1, size, stdin) != size) return EXIT_FAILURE;
        bool other_schema = false;
        const std::size_t before = allocations;
        try {
            intake.take(payload.data(), size, now_ns);
        } catch (const second_skin::Error&) {
            other_schema = true;
        }
        const std::size_t asked = allocations - before;
        const auto word = [](bool value) { return value ? "true" : "false"; };
        std::printf("{\"fresh\":%s,\"alive\":%s,\"rate_ok\":%s,\"valid\":%s,\"frames\":%d,\"missed\":%d,"
                    "\"malformed\":%d,\"restarts\":%d,\"other_schema\":%s,\"allocations\":%d,\"moment_valid\":%s}\n",
                    word(intake.sent_within(second_skin::kStaleNs, now_ns)), word(intake.alive(now_ns)),
                    word(intake.rate_ok(now_ns)), word(intake.valid(now_ns)), static_cast<int>(intake.frames),
                    static_cast<int>(intake.missed), static_cast<int>(intake.malformed),
                    static_cast<int>(intake.restarts), word(other_schema), static_cast<int>(asked),
                    word(intake.newest() && intake.newest()->moment_valid));
    }
}
