"""Start weights: the package's own weights, bit by bit; PCA; a vocabulary of one's own; clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from adjudge.errors import BadConfig
from adjudge.quiet import quiet_transformers
from adjudge.student.network import logits
from adjudge.student.settings import StudentSettings
from adjudge.student.start import (
    MINILM_SHA256,
    PCA_STD,
    attend_alike,
    minilm_folder,
    minilm_hash,
    project,
    start,
)
from adjudge.student.vocabulary import wordpiece
from planted import planted


def begin(texts: tuple[str, ...] = (), **values: object) -> object:
    torch.manual_seed(0)
    with quiet_transformers():
        return start(StudentSettings(**values), texts)


def test_the_packages_weights_are_the_ones_measured() -> None:
    assert minilm_hash() == MINILM_SHA256


def test_minilm_brings_its_first_layers_bit_by_bit() -> None:
    from safetensors.torch import load_file

    given = load_file(minilm_folder() / "model.safetensors")
    ours = begin(start="minilm", layers=2).model.bert.state_dict()
    assert len({name.split(".")[2] for name in ours if name.startswith("encoder")}) == 2
    shared = [name for name in given if name in ours and not name.startswith("pooler")]
    assert len(shared) > 30
    assert all(torch.equal(given[name], ours[name]) for name in shared if "position_ids" not in name)


def test_projection_keeps_the_most_variance_at_the_stated_scale() -> None:
    from sklearn.decomposition import PCA

    vectors = torch.from_numpy(np.random.default_rng(0).normal(size=(500, 20)) * np.linspace(3, 0.1, 20))
    flat, axes = project(vectors, 5)
    assert flat.std().item() == pytest.approx(PCA_STD, rel=1e-5)
    theirs = PCA(5).fit_transform(vectors.numpy())
    for place in range(5):
        assert abs(np.corrcoef(theirs[:, place], flat[:, place].numpy())[0, 1]) == pytest.approx(
            1.0, abs=1e-5
        )
    centred = (vectors - vectors.mean(dim=0)).float()
    assert torch.allclose(centred @ axes, flat, atol=1e-5)


def test_projected_words_keep_their_neighbours() -> None:
    begun = begin(width=64)
    words = begun.model.bert.embeddings.word_embeddings.weight
    assert words.shape == (30522, 64)
    near, far = (
        torch.cosine_similarity(*(words[begun.tokenizer.token_to_id(word)] for word in pair), dim=0).item()
        for pair in (("shoe", "boots"), ("shoe", "senator"))
    )
    assert near > far + 0.2


def test_attention_begins_by_looking_for_like_tokens() -> None:
    plain, alike = begin(alike=0.0), begin(alike=0.0)
    attend_alike(alike.model, 1.0)
    states = torch.nn.functional.layer_norm(torch.randn(30, 128), (128,))
    scores = []
    for begun in (plain, alike):
        attention = begun.model.bert.encoder.layer[0].attention.self
        query, key = (part(states)[:, :64] for part in (attention.query, attention.key))
        scores.append((query @ key.T / 8).detach())
    own = [(score.diag().mean() - score.mean()).item() for score in scores]
    assert abs(own[0]) < 0.5
    assert own[1] > 5


def test_random_start_has_a_vocabulary_of_the_users_words() -> None:
    texts = planted(200)["title"].to_pylist()
    tokenizer = wordpiece(texts, 300)
    assert tokenizer.get_vocab_size() <= 300
    assert wordpiece(reversed(texts), 300).to_str() == tokenizer.to_str()
    assert tokenizer.encode("ACME zacmez", add_special_tokens=False).tokens[0] == "acme"
    assert "[UNK]" not in tokenizer.encode("zacmez", add_special_tokens=False).tokens
    assert tokenizer.encode("東", add_special_tokens=False).tokens == ["[UNK]"]
    assert tokenizer.encode("acme guitar", add_special_tokens=False).tokens == ["acme", "guitar"]
    begun = begin(tuple(texts), start="random", vocabulary=300, width=32, layers=1)
    assert begun.model.config.vocab_size == begun.tokenizer.get_vocab_size()


def test_the_forward_pass_equals_transformers_own() -> None:
    begun = begin(layers=2)
    ids = torch.randint(1000, 20000, (3, 9))
    mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3, [1] * 4 + [0] * 5])
    types = (torch.arange(9) > 3).long().expand(3, 9)
    begun.model.eval()
    with torch.no_grad():
        theirs = begun.model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
        assert torch.allclose(logits(begun.model, ids, types, mask), theirs, atol=1e-6)
        whole = begun.model(input_ids=ids, token_type_ids=types).logits
        assert torch.allclose(logits(begun.model, ids, types), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start": "nobody/nothing-here"}, "cannot be loaded.*allow_download=true"),
        ({"start": "minilm", "layers": 7}, "layers is 7.*allowed is 1 to 6"),
        ({"width": 512, "heads": 8}, "width is 512: minilm-pca allows at most 384"),
    ],
)
def test_a_start_that_cannot_be_had_names_the_next_step(values: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        begin(**values)


def test_an_empty_folder_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be loaded"):
        begin(start=str(tmp_path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": 0.0}, "lr is 0.0: allowed is 1e-08 to 1.0"),
        ({"head": "corall"}, "did you mean coral"),
        ({"width": 100, "heads": 3}, "heads is 3: it must divide width 100"),
        ({"soft": True, "head": "coral"}, "soft needs head 'binary'"),
        ({"start": " "}, "start is empty"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        StudentSettings(**values)
