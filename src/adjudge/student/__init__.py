"""The student: a small cross-encoder, from a training table to an artifact.

Only `start`, `network`, `losses`, `train`, `export` and their helpers import torch. `text`, `encode` and
`artifact` do not: the scoring room shares them.
"""
