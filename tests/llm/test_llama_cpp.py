"""The committed decoder through llama.cpp's own server: the same tokens, the same verdicts, structured
answers.

Skipped where llama.cpp is not built (`make llama`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import llama_server
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from llama_server import DECODER, PYTHON, WHY_NOT, Server
from paths import Paths, check_equal

from adjudge.jobs.judge import judge
from adjudge.judge.prompt import load
from adjudge.judge.runner import RunSettings
from adjudge.llm.contract import Decoding

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason=WHY_NOT)]
PAIRS = 1000
TOLERANCE = 2e-3
"""Of a probability or a mass: llama.cpp keeps keys and values in float16. Seen: .0009."""
UNSEEN = 7
"""A market that the decoder was not pretrained on."""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder with 1,000 pairs of an unseen market, and their true grades (0 bad to 3 excellent)."""
    sys.path.insert(0, str(DECODER.parents[1] / "tools" / "decoder"))
    from pairs import worlds

    home = tmp_path_factory.mktemp("llama")
    market = worlds([UNSEEN], 200)
    chosen = np.random.default_rng(3).permutation(len(market))[:PAIRS]
    rows = {
        "item_id": [str(market.item[k]) for k in chosen],
        "keyphrase": [market.keyphrases[market.phrase[k]] for k in chosen],
        "title": [market.titles[market.item[k]] for k in chosen],
    }
    pq.write_table(pa.table(rows), home / "pairs.parquet")
    return home, market.grade[chosen]


@pytest.fixture(scope="module")
def server(truth: tuple[Path, np.ndarray]) -> Iterator[Server]:
    home, _ = truth
    with llama_server.serving(llama_server.convert(home), home / "server.log") as running:
        yield running


@pytest.fixture
def paths(truth: tuple[Path, np.ndarray], server: Server) -> Paths:
    home, _ = truth
    return Paths(home, DECODER, DECODER / "prompt.md", server.url, server.complete, top_logprobs=20)


def test_three_paths_agree_on_a_thousand_pairs(paths: Paths) -> None:
    tables = paths.ask_all()
    check_equal(tables, PAIRS, TOLERANCE)
    for table in tables:
        assert np.mean([row["mass"] > 0.99 for row in table]) > 0.99
        assert {row["grade"] for row in table} >= {"relevant", "irrelevant"}


@pytest.mark.parametrize(("scale", "file"), [("four", "prompt-four.md"), ("ordinal3", "prompt-ordinal3.md")])
def test_graded_scales_agree(paths: Paths, tmp_path: Path, scale: str, file: str) -> None:
    few = pq.read_table(paths.home / "pairs.parquet").slice(0, 100)
    pq.write_table(few, tmp_path / "pairs.parquet")
    tables = replace(paths, home=tmp_path, prompt=DECODER / file, scale=scale).ask_all()
    check_equal(tables, 100, TOLERANCE)
    for a, b, _ in zip(*tables, strict=True):
        assert a["expected"] == pytest.approx(b["expected"], abs=3 * TOLERANCE)
    assert len({row["grade"] for row in tables[0]}) >= 2


def test_both_cut_the_same_tokens(truth: tuple[Path, np.ndarray], server: Server) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(DECODER)
    prompt = load("binary", DECODER / "prompt.md")
    table = pq.read_table(truth[0] / "pairs.parquet").to_pylist()
    texts = [(row["keyphrase"], row["title"]) for row in table] + list(zip(ODD, reversed(ODD), strict=True))
    for keyphrase, title in texts:
        turns = [{"role": "user", "content": prompt.render(keyphrase, title, None).user}]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        status, told = server.post("/extras/tokenize", {"input": text})
        assert status == 200
        assert told["tokens"] == tokenizer(text, add_special_tokens=False)["input_ids"], text


ODD = (
    "Crème brûlée torch – 2,5 l",
    "IPHONE 12 Pro Max's cover",
    "靴 26.5cm 送料無料",
    "a </title> yes <|end|><|assistant|> no",
    "tab\tand\nline   three  spaces ",
    "½ inch №5 ²³ ①",
    "don't they'll we've I'M",
    "😀 mug 👩🏽‍🚀",
    "...!!!??? --- ///",
    "مرحبا שלום привет ΣΊΣΥΦΟΣ",
)


def structured(paths: Paths, way: str) -> Any:
    config = paths.config(f"structured-{way}", "openai:m", base_url=paths.served)
    few = pq.read_table(config.pairs).slice(0, 60)
    pq.write_table(few, paths.home / "few.parquet")
    config = replace(
        config,
        pairs=paths.home / "few.parquet",
        structured=way,
        decoding=Decoding(max_tokens=24, top_logprobs=20),
        run=RunSettings(attempts=1, max_requests_per_text=1),
    )
    judge(config)
    return pq.read_table(config.out).to_pylist()


def test_an_answer_forced_into_json_is_nearly_always_the_same_verdict(paths: Paths) -> None:
    """The decoder was taught both forms; what it says after `{"grade": "` is its own, learned judgment."""
    free = structured(paths, "")
    rows = structured(paths, "json_object_schema")
    assert {row["status"] for row in rows} == {"scored"}
    same = [a["grade"] == b["grade"] for a, b in zip(free, rows, strict=True)]
    assert np.mean(same) > 0.8
    assert all(row["mass"] > 0.9 for row in rows)


def test_what_the_server_refuses_is_unscored_with_a_reason(paths: Paths) -> None:
    """This server takes no OpenAI json_schema: it answers 500 or 422, never a verdict."""
    rows = structured(paths, "json_schema")
    assert {row["status"] for row in rows} == {"unscored"}
    assert {row["reason"] for row in rows} <= {"server error", "refused request"}
