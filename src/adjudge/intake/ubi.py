"""OpenSearch User Behavior Insights (UBI schema 1.0 to 1.3) as clicks, keyphrases, pairs and items.

Queries (query_id, user_query, query_response_hit_ids) and events (action_name, query_id, event_attributes)
come as JSON lines, in one file or two: plain, as a bulk request (its action lines are passed over), or as an
index export with `_source`. `ubi_sql.py` holds the counting rules.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from adjudge.config import setting, settings
from adjudge.errors import BadConfig, BadTable
from adjudge.intake import ubi_sql
from adjudge.intake.folder import Imported, ImportSession, import_session
from adjudge.intake.intake import BAD_SHARE, ROW_NUMBER
from adjudge.records import Progress, no_progress
from adjudge.tables import Column, Table

LINE = Table(
    "UBI line",
    "a query, an event, or a bulk action line, told by which columns are filled",
    (
        ROW_NUMBER,
        Column("query_id", "string", "the search's id", required=False),
        Column("user_query", "string", "what the buyer typed", required=False),
        Column("hits", "string", "JSON list of result ids, best first", required=False),
        Column("action_name", "string", "what happened; only events have it", required=False),
        Column("object_id", "string", "the item", required=False),
        Column("position", "int64", "rank on the results page", low=0, required=False),
        Column("title", "string", "the item's title, where the event carries it", required=False),
        Column("quantity", "int64", "units bought", low=1, required=False),
        Column("revenue", "float64", "money for all units", low=0, required=False),
        Column("price", "float64", "money for one unit", low=0, required=False),
        Column("timestamp", "string", "when: ISO 8601 or milliseconds since 1970", required=False),
        Column("bulk", "string", "filled on the action line of a bulk request", required=False),
    ),
    ("row_number",),
)
OBJECT, PLACE = "event_attributes.object", "event_attributes.position"
KEYS = {
    "hits": ("query_response_hit_ids", "query_response_object_ids", "query_response_objects_ids"),
    "object_id": (f"{OBJECT}.object_id", f"{OBJECT}.internal_id"),
    "position": (f"{PLACE}.ordinal.index", f"{PLACE}.ordinal"),
    "title": (f"{OBJECT}.name", f"{OBJECT}.description"),
    "bulk": ("index", "create"),
}
"""Where a column lies in a line, the likeliest first; columns not listed lie under their own name."""


@settings
class ImportUbiConfig:
    """The files of the log, which actions count as what, and where their values lie in an event."""

    queries: Annotated[Path, setting("The UBI queries, ndjson; it may hold the events too.")]
    logs: Annotated[Path, setting("The logs folder to write into.")]
    events: Annotated[Path | None, setting("The UBI events, ndjson.")] = None
    click_actions: Annotated[
        tuple[str, ...],
        setting(
            "The action names that count as clicks; add_to_cart is one, since it can be pressed on the "
            "results page. "
            "Actions with no meaning are left out and counted."
        ),
    ] = ("click", "click_through", "add_to_cart")
    impression_actions: Annotated[tuple[str, ...], setting("The action names that count as impressions.")] = (
        "impression",
    )
    purchase_actions: Annotated[tuple[str, ...], setting("The action names that count as purchases.")] = (
        "purchase",
    )
    fold_case: Annotated[
        bool, setting("Whether keyphrases are lower-cased, with one space for each run of white space.")
    ] = True
    first_position: Annotated[
        int | None,
        setting("What the log calls the top, 0 or 1; without it 0 if any event says 0, else 1.", ge=0, le=1),
    ] = None
    quantity: Annotated[str, setting("Dotted place of the units bought in an event.")] = (
        "event_attributes.quantity"
    )
    revenue: Annotated[str, setting("Dotted place of the money for all units in an event.")] = (
        "event_attributes.revenue"
    )
    price: Annotated[str, setting("Dotted place of the money for one unit in an event.")] = (
        "event_attributes.object.object_detail.price"
    )
    later_from: Annotated[str, setting("Searches from this ISO 8601 time on go to clicks_later.")] = ""
    max_bad_share: Annotated[float, BAD_SHARE] = 0.01

    def __post_init__(self) -> None:
        if self.later_from:
            try:
                datetime.fromisoformat(self.later_from)
            except ValueError as error:
                raise BadConfig(
                    f"ImportUbiConfig.later_from is {self.later_from!r}: allowed is an ISO 8601 time, such "
                    f"as "
                    "2025-03-01T00:00:00Z"
                ) from error
        if not self.click_actions:
            raise BadConfig("ImportUbiConfig.click_actions is empty: name at least one action, such as click")
        actions = (*self.click_actions, *self.impression_actions, *self.purchase_actions)
        twice = sorted({name for name in actions if actions.count(name) > 1})
        if twice:
            raise BadConfig(f"ImportUbiConfig: action {twice[0]!r} has two meanings; list each action once")


def import_ubi(config: ImportUbiConfig, progress: Progress = no_progress) -> Imported:
    """Write clicks, keyphrases (with searches), pairs and, if events carry titles, items to `config.logs`.

    pairs and items are written only if the folder has none: UBI does not know what was recommended, and the
    catalogue has better titles. Lines and events that cannot be used are quarantined (`queries`, `events`,
    `joined`). Raises BadTable as `take_in` does, and if no search and item come together.
    """
    with import_session(config.logs, config.max_bad_share, progress) as session:
        _read(config, session)
        left_out = _classify(config, session.db)
        session.set_aside(config.queries, "joined")
        session.db.execute(ubi_sql.EXPOSURES)
        if not len(session.db.table("exposures")):
            raise BadTable(
                f"{config.queries}: no item was shown or clicked in any search. Allowed is: events with an "
                f"object_id "
                f"and the query_id of a search, or searches with query_response_hit_ids. Check the two files."
            )
        written = session.write(_queries(config, session.db))
        untitled = session.db.sql(ubi_sql.UNTITLED).fetchall()[0][0] if "items" in written else 0
    left_out["items without a title in any event (bring them with: adjudge import table items)"] = untitled
    return Imported(
        config.logs, session.read, written, {what: count for what, count in left_out.items() if count}
    )


def _read(config: ImportUbiConfig, session: ImportSession) -> None:
    """Both files' lines as the table `lines`, with the file's name and the line as it was."""
    places = {**KEYS, "quantity": (config.quantity,), "revenue": (config.revenue,), "price": (config.price,)}
    columns = {}
    for name in LINE.names:
        if name != ROW_NUMBER.name:
            keys = places.get(name, (name,))
            columns[name] = "|".join((*keys, *(f"_source.{key}" for key in keys)))
    files = {"queries": config.queries} | ({"events": config.events} if config.events else {})
    for name, source in files.items():
        session.take(name, source, LINE, columns)
    every = " UNION ALL ".join(f"SELECT '{name}' AS file, * FROM {name}_file" for name in files)
    session.db.execute(f"CREATE TABLE lines AS {every}")


def _classify(config: ImportUbiConfig, db: Any) -> dict[str, int]:
    """Fill `queries`, `events` and `joined` (every line that is used or is bad); give what is left out."""
    db.execute(ubi_sql.KINDS)
    db.execute(ubi_sql.QUERIES, {"fold": config.fold_case, "later": config.later_from or None})
    db.execute(
        ubi_sql.EVENTS,
        {
            "clicks": list(config.click_actions),
            "impressions": list(config.impression_actions),
            "purchases": list(config.purchase_actions),
            "fold": config.fold_case,
            "base": config.first_position,
            "later": config.later_from or None,
        },
    )
    db.execute(ubi_sql.UNCLICKED)
    db.execute(ubi_sql.JOINED)
    bulk, other = db.sql(ubi_sql.LEFT_OUT).fetchall()[0]
    return {"action lines of a bulk request": bulk, "events of other actions": other}


def _queries(config: ImportUbiConfig, db: Any) -> dict[str, str]:
    sales, money, early, late, titled = db.sql(ubi_sql.WHAT_THERE_IS).fetchall()[0]
    wanted = {"clicks": ubi_sql.clicks(bool(sales), bool(money), late=False)} if early else {}
    if late:
        wanted["clicks_later"] = ubi_sql.clicks(bool(sales), bool(money), late=True)
    wanted["keyphrases"] = ubi_sql.KEYPHRASES
    if not (config.logs / "pairs.parquet").exists():
        wanted["pairs"] = ubi_sql.PAIRS
    if titled and not (config.logs / "items.parquet").exists():
        wanted["items"] = ubi_sql.ITEMS
    return wanted
