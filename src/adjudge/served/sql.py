"""The fixed SQL of a merge. Parameters are bound; nothing is put into these texts."""

from __future__ import annotations

PROBE = "SELECT hash('item_id', 1)::VARCHAR"
"""Buckets and digests rest on DuckDB's hash; a version whose hash differs is told by this value."""

FRESH = """
CREATE TABLE fresh AS
SELECT (hash(item_id) % $buckets)::INTEGER AS bucket, item_id, keyphrase, score, kept, model_version,
scored_at FROM scores WHERE item_id IS NOT NULL AND keyphrase IS NOT NULL
ORDER BY bucket
"""
FRESH_FACTS = """
SELECT count(*), coalesce(sum(hash(item_id, keyphrase, score, kept, model_version, scored_at)::HUGEINT),
0)::VARCHAR,
  coalesce(min(model_version), $model), coalesce(max(model_version), $model),
  count(*) FILTER (WHERE scored_at IS NULL), coalesce(min(scored_at) < $floor::TIMESTAMPTZ, false)
FROM fresh
"""
# A full run replaces what was scored up to its time; what is newer, and of its model, goes on.
CARRY = """
INSERT INTO fresh
SELECT (hash(item_id) % $buckets)::INTEGER, item_id, keyphrase, score, kept, model_version, scored_at
FROM base WHERE scored_at > $at::TIMESTAMPTZ AND model_version = $model
"""
GONE = """
CREATE TABLE gone AS
SELECT item_id::VARCHAR AS item_id, keyphrase::VARCHAR AS keyphrase,
  coalesce(deleted_at::TIMESTAMPTZ, $at::TIMESTAMPTZ) AS deleted_at FROM deleted
"""
GONE_FACTS = """
SELECT count(*), coalesce(sum(hash(item_id, keyphrase, deleted_at)::HUGEINT), 0)::VARCHAR,
  count(*) FILTER (WHERE item_id IS NULL AND keyphrase IS NULL) FROM gone
"""
# Deletions, one row a key with its latest time. `now` are this run's; `known` those and the remembered ones.
DELETIONS = """
CREATE TABLE known AS
SELECT item_id, keyphrase, max(deleted_at) AS deleted_at FROM (FROM gone UNION ALL FROM remembered)
WHERE deleted_at > $floor::TIMESTAMPTZ GROUP BY ALL ORDER BY ALL;
CREATE TABLE item_now AS SELECT item_id, max(deleted_at) AS deleted_at FROM gone WHERE keyphrase IS NULL GROUP
BY item_id; CREATE TABLE phrase_now AS SELECT keyphrase, max(deleted_at) AS deleted_at FROM gone WHERE item_id
IS NULL GROUP BY keyphrase; CREATE TABLE pair_now AS SELECT item_id, keyphrase, max(deleted_at) AS deleted_at
FROM gone
  WHERE item_id IS NOT NULL AND keyphrase IS NOT NULL GROUP BY item_id, keyphrase;
CREATE TABLE item_known AS SELECT item_id, deleted_at FROM known WHERE keyphrase IS NULL;
CREATE TABLE phrase_known AS SELECT keyphrase, deleted_at FROM known WHERE item_id IS NULL;
CREATE TABLE pair_known AS SELECT * FROM known WHERE item_id IS NOT NULL AND keyphrase IS NOT NULL
"""
TOUCHED = """
SELECT bucket FROM fresh UNION SELECT (hash(item_id) % $buckets)::INTEGER FROM gone WHERE item_id IS NOT NULL
"""
HOLDS_PHRASE = """
SELECT count(*) FROM (SELECT 1 FROM base SEMI JOIN phrase_now USING (keyphrase) LIMIT 1)
"""
# Within one run the higher score wins, so that the order of a run's files decides nothing.
INCOMING = """
CREATE OR REPLACE TEMP TABLE incoming AS SELECT * EXCLUDE (bucket) FROM fresh WHERE bucket = $bucket
QUALIFY row_number() OVER (PARTITION BY item_id, keyphrase ORDER BY scored_at DESC, score DESC NULLS LAST) = 1
"""
DOUBLES = """
SELECT (SELECT count(*) FROM fresh WHERE bucket = $bucket) - (SELECT count(*) FROM incoming)
"""
# A base row goes where this run deletes it, at its time or later; an incoming row goes where something
# remembered
# deleted it after its time. Of what is left the latest scored_at wins, then the later merge.
BUCKET = """
WITH come AS (
  SELECT f.* FROM incoming f
  LEFT JOIN item_known i ON f.item_id = i.item_id
  LEFT JOIN phrase_known k ON f.keyphrase = k.keyphrase
  LEFT JOIN pair_known p ON f.item_id = p.item_id AND f.keyphrase = p.keyphrase
  WHERE NOT coalesce(i.deleted_at > f.scored_at, false)
    AND NOT coalesce(k.deleted_at > f.scored_at, false)
    AND NOT coalesce(p.deleted_at > f.scored_at, false)
), held AS (
  SELECT b.* FROM base b
  LEFT JOIN item_now i ON b.item_id = i.item_id
  LEFT JOIN phrase_now k ON b.keyphrase = k.keyphrase
  LEFT JOIN pair_now p ON b.item_id = p.item_id AND b.keyphrase = p.keyphrase
  WHERE NOT coalesce(i.deleted_at >= b.scored_at, false)
    AND NOT coalesce(k.deleted_at >= b.scored_at, false)
    AND NOT coalesce(p.deleted_at >= b.scored_at, false)
), chosen AS (
  SELECT * FROM come c WHERE NOT EXISTS (
    FROM held b WHERE b.item_id = c.item_id AND b.keyphrase = c.keyphrase AND b.scored_at > c.scored_at)
  UNION ALL
  SELECT * FROM held b WHERE NOT EXISTS (
    FROM come c WHERE b.item_id = c.item_id AND b.keyphrase = c.keyphrase AND c.scored_at >= b.scored_at)
)
SELECT item_id, keyphrase, score,
  CASE WHEN model_version <> $model THEN kept ELSE score >= $threshold::DOUBLE END AS kept,
  model_version, scored_at
FROM chosen ORDER BY item_id, keyphrase
"""
