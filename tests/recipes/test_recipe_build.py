"""Each rule of a recipe on tables small enough to work by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adjudge import tables
from adjudge.errors import BadConfig, BadRecipe, BadTable, NotEnoughData
from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse
from adjudge.recipes.tally import REASONS, RecipeReport

ALL_TRAIN = (1.0, 0.0, 0.0)
Row = dict[str, object]


def settings(**given: object) -> RecipeSettings:
    return RecipeSettings(**{"shares": ALL_TRAIN, "threads": 1, "memory_limit": "500MB", **given})  # type: ignore[arg-type]


def made(logs: Path, out: Path, recipe: str, **given: object) -> tuple[RecipeReport, dict[str, Row]]:
    """The report, and the training rows by item id (the hand cases use one keyphrase an item)."""
    report = build(parse(recipe), logs, settings(**given), out)
    rows = pq.read_table(out / "training.parquet").to_pylist()
    assert report.rows == len(rows)
    conserved(report)
    return report, {str(row["item_id"]): row for row in rows}


def conserved(report: RecipeReport) -> None:
    """Every pair a source spoke about is a row or has a reason."""
    for seen in report.seen:
        gone = sum(d.pairs for d in report.dropped if d.source == seen.source)
        assert seen.pairs == report.rows_of(source=seen.source) + gone


def drops(report: RecipeReport) -> dict[tuple[str, str], int]:
    return {(d.source, d.reason): d.pairs for d in report.dropped}


def pair(item: str, **more: object) -> Row:
    return {"item_id": item, "keyphrase": "kp", **more}


def click(item: str, impressions: int, clicks: int, position: int | None = None) -> Row:
    return pair(item, position=position, impressions=impressions, clicks=clicks)


def grade(item: str, *grades: str) -> list[Row]:
    return [pair(item, annotator=f"a{n}", grade=one) for n, one in enumerate(grades)]


def judged(item: str, said: str | None, probability: float | None = None, judge: str = "llm") -> Row:
    status = "unscored" if said is None else "scored"
    return pair(item, judge=judge, grade=said, probability=probability, status=status)


def search(item: str, passed: bool) -> Row:
    return pair(item, passed=passed)


def test_click_floors_are_on_the_sum_over_positions(write, out) -> None:
    clicks = [
        click("on-every-floor", 30, 3),  # CTR 3/30 = .1
        click("few-impressions", 29, 29),
        click("low-ctr", 31, 3),  # 3/31 = .097
        click("no-click", 1000, 0),
        click("summed", 20, 1, position=1),
        click("summed", 20, 3, position=2),  # 40 impressions, 4 clicks: .1
        click("ctr-seventieth", 70, 7),  # .1 in exact arithmetic and in floats
    ]
    report, rows = made(write(clicks=clicks, search=[search("no-click", False)]), out, "click+ search-")
    assert {item for item, row in rows.items() if row["source"] == "click"} == {
        "on-every-floor",
        "summed",
        "ctr-seventieth",
    }
    assert rows["no-click"]["label"] == 0.0
    assert drops(report) == {("click", "below_floors"): 3}
    assert {s.source: s.pairs for s in report.seen} == {"click": 6, "search": 1}


def test_clicks_without_a_position_column(write, out) -> None:
    rows = [{"item_id": "a", "keyphrase": "kp", "impressions": 30, "clicks": 3}]
    report, _ = made(write(clicks=rows, search=[search("b", False)]), out, "click+ search-")
    assert report.rows == 2


def test_click_negatives_are_refused_with_the_reason(write, out) -> None:
    logs = write(clicks=[click("a", 30, 3)])
    with pytest.raises(BadRecipe) as caught:
        build(parse("click+-"), logs, settings(), out)
    told = str(caught.value)
    assert "a pair without clicks is not irrelevant" in told
    assert "missing not at random" in told
    assert "click_negative_impressions=N" in told


def test_click_negatives_by_their_own_rule(write, out) -> None:
    clicks = [click("yes", 30, 3), click("no", 500, 0), click("seldom", 499, 0), click("once", 5000, 1)]
    report, rows = made(write(clicks=clicks), out, "click+-", click_negative_impressions=500)
    assert {item: row["label"] for item, row in rows.items()} == {"yes": 1.0, "no": 0.0}
    assert drops(report) == {("click", "below_floors"): 2}


def test_humans_must_be_three_and_agree(write, out) -> None:
    annotations = [
        *grade("good", "good", "good", "good"),
        *grade("excellent", "excellent", "excellent", "excellent"),
        *grade("fair", "fair", "fair", "fair"),
        *grade("bad", "bad", "bad", "bad"),
        *grade("same-side", "excellent", "good", "good"),
        *grade("torn", "good", "fair", "good"),
        *grade("two", "good", "good"),
    ]
    logs = write(annotations=annotations)
    report, rows = made(logs, out, "human+-")
    assert {item: row["label"] for item, row in rows.items()} == {
        "good": 1,
        "excellent": 1,
        "fair": 0,
        "bad": 0,
    }
    assert drops(report) == {("human", "not_unanimous"): 2, ("human", "too_few_annotators"): 1}
    report, rows = made(logs, out, "human+-", unanimous_on="label", min_annotators=2)
    assert rows["same-side"]["label"] == rows["two"]["label"] == 1
    assert drops(report) == {("human", "not_unanimous"): 1}


def test_one_annotator_is_enough_where_the_setting_says_so(write, out) -> None:
    logs = write(annotations=[*grade("a", "excellent"), *grade("b", "bad")])
    _, rows = made(logs, out, "human+-", min_annotators=1)
    assert {item: row["label"] for item, row in rows.items()} == {"a": 1, "b": 0}


def test_ordinal_labels_keep_the_line_between_fair_and_good(write, out) -> None:
    annotations = [row for one in ("bad", "fair", "good", "excellent") for row in grade(one, one, one, one)]
    _, rows = made(write(annotations=annotations), out, "human+-", target="ordinal")
    assert {item: row["label"] for item, row in rows.items()} == {
        "bad": 0,
        "fair": 0,
        "good": 1,
        "excellent": 2,
    }


def test_ordinal_refuses_a_source_that_cannot_say_how_relevant(write, out) -> None:
    logs = write(
        annotations=grade("a", "good", "good", "good"),
        judgments=[judged("a", "relevant"), judged("b", "irrelevant")],
        search=[search("c", False), search("d", True)],
    )
    for recipe in ("click+ human+-", "human+- search+-", "human+- llm+-"):
        with pytest.raises(BadRecipe, match="the ordinal target needs to know which of moderate, high"):
            build(parse(recipe), logs, settings(target="ordinal"), out)
    write(
        annotations=[*grade("a", *["good"] * 3), *grade("e", *["excellent"] * 3)],
        items=[{"item_id": item, "title": "t"} for item in "abcde"],
    )
    report, rows = made(logs, out, "human+ search- llm-", target="ordinal")
    assert {item: row["label"] for item, row in rows.items()} == {"a": 1, "e": 2, "b": 0, "c": 0}
    assert drops(report) == {("search", "other_sign"): 1, ("llm", "other_sign"): 1}


def test_search_and_judges(write, out) -> None:
    logs = write(
        search=[search("passed", True), search("failed", False)],
        judgments=[
            judged("yes", "relevant", 0.9),
            judged("no", "irrelevant", 0.2),
            judged("broken", None),
            judged("no", "relevant", judge="tuned"),
        ],
    )
    report, rows = made(logs, out, "search+ llm+-")
    assert {item: (row["label"], row["probability"], row["source"]) for item, row in rows.items()} == {
        "passed": (1.0, None, "search"),
        "yes": (1.0, 0.9, "llm"),
        "no": (0.0, 0.2, "llm"),
    }
    assert drops(report) == {("search", "other_sign"): 1, ("llm", "unscored"): 1}


def test_probability_target_fills_what_a_hard_source_leaves_open(write, out) -> None:
    logs = write(
        clicks=[click("clicked", 30, 30)],
        judgments=[judged("no", "irrelevant", 0.2), judged("bare", "relevant")],
    )
    report, rows = made(logs, out, "click+ llm+-", target="probability")
    assert {item: row["probability"] for item, row in rows.items()} == {
        "clicked": 1.0,
        "no": 0.2,
        "bare": 1.0,
    }
    assert report.hardened == 2


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("first", {"torn": (1, "click"), "outvoted": (1, "click"), "agreed": (0, "llm")}),
        ("drop", {"agreed": (0, "llm")}),
        ("majority", {"outvoted": (0, "llm"), "agreed": (0, "llm")}),
        ("positive", {"torn": (1, "click"), "outvoted": (1, "click"), "agreed": (0, "llm")}),
        ("negative", {"torn": (0, "llm"), "outvoted": (0, "llm"), "agreed": (0, "llm")}),
    ],
)
def test_each_conflict_policy(write, out, policy: str, wanted: dict[str, tuple[int, str]]) -> None:
    logs = write(
        clicks=[click("torn", 30, 3), click("outvoted", 30, 3), click("plus", 30, 3)],
        judgments=[
            judged("torn", "irrelevant", 0.1),
            judged("outvoted", "irrelevant"),
            judged("agreed", "irrelevant", 0.3),
        ],
        search=[search("outvoted", False), search("agreed", False)],
    )
    report, rows = made(logs, out, "click+ llm+- search-", conflict=policy)
    rows.pop("plus")
    assert {item: (row["label"], row["source"]) for item, row in rows.items()} == wanted
    if policy == "drop":
        assert {(c.winner, c.loser, c.winner_says, c.pairs) for c in report.conflicts} == {
            (None, "click", None, 2),
            (None, "llm", None, 2),
            (None, "search", None, 1),
        }
    if policy == "first":
        table = pq.read_table(out / "conflicts.parquet").to_pylist()
        assert table == [
            {
                "recipe": "click+ llm+- search-",
                "winner": "click",
                "loser": "llm",
                "winner_says": "relevant",
                "pairs": 2,
            },
            {
                "recipe": "click+ llm+- search-",
                "winner": "click",
                "loser": "search",
                "winner_says": "relevant",
                "pairs": 1,
            },
        ]
    if policy == "negative":
        assert rows["torn"]["probability"] == 0.1


def test_rows_without_item_or_title_are_dropped_and_counted(write, out) -> None:
    logs = write(
        search=[search(item, item != "d") for item in "abcd"],
        items=[
            {"item_id": "a", "title": "t"},
            {"item_id": "b", "title": "  "},
            {"item_id": "d", "title": "t"},
        ],
    )
    report, rows = made(logs, out, "search+-")
    assert set(rows) == {"a", "d"}
    assert drops(report) == {("search", "no_item"): 1, ("search", "no_title"): 1}
    assert rows["a"]["category"] is None


def many(positives: int, negatives: int) -> list[Row]:
    return [search(f"i{n:04}", n < positives) for n in range(positives + negatives)]


def test_caps_bite_in_order_and_are_counted(write, out) -> None:
    logs = write(search=many(60, 40), judgments=[judged(f"j{n}", "irrelevant") for n in range(50)])
    report, _ = made(logs, out, "search+- llm-", max_per_source=45, max_per_label=30, max_rows=40)
    lost: dict[str, int] = {}
    for drop in report.dropped:
        lost[drop.reason] = lost.get(drop.reason, 0) + drop.pairs
    # 100 + 50 rows -> 45 + 45 -> at most 30 a label -> 40 in all.
    assert lost["max_per_source"] == 60
    assert report.rows == 40
    assert lost["max_per_label"] + lost["max_rows"] == 50
    assert max(report.rows_of(0), report.rows_of(1)) <= 30


def test_a_cap_draws_by_seed_and_is_nested(write, out) -> None:
    logs = write(search=many(300, 300))
    kept = {}
    for seed, most in ((1, 200), (1, 100), (2, 100)):
        _, rows = made(logs, out, "search+-", max_rows=most, seed=seed)
        kept[seed, most] = set(rows)
    assert kept[1, 100] < kept[1, 200]
    # Two independent draws of 100 from 600 share 17 +- 4.
    assert len(kept[1, 100] & kept[2, 100]) < 40


def test_downsampling_is_on_the_train_split_alone(write, out) -> None:
    logs = write(search=many(100, 900))
    plain, _ = made(logs, out, "search+-", shares=(0.8, 0.1, 0.1))
    even, _ = made(logs, out, "search+-", shares=(0.8, 0.1, 0.1), balance="downsample")
    assert even.rows_of(0, "train") == even.rows_of(1, "train") == plain.rows_of(1, "train")
    for split in ("dev", "test"):
        assert [even.rows_of(label, split) for label in (0, 1)] == [
            plain.rows_of(label, split) for label in (0, 1)
        ]
    assert drops(even) == {("search", "balance"): plain.rows_of(0, "train") - plain.rows_of(1, "train")}


def test_weights_make_the_labels_of_train_sum_to_the_same(write, out) -> None:
    # 4 rows, 1 relevant: 4 / (2 * 1) = 2 and 4 / (2 * 3) = .667
    _, rows = made(write(search=many(1, 3)), out, "search+-", balance="weights")
    assert [row["weight"] for row in rows.values()] == [
        2.0,
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    ]
    _, rows = made(write(search=many(1, 3)), out, "search+-")
    assert {row["weight"] for row in rows.values()} == {1.0}


def test_pairs_that_straddle_two_splits_are_dropped_and_counted(write, out) -> None:
    rows = [
        {"item_id": f"i{i}", "keyphrase": f"k{k}", "passed": (i + k) % 2 == 0}
        for i in range(40)
        for k in range(40)
    ]
    report = build(
        parse("search+-"), write(search=rows), settings(shares=(0.5, 0.25, 0.25), split_by="both"), out
    )
    conserved(report)
    kept = pq.read_table(out / "training.parquet").to_pylist()
    for column in ("item_id", "keyphrase"):
        assert len({(row[column], row["split"]) for row in kept}) == len({row[column] for row in kept})
    assert {row["split"] for row in kept} == {"train", "dev", "test"}
    assert drops(report) == {("search", "split"): 1600 - len(kept)}


def test_the_same_logs_and_seed_give_the_same_bytes(write, out, tmp_path) -> None:
    logs = write(
        search=many(3000, 3000),
        judgments=[judged(f"i{n:04}", "irrelevant", n / 6000) for n in range(0, 6000, 3)],
    )
    texts = []
    for threads in (1, 4, 4):
        folder = tmp_path / f"out{len(texts)}"
        build(
            parse("search+- llm-"),
            logs,
            settings(threads=threads, max_per_label=2500, shares=(0.8, 0.1, 0.1)),
            folder,
        )
        texts.append([(folder / name).read_bytes() for name in ("training.parquet", "conflicts.parquet")])
    assert texts[0] == texts[1] == texts[2]
    assert (tmp_path / "out1" / "recipe.json").read_bytes() == (
        tmp_path / "out2" / "recipe.json"
    ).read_bytes()


def test_the_training_table_has_the_shape_tables_states(write, out) -> None:
    made(write(search=many(5, 5)), out, "search+-")
    schema = pq.read_schema(out / "training.parquet")
    types = {"string": "string", "int64": "int64", "float64": "double", "bool": "bool"}
    assert [(field.name, str(field.type)) for field in schema] == [
        (column.name, types[column.type]) for column in tables.TRAINING.columns
    ]
    ids = pq.read_table(out / "training.parquet")["item_id"].to_pylist()
    assert ids == sorted(ids)


def test_recipe_json_is_complete(write, out) -> None:
    report, _ = made(write(search=many(5, 5)), out, "search+-")
    told = json.loads((out / "recipe.json").read_text())
    assert told["recipe"] == "search+-"
    assert set(told["settings"]) == set(RecipeSettings.__dataclass_fields__)
    assert sum(count["rows"] for count in told["counts"]) == told["rows"] == report.rows == 10
    assert told["labels"] == ["irrelevant", "relevant"]
    assert {drop["reason"] for drop in told["dropped"]} <= set(REASONS)
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_progress_ends_at_its_total(write, out) -> None:
    seen: list[tuple[str, int, int]] = []
    build(parse("search+-"), write(search=many(5, 5)), settings(), out, lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == list(range(6))
    assert {total for _, _, total in seen} == {5}


def test_one_sided_recipes_say_which_source_gave_what(write, out) -> None:
    logs = write(clicks=[click("a", 30, 3), click("b", 5, 5)], search=[search("a", True)])
    with pytest.raises(NotEnoughData) as caught:
        build(parse("click+ search-"), logs, settings(), out)
    told = str(caught.value)
    assert "has no irrelevant pair to train on" in told
    assert "click+ gave 0 irrelevant, 1 relevant (of 2 pairs; dropped: 1 below_floors)" in told
    assert "search- gave 0 irrelevant, 0 relevant (of 1 pairs; dropped: 1 other_sign)" in told
    assert not (out / "training.parquet").exists()


def test_unknown_judges_list_those_present(write, out) -> None:
    logs = write(judgments=[judged("a", "relevant"), judged("a", "relevant", judge="tuned")])
    with pytest.raises(BadRecipe) as caught:
        build(parse("tuend+-"), logs, settings(), out)
    assert "judges present: llm, tuned; did you mean tuned?" in str(caught.value)


def test_a_misspelt_built_in_without_judgments(write, out) -> None:
    with pytest.raises(BadRecipe, match=r"holds no judgments\.parquet .* did you mean search\?"):
        build(parse("serch+-"), write(search=many(1, 1)), settings(), out)


def test_missing_and_broken_tables(write, out) -> None:
    logs = write(search=many(1, 1))
    with pytest.raises(BadTable, match=r"holds no clicks\.parquet \(it holds: items, search\)"):
        build(parse("click+ search-"), logs, settings(), out)
    write(clicks=[{"item_id": "a", "keyphrase": "b", "impressions": 3}])
    with pytest.raises(BadTable, match=r"needs column clicks; seen: item_id, keyphrase, impressions"):
        build(parse("click+ search-"), logs, settings(), out)
    (logs / "search.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        build(parse("search+-"), logs, settings(), out)
    write(clicks=[{"item_id": "a", "keyphrase": "b", "impressions": "many", "clicks": 1}])
    with pytest.raises(BadTable, match=r"impressions is .many.; allowed are whole numbers"):
        build(parse("click+ search-"), logs, settings(), out)


def test_grades_off_the_scale_are_refused(write, out) -> None:
    logs = write(
        annotations=grade("a", "superb", "good", "good"),
        judgments=[judged("a", "maybe"), judged("b", "relevant")],
    )
    with pytest.raises(BadTable, match=r"grades 'superb' are not on scale four .* set human_scale"):
        build(parse("human+-"), logs, settings(), out)
    with pytest.raises(BadTable, match="judge 'llm' gave the grades maybe, relevant"):
        build(parse("llm+-"), logs, settings(), out)


def test_a_judge_on_four_grades_is_recognised(write, out) -> None:
    logs = write(judgments=[judged("a", "excellent"), judged("b", "fair")])
    _, rows = made(logs, out, "llm+-")
    assert {item: row["label"] for item, row in rows.items()} == {"a": 1, "b": 0}
    with pytest.raises(BadTable, match="allowed are those of one scale"):
        build(parse("llm+-"), logs, settings(judge_scale="binary"), out)


def test_duplicates_are_refused(write, out) -> None:
    with pytest.raises(BadTable, match="1 pairs stand more than once in one source and 0 have a blank"):
        build(parse("search+-"), write(search=[*many(1, 1), search("i0000", False)]), settings(), out)
    twice = [{"item_id": "i0000", "title": "x"}, {"item_id": "i0000", "title": "y"}]
    with pytest.raises(BadTable, match=r"items stand more than once: i0000 \(2 times\)"):
        build(parse("search+-"), write(search=many(1, 1), items=twice), settings(), out)


def test_too_little_memory_says_what_to_raise(write, out) -> None:
    logs = write(search=many(2, 2))
    with pytest.raises(
        BadConfig, match="1KB of memory is too small.*raise the setting, or set threads lower"
    ):
        build(parse("search+-"), logs, settings(memory_limit="1KB"), out)
