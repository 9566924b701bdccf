"""Label Studio: tasks and a labelling configuration out, its JSON export in.

Formats: the basic task format (a list of objects with `data`), the Choices / Choice / Text / Image tags, and
the exports JSON (`annotations` with `completed_by`, `was_cancelled`, `result`) and JSON-MIN (one flat object
per annotation, skipped ones and untouched tasks already gone), as Label Studio's guide states them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from adjudge.errors import BadTable
from adjudge.records import Scale
from adjudge.text.blank import is_blank

CONTROL = "grade"
"""Name of the Choices tag: an export's grades stand under it."""
FIELDS = ("keyphrase", "title", "category")
MINIMAL = "json_min"
"""Marks a task that was unfolded from JSON-MIN; its value is the task's own number."""
_LOCATIONS = ("http://", "https://", "s3://", "gs://", "azure-blob://", "data:image/", "/data/")
NO_PAIR = "task without item_id and keyphrase"
NO_WHO = "annotation without completed_by"
NO_GRADE = "no grade chosen"
TWO_GRADES = "more than one grade chosen"
OFF_SCALE = "grade is not on the scale"
MALFORMED = "annotation is not an object"
SUPERSEDED = "superseded by the same annotator's later annotation of the pair"


def is_location(image: str | None) -> bool:
    """Whether the text of `image` is where a picture lies (Label Studio can show it), not what it shows."""
    return image is not None and image.startswith(_LOCATIONS)


def labelling_config(scale: Scale, pictures: bool, question: str) -> str:
    """The labelling interface as XML: the pair, its picture (an Image, or a Text where `image` says what it
    shows), and
    one required choice of the scale's grades, best first, on keys 1, 2, ..."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value=question)
    for name in FIELDS:
        ElementTree.SubElement(view, "Header", value=name.capitalize(), size="6")
        ElementTree.SubElement(view, "Text", name=name, value=f"${name}")
    ElementTree.SubElement(view, "Header", value="Picture", size="6")
    ElementTree.SubElement(view, "Image" if pictures else "Text", name="image", value="$image")
    choices = ElementTree.SubElement(
        view, "Choices", name=CONTROL, toName="title", choice="single-radio", required="true"
    )
    for key, grade in enumerate(reversed(scale.grades), start=1):
        ElementTree.SubElement(choices, "Choice", value=grade, hotkey=str(key))
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def task(row: Mapping[str, str | None]) -> dict[str, Any]:
    """One task of a pair: item_id and keyphrase lead back to it, the other fields are what an annotator sees.
    Missing
    texts are empty, since Label Studio refuses a task without a field that its configuration shows."""
    names = ("item_id", *FIELDS, "image")
    return {"data": {name: row.get(name) or "" for name in names}}


def project(title: str, config: str, annotators: int) -> dict[str, Any]:
    """The body that makes such a project through Label Studio's API (POST /api/projects/): every task is
    shown until
    `annotators` people have graded it, in random order."""
    return {
        "title": title,
        "label_config": config,
        "maximum_annotations": annotators,
        "overlap_cohort_percentage": 100,
        "sampling": "Uniform sampling",
        "show_skip_button": True,
    }


@dataclass
class LabelStudioExport:
    """The annotations of an export.

    rows: of the annotations table. bad: (task number from 1, reason, raw JSON); `superseded` are among them
    but are no fault. untouched: tasks without an annotation. skipped: cancelled annotations. minimal: the
    export was JSON-MIN, which does not list skipped and untouched tasks.
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    bad: list[dict[str, Any]] = field(default_factory=list)
    tasks: int = 0
    untouched: int = 0
    annotations: int = 0
    skipped: int = 0
    minimal: bool = False

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(annotation["reason"] for annotation in self.bad).most_common())

    @property
    def faults(self) -> int:
        return sum(annotation["reason"] != SUPERSEDED for annotation in self.bad)


