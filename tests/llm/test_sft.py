"""Fine-tuning on a really trained tiny Llama: only answers count, merging changes nothing, a kill loses
nothing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.llm.contract import Message
from adjudge.llm.fine_tuning import tune
from adjudge.llm.sft import FineTuned, Lesson, SftSettings

HERE = Path(__file__).parent
SETTINGS = SftSettings(
    rank=8,
    lr=1e-2,
    epochs=4,
    rows_a_step=16,
    rows_at_once=8,
    evaluations=4,
    patience=0,
    threads=1,
    device="cpu",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def lessons(number: int, seed: int) -> list[Lesson]:
    """The answer is whether the text holds the word red."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(number):
        words = [LETTERS[int(place)] for place in rng.integers(0, 26, rng.integers(3, 9))]
        red = bool(rng.random() < 0.5)
        if red:
            words[int(rng.integers(0, len(words)))] = "red"
        text = (Message("system", "item"), Message("user", " ".join(words)))
        rows.append(Lesson(text, "yes" if red else "no"))
    return rows


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("models", HERE / "models.py")
    assert spec is not None
    assert spec.loader is not None
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    return Path(models.build(tmp_path_factory.mktemp("base") / "model"))


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> FineTuned:
    return tune(
        str(base), lessons(240, 1), lessons(60, 2), SETTINGS, tmp_path_factory.mktemp("sft") / "judge"
    )


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def run_of(base: Path, folder: Path, settings: SftSettings = SETTINGS) -> Any:
    from adjudge.llm.fine_tuning import TrainingRun

    return TrainingRun(str(base), settings, "cpu", folder, lambda what, done, total: None)


def test_only_the_answer_counts(base: Path, tmp_path: Path) -> None:
    import torch

    run = run_of(base, tmp_path)
    given = lessons(4, 3)
    rows = run.encoded(given)
    trainer = run._trainer(rows, rows)
    batch = next(iter(trainer.get_eval_dataloader()))
    ids, labels = batch["input_ids"], batch["labels"]
    eos = run.tokenizer.eos_token_id
    for place, lesson in enumerate(given):
        answer = [run.tokenizer.convert_tokens_to_ids(lesson.answer), eos]
        prompt = run.tokenizer("item\n\n" + lesson.messages[1].text)["input_ids"]
        counted = labels[place][labels[place] != -100].tolist()
        assert counted == answer
        assert labels[place][: len(prompt)].tolist() == [-100] * len(prompt)
        assert ids[place][: len(prompt) + 2].tolist() == prompt + answer
        assert (labels[place][len(prompt) + 2 :] == -100).all()
    with torch.inference_mode():
        logprobs = torch.log_softmax(
            run.network.eval()(input_ids=ids, attention_mask=batch["attention_mask"]).logits, -1
        )
    places = [(r, t) for r in range(4) for t in range(labels.shape[1]) if labels[r, t] != -100]
    by_hand = -sum(float(logprobs[r, t - 1, labels[r, t]]) for r, t in places) / len(places)
    assert run._loss(trainer) == pytest.approx(by_hand, abs=1e-5)


