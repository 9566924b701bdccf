"""The job `report`: results folders become one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress


@settings
class ReportConfig:
    """What one page is made of."""

    results: Annotated[
        tuple[Path, ...], setting("A folder that evaluate, agree or cascade wrote; one of each at most.")
    ]
    out: Annotated[Path, setting("The HTML file to write.")]

    def __post_init__(self) -> None:
        if self.out.suffix not in (".html", ".htm"):
            raise BadConfig(f"ReportConfig.out is {self.out}: allowed is a file that ends in .html")


@dataclass(frozen=True)
class ReportFile:
    """The file that was written and its size in bytes."""

    path: Path
    bytes: int


@job(lambda config: config.out)
def report(config: ReportConfig, progress: Progress = no_progress) -> ReportFile:
    """Build the report. Raises BadTable if a folder is no results folder, BadConfig on two of one kind."""
    from adjudge.report.page import build

    progress("drawing the report", 0, 1)
    path = build(config.results[0], config.out, config.results[1:])
    progress("drawing the report", 1, 1)
    return ReportFile(path, path.stat().st_size)
