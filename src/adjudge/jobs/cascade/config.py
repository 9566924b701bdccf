"""The settings of the job `cascade`."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from adjudge.cascade.settings import CascadeSettings
from adjudge.config import SETTINGS, check_apart, setting, settings
from adjudge.errors import BadConfig
from adjudge.llm.providers import folder_of
from adjudge.records import SCALES

TABLES = ("judgments.parquet", "curve.parquet", "cascade.json", "region.json", SETTINGS)
ASKED = {
    "cheap": ("cheap.judgments.parquet",),
    "strong": ("held.parquet", "held.judgments.parquet", "rest.parquet", "rest.judgments.parquet"),
}
"""What is written to `out`: always, and if a side is asked."""
PEOPLE, STRONG_JUDGE = "people", "strong judge"
"""Whose labels they are."""
_SPELLED = "a judgments table that ends in .parquet, or a judge as `adjudge judge` spells it."
_FURTHER = "Further settings of `adjudge judge` for it (base_url, prices, prompt, ...)."


def is_table(spelling: str) -> bool:
    """Whether a judge is given as its judgments table."""
    return spelling.endswith(".parquet")


@settings
class CascadeConfig:
    """Two judges, the pairs between them, and the labels that show how far the cheap one reaches."""

    cheap: Annotated[str, setting(f"The cheap judge: {_SPELLED}")]
    strong: Annotated[str, setting(f"The strong judge: {_SPELLED}")]
    out: Annotated[Path, setting("The folder to write.")]
    pairs: Annotated[
        Path | None,
        setting("The pairs with their titles (shape `to_score`), needed if a judge is to be asked."),
    ] = None
    human: Annotated[
        Path | None,
        setting(
            "Annotations or settled grades that the region is chosen and validated on; without them the "
            "strong judge's own answers on a random sample count."
        ),
    ] = None
    scale: Annotated[str, setting("The scale of both judges.", choices=SCALES)] = "binary"
    human_scale: Annotated[str, setting("The scale of people's grades.", choices=SCALES)] = "four"
    cheap_judge: Annotated[
        str | None,
        setting("Its name, if the table holds several judges; what a judge that is asked is called."),
    ] = None
    strong_judge: Annotated[
        str | None,
        setting("Its name, if the table holds several judges; what a judge that is asked is called."),
    ] = None
    name: Annotated[
        str | None, setting("What the cascade is called in its own table (default: cascade(CHEAP > STRONG)).")
    ] = None
    log: Annotated[Path | None, setting("The verdict log of judges that are asked (default: in OUT).")] = None
    cheap_settings: Annotated[dict[str, Any], setting(_FURTHER)] = field(default_factory=dict)
    strong_settings: Annotated[dict[str, Any], setting(_FURTHER)] = field(default_factory=dict)
    region: Annotated[
        Path | None,
        setting("A region.json of an earlier run, used as it is; labels then only check it."),
    ] = None
    dry_run: Annotated[
        bool,
        setting("Ask nothing: validate if the verdict log holds the answers for it, else estimate the cost."),
    ] = False
    validate_only: Annotated[
        bool,
        setting(
            "Ask what validation takes (the cheap judge, the strong one's sample), estimate the rest, judge "
            "no further."
        ),
    ] = False
    cascade: CascadeSettings = field(default_factory=CascadeSettings)
    seed: Annotated[int, setting("Seed of all draws.")] = 0
    simulated: Annotated[tuple[str, ...], setting("What is simulated, for the face of the report.")] = ()

    @property
    def asks_rest(self) -> bool:
        """Whether the strong judge is asked about the rest, once the region is shown."""
        return not (self.dry_run or self.validate_only)

    @property
    def against(self) -> str:
        """Whose labels the region is chosen and validated on."""
        return STRONG_JUDGE if self.human is None else PEOPLE

    @property
    def verdicts(self) -> Path:
        """The verdict log of judges that are asked."""
        return self.log or self.out / "verdicts.sqlite"

    def __post_init__(self) -> None:
        for side in ("cheap", "strong"):
            if not is_table(getattr(self, side)) and self.pairs is None:
                raise BadConfig(
                    f"{side} is {getattr(self, side)!r}, a judge to be asked: name the pairs with --pairs "
                    "FILE.parquet, or give a judgments table that ends in .parquet"
                )
        # No file that is read is one that is written: neither a table nor a model's folder.
        sides = {"cheap": self.cheap, "strong": self.strong}
        asked_sides = [side for side, spelled in sides.items() if not is_table(spelled)]
        read = {side: Path(judge) if is_table(judge) else folder_of(judge) for side, judge in sides.items()}
        read |= {"pairs": self.pairs, "human": self.human, "region": self.region}
        names = (*TABLES, *(name for side in asked_sides for name in ASKED[side]))
        log = self.verdicts if asked_sides else None
        written = {"out": [self.out, *(self.out / name for name in names)], "log": log}
        check_apart("CascadeConfig", read, written)
