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
    """Whose answers a region is for, on which scale, the least confidence by grade, and what was shown of it.

    It agrees with `against` at least at `low`, at `level`. share: of all answers, those that stood then.
    identity: what the judge was exactly, "" if only its table was given.
    """

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


def load_region(path: Path, judge: str, scale: Scale, identity: str = "") -> SavedRegion:
    """A region saved by an earlier run.

    Raises BadConfig if it is not validated, is of another judge or scale, or if the judge has changed since.
    """
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
    if list(saved.least) != list(scale.grades) or not all(
        _is_threshold(value) for value in saved.least.values()
    ):
        raise BadConfig(
            f"{path}: least is {saved.least}; allowed are {', '.join(scale.grades)}, each null or 0 to 1"
        )
    if not saved.validated:
        raise BadConfig(f"{path} was not validated ({saved.target:g} not shown): it cannot be used frozen")
    return saved


def _is_threshold(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= 1)
