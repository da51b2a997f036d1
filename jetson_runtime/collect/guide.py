"""A session from condition to condition: what to do is said, a key is waited for, tare, pulse, marks, verdict.

Nothing is deleted: a trial that is done again is marked void in the recording and stays there.
"""

from __future__ import annotations

from jetson_runtime.collect.progress import Progress, Trial
from jetson_runtime.collect.protocol import Condition, Protocol
from jetson_runtime.collect.suit import Suit
from jetson_runtime.collect.terminal import EndOfInput, Terminal
from jetson_runtime.collect.trials import Again, Quit, Trials
from jetson_runtime.collect.watch import recorder_trouble
from jetson_runtime.suit.errors import EndpointError

DONE, LEFT = 0, 1
_KEYS = "Enter: go   s: skip   r: the one before again   b: back   q: quit"


class Guide:
    """`run` to the end of the protocol, or until somebody quits."""

    def __init__(self, suit: Suit, terminal: Terminal, protocol: Protocol, progress: Progress) -> None:
        self._suit = suit
        self._terminal = terminal
        self._progress = progress
        self._conditions = protocol.ordered()
        self._trials = Trials(suit, terminal, protocol, progress)

    def run(self) -> int:
        """DONE, or LEFT where conditions are left; EndpointError where there is no service at all."""
        say = self._terminal.say
        self._greet()
        try:
            self._take_up()
            while self._progress.step < len(self._conditions):
                self._condition(self._conditions[self._progress.step])
        except (Quit, EndOfInput):
            self._trials.break_off()
        except KeyboardInterrupt:
            self._trials.break_off()
            raise
        kept = sum(bool(self._progress.kept(step)) for step in range(len(self._conditions)))
        say(f"{kept} of {len(self._conditions)} conditions are kept; {self._progress.path} knows which")
        if self._progress.step < len(self._conditions):
            say("the same command goes on from here")
            return LEFT
        return DONE

    def _greet(self) -> None:
        say, status = self._terminal.say, self._suit.status
        say(f"{len(self._conditions)} conditions; the suit's state is {status.get('state')}")
        if trouble := recorder_trouble(status):
            say(f"  {trouble}: trials are not usable until one does")
        if status.get("wearer") is None:
            say("  no wearer is set: second-skin wearer set")
        if not self._suit.has_sync_input:
            say(
                "  no sync input is configured ([sync] of suit.toml): nothing aligns trials with a laboratory"
            )

    def _take_up(self) -> None:
        """Where a session was broken off."""
        progress = self._progress
        if progress.found:
            self._terminal.say(f"going on: {progress.step} of {len(self._conditions)} are behind you")
        for trial in progress.undecided():
            if trial.state == "begun":
                self._trials.void(trial, "broken off")
            else:
                self._judge(trial)

    def _judge(self, trial: Trial) -> None:
        """One that ended before the session was broken off; whoever had gone on from it is not thrown back."""
        say, progress = self._terminal.say, self._progress
        say(f"trial {trial.number} of {trial.task} has ended and was not judged")
        try:
            self._trials.judge(trial, self._conditions[trial.step])
        except Again:
            if progress.step > trial.step:
                say(f"{trial.task} is to be done again: {progress.step - trial.step} times b goes back to it")
            return
        if progress.step == trial.step:
            progress.go_to(trial.step + 1)

    def _condition(self, condition: Condition) -> None:
        say, progress = self._terminal.say, self._progress
        say()
        say(f"{progress.step + 1} of {len(self._conditions)}: {condition.task}: {condition.what}")
        say(f"   {_amount(condition)}{_so_far(progress.kept(progress.step))}")
        answer = self._terminal.ask(_KEYS)
        if answer == "q":
            raise Quit
        if answer == "s":
            progress.skip()
        elif answer in ("b", "r") and progress.step == 0:
            say("this is the first")
        elif answer in ("b", "r"):
            progress.go_to(progress.step - 1)
        if answer == "r" or not answer:
            self._do(self._conditions[progress.step])
        elif answer not in ("s", "b"):
            say(f"{answer!r} is no key here")

    def _do(self, condition: Condition) -> None:
        """Trials of a condition until one is kept."""
        while True:
            try:
                self._trials.make(condition)
                break
            except Again:
                self._terminal.say(f"{condition.task} again")
            except EndpointError as error:
                self._terminal.say(f"the service does not answer: {error}")
                self._trials.break_off()
                return
        self._progress.go_to(self._progress.step + 1)
        if self._progress.step < len(self._conditions) and condition.rest_s:
            self._rest(condition.rest_s)

    def _rest(self, seconds: float) -> None:
        self._terminal.say(f"rest for {seconds:g} s; Enter goes on at once")
        if self._terminal.answer(seconds) == "q":
            raise Quit


def _amount(condition: Condition) -> str:
    if condition.seconds:
        return f"once, for {condition.seconds:g} s"
    return f"{condition.repetitions} repetitions, at the own pace"


def _so_far(kept: list[Trial]) -> str:
    return f"; trial {kept[-1].number} is kept, and superseded by another" if kept else ""
