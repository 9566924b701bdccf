"""The `import` jobs: one table, a labelled set or an event log becomes (part of) a logs folder.

Each saves its settings as `imports/NAME.settings.json` of the logs folder.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated

from adjudge import tables
from adjudge.config import setting, settings
from adjudge.intake import esci, ubi, wands
from adjudge.intake.esci import ImportEsciConfig
from adjudge.intake.folder import Imported
from adjudge.intake.intake import BAD_SHARE, take_in
from adjudge.intake.ubi import ImportUbiConfig
from adjudge.intake.wands import ImportWandsConfig
from adjudge.jobs.start import job
from adjudge.records import SCALES, Progress, no_progress, scale


@settings
class ImportTableConfig:
    """One file as one table of a logs folder."""

    table: Annotated[str, setting("The table of the logs folder.", choices=tables.LOGS)]
    file: Annotated[Path, setting("Parquet, CSV or JSONL (.gz too).")]
    logs: Annotated[Path, setting("The logs folder to write into.")]
    columns: Annotated[dict[str, str], setting("Your name for a column. Repeatable.")] = field(
        default_factory=dict
    )
    max_bad_share: Annotated[float, BAD_SHARE] = 0.01
    scale: Annotated[
        str, setting("The scale of allowed grades; the table's own without it.", choices=("", *SCALES))
    ] = ""


@job(lambda config: config.logs / "imports" / config.table)
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
    return Imported(config.logs, {config.table: result}, {config.table: result.kept}, {})


@job(lambda config: config.logs / "imports" / "esci")
def import_esci(config: ImportEsciConfig, progress: Progress = no_progress) -> Imported:
    """Import Amazon's Shopping Queries data set; see `intake.esci`."""
    return esci.import_esci(config, progress)


@job(lambda config: config.logs / "imports" / "wands")
def import_wands(config: ImportWandsConfig, progress: Progress = no_progress) -> Imported:
    """Import Wayfair's annotation data set; see `intake.wands`."""
    return wands.import_wands(config, progress)


@job(lambda config: config.logs / "imports" / "ubi")
def import_ubi(config: ImportUbiConfig, progress: Progress = no_progress) -> Imported:
    """Import an OpenSearch UBI log; see `intake.ubi`."""
    return ubi.import_ubi(config, progress)


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
