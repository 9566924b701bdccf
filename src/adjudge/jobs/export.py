"""The job `export`: a judgments table for other tools, as TREC qrels or Quepid ratings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from adjudge import config as settings_of
from adjudge.config import check_apart, check_choice, check_range
from adjudge.judge.trec_quepid import FORMATS, IDS, ExportWritten, numbers, write_qrels, write_quepid
from adjudge.records import SCALES, Progress, no_progress, scale


@dataclass(frozen=True)
class ExportConfig:
    """judgments: a table that `adjudge judge`, `panel` or `cascade` wrote. out: the file to write. format: one of FORMATS.
    scale: of the judge. judge: which one, where the table holds several. grades: a number for each grade (default: its
    step on the scale, worst 0). ids: what becomes of item ids that TREC qrels cannot hold: `escape` or `refuse`."""

    judgments: Path
    out: Path
    format: str = "qrels"
    scale: str = "binary"
    judge: str | None = None
    grades: dict[str, int] = field(default_factory=dict)
    ids: str = "escape"

    def __post_init__(self) -> None:
        check_choice("ExportConfig", "format", self.format, FORMATS)
        check_choice("ExportConfig", "scale", self.scale, SCALES)
        check_choice("ExportConfig", "ids", self.ids, IDS)
        check_apart("ExportConfig", {"judgments": self.judgments}, {"out": self.out})
        for grade, number in numbers(scale(self.scale), self.grades).items():
            check_range("ExportConfig", f"grades.{grade}", number, -2, 1_000)


@dataclass(frozen=True)
class Exported:
    """What was written; grades: the number that each grade became."""

    out: Path
    format: str
    grades: dict[str, int]
    written: ExportWritten


def export(config: ExportConfig, progress: Progress = no_progress) -> Exported:
    """Write the file, and the complete config beside it with the grades' numbers in it. Raises BadTable, BadConfig."""
    progress("export", 0, 1)
    wanted = numbers(scale(config.scale), config.grades)
    if config.format == "qrels":
        written = write_qrels(config.judgments, wanted, config.out, config.judge, config.ids)
    else:
        written = write_quepid(config.judgments, wanted, config.out, config.judge)
    stated = replace(config, grades=wanted)
    settings_of.save(stated, config.out.with_name(config.out.name + ".config.json"))
    progress("export", 1, 1)
    return Exported(config.out, config.format, wanted, written)
