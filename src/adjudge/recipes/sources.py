"""Label sources: what clicks, Search, people and judges say about each pair of a logs folder, as votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adjudge.errors import BadRecipe, BadTable, did_you_mean
from adjudge.recipes.engine import RecipeEngine
from adjudge.recipes.resolve import label_of
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import BUILT_IN, Recipe, Term
from adjudge.records import FOUR, ORDINAL3, SCALES, Scale, scale

NO_CLICK = (
    "click- is refused: a pair without clicks is not irrelevant. Clicks are missing not at random: buyers "
    "only see "
    "what Search let through, and seldom look far down the page. Take negatives from search- or a judge; or "
    "set "
    "click_negative_impressions=N to call a pair irrelevant that was shown N times or more with no click at "
    "all"
)


def check(recipe: Recipe, settings: RecipeSettings) -> None:
    """Raise BadRecipe if the recipe asks a built-in source for a label that it cannot give."""
    for term in recipe.terms:
        if term.source == "click" and "-" in term.signs and settings.click_negative_impressions is None:
            raise BadRecipe(f"recipe {str(recipe)!r}: {NO_CLICK}")
        if settings.target == "ordinal" and "+" in term.signs:
            if term.source in ("click", "search"):
                raise BadRecipe(_no_level(recipe, term.source, "two levels"))
            if term.source == "human" and len(scale(settings.human_scale).relevant_grades) == 1:
                raise BadRecipe(_no_level(recipe, "human", f"scale {settings.human_scale}"))


def gather(
    engine: RecipeEngine, term: Term, rank: int, logs: Path, settings: RecipeSettings
) -> dict[str | None, int]:
    """Add one source's votes; gives how many of its pairs were dropped per reason (None = kept)."""
    signs: dict[str, Any] = {"plus": "+" in term.signs, "minus": "-" in term.signs}
    if term.source == "click":
        engine.open(logs, "clicks")
        floors = {
            "min_impressions": settings.min_impressions,
            "min_clicks": settings.min_clicks,
            "min_ctr": settings.min_ctr,
            "negative_impressions": settings.click_negative_impressions,
        }
        engine.run("click", {**signs, **floors})
    elif term.source == "search":
        engine.open(logs, "search")
        engine.run("search", signs)
    elif term.source == "human":
        _human(engine, logs, settings, signs)
    else:
        _judge(engine, term, logs, settings, signs)
    reasons: dict[str | None, int] = dict(engine.run("reasons"))
    engine.run("vote", {"rank": rank})
    return reasons


def _human(engine: RecipeEngine, logs: Path, settings: RecipeSettings, signs: dict[str, Any]) -> None:
    path = engine.open(logs, "annotations")
    grades = [grade for (grade,) in engine.run("grades_human")]
    on = scale(settings.human_scale)
    strange = [grade for grade in grades if grade not in on.grades]
    if strange:
        raise BadTable(
            f"{path}: grades {', '.join(map(repr, strange))} are not on scale {on.name} "
            f"({', '.join(on.grades)}): "
            f"set human_scale to one of {', '.join(SCALES)}"
        )
    _steps(engine, on, settings.target)
    unanimous = {"min_annotators": settings.min_annotators, "on_grade": settings.unanimous_on == "grade"}
    engine.run("human", {**signs, **unanimous})


def _judge(
    engine: RecipeEngine, term: Term, logs: Path, settings: RecipeSettings, signs: dict[str, Any]
) -> None:
    name = term.source
    if not (logs / "judgments.parquet").exists():
        raise BadRecipe(
            f"source {name!r} is not built in ({', '.join(BUILT_IN)}) and {logs} holds no judgments.parquet "
            f"to find a "
            f"judge of that name in{did_you_mean(name, BUILT_IN)}"
        )
    path = engine.open(logs, "judgments")
    present = [judge for (judge,) in engine.run("judges")]
    if name not in present:
        raise BadRecipe(
            f"source {name!r} is not built in ({', '.join(BUILT_IN)}) and {path} has no judge of that name; "
            f"judges "
            f"present: {', '.join(present) or 'none'}{did_you_mean(name, [*BUILT_IN, *present])}"
        )
    grades = [grade for (grade,) in engine.run("grades_judge", {"judge": name})]
    on = judge_scale(name, grades, settings.judge_scale)
    if settings.target == "ordinal" and "+" in term.signs and len(on.relevant_grades) == 1:
        raise BadRecipe(_no_level(term, name, f"scale {on.name}"))
    _steps(engine, on, settings.target)
    engine.run("judge", {**signs, "judge": name})


def judge_scale(judge: str, grades: list[str], wanted: str) -> Scale:
    """The scale a judge graded on: the one set, or the smallest that holds all its grades.

    >>> judge_scale("llm", ["irrelevant", "high"], "auto").name
    'ordinal3'
    """
    tried = list(SCALES.values()) if wanted == "auto" else [scale(wanted)]
    for candidate in sorted(tried, key=lambda each: len(each.grades)):
        if set(grades) <= set(candidate.grades):
            return candidate
    scales = "; ".join(f"{each.name}: {', '.join(each.grades)}" for each in tried)
    raise BadTable(
        f"judge {judge!r} gave the grades {', '.join(grades)}: allowed are those of one scale ({scales})"
    )


def _steps(engine: RecipeEngine, on: Scale, target: str) -> None:
    engine.run("forget_steps")
    # A two-level scale's "relevant" has no ordinal step; it is only reached if the recipe ignores it.
    engine.fill(
        "steps", [(grade, label_of(on, grade, target) or int(on.relevant(grade))) for grade in on.grades]
    )


def _no_level(recipe: object, source: str, why: str) -> str:
    levels = ", ".join(ORDINAL3.relevant_grades)
    return (
        f"recipe {str(recipe)!r}: the ordinal target needs to know which of {levels} a relevant pair is, and "
        f"{source} "
        f"({why}) cannot say: use {source}- alone, or a source on scale {FOUR.name} or {ORDINAL3.name}"
    )
