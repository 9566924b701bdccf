"""The job `panel`: judgments of several judges become one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge import config as settings_of
from adjudge.config import check_apart, check_choice
from adjudge.errors import BadConfig
from adjudge.judge.panel import RULES, PanelWritten, write_panel
from adjudge.records import SCALES, Progress, no_progress, scale


@dataclass(frozen=True)
class PanelConfig:
    """judgments: tables that `adjudge judge` wrote; rule: one of RULES; weights: judge -> weight, for `weighted`
    (others count 1); name: what the panel is called."""

    judgments: tuple[Path, ...]
    out: Path
    scale: str = "binary"
    rule: str = "majority"
    weights: dict[str, float] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        check_choice("PanelConfig", "scale", self.scale, SCALES)
        check_choice("PanelConfig", "rule", self.rule, RULES)
        if not self.judgments:
            raise BadConfig("a panel needs judgments: name each table that adjudge judge wrote")
        check_apart("PanelConfig", {"judgments": self.judgments}, {"out": self.out})


def panel(config: PanelConfig, progress: Progress = no_progress) -> PanelWritten:
    """Write the panel's table to `config.out`, and the config beside it. Raises BadConfig, BadTable."""
    written = write_panel(
        config.judgments, scale(config.scale), config.out, config.rule, config.weights, config.name
    )
    settings_of.save(config, config.out.with_name(config.out.name + ".config.json"))
    progress("pairs decided", written.pairs, written.pairs)
    return written
