"""The job `cascade`: a cheap judge answers what it is shown to answer well, a strong judge the rest."""

from __future__ import annotations

import numpy as np

from adjudge.cascade.judgments import CascadeTable, write_cascade
from adjudge.cascade.region import Region, confidence
from adjudge.cascade.saved_region import load_region
from adjudge.cascade.validation import Validation, check, validate
from adjudge.errors import NotEnoughData
from adjudge.jobs.cascade.config import CascadeConfig
from adjudge.jobs.cascade.judges import (
    Unanswered,
    cheap_table,
    estimate_all,
    judge_rest,
    keys,
    strong_table,
)
from adjudge.jobs.cascade.labels import get_labels
from adjudge.jobs.cascade.result import NOT_ASKED, CascadeResult, Need, Routing, result_of, write
from adjudge.jobs.start import job
from adjudge.judge.estimate import CostEstimate
from adjudge.records import Progress, no_progress, scale
from adjudge.trust.reading import Sources, read

STEPS = 5


@job(lambda config: config.out)
def cascade(config: CascadeConfig, progress: Progress = no_progress) -> CascadeResult:
    """Route pairs between two judges; see docs/cascade.md for what is written to `config.out`.

    Raises BadConfig, BadTable, NotEnoughData (too few labels, saying how many more), and what `judge` raises.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    try:
        return _cascade(config, progress)
    except Unanswered as missing:
        return _not_asked(config, missing, progress)


def _cascade(config: CascadeConfig, progress: Progress) -> CascadeResult:
    progress("cascade: cheap judge", 0, STEPS)
    strong, cheap = strong_table(config), cheap_table(config, progress)
    scales = scale(config.scale), scale(config.human_scale)
    evidence = read(Sources(cheap.path, config.human, *scales, judge=cheap.judge))
    if not evidence.scored.any():
        raise NotEnoughData(f"{cheap.path}: no verdict of {cheap.judge} is scored, so none can stand")
    sure = confidence(evidence.step, evidence.probability, evidence.expected, evidence.scale)
    saved = None
    if config.region is not None:
        saved = load_region(config.region, cheap.judge, evidence.scale, cheap.identity)
    sampling, deciding = np.random.default_rng(config.seed).spawn(2)
    progress("cascade: labels", 1, STEPS)
    labels = get_labels(config, evidence, strong, sampling, progress)
    progress("cascade: region", 2, STEPS)
    routing = Routing(config, evidence, sure, cheap, strong, labels, saved)
    validation = _validate(routing, deciding)
    progress("cascade: strong judge", 3, STEPS)
    table, estimate = _answer(routing, validation, progress)
    result = result_of(routing, validation, table, estimate)
    write(result, routing)
    progress("cascade: done", STEPS, STEPS)
    return result


def _validate(routing: Routing, rng: np.random.Generator) -> Validation:
    """Choose the region on one half of the labels and test it on the other; check a saved one on all."""
    config, evidence, labels, saved = routing.config, routing.evidence, routing.labels, routing.saved
    if labels is None:
        if saved is None:
            raise NotEnoughData("no labels: give --human, or a region of an earlier run with --region")
        return Validation("frozen", saved.region)
    answers = labels.answers(evidence, routing.confidence, config)
    settings, share = config.cascade, routing.strong_share
    if saved is not None:
        return check(answers, saved.region, saved.target, settings, share, rng)
    half = labels.half[labels.rows]
    return validate(answers, half, len(evidence.scale.grades), settings, share, rng)


def _answer(
    routing: Routing, validation: Validation, progress: Progress
) -> tuple[CascadeTable | None, CostEstimate | None]:
    """The cascade's table, after the strong judge was asked about the rest; or what that would take.

    Nothing is asked or written if the region may not be used.
    """
    config, evidence = routing.config, routing.evidence
    if validation.verdict == "not validated":
        return None, None
    inside = routing.inside(validation.region)
    estimate = judge_rest(config, evidence, ~inside, progress)
    if not config.asks_rest:
        return None, estimate
    name = config.name or f"cascade({routing.cheap.judge} > {routing.strong.judge})"
    out = config.out / "judgments.parquet"
    return write_cascade(keys(evidence, inside), routing.cheap, routing.strong, out, name), None


def _not_asked(config: CascadeConfig, missing: Unanswered, progress: Progress) -> CascadeResult:
    """A dry run's result if a judge would have to be asked before anything can be validated."""
    cheap, strong = config.cheap_judge or config.cheap, strong_table(config).judge
    judge = cheap if missing.side == "cheap" else strong
    needs = [Need(judge, "first, to validate", missing.estimate)]
    most = estimate_all(config, progress)
    if most is not None:
        needs.append(Need(strong, f"in all, at most: if no answer of {cheap} stands", most))
    return CascadeResult(
        out=config.out,
        verdict=NOT_ASKED,
        reason=f"a dry run, and the verdict log lacks {missing.estimate.texts:,} answers of {judge} that "
        "validation takes; with --validate-only they are asked for, and the rest is priced",
        cheap=cheap,
        strong=strong,
        against=config.against,
        scale=config.scale,
        region=Region((None,) * len(scale(config.scale).grades)),
        needs=tuple(needs),
    )
