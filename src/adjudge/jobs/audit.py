"""The job `audit`: labels that contradict buyers are judged again; what still does is decided by the category
rule.

labels -> contradictions (clicks, sales, COEC) -> a stronger judge, through its verdict log -> category rule
       -> a new table of labels: what changed, why and by whom; the labels given stay as they are
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge.config import SETTINGS, check_apart, save, setting, settings, to_dict
from adjudge.errors import BadConfig, NotEnoughData
from adjudge.jobs import audit_tables
from adjudge.jobs.human_labels import Labelled, Rules, labelled
from adjudge.jobs.judge import JudgeConfig, judge, unsettled
from adjudge.jobs.start import job
from adjudge.jobs.tune.checks import steps_in
from adjudge.judge.runner import RunSettings
from adjudge.llm.providers import folder_of
from adjudge.llm.transformers_client import TransformersSettings
from adjudge.recipes.settings import RecipeSettings
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats.annotators import RULES
from adjudge.storage.files import fresh_file, write_json
from adjudge.trust.audit import KINDS, NONE, UNDECIDED, AuditFloors, Validity, contradictions, decided

LABELS, RESULT = "labels.parquet", "audit.json"
PAIRS, AGAIN, JUDGED, LOG = "pairs.parquet", "contradicting.parquet", "rejudged.parquet", "log.sqlite"
FREE = ("budget", "prices", "run")
"""Settings that a later run on the same folder may change: they decide how many pairs are judged again, not
the
answers."""


@settings
class AuditConfig:
    """Labels, what buyers did, and the stronger judge of the labels that contradict them."""

    labels: Annotated[Path, setting("The labels: annotations, or one grade per pair.")]
    items: Annotated[Path, setting("The items table: titles and categories.")]
    clicks: Annotated[Path, setting("The click table.")]
    judge: Annotated[str, setting("The stronger judge, as `adjudge judge` spells it.")]
    out: Annotated[Path, setting("A folder of its own for the audit.")]
    scale: Annotated[str, setting("The scale of the labels and of the judge.", choices=SCALES)] = "four"
    rule: Annotated[str, setting("How several annotators of a pair become one label.", choices=RULES)] = (
        "unanimous"
    )
    min_annotators: Annotated[int, setting("Least annotators of a label.", ge=1, le=1000)] = 1
    valid: Annotated[
        Path | None,
        setting(
            "A table (keyphrase, category, optionally valid) that states the category rule; by default "
            "clicks show it."
        ),
    ] = None
    floors: AuditFloors = field(default_factory=AuditFloors)
    validity: Validity = field(default_factory=Validity)
    base_url: Annotated[str | None, setting("The OpenAI-compatible endpoint.")] = None
    prompt: Annotated[Path | None, setting("Your own prompt file (Markdown).")] = None
    guidance: Annotated[Path | None, setting("JSON: guidance per category, as docs/judging.md says.")] = None
    examples: Annotated[
        Path | None, setting("JSON: graded examples for the prompt, as docs/judging.md says.")
    ] = None
    prices: Annotated[
        Path | None, setting("A price table (JSON): currency per million tokens, by model.")
    ] = None
    budget: Annotated[
        float | None,
        setting("The most this judge may cost, earlier runs on the folder included; needs prices.", gt=0),
    ] = None
    run: RunSettings = field(default_factory=RunSettings)
    local: TransformersSettings = field(default_factory=TransformersSettings)

    def __post_init__(self) -> None:
        names = ("labels", "items", "clicks", "valid", "prompt", "guidance", "examples", "prices")
        read = {name: getattr(self, name) for name in names} | {"judge": folder_of(self.judge)}
        written = (LABELS, SETTINGS, RESULT, PAIRS, AGAIN, JUDGED, LOG)
        check_apart("AuditConfig", read, {"out": [self.out, *(self.out / name for name in written)]})
        self.rejudging()

    def rejudging(self) -> JudgeConfig:
        """How the contradicting pairs are judged again."""
        return JudgeConfig(
            self.out / AGAIN,
            self.judge,
            self.out / LOG,
            self.out / JUDGED,
            self.scale,
            self.base_url,
            prompt=self.prompt,
            guidance=self.guidance,
            examples=self.examples,
            prices=self.prices,
            budget=self.budget,
            run=self.run,
            local=self.local,
        )


@dataclass(frozen=True)
class Audited:
    """Counts of an audit.

    labels: settled; left_out: pairs without a settled label or a title, by reason; contradicting: by kind;
    outcome: of the contradicting, by who decided; changed: labels that are another now, `was -> is`;
    unscored: by the judge; owed: those of the unscored that the same command judges again. The others are
    settled: `run.attempts` answers gave no grade.
    """

    out: Path
    labels: int
    left_out: dict[str, int]
    contradicting: dict[str, int]
    outcome: dict[str, int]
    changed: dict[str, int]
    unscored: int
    owed: int = 0

    @property
    def undecided(self) -> int:
        return self.outcome.get(UNDECIDED, 0)

    @property
    def exit_code(self) -> int:
        """1 if the same command has more to judge: the audit is not finished."""
        return int(self.owed > 0)


@job(lambda config: config.out)
def audit(config: AuditConfig, progress: Progress = no_progress) -> Audited:
    """Write `labels.parquet`, `rejudged.parquet` and `audit.json` to `config.out`; see docs/tuning.md.

    Raises BadTable, BadConfig (also if `out` holds another audit), NotEnoughData, and what `judge` raises.
    """
    _claim(config)
    progress("audit: labels and buyers", 0, 3)
    settled = _settled(config)
    grades = scale(config.scale)
    evidence = audit_tables.evidence(
        settled.rows, config.clicks, config.items, config.validity, config.valid, config.floors.level
    )
    kinds = contradictions(settled.step, grades, evidence.buyers, config.floors)
    progress("audit: judging again", 1, 3)
    verdict = _judged_again(config, settled, kinds, progress)
    progress("audit: deciding", 2, 3)
    outcome = decided(settled.step, kinds, verdict, evidence.valid, grades)
    table = audit_tables.labels_table(
        settled.rows, grades.grades, settled.step, kinds, verdict, outcome, evidence
    )
    with fresh_file(config.out / LABELS) as file:
        pq.write_table(table, file, compression="zstd")
    done = _counted(config, settled, table, verdict)
    counts = {name: value for name, value in asdict(done).items() if name != "out"}
    write_json(config.out / RESULT, {**counts, "config": to_dict(config)})
    progress("audit: deciding", 3, 3)
    return done


def _claim(config: AuditConfig) -> None:
    """An audit's folder belongs to one config: another one's labels are not overwritten."""
    note = config.out / SETTINGS
    if (config.out / LABELS).exists():
        before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else None
        now = to_dict(config)
        if before is None or any(before.get(name) != now[name] for name in now if name not in FREE):
            raise BadConfig(
                f"{config.out / LABELS} is of an audit with other settings, and is not overwritten: "
                "choose another --out"
            )
    save(config, note)


def _settled(config: AuditConfig) -> Labelled:
    pairs = config.out / PAIRS
    audit_tables.write_pairs(config.labels, config.items, pairs)
    grades = scale(config.scale)
    everything = RecipeSettings(shares=(1.0, 0.0, 0.0))
    rules = Rules(grades, grades, config.rule, config.min_annotators, split=everything)
    settled = labelled(pairs, config.labels, rules)
    if not len(settled.step):
        raise NotEnoughData(
            f"{config.labels}: no pair has a settled label and a title ({settled.left_out or 'no rows'})"
        )
    return settled


def _judged_again(config: AuditConfig, settled: Labelled, kinds: list[str], progress: Progress) -> np.ndarray:
    """The stronger judge's steps on the contradicting pairs, -1 elsewhere and if it gave none."""
    rows = np.array([row for row, kind in enumerate(kinds) if kind != NONE], np.int64)
    verdict = np.full(len(kinds), -1, np.int64)
    rejudging = config.rejudging()
    with fresh_file(rejudging.pairs) as file:
        pq.write_table(settled.rows.take(pa.array(rows)), file)
    if len(rows):
        judge(rejudging, progress)
        verdict[rows] = steps_in(rejudging.out, scale(config.scale))
    return verdict


def _owed(config: AuditConfig, unscored: np.ndarray) -> int:
    """How many of the contradicting pairs without a verdict the same command judges again."""
    return int((unscored & unsettled(config.rejudging())).sum()) if unscored.any() else 0


def _counted(config: AuditConfig, settled: Labelled, table: pa.Table, verdict: np.ndarray) -> Audited:
    kinds, deciders = table["contradiction"].to_pylist(), table["by"].to_pylist()
    again = [row for row, kind in enumerate(kinds) if kind]
    unscored = verdict[again] < 0
    moves: Counter[str] = Counter(
        f"{row['before']} -> {row['grade']}"
        for row in table.select(["before", "grade", "changed"]).to_pylist()
        if row["changed"]
    )
    counted: dict[str, Any] = {
        "contradicting": {kind: kinds.count(kind) for kind in KINDS},
        "outcome": dict(Counter(deciders[row] for row in again).most_common()),
        "changed": dict(moves.most_common()),
        "unscored": int(unscored.sum()),
        "owed": _owed(config, unscored),
    }
    return Audited(config.out, len(settled.step), settled.left_out, **counted)
