"""States on disk: the same scores, half the size, and never another model's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadArtifact, BadConfig, BadTable
from adjudge.jobs.score import ScoreConfig, score
from adjudge.jobs.states import StatesConfig, states
from adjudge.scoring.open_model import open_model
from adjudge.scoring.split import store
from adjudge.scoring.split.store import StatesInfo, StateStore
from adjudge.storage.files import bring_back
from planted import planted

ROWS = planted(120, seed=14)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """items.parquet (three quarters of the items) and keyphrases.parquet."""
    folder = tmp_path_factory.mktemp("tables")
    pq.write_table(ROWS.slice(0, 90).select(["item_id", "title", "category"]), folder / "items.parquet")
    pq.write_table(ROWS.select(["keyphrase"]), folder / "keyphrases.parquet")
    return folder


def kept(artifact: Path, tables: Path, out: Path, dtype: str = "float16") -> list[Path]:
    folders = [out / "items", out / "keyphrases"]
    states(StatesConfig(artifact, folders[0], items=tables / "items.parquet", dtype=dtype, batch=16))
    states(StatesConfig(artifact, folders[1], keyphrases=tables / "keyphrases.parquet", dtype=dtype))
    return folders


def test_scores_from_kept_states_are_the_very_same(
    split_artifact_folder: Path, tables: Path, tmp_path: Path
) -> None:
    fresh = open_model(split_artifact_folder, 1).score(ROWS)
    scorer = open_model(split_artifact_folder, 1, states=kept(split_artifact_folder, tables, tmp_path))
    assert (scorer.score(ROWS) == fresh).all()
    keyphrases, items = scorer.stored
    assert keyphrases is not None
    assert items is not None
    assert all(found is not None for found in keyphrases.find(sorted(set(ROWS["keyphrase"].to_pylist()))))
    assert items.find(["Shoes [SEP] nobody lists this"]) == [None]


def test_int8_halves_the_size_and_moves_a_score_slightly(
    split_artifact_folder: Path, tables: Path, tmp_path: Path
) -> None:
    whole = kept(split_artifact_folder, tables, tmp_path / "whole")
    small = kept(split_artifact_folder, tables, tmp_path / "small", "int8")
    sizes = [store.read_about(folder) for folder in (whole[0], small[0])]
    assert sizes[0].bytes == sizes[0].tokens * 128 * 2
    assert sizes[1].bytes == sizes[1].tokens * (128 + 2)
    fresh = open_model(split_artifact_folder, 1).score(ROWS)
    gap = np.abs(open_model(split_artifact_folder, 1, states=small).score(ROWS) - fresh)
    assert 0 < gap.max() < 0.03


def test_int8_scores_have_a_version_of_their_own_and_depend_on_no_store(
    split_artifact_folder: Path, tables: Path, tmp_path: Path
) -> None:
    small = kept(split_artifact_folder, tables, tmp_path / "small", "int8")
    most = open_model(split_artifact_folder, 1, states=small)
    pq.write_table(ROWS.slice(0, 2).select(["item_id", "title"]), tmp_path / "items.parquet")
    pq.write_table(ROWS.slice(0, 2).select(["keyphrase"]), tmp_path / "keyphrases.parquet")
    few = open_model(
        split_artifact_folder, 1, states=kept(split_artifact_folder, tmp_path, tmp_path / "few", "int8")
    )
    assert (most.score(ROWS) == few.score(ROWS)).all()
    plain = open_model(split_artifact_folder, 1).version
    assert most.version == few.version == f"{plain}+int8-keyphrases-items"
    assert open_model(split_artifact_folder, 1, states=small[:1]).version == f"{plain}+int8-items"
    whole = kept(split_artifact_folder, tables, tmp_path / "whole")
    assert open_model(split_artifact_folder, 1, states=whole).version == plain


def test_a_token_by_hand() -> None:
    """Largest entry 2.54: scale .02; 1.27 is step 63.5, which rounds to 64: 1.28 comes back."""
    states_ = np.array([[2.54, 1.27, 0.0, -2.54], [0.0, 0.0, 0.0, 0.0]], np.float16)
    packed = store._packed(states_, np.array([2]), "int8")
    about = StatesInfo("v", "items", 4, "int8", 1, 2, 12)
    back = store._unpacked(packed[0].as_buffer(), 2, about)
    assert back[0].tolist() == pytest.approx([2.54, 1.28, 0.0, -2.54], abs=0.004)
    assert back[1].tolist() == [0.0] * 4
    assert len(packed[0].as_py()) == 12


def test_texts_of_one_hash_are_told_apart(
    split_artifact_folder: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = open_model(split_artifact_folder, 1).score(ROWS)
    monkeypatch.setattr(store, "_hashes", lambda texts: np.zeros(len(texts), np.uint64))
    folders = kept(split_artifact_folder, tables, tmp_path)
    assert (open_model(split_artifact_folder, 1, states=folders).score(ROWS) == fresh).all()


def test_states_of_another_model_are_refused(
    split_artifact_folder: Path, tables: Path, tmp_path: Path
) -> None:
    items, _ = kept(split_artifact_folder, tables, tmp_path)
    about = json.loads((items / "states.json").read_text())
    (items / "states.json").write_text(json.dumps({**about, "model_version": "0" * 12}))
    with pytest.raises(BadArtifact, match="holds states of model 000000000000; the artifact is"):
        open_model(split_artifact_folder, states=[items])


def test_texts_that_are_not_utf8_have_no_states(
    split_artifact_folder: Path, tables: Path, tmp_path: Path
) -> None:
    """`score` sets their rows aside; all others are as they would be without them."""
    good = states(StatesConfig(split_artifact_folder, tmp_path / "good", items=tables / "items.parquet"))
    broken = pa.array([b"red \xff", b"red"], pa.binary()).cast(pa.string(), safe=False)
    more = pa.table({"item_id": ["x", "y"], "title": broken, "category": broken.take([1, 0])})
    both = pa.concat_tables(
        [pq.read_table(tables / "items.parquet"), more.select(["item_id", "title", "category"])]
    )
    pq.write_table(both, tmp_path / "items.parquet")
    again = states(StatesConfig(split_artifact_folder, tmp_path / "s", items=tmp_path / "items.parquet"))
    assert again.about == good.about
    assert all(
        (tmp_path / "s" / name).read_bytes() == (tmp_path / "good" / name).read_bytes()
        for name in ("hashes.bin", "rows.bin", "states.arrow")
    )


def test_bad_folders_and_settings_are_refused(
    split_artifact_folder: Path, artifact: Path, tables: Path, tmp_path: Path
) -> None:
    items, keyphrases = kept(split_artifact_folder, tables, tmp_path)
    with pytest.raises(BadConfig, match="two folders of items"):
        open_model(split_artifact_folder, states=[items, items])
    with pytest.raises(BadConfig, match="states are for a split student"):
        open_model(artifact, states=[items])
    with pytest.raises(BadArtifact, match="holds no states"):
        StateStore(tables, "x")
    with pytest.raises(BadConfig, match="needs items or keyphrases"):
        StatesConfig(artifact, tmp_path / "x")
    with pytest.raises(BadTable, match="needs column"):
        states(StatesConfig(split_artifact_folder, tmp_path / "x", items=tables / "keyphrases.parquet"))
    with pytest.raises(BadConfig, match="is left alone"):
        states(StatesConfig(split_artifact_folder, tables, keyphrases=tables / "keyphrases.parquet"))
    (keyphrases / "hashes.bin").write_bytes(b"\0" * 8)
    with pytest.raises(BadArtifact, match="is incomplete"):
        StateStore(keyphrases, open_model(split_artifact_folder).version)


def test_the_engine_reads_states(split_artifact_folder: Path, tables: Path, tmp_path: Path) -> None:
    pairs = ROWS.select(["item_id", "keyphrase", "title", "category"])
    pq.write_table(pairs, tmp_path / "in.parquet")
    folders = tuple(kept(split_artifact_folder, tables, tmp_path))
    paths = [tmp_path / f"{name}.parquet" for name in ("with", "without")]
    for path, given in zip(paths, (folders, ()), strict=True):
        score(ScoreConfig(split_artifact_folder, tmp_path / "in.parquet", path, workers=1, states=given))
    one, other = (pq.read_table(path)["score"] for path in paths)
    assert one == other
    assert pa.types.is_float64(one.type)


def test_an_earlier_folder_is_replaced(split_artifact_folder: Path, tables: Path, tmp_path: Path) -> None:
    first = states(StatesConfig(split_artifact_folder, tmp_path / "s", items=tables / "items.parquet")).about
    again = states(
        StatesConfig(split_artifact_folder, tmp_path / "s", keyphrases=tables / "keyphrases.parquet")
    ).about
    assert (first.side, again.side) == ("items", "keyphrases")
    assert store.read_about(tmp_path / "s") == again
    shutil.rmtree(tmp_path / "s")


def test_older_states_stay_until_the_new_ones_are_there(
    split_artifact_folder: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    kept(split_artifact_folder, tables, out)
    folder = out / "items"
    before = {path.name for path in folder.iterdir()} - {"settings.json"}
    real = shutil.rmtree

    def rmtree(path: Path, *more: object, **options: object) -> None:
        held = Path(path).exists()
        real(path, *more, **options)  # type: ignore[arg-type]
        if held:
            raise KeyboardInterrupt

    # Killed when the first folder is gone, whichever that is.
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    with pytest.raises(KeyboardInterrupt):
        kept(split_artifact_folder, tables, out, "int8")
    monkeypatch.undo()
    bring_back(folder)
    assert {path.name for path in folder.iterdir()} - {"settings.json"} == before
    kept(split_artifact_folder, tables, out, "int8")
    assert store.read_about(folder).dtype == "int8"
    assert sorted(path.name for path in out.iterdir()) == ["items", "keyphrases"]
