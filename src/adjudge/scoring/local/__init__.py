"""The local engine: Parquet in, Parquet out, all cores of one machine, in bounded memory, resumable by part."""

from adjudge.scoring.local.engine import score_pairs

__all__ = ["score_pairs"]
