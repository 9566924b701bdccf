SELECT says0, says1, says2, count(*),
    count(*) FILTER (votes > bit_count(says0) + bit_count(says1) + bit_count(says2)
        OR (says0 & says1) | (says0 & says2) | (says1 & says2) <> 0),
    count(*) FILTER ($blank_item OR $blank_keyphrase)
FROM merged
GROUP BY says0, says1, says2
ORDER BY says0, says1, says2;
