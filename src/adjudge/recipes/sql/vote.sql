INSERT INTO votes
SELECT item_id, keyphrase, $rank::INTEGER, label, probability FROM seen WHERE reason IS NULL;
