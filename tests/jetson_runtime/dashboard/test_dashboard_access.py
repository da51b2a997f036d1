"""Who is let in: the password's file, sessions, tries, other sites; and which files can be had."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from jetson_runtime.dashboard import password
from jetson_runtime.dashboard.access import ALL_TRIES, SESSION_S, TRIES, WAIT_S, Sessions, Tries
from jetson_runtime.dashboard.password import Password
from jetson_runtime.dashboard.recordings import Recordings
from jetson_runtime.recording.mcap_file import RecordingFile
from jetson_runtime.suit.errors import KeyFileError

WORD = "correct horse"


def kept(folder: Path) -> Path:
    path = folder / "dashboard.password"
    password.write(path, WORD)
    return path


def test_the_password_is_kept_as_a_hash_for_its_owner_alone(tmp_path: Path) -> None:
    path = kept(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert WORD not in path.read_text()
    known = Password.of_file(path)
    assert known.is_it(WORD)
    assert not known.is_it(WORD + " ")
    assert not known.is_it("")
    before = path.read_text()
    password.write(path, WORD)
    assert path.read_text() != before, "another salt each time"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_password_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = kept(tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Password.of_file(path)


@pytest.mark.parametrize(
    "content", ["", "scrypt", "scrypt aa bb", "md5 00 11", "scrypt zz " + 64 * "0", "\x00\xff"]
)
def test_what_holds_no_password_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    path = kept(tmp_path)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(KeyFileError, match="--set-password"):
        Password.of_file(path)
    with pytest.raises(KeyFileError, match="is not there"):
        Password.of_file(tmp_path / "absent")


@pytest.mark.parametrize("told", ["", "short", "x" * 201])
def test_a_password_is_neither_short_nor_endless(tmp_path: Path, told: str) -> None:
    with pytest.raises(KeyFileError, match="8 to 200"):
        password.write(tmp_path / "p", told)
    assert not list(tmp_path.iterdir())


def test_a_session_ends_by_itself_by_log_out_and_by_newer_ones() -> None:
    sessions = Sessions()
    first = sessions.open(0.0)
    assert sessions.holds(first, SESSION_S - 1)
    assert not sessions.holds(first, SESSION_S + 1)
    assert not sessions.holds("", 0.0)
    second = sessions.open(0.0)
    sessions.close(second)
    assert not sessions.holds(second, 0.0)
    for _ in range(100):
        sessions.open(0.0)
    assert not sessions.holds(first, 0.0)


def test_who_fails_often_has_to_wait_and_a_crowd_of_them_too() -> None:
    tries = Tries()
    for k in range(TRIES):
        assert tries.wait_s("a", float(k)) == 0.0
        tries.failed("a", float(k))
    assert tries.wait_s("a", TRIES - 1.0) == WAIT_S - (TRIES - 1)
    assert tries.wait_s("b", TRIES - 1.0) == 0.0
    assert tries.wait_s("a", WAIT_S + 0.5) == 0.0
    for k in range(ALL_TRIES):
        tries.failed(f"host {k}", 100.0)
    assert tries.wait_s("b", 100.0) == WAIT_S


class Behind:
    """What the gate stands before; `reached` by whom it let in."""

    def __init__(self) -> None:
        self.reached = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"inside"})


def asked(
    gate: Any, path: str = "/", kind: str = "http", method: str = "GET", body: bytes = b"", **headers: str
) -> Any:
    """The messages of an answer."""
    sent: list[dict[str, Any]] = []
    named = {"host": "127.0.0.1:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": kind,
        "path": path,
        "query_string": b"",
        "client": ("10.0.0.9", 1234),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    } | ({"method": method} if kind == "http" else {})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    return sent


def status(sent: list[dict[str, Any]]) -> int:
    return int(sent[0].get("status", sent[0].get("code", 0)))


def gate_of(folder: Path | None) -> tuple[Any, Behind]:
    gates = pytest.importorskip("jetson_runtime.dashboard.gate")
    behind = Behind()
    known = Password.of_file(kept(folder)) if folder else None
    return gates.Gate(behind, known, is_local=folder is None), behind


def test_without_the_password_nothing_behind_the_gate_is_reached(tmp_path: Path) -> None:
    gate, behind = gate_of(tmp_path)
    assert status(asked(gate)) == 303
    for path in ("/live", "/_nicegui_ws/socket.io/", "/"):
        assert asked(gate, path, "websocket")[0]["type"] == "websocket.close"
    assert status(asked(gate, "/recordings/x.mcap", method="POST")) == 401
    assert status(asked(gate, cookie="second-skin=guessed")) == 303
    form = b"".join(message.get("body", b"") for message in asked(gate, "/login"))
    assert b"password" in form
    assert behind.reached == 0


def test_with_the_password_a_cookie_leads_in_until_log_out(tmp_path: Path) -> None:
    gate, behind = gate_of(tmp_path)
    answer = asked(gate, "/login", method="POST", body=b"password=correct+horse")
    assert status(answer) == 303
    cookie = dict(answer[0]["headers"])[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    token = cookie.partition(";")[0]
    inside = asked(gate, cookie=token)
    assert status(inside) == 200
    assert b"content-security-policy" in dict(inside[0]["headers"])
    asked(gate, "/live", "websocket", cookie=token)
    assert behind.reached == 2
    asked(gate, "/logout", cookie=token)
    assert status(asked(gate, cookie=token)) == 303


@pytest.mark.parametrize("ends_by", ["log-out", "age"])
def test_an_open_websocket_is_closed_when_its_session_ends(
    tmp_path: Path, ends_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, _ = gate_of(tmp_path)
    if ends_by == "age":
        monkeypatch.setattr("jetson_runtime.dashboard.access.SESSION_S", 1.0)
    answer = asked(gate, "/login", method="POST", body=b"password=correct+horse")
    token = dict(answer[0]["headers"])[b"set-cookie"].decode().partition(";")[0]
    heard: list[str] = []

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            heard.append(message["text"])
            if ends_by == "log-out":
                gate._sessions.close(token.partition("=")[2])
        await send({"type": "websocket.send", "text": "to nobody"})

    gate.app = listening
    sent: list[dict[str, Any]] = []

    async def opened() -> None:
        words = asyncio.Queue[dict[str, Any]]()
        words.put_nowait({"type": "websocket.receive", "text": "while it holds"})

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:8080"), (b"cookie", token.encode())]
        scope = {"type": "websocket", "path": "/live", "headers": headers, "query_string": b""}
        await asyncio.wait_for(gate(scope, words.get, send), 10.0)

    asyncio.run(opened())
    assert heard == ["while it holds"]
    assert sent == [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1008}]


def test_guessing_is_slowed_down(tmp_path: Path) -> None:
    gate, behind = gate_of(tmp_path)
    answers = [status(asked(gate, "/login", method="POST", body=b"password=guess")) for _ in range(TRIES + 2)]
    assert answers == [401] * TRIES + [429] * 2
    assert status(asked(gate, "/login", method="POST", body=b"password=correct+horse")) == 429
    assert status(asked(gate, "/login", method="POST", body=b"x" * 10_000)) == 429
    assert behind.reached == 0


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"host": "localhost:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "suit.example"}, 403),
        ({"host": "10.0.0.5:8080"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_other_sites_in_the_same_browser_do_not_reach_a_page_without_a_password(
    headers: dict[str, str], wanted: int
) -> None:
    gate, behind = gate_of(None)
    assert status(asked(gate, **headers)) == wanted
    assert (asked(gate, kind="websocket", **headers) == []) == (wanted == 200)
    assert behind.reached == (2 if wanted == 200 else 0)


def test_only_recordings_of_the_folder_can_be_had(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (tmp_path / "secret.mcap").write_text("no")
    whole = RecordingFile(folder / "20260101_a_1.mcap", {})
    whole.add("frame", 1, b"x")
    whole.close()
    (folder / "20260102_b_1.mcap").write_bytes((folder / "20260101_a_1.mcap").read_bytes()[:-40])
    (folder / "notes.txt").write_text("no")
    os.symlink(tmp_path / "secret.mcap", folder / "20260103_c_1.mcap")
    open_one = RecordingFile(folder / "20260104_d_1.mcap", {})
    try:
        recordings = Recordings(folder, 0)
        told = {entry["name"]: (entry["state"], entry["can_be_had"]) for entry in recordings.listed()}
        assert told == {
            "20260104_d_1.mcap": ("being written", False),
            "20260102_b_1.mcap": ("cut", True),
            "20260101_a_1.mcap": ("whole", True),
        }
        assert recordings.file("20260101_a_1.mcap") == folder / "20260101_a_1.mcap"
        for name in (
            "20260104_d_1.mcap",
            "20260103_c_1.mcap",
            "notes.txt",
            "../secret.mcap",
            "",
            ".",
            "/etc/passwd",
        ):
            assert recordings.file(name) is None, name
    finally:
        open_one.abandon()
    assert Recordings(tmp_path / "absent", 0).listed() == []


def test_room_is_counted_by_how_fast_the_file_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("jetson_runtime.dashboard.recordings.time.monotonic", lambda: now_s)
    path = tmp_path / "a.mcap"
    path.write_bytes(b"")
    recordings = Recordings(tmp_path, 0)
    assert recordings.hours_left(str(path)) is None
    path.write_bytes(bytes(1_000_000))
    now_s = 20.0
    first = recordings.hours_left(str(path))
    path.write_bytes(bytes(3_000_000))
    now_s = 40.0
    second = recordings.hours_left(str(path))
    assert first is not None and second is not None
    assert second == pytest.approx(first / 2, rel=0.01)
    assert recordings.hours_left("") is None
