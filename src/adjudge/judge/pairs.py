"""Pairs become requests: read in an order that shares prompt prefixes, rendered, hashed, and skipped if
judged."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adjudge import tables
from adjudge.errors import BadTable
from adjudge.judge.accounting import PendingText, is_settled
from adjudge.judge.log import VerdictLog
from adjudge.judge.log_snapshot import Flags, Keys, LogSnapshot, Places, keys_of
from adjudge.judge.prompt import KEY_BYTES, Prompt, RenderedText
from adjudge.llm.contract import Decoding, Message, Request
from adjudge.storage.duck import in_memory
from adjudge.text.blank import are_blank, blank_sql, is_blank

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1_024
BATCH = 65_536
NO_KEY = bytes(KEY_BYTES)
ORDERED = "SELECT keyphrase, title, {category} AS category FROM pairs {these} ORDER BY {order}"
THESE = "WHERE file_row_number IN (SELECT row FROM wanted)"
DISTINCT = f"""SELECT count(*) FROM (SELECT DISTINCT keyphrase, title, category FROM pairs
WHERE NOT {blank_sql("keyphrase")} AND NOT {blank_sql("title")})"""
UNREADABLE = "{} cannot be read as pairs: {{}}"
READ = ("keyphrase", "title", "category")
NUMBERED = ("category",)
"""Columns that may hold whole numbers too: an id says as much in digits. A keyphrase or a title of digits is
a mistake."""
Row = tuple[str, str, str | None]


@dataclass(frozen=True)
class Question:
    """What makes a text of a pair, and a request of a text: prompt, decoding, and how the answer is held.

    client: settings of the client that can change an answer, beside those.
    """

    prompt: Prompt
    decoding: Decoding
    probabilities: bool = True
    structured: str = ""
    client: Mapping[str, Any] = field(default_factory=dict)

    def identity(self, model: str, revision: str) -> dict[str, Any]:
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
            **({"client": dict(self.client)} if self.client else {}),
        }

    def request(self, key: str, text: RenderedText, pair: tuple[str, str, str] = ("", "", "")) -> Request:
        """The request that asks about a rendered text; `pair` is (keyphrase, title, category)."""
        user = Message("user", text.user)
        messages = (Message("system", text.system), user) if text.system else (user,)
        answers = self.prompt.answers
        return Request(key, messages, answers, self.decoding, self.probabilities, self.structured, pair)


def count(pairs: Path) -> int:
    """Rows of a Parquet file of pairs. Raises BadTable if it is not one, lacks a column of `to_score`, or
    holds something else than text in a column that a judge reads (a category may be a whole number: its
    digits are read)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(pairs)
    except (OSError, pa.ArrowException) as error:
        raise BadTable(f"{pairs} cannot be read as Parquet: {error}") from error
    schema = metadata.schema.to_arrow_schema()
    tables.TO_SCORE.check_columns(schema.names, pairs)
    for name in READ:
        if name in schema.names and not _allowed(name, schema.field(name).type):
            allowed = "string or whole numbers" if name in NUMBERED else "string"
            raise BadTable(
                f"{pairs}: column {name} is {schema.field(name).type}: allowed is {allowed}. Cast it to "
                "string, in pandas "
                f'for example: table["{name}"] = table["{name}"].astype("string")'
            )
    return int(metadata.num_rows)


def _allowed(name: str, kind: Any) -> bool:
    import pyarrow as pa

    return _textual(kind) or (name in NUMBERED and pa.types.is_integer(kind))


def _textual(kind: Any) -> bool:
    """Whether a column of this Arrow type is texts (or nothing but nulls)."""
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(plain) for test in tests)


def count_texts(pairs: Path) -> int:
    """Distinct (keyphrase, title, category) with something to judge: what progress counts, as equal texts are
    asked once.

    Raises BadTable.
    """
    with in_memory(UNREADABLE.format(pairs), memory="2GB") as db:
        table = db.read_parquet(str(pairs))
        if "category" not in table.columns:
            table = table.project("*, NULL::VARCHAR AS category")
        table.create_view("pairs")
        row = db.execute(DISTINCT).fetchone()
    return int(row[0]) if row else 0


