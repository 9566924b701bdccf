"""Pairs in, requests out: read in an order that shares prompt prefixes, rendered, hashed, and skipped where judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.judge.booking import Ask
from adjudge.judge.log import Row as LogRow
from adjudge.judge.log import VerdictLog
from adjudge.judge.prompt import Prompt, Text
from adjudge.llm.contract import Decoding, Message, Request

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 8_192
ORDERED = "SELECT keyphrase, title, {category} FROM pairs ORDER BY 3, title, keyphrase"
Row = tuple[str, str, str | None]


@dataclass(frozen=True)
class Question:
    """What makes a text of a pair, and a request of a text: prompt, decoding, and how the answer is held."""

    prompt: Prompt
    decoding: Decoding
    probabilities: bool = True
    structured: str = ""

    def told(self, model: str, revision: str) -> dict[str, Any]:
        """The config of a verdict log: everything beside the text that can change an answer."""
        how = self.decoding
        drawn = {
            name: getattr(how, name)
            for name in ("temperature", "top_p", "max_tokens", "top_logprobs", "seed")
        }
        return {
            "model": model,
            "revision": revision,
            "prompt": self.prompt.hash,
            "scale": self.prompt.scale.name,
            "decoding": drawn,
            "probabilities": self.probabilities,
            "structured": self.structured,
        }

    def request(self, key: str, text: Text, pair: tuple[str, str, str] = ("", "", "")) -> Request:
        """The request that asks about a rendered text; `pair` is (keyphrase, title, category)."""
        user = Message("user", text.user)
        messages = (Message("system", text.system), user) if text.system else (user,)
        answers = self.prompt.answers
        return Request(key, messages, answers, self.decoding, self.probabilities, self.structured, pair)


def count(pairs: Path) -> int:
    """Rows of a Parquet file of pairs. Raises BadTable where it is not one, or lacks a column of `to_score`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(pairs)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{pairs} cannot be read as Parquet: {error}") from error
    tables.TO_SCORE.check_columns(metadata.schema.to_arrow_schema().names, pairs)
    return int(metadata.num_rows)


def rows_in_order(pairs: Path, memory_limit: str = "2GB") -> Iterator[list[Row]]:
    """(keyphrase, title, category) by category, title, keyphrase: neighbours share the longest prompt prefix.

    Equal rows are neighbours too. DuckDB sorts, on disk where memory is short.
    """
    import duckdb

    count(pairs)
    with duckdb.connect(config={"memory_limit": memory_limit}) as connection:
        there = connection.read_parquet(str(pairs))
        category = "category" if "category" in there.columns else "NULL::VARCHAR"
        there.create_view("pairs")
        cursor = connection.execute(ORDERED.format(category=category))
        last: Row | None = None
        while rows := cursor.fetchmany(CHUNK):
            chunk: list[Row] = []
            for row in rows:
                if row != last:
                    chunk.append(row)
                last = row
            yield chunk


def missing(
    pairs: Path, question: Question, log: VerdictLog, attempts: int, underway: set[bytes]
) -> Iterator[list[Ask]]:
    """The texts still to be asked, each once, in an order that shares prefixes."""
    for rows in rows_in_order(pairs):
        yield asks_of(rows, question, log, attempts, underway)


def asks_of(
    rows: Sequence[Row], question: Question, log: VerdictLog, attempts: int, underway: set[bytes]
) -> list[Ask]:
    """Render rows, and keep those that are neither being asked nor settled."""
    fresh: dict[bytes, Row] = {}
    for row in rows:
        if row[0] is None or row[1] is None:
            continue
        key = question.prompt.digest(*row)
        # Looked at before the log: what leaves `underway` is in the log by then.
        if key not in underway:
            fresh[key] = row
    done = log.settled(list(fresh), attempts)
    left = [(key, row) for place, (key, row) in enumerate(fresh.items()) if place not in done]
    known = log.find([key for key, _ in left]) if left else {}
    asks = []
    for place, (key, (keyphrase, title, category)) in enumerate(left):
        text = question.prompt.render(keyphrase, title, category)
        request = question.request(key.hex(), text, (keyphrase, title, category or ""))
        asks.append(Ask(key, request, len(text.system.encode()) + len(text.user.encode()), known.get(place)))
    return asks


def entries(
    pairs: Path, question: Question, log: VerdictLog
) -> Iterator[tuple[pa.RecordBatch, list[LogRow | None], list[bytes]]]:
    """The file's own rows in their order, with what the log knows of each (`VerdictLog.rows`) and its text's hash."""
    import pyarrow.parquet as pq

    columns = [name for name in tables.TO_SCORE.names if name in pq.read_schema(pairs).names]
    digest = question.prompt.digest
    with pq.ParquetFile(pairs) as file:
        for batch in file.iter_batches(CHUNK, columns=columns):
            values: Mapping[str, list[Any]] = {name: batch.column(name).to_pylist() for name in columns}
            categories = values.get("category") or [None] * batch.num_rows
            rows = zip(values["keyphrase"], values["title"], categories, strict=True)
            keys = [b"" if row[0] is None or row[1] is None else digest(*row) for row in rows]
            known = log.rows(keys)
            yield batch, [known.get(place) for place in range(len(keys))], keys
