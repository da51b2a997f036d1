// The stream of a Second Skin suit for C++17. Needs this one file and libzmq (-lzmq); docs/clients.md tells the fields.
//
//     second_skin::FrameClient client("ipc:///run/second-skin/public");
//     while (running) {
//         client.poll(5);
//         if (auto moment = client.value("ankle_angle_r_moment", 20)) control(*moment);  // Nm/kg
//         else ramp_torque_down();  // silence is for the consumer to act on
//     }
#pragma once

#include <sys/stat.h>
#include <time.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace second_skin {

constexpr int kRateHz = 200, kSchemaVersion = 1;
// A stream is alive while its newest frame came within 10 periods; its rate is that of the last half second.
constexpr std::int64_t kAliveNs = 10 * 1'000'000'000LL / kRateHz;
constexpr std::size_t kRateWindow = kRateHz / 2;
constexpr double kRateTolerance = 0.1;
// This long after its sending a frame is not worth returning to a controller.
constexpr std::int64_t kStaleNs = 20'000'000;
// A frame that was sent this long after its instant tells of a movement that is over, however new it is.
constexpr double kLateMs = 50;
// A TCP connection that is silent for so long is made anew: behind a lost Wi-Fi it may stay half-open for minutes.
constexpr std::int64_t kSilenceNs = 1'000'000'000;
// How far two machines' clocks may drift apart, and how wrong a measured offset may be where nobody says.
constexpr double kDrift = 100e-6;
constexpr std::int64_t kOffsetErrorNs = 5'000'000;
constexpr std::size_t kMostNames = 256;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// No such address, a key file that cannot be used, a service of another schema. The text says what to do.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline std::int64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/// MessagePack out of bytes that anybody may have sent. Where they are not what is asked for, `ok` becomes false for
/// good and zeros are given. Texts point into the bytes. Nothing is allocated, nothing calls itself.
class Reader {
public:
    Reader(const void* data, std::size_t size) : at_(static_cast<const std::uint8_t*>(data)), end_(at_ + size) {}

    bool ok() const { return ok_; }
    bool at_end() const { return ok_ && at_ == end_; }
    /// How many values follow; of a map, how many pairs.
    std::uint64_t array() { return expect(Kind::array).size; }
    std::uint64_t map() { return expect(Kind::map).size; }
    bool boolean() { return expect(Kind::boolean).integer != 0; }
    std::int64_t integer() { return expect(Kind::integer).integer; }
    std::string_view text() {
        const Item item = expect(Kind::text);
        return {item.bytes, item.size};
    }
    /// NaN for nil.
    double number() {
        const Item item = next();
        if (item.kind == Kind::integer) return static_cast<double>(item.integer);
        if (item.kind != Kind::real && item.kind != Kind::nil) ok_ = false;
        return item.real;
    }
    std::optional<std::int64_t> integer_or_nil() {
        const Item item = next();
        if (item.kind == Kind::nil) return std::nullopt;
        if (item.kind != Kind::integer) ok_ = false;
        return item.integer;
    }
    /// Passes over one value, whatever it holds: what is pending is counted, so that no depth costs stack.
    void skip() {
        for (std::uint64_t pending = 1; pending > 0 && ok_; pending--) {
            const Item item = next();
            pending += item.kind == Kind::map ? 2 * item.size : item.kind == Kind::array ? item.size : 0;
        }
    }

private:
    enum class Kind { nil, boolean, integer, real, text, bytes, array, map, wrong };
    struct Item {
        Kind kind = Kind::wrong;
        std::int64_t integer = 0;
        double real = kNan;
        std::uint64_t size = 0;
        const char* bytes = "";
    };

    Item expect(Kind kind) {
        const Item item = next();
        if (item.kind == kind) return item;
        ok_ = false;
        return {};
    }

