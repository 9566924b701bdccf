"""Quality against labels: AUC, log loss and calibration error, per segment and bootstrap replicate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from adjudge.scorecard.card import MetricValues, ratio
from adjudge.scorecard.segment_sums import SegmentSums
from adjudge.scorecard.segments import Segmentation
from adjudge.stats.auc import placements
from adjudge.stats.calibration import are_probabilities, bin_of, log_losses

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def quality_metrics(
    segment_sums: list[SegmentSums], scores: Floats, labelled: Bools, relevant: Bools, bins: int
) -> list[MetricValues]:
    """AUC, log loss and calibration error over scored pairs with a label.

    segment_sums: of each segmentation, that of all pairs first. labelled, relevant: bool [n].
    Log loss and calibration error (of all pairs only) need scores in 0..1.
    """
    used = labelled & ~np.isnan(scores)
    yes = relevant & used
    rows = np.flatnonzero(used)
    order = np.argsort(scores[rows], kind="stable")
    metrics = []
    probable = are_probabilities(scores[rows])
    loss = np.zeros(len(scores))
    if probable:
        loss[rows] = log_losses(scores[rows], yes[rows])
    for sums in segment_sums:
        metrics.append(_values("auc", sums, _auc(sums, scores, rows, yes, order), used))
        if probable:
            lost, number = sums.every([loss, used])
            metrics.append(_values("log_loss", sums, ratio(lost, number), used))
    if probable:
        everything = segment_sums[0]
        bin_codes = np.zeros(len(scores), np.int32)
        bin_codes[rows] = bin_of(scores[rows], bins)
        by_bin = Segmentation("bin", tuple(str(b) for b in range(bins)), bin_codes)
        per_bin = SegmentSums(by_bin, everything.cluster, everything.by_cluster)
        score, positive, number = per_bin.every([np.where(used, scores, 0.0), yes, used])
        error = ratio(np.abs(score - positive).sum(axis=0), number.sum(axis=0))
        metrics.append(_values("ece", everything, error[None, :], used))
    return metrics


def _auc(sums: SegmentSums, scores: Floats, rows: NDArray[np.int64], yes: Bools, order: NDArray) -> Floats:
    """[segments, B]: the AUC as observed; a replicate resamples its DeLong components.

    That equals resampling pairs up to terms of order 1 / clusters (design/0006): the mean placement over
    relevant pairs, plus that over irrelevant ones, less the AUC.
    """
    codes = sums.segmentation.codes
    placed, no = np.zeros(len(scores)), np.zeros(len(scores), bool)
    placed[rows] = placements(scores[rows], yes[rows], codes[rows], sums.segments, order)
    no[rows] = ~yes[rows]
    of_yes, yeses, of_no, noes = sums.every([np.where(yes, placed, 0.0), yes, np.where(no, placed, 0.0), no])
    observed = ratio(of_yes[:, :1], yeses[:, :1])
    value = ratio(of_yes, yeses) + ratio(of_no, noes) - observed
    value[:, :1] = np.where(noes[:, :1] > 0, observed, np.nan)
    return np.clip(value, 0, 1)


def _values(name: str, sums: SegmentSums, values: Floats, used: Bools) -> MetricValues:
    by = sums.segmentation
    return MetricValues(name, by.by, by.names, values, sums.support(used), sums.clusters(used))
