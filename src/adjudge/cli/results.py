"""What each command prints of its job's result: one function per command, with the command's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjudge.cli.output import NONE, counts, lines, number, plain, share, table

if TYPE_CHECKING:
    from adjudge.jobs.compare import RecipeComparison
    from adjudge.jobs.diff import Diff
    from adjudge.jobs.distil import Distilled
    from adjudge.jobs.evaluate import Evaluation
    from adjudge.jobs.import_ import Imported
    from adjudge.jobs.merge import MergeResult, PublishResult, ServedVersion
    from adjudge.jobs.pairs import PairsWritten
    from adjudge.jobs.quantise import PrecisionResult
    from adjudge.jobs.recipe import RecipeReport
    from adjudge.jobs.recommend import RecommendResult
    from adjudge.jobs.report import ReportFile
    from adjudge.jobs.retrieve import GraphSummary, Retrieved
    from adjudge.jobs.score import ScoreResult
    from adjudge.jobs.simulate import SimulateReport
    from adjudge.jobs.states import States
    from adjudge.jobs.train import TrainedModel


def imported(done: Imported, config: object) -> None:
    from adjudge.jobs.import_ import summary

    table("Imported", ["what", "rows", "kept", "quarantined"], summary(done))
    lines(f"logs folder: {done.logs}")


import_table = import_esci = import_wands = import_ubi = imported


def simulate(done: SimulateReport, config: Any) -> None:
    table("Simulated logs", ["table", "rows"], counts(done.rows))
    if facts := done.facts:
        lines(
            f"relevant {share(facts.relevant)}, passed by Search {share(facts.search_passed)}, "
            f"word overlap's AUC on the truth {number(facts.jaccard_auc)}"
        )
        rows = [[j.judge, number(j.kappa), share(j.clicked_yes), number(j.auc)] for j in facts.judges]
        heads = ["judge", "kappa with people", "yes on clicked pairs", "AUC on the truth"]
        table("Simulated judges", heads, rows)
    lines(f"logs folder: {done.out}")


def recipe(done: RecipeReport, config: Any) -> None:
    rows = [[c.source, c.split, str(c.label), f"{c.rows:,}"] for c in done.counts]
    table(f"Training set of {done.recipe}", ["source", "split", "label", "rows"], rows)
    lost = [[d.source, d.reason, f"{d.pairs:,}"] for d in done.dropped]
    table("Pairs that did not become rows", ["source", "reason", "pairs"], lost)
    training, conflicts = config.out / "training.parquet", config.out / "conflicts.parquet"
    lines(f"training set: {training} ({done.rows:,} rows); conflicts: {conflicts}")


def pairs(done: PairsWritten, config: Any) -> None:
    lost = done.without_item
    lines(
        f"pairs to score: {done.out} ({done.rows:,} rows)",
        lost and f"{lost:,} pairs name an item that items.parquet does not hold: they have no title",
    )


def train(done: TrainedModel, config: Any = None) -> None:
    rows = [["train rows" if name == "rows" else name, plain(value)] for name, value in done.metrics.items()]
    table(f"{done.kind} {done.recipe}".strip(), ["training", "value"], rows)
    seconds = f", {done.seconds:.0f} s" if done.seconds is not None else ""
    lines(f"artifact: {done.artifact} (model {done.model_version}{seconds})")
    lines(*(f"warning: {warning}" for warning in done.warnings))


def distil(done: Distilled, config: Any) -> None:
    train(done.trained)
    left = f"; {done.ungraded:,} without a grade left out" if done.ungraded else ""
    lines(f"lesson: {done.lesson} ({done.unlabelled:,} unlabelled, {done.labelled:,} labelled rows{left})")


def score(done: ScoreResult, config: Any) -> None:
    lines(f"scores: {done.out} ({done.rows:,} rows, {done.kept:,} kept, model {done.model_version})")
    finds = "adjudge evaluate finds one, adjudge compare sets it."
    if done.threshold is None:
        lines(f"The model has no threshold yet, so `kept` is empty: {finds}")
    elif not done.threshold_set:
        lines(f"threshold {done.threshold:g}: nobody set it, it is the default: {finds}")
    if done.unscored:
        why = ", ".join(f"{reason}: {count:,}" for reason, count in done.reasons.items())
        lines(f"{done.unscored:,} rows have no score ({why}); each with its reason in {done.unscored_path}")


def states(done: States, config: Any) -> None:
    about = done.about
    size = about.bytes / max(1, about.texts) / 1000
    texts = f"{about.texts:,} {about.side}, {size:.2f} GB per million"
    lines(f"states: {done.out} ({texts}, model {about.model_version})")


def quantise(done: list[PrecisionResult], config: Any) -> None:
    heads = ["precision", "verdict", "AUC fp32", "AUC", "decisions changed", "mean error", "largest error"]
    rows = []
    for tried in done:
        if tried.verdict is None:
            rows.append([tried.precision, f"not tried: {tried.skipped}", *[NONE] * 5])
            continue
        parity, refused = tried.verdict.parity, tried.verdict.refused
        verdict = f"refused: {'; '.join(refused)}" if refused else "allowed"
        rates = [f"{parity.auc_fp32:.4f}", f"{parity.auc:.4f}", f"{parity.decisions_changed:.2%}"]
        errors = [f"{parity.mean_error:.1e}", f"{parity.max_error:.1e}"]
        rows.append([tried.precision, verdict, *rates, *errors])
    table("Parity on held-out pairs", heads, rows)


def evaluate(done: Evaluation, config: Any) -> None:
    rows = []
    for model in done.table:
        cells = []
        for name in ("keyphrases_kept", "sales_kept", "search_pass_rate"):
            change, limits = model.changes.get(name), model.intervals.get(name)
            around = f" ({share(limits[0], True)} to {share(limits[1], True)})" if limits else ""
            cells.append(share(model.values.get(name)) if change is None else share(change, True) + around)
        rows.append([model.model, *cells, number(model.values.get("auc"))])
    title = f"At equal click retention, {done.pairs:,} pairs (change against production, 95 % interval)"
    table(title, ["model", "keyphrases", "sales", "search pass rate", "AUC"], rows)
    lines(*(f"note: {note}" for note in done.notes))


def compare(done: RecipeComparison, config: Any) -> None:
    evaluate(done.evaluated, config)
    lines(f"artifacts: {done.out / 'artifacts'}", f"scorecard: {done.out / 'scorecard.parquet'}")
    lines(f"report: {done.report}")


demo = compare


def report(done: ReportFile, config: Any) -> None:
    lines(f"report: {done.path} ({done.bytes / 1e6:.1f} MB)")


def retrieve_build(done: GraphSummary, config: Any) -> None:
    numbers = f"{done.keyphrases:,} keyphrases in {done.categories:,} categories, {done.words:,} words"
    lines(f"graph: {done.out} ({done.version})", f"{numbers}, {done.edges:,} edges")
    lines(*(f"left out: {count:,} rows: {reason}" for reason, count in done.left_out.items()))


def retrieve(done: Retrieved, config: Any) -> None:
    lines(f"pairs: {done.out} ({done.pairs:,} pairs of {done.items:,} items; graph {done.graph})")
    for reason, count in done.without.items():
        lines(f"without a keyphrase: {count:,} items: {reason} ({done.without_path})")


def diff(done: Diff, config: Any) -> None:
    kinds = {"new": done.new, "revised": done.revised, "unchanged": done.unchanged, "gone": done.lost}
    table("Pairs of the later day", ["what", "pairs"], counts(kinds))
    lost = done.without_key
    lines(
        lost and f"{lost:,} rows of the later day have no item_id or no keyphrase, and cannot be served",
        f"to score: {done.out / 'pairs.parquet'} ({done.new + done.revised:,} pairs)",
        f"to delete: {done.out / 'deleted.parquet'} ({done.deletions:,} lines)",
    )


def merge(done: MergeResult, config: Any) -> None:
    version, lost = done.version, done.without_key
    if done.again:
        lines(f"run {done.run_id} was merged before: no change")
    else:
        changes = f"{done.rows:,} rows and {done.deletions:,} deletions into {done.before:,} rows"
        written = (
            f"{done.touched:,} of {version.buckets:,} buckets written ({done.bytes_written / 1e6:.1f} MB)"
        )
        linked = f"the others linked ({done.bytes_linked / 1e6:.1f} MB)"
        lines(f"run {done.run_id}: {changes}", f"{written}, {linked}")
    lines(
        done.doubles and f"{done.doubles:,} rows name a pair twice: its highest score stays",
        lost and f"{lost:,} rows have no item_id or no keyphrase, and cannot be served",
        f"version {version.number}: {version.rows:,} rows, model {version.model_version}",
        "served" if done.published else f"not served yet: adjudge publish --table {config.table}",
    )


def publish(done: PublishResult, config: Any) -> None:
    version = done.version
    about = f"{version.rows:,} rows, model {version.model_version} (before: {done.before or 'none'})"
    lines(
        f"serving version {version.number}: {about}",
        f"folder: {done.folder}",
        done.removed and f"removed: version {', '.join(map(str, done.removed))}",
    )


def served(done: ServedVersion, config: Any) -> None:
    lines(str(done.folder))


def recommend(done: RecommendResult, config: Any) -> None:
    table(f"{done.rows:,} scored pairs, taken out by", ["rule", "pairs"], counts(done.removed))
    lost = done.without_adgroup
    lines(
        f"recommendations: {done.out} ({done.out_rows:,} keyphrases of {done.items:,} items)",
        lost and f"{lost:,} items have no adgroup_id: each was treated as one of its own",
    )
