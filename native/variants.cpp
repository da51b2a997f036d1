// The tick compiled for each instruction set that this architecture has; which of them runs is chosen at run time.
#include "network.hpp"

#include <cstring>
#include <utility>

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 finds fault with its own avx512fintrin.h.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif


namespace second_skin {

// Sums stay in registers only where the loop over them is unrolled.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

// Holds a vector of weights that both legs use: GCC loads it anew for each of them.
#if defined(__x86_64__)
#define IN_REGISTER(w) __asm__("" : "+x"(w))
#elif defined(__aarch64__)
#define IN_REGISTER(w) __asm__("" : "+w"(w))
#else
#define IN_REGISTER(w) static_cast<void>(w)
#endif

// Which of eight bits are set, in order, a byte each.
struct SetBits {
    alignas(8) std::uint8_t of[256][8];
    constexpr SetBits() : of() {
        for (int mask = 0; mask < 256; mask++)
            for (int bit = 0, count = 0; bit < 8; bit++)
                if (mask & (1 << bit)) of[mask][count++] = static_cast<std::uint8_t>(bit);
    }
};
constexpr SetBits kSetBits;

#if defined(__x86_64__)

namespace avx2 {
#define TARGET __attribute__((target("avx2,fma,f16c")))
struct Vector {
    using Type = __m256;
    static constexpr int lanes = 8;
    template <int Legs>
    using Panels = std::conditional_t<Legs == 1, std::integer_sequence<int, 10>, std::integer_sequence<int, 6, 4>>;
    TARGET static inline Type load(const float* from) { return _mm256_loadu_ps(from); }
    TARGET static inline Type load(const Half* from) {
        return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    }
    TARGET static inline Type all(float x) { return _mm256_set1_ps(x); }
    TARGET static inline Type multiply_add(Type x, Type w, Type sum) { return _mm256_fmadd_ps(x, w, sum); }
    TARGET static inline Type mix(Type a, Type b) { return _mm256_xor_ps(a, b); }
    TARGET static inline void store(float* to, Type x) { _mm256_storeu_ps(to, x); }
    TARGET static inline Type add(Type a, Type b) { return _mm256_add_ps(a, b); }
    TARGET static inline Type relu(Type x) { return _mm256_max_ps(_mm256_setzero_ps(), x); }
    // Keeps those of eight columns x[0..8) that are not 0 (NaN is not) for any leg, from number `base` on; returns how many.
    template <int Legs>
    TARGET static inline int squeeze(const float* x, int stride, int base, std::uint16_t* row, float* kept, int width) {
        __m256 value[Legs];
        unsigned mask = 0;
        for (int leg = 0; leg < Legs; leg++) {
            value[leg] = _mm256_loadu_ps(x + leg * stride);
            mask |= static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(value[leg], _mm256_setzero_ps(), _CMP_NEQ_UQ)));
        }
        const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kSetBits.of[mask]));
        const __m256i order = _mm256_cvtepu8_epi32(bits);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(row), _mm_add_epi16(_mm_cvtepu8_epi16(bits), _mm_set1_epi16(static_cast<short>(base))));
        for (int leg = 0; leg < Legs; leg++) _mm256_storeu_ps(kept + leg * width, _mm256_permutevar8x32_ps(value[leg], order));
        return __builtin_popcount(mask);
    }
};
#include "tick.hpp"
#undef TARGET
}  // namespace avx2

namespace avx512 {
#define TARGET __attribute__((target("avx512f,avx2,fma,f16c")))
struct Vector {
    using Type = __m512;
    static constexpr int lanes = 16;
    template <int Legs> using Panels = std::integer_sequence<int, 5>;
    TARGET static inline Type load(const float* from) { return _mm512_loadu_ps(from); }
    TARGET static inline Type load(const Half* from) {
        return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    }
    TARGET static inline Type all(float x) { return _mm512_set1_ps(x); }
    TARGET static inline Type multiply_add(Type x, Type w, Type sum) { return _mm512_fmadd_ps(x, w, sum); }
    TARGET static inline Type mix(Type a, Type b) {
        return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
    }
    TARGET static inline void store(float* to, Type x) { _mm512_storeu_ps(to, x); }
    TARGET static inline Type add(Type a, Type b) { return _mm512_add_ps(a, b); }
    TARGET static inline Type relu(Type x) { return _mm512_max_ps(_mm512_setzero_ps(), x); }
    template <int Legs>
    TARGET static inline int squeeze(const float* x, int stride, int base, std::uint16_t* row, float* kept, int width) {
        return avx2::Vector::squeeze<Legs>(x, stride, base, row, kept, width);
    }
};
#include "tick.hpp"
#undef TARGET
}  // namespace avx512

