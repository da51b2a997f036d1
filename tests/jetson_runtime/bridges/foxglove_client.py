"""For tests: a client of Foxglove's WebSocket protocol (foxglove.sdk.v1), by hand; and what is shown, read."""

from __future__ import annotations

import json
import struct
import time
from base64 import b64decode
from contextlib import ExitStack
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from websockets.sync.client import connect

_SUBPROTOCOL = "foxglove.sdk.v1"
_MESSAGE_DATA = 1
_HEAD = struct.Struct("<BIQ")


def decoder_of(name: str, schema: bytes) -> Any:
    """The class of Protobuf messages that a FileDescriptorSet describes."""
    files = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(schema).file}
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(file: Any) -> None:
        if file.name not in added:
            added.add(file.name)
            for needed in file.dependency:
                add(files[needed])
            pool.Add(file)

    for file in files.values():
        add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def decode(encoding: str, name: str, schema: bytes, payload: bytes) -> Any:
    """A message as a viewer reads it: a dict of JSON, or a Protobuf message."""
    return json.loads(payload) if encoding == "json" else decoder_of(name, schema).FromString(payload)


class FoxgloveClient:
    """Connected; `channels` by topic as the server advertises them."""

    def __init__(self, port: int) -> None:
        self.channels: dict[str, dict[str, Any]] = {}
        self.closed: list[str] = []
        self.server: dict[str, Any] = {}
        self.messages: list[tuple[str, int, Any]] = []
        self._topics: dict[int, str] = {}
        self._decoders: dict[int, Any] = {}
        self._open = ExitStack()
        url = f"ws://127.0.0.1:{port}"
        self._socket = self._open.enter_context(
            connect(url, subprotocols=[_SUBPROTOCOL], compression=None, max_size=2**24)
        )

    def __enter__(self) -> FoxgloveClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def subscribe(self, *topics: str) -> None:
        """Its number is the channel's."""
        wanted = [
            {"id": self.channels[topic]["id"], "channelId": self.channels[topic]["id"]} for topic in topics
        ]
        self._socket.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))

    def unsubscribe(self, *topics: str) -> None:
        numbers = [self.channels[topic]["id"] for topic in topics]
        self._socket.send(json.dumps({"op": "unsubscribe", "subscriptionIds": numbers}))

    def listen(self, seconds: float) -> None:
        """Takes in what comes within this time."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                told = self._socket.recv(timeout=left_s)
            except TimeoutError:
                return
            if isinstance(told, bytes):
                self._data(told)
            else:
                self._control(json.loads(told))

    def of(self, topic: str) -> list[tuple[int, Any]]:
        """Log time and message of what came on a topic."""
        return [(log_ns, message) for at, log_ns, message in self.messages if at == topic]

    def _control(self, told: dict[str, Any]) -> None:
        if told["op"] == "serverInfo":
            self.server = told
        elif told["op"] == "advertise":
            for channel in told["channels"]:
                self.channels[channel["topic"]] = channel
                self._topics[channel["id"]] = channel["topic"]
        elif told["op"] == "unadvertise":
            self.closed += [self._topics[number] for number in told["channelIds"]]

    def _data(self, told: bytes) -> None:
        code, number, log_ns = _HEAD.unpack_from(told)
        if code != _MESSAGE_DATA:
            return
        topic = self._topics[number]
        channel = self.channels[topic]
        if channel["encoding"] == "protobuf" and number not in self._decoders:
            self._decoders[number] = decoder_of(channel["schemaName"], b64decode(channel["schema"]))
        payload = told[_HEAD.size :]
        read = (
            json.loads(payload)
            if channel["encoding"] == "json"
            else self._decoders[number].FromString(payload)
        )
        self.messages.append((topic, log_ns, read))