    Item next() {
        const auto head = static_cast<unsigned>(big_endian(1));
        if (!ok_) return {};
        if (head <= 0x7f) return {Kind::integer, static_cast<std::int64_t>(head)};
        if (head >= 0xe0) return {Kind::integer, static_cast<std::int64_t>(head) - 0x100};
        if (head <= 0x8f) return values(Kind::map, head & 0x0f);
        if (head <= 0x9f) return values(Kind::array, head & 0x0f);
        if (head <= 0xbf) return chunk(Kind::text, head & 0x1f);
        if (head == 0xc0) return {Kind::nil};
        if (head == 0xc2 || head == 0xc3) return {Kind::boolean, head == 0xc3};
        if (head >= 0xc4 && head <= 0xc6) return chunk(Kind::bytes, big_endian(1 << (head - 0xc4)));
        if (head >= 0xc7 && head <= 0xc9) return chunk(Kind::bytes, big_endian(1 << (head - 0xc7)) + 1);
        if (head == 0xca) return {Kind::real, 0, as<float>(static_cast<std::uint32_t>(big_endian(4)))};
        if (head == 0xcb) return {Kind::real, 0, as<double>(big_endian(8))};
        if (head >= 0xcc && head <= 0xcf) return whole(big_endian(1 << (head - 0xcc)));
        if (head >= 0xd0 && head <= 0xd3) {
            const int shift = 64 - (8 << (head - 0xd0));
            const std::uint64_t bits = big_endian(1 << (head - 0xd0)) << shift;
            return {Kind::integer, as<std::int64_t>(bits) >> shift};
        }
        if (head >= 0xd4 && head <= 0xd8) return chunk(Kind::bytes, (1U << (head - 0xd4)) + 1);
        if (head >= 0xd9 && head <= 0xdb) return chunk(Kind::text, big_endian(1 << (head - 0xd9)));
        if (head == 0xdc || head == 0xdd) return values(Kind::array, big_endian(2 << (head - 0xdc)));
        if (head == 0xde || head == 0xdf) return values(Kind::map, big_endian(2 << (head - 0xde)));
        ok_ = false;
        return {};
    }

    std::uint64_t left() const { return static_cast<std::uint64_t>(end_ - at_); }

    std::uint64_t big_endian(unsigned count) {
        std::uint64_t value = 0;
        if (!ok_ || count > left()) return ok_ = false;
        for (; count > 0; count--) value = value << 8 | *at_++;
        return value;
    }
    template <class To, class From>
    static To as(From bits) {
        static_assert(sizeof(To) == sizeof(From));
        To value;
        std::memcpy(&value, &bits, sizeof value);
        return value;
    }
    static Item whole(std::uint64_t value) {
        if (value >> 63) return {Kind::real, 0, static_cast<double>(value)};
        return {Kind::integer, static_cast<std::int64_t>(value)};
    }
    Item chunk(Kind kind, std::uint64_t size) {
        if (!ok_ || size > left()) return ok_ = false, Item{};
        at_ += size;
        return {kind, 0, kNan, size, reinterpret_cast<const char*>(at_ - size)};
    }
    /// Each value has a byte at least: more of them than bytes is a lie.
    Item values(Kind kind, std::uint64_t size) {
        if (!ok_ || size > left() / (kind == Kind::map ? 2 : 1)) return ok_ = false, Item{};
        return {kind, 0, kNan, size};
    }

    const std::uint8_t* at_;
    const std::uint8_t* end_;
    bool ok_ = true;
};

/// Values by OpenSim name, in the order of the wire. Its memory is used again from one frame to the next.
class Table {
public:
    struct Named {
        std::string name;
        double value = kNan;
    };

    const Named* begin() const { return entries_.data(); }
    const Named* end() const { return entries_.data() + size_; }
    Named* begin() { return entries_.data(); }
    Named* end() { return entries_.data() + size_; }
    std::size_t size() const { return size_; }
    /// `end()` where the name is not there; by `at` NaN.
    const Named* find(std::string_view name) const {
        return std::find_if(begin(), end(), [name](const Named& entry) { return entry.name == name; });
    }
    double at(std::string_view name) const {
        const Named* found = find(name);
        return found == end() ? kNan : found->value;
    }
    void clear() { size_ = 0; }
    bool read(Reader& from) {
        size_ = 0;
        const std::uint64_t count = from.map();
        if (count > kMostNames) return false;
        if (entries_.size() < count) entries_.resize(count);
        for (; size_ < count && from.ok(); size_++) {
            entries_[size_].name = from.text();
            entries_[size_].value = from.number();
        }
        return from.ok();
    }

private:
    std::vector<Named> entries_;
    std::size_t size_ = 0;
};

