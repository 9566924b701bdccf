"""Candidates of a Parquet file of items: streamed in item order; no item is lost without a reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadConfig, BadTable
from adjudge.records import Progress, no_progress
from adjudge.retrieve.graph import Graph
from adjudge.retrieve.search import Candidates, search
from adjudge.retrieve.settings import RetrievalSettings
from adjudge.storage.files import fresh_parquet
from adjudge.text.blank import are_blank
from adjudge.text.utf8 import repair

CHUNK = 8192
"""Items per chunk: with 50 keyphrases each, about 100 MB in memory."""
BYTES = 1 << 27
"""Bytes of text that are written at a time, at most: a title is repeated per keyphrase, and a column holds 2
GiB."""
IDS = (("item_id", pa.string()), ("keyphrase", pa.string()))
TEXTS = (("title", pa.string()), ("category", pa.string()))
RANKED = (("rank", pa.int64()), ("alignment", pa.float64()))
WITHOUT_SCHEMA = pa.schema([("row", pa.int64()), ("item_id", pa.string()), ("reason", pa.string())])
NO_ITEM = "item_id is null or blank"
NO_TITLE = "title is null or blank"
NOT_UTF8 = "item_id, title or category is not UTF-8"
NO_CATEGORY = "the graph does not know this category"
NO_HIT = "no keyphrase shares enough words with the title"


@dataclass(frozen=True)
class Retrieved:
    """What was written: items without a keyphrase are counted by reason, and listed in `without_path`."""

    out: Path
    graph: str
    items: int
    pairs: int
    without: dict[str, int]
    without_path: Path | None


def retrieve_file(
    graph: Graph,
    items: Path,
    out: Path,
    settings: RetrievalSettings | None = None,
    texts: bool = True,
    workers: int = 1,
    chunk: int = CHUNK,
    progress: Progress = no_progress,
) -> Retrieved:
    """Candidates for every item of a Parquet file (item_id, title, optionally category).

    `out`: item_id, keyphrase, title, category, rank, alignment (without `texts`, no title and category), in
    the order of the items and by rank; `adjudge score` takes it. `<out>.without.parquet` lists the items that
    got none: 0-based row and reason. Files appear when they are complete. Memory is that of `workers` + 1
    chunks. Raises BadTable.
    """
    if items.resolve() == out.resolve():
        raise BadConfig(f"--out {out} is the items file itself: choose another file")
    settings = settings or RetrievalSettings()
    file, aside = _open(items), out.with_name(f"{out.stem}.without.parquet")
    out.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*IDS, *(TEXTS if texts else ()), *RANKED])
    done, pairs, without = 0, 0, dict[str, int]()
    with ExitStack() as stack:
        pairs_to = stack.enter_context(fresh_parquet(out, schema))
        without_to = stack.enter_context(fresh_parquet(aside, WITHOUT_SCHEMA, empty=False))
        for table, candidates in _candidates(graph, _chunks(file, items, chunk), settings, workers):
            reasons = _reasons(graph, table, candidates, settings)
            for piece in _pieces(graph, table, candidates, schema):
                pairs_to.write_table(piece)
            without_to.write_table(_without(table, reasons, done))
            for reason in reasons.drop_null().to_pylist():
                without[reason] = without.get(reason, 0) + 1
            done, pairs = done + len(table), pairs + len(candidates.row)
            progress("retrieve", done, file.metadata.num_rows)
    if not without:
        aside.unlink(missing_ok=True)
    return Retrieved(out, graph.about.version, done, pairs, without, aside if without else None)


def _candidates(
    graph: Graph, chunks: Iterator[pa.Table], settings: RetrievalSettings, workers: int
) -> Iterator[tuple[pa.Table, Candidates]]:
    """Each chunk with its candidates, in order; at most `workers` + 1 chunks at a time."""

    def work(table: pa.Table) -> Candidates:
        usable = pc.is_null(_unusable(table))
        titles = pc.if_else(usable, table["title"].combine_chunks(), pa.scalar(None, pa.string()))
        return search(graph, titles, table["category"].combine_chunks(), settings)

    waiting: deque[tuple[pa.Table, Future[Candidates]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for table in chunks:
            waiting.append((table, pool.submit(work, table)))
            if len(waiting) > workers:
                first, search_result = waiting.popleft()
                yield first, search_result.result()
        for first, search_result in waiting:
            yield first, search_result.result()


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Other formats come in with: adjudge import table "
            f"items"
        ) from error
    missing = [name for name in ("item_id", "title") if name not in file.schema_arrow.names]
    if missing:
        raise BadTable(
            f"{path}: retrieve needs column {', '.join(missing)}; seen: "
            f"{', '.join(file.schema_arrow.names)}. "
            f"Map other names with: adjudge import table items FILE --map {missing[0]}=YOUR_NAME"
        )
    return file


def _chunks(file: pq.ParquetFile, path: Path, chunk: int) -> Iterator[pa.Table]:
    """Tables of item_id, title, category as plain strings; `broken`: one of them was not UTF-8."""
    names = [n for n in ("item_id", "title", "category") if n in file.schema_arrow.names]
    try:
        for batch in file.iter_batches(batch_size=chunk, columns=names):
            table = pa.table(batch)
            if "category" not in names:
                table = table.append_column("category", pa.nulls(len(table), pa.string()))
            yield _plain(table)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{path} breaks off or is damaged: {error}. Write the file again.") from error


def _plain(table: pa.Table) -> pa.Table:
    broken = np.zeros(len(table), bool)
    columns = {}
    for name in ("item_id", "title", "category"):
        columns[name], repaired = repair(table[name].combine_chunks().cast(pa.string()))
        broken |= repaired.to_numpy(zero_copy_only=False)
    return pa.table({**columns, "broken": broken})


def _unusable(table: pa.Table) -> pa.Array:
    """Why an item is not looked at, or null."""
    reasons = pa.nulls(len(table), pa.string())
    for name, reason in (("title", NO_TITLE), ("item_id", NO_ITEM)):
        reasons = pc.if_else(are_blank(table[name].combine_chunks()), reason, reasons)
    return pc.if_else(table["broken"].combine_chunks(), NOT_UTF8, reasons)


def _reasons(graph: Graph, table: pa.Table, candidates: Candidates, settings: RetrievalSettings) -> pa.Array:
    """Why an item has no keyphrase; null if it has one."""
    none = pa.array(np.bincount(candidates.row, minlength=len(table)) == 0)
    why = pa.scalar(NO_HIT)
    if settings.unknown == "none":
        names = pa.array(list(graph.categories)[1:], pa.string())
        trimmed = pc.utf8_trim_whitespace(table["category"].combine_chunks())
        why = pc.if_else(pc.is_in(trimmed, value_set=names), NO_HIT, NO_CATEGORY)
    return pc.if_else(none, pc.coalesce(_unusable(table), why), pa.scalar(None, pa.string()))


def _without(table: pa.Table, reasons: pa.Array, first: int) -> pa.Table:
    at = pa.array(np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False)))
    return pa.table([pc.add(at, first), table["item_id"].take(at), reasons.take(at)], schema=WITHOUT_SCHEMA)


def _pieces(graph: Graph, table: pa.Table, candidates: Candidates, schema: pa.Schema) -> Iterator[pa.Table]:
    """The pairs in tables of at most BYTES of text each, or of one row."""
    items = np.zeros(len(table), np.int64)
    for name in {"item_id", "title", "category"} & set(schema.names):
        items += pc.fill_null(pc.binary_length(table[name]), 0).to_numpy()
    phrases = pc.binary_length(graph.phrases).take(pa.array(candidates.phrase)).to_numpy(zero_copy_only=False)
    ends = np.cumsum(items[candidates.row] + phrases)
    first = 0
    while first < len(ends):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BYTES, side="right")))
        yield _pairs(
            graph, table, Candidates(*(column[first:last] for column in vars(candidates).values())), schema
        )
        first = last


def _pairs(graph: Graph, table: pa.Table, candidates: Candidates, schema: pa.Schema) -> pa.Table:
    """Texts stay coded by item until Parquet writes them, which codes them as well."""
    row = pa.array(candidates.row.astype(np.int32))
    columns: dict[str, pa.Array] = {
        name: pa.DictionaryArray.from_arrays(row, table[name].combine_chunks())
        for name in ("item_id", "title", "category")
    }
    columns["keyphrase"] = graph.phrases.take(pa.array(candidates.phrase))
    columns["rank"] = pa.array(candidates.rank)
    columns["alignment"] = pa.array(candidates.alignment)
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)
