// One tick, for one instruction set: included by variants.cpp once in a namespace of each, after its struct Vector and
// the macro TARGET that lets the compiler use the instructions.
//
// Zeros are skipped. More than half of what ReLU gives is exactly 0, and a row of weights that would be multiplied by
// 0 for every leg is not even read: the tick is bound by reading weights, so what is skipped is gained.

// A product's input for all groups, without its zeros: group g's are the entries [end[g - 1], end[g]).
struct List {
    const std::uint16_t* row;  // of the product's weights, the groups' rows numbered through
    const float* x;            // (legs, width)
    const int* end;
    int width;
};

// What is done with a product: y is stored, max(y, 0), or max(the stored + max(y, 0), 0).
enum class Finish { plain, relu, residual };

// Columns [0, N * lanes) for all legs: out = finish(bias + sum over the entries of x * weights[row]).
template <Finish finish, int Legs, int N, class Weight>
TARGET static inline void panel(const List& list, int first, int end, const Weight* weights, const float* bias, float* out,
                                int stride) {
    using Type = typename Vector::Type;
    constexpr int width = N * Vector::lanes;
    Type sum[Legs][N];
    UNROLL for (int leg = 0; leg < Legs; leg++)
        UNROLL for (int v = 0; v < N; v++) sum[leg][v] = Vector::load(bias + v * Vector::lanes);
    for (int i = first; i < end; i++) {
        const char* ahead = reinterpret_cast<const char*>(weights + std::size_t{list.row[i + kAhead]} * width);
        UNROLL for (std::size_t byte = 0; byte < width * sizeof(Weight); byte += 64) __builtin_prefetch(ahead + byte);
        const Weight* row = weights + std::size_t{list.row[i]} * width;
        Type x[Legs];
        UNROLL for (int leg = 0; leg < Legs; leg++) x[leg] = Vector::all(list.x[leg * list.width + i]);
        UNROLL for (int v = 0; v < N; v++) {
            Type w = Vector::load(row + v * Vector::lanes);
            if (Legs > 1) IN_REGISTER(w);
            UNROLL for (int leg = 0; leg < Legs; leg++) sum[leg][v] = Vector::multiply_add(x[leg], w, sum[leg][v]);
        }
    }
    UNROLL for (int leg = 0; leg < Legs; leg++) {
        UNROLL for (int v = 0; v < N; v++) {
            float* to = out + leg * stride + v * Vector::lanes;
            Type y = sum[leg][v];
            if (finish != Finish::plain) y = Vector::relu(y);
            if (finish == Finish::residual) y = Vector::relu(Vector::add(Vector::load(to), y));
            Vector::store(to, y);
        }
    }
}

template <Finish finish, int Legs, int N, class Weight>
TARGET static inline void panel_of_groups(const Network& net, const List& list, const Weight* weights, const float* bias,
                                          float* out) {
    int first = 0;
    for (int group = 0; group < net.groups; group++) {
        panel<finish, Legs, N>(list, first, list.end[group], weights, bias + group * net.padded,
                               out + group * Legs * net.padded, net.padded);
        first = list.end[group];
    }
}

template <Finish finish, int Legs, class Weight, int... N>
TARGET static void panels(const Network& net, const Product& product, const List& list, float* out,
                          std::integer_sequence<int, N...>) {
    const Weight* weights = reinterpret_cast<const Weight*>(net.packed.as<char>() + product.offset);
    const float* bias = product.bias.data();
    const std::size_t rows = static_cast<std::size_t>(net.groups) * product.rows;
    for (int c = 0; c < net.padded; c += kColumns)
        ((panel_of_groups<finish, Legs, N>(net, list, weights, bias, out), weights += rows * N * Vector::lanes,
          bias += N * Vector::lanes, out += N * Vector::lanes), ...);
}

// out (groups, legs, padded) = finish(bias + the list * the weights).
template <Finish finish, int Legs, class Weight>
TARGET static void multiply(const Network& net, const Product& product, const List& list, float* out) {
    panels<finish, Legs, Weight>(net, product, list, out, Vector::Panels<Legs>());
}

// Keeps what is not zero for any leg of the column x (legs, stride) as the newest of `group`.
template <int Legs>
TARGET static void push(Ring& ring, int group, const float* x, int stride) {
    const std::size_t place = static_cast<std::size_t>(ring.now) * ring.groups + group;
    std::uint16_t* row = ring.row.data() + place * ring.width;
    float* kept = ring.x.data() + place * Legs * ring.width;
    int count = 0;
    for (int i = 0; i < ring.rows; i += 8) count += Vector::squeeze<Legs>(x + i, stride, i, row + count, kept + count, ring.width);
    ring.count[place] = static_cast<std::uint16_t>(count);
}

