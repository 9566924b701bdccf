"""Score pairs with an artifact: `adjudge score --artifact DIR --pairs IN.parquet --out OUT.parquet`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.config import check_choice, check_range
from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.registry import ENGINES
from adjudge.engines.spark.settings import SparkSettings
from adjudge.errors import BadConfig
from adjudge.manifest import UNSET, read_any
from adjudge.records import Progress, no_progress
from adjudge.scoring.open_model import open_scorer, settled

if TYPE_CHECKING:
    from adjudge.engines.task import Scored

PRECISIONS = ("auto", "fp32", "bf16", "int8", "mixed")


@dataclass(frozen=True)
class ScoreConfig:
    """artifact      a model's folder, of any kind
    pairs         Parquet (a file or a folder of them) with item_id, keyphrase, title and optionally category
    out           Parquet with item_id, keyphrase, score, kept, model_version, scored_at, in the same order:
                  one file if it ends in .parquet, else a folder of parts
    workers       processes; 0 = one a core
    batch_tokens  tokens a batch
    chunk         rows that the model sees at a time
    engine        local or spark
    precision     fp32 (the model's own scores), int8, bf16 or mixed (where its parity gate allows it), or auto: the fastest
                  allowed that this machine has the units for
    items         Parquet with item_id, title and optionally category; then the pairs need no title
    keyphrases    Parquet with keyphrase_id and keyphrase; then the pairs hold keyphrase_id
    resume        go on from the parts that a killed run finished
    part_rows     rows a part: what a killed run loses at most, a worker
    run_id        the run's name; none = its time and model
    scored_at     the run's time, as 2026-11-22T06:00:00Z; none = now
    states        folders of `adjudge states`: what a split student computed ahead, at most one a side
    local, spark  what is each engine's own
    """

    artifact: Path
    pairs: Path
    out: Path
    workers: int = 0
    batch_tokens: int = 2048
    chunk: int = 65_536
    engine: str = "local"
    precision: str = "fp32"
    items: Path | None = None
    keyphrases: Path | None = None
    resume: bool = False
    part_rows: int = 262_144
    run_id: str | None = None
    scored_at: str | None = None
    states: tuple[Path, ...] = ()
    local: LocalSettings = field(default_factory=LocalSettings)
    spark: SparkSettings = field(default_factory=SparkSettings)

    def __post_init__(self) -> None:
        check_range("ScoreConfig", "workers", self.workers, 0, 1024)
        check_range("ScoreConfig", "batch_tokens", self.batch_tokens, 1, 10**7)
        check_range("ScoreConfig", "chunk", self.chunk, 1, 10**8)
        check_range("ScoreConfig", "part_rows", self.part_rows, 1, 10**9)
        check_choice("ScoreConfig", "engine", self.engine, ENGINES)
        check_choice("ScoreConfig", "precision", self.precision, PRECISIONS)
        if self.scored_at is not None:
            time_of("ScoreConfig.scored_at", self.scored_at)


def _states_told(folder: Path) -> str:
    """A folder of states and its account: another one is another run to `--resume`."""
    try:
        return f"{folder}: {(folder / 'states.json').read_text('utf-8')}"
    except OSError:
        return str(folder)


def time_of(name: str, text: str) -> datetime:
    """A time with a zone from ISO 8601, in UTC. Raises BadConfig."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadConfig(f"{name} is {text!r}: allowed is ISO 8601, as 2026-11-22T06:00:00Z") from error
    if found.tzinfo is None:
        raise BadConfig(f"{name} is {text!r}: it needs a time zone, as 2026-11-22T06:00:00Z")
    return found.astimezone(UTC)


def score(config: ScoreConfig, progress: Progress = no_progress) -> Scored:
    """Score the pairs; see `scoring.local.engine.score_pairs` for rows that cannot be scored."""
    from adjudge.engines import task as tasks
    from adjudge.engines.registry import score_pairs

    precision = settled(config.artifact, config.precision)
    task = tasks.Task(
        load=partial(
            open_scorer,
            artifact=config.artifact.absolute(),
            batch_tokens=config.batch_tokens,
            precision=precision,
            states=tuple(path.absolute() for path in config.states),
        ),
        pairs=config.pairs,
        out=config.out,
        scored_at=time_of("scored_at", config.scored_at) if config.scored_at else tasks.now(),
        run_id=config.run_id or "",
        items=config.items,
        keyphrases=config.keyphrases,
        workers=config.workers,
        chunk=config.chunk,
        part_rows=config.part_rows,
        resume=config.resume,
        settings={
            "batch_tokens": str(config.batch_tokens),
            "precision": str(precision),
            "states": ", ".join(map(_states_told, config.states)),
        },
        artifact=config.artifact,
        options={"local": config.local, "spark": config.spark},
    )
    done = score_pairs(config.engine, task, progress)
    return replace(done, threshold_set=read_any(config.artifact).get("threshold_by", {}).get("how") != UNSET)
