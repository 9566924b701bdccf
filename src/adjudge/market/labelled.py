"""The second source of truth: a human-labelled set, on which exposure, clicks and sales are simulated.

This is the semi-synthetic protocol of unbiased learning to rank: real queries, real documents, real grades;
a position-based click model supplies the behaviour (Joachims, Swaminathan and Schnabel 2017, section 6).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.errors import BadTable
from adjudge.market.assortment import assortment
from adjudge.market.settings import MarketSettings
from adjudge.market.texts import overlap, token_ids
from adjudge.market.truth import FAIR, GOOD
from adjudge.market.world import Array, World, stream, undertones
from adjudge.records import FOUR
from adjudge.storage.duck import in_memory
from adjudge.tables import log_path

NEEDED = ("item_id", "keyphrase", "title", "grade")


_IMPORTED = """
SELECT t.item_id, t.keyphrase, i.title, i.category, t.grade
FROM read_parquet($truth) t JOIN read_parquet($items) i USING (item_id)
ORDER BY t.item_id, t.keyphrase
"""


def read_labelled(path: Path) -> pa.Table:
    """The labelled table at a Parquet path, or in a logs folder that an importer wrote (its truth and
    items). Raises BadTable if it cannot be read."""
    if path.is_dir():
        files = {name: str(log_path(path, name)) for name in ("truth", "items")}
        with in_memory(f"labelled set {path} cannot be read: {{}}") as base:
            return base.sql(_IMPORTED, params=files).to_arrow_table()
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadTable(f"labelled set {path} cannot be read as Parquet: {error}") from error


def labelled_world(table: pa.Table, settings: MarketSettings) -> World:
    """A world whose pairs and grades are the table's: item_id, keyphrase, title, grade (scale four), and
    category if known. Raises BadTable on missing columns, nulls, unknown grades and repeated pairs.

    A keyphrase that names a colour absent from the title stands for a pair that the picture decides: the
    label is taken as made with the picture, and the text alone supports at least "good" (if the label is
    "fair" or better).
    """
    _check(table)
    plain = {name: _plain(table[name]) for name in NEEDED}
    ids, first, pair_item = _codes(plain["item_id"])
    texts, _, pair_keyphrase = _codes(plain["keyphrase"])
    title = plain["title"].take(pa.array(first))
    names, item_category, keyphrase_category = _categories(table, first, pair_keyphrase, len(texts))
    grade = pc.index_in(plain["grade"], pa.array(FOUR.grades)).to_numpy(zero_copy_only=False).astype(np.int8)
    words, phrase_words, colours = token_ids(title, texts, pa.array(assortment().colours))
    coverage, jaccard = overlap(words, phrase_words, pair_item, pair_keyphrase)
    hue = np.where(np.isin(phrase_words, colours), phrase_words, 0).max(axis=1)[pair_keyphrase]
    blind = (hue > 0) & ~(words[pair_item] == hue[:, None]).any(axis=1)
    visible = np.where(blind & (grade >= FAIR), np.maximum(grade, GOOD), grade).astype(np.int8)
    rng = stream(settings.seed, "labelled")
    ratio = 0.35 * rng.standard_normal(len(ids))
    return World(
        item_id=ids,
        title=title,
        category_names=names,
        item_category=item_category,
        brand=pa.nulls(len(ids), pa.string()),
        price=np.round(40.0 * np.exp(ratio + 0.8 * rng.standard_normal(len(ids))), 2),
        price_ratio=ratio,
        seller=(rng.random(len(ids)) ** 1.6 * max(len(ids) // 12, 1)).astype(np.int64),
        image=pa.nulls(len(ids), pa.string()),
        keyphrase=texts,
        keyphrase_category=keyphrase_category,
        volume=_volume(phrase_words, settings, rng),
        pair_item=pair_item,
        pair_keyphrase=pair_keyphrase,
        grade=grade,
        visible=visible,
        visible_blurred=visible,
        series=np.zeros(len(grade), np.int32),
        accessory=np.zeros(len(grade), bool),
        substitute=grade == FAIR,
        colour_named=hue > 0,
        picture_match=(hue > 0) & (grade >= GOOD),
        blind=blind,
        coverage=coverage,
        jaccard=jaccard,
        undertone=undertones(settings.seed, len(grade)),
    )


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return pc.cast(column, pa.string()).combine_chunks()


def _check(table: pa.Table) -> None:
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise BadTable(
            f"the labelled set lacks column {', '.join(missing)}; seen: {', '.join(table.column_names)}. "
            f"It needs {', '.join(NEEDED)}, and category if known"
        )
    if not table.num_rows:
        raise BadTable("the labelled set has no rows; it needs at least one labelled pair")
    for name in NEEDED:
        if table[name].null_count:
            raise BadTable(f"the labelled set has {table[name].null_count} nulls in {name}; allowed are none")
    grades = set(pc.unique(table["grade"]).to_pylist())
    if grades - set(FOUR.grades):
        odd = ", ".join(sorted(map(str, grades - set(FOUR.grades))))
        raise BadTable(
            f"the labelled set has grades {odd}; allowed are {', '.join(FOUR.grades)}. Map yours to these "
            "first"
        )
    pairs = table.group_by(["item_id", "keyphrase"]).aggregate([]).num_rows
    if pairs < table.num_rows:
        raise BadTable(
            f"the labelled set repeats {table.num_rows - pairs} pairs; allowed is one row per pair: drop the "
            "others"
        )


def _codes(column: pa.Array) -> tuple[pa.Array, Array, Array]:
    """Distinct values in order of appearance, the row each first appears in, and each row's value."""
    coded = column.dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, first = np.unique(codes, return_index=True)
    return coded.dictionary, first, codes


def _categories(
    table: pa.Table, first: Array, pair_keyphrase: Array, keyphrases: int
) -> tuple[pa.Array, Array, Array]:
    """Category names, each item's, and each keyphrase's (that of its first pair)."""
    if "category" not in table.column_names:
        nowhere = np.zeros(len(first), np.int32)
        return pa.array([None], pa.string()), nowhere, np.zeros(keyphrases, np.int32)
    names, _, codes = _codes(pc.fill_null(_plain(table["category"]), ""))
    _, first_pair = np.unique(pair_keyphrase, return_index=True)
    return names, codes[first].astype(np.int32), codes[first_pair].astype(np.int32)


def _volume(phrase_words: Array, settings: MarketSettings, rng: np.random.Generator) -> Array:
    """Zipf volume by rank, short keyphrases first but for noise."""
    length = np.count_nonzero(phrase_words, axis=1)
    rank = np.argsort(np.argsort(length * 0.9 + rng.gumbel(size=len(length)), kind="stable"), kind="stable")
    volume = 1.0 / (1.0 + rank) ** settings.catalogue.zipf
    return volume * (settings.buyers.searches * len(volume) / volume.sum())
