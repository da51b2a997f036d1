#include "network.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace second_skin {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// A list is read up to kAhead entries beyond its end, and written up to kTogether.
constexpr int kBeyond = kAhead + kTogether;

int to_multiple(int count, int of) { return (count + of - 1) / of * of; }

std::size_t numbers(const Tensor& tensor, int padded) {
    return static_cast<std::size_t>(tensor.groups) * tensor.rows * padded;
}

template <class Weight>
void pack(const Tensor& tensor, int padded, const std::vector<int>& panels, Weight* to) {
    const Weight* from = static_cast<const Weight*>(tensor.weight);
    const std::size_t rows = static_cast<std::size_t>(tensor.groups) * tensor.rows;
    for (int first = 0, p = 0; first < padded; p++) {
        const int width = panels[p % panels.size()];
        for (std::size_t row = 0; row < rows; row++, to += width)
            for (int i = 0; i < width && first + i < tensor.columns; i++) to[i] = from[row * tensor.columns + first + i];
        first += width;
    }
}

Ring make_ring(int groups, int width, int kernel, int dilation, int legs) {
    // A column is squeezed eight by eight, and its last eight may be written beyond its end.
    Ring ring{groups, width, to_multiple(width, kTogether) + kTogether, (kernel - 1) * dilation + 1, dilation, 0, {}, {}, {}};
    const std::size_t columns = static_cast<std::size_t>(ring.slots) * groups;
    ring.row.assign(columns * ring.width, 0);
    ring.count.assign(columns, 0);
    ring.x.assign(columns * ring.width * legs, 0.0F);
    return ring;
}

template <class Weight>
Product packed_product(const Tensor& tensor, int padded, const std::vector<int>& panels, const Memory& memory,
                       std::size_t& next) {
    Product product{tensor.rows, next, {}};
    pack(tensor, padded, panels, reinterpret_cast<Weight*>(memory.as<char>() + next));
    next += numbers(tensor, padded) * sizeof(Weight);
    product.bias.assign(static_cast<std::size_t>(tensor.groups) * padded, 0.0F);
    for (int group = 0; group < tensor.groups; group++)
        std::copy_n(tensor.bias + group * tensor.columns, tensor.columns, product.bias.begin() + group * padded);
    return product;
}

std::size_t packed_bytes(const Weights& weights, int padded) {
    std::size_t bytes = numbers(weights.match, padded) * sizeof(float);
    for (const Tensor& tensor : weights.convolutions)
        bytes += numbers(tensor, padded) * (weights.half ? sizeof(Half) : sizeof(float));
    return bytes;
}

}  // namespace

Memory::Memory(std::size_t bytes) {
    const std::size_t size = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* data = nullptr;
    if (posix_memalign(&data, kHugePage, size) != 0) throw std::bad_alloc();
    data_.reset(data);
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE);
#endif
    std::memset(data, 0, size);
}

void Memory::Free::operator()(void* data) const { std::free(data); }

Network::Network(const Weights& w, int legs_, const Variant& variant)
    : legs(legs_), kernel(w.kernel), groups(w.match.groups), inputs(w.match.rows), filters(w.match.columns),
      padded(to_multiple(filters, kColumns)), half(w.half), input_mean(w.input_mean), input_scale(w.input_scale),
      output_mean(w.output_mean), output_sd(w.output_sd), head_bias(w.head_bias),
      packed_bytes(second_skin::packed_bytes(w, padded)), packed(packed_bytes) {
    const std::vector<int>& panels = variant.panels[legs - 1];
    std::size_t next = 0;
    match = packed_product<float>(w.match, padded, panels, packed, next);
    for (std::size_t i = 0; i < w.convolutions.size(); i++) {
        const Tensor& tensor = w.convolutions[i];
        Product product = half ? packed_product<Half>(tensor, padded, panels, packed, next)
                               : packed_product<float>(tensor, padded, panels, packed, next);
        const int width = tensor.rows / kernel;
        convolutions.push_back({std::move(product), make_ring(i ? groups : 1, width, kernel, w.dilations[i], legs)});
        list_width = std::max(list_width, groups * tensor.rows + kBeyond);
    }
    column_width = to_multiple(inputs, kTogether);
    list_row.assign(list_width, 0);
    list_x.assign(static_cast<std::size_t>(legs) * list_width, 0.0F);
    list_end.assign(groups, 0);
    column.assign(static_cast<std::size_t>(legs) * column_width, 0.0F);
    hidden.assign(static_cast<std::size_t>(groups) * legs * padded, 0.0F);
    residual.assign(static_cast<std::size_t>(groups) * legs * padded, 0.0F);
    head.assign(static_cast<std::size_t>(groups) * padded, 0.0F);
    for (int group = 0; group < groups; group++)
        std::copy_n(w.head.begin() + group * filters, filters, head.begin() + group * padded);
}

void Network::reset() {
    for (Convolution& convolution : convolutions) {
        convolution.ring.now = 0;
        for (std::uint16_t& count : convolution.ring.count) count = 0;
    }
}

}  // namespace second_skin
