"""The settings of the job `cascade`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adjudge.cascade.validation import CascadeSettings
from adjudge.config import check_apart, check_choice
from adjudge.errors import BadConfig
from adjudge.llm.providers import folder_of
from adjudge.records import SCALES

TABLES = ("judgments.parquet", "curve.parquet", "cascade.json", "region.json", "config.json")
ASKED = {
    "cheap": ("cheap.judgments.parquet",),
    "strong": ("held.parquet", "held.judgments.parquet", "rest.parquet", "rest.judgments.parquet"),
}
"""What is written to `out`: always, and where a side is asked."""


def is_table(spelling: str) -> bool:
    """Whether a judge is given as its judgments table."""
    return spelling.endswith(".parquet")


@dataclass(frozen=True)
class CascadeConfig:
    """cheap, strong: a judgments table (a Parquet file), or a judge as `adjudge judge` spells it; then `pairs` (shape
    `to_score`) is needed. out: the folder to write. human: annotations or settled grades, which the region is chosen and
    validated on; without them the strong judge's own answers on a random sample are. scale: of both judges.

    cheap_judge, strong_judge: which judge, where a table holds several; what a spelled one is called. log: the verdict
    log of judges that are asked (default: in `out`). cheap_settings, strong_settings: further settings of `adjudge
    judge` for each (base_url, prices, prompt, ...). region: a region.json of an earlier run, used as it is; labels
    then only check it. dry_run: ask nobody anything; validate where the log holds the answers for it, else price them.
    validate_only: ask what validation takes (the cheap judge, the strong one's sample), price the rest, write no
    judgments. simulated: what is simulated, for the report's face.
    """

    cheap: str
    strong: str
    out: Path
    pairs: Path | None = None
    human: Path | None = None
    scale: str = "binary"
    human_scale: str = "four"
    cheap_judge: str | None = None
    strong_judge: str | None = None
    name: str | None = None
    log: Path | None = None
    cheap_settings: dict[str, Any] = field(default_factory=dict)
    strong_settings: dict[str, Any] = field(default_factory=dict)
    region: Path | None = None
    dry_run: bool = False
    validate_only: bool = False
    cascade: CascadeSettings = field(default_factory=CascadeSettings)
    seed: int = 0
    simulated: tuple[str, ...] = ()

    @property
    def asks_rest(self) -> bool:
        """Whether the strong judge is asked about the rest, once the region is shown."""
        return not (self.dry_run or self.validate_only)

    @property
    def verdicts(self) -> Path:
        """The verdict log of judges that are asked."""
        return self.log or self.out / "verdicts.sqlite"

    def __post_init__(self) -> None:
        check_choice("CascadeConfig", "scale", self.scale, SCALES)
        check_choice("CascadeConfig", "human_scale", self.human_scale, SCALES)
        for side in ("cheap", "strong"):
            if not is_table(getattr(self, side)) and self.pairs is None:
                raise BadConfig(
                    f"{side} is {getattr(self, side)!r}, a judge to be asked: name the pairs with --pairs FILE.parquet, "
                    "or give a judgments table that ends in .parquet"
                )
        self._check_apart()

    def _check_apart(self) -> None:
        """No file that is read is one that is written: neither a table nor a model's folder."""
        sides = {"cheap": self.cheap, "strong": self.strong}
        asked = [side for side, spelled in sides.items() if not is_table(spelled)]
        read = {side: Path(one) if is_table(one) else folder_of(one) for side, one in sides.items()}
        read |= {"pairs": self.pairs, "human": self.human, "region": self.region}
        names = (*TABLES, *(name for side in asked for name in ASKED[side]))
        log = self.verdicts if asked else None
        written = {"out": [self.out, *(self.out / name for name in names)], "log": log}
        check_apart("CascadeConfig", read, written)
