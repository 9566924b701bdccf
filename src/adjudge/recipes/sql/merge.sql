CREATE TEMP TABLE merged AS
SELECT item_id, keyphrase, count(*) AS votes,
    coalesce(bit_or(1::BIGINT << rank) FILTER (label = 0), 0) AS says0,
    coalesce(bit_or(1::BIGINT << rank) FILTER (label = 1), 0) AS says1,
    coalesce(bit_or(1::BIGINT << rank) FILTER (label = 2), 0) AS says2,
    arg_min_null(probability, rank) FILTER (label = 0) AS probability0,
    arg_min_null(probability, rank) FILTER (label = 1) AS probability1,
    arg_min_null(probability, rank) FILTER (label = 2) AS probability2
FROM votes
GROUP BY item_id, keyphrase;
DROP TABLE votes;
