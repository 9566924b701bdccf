CASE WHEN ('0x' || substr(md5('$seed:dev:' || item_id), 1, 8))::UBIGINT < $dev_below THEN 'dev' ELSE 'train' END