def rows_in_order(
    pairs: Path, prompt: Prompt, these: Places | None = None, memory: str = "2GB"
) -> Generator[list[Row], None, None]:
    """(keyphrase, title, category) by what the prompt shows first: neighbours share the longest prompt
    prefix.

    Equal rows are neighbours too. DuckDB sorts, on disk if memory is short. these: only the rows of these
    numbers.
    """
    import pyarrow as pa

    count(pairs)
    with in_memory(UNREADABLE.format(pairs), memory=memory) as connection:
        table = connection.read_parquet(str(pairs), file_row_number=True)
        category = "category::VARCHAR" if "category" in table.columns else "NULL::VARCHAR"
        table.create_view("pairs")
        if these is not None:
            connection.register("wanted", pa.table({"row": these}))
        chosen = "" if these is None else THESE
        query = ORDERED.format(category=category, these=chosen, order=", ".join(prompt.columns))
        cursor = connection.execute(query)
        last: Row | None = None
        while rows := cursor.fetchmany(CHUNK):
            chunk: list[Row] = []
            for row in rows:
                if row != last:
                    chunk.append(row)
                last = row
            yield chunk


def missing(
    pairs: Path,
    question: Question,
    log: VerdictLog,
    attempts: int,
    underway: set[bytes],
    these: Places | None = None,
) -> Generator[list[PendingText], None, None]:
    """The texts still to be asked, each once, in an order that shares prefixes.

    these: look at these rows only. Close it if it is not read to its end: it holds a scratch folder.
    """
    if these is not None and not len(these):
        return
    with closing(rows_in_order(pairs, question.prompt, these)) as chunks:
        for rows in chunks:
            yield pending_of(rows, question, log, attempts, underway)


def pending_of(
    rows: Sequence[Row], question: Question, log: VerdictLog, attempts: int, underway: set[bytes]
) -> list[PendingText]:
    """Render rows, and keep those that are neither being asked nor settled."""
    fresh: dict[bytes, Row] = {}
    for row in rows:
        if is_blank(row[0]) or is_blank(row[1]):
            continue
        key = question.prompt.digest(*row)
        # Looked at before the log: what leaves `underway` is in the log by then.
        if key not in underway:
            fresh[key] = row
    known = log.find(list(fresh))
    asks = []
    for index, (key, (keyphrase, title, category)) in enumerate(fresh.items()):
        entry = known.get(index)
        if entry is not None and is_settled(entry, attempts):
            continue
        text = question.prompt.render(keyphrase, title, category)
        request = question.request(key.hex(), text, (keyphrase, title, category or ""))
        asks.append(PendingText(key, request, text.size(), entry))
    return asks


def batches(pairs: Path) -> Iterator[pa.RecordBatch]:
    """The file's own rows in their order: the columns of `to_score` that it has, numbered ones as text."""
    import pyarrow.parquet as pq

    columns = [name for name in tables.TO_SCORE.names if name in pq.read_schema(pairs).names]
    with pq.ParquetFile(pairs) as file:
        for batch in file.iter_batches(BATCH, columns=columns):
            yield _as_text(batch)


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    for name in NUMBERED:
        if name in batch.schema.names and pa.types.is_integer(batch.schema.field(name).type):
            column = batch.schema.get_field_index(name)
            batch = batch.set_column(column, name, batch.column(name).cast(pa.string()))
    return batch


def hashes(batch: pa.RecordBatch, question: Question) -> Keys:
    """Each row's text by its hash (all zero if there is nothing to judge)."""
    digest = question.prompt.digest
    names = batch.schema.names
    categories = batch.column("category").to_pylist() if "category" in names else [None] * batch.num_rows
    rows = zip(
        batch.column("keyphrase").to_pylist(), batch.column("title").to_pylist(), categories, strict=True
    )
    blank = nothing_to_judge(batch)
    if not blank.any():
        return keys_of(b"".join([digest(*row) for row in rows]))
    flagged = zip(rows, blank.tolist(), strict=True)
    return keys_of(b"".join([NO_KEY if nothing else digest(*row) for row, nothing in flagged]))


def nothing_to_judge(batch: pa.RecordBatch) -> Flags:
    """Which rows of a batch have a blank keyphrase or a blank title."""
    flags: Flags = np.zeros(batch.num_rows, bool)
    for name in ("keyphrase", "title"):
        flags |= are_blank(batch.column(name)).to_numpy(zero_copy_only=False)
    return flags


def all_hashes(pairs: Path, question: Question) -> Keys:
    """`hashes` of the whole file: 16 bytes per row."""
    keys = [hashes(batch, question) for batch in batches(pairs)]
    return np.concatenate(keys) if keys else keys_of(b"")


def entries(
    pairs: Path, question: Question, known: LogSnapshot, keys: Keys | None = None
) -> Iterator[tuple[pa.RecordBatch, Places, Flags]]:
    """The file's own rows in their order, with the row of each in `known` and whether it is present
    (`LogSnapshot.find`).

    keys: `all_hashes` if they were made already.
    """
    at = 0
    for batch in batches(pairs):
        these = hashes(batch, question) if keys is None else keys[at : at + batch.num_rows]
        at += batch.num_rows
        yield batch, *known.find(these)
