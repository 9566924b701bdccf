SELECT rank, reason, count(*) FROM placed WHERE reason IS NOT NULL GROUP BY rank, reason;
