"""Scoring pairs with an artifact: onnxruntime and tokenizers, no torch; one core, several engines."""

from adjudge.scoring.check import Checked, check
from adjudge.scoring.core import CrossEncoderScorer, Scorer
from adjudge.scoring.engines import ENGINES, score_pairs
from adjudge.scoring.opening import load
from adjudge.scoring.rows import Rows, score_rows
from adjudge.scoring.task import Scored, Task

__all__ = [
    "ENGINES",
    "Checked",
    "CrossEncoderScorer",
    "Rows",
    "Scored",
    "Scorer",
    "Task",
    "check",
    "load",
    "score_pairs",
    "score_rows",
]
