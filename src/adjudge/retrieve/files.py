"""Items in, pairs out, as Parquet: streamed in item order, nothing lost without a reason."""

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
from adjudge.retrieve.search import Found, search
from adjudge.retrieve.settings import SearchSettings
from adjudge.storage.files import fresh_parquet

CHUNK = 8192
"""Items a chunk: with 50 keyphrases each, some 100 MB in memory."""
BYTES = 1 << 27
"""Bytes of text that are written at a time, at most: a title stands once a keyphrase, and a column holds 2 GiB."""
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
    """What was written: `without` items got no keyphrase; they stand with their reason in `without_path`."""

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
    settings: SearchSettings | None = None,
    texts: bool = True,
    workers: int = 1,
    chunk: int = CHUNK,
    progress: Progress = no_progress,
) -> Retrieved:
    """Candidates for every item of a Parquet file (item_id, title, optionally category).

    `out`: item_id, keyphrase, title, category, rank, alignment (without `texts`, no title and category), in the
    order of the items and by rank; `adjudge score` takes it. `<out>.without.parquet` lists the items that got none:
    0-based row and reason. Files appear when they are complete. Memory is that of `workers` + 1 chunks. Raises BadTable.
    """
    if items.resolve() == out.resolve():
        raise BadConfig(f"--out {out} is the items file itself: choose another file")
    settings = settings or SearchSettings()
    file, aside = _open(items), out.with_name(f"{out.stem}.without.parquet")
    out.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([*IDS, *(TEXTS if texts else ()), *RANKED])
    done, pairs, without = 0, 0, dict[str, int]()
    with ExitStack() as stack:
        pairs_to = stack.enter_context(fresh_parquet(out, schema))
        without_to = stack.enter_context(fresh_parquet(aside, WITHOUT_SCHEMA, empty=False))
        for table, found in _found(graph, _chunks(file, items, chunk), settings, workers):
            reasons = _reasons(graph, table, found, settings)
            for piece in _pieces(graph, table, found, schema):
                pairs_to.write_table(piece)
            without_to.write_table(_without(table, reasons, done))
            for reason in reasons.drop_null().to_pylist():
                without[reason] = without.get(reason, 0) + 1
            done, pairs = done + len(table), pairs + len(found.row)
            progress("retrieve", done, file.metadata.num_rows)
    if not without:
        aside.unlink(missing_ok=True)
    return Retrieved(out, graph.about.version, done, pairs, without, aside if without else None)


def _found(
    graph: Graph, chunks: Iterator[pa.Table], settings: SearchSettings, workers: int
) -> Iterator[tuple[pa.Table, Found]]:
    """Each chunk with its candidates, in order; at most `workers` + 1 chunks at a time."""

    def work(table: pa.Table) -> Found:
        usable = pc.is_null(_unusable(table))
        titles = pc.if_else(usable, table["title"].combine_chunks(), pa.scalar(None, pa.string()))
        return search(graph, titles, table["category"].combine_chunks(), settings)

    waiting: deque[tuple[pa.Table, Future[Found]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for table in chunks:
            waiting.append((table, pool.submit(work, table)))
            if len(waiting) > workers:
                first, found = waiting.popleft()
                yield first, found.result()
        for first, found in waiting:
            yield first, found.result()


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Other formats come in with: adjudge import table items"
        ) from error
    missing = [name for name in ("item_id", "title") if name not in file.schema_arrow.names]
    if missing:
        raise BadTable(
            f"{path}: retrieve needs column {', '.join(missing)}; seen: {', '.join(file.schema_arrow.names)}. "
            f"Map other names with: adjudge import table items FILE --map {missing[0]}=YOUR_NAME"
        )
    return file


def _chunks(file: pq.ParquetFile, path: Path, chunk: int) -> Iterator[pa.Table]:
    """Tables of item_id, title, category as plain strings; a text that is not UTF-8 is null in `title`, and said
    in the column `broken`."""
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
        column = table[name].combine_chunks().cast(pa.string())
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raw = column.cast(pa.binary()).to_pylist()
            texts = [None if value is None else value.decode("utf-8", "replace") for value in raw]
            broken |= [
                text is not None and text.encode() != value for text, value in zip(texts, raw, strict=True)
            ]
            column = pa.array(texts, pa.string())
        columns[name] = column
    return pa.table({**columns, "broken": broken})


def _unusable(table: pa.Table) -> pa.Array:
    """Why an item is not looked at, or null."""
    reasons = pa.nulls(len(table), pa.string())
    for name, reason in (("title", NO_TITLE), ("item_id", NO_ITEM)):
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(table[name].combine_chunks()), ""), True)
        reasons = pc.if_else(blank, reason, reasons)
    return pc.if_else(table["broken"].combine_chunks(), NOT_UTF8, reasons)


def _reasons(graph: Graph, table: pa.Table, found: Found, settings: SearchSettings) -> pa.Array:
    """Why an item has no keyphrase; null where it has."""
    none = pa.array(np.bincount(found.row, minlength=len(table)) == 0)
    why = pa.scalar(NO_HIT)
    if settings.unknown == "none":
        known = pa.array(list(graph.categories)[1:], pa.string())
        trimmed = pc.utf8_trim_whitespace(table["category"].combine_chunks())
        why = pc.if_else(pc.is_in(trimmed, value_set=known), NO_HIT, NO_CATEGORY)
    return pc.if_else(none, pc.coalesce(_unusable(table), why), pa.scalar(None, pa.string()))


def _without(table: pa.Table, reasons: pa.Array, first: int) -> pa.Table:
    at = pa.array(np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False)))
    return pa.table([pc.add(at, first), table["item_id"].take(at), reasons.take(at)], schema=WITHOUT_SCHEMA)


def _pieces(graph: Graph, table: pa.Table, found: Found, schema: pa.Schema) -> Iterator[pa.Table]:
    """The pairs in tables of at most BYTES of text each, or of one row."""
    items = np.zeros(len(table), np.int64)
    for name in {"item_id", "title", "category"} & set(schema.names):
        items += pc.fill_null(pc.binary_length(table[name]), 0).to_numpy()
    phrases = pc.binary_length(graph.phrases).take(pa.array(found.phrase)).to_numpy(zero_copy_only=False)
    ends = np.cumsum(items[found.row] + phrases)
    first = 0
    while first < len(ends):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BYTES, side="right")))
        yield _pairs(graph, table, Found(*(column[first:last] for column in vars(found).values())), schema)
        first = last


def _pairs(graph: Graph, table: pa.Table, found: Found, schema: pa.Schema) -> pa.Table:
    """Texts stay coded by item until Parquet writes them, which codes them as well."""
    row = pa.array(found.row.astype(np.int32))
    columns: dict[str, pa.Array] = {
        name: pa.DictionaryArray.from_arrays(row, table[name].combine_chunks())
        for name in ("item_id", "title", "category")
    }
    columns["keyphrase"] = graph.phrases.take(pa.array(found.phrase))
    columns["rank"] = pa.array(found.rank)
    columns["alignment"] = pa.array(found.alignment)
    return pa.table([columns[field.name].cast(field.type) for field in schema], schema=schema)
