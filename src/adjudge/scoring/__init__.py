"""Scoring pairs with an artifact: onnxruntime and tokenizers, no torch."""

from adjudge.scoring.check import Checked, check
from adjudge.scoring.core import CrossEncoderScorer, Scorer, load
from adjudge.scoring.local import Scored, score_file

__all__ = ["Checked", "CrossEncoderScorer", "Scored", "Scorer", "check", "load", "score_file"]
