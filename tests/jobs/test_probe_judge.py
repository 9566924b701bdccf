"""The probes end to end: judges whose fault is known are caught by what `probe` writes, and a steady one is
not."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from adjudge.cli.commands import app
from adjudge.errors import BadConfig
from adjudge.jobs.agree import AgreeConfig, agree
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.jobs.probe import ProbeConfig, ProbesWritten, Run, probe
from adjudge.judge.prompt import Prompt
from adjudge.judge.runner import RunSettings
from adjudge.judge.tuned_folder import PromptSpec, TunedJudge, choose_prompt, write
from adjudge.stats.sampling import Sampling
from adjudge.text.words import overlap
from adjudge.trust.settings import TrustSettings

QUICK = TrustSettings(sampling=Sampling(replicates=200))
DECODER = Path(__file__).parents[1] / "decoder"
WORDS = ["red", "blue", "oak", "steel", "sofa", "lamp", "table", "rug"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """300 pairs of random words."""
    rng = np.random.default_rng(1)
    table = {
        "item_id": [f"i{k // 3:03d}" for k in range(300)],
        "keyphrase": [f"{rng.choice(WORDS)} {rng.choice(WORDS)} {k % 3}" for k in range(300)],
        "title": [" ".join([*rng.choice(WORDS, 4), str(k // 3)]) for k in range(300)],
        "category": ["Home"] * 300,
    }
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    return tmp_path / "pairs.parquet"


def human(pairs: Path) -> Path:
    """A settled grade for each pair, that no text tells."""
    table = pq.read_table(pairs, columns=["item_id", "keyphrase"])
    grades = np.random.default_rng(2).choice(["bad", "good"], table.num_rows)
    out = pairs.with_name("human.parquet")
    pq.write_table(table.append_column("grade", pa.array(grades.tolist())), out)
    return out


def verdicts(made: ProbesWritten, pairs: Path, again: list[str]) -> dict[str, Any]:
    outs = {run.name: run.out for run in made.runs}
    config = AgreeConfig(
        Path(outs["original"]),
        human(pairs),
        made.out / "agree",
        items=items(pairs),
        paired={name: outs[name] for name in again},
        trust=QUICK,
    )
    return {one.name: one for one in agree(config).probes}


def items(pairs: Path) -> Path:
    table = (
        pq.read_table(pairs, columns=["item_id", "title"]).group_by("item_id").aggregate([("title", "min")])
    )
    out = pairs.with_name("items.parquet")
    pq.write_table(table.rename_columns(["item_id", "title"]), out)
    return out


def test_a_judge_that_answers_by_the_wording_is_caught(pairs: Path, tmp_path: Path) -> None:
    """The fake answers by the hash of the whole text: another order or wording is another answer, no way
    leaning."""
    made = probe(ProbeConfig(pairs, tmp_path / "probe", "fake", sample=None))
    for run in made.runs:
        settings = {key: Path(value) if key == "prompt" else value for key, value in run.settings.items()}
        log = Path(run.out).with_suffix(".sqlite")
        quick = RunSettings(in_flight=32, first_wait=0.001)
        judge(JudgeConfig(Path(run.pairs), "fake", log, Path(run.out), run=quick, **settings))
    found = verdicts(made, pairs, ["position", "rewording", "stuffing", "padding"])
    for name in ("position", "rewording", "stuffing", "padding"):
        assert found[f"{name}: flips"].verdict == "fault"
        assert found[f"{name}: self-kappa"].verdict == "fault"
        assert found[f"{name}: shift"].verdict != "fault"


def test_a_judge_that_counts_words_falls_for_stuffing_only(pairs: Path, tmp_path: Path) -> None:
    made = probe(ProbeConfig(pairs, tmp_path / "probe", "fake", sample=None))
    for run in made.runs:
        table = pq.read_table(run.pairs)
        texts = (table["keyphrase"].combine_chunks(), table["title"].combine_chunks())
        yes = overlap(*texts).coverage >= 0.5
        told = table.select(["item_id", "keyphrase"])
        for name, values in (
            ("judge", ["counter"] * len(yes)),
            ("grade", ["relevant" if one else "irrelevant" for one in yes]),
            ("status", ["scored"] * len(yes)),
        ):
            told = told.append_column(name, pa.array(values))
        pq.write_table(told, run.out)
    found = verdicts(made, pairs, ["rewording", "stuffing", "padding"])
    assert found["stuffing: shift"].verdict == "fault"
    assert found["stuffing: shift"].effect.low > 0.1
    for name in ("padding", "rewording"):
        assert found[f"{name}: flips"].effect.value == 0
        assert found[f"{name}: shift"].verdict == "quiet"
        assert found[f"{name}: self-kappa"].verdict == "quiet"


def tuned(folder: Path, order: str = "best_first", chat: bool = False) -> tuple[Path, PromptSpec]:
    """A folder as `adjudge tune` leaves it: the committed decoder with a prompt, guidance and examples of its
    own."""
    shutil.copytree(DECODER, folder)
    (folder.parent / "guidance.json").write_text('{"Home": "sizes matter"}')
    example = {"keyphrase": "red mug", "title": "Red mug", "grade": "relevant"}
    (folder.parent / "examples.json").write_text(json.dumps([example]))
    text = "# User\n{guidance}\n{examples}\nitem: {title}\nsearch: {keyphrase}\n{options}\n# Grades\n"
    text += "- relevant = yes: it is what is sold\n- irrelevant = no: it is not\n"
    (folder.parent / "own.md").write_text(text)
    files = {"guidance": folder.parent / "guidance.json", "examples": folder.parent / "examples.json"}
    asked = PromptSpec("binary", folder.parent / "own.md", order, **files)
    card = TunedJudge("base", "", "binary", asked.load().hash, order, chat=chat)
    write(folder, card, asked)
    return folder, asked


def prompt_of(run: Run, folder: Path) -> Prompt:
    """The prompt that a run's command asks a tuned judge by; BadConfig where it would be refused."""
    given = dict(run.settings)
    chat, other = given.pop("local.chat", "true") == "true", given.pop("other_prompt", "") == "true"
    paths = {name: Path(given.pop(name)) for name in ("prompt", "guidance", "examples") if name in given}
    return choose_prompt(folder, PromptSpec("binary", **paths, **given), chat, other)


