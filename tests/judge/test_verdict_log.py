"""Laws of the verdict log, prices, limit and exports."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.judge.log import BadLog, LogEntry, LogRecord, VerdictLog
from adjudge.judge.prices import Budget, Price
from adjudge.judge.rate_limit import RateLimit
from adjudge.judge.verdict import Verdict
from adjudge.llm.contract import Answer
from adjudge.records import FOUR

TOLD = {"model": "m", "prompt": "p"}
texts = st.binary(min_size=1, max_size=3)
verdicts = st.builds(
    Verdict,
    st.none() | st.sampled_from(FOUR.grades),
    st.none() | st.text(),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 3),
    st.none() | st.floats(0, 1),
)
entries = st.builds(
    LogEntry, verdicts, st.integers(0, 5), st.none() | st.integers(0, 9), st.none() | st.floats(0, 9)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(texts, entries), max_size=30), st.lists(texts, max_size=10))
def test_the_log_is_a_dictionary_whose_last_word_counts(
    puts: list[tuple[bytes, LogEntry]], asked: list[bytes]
) -> None:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "log.sqlite"
        half = len(puts) // 2
        for part in (puts[:half], puts[half:]):
            with VerdictLog(path, TOLD) as log:
                for text, entry in part:
                    log.put(LogRecord(text, entry, Answer("x") if entry.answered else None))
        model = dict(puts)
        with VerdictLog(path, TOLD) as log:
            found = log.find(asked)
            assert found == {place: model[text] for place, text in enumerate(asked) if text in model}
            assert log.totals().texts == len(model)
            assert log.totals().scored == sum(entry.verdict.scored for entry in model.values())
            assert len(list(log.answers())) == sum(entry.answered > 0 for _, entry in puts)
        with VerdictLog(path, {**TOLD, "model": "n"}) as log:
            assert log.find(asked) == {}


def test_what_is_handed_over_is_durable_after_flush(tmp_path: Path) -> None:
    with VerdictLog(tmp_path / "log.sqlite", TOLD) as log:
        told: list[bytes] = []
        log.on_commit = lambda batch: told.extend(record.text for record in batch)
        for n in range(1000):
            log.put(LogRecord(n.to_bytes(2, "big"), LogEntry(Verdict("good"), 1, 1, None), Answer("good")))
        log.flush()
        assert log.backlog == 0
        assert told == [n.to_bytes(2, "big") for n in range(1000)]
        with sqlite3.connect(tmp_path / "log.sqlite") as other:
            assert other.execute("SELECT count(*) FROM answers").fetchone() == (1000,)


def test_one_writer_at_a_time_and_only_this_format(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with VerdictLog(path, TOLD), pytest.raises(BadLog, match="in use by another run"):
        VerdictLog(path, TOLD).__enter__()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(BadLog, match="format 99"):
        VerdictLog(path, TOLD).__enter__()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    log = VerdictLog(tmp_path / "log.sqlite", TOLD)
    log.__enter__()
    log._writer.execute("PRAGMA max_page_count = 1")
    log._writer.execute("PRAGMA query_only = 1")
    log.put(LogRecord(b"x", LogEntry(Verdict("good"), 1, 1, None), Answer("good")))
    with pytest.raises(BadLog, match="could not be written"):
        log.flush()
    with pytest.raises(BadLog):
        log.__exit__()


def test_hand_worked_price() -> None:
    assert Price(0.5, 1.5).cost(1_000_000, 200_000) == pytest.approx(0.8)


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 1), st.integers(1, 8)), max_size=60),
    st.floats(0.0001, 0.05),
)
def test_a_budget_is_never_passed(asks: list[tuple[int, float, int]], most: float) -> None:
    """Whatever share of a token a byte takes, as long as it grows by less than the margin."""
    budget = Budget(Price(1.0, 2.0), most, 0.0, 8)
    promises = []
    for size, _, _ in asks:
        promised = budget.reserve(size)
        if promised is not None:
            promises.append((promised, size))
            assert budget.spent + budget.promised <= most + 1e-12
    for (promised, size), (_, rate, out) in zip(promises, asks, strict=False):
        budget.settle(promised, size, int(size * rate), out)
        assert budget.spent <= most + 1e-12
    assert budget.promised == pytest.approx(0, abs=1e-12)


def test_a_budget_needs_a_price() -> None:
    with pytest.raises(BadConfig, match="--prices"):
        Budget(None, 1.0, 0.0, 8)


def test_pace_halves_on_a_limit_grows_again_and_waits() -> None:
    async def run() -> None:
        limit = RateLimit(8, np.random.default_rng(0))
        limit.record_limit(0.05)
        assert limit.allowed == 4
        limit.record_limit(0.05)
        assert limit.allowed == 4
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await limit.enter()
        assert loop.time() - began >= 0.045
        for _ in range(60):
            limit.record_success()
        assert limit.allowed == 8
        waits = [limit.backoff(n) for n in (1, 2, 3)]
        assert all(0 < wait <= 0.5 * 2**n for n, wait in enumerate(waits))
        assert waits == [
            RateLimit(8, rng).backoff(n) for rng in [np.random.default_rng(0)] for n in (1, 2, 3)
        ]

    asyncio.run(run())


def test_pace_lets_no_more_in_than_allowed_and_nobody_once_shut() -> None:
    async def run() -> None:
        limit, most, entered = RateLimit(5, np.random.default_rng(0)), 0, 0

        async def one() -> None:
            nonlocal most, entered
            if not await limit.enter():
                return
            entered += 1
            most = max(most, limit.active)
            await asyncio.sleep(0.001)
            limit.leave()

        await asyncio.gather(*(one() for _ in range(50)))
        assert (most, entered) == (5, 50)
        limit.record_limit(60.0)
        waiting = asyncio.create_task(limit.enter())
        await asyncio.sleep(0.01)
        limit.close()
        assert await asyncio.wait_for(waiting, 1) is False

    asyncio.run(run())
