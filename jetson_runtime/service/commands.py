"""Does what the control socket is asked for, one request after another, in a thread that may wait.

For frames to average over and for the disk it waits here, where neither a tick nor a frame waits with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jetson_runtime.inference.frame import Frame
from jetson_runtime.inference.live_angles import LiveAngles, mountings
from jetson_runtime.service import averaging
from jetson_runtime.service.arrivals import Arrivals
from jetson_runtime.service.keeper import Keeper
from jetson_runtime.service.waiting import Inbox
from jetson_runtime.service.wishes import state_of
from jetson_runtime.stream import control, messages
from jetson_runtime.stream.control import Answer, Refusal, Request
from jetson_runtime.stream.messages import ControlCode
from jetson_runtime.stream.publisher import Publisher
from jetson_runtime.suit.errors import StateError
from jetson_runtime.suit.signals import PERIOD_NS, STREAM_INDEX, STREAMS
from jetson_runtime.suit.state import FitState, Instant, WearerState

# Requests that may wait for the one that is being done.
_WAITING = 8
_LOOK_S = 0.02
_LOOK_AGAIN_S = 10.0
# Frames of the last instant may still be on their way.
_LATE_S = 1.0

_PARTS = frozenset(stream.part for stream in STREAMS)

_log = logging.getLogger("second-skin")


class Commands:
    """`submit` is the publisher's, from the first request on; `run` a thread's body, until `stop`."""

    def __init__(
        self, keeper: Keeper, arrivals: Arrivals, angles: LiveAngles, serials: Callable[[], dict[str, str]]
    ) -> None:
        """serials: of the devices that are there now, by part."""
        self.publisher: Publisher | None = None
        self._keeper = keeper
        self._arrivals = arrivals
        self._angles = angles
        self._serials = serials
        self._inbox: Inbox[tuple[Request, Answer] | None] = Inbox()
        # One for each thread that counts: an increment is no single step.
        self._submitted = self._done = 0
        self._stopping = False
        self._doing: dict[type[Request], Callable[[Any], dict[str, Any]]] = {
            control.TakeTare: self._tare,
            control.ZeroInsoles: self._zero,
            control.SetWearer: self._wearer,
            control.TellFit: self._fit,
            control.Record: self._record,
        }

    def submit(self, request: Request, answer: Answer) -> None:
        """Takes a request; Refusal where too many wait."""
        if self._submitted - self._done > _WAITING:
            raise Refusal(ControlCode.BUSY, f"{_WAITING} requests wait already", "try again")
        self._submitted += 1
        self._inbox.put((request, answer))

    def run(self) -> None:
        """Does what is submitted until `stop`."""
        while not self._stopping:
            if (waiting := self._inbox.get(_LOOK_AGAIN_S)) is not None:
                self._do(*waiting)
                self._done += 1

    def stop(self) -> None:
        """Makes `run` return; what waits is not done."""
        self._stopping = True
        self._inbox.put(None)

    def tell_tare(self, stance: Mapping[str, int] | None = None) -> None:
        """From the next frame on angles count from the tare, as far as the parts' devices are still the tare's.

        stance: of one that was just taken, from_ns and until_ns of the frames that it is of.
        """
        tare, others = self._keeper.state.tare, self._keeper.checks.other_device
        if tare is None:
            return
        parts = {part: kept for part, kept in tare.parts.items() if part not in others}
        told = {part: kept.model_dump() for part, kept in parts.items()}
        content = {"tare_id": tare.tare_id, "parts": told, **(stance or {})}
        self._tell("tare", content, lambda: self._angles.set_tare(parts))

    def _do(self, request: Request, answer: Answer) -> None:
        try:
            if isinstance(request, control.Mark):
                answer.result(self._mark(request, answer.receive_ns))
            else:
                answer.result(self._doing[type(request)](request))
        except Refusal as refusal:
            _log.info("%s", refusal)
            answer.refuse(refusal)
        except StateError as error:
            text, _, remedy = str(error).partition("; ")
            _log.warning("%s", error)
            answer.refuse(Refusal(ControlCode.NOT_KEPT, text, remedy))
        except Exception as error:  # a defect in one command must not end the thread that does them all
            _log.exception("a command failed")
            answer.refuse(
                Refusal(ControlCode.INTERNAL, f"{type(error).__name__}: {error}", "send the service's log")
            )

    def _tare(self, request: control.TakeTare) -> dict[str, Any]:
        frames, serials = self._frames(request.seconds, averaging.NO_TARE, _PARTS)
        tare = averaging.tare_of(frames, mountings(self._keeper.config), serials, Instant.now())
        self._keeper.change(tare=tare)
        self._keeper.checks.look(tare, frames[-1], self._serials(), tare.at)
        self.tell_tare({"from_ns": frames[0].t_ns, "until_ns": frames[-1].t_ns})
        return {"tare_id": tare.tare_id, "parts": sorted(tare.parts), "frames": len(frames)}

    def _zero(self, request: control.ZeroInsoles) -> dict[str, Any]:
        parts = {STREAMS[STREAM_INDEX[f"insole_{side}"]].part for side in request.sides}
        frames, serials = self._frames(request.seconds, averaging.NO_ZERO, parts)
        wearer = self._keeper.worn.wearer
        zeros = averaging.zeros_of(frames, request.sides, wearer, serials, Instant.now())
        self._keeper.change(insole_zero={**self._keeper.state.insole_zero, **zeros})
        self._arrivals.put_worn(self._keeper.worn)
        told = {side: {"force_n": zero.force_n} for side, zero in zeros.items()}
        self._tell("insole_zero", {"sides": told})
        return {"sides": told}

    def _wearer(self, request: control.SetWearer) -> dict[str, Any]:
        told = WearerState(at=Instant.now(), wearer=request.wearer, config=self._keeper.config_wearer)
        self._keeper.change(wearer=told)
        self._arrivals.put_worn(self._keeper.worn)
        self._tell("wearer", {"wearer": request.wearer.model_dump()})
        return {"wearer": request.wearer.model_dump(), "fit": self._keeper.status()["fit"]["verdict"]}

    def _mark(self, request: control.Mark, at_ns: int) -> dict[str, Any]:
        """at_ns: when it came; behind a tare or a slow disk it is told seconds later."""
        content = request.model_dump(exclude_none=True)
        if not content:
            raise Refusal(ControlCode.BAD_ARGUMENT, "mark: says nothing", "give text, task or trial")
        self._tell("mark", content, at_ns=at_ns)
        return {"at_ns": at_ns}

    def _record(self, request: control.Record) -> dict[str, Any]:
        """It is the recorder that does it; `recorder`: its state as it last said, None where none runs."""
        labels = request.model_dump(exclude_none=True, exclude={"action"})
        wanted = request.action == "start"
        if labels and not wanted:
            text = f"record: {', '.join(labels)} are of a recording that begins"
            raise Refusal(ControlCode.BAD_ARGUMENT, text, "give them with start")
        told = self._keeper.wishes.ask(wanted, labels).told()
        self._tell(messages.RECORD, told)
        assert self.publisher is not None
        return {**told, "recorder": state_of(self.publisher.local, time.monotonic_ns())}

    def _fit(self, request: control.TellFit) -> dict[str, Any]:
        self._refuse_another_suit_s(request)
        fit = FitState(at=Instant.now(), found=request.found, basis=self._keeper.fit_basis())
        self._keeper.change(fit=fit)
        self._tell("fit", {"found": list(request.found)})
        return {"verdict": "refused" if request.found else "passed"}

    def _refuse_another_suit_s(self, request: control.TellFit) -> None:
        """What was checked must be what is worn now: neither a service of before, nor another wearer."""
        assert self.publisher is not None
        if request.session != self.publisher.session:
            text = f"fit: checked in another session ({request.session}) than this one"
        elif request.begin_ns is not None and request.begin_ns < self._keeper.basis_ns:
            text = "fit: the wearer was set while it was checked"
        else:
            return
        raise Refusal(ControlCode.REFUSED, text, "check again: second-skin fit")

    def _tell(
        self,
        kind: str,
        content: dict[str, Any],
        effect: Callable[[], None] | None = None,
        at_ns: int | None = None,
    ) -> None:
        """To everybody who follows events. at_ns: when it happened, on CLOCK_MONOTONIC; None: now."""
        assert self.publisher is not None
        at_ns = time.monotonic_ns() if at_ns is None else at_ns
        self.publisher.tell_event(kind, {**content, "at_ns": at_ns}, effect)

    def _frames(
        self, seconds: float, text: str, parts: Collection[str]
    ) -> tuple[list[Frame], dict[str, str]]:
        """All frames of the next `seconds`, and the serial numbers of the devices that they are of, by part.

        Refusal where they do not come, or, beginning with `text`, where a device of `parts` was exchanged meanwhile.
        """
        publisher = self.publisher
        assert publisher is not None
        before = self._serials()
        begin_ns = time.monotonic_ns()
        end_ns = begin_ns + round(seconds * 1e9)
        while time.monotonic_ns() < end_ns + round(_LATE_S * 1e9) and not self._stopping:
            time.sleep(_LOOK_S)
            recent = publisher.recent
            if recent and recent[-1].t_ns >= end_ns - PERIOD_NS:
                frames = [frame for frame in recent.copy() if frame.t_ns >= begin_ns]
                if len(frames) * PERIOD_NS > (end_ns - begin_ns) // 2:
                    serials = self._serials()
                    averaging.refuse_exchanged(text, before, serials, parts)
                    return frames, serials
        raise Refusal(ControlCode.NOT_READY, "too few frames came", "see second-skin status, and try again")
