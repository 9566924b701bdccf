"""The job `agree`: judgments against human labels and clicks become agree.json, tables, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from adjudge import tables
from adjudge.config import setting, settings, to_dict
from adjudge.errors import AdjudgeError, BadConfig
from adjudge.jobs.start import job
from adjudge.records import SCALES, Progress, no_progress, scale
from adjudge.stats import annotators, sample_size
from adjudge.stats.cluster_bootstrap import Bools, Estimate
from adjudge.storage.duck import in_memory
from adjudge.storage.files import fresh_file, write_json
from adjudge.storage.views import create_view
from adjudge.trust import clicks, compare, ppi, probes, results
from adjudge.trust.decision import EXIT_CODES, Decision, decide
from adjudge.trust.reading import Evidence, Sources, pair_keys, read, second_verdicts
from adjudge.trust.settings import TrustSettings

STEPS = 6
Rows = Mapping[str, list[dict[str, Any]]]


@settings
class AgreeConfig:
    """A judge's verdicts, the human labels and clicks to compare them with, and when the judge is trusted."""

    judgments: Annotated[Path, setting("A table that `adjudge judge` wrote.")]
    human: Annotated[Path, setting("Annotations, or a table of settled grades (item_id, keyphrase, grade).")]
    out: Annotated[Path, setting("The folder to write.")] = Path("agree")
    scale: Annotated[str, setting("The scale of the judge's grades.", choices=SCALES)] = "binary"
    human_scale: Annotated[
        str,
        setting(
            "The scale of the human grades. If it differs from the judge's, both are made binary.",
            choices=SCALES,
        ),
    ] = "four"
    judge: Annotated[str | None, setting("Which judge, if the table holds several.")] = None
    clicks: Annotated[
        Path | None, setting("The click table: adds concordance, COEC, head and tail segments.")
    ] = None
    items: Annotated[
        Path | None, setting("The items table: adds segments by category and the probes of word overlap.")
    ] = None
    paired: Annotated[
        dict[str, str],
        setting(
            "A further table of judgments of the same pairs, by probe (`adjudge probe` writes what to "
            "judge).",
            choices=probes.PAIRED,
        ),
    ] = field(default_factory=dict)
    models: Annotated[
        dict[str, str],
        setting(
            "Exactly two scores tables (item_id, keyphrase, kept) by name: is the relevance rate of the "
            "first one's pairs above that of the second's?"
        ),
    ] = field(default_factory=dict)
    seed: Annotated[int, setting("Seed of the resampling.")] = 0
    trust: TrustSettings = field(default_factory=TrustSettings)
    simulated: Annotated[
        tuple[str, ...],
        setting("What is simulated (`the judges`, ...): the report says so on its first page."),
    ] = ()

    def __post_init__(self) -> None:
        if len(self.models) not in (0, 2):
            raise BadConfig(
                f"AgreeConfig.models names {len(self.models)} models; allowed are none or two: "
                "--model NAME=SCORES.parquet"
            )


@dataclass(frozen=True)
class AgreeResult:
    """What `agree` measured, to print. exit_code: 0 trusted, 1 not trusted, 2 inconclusive, 3 broken."""

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


@job(lambda config: config.out)
def agree(config: AgreeConfig, progress: Progress = no_progress) -> AgreeResult:
    """Measure how far a judge can be trusted; see docs/trust.md for what is written to `config.out`.

    Raises BadConfig, BadTable; their exit code is then 3, since a pipeline must not read them as
    inconclusive.
    """
    try:
        progress("agree: reading", 0, STEPS)
        on, human_on = scale(config.scale), scale(config.human_scale)
        sources = Sources(
            config.judgments, config.human, on, human_on, config.clicks, config.items, config.judge
        )
        evidence = read(sources, config.trust.head, config.trust.clicks.positions)
        result, rows = _measure(config, evidence, progress)
        progress("agree: writing", 5, STEPS)
        _write(config, result, rows)
        progress("agree: writing", STEPS, STEPS)
        return result
    except AdjudgeError as error:
        error.exit_code = EXIT_CODES["broken"]
        raise


def _measure(config: AgreeConfig, evidence: Evidence, progress: Progress) -> tuple[AgreeResult, Rows]:
    """Everything `agree` says, and the rows of its tables by name."""
    rules, sampling = config.trust, config.trust.sampling
    pairs = compare.compared(evidence, rules)
    rng = np.random.default_rng(config.seed)
    # Each part has a random stream of its own: a part that is switched off leaves the others' intervals as
    # they were.
    streams = rng.spawn(5)
    progress("agree: against people", 1, STEPS)
    agreements = compare.agreement(evidence, pairs, rules, streams[0])
    alpha = {
        metric: annotators.alpha_estimate(
            evidence.units.votes, evidence.units.item, metric, sampling, streams[1]
        )
        for metric in annotators.METRICS
    }
    progress("agree: against clicks", 2, STEPS)
    clicked = None
    if config.clicks is not None:
        clicked = clicks.against_clicks(evidence, rules.clicks, sampling, streams[2])
    progress("agree: probes", 3, STEPS)
    probed, bins = _probes(config, evidence, pairs, streams[3])
    progress("agree: relevance rates", 4, STEPS)
    rated = _rates(evidence, rules)
    statistic = agreements[0].values[rules.statistic]
    needed = _needed(config, evidence, pairs, statistic, streams[4])
    scored = float(evidence.scored.mean())
    result = AgreeResult(
        out=config.out,
        judge=evidence.judge,
        decision=decide(rules.statistic, statistic, rules.bar, scored, rules.least_scored),
        counts=_counts(evidence, pairs),
        values=agreements[0].values,
        alpha=alpha,
        clicks=clicked,
        probes=tuple(probed),
        rates=tuple(rated[0][1]),
        needed=tuple(needed),
        notes=tuple(_notes(config, pairs, clicked)),
    )
    rows = {
        "agreement": results.agreement_rows(agreements),
        "confusion": results.confusion_rows(agreements, pairs.scale),
        "annotators": results.annotator_rows(alpha),
        "clicks": results.click_rows(clicked),
        "probes": results.probe_rows(probed),
        "overlap": results.bin_rows(bins),
        "rates": results.rate_rows(rated),
        "labels_needed": [asdict(need) for need in needed],
    }
    return result, rows


