#include "network.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include <sys/mman.h>

namespace second_skin {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
// A list is read this far beyond its end, by the prefetching of the rows to come.
constexpr int kBeyond = 16;

constexpr int kTogether = 8;

int to_multiple(int count, int of) { return (count + of - 1) / of * of; }

Product layout(const Tensor& tensor, int padded, std::size_t& next) {
    Product product;
    product.rows = tensor.rows;
    product.offset = next;
    product.bias.assign(static_cast<std::size_t>(tensor.groups) * padded, 0.0F);
    for (int group = 0; group < tensor.groups; group++)
        std::memcpy(product.bias.data() + group * padded, tensor.bias + group * tensor.columns,
                    tensor.columns * sizeof(float));
    next += static_cast<std::size_t>(tensor.groups) * tensor.rows * padded;
    return product;
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

std::size_t packed_weights(const Weights& weights, int padded) {
    std::size_t count = static_cast<std::size_t>(weights.match.groups) * weights.match.rows * padded;
    for (const Tensor& tensor : weights.convolutions)
        count += static_cast<std::size_t>(tensor.groups) * tensor.rows * padded;
    return count;
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
      packed_bytes(packed_weights(w, padded) * (w.half ? sizeof(Half) : sizeof(float))), packed(packed_bytes) {
    const std::vector<int>& panels = variant.panels[legs - 1];
    std::size_t next = 0;
    const auto add = [&](const Tensor& tensor) {
        Product product = layout(tensor, padded, next);
        if (half) pack<Half>(tensor, padded, panels, packed.as<Half>() + product.offset);
        else pack<float>(tensor, padded, panels, packed.as<float>() + product.offset);
        return product;
    };
    match = add(w.match);
    for (std::size_t i = 0; i < w.convolutions.size(); i++) {
        const Tensor& tensor = w.convolutions[i];
        const int width = tensor.rows / kernel;
        convolutions.push_back({add(tensor), make_ring(i ? groups : 1, width, kernel, w.dilations[i], legs)});
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
