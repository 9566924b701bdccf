"""Vocabulary of the generated shop, read from `assortment.toml`: products, attributes, brands, noise."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

Words = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of product; the file says what each field means. `department` decides which brands make it."""

    department: str
    names: Words
    leaf: str
    family: str
    price: float
    measure: str = ""
    material: str = ""
    lines: bool = False
    fits: str = ""
    colour: bool = True


@dataclass(frozen=True)
class Assortment:
    """Word lists in the order of the file, which decides what a seed draws."""

    kinds: tuple[Kind, ...]
    families: dict[str, Words]
    measures: dict[str, Words]
    materials: dict[str, Words]
    brands: dict[str, Words]
    colours: Words
    conditions: Words
    condition_words: tuple[Words, ...]
    series: Words
    numbers: Words
    suffixes: Words
    fillers: Words


@functools.cache
def assortment() -> Assortment:
    """The shop's words, read once per process."""
    values = tomllib.loads(files("adjudge.market").joinpath("assortment.toml").read_text(encoding="utf-8"))
    kinds = tuple(
        Kind(department, **{**kind, "names": tuple(kind["names"])})
        for department, rows in values.pop("kinds").items()
        for kind in rows
    )
    return Assortment(kinds=kinds, **{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _frozen(inner) for name, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value
