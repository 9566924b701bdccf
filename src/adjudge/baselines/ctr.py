"""A gradient-boosted CTR model (XGBoost), as paper 1's predecessor: it learns from shown pairs alone.

A pair's target is its CTR, its weight its impressions, the loss the binomial log-likelihood. It never saw a pair
that Search rejects, which is the bias paper 1 describes; it scores such pairs all the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adjudge.baselines.clicks import click_pairs, facts
from adjudge.baselines.features import NAMES, Memory, features, history
from adjudge.baselines.settings import CtrSettings
from adjudge.errors import MissingExtra, NotEnoughData
from adjudge.manifest import Manifest
from adjudge.records import Progress
from adjudge.text.words import whole

MODEL = "model.json"


def prepare(
    out: Path, settings: CtrSettings, logs: Path, split: str | None, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Learn from `logs` and write the model and its memory; gives what the manifest keeps, and the files."""
    progress("ctr: click pairs", 0, 4)
    with tempfile.TemporaryDirectory(prefix=".ctr-", dir=out) as scratch:
        rows = click_pairs(logs, settings, split, Path(scratch))
    train, dev = _parts(rows, logs)
    progress("ctr: features", 1, 4)
    average = float(np.sum(_of(train, "clicks")) / np.sum(_of(train, "impressions")))
    known = memory(train, logs, average, settings.prior_impressions)
    seen, unseen = _out_of_fold(train, known, average, settings), features(dev, known)
    progress("ctr: trees", 2, 4)
    model, learnt = _boost((seen, train), (unseen, dev), settings)
    model.save_model(out / MODEL)
    names = (MODEL, *known.save(out))
    progress("ctr", 4, 4)
    told = {"average_ctr": average, "pairs": len(train), "dev_pairs": len(dev), **learnt}
    return {"features": list(NAMES), **told}, names


def open_model(folder: Path, manifest: Manifest) -> Callable[[pa.Table], np.ndarray]:
    xgboost = _xgboost()
    model = xgboost.Booster()
    model.load_model(folder / MODEL)
    model.set_param({"nthread": int(manifest.config["settings"]["threads"])})
    known = Memory.load(folder)
    # The margin is the logit of the predicted CTR.
    return lambda pairs: model.inplace_predict(features(pairs, known), predict_type="margin").astype(
        np.float64
    )


def memory(train: pa.Table, logs: Path, average: float, prior: float) -> Memory:
    """Histories from the training pairs alone; searches, categories and prices from the logs' tables."""
    clicks, shown = _of(train, "clicks"), _of(train, "impressions")
    phrases = history(whole(train["keyphrase"]), clicks, shown, average, prior)
    told = facts(logs, "keyphrases", ("keyphrase", "searches", "category"))
    if told is None:
        told = pa.table({"keyphrase": phrases["key"]})
        told = told.append_column("searches", pa.nulls(len(told), pa.int64()))
        told = told.append_column("category", pa.nulls(len(told), pa.string()))
    phrases = phrases.join(
        told.rename_columns(["key", "searches", "category"]), "key", join_type="full outer"
    )
    groups = history(whole(train["category"]), clicks, shown, average, prior)
    items = facts(logs, "items", ("item_id", "price"))
    stock = pa.table({"key": [], "price": []}) if items is None else items.rename_columns(["key", "price"])
    return Memory(phrases.sort_by("key"), groups, stock.sort_by("key"))


def _out_of_fold(train: pa.Table, known: Memory, average: float, settings: CtrSettings) -> np.ndarray:
    """Features of the training pairs whose CTR histories come from other folds of items.

    With its own clicks in its keyphrase's history a pair would tell the model its answer.
    """
    found = features(train, known)
    items = whole(train["item_id"]).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    rng = np.random.default_rng(settings.seed)
    fold = rng.permutation(items.max() + 1)[items] % settings.folds
    columns = [NAMES.index(name) for name in ("keyphrase_ctr", "keyphrase_impressions", "category_ctr")]
    for number in range(settings.folds):
        here = fold == number
        if not here.any() or here.all():
            continue
        others = train.filter(pa.array(~here))
        past = _histories(others, known, average, settings.prior_impressions)
        found[np.ix_(here, columns)] = features(train.filter(pa.array(here)), past)[:, columns]
    return found


def _histories(rows: pa.Table, known: Memory, average: float, prior: float) -> Memory:
    """`known` with CTR histories from `rows` instead."""
    clicks, shown = _of(rows, "clicks"), _of(rows, "impressions")
    phrases = history(whole(rows["keyphrase"]), clicks, shown, average, prior)
    rest = known.keyphrases.select(["key", "searches", "category"])
    groups = history(whole(rows["category"]), clicks, shown, average, prior)
    return Memory(phrases.join(rest, "key", join_type="full outer"), groups, known.items)


def _boost(
    train: tuple[np.ndarray, pa.Table], dev: tuple[np.ndarray, pa.Table], settings: CtrSettings
) -> tuple[Any, dict[str, Any]]:
    xgboost = _xgboost()
    sets = []
    for values, rows in (train, dev):
        shown = _of(rows, "impressions")
        # Mean weight 1: the tree settings then mean the same at any traffic.
        sets.append(
            xgboost.DMatrix(
                values,
                label=_of(rows, "clicks") / shown,
                weight=shown / shown.mean(),
                feature_names=list(NAMES),
                nthread=settings.threads,
            )
        )
    asked = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_child_weight,
        "seed": settings.seed,
        "nthread": settings.threads,
    }
    log: dict[str, dict[str, list[float]]] = {}
    model = xgboost.train(
        asked,
        sets[0],
        num_boost_round=settings.rounds,
        evals=[(sets[0], "train"), (sets[1], "dev")],
        early_stopping_rounds=settings.patience,
        evals_result=log,
        verbose_eval=False,
    )
    best = int(model.best_iteration)
    gain = {
        name: round(float(value), 4)
        for name, value in sorted(model.get_score(importance_type="gain").items())
    }
    told = {
        "trees": best + 1,
        "dev_logloss": float(log["dev"]["logloss"][best]),
        "dev_logloss_of_average": _logloss_of_average(train[1], dev[1]),
        "gain": gain,
    }
    return model[: best + 1], told


def _logloss_of_average(train: pa.Table, dev: pa.Table) -> float:
    """The dev loss of always saying the training pairs' average CTR: what the model must beat."""
    said = float(np.sum(_of(train, "clicks")) / np.sum(_of(train, "impressions")))
    clicked = float(np.sum(_of(dev, "clicks")) / np.sum(_of(dev, "impressions")))
    return float(-clicked * np.log(said) - (1 - clicked) * np.log1p(-said))


def _parts(rows: pa.Table, logs: Path) -> tuple[pa.Table, pa.Table]:
    import pyarrow.compute as pc

    train, dev = (rows.filter(pc.equal(rows["split"], name)) for name in ("train", "dev"))
    for name, part in (("train", train), ("dev", dev)):
        clicks = float(np.sum(_of(part, "clicks")))
        if not clicks or clicks == float(np.sum(_of(part, "impressions"))):
            raise NotEnoughData(
                f"the CTR model found {len(part)} shown pairs with {clicks:.0f} clicks in the {name} split of {logs}: "
                "it needs both clicks and impressions without one. Bring in more of the click log"
            )
    return train, dev


def _of(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].to_numpy().astype(np.float64)


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra("xgboost", "train") from error
    return xgboost
