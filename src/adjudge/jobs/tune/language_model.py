"""A language model as a judge: rows become (messages, answer), training runs, the folder gets its prompt."""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from adjudge.config import to_dict
from adjudge.errors import BadConfig
from adjudge.jobs.tune.material import LOCAL, Material, TuneConfig
from adjudge.judge.pairs import Question
from adjudge.judge.prompt import Prompt
from adjudge.judge.tuned_folder import TunedJudge, write
from adjudge.llm.answer_tokens import step_of
from adjudge.llm.contract import Decoding
from adjudge.llm.sft import FineTuned, Lesson, check_installed
from adjudge.llm.transformers_client import first_pieces, revision_of
from adjudge.records import Progress

PACKAGES = ("adjudge", "torch", "transformers", "peft", "trl", "datasets")


def fine_tune(config: TuneConfig, material: Material, progress: Progress) -> dict[str, Any]:
    """Train, merge, save to `config.out`; the metrics. Raises BadConfig if two grades begin alike."""
    check_installed()
    from adjudge.llm.fine_tuning import tune

    base, prompt = config.base.removeprefix(LOCAL), config.prompt_spec.load()
    check_answers(base, prompt)

    def finish(folder: Path, tuned: FineTuned) -> None:
        judge = TunedJudge(
            base=base,
            base_revision=revision_of(base),
            scale=config.scale,
            prompt_hash=prompt.hash,
            order=config.order,
            chat=config.sft.chat,
            target=config.target,
            mix=asdict(material.mix),
            settings=to_dict(config),
            metrics=_metrics(tuned),
            versions={name: version(name) for name in PACKAGES},
        )
        write(folder, judge, config.prompt_spec)

    tuned = tune(
        base,
        lessons(prompt, material, material.train),
        lessons(prompt, material, material.watched),
        replace(config.sft, seed=config.seed),
        config.out,
        progress,
        finish,
    )
    return _metrics(tuned)


def lessons(prompt: Prompt, material: Material, rows: np.ndarray) -> list[Lesson]:
    """Rows as the judge will be asked them, with the answer word of their grade."""
    question = Question(prompt, Decoding())
    table, steps = material.labels.rows, material.labels.step
    texts = [table[name].to_pylist() for name in ("keyphrase", "title", "category")]
    result = []
    for row in rows.tolist():
        keyphrase, title, category = (column[row] for column in texts)
        request = question.request("", prompt.render(keyphrase, title, category))
        result.append(Lesson(request.messages, prompt.answers[int(steps[row])]))
    return result


def check_answers(model: str, prompt: Prompt) -> None:
    """Raise BadConfig unless every answer's first token tells the grade: the judge is read there and nowhere
    else."""
    words = tuple(answer.casefold() for answer in prompt.answers)
    pieces = first_pieces(model, prompt.answers)
    for step, (answer, piece) in enumerate(zip(prompt.answers, pieces, strict=True)):
        if step_of(piece, words) != step:
            raise BadConfig(
                f"{model} begins the answer {answer!r} with the token {piece!r}, which does not tell the "
                f"grade: give the grades other answer words in the prompt (now: {', '.join(prompt.answers)})"
            )


def _metrics(tuned: FineTuned) -> dict[str, Any]:
    return {name: value for name, value in asdict(tuned).items() if name != "folder"}