#endif
#define TARGET
namespace portable {
struct Vector {
    typedef float Type __attribute__((vector_size(16)));
    static constexpr int lanes = 4;
#if defined(__aarch64__)
    template <int Legs>
    using Panels = std::conditional_t<Legs == 1, std::integer_sequence<int, 20>, std::integer_sequence<int, 12, 8>>;
#else
    template <int Legs>
    using Panels = std::conditional_t<Legs == 1, std::integer_sequence<int, 10, 10>, std::integer_sequence<int, 5, 5, 5, 5>>;
#endif
    static inline Type load(const float* from) {
        Type x;
        std::memcpy(&x, from, sizeof x);
        return x;
    }
#if defined(__aarch64__)
    static inline Type load(const Half* from) {
        return (Type)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from))));
    }
    static inline Type multiply_add(Type x, Type w, Type sum) { return (Type)vfmaq_f32((float32x4_t)sum, (float32x4_t)x, (float32x4_t)w); }
#else
    static inline Type load(const Half* from) {
        Type x;
        for (int i = 0; i < lanes; i++) x[i] = widened(from[i]);
        return x;
    }
    static inline Type multiply_add(Type x, Type w, Type sum) { return sum + x * w; }
#endif
    static inline Type all(float x) { return Type{x, x, x, x}; }
    static inline Type mix(Type a, Type b) {
        typedef std::int32_t Bits __attribute__((vector_size(16)));
        return (Type)((Bits)a ^ (Bits)b);
    }
    static inline void store(float* to, Type x) { std::memcpy(to, &x, sizeof x); }
    static inline Type add(Type a, Type b) { return a + b; }
    static inline Type relu(Type x) {
        for (int i = 0; i < lanes; i++) x[i] = x[i] < 0.0F ? 0.0F : x[i];
        return x;
    }
    template <int Legs>
    static inline int squeeze(const float* x, int stride, int base, std::uint16_t* row, float* kept, int width) {
        int count = 0;
        for (int i = 0; i < 8; i++) {
            bool some = false;
            row[count] = static_cast<std::uint16_t>(base + i);
            for (int leg = 0; leg < Legs; leg++) {
                const float value = x[leg * stride + i];
                kept[leg * width + count] = value;
                some |= !(value == 0.0F);
            }
            count += some;
        }
        return count;
    }
    static inline float widened(Half half) {
        // Exponent and mantissa moved into place are the number times 2^-112, subnormal ones too.
        const std::uint32_t bits = (half.bits & 0x7FFFU) << 13;
        float x;
        std::memcpy(&x, &bits, sizeof x);
        x *= 0x1p112F;
        return half.bits & 0x8000U ? -x : x;
    }
};
#include "tick.hpp"
}  // namespace portable
#undef TARGET

namespace {

template <int... N> std::vector<int> widths(int lanes, std::integer_sequence<int, N...>) { return {N * lanes...}; }

#define VARIANT(space, name, usable)                                                                                  \
    Variant {                                                                                                         \
        name, [] { return static_cast<bool>(usable); },                                                               \
            {{space::tick<1, float>, space::tick<2, float>}, {space::tick<1, Half>, space::tick<2, Half>}},           \
            {widths(space::Vector::lanes, space::Vector::Panels<1>()),                                                \
             widths(space::Vector::lanes, space::Vector::Panels<2>())},                                               \
            space::read                                                                                               \
    }

std::vector<const Variant*> usable_variants() {
    static const Variant compiled[] = {
#if defined(__x86_64__)
        VARIANT(avx512, "avx512", __builtin_cpu_supports("avx512f")),
        VARIANT(avx2, "avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")),
        VARIANT(portable, "sse2", true),
#elif defined(__aarch64__)
        VARIANT(portable, "neon", true),
#else
        VARIANT(portable, "portable", true),
#endif
    };
    std::vector<const Variant*> found;
    for (const Variant& variant : compiled)
        if (variant.usable()) found.push_back(&variant);
    return found;
}

}  // namespace

const std::vector<const Variant*>& variants() {
    static const std::vector<const Variant*> found = usable_variants();
    return found;
}

}  // namespace second_skin
