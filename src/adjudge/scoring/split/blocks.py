"""How a table of pairs becomes blocks for the crossing: some pairs of one item, their keyphrase tokens as
rows.

A block has `ROWS` rows and room for `PAIRS` pairs; a pair stands in one block whole. Many pairs an item fill
block after block, few pairs fill part of one: both run through the same batched products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adjudge.student.encode import Ids

ROWS = 32
PAIRS = 12
"""Room for pairs: keyphrases of three tokens ([CLS] and two more) fill it together with the rows."""
BLOCKS = 24
"""Blocks a run of the graph, measured best: what they need stays in the second-level cache
(bench/results/split.md)."""

ITEMS = 32
"""Items whose keys and values are made at a time."""


@dataclass(frozen=True)
class Blocks:
    """Pairs in the order `order` (places in the caller's table), cut into blocks.

    item: the item of each block; rows (blocks, ROWS): places in the table of keyphrase tokens, 0 where there
    is none; pool (blocks, PAIRS, ROWS): each row's weight in its pair, else 0; at: block x PAIRS + slot of
    each pair in order.
    """

    order: Ids
    item: Ids
    rows: Ids
    pool: np.ndarray
    at: Ids


def cuts(item: Ids, tokens: Ids) -> Ids:
    """Where blocks begin, given each pair's item (equal ones side by side) and keyphrase tokens (1 to ROWS).

    Pairs are taken in order while item, rows and room allow. With 32 rows: items (7, 7, 7, 9), tokens (20,
    10, 5, 5) begin blocks at 0, 2 and 3.
    """
    number = len(item)
    ends = np.r_[0, np.cumsum(tokens)]
    fits = np.searchsorted(ends, ends[:-1] + ROWS, side="right") - 1
    last = np.flatnonzero(np.r_[item[1:] != item[:-1], True]) + 1
    same = np.repeat(last, np.diff(np.r_[0, last]))
    after = np.minimum(np.minimum(fits, same), np.arange(number) + PAIRS).tolist()
    begins, here = [], 0
    while here < number:
        begins.append(here)
        here = after[here]
    return np.array(begins, np.int64)


def build(order: Ids, item: Ids, start: Ids, tokens: Ids, weight: np.ndarray) -> Blocks:
    """Blocks of pairs in `order`: item, first place and number of their keyphrase's tokens (all in that
    order).

    `weight` is the table of token weights.
    """
    begins = cuts(item, tokens)
    sizes = np.diff(np.r_[begins, len(item)])
    block = np.repeat(np.arange(len(begins)), sizes)
    slot = np.arange(len(item)) - np.repeat(begins, sizes)
    before = np.cumsum(tokens) - tokens
    row = before - np.repeat(before[begins], sizes)
    step = np.arange(int(tokens.sum())) - np.repeat(before, tokens)
    source = np.repeat(start, tokens) + step
    at_row = np.repeat(row, tokens) + step
    rows = np.zeros((len(begins), ROWS), np.int64)
    pool = np.zeros((len(begins), PAIRS, ROWS), np.float32)
    rows.ravel()[np.repeat(block * ROWS, tokens) + at_row] = source
    at = block * PAIRS + slot
    pool.ravel()[np.repeat(at * ROWS, tokens) + at_row] = weight[source]
    return Blocks(order, item[begins], rows, pool, at)


def spans(item: Ids, lengths: Ids, most: int = ITEMS) -> Iterator[tuple[slice, Ids]]:
    """Neighbouring blocks with items of one length, at most `most` items: the blocks, and each one's place
    among the span's items (which stand in the order of the blocks, an item's blocks side by side)."""
    new = np.r_[True, item[1:] != item[:-1]][: len(item)]
    number = np.cumsum(new) - 1
    longer = np.r_[True, lengths[1:] != lengths[:-1]][: len(item)]
    first = np.maximum.accumulate(np.where(longer, number, 0))
    begins = np.flatnonzero(longer | (new & ((number - first) % most == 0)))
    for begin, end in pairwise([*begins.tolist(), len(item)]):
        yield slice(begin, end), number[begin:end] - number[begin]


def runs(blocks: int, most: int = BLOCKS) -> Iterator[slice]:
    """So many blocks in slices of at most `most`."""
    for begin in range(0, blocks, most):
        yield slice(begin, min(begin + most, blocks))
