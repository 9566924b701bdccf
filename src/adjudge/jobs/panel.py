"""The job `panel`: judgments of several judges become one table."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge.config import check_apart, setting, settings
from adjudge.errors import BadConfig
from adjudge.jobs.start import job
from adjudge.judge.panel import RULES, PanelWritten, write_panel
from adjudge.records import SCALES, Progress, no_progress, scale


@settings
class PanelConfig:
    """The judgments tables and how their judges decide together."""

    judgments: Annotated[tuple[Path, ...], setting("A judgments table. Repeatable.")]
    out: Annotated[Path, setting("The judgments table to write (Parquet).")]
    scale: Annotated[str, setting("The scale of the grades.", choices=SCALES)] = "binary"
    rule: Annotated[str, setting("How the panel decides.", choices=RULES)] = "majority"
    weights: Annotated[dict[str, float], setting("Weight by judge, for rule `weighted`; others count 1.")] = (
        field(default_factory=dict)
    )
    name: Annotated[str, setting("What the panel is called in the table.")] = ""

    def __post_init__(self) -> None:
        if not self.judgments:
            raise BadConfig("a panel needs judgments: name each table that adjudge judge wrote")
        check_apart("PanelConfig", {"judgments": self.judgments}, {"out": self.out})


@job(lambda config: config.out)
def panel(config: PanelConfig, progress: Progress = no_progress) -> PanelWritten:
    """Write the panel's table to `config.out`. Raises BadConfig, BadTable."""
    written = write_panel(
        config.judgments, scale(config.scale), config.out, config.rule, config.weights, config.name
    )
    progress("pairs decided", written.pairs, written.pairs)
    return written
