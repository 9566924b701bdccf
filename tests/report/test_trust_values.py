"""What a page shows of a judge and of a cascade, from folders made of a few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adjudge.report import cascade, trust
from adjudge.report.reading import ResultsFolder

META = {
    "judge": "llm",
    "verdict": "trusted",
    "reason": "kappa reaches the bar",
    "statistic": "kappa",
    "bar": 0.6,
    "level": 0.9,
    "counts": {"pairs": 10},
    "settings": {"judgments": "a b.parquet", "human": None, "trust": {"clicks": {"impressions": 30}}},
}


def estimate(value: float | None, **other: Any) -> dict:
    ends = {"low": None if value is None else value - 0.1, "high": None if value is None else value + 0.1}
    return {"value": value, **ends, "pairs": 40, "clusters": 25, "note": None, **other}


def judge(tables: dict[str, list[dict]] | None = None, **meta: Any) -> ResultsFolder:
    return ResultsFolder(Path("runs/agree"), {**META, **meta}, tables or {})


def agreement(
    statistic: str, value: float | None, by: str = "all", segment: str = "all", **other: Any
) -> dict:
    return estimate(value, segment_by=by, segment=segment, statistic=statistic, **other)


def test_a_verdict_says_what_decides() -> None:
    found = trust.verdict(judge(agreement={"kappa": estimate(0.8)}))
    assert (found["statistic"], found["bar"], found["cell"].text) == ("Cohen's kappa", "0.6", "0.800")
    assert found["cell"].tone == "better"
    assert found["means"].startswith("The judge can be trusted")
    assert trust.verdict(judge())["cell"] is None
    assert trust.view(judge())["judge_level"] == trust.formats.share(0.9, 0)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"more": None, "note": "too even"}, "too even"),
        ({"more": None, "note": None}, "cannot be computed from these labels"),
        ({"more": 0, "value": 0.7, "bar": 0.6}, "decided: yes"),
        ({"more": 0, "value": 0.5, "bar": 0.6}, "decided: no"),
        ({"more": 1234}, "about 1,234 more labelled pairs would decide it"),
    ],
)
def test_open_questions_say_how_many_labels(row: dict, text: str) -> None:
    needed = [{"question": "Is it above?", **row}]
    (shown,) = trust.verdict(judge(verdict="inconclusive", labels_needed=needed))["needed"]
    assert shown == {"question": "Is it above?", "text": text}


def test_a_decided_verdict_keeps_only_questions_that_more_labels_would_settle() -> None:
    needed = [{"question": "a", "more": 0, "value": 1, "bar": 0}, {"question": "b", "more": 7}]
    assert [row["question"] for row in trust.verdict(judge(labels_needed=needed))["needed"]] == ["b"]


def confusion(*counts: int, grades: tuple[str, ...] = ("no", "yes")) -> list[dict]:
    cells = [(human, said) for human in grades for said in grades]
    base = {"segment_by": "all", "segment": "all"}
    return [{**base, "human": h, "judge": j, "pairs": n} for (h, j), n in zip(cells, counts, strict=True)]


def test_a_confusion_matrix_shades_shares_of_a_row() -> None:
    matrix = trust.confusion(confusion(3, 1, 0, 0))
    assert matrix is not None
    (first, total, line), (_, nothing, empty) = matrix["rows"]
    assert (first, total, nothing) == ("no", 4, 0)
    assert [cell["heat"] for cell in line] == ["heat-up-3", "heat-down-1"]
    assert [cell["heat"] for cell in empty] == ["heat-down-0", "heat-up-0"]
    assert trust.confusion(confusion(0, 0, 0, 0)) is None
    assert trust.confusion([]) is None


def test_more_coefficients_are_shown_on_a_finer_scale() -> None:
    rows = [agreement(name, 0.5) for name in ("kappa", "exact", "within_one", "kappa_linear")]
    two = trust.people(judge({"agreement": rows, "confusion": confusion(5, 5, 5, 5)}))
    grades = ("a", "b", "c")
    three = trust.people(judge({"agreement": rows, "confusion": confusion(*[1] * 9, grades=grades)}))
    assert two is not None
    assert three is not None
    assert [line["label"] for line in two["lines"]] == ["Cohen's kappa", "Same grade"]
    assert [line["label"] for line in three["lines"]][2:] == ["At most one step apart", "Kappa, by steps"]
    assert [line["decides"] for line in two["lines"]] == [True, False]
    assert trust.people(judge()) is None
    assert trust.people(judge({"agreement": [agreement("kappa", None)]})) is None


def test_segments_are_those_with_a_value_largest_first() -> None:
    rows = [
        agreement("kappa", 0.5),
        agreement("kappa", 0.9, "words", "one", pairs=10),
        agreement("exact", 0.95, "words", "one", pairs=10),
        agreement("kappa", 0.2, "words", "more", pairs=90),
        agreement("exact", 0.6, "words", "more", pairs=90),
        agreement("kappa", None, "category", "x"),
        agreement("exact", 1.0, "category", "x"),
    ]
    found = trust.segments(judge({"agreement": rows}))
    assert found is not None
    (group,) = found["groups"]
    assert group["title"] == "Words in the keyphrase"
    assert [(name, pairs, cell.tone, exact) for name, pairs, cell, exact in group["rows"]] == [
        ("two words or more", 90, "worse", 0.6),
        ("one word", 10, "better", 0.95),
    ]
    assert (found["middle"], group["more"]) == ("0.500", [])
    assert trust.segments(judge({"agreement": rows[:1]})) is None
    assert trust.segments(judge()) is None


def test_clicks_show_grades_but_not_their_sums_twice() -> None:
    def coec(*grades: str) -> list[dict]:
        return [estimate(1.2, measure="coec", grade=grade) for grade in grades]

    four = coec("bad", "good", "relevant", "irrelevant", "relevant / irrelevant")
    shares = [
        estimate(0.8, measure="concordance", grade=""),
        estimate(0.3, measure="yes on ignored", grade=""),
    ]
    found = trust.clicks(judge({"clicks": shares + four}))
    assert found is not None
    assert [row["grade"] for row, _ in found["coec"]] == ["bad", "good"]
    assert [row["grade"] for row, _ in found["ratio"]] == ["relevant / irrelevant"]
    assert [row["measure"] for row, _ in found["shares"]] == ["concordance", "yes on ignored"]
    assert found["floors"] == {"impressions": 30}
    binary = trust.clicks(judge({"clicks": coec("relevant", "irrelevant")}))
    assert binary is not None
    assert [row["grade"] for row, _ in binary["coec"]] == ["relevant", "irrelevant"]
    assert trust.clicks(judge()) is None


def test_probes_name_faults_once_and_measure_in_their_unit() -> None:
    def probe(name: str, verdict: str) -> dict:
        return estimate(
            0.2, probe=name, statistic="s", verdict=verdict, harmless_low=-0.05, harmless_high=0.05
        )

    rows = [probe("position: shift", "fault"), probe("position: flips", "fault"), probe("overlap", "quiet")]
    found = trust.probes(judge({"probes": [*rows, probe("new one", "inconclusive")]}))
    assert found is not None
    assert found["faults"] == ["Order of options"]
    shift, flips, overlap, other = found["lines"]
    assert (shift["what"], flips["what"]) == (
        "change of the share it calls relevant",
        "share of verdicts that change",
    )
    assert (bool(shift["meaning"]), flips["meaning"]) == (True, "")
    assert overlap["what"] == "odds of “relevant”, high against low"
    assert [line["cell"].tone for line in found["lines"]] == ["worse", "worse", "better", "same"]
    assert (other["label"], other["meaning"]) == ("new one", "s")
    assert found["overlap"] is None
    assert trust.probes(judge()) is None


def test_rates_warn_only_of_the_corrected_methods() -> None:
    def rate(method: str, note: str | None) -> dict:
        base = {"segment_by": "all", "segment": "all", "method": method, "labelled": 5, "judged": 9}
        return {**estimate(0.4), **base, "note": note}

    found = trust.rates(judge({"rates": [rate("people only", "few"), rate("ppi", "w"), rate("ppi++", "w")]}))
    assert found is not None
    assert found["warnings"] == ["w"]
    assert [line["method"] for line in found["lines"]] == ["people only", "ppi", "ppi++"]
    assert (found["labelled"], found["judged"]) == (5, 9)
    assert trust.rates(judge()) is None


def test_the_command_is_quoted_and_names_the_settings_that_are_there(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path, META, {})
    (command,) = trust.repeat_command(folder, "agree", ("judgments", "human"))
    assert command.startswith("adjudge agree \\\n    --judgments 'a b.parquet' \\\n    --out ")
    assert command.endswith(f"--settings {tmp_path.as_posix()}/settings.json")
    assert "--human" not in command
    (tmp_path / "config.json").touch()
    assert trust.repeat_command(folder, "agree", ())[0].endswith("/config.json"), (
        "a folder of an earlier version"
    )
    (tmp_path / "settings.json").touch()
    assert trust.repeat_command(folder, "agree", ())[0].endswith("/settings.json")


CASCADE = {
    "verdict": "validated",
    "reason": "r",
    "cheap": "c",
    "strong": "s",
    "against": "people",
    "words": "sure",
    "target": 0.9,
    "level": 0.95,
    "settings": {},
    "strong_share": 0.25,
}


def point(kind: str, share: float, chosen: bool = False, money: float | None = None) -> dict:
    where = {"kind": kind, "against": "labels", "strong_share": share, "place": round(100 * share)}
    return {**estimate(0.8), **where, "chosen": chosen, "money": money}


def test_a_cascade_shows_the_ends_the_chosen_point_and_random_routing_beside_it() -> None:
    curve = [
        point("all cheap", 0.0),
        point("cascade", 0.3, chosen=True, money=3.0),
        point("random", 0.3),
        point("cascade", 0.6),
        point("random", 0.6),
        point("all strong", 1.0),
    ]
    found = cascade.view(ResultsFolder(Path("r"), CASCADE, {"curve": curve}))
    shown = found["cascade"]
    names = [(line["name"], line["share"][:4], line["chosen"]) for line in shown["table"]["lines"]]
    assert [name for name, _, _ in names] == [
        "strong judge on every pair",
        "cascade",
        "cascade",
        "as many calls, drawn at random",
        "cheap judge on every pair",
    ]
    assert [chosen for _, _, chosen in names] == [False, False, True, False, False]
    assert (shown["table"]["priced"], shown["table"]["lines"][2]["money"]) == (True, "3.00")
    assert (shown["by_people"], shown["money"], shown["first"]) == (True, None, None)
    assert len(shown["charts"]) == 1
    assert found["page_title"] == "A cascade of two judges"


@pytest.mark.parametrize(
    ("saved", "words"), [(1.5, "1.50 saved"), (-1.5, "1.50 more, since the cheap judge is not cheap enough")]
)
def test_savings_in_words(saved: float, words: str) -> None:
    costs = {"all_strong": 2.0, "cascade": 2.0 - saved, "saved": saved}
    shown = cascade.view(ResultsFolder(Path("r"), {**CASCADE, "money": costs}, {}))["cascade"]
    assert shown["money"]["words"] == words
    assert (shown["table"], shown["charts"]) == (None, [])