/// vgrf in bodyweights; centre of pressure in foot lengths and widths, NaN while undefined; heel strike and toe off on
/// the clock of t_ns, empty before the first.
struct Foot {
    double vgrf = kNan, cop_ap = kNan, cop_ml = kNan;
    bool contact = false;
    std::optional<std::int64_t> heel_strike_ns, toe_off_ns;
};

/// One `frame`, in the words of docs/clients.md; receive_ns: when this client read it, on its own clock.
struct Frame {
    std::string session, state;
    std::int64_t seq = 0, t_ns = 0, publish_ns = 0, receive_ns = 0;
    double t = kNan, age_ms = kNan, oldest_ms = kNan, settling_ms = kNan;
    bool valid = false, moment_valid = false;
    std::vector<std::string> missing, unusual, diverging;
    Table angle, moment, velocity, interval, angle_imu;
    Foot right, left;

    /// False where a field is missing or of another type; the frame is then of no use. Unknown fields are passed over.
    bool read(Reader& from) {
        // Those up to `ground` are in every frame; the others came later.
        static constexpr std::array<std::string_view, 20> kKeys = {
            "session", "seq", "t", "t_ns", "publish_ns", "age_ms", "oldest_ms", "valid", "state", "settling_ms",
            "missing", "angle", "moment", "ground", "moment_valid", "velocity", "interval", "angle_imu", "unusual",
            "diverging"};
        constexpr unsigned kRequired = (1U << 14) - 1;
        unsigned seen = 0;
        moment_valid = false;
        for (Table* table : {&velocity, &interval, &angle_imu}) table->clear();
        for (auto* names : {&unusual, &diverging}) names->clear();
        for (std::uint64_t count = from.map(); count > 0 && from.ok(); count--) {
            const std::string_view key = from.text();
            const auto index = std::find(kKeys.begin(), kKeys.end(), key) - kKeys.begin();
            seen |= 1U << index;
            bool fine = true;
            switch (index) {
                case 0: session = from.text(); break;
                case 1: seq = from.integer(); break;
                case 2: t = from.number(); break;
                case 3: t_ns = from.integer(); break;
                case 4: publish_ns = from.integer(); break;
                case 5: age_ms = from.number(); break;
                case 6: oldest_ms = from.number(); break;
                case 7: valid = from.boolean(); break;
                case 8: state = from.text(); break;
                case 9: settling_ms = from.number(); break;
                case 10: fine = read_names(from, missing); break;
                case 11: fine = angle.read(from); break;
                case 12: fine = moment.read(from); break;
                case 13: fine = read_ground(from); break;
                case 14: moment_valid = from.boolean(); break;
                case 15: fine = velocity.read(from); break;
                case 16: fine = interval.read(from); break;
                case 17: fine = angle_imu.read(from); break;
                case 18: fine = read_names(from, unusual); break;
                case 19: fine = read_names(from, diverging); break;
                default: from.skip();
            }
            if (!fine) return false;
        }
        const bool whole = from.at_end() && (seen & kRequired) == kRequired;
        return whole && seq >= 0 && is_instant(t_ns) && is_instant(publish_ns);
    }

private:
    /// Differences of two must not overflow.
    static bool is_instant(std::int64_t time_ns) { return time_ns >= 0 && time_ns < std::int64_t{1} << 61; }
    static bool read_names(Reader& from, std::vector<std::string>& names) {
        names.clear();
        for (std::uint64_t count = from.array(); count > 0 && from.ok(); count--) {
            if (names.size() == kMostNames) return false;
            names.emplace_back(from.text());
        }
        return from.ok();
    }
    bool read_ground(Reader& from) {
        unsigned sides = 0;
        for (std::uint64_t count = from.map(); count > 0 && from.ok(); count--) {
            const std::string_view side = from.text();
            if (side != "r" && side != "l") {
                from.skip();
                continue;
            }
            if (!read_foot(from, side == "r" ? right : left)) return false;
            sides |= side == "r" ? 1 : 2;
        }
        return from.ok() && sides == 3;
    }
    static bool read_foot(Reader& from, Foot& foot) {
        foot = {};
        unsigned seen = 0;
        for (std::uint64_t count = from.map(); count > 0 && from.ok(); count--) {
            const std::string_view key = from.text();
            if (key == "vgrf") foot.vgrf = from.number(), seen |= 1;
            else if (key == "cop_ap") foot.cop_ap = from.number(), seen |= 2;
            else if (key == "cop_ml") foot.cop_ml = from.number(), seen |= 4;
            else if (key == "contact") foot.contact = from.boolean(), seen |= 8;
            else if (key == "heel_strike_ns") foot.heel_strike_ns = from.integer_or_nil();
            else if (key == "toe_off_ns") foot.toe_off_ns = from.integer_or_nil();
            else from.skip();
        }
        return from.ok() && seen == 15;
    }
};

