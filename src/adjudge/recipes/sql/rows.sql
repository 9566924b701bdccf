CREATE TEMP TABLE kept AS
SELECT item_id, keyphrase, label, rank, probability, split FROM placed WHERE reason IS NULL;
DROP TABLE placed;
