SELECT kept.item_id, kept.keyphrase, stock.title, stock.category::VARCHAR AS category,
    kept.label::DOUBLE AS label,
    CASE WHEN $harden THEN coalesce(kept.probability, kept.label::DOUBLE) ELSE kept.probability END AS probability,
    coalesce(weights.weight, 1.0::DOUBLE) AS weight,
    names.source, kept.split
FROM kept
JOIN names USING (rank)
JOIN items_file AS stock ON stock.item_id = kept.item_id
LEFT JOIN weights ON weights.split = kept.split AND weights.label = kept.label
ORDER BY kept.item_id, kept.keyphrase
