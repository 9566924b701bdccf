"""region.json: a validated region, saved to be used again as it is on other pairs of the same judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjudge import config
from adjudge.cascade.region import Region
from adjudge.errors import BadConfig
from adjudge.records import Scale

FORMAT = 1


@dataclass(frozen=True)
class SavedRegion:
    """Whose answers a region is for, on which scale, the least confidence by grade, and what was shown of it
    (agreement at least `low`, at `level`, with `against`). share: of all answers that stood then. identity:
    what the judge was
    exactly, "" if only its table was given."""

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


def saved_region(judge: str, scale: Scale, region: Region, **shown: Any) -> SavedRegion:
    """A region with what was shown of it."""
    return SavedRegion(judge, scale.name, dict(zip(scale.grades, region.least, strict=True)), **shown)


def load_region(path: Path, judge: str, scale: Scale, identity: str = "") -> SavedRegion:
    """A region saved by an earlier run. Raises BadConfig if it is not validated, is another judge's or
    scale's, or the
    judge has become another since."""
    saved = config.load(SavedRegion, path)
    if saved.format != FORMAT:
        raise BadConfig(
            f"{path} has format {saved.format}; allowed is {FORMAT}. Run adjudge cascade with labels again"
        )
    if saved.judge != judge or saved.scale != scale.name:
        raise BadConfig(
            f"{path} is for judge {saved.judge!r} on scale {saved.scale}; the cheap judge here is {judge!r} "
            f"on {scale.name}: name it with --cheap-judge, or validate a region of its own with labels"
        )
    if saved.identity and identity and saved.identity != identity:
        raise BadConfig(
            f"{path} was validated for {judge!r} with another model revision, prompt or decoding "
            f"({saved.identity}; now {identity}): validate a region for it with labels"
        )
    if list(saved.least) != list(scale.grades) or not all(_is_bar(bar) for bar in saved.least.values()):
        raise BadConfig(
            f"{path}: least is {saved.least}; allowed are {', '.join(scale.grades)}, each null or 0 to 1"
        )
    if not saved.validated:
        raise BadConfig(f"{path} was not validated ({saved.target:g} not shown): it cannot be used frozen")
    return saved


def _is_bar(bar: Any) -> bool:
    return bar is None or (isinstance(bar, int | float) and not isinstance(bar, bool) and 0 <= bar <= 1)
