"""Prompts: Markdown files with checked placeholders, filled with sanitized text in a settable order of
options."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from adjudge.errors import BadConfig, did_you_mean
from adjudge.judge.sanitize import sanitized
from adjudge.records import Scale, scale

PLACEHOLDERS = ("keyphrase", "title", "category", "guidance", "examples", "options", "answers")
REQUIRED = ("keyphrase", "title")
COLUMNS = ("category", "title", "keyphrase")
SECTIONS = ("System", "User", "Grades")
ORDERS = ("best_first", "worst_first", "shuffled")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_GRADE = re.compile(r"-\s*(?P<grade>\w+)\s*=\s*(?P<answer>[^:=]+?)\s*:\s*(?P<meaning>.+)")
KEY_BYTES = 16
NO_CATEGORY = "not stated"
# A NUL cannot come out of sanitized text, so no category or example can pass for a slot.
_SLOTS = {"keyphrase": "\0keyphrase", "title": "\0title"}
_Filled = tuple[list[str], list[str], str | None]
_Begun = tuple[Any, list[str]]
MOST_REMEMBERED = 10_000


@dataclass(frozen=True)
class GradedExample:
    """A graded pair shown to the judge; `category` None shows it for every category."""

    keyphrase: str
    title: str
    grade: str
    category: str | None = None


@dataclass(frozen=True)
class GradeOption:
    """A grade, the word a judge answers for it, and what it means."""

    grade: str
    answer: str
    meaning: str


class RenderedText(NamedTuple):
    """A rendered prompt: the system message (may be empty) and the user's."""

    system: str
    user: str

    def size(self) -> int:
        """Bytes of both messages in UTF-8."""
        whole = self.system + self.user
        return len(whole) if whole.isascii() else len(whole.encode())

    def digest(self) -> bytes:
        """16 bytes that name the text."""
        whole = f"{self.system}\0{self.user}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(whole).digest()[:KEY_BYTES]


