"""What is read again by other settings is what would have been read by them at once."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from adjudge.judge.log import LogEntry, LogRecord, VerdictLog
from adjudge.judge.rescore import rescore
from adjudge.judge.verdict import ReadSettings, Verdict, VerdictReader
from adjudge.llm.contract import Answer
from adjudge.records import BINARY

TOLD = {"model": "m"}


def answer(mass: float) -> Answer:
    """`yes` with that mass, the rest elsewhere."""
    return Answer("the", tokens=(("the", (("yes", math.log(mass)), ("the", math.log(1 - mass)))),))


def reader(min_mass: float) -> VerdictReader:
    return VerdictReader(BINARY, ("no", "yes"), ReadSettings(min_mass))


def put(log: VerdictLog, text: bytes, by: VerdictReader, *tries: float | None) -> None:
    """Answers of such mass in their order, None for a try that brought none; booked as a run books
    them, which asks no more once an answer scored."""
    entry = LogEntry(Verdict(None, "timeout"), 0, None, None)
    for mass in tries:
        said = None if mass is None else answer(mass)
        verdict = Verdict(None, "timeout") if said is None else by.read(said)
        entry = LogEntry(verdict, entry.answered + (said is not None), None, None)
        log.put(LogRecord(text, entry, said))
        assert not verdict.scored or mass == tries[-1]


TRIES: dict[bytes, tuple[float | None, ...]] = {
    b"sure": (0.9,),
    b"low": (0.2, 0.3),
    b"second": (0.2, 0.6),
    b"lost": (0.4, None),
    b"none": (None,),
}


@pytest.mark.parametrize("first", [0.5, 0.95])
@pytest.mark.parametrize(
    ("then", "masses"),
    [
        (0.1, {b"sure": 0.9, b"low": 0.2, b"second": 0.2, b"lost": 0.4}),
        (0.35, {b"sure": 0.9, b"second": 0.6, b"lost": 0.4}),
        (0.5, {b"sure": 0.9, b"second": 0.6}),
        (0.95, {}),
    ],
)
def test_the_first_answer_that_scores_counts(
    tmp_path: Path, first: float, then: float, masses: dict[bytes, float]
) -> None:
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        assert rescore(log, reader(first)) == 0
        for text, tries in TRIES.items():
            put(log, text, reader(first), *tries)
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        assert rescore(log, reader(then)) == (0 if then == first else 6)
        assert rescore(log, reader(then)) == 0
        names = list(TRIES)
        found = {names[place]: entry for place, entry in log.find(names).items()}
    scored = {text: entry.verdict.mass for text, entry in found.items() if entry.verdict.scored}
    assert scored == pytest.approx(masses)
    assert [found[text].answered for text in TRIES] == [1, 2, 2, 1, 0]
    assert found[b"none"].verdict == Verdict(None, "timeout")
    if b"lost" not in masses:
        assert found[b"lost"].verdict == Verdict(None, "timeout")
    if b"low" not in masses:
        assert found[b"low"].verdict.reason == "outside the scale"
        assert found[b"low"].verdict.mass == pytest.approx(0.3)


def test_a_log_that_does_not_say_how_it_was_read_was_read_by_the_defaults(tmp_path: Path) -> None:
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        put(log, b"sure", reader(0.5), 0.9)
    with VerdictLog(tmp_path / "log.sqlite", {"model": "other"}) as log:
        assert rescore(log, reader(0.95)) == 0
    told: list[tuple[str, int, int]] = []
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        assert rescore(log, reader(ReadSettings().min_mass)) == 0
        log.connection.execute("DELETE FROM readings")
        assert rescore(log, reader(0.95), lambda *what: told.append(what)) == 1
        assert not log.find([b"sure"])[0].verdict.scored
    assert told == [("answers read again", 1, 1)]