def read_export(path: Path, scale: Scale) -> LabelStudioExport:
    """Read Label Studio's JSON or JSON-MIN export: annotations = rows + skipped + bad.

    Of several annotations of a pair by one annotator the latest counts. Raises BadTable if the file is no
    such export.
    """
    taken = LabelStudioExport()
    latest: dict[tuple[str, str, str], _Answer] = {}
    flat: set[str] = set()
    for number, task in enumerate(_tasks(path), start=1):
        minimal = MINIMAL in task
        taken.minimal |= minimal
        # JSON-MIN repeats a task for each of its annotations.
        taken.tasks += not minimal or str(task[MINIMAL]) not in flat
        flat.add(str(task.get(MINIMAL)))
        given = task.get("annotations") or []
        taken.untouched += not given
        for annotation in given:
            taken.annotations += 1
            if isinstance(annotation, dict) and annotation.get("was_cancelled"):
                taken.skipped += 1
                continue
            graded = _read(task, annotation, scale)
            if isinstance(graded, str):
                taken.bad.append(_bad(number, graded, annotation))
                continue
            key, grade = graded
            when = str(annotation.get("updated_at") or annotation.get("created_at") or "")
            answer = _Answer(when, taken.annotations, number, grade, annotation)
            if key in latest:
                older, answer = sorted((latest[key], answer), key=lambda each: (each.changed, each.number))
                taken.bad.append(_bad(older.task, SUPERSEDED, older.raw))
            latest[key] = answer
    taken.rows = [
        {"item_id": item, "keyphrase": keyphrase, "annotator": who, "grade": answer.grade}
        for (item, keyphrase, who), answer in sorted(latest.items(), key=lambda each: each[0])
    ]
    return taken


@dataclass(frozen=True)
class _Answer:
    """One annotation: its last change (as the export writes times, which sort as text), its number in the
    file,
    its task's number, the grade, and the annotation itself."""

    changed: str
    number: int
    task: int
    grade: str
    raw: dict[str, Any]


def _bad(number: int, reason: str, annotation: Any) -> dict[str, Any]:
    return {"row_number": number, "reason": reason, "raw": json.dumps(annotation, ensure_ascii=False)}


def _tasks(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadTable(
            f"{path} cannot be read as JSON: {error}. Export again from Label Studio: Export, JSON"
        ) from error
    if not isinstance(content, list):
        raise BadTable(
            f"{path} holds a JSON {type(content).__name__}; Label Studio's JSON export is a list of tasks"
        )
    for task in content:
        if isinstance(task, dict) and "data" not in task and ("annotator" in task or "annotation_id" in task):
            yield _unfolded(task)
            continue
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict) or "annotations" not in task:
            keys = ", ".join(task) if isinstance(task, dict) else type(task).__name__
            raise BadTable(
                f"{path}: a task needs `data` and `annotations` (JSON), or `annotator` and the task's "
                f"fields (JSON-MIN); seen: {keys or 'nothing'}. In Label Studio choose Export, JSON (not "
                "CSV, TSV or another format)"
            )
        yield task


def _unfolded(flat: dict[str, Any]) -> dict[str, Any]:
    """A JSON-MIN object as a task with one annotation: the grade stands under the control's name, as a word
    or `choices`."""
    grade = flat.get(CONTROL)
    if isinstance(grade, dict):
        grade = grade.get("choices")
    choices = grade if isinstance(grade, list) else [] if grade is None or grade == "" else [grade]
    result = [{"from_name": CONTROL, "value": {"choices": choices}}]
    annotation = {**flat, "completed_by": flat.get("annotator"), "result": result}
    return {"data": flat, "annotations": [annotation], MINIMAL: flat.get("id")}


def _read(task: Mapping[str, Any], annotation: Any, scale: Scale) -> tuple[tuple[str, str, str], str] | str:
    """((item_id, keyphrase, annotator), grade), or the reason why there is none."""
    if not isinstance(annotation, dict):
        return MALFORMED
    pair = [task["data"].get(name) for name in ("item_id", "keyphrase")]
    if not all(isinstance(part, str) and not is_blank(part) for part in pair):
        return NO_PAIR
    who = _who(annotation.get("completed_by"))
    if who is None:
        return NO_WHO
    grades = _grades(annotation.get("result"))
    if not grades:
        return NO_GRADE
    if len(grades) > 1:
        return TWO_GRADES
    if grades[0] not in scale.grades:
        return OFF_SCALE
    return (pair[0], pair[1], who), grades[0]


def _who(completed_by: Any) -> str | None:
    """`completed_by` is a user's number, or an object with id and email."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    if isinstance(completed_by, bool) or completed_by is None or is_blank(str(completed_by)):
        return None
    return str(completed_by)


def _grades(result: Any) -> list[Any]:
    """The choices made in the control named CONTROL."""
    grades: list[Any] = []
    for answer in result if isinstance(result, Sequence) else ():
        if not isinstance(answer, dict) or answer.get("from_name") != CONTROL:
            continue
        if isinstance(answer.get("value"), dict):
            choices = answer["value"].get("choices")
            grades += choices if isinstance(choices, list) else []
    return grades
