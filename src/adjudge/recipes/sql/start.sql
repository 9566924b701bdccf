CREATE TEMP TABLE votes (item_id VARCHAR, keyphrase VARCHAR, rank INTEGER, label INTEGER, probability DOUBLE);
CREATE TEMP TABLE steps (grade VARCHAR, label INTEGER);
CREATE TEMP TABLE decisions (says0 BIGINT, says1 BIGINT, says2 BIGINT, label INTEGER, rank INTEGER);
CREATE TEMP TABLE names (rank INTEGER, source VARCHAR);
CREATE TEMP TABLE weights (split VARCHAR, label INTEGER, weight DOUBLE);