def test_it_learns_and_the_merged_folder_is_a_plain_model(made: FineTuned) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert made.dev_loss is not None
    assert made.dev_before is not None
    assert made.dev_loss < 0.5 * made.dev_before
    assert made.merge_gap <= 1e-4
    assert made.trainable < 200_000
    assert not list(made.folder.glob("adapter*"))
    tokenizer, network = (
        AutoTokenizer.from_pretrained(made.folder),
        AutoModelForCausalLM.from_pretrained(made.folder),
    )
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    right = 0
    held_out = lessons(80, 9)
    for lesson in held_out:
        ids = tokenizer("item\n\n" + lesson.messages[1].text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            last = network(input_ids=ids).logits[0, -1]
        right += ("yes" if last[yes] > last[no] else "no") == lesson.answer
    assert right / len(held_out) > 0.9


def test_merged_logits_are_the_adapters(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    run = run_of(base, tmp_path / "work")
    rows = run.encoded(lessons(48, 5))
    run.fit(rows, [])
    apart = [run._logits(run.network, row) for row in rows[:6]]
    untouched = AutoModelForCausalLM.from_pretrained(base)
    gap = run.save_merged(rows[:6], tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    for row, before in zip(rows, apart, strict=False):
        ids = torch.tensor([row["input_ids"]])
        with torch.inference_mode():
            assert (merged(input_ids=ids).logits - before).abs().max() <= 1e-4
            assert (untouched(input_ids=ids).logits - before).abs().max() > 1e-2
    assert 0 <= gap <= 1e-4


def test_a_killed_run_ends_with_the_same_weights(base: Path, made: FineTuned, tmp_path: Path) -> None:
    class Killed(RuntimeError):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if done == total // 2 + 3:
            raise Killed

    rows, dev, out = lessons(240, 1), lessons(60, 2), tmp_path / "judge"
    with pytest.raises(Killed):
        tune(str(base), rows, dev, SETTINGS, out, kill)
    assert not out.exists()
    torn = next((tmp_path / ".judge.work").iterdir()) / "checkpoint-999"
    torn.mkdir()
    again = tune(str(base), rows, dev, SETTINGS, out)
    assert again.resumed_at > 0
    assert weights(out) == weights(made.folder)
    assert again.dev_before == made.dev_before
    assert not (tmp_path / ".judge.work").exists()


def test_the_seed_decides(base: Path, tmp_path: Path) -> None:
    few = replace(SETTINGS, epochs=1)
    made = [
        tune(str(base), lessons(32, 1), [], replace(few, seed=seed), tmp_path / str(place)).folder
        for place, seed in enumerate((7, 7, 8))
    ]
    assert weights(made[0]) == weights(made[1]) != weights(made[2])


def test_rows_that_are_too_long_are_counted_and_none_left_is_refused(base: Path, tmp_path: Path) -> None:
    rows = [*lessons(20, 1), Lesson((Message("user", "a " * 90),), "no")]
    done = tune(str(base), rows, [], replace(SETTINGS, epochs=1, longest=40), tmp_path / "judge")
    assert (done.rows, done.too_long, done.dev_loss) == (20, 1, None)
    with pytest.raises(NotEnoughData, match="none of 21 rows fits into 3 tokens"):
        tune(str(base), rows, [], replace(SETTINGS, longest=3), tmp_path / "none")


def test_early_stop(base: Path, tmp_path: Path) -> None:
    wrong = [Lesson(one.messages, "no" if one.answer == "yes" else "yes") for one in lessons(40, 4)]
    settings = replace(SETTINGS, epochs=10, evaluations=20, patience=2)
    done = tune(str(base), lessons(64, 1), wrong, settings, tmp_path / "judge")
    assert done.steps < done.steps_planned
    looks = [row["dev_loss"] for row in done.history if row["dev_loss"] is not None]
    assert done.dev_loss == pytest.approx(min(looks), abs=1e-6)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rank", 0), ("lr", 0.0), ("dtype", "float16"), ("device", "tpu"), ("rows_a_step", 12), ("seed", -1)],
)
def test_settings_outside_their_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(BadConfig, match=field):
        SftSettings(**{field: value})  # type: ignore[arg-type]


def test_a_folder_of_something_else_is_left_alone(base: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(BadConfig, match="is no model"):
        tune(str(base), lessons(8, 1), [], SETTINGS, tmp_path / "mine")
    with pytest.raises(BadConfig, match="fits no layer"):
        tune(str(base), lessons(8, 1), [], replace(SETTINGS, targets="nothing"), tmp_path / "other")


TUNE_ONCE = """
import sys
sys.path.insert(0, sys.argv[1])
import test_sft as here
from pathlib import Path
here.tune(sys.argv[2], here.lessons(240, 1), here.lessons(60, 2), here.SETTINGS, Path(sys.argv[3]))
"""


@pytest.mark.slow
def test_kill_nine_loses_nothing(base: Path, made: FineTuned, tmp_path: Path) -> None:
    """A process of its own, killed once it has written a checkpoint; the next call goes on and ends alike."""
    out = tmp_path / "judge"
    command = [sys.executable, "-c", TUNE_ONCE, str(HERE), str(base), str(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob(".judge.work/*/checkpoint-*")) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not out.exists()
    again = tune(str(base), lessons(240, 1), lessons(60, 2), SETTINGS, out)
    assert weights(out) == weights(made.folder)
    assert again.steps == made.steps
