"""The job `report`: results folders become one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adjudge.errors import BadConfig
from adjudge.records import Progress, no_progress


@dataclass(frozen=True)
class ReportConfig:
    """`results`: folders that evaluate, agree or cascade wrote, one of each at most; `out`: the HTML file to write."""

    results: tuple[Path, ...]
    out: Path

    def __post_init__(self) -> None:
        if self.out.suffix not in (".html", ".htm"):
            raise BadConfig(f"ReportConfig.out is {self.out}: allowed is a file that ends in .html")


@dataclass(frozen=True)
class Reported:
    """The file that was written and its size in bytes."""

    path: Path
    bytes: int


def report(config: ReportConfig, progress: Progress = no_progress) -> Reported:
    """Build the report. Raises BadTable where a folder is no results folder, BadConfig on two of one kind."""
    from adjudge.report.page import build

    progress("drawing the report", 0, 1)
    path = build(config.results[0], config.out, config.results[1:])
    progress("drawing the report", 1, 1)
    return Reported(path, path.stat().st_size)
