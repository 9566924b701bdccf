"""The counting rules of the UBI importer, as SQL over its tables. All values are bound parameters.

An exposure is one item in one search (query_id). It was shown once, however many events say so; it was
clicked if any click event is there, and a click proves that it was shown. Where the log has impression events
at all, they say what was shown; where it has none, every hit of a search was shown, at its place in the list.
An exposure's position is the smallest that its impressions state, else its place in the hits, else the
smallest that its other events state. So clicks never exceed impressions, and a row per item, keyphrase and
position counts exposures.
"""

from __future__ import annotations

from adjudge.text.blank import blank_sql

KINDS = """CREATE TABLE kinds AS SELECT *, CASE
    WHEN action_name IS NOT NULL THEN 'event'
    WHEN user_query IS NOT NULL OR hits IS NOT NULL OR query_id IS NOT NULL THEN 'query'
    WHEN bulk IS NOT NULL THEN 'bulk' ELSE 'unknown' END AS kind,
    coalesce(TRY_CAST(timestamp AS TIMESTAMP), epoch_ms(TRY_CAST(timestamp AS BIGINT))) AS moment
    FROM lines"""

FOLDED = """CASE WHEN $fold THEN regexp_replace(lower(trim(user_query, ' ' || chr(9) || chr(10) || chr(13))),
    '\\s+',
    ' ', 'g') ELSE user_query END"""

QUERIES = f"""CREATE TABLE queries AS SELECT *, CASE
    WHEN {blank_sql("query_id")} THEN 'query without query_id'
    WHEN {blank_sql("keyphrase")} THEN 'query without user_query'
    WHEN $later IS NOT NULL AND moment IS NULL THEN 'query whose timestamp cannot be read'
    WHEN hits IS NOT NULL AND hit_list IS NULL THEN 'query whose hits are no list'
    WHEN row_number() OVER (PARTITION BY query_id ORDER BY file DESC, row_number) > 1 THEN 'repeated query_id'
    END AS reason, $later IS NOT NULL AND moment >= CAST($later AS TIMESTAMP) AS late
    FROM (SELECT file, row_number, query_id, moment, hits, {FOLDED} AS keyphrase,
        CASE WHEN json_valid(hits) THEN CASE WHEN json_type(hits) = 'ARRAY'
        THEN json_extract_string(hits, '$[*]') END END AS hit_list
        FROM kinds WHERE kind = 'query')"""

EVENTS = f"""CREATE TABLE events AS
    WITH used AS (
        SELECT file, row_number, query_id, object_id, title, quantity, revenue, price, moment, timestamp,
            {FOLDED} AS own_keyphrase, CASE WHEN list_contains($clicks, action_name) THEN 'click'
            WHEN list_contains($impressions, action_name) THEN 'impression'
            WHEN list_contains($purchases, action_name) THEN 'purchase' END AS action, action_name, position
        FROM kinds WHERE kind = 'event'),
    base AS (SELECT coalesce($base, min(position) FILTER (WHERE position = 0), 1) AS top FROM used),
    known AS (SELECT query_id, keyphrase, late FROM queries WHERE reason IS NULL)
    SELECT used.* EXCLUDE (position, own_keyphrase), position + 1 - top AS position,
        coalesce(known.keyphrase, own_keyphrase) AS keyphrase,
        coalesce(known.late, $later IS NOT NULL AND moment >= CAST($later AS TIMESTAMP)) AS late,
        CASE WHEN action IS NULL THEN NULL
        WHEN {blank_sql("used.query_id")} THEN 'event without query_id'
        WHEN {blank_sql("object_id")} THEN 'event without object_id'
        WHEN known.query_id IS NULL AND {blank_sql("own_keyphrase")}
            THEN 'event of an unknown query_id'
        WHEN known.query_id IS NULL AND $later IS NOT NULL AND moment IS NULL
            THEN 'event whose timestamp cannot be read'
        WHEN position + 1 - top < 1 THEN 'event whose position is before the first'
        WHEN timestamp IS NOT NULL AND row_number() OVER (
            PARTITION BY used.query_id, object_id, action_name, position, timestamp ORDER BY file, row_number
            ) > 1
            THEN 'repeated event' END AS reason
    FROM used CROSS JOIN base LEFT JOIN known ON known.query_id = used.query_id"""

UNCLICKED = """UPDATE events SET reason = 'purchase without a click in its search'
    WHERE reason IS NULL AND action = 'purchase' AND (query_id, object_id) NOT IN (
        SELECT (query_id, object_id) FROM events WHERE reason IS NULL AND action = 'click')"""

