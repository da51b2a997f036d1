"""One trial: tare, begin, pulse, the movement, end, verdict; each a mark in the recording, and in the progress."""

from __future__ import annotations

import contextlib
import time

from jetson_runtime.collect.progress import Progress, Trial
from jetson_runtime.collect.protocol import Condition, Protocol
from jetson_runtime.collect.suit import Suit
from jetson_runtime.collect.terminal import Terminal
from jetson_runtime.collect.watch import Watch
from jetson_runtime.suit.errors import CommandRefused, EndpointError

_AGAIN_S = 3.0
_TOLD_EACH_S = 5.0
# What a mark takes.
_MOST_FINDINGS, _LONGEST = 8, 200


class Quit(Exception):
    """Whoever runs the session wants to end it here."""


class Again(Exception):
    """The trial is void, and to be done once more."""


class Trials:
    """`make` tares, records and judges one; all raise EndpointError where the service does not answer."""

    def __init__(self, suit: Suit, terminal: Terminal, protocol: Protocol, progress: Progress) -> None:
        self._suit = suit
        self._terminal = terminal
        self._protocol = protocol
        self._progress = progress

    def make(self, condition: Condition) -> None:
        """A trial that is kept; Again where it is void; Quit, with the trial left for `break_off`."""
        untared = [] if self._tare(condition) else ["no tare was taken before it"]
        trial = self._progress.begin(condition.task)
        begin_ns = self._mark(trial, "begin")
        trial.sync = self._await_pulse(begin_ns)
        watch = Watch(condition.count or "none", self._suit.session)
        seconds = self._watch(condition, watch, trial)
        trial.counted = watch.counted if condition.repetitions else None
        self._mark(trial, "end", counted=trial.counted)
        trial.findings = untared + watch.findings(seconds, condition.seconds, self._protocol.valid_share)
        if trial.sync == "no pulse":
            trial.findings.append("the laboratory's pulse did not come")
        trial.state = "ended"
        self._progress.save()
        self.judge(trial, condition)

    def judge(self, trial: Trial, condition: Condition) -> None:
        """Keeps an ended trial, which supersedes the one before it; Again where it is to be done once more."""
        trial.repetition = self._repetitions(trial, condition)
        if trial.repetition < (condition.repetitions or 1):
            trial.findings = [*trial.findings, f"{trial.repetition} of {condition.repetitions} repetitions"]
        if not self._is_kept(trial.findings):
            self.void(trial, "to be done again")
            raise Again
        earlier = self._progress.kept(trial.step)
        self._mark(trial, "kept", repetition=trial.repetition, counted=trial.counted, sync=trial.sync)
        trial.state = "kept"
        self._progress.save()
        for one in earlier:
            self.void(one, f"superseded by trial {trial.number}")

    def void(self, trial: Trial, why: str) -> None:
        """The trial does not count; it stays in the recording."""
        self._mark(trial, "void", text=why)
        trial.state = "void"
        self._progress.save()

    def break_off(self) -> None:
        """Somebody quits: a trial that runs is void; one that has ended is judged when the session goes on.

        Where the service does not answer, a trial without a mark that it was kept is not kept; the next session, or
        the next time one is broken off, tells the recording that it is void.
        """
        self._suit.watch = None
        for trial in self._progress.undecided():
            if trial.state == "begun":
                with contextlib.suppress(EndpointError, CommandRefused):
                    self.void(trial, "broken off")
                self._terminal.say(f"trial {trial.number} of {trial.task} was broken off and does not count")

    def _tare(self, condition: Condition) -> bool:
        """Whether one was taken: refused ones are tried again."""
        terminal, seconds = self._terminal, self._protocol.tare_s
        while condition.tare:
            terminal.say(f"tare: stand still in neutral stance for {seconds:g} s")
            try:
                terminal.say(f"tare {self._suit.tare(seconds)} is taken")
                return True
            except CommandRefused as refusal:
                for reason in refusal.reasons or (str(refusal),):
                    terminal.say(f"  refused: {reason}")
            terminal.say(f"again in {_AGAIN_S:g} s; s: without a tare, q: quit")
            answer = terminal.answer(_AGAIN_S)
            if answer == "q":
                raise Quit
            if answer == "s":
                return False
        return True

    def _await_pulse(self, begin_ns: int) -> str:
        """As a mark's `sync`."""
        suit, terminal, wait_s = self._suit, self._terminal, self._protocol.sync_wait_s
        if not suit.has_sync_input:
            return "no input"
        terminal.say(f"start the laboratory's recording: its pulse is awaited for {wait_s:g} s")
        end_s = time.monotonic() + wait_s
        while time.monotonic() < end_s:
            if suit.pulse_ns is not None and suit.pulse_ns >= begin_ns:
                terminal.say("the pulse has come")
                return "pulse"
            if terminal.answer(0.1) is not None:
                break
        terminal.say("no pulse came")
        return "no pulse"

    def _watch(self, condition: Condition, watch: Watch, trial: Trial) -> float:
        """The movement; how long it took [s]."""
        suit, terminal = self._suit, self._terminal
        terminal.say(
            f"GO: trial {trial.number} of {condition.task}; Enter ends it, r: from the start, q: quit"
        )
        suit.look()
        suit.watch = watch
        begin_s = time.monotonic()
        told_s = begin_s + _TOLD_EACH_S
        try:
            while True:
                passed_s = time.monotonic() - begin_s
                left_s = condition.seconds - passed_s if condition.seconds else _TOLD_EACH_S
                if left_s <= 0:
                    terminal.say("time is up")
                    return passed_s
                answer = terminal.answer(min(left_s, 0.5))
                if answer == "":
                    return time.monotonic() - begin_s
                self._obey(answer, trial)
                if time.monotonic() > told_s:
                    told_s += _TOLD_EACH_S
                    terminal.say(f"  {time.monotonic() - begin_s:.0f} s{_counted(watch.counted, condition)}")
        finally:
            suit.look()
            suit.watch = None

    def _obey(self, answer: str | None, trial: Trial) -> None:
        if answer == "q":
            raise Quit
        if answer == "r":
            self.void(trial, "to be done again")
            raise Again
        if answer:
            self._terminal.say(f"{answer!r} is no key here")

    def _repetitions(self, trial: Trial, condition: Condition) -> int:
        """As whoever watched says; the count is only proposed."""
        planned = condition.repetitions
        if planned is None:
            return 1
        if trial.counted is None:
            question, proposed = f"the suit cannot count these; Enter: {planned} were done", planned
        else:
            proposed = trial.counted
            question = f"{proposed} repetitions counted, {planned} are wanted; Enter: that is right"
        while True:
            answer = self._terminal.ask(f"{question}, or how many?")
            if not answer or (answer.isascii() and answer.isdigit() and len(answer) < 5):
                return int(answer or proposed)
            if answer == "q":
                raise Quit
            self._terminal.say(f"{answer!r} is no number of repetitions")

    def _is_kept(self, findings: list[str]) -> bool:
        """The findings' advice, or what is said against it."""
        terminal = self._terminal
        for one in findings:
            terminal.say(f"  {one}")
        if findings:
            terminal.say("the trial should be done again")
            question = "Enter: do it again   k: keep it all the same   q: quit"
        else:
            terminal.say("the trial is usable")
            question = "Enter: keep it   r: do it again   q: quit"
        while True:
            answer = terminal.ask(question)
            if answer == "q":
                raise Quit
            if answer in ("", "k", "r"):
                return answer == "k" or (not answer and not findings)
            terminal.say(f"{answer!r} is no key here")

    def _mark(self, trial: Trial, phase: str, **more: object) -> int:
        findings = [one[:_LONGEST] for one in trial.findings[:_MOST_FINDINGS]] if phase == "kept" else None
        return self._suit.mark(
            phase=phase,
            task=trial.task,
            subject=self._protocol.subject,
            trial=self._progress.name(trial),
            findings=findings or None,
            **more,
        )


def _counted(count: int | None, condition: Condition) -> str:
    return (
        f", {count} of {condition.repetitions} counted" if count is not None and not condition.seconds else ""
    )
