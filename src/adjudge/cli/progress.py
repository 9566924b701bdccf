"""Progress while a job runs: bars on a terminal, a plain line every ten seconds elsewhere.

A step reports `(what, done, total)`. Counts that belong to the current step (unscored, money) are shown
beside it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjudge.records import money

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Task

EVERY = 10.0
"""Seconds between two lines about one step."""
WINDOW = 60.0
"""Seconds over which the rate is taken."""
SPENT = "money spent (1/1,000,000)"
BESIDE: dict[str, tuple[str, int]] = {"unscored": ("unscored", 1), SPENT: ("money", 1_000_000)}
"""Counts shown beside a step, not as steps of their own: the name shown, and what one shown unit holds."""


def beside(what: str, count: int) -> str:
    """A count as it stands beside its step.

    >>> beside("unscored", 1200), beside("money spent (1/1,000,000)", 1_140)
    ('unscored 1,200', 'money 0.00114')
    """
    name, unit = BESIDE[what]
    return f"{name} {count:,}" if unit == 1 else f"{name} {money(count / unit)}"


def span(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> span(8.4), span(75), span(7300)
    ('8 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rate(per_second: float) -> str:
    """A rate, with two digits at least or as many as it has.

    >>> rate(1234.5), rate(3.21), rate(0.04)
    ('1,234/s', '3.2/s', '2.4/min')
    """
    if per_second >= 10:
        return f"{per_second:,.0f}/s"
    return f"{per_second:.1f}/s" if per_second >= 0.5 else f"{60 * per_second:.1f}/min"


@dataclass
class _Step:
    """A step's counts in the last WINDOW seconds, with their times, and when a line was last printed."""

    samples: deque[tuple[float, int]] = field(default_factory=deque)
    printed: float = 0.0
    total: int = 0

    def add(self, now: float, done: int) -> None:
        self.samples.append((now, done))
        while now - self.samples[0][0] > WINDOW and len(self.samples) > 2:
            self.samples.popleft()

    @property
    def rate(self) -> float:
        (began, first), (now, done) = self.samples[0], self.samples[-1]
        return (done - first) / (now - began) if now > began else 0.0


class ProgressLines:
    """A `Progress` of plain lines: one every EVERY seconds of a step that goes on, one when it is done."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self.clock = say, clock
        self.steps: dict[str, _Step] = {}
        self.counts: dict[str, int] = {}
        self.ended = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if what in BESIDE:
            self.counts[what] = done
            return
        self.close()
        now = self.clock()
        step = self.steps.setdefault(what, _Step(printed=now))
        step.add(now, done)
        step.total = total
        if total and done >= total:
            self.ended = f"{what}: {done:,} of {total:,}"
            self.steps.pop(what)
        elif total and now - step.printed >= EVERY:
            step.printed = now
            self.say(self._line(what, step, done))

    def close(self) -> None:
        """Say what has ended, if anything: not before, since the counts beside a step come after the step."""
        if self.ended:
            self.say(", ".join([self.ended, *self._beside()]))
            self.ended = ""
            self.counts.clear()

    def _line(self, what: str, step: _Step, done: int) -> str:
        parts = [f"{what}: {done:,} of {step.total:,} ({done / step.total:.0%})"]
        if step.rate > 0:
            parts += [rate(step.rate), f"{span((step.total - done) / step.rate)} left"]
        return ", ".join([*parts, *self._beside()])

    def _beside(self) -> list[str]:
        return [beside(what, count) for what, count in self.counts.items()]


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A `Progress` of live bars: done, rate, time gone and left, and the counts beside."""
    from rich import progress as rich
    from rich.text import Text

    class Speed(rich.ProgressColumn):
        """Steps per second over the last minute."""

        def render(self, task: Task) -> Any:
            return Text("" if not task.speed else rate(task.speed), style="progress.data.speed")

    columns = (
        *(rich.TextColumn("{task.description}"), rich.BarColumn(), rich.MofNCompleteColumn(), Speed()),
        *(rich.TimeElapsedColumn(), rich.TimeRemainingColumn(), rich.TextColumn("{task.fields[beside]}")),
    )
    with rich.Progress(*columns, console=console, speed_estimate_period=WINDOW) as live:
        yield _Bars(live)


class _Bars:
    """Steps as bars; a count beside goes to the step that reported last."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self.tasks: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.current = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if what in BESIDE and self.current:
            self.counts[what] = done
            counts = ", ".join(beside(name, count) for name, count in self.counts.items())
            self.live.update(self.tasks[self.current], beside=counts)
            return
        if what != self.current:
            self.current, self.counts = what, {}
        if what not in self.tasks:
            self.tasks[what] = self.live.add_task(what, total=total or None, beside="")
        self.live.update(self.tasks[what], completed=done, total=total or None)
