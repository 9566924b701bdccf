"""Label Studio: what is written can be read by it, and its export is read without losing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudge.errors import BadTable
from adjudge.records import BINARY, FOUR, ORDINAL3, Scale
from adjudge.trust import labelstudio as ls


def chosen(*grades: Any, name: str = "grade") -> list[dict[str, Any]]:
    return [
        {
            "id": "x1",
            "from_name": name,
            "to_name": "title",
            "type": "choices",
            "value": {"choices": list(grades)},
        }
    ]


def annotation(who: Any, *grades: Any, **more: Any) -> dict[str, Any]:
    when = "2026-03-09T22:16:08.728353Z"
    told = {"id": 1, "completed_by": who, "result": chosen(*grades), "was_cancelled": False}
    return {**told, "ground_truth": False, "created_at": when, "updated_at": when, "lead_time": 4.2, **more}


def task(item: Any, *annotations: Any, keyphrase: Any = "sofa") -> dict[str, Any]:
    return {"id": 9, "data": {"item_id": item, "keyphrase": keyphrase, "title": "Couch"}, "predictions": [],
            "annotations": list(annotations), "project": 3}  # fmt: skip


def read(tmp_path: Path, *tasks: Any, scale: Scale = FOUR) -> ls.LabelStudioExport:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return ls.read_export(path, scale)


@pytest.mark.parametrize("scale", [BINARY, FOUR, ORDINAL3], ids=lambda s: s.name)
@pytest.mark.parametrize("pictures", [True, False])
def test_configuration_names_what_tasks_hold(scale: Scale, pictures: bool) -> None:
    """Every $field is in a task's data, the control points at a tag that exists, each grade is a choice, best
    first."""
    view = ElementTree.fromstring(ls.labelling_config(scale, pictures, 'Is "A & B" <fine>?'))
    shown = {tag.get("value")[1:] for tag in view if tag.tag in ("Text", "Image")}
    assert shown <= set(ls.task({})["data"])
    assert (view.find("Image") is not None) == pictures
    control = view.find("Choices")
    assert control.get("toName") in {tag.get("name") for tag in view}
    assert control.get("required") == "true"
    assert [choice.get("value") for choice in control] == list(reversed(scale.grades))
    assert view.find("Header").get("value") == 'Is "A & B" <fine>?'


def test_a_task_holds_the_pair_and_nothing_the_judge_said() -> None:
    row = {
        "item_id": "i1",
        "keyphrase": "sofa",
        "title": "Couch",
        "category": None,
        "image": "https://x/1.jpg",
    }
    told = ls.task({**row, "grade": "relevant", "probability": "0.9"})
    assert told == {"data": {**row, "category": ""}}


def test_project_asks_for_three() -> None:
    made = ls.project("t", "<View/>", 3)
    assert (made["maximum_annotations"], made["overlap_cohort_percentage"]) == (3, 100)


@pytest.mark.parametrize(
    ("image", "location"),
    [
        ("https://a/b.jpg", True),
        ("s3://b/c", True),
        ("/data/upload/1.png", True),
        ("colour: blue", False),
        (None, False),
    ],
)
def test_picture_or_description(image: str | None, location: bool) -> None:
    assert ls.is_location(image) is location


def test_the_form_of_annotators(tmp_path: Path) -> None:
    """A number, an object with email, one with id only, a name."""
    people = [7, {"id": 8, "email": "a@b.c"}, {"id": 9, "email": ""}, "ann"]
    taken = read(tmp_path, task("i1", *(annotation(who, "good") for who in people)))
    assert {row["annotator"] for row in taken.rows} == {"7", "a@b.c", "9", "ann"}


def test_everything_is_counted(tmp_path: Path) -> None:
    taken = read(
        tmp_path,
        task("i1", annotation(1, "good"), annotation(2, "bad"), annotation(3, was_cancelled=True)),
        task("i2"),
        task(None, annotation(1, "good")),
        task(
            "i3",
            annotation(None, "good"),
            annotation(1),
            annotation(2, "good", "bad"),
            annotation(3, "great"),
            5,
        ),
        task("i4", {**annotation(1, "good"), "result": chosen("good", name="other")}),
    )
    assert (taken.tasks, taken.untouched, taken.annotations, taken.skipped) == (5, 1, 10, 1)
    assert taken.rows == [
        {"item_id": "i1", "keyphrase": "sofa", "annotator": "1", "grade": "good"},
        {"item_id": "i1", "keyphrase": "sofa", "annotator": "2", "grade": "bad"},
    ]
    assert taken.reasons == {ls.NO_GRADE: 2, ls.NO_PAIR: 1, ls.NO_WHO: 1, ls.TWO_GRADES: 1, ls.OFF_SCALE: 1,
                             ls.MALFORMED: 1}  # fmt: skip
    assert taken.faults == 7
    assert [one["row_number"] for one in taken.bad] == [3, 4, 4, 4, 4, 4, 5]
    assert json.loads(taken.bad[0]["raw"])["completed_by"] == 1


def test_the_latest_of_one_annotators_answers_counts(tmp_path: Path) -> None:
    """Also where the pair stands in two tasks, and whatever the order in the file."""
    early, late = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    taken = read(
        tmp_path,
        task("i1", annotation(1, "good", updated_at=late), annotation(1, "bad", updated_at=early)),
        task("i1", annotation(1, "fair", updated_at=early), annotation(2, "fair", updated_at=early)),
    )
    assert [(row["annotator"], row["grade"]) for row in taken.rows] == [("1", "good"), ("2", "fair")]
    assert taken.reasons == {ls.SUPERSEDED: 2}
    assert taken.faults == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["i1", "i2", "", None]),
            st.sampled_from([1, 2, None]),
            st.lists(st.sampled_from(["good", "bad", "off"]), max_size=2),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_nothing_is_lost(tmp_path_factory: pytest.TempPathFactory, told: list[Any]) -> None:
    tasks = [task(item, annotation(who, *grades, was_cancelled=skip)) for item, who, grades, skip in told]
    taken = read(tmp_path_factory.mktemp("ls"), *tasks)
    assert taken.annotations == len(taken.rows) + taken.skipped + len(taken.bad) == len(told)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ('{"a": 1}', "a list of tasks"),
        (
            '[{"id": 1, "item_id": "i1", "grade": "good"}]',
            r"\(JSON-MIN\); seen: id, item_id, grade.*Export, JSON",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadTable, match=words):
        ls.read_export(tmp_path / "x.json", FOUR)


def test_json_min_is_read_like_json(tmp_path: Path) -> None:
    """The same annotations in both exports give the same rows; JSON-MIN has no skipped ones."""
    late = {"created_at": "2026-02-01T00:00:00Z", "updated_at": "2026-02-02T00:00:00Z"}
    flat = [
        {
            "id": 1,
            "item_id": "i1",
            "keyphrase": "sofa",
            "title": "t",
            "grade": "good",
            "annotator": 1,
            "annotation_id": 5,
        },
        {"id": 1, "item_id": "i1", "keyphrase": "sofa", "grade": {"choices": ["bad"]}, "annotator": "a@b.c"},
        {"id": 2, "item_id": "i2", "keyphrase": "sofa", "grade": "fair", "annotator": 1, **late},
        {
            "id": 2,
            "item_id": "i2",
            "keyphrase": "sofa",
            "grade": "bad",
            "annotator": 1,
            "created_at": "2026-01-01",
        },
        {"id": 3, "item_id": "i3", "keyphrase": "sofa", "annotator": 2, "annotation_id": 9},
        {"id": 4, "item_id": "i4", "grade": "good", "annotator": 2},
        {"id": 5, "item_id": "i5", "keyphrase": "sofa", "grade": ["good", "bad"], "annotator": 2},
        {"id": 6, "item_id": "i6", "keyphrase": "sofa", "grade": "great", "annotation_id": 3, "annotator": 2},
        {"id": 7, "item_id": "i7", "keyphrase": "sofa", "grade": "good", "annotation_id": 4},
    ]
    (tmp_path / "min.json").write_text(json.dumps(flat), encoding="utf-8")
    taken = ls.read_export(tmp_path / "min.json", FOUR)
    assert [(row["item_id"], row["annotator"], row["grade"]) for row in taken.rows] == [
        ("i1", "1", "good"),
        ("i1", "a@b.c", "bad"),
        ("i2", "1", "fair"),
    ]
    assert (taken.tasks, taken.annotations, taken.skipped, taken.untouched) == (7, 9, 0, 0)
    assert taken.minimal
    assert taken.annotations == len(taken.rows) + len(taken.bad)
    assert taken.reasons == dict.fromkeys(
        (ls.SUPERSEDED, ls.NO_GRADE, ls.NO_PAIR, ls.TWO_GRADES, ls.OFF_SCALE, ls.NO_WHO), 1
    )
    assert json.loads(taken.bad[-1]["raw"])["item_id"] == "i7"
    whole = read(tmp_path, task("i1", annotation(1, "good"), annotation("a@b.c", "bad")))
    assert whole.rows == taken.rows[:2]
    assert not whole.minimal
