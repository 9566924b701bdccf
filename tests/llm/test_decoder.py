"""The committed decoder: what is in its folder, and that it judges."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.llm.transformers_client import TransformersSettings

DECODER = Path(__file__).parents[1] / "decoder"
TOOLS = Path(__file__).parents[2] / "tools" / "decoder"
UNSEEN = 7
"""A market that the decoder was not pretrained on."""
LEAST_AUC = 0.9
"""See bench/results/decoder.md for larger samples."""


@pytest.fixture(scope="module")
def tools() -> None:
    sys.path.insert(0, str(TOOLS))


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in DECODER.iterdir()) < 10_000_000


def test_it_was_never_shown_the_market_it_is_measured_on() -> None:
    settings = json.loads((DECODER / "pretraining.json").read_text())["settings"]
    seen = range(settings["first_world"], settings["first_world"] + settings["worlds"])
    assert UNSEEN not in seen


@pytest.mark.usefixtures("tools")
def test_every_grade_word_is_one_token() -> None:
    from tokens import check
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(DECODER)
    check(tokenizer)
    assert len(tokenizer("irrelevantly", add_special_tokens=False)["input_ids"]) > 1


@pytest.mark.usefixtures("tools")
def test_its_prompts_are_those_it_was_pretrained_with() -> None:
    from pairs import PROMPTS

    for name in PROMPTS.values():
        assert (DECODER / name).read_text() == (TOOLS / name).read_text()


@pytest.mark.usefixtures("tools")
def test_it_tells_relevant_from_irrelevant_on_an_unseen_market(tmp_path: Path) -> None:
    from pairs import worlds

    market = worlds([UNSEEN], 3000)
    chosen = np.random.default_rng(3).permutation(len(market))[:600]
    keyphrases = [market.keyphrases[market.phrase[k]] for k in chosen]
    titles = [market.titles[market.item[k]] for k in chosen]
    table = pa.table({"item_id": [str(k) for k in chosen], "keyphrase": keyphrases, "title": titles})
    pq.write_table(table, tmp_path / "pairs.parquet")
    config = JudgeConfig(
        tmp_path / "pairs.parquet",
        f"hf:{DECODER}",
        tmp_path / "log.sqlite",
        tmp_path / "out.parquet",
        prompt=DECODER / "prompt.md",
        local=TransformersSettings(threads=1),
    )
    judge(config)
    rows = pq.read_table(config.out)
    scored = np.array([status == "scored" for status in rows["status"].to_pylist()])
    assert scored.mean() > 0.99
    probability = rows["probability"].to_numpy()[scored]
    assert roc_auc_score(market.grade[chosen][scored] >= 2, probability) > LEAST_AUC