/// What comes in, by its bytes and their time alone: keeps the newest frame, counts, and judges. No socket, no clock.
class Intake {
public:
    /// same_clock: the service runs on this machine. Otherwise, until `set_offset`, ages count from the fastest frames
    /// of the session.
    explicit Intake(bool same_clock) : same_clock_(same_clock) {}

    /// The service's clock minus ours, as it was at our now_ns within error_ns to either side.
    void set_offset(std::int64_t offset_ns, std::int64_t error_ns, std::int64_t now_ns) {
        same_clock_ = false;
        measured_ = true;
        offset_ns_ = offset_ns;
        offset_error_ns_ = error_ns;
        measured_ns_ = now_ns;
    }
    /// By how much the offset may be wrong by now: the clocks drift.
    std::int64_t offset_error_ns(std::int64_t now_ns) const {
        const auto since_ns = static_cast<double>(std::max<std::int64_t>(0, now_ns - measured_ns_));
        return measured_ ? offset_error_ns_ + static_cast<std::int64_t>(kDrift * since_ns) : 0;
    }

    std::uint64_t frames = 0, missed = 0, malformed = 0, restarts = 0;
    std::string session;
    std::optional<double> body_mass_kg;

    /// One message. Error: the service speaks another schema.
    void take(const void* data, std::size_t size, std::int64_t now_ns) {
        std::string_view topic, from;
        std::int64_t version = 0;
        std::optional<double> mass;
        unsigned seen = 0;
        Reader head(data, size);
        for (std::uint64_t count = head.map(); count > 0 && head.ok(); count--) {
            const std::string_view key = head.text();
            if (key == "topic") topic = head.text(), seen |= 1;
            else if (key == "session") from = head.text(), seen |= 2;
            else if (key == "v") version = head.integer(), seen |= 4;
            else if (key == "body_mass_kg") mass = head.number();
            else head.skip();
        }
        if (!head.at_end() || seen != 7) {
            malformed++;
            return;
        }
        if (version != kSchemaVersion)
            throw Error("the service speaks schema " + std::to_string(version) + ", this client " +
                        std::to_string(kSchemaVersion) + "; take the second_skin.hpp that belongs to the service");
        note_session(from);
        if (topic == "frame") take_frame(Reader(data, size), now_ns);
        else if (topic == "hello") body_mass_kg = mass && std::isfinite(*mass) ? mass : std::nullopt;
    }

    const Frame* newest() const { return has_frame_ ? &newest_ : nullptr; }

    double rate_hz() const {
        if (sent_count_ < kRateWindow) return kNan;
        const std::int64_t first_ns = sent_ns_[sent_count_ % kRateWindow];
        const std::int64_t last_ns = sent_ns_[(sent_count_ - 1) % kRateWindow];
        return (kRateWindow - 1) * 1e9 / static_cast<double>(std::max<std::int64_t>(1, last_ns - first_ns));
    }

    /// Whether it cannot have been sent longer ago. False also for a frame from the future: then the clocks are not
    /// what they were said to be.
    bool sent_within(std::int64_t limit_ns, std::int64_t now_ns) const {
        if (!has_frame_) return false;
        const std::int64_t age_ns = now_ns + offset_ns_ - newest_.publish_ns, error_ns = offset_error_ns(now_ns);
        return age_ns >= -error_ns && age_ns < limit_ns - error_ns;
    }
    /// Read just now is not enough: after a stall of this client, frames of a dead service still wait.
    bool alive(std::int64_t now_ns) const {
        return has_frame_ && now_ns - newest_.receive_ns < kAliveNs && sent_within(kAliveNs, now_ns);
    }
    bool rate_ok(std::int64_t now_ns) const {
        return alive(now_ns) && std::abs(rate_hz() - kRateHz) < kRateTolerance * kRateHz;
    }
    bool valid(std::int64_t now_ns) const { return alive(now_ns) && newest_.valid; }

private:
    void note_session(std::string_view found) {
        if (found == session) return;
        if (!session.empty()) restarts++;
        session = found;
        body_mass_kg.reset();
        sent_count_ = 0;
        first_of_session_ = true;
    }

