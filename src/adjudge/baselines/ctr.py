"""A gradient-boosted CTR model (XGBoost), as paper 1's predecessor: it learns from shown pairs alone.

A pair's target is its CTR, its weight its impressions, the loss the binomial log-likelihood. It never saw a
pair that Search rejects, which is the bias paper 1 describes; it scores such pairs all the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from adjudge.baselines.clicks import click_pairs, facts
from adjudge.baselines.features import HISTORIES, NAMES, Memory, features, history
from adjudge.baselines.settings import CtrSettings
from adjudge.errors import MissingExtra, NotEnoughData
from adjudge.manifest import Manifest
from adjudge.records import Progress
from adjudge.text.words import one_array

MODEL = "model.json"


def prepare(
    out: Path, settings: CtrSettings, logs: Path, split: str | None, progress: Progress
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Learn from `logs`, write the model and its memory; return what the manifest keeps, and the files."""
    progress("ctr: click pairs", 0, 4)
    with tempfile.TemporaryDirectory(prefix=".ctr-", dir=out) as scratch:
        rows = click_pairs(logs, settings, split, Path(scratch))
    train, dev = (_of_split(rows, split_name, logs) for split_name in ("train", "dev"))
    progress("ctr: features", 1, 4)
    average = _average_ctr(train)
    known, items = _known_keyphrases(logs, train), _known_items(logs)

    def remember(shown: pa.Table) -> Memory:
        """What the logs say, with the click histories of some of the training pairs."""
        clicks, impressions = _floats(shown, "clicks"), _floats(shown, "impressions")
        of_keyphrase, of_category = (
            history(one_array(shown[name]), clicks, impressions, average, settings.prior_impressions)
            for name in ("keyphrase", "category")
        )
        keyphrases = of_keyphrase.join(known, "key", join_type="full outer").sort_by("key")
        return Memory(keyphrases, of_category, items)

    memory = remember(train)
    train_features, dev_features = _out_of_fold(train, memory, remember, settings), features(dev, memory)
    progress("ctr: trees", 2, 4)
    model, learnt = _boost((train_features, train), (dev_features, dev), settings)
    model.save_model(out / MODEL)
    names = (MODEL, *memory.save(out))
    progress("ctr", 4, 4)
    counts = {"average_ctr": average, "pairs": len(train), "dev_pairs": len(dev)}
    return {"features": list(NAMES), **counts, **learnt}, names


def open_model(folder: Path, manifest: Manifest) -> Callable[[pa.Table], np.ndarray]:
    model = _xgboost().Booster()
    model.load_model(folder / MODEL)
    model.set_param({"nthread": int(manifest.config["settings"]["threads"])})
    memory = Memory.load(folder)

    def logits(pairs: pa.Table) -> np.ndarray:
        # The margin is the logit of the predicted CTR.
        return model.inplace_predict(features(pairs, memory), predict_type="margin").astype(np.float64)

    return logits


def _known_keyphrases(logs: Path, train: pa.Table) -> pa.Table:
    names = ["key", "searches", "category"]
    known = facts(logs, "keyphrases", ("keyphrase", "searches", "category"))
    if known is not None:
        return known.rename_columns(names)
    keys = pc.unique(train["keyphrase"])
    return pa.table([keys, pa.nulls(len(keys), pa.int64()), pa.nulls(len(keys), pa.string())], names)


def _known_items(logs: Path) -> pa.Table:
    items = facts(logs, "items", ("item_id", "price"))
    table = pa.table({"key": [], "price": []}) if items is None else items.rename_columns(["key", "price"])
    return table.sort_by("key")


def _out_of_fold(
    train: pa.Table, memory: Memory, remember: Callable[[pa.Table], Memory], settings: CtrSettings
) -> np.ndarray:
    """Features of the training pairs whose CTR histories come from other folds of items.

    With its own clicks in its keyphrase's history a pair would tell the model its answer.
    """
    matrix = features(train, memory)
    items = one_array(train["item_id"]).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    rng = np.random.default_rng(settings.seed)
    fold = rng.permutation(items.max() + 1)[items] % settings.folds
    columns = [NAMES.index(name) for name in HISTORIES]
    for number in range(settings.folds):
        inside = fold == number
        if not inside.any() or inside.all():
            continue
        past = remember(train.filter(pa.array(~inside)))
        matrix[np.ix_(inside, columns)] = features(train.filter(pa.array(inside)), past)[:, columns]
    return matrix


def _boost(
    train: tuple[np.ndarray, pa.Table], dev: tuple[np.ndarray, pa.Table], settings: CtrSettings
) -> tuple[Any, dict[str, Any]]:
    """The trees up to the lowest dev loss, and what the manifest keeps about them."""
    xgboost = _xgboost()
    matrices = []
    for values, rows in (train, dev):
        impressions = _floats(rows, "impressions")
        matrices.append(
            xgboost.DMatrix(
                values,
                label=_floats(rows, "clicks") / impressions,
                # Mean weight 1, so that the tree settings mean the same at any traffic.
                weight=impressions / impressions.mean(),
                feature_names=list(NAMES),
                nthread=settings.threads,
            )
        )
    log: dict[str, dict[str, list[float]]] = {}
    model = xgboost.train(
        {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_depth": settings.max_depth,
            "learning_rate": settings.learning_rate,
            "min_child_weight": settings.min_child_weight,
            "seed": settings.seed,
            "nthread": settings.threads,
        },
        matrices[0],
        num_boost_round=settings.rounds,
        evals=[(matrices[0], "train"), (matrices[1], "dev")],
        early_stopping_rounds=settings.patience,
        evals_result=log,
        verbose_eval=False,
    )
    best = int(model.best_iteration)
    gain = sorted(model.get_score(importance_type="gain").items())
    return model[: best + 1], {
        "trees": best + 1,
        "dev_logloss": float(log["dev"]["logloss"][best]),
        "dev_logloss_of_average": _logloss_of_average(train[1], dev[1]),
        "gain": {name: round(float(value), 4) for name, value in gain},
    }


def _logloss_of_average(train: pa.Table, dev: pa.Table) -> float:
    """The dev loss of always saying the training pairs' average CTR: what the model must beat."""
    said, clicked = _average_ctr(train), _average_ctr(dev)
    return float(-clicked * np.log(said) - (1 - clicked) * np.log1p(-said))


def _average_ctr(rows: pa.Table) -> float:
    return float(np.sum(_floats(rows, "clicks")) / np.sum(_floats(rows, "impressions")))


def _of_split(rows: pa.Table, split: str, logs: Path) -> pa.Table:
    rows = rows.filter(pc.equal(rows["split"], split))
    clicks = float(np.sum(_floats(rows, "clicks")))
    if not clicks or clicks == float(np.sum(_floats(rows, "impressions"))):
        raise NotEnoughData(
            f"the CTR model found {len(rows)} shown pairs with {clicks:.0f} clicks in the {split} split of "
            f"{logs}: it needs both clicks and impressions without one. Bring in more of the click log"
        )
    return rows


def _floats(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].to_numpy().astype(np.float64)


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra("xgboost", "train") from error
    return xgboost
