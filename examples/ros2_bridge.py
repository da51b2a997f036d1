#!/usr/bin/env python3
"""A ROS 2 node that publishes the suit's stream. NOT RUN by its authors: they had no ROS 2 at hand.

    pip install pyzmq msgpack && pip install --no-deps .     # in the checkout, into the Python that ROS 2 uses
    source /opt/ros/humble/setup.bash
    python3 ros2_bridge.py --ros-args -p endpoint:=tcp://127.0.0.1:5555

Publishes `joint_states` (sensor_msgs/JointState, 200 Hz while frames are valid), `diagnostics`
(diagnostic_msgs/DiagnosticArray, 1 Hz) and `events` (std_msgs/String). docs/ros2.md tells field by field what becomes
of a message. The conversion, `joint_state`, `diagnostics` and `event_text`, needs no ROS 2, and is tested without it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from jetson_runtime.client import FrameClient

OK, WARN, ERROR, STALE = 0, 1, 2, 3
_MOMENT = "_moment"


@dataclass(frozen=True)
class JointState:
    """Of a sensor_msgs/JointState: rad, rad/s, Nm; arrays of one order, or empty. stamp_ns: on the wall clock."""

    stamp_ns: int
    name: list[str]
    position: list[float]
    velocity: list[float]
    effort: list[float]


@dataclass(frozen=True)
class Diagnostic:
    """What a diagnostic_msgs/DiagnosticStatus holds."""

    level: int
    name: str
    message: str
    hardware_id: str
    values: dict[str, str]


def joint_state(
    t_ns: int,
    angle: dict[str, float],
    velocity: dict[str, float],
    moment: dict[str, float],
    moment_valid: bool,
    body_mass_kg: float | None,
    utc_minus_monotonic_ns: int,
) -> JointState:
    """Of a valid frame: degrees, degrees/s and Nm/kg become rad, rad/s and Nm.

    A joint is named as OpenSim names the coordinate. velocity: empty where the service does not tell it. effort: empty
    without a body mass, and while the feet do not carry the wearer: `valid` holds while they sit, and their moments are
    wrong.
    """
    names = list(angle)
    known = bool(velocity) and velocity.keys() >= angle.keys()
    return JointState(
        stamp_ns=t_ns + utc_minus_monotonic_ns,
        name=names,
        position=[math.radians(angle[name]) for name in names],
        velocity=[math.radians(velocity[name]) for name in names] if known else [],
        effort=[moment[name + _MOMENT] * body_mass_kg for name in names]
        if moment_valid and body_mass_kg is not None
        else [],
    )


def diagnostics(status: dict[str, Any]) -> list[Diagnostic]:
    """The suit as a whole, then each of its sensors."""
    faults = status["faults"]
    of_stream = {name: [fault for fault in faults if fault["stream"] == name] for name in status["streams"]}
    whole = Diagnostic(
        level=OK
        if status["state"] == "running" and not faults
        else WARN
        if status["state"] == "running"
        else ERROR,
        name="second_skin: suit",
        message=status["state"],
        hardware_id="second_skin",
        values={
            "rate_hz": f"{status['rate_hz']:.1f}",
            "missed_ticks": str(status["missed_ticks"]),
            "model": str(status["model"]),
            **{f"fault {fault['number']} {fault['stream']}".strip(): fault["text"] for fault in faults},
        },
    )
    return [whole] + [_sensor(name, stream, of_stream[name]) for name, stream in status["streams"].items()]


def _sensor(name: str, stream: dict[str, Any], faults: list[dict[str, Any]]) -> Diagnostic:
    level = STALE if not stream["alive"] else OK if stream["valid"] and not faults else WARN
    told = stream["detail"] or (
        "ok" if level == OK else "; ".join(fault["text"] for fault in faults) or "stale"
    )
    return Diagnostic(
        level=level,
        name=f"second_skin: {name}",
        message=told,
        hardware_id=str(stream["serial"]),
        values={key: str(stream[key]) for key in ("rate_hz", "age_ms", "drops", "bad_bytes", "port")},
    )


def event_text(event: dict[str, Any], utc_minus_monotonic_ns: int) -> str:
    """A std_msgs/String has no header: one line of JSON, with the instant as `utc_ns`."""
    left_out = ("topic", "v", "session", "t", "t_ns", "publish_ns", "at_ns")
    told = {key: value for key, value in event.items() if key not in left_out}
    return json.dumps({"utc_ns": event.get("at_ns", event["t_ns"]) + utc_minus_monotonic_ns, **told})


def main() -> None:
    """The node. Everything that needs ROS 2 is in here."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
    from rclpy.node import Node
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.time import Time
    from sensor_msgs.msg import JointState as JointStateMsg
    from std_msgs.msg import String

    rclpy.init()
    node = Node("second_skin")
    endpoint = node.declare_parameter("endpoint", "tcp://127.0.0.1:5555").value
    use_ros_time = node.declare_parameter("ros_time", False).value
    joints = node.create_publisher(JointStateMsg, "joint_states", qos_profile_sensor_data)
    states = node.create_publisher(DiagnosticArray, "diagnostics", 10)
    texts = node.create_publisher(String, "events", 50)
    client = FrameClient(endpoint)
    told: dict[str, Any] = {}

    def stamp(stamp_ns: int) -> Any:
        """The stream's instant on the wall clock; with `ros_time`, now: where a simulation's clock rules."""
        return node.get_clock().now().to_msg() if use_ros_time else Time(nanoseconds=stamp_ns).to_msg()

    def publish() -> None:
        frames, hello = client.recv_all(0), client.hello
        if hello is None:
            return
        offset_ns = hello["utc_minus_monotonic_ns"]
        for frame in frames:
            if frame.valid:
                state = joint_state(
                    frame.t_ns,
                    frame.angle,
                    frame.velocity,
                    frame.moment,
                    frame.moment_valid,
                    hello["body_mass_kg"],
                    offset_ns,
                )
                message = JointStateMsg(
                    name=state.name, position=state.position, velocity=state.velocity, effort=state.effort
                )
                message.header.stamp, message.header.frame_id = stamp(state.stamp_ns), "second_skin"
                joints.publish(message)
        while client.events:
            texts.publish(String(data=event_text(client.events.popleft(), offset_ns)))
        if client.status is not None and client.status is not told.get("status"):
            told["status"] = client.status
            message = DiagnosticArray(status=[to_message(one) for one in diagnostics(client.status)])
            message.header.stamp = stamp(client.status["t_ns"] + offset_ns)
            states.publish(message)

    def to_message(one: Diagnostic) -> Any:
        return DiagnosticStatus(
            level=bytes([one.level]),
            name=one.name,
            message=one.message,
            hardware_id=one.hardware_id,
            values=[KeyValue(key=key, value=value) for key, value in one.values.items()],
        )

    node.create_timer(0.005, publish)
    try:
        rclpy.spin(node)
    finally:
        client.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
