SELECT reason, count(*) FROM seen GROUP BY reason;
