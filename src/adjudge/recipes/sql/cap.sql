CREATE TEMP TABLE capped AS
SELECT item_id, keyphrase, label, rank, probability, split
FROM kept
QUALIFY ($by = 'balance' AND split <> 'train') OR $most >= row_number() OVER (
    PARTITION BY
        CASE $by WHEN 'max_per_source' THEN rank WHEN 'max_rows' THEN 0 ELSE label END,
        CASE $by WHEN 'balance' THEN split ELSE '' END
    ORDER BY ('0x' || substr(md5($seed || ':row:' || item_id || chr(9) || keyphrase), 1, 16))::UBIGINT,
        item_id, keyphrase
);
DROP TABLE kept;
ALTER TABLE capped RENAME TO kept;
