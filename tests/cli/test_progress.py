"""What is shown while a job runs: lines without a terminal, bars with one."""

from __future__ import annotations

import doctest
import io

from rich.console import Console

from adjudge.cli import progress


class Clock:
    """Time that moves when a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawn() -> tuple[progress.ProgressLines, list[str], Clock]:
    said: list[str] = []
    clock = Clock()
    return progress.ProgressLines(said.append, clock), said, clock


def test_worked_examples_in_the_docstrings() -> None:
    results = doctest.testmod(progress)
    assert results.attempted > 0
    assert results.failed == 0


def test_a_line_every_ten_seconds_with_rate_time_left_unscored_and_money() -> None:
    """100 a second: after 10 s 1,000 of 10,000 are done, 9,000 left take 90 s."""
    show, said, clock = drawn()
    for second in range(26):
        show("texts judged", 100 * second, 10_000)
        show("unscored", second, 0)
        show("money spent (1/1,000,000)", 70_000 * second, 0)
        clock.now += 1
    assert said == [
        "texts judged: 1,000 of 10,000 (10%), 100/s, 1 min 30 s left, unscored 9, money 0.630",
        "texts judged: 2,000 of 10,000 (20%), 100/s, 1 min 20 s left, unscored 19, money 1.33",
    ]
    show("texts judged", 10_000, 10_000)
    show("unscored", 30, 0)
    assert len(said) == 2
    show.close()
    assert said[-1] == "texts judged: 10,000 of 10,000, unscored 30, money 1.75"
    show.close()
    assert len(said) == 3


def test_a_rate_is_of_the_last_minute_and_a_stalled_step_promises_nothing() -> None:
    show, said, clock = drawn()
    for _ in range(100):
        show("score", 50, 100)
        clock.now += 1
    assert said[-1] == "score: 50 of 100 (50%)"
    clock.now += 60
    show("score", 80, 100)
    assert said[-1].startswith("score: 80 of 100 (80%), ")


def test_short_steps_say_one_line_and_unknown_totals_none() -> None:
    show, said, _ = drawn()
    show("agree: reading", 0, 6)
    show("scorecard: bootstrap draws", 0, 0)
    show("agree: writing", 6, 6)
    show("stage", 0, 0)
    show.close()
    assert said == ["agree: writing: 6 of 6"]


def test_bars_show_all_of_it_on_a_terminal() -> None:
    out = io.StringIO()
    with progress.bars(Console(file=out, force_terminal=True, width=160)) as show:
        show("texts judged", 0, 1_000)
        show("texts judged", 600, 1_000)
        show("unscored", 12, 0)
        show("money spent (1/1,000,000)", 3_450_000, 0)
        show("pairs decided", 3, 0)
        show("unscored", 1, 0)
    last = out.getvalue()
    assert "texts judged" in last
    assert "600/1000" in last
    assert "unscored 12, money 3.45" in last
    assert "pairs decided" in last
