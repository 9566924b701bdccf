"""The stamp of a run: its id, model and time, in the metadata of every file that it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from adjudge.config import to_dict

SUCCESS = "_SUCCESS"
KEY = b"adjudge"


@dataclass(frozen=True)
class Stamp:
    """What a run says of itself: `scored_at` as ISO 8601 in UTC; `threshold` is the model's at that time."""

    run_id: str
    model_version: str
    threshold: float | None
    scored_at: str

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.scored_at)


def iso(time: datetime) -> str:
    """A time in UTC, as stamps spell it.

    >>> iso(datetime(2026, 11, 22, 6, tzinfo=UTC))
    '2026-11-22T06:00:00.000000Z'
    """
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def default_run_id(scored_at: datetime, model_version: str) -> str:
    """A run's name if none is given: its time and model."""
    return f"{scored_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{model_version}"


def stamped(schema: pa.Schema, stamp: Stamp) -> pa.Schema:
    """The schema with the stamp in its metadata."""
    return schema.with_metadata({KEY: json.dumps(to_dict(stamp), sort_keys=True).encode()})
