"""UBI logs, hand-counted: exposures, positions, sales, and every event that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adjudge.errors import BadConfig, BadTable
from adjudge.intake.folder import Imported
from adjudge.intake.ubi import ImportUbiConfig, import_ubi


def query(
    query_id: str | None, text: str | None, hits: Any = None, at: str = "2025-01-05T10:00:00Z"
) -> dict[str, Any]:
    line = {
        "application": "shop",
        "query_id": query_id,
        "client_id": "c1",
        "user_query": text,
        "timestamp": at,
    }
    return line if hits is None else {**line, "query_response_id": "r", "query_response_hit_ids": hits}


def event(action: str, query_id: str | None, item: Any, place: Any = None, **more: Any) -> dict[str, Any]:
    position = {} if place is None else {"position": {"ordinal": place}}
    item_part = {"object_id": item, "object_id_field": "sku", **more.pop("about", {})}
    at = more.pop("at", "2025-01-05T10:00:05Z")
    return {
        "action_name": action,
        "query_id": query_id,
        "timestamp": at,
        "event_attributes": {"object": item_part, **position, **more.pop("attributes", {})},
        **more,
    }


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def rows_of(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return pq.read_table(path).to_pylist()


def bring(tmp_path: Path, queries: list[Any], events: list[Any] | None = None, **options: Any) -> Imported:
    config = ImportUbiConfig(
        write(tmp_path / "queries.ndjson", queries),
        tmp_path / "logs",
        None if events is None else write(tmp_path / "events.ndjson", events),
        **{"max_bad_share": 1.0, **options},
    )
    return import_ubi(config)


def counts(tmp_path: Path, table: str = "clicks") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows_of(tmp_path / "logs" / f"{table}.parquet")]


def test_impression_events_say_what_was_shown(tmp_path: Path) -> None:
    """Two searches for one phrase. a: shown twice at 1, clicked once (two click events of one search count
    once).
    b: shown at 2 and at 1. c: clicked without an impression event, which proves that it was shown, at 7."""
    queries = [
        query("q1", "Red  Shoe", ["a", "b", "z"]),
        query("q2", "red shoe"),
        query("q3", "nothing found", []),
    ]
    events = [
        event("impression", "q1", "a", 1, about={"name": "Red shoe, size 9"}),
        event("impression", "q1", "b", 2),
        event("impression", "q2", "a", 1),
        event("impression", "q2", "b", 1),
        event("click", "q1", "a", 1),
        event("click", "q1", "a", 1, at="2025-01-05T10:09:00Z"),
        event("click", "q2", "c", 7),
        event("purchase", "q1", "a", attributes={"quantity": 2, "revenue": 30.5}),
        event("login", None, None),
    ]
    result = bring(tmp_path, queries, events)
    assert counts(tmp_path) == [
        ("a", "red shoe", 1, 2, 1, 2, 30.5),
        ("b", "red shoe", 1, 1, 0, 0, 0.0),
        ("b", "red shoe", 2, 1, 0, 0, 0.0),
        ("c", "red shoe", 7, 1, 1, 0, 0.0),
    ]
    phrases = [(row["keyphrase"], row["searches"]) for row in rows_of(tmp_path / "logs/keyphrases.parquet")]
    assert phrases == [("red shoe", 2), ("nothing found", 1)]
    assert [(row["item_id"], row["title"]) for row in rows_of(tmp_path / "logs/items.parquet")] == [
        ("a", "Red shoe, size 9")
    ]
    assert result.written == {"clicks": 4, "keyphrases": 2, "pairs": 3, "items": 1}
    assert result.read["joined"].quarantined == 0
    assert result.left_out == {
        "events of other actions": 1,
        "items without a title in any event (bring them with: adjudge import table items)": 2,
    }


def test_without_impression_events_the_hits_say_it(tmp_path: Path) -> None:
    """Every hit was shown at its place in the list; sales and revenue are unknown, since no purchase is
    logged."""
    queries = [query("q1", "lamp", ["a", "b"]), query("q2", "lamp", ["b", "a"]), query("q3", "lamp", ["a"])]
    events = [event("click", "q1", "b", 2), event("add_to_cart", "q3", "a"), event("click", "q3", 55, 9)]
    bring(tmp_path, queries, events)
    assert counts(tmp_path) == [
        ("55", "lamp", 9, 1, 1, None, None),
        ("a", "lamp", 1, 2, 1, None, None),
        ("a", "lamp", 2, 1, 0, None, None),
        ("b", "lamp", 1, 1, 0, None, None),
        ("b", "lamp", 2, 1, 1, None, None),
    ]


def test_price_times_quantity_where_no_revenue_is_given(tmp_path: Path) -> None:
    events = [
        event("click", "q1", "a", 1),
        event("purchase", "q1", "a", about={"object_detail": {"price": 4.5}}, attributes={"quantity": 3}),
    ]
    bring(tmp_path, [query("q1", "lamp", ["a"])], events)
    assert counts(tmp_path) == [("a", "lamp", 1, 1, 1, 3, 13.5)]


@pytest.mark.parametrize(
    ("options", "first"), [({}, 1), ({"first_position": 0}, 1), ({"first_position": 1}, None)]
)
def test_a_log_that_counts_from_zero(tmp_path: Path, options: dict[str, Any], first: int | None) -> None:
    events = [event("impression", "q1", "a", 0), event("impression", "q1", "b", 4)]
    result = bring(tmp_path, [query("q1", "lamp")], events, **options)
    if first is None:
        assert result.read["joined"].reasons == {"event whose position is before the first": 1}
        assert counts(tmp_path) == [("b", "lamp", 4, 1, 0, None, None)]
    else:
        assert [row[2] for row in counts(tmp_path)] == [1, 5]


def test_the_older_ordinal_and_hit_names(tmp_path: Path) -> None:
    line = {**query("q1", "lamp"), "query_response_object_ids": ["a"]}
    events = [event("click", "q1", "b", {"index": 3})]
    bring(tmp_path, [line], events)
    assert [row[:3] for row in counts(tmp_path)] == [("a", "lamp", 1), ("b", "lamp", 3)]


def test_what_cannot_be_joined_is_quarantined_with_its_line(tmp_path: Path) -> None:
    queries = [
        query("q1", "lamp", ["a"]),
        query(None, "lamp"),
        query("q2", "  "),
        query("q1", "lamp again"),
        {**query("q4", "x"), "query_response_hit_ids": "a,b"},
    ]
    events = [
        event("click", "q1", "a", 1),
        event("click", "q9", "a", 1),
        event("click", "q1", None, 1),
        event("click", None, "a", 1),
        event("purchase", "q1", "b", 2),
        event("click", "q1", "a", 1),
        {"message": "hello"},
        event("click", "q8", "a", 1, user_query="lamp"),
    ]
    result = bring(tmp_path, queries, events)
    bad = rows_of(result.read["joined"].quarantine)
    found = {(json.loads(row["raw"])["file"], row["row_number"]): row["reason"] for row in bad}
    assert found == {
        ("queries", 2): "query without query_id",
        ("queries", 3): "query without user_query",
        ("queries", 4): "repeated query_id",
        ("queries", 5): "query whose hits are no list",
        ("events", 2): "event of an unknown query_id",
        ("events", 3): "event without object_id",
        ("events", 4): "event without query_id",
        ("events", 5): "purchase without a click in its search",
        ("events", 6): "repeated event",
        ("events", 7): "neither a query nor an event",
    }
    assert sum(result.read["joined"].reasons.values()) == 10
    # the last event names its own query text, so it can be used although its search is not in the file
    assert counts(tmp_path) == [("a", "lamp", 1, 2, 2, None, None)]


def test_lines_that_cannot_be_read_and_too_many_of_them(tmp_path: Path) -> None:
    queries = [query("q1", "lamp", ["a"]), "{broken", query("q2", "lamp", ["a"])]
    events = [event("click", "q1", "a", "third"), event("click", "q1", "a", 1)]
    result = bring(tmp_path, queries, events)
    assert result.read["queries"].reasons == {"malformed JSON": 1}
    assert result.read["events"].reasons == {"position is not of type int64": 1}
    assert [row["row_number"] for row in rows_of(result.read["queries"].quarantine)] == [2]
    with pytest.raises(BadTable, match=r"queries.ndjson: 1 of 3 rows are bad .*malformed JSON: 1"):
        bring(tmp_path, queries, events, max_bad_share=0.1)
    with pytest.raises(BadTable, match="event of an unknown query_id: 1"):
        bring(tmp_path, [query("q1", "lamp", ["a"])], [event("click", "q9", "a")], max_bad_share=0.1)


def test_a_bulk_file_and_an_export_hold_both_kinds(tmp_path: Path) -> None:
    """As OpenSearch's own sample data: one file, an action line before each document; or wrapped in
    _source."""
    documents = [query("q1", "lamp", ["a"]), event("click", "q1", "a", 1)]
    bulk = [line for document in documents for line in ({"index": {"_index": "ubi", "_id": "1"}}, document)]
    result = bring(tmp_path / "bulk", bulk) if (tmp_path / "bulk").mkdir() is None else None
    assert result is not None
    assert result.left_out["action lines of a bulk request"] == 2
    assert counts(tmp_path / "bulk") == [("a", "lamp", 1, 1, 1, None, None)]
    (tmp_path / "export").mkdir()
    bring(tmp_path / "export", [{"_index": "ubi", "_source": document} for document in documents])
    assert counts(tmp_path / "export") == counts(tmp_path / "bulk")


def test_a_later_window(tmp_path: Path) -> None:
    queries = [
        query("q1", "lamp", ["a"]),
        query("q2", "lamp", ["a"], at="2025-02-01T00:00:00Z"),
        query("q3", "x", ["a"], at="soon"),
    ]
    result = bring(tmp_path, queries, [event("click", "q2", "a", 1)], later_from="2025-02-01")
    assert counts(tmp_path) == [("a", "lamp", 1, 1, 0, None, None)]
    assert counts(tmp_path, "clicks_later") == [("a", "lamp", 1, 1, 1, None, None)]
    assert result.read["joined"].reasons == {"query whose timestamp cannot be read": 1}


def test_items_and_pairs_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "pairs.parquet").write_bytes(b"mine")
    (tmp_path / "logs" / "items.parquet").write_bytes(b"mine")
    result = bring(
        tmp_path, [query("q1", "lamp", ["a"])], [event("click", "q1", "a", 1, about={"name": "Lamp"})]
    )
    assert sorted(result.written) == ["clicks", "keyphrases"]
    assert (tmp_path / "logs" / "pairs.parquet").read_bytes() == b"mine"


def test_case_is_kept_where_asked(tmp_path: Path) -> None:
    bring(tmp_path, [query("q1", "Red  Lamp", ["a"])], fold_case=False)
    assert counts(tmp_path)[0][1] == "Red  Lamp"


def test_nothing_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="no item was shown or clicked in any search"):
        bring(tmp_path, [query("q1", "lamp", [])])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"later_from": "next week"}, "later_from is 'next week': allowed is an ISO 8601 time"),
        ({"first_position": 2}, "first_position is 2: allowed is 0 to 1"),
        ({"click_actions": ()}, "click_actions is empty"),
        ({"purchase_actions": ("click",)}, "action 'click' has two meanings"),
        ({"max_bad_share": -0.1}, "max_bad_share is -0.1"),
    ],
)
def test_settings_outside_their_range(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        ImportUbiConfig(tmp_path, tmp_path, **options)