class Prompt:
    """A prompt ready to be filled: `render` gives the text of one pair, `hash` names everything that shapes
    it, `columns`
    are keyphrase, title and category in the order in which they first change the text."""

    def __init__(
        self,
        source: str,
        scale: Scale,
        order: str = "best_first",
        seed: int = 0,
        guidance: Mapping[str, str] | None = None,
        examples: Sequence[GradedExample] = (),
    ) -> None:
        sections = _sections(source)
        self.scale = scale
        self.choices = _choices(sections["Grades"], scale)
        self.guidance = dict(guidance or {})
        self.examples = tuple(examples)
        for example in self.examples:
            scale.index(example.grade)
        shown = ordered(self.choices, order, seed)
        self.answers = tuple(choice.answer for choice in self.choices)
        self._fixed = {
            "options": "\n".join(f"- {choice.answer}: {choice.meaning}" for choice in shown),
            "answers": ", ".join(choice.answer for choice in shown),
        }
        self._system = _parts(sections["System"])
        self._user = _parts(sections["User"])
        _check(_names(self._system) | _names(self._user))
        identity = [
            source,
            scale.name,
            [choice.grade for choice in shown],
            self.guidance,
            [[e.keyphrase, e.title, e.grade, e.category] for e in self.examples],
        ]
        self.hash = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self.columns = self._columns()
        self._by_category: dict[str, _Filled] = {}
        self._by_title: dict[tuple[str, str], _Begun] = {}

    def _columns(self) -> tuple[str, ...]:
        """Guidance and examples stand for the category if they depend on it; what is not shown comes last."""
        by_category = {
            "guidance": any(category != "*" for category in self.guidance),
            "examples": any(example.category is not None for example in self.examples),
        }
        shown = []
        for part in (*self._system, *self._user):
            name = part[1:-1] if _PLACEHOLDER.fullmatch(part) else ""
            name = "category" if by_category.get(name) else name
            if name in COLUMNS:
                shown.append(name)
        return tuple(dict.fromkeys((*shown, *COLUMNS)))

    def render(self, keyphrase: str, title: str, category: str | None) -> RenderedText:
        """The prompt of one pair, its three texts sanitized."""
        system, user, whole = self._of(category or NO_CATEGORY)
        texts = {_SLOTS["keyphrase"]: sanitized(keyphrase), _SLOTS["title"]: sanitized(title)}
        if whole is None:
            whole = "".join([texts.get(part, part) for part in system])
        return RenderedText(whole, "".join([texts.get(part, part) for part in user]))

    def digest(self, keyphrase: str, title: str, category: str | None) -> bytes:
        """16 bytes that name the rendered text: `RenderedText.digest` without building the text.

        What an item's texts begin with is hashed once and the hash is copied: a pair that is judged already
        is looked up without its prompt ever being built.
        """
        key = (category or NO_CATEGORY, title)
        begun_hash = self._by_title.get(key)
        if begun_hash is None:
            if len(self._by_title) >= MOST_REMEMBERED:
                self._by_title.clear()
            begun_hash = self._by_title[key] = self._begun(*key)
        hasher, rest = begun_hash
        if hasher is None:
            return self.render(keyphrase, title, category).digest()
        hashed = hasher.copy()
        hashed.update(sanitized(keyphrase).join(rest).encode("utf-8", "surrogatepass"))
        return hashed.digest()[:KEY_BYTES]

    def _begun(self, category: str, title: str) -> _Begun:
        """The hash of all that comes before the first keyphrase, and what stands around each keyphrase from
        there on."""
        _, user, whole = self._of(category)
        if whole is None:
            return None, []
        text = sanitized(title)
        filled = "".join([text if part == _SLOTS["title"] else part for part in user])
        first, *rest = filled.split(_SLOTS["keyphrase"])
        return hashlib.sha256(f"{whole}\0{first}".encode("utf-8", "surrogatepass")), ["", *rest]

    def _of(self, category: str) -> _Filled:
        """The parts with all but the pair's own filled in, and the whole system message (None if it
        has a slot); kept for each category."""
        filled = self._by_category.get(category)
        if filled is None:
            values = {**self._fixed, "category": sanitized(category), "guidance": "", "examples": ""}
            values["guidance"] = self.guidance.get(category, self.guidance.get("*", ""))
            values["examples"] = self._shown_examples(category)
            system, user = _fill(self._system, values), _fill(self._user, values)
            slots = set(system) & set(_SLOTS.values())
            filled = (system, user, None if slots else "".join(system))
            if len(self._by_category) >= MOST_REMEMBERED:
                self._by_category.clear()
            self._by_category[category] = filled
        return filled

    def _shown_examples(self, category: str) -> str:
        answer = {choice.grade: choice.answer for choice in self.choices}
        return "\n".join(
            f"<example><title>{sanitized(e.title)}</title><keyphrase>{sanitized(e.keyphrase)}</keyphrase>"
            f"<answer>{answer[e.grade]}</answer></example>"
            for e in self.examples
            if e.category in (None, category)
        )


def ordered(choices: Sequence[GradeOption], order: str, seed: int) -> list[GradeOption]:
    """The choices as they are shown; `shuffled` is a permutation drawn from the seed."""
    if order not in ORDERS:
        raise BadConfig(
            f"order {order!r} is unknown: allowed are {', '.join(ORDERS)}{did_you_mean(order, ORDERS)}"
        )
    if order == "shuffled":
        rng = np.random.default_rng(seed)
        return [choices[int(index)] for index in rng.permutation(len(choices))]
    return list(choices) if order == "worst_first" else list(reversed(choices))


def load(
    scale_name: str,
    file: Path | None = None,
    order: str = "best_first",
    seed: int = 0,
    guidance: Path | None = None,
    examples: Path | None = None,
) -> Prompt:
    """The package's prompt of a scale, or the user's own file of the same form.

    guidance: a JSON object, category -> text (`*` for all others). examples: a JSON list of objects with
    keyphrase, title, grade and (optional) category. Raises BadConfig on files that cannot be used.
    """
    wanted = scale(scale_name)
    if file is None:
        source = resources.files("adjudge.judge").joinpath("prompts", f"{wanted.name}.md").read_text("utf-8")
    else:
        source = _read(file)
    return Prompt(source, wanted, order, seed, _guidance(guidance), _examples(examples))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}") from error


def _json(file: Path) -> object:
    try:
        return json.loads(_read(file))
    except ValueError as error:
        raise BadConfig(f"{file} is not JSON: {error}") from error


