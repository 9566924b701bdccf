"""docs/market.md states every setting with its default."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from adjudge.market.settings import MarketSettings

DOCS = Path(__file__).parents[2] / "docs" / "market.md"


def stated() -> dict[str, str]:
    rows = [
        line.split("|") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    return {row[1].strip().strip("`"): row[2].strip() for row in rows}


def spelt(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value).lower()


def test_every_setting_and_default_is_in_the_docs() -> None:
    settings, told = MarketSettings(), stated()
    for group in dataclasses.fields(settings):
        value = getattr(settings, group.name)
        if not dataclasses.is_dataclass(value):
            assert told[group.name] == spelt(value)
            continue
        for field in dataclasses.fields(value):
            name = f"{group.name}.{field.name}"
            assert told[name] == spelt(getattr(value, field.name)), name
