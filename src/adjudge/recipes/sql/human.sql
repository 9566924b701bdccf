CREATE OR REPLACE TEMP TABLE seen AS
WITH pairs AS (
    SELECT item_id, keyphrase, count(DISTINCT annotator) AS annotators,
        count(DISTINCT annotations_file.grade) AS grades,
        count(DISTINCT steps.label) AS labels, min(steps.label) AS label
    FROM annotations_file JOIN steps ON annotations_file.grade = steps.grade
    GROUP BY item_id, keyphrase
)
SELECT item_id, keyphrase, label, NULL::DOUBLE AS probability,
    CASE
        WHEN annotators < $min_annotators THEN 'too_few_annotators'
        WHEN (CASE WHEN $on_grade THEN grades ELSE labels END) > 1 THEN 'not_unanimous'
        WHEN NOT (CASE WHEN label = 0 THEN $minus ELSE $plus END) THEN 'other_sign'
    END AS reason
FROM pairs;
