"""Build the keyphrase graph of a keyphrases table; click logs may add categories and the order of ties."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadTable, NotEnoughData
from adjudge.records import Progress, no_progress
from adjudge.retrieve.clicks import ClickSummary, read_clicks
from adjudge.retrieve.graph import WHOLE, Graph, GraphManifest, save
from adjudge.retrieve.settings import MOST_WORDS, GraphSettings
from adjudge.retrieve.words import DistinctWords, cut
from adjudge.tables import KEYPHRASES


@dataclass(frozen=True)
class GraphSummary:
    """A graph's size, and how many rows of the keyphrases table were left out, by reason."""

    out: Path
    version: str
    keyphrases: int
    words: int
    categories: int
    edges: int
    left_out: dict[str, int]


def build(
    keyphrases: Path,
    out: Path,
    settings: GraphSettings | None = None,
    clicks: Path | None = None,
    items: Path | None = None,
    progress: Progress = no_progress,
) -> GraphSummary:
    """Write the graph of a keyphrases table (keyphrase, optionally category and searches; a keyphrase may
    stand in several rows, one per category) into the folder `out`. Raises BadTable, NotEnoughData.

    `clicks` counts the items shown for a keyphrase: of two searched alike, the rarer comes first. With
    `items` (item_id, category) too, a keyphrase joins each category whose items it was clicked on
    `min_clicks` times.
    """
    settings = settings or GraphSettings()
    progress("build", 0, 4)
    table = _read(keyphrases)
    logged = read_clicks(clicks, items, settings.min_clicks)
    progress("build", 1, 4)
    table, left_out = _usable(table, settings)
    if not len(table):
        raise NotEnoughData(f"{keyphrases} has no keyphrase to build from; left out: {left_out}")
    phrases = _in_order(table, logged)
    progress("build", 2, 4)
    graph = _graph(phrases, _members(table, phrases, logged), settings)
    progress("build", 3, 4)
    graph = save(graph, out)
    progress("build", 4, 4)
    counts = graph.about.counts
    return GraphSummary(out, graph.about.version, **counts, left_out=left_out)


def _read(path: Path) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        KEYPHRASES.check_columns(file.schema_arrow.names, path)
        named = [name for name in KEYPHRASES.names if name in file.schema_arrow.names]
        table = file.read(columns=named).combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise BadTable(
            f"{path} cannot be read as Parquet: {error}. Bring it in with: adjudge import table keyphrases"
        ) from error
    for name, kind in (("category", pa.string()), ("searches", pa.int64())):
        if name not in named:
            table = table.append_column(name, pa.nulls(len(table), kind))
    table = table.select(["keyphrase", "category", "searches"])
    return table.cast(
        pa.schema([("keyphrase", pa.string()), ("category", pa.string()), ("searches", pa.int64())])
    )


def _usable(table: pa.Table, settings: GraphSettings) -> tuple[pa.Table, dict[str, int]]:
    """Rows that can be reached from a title, and how many cannot, by reason."""
    texts = table["keyphrase"].combine_chunks()
    counts = cut(texts, settings.fold_plurals, MOST_WORDS + 1).counts
    searches = pc.fill_null(table["searches"], 0).to_numpy()
    reasons = {
        "keyphrase is null, or has no word": counts == 0,
        f"more than {settings.phrase_words} words": counts > settings.phrase_words,
        f"fewer than {settings.min_searches} searches": searches < settings.min_searches,
    }
    left_out, good = {}, np.ones(len(table), bool)
    for reason, bad in reasons.items():
        if (good & bad).any():
            left_out[reason] = int((good & bad).sum())
        good &= ~bad
    return table.filter(pa.array(good)), left_out


def _in_order(table: pa.Table, logged: ClickSummary) -> pa.Array:
    """Distinct keyphrases: searched most first, then shown with fewest items, then by text."""
    grouped = table.group_by("keyphrase").aggregate([("searches", "max")])
    shown = logged.shown_for(grouped["keyphrase"].combine_chunks())
    searches = pc.fill_null(grouped["searches_max"], 0)
    rows = pa.table({"searches": searches, "shown": shown, "keyphrase": grouped["keyphrase"]})
    order = [("searches", "descending"), ("shown", "ascending"), ("keyphrase", "ascending")]
    return rows.sort_by(order)["keyphrase"].combine_chunks()


def _members(
    table: pa.Table, phrases: pa.Array, logged: ClickSummary
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(keyphrase, category) numbers, each once, by keyphrase, and the names; every keyphrase is in category
    0."""
    both = pa.concat_tables([table.select(["keyphrase", "category"]), logged.categories])
    category = pc.utf8_trim_whitespace(both["category"].combine_chunks())
    at = pc.index_in(both["keyphrase"].combine_chunks(), value_set=phrases)
    member = pc.and_(pc.and_(pc.is_valid(at), pc.is_valid(category)), pc.not_equal(category, ""))
    member = pc.fill_null(member, False)
    category = category.filter(member)
    phrase = at.filter(member).to_numpy(zero_copy_only=False).astype(np.int64)
    names = pc.unique(category).sort().to_pylist()
    number = pc.index_in(category, value_set=pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
    every = np.arange(len(phrases), dtype=np.int64)
    phrase = np.concatenate((phrase, every))
    number = np.concatenate((number.astype(np.int64) + 1, np.full(len(every), WHOLE)))
    pair = np.unique(phrase * (len(names) + 1) + number)
    return pair // (len(names) + 1), pair % (len(names) + 1), ["", *names]


def _graph(
    phrases: pa.Array, members: tuple[np.ndarray, np.ndarray, list[str]], settings: GraphSettings
) -> Graph:
    words = cut(phrases, settings.fold_plurals, settings.phrase_words)
    phrase, category, names = members
    edge_phrase, key = _edges(words, phrase, category)
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    edges = edge_phrase[order].astype(np.int32)
    counts = {"keyphrases": len(phrases), "words": len(words.words), "categories": len(names) - 1}
    return Graph(
        about=GraphManifest(settings=settings, counts={**counts, "edges": len(edges)}),
        phrases=phrases,
        words={word: number for number, word in enumerate(words.words.to_pylist())},
        categories={name: number for number, name in enumerate(names)},
        lengths=words.counts.astype(np.uint8),
        keys=keys,
        starts=np.append(starts, len(edges)),
        edges=edges,
    )


def _edges(words: DistinctWords, phrase: np.ndarray, category: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One entry for each word of each membership: its keyphrase and its key. Keyphrases rise."""
    starts = np.cumsum(words.counts) - words.counts
    sizes = words.counts[phrase]
    at = np.repeat(starts[phrase] - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))
    key = np.repeat(category * len(words.words), sizes) + words.word[at]
    return np.repeat(phrase, sizes), key
