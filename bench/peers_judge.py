"""adjudge beside what else judges pairs with a language model, all on the same stub endpoint.

    python bench/peers_judge.py NAME [--python ENV/bin/python] [--pairs 2000]

NAME: adjudge, openai (the package's AsyncClient and gather, as written by hand), veritail, distilabel,
umbrela. A peer runs in an environment of its own: pip install veritail; pip install distilabel requests
openai; pip install umbrela "setuptools<80". Each answer takes 50 ms. Four things are measured, one JSON
object: pairs a second without faults; requests of a second run after that; requests sent again after a `kill
-9` at half, and how many of them had been answered; and what becomes of the pairs where the server fails now
and then (FAULTS).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STUB = Path(__file__).parents[1] / "tests" / "stub" / "server.py"
sys.path.insert(0, str(STUB.parent))
FAULTS = [
    {"every": 23, "kind": "429", "retry_after": 0.1},
    {"every": 29, "kind": "500"},
    {"every": 31, "kind": "cut"},
    {"every": 37, "kind": "off"},
    {"every": 41, "kind": "broken"},
]
"""By the request's number: rate limit, server error, connection cut, an answer off the scale, broken JSON."""
WORDS = {
    "veritail": [f"SCORE: {n}\nATTRIBUTES: match\nREASONING: because" for n in (3, 0)],
    "umbrela": [json.dumps({"M": n, "T": n, "O": n}).lower() for n in (3, 0)],
}
IN_FLIGHT = 64
Pairs = list[dict[str, str]]
Said = list[tuple[str, int | None]]
"""For each pair the prompt sent and the verdict given: 1, 0, or None where there is none."""


def prompt_of(pair: dict[str, str]) -> str:
    return (
        f"Is the keyphrase relevant to the item? Answer yes or no.\nTitle: {pair['title']}\n"
        f"Keyphrase: {pair['keyphrase']}"
    )


def by_openai(pairs: Pairs, url: str, home: Path) -> Said:
    """As people write it: a semaphore, gather, the package's own two retries, results kept at the end."""
    import openai

    async def ask_all() -> list[Any]:
        client, gate = openai.AsyncOpenAI(base_url=url, api_key="x"), asyncio.Semaphore(IN_FLIGHT)

        async def one(pair: dict[str, str]) -> int:
            async with gate:
                reply = await client.chat.completions.create(
                    model="stub",
                    messages=[{"role": "user", "content": prompt_of(pair)}],
                    temperature=0,
                    max_tokens=8,
                )
            return int("yes" in (reply.choices[0].message.content or "").lower())

        return await asyncio.gather(*(one(pair) for pair in pairs), return_exceptions=True)

    found = asyncio.run(ask_all())
    return [(prompt_of(p), v if isinstance(v, int) else None) for p, v in zip(pairs, found, strict=True)]


def by_veritail(pairs: Pairs, url: str, home: Path) -> Said:
    """Its own pipeline with its file backend, and --resume on every run."""
    from veritail.backends.file import FileBackend
    from veritail.llm.client import OpenAIClient
    from veritail.pipeline import run_evaluation
    from veritail.rubrics import format_user_prompt
    from veritail.types import ExperimentConfig, QueryEntry, SearchResult

    shelf: dict[str, list[SearchResult]] = {}
    for pair in pairs:
        found = shelf.setdefault(pair["keyphrase"], [])
        found.append(SearchResult(pair["item_id"], pair["title"], "", "c", 1.0, len(found)))
    judged, *_ = run_evaluation(
        [QueryEntry(keyphrase, "broad", "c") for keyphrase in shelf],
        lambda keyphrase: shelf[keyphrase],
        ExperimentConfig("bench", "none", "stub", 10),
        OpenAIClient("stub", url, "x"),
        FileBackend(str(home)),
        resume=True,
        output_dir=str(home),
    )
    return [(format_user_prompt(one.query, one.product), int(one.score >= 2)) for one in judged]


