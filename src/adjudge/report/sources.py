"""What the models were made of: training sets, agreement and disagreements of sources, and the settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from adjudge.report import formats
from adjudge.report.quality import shade
from adjudge.report.reading import ResultsFolder, Row, Values

SHOWN = 12
"""Disagreements shown per reason, widest gap first; the page says how many there are in all."""


def training_sets(results: ResultsFolder) -> list[Values]:
    """Rows per recipe and source, by split, with each recipe's total."""
    recipes: dict[str, dict[str, dict[str, int]]] = {}
    for row in results.rows("sources"):
        cell = recipes.setdefault(row["recipe"], {}).setdefault(
            row["source"], {"positives": 0, "negatives": 0, "rows": 0, "train": 0, "dev": 0, "test": 0}
        )
        for key in ("positives", "negatives", "rows"):
            cell[key] += row[key] or 0
        if row["split"] in cell:
            cell[row["split"]] += row["rows"] or 0
    return [
        {
            "recipe": recipe,
            "sources": list(sources.items()),
            "rows": sum(cell["rows"] for cell in sources.values()),
        }
        for recipe, sources in recipes.items()
    ]


def kappa_matrix(results: ResultsFolder) -> Values | None:
    """Agreement between sources, both ways round: kappa if defined, else the share that agrees."""
    rows = results.rows("agreement")
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in (row["source_a"], row["source_b"])))
    cells = {}
    for row in rows:
        cells[row["source_a"], row["source_b"]] = cells[row["source_b"], row["source_a"]] = _agreement(row)
    # No source is compared with itself, so the diagonal stays empty.
    lines = [(name, [cells.get((name, other)) for other in names]) for name in names]
    return {"names": names, "rows": lines}


def disagreements(results: ResultsFolder) -> list[Values]:
    """Pairs grouped by why they are listed, widest gap first, at most SHOWN per group."""
    groups: dict[str, list[Row]] = {}
    for row in results.rows("disagreements"):
        groups.setdefault(row["why"], []).append(row)
    shown = []
    for why, rows in groups.items():
        rows.sort(key=lambda row: -(row["gap"] or 0.0))
        title = "the models disagree most" if why == "models" else why
        pairs = [
            {**row, "sources": _phrases(row["sources"]), "scores": _verdicts(row["scores"])}
            for row in rows[:SHOWN]
        ]
        shown.append({"title": title, "pairs": pairs, "total": len(rows)})
    return shown


def settings(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every setting by its dotted name, as `--set` takes it."""
    return list(_flat("", meta.get("settings", {})))


def settings_json(meta: Mapping[str, Any]) -> str:
    """The settings as the file that `--settings` takes."""
    return json.dumps(meta.get("settings", {}), indent=2, ensure_ascii=False)


def commands(results: ResultsFolder) -> list[str]:
    """The command lines that give these figures and this page again, quoted for a shell."""
    settings, folder = results.meta.get("settings", {}), results.path.as_posix()
    scores = settings.get("scores")
    words = ["adjudge evaluate"]
    for name in ("logs", "out", "production", "split"):
        if settings.get(name) is not None:
            words.append(f"--{name} {shlex.quote(str(settings[name]))}")
    for model, file in (scores if isinstance(scores, Mapping) else {}).items():
        words.append(f"--scores {shlex.quote(f'{model}={file}')}")
    words.append("--settings evaluate.json")
    return [" \\\n    ".join(words), f"adjudge report --results {shlex.quote(folder)} --out report.html"]


def _agreement(row: Row) -> Values:
    kappa = row["kappa"]
    return {
        "text": formats.decimal(kappa, 2) if kappa is not None else formats.share(row["agree"], 0),
        "is_kappa": kappa is not None,
        "agree": formats.share(row["agree"], 0),
        "pairs": row["pairs"],
        "shade": shade(kappa, 0.0, 1.0) if kappa is not None else 0,
    }


def _phrases(text: str | None) -> list[str]:
    return [phrase.strip() for phrase in (text or "").split(";") if phrase.strip()]


def _verdicts(text: str | None) -> list[dict[str, str]]:
    """What each model says, taken apart so that kept and dropped can be styled.

    >>> _verdicts("click+ llm- 0.93 kept")
    [{'model': 'click+ llm-', 'score': '0.93', 'verdict': 'kept'}]
    """
    verdicts = []
    for phrase in _phrases(text):
        model, *rest = phrase.rsplit(" ", 2)
        if len(rest) == 2 and rest[1] in ("kept", "dropped"):
            verdicts.append({"model": model, "score": rest[0], "verdict": rest[1]})
        else:
            verdicts.append({"model": phrase, "score": "", "verdict": ""})
    return verdicts


def _flat(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif name:
        yield name, formats.plain(value)
