"""How the results of the judging commands are shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adjudge.cli.live import rate, span
from adjudge.cli.prints import NONE, band, line, number
from adjudge.cli.terminal import table
from adjudge.records import money

if TYPE_CHECKING:
    from adjudge.jobs.agree import Agreed
    from adjudge.jobs.judge import JudgeResult
    from adjudge.jobs.label import LabelsAsked, LabelsTaken
    from adjudge.jobs.panel import PanelWritten
    from adjudge.jobs.probe import ProbesWritten


def judged(done: JudgeResult, out: Path) -> None:
    if done.estimate:
        told = done.estimate
        cost = "no price table given" if told.cost is None else f"cost {money(told.cost)}"
        line(f"to ask: {told.texts:,} texts, {told.tokens_in:,} tokens in, {told.tokens_out:,} out; {cost}")
    if done.batch:
        step = done.batch
        line(
            f"batch: {step.answers:,} answers read, {step.failures:,} failures; {step.requests:,} requests written"
        )
        line(f"batch: {step.waiting:,} texts still waited for; shards: {', '.join(step.shards) or 'none'}")
    if done.written:
        held = done.written
        line(f"judgments: {out} ({held.pairs:,} pairs, {held.scored:,} scored, {held.unscored:,} unscored)")
        rows = [[reason, f"{count:,}"] for reason, count in held.reasons.most_common()]
        if rows:
            table("Unscored, by reason", ["reason", "pairs"], rows)
    for kind, message in done.tally.said.items():
        line(f"{kind}, the first: {message or 'no message came with it'}")
    _asked(done)
    if done.tally.stopped:
        line(f"stopped: {done.tally.stopped}; run the same command again to go on")


def _asked(done: JudgeResult) -> None:
    """What this run asked, how fast, and what it cost; nothing where it asked nobody."""
    tally = done.tally
    if tally.requests:
        speed = f", {rate(tally.requests / tally.seconds)}" if tally.seconds > 0 else ""
        spent = "" if done.spent is None else f"; money {money(done.spent)}"
        told = f"{tally.requests:,} requests for {tally.done:,} texts in {span(tally.seconds)}{speed}{spent}"
        line(f"asked: {told}")
    elif done.written is not None and done.batch is None:
        why = "every text was in the verdict log" if done.written.readable else "there is nothing to judge"
        line("asked: nothing" if tally.stopped else f"asked: nothing; {why}")


def panelled(done: PanelWritten, out: Path) -> None:
    line(f"judgments: {out} ({done.pairs:,} pairs, {done.scored:,} scored)")
    line(f"mean disagreement: {number(done.disagreement)}, of {done.compared:,} pairs with two votes or more")


def agreed(done: Agreed) -> None:
    rows = [[name, number(e.value), band(e.low, e.high), f"{e.pairs:,}"] for name, e in done.values.items()]
    rows += [
        [f"annotators, {n}", number(e.value), band(e.low, e.high), f"{e.pairs:,}"]
        for n, e in done.alpha.items()
    ]
    table(f"Judge {done.judge} against people", ["statistic", "value", "95 % interval", "pairs"], rows)
    seen = [
        [p.name, p.statistic, number(p.found.value), band(p.found.low, p.found.high), p.verdict]
        for p in done.probes
    ]
    if seen:
        table("Probes", ["probe", "statistic", "value", "95 % interval", "verdict"], seen)
    rates = [
        [r.method, number(r.value), band(r.low, r.high), f"{r.labelled:,}", f"{r.judged:,}"]
        for r in done.rates
    ]
    if rates:
        table("Share of relevant pairs", ["method", "share", "95 % interval", "labelled", "judged"], rates)
    for warning in dict.fromkeys(r.note for r in done.rates if r.value is not None and r.weight and r.note):
        line(f"warning: {warning}")
    for told in (*_clicked(done), *_needed(done)):
        line(told)
    for note in done.notes:
        line(f"note: {note}")
    line(f"{done.decision.verdict}: {done.decision.reason}")
    line(f"tables: {done.out}")


def _needed(done: Agreed) -> Iterator[str]:
    """Each question with its answer where the labels give one, else with what would."""
    for need in done.needed:
        if need.more is None or need.value is None:
            yield f"{need.question} {need.note or NONE}"
        elif need.more == 0:
            answer = "yes" if need.value > need.bar else "no"
            yield f"{need.question} decided: {answer} ({number(need.value)})"
        else:
            yield f"{need.question} {need.more:,} more human labels would decide it"


def _clicked(done: Agreed) -> Iterator[str]:
    """Concordance beside the yes rate on pairs that buyers passed over, and COEC of relevant over irrelevant."""
    if done.clicks is None:
        return
    ratio = "relevant / irrelevant"
    said = {"relevant on clicked pairs": done.clicks.concordance, "on ignored pairs": done.clicks.ignored}
    if ratio in done.clicks.coec:
        said[f"COEC {ratio}"] = done.clicks.coec[ratio]
    told = [
        f"{what} {number(e.value)}" + ("" if e.low is None else f" ({band(e.low, e.high)})")
        for what, e in said.items()
    ]
    yield f"against clicks: {', '.join(told)}"


def probed(done: ProbesWritten) -> None:
    line(f"{done.pairs:,} pairs in {done.out}; judge them with:")
    for run in done.runs:
        line(f"  {run.command}")
    for note in done.notes:
        line(f"note: {note}")


def labels_asked(done: LabelsAsked) -> None:
    line(
        f"{done.tasks:,} tasks ({done.pictures:,} with a picture) in {done.out}: {', '.join(p.name for p in done.files)}"
    )
    if done.blank:
        line(f"left out: {done.blank:,} pairs without a keyphrase or a title")


def labels_taken(done: LabelsTaken) -> None:
    untouched = "" if done.minimal else f", {done.untouched:,} tasks untouched"
    line(
        f"annotations: {done.out} ({done.kept:,} of {done.annotations:,}; {done.skipped:,} skipped{untouched})"
    )
    line(
        f"{done.pairs:,} pairs, {done.complete:,} complete, {done.unanimous:,} unanimous; alpha {number(done.alpha)}"
    )
    if done.minimal:
        line("note: JSON-MIN leaves skipped and untouched tasks out; export JSON to have them counted")
    for reason, count in done.reasons.items():
        line(f"quarantined: {count:,} {reason} ({done.quarantine})")
