"""Reduced precisions of a real artifact: the gate lets them in or keeps them out, and scores hold to what it
saw."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper

from adjudge import manifest
from adjudge.errors import BadArtifact, BadConfig, MissingExtra, NotEnoughData
from adjudge.manifest import set_threshold
from adjudge.scoring import runners
from adjudge.scoring.core import CrossEncoderScorer
from adjudge.scoring.open_model import open_model
from adjudge.scoring.precision import cpu, quantise
from adjudge.scoring.precision.choose import FILES, verdict_of
from adjudge.scoring.precision.parity_gate import GateLimits
from adjudge.scoring.runners import OpenvinoRunner, TableRunner, WholeGraphRunner
from adjudge.student.artifact import read
from adjudge.student.encode import batches, encode
from adjudge.student.text import text_columns
from planted import planted

HERE = [name for name in FILES if not cpu.units().lacks(name)]
INT8 = FILES["int8"]
needs_int8 = pytest.mark.skipif("int8" not in HERE, reason="this processor has no int8 units")


def gated(folder: Path, limits: GateLimits) -> dict[str, quantise.Judged]:
    rows = planted(900, seed=11)
    found = quantise.quantise(folder, rows.slice(0, 400), rows.slice(400), limits)
    return {one.precision: one for one in found}


@pytest.fixture(scope="module")
def reduced(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact with whatever precisions this machine can judge; limits are those of a user who would
    allow them."""
    folder = Path(shutil.copytree(artifact, tmp_path_factory.mktemp("reduced") / "artifact"))
    gated(folder, GateLimits(0.01, 0.05, 0.2, 0.02))
    return folder


@pytest.fixture
def copy(reduced: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(reduced, tmp_path / "copy"))


@pytest.fixture
def no_openvino(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "openvino", None)
    cpu.units.cache_clear()
    yield
    cpu.units.cache_clear()


@pytest.mark.parametrize("name", HERE)
def test_scores_hold_to_the_gate(reduced: Path, name: str) -> None:
    verdict = verdict_of(reduced, read(reduced), name)
    assert verdict.refused == ()
    assert verdict.parity.pairs == 500
    assert 0 < verdict.parity.mean_error <= verdict.parity.max_error <= 0.2
    assert verdict.parity.auc_lost <= 0.01
    golden = pq.read_table(reduced / "golden.parquet")
    scorer = open_model(reduced, precision=name)
    gaps = np.abs(scorer.score(golden) - golden["score"].to_numpy())
    assert gaps.max() <= 0.2
    assert gaps.mean() <= 0.02
    assert scorer.version == f"{open_model(reduced).version}+{name}"


def test_fp32_is_the_default_and_untouched_by_the_gate(artifact: Path, reduced: Path) -> None:
    rows = planted(60, seed=2)
    assert (open_model(artifact).score(rows) == open_model(reduced).score(rows)).all()
    assert open_model(artifact).version == open_model(reduced).version


def test_auto_takes_the_fastest_that_is_allowed(reduced: Path, artifact: Path) -> None:
    assert open_model(reduced, precision="auto").precision == cpu.units().fastest_first[0]
    assert open_model(artifact, precision="auto").precision == "fp32"


@pytest.mark.parametrize("name", ["int8", "bf16", "mixed"])
def test_what_no_gate_has_judged_is_refused(artifact: Path, name: str) -> None:
    with pytest.raises(BadConfig, match=f"{name} is not open .*Run: adjudge quantise --artifact .*artifact"):
        open_model(artifact, precision=name)
    with pytest.raises(
        BadConfig, match="precision is 'in8': allowed are auto, fp32, bf16, int8, mixed; did you mean int8"
    ):
        open_model(artifact, precision="in8")


