"""The registry of commands: what each is called, which job it starts, and how its options are spelled.

This is data, read before any job is imported. A command's options, their help, ranges and defaults come from
the fields of the job's settings class (`adjudge.cli.options`). Its result is shown by the function of
`adjudge.cli.results` or `adjudge.cli.judge_results` that has the command's name.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

JOBS = "adjudge.jobs."


@dataclass(frozen=True)
class JobSpec:
    """A command and its job.

    name: the words after `adjudge`. job: `module:function` under `adjudge.jobs`; a function called as its
    module needs no `:function`, and a job called as its command needs nothing. arguments: the settings given
    by position. options: spellings, by setting, of options that are not called as the setting (`--map
    COLUMN=YOURS`); a dotted setting is one of a group. failure: the exit code of errors, which is 3 if 2 is a
    verdict.
    """

    name: str
    help: str
    job: str = ""
    arguments: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    failure: int = 2

    @property
    def function_name(self) -> str:
        """The command's name as a Python name."""
        return self.name.replace(" ", "_").replace("-", "_")

    def load_job(self) -> Callable[..., Any]:
        """The job's function. Imports its module."""
        module, _, function = (self.job or self.name).partition(":")
        return getattr(importlib.import_module(JOBS + module), function or module.rpartition(".")[2])

    def load_config(self) -> type:
        """The job's settings class: the annotation of its first parameter. Imports its module."""
        job = self.load_job()
        annotation = next(iter(inspect.signature(job).parameters.values())).annotation
        return getattr(inspect.getmodule(inspect.unwrap(job)), annotation)


GROUPS = {
    "import": "Bring your own files into a logs folder; bad rows go to quarantine.",
    "label": "Human labels through Label Studio: tasks out, annotations in.",
}
"""Help of the words that only hold other commands."""

COMMANDS = (
    JobSpec(
        "demo",
        "The whole loop on a simulated marketplace: six label recipes, their students, scorecard and report.",
        options={"recipes": "--recipe"},
    ),
    JobSpec(
        "compare",
        "Which labels make the best filter? Recipes, students, baselines, scorecard and report on your logs.",
        options={"recipes": "--recipe"},
    ),
    JobSpec(
        "real",
        "Human labels of ESCI become a small student, measured against word overlap and zero-shot cosine.",
    ),
    JobSpec(
        "simulate",
        "A simulated marketplace: sellers, Advertising, Search, buyers, annotators, judges, and the truth.",
    ),
    JobSpec(
        "recipe",
        "Turn logs into a training set by a stated mix of labels, with every conflict and drop counted.",
        arguments=("recipe",),
    ),
    JobSpec(
        "pairs", "List what there is to score in a logs folder, with the titles and categories a model reads."
    ),
    JobSpec("train", "Train a student (or a baseline) on a recipe's training set and write its artifact."),
    JobSpec(
        "score",
        "Score pairs with a model, in the same order. Rows without a score keep their place and reason.",
    ),
    JobSpec(
        "evaluate",
        "The scorecard: keep 95 % of clicks, and see what sales, keyphrases and the search pass rate do.",
        options={"scores": "--scores NAME=FILE"},
    ),
    JobSpec("report", "One HTML file that opens offline, for somebody who was not there."),
    JobSpec(
        "import table",
        "One table from one file, checked row by row.",
        "import_:import_table",
        arguments=("table", "file"),
        options={"columns": "--map COLUMN=YOURS"},
    ),
    JobSpec(
        "import esci",
        "Amazon's Shopping Queries data set (ESCI): queries, products and graded labels.",
        "import_:import_esci",
        arguments=("examples",),
    ),
    JobSpec(
        "import wands",
        "Wayfair's annotation data set (WANDS): queries, products and three-level labels.",
        "import_:import_wands",
        arguments=("folder",),
    ),
    JobSpec(
        "import ubi",
        "OpenSearch User Behavior Insights: searches and events become the click table, positions kept.",
        "import_:import_ubi",
        arguments=("queries",),
    ),
    JobSpec(
        "judge",
        "Judge pairs by a language model: each text once, every verdict logged, none lost or invented.",
    ),
    JobSpec("panel", "Several judges decide together; how far they disagree is kept as a column."),
    JobSpec(
        "agree",
        "How far a judge can be trusted. Exit code 0 trusted, 1 not trusted, 2 inconclusive, 3 broken.",
        options={
            "paired": "--paired PROBE=FILE",
            "models": "--model NAME=SCORES",
            "trust.statistic": "--statistic",
            "trust.bar": "--bar",
            "trust.rule": "--rule",
        },
        failure=3,
    ),
    JobSpec(
        "probe",
        "Write the changed pairs and prompts that show a judge's faults, and commands that judge them.",
    ),
    JobSpec(
        "label export",
        "Tasks and a labelling config for Label Studio, three annotators per pair.",
        "label:export_labels",
    ),
    JobSpec(
        "label import",
        "Annotations from Label Studio; bad and skipped ones are counted and kept aside.",
        "label:import_labels",
    ),
    JobSpec(
        "cascade",
        "A cheap judge answers if that is shown to be safe, a strong one the rest. Exit code 1: not shown.",
        "cascade.cascade",
        options={"cascade.target": "--target"},
    ),
    JobSpec(
        "export",
        "Judgments for other tools: TREC qrels or Quepid ratings; unscored pairs are counted and left out.",
    ),
    JobSpec(
        "tune",
        "Make a judge of human labels. Exit code 0, or 1 if its label mix drifted from the target.",
        "tune.tune",
    ),
    JobSpec(
        "audit",
        "Labels that contradict buyers are judged again, then the category rule decides. "
        "Exit code 1: verdicts are owed.",
    ),
    JobSpec(
        "real-judge",
        "Judges on three grades from ESCI's train labels, measured against people's test labels.",
        "real_judge",
    ),
    JobSpec(
        "quantise",
        "Make int8, bf16 and mixed of a model; a parity gate decides which of them may replace float32.",
    ),
    JobSpec(
        "retrieve",
        "Candidate keyphrases for every item, best first, for `adjudge score`. `build` makes the graph.",
        options={"search.per_item": "--per-item"},
    ),
    JobSpec(
        "retrieve build",
        "Build the graph of a keyphrases table: which keyphrases of a category hold which word.",
        "retrieve:build_graph",
    ),
    JobSpec("diff", "Which pairs are new or revised since yesterday and must be scored, and what is gone."),
    JobSpec(
        "merge",
        "Merge a run into a served table's next version: latest wins, the served one stays until publish.",
    ),
    JobSpec(
        "publish",
        "Make a merged version the served one, in one step; an older one steps back.",
        "merge:publish",
    ),
    JobSpec(
        "served",
        "Print the folder of the served version: read its bucket-*.parquet, and no publish disturbs you.",
        "merge:served",
    ),
    JobSpec(
        "recommend",
        "Kept keyphrases per item in rank order, no doubles in an adgroup, under a seller's page's caps.",
        options={"settings.per_item": "--per-item"},
    ),
    JobSpec(
        "distil",
        "A split student learns from another model's scores of many more pairs than are labelled.",
        options={"unlabelled.pairs": "--pairs"},
    ),
    JobSpec(
        "states",
        "Compute a split student's states of every item or keyphrase, for `adjudge score --states DIR`.",
    ),
)
