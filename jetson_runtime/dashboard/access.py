"""Who may see the page: sessions of those who logged in, and how often somebody may try. Pure: time is an argument."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

SESSION_S = 12 * 3600.0
# A cookie each; the oldest goes.
_MOST_SESSIONS = 64
# Failed tries from one address before it has to wait, and how long; and of all addresses together.
TRIES, WAIT_S = 5, 60.0
ALL_TRIES = 30
_MOST_ADDRESSES = 1000


class Sessions:
    """Of browsers that have shown the password; only hashes of their tokens are kept."""

    def __init__(self) -> None:
        self._ends_s: OrderedDict[str, float] = OrderedDict()

    def open(self, now_s: float) -> str:
        """A token for a browser's cookie."""
        token = secrets.token_urlsafe(32)
        self._ends_s[_digest(token)] = now_s + SESSION_S
        while len(self._ends_s) > _MOST_SESSIONS:
            self._ends_s.popitem(last=False)
        return token

    def holds(self, token: str, now_s: float) -> bool:
        """Whether `token` is one of them and not too old."""
        return self._ends_s.get(_digest(token), 0.0) > now_s

    def close(self, token: str) -> None:
        """It is worth nothing from here on."""
        self._ends_s.pop(_digest(token), None)


class Tries:
    """Failed log-ins of the last minute, by address."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """How long this address has to wait before its next try; 0.0: not at all."""
        mine = self._recent(address, now_s)
        everybody = sorted(at for name in list(self._failed) for at in self._recent(name, now_s))
        waits = [0.0]
        if len(mine) >= TRIES:
            waits.append(mine[-TRIES] + WAIT_S - now_s)
        if len(everybody) >= ALL_TRIES:
            waits.append(everybody[-ALL_TRIES] + WAIT_S - now_s)
        return max(waits)

    def failed(self, address: str, now_s: float) -> None:
        """One more."""
        self._failed[address] = [*self._recent(address, now_s), now_s]
        while len(self._failed) > _MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def _recent(self, address: str, now_s: float) -> list[float]:
        recent = [at for at in self._failed.get(address, ()) if now_s - at < WAIT_S]
        if not recent:
            self._failed.pop(address, None)
        return recent


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
