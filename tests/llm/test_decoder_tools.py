"""tools/decoder: packs are plain prompts, and a run that was stopped goes on as if it had not been."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "decoder"))
TINY = {"worlds": 1, "items": 150, "vocabulary": 1500, "width": 32, "heads": 2, "inner": 48, "warmup": 5}


def run(out: Path, **given: Any) -> Any:
    from pretrain import Run, Settings

    torch.manual_seed(11)
    return Run(Settings(**{**TINY, "pairs": 400, "batch_tokens": 400, **given}), out, 99)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(tmp_path_factory.mktemp("whole"))


def test_grades_of_other_scales() -> None:
    from pairs import step

    assert [step("binary", grade) for grade in range(4)] == [0, 0, 1, 1]
    assert [step("ordinal3", grade) for grade in range(4)] == [0, 0, 1, 2]
    assert [step("four", grade) for grade in range(4)] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_pack_is_its_prompts_as_judged(whole: Any) -> None:
    """What a question of a pack sees is what the chat template makes of the judge's own prompt."""
    from pairs import HERE, SCALES, prompts

    rows, tokenizer = whole.rows, whole.tokenizer
    asked = prompts(HERE)
    for scale, name in enumerate(SCALES):
        pack = rows.pack([(0, scale, 0), (1, scale, 0)])
        assert rows.pairs.item[0] == rows.pairs.item[1]
        for number, pair in enumerate((0, 1), 1):
            mine = [place for place, part in enumerate(pack.segment) if part in (0, number)]
            assert [pack.position[place] for place in mine] == list(range(len(mine)))
            seen = tokenizer.decode([pack.ids[place] for place in mine[:-1]])
            phrase = rows.pairs.keyphrases[rows.pairs.phrase[pair]]
            text = (
                asked[name, "best_first"].render(phrase, rows.pairs.titles[rows.pairs.item[pair]], None).user
            )
            turns = [{"role": "user", "content": text}]
            assert seen == tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)


@pytest.mark.slow
def test_packed_logits_are_the_plain_ones(whole: Any) -> None:
    packs = next(whole._stream())
    with torch.inference_mode():
        packed = iter(whole._logits(packs))
        for pack in packs:
            for place, _ in pack.learned:
                number = pack.segment[place]
                mine = [k for k in range(place + 1) if pack.segment[k] in (0, number)]
                plain = whole.model(input_ids=torch.tensor([[pack.ids[k] for k in mine]])).logits[0, -1]
                torch.testing.assert_close(next(packed), plain, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_weights(whole: Any, tmp_path: Path) -> None:
    whole.go(1e9, 1e9)
    run(tmp_path, pairs=10**9).go(0, 1e9)
    assert json.loads((tmp_path / "settings.json").read_text())["pairs"] == 10**9
    going_on = run(tmp_path)
    assert 0 < going_on.seen < 100
    going_on.go(1e9, 1e9)
    assert going_on.seen == whole.seen >= 400
    for name, weight in whole.model.state_dict().items():
        torch.testing.assert_close(going_on.model.state_dict()[name], weight, msg=name)