    void take_frame(Reader bytes, std::int64_t now_ns) {
        if (!incoming_.read(bytes)) {
            malformed++;
            return;
        }
        incoming_.receive_ns = now_ns;
        if (!first_of_session_ && incoming_.seq > newest_.seq) missed += incoming_.seq - newest_.seq - 1;
        if (!same_clock_ && !measured_) follow_clock();
        std::swap(newest_, incoming_);
        sent_ns_[sent_count_++ % kRateWindow] = newest_.publish_ns;
        has_frame_ = true;
        first_of_session_ = false;
        frames++;
    }

    /// The fastest frame is taken to have needed no time, as long as drifting clocks let that stand.
    void follow_clock() {
        const std::int64_t ahead_ns = incoming_.publish_ns - incoming_.receive_ns;
        const std::int64_t since_ns = std::min(incoming_.receive_ns - newest_.receive_ns, kSilenceNs);
        const std::int64_t faded_ns = offset_ns_ - static_cast<std::int64_t>(kDrift * static_cast<double>(since_ns));
        offset_ns_ = first_of_session_ ? ahead_ns : std::max(faded_ns, ahead_ns);
    }

    bool same_clock_, measured_ = false;
    std::int64_t offset_ns_ = 0, offset_error_ns_ = 0, measured_ns_ = 0;
    Frame newest_, incoming_;
    bool has_frame_ = false, first_of_session_ = true;
    std::array<std::int64_t, kRateWindow> sent_ns_{};
    std::uint64_t sent_count_ = 0;
};

/// CURVE keys in Z85: this client's pair, and the service's public key.
struct Keys {
    std::string server, own_public, own_secret;

    /// Of the file that `second-skin keys add` made. Error: it is not there, is none, or others can read it.
    static Keys load(const std::string& path) {
        struct stat about {};
        if (stat(path.c_str(), &about) != 0) throw Error(path + ": cannot be read: " + std::strerror(errno));
        if ((about.st_mode & 077) != 0)
            throw Error(path + ": a secret key that others can read; chmod 600 it, and make a new key if somebody did");
        Keys keys;
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);)
            for (auto& [name, key] : {std::pair<const char*, std::string*>{"server-key", &keys.server},
                                      {"public-key", &keys.own_public}, {"secret-key", &keys.own_secret}})
                if (const auto quote = line.find('"'); quote != line.npos && line.find(name) < quote)
                    *key = line.substr(quote + 1, 40);
        for (const std::string* key : {&keys.server, &keys.own_public, &keys.own_secret}) {
            std::uint8_t bytes[32];
            if (key->size() != 40 || zmq_z85_decode(bytes, key->c_str()) == nullptr)
                throw Error(path + ": holds no three keys; make it on the suit with second-skin keys add");
        }
        return keys;
    }
};