@needs_int8
def test_a_spoilt_quantisation_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = quantise.write_int8

    def spoilt(artifact: Path, exact: CrossEncoderScorer, seen: pa.Table) -> None:
        honest(artifact, exact, seen)
        graph = onnx.load(str(artifact / INT8))
        for tensor in graph.graph.initializer:
            if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2:
                turned = np.roll(numpy_helper.to_array(tensor), 1, axis=0)
                tensor.CopyFrom(numpy_helper.from_array(turned, tensor.name))
        onnx.save(graph, str(artifact / INT8))

    good = verdict_of(copy, read(copy), "int8").parity
    limits = GateLimits(0.01, good.decisions_changed, 2 * good.max_error, 2 * good.mean_error)
    assert good.failures(limits) == []
    monkeypatch.setattr(quantise, "write_int8", spoilt)
    found = gated(copy, limits)["int8"].verdict
    assert found is not None
    assert {"max_error", "mean_error"} <= {said.split()[0] for said in found.refused}
    assert not (copy / INT8).exists()
    assert open_model(copy, precision="auto").precision not in ("int8", "mixed")
    with pytest.raises(BadConfig, match="its gate refused it .*mean_error .* > "):
        open_model(copy, precision="int8")


@needs_int8
def test_a_file_changed_after_its_gate_is_refused(copy: Path) -> None:
    content = bytearray((copy / INT8).read_bytes())
    content[-1] ^= 1
    (copy / INT8).write_bytes(bytes(content))
    for asked in ("int8", "mixed", "auto") if "mixed" in HERE else ("int8", "auto"):
        with pytest.raises(BadArtifact, match="was changed after its gate. Run again: adjudge quantise"):
            open_model(copy, precision=asked)
    assert open_model(copy).precision == "fp32"


def test_a_new_threshold_needs_a_new_gate(copy: Path) -> None:
    set_threshold(copy, 0.31, 0.95, "95 % of clicks")
    assert open_model(copy, precision="auto").precision == "fp32"
    for name in HERE:
        with pytest.raises(BadConfig, match="threshold has changed since the gate judged it. Run again"):
            open_model(copy, precision=name)


def test_an_unreadable_verdict_is_refused(copy: Path) -> None:
    values = json.loads((copy / "adjudge.json").read_text())
    manifest.set_precisions(copy, {**values["precisions"], "int8": {"parity": "good"}})
    with pytest.raises(BadArtifact, match="precisions.int8 cannot be read"):
        open_model(copy, precision="auto")


def test_without_openvino(reduced: Path, no_openvino: None) -> None:
    assert open_model(reduced, precision="auto").precision in ("int8", "fp32")
    assert np.isfinite(open_model(reduced, precision="auto").score(planted(10))).all()
    for name in read(reduced).section.precisions.keys() & {"bf16", "mixed"}:
        with pytest.raises(MissingExtra, match=r"openvino is not installed.*adjudge\[openvino\]"):
            open_model(reduced, precision=name)


def test_the_gate_without_openvino_skips_bf16_and_keeps_what_was_known(copy: Path, no_openvino: None) -> None:
    before = read(copy).section.precisions.get("bf16")
    found = gated(copy, GateLimits(1, 1, 1, 1))["bf16"]
    assert found.verdict is None
    assert found.skipped
    assert read(copy).section.precisions.get("bf16") == before


