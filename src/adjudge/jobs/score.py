"""Score pairs with an artifact: `adjudge score --artifact DIR --pairs IN.parquet --out OUT.parquet`."""

from __future__ import annotations

from dataclasses import field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from adjudge.config import setting, settings
from adjudge.engines.local.settings import LocalSettings
from adjudge.engines.registry import ENGINES
from adjudge.engines.spark.settings import SparkSettings
from adjudge.errors import BadConfig
from adjudge.jobs.start import job
from adjudge.manifest import UNSET, read
from adjudge.records import Progress, no_progress
from adjudge.scoring.open_model import chosen_precision, open_model
from adjudge.scoring.precision.cpu import PRECISIONS

if TYPE_CHECKING:
    from adjudge.engines.task import ScoreResult

PAIRS = "Parquet, a file or a folder of them: item_id, keyphrase, title and optionally category."
OUT = "The scores, in the order of the pairs: one file if the name ends in .parquet, else a folder of parts."
PRECISION = (
    "fp32 (the model's own scores), int8, bf16 or mixed (if the artifact's parity gate allows it, see "
    "`adjudge quantise`), or auto: the fastest allowed that this machine has the units for."
)
ITEMS = "Parquet: item_id, title and optionally category. Then the pairs need no title."
KEYPHRASES = "Parquet: keyphrase_id, keyphrase. Then the pairs hold keyphrase_id."
PART_ROWS = "Rows per part: what a killed run loses at most, per worker."
STATES = "Folders of `adjudge states`: what a split student computed ahead, at most one per side."


@settings
class ScoreConfig:
    """One scoring run."""

    artifact: Annotated[Path, setting("A model's folder, of any kind.")]
    pairs: Annotated[Path, setting(PAIRS)]
    out: Annotated[Path, setting(OUT)]
    workers: Annotated[int, setting("Processes; 0 = one per core.", ge=0, le=1024)] = 0
    batch_tokens: Annotated[int, setting("Tokens per batch.", ge=1, le=10**7, unit="tokens")] = 2048
    chunk: Annotated[int, setting("Rows that the model sees at a time.", ge=1, le=10**8, unit="rows")] = (
        65_536
    )
    engine: Annotated[str, setting("What runs the scoring.", choices=ENGINES)] = "local"
    precision: Annotated[str, setting(PRECISION, choices=PRECISIONS)] = "fp32"
    items: Annotated[Path | None, setting(ITEMS)] = None
    keyphrases: Annotated[Path | None, setting(KEYPHRASES)] = None
    resume: Annotated[bool, setting("Go on from the parts that a killed run finished.")] = False
    part_rows: Annotated[int, setting(PART_ROWS, ge=1, le=10**9, unit="rows")] = 262_144
    run_id: Annotated[str | None, setting("The run's name; none = its time and model.")] = None
    scored_at: Annotated[str | None, setting("The run's time, as 2026-11-22T06:00:00Z; none = now.")] = None
    states: Annotated[tuple[Path, ...], setting(STATES)] = ()
    local: Annotated[LocalSettings, setting("What only the local engine has.")] = field(
        default_factory=LocalSettings
    )
    spark: Annotated[SparkSettings, setting("What only the Spark engine has.")] = field(
        default_factory=SparkSettings
    )

    def __post_init__(self) -> None:
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
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadConfig(f"{name} is {text!r}: allowed is ISO 8601, as 2026-11-22T06:00:00Z") from error
    if time.tzinfo is None:
        raise BadConfig(f"{name} is {text!r}: it needs a time zone, as 2026-11-22T06:00:00Z")
    return time.astimezone(UTC)


@job(lambda config: config.out)
def score(config: ScoreConfig, progress: Progress = no_progress) -> ScoreResult:
    """Score the pairs; see `engines.local.engine.score_pairs` for rows that cannot be scored."""
    from adjudge.engines import task as tasks
    from adjudge.engines.registry import score_pairs

    about = read(config.artifact)
    precision = chosen_precision(config.artifact, about, config.precision)
    task = tasks.Task(
        load=partial(
            open_model,
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
    return replace(done, threshold_set=about.threshold_by.how != UNSET)
