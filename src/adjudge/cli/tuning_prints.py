"""How the results of the commands tune and audit are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudge.cli.prints import band, line, number
from adjudge.cli.terminal import table

if TYPE_CHECKING:
    from adjudge.jobs.audit import Audited
    from adjudge.jobs.real_judge import RealJudged
    from adjudge.jobs.tune.tune import TuneResult


def tuned(done: TuneResult) -> None:
    mix, drift = done.mix, done.checked.drift
    rows = [
        [grade, f"{before:,}", f"{after:,}", f"{target:.3f}", f"{said:.3f}"]
        for grade, before, after, target, said in zip(
            mix.grades, mix.before, mix.after, mix.target, drift.mix, strict=True
        )
    ]
    table("Class mix", ["grade", "labelled", "trained on", "target", "judge says"], rows)
    pairs = zip(done.checked.agreement.items(), done.checked.majority.values(), strict=True)
    table(
        f"On {done.dev_rows:,} dev pairs",
        ["statistic", "judge", "95 % interval", "always the commonest grade"],
        [[name, number(e.value), band(e.low, e.high), number(m.value)] for (name, e), m in pairs],
    )
    for why, count in done.left_out.items():
        line(f"left out: {count:,} pairs, {why}")
    if done.shared_items:
        line(f"note: {done.shared_items:,} items are in both train and dev, as the given splits say")
    word = "DRIFTED" if drift.drifted else "steady"
    line(
        f"{word}: label mix of {done.checked.sample} ({done.checked.sampled:,} pairs, {done.checked.unscored:,} unscored) "
        f"is {number(drift.distance.value)} from the target ({band(drift.distance.low, drift.distance.high)}; limit "
        f"{drift.limit:g}); PSI {drift.psi:.3f}, chi-square p {drift.p:.3g}"
    )
    line(f"judge: --judge {done.judge}")


def audited(done: Audited) -> None:
    line(f"labels: {done.out / 'labels.parquet'} ({done.labels:,} settled)")
    for what, counts in (
        ("left out", done.left_out),
        ("contradicting", done.contradicting),
        ("decided by", done.outcome),
        ("changed", done.changed),
    ):
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        line(f"{what}: {told or 'none'}")
    if done.unscored:
        line(f"the judge gave no verdict on {done.unscored:,} pairs, and their labels stay as they are")
    if done.owed:
        line(
            f"not answered: {done.owed:,} of them; run the same command again to ask for them (where the budget is spent, "
            "with a larger one)"
        )
    if done.unscored > done.owed:
        line(
            f"answered without a grade: {done.unscored - done.owed:,} of them, which are not asked about again unless you "
            "raise --set run.attempts"
        )


def real_judged(done: RealJudged) -> None:
    for split in ("dev", "test"):
        own = [row for row in done.rows if row["split"] == split]
        rows = []
        for judge, segment in dict.fromkeys((row["judge"], row["segment"]) for row in own):
            found = {row["metric"]: row for row in own if (row["judge"], row["segment"]) == (judge, segment)}
            cells = [
                f"{number(row['value'])} {band(row['low'], row['high'])}".strip() for row in found.values()
            ]
            rows.append([judge, segment, f"{next(iter(found.values()))['pairs']:,}", *cells])
        metrics = list(dict.fromkeys(row["metric"] for row in own))
        table(f"{split}: against people", ["judge", "source", "pairs", *metrics], rows)
    for kind, name in done.chosen.items():
        line(f"dev chose, {kind}: {name}")
    line(f"tables: {done.out}")