def test_an_old_processor_scores_in_fp32(reduced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = cpu.read_units("model name: Old\nflags: avx2 fma", openvino=True)
    monkeypatch.setattr("adjudge.scoring.precision.choose.units", lambda: old)
    assert open_model(reduced, precision="auto").precision == "fp32"
    if "int8" in HERE:
        with pytest.raises(
            BadConfig, match=r"cannot be had here: this processor \(Old\) has none of avx512_vnni"
        ):
            open_model(reduced, precision="int8")


def test_too_few_held_out_pairs(copy: Path) -> None:
    rows = planted(300, seed=11)
    with pytest.raises(NotEnoughData, match="the gate saw 100 held-out pairs"):
        quantise.quantise(copy, rows.slice(0, 200), rows.slice(200), GateLimits())
    assert open_model(copy).precision == "fp32"


@pytest.mark.parametrize("name", ["fp32", *HERE])
def test_a_score_depends_on_its_pair_alone(reduced: Path, name: str) -> None:
    rows, scorer = planted(150, seed=4), open_model(reduced, precision=name)
    whole = scorer.score(rows)
    order = np.random.default_rng(0).permutation(150)
    # A last bit of float32 may move an 8- or 16-bit rounding, no more.
    most = 1e-6 if name == "fp32" else 2e-3
    assert np.abs(scorer.score(rows.take(pa.array(order))) - whole[order]).max() < most
    for row in range(0, 150, 41):
        assert scorer.score(rows.slice(row, 1))[0] == pytest.approx(whole[row], abs=most)
    two = open_model(reduced, 3, 64, precision=name)
    assert np.abs(two.score(rows) - whole).max() < most


def test_groups_and_tables_stay_bounded(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, scorer = planted(400, seed=6), open_model(artifact, 2, 256)
    runner = scorer.runner
    assert isinstance(runner, TableRunner)
    encoded = encode(scorer.tokenizer, *text_columns(rows), 24)
    lengths = encoded.lengths
    cuts = batches(lengths, 256, exact=True)
    assert max(int(lengths[cut].sum()) for cut in cuts) <= 256
    whole = scorer.score(rows)
    monkeypatch.setattr(runners, "GROUP_TOKENS", 1000)
    monkeypatch.setattr(runners, "TABLE_BYTES", 200 * 4 * 128 * 4)
    groups = runner.plan(lengths, cuts)
    assert len(groups) > 3
    assert sorted(np.concatenate([cut for group in groups for cut in group])) == list(range(400))
    sizes = [len(feed["states"]) for group in groups for feed in runner.feeds(encoded, scorer.special, group)]
    assert len(sizes) == len(cuts)
    assert max(sizes) <= 256
    assert np.abs(scorer.score(rows) - whole).max() < 1e-6


def test_an_artifact_without_tables_is_scored_whole(copy: Path) -> None:
    rows = planted(50, seed=8)
    expected = open_model(copy).score(rows)
    old = tuple(name for name in read(copy).files if "first" not in name and "rest" not in name)
    about = read(copy)
    manifest.write(
        copy, dataclasses.replace(about, files=old, section=dataclasses.replace(about.section, precisions={}))
    )
    scorer = open_model(copy)
    assert isinstance(scorer.runner, WholeGraphRunner)
    assert np.abs(scorer.score(rows) - expected).max() < 1e-6
    assert "train it again" in gated(copy, GateLimits())["int8"].skipped


@pytest.mark.skipif("bf16" not in HERE, reason="no bfloat16 units, or no openvino")
def test_streams_see_few_shapes(reduced: Path) -> None:
    runner = open_model(reduced, 2, 256, precision="bf16").runner
    assert isinstance(runner, OpenvinoRunner)
    shapes = []

    class Spy:
        def infer(self, inputs: dict[str, np.ndarray], **_: object) -> list[np.ndarray]:
            shapes.append((len(inputs["index"]), len(inputs["states"])))
            # What each token's row of the table holds: all tables went the same way.
            assert (inputs["keys"][0, :, :1] == inputs["states"][:, :1]).all()
            return [inputs["states"][inputs["index"][:, 0], :1]]

    states = np.arange(500.0)[:, None] + np.zeros((1, 4))
    for rows in (1, 2, 3, 5, 9, 15, 16):
        index = np.arange(rows * 16).reshape(rows, 16)
        found = runner._batch(Spy(), index, states, keys=np.stack([states, states]))
        assert (found[:, 0] == index[:, 0]).all()
    assert [own for _, own in shapes] == [16, 32, 48, 80, 144, 240, 256]
    assert [rows for rows, _ in shapes] == [1, 2, 4, 8, 16, 16, 16]
