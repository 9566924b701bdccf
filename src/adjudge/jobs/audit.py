"""The job `audit`: labels that contradict buyers are judged again; what still does is decided by the category rule.

labels -> contradictions (clicks, sales, COEC) -> a stronger judge, through its verdict log -> category rule
       -> a new table of labels: what changed, why and by whom; the labels given stay as they are
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from adjudge import config as settings_of
from adjudge.config import check_apart, check_choice, check_range
from adjudge.errors import BadConfig, NotEnoughData
from adjudge.jobs import audit_tables
from adjudge.jobs.human_labels import Labelled, Rules, labelled
from adjudge.jobs.judge import JudgeConfig, judge, unsettled
from adjudge.jobs.tune.checks import steps_in
from adjudge.judge.runner import RunSettings
from adjudge.llm.providers import folder_of
from adjudge.llm.transformers_client import TransformersSettings
from adjudge.recipes.settings import RecipeSettings
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats.annotators import RULES
from adjudge.trust.audit import KINDS, NONE, UNDECIDED, AuditFloors, Validity, contradictions, decided

LABELS, CONFIG, TOLD = "labels.parquet", "config.json", "audit.json"
PAIRS, AGAIN, JUDGED, LOG = "pairs.parquet", "contradicting.parquet", "rejudged.parquet", "log.sqlite"
FREE = ("budget", "prices", "run")
"""Settings that a later run on the same folder may change: they decide how many are asked, not what is answered."""


@dataclass(frozen=True)
class AuditConfig:
    """labels: annotations, or one grade a pair; items: titles and categories; clicks: a click table. judge: the stronger one,
    as `adjudge judge` spells it; scale: of the labels and of the judge. out: a folder of its own.

    rule, min_annotators: which label a pair gets. valid: a table (keyphrase, category, and optionally valid) that states the
    category rule; without it the rule is read off the clicks (`validity`). floors: when a label contradicts buyers. base_url,
    prompt, guidance, examples, prices, budget, run, local: as for `adjudge judge`.
    """

    labels: Path
    items: Path
    clicks: Path
    judge: str
    out: Path
    scale: str = "four"
    rule: str = "unanimous"
    min_annotators: int = 1
    valid: Path | None = None
    floors: AuditFloors = field(default_factory=AuditFloors)
    validity: Validity = field(default_factory=Validity)
    base_url: str | None = None
    prompt: Path | None = None
    guidance: Path | None = None
    examples: Path | None = None
    prices: Path | None = None
    budget: float | None = None
    run: RunSettings = field(default_factory=RunSettings)
    local: TransformersSettings = field(default_factory=TransformersSettings)

    def __post_init__(self) -> None:
        check_choice("AuditConfig", "scale", self.scale, SCALES)
        check_choice("AuditConfig", "rule", self.rule, RULES)
        check_range("AuditConfig", "min_annotators", self.min_annotators, 1, 1000)
        names = ("labels", "items", "clicks", "valid", "prompt", "guidance", "examples", "prices")
        read = {name: getattr(self, name) for name in names} | {"judge": folder_of(self.judge)}
        written = (LABELS, CONFIG, TOLD, PAIRS, AGAIN, JUDGED, LOG)
        check_apart("AuditConfig", read, {"out": [self.out, *(self.out / name for name in written)]})
        self.asked()

    def asked(self) -> JudgeConfig:
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
    """labels: settled; left_out: pairs without a settled label or a title, by reason; contradicting: by kind; outcome: of
    the contradicting, by who decided; changed: labels that are another now, `was -> is`; unscored: by the judge; owed:
    those of the unscored that the same command asks about again. The others are settled: `run.attempts` answers gave no grade."""

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
        """1 where the judge is to be asked again: the audit is not finished."""
        return int(self.owed > 0)


def audit(config: AuditConfig, progress: Progress = no_progress) -> Audited:
    """Write `labels.parquet`, `rejudged.parquet`, `audit.json`, `config.json` to `config.out`; see docs/tuning.md.

    Raises BadTable, BadConfig (also where `out` holds another audit), NotEnoughData, and what `judge` raises.
    """
    _claim(config)
    progress("audit: labels and buyers", 0, 3)
    settled = _settled(config)
    on = scale(config.scale)
    found = audit_tables.beside(
        settled.rows, config.clicks, config.items, config.validity, config.valid, config.floors.level
    )
    kinds = contradictions(settled.step, on, found.seen, config.floors)
    progress("audit: judging again", 1, 3)
    verdict = _judged_again(config, settled, kinds, progress)
    progress("audit: deciding", 2, 3)
    outcome = decided(settled.step, kinds, verdict, found.valid, on)
    table = audit_tables.labels_table(settled.rows, on.grades, settled.step, kinds, verdict, outcome, found)
    audit_tables.write(table, config.out / LABELS)
    done = _counted(config, settled, table, verdict)
    told = {name: value for name, value in asdict(done).items() if name != "out"}
    text = json.dumps({**told, "config": settings_of.to_dict(config)}, indent=2, ensure_ascii=False)
    (config.out / TOLD).write_text(text + "\n", encoding="utf-8")
    progress("audit: deciding", 3, 3)
    return done


def _claim(config: AuditConfig) -> None:
    """An audit's folder belongs to one config: another one's labels are not overwritten."""
    note = config.out / CONFIG
    if (config.out / LABELS).exists():
        before = json.loads(note.read_text(encoding="utf-8")) if note.exists() else None
        now = settings_of.to_dict(config)
        if before is None or any(before.get(name) != now[name] for name in now if name not in FREE):
            raise BadConfig(
                f"{config.out / LABELS} is of an audit with other settings, and is not overwritten: choose another --out"
            )
    settings_of.save(config, note)


def _settled(config: AuditConfig) -> Labelled:
    pairs = config.out / PAIRS
    audit_tables.write_pairs(config.labels, config.items, pairs)
    on = scale(config.scale)
    everything = RecipeSettings(shares=(1.0, 0.0, 0.0))
    rules = Rules(on, on, config.rule, config.min_annotators, split=everything)
    settled = labelled(pairs, config.labels, rules)
    if not len(settled.step):
        raise NotEnoughData(
            f"{config.labels}: no pair has a settled label and a title ({settled.left_out or 'no rows'})"
        )
    return settled


def _judged_again(config: AuditConfig, settled: Labelled, kinds: list[str], progress: Progress) -> np.ndarray:
    """The stronger judge's steps on the contradicting pairs, -1 elsewhere and where it gave none."""
    rows = np.array([row for row, kind in enumerate(kinds) if kind != NONE], np.int64)
    verdict = np.full(len(kinds), -1, np.int64)
    asked = config.asked()
    pq.write_table(settled.rows.take(pa.array(rows)), asked.pairs)
    if len(rows):
        judge(asked, progress)
        verdict[rows] = steps_in(asked.out, scale(config.scale))
    return verdict


def _owed(config: AuditConfig, unscored: np.ndarray) -> int:
    """How many of the contradicting pairs without a verdict the same command asks about."""
    return int((unscored & unsettled(config.asked())).sum()) if unscored.any() else 0


def _counted(config: AuditConfig, settled: Labelled, table: pa.Table, verdict: np.ndarray) -> Audited:
    kinds, who = table["contradiction"].to_pylist(), table["by"].to_pylist()
    again = [row for row, kind in enumerate(kinds) if kind]
    unscored = verdict[again] < 0
    moves: Counter[str] = Counter(
        f"{row['before']} -> {row['grade']}"
        for row in table.select(["before", "grade", "changed"]).to_pylist()
        if row["changed"]
    )
    counted: dict[str, Any] = {
        "contradicting": {kind: kinds.count(kind) for kind in KINDS},
        "outcome": dict(Counter(who[row] for row in again).most_common()),
        "changed": dict(moves.most_common()),
        "unscored": int(unscored.sum()),
        "owed": _owed(config, unscored),
    }
    return Audited(config.out, len(settled.step), settled.left_out, **counted)
