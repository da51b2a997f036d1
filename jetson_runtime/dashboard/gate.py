"""Before every request of the page, WebSockets included: from our own page, and by somebody who has logged in?

An ASGI application around another. Whoever is not let in gets the log-in form and nothing of the page behind it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jetson_runtime.dashboard.access import SESSION_S, Sessions, Tries
from jetson_runtime.dashboard.password import LONGEST, Password

LOGIN, LOGOUT = "/login", "/logout"
COOKIE = "second-skin"
_MOST_BYTES = 4 * LONGEST + 100
_POLICY_VIOLATION = 1008
# How soon an open WebSocket notices that its session has ended.
_LOOK_S = 1.0
# Everything is served from here: a page that was made to load something from elsewhere would get nothing.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": a browser then sends its own form with no origin, as a stranger's.
    "Referrer-Policy": "same-origin",
}
_FORM = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Second Skin</title>
<style>body{{font:16px system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0 16px;
background:#f3f4f2;color:#1c2321}}form{{display:grid;gap:12px;width:min(20rem,100%)}}
input,button{{font:inherit;padding:10px;border:1px solid #88918d;border-radius:8px}}
button{{background:#17594a;color:#fff;border:0}}p{{color:#a32020;margin:0}}</style>
<form method="post" action="/login"><h1>Second Skin</h1><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>
<p role="alert">{why}</p><button>Log in</button></form></html>"""


class Gate:
    """password: None lets everybody in who can reach the page, which is this machine alone."""

    def __init__(self, app: ASGIApp, password: Password | None, *, is_local: bool) -> None:
        # NiceGUI looks for its server through it.
        self.app = app
        self._password = password
        self._is_local = is_local
        self._sessions = Sessions()
        self._tries = Tries()
        # One try at a time: a crowd of them costs one processor no more than it has.
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        send = _with_headers(send)
        answer = self._refuse_strangers(scope) or await self._ask_who(scope, receive)
        if answer is None:
            if scope["type"] == "websocket" and self._password is not None:
                receive, send = self._while_logged_in(scope, receive, send)
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return await answer(scope, receive, send)

    def _refuse_strangers(self, scope: Scope) -> Response | None:
        """Other sites' pages in the same browser must not reach this one: by its address, nor by a name of theirs."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._is_local and not _is_this_machine(host):
            return PlainTextResponse("this page answers to localhost alone", 403)
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse("this page takes no requests from other sites", 403)
        return None

    async def _ask_who(self, scope: Scope, receive: Receive) -> Response | None:
        """None: somebody who may pass."""
        if self._password is None:
            return None
        connection = HTTPConnection(scope)
        token = connection.cookies.get(COOKIE, "")
        path, is_post = scope["path"], scope.get("method") == "POST"
        if path == LOGIN:
            return await self._log_in(Request(scope, receive)) if is_post else _form()
        if self._sessions.holds(token, time.monotonic()):
            if path != LOGOUT:
                return None
            self._sessions.close(token)
        if scope.get("method") == "GET":
            return RedirectResponse(LOGIN, 303)
        return PlainTextResponse("log in first", 401)

    def _while_logged_in(self, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """Of a WebSocket: once its session has ended the browser is sent away, and to `app` it is one that has gone."""
        token = HTTPConnection(scope).cookies.get(COOKIE, "")
        has_ended = False

        async def receiving() -> Message:
            nonlocal has_ended
            coming = asyncio.ensure_future(receive())
            try:
                while self._sessions.holds(token, time.monotonic()):
                    if (await asyncio.wait((coming,), timeout=_LOOK_S))[0]:
                        return await coming
            finally:
                coming.cancel()
            if not has_ended:
                has_ended = True
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

        async def sending(message: Message) -> None:
            if not has_ended:
                await send(message)

        return receiving, sending

    async def _log_in(self, request: Request) -> Response:
        assert self._password is not None
        address = request.client.host if request.client else ""
        told = await _told_password(request)
        if self._tries.wait_s(address, time.monotonic()):
            return _too_many(self._tries.wait_s(address, time.monotonic()))
        async with self._turn:
            wait_s = self._tries.wait_s(address, time.monotonic())
            if wait_s:
                return _too_many(wait_s)
            if not await asyncio.to_thread(self._password.is_it, told):
                self._tries.failed(address, time.monotonic())
                return _form("That is not the password.", 401)
        answer = RedirectResponse("/", 303)
        token = self._sessions.open(time.monotonic())
        answer.set_cookie(COOKIE, token, max_age=int(SESSION_S), httponly=True, samesite="strict")
        return answer


def _form(why: str = "", status: int = 200) -> Response:
    return HTMLResponse(_FORM.format(why=escape(why)), status, {"Cache-Control": "no-store"})


def _too_many(wait_s: float) -> Response:
    answer = _form(f"Too many tries; wait {wait_s:.0f} seconds.", 429)
    answer.headers["Retry-After"] = f"{wait_s:.0f}"
    return answer


async def _told_password(request: Request) -> str:
    """'' for what is no such form."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            return ""
    fields = parse_qs(body.decode(errors="replace"))
    return fields.get("password", [""])[0]


def _is_this_machine(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return sending
