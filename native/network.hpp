// What a tick works on: packed weights, the rings of the history, scratch columns. All of it is allocated at the start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace second_skin {

// The unit of packing: outputs are padded with zero columns to a multiple of the published network's 80 filters.
constexpr int kColumns = 80;
// How many rows before its use a row of weights is asked for.
constexpr int kAhead = 24;
// So many numbers of a column are squeezed or copied at a time.
constexpr int kTogether = 8;

struct Half {
    std::uint16_t bits;
};

// Memory at a 2 MiB boundary, zeroed, in huge pages where the kernel grants them: 10 MB in 4 KiB pages is 2,450
// entries, more than a processor's address cache holds.
class Memory {
public:
    explicit Memory(std::size_t bytes);
    template <class T> T* as() const { return static_cast<T*>(data_.get()); }

private:
    struct Free {
        void operator()(void* data) const;
    };
    std::unique_ptr<void, Free> data_;
};

// A product's weights as the bundle has them: (groups, rows, columns) float or Half, and the bias (groups, columns).
struct Tensor {
    const void* weight;
    const float* bias;
    int groups, rows, columns;
};

// A product as a tick reads it: panel by panel, in each all rows of all groups.
struct Product {
    int rows;            // of one group
    std::size_t offset;  // of the first weight, in bytes
    std::vector<float> bias;  // (groups, padded)
};

// The last columns of a convolution's input. Of each column only what is not zero is kept, for all legs together:
// its `count` row numbers, and for each leg the values.
struct Ring {
    int groups;
    int rows;   // that a column has
    int width;  // that it has room for
    int slots, dilation;
    int now = 0;
    std::vector<std::uint16_t> row;    // (slots, groups, width)
    std::vector<std::uint16_t> count;  // (slots, groups)
    std::vector<float> x;              // (slots, groups, legs, width)
};

struct Convolution {
    Product product;
    Ring ring;
};

struct Weights {
    bool half;
    int kernel;
    std::vector<int> dilations;  // of the convolutions, from the input on
    std::vector<float> input_mean, input_scale, output_mean, output_sd, head, head_bias;
    Tensor match;  // always float: what it rounds off, every block passes on
    std::vector<Tensor> convolutions;
};

struct Variant;

struct Network {
    Network(const Weights& weights, int legs, const Variant& variant);
    void reset();

    int legs, kernel, groups, inputs, filters, padded;
    bool half;
    std::vector<float> input_mean, input_scale, output_mean, output_sd, head, head_bias;
    Product match;
    std::vector<Convolution> convolutions;
    std::size_t packed_bytes = 0;
    Memory packed;

    // Scratch: a product's list (see tick.hpp), the normalised row (legs, column_width), and columns (groups, legs, padded).
    int list_width = 0, column_width = 0;
    std::vector<std::uint16_t> list_row;
    std::vector<float> list_x;
    std::vector<int> list_end;
    std::vector<float> column, hidden, residual;
};

using Tick = void (*)(Network&, const float* rows, float* out);

// One instruction set's functions.
struct Variant {
    const char* name;
    bool (*usable)();
    Tick tick[2][2];             // [half][legs - 1]
    std::vector<int> panels[2];  // [legs - 1]: the widths that 80 columns are packed in
    std::uint64_t (*read)(const void* data, std::size_t bytes);
};

// The variants that were compiled and can run on this processor, the fastest first.
const std::vector<const Variant*>& variants();

}  // namespace second_skin
