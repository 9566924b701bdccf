"""What the commands about judges print of their job's result (see `results`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from adjudge.cli.output import NONE, counts, estimate, interval, lines, number, share, table
from adjudge.cli.progress import rate, span
from adjudge.records import money

if TYPE_CHECKING:
    from adjudge.jobs.agree import AgreeResult
    from adjudge.jobs.audit import Audited
    from adjudge.jobs.cascade.result import CascadeResult, Need
    from adjudge.jobs.export import Export
    from adjudge.jobs.judge import JudgeResult
    from adjudge.jobs.label import LabelsAsked, LabelsTaken
    from adjudge.jobs.panel import PanelWritten
    from adjudge.jobs.probe import ProbesWritten
    from adjudge.jobs.tune.tune import TuneResult


def judge(done: JudgeResult, config: Any) -> None:
    if plan := done.estimate:
        cost = "no price table given" if plan.cost is None else f"cost {money(plan.cost)}"
        lines(f"to ask: {plan.texts:,} texts, {plan.tokens_in:,} tokens in, {plan.tokens_out:,} out; {cost}")
    if batch := done.batch:
        shards = ", ".join(batch.shards) or "none"
        lines(
            f"batch: {batch.answers:,} answers read, {batch.failures:,} failures; "
            f"{batch.requests:,} requests written",
            f"batch: {batch.waiting:,} texts still waited for; shards: {shards}",
        )
    if judged := done.written:
        numbers = f"{judged.pairs:,} pairs, {judged.scored:,} scored, {judged.unscored:,} unscored"
        lines(f"judgments: {config.out} ({numbers})")
        if judged.reasons:
            table("Unscored, by reason", ["reason", "pairs"], counts(judged.reasons.most_common()))
    for kind, message in done.tally.messages.items():
        lines(f"{kind}, the first: {message or 'no message came with it'}")
    lines(_requests(done))
    if done.tally.stopped:
        lines(f"stopped: {done.tally.stopped}; run the same command again to go on")


def _requests(done: JudgeResult) -> str:
    """What this run asked, how fast, and what it cost."""
    tally = done.tally
    if tally.requests:
        speed = f", {rate(tally.requests / tally.seconds)}" if tally.seconds > 0 else ""
        cost = "" if done.spent is None else f"; money {money(done.spent)}"
        texts = f"{tally.requests:,} requests for {tally.done:,} texts"
        return f"asked: {texts} in {span(tally.seconds)}{speed}{cost}"
    if done.written is None or done.batch is not None:
        return ""
    why = "every text was in the verdict log" if done.written.readable else "there is nothing to judge"
    return "asked: nothing" if tally.stopped else f"asked: nothing; {why}"


def panel(done: PanelWritten, config: Any) -> None:
    lines(
        f"judgments: {config.out} ({done.pairs:,} pairs, {done.scored:,} scored)",
        f"mean disagreement: {number(done.disagreement)}, of {done.compared:,} pairs with two votes or more",
    )


def agree(done: AgreeResult, config: Any = None) -> None:
    rows = [[name, *estimate(e), f"{e.pairs:,}"] for name, e in done.values.items()]
    rows += [[f"annotators, {n}", *estimate(e), f"{e.pairs:,}"] for n, e in done.alpha.items()]
    table(f"Judge {done.judge} against people", ["statistic", "value", "95 % interval", "pairs"], rows)
    if done.probes:
        rows = [[p.name, p.statistic, *estimate(p.effect), p.verdict] for p in done.probes]
        table("Probes", ["probe", "statistic", "value", "95 % interval", "verdict"], rows)
    if done.rates:
        rows = [[r.method, *estimate(r), f"{r.labelled:,}", f"{r.judged:,}"] for r in done.rates]
        table("Share of relevant pairs", ["method", "share", "95 % interval", "labelled", "judged"], rows)
    warnings = dict.fromkeys(r.note for r in done.rates if r.value is not None and r.weight and r.note)
    lines(*(f"warning: {warning}" for warning in warnings), *_clicks(done), *questions(done))
    lines(*(f"note: {note}" for note in done.notes))
    lines(f"{done.decision.verdict}: {done.decision.reason}", f"tables: {done.out}")


def questions(done: AgreeResult) -> Iterator[str]:
    """Each question with its answer if the labels give one, else with what would."""
    for need in done.needed:
        if need.more is None or need.value is None:
            yield f"{need.question} {need.note or NONE}"
        elif need.more == 0:
            answer = "yes" if need.value > need.bar else "no"
            yield f"{need.question} decided: {answer} ({number(need.value)})"
        else:
            yield f"{need.question} {need.more:,} more human labels would decide it"


def _clicks(done: AgreeResult) -> Iterator[str]:
    """Concordance, the yes rate on pairs that buyers passed over, and COEC of relevant over irrelevant."""
    if done.clicks is None:
        return
    statistics = {
        "relevant on clicked pairs": done.clicks.concordance,
        "on ignored pairs": done.clicks.ignored,
    }
    if (ratio := "relevant / irrelevant") in done.clicks.coec:
        statistics[f"COEC {ratio}"] = done.clicks.coec[ratio]
    texts = [
        f"{name} {number(e.value)}" + ("" if e.low is None else f" ({interval(e.low, e.high)})")
        for name, e in statistics.items()
    ]
    yield f"against clicks: {', '.join(texts)}"


def probe(done: ProbesWritten, config: Any) -> None:
    lines(f"{done.pairs:,} pairs in {done.out}; judge them with:", *(f"  {run.command}" for run in done.runs))
    lines(*(f"note: {note}" for note in done.notes))


def label_export(done: LabelsAsked, config: Any) -> None:
    files = ", ".join(path.name for path in done.files)
    lines(
        f"{done.tasks:,} tasks ({done.pictures:,} with a picture) in {done.out}: {files}",
        done.blank and f"left out: {done.blank:,} pairs without a keyphrase or a title",
    )


def label_import(done: LabelsTaken, config: Any) -> None:
    untouched = "" if done.minimal else f", {done.untouched:,} tasks untouched"
    annotations = f"{done.kept:,} of {done.annotations:,}; {done.skipped:,} skipped{untouched}"
    pairs = f"{done.pairs:,} pairs, {done.complete:,} complete, {done.unanimous:,} unanimous"
    lines(f"annotations: {done.out} ({annotations})", f"{pairs}; alpha {number(done.alpha)}")
    if done.minimal:
        lines("note: JSON-MIN leaves skipped and untouched tasks out; export JSON to have them counted")
    lines(*(f"quarantined: {count:,} {reason} ({done.quarantine})" for reason, count in done.reasons.items()))


def cascade(done: CascadeResult, config: Any) -> None:
    if done.needs:
        lines(*map(_to_ask, done.needs), f"{done.verdict}: {done.reason}")
        return
    against = "labels" if done.against == "people" else "strong judge"
    rows = [
        [f"{p.kind}, chosen" if p.chosen else p.kind, share(p.strong_share), *estimate(p.agreement)]
        for p in done.points
        if p.against == against and (p.chosen or p.kind != "random")
    ]
    if rows:
        heads = ["answers from", f"asked of {done.strong}", "agreement", "95 % interval"]
        table(f"What calls buy: agreement with {done.against}", heads, rows)
    paid, saved = done.money, done.money.saved
    if saved is not None and paid.cascade is not None and paid.all_strong is not None:
        less = f"saved {money(saved)}" if saved >= 0 else f"{money(-saved)} more than that"
        whole = f"{money(paid.all_strong)} for {done.strong} on every pair"
        lines(f"money: {money(paid.cascade)} against {whole}; {less}")
    more = done.more_labels
    lines(
        *(f"{name}: {count:,}" for name, count in done.counts.items()),
        *(f"note: {note}" for note in done.notes),
        f"{done.cheap}'s answer stands: {done.words}",
        more and f"about {more:,} more labels would show it, if agreement stays what it is now",
        f"{done.verdict}: {done.reason}",
        done.rest and _to_ask(done.rest),
    )
    if judged := done.written:
        by = f"{judged.by_cheap:,} by {done.cheap}, {judged.by_strong:,} by {done.strong}"
        numbers = f"{judged.pairs:,} pairs: {by}, {judged.unscored:,} unscored"
        lines(f"judgments: {done.out / 'judgments.parquet'} ({numbers})")
        lines(*(f"unscored: {count:,} {reason}" for reason, count in judged.reasons.items()))
    lines(f"curve and region: {done.out}")


def _to_ask(need: Need) -> str:
    plan = need.estimate
    cost = NONE if plan.cost is None else money(plan.cost)
    tokens = f"{plan.tokens_in:,} tokens in, {plan.tokens_out:,} out"
    return f"to ask of {need.judge}, {need.what}: {plan.texts:,} texts, {tokens}; cost {cost}"


def export(done: Export, config: Any) -> None:
    file = done.written
    lines(
        f"{done.format}: {done.out} ({file.rows:,} rows, {file.queries:,} queries)",
        f"grades: {', '.join(f'{grade} = {number}' for grade, number in done.grades.items())}",
        file.unscored and f"left out: {file.unscored:,} unscored pairs",
        file.escaped
        and f"escaped: {file.escaped:,} item ids (blanks as %20; urllib.parse.unquote undoes it)",
        done.format == "qrels" and f"topics: {done.out}.topics.tsv",
    )


def tune(done: TuneResult, config: Any) -> None:
    mix, checked, drift = done.mix, done.checked, done.checked.drift
    columns = zip(mix.grades, mix.before, mix.after, mix.target, drift.mix, strict=True)
    rows = [
        [grade, f"{a:,}", f"{b:,}", f"{target:.3f}", f"{says:.3f}"] for grade, a, b, target, says in columns
    ]
    table("Class mix", ["grade", "labelled", "trained on", "target", "judge says"], rows)
    both = zip(checked.agreement.items(), checked.majority.values(), strict=True)
    heads = ["statistic", "judge", "95 % interval", "always the commonest grade"]
    rows = [[name, *estimate(e), number(majority.value)] for (name, e), majority in both]
    table(f"On {done.dev_rows:,} dev pairs", heads, rows)
    lines(*(f"left out: {count:,} pairs, {why}" for why, count in done.left_out.items()))
    shared = done.shared_items
    away, word = drift.distance, "DRIFTED" if drift.drifted else "steady"
    sample = f"{checked.sample} ({checked.sampled:,} pairs, {checked.unscored:,} unscored)"
    lines(
        shared and f"note: {shared:,} items are in both train and dev, as the given splits say",
        f"{word}: label mix of {sample} is {number(away.value)} from the target "
        f"({interval(away.low, away.high)}; limit {drift.limit:g}); PSI {drift.psi:.3f}, "
        f"chi-square p {drift.p:.3g}",
        f"judge: --judge {done.judge}",
    )


def audit(done: Audited, config: Any) -> None:
    lines(f"labels: {done.out / 'labels.parquet'} ({done.labels:,} settled)")
    for title, numbers in (
        ("left out", done.left_out),
        ("contradicting", done.contradicting),
        ("decided by", done.outcome),
        ("changed", done.changed),
    ):
        lines(f"{title}: {', '.join(f'{name} {count:,}' for name, count in numbers.items()) or 'none'}")
    unscored, owed = done.unscored, done.owed
    lines(
        unscored and f"the judge gave no verdict on {unscored:,} pairs, and their labels stay as they are",
        owed
        and f"not answered: {owed:,} of them; run the same command again to ask for them "
        "(if the budget is spent, with a larger one)",
        unscored > owed
        and f"answered without a grade: {unscored - owed:,} of them, which are not asked about again "
        "unless you raise --set run.attempts",
    )
