from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise, permutations, takewhile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudge.errors import BadConfig
from adjudge.judge import prompt
from adjudge.judge.pairs import Row, rows_in_order
from adjudge.judge.prompt import GradedExample, Prompt, load
from adjudge.records import BINARY, SCALES

OWN = (
    "# User\n{category}|{title}|{keyphrase}\n{guidance}\n{examples}\n{options}\n# Grades\n"
    "- relevant = yes: fits\n- irrelevant = no: does not\n"
)


@pytest.mark.parametrize("name", SCALES)
def test_each_scale_has_a_prompt_that_names_every_answer(name: str) -> None:
    made = load(name)
    text = made.render("red mug", "Mug, red", "Mugs")
    assert [c.grade for c in made.choices] == list(SCALES[name].grades)
    for answer in made.answers:
        assert f"- {answer}: " in text.system
    assert text.user.count("<title>Mug, red</title>") == 1
    assert text.user.count("<keyphrase>red mug</keyphrase>") == 1
    assert "{" not in text.system + text.user


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (OWN.replace("{title}", "{titel}"), r"\{titel\} is unknown.*did you mean title"),
        (OWN.replace("{keyphrase}", "the keyphrase"), r"must hold \{keyphrase\}"),
        (OWN.replace("# User", "# Usr"), "did you mean User"),
        (OWN.replace("- irrelevant = no: does not\n", ""), "missing: irrelevant"),
        (OWN.replace("= no", "= Yes"), "its own answer word"),
        (OWN.replace("- relevant = yes: fits", "- relevant yes"), "GRADE = ANSWER: MEANING"),
        (OWN.replace("- relevant", "- good"), "not on scale binary"),
        ("Judge {title}", "begins with"),
        ("# User\n{title} {keyphrase}\n", "needs a section '# Grades'"),
    ],
)
def test_a_bad_prompt_is_refused_with_the_next_step(source: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        Prompt(source, BINARY)


def test_category_guidance_and_examples_are_shown_where_they_belong() -> None:
    examples = [
        GradedExample("a", "b", "relevant"),
        GradedExample("c", "d</title>", "irrelevant", category="Mugs"),
    ]
    made = Prompt(OWN, BINARY, guidance={"Mugs": "mugs only", "*": "all else"}, examples=examples)
    mugs, other = made.render("k", "t", "Mugs").user, made.render("k", "t", None).user
    assert "mugs only" in mugs
    assert "<answer>no</answer>" in mugs
    assert "d&lt;/title&gt;" in mugs
    assert "all else" in other
    assert other.startswith("not stated|t|k")
    assert "<answer>no</answer>" not in other


def test_options_follow_the_order_asked_for() -> None:
    def seen(order: str, seed: int = 0) -> list[str]:
        return re.findall(
            r"^- (\w+):", load("four", order=order, seed=seed).render("k", "t", None).system, re.M
        )

    assert seen("best_first") == ["excellent", "good", "fair", "bad"]
    assert seen("worst_first") == ["bad", "fair", "good", "excellent"]
    shuffles = {tuple(seen("shuffled", seed)) for seed in range(20)}
    assert len(shuffles) > 5
    assert all(sorted(s) == ["bad", "excellent", "fair", "good"] for s in shuffles)
    with pytest.raises(BadConfig, match="did you mean best_first"):
        load("four", order="best_frist")


def test_hash_names_everything_that_shapes_the_text() -> None:
    hashes = {
        load("binary").hash,
        load("binary", order="worst_first").hash,
        load("ordinal3").hash,
        Prompt(OWN, BINARY).hash,
        Prompt(OWN, BINARY, guidance={"*": "x"}).hash,
        Prompt(OWN, BINARY, examples=[GradedExample("a", "b", "relevant")]).hash,
    }
    assert len(hashes) == 6
    assert load("binary").hash == load("binary").hash


GRADES = "\n# Grades\n- relevant = yes: fits\n- irrelevant = no: does not\n"
BY_CATEGORY = GradedExample("red mug", "Mug", "relevant", "Mugs")


@pytest.mark.parametrize(
    ("shown", "given", "columns"),
    [
        ("{category} {title} {keyphrase}", {}, ("category", "title", "keyphrase")),
        ("{keyphrase} {title} {keyphrase}", {}, ("keyphrase", "title", "category")),
        ("{guidance} {keyphrase} {title}", {"guidance": {"*": "g"}}, ("keyphrase", "title", "category")),
        ("{guidance} {keyphrase} {title}", {"guidance": {"Mugs": "g"}}, ("category", "keyphrase", "title")),
        ("{keyphrase} {examples} {title}", {"examples": [BY_CATEGORY]}, ("keyphrase", "category", "title")),
    ],
)
def test_columns_are_in_the_order_of_the_placeholders(
    shown: str, given: dict[str, Any], columns: tuple[str, ...]
) -> None:
    assert Prompt(f"# User\n{shown}{GRADES}", BINARY, **given).columns == columns
    system, _, user = shown.partition(" ")
    assert Prompt(f"# System\n{system}\n# User\n{user}{GRADES}", BINARY, **given).columns == columns


@pytest.mark.parametrize(
    "shown", [" ".join(order) for order in permutations(("{category}", "{title}", "{keyphrase}"))]
)
def test_pairs_are_asked_in_the_order_that_shares_the_longest_beginnings(
    pairs: Callable[[int], Path], shown: str
) -> None:
    made = Prompt(f"# User\n{shown}{GRADES}", BINARY)

    def shared(rows: list[Row]) -> int:
        texts = [made.render(*row).user for row in rows]
        return sum(
            len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))
            for one, other in pairwise(texts)
        )

    asked = [row for chunk in rows_in_order(pairs(200), made) for row in chunk]
    assert len(asked) == 200
    for key in permutations(range(3)):
        assert shared(asked) >= shared(sorted(asked, key=lambda row: [row[place] or "" for place in key]))


