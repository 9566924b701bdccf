WITH summed AS (
    SELECT item_id, keyphrase, sum(impressions::BIGINT) AS impressions, sum(clicks::BIGINT) AS clicks
    FROM clicks_file
    GROUP BY item_id, keyphrase
), placed AS (
    SELECT *, $split_sql AS split FROM summed WHERE impressions > 0
)
SELECT placed.item_id, placed.keyphrase, items_file.title, items_file.category::VARCHAR AS category,
    placed.impressions::DOUBLE AS impressions, placed.clicks::DOUBLE AS clicks, placed.split
FROM placed JOIN items_file ON items_file.item_id = placed.item_id
WHERE trim(items_file.title) <> '' AND trim(placed.keyphrase) <> '' AND placed.split IN ('train', 'dev')
ORDER BY md5($seed || ':' || placed.item_id || chr(9) || placed.keyphrase), placed.item_id, placed.keyphrase
LIMIT $most;