// Appends the newest column but `age` of `group` to the list as rows from `base` on; returns the list's new end.
template <int Legs>
TARGET static inline int append(Network& net, const Ring& ring, int group, int age, int base, int end) {
    int slot = ring.now - age;
    slot += slot < 0 ? ring.slots : 0;
    const std::size_t place = static_cast<std::size_t>(slot) * ring.groups + group;
    const std::uint16_t* from_row = ring.row.data() + place * ring.width;
    const float* from = ring.x.data() + place * Legs * ring.width;
    std::uint16_t* row = net.list_row.data() + end;
    float* x = net.list_x.data() + end;
    const int count = ring.count[place];
    // Eight at a time, also beyond the end: a copy of fixed size needs no loop for the rest.
    for (int i = 0; i < count; i += 8) {
        std::uint16_t rows[8];
        std::memcpy(rows, from_row + i, sizeof rows);
        for (std::uint16_t& r : rows) r = static_cast<std::uint16_t>(r + base);
        std::memcpy(row + i, rows, sizeof rows);
        for (int leg = 0; leg < Legs; leg++)
            std::memcpy(x + leg * net.list_width + i, from + leg * ring.width + i, 8 * sizeof(float));
    }
    return end + count;
}

// The list of a product of `taps` columns `dilation` apart, the oldest first. A ring that all groups share is read
// for each of them.
template <int Legs>
TARGET static List gather(Network& net, const Ring& ring, int taps) {
    int end = 0;
    for (int group = 0; group < net.groups; group++) {
        for (int tap = 0; tap < taps; tap++)
            end = append<Legs>(net, ring, ring.groups == 1 ? 0 : group, (taps - 1 - tap) * ring.dilation,
                               (group * taps + tap) * ring.rows, end);
        net.list_end[group] = end;
    }
    return {net.list_row.data(), net.list_x.data(), net.list_end.data(), net.list_width};
}

template <int Legs>
TARGET static void push_groups(const Network& net, Ring& ring, const float* x) {
    for (int group = 0; group < net.groups; group++) push<Legs>(ring, group, x + group * Legs * net.padded, net.padded);
}

static inline void advance(Ring& ring) { ring.now = ring.now + 1 == ring.slots ? 0 : ring.now + 1; }

template <int Legs>
TARGET static void answer(const Network& net, float* out) {
    for (int group = 0; group < net.groups; group++) {
        for (int leg = 0; leg < Legs; leg++) {
            const float* x = net.residual.data() + (group * Legs + leg) * net.padded;
            const float* head = net.head.data() + group * net.padded;
            typename Vector::Type sum = Vector::all(0.0F);
            for (int i = 0; i < net.padded; i += Vector::lanes)
                sum = Vector::multiply_add(Vector::load(x + i), Vector::load(head + i), sum);
            float each[Vector::lanes];
            Vector::store(each, sum);
            float total = net.head_bias[group];
            for (float part : each) total += part;
            out[leg * net.groups + group] = total * net.output_sd[group] + net.output_mean[group];
        }
    }
}

template <int Legs, class Weight>
TARGET static void tick(Network& net, const float* rows, float* out) {
    for (int leg = 0; leg < Legs; leg++)
        for (int i = 0; i < net.inputs; i++)
            net.column[leg * net.column_width + i] = (rows[leg * net.inputs + i] - net.input_mean[i]) * net.input_scale[i];
    float* const hidden = net.hidden.data();
    float* const residual = net.residual.data();
    push<Legs>(net.convolutions[0].ring, 0, net.column.data(), net.column_width);
    multiply<Finish::plain, Legs, float>(net, net.match, gather<Legs>(net, net.convolutions[0].ring, 1), residual);
    for (std::size_t i = 0; i < net.convolutions.size(); i += 2) {
        Convolution& first = net.convolutions[i];
        Convolution& second = net.convolutions[i + 1];
        multiply<Finish::relu, Legs, Weight>(net, first.product, gather<Legs>(net, first.ring, net.kernel), hidden);
        advance(first.ring);
        push_groups<Legs>(net, second.ring, hidden);
        multiply<Finish::residual, Legs, Weight>(net, second.product, gather<Legs>(net, second.ring, net.kernel), residual);
        advance(second.ring);
        if (i + 2 < net.convolutions.size()) push_groups<Legs>(net, net.convolutions[i + 2].ring, residual);
    }
    answer<Legs>(net, out);
}

// Reads every byte once; several vectors at a time so that none waits for another. Bytes: a multiple of 4 vectors.
TARGET static std::uint64_t read(const void* data, std::size_t bytes) {
    const float* from = static_cast<const float*>(data);
    typename Vector::Type sum[4] = {Vector::all(0.0F), Vector::all(0.0F), Vector::all(0.0F), Vector::all(0.0F)};
    const std::size_t count = bytes / sizeof(float);
    for (std::size_t i = 0; i + 4 * Vector::lanes <= count; i += 4 * Vector::lanes) {
        for (int v = 0; v < 4; v++) sum[v] = Vector::mix(sum[v], Vector::load(from + i + v * Vector::lanes));
        for (std::size_t byte = 0; byte < 4 * Vector::lanes * 4; byte += 64) __builtin_prefetch(reinterpret_cast<const char*>(from + i) + byte + 2048);
    }
    float each[Vector::lanes];
    Vector::store(each, Vector::mix(Vector::mix(sum[0], sum[1]), Vector::mix(sum[2], sum[3])));
    std::uint64_t answer = 0;
    for (float value : each) {
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        answer ^= bits;
    }
    return answer;
}
