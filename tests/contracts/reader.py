"""A reader that never stops: reads the served table over and over, and writes down what it saw of each
version.

python reader.py TABLE OUT.jsonl STOP
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from adjudge.served.table import served

if __name__ == "__main__":
    table, out, stop = map(Path, sys.argv[1:])
    with out.open("w") as log:
        while not stop.exists():
            about, files = served(table)
            digest, rows, models = hashlib.sha256(), 0, set()
            for path in files:
                held = pq.read_table(path)
                rows += len(held)
                models |= set(held["model_version"].to_pylist())
                digest.update(str(held.to_pydict()).encode())
            seen = {"version": about.number, "stated": about.rows, "rows": rows, "digest": digest.hexdigest()}
            log.write(json.dumps({**seen, "models": sorted(models)}) + "\n")
            log.flush()
