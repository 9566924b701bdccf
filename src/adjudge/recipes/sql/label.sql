CREATE TEMP TABLE placed AS
SELECT merged.item_id, merged.keyphrase, decisions.label, decisions.rank,
    CASE decisions.label WHEN 0 THEN probability0 WHEN 1 THEN probability1 ELSE probability2 END AS probability,
    split,
    CASE
        WHEN stock.item_id IS NULL THEN 'no_item'
        WHEN $blank_title THEN 'no_title'
        WHEN split IS NULL THEN 'split'
    END AS reason
FROM (SELECT *, $split_sql AS split FROM merged) AS merged
JOIN decisions USING (says0, says1, says2)
LEFT JOIN items_file AS stock ON stock.item_id = merged.item_id;
DROP TABLE merged;