def _guidance(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    values = _json(file)
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise BadConfig(f"{file} must be a JSON object, category -> text")
    return values


def _examples(file: Path | None) -> list[GradedExample]:
    if file is None:
        return []
    values = _json(file)
    if not isinstance(values, list):
        raise BadConfig(f"{file} must be a JSON list of examples")
    try:
        return [GradedExample(**fields) for fields in values]
    except TypeError as error:
        raise BadConfig(
            f"{file}: an example has keyphrase, title, grade and optional category ({error})"
        ) from error


def _sections(source: str) -> dict[str, str]:
    """The text under each `# Heading`. System may be left out."""
    texts = {"System": ""}
    name = None
    lines: dict[str, list[str]] = {}
    for line in source.splitlines():
        if line.startswith("# "):
            name = line[2:].strip()
            if name not in SECTIONS:
                raise BadConfig(
                    f"a prompt has no section {name!r}: allowed are "
                    f"{', '.join(SECTIONS)}{did_you_mean(name, SECTIONS)}"
                )
            lines[name] = []
        elif name is not None:
            lines[name].append(line)
        elif line.strip():
            raise BadConfig(f"a prompt begins with '# System' or '# User'; seen: {line[:60]!r}")
    texts.update({key: "\n".join(text).strip() for key, text in lines.items()})
    for key in ("User", "Grades"):
        if not texts.get(key):
            raise BadConfig(f"a prompt needs a section '# {key}'; seen: {', '.join(lines) or 'none'}")
    return texts


def _choices(text: str, scale: Scale) -> tuple[GradeOption, ...]:
    """The grades, worst first, each with its answer word."""
    options: dict[str, GradeOption] = {}
    for line in (line for line in text.splitlines() if line.strip()):
        match = _GRADE.fullmatch(line.strip())
        if match is None:
            raise BadConfig(f"a grade is written '- GRADE = ANSWER: MEANING'; seen: {line!r}")
        scale.index(match["grade"])
        options[match["grade"]] = GradeOption(match["grade"], match["answer"], match["meaning"])
    missing = [grade for grade in scale.grades if grade not in options]
    answers = [choice.answer.casefold() for choice in options.values()]
    if missing or len(set(answers)) < len(answers):
        raise BadConfig(
            f"a prompt of scale {scale.name} gives each of {', '.join(scale.grades)} its own answer word; "
            f"missing: {', '.join(missing) or 'none'}; words: {', '.join(answers)}"
        )
    return tuple(options[grade] for grade in scale.grades)


def _parts(text: str) -> list[str]:
    """Literal text and `{placeholder}`s, in turn."""
    parts: list[str] = []
    at = 0
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in PLACEHOLDERS:
            allowed = ", ".join("{" + name + "}" for name in PLACEHOLDERS)
            raise BadConfig(
                f"placeholder {match[0]} is unknown: allowed are "
                f"{allowed}{did_you_mean(match[1], PLACEHOLDERS)}"
            )
        parts += [text[at : match.start()], match[0]]
        at = match.end()
    return [part for part in (*parts, text[at:]) if part]


def _names(parts: Sequence[str]) -> set[str]:
    return {part[1:-1] for part in parts if _PLACEHOLDER.fullmatch(part)}


def _check(names: set[str]) -> None:
    for name in REQUIRED:
        if name not in names:
            raise BadConfig(
                f"a prompt must hold {{{name}}}: without it the judge never sees what it judges; "
                f"seen: {', '.join(sorted(names)) or 'no placeholder'}"
            )


def _fill(parts: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Put the category's values in; only {keyphrase} and {title} stay, runs of text joined, empty lines
    dropped."""
    filled: list[str] = []
    for index, part in enumerate(parts):
        name = part[1:-1] if _PLACEHOLDER.fullmatch(part) else ""
        if name in REQUIRED:
            filled.append(_SLOTS[name])
            continue
        text = values.get(name, part)
        if name in ("guidance", "examples") and not text and index + 1 < len(parts):
            continue
        if filled and filled[-1] not in _SLOTS.values():
            filled[-1] += text
        else:
            filled.append(text)
    return [part.lstrip("\n") if index == 0 else part for index, part in enumerate(filled)]
