// The Python module jetson_runtime.inference.engines._native.
#include "network.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>

namespace py = pybind11;

namespace second_skin {
namespace {

using Floats = py::array_t<float, py::array::c_style>;

std::vector<float> values(const Floats& array) { return {array.data(), array.data() + array.size()}; }

void require(bool fine, const char* what) {
    if (!fine) throw std::invalid_argument(what);
}

// weight: (groups, rows, columns) float32 or float16; bias: groups * columns.
Tensor tensor(const py::array& weight, const Floats& bias, bool half) {
    require(weight.ndim() == 3 && weight.itemsize() == (half ? 2 : 4), "a weight of the wrong kind");
    require((weight.flags() & py::array::c_style) != 0, "a weight that is not contiguous");
    Tensor made{weight.data(), bias.data(), static_cast<int>(weight.shape(0)), static_cast<int>(weight.shape(1)),
                static_cast<int>(weight.shape(2))};
    require(bias.size() == weight.shape(0) * weight.shape(2), "a bias of the wrong size");
    return made;
}

const Variant& variant(const std::string& name) {
    for (const Variant* found : variants())
        if (name == found->name) return *found;
    throw std::invalid_argument("no instruction set " + name + " on this processor");
}

class Tcn {
public:
    using Convolution = std::tuple<py::array, Floats, int>;

    Tcn(const std::string& name, int legs, bool half, int kernel, const Floats& input_mean, const Floats& input_scale,
        const std::pair<py::array, Floats>& match, const std::vector<Convolution>& convolutions,
        const std::pair<Floats, Floats>& head, const Floats& output_mean, const Floats& output_sd)
        : variant_(variant(name)),
          net_(weights(legs, half, kernel, input_mean, input_scale, match, convolutions, head, output_mean, output_sd), legs, variant_),
          tick_(variant_.tick[half][legs - 1]) {}

    void step(const Floats& rows, Floats& out) {
        require(rows.ndim() == 2 && rows.shape(0) == net_.legs && rows.shape(1) == net_.inputs, "rows: wrong shape");
        require(out.ndim() == 2 && out.shape(0) == net_.legs && out.shape(1) == net_.groups, "out: wrong shape");
        const float* from = rows.data();
        float* to = out.mutable_data();
        py::gil_scoped_release released;
        tick_(net_, from, to);
    }

    void reset() { net_.reset(); }

    std::uint64_t read_once() const {
        py::gil_scoped_release released;
        return variant_.read(net_.packed.as<void>(), net_.packed_bytes);
    }

    std::size_t packed_bytes() const { return net_.packed_bytes; }

private:
    static Weights weights(int legs, bool half, int kernel, const Floats& input_mean, const Floats& input_scale,
                           const std::pair<py::array, Floats>& match, const std::vector<Convolution>& convolutions,
                           const std::pair<Floats, Floats>& head, const Floats& output_mean, const Floats& output_sd) {
        require(legs == 1 || legs == 2, "legs: 1 or 2");
        Weights made{half, kernel, {}, values(input_mean), values(input_scale), values(output_mean), values(output_sd),
                     values(head.first), values(head.second), tensor(match.first, match.second, false), {}};
        for (const auto& [weight, bias, dilation] : convolutions) {
            made.dilations.push_back(dilation);
            made.convolutions.push_back(tensor(weight, bias, half));
        }
        return made;
    }

    const Variant& variant_;
    Network net_;
    Tick tick_;
};

std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const Variant* variant : variants()) found.emplace_back(variant->name);
    return found;
}

}  // namespace

PYBIND11_MODULE(_native, module) {
    module.attr("VARIANTS") = py::tuple(py::cast(names()));
    py::class_<Tcn>(module, "Tcn")
        .def(py::init<const std::string&, int, bool, int, const Floats&, const Floats&,
                      const std::pair<py::array, Floats>&, const std::vector<Tcn::Convolution>&,
                      const std::pair<Floats, Floats>&, const Floats&, const Floats&>(),
             py::kw_only(), py::arg("variant"), py::arg("legs"), py::arg("half"), py::arg("kernel"),
             py::arg("input_mean"), py::arg("input_scale"), py::arg("match"), py::arg("convolutions"), py::arg("head"),
             py::arg("output_mean"), py::arg("output_sd"))
        .def("step", &Tcn::step, py::arg("rows").noconvert(), py::arg("out").noconvert())
        .def("reset", &Tcn::reset)
        .def("read_once", &Tcn::read_once)
        .def_property_readonly("packed_bytes", &Tcn::packed_bytes);
}

}  // namespace second_skin