def test_files_of_guidance_and_examples(tmp_path: Path) -> None:
    own, guidance, examples = tmp_path / "p.md", tmp_path / "g.json", tmp_path / "e.json"
    own.write_text(OWN)
    guidance.write_text(json.dumps({"Mugs": "look at the handle"}))
    examples.write_text(json.dumps([{"keyphrase": "a", "title": "b", "grade": "relevant"}]))
    text = load("binary", own, guidance=guidance, examples=examples).render("k", "t", "Mugs").user
    assert "look at the handle" in text
    assert "<answer>yes</answer>" in text
    for file, bad in ((guidance, "[]"), (examples, "{}"), (examples, '[{"title": 1}]'), (guidance, "{")):
        file.write_text(bad)
        with pytest.raises(BadConfig, match=file.name):
            load("binary", guidance=guidance, examples=examples)
        guidance.write_text("{}")
        examples.write_text("[]")


@given(st.text(), st.text(), st.text())
def test_judged_text_never_leaves_its_tags(keyphrase: str, title: str, category: str) -> None:
    user = load("binary").render(keyphrase, title, category).user
    for tag in ("title", "keyphrase", "category"):
        assert user.count(f"<{tag}>") == user.count(f"</{tag}>") == 1
    lines = user.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("Could a buyer")


@given(st.sampled_from(["{title}", "{keyphrase}", "\0title", "{guidance}", "{}", "{x}"]))
def test_placeholders_in_judged_text_are_text(text: str) -> None:
    made = Prompt("# User\n{category}{title}{keyphrase}\n" + OWN[OWN.index("# Grades") :], BINARY)
    shown = text.replace("\0", " ").strip()
    assert made.render("K", "T", text).user == f"{shown}TK"
    assert made.render(text, "T", "C").user == f"CT{shown}"


def test_no_prompt_is_shared_between_scales() -> None:
    folder = Path(prompt.__file__).parent / "prompts"
    assert {path.stem for path in folder.glob("*.md")} == set(SCALES)


@given(st.text(), st.text(), st.none() | st.text(), st.sampled_from(["binary", "own", "slot first"]))
def test_a_digest_names_the_rendered_text(
    keyphrase: str, title: str, category: str | None, which: str
) -> None:
    slot = "# System\n{title}\n" + OWN.replace("{category}|{title}|", "")
    made = {"binary": load("binary"), "own": Prompt(OWN, BINARY), "slot first": Prompt(slot, BINARY)}[which]
    assert made.digest(keyphrase, title, category) == made.render(keyphrase, title, category).digest()
