"""The jobs `retrieve build` and `retrieve`: a keyphrase graph, and each item's candidates from it."""

from __future__ import annotations

import os
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import check_apart, setting, settings
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.retrieve.settings import GraphSettings, RetrievalSettings

if TYPE_CHECKING:
    from adjudge.retrieve.build import GraphSummary
    from adjudge.retrieve.files import Retrieved


@settings
class BuildGraphConfig:
    """The tables that a graph is built of, and where it goes."""

    keyphrases: Annotated[Path, setting("Parquet: keyphrase and optionally category and searches.")]
    out: Annotated[Path, setting("The graph's folder.")]
    clicks: Annotated[Path | None, setting("A clicks table: breaks ties.")] = None
    items: Annotated[
        Path | None, setting("An items table: with clicks, further categories of a keyphrase.")
    ] = None
    graph: Annotated[GraphSettings, setting("Which keyphrases the graph holds.")] = field(
        default_factory=GraphSettings
    )


@settings
class RetrieveConfig:
    """The graph and the items, and where their candidates go."""

    graph: Annotated[Path, setting("A folder of `adjudge retrieve build`.")]
    items: Annotated[Path, setting("Parquet: item_id, title and optionally category.")]
    out: Annotated[
        Path,
        setting(
            "The pairs to write (Parquet): item_id, keyphrase, title, category, rank, alignment, as "
            "`adjudge score` takes them."
        ),
    ]
    texts: Annotated[
        bool,
        setting("Whether `out` has title and category (without them: `adjudge score --items`)."),
    ] = True
    workers: Annotated[int, setting("Chunks at a time; 0: one per core.", ge=0, le=1024)] = 0
    chunk: Annotated[int, setting("Items per chunk.", ge=1, le=10**7)] = 8192
    search: Annotated[RetrievalSettings, setting("Which keyphrases an item gets.")] = field(
        default_factory=RetrievalSettings
    )

    def __post_init__(self) -> None:
        check_apart("RetrieveConfig", {"items": self.items, "graph": self.graph}, {"out": self.out})


@job(lambda config: config.out)
def build_graph(config: BuildGraphConfig, progress: Progress = no_progress) -> GraphSummary:
    """Write the graph's folder; see `retrieve.build`."""
    from adjudge.retrieve.build import build

    return build(config.keyphrases, config.out, config.graph, config.clicks, config.items, progress)


@job(lambda config: config.out)
def retrieve(config: RetrieveConfig, progress: Progress = no_progress) -> Retrieved:
    """Write the candidates of every item; see `retrieve.files`."""
    from adjudge.retrieve.files import retrieve_file
    from adjudge.retrieve.graph import load

    workers = config.workers or len(os.sched_getaffinity(0))
    return retrieve_file(
        load(config.graph),
        config.items,
        config.out,
        config.search,
        config.texts,
        workers,
        config.chunk,
        progress,
    )
