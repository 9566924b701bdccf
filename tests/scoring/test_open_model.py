"""Opening models: one reading of the manifest, every kind in the registry, hot swap, and no lock while a
graph runs."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjudge import manifest as manifests
from adjudge.errors import BadArtifact, BadConfig
from adjudge.manifest import KINDS, BaselineSection, CrossEncoderSection, EncoderSection, Manifest
from adjudge.scoring.open_model import OPENERS, ModelSlot, chosen_precision, open_model
from adjudge.scoring.split.cache import Rows, TextCache
from adjudge.scoring.split.scorer import SplitScorer
from planted import planted


def test_every_kind_has_a_section_and_an_opener() -> None:
    assert set(OPENERS) == set(KINDS)


def test_the_manifest_is_read_once(artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = Path.read_text

    def counted(path: Path, *more: Any, **options: Any) -> str:
        reads.append(path.name)
        return read(path, *more, **options)

    monkeypatch.setattr(Path, "read_text", counted)
    open_model(artifact)
    assert reads.count("adjudge.json") == 1


def test_a_folder_of_another_kind_is_refused(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match="kind 'cross-encoder'; allowed here is split-encoder"):
        open_model(artifact, kinds=["split-encoder"])
    copy = Path(shutil.copytree(artifact, tmp_path / "copy"))
    values = json.loads((copy / "adjudge.json").read_text())
    (copy / "adjudge.json").write_text(json.dumps({**values, "kind": "ranker"}))
    with pytest.raises(
        BadArtifact, match="kind 'ranker'; allowed here is .*newer adjudge may know more kinds"
    ):
        open_model(copy)
    for options in ({"workers": 2000}, {"batch_tokens": 0}):
        with pytest.raises(BadConfig, match="allowed is"):
            open_model(artifact, **options)  # type: ignore[arg-type]


def test_a_run_settles_its_precision_once(artifact: Path, split_artifact_folder: Path) -> None:
    about = manifests.read(split_artifact_folder)
    assert chosen_precision(split_artifact_folder, about, "auto") == "fp32"
    assert chosen_precision(artifact, manifests.read(artifact), "auto") == "fp32", (
        "no gate has judged the others"
    )
    assert chosen_precision(artifact, manifests.read(artifact), "int8") == "int8", "refused when it is opened"


def test_sections_by_kind_and_the_flat_file_of_format_1(artifact: Path, tmp_path: Path) -> None:
    about = manifests.read(artifact)
    assert isinstance(about.section, CrossEncoderSection)
    assert about.section.max_length == about.config["max_length"]
    # A file as an earlier adjudge wrote it: head, max_length and precisions stand in every kind's manifest.
    baseline = manifests.write(tmp_path, Manifest("jaccard", config={"a": 1}))
    values = json.loads((tmp_path / "adjudge.json").read_text())
    assert (values["head"], values["max_length"], values["precisions"]) == ("binary", None, {})
    assert "section" not in values
    assert manifests.guard(tmp_path) == baseline
    assert isinstance(baseline.section, BaselineSection)
    (tmp_path / "adjudge.json").write_text(json.dumps({**values, "max_length": 7}))
    with pytest.raises(BadArtifact, match="has no setting 'max_length'"):
        manifests.read(tmp_path)


@pytest.mark.parametrize(
    ("about", "version"),
    [
        (Manifest("jaccard", config={"settings": {"x": 1}}), "af66cfd773a5"),
        (Manifest("cross-encoder", section=CrossEncoderSection("coral", 48)), "15e53154b4f8"),
        (
            Manifest("split-encoder", section=EncoderSection("binary", 64), config={"y": [1, 2]}),
            "9332cf90615d",
        ),
    ],
)
def test_versions_are_those_of_earlier_releases(about: Manifest, version: str, tmp_path: Path) -> None:
    """Computed by the code before manifests had sections (commit 919f799)."""
    assert manifests.version_of(tmp_path, about) == version


class Constant:
    """Scores everything by its version."""

    threshold = 0.5

    def __init__(self, version: str) -> None:
        self.version = version

    def score(self, pairs: Any) -> np.ndarray:
        return np.full(4, float(self.version))


def test_a_swap_is_safe_while_others_score() -> None:
    slot = ModelSlot(Constant("0"))
    stop = threading.Event()

    def serve() -> tuple[int, set[str]]:
        calls, versions = 0, set()
        while not stop.is_set():
            scorer = slot.current
            assert (scorer.score(None) == float(scorer.version)).all(), "scores and version of one model"
            calls, versions = calls + 1, versions | {scorer.version}
        return calls, versions

    with ThreadPoolExecutor(8) as pool:
        serving = [pool.submit(serve) for _ in range(4)]
        swaps = [pool.submit(slot.swap, Constant(str(number))) for number in range(1, 200)]
        replaced = [swap.result().version for swap in swaps]
        stop.set()
        assert all(calls > 0 for calls, _ in (job.result() for job in serving))
    # Each model left the slot exactly once; the last is still there.
    assert sorted([*replaced, slot.current.version], key=int) == [str(number) for number in range(200)]


def test_an_opened_model_takes_over(artifact: Path, split_artifact_folder: Path) -> None:
    rows = planted(20, seed=2)
    slot = ModelSlot(open_model(artifact, 1))
    before = slot.current
    assert slot.swap(open_model(split_artifact_folder, 1)) is before
    assert slot.current.version != before.version
    assert (slot.current.score(rows) == open_model(split_artifact_folder, 2).score(rows)).all()


def rows_of(texts: list[str]) -> Rows:
    lengths = np.array([len(text) for text in texts])
    return lengths, [np.concatenate([np.array([ord(sign) for sign in text], np.float32) for text in texts])]


def text_at(cache: TextCache, texts: list[str], compute: Any = rows_of) -> list[str]:
    rows = cache.find(texts, compute)
    spans = zip(rows.starts.tolist(), rows.lengths.tolist(), strict=True)
    return [
        "".join(chr(int(code)) for code in rows.columns[0][start : start + length]) for start, length in spans
    ]


def test_nothing_is_computed_under_the_lock() -> None:
    cache = TextCache(4 * 100)

    def compute(texts: list[str]) -> Rows:
        assert not cache.lock.locked()
        # Another thread is not kept waiting, and may add the same texts first.
        if texts == ["aa", "bb"]:
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(text_at, cache, ["bb", "cc"]).result(timeout=5) == ["bb", "cc"]
        return rows_of(texts)

    assert text_at(cache, ["aa", "bb"], compute) == ["aa", "bb"]
    assert cache.added == 3, "bb was computed twice and added once"


@pytest.mark.parametrize("most_bytes", [0, 4 * 6, 4 * 40])
def test_many_threads_find_the_right_rows_however_small_the_room(most_bytes: int) -> None:
    cache = TextCache(most_bytes)
    words = [f"{number:x}" * (1 + number % 3) for number in range(10, 40)]

    def use(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            texts = [words[number] for number in rng.choice(len(words), rng.integers(1, 6), replace=False)]
            assert text_at(cache, texts) == texts

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))


def test_threads_share_one_split_scorer(split_artifact_folder: Path) -> None:
    rows = planted(120, seed=4)
    expected = open_model(split_artifact_folder, 1).score(rows)
    scorer = open_model(split_artifact_folder, 2)
    assert isinstance(scorer, SplitScorer)
    scorer = replace(scorer, keyphrases=TextCache(20_000), items=TextCache(20_000))
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda first: scorer.score(rows.slice(first, 15)), range(0, 120, 15)))
    assert (np.concatenate(pieces) == expected).all()


def test_a_scorer_makes_its_threads_once(artifact: Path) -> None:
    scorer = open_model(artifact, 3)
    rows = planted(200, seed=5)
    names = set()
    for _ in range(4):
        scorer.score(rows)
        names |= {thread.name for thread in threading.enumerate() if thread.name.startswith("scoring")}
    assert len(names) <= 3 * 2, "three threads for this scorer, and perhaps some of one that is still alive"
