"""Candidate keyphrases for items that have none yet: build a graph of keyphrases once, then ask it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge import config as settings
from adjudge.config import check_apart, check_range
from adjudge.records import Progress, no_progress
from adjudge.retrieve.settings import GraphSettings, SearchSettings

if TYPE_CHECKING:
    from adjudge.retrieve.build import Built
    from adjudge.retrieve.files import Retrieved


@dataclass(frozen=True)
class BuildGraphConfig:
    """keyphrases  Parquet with keyphrase and optionally category and searches
    out         the graph's folder
    clicks      a clicks table, for the order of ties and (with `items`) further categories
    items       an items table, only with `clicks`
    """

    keyphrases: Path
    out: Path
    clicks: Path | None = None
    items: Path | None = None
    graph: GraphSettings = field(default_factory=GraphSettings)


@dataclass(frozen=True)
class RetrieveConfig:
    """graph    a graph's folder
    items    Parquet with item_id, title and optionally category
    out      Parquet with item_id, keyphrase, title, category, rank, alignment, as `adjudge score` takes it
    texts    whether `out` has title and category (else `adjudge score --items` joins them)
    workers  chunks at a time; 0 = one a core
    chunk    items a chunk
    """

    graph: Path
    items: Path
    out: Path
    texts: bool = True
    workers: int = 0
    chunk: int = 8192
    search: SearchSettings = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        check_range("RetrieveConfig", "workers", self.workers, 0, 1024)
        check_apart("RetrieveConfig", {"items": self.items, "graph": self.graph}, {"out": self.out})
        check_range("RetrieveConfig", "chunk", self.chunk, 1, 10**7)


def build_graph(config: BuildGraphConfig, progress: Progress = no_progress) -> Built:
    """Write the graph's folder; see `retrieve.build`."""
    from adjudge.retrieve.build import build

    done = build(config.keyphrases, config.out, config.graph, config.clicks, config.items, progress)
    settings.save(config, config.out / "build.json")
    return done


def retrieve(config: RetrieveConfig, progress: Progress = no_progress) -> Retrieved:
    """Write the candidates of every item; see `retrieve.retrieve_file`."""
    from adjudge.retrieve.files import retrieve_file
    from adjudge.retrieve.graph import load

    done = retrieve_file(
        load(config.graph),
        config.items,
        config.out,
        config.search,
        config.texts,
        config.workers or len(os.sched_getaffinity(0)),
        config.chunk,
        progress,
    )
    settings.save(config, config.out.with_name(config.out.name + ".config.json"))
    return done
