"""The page's web server: its routes, the gate before them, its socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from nicegui import ui
from starlette.websockets import WebSocket

from jetson_runtime.dashboard import page, support
from jetson_runtime.dashboard.desk import Desk
from jetson_runtime.dashboard.gate import Gate
from jetson_runtime.dashboard.password import Password
from jetson_runtime.dashboard.recordings import Recordings
from jetson_runtime.dashboard.steering import Steering
from jetson_runtime.dashboard.support import Support
from jetson_runtime.suit.addresses import for_this_machine
from jetson_runtime.suit.config import SuitConfig
from jetson_runtime.suit.errors import ConfigError, EndpointError
from jetson_runtime.suit.web import DashboardTable

# Connections at a time; whoever comes then is told to try again.
_MOST_CONNECTIONS = 200
# Nothing that a browser sends here is longer.
_MOST_SOCKET_BYTES = 1 << 16
# A browser that does not answer for so long is gone.
_PING_S = 5.0
_STOP_S = 1
# Of Linux's in.h (man 7 ip); Python's socket has no name for it.
_IP_FREEBIND = 15
# A phone that looked away for so long finds its page, and what was typed into it, as it was.
_RECONNECT_S = 10.0

_log = logging.getLogger("second-skin-dashboard")


def serve(config: SuitConfig, config_path: Path, state: Path) -> int:
    """Until SIGTERM or SIGINT, then 0. EndpointError: the address cannot be had. ConfigError, KeyFileError: as told."""
    settings = config.dashboard
    endpoint = for_this_machine(config.output.public)
    if endpoint is None:
        raise ConfigError(
            "the dashboard needs an address of this machine: add ipc:///run/second-skin/public to [output] public"
        )
    password = Password.of_file(settings.password_file) if settings.password_file else None
    recordings = Recordings(config.recording.folder, config.recording.keep_free_mb)
    desk = Desk(endpoint, recordings, config.model.bundle)
    page.register(
        Steering(for_this_machine(config.output.control)), recordings, logs_out=password is not None
    )
    application = _routes(desk, recordings, Support(config_path, state))
    gate = Gate(application, password, is_local=settings.is_local and password is None)
    with _bound(settings) as listening:
        _log.info("http://%s:%d", *listening.getsockname()[:2])
        asyncio.run(_run(uvicorn.Server(_settings(gate)), listening, desk))
    return 0


def _routes(desk: Desk, recordings: Recordings, archive: Support) -> FastAPI:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @application.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await desk.hub.serve(websocket)

    @application.get("/recordings/{name}")
    async def recording(name: str) -> Response:
        path = await asyncio.to_thread(recordings.file, name)
        if path is None:
            return PlainTextResponse("no such recording, or it is being written", 404)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")

    @application.get("/support")
    async def support_archive() -> Response:
        content = await asyncio.to_thread(archive.make)
        if content is None:
            return PlainTextResponse("another one is being made; try again", 503)
        attached = {"Content-Disposition": f'attachment; filename="{support.NAME}"'}
        return Response(content, media_type="application/gzip", headers=attached)

    # No Tailwind: a phone would have to make its style sheet. No history: what was missed is old.
    ui.run_with(
        application,
        title="Second Skin",
        tailwind=False,
        message_history_length=0,
        reconnect_timeout=_RECONNECT_S,
        show_welcome_message=False,
    )
    return application


def _settings(gate: Gate) -> uvicorn.Config:
    return uvicorn.Config(
        gate,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        ws_max_size=_MOST_SOCKET_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_STOP_S,
    )


async def _run(server: uvicorn.Server, listening: socket.socket, desk: Desk) -> None:
    # uvicorn ends by a signal in order, and then raises it once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    running = asyncio.create_task(desk.run())
    try:
        await server.serve(sockets=[listening])
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _bound(settings: DashboardTable) -> socket.socket:
    """On an address that no network interface has yet, as before the network is up, ahead of it."""
    family = socket.AF_INET6 if ":" in settings.listen else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.listen, settings.port))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            listening.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            listening.bind((settings.listen, settings.port))
            _log.warning(
                "%s: no network interface has this address yet; the page is there once one has",
                settings.listen,
            )
    except OSError as error:
        listening.close()
        raise EndpointError(
            f"{settings.listen}, port {settings.port}: {error.strerror}; choose another listen or port in [dashboard]"
        ) from error
    return listening
