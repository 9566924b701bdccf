"""A fine-tuned judge's folder brings its prompt, guidance and examples; what differs is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.judge.tuned_folder import (
    JUDGE_FILE,
    PromptSpec,
    TunedJudge,
    choose_prompt,
    prompt_of,
    read,
    write,
)


@pytest.fixture
def asked(tmp_path: Path) -> PromptSpec:
    (tmp_path / "guidance.json").write_text(json.dumps({"Shoes": "sizes matter"}))
    example = {"keyphrase": "red mug", "title": "Red mug", "grade": "high"}
    (tmp_path / "few.json").write_text(json.dumps([example]))
    return PromptSpec(
        "ordinal3",
        order="worst_first",
        guidance=tmp_path / "guidance.json",
        examples=tmp_path / "few.json",
    )


@pytest.fixture
def folder(tmp_path: Path, asked: PromptSpec) -> Path:
    folder = tmp_path / "judge"
    folder.mkdir()
    card = TunedJudge("base", "", "ordinal3", asked.load().hash, asked.order)
    write(folder, card, asked)
    return folder


def test_the_folder_gives_back_the_prompt_it_was_tuned_with(folder: Path, asked: PromptSpec) -> None:
    card = read(folder)
    assert card is not None
    assert prompt_of(folder, card).hash == asked.load().hash
    plain = choose_prompt(folder, PromptSpec("ordinal3"))
    told = plain.render("red mug", "Red mug", "Shoes").user
    assert "sizes matter" in told
    assert "<answer>high</answer>" in told
    assert choose_prompt(folder, asked).hash == plain.hash


def test_what_differs_is_refused_or_meant(folder: Path, asked: PromptSpec) -> None:
    other = replace(asked, order="best_first")
    with pytest.raises(BadConfig, match="set other_prompt=true if this is meant"):
        choose_prompt(folder, other)
    assert choose_prompt(folder, other, other=True).hash == other.load().hash
    with pytest.raises(BadConfig, match="give --scale ordinal3"):
        choose_prompt(folder, PromptSpec("four"), other=True)
    with pytest.raises(BadConfig, match="local.chat=true"):
        choose_prompt(folder, PromptSpec("ordinal3"), chat=False)
    (folder / "guidance.json").write_text("{}")
    with pytest.raises(BadConfig, match="the folder was edited"):
        choose_prompt(folder, PromptSpec("ordinal3"))


def test_an_order_alone_turns_the_judges_own_prompt(tmp_path: Path) -> None:
    own = tmp_path / "own.md"
    own.write_text(PromptSpec("binary").text().replace("# User", "# User\n\nIn this shop.", 1))
    asked = PromptSpec("binary", own)
    write(tmp_path, TunedJudge("base", "", "binary", asked.load().hash), asked)
    turned = PromptSpec("binary", order="worst_first")
    with pytest.raises(BadConfig, match="other_prompt=true"):
        choose_prompt(tmp_path, turned)
    given = choose_prompt(tmp_path, turned, other=True)
    assert "In this shop." in given.render("red mug", "Red mug", None).user
    assert given.hash == replace(asked, order="worst_first").load().hash


def test_other_folders_and_hub_names_are_asked_as_given(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    for place in (tmp_path, Path("some/hub-name")):
        assert choose_prompt(place, PromptSpec("binary")).hash == PromptSpec("binary").load().hash
    (tmp_path / JUDGE_FILE).write_text("{")
    with pytest.raises(BadConfig, match="cannot be read"):
        read(tmp_path)
