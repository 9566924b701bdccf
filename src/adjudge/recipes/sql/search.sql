CREATE OR REPLACE TEMP TABLE seen AS
SELECT item_id, keyphrase, passed::INTEGER AS label, NULL::DOUBLE AS probability,
    CASE
        WHEN passed IS NULL THEN 'unscored'
        WHEN NOT (CASE WHEN passed THEN $plus ELSE $minus END) THEN 'other_sign'
    END AS reason
FROM search_file;
