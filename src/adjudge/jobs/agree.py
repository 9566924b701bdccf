"""The job `agree`: judgments against human labels and clicks become agree.json, tables, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adjudge import config as settings_of
from adjudge import tables
from adjudge.config import check_choice
from adjudge.errors import AdjudgeError, BadConfig, BadTable
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats import annotators, sample_size
from adjudge.stats.cluster_bootstrap import Estimate
from adjudge.stats.sampling import Sampling
from adjudge.trust import clicks, compare, ppi, probes, results
from adjudge.trust.decision import EXIT_CODES, Decision, decide
from adjudge.trust.reading import Evidence, Sources, read, second_verdicts
from adjudge.trust.settings import TrustSettings

STEPS = 6
Rows = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class AgreeConfig:
    """judgments: a table that `adjudge judge` wrote. human: annotations, or a table of settled grades (item_id,
    keyphrase, grade). out: the folder to write. scale, human_scale: what the two are graded on; where they differ both
    are made binary. clicks, items: tables of a logs folder; without them what needs them is absent. judge: which one,
    where the file holds several.

    paired: further judgments of the same pairs, by probe (`position`, `stuffing`, `padding`, `rewording`; `adjudge
    probe` writes what to judge). models: exactly two scores tables (`item_id, keyphrase, kept`) by name: is the first
    one's relevance rate above the second's? simulated: what is simulated, for the report's face.
    """

    judgments: Path
    human: Path
    out: Path = Path("agree")
    scale: str = "binary"
    human_scale: str = "four"
    judge: str | None = None
    clicks: Path | None = None
    items: Path | None = None
    paired: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    trust: TrustSettings = field(default_factory=TrustSettings)
    simulated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("AgreeConfig", "scale", self.scale, SCALES)
        check_choice("AgreeConfig", "human_scale", self.human_scale, SCALES)
        for name in self.paired:
            check_choice("AgreeConfig", "paired", name, probes.PAIRED)
        if len(self.models) not in (0, 2):
            raise BadConfig(
                f"AgreeConfig.models names {len(self.models)} models; allowed are none or two: --model NAME=SCORES.parquet"
            )


@dataclass(frozen=True)
class Agreed:
    """What `agree` found, to print. exit_code: 0 trusted, 1 not trusted, 2 inconclusive, 3 broken."""

    out: Path
    judge: str
    decision: Decision
    counts: dict[str, int]
    values: dict[str, Estimate]
    alpha: dict[str, Estimate]
    clicks: clicks.ClickAgreement | None
    probes: tuple[probes.Probe, ...]
    rates: tuple[ppi.Rate, ...]
    needed: tuple[sample_size.Needed, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return self.decision.exit_code


def agree(config: AgreeConfig, progress: Progress = no_progress) -> Agreed:
    """Measure how far a judge can be trusted; see docs/trust.md for what is written to `config.out`.

    Raises BadConfig, BadTable; their exit code is then 3, since a pipeline must not read them as inconclusive.
    """
    try:
        return _agree(config, progress)
    except AdjudgeError as error:
        error.exit_code = EXIT_CODES["broken"]
        raise


def _agree(config: AgreeConfig, progress: Progress) -> Agreed:
    progress("agree: reading", 0, STEPS)
    sources = Sources(
        config.judgments,
        config.human,
        scale(config.scale),
        scale(config.human_scale),
        config.clicks,
        config.items,
        config.judge,
    )
    evidence = read(sources, config.trust.head, config.trust.clicks.positions)
    made, rows = _measure(config, evidence, progress)
    progress("agree: writing", 5, STEPS)
    _write(config, made, rows)
    progress("agree: writing", STEPS, STEPS)
    return made


def _measure(config: AgreeConfig, evidence: Evidence, progress: Progress) -> tuple[Agreed, Rows]:
    """Everything `agree` says, and the rows of its tables by name."""
    settings, sampling = config.trust, config.trust.sampling
    pairs = compare.compared(evidence, settings)
    rng = np.random.default_rng(config.seed)
    # One stream a part: a part that is switched off leaves the others' intervals as they were.
    streams = rng.spawn(5)
    progress("agree: against people", 1, STEPS)
    found = compare.agreement(evidence, pairs, settings, streams[0])
    alpha = _alpha(evidence, sampling, streams[1])
    progress("agree: against clicks", 2, STEPS)
    clicked = None
    if config.clicks is not None:
        clicked = clicks.against_clicks(evidence, settings.clicks, sampling, streams[2])
    progress("agree: probes", 3, STEPS)
    probed, bins = _probes(config, evidence, pairs, streams[3])
    progress("agree: relevance rates", 4, STEPS)
    rated = _rates(evidence, settings)
    statistic = found[0].values[settings.statistic]
    needed = _needed(config, evidence, pairs, statistic, streams[4])
    scored = float(evidence.scored.mean())
    made = Agreed(
        out=config.out,
        judge=evidence.judge,
        decision=decide(settings.statistic, statistic, settings.bar, scored, settings.least_scored),
        counts=_counts(evidence, pairs),
        values=found[0].values,
        alpha=alpha,
        clicks=clicked,
        probes=tuple(probed),
        rates=tuple(rated[0][1]),
        needed=tuple(needed),
        notes=tuple(_notes(config, pairs, clicked)),
    )
    rows = {
        "agreement": results.agreement_rows(found),
        "confusion": results.confusion_rows(found, pairs.scale),
        "annotators": results.annotator_rows(alpha),
        "clicks": results.click_rows(clicked),
        "probes": results.probe_rows(probed),
        "overlap": results.bin_rows(bins),
        "rates": results.rate_rows(rated),
        "labels_needed": results.needed_rows(needed),
    }
    return made, rows


def _alpha(evidence: Evidence, sampling: Sampling, rng: np.random.Generator) -> dict[str, Estimate]:
    units = evidence.units
    return {
        metric: annotators.alpha_estimate(units.votes, units.item, metric, sampling, rng)
        for metric in annotators.METRICS
    }


def _probes(
    config: AgreeConfig, evidence: Evidence, pairs: compare.Compared, rng: np.random.Generator
) -> tuple[list[probes.Probe], list[probes.Bin]]:
    settings, sampling = config.trust.probes, config.trust.sampling
    found = [probes.leniency(pairs, evidence.item, settings, sampling, rng)]
    lexical, bins = probes.lexical(evidence, settings, sampling, rng)
    found += lexical
    for name, path in config.paired.items():
        second = second_verdicts(evidence, Path(path))
        found += probes.paired(name, evidence, second, settings, sampling, rng)
    return found, bins


def _rates(evidence: Evidence, settings: TrustSettings) -> list[tuple[compare.Segment, list[ppi.Rate]]]:
    """Corrected relevance rates of the judged pairs, in all and by segment."""
    relevant = compare.relevant_share(evidence)
    said = (evidence.step >= evidence.scale.relevant_from).astype(np.float64)
    if evidence.scored.any() and not np.isnan(evidence.probability[evidence.scored]).any():
        said = np.where(evidence.scored, evidence.probability, 0.0)
    rated = []
    for segment in compare.segments(evidence, settings):
        rows = segment.rows & evidence.scored
        if segment.by == "all" or rows.sum() >= settings.sampling.min_pairs:
            rated.append(
                (segment, ppi.rates(relevant[rows], said[rows], evidence.item[rows], settings.sampling))
            )
    return rated


def _needed(
    config: AgreeConfig,
    evidence: Evidence,
    pairs: compare.Compared,
    statistic: Estimate,
    rng: np.random.Generator,
) -> list[sample_size.Needed]:
    settings = config.trust
    level, power = settings.sampling.level, settings.power
    question = f"is {settings.statistic} >= {settings.bar:g}?"
    asked = [sample_size.labels_needed(question, statistic, settings.bar, level, power)]
    if config.models:
        (one, first), (other, second) = (
            (name, _kept(evidence, Path(path))) for name, path in config.models.items()
        )
        relevant = pairs.human >= pairs.scale.relevant_from
        used = pairs.labelled
        apart = clicks.rate_difference(
            relevant[used].astype(np.float64),
            first[used],
            second[used],
            evidence.item[used],
            settings.sampling,
            rng,
        )
        question = f"is the relevance rate of {one} above that of {other}?"
        asked.append(sample_size.labels_needed(question, apart, 0.0, level, power))
    return asked


def _kept(evidence: Evidence, path: Path) -> np.ndarray:
    """Which of the judged pairs a model keeps; a pair it did not score is not kept."""
    import duckdb
    import pyarrow as pa

    row = np.arange(len(evidence), dtype=np.int64)
    keys = pa.table({"item_id": evidence.item_id, "keyphrase": evidence.keyphrase, "row": row})
    try:
        with duckdb.connect() as db:
            there = db.read_parquet(str(path))
            tables.SCORES.check_columns(there.columns, path)
            there.create_view("scores")
            db.register("keys", keys)
            found = db.sql(
                "SELECT DISTINCT k.row FROM keys k JOIN scores s USING (item_id, keyphrase) WHERE s.kept"
            ).to_arrow_table()
    except duckdb.Error as error:
        raise BadTable(f"{path} cannot be read as scores: {error}. Write it with: adjudge score") from error
    kept = np.zeros(len(evidence), bool)
    kept[found["row"].to_numpy()] = True
    return kept


def _counts(evidence: Evidence, pairs: compare.Compared) -> dict[str, int]:
    """Where every pair went: judged = scored + unscored; graded by people = labelled + without a label."""
    graded = evidence.votes.sum(1) > 0
    return {
        "judged": len(evidence),
        "scored": int(evidence.scored.sum()),
        "unscored": int((~evidence.scored).sum()),
        "graded by people": len(evidence.units.item),
        "graded but not judged": int((~evidence.units.judged).sum()),
        "graded and judged": int(graded.sum()),
        "without a label under the rule": int((graded & ~pairs.labelled).sum()),
        "labelled but unscored": int((pairs.labelled & ~evidence.scored).sum()),
        "compared": int(pairs.both.sum()),
    }


def _notes(config: AgreeConfig, pairs: compare.Compared, clicked: clicks.ClickAgreement | None) -> list[str]:
    notes = []
    if config.scale != config.human_scale:
        notes.append(
            f"The judge's scale is {config.scale}, people's {config.human_scale}: both are compared as "
            f"{pairs.scale.name}."
        )
    if clicked is None:
        notes.append("No clicks were given: no concordance, no COEC.")
    elif clicked.note:
        notes.append(f"COEC: {clicked.note}.")
    if config.items is None:
        notes.append("No items were given: no segments by category, no probes of overlap and title length.")
    missing = [name for name in probes.PAIRED if name not in config.paired]
    if missing:
        notes.append(f"Not probed for lack of a second judgment: {', '.join(missing)} (see: adjudge probe).")
    return notes


def _write(config: AgreeConfig, made: Agreed, rows: Rows) -> None:
    import pyarrow.parquet as pq

    config.out.mkdir(parents=True, exist_ok=True)
    for name, found in rows.items():
        pq.write_table(results.table(name, found), config.out / f"{name}.parquet", compression="zstd")
    told = {
        "judge": made.judge,
        "verdict": made.decision.verdict,
        "exit_code": made.exit_code,
        "reason": made.decision.reason,
        "statistic": config.trust.statistic,
        "bar": config.trust.bar,
        "level": config.trust.sampling.level,
        "counts": made.counts,
        "agreement": {name: asdict(value) for name, value in made.values.items()},
        "alpha": {name: asdict(value) for name, value in made.alpha.items()},
        "clicks": None if made.clicks is None else asdict(made.clicks),
        "probes": results.probe_rows(made.probes),
        "rates": [asdict(rate) for rate in made.rates],
        "labels_needed": [asdict(one) for one in made.needed],
        "notes": list(made.notes),
        "settings": settings_of.to_dict(config),
    }
    text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
    (config.out / "agree.json").write_text(text + "\n", encoding="utf-8")
    settings_of.save(config, config.out / "config.json")