@pytest.mark.parametrize(("order", "turned"), [("best_first", "worst_first"), ("worst_first", "best_first")])
def test_a_tuned_judge_is_probed_by_its_own_prompt(
    pairs: Path, tmp_path: Path, order: str, turned: str
) -> None:
    folder, asked = tuned(tmp_path / "judge", order)
    made = probe(ProbeConfig(pairs, tmp_path / "probe", f"hf:{folder}"))
    prompts = {run.name: prompt_of(run, folder) for run in made.runs}
    for name in ("original", "stuffing", "padding"):
        assert prompts[name].hash == asked.load().hash
    assert prompts["position"].hash == replace(asked, order=turned).load().hash
    shown = prompts["rewording"].render("red mug", "Red mug", "Home").user
    assert "sizes matter" in shown
    assert "Does the listing suit" in shown


def test_a_tuned_judges_answer_words_and_scale_are_kept(pairs: Path, tmp_path: Path) -> None:
    folder, asked = tuned(tmp_path / "judge")
    text = asked.prompt.read_text().replace("= yes:", "= fits:").replace("= no:", "= misses:")
    asked.prompt.write_text(text)
    write(folder, TunedJudge("base", "", "binary", asked.load().hash, chat=False), asked)
    probe(ProbeConfig(pairs, tmp_path / "probe", f"hf:{folder}"))
    other = (tmp_path / "probe" / "reworded.md").read_text()
    assert "- relevant = fits: someone" in other
    assert "- irrelevant = misses: it" in other
    with pytest.raises(BadConfig, match="give --scale binary"):
        probe(ProbeConfig(pairs, tmp_path / "four", f"hf:{folder}", scale="four"))


def test_the_commands_for_a_tuned_judge_run(pairs: Path, tmp_path: Path) -> None:
    folder, _ = tuned(tmp_path / "judge")
    made = probe(ProbeConfig(pairs, tmp_path / "probe", f"hf:{folder}", sample=8))
    for run in made.runs:
        done = CliRunner().invoke(app, [*shlex.split(run.command)[1:], "--set", "local.threads=1"])
        assert done.exit_code == 0, done.output
        assert pq.read_table(run.out).num_rows == 8


NO_OPTIONS = "note: position: the prompt does not list the options; not probed"


@pytest.mark.parametrize("listed", ["", "{options}\n", "{answers}\n"])
def test_a_prompt_without_options_has_no_position_probe(pairs: Path, tmp_path: Path, listed: str) -> None:
    """The committed decoder's prompt lists no options: another order would be the same text, and always
    quiet."""
    text = (DECODER / "prompt.md").read_text().replace("# Grades", f"{listed}# Grades")
    (tmp_path / "prompt.md").write_text(text)
    words = ["probe", "--pairs", str(pairs), "--judge", f"hf:{DECODER}", "--out", str(tmp_path / "probe")]
    done = CliRunner().invoke(app, [*words, "--set", f"prompt={tmp_path / 'prompt.md'}"])
    assert done.exit_code == 0, done.output
    runs = {run["name"] for run in json.loads((tmp_path / "probe" / "runs.json").read_text())}
    assert runs == {"original", "rewording", "stuffing", "padding"} | ({"position"} if listed else set())
    assert (NO_OPTIONS in done.output) == (not listed)


def test_a_tuned_judge_whose_prompt_has_no_options_has_no_position_probe(pairs: Path, tmp_path: Path) -> None:
    folder, asked = tuned(tmp_path / "judge")
    source = asked.text().replace("{options}\n", "")
    asked.prompt.write_text(source)
    write(folder, TunedJudge("base", "", "binary", asked.load().hash, chat=False), asked)
    made = probe(ProbeConfig(pairs, tmp_path / "probe", f"hf:{folder}"))
    assert "position" not in {run.name for run in made.runs}
    assert made.notes


@pytest.mark.parametrize("seed", range(4))
def test_a_shuffled_order_is_always_turned(pairs: Path, tmp_path: Path, seed: int) -> None:
    """A shuffle may give worst first itself; the position run then shows best first."""
    folder, asked = tuned(tmp_path / "judge")
    asked = replace(asked, order="shuffled", seed=seed)
    card = TunedJudge("base", "", "binary", asked.load().hash, "shuffled", seed, chat=False)
    write(folder, card, asked)
    made = probe(ProbeConfig(pairs, tmp_path / "probe", f"hf:{folder}"))
    texts = {}
    for run in made.runs:
        if run.name in ("original", "position"):
            given = {key: value for key, value in run.settings.items() if key != "seed"}
            asked_by = PromptSpec(
                "binary",
                seed=seed,
                order=given["order"],
                **{name: Path(given[name]) for name in ("prompt", "guidance", "examples")},
            )
            texts[run.name] = asked_by.load().render("red mug", "Red mug", "Home").user
    assert texts["original"] != texts["position"]
