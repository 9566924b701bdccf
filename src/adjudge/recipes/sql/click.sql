CREATE OR REPLACE TEMP TABLE seen AS
WITH summed AS (
    SELECT item_id, keyphrase, sum(impressions::BIGINT) AS shown, sum(clicks::BIGINT) AS clicked
    FROM clicks_file
    GROUP BY item_id, keyphrase
), labelled AS (
    SELECT item_id, keyphrase,
        CASE
            WHEN shown >= $min_impressions AND clicked >= $min_clicks
                AND clicked::DOUBLE / shown::DOUBLE >= $min_ctr::DOUBLE THEN 1
            WHEN clicked = 0 AND shown >= $negative_impressions::BIGINT THEN 0
        END AS label
    FROM summed
)
SELECT item_id, keyphrase, label, NULL::DOUBLE AS probability,
    CASE
        WHEN label IS NULL THEN 'below_floors'
        WHEN NOT (CASE WHEN label = 0 THEN $minus ELSE $plus END) THEN 'other_sign'
    END AS reason
FROM labelled;
