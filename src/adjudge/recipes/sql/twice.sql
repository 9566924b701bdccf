SELECT item_id, count(*) FROM items_file GROUP BY item_id HAVING count(*) > 1 ORDER BY item_id LIMIT 3
