// Reads payloads as PlotJuggler's ZMQ plugin does with protocol "msgpack", and prints the curves they become.
//
// In: length (4 bytes, little-endian) and payload, again and again. Out, for each payload: a line with the value of the
// field "t", as the plugin finds it for its time axis, then a line "name value" for each curve, then an empty line.
// nlohmann::json::from_msgpack is called as the plugin calls it: strict, with exceptions.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using nlohmann::json;

static void flatten(const std::string &prefix, const json &value) {
    if (value.is_array()) {
        for (std::size_t i = 0; i < value.size(); ++i)
            flatten(prefix + "[" + std::to_string(i) + "]", value[i]);
    } else if (value.is_object()) {
        for (const auto &item : value.items())
            flatten(prefix + "/" + item.key(), item.value());
    } else if (value.is_boolean()) {
        std::printf("%s %d\n", prefix.c_str(), value.get<bool>() ? 1 : 0);
    } else if (value.is_number()) {
        std::printf("%s %.17g\n", prefix.c_str(), value.get<double>());
    }
}

int main() {
    unsigned char head[4];
    while (std::fread(head, 1, sizeof head, stdin) == sizeof head) {
        const std::size_t length = head[0] | head[1] << 8 | head[2] << 16 | std::size_t(head[3]) << 24;
        std::vector<std::uint8_t> payload(length);
        if (std::fread(payload.data(), 1, length, stdin) != length)
            return 2;
        try {
            const json message = json::from_msgpack(payload.data(), payload.data() + payload.size());
            const auto time = message.find("t");
            if (!message.is_object() || time == message.end() || !time->is_number()) {
                std::cerr << "no numeric field t\n";
                return 3;
            }
            std::printf("%.17g\n", time->get<double>());
            flatten("", message);
            std::printf("\n");
        } catch (const json::exception &error) {
            std::cerr << error.what() << "\n";
            return 4;
        }
    }
    return 0;
}
