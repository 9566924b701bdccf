"""How the results of diff, merge, publish and recommend are shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.cli.prints import line
from adjudge.cli.terminal import table as grid

if TYPE_CHECKING:
    from adjudge.jobs.diff import Diff
    from adjudge.jobs.merge import Merged, Published
    from adjudge.jobs.recommend import Recommended

__all__ = ["differing", "line", "merged", "published", "recommended"]


def differing(done: Diff) -> None:
    rows = [
        ["new", f"{done.new:,}"],
        ["revised", f"{done.revised:,}"],
        ["unchanged", f"{done.unchanged:,}"],
        ["gone", f"{done.lost:,}"],
    ]
    grid("Pairs of the later day", ["what", "pairs"], rows)
    if done.without_key:
        line(
            f"{done.without_key:,} rows of the later day have no item_id or no keyphrase, and cannot be served"
        )
    line(f"to score: {done.out / 'pairs.parquet'} ({done.new + done.revised:,} pairs)")
    line(f"to delete: {done.out / 'deleted.parquet'} ({done.deletions:,} lines)")


def merged(done: Merged, table: Path) -> None:
    about = done.version
    if done.again:
        line(f"run {done.run_id} was merged before: no change")
    else:
        line(
            f"run {done.run_id}: {done.rows:,} rows and {done.deletions:,} deletions into {done.before:,} rows"
        )
        line(
            f"{done.touched:,} of {about.buckets:,} buckets written ({done.bytes_written / 1e6:.1f} MB), the others linked "
            f"({done.bytes_linked / 1e6:.1f} MB)"
        )
    if done.doubles:
        line(f"{done.doubles:,} rows name a pair twice: its highest score stays")
    if done.without_key:
        line(f"{done.without_key:,} rows have no item_id or no keyphrase, and cannot be served")
    line(f"version {about.number}: {about.rows:,} rows, model {about.model_version}")
    line("served" if done.published else f"not served yet: adjudge publish --table {table}")


def published(done: Published) -> None:
    about = done.version
    line(
        f"serving version {about.number}: {about.rows:,} rows, model {about.model_version} (before: {done.before or 'none'})"
    )
    line(f"folder: {done.folder}")
    if done.removed:
        line(f"removed: version {', '.join(map(str, done.removed))}")


def recommended(done: Recommended) -> None:
    rows = [[name, f"{count:,}"] for name, count in done.removed.items()]
    grid(f"{done.rows:,} scored pairs, taken out by", ["rule", "pairs"], rows)
    line(f"recommendations: {done.out} ({done.out_rows:,} keyphrases of {done.items:,} items)")
    if done.without_adgroup:
        line(f"{done.without_adgroup:,} items have no adgroup_id: each was treated as one of its own")
