"""The start point that compares: its flag says who is matched before any training, and it loads like any start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

from adjudge.errors import BadConfig
from adjudge.student.matching import MatchingSettings, axes, write_start
from adjudge.student.settings import StudentSettings
from adjudge.student.start import start
from adjudge.student.text import text_pair

SETTINGS = MatchingSettings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_start(tmp_path_factory.mktemp("start") / "start", SETTINGS)


def flags(folder: Path, keyphrase: str, title: str, category: str | None = None) -> dict[str, float]:
    """The flag of each of the keyphrase's tokens after the first layer's attention."""
    model = BertForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(*text_pair(keyphrase, category, title), return_tensors="pt")
    kept: list[torch.Tensor] = []
    layer = model.bert.encoder.layer[0].attention.output
    layer.register_forward_hook(lambda module, given, made: kept.append(made))
    with torch.no_grad():
        model(**inputs)
    words = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    first = (inputs["token_type_ids"][0] == 0).tolist()
    values = kept[0][0, :, SETTINGS.words].tolist()
    return {
        word: value
        for word, value, own in zip(words, values, first, strict=True)
        if own and not word.startswith("[")
    }


def test_a_word_that_stands_in_the_title_has_the_higher_flag(folder: Path) -> None:
    found = flags(folder, "red guitar", "Northwind red lamp with a shade")
    assert found["red"] > 2 * found["guitar"]
    other = flags(folder, "red guitar", "Northwind blue guitar strings", "Music")
    assert other["guitar"] > 2 * other["red"]


def test_a_related_word_stands_between(folder: Path) -> None:
    same, related, none = (
        flags(folder, "sofa", f"leather {word} for the living room")["sofa"]
        for word in ("sofa", "couch", "drill")
    )
    assert same > related > none > 0


def test_it_is_a_start_like_any_other(folder: Path) -> None:
    begun = start(StudentSettings(start=str(folder)), [])
    assert begun.model.config.hidden_size == SETTINGS.width
    assert begun.model.config.num_hidden_layers == SETTINGS.layers
    assert begun.model.config.num_labels == 1


def test_the_same_seed_gives_the_same_start(folder: Path, tmp_path: Path) -> None:
    again = write_start(tmp_path / "again", SETTINGS)
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_global_randomness_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    write_start(tmp_path / "start", MatchingSettings(width=32, heads=2))
    assert torch.equal(torch.rand(1), before)


def test_axes_are_principal_and_signed() -> None:
    vectors = torch.tensor(np.random.default_rng(0).normal(size=(200, 6)) * [5, 4, 3, 2, 1, 0.5])
    found = axes(vectors, 3)
    projected = (vectors - vectors.mean(0)) @ found
    np.testing.assert_allclose((found.T @ found).numpy(), np.eye(3), atol=1e-9)
    spread = projected.std(0)
    assert spread[0] > spread[1] > spread[2]
    assert all(column[column.abs().argmax()] > 0 for column in found.T)
    flipped = axes(vectors, 6)
    np.testing.assert_allclose(flipped[:, :3].numpy(), found.numpy(), atol=1e-9)


@pytest.mark.parametrize(
    ("given", "named"),
    [({"heads": 3}, "heads"), ({"width": 4000}, "width"), ({"width": 8, "heads": 4}, "heads")],
)
def test_settings_that_do_not_fit(given: dict[str, int], named: str) -> None:
    with pytest.raises(BadConfig, match=named):
        MatchingSettings(**given)  # type: ignore[arg-type]
