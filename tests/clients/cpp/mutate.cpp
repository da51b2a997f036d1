// mutate FILE COUNT SEED: COUNT messages made wrong out of those in FILE (u32 size, payload each), read by the client.
//
// To be built with sanitizers; each message lies in memory of just its size, so that a byte too many is seen.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "second_skin.hpp"

namespace {

using Bytes = std::vector<unsigned char>;

std::vector<Bytes> read(const char* path) {
    std::vector<Bytes> found;
    std::ifstream file(path, std::ios::binary);
    std::uint32_t size = 0;
    while (file.read(reinterpret_cast<char*>(&size), sizeof size)) {
        Bytes payload(size);
        file.read(reinterpret_cast<char*>(payload.data()), size);
        found.push_back(payload);
    }
    return found;
}

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void change(Bytes& bytes) {
        switch (below(7)) {
            case 0: bytes.resize(below(bytes.size() + 1)); break;
            case 1: write(bytes, {byte()}); break;
            case 2: insert(bytes, Bytes(1 + below(8), byte())); break;
            case 3: write(bytes, kHeads[below(kHeads.size())]); break;
            case 4: insert(bytes, kHeads[below(kHeads.size())]); break;
            case 5: insert(bytes, Bytes(1 + below(20'000), below(2) == 0 ? 0x91 : 0x81)); break;
            default: bytes.erase(bytes.begin() + static_cast<long>(below(bytes.size())), bytes.end()); break;
        }
    }
    Bytes noise() {
        Bytes bytes(below(300));
        for (auto& one : bytes) one = byte();
        return bytes;
    }

private:
    unsigned char byte() { return static_cast<unsigned char>(random_()); }
    void write(Bytes& bytes, const Bytes& what) {
        const std::size_t at = below(bytes.size());
        for (std::size_t i = 0; i < what.size() && at + i < bytes.size(); i++) bytes[at + i] = what[i];
    }
    void insert(Bytes& bytes, const Bytes& what) {
        bytes.insert(bytes.begin() + static_cast<long>(below(bytes.size() + 1)), what.begin(), what.end());
    }

    // Lengths that no message has, numbers at their ends, a type that does not exist.
    static inline const std::vector<Bytes> kHeads = {
        {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff},
        {0xc6, 0xff, 0xff, 0xff, 0xff}, {0xc9, 0xff, 0xff, 0xff, 0xff, 0x01}, {0xde, 0xff, 0xff}, {0xdc, 0xff, 0xff},
        {0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0},
        {0xd3, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0}, {0xc1}, {0xc0}};
    std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return EXIT_FAILURE;
    const std::vector<Bytes> whole = read(argv[1]);
    if (whole.empty()) return EXIT_FAILURE;
    Mutator mutator(std::stoull(argv[3]));
    second_skin::Intake intake(false);
    long long schemas = 0;
    double sum = 0;
    for (long i = 0, count = std::atol(argv[2]); i < count; i++) {
        Bytes made = mutator.below(10) == 0 ? mutator.noise() : whole[mutator.below(whole.size())];
        for (std::size_t changes = 1 + mutator.below(3); changes > 0; changes--) mutator.change(made);
        const std::unique_ptr<unsigned char[]> exact(new unsigned char[made.size()]);
        std::copy(made.begin(), made.end(), exact.get());
        const auto now_ns = static_cast<std::int64_t>(i) * 5'000'000;
        try {
            intake.take(exact.get(), made.size(), now_ns);
        } catch (const second_skin::Error&) {
            schemas++;
        }
        if (intake.rate_ok(now_ns) || intake.valid(now_ns)) sum += intake.newest()->angle.at("knee_angle_r");
    }
    std::printf("{\"frames\":%lld,\"malformed\":%lld,\"schemas\":%lld,\"restarts\":%lld,\"sum_is_number\":%d}\n",
                static_cast<long long>(intake.frames), static_cast<long long>(intake.malformed), schemas,
                static_cast<long long>(intake.restarts), !std::isnan(sum));
}
