"""Cost estimate of a dry run: the texts to be asked, their tokens, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adjudge.judge.accounting import PendingText
from adjudge.judge.log import VerdictLog
from adjudge.judge.prices import TEMPLATE_TOKENS, Budget
from adjudge.llm.contract import Decoding

BYTES_PER_TOKEN = 4.0
"""English text under today's tokenizers, about; used until the log holds answers to learn from."""
SAMPLE = 1_000


@dataclass(frozen=True)
class CostEstimate:
    """texts: to be asked, each once; tokens in and out; cost in the price table's currency (None without
    one); measured: whether the rates come from this judge's own answers in the log. again: texts among them
    that were asked
    before, without a verdict (the request failed, or another answer is due)."""

    texts: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    measured: bool
    again: int = 0


def estimate(
    chunks: Iterable[Sequence[PendingText]], log: VerdictLog, budget: Budget, decoding: Decoding
) -> CostEstimate:
    """Count what is missing and what it would take; nothing is asked.

    Without answers to learn from: a token for 4 bytes, 64 for the chat template, and the longest answer
    allowed.
    """
    texts = size = again = 0
    for chunk in chunks:
        texts += len(chunk)
        size += sum(ask.size for ask in chunk)
        again += sum(ask.before is not None for ask in chunk)
    means = _mean_tokens(log)
    if means is None:
        tokens_in, tokens_out = (
            int(size / BYTES_PER_TOKEN) + TEMPLATE_TOKENS * texts,
            decoding.max_tokens * texts,
        )
    else:
        tokens_in, tokens_out = int(means[0] * texts), int(means[1] * texts)
    cost = budget.price.cost(tokens_in, tokens_out) if budget.price else None
    return CostEstimate(texts, tokens_in, tokens_out, cost, means is not None, again)


def _mean_tokens(log: VerdictLog) -> tuple[float, float] | None:
    """Mean tokens in and out over the first answers in the log."""
    known = []
    for _, _, answer in log.answers():
        if answer.tokens_in is not None and answer.tokens_out is not None:
            known.append((answer.tokens_in, answer.tokens_out))
        if len(known) == SAMPLE:
            break
    if not known:
        return None
    return sum(n for n, _ in known) / len(known), sum(n for _, n in known) / len(known)
