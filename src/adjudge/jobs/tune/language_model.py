"""A language model as a judge: rows become (messages, answer), training runs, the folder gets its card and
prompt."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.config import to_dict
from adjudge.errors import BadConfig
from adjudge.jobs.tune.material import LOCAL, Material, TuneConfig, with_seed
from adjudge.judge.pairs import Question
from adjudge.judge.prompt import Prompt
from adjudge.judge.tuned_folder import TunedJudge, source_of, write
from adjudge.llm.answer_tokens import step_of
from adjudge.llm.contract import Decoding
from adjudge.llm.sft import FineTuned, Lesson, check_installed
from adjudge.llm.transformers_client import first_pieces, revision_of
from adjudge.records import Progress

PACKAGES = ("adjudge", "torch", "transformers", "peft", "trl", "datasets")


def fine_tune(config: TuneConfig, material: Material, progress: Progress) -> dict[str, Any]:
    """Train, merge and save to `config.out`; the run's metrics. Raises BadConfig where two grades begin
    alike."""
    check_installed()
    from adjudge.llm.fine_tuning import tune

    base, prompt = config.base.removeprefix(LOCAL), config.asked.load()
    check_answers(base, prompt)
    settings = with_seed(config)

    def finish(folder: Path, done: FineTuned) -> None:
        write(folder, _card(config, material, base, prompt, done), config.asked, source_of(config.asked))

    done = tune(
        base,
        lessons(prompt, material, material.train),
        lessons(prompt, material, material.watched),
        settings,
        config.out,
        progress,
        finish,
    )
    return _metrics(done)


def lessons(prompt: Prompt, material: Material, places: np.ndarray) -> list[Lesson]:
    """Rows as the judge will be asked them, with the answer word of their grade."""
    question = Question(prompt, Decoding())
    table, steps = material.labels.rows, material.labels.step
    texts = [table[name].to_pylist() for name in ("keyphrase", "title", "category")]
    rows = []
    for row in places.tolist():
        keyphrase, title, category = (column[row] for column in texts)
        request = question.request("", prompt.render(keyphrase, title, category))
        rows.append(Lesson(request.messages, prompt.answers[int(steps[row])]))
    return rows


def check_answers(model: str, prompt: Prompt) -> None:
    """Raise BadConfig unless every answer's first token tells the grade: the judge is read there and nowhere
    else."""
    words = tuple(answer.casefold() for answer in prompt.answers)
    for step, (answer, piece) in enumerate(
        zip(prompt.answers, first_pieces(model, prompt.answers), strict=True)
    ):
        if step_of(piece, words) != step:
            raise BadConfig(
                f"{model} begins the answer {answer!r} with the token {piece!r}, which does not tell the "
                f"grade: give the grades other answer words in the prompt (now: {', '.join(prompt.answers)})"
            )


def _card(config: TuneConfig, material: Material, base: str, prompt: Prompt, done: FineTuned) -> TunedJudge:
    return TunedJudge(
        base=base,
        base_revision=revision_of(base),
        scale=config.scale,
        prompt_hash=prompt.hash,
        order=config.order,
        chat=config.sft.chat,
        target=config.target,
        mix=asdict(material.mix),
        settings=to_dict(config),
        metrics=_metrics(done),
        versions={name: version(name) for name in PACKAGES},
    )


def _metrics(done: FineTuned) -> dict[str, Any]:
    return {name: value for name, value in asdict(done).items() if name != "folder"}
