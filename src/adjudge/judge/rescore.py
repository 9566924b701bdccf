"""Rescoring: verdicts are read again from the logged answers if `ReadSettings` changed; no model is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from adjudge.config import to_dict
from adjudge.judge.log import VerdictLog
from adjudge.judge.verdict import UNSCORED_REASONS, ReadSettings, Verdict, VerdictReader
from adjudge.llm.contract import plain
from adjudge.records import Progress, no_progress

SCHEMA = "CREATE TABLE IF NOT EXISTS readings(config INTEGER PRIMARY KEY, told TEXT NOT NULL)"
HELD = "SELECT told FROM readings WHERE config = ?"
KEEP = "INSERT OR IGNORE INTO readings VALUES (?, ?)"
HOLD = "INSERT OR REPLACE INTO readings VALUES (?, ?)"
COUNT = "SELECT count(*) FROM answers WHERE config = ?"
PUT = """UPDATE verdicts SET grade = :grade, reason = :reason, probability = :probability,
  expected = :expected, mass = :mass
  WHERE config = :config AND text = :text AND (:attempt = 1 OR grade IS NULL)
  AND (:grade IS NOT NULL OR grade IS NOT NULL OR reason IN (SELECT value FROM json_each(:reasons)))"""
PROGRESS_EVERY = 10_000


def rescore(log: VerdictLog, reader: VerdictReader, progress: Progress = no_progress) -> int:
    """Bring the log's verdicts to what `reader` makes of its answers; how many answers were read for that.

    The log remembers by which settings a config's verdicts were read; if they are the same, nothing is
    done. A log that does not say so is older than that memory: it is taken to have been read by the defaults.
    A text gets the verdict of its first answer that scores, else of its last one, as if it were asked now; a
    text whose last try brought no answer at all keeps that reason unless an answer scores. All in one
    transaction.
    """
    settings, defaults = plain(to_dict(reader.settings)), plain(to_dict(ReadSettings()))
    with log.connection as connection:
        connection.execute(SCHEMA)
        row = connection.execute(HELD, (log.config,)).fetchone()
        if settings == (defaults if row is None else row[0]):
            connection.execute(KEEP, (log.config, settings))
            return 0
        total = int(connection.execute(COUNT, (log.config,)).fetchone()[0])
        connection.executemany(PUT, _readings(log, reader, total, progress))
        connection.execute(HOLD, (log.config, settings))
    return total


def _readings(
    log: VerdictLog, reader: VerdictReader, total: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    reasons = json.dumps(UNSCORED_REASONS)
    for done, (text, attempt, answer) in enumerate(log.answers(), start=1):
        verdict: Verdict = reader.read(answer)
        yield {
            "config": log.config,
            "text": text,
            "attempt": attempt,
            "reasons": reasons,
            **verdict._asdict(),
        }
        if done % PROGRESS_EVERY == 0 or done == total:
            progress("answers read again", done, total)
