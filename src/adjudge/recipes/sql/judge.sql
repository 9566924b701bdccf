CREATE OR REPLACE TEMP TABLE seen AS
SELECT item_id, keyphrase, steps.label, probability,
    CASE
        WHEN status <> 'scored' OR judgments_file.grade IS NULL THEN 'unscored'
        WHEN NOT (CASE WHEN steps.label = 0 THEN $minus ELSE $plus END) THEN 'other_sign'
    END AS reason
FROM judgments_file LEFT JOIN steps ON judgments_file.grade = steps.grade
WHERE judge = $judge;
