"""The whole of `build` against a second implementation in pandas and plain Python, on random logs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse

RELEVANT = {"good", "excellent"}
Votes = dict[tuple[str, str], int]


def random_logs(folder: Path, seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(60)]})
    items["title"] = [" " if n % 17 == 0 else f"title {n}" for n in range(60)]
    items["category"] = [None if n % 5 == 0 else f"c{n % 3}" for n in range(60)]
    pairs = pd.MultiIndex.from_product([[f"i{n}" for n in range(64)], [f"k{n}" for n in range(25)]])
    pairs = pairs.to_frame(index=False, name=["item_id", "keyphrase"])

    def some(share: float) -> pd.DataFrame:
        return pairs[rng.random(len(pairs)) < share].reset_index(drop=True)

    clicks = pd.concat([some(0.5).assign(position=p) for p in (1, 2)], ignore_index=True)
    clicks["impressions"] = rng.integers(1, 60, len(clicks))
    clicks["clicks"] = rng.binomial(clicks["impressions"], rng.beta(1, 6, len(clicks)))
    search = some(0.7)
    search["passed"] = rng.random(len(search)) < 0.5
    graded = some(0.4)
    seen = [graded.assign(annotator=f"a{n}") for n in range(3)]
    annotations = pd.concat([part[rng.random(len(part)) < 0.95] for part in seen], ignore_index=True)
    base = (annotations["item_id"] + annotations["keyphrase"]).map(
        lambda t: int(hashlib.md5(t.encode()).hexdigest(), 16) % 4
    )
    noisy = np.where(rng.random(len(base)) < 0.1, rng.integers(0, 4, len(base)), base)
    annotations["grade"] = np.array(["bad", "fair", "good", "excellent"])[noisy]
    judgments = some(0.6).assign(judge="llm")
    judgments["probability"] = rng.random(len(judgments))
    judgments["grade"] = np.where(judgments["probability"] > 0.5, "relevant", "irrelevant")
    judgments["status"] = "scored"
    lost = rng.random(len(judgments)) < 0.05
    judgments.loc[lost, ["grade", "probability"]] = None
    judgments.loc[lost, "status"] = "unscored"
    logs = {
        "items": items,
        "clicks": clicks,
        "search": search,
        "annotations": annotations,
        "judgments": judgments,
    }
    folder.mkdir(parents=True)
    for name, frame in logs.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
    return logs


def keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["item_id"], frame["keyphrase"], strict=True))


def votes_of(source: str, logs: dict[str, pd.DataFrame], s: RecipeSettings) -> Votes:
    if source == "click":
        summed = (
            logs["clicks"].groupby(["item_id", "keyphrase"])[["impressions", "clicks"]].sum().reset_index()
        )
        enough = summed[(summed.impressions >= s.min_impressions) & (summed.clicks >= s.min_clicks)]
        return dict.fromkeys(keys(enough[enough.clicks / enough.impressions >= s.min_ctr]), 1)
    if source == "search":
        return dict(zip(keys(logs["search"]), logs["search"]["passed"].astype(int), strict=True))
    if source == "human":
        grouped = (
            logs["annotations"].groupby(["item_id", "keyphrase"])["grade"].agg(["count", "nunique", "first"])
        )
        sure = grouped[(grouped["count"] >= s.min_annotators) & (grouped["nunique"] == 1)].reset_index()
        return {key: int(grade in RELEVANT) for key, grade in zip(keys(sure), sure["first"], strict=True)}
    scored = logs["judgments"][logs["judgments"]["status"] == "scored"]
    return {key: int(grade == "relevant") for key, grade in zip(keys(scored), scored["grade"], strict=True)}


def resolved(said: list[tuple[str, int]], policy: str) -> tuple[str, int] | None:
    labels = [label for _, label in said]
    yes, no = labels.count(1), labels.count(0)
    if policy == "first" or not yes or not no:
        label = labels[0]
    elif policy == "drop" or (policy == "majority" and yes == no):
        return None
    else:
        label = {"majority": int(yes > no), "positive": 1, "negative": 0}[policy]
    return next(source for source, one in said if one == label), label


def share(kind: str, text: str, seed: int) -> str:
    part = int(hashlib.md5(f"{seed}:{kind}:{text}".encode()).hexdigest()[:8], 16) / 2**32
    return "train" if part < 0.6 else "dev" if part < 0.8 else "test"


def expected(
    recipe: str, logs: dict[str, pd.DataFrame], s: RecipeSettings
) -> dict[tuple[str, str], tuple[object, ...]]:
    said: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for word in recipe.split():
        source = word.rstrip("+-")
        for key, label in votes_of(source, logs, s).items():
            if ("+" if label else "-") in word[len(source) :]:
                said.setdefault(key, []).append((source, label))
    stock = logs["items"].set_index("item_id")
    told = logs["judgments"].set_index(["item_id", "keyphrase"])["probability"]
    rows: dict[tuple[str, str], tuple[object, ...]] = {}
    for (item, phrase), votes in said.items():
        one = resolved(votes, s.conflict)
        if one is None or item not in stock.index or not stock.loc[item, "title"].strip():
            continue
        sides = {"item": share("item", item, s.seed), "keyphrase": share("keyphrase", phrase, s.seed)}
        if s.split_by == "both" and sides["item"] != sides["keyphrase"]:
            continue
        split = sides["item" if s.split_by == "both" else s.split_by]
        probability = float(told[item, phrase]) if one[0] == "llm" else None
        rows[item, phrase] = (
            stock.loc[item, "title"],
            stock.loc[item, "category"],
            float(one[1]),
            probability,
            one[0],
            split,
        )
    return rows


@pytest.mark.parametrize("policy", ["first", "drop", "majority", "positive", "negative"])
@pytest.mark.parametrize(
    ("recipe", "split_by"),
    [
        ("search+-", "item"),
        ("click+ llm+-", "keyphrase"),
        ("human+- click+ llm- search+-", "both"),
        ("llm+- search- human+", "item"),
    ],
)
def test_equals_pandas(tmp_path: Path, recipe: str, split_by: str, policy: str) -> None:
    logs = random_logs(tmp_path / "logs", seed=len(recipe))
    s = RecipeSettings(conflict=policy, split_by=split_by, shares=(0.6, 0.2, 0.2), seed=3, threads=1)
    report = build(parse(recipe), tmp_path / "logs", s, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "training.parquet").to_pylist()
    names = ("title", "category", "label", "probability", "source", "split")
    found = {(row["item_id"], row["keyphrase"]): tuple(row[name] for name in names) for row in rows}
    assert found == expected(recipe, logs, s)
    assert len(rows) == len(found) > 200
    for seen in report.seen:
        gone = sum(d.pairs for d in report.dropped if d.source == seen.source)
        assert seen.pairs == report.rows_of(source=seen.source) + gone
