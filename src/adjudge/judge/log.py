"""The verdict log: an SQLite file (WAL) that holds every answer ever paid for.

A verdict is keyed by its config (model, revision, prompt hash, decoding settings, scale) and the hash of the rendered
text. Answers that arrive together are committed together by one writer thread; an answer counts as done only once it
is committed. What a `kill -9` can lose is what arrived since the last commit began: milliseconds. A commit survives
the process at once; the disk is asked to hold it within SYNC_EVERY seconds, which is what a power cut can lose.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from adjudge.errors import AdjudgeError, BadTable
from adjudge.judge.verdict import Verdict
from adjudge.llm.contract import Answer, plain

FORMAT = 1
SYNC_EVERY = 0.25
SCHEMA = """
CREATE TABLE IF NOT EXISTS configs(id INTEGER PRIMARY KEY, told TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS verdicts(
  config INTEGER NOT NULL, text BLOB NOT NULL, grade TEXT, reason TEXT, probability REAL, expected REAL, mass REAL,
  answered INTEGER NOT NULL, tokens INTEGER, cost REAL, PRIMARY KEY(config, text)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers(
  id INTEGER PRIMARY KEY, config INTEGER NOT NULL, text BLOB NOT NULL, attempt INTEGER NOT NULL, answer TEXT NOT NULL,
  at REAL NOT NULL);
"""
PUT_VERDICT = """INSERT INTO verdicts(config, text, grade, reason, probability, expected, mass, answered, tokens, cost)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT(config, text) DO UPDATE SET grade = excluded.grade, reason = excluded.reason,
  probability = excluded.probability, expected = excluded.expected, mass = excluded.mass,
  answered = excluded.answered, tokens = excluded.tokens, cost = excluded.cost"""
PUT_ANSWER = "INSERT INTO answers(config, text, attempt, answer, at) VALUES (?, ?, ?, ?, ?)"
FIND = """SELECT w.n, v.grade, v.reason, v.probability, v.expected, v.mass, v.answered, v.tokens, v.cost
  FROM wanted w JOIN verdicts v ON v.config = ? AND v.text = w.text"""
SETTLED = """SELECT w.n FROM wanted w JOIN verdicts v ON v.config = ? AND v.text = w.text
  WHERE v.grade IS NOT NULL OR v.answered >= ?"""
TOTALS = """SELECT count(*), count(grade), sum(tokens), sum(cost) FROM verdicts WHERE config = ?"""
ANSWERS = "SELECT text, attempt, answer FROM answers WHERE config = ? ORDER BY id"

Row = tuple[Any, ...]


class BadLog(AdjudgeError):
    """The verdict log cannot be used: another run holds it, or it is not one."""


@dataclass(frozen=True)
class Entry:
    """What the log knows of one text: the verdict, how many answers it took, tokens and money spent on it."""

    verdict: Verdict
    answered: int
    tokens: int | None
    cost: float | None


@dataclass(frozen=True)
class Record:
    """One thing to write: the text's entry as it is now, and the answer that made it so (None: none came)."""

    text: bytes
    entry: Entry
    answer: Answer | None = None


@dataclass(frozen=True)
class Totals:
    """What one config holds: texts, how many of them scored, tokens, money (None where no price was known)."""

    texts: int
    scored: int
    tokens: int
    cost: float | None


class VerdictLog:
    """A verdict log opened for one config. Use `with`; only one process may write a log at a time.

    sync_every: seconds until what is committed is also safe from a power cut; 0 leaves that to the system.
    """

    def __init__(self, path: Path, told: Mapping[str, Any], sync_every: float = SYNC_EVERY) -> None:
        self.path, self.told = path, dict(told)
        self._sync_every = sync_every
        self._pending: list[Record] = []
        self._wake = threading.Condition()
        self._writing = 0
        self._closing = False
        self._dirty = False
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self.on_commit: Callable[[Sequence[Record]], None] = _nothing

    def __enter__(self) -> VerdictLog:
        with ExitStack() as opened:
            opened.enter_context(_only_one(self.path))
            try:
                self._reader = opened.enter_context(closing(_connect(self.path)))
                self._prepare()
                self._writer = opened.enter_context(closing(_connect(self.path)))
            except sqlite3.DatabaseError as error:
                raise BadLog(
                    f"{self.path} is no verdict log ({error}): name another file with --log"
                ) from error
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._write_all, name="verdict-log", daemon=True)
        self._thread.start()
        self._syncer = threading.Thread(target=self._sync_often, name="verdict-log-sync", daemon=True)
        if self._sync_every:
            self._syncer.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join()
        self._closed.set()
        if self._sync_every:
            self._syncer.join()
        self._opened.close()
        self.check()

    def _prepare(self) -> None:
        with self._reader as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, FORMAT):
                raise BadLog(f"{self.path} has format {found}; this version reads {FORMAT}: upgrade adjudge")
            connection.executescript(SCHEMA)
            connection.execute("CREATE TEMP TABLE wanted(n INTEGER PRIMARY KEY, text BLOB NOT NULL)")
            connection.execute(f"PRAGMA user_version = {FORMAT:d}")
            told = plain(self.told)
            connection.execute("INSERT OR IGNORE INTO configs(told) VALUES (?)", (told,))
            self.config = connection.execute("SELECT id FROM configs WHERE told = ?", (told,)).fetchone()[0]

    def check(self) -> None:
        """Raise what the writer thread met, if it failed (a full disk, say)."""
        if self._error is not None:
            raise BadLog(f"{self.path} could not be written: {self._error}") from self._error

    @property
    def backlog(self) -> int:
        """Records that are not yet committed."""
        return len(self._pending) + self._writing

    def put(self, record: Record) -> None:
        """Hand a record to the writer; `on_commit` is called with it (in the writer's thread) once it is durable."""
        with self._wake:
            self._pending.append(record)
            if len(self._pending) == 1:
                self._wake.notify_all()

    def flush(self) -> None:
        """Wait until everything handed over is committed. Raises BadLog where that failed."""
        with self._wake:
            self._wake.wait_for(lambda: self._error is not None or not (self._pending or self._writing))
        self.check()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the thread that asks, for tables of its own (batch files)."""
        return self._reader

    def find(self, texts: Sequence[bytes]) -> dict[int, Entry]:
        """What is known of each text, by its place in the sequence."""
        return {place: Entry(Verdict(*row[:5]), *row[5:]) for place, row in self.rows(texts).items()}

    def rows(self, texts: Sequence[bytes]) -> dict[int, Row]:
        """`find` without its objects: (grade, reason, probability, expected, mass, answered, tokens, cost)."""
        self._want(texts)
        return {row[0]: row[1:] for row in self._reader.execute(FIND, (self.config,))}

    def settled(self, texts: Sequence[bytes], attempts: int) -> set[int]:
        """The places of the texts that need no further asking."""
        self._want(texts)
        return {row[0] for row in self._reader.execute(SETTLED, (self.config, attempts))}

    def _want(self, texts: Sequence[bytes]) -> None:
        with self._reader as connection:
            connection.execute("DELETE FROM wanted")
            connection.executemany("INSERT INTO wanted VALUES (?, ?)", enumerate(texts))

    def totals(self) -> Totals:
        """What this config holds so far."""
        texts, scored, tokens, cost = self._reader.execute(TOTALS, (self.config,)).fetchone()
        return Totals(texts, scored, tokens or 0, cost)

    def answers(self) -> Iterator[tuple[bytes, int, Answer]]:
        """Every answer of this config as it came: (text hash, attempt, answer). Verdicts can be read from them again."""
        for text, attempt, answer in self._reader.execute(ANSWERS, (self.config,)):
            yield text, attempt, Answer.load(answer)

    def _write_all(self) -> None:
        while True:
            with self._wake:
                while not self._pending and not self._closing:
                    self._wake.wait()
                batch, self._pending = self._pending, []
                self._writing = len(batch)
            if not batch:
                return
            try:
                self._commit(batch)
                self.on_commit(batch)
            except sqlite3.Error as error:
                self._error = error
            with self._wake:
                self._writing = 0
                self._wake.notify_all()
            if self._error is not None:
                return

    def _sync_often(self) -> None:
        """Ask the disk to hold the write-ahead log, in a thread of its own so that no commit waits for it."""
        last = False
        with self.path.with_name(self.path.name + "-wal").open("rb") as wal:
            while not last:
                last = self._closed.wait(self._sync_every)
                if self._dirty:
                    self._dirty = False
                    os.fsync(wal.fileno())

    def _commit(self, batch: Sequence[Record]) -> None:
        now = time.time()
        verdicts = [_row(self.config, record) for record in batch]
        answers = [
            (self.config, record.text, record.entry.answered, record.answer.dump(), now)
            for record in batch
            if record.answer is not None
        ]
        with self._writer as connection:
            connection.executemany(PUT_ANSWER, answers)
            connection.executemany(PUT_VERDICT, verdicts)
        self._dirty = True


def configs(path: Path) -> list[dict[str, Any]]:
    """The configs a log holds, in the order they were first used."""
    if not path.exists():
        raise BadTable(f"{path} does not exist: adjudge judge --log {path} makes it")
    with closing(sqlite3.connect(path)) as connection:
        return [json.loads(row[0]) for row in connection.execute("SELECT told FROM configs ORDER BY id")]


def _nothing(batch: Sequence[Record]) -> None:
    """Nobody waits for commits."""


def _row(config: int, record: Record) -> tuple[Any, ...]:
    entry, verdict = record.entry, record.entry.verdict
    seen = (verdict.grade, verdict.reason, verdict.probability, verdict.expected, verdict.mass)
    return (config, record.text, *seen, entry.answered, entry.tokens, entry.cost)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _only_one(path: Path) -> IO[bytes]:
    """An advisory lock beside the log; it dies with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise BadLog(
            f"{path} is in use by another run: wait for it, or give this run its own --log"
        ) from error
    return lock
