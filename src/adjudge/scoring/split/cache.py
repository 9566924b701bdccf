"""What was computed of texts, kept while there is room: the ragged rows of many texts in a few flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from adjudge.student.encode import Ids

Rows = tuple[Ids, list[np.ndarray]]
"""Rows a text, and the arrays [all rows, ...] that hold them text after text."""


@dataclass(frozen=True)
class Found:
    """Texts as rows of `columns`: text t has `lengths[t]` of them from `starts[t]` on. Stays valid whatever is added."""

    columns: list[np.ndarray]
    starts: Ids
    lengths: Ids


class Kept:
    """A bounded store by text. Texts that were not asked for longest go first once `most_bytes` is reached.

    One call's own texts always fit, so memory is bounded by the larger of `most_bytes` and one call's needs.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.columns: list[np.ndarray] = []
        self.place: dict[str, int] = {}
        self.starts = np.zeros(0, np.int64)
        self.lengths = np.zeros(0, np.int64)
        self.asked = np.zeros(0, np.int64)
        self.calls = self.used = 0
        self.made = 0
        self.lock = Lock()

    def find(self, texts: Sequence[str], make: Callable[[list[str]], Rows]) -> Found:
        """Where the rows of each text are; `make` computes those that are not there yet."""
        with self.lock:
            return self._find(texts, make)

    def _find(self, texts: Sequence[str], make: Callable[[list[str]], Rows]) -> Found:
        self.calls += 1
        known = [self.place.get(text) for text in texts]
        there = np.array([place for place in known if place is not None], np.int64)
        self.asked[there] = self.calls
        if self.used > self._room():
            # What one large call left behind.
            self._forget(self._room())
            known = [self.place.get(text) for text in texts]
        missing = list(dict.fromkeys(text for text, place in zip(texts, known, strict=True) if place is None))
        if missing:
            self._add(missing, *make(missing))
            known = [self.place[text] for text in texts]
        places = np.array(known, np.int64)
        return Found(self.columns, self.starts[places], self.lengths[places])

    def _add(self, texts: list[str], lengths: Ids, columns: list[np.ndarray]) -> None:
        self.made += len(texts)
        new = int(lengths.sum())
        if not self.columns:
            self.columns = [np.empty((0, *column.shape[1:]), column.dtype) for column in columns]
        room = self._room()
        if self.used + new > room:
            self._forget(max(0, room - new) // 2)
        if self.used + new > len(self.columns[0]):
            self._grow(max(self.used + new, min(room, 2 * (self.used + new))))
        for column, fresh in zip(self.columns, columns, strict=True):
            column[self.used : self.used + new] = fresh
        first = len(self.place)
        self.place.update((text, first + number) for number, text in enumerate(texts))
        self.starts = np.r_[self.starts, self.used + np.cumsum(lengths) - lengths]
        self.lengths = np.r_[self.lengths, lengths]
        self.asked = np.r_[self.asked, np.full(len(texts), self.calls)]
        self.used += new

    def _room(self) -> int:
        """Rows in all that may be kept."""
        a_row = sum(int(np.prod(column.shape[1:])) * column.itemsize for column in self.columns)
        return self.most_bytes // a_row if a_row else 0

    def _grow(self, rows: int) -> None:
        grown = [np.empty((rows, *column.shape[1:]), column.dtype) for column in self.columns]
        for column, fresh in zip(self.columns, grown, strict=True):
            fresh[: self.used] = column[: self.used]
        self.columns = grown

    def _forget(self, rows: int) -> None:
        """Keep this call's texts and, latest asked first, others up to about `rows` rows in all."""
        latest = np.argsort(-self.asked, kind="stable")
        fits = (np.cumsum(self.lengths[latest]) <= rows) | (self.asked[latest] == self.calls)
        keep = np.sort(latest[fits])
        texts = list(self.place)
        lengths = self.lengths[keep]
        starts = np.cumsum(lengths) - lengths
        source = np.repeat(self.starts[keep] - starts, lengths) + np.arange(int(lengths.sum()))
        self.columns = [column[source] for column in self.columns]
        self.place = {texts[old]: new for new, old in enumerate(keep.tolist())}
        self.starts, self.lengths, self.asked = starts, lengths, self.asked[keep]
        self.used = len(source)
