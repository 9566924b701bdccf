"""Judging through offline batch files: one idempotent step that reads what came back and writes what is
missing.

    FOLDER/requests/00001.jsonl   written here; submit them as they are
    FOLDER/results/*.jsonl        put the results and error files here, whole, under any name

The verdict log remembers which text waits in which shard, so that nothing is asked twice however often the
step runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from adjudge.judge.accounting import Accounting, PendingText
from adjudge.judge.log import VerdictLog
from adjudge.judge.pairs import Question
from adjudge.llm.batch import BatchLine, Shard, ShardSettings, read_results
from adjudge.llm.contract import Answer, Request

WAITING = """
CREATE TABLE IF NOT EXISTS shards(config INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(config, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting(config INTEGER NOT NULL, text BLOB NOT NULL, shard TEXT NOT NULL,
  size INTEGER NOT NULL, PRIMARY KEY(config, text)) WITHOUT ROWID;
"""
CHUNK = 5_000
LOST = "missing from the batch results"


@dataclass
class BatchStep:
    """What one step did: lines read, answers new among them, failures; texts given up as missing; shards and
    requests written; texts still waited for; lines that belong to no request of ours; whether the budget
    ended it."""

    lines: int = 0
    answers: int = 0
    failures: int = 0
    missing: int = 0
    shards: list[str] = field(default_factory=list)
    requests: int = 0
    waiting: int = 0
    strange: int = 0
    over_budget: bool = False


class BatchFolder:
    """The batch folder of one config of one log. tokens_setting: the body's name for the answer's length."""

    def __init__(
        self,
        folder: Path,
        log: VerdictLog,
        accounting: Accounting,
        model: str,
        settings: ShardSettings,
        tokens_setting: str = "max_tokens",
    ) -> None:
        self.folder, self.log, self.accounting, self.model, self.settings = (
            folder,
            log,
            accounting,
            model,
            settings,
        )
        self.budget, self.tokens_setting = accounting.budget, tokens_setting
        self.requests, self.results = folder / "requests", folder / "results"
        self.requests.mkdir(parents=True, exist_ok=True)
        self.results.mkdir(parents=True, exist_ok=True)
        self.connection: sqlite3.Connection = log.connection
        self.connection.executescript(WAITING)
        self.step = BatchStep()
        # The texts of the shard being written; once it is finished, the table `waiting` holds them.
        self._current: set[bytes] = set()

    def run(self, question: Question, missing: Iterable[Sequence[PendingText]]) -> BatchStep:
        """Read all results, then write what is missing and not waited for.

        `missing` is read after the results.
        """
        self._mend()
        touched = self._read()
        self._give_up(touched)
        self.log.flush()
        self._hold()
        self._write(question, missing)
        self.step.waiting = self._count()
        return self.step

    def _mend(self) -> None:
        """A kill may have left a whole shard without its name, or half a shard that no run waits for."""
        for partial in self.requests.glob("*.jsonl.partial"):
            name = partial.name.removesuffix(".partial")
            if self._registered(name):
                partial.replace(self.requests / name)
            else:
                partial.unlink()

    def _registered(self, name: str) -> bool:
        rows = self.connection.execute("SELECT 1 FROM shards WHERE name = ?", (name,))
        return rows.fetchone() is not None

    def _read(self) -> set[str]:
        """Book every answer that is new; the shards that results came for."""
        touched: set[str] = set()
        for path in sorted(self.results.glob("*.jsonl")):
            lines = read_results(path)
            while chunk := list(islice(lines, CHUNK)):
                self._book(chunk, touched)
                self.log.flush()
        return touched

    def _book(self, lines: Sequence[BatchLine], touched: set[str]) -> None:
        self.step.lines += len(lines)
        ours = [(line, *_named(line.key, self.log.config)) for line in lines]
        known = self.log.find([text for _, text, _ in ours])
        booked: set[bytes] = set()
        for index, (line, text, shard) in enumerate(ours):
            waits = self.connection.execute(
                "SELECT shard, size FROM waiting WHERE config = ? AND text = ?", (self.log.config, text)
            ).fetchone()
            entry = known.get(index)
            # A line of an older shard is one that was read before: the text waits in another shard by now.
            if waits is None or text in booked or waits[0] != shard:
                self.step.strange += waits is None and entry is None
                continue
            booked.add(text)
            touched.add(waits[0])
            ask = PendingText(text, Request(line.key, (), ()), waits[1], entry)
            promised = self.budget.reserve_anyway(ask.size)
            if isinstance(line.result, Answer):
                self.step.answers += 1
                self.accounting.book_answer(ask, line.result, promised)
            else:
                self.step.failures += 1
                self.accounting.book_failure(ask, line.result, promised)
                self.accounting.give_up(ask, line.result.kind)
        self.log.flush()
        self._forget([(self.log.config, text) for text in booked])

    def _forget(self, rows: Sequence[tuple[int, bytes]]) -> None:
        with self.connection:
            self.connection.executemany("DELETE FROM waiting WHERE config = ? AND text = ?", rows)

    def _give_up(self, touched: set[str]) -> None:
        """A shard whose results came is over: what they do not hold is unscored, and asked again in a new
        shard."""
        for shard in sorted(touched):
            rows = self.connection.execute(
                "SELECT text, size FROM waiting WHERE config = ? AND shard = ?", (self.log.config, shard)
            ).fetchall()
            known = self.log.find([text for text, _ in rows])
            for index, (text, size) in enumerate(rows):
                self.accounting.give_up(PendingText(text, Request("", (), ()), size, known.get(index)), LOST)
            self.step.missing += len(rows)
            self.log.flush()
            self._forget([(self.log.config, text) for text, _ in rows])

    def _hold(self) -> None:
        """What is waited for may still cost its most."""
        if self.budget.price is not None:
            asked = "SELECT size FROM waiting WHERE config = ?"
            for (size,) in self.connection.execute(asked, (self.log.config,)):
                self.budget.reserve_anyway(size)

    def _write(self, question: Question, missing: Iterable[Sequence[PendingText]]) -> None:
        shard: Shard | None = None
        rows: list[tuple[int, bytes, str, int]] = []
        for ask in self._unwaited(missing):
            if self.budget.reserve(ask.size) is None:
                self.step.over_budget = True
                break
            shard = shard or self._next()
            if not shard.add(self._request(ask, shard)):
                self._finish(shard, rows)
                shard, rows = self._next(), []
                shard.add(self._request(ask, shard))
            self._current.add(ask.text)
            rows.append((self.log.config, ask.text, shard.path.name, ask.size))
        if shard is not None:
            self._finish(shard, rows)

    def _request(self, ask: PendingText, shard: Shard) -> Request:
        """custom_id: config, text, attempt and shard, so that a result belongs to one sending only."""
        key = f"{self.log.config}-{ask.text.hex()}-{ask.answered + 1}-{shard.path.stem}"
        return ask.attempt()._replace(key=key)

    def _unwaited(self, missing: Iterable[Sequence[PendingText]]) -> Iterator[PendingText]:
        for chunk in missing:
            for ask in chunk:
                row = self.connection.execute(
                    "SELECT 1 FROM waiting WHERE config = ? AND text = ?", (self.log.config, ask.text)
                ).fetchone()
                if row is None and ask.text not in self._current:
                    yield ask

    def _next(self) -> Shard:
        numbers = [
            int(p.name.split(".")[0])
            for p in self.requests.glob("*.jsonl*")
            if p.name.split(".")[0].isdigit()
        ]
        return Shard(
            self.requests / f"{max(numbers, default=0) + 1:05d}.jsonl",
            self.model,
            self.settings,
            self.tokens_setting,
        )

    def _finish(self, shard: Shard, rows: Sequence[tuple[int, bytes, str, int]]) -> None:
        """Remember who waits, then give the shard its name: a kill between the two is mended by the next
        step."""
        shard.finish()
        with self.connection:
            self.connection.execute(
                "INSERT OR IGNORE INTO shards(config, name) VALUES (?, ?)", (self.log.config, shard.path.name)
            )
            self.connection.executemany("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?)", rows)
        shard.publish()
        self._current.clear()
        self.step.shards.append(shard.path.name)
        self.step.requests += shard.requests

    def _count(self) -> int:
        row = self.connection.execute(
            "SELECT count(*) FROM waiting WHERE config = ?", (self.log.config,)
        ).fetchone()
        return int(row[0])


def _named(key: str, config: int) -> tuple[bytes, str]:
    """The text and the shard that a custom_id names; an empty text if it is none of this config's."""
    try:
        whose, text, _, shard = key.split("-")
        return (bytes.fromhex(text), f"{shard}.jsonl") if int(whose) == config else (b"", "")
    except ValueError:
        return b"", ""
