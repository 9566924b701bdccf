"""Training-set builder: gather the sources' votes, resolve conflicts, assign splits, apply caps, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from adjudge import config
from adjudge.errors import BadTable, NotEnoughData
from adjudge.recipes import sources
from adjudge.recipes.engine import RecipeEngine, open_engine
from adjudge.recipes.resolve import Conflict, ConflictCase, conflicts, decide, fates, scale_of
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import Recipe
from adjudge.recipes.splits import split_sql, sql_text
from adjudge.recipes.tally import Ledger, RecipeReport, RowCount, SourcePairs
from adjudge.records import Progress, no_progress
from adjudge.storage.files import fresh_file, write_json
from adjudge.text.blank import blank_sql

CAPS = ("max_per_source", "max_per_label", "max_rows")
_AFTER_SOURCES = 4


def build(
    recipe: Recipe,
    logs: Path,
    settings: RecipeSettings,
    out: Path,
    progress: Progress = no_progress,
) -> RecipeReport:
    """Write `out/training.parquet`, `out/conflicts.parquet` and `out/recipe.json`.

    Rows are in the order of item_id, keyphrase; the same logs, settings and seed give the same bytes.
    Raises BadRecipe (a source that is missing or cannot give that label), BadTable (a table that is missing
    or broken), NotEnoughData (a label without a single training row).
    """
    started = time.monotonic()
    sources.check(recipe, settings)
    ledger = Ledger(recipe.sources)
    total = len(recipe.terms) + _AFTER_SOURCES
    with open_engine(out, settings) as engine:
        engine.run("start")
        _open_items(engine, logs)
        for rank, term in enumerate(recipe.terms):
            progress(f"recipe {recipe}: {term}", rank, total)
            _gather(engine, recipe, rank, logs, settings, ledger)
        progress(f"recipe {recipe}: conflicts", total - 4, total)
        conflicts_found = _settle(engine, recipe, settings, ledger)
        progress(f"recipe {recipe}: splits", total - 3, total)
        _place(engine, recipe, settings, ledger)
        progress(f"recipe {recipe}: caps", total - 2, total)
        counts, hardened = _cap(engine, recipe, settings, ledger)
        _refuse_one_sided(recipe, settings, ledger, counts)
        _weigh(engine, settings, counts)
        progress(f"recipe {recipe}: writing", total - 1, total)
        report = RecipeReport(
            recipe=str(recipe),
            rows=sum(count.rows for count in counts),
            seen=tuple(SourcePairs(source, pairs) for source, pairs in ledger.seen.items()),
            counts=counts,
            dropped=ledger.dropped,
            conflicts=conflicts_found,
            hardened=hardened,
            seconds=time.monotonic() - started,
        )
        _write(engine, recipe, settings, report, out)
    progress(f"recipe {recipe}", total, total)
    return report


def _open_items(engine: RecipeEngine, logs: Path) -> None:
    path = engine.open(logs, "items")
    twice = engine.run("twice")
    if twice:
        names = ", ".join(f"{item} ({times} times)" for item, times in twice)
        raise BadTable(
            f"{path}: items stand more than once: {names}. Bring it in with: adjudge import table items FILE"
        )


def _gather(
    engine: RecipeEngine, recipe: Recipe, rank: int, logs: Path, settings: RecipeSettings, ledger: Ledger
) -> None:
    term = recipe.terms[rank]
    reasons = sources.gather(engine, term, rank, logs, settings)
    ledger.seen[term.source] = sum(reasons.values())
    for reason, pairs in reasons.items():
        if reason is not None:
            ledger.drop(term.source, reason, pairs)
    engine.fill("names", [(rank, term.source)])


def _settle(
    engine: RecipeEngine, recipe: Recipe, settings: RecipeSettings, ledger: Ledger
) -> tuple[Conflict, ...]:
    engine.run("merge")
    rows = engine.run("cases", {}, blank_item=blank_sql("item_id"), blank_keyphrase=blank_sql("keyphrase"))
    twice, blank = sum(row[4] for row in rows), sum(row[5] for row in rows)
    if twice or blank:
        raise BadTable(
            f"recipe {recipe}: {twice} pairs stand more than once in one source and {blank} have a blank "
            f"item_id or "
            "keyphrase. Bring the tables in with adjudge import, which sets such rows aside and says which"
        )
    levels = len(scale_of(settings.target).grades)
    cases = [ConflictCase(tuple(row[:levels]), row[3]) for row in rows]
    decisions = [(row, decide(row[:levels], settings.conflict)) for row in rows]
    engine.fill(
        "decisions",
        [(*row[:3], choice.label, choice.rank) for row, choice in decisions if choice is not None],
    )
    for (rank, reason), pairs in fates(cases, settings.conflict).items():
        ledger.drop(recipe.sources[rank], reason, pairs)
    return conflicts(cases, settings.conflict, recipe.sources, settings.target)


def _place(engine: RecipeEngine, recipe: Recipe, settings: RecipeSettings, ledger: Ledger) -> None:
    engine.run("label", split_sql=split_sql(settings), blank_title=blank_sql("stock.title"))
    for rank, reason, pairs in engine.run("placed"):
        ledger.drop(recipe.sources[rank], reason, pairs)
    engine.run("rows")


def _cap(
    engine: RecipeEngine, recipe: Recipe, settings: RecipeSettings, ledger: Ledger
) -> tuple[tuple[RowCount, ...], int]:
    """Apply the caps that are set, in the order of CAPS, then downsampling; gives what is left."""
    counts, hardened = _count(engine, recipe, settings)
    steps = [(by, getattr(settings, by)) for by in CAPS if getattr(settings, by) is not None]
    if settings.balance == "downsample":
        steps.append(("balance", None))
    for by, most in steps:
        if by == "balance":
            most = min(_per_label(counts, settings, "train"))
        engine.run("cap", {"by": by, "most": most, "seed": str(settings.seed)})
        remaining, hardened = _count(engine, recipe, settings)
        for source in recipe.sources:
            dropped = sum(c.rows for c in counts if c.source == source)
            dropped -= sum(c.rows for c in remaining if c.source == source)
            ledger.drop(source, by, dropped)
        counts = remaining
    return counts, hardened


def _count(
    engine: RecipeEngine, recipe: Recipe, settings: RecipeSettings
) -> tuple[tuple[RowCount, ...], int]:
    rows = engine.run("count")
    counts = tuple(RowCount(recipe.sources[rank], split, label, n) for rank, split, label, n, _ in rows)
    return counts, sum(row[4] for row in rows) if settings.target == "probability" else 0


def _per_label(counts: Sequence[RowCount], settings: RecipeSettings, split: str) -> list[int]:
    levels = range(len(scale_of(settings.target).grades))
    return [sum(c.rows for c in counts if c.label == label and c.split == split) for label in levels]


def _refuse_one_sided(
    recipe: Recipe, settings: RecipeSettings, ledger: Ledger, counts: Sequence[RowCount]
) -> None:
    words = scale_of(settings.target).grades
    missing = [
        word for word, rows in zip(words, _per_label(counts, settings, "train"), strict=True) if not rows
    ]
    if not missing:
        return
    contributions = []
    for term in recipe.terms:
        own_counts = [c for c in counts if c.source == term.source]
        rows = ", ".join(
            f"{sum(c.rows for c in own_counts if c.label == i)} {word}" for i, word in enumerate(words)
        )
        lost = ", ".join(f"{d.pairs} {d.reason}" for d in ledger.dropped if d.source == term.source) or "none"
        contributions.append(f"{term} gave {rows} (of {ledger.seen[term.source]} pairs; dropped: {lost})")
    raise NotEnoughData(
        f"recipe {str(recipe)!r} has no {' and no '.join(missing)} pair to train on: "
        f"{'; '.join(contributions)}. "
        "Add a source for that label (such as search- or llm+-), or lower the floors that dropped it"
    )


def _weigh(engine: RecipeEngine, settings: RecipeSettings, counts: Sequence[RowCount]) -> None:
    """Weights by which every label of the train split sums to the same: rows / (labels x rows of the
    label)."""
    if settings.balance != "weights":
        return
    per_label = _per_label(counts, settings, "train")
    rows = [("train", label, sum(per_label) / (len(per_label) * n)) for label, n in enumerate(per_label)]
    engine.fill("weights", list(rows))


def _write(
    engine: RecipeEngine, recipe: Recipe, settings: RecipeSettings, report: RecipeReport, out: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    training = engine.connection.sql(
        sql_text("training"), params={"harden": settings.target == "probability"}
    )
    columns = {
        "recipe": [str(recipe)] * len(report.conflicts),
        **{name: [getattr(c, name) for c in report.conflicts] for name in ("winner", "loser", "winner_says")},
        "pairs": [c.pairs for c in report.conflicts],
    }
    types = [("recipe", pa.string()), ("winner", pa.string()), ("loser", pa.string())]
    schema = pa.schema([*types, ("winner_says", pa.string()), ("pairs", pa.int64())])
    about = {
        "recipe": str(recipe),
        "settings": config.to_dict(settings),
        "labels": list(scale_of(settings.target).grades),
        **{name: value for name, value in asdict(report).items() if name not in ("recipe", "seconds")},
    }
    # Both tables are complete before the first takes its name.
    with (
        fresh_file(out / "conflicts.parquet") as conflicts_file,
        fresh_file(out / "training.parquet") as training_file,
    ):
        training.write_parquet(str(training_file), compression="zstd")
        pq.write_table(pa.table(columns, schema=schema), conflicts_file)
    write_json(out / "recipe.json", about)
