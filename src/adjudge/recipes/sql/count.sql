SELECT rank, split, label, count(*), count(*) FILTER (probability IS NULL)
FROM kept
GROUP BY rank, split, label
ORDER BY rank, split, label;
