"""The job `export`: a judgments table for other tools, as TREC qrels or Quepid ratings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from adjudge.config import check_apart, check_range, setting, settings
from adjudge.jobs.start import job
from adjudge.judge.trec_quepid import FORMATS, IDS, ExportWritten, grade_numbers, write_qrels, write_quepid
from adjudge.records import SCALES, Progress, no_progress, scale


@settings
class ExportConfig:
    """The judgments to export, the format, and the number of each grade."""

    judgments: Annotated[Path, setting("A judgments table that `adjudge judge`, `panel` or `cascade` wrote.")]
    out: Annotated[Path, setting("The file to write.")]
    format: Annotated[str, setting("TREC qrels, or Quepid's ratings (CSV).", choices=FORMATS)] = "qrels"
    scale: Annotated[str, setting("The scale of the judge's grades.", choices=SCALES)] = "binary"
    judge: Annotated[str | None, setting("Which judge, if the table holds several.")] = None
    grades: Annotated[
        dict[str, int], setting("Number of each grade; by default its step on the scale, worst 0.")
    ] = field(default_factory=dict)
    ids: Annotated[str, setting("What becomes of item ids that TREC qrels cannot hold.", choices=IDS)] = (
        "escape"
    )

    def __post_init__(self) -> None:
        check_apart("ExportConfig", {"judgments": self.judgments}, {"out": self.out})
        numbers = grade_numbers(scale(self.scale), self.grades)
        for grade, number in numbers.items():
            check_range("ExportConfig", f"grades.{grade}", number, -2, 1_000)
        # Complete, so that the saved settings state the numbers that stand in the file.
        object.__setattr__(self, "grades", numbers)


@dataclass(frozen=True)
class Export:
    """What was written; grades: the number that each grade became."""

    out: Path
    format: str
    grades: dict[str, int]
    written: ExportWritten


@job(lambda config: config.out)
def export(config: ExportConfig, progress: Progress = no_progress) -> Export:
    """Write the file. Raises BadTable, BadConfig."""
    progress("export", 0, 1)
    if config.format == "qrels":
        written = write_qrels(config.judgments, config.grades, config.out, config.judge, config.ids)
    else:
        written = write_quepid(config.judgments, config.grades, config.out, config.judge)
    progress("export", 1, 1)
    return Export(config.out, config.format, config.grades, written)
