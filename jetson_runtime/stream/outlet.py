"""A socket that frames leave by: bounded for each client, and what clients subscribe to on it."""

from __future__ import annotations

import contextlib

import zmq

from jetson_runtime.stream import endpoints
from jetson_runtime.stream.door import Door

# Frames that may wait for one slow client.
CLIENT_QUEUE_FRAMES = 20
# A kernel's default of megabytes would hold seconds of frames for a client that reads too slowly.
SEND_BUFFER_BYTES = 16_384
# A subscription is a topic's name, a CURVE handshake takes up to 600 bytes; anything longer is no client of ours.
INCOMING_LIMIT_BYTES = 1024
# Subscriptions of one client that libzmq takes in before they are looked at.
WAITING_SUBSCRIPTIONS = 64
# Subscriptions handled between two looks at the frames, so that a flood of them delays none.
SUBSCRIPTIONS_AT_ONCE = 32


def open_outlet(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """An XPUB socket that `door` watches, not bound yet."""
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, CLIENT_QUEUE_FRAMES)
    socket.setsockopt(zmq.SNDBUF, SEND_BUFFER_BYTES)
    socket.setsockopt(zmq.MAXMSGSIZE, INCOMING_LIMIT_BYTES)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.setsockopt(zmq.RCVHWM, WAITING_SUBSCRIPTIONS)
    # Not ZMQ_HEARTBEAT_IVL: a heartbeat that expires while a client's queue is full makes libzmq abort that client
    # (issue 3937; a stall of 0.7 s killed 6 of 8). 200 frames a second are heartbeat enough.
    endpoints.keep_alive(socket)
    door.watch(socket)
    return socket


def subscriptions(socket: zmq.Socket[bytes], door: Door) -> tuple[list[bytes], list[bytes]]:
    """What clients have just subscribed to on `socket`, some of it, and what the last of them has let go of.

    The door hears all that they send.
    """
    asked, ended = [], []
    with contextlib.suppress(zmq.Again):
        for _ in range(SUBSCRIPTIONS_AT_ONCE):
            message = socket.recv(zmq.NOBLOCK, copy=False)
            content = message.bytes
            if content[:1] == b"\x00":
                # libzmq tells it of whoever has gone, too, and then of nobody whom the door could know.
                door.admits(message, subscribes=False)
                ended.append(content[1:])
            elif door.admits(message, subscribes=True) and content[:1] == b"\x01":
                asked.append(content[1:])
    return asked, ended