JOINED = """CREATE TABLE joined AS
    SELECT row_number, reason, CASE WHEN reason IS NOT NULL THEN CAST(to_json(kinds) AS VARCHAR) END AS raw
    FROM (
        SELECT file, row_number, reason FROM queries
        UNION ALL SELECT file, row_number, reason FROM events WHERE action IS NOT NULL
        UNION ALL SELECT file, row_number, 'neither a query nor an event' FROM kinds WHERE kind = 'unknown'
    ) JOIN kinds USING (file, row_number)"""

LEFT_OUT = """SELECT (SELECT count(*) FROM kinds WHERE kind = 'bulk'),
    (SELECT count(*) FROM events WHERE action IS NULL)"""

EXPOSURES = f"""CREATE TABLE exposures AS
    WITH good AS (SELECT * FROM events WHERE reason IS NULL AND action IS NOT NULL),
    placed AS (SELECT query_id, keyphrase, late, unnest(hit_list) AS item_id,
        generate_subscripts(hit_list, 1) AS place FROM queries WHERE reason IS NULL AND len(hit_list) > 0),
    hits AS (SELECT query_id, item_id, any_value(keyphrase) AS keyphrase, any_value(late) AS late,
        min(place) AS place
        FROM placed WHERE NOT {blank_sql("item_id")} GROUP BY query_id, item_id),
    acted AS (SELECT query_id, object_id AS item_id, min(keyphrase) AS keyphrase, bool_or(late) AS late,
        min(position) FILTER (WHERE action = 'impression') AS shown_at, min(position) AS acted_at,
        bool_or(action = 'click') AS clicked,
        sum(coalesce(quantity, 1)) FILTER (WHERE action = 'purchase') AS units,
        sum(coalesce(revenue, price * coalesce(quantity, 1))) FILTER (WHERE action = 'purchase') AS money
        FROM good GROUP BY query_id, object_id),
    logged AS (SELECT count(*) > 0 AS impressions FROM good WHERE action = 'impression')
    SELECT coalesce(acted.query_id, hits.query_id) AS query_id,
        coalesce(acted.item_id, hits.item_id) AS item_id,
        coalesce(hits.keyphrase, acted.keyphrase) AS keyphrase, coalesce(hits.late, acted.late) AS late,
        coalesce(shown_at, place, acted_at) AS position, coalesce(clicked, false) AS clicked, units, money
    FROM acted FULL JOIN hits ON acted.query_id = hits.query_id AND acted.item_id = hits.item_id
    CROSS JOIN logged
    WHERE acted.query_id IS NOT NULL OR NOT logged.impressions"""

WHAT_THERE_IS = f"""SELECT count(units), count(money), count(*) FILTER (WHERE NOT late),
    count(*) FILTER (WHERE late),
    (SELECT count(*) FROM events WHERE reason IS NULL AND action IS NOT NULL AND NOT {blank_sql("title")})
    FROM exposures"""

KEYPHRASES = """SELECT keyphrase, count(DISTINCT query_id) AS searches FROM (
        SELECT query_id, keyphrase FROM queries WHERE reason IS NULL
        UNION ALL SELECT query_id, keyphrase FROM exposures)
    GROUP BY keyphrase ORDER BY searches DESC, keyphrase"""

PAIRS = "SELECT DISTINCT item_id, keyphrase FROM exposures ORDER BY item_id, keyphrase"

ITEMS = f"""SELECT object_id AS item_id, min(title) AS title FROM events
    WHERE reason IS NULL AND action IS NOT NULL AND NOT {blank_sql("title")}
    GROUP BY object_id ORDER BY object_id"""

UNTITLED = f"""SELECT count(DISTINCT item_id) FROM exposures WHERE item_id NOT IN (
    SELECT object_id FROM events WHERE reason IS NULL AND action IS NOT NULL AND NOT {blank_sql("title")})"""


def clicks(sales: bool, revenue: bool, *, late: bool) -> str:
    """The clicks table of one window. Without a purchase in the log, sales are unknown (null), not zero."""
    sold = "coalesce(sum(units), 0)" if sales else "NULL::BIGINT"
    money = "CASE WHEN sum(units) IS NULL THEN 0 ELSE sum(money) END" if revenue else "NULL::DOUBLE"
    window = "late" if late else "NOT late"
    return f"""SELECT item_id, keyphrase, position, count(*) AS impressions,
        count(*) FILTER (WHERE clicked) AS clicks, {sold} AS sales, {money} AS revenue
        FROM exposures WHERE {window} GROUP BY item_id, keyphrase, position
        ORDER BY item_id, keyphrase, position"""
