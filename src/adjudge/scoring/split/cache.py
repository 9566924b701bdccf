"""Bounded cache by text: what was computed of texts, as ragged rows of many texts in a few flat arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np

from adjudge.student.encode import Ids

Rows = tuple[Ids, list[np.ndarray]]
"""Rows per text, and the arrays [all rows, ...] that hold them text after text."""


@dataclass(frozen=True)
class CachedRows:
    """Texts as rows of `columns`: text t has `lengths[t]` of them from `starts[t]` on.

    Stays valid whatever is added.
    """

    columns: list[np.ndarray]
    starts: Ids
    lengths: Ids


class TextCache:
    """A bounded store by text. Texts that nobody used for longest go first once `most_bytes` is reached.

    One call's own texts always fit, so memory is bounded by the larger of `most_bytes` and one call's needs.
    Many threads may call `find` at once: the lock is held to look up and to add, never to compute.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.columns: list[np.ndarray] = []
        self.numbers: dict[str, int] = {}
        self.starts = np.zeros(0, np.int64)
        self.lengths = np.zeros(0, np.int64)
        self.last_used = np.zeros(0, np.int64)
        self.calls = self.rows = 0
        self.added = 0
        self.lock = Lock()

    def find(self, texts: Sequence[str], compute: Callable[[list[str]], Rows]) -> CachedRows:
        """The rows of each text; `compute` gives those that are not there yet.

        Another thread may add the same texts, or push ours out, while this one computes: so what was computed
        stays with this call until all its texts are there in one look.
        """
        computed: list[tuple[list[str], Rows]] = []
        mine: set[str] = set()
        while True:
            with self.lock:
                complete = self._touch(texts)
                missing = [] if complete else self._missing(texts, mine)
                if not missing:
                    for batch, rows in computed:
                        self._add(*self._absent(batch, rows))
                    numbers = np.array([self.numbers[text] for text in texts], np.int64)
                    return CachedRows(self.columns, self.starts[numbers], self.lengths[numbers])
            computed.append((missing, compute(missing)))
            mine.update(missing)

    def _touch(self, texts: Sequence[str]) -> bool:
        """Mark the texts as used by this call, which `_forget` then spares; whether all are there."""
        self.calls += 1
        present = [number for number in map(self.numbers.get, texts) if number is not None]
        self.last_used[np.array(present, np.int64)] = self.calls
        if self.rows > self._room():
            # What one large call left behind.
            self._forget(self._room())
        return len(present) == len(texts)

    def _missing(self, texts: Sequence[str], mine: set[str]) -> list[str]:
        return [text for text in dict.fromkeys(texts) if text not in self.numbers and text not in mine]

    def _absent(self, texts: list[str], rows: Rows) -> tuple[list[str], Ids, list[np.ndarray]]:
        """The texts that no other thread has added meanwhile, with their rows."""
        lengths, columns = rows
        absent = np.array([text not in self.numbers for text in texts], bool)
        if absent.all():
            return texts, lengths, columns
        kept = np.repeat(absent, lengths)
        texts = [text for text, new in zip(texts, absent, strict=True) if new]
        return texts, lengths[absent], [column[kept] for column in columns]

    def _add(self, texts: list[str], lengths: Ids, columns: list[np.ndarray]) -> None:
        self.added += len(texts)
        new = int(lengths.sum())
        if not self.columns:
            self.columns = [np.empty((0, *column.shape[1:]), column.dtype) for column in columns]
        room = self._room()
        if self.rows + new > room:
            self._forget(max(0, room - new) // 2)
        if self.rows + new > len(self.columns[0]):
            self._grow(max(self.rows + new, min(room, 2 * (self.rows + new))))
        for column, fresh in zip(self.columns, columns, strict=True):
            column[self.rows : self.rows + new] = fresh
        first = len(self.numbers)
        self.numbers.update((text, first + number) for number, text in enumerate(texts))
        self.starts = np.r_[self.starts, self.rows + np.cumsum(lengths) - lengths]
        self.lengths = np.r_[self.lengths, lengths]
        self.last_used = np.r_[self.last_used, np.full(len(texts), self.calls)]
        self.rows += new

    def _room(self) -> int:
        """Rows in all that may be kept."""
        row_bytes = sum(int(np.prod(column.shape[1:])) * column.itemsize for column in self.columns)
        return self.most_bytes // row_bytes if row_bytes else 0

    def _grow(self, rows: int) -> None:
        # New arrays, and never rows moved within the old ones: those are still read by calls that found them.
        grown = [np.empty((rows, *column.shape[1:]), column.dtype) for column in self.columns]
        for column, fresh in zip(self.columns, grown, strict=True):
            fresh[: self.rows] = column[: self.rows]
        self.columns = grown

    def _forget(self, rows: int) -> None:
        """Keep this call's texts and, latest used first, others up to about `rows` rows in all."""
        latest = np.argsort(-self.last_used, kind="stable")
        fits = (np.cumsum(self.lengths[latest]) <= rows) | (self.last_used[latest] == self.calls)
        keep = np.sort(latest[fits])
        texts = list(self.numbers)
        lengths = self.lengths[keep]
        starts = np.cumsum(lengths) - lengths
        source = np.repeat(self.starts[keep] - starts, lengths) + np.arange(int(lengths.sum()))
        self.columns = [column[source] for column in self.columns]
        self.numbers = {texts[old]: new for new, old in enumerate(keep.tolist())}
        self.starts, self.lengths, self.last_used = starts, lengths, self.last_used[keep]
        self.rows = len(source)