def by_umbrela(pairs: Pairs, url: str, home: Path) -> Said:
    """Its GPT judge without few-shot examples; the module that fetches those needs Java 21 and a network."""
    import types

    os.environ |= {"OPEN_AI_API_KEY": "x", "AZURE_OPENAI_API_VERSION": "", "AZURE_OPENAI_API_BASE": ""}
    os.environ |= {"DEPLOYMENT_NAME": "stub", "OPENAI_BASE_URL": url}
    for name, members in {
        "pyserini": (),
        "pyserini.index": (),
        "pyserini.index.lucene": ("IndexReader",),
        "pyserini.search": ("get_qrels", "get_topics"),
    }.items():
        module = sys.modules[name] = types.ModuleType(name)
        for member in members:
            setattr(module, member, None)
    from umbrela.gpt_judge import GPTJudge

    judge = GPTJudge("none", few_shot_count=0)
    said: Said = []
    for pair in pairs:
        asked = {"query": {"text": pair["keyphrase"]}, "candidates": [{"doc": {"segment": pair["title"]}}]}
        said += [(one["prompt"], int(one["judgment"] >= 2)) for one in judge.judge(asked)]
    return said


def by_distilabel(pairs: Pairs, url: str, home: Path) -> Said:
    """A pipeline of one TextGeneration, its cache on."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with Pipeline(name="bench", cache_dir=home / "cache") as pipeline:
        data = LoadDataFromDicts(data=[{"instruction": prompt_of(p)} for p in pairs], batch_size=IN_FLIGHT)
        llm = OpenAILLM(
            model="stub",
            base_url=url,
            api_key="x",
            generation_kwargs={"temperature": 0.0, "max_new_tokens": 8},
        )
        data >> TextGeneration(llm=llm, input_batch_size=IN_FLIGHT)
    rows = pipeline.run(use_cache=True)["default"]["train"]
    verdicts = {"yes": 1, "no": 0}
    return [(row["instruction"], verdicts.get((row["generation"] or "").strip().lower())) for row in rows]


def by_adjudge(pairs: Pairs, url: str, home: Path) -> Said:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from adjudge.jobs.judge import JudgeConfig, judge
    from adjudge.judge.prompt import load
    from adjudge.judge.runner import RunSettings

    table = home / "pairs.parquet"
    pq.write_table(pa.Table.from_pylist(pairs), table)
    config = JudgeConfig(
        table,
        "openai:stub",
        home / "log.sqlite",
        home / "out.parquet",
        base_url=url,
        run=RunSettings(in_flight=IN_FLIGHT),
    )
    judge(config)
    prompt, steps = load("binary"), {"relevant": 1, "irrelevant": 0, None: None}
    rows = pq.read_table(config.out).to_pylist()
    texts = [prompt.render(p["keyphrase"], p["title"], p["category"]).user for p in pairs]
    return [(text, steps[row["grade"]]) for text, row in zip(texts, rows, strict=True)]


PEERS = {
    "adjudge": by_adjudge,
    "openai": by_openai,
    "veritail": by_veritail,
    "distilabel": by_distilabel,
    "umbrela": by_umbrela,
}


class Ground:
    """A stub endpoint, a folder that a peer may keep, and the peer in a process of its own."""

    limit = 300.0

    def __init__(self, name: str, python: str, pairs: Pairs, faults: list[dict[str, Any]]) -> None:
        self.name, self.python = name, python
        self.home = Path(tempfile.mkdtemp(prefix="adjudge-peers-"))
        (self.home / "kept").mkdir()
        for file, told in {"pairs": pairs, "faults": faults, "words": WORDS.get(name, ["yes", "no"])}.items():
            (self.home / file).write_text(json.dumps(told))
        self.tally = self.home / "tally"
        given = [f"--{what}={self.home / what}" for what in ("tally", "faults", "words")]
        command = [sys.executable, str(STUB), "--delay", "0.05", *given]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.server.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.server.stdout.readline())}/v1"

    def start(self) -> subprocess.Popen[bytes]:
        command = [self.python, __file__, self.name, "--client", str(self.home), "--url", self.url]
        with (self.home / "said-aloud").open("ab") as aloud:
            return subprocess.Popen(
                command, stdout=aloud, stderr=aloud, start_new_session=True, cwd=self.home / "kept"
            )

    def finish(self) -> int | None:
        """Run the peer to its end; its exit status, None where it had to be ended after `limit` seconds."""
        run = self.start()
        try:
            return run.wait(self.limit)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, 9)
            run.wait()
            return None

    def lines(self, what: str) -> list[str]:
        told = self.tally.read_text().splitlines() if self.tally.exists() else []
        return [line.split()[1] for line in told if line.startswith(what)]

    def moments(self) -> list[float]:
        told = self.tally.read_text().splitlines() if self.tally.exists() else []
        return [float(line.split()[2]) for line in told if line.startswith("seen")]

    def close(self) -> None:
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)


def plain(ground: Ground, pairs: Pairs) -> dict[str, Any]:
    code = ground.finish()
    asked, moments = ground.lines("seen"), ground.moments()
    rate = len(asked) / (max(moments) - min(moments) + 0.05)
    ground.finish()
    return {
        "rc": code,
        "requests": len(asked),
        "per_second": round(rate),
        "again_after_end": len(ground.lines("seen")) - len(asked),
    }


def killed(ground: Ground, pairs: Pairs) -> dict[str, Any]:
    run = ground.start()
    while run.poll() is None and len(ground.lines("sent")) < len(pairs) // 2:
        time.sleep(0.01)
    os.killpg(run.pid, 9)
    run.wait()
    time.sleep(0.3)
    answered, before = set(ground.lines("sent")), len(ground.lines("seen"))
    code = ground.finish()
    after = ground.lines("seen")[before:]
    return {
        "rc": code,
        "answered_at_kill": len(answered),
        "asked_after_kill": len(after),
        "answered_asked_again": len(answered & set(after)),
    }


def faulty(ground: Ground, pairs: Pairs) -> dict[str, Any]:
    from server import grade_of

    began = time.monotonic()
    code = ground.finish()
    seconds = time.monotonic() - began
    said: Said = json.loads((ground.home / "said").read_text()) if (ground.home / "said").exists() else []
    truth = {prompt: 1 - ("yes", "no").index(grade_of(prompt)[0]) for prompt, _ in said}
    kept = [(prompt, verdict) for prompt, verdict in said if verdict is not None]
    wrong = sum(verdict != truth[prompt] for prompt, verdict in kept)
    return {
        "rc": code,
        "requests": len(ground.lines("seen")),
        "seconds": round(seconds, 1),
        "right": len(kept) - wrong,
        "wrong_or_invented": wrong,
        "without_verdict": len(pairs) - len(kept),
    }


def client(name: str, home: Path, url: str) -> None:
    said = PEERS[name](json.loads((home / "pairs").read_text()), url, home / "kept")
    (home / "said").write_text(json.dumps(said))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(PEERS))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--client", type=Path)
    parser.add_argument("--url", default="")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for one run of a peer")
    given = parser.parse_args()
    Ground.limit = given.limit
    if given.client:
        client(given.name, given.client, given.url)
        return
    pairs = [
        {
            "item_id": f"i{k}",
            "keyphrase": f"keyphrase {k // 10}",
            "title": f"Brand product line {k} in colour {k % 31}",
            "category": "c",
        }
        for k in range(given.pairs)
    ]
    row: dict[str, Any] = {"name": given.name, "pairs": given.pairs}
    for what, faults, part in (("plain", [], plain), ("killed", [], killed), ("faulty", FAULTS, faulty)):
        ground = Ground(given.name, given.python, pairs, faults)
        try:
            row[what] = part(ground, pairs)
            if row[what].get("rc"):
                print((ground.home / "said-aloud").read_text()[-1500:], file=sys.stderr)
        finally:
            ground.close()
    print(json.dumps(row))


if __name__ == "__main__":
    main()
