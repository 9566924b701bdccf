"""Pairs as a judge should not care about them: titles stuffed with the keyphrase, titles padded with empty
words."""

from __future__ import annotations

from importlib import resources

from adjudge.errors import BadConfig
from adjudge.records import SCALES

FILLER = "brand new high quality fast dispatch best price top seller great gift"
"""Words that say nothing about what is sold."""


def stuffed(title: str, keyphrase: str) -> str:
    """The title with the keyphrase put behind it: more words are shared, the item is the same.

    >>> stuffed("Oak table", "blue sofa")
    'Oak table blue sofa'
    """
    return f"{title} {keyphrase}".strip()


def padded(title: str, filler: str = FILLER) -> str:
    """The title with words that say nothing.

    >>> padded("Oak table", "fast dispatch")
    'Oak table fast dispatch'
    """
    return f"{title} {filler}".strip()


def reworded_prompt(scale: str) -> str:
    """The package's second wording of a scale's prompt, as Markdown; the same question in other words."""
    if scale not in SCALES:
        raise BadConfig(f"scale {scale!r} is unknown: allowed are {', '.join(SCALES)}")
    return resources.files("adjudge.trust").joinpath("prompts", f"{scale}.md").read_text("utf-8")
