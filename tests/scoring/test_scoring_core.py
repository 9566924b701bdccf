"""The scoring core: order, neighbours, unscorable rows, odd texts, torn and edited artifacts, no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadArtifact, BadConfig
from adjudge.manifest import set_threshold
from adjudge.scoring.check import check
from adjudge.scoring.open_model import open_model
from adjudge.stats.calibration import Calibration
from adjudge.student import artifact as artifacts
from planted import planted


@pytest.fixture
def copy(artifact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(artifact, tmp_path / "copy"))


def test_scores_by_hand() -> None:
    logits = np.array([[np.log(3), 0.0]])
    assert artifacts.scores(logits, "coral", Calibration())[0] == pytest.approx(0.625)
    assert artifacts.scores(logits, "corn", Calibration())[0] == pytest.approx(0.5625)
    assert artifacts.scores(logits[:, :1], "binary", Calibration())[0] == pytest.approx(0.75)
    assert artifacts.scores(logits[:, 1:], "binary", Calibration(2.0, np.log(3)))[0] == pytest.approx(0.75)


def test_a_score_depends_on_its_pair_alone(artifact: Path) -> None:
    rows = planted(200, seed=4)
    scorer = open_model(artifact)
    whole = scorer.score(rows)
    assert whole.dtype == np.float64
    assert whole.shape == (200,)
    assert ((whole >= 0) & (whole <= 1)).all()
    order = np.random.default_rng(0).permutation(200)
    assert np.abs(scorer.score(rows.take(pa.array(order))) - whole[order]).max() < 1e-6
    for row in range(0, 200, 37):
        assert scorer.score(rows.slice(row, 1))[0] == pytest.approx(whole[row], abs=1e-6)


@pytest.mark.parametrize(("workers", "tokens"), [(1, 1), (1, 100), (3, 64), (2, 100_000)])
def test_workers_and_batches_change_no_score(artifact: Path, workers: int, tokens: int) -> None:
    rows = planted(120, seed=5)
    assert (
        np.abs(open_model(artifact, workers, tokens).score(rows) - open_model(artifact).score(rows)).max()
        < 1e-6
    )


def test_odd_texts_are_scored_and_empty_ones_are_nan(artifact: Path) -> None:
    rows = {
        "item_id": ["1", "2", "3", "4", "5", "6", "7", None],
        "keyphrase": ["red shoe", "🔥", "a" * 5000, "", "red", "red [SEP] shoe", "red shoe", "red shoe"],
        "title": ["word " * 2000, "👨‍👩‍👧", "x", "t", None, "[CLS]", "word " * 2000, "t"],
        "category": [None, "", "c", "c", "c", "[PAD]", None, "c"],
    }
    scores = open_model(artifact).score(pa.table(rows))
    assert np.isnan(scores).tolist() == [False, False, False, True, True, False, False, True]
    assert scores[0] == scores[6]


def test_without_a_category_column(artifact: Path) -> None:
    rows = planted(20).drop_columns(["category"])
    blank = rows.append_column("category", pa.nulls(20, pa.string()))
    assert (open_model(artifact).score(rows) == open_model(artifact).score(blank)).all()
    assert open_model(artifact).score(rows.slice(0, 0)).shape == (0,)


def test_golden_pairs_hold(artifact: Path) -> None:
    checked = check(artifact)
    assert checked.pairs == 74
    assert checked.worst < 1e-4


@pytest.mark.parametrize("name", artifacts.DECIDING)
def test_an_edited_file_is_refused(copy: Path, name: str) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BadArtifact, match="was changed after it was written"):
        open_model(copy)


@pytest.mark.parametrize("name", [*artifacts.DECIDING, "adjudge.json"])
def test_a_torn_file_is_refused(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadArtifact, match="Copy or train it again|written by: adjudge train"):
        open_model(copy)
    path.unlink()
    with pytest.raises(BadArtifact, match="incomplete: .* missing|is not an artifact"):
        open_model(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calibration": {"a": 2.0, "b": 0.0}}, "was changed after it was written"),
        ({"max_length": 12}, "was changed after it was written"),
        ({"format": 2}, "artifact format 2; allowed is 1"),
        ({"kind": "jaccard"}, "is not a manifest: .* no setting 'max_length'"),
        ({"kind": "split-encoder"}, "was changed after it was written"),
        ({"kind": "jacard"}, "holds a model of kind 'jacard'; allowed here is .*did you mean jaccard"),
        ({"thresold": 0.5}, "is not a manifest: .*did you mean threshold"),
    ],
)
def test_an_edited_manifest_is_refused(copy: Path, change: dict[str, object], message: str) -> None:
    path = copy / "adjudge.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadArtifact, match=message):
        open_model(copy)


def test_golden_pairs_that_do_not_hold_are_refused(copy: Path) -> None:
    golden = pq.read_table(copy / "golden.parquet")
    place = golden.schema.get_field_index("score")
    moved = pa.array(golden["score"].to_numpy() + 2e-4)
    pq.write_table(golden.set_column(place, "score", moved), copy / "golden.parquet")
    with pytest.raises(BadArtifact, match="fails its golden pairs: scores are off by up to 2"):
        check(copy)
    (copy / "golden.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadArtifact, match="cannot be read"):
        check(copy)


def test_a_threshold_is_set_without_changing_the_version(copy: Path) -> None:
    before = artifacts.guard(copy)
    set_threshold(copy, 0.31, 0.95, "95 % of clicks, click-weighted, dev split")
    after = artifacts.guard(copy)
    assert (after.threshold, after.threshold_by.retention) == (0.31, 0.95)
    assert after.model_version == before.model_version
    assert open_model(copy).threshold == 0.31
    with pytest.raises(BadConfig, match="threshold is nan"):
        set_threshold(copy, float("nan"), 0.95, "x")


def test_settings_out_of_range_are_refused(artifact: Path) -> None:
    with pytest.raises(BadConfig, match="workers is -1"):
        open_model(artifact, workers=-1)


def test_scoring_needs_no_torch(artifact: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import adjudge.scoring.open_model as s; import pyarrow as pa;"
        "t = pa.table({'item_id': ['1'], 'keyphrase': ['red shoe'], 'title': ['acme red shoe']});"
        "print(s.open_model(Path(sys.argv[1])).score(t)[0]);"
        "bad = {'torch', 'transformers', 'sklearn'} & set(sys.modules); sys.exit(f'imported {bad}' if bad "
        "else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(artifact)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1
