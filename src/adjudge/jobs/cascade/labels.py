"""The labels of the job `cascade`: people's, or the strong judge's own answers on a random sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from adjudge.cascade.judgments import JudgeTable
from adjudge.cascade.region import LabelledAnswers
from adjudge.cascade.validation import halves, least_labels
from adjudge.errors import NotEnoughData
from adjudge.jobs.cascade.config import CascadeConfig, is_table
from adjudge.jobs.cascade.judges import StrongAnswers, strong_answers
from adjudge.records import Progress
from adjudge.stats.cluster_bootstrap import Bools, Floats, Ints
from adjudge.trust import compare
from adjudge.trust.reading import Evidence
from adjudge.trust.settings import TrustSettings


@dataclass(frozen=True)
class CascadeLabels:
    """Which of the cheap judge's pairs have a label (`rows`: [n]), and which step it is (`label`: [n]).

    half: [n], labels that choose the region; the others validate it. strong: the strong judge's answers, of
    which those on labelled pairs draw the curve.
    """

    rows: Bools
    label: Ints
    half: Bools
    strong: StrongAnswers

    def answers(self, evidence: Evidence, confidence: Floats, config: CascadeConfig) -> LabelledAnswers:
        """Who agrees with whom on the labelled pairs; all are compared as relevant or not if people's scale
        is another."""
        cheap, strong = evidence.step, self.strong.step
        if config.human is not None and config.scale != config.human_scale:
            cut = evidence.scale.relevant_from
            cheap, strong = (cheap >= cut).astype(np.int64), (strong >= cut).astype(np.int64)
        return LabelledAnswers(
            item=evidence.item,
            step=evidence.step,
            confidence=confidence,
            right=cheap == self.label,
            strong_right=strong == self.label,
            same=cheap == strong,
            asked=self.strong.both,
        ).at(self.rows)


def get_labels(
    config: CascadeConfig,
    evidence: Evidence,
    strong: JudgeTable,
    rng: np.random.Generator,
    progress: Progress,
) -> CascadeLabels | None:
    """People's labels, else the strong judge's; None if a saved region is used without people.

    A strong judge without a table is asked about at most `sample` pairs: those that are the labels or, with
    people, labelled ones of the half that validates, which draw the curve. Raises NotEnoughData if the labels
    are too few for any region to be validated.
    """
    ask = partial(strong_answers, config, strong, evidence, progress=progress)
    most = config.cascade.sample
    if config.human is not None:
        rules = TrustSettings(rule=config.cascade.rule, min_annotators=config.cascade.min_annotators)
        pairs = compare.compared(evidence, rules)
        rows, half = pairs.both, np.zeros(len(evidence), bool)
        if config.region is None:
            _require_enough(config, evidence, rows)
            half = _first_half(evidence, rows, rng)
        wanted = rows if is_table(config.strong) else _sample(rows & ~half, most, rng)
        return CascadeLabels(rows, pairs.human, half, ask(wanted))
    if config.region is not None:
        return None
    if is_table(config.strong):
        answers = ask(evidence.scored)
        sample = _sample(answers.both, most, rng)
    else:
        sample = _sample(evidence.scored, most, rng)
        _require_enough(config, evidence, sample)
        answers = ask(sample)
    rows = sample & answers.both
    _require_enough(config, evidence, rows)
    return CascadeLabels(rows, answers.step, _first_half(evidence, rows, rng), answers)


def _first_half(evidence: Evidence, rows: Bools, rng: np.random.Generator) -> Bools:
    half = np.zeros(len(rows), bool)
    half[rows] = halves(evidence.item[rows], rng)
    return half


def _sample(rows: Bools, size: int, rng: np.random.Generator) -> Bools:
    places = np.flatnonzero(rows)
    sample = np.zeros(len(rows), bool)
    sample[places if len(places) <= size else rng.choice(places, size, replace=False)] = True
    return sample


def _require_enough(config: CascadeConfig, evidence: Evidence, rows: Bools) -> None:
    """Refuse what cannot succeed even if every label agrees."""
    settings, labels = config.cascade, int(rows.sum())
    least = 2 * least_labels(settings)
    items = len(np.unique(evidence.item[rows]))
    pairs = f"{labels:,} pairs have a label ({config.against}) and a verdict of {evidence.judge}"
    more = "(adjudge label export --sample N; without people: cascade.sample), or lower --target"
    if labels < least:
        raise NotEnoughData(
            f"{pairs}. To show {settings.target:g} at {settings.level:.0%} on one half after choosing on the "
            f"other takes {least:,} even without a single mistake: at least {least - labels:,} more labels. "
            f"Label more pairs {more}"
        )
    if items < least:
        raise NotEnoughData(
            f"{pairs}, of only {items:,} items. Pairs of one item are no independent proofs: "
            f"{settings.target:g} at {settings.level:.0%} on one half after choosing on the other takes "
            f"{least:,} items. Label pairs of more items {more}"
        )
