"""The job `states`: what a split student's lower layers give for every item or keyphrase, computed once and
kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from adjudge.config import setting, settings
from adjudge.errors import BadConfig, BadTable
from adjudge.jobs.start import job
from adjudge.records import Progress, no_progress
from adjudge.storage.duck import first_line, in_memory
from adjudge.storage.text_columns import columns_of, readable
from adjudge.tables import ITEMS, KEYPHRASES
from adjudge.text.blank import blank_sql

if TYPE_CHECKING:
    from adjudge.scoring.split.store import StatesInfo

DTYPES = ("float16", "int8")
ITEM_TEXTS = f"""
SELECT DISTINCT category, title, '' AS keyphrase FROM listed WHERE NOT {blank_sql("title")} ORDER BY ALL
"""
KEYPHRASE_TEXTS = f"""
SELECT DISTINCT keyphrase, '' AS title FROM listed WHERE NOT {blank_sql("keyphrase")} ORDER BY ALL
"""
DTYPE = "float16 (the scores stay what they are), or int8 (half the size; scores move slightly)."


@settings
class StatesConfig:
    """Whose states are computed, of which texts. Items and keyphrases have a folder each: give one of
    them."""

    artifact: Annotated[Path, setting("A split student's folder.")]
    out: Annotated[Path, setting("The folder of states to write.")]
    items: Annotated[Path | None, setting("Parquet: item_id, title and optionally category.")] = None
    keyphrases: Annotated[Path | None, setting("Parquet: keyphrase.")] = None
    dtype: Annotated[str, setting(DTYPE, choices=DTYPES)] = "float16"
    workers: Annotated[int, setting("Batches at a time; 0 = one per core.", ge=0, le=1024)] = 0
    batch: Annotated[int, setting("Texts at a time.", ge=1, le=10**6)] = 4096

    def __post_init__(self) -> None:
        if (self.items is None) == (self.keyphrases is None):
            raise BadConfig(
                "StatesConfig needs items or keyphrases, and not both: each has a folder of its own"
            )


@dataclass(frozen=True)
class States:
    """The folder, and what it says of itself."""

    out: Path
    about: StatesInfo


@job(lambda config: config.out)
def states(config: StatesConfig, progress: Progress = no_progress) -> States:
    """Compute and write them, each distinct text once. Raises BadArtifact, BadTable."""
    from adjudge.scoring.open_model import open_model
    from adjudge.scoring.split.scorer import SplitScorer
    from adjudge.scoring.split.store import write_states

    scorer = cast(SplitScorer, open_model(config.artifact, config.workers, kinds=("split-encoder",)))
    side = "items" if config.items else "keyphrases"
    texts = _texts(config)
    return States(config.out, write_states(scorer, side, texts, config.out, config.dtype, progress))


def _texts(config: StatesConfig) -> Iterator[list[str]]:
    """Distinct texts as the student reads them, in batches; without those that are not UTF-8, which it never
    scores."""
    import pyarrow as pa

    from adjudge.student.text import text_columns

    path = config.items or config.keyphrases or Path()
    (ITEMS if config.items else KEYPHRASES).check_columns(columns_of(path), path)
    columns, query = (
        (("category", "title"), ITEM_TEXTS) if config.items else (("keyphrase",), KEYPHRASE_TEXTS)
    )
    message = f"{path} cannot be read: {{}}. Bring it in with: adjudge import table"
    try:
        with in_memory(message, threads=1) as db:
            db.register("listed", readable(path, columns))
            for batch in db.sql(query).to_arrow_reader(config.batch):
                yield text_columns(pa.table(batch))[1 if config.items else 0].to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise BadTable(message.format(first_line(error))) from error
