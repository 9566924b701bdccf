"""The verdict log: an SQLite file (WAL) that holds every answer ever paid for.

A verdict is keyed by its config (model, revision, prompt hash, decoding settings, scale) and the hash of the
rendered text. An answer is written to a file beside the log (write_ahead.py) before it counts: from then on a
`kill -9` cannot lose it. One writer thread commits what has come every GATHER seconds; what a kill left
uncommitted is read in when the log is opened again. The disk is asked to hold commits within SYNC_EVERY
seconds, which is about what a power cut can lose.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from adjudge.errors import AdjudgeError, BadTable
from adjudge.judge import write_ahead
from adjudge.judge.log_snapshot import COLUMNS, LogSnapshot
from adjudge.judge.verdict import Verdict
from adjudge.judge.write_ahead import Row, WriteAheadFile
from adjudge.llm.contract import Answer, plain

FORMAT = 1
SYNC_EVERY = 0.25
GATHER = 0.2
"""Seconds of answers that one commit takes: the more at once, the fewer pages are written again and again."""
SIZES = (256, 64, 16, 4, 1)
"""Rows of one INSERT.

A statement of many rows is one call into SQLite, which lets the asking thread run meanwhile.
"""
ASKED_AT_ONCE = 1_000
SCHEMA = """
CREATE TABLE IF NOT EXISTS configs(id INTEGER PRIMARY KEY, told TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS verdicts(
  config INTEGER NOT NULL, text BLOB NOT NULL, grade TEXT, reason TEXT,
  probability REAL, expected REAL, mass REAL,
  answered INTEGER NOT NULL, tokens INTEGER, cost REAL, PRIMARY KEY(config, text)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers(
  id INTEGER PRIMARY KEY, config INTEGER NOT NULL, text BLOB NOT NULL, attempt INTEGER NOT NULL,
  answer TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS taken(segment TEXT PRIMARY KEY) WITHOUT ROWID;
"""
PUT_VERDICT = """INSERT INTO verdicts
  (config, text, grade, reason, probability, expected, mass, answered, tokens, cost)
  VALUES {rows}
  ON CONFLICT(config, text) DO UPDATE SET grade = excluded.grade, reason = excluded.reason,
  probability = excluded.probability, expected = excluded.expected, mass = excluded.mass,
  answered = excluded.answered, tokens = excluded.tokens, cost = excluded.cost"""
PUT_ANSWER = "INSERT INTO answers(config, text, attempt, answer, at) VALUES {rows}"
FIND = f"SELECT text, {', '.join(COLUMNS)} FROM verdicts WHERE config = ? AND text IN "
ALL = f"SELECT text, {', '.join(COLUMNS)} FROM verdicts WHERE config = ? ORDER BY text"
TOTALS = """SELECT count(*), count(grade), sum(tokens), sum(cost) FROM verdicts WHERE config = ?"""
ANSWERS = "SELECT text, attempt, answer FROM answers WHERE config = ? ORDER BY id"


class BadLog(AdjudgeError):
    """The verdict log cannot be used: another run holds it, or it is not one."""


class LogEntry(NamedTuple):
    """What the log knows of one text: the verdict, how many answers it took, tokens and money spent on it."""

    verdict: Verdict
    answered: int
    tokens: int | None
    cost: float | None


class LogRecord(NamedTuple):
    """One thing to write: the text's entry as it is now, and the answer that made it so (None: none came)."""

    text: bytes
    entry: LogEntry
    answer: Answer | None = None


class LogTotals(NamedTuple):
    """What one config holds: texts, how many of them scored, tokens, money (None if no price was known)."""

    texts: int
    scored: int
    tokens: int
    cost: float | None


class VerdictLog:
    """A verdict log opened for one config. Use `with`; only one process may write a log at a time.

    sync_every: seconds until what is committed is also safe from a power cut; 0 leaves that to the system.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], sync_every: float = SYNC_EVERY) -> None:
        self.path, self.settings = path, dict(config)
        self._sync_every = sync_every
        self._pending: list[LogRecord] = []
        self._rows: list[Row] = []
        self._segment: WriteAheadFile | None = None
        self._wake = threading.Condition()
        self._writing = 0
        self._hurry = False
        self._closing = False
        self._dirty = False
        self._closed = threading.Event()
        self._error: BaseException | None = None
        self.on_commit: Callable[[Sequence[LogRecord]], None] = _ignore

    def __enter__(self) -> VerdictLog:
        with ExitStack() as opened:
            opened.enter_context(_exclusive(self.path))
            try:
                self._reader = opened.enter_context(closing(_connect(self.path)))
                self._writer = opened.enter_context(closing(_connect(self.path)))
                self._prepare()
                self._take_in()
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
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, FORMAT):
                raise BadLog(
                    f"{self.path} has format {version}; this version reads {FORMAT}: upgrade adjudge"
                )
            connection.executescript(SCHEMA)
            connection.execute(f"PRAGMA user_version = {FORMAT:d}")
        self.config = self._config_id(self.settings)

    def _config_id(self, config: Mapping[str, Any]) -> int:
        with self._writer as connection:
            connection.execute("INSERT OR IGNORE INTO configs(told) VALUES (?)", (plain(config),))
            rows = connection.execute("SELECT id FROM configs WHERE told = ?", (plain(config),))
            return int(rows.fetchone()[0])

    def _take_in(self) -> None:
        """Read in what a killed run wrote down and did not commit.

        A file that was committed is named in `taken`.
        """
        taken = {row[0] for row in self._writer.execute("SELECT segment FROM taken")}
        for path in write_ahead.leftover_files(self.path):
            if path.name not in taken:
                config, rows = write_ahead.read(path)
                if config is not None:
                    self._commit(self._config_id(config), rows, path)
            path.unlink()
        with self._writer as connection:
            connection.execute("DELETE FROM taken")

    def check(self) -> None:
        """Raise what the writer thread met, if it failed (a full disk, say)."""
        if self._error is not None:
            raise BadLog(f"{self.path} could not be written: {self._error}") from self._error

    @property
    def backlog(self) -> int:
        """Records that are not yet committed."""
        return len(self._pending) + self._writing

    def put(self, record: LogRecord) -> None:
        """Write a record down: it outlives the process from here on. `on_commit` is called with it (in the
        writer's
        thread) once the log holds it too. Raises BadLog if the disk does not take it."""
        row = _row(record)
        with self._wake:
            try:
                if self._segment is None:
                    self._segment = WriteAheadFile(self.path, self.settings)
                self._segment.add(row)
            except OSError as error:
                raise BadLog(f"{self.path} could not be written: {error}") from error
            self._pending.append(record)
            self._rows.append(row)
            if len(self._rows) == 1:
                self._wake.notify_all()

    def flush(self) -> None:
        """Wait until everything handed over is committed. Raises BadLog if that failed."""
        with self._wake:
            self._hurry = True
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._error is not None or not (self._pending or self._writing))
            self._hurry = False
        self.check()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the thread that asks, for tables of its own (batch files)."""
        return self._reader

    def find(self, texts: Sequence[bytes]) -> dict[int, LogEntry]:
        """What is known of each text, by its index in the sequence."""
        known: dict[bytes, LogEntry] = {}
        for start in range(0, len(texts), ASKED_AT_ONCE):
            some = texts[start : start + ASKED_AT_ONCE]
            marks = f"({', '.join('?' * len(some))})"
            for row in self._reader.execute(FIND + marks, (self.config, *some)):
                known[row[0]] = LogEntry(Verdict(*row[1:6]), *row[6:])
        return {index: known[text] for index, text in enumerate(texts) if text in known} if known else {}

    def known(self) -> LogSnapshot:
        """All that this config holds, as columns."""
        return LogSnapshot.of(self._reader.execute(ALL, (self.config,)))

    def totals(self) -> LogTotals:
        """What this config holds so far."""
        texts, scored, tokens, cost = self._reader.execute(TOTALS, (self.config,)).fetchone()
        return LogTotals(texts, scored, tokens or 0, cost)

    def answers(self) -> Iterator[tuple[bytes, int, Answer]]:
        """Every answer of this config as it came: (text hash, attempt, answer). Verdicts can be read from
        them again."""
        for text, attempt, answer in self._reader.execute(ANSWERS, (self.config,)):
            yield text, attempt, Answer.load(answer)

    def _write_all(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._rows or self._closing)
                self._wake.wait_for(lambda: self._hurry or self._closing, GATHER)
                batch, self._pending = self._pending, []
                rows, self._rows = self._rows, []
                segment, self._segment = self._segment, None
                self._writing = len(batch)
            if segment is None:
                return
            try:
                segment.close()
                self._commit(self.config, rows, segment.path)
                segment.path.unlink()
                self.on_commit(batch)
            except (sqlite3.Error, OSError) as error:
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

    def _commit(self, config: int, rows: Sequence[Row], segment: Path) -> None:
        """One transaction for the rows and the name of their file, so that no file is ever read in twice."""
        answers = [(config, row[0], row[6], row[9], row[10]) for row in rows if row[9] is not None]
        with self._writer as connection:
            _insert(connection, PUT_ANSWER, answers)
            _insert(connection, PUT_VERDICT, [(config, *row[:9]) for row in rows])
            connection.execute("DELETE FROM taken")
            connection.execute("INSERT INTO taken VALUES (?)", (segment.name,))
        self._dirty = True


def _insert(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """`executemany` in few statements of many rows."""
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            marks = f"({', '.join('?' * len(rows[at]))})"
            values = list(chain.from_iterable(rows[at : at + size]))
            connection.execute(statement.format(rows=", ".join([marks] * size)), values)
            at += size


def configs(path: Path) -> list[dict[str, Any]]:
    """The configs a log holds, in the order they were first used."""
    if not path.exists():
        raise BadTable(f"{path} does not exist: adjudge judge --log {path} makes it")
    with closing(sqlite3.connect(path)) as connection:
        return [json.loads(row[0]) for row in connection.execute("SELECT told FROM configs ORDER BY id")]


def _ignore(batch: Sequence[LogRecord]) -> None:
    """The default of `on_commit`: commits are asynchronous, and no caller needs to know of them."""


def _row(record: LogRecord) -> Row:
    entry, answer = record.entry, record.answer
    text = None if answer is None else answer.dump()
    return (record.text, *entry.verdict, entry.answered, entry.tokens, entry.cost, text, time.time())


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _exclusive(path: Path) -> FileLock:
    """An advisory lock beside the log; it ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BadLog(
            f"{path} is in use by another run: wait for it, or give this run its own --log"
        ) from error
    return lock
