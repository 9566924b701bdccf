"""What the cascade saves: the region, to be used again as it is, and the curve as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from adjudge import config as settings_of
from adjudge.cascade.region import Region, told
from adjudge.cascade.validation import Point
from adjudge.errors import BadConfig
from adjudge.records import Scale

FORMAT = 1
CURVE = pa.schema(
    [
        *(("kind", pa.string()), ("against", pa.string()), ("strong_share", pa.float64())),
        *(("value", pa.float64()), ("low", pa.float64()), ("high", pa.float64()), ("se", pa.float64())),
        *(("pairs", pa.int64()), ("clusters", pa.int64()), ("note", pa.string())),
        *(("money", pa.float64()), ("chosen", pa.bool_()), ("place", pa.int64())),
    ]
)
"""Columns of curve.parquet. kind: cascade, random, all cheap, all strong. against: labels or strong judge; value, low, high:
the agreement with them. strong_share: of all pairs asked of the strong judge. money: both judges, null without prices."""


@dataclass(frozen=True)
class Frozen:
    """A region as it is saved: whose answers it is for, on which scale, the least confidence by grade, and what was shown
    of it (agreement at least `low`, at `level`, with `against`). share: of all answers that stood then. identity: what the
    judge was exactly, "" where only its table was given."""

    judge: str
    scale: str
    least: dict[str, Any]
    validated: bool
    against: str
    target: float
    level: float
    agreement: float | None = None
    low: float | None = None
    pairs: int = 0
    share: float | None = None
    identity: str = ""
    format: int = FORMAT

    @property
    def region(self) -> Region:
        return Region(tuple(self.least.values()))


def frozen(judge: str, scale: Scale, region: Region, **shown: Any) -> Frozen:
    """A region with what was shown of it."""
    return Frozen(judge, scale.name, told(region, scale), **shown)


def load(path: Path, judge: str, scale: Scale, identity: str = "") -> Frozen:
    """A region saved by an earlier run. Raises BadConfig where it is not validated, is another judge's or scale's, or the
    judge has become another since."""
    found = settings_of.load(Frozen, path)
    if found.format != FORMAT:
        raise BadConfig(
            f"{path} has format {found.format}; allowed is {FORMAT}. Run adjudge cascade with labels again"
        )
    if found.judge != judge or found.scale != scale.name:
        raise BadConfig(
            f"{path} is for judge {found.judge!r} on scale {found.scale}; the cheap judge here is {judge!r} on "
            f"{scale.name}: name it with --cheap-judge, or validate a region of its own with labels"
        )
    if found.identity and identity and found.identity != identity:
        raise BadConfig(
            f"{path} was validated for {judge!r} with another model revision, prompt or decoding ({found.identity}; now "
            f"{identity}): validate a region for it with labels"
        )
    if list(found.least) != list(scale.grades) or not all(_is_bar(one) for one in found.least.values()):
        raise BadConfig(
            f"{path}: least is {found.least}; allowed are {', '.join(scale.grades)}, each null or 0 to 1"
        )
    if not found.validated:
        raise BadConfig(f"{path} was not validated ({found.target:g} not shown): it cannot be used frozen")
    return found


def _is_bar(one: Any) -> bool:
    return one is None or (isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1)


def rows(points: Sequence[Point], money: Sequence[float | None]) -> list[dict[str, Any]]:
    """The curve's rows."""
    return [
        {
            **{name: getattr(point, name) for name in ("kind", "against", "strong_share", "chosen", "place")},
            **asdict(point.agreement),
            "money": spent,
        }
        for point, spent in zip(points, money, strict=True)
    ]


def write(out: Path, curve: Sequence[Mapping[str, Any]], cascade: Mapping[str, Any], region: Frozen) -> None:
    """cascade.json, region.json and curve.parquet."""
    import pyarrow.parquet as pq

    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(curve), schema=CURVE), out / "curve.parquet", compression="zstd")
    settings_of.save(region, out / "region.json")
    text = json.dumps(_finite(cascade), indent=2, ensure_ascii=False, allow_nan=False)
    (out / "cascade.json").write_text(text + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """Numbers that are none become null: JSON has no word for them."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
