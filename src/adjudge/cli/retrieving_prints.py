"""How the results of `adjudge retrieve` are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudge.cli.prints import line

if TYPE_CHECKING:
    from adjudge.jobs.retrieve import Built, Retrieved


def built(done: Built) -> None:
    line(f"graph: {done.out} ({done.version})")
    line(
        f"{done.keyphrases:,} keyphrases in {done.categories:,} categories, {done.words:,} words, {done.edges:,} edges"
    )
    for reason, count in done.left_out.items():
        line(f"left out: {count:,} rows: {reason}")


def retrieved(done: Retrieved) -> None:
    line(f"pairs: {done.out} ({done.pairs:,} pairs of {done.items:,} items; graph {done.graph})")
    for reason, count in done.without.items():
        line(f"without a keyphrase: {count:,} items: {reason} ({done.without_path})")
