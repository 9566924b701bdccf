"""How fast, how large and how learnable: simulating a market.

    OMP_NUM_THREADS=1 taskset -c 0 python bench/market.py [--items 100000] [--out FOLDER]
    OMP_NUM_THREADS=1 python bench/market.py --learn 100000 --items 12000 --keyphrases 30000

`--learn N` trains a student on N pairs with their true labels and prints its AUC on a tenth of the items,
held out: can the truth be learned from the text at all? Prints rows, seconds by stage, and the process's peak
resident memory as JSON. `cpu_seconds` is what the process itself used, which on a shared machine is the
steadier figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adjudge.market.settings import CatalogueSettings, MarketSettings
from adjudge.market.simulate import simulate

LABELLED = """
SELECT t.item_id, t.keyphrase, i.title, i.category,
    t.relevant::INT::DOUBLE AS label, NULL::DOUBLE AS probability,
  1::DOUBLE AS weight, 'truth' AS source, CASE WHEN md5(t.item_id) < '1a' THEN 'dev' ELSE 'train' END AS split
FROM read_parquet($truth) t JOIN read_parquet($items) i USING (item_id)
ORDER BY md5(t.item_id || t.keyphrase)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--keyphrases", type=int, default=250_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--learn", type=int, default=0)
    given = parser.parse_args()
    settings = MarketSettings(catalogue=CatalogueSettings(items=given.items, keyphrases=given.keyphrases))
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-") as scratch:
        began, worked = time.perf_counter(), time.process_time()
        stages: dict[str, float] = {}

        def step(what: str, done: int, total: int) -> None:
            stages[what] = round(
                time.process_time() - worked - sum(stages[s] for s in stages if s != what), 1
            )

        report = simulate(settings, given.out or Path(scratch), step)
        told = {
            "rows": report.rows,
            "megabytes": round(sum(f.stat().st_size for f in report.out.iterdir()) / 1e6, 1),
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_seconds": round(time.process_time() - worked, 1),
            "cpu_seconds_by_stage": stages,
            "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
        if given.learn:
            told["learnt"] = learn(report.out, Path(scratch), given.learn)
    print(json.dumps(told, indent=2))


def learn(logs: Path, scratch: Path, pairs: int) -> dict[str, float]:
    """Held-out AUC on the truth of a student trained on the truth, and the seconds it took."""
    import duckdb
    from sklearn.metrics import roc_auc_score

    from adjudge.scoring.open_model import open_model
    from adjudge.student.settings import StudentSettings
    from adjudge.student.train import train

    with duckdb.connect() as base:
        rows = base.sql(LABELLED, params={name: str(logs / f"{name}.parquet") for name in ("truth", "items")})
        table = rows.to_arrow_table()
    # DuckDB marks columns it knows to be full as "not null"; golden pairs need to hold nulls.
    table = table.cast(pa.schema([pa.field(field.name, field.type) for field in table.schema]))
    pq.write_table(table, scratch / "training.parquet")
    settings = StudentSettings(max_pairs=pairs, threads=1, patience=0, evaluations=3, dev_rows=3000)
    done = train(scratch / "training.parquet", settings, scratch / "model", open_model)
    held_out = table.filter(pc.equal(table["split"], "dev"))
    scores = open_model(scratch / "model").score(held_out)
    return {
        "pairs": done.pairs_seen,
        "held_out_auc": round(float(roc_auc_score(held_out["label"].to_numpy(), scores)), 4),
        "seconds": round(done.seconds, 1),
    }


if __name__ == "__main__":
    main()