def _probes(
    config: AgreeConfig, evidence: Evidence, pairs: compare.ComparedPairs, rng: np.random.Generator
) -> tuple[list[probes.Probe], list[probes.Bin]]:
    limits, sampling = config.trust.probes, config.trust.sampling
    probed = [probes.leniency(pairs, evidence.item, limits, sampling, rng)]
    lexical, bins = probes.lexical(evidence, limits, sampling, rng)
    probed += lexical
    for name, path in config.paired.items():
        second = second_verdicts(evidence, Path(path))
        probed += probes.paired(name, evidence, second, limits, sampling, rng)
    return probed, bins


def _rates(evidence: Evidence, rules: TrustSettings) -> list[tuple[compare.Segment, list[ppi.Rate]]]:
    """Corrected relevance rates of the judged pairs, in all and by segment."""
    relevant = compare.relevant_share(evidence)
    judged = (evidence.step >= evidence.scale.relevant_from).astype(np.float64)
    if evidence.scored.any() and not np.isnan(evidence.probability[evidence.scored]).any():
        judged = np.where(evidence.scored, evidence.probability, 0.0)
    rated = []
    for segment in compare.segments(evidence, rules):
        rows = segment.rows & evidence.scored
        if segment.by == "all" or rows.sum() >= rules.sampling.min_pairs:
            rates = ppi.rates(relevant[rows], judged[rows], evidence.item[rows], rules.sampling)
            rated.append((segment, rates))
    return rated


def _needed(
    config: AgreeConfig,
    evidence: Evidence,
    pairs: compare.ComparedPairs,
    statistic: Estimate,
    rng: np.random.Generator,
) -> list[sample_size.Needed]:
    """Further labels that would decide whether the bar is reached, and which of two models keeps better
    pairs."""
    rules, sampling = config.trust, config.trust.sampling
    question = f"is {rules.statistic} >= {rules.bar:g}?"
    needed = [sample_size.labels_needed(question, statistic, rules.bar, sampling.level, rules.power)]
    if config.models:
        first, second = config.models
        used = pairs.labelled
        relevant = (pairs.human >= pairs.scale.relevant_from)[used].astype(np.float64)
        kept_by = [_kept_by(evidence, Path(path))[used] for path in config.models.values()]
        difference = clicks.rate_difference(
            relevant, kept_by[0], kept_by[1], evidence.item[used], sampling, rng
        )
        question = f"is the relevance rate of {first} above that of {second}?"
        needed.append(sample_size.labels_needed(question, difference, 0.0, sampling.level, rules.power))
    return needed


def _kept_by(evidence: Evidence, path: Path) -> Bools:
    """Which of the judged pairs a model keeps; a pair it did not score is not kept."""
    with in_memory(f"{path} cannot be read as scores: {{}}. Write it with: adjudge score") as db:
        create_view(db, "scores", tables.SCORES, path)
        db.register("keys", pair_keys(evidence))
        rows = db.sql(
            "SELECT DISTINCT k.row FROM keys k JOIN scores s USING (item_id, keyphrase) WHERE s.kept"
        ).to_arrow_table()["row"]
    kept = np.zeros(len(evidence), bool)
    kept[rows.to_numpy()] = True
    return kept


def _counts(evidence: Evidence, pairs: compare.ComparedPairs) -> dict[str, int]:
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


def _notes(
    config: AgreeConfig, pairs: compare.ComparedPairs, clicked: clicks.ClickAgreement | None
) -> list[str]:
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


def _write(config: AgreeConfig, result: AgreeResult, rows: Rows) -> None:
    import pyarrow.parquet as pq

    config.out.mkdir(parents=True, exist_ok=True)
    for name, table_rows in rows.items():
        with fresh_file(config.out / f"{name}.parquet") as fresh:
            pq.write_table(results.table(name, table_rows), fresh, compression="zstd")
    summary = {
        "judge": result.judge,
        "verdict": result.decision.verdict,
        "exit_code": result.exit_code,
        "reason": result.decision.reason,
        "statistic": config.trust.statistic,
        "bar": config.trust.bar,
        "level": config.trust.sampling.level,
        "counts": result.counts,
        "agreement": {name: asdict(value) for name, value in result.values.items()},
        "alpha": {name: asdict(value) for name, value in result.alpha.items()},
        "clicks": None if result.clicks is None else asdict(result.clicks),
        "probes": results.probe_rows(result.probes),
        "rates": [asdict(rate) for rate in result.rates],
        "labels_needed": [asdict(need) for need in result.needed],
        "notes": list(result.notes),
        "settings": to_dict(config),
    }
    write_json(config.out / "agree.json", summary)
