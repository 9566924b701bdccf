"""Bring a user's logs into a logs folder: one table at a time, or a whole labelled set or event log.

Every function saves its config beside the result, under `imports/` of the logs folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge import config as settings
from adjudge import tables
from adjudge.config import check_choice, check_range
from adjudge.intake import esci, ubi, wands
from adjudge.intake.esci import ImportEsciConfig
from adjudge.intake.folder import Imported
from adjudge.intake.intake import Intake, take_in
from adjudge.intake.ubi import ImportUbiConfig
from adjudge.intake.wands import ImportWandsConfig
from adjudge.records import SCALES, Progress, no_progress, scale

__all__ = [
    "ImportEsciConfig",
    "ImportTableConfig",
    "ImportUbiConfig",
    "ImportWandsConfig",
    "Imported",
    "Intake",
    "import_esci",
    "import_table",
    "import_ubi",
    "import_wands",
    "summary",
]


@dataclass(frozen=True)
class ImportTableConfig:
    """`table`: a table of a logs folder; `file`: Parquet, CSV or JSONL; `columns`: its name -> the file's name.

    `scale` (binary, four, ordinal3, or "" for the table's own) says which grades are allowed.
    """

    table: str
    file: Path
    logs: Path
    columns: dict[str, str] = field(default_factory=dict)
    max_bad_share: float = 0.01
    scale: str = ""

    def __post_init__(self) -> None:
        check_choice("ImportTableConfig", "table", self.table, tables.LOGS)
        check_choice("ImportTableConfig", "scale", self.scale, ("", *SCALES))
        check_range("ImportTableConfig", "max_bad_share", self.max_bad_share, 0, 1)


def import_table(config: ImportTableConfig, progress: Progress = no_progress) -> Imported:
    """Take one file in as one table of the logs folder; bad rows go to its folder `quarantine`."""
    result = take_in(
        config.file,
        tables.table(config.table),
        config.logs / f"{config.table}.parquet",
        config.columns,
        max_bad_share=config.max_bad_share,
        progress=progress,
        grades=scale(config.scale).grades if config.scale else None,
    )
    settings.save(config, config.logs / "imports" / f"{config.table}.json")
    return Imported(config.logs, {config.table: result}, {config.table: result.kept}, {})


def import_esci(config: ImportEsciConfig, progress: Progress = no_progress) -> Imported:
    """Import Amazon's Shopping Queries data set; see `intake.esci`."""
    result = esci.import_esci(config, progress)
    settings.save(config, config.logs / "imports" / "esci.json")
    return result


def import_wands(config: ImportWandsConfig, progress: Progress = no_progress) -> Imported:
    """Import Wayfair's annotation data set; see `intake.wands`."""
    result = wands.import_wands(config, progress)
    settings.save(config, config.logs / "imports" / "wands.json")
    return result


def import_ubi(config: ImportUbiConfig, progress: Progress = no_progress) -> Imported:
    """Import an OpenSearch UBI log; see `intake.ubi`."""
    result = ubi.import_ubi(config, progress)
    settings.save(config, config.logs / "imports" / "ubi.json")
    return result


def summary(result: Imported) -> list[tuple[str, str, str, str]]:
    """Rows to show: (what, rows, kept, quarantined and why), then tables written, then what was left out."""
    shown = []
    for name, read in result.read.items():
        why = "; ".join(f"{reason}: {count:,}" for reason, count in read.reasons.items())
        where = f"{read.quarantined:,} ({why}) in {read.quarantine}" if read.quarantined else "0"
        shown.append((f"read {name}", f"{read.rows:,}", f"{read.kept:,}", where))
    for name, rows in result.written.items():
        shown.append((f"wrote {result.logs / name}.parquet", f"{rows:,}", f"{rows:,}", ""))
    shown += [(f"left out: {what}", f"{count:,}", "", "") for what, count in result.left_out.items()]
    return shown
