"""How the results of the cascade and of exports are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudge.cli.prints import NONE, band, line, number, share
from adjudge.cli.terminal import table
from adjudge.records import money

if TYPE_CHECKING:
    from adjudge.jobs.cascade.cascade import Cascaded, Need
    from adjudge.jobs.export import Exported


def cascaded(done: Cascaded) -> None:
    if done.needs:
        for need in done.needs:
            _to_ask(need)
        line(f"{done.verdict}: {done.reason}")
        return
    _curve(done)
    told, more = done.money, done.money.saved
    if more is not None and told.cascade is not None and told.all_strong is not None:
        saved = f"saved {money(more)}" if more >= 0 else f"{money(-more)} more than that"
        line(
            f"money: {money(told.cascade)} against {money(told.all_strong)} for {done.strong} on every pair; {saved}"
        )
    for what, count in done.counts.items():
        line(f"{what}: {count:,}")
    for note in done.notes:
        line(f"note: {note}")
    line(f"{done.cheap}'s answer stands: {done.words}")
    if done.more_labels:
        line(f"about {done.more_labels:,} more labels would show it, if agreement stays what it is now")
    line(f"{done.verdict}: {done.reason}")
    _written(done)


def _curve(done: Cascaded) -> None:
    wanted = "labels" if done.against == "people" else "strong judge"
    rows = [
        [
            f"{point.kind}, chosen" if point.chosen else point.kind,
            share(point.strong_share),
            number(point.agreement.value),
            band(point.agreement.low, point.agreement.high),
        ]
        for point in done.points
        if point.against == wanted and (point.chosen or point.kind != "random")
    ]
    if rows:
        heads = ["answers from", f"asked of {done.strong}", "agreement", "95 % interval"]
        table(f"What calls buy: agreement with {done.against}", heads, rows)


def _written(done: Cascaded) -> None:
    if done.rest is not None:
        _to_ask(done.rest)
    if done.written is not None:
        held = done.written
        line(
            f"judgments: {done.out / 'judgments.parquet'} ({held.pairs:,} pairs: {held.by_cheap:,} by {done.cheap}, "
            f"{held.by_strong:,} by {done.strong}, {held.unscored:,} unscored)"
        )
        for reason, count in held.reasons.items():
            line(f"unscored: {count:,} {reason}")
    line(f"curve and region: {done.out}")


def _to_ask(need: Need) -> None:
    told = need.estimate
    cost = NONE if told.cost is None else money(told.cost)
    tokens = f"{told.tokens_in:,} tokens in, {told.tokens_out:,} out"
    line(f"to ask of {need.judge}, {need.what}: {told.texts:,} texts, {tokens}; cost {cost}")


def exported(done: Exported) -> None:
    held = done.written
    line(f"{done.format}: {done.out} ({held.rows:,} rows, {held.queries:,} queries)")
    line(f"grades: {', '.join(f'{grade} = {number}' for grade, number in done.grades.items())}")
    if held.unscored:
        line(f"left out: {held.unscored:,} unscored pairs")
    if held.escaped:
        line(f"escaped: {held.escaped:,} item ids (blanks as %20; urllib.parse.unquote undoes it)")
    if done.format == "qrels":
        line(f"topics: {done.out}.topics.tsv")