/// One ZeroMQ connection, as libzmq keeps it up.
class Socket {
public:
    Socket(const std::string& endpoint, int type) : endpoint_(endpoint), socket_(zmq_socket(context_.get(), type)) {
        if (!socket_) throw Error(endpoint + ": no socket can be made: " + zmq_strerror(zmq_errno()));
        // Not ZMQ_HEARTBEAT_IVL: on a subscriber whose queue is full it aborts the process (libzmq issue 3937).
        for (auto [name, value] : {std::pair{ZMQ_LINGER, 0}, {ZMQ_RECONNECT_IVL, 50}, {ZMQ_TCP_KEEPALIVE, 1},
                                   {ZMQ_TCP_KEEPALIVE_IDLE, 1}, {ZMQ_TCP_KEEPALIVE_INTVL, 1},
                                   {ZMQ_TCP_KEEPALIVE_CNT, 2}, {ZMQ_TCP_MAXRT, 3000}, {ZMQ_HANDSHAKE_IVL, 3000}})
            set(name, value);
        zmq_msg_init(&message_);
    }
    ~Socket() { zmq_msg_close(&message_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void set(int option, int value) { set(option, &value, sizeof value); }
    void set(int option, const void* value, std::size_t size) {
        if (zmq_setsockopt(get(), option, value, size) != 0)
            throw Error("libzmq refuses option " + std::to_string(option) + ": " + zmq_strerror(zmq_errno()));
    }
    /// In the background. key_file: empty for none.
    void connect(const std::string& key_file) {
        if (!key_file.empty()) {
            const Keys keys = Keys::load(key_file);
            set(ZMQ_CURVE_SERVERKEY, keys.server.c_str(), 41);
            set(ZMQ_CURVE_PUBLICKEY, keys.own_public.c_str(), 41);
            set(ZMQ_CURVE_SECRETKEY, keys.own_secret.c_str(), 41);
        }
        if (zmq_connect(get(), endpoint_.c_str()) != 0)
            throw Error(endpoint_ + ": " + zmq_strerror(zmq_errno()) + "; write tcp://127.0.0.1:5555 or ipc:///path");
    }
    /// Anew where nothing has come over TCP for too long.
    void connect_after_silence() {
        if (endpoint_.rfind("tcp://", 0) != 0 || monotonic_ns() - heard_ns_ <= kSilenceNs) return;
        heard_ns_ = monotonic_ns();
        zmq_disconnect(get(), endpoint_.c_str());
        zmq_connect(get(), endpoint_.c_str());
    }
    /// The last part of the next message that waits, if one does: it is at `data` until the next call.
    bool receive() {
        while (zmq_msg_recv(&message_, get(), ZMQ_DONTWAIT) >= 0) {
            heard_ns_ = monotonic_ns();
            if (!zmq_msg_more(&message_)) return true;
        }
        return false;
    }
    const std::string& endpoint() const { return endpoint_; }
    const void* data() { return zmq_msg_data(&message_); }
    std::size_t size() const { return zmq_msg_size(&message_); }
    std::int64_t heard_ns() const { return heard_ns_; }
    /// Until something comes, a quarter of a second at most; false where no time is left, or a signal came.
    bool wait(std::int64_t left_ns) {
        zmq_pollitem_t item{get(), 0, ZMQ_POLLIN, 0};
        return left_ns > 0 && zmq_poll(&item, 1, std::min<long>(left_ns / 1'000'000 + 1, 250)) >= 0;
    }
    void* get() const { return socket_.get(); }

private:
    struct Close {
        void operator()(void* socket) const { zmq_close(socket); }
    };
    struct Terminate {
        void operator()(void* context) const {
            while (zmq_ctx_term(context) != 0 && zmq_errno() == EINTR) {}
        }
    };

    std::string endpoint_;
    std::unique_ptr<void, Terminate> context_{zmq_ctx_new()};
    std::unique_ptr<void, Close> socket_;
    zmq_msg_t message_;
    std::int64_t heard_ns_ = monotonic_ns();
};

struct Options {
    std::string key_file;                         // an address of another machine needs one: `second-skin keys add`
    int queue_frames = 20;                        // how many ZeroMQ keeps between two calls
    bool same_clock = true;                       // false: ages count from the fastest frames of the session
    std::optional<std::int64_t> clock_offset_ns;  // the service's clock minus this machine's, where that was measured
    std::int64_t clock_error_ns = kOffsetErrorNs;  // how wrong that may be; a frame counts as old as it can be by it
};

/// A subscription to one service; reconnects by itself. Not for use from several threads at once.
///
/// `alive`: the newest frame was sent and read less than 10 periods ago, on this client's own clock. `rate_ok`: alive,
/// and the last half second came at 200 Hz within 10 %. `valid`: alive, and the service vouches for the newest frame.
/// All that read first take in what waits, without blocking, and throw Error if the service speaks another schema.
class FrameClient {
public:
    /// Connects in the background: no service need be there yet. Error: no such address, or a bad key file.
    explicit FrameClient(const std::string& endpoint = "tcp://127.0.0.1:5555", const Options& options = {})
        : socket_(endpoint, ZMQ_SUB), intake_(options.same_clock) {
        if (options.clock_offset_ns) set_clock_offset_ns(*options.clock_offset_ns, options.clock_error_ns);
        socket_.set(ZMQ_RCVHWM, options.queue_frames);
        socket_.set(ZMQ_RCVBUF, 16'384);
        for (const char* topic : {"frame", "hello"}) socket_.set(ZMQ_SUBSCRIBE, topic, 5);
        socket_.connect(options.key_file);
    }

    /// Whether there is a frame that was sent less than 20 ms ago and that no `poll` told of; waits for it so long.
    /// False too when a signal came.
    bool poll(int timeout_ms) {
        const std::int64_t deadline_ns = monotonic_ns() + timeout_ms * 1'000'000LL;
        while (true) {
            take_in();
            const std::int64_t now_ns = monotonic_ns();
            if (intake_.frames != told_ && intake_.sent_within(kStaleNs, now_ns)) {
                told_ = intake_.frames;
                return true;
            }
            if (!socket_.wait(deadline_ns - now_ns)) return false;
        }
    }

    /// Calls each(frame) for every frame that waits, oldest first, stale or not; waits for one if there is none. How
    /// many there were. What another member took in meanwhile is not among them.
    template <class Each>
    std::size_t recv_all(int timeout_ms, Each each) {
        const std::int64_t deadline_ns = monotonic_ns() + timeout_ms * 1'000'000LL;
        const std::uint64_t before = intake_.frames;
        do take_in(each);
        while (intake_.frames == before && socket_.wait(deadline_ns - monotonic_ns()));
        return intake_.frames - before;
    }

    /// The newest frame that came, however old (see `alive`); null before the first. Holds until the next call.
    const Frame* latest() { return take_in().newest(); }

    /// The outcome of this name (an angle in degrees; with `_moment` a moment in Nm/kg) where it may be acted on: sent
    /// less than max_age_ms ago (50 at most) and at most 50 ms after its instant (age_ms), alive, rate_ok, valid, a
    /// number, and of moments moment_valid. Else empty.
    std::optional<double> value(std::string_view name, double max_age_ms) {
        const Intake& intake = take_in();
        const std::int64_t now_ns = monotonic_ns();
        const double most_ns = max_age_ms > 0 ? std::min(max_age_ms * 1e6, static_cast<double>(kAliveNs)) : 0;
        if (!intake.sent_within(static_cast<std::int64_t>(most_ns), now_ns)) return {};
        if (!intake.rate_ok(now_ns) || !intake.valid(now_ns)) return {};
        const Frame& frame = *intake.newest();
        if (!(frame.age_ms <= kLateMs)) return {};
        double found = frame.angle.at(name);
        if (std::isnan(found) && frame.moment_valid) found = frame.moment.at(name);
        return std::isfinite(found) ? std::optional(found) : std::nullopt;
    }

    bool alive() { return take_in().alive(monotonic_ns()); }
    bool rate_ok() { return take_in().rate_ok(monotonic_ns()); }
    bool valid() { return take_in().valid(monotonic_ns()); }
    /// Frames a second over the last half second of frames; NaN before that many came.
    double rate_hz() { return take_in().rate_hz(); }
    /// The service's session id, random at each of its starts; empty before anything came.
    const std::string& session() const { return intake_.session; }
    /// From now on, where the clock of another machine was measured anew (clock_offset.hpp).
    void set_clock_offset_ns(std::int64_t offset_ns, std::int64_t error_ns = kOffsetErrorNs) {
        intake_.set_offset(offset_ns, error_ns, monotonic_ns());
    }
    /// Of the wearer, by which a moment in Nm/kg becomes one in Nm; empty before `hello`, and without a wearer.
    std::optional<double> body_mass_kg() { return take_in().body_mass_kg; }

    /// Frames received; sequence numbers that never came; messages ignored; restarts of the service seen.
    std::uint64_t frames() const { return intake_.frames; }
    std::uint64_t missed() const { return intake_.missed; }
    std::uint64_t malformed() const { return intake_.malformed; }
    std::uint64_t restarts() const { return intake_.restarts; }

private:
    const Intake& take_in() {
        return take_in([](const Frame&) {});
    }

    /// Reads what waits, a thousand messages at most.
    template <class Each>
    const Intake& take_in(Each each) {
        for (int count = 0; count < 1000 && socket_.receive(); count++) {
            const std::uint64_t before = intake_.frames;
            intake_.take(socket_.data(), socket_.size(), socket_.heard_ns());
            if (intake_.frames != before) each(*intake_.newest());
        }
        socket_.connect_after_silence();
        return intake_;
    }

    Socket socket_;
    Intake intake_;
    std::uint64_t told_ = 0;
};

}  // namespace second_skin
