"""How fast and how large: recipes at 2 million pairs and at 25 million click rows.

    python bench/recipes.py pairs [--recipe "click+ llm+-"] [--logs FOLDER] [--pairs 2000000]
    python bench/recipes.py clicks [--rows 25000000] [--memory 6GB]

`pairs` uses a logs folder as `adjudge simulate` writes it, or makes synthetic logs of the same shape with
DuckDB; `clicks` makes clicks and Search verdicts under the scratch folder and runs `click+ search+-`. Each
prints seconds and the process's peak resident memory. Logs are made by a child process, so that the peak is
the recipe's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from adjudge.recipes.build import build
from adjudge.recipes.settings import RecipeSettings
from adjudge.recipes.spelling import parse

ITEMS = """COPY (SELECT 'item-' || (100000000 + i) AS item_id,
  'Brand' || (i % 977) || ' product line ' || (i % 7919) || ' in colour ' || (i % 31) || ', size ' || (i % 13)
    || ', condition new, fast dispatch' AS title,
  'Category ' || (i % 400) AS category FROM range({items}) r(i)) TO '{out}/items.parquet' (FORMAT parquet)"""
PAIR = """'item-' || (100000000 + (i // {each}) % {items}) AS item_id,
  'keyphrase ' || ((i * 2654435761) % {keyphrases}) || ' n' || (i % {each}) AS keyphrase"""
PAIRS = "COPY (SELECT {pair} FROM range({rows}) r(i)) TO '{out}/pairs.parquet' (FORMAT parquet)"
CLICKS = """COPY (SELECT {pair}, (20 + (hash(i) % 200))::BIGINT AS impressions,
  least(20, hash(i + 7) % 40)::BIGINT AS clicks FROM range({rows}) r(i)) TO '{out}/clicks.parquet' (FORMAT
  parquet)"""
SEARCH = """COPY (SELECT {pair}, (hash(i + 1) % 1000) / 1000.0 AS score, hash(i + 1) % 1000 > 600 AS passed
  FROM range({search}) r(i)) TO '{out}/search.parquet' (FORMAT parquet)"""
JUDGE = """COPY (SELECT {pair}, judge, CASE WHEN hash(i + 3) % 10 < 4 THEN 'relevant' ELSE 'irrelevant' END AS
    grade,
  (hash(i + 3) % 1000) / 1000.0 AS probability, 'scored' AS status FROM range({rows}) r(i)
  CROSS JOIN (VALUES ('llm'), ('tuned')) j(judge)) TO '{out}/judgments.parquet' (FORMAT parquet)"""


def make(out: Path, rows: int, search: int, judged: bool) -> None:
    """Synthetic logs: every pair once, 20 keyphrases an item."""
    values = {"rows": rows, "search": search, "items": max(1, rows // 20), "each": 20, "out": out}
    values["keyphrases"] = max(1, rows // 40)
    values["pair"] = PAIR.format(**values)
    with duckdb.connect(config={"memory_limit": "4GB"}) as connection:
        for text in (ITEMS, PAIRS, CLICKS, SEARCH, *((JUDGE,) if judged else ())):
            connection.execute(text.format(**values))


def measure(recipe: str, logs: Path, settings: RecipeSettings) -> None:
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-out-") as out:
        report = build(parse(recipe), logs, settings, Path(out))
    told = {
        "recipe": recipe,
        "pairs_seen": {seen.source: seen.pairs for seen in report.seen},
        "rows": report.rows,
        "seconds": round(report.seconds, 1),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
    }
    print(json.dumps(told))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("what", choices=("pairs", "clicks", "make"))
    ask.add_argument("--recipe", default="click+ llm+-")
    ask.add_argument("--logs", type=Path)
    ask.add_argument("--pairs", type=int, default=2_000_000)
    ask.add_argument("--rows", type=int, default=25_000_000)
    ask.add_argument("--memory", default=None)
    ask.add_argument("--threads", type=int, default=2)
    given = ask.parse_args()
    if given.what == "make":
        make(given.logs, given.rows, given.rows // 2, judged=given.rows <= given.pairs)
        return
    recipe = given.recipe if given.what == "pairs" else "click+ search+-"
    rows = given.pairs if given.what == "pairs" else given.rows
    memory = given.memory or ("2GB" if given.what == "pairs" else "6GB")
    settings = RecipeSettings(memory_limit=memory, threads=given.threads)
    with tempfile.TemporaryDirectory(prefix="adjudge-bench-logs-") as folder:
        logs = given.logs or Path(folder)
        if given.logs is None:
            command = [sys.executable, __file__, "make", "--logs", folder, "--rows", str(rows)]
            subprocess.run([*command, "--pairs", str(given.pairs)], check=True)
        measure(recipe, logs, settings)


if __name__ == "__main__":
    main()
