SELECT DISTINCT judge FROM judgments_file ORDER BY judge
