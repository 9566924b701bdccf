CASE
    WHEN ('0x' || substr(md5('$seed:item:' || item_id), 1, 8))::UBIGINT < $dev_from
        AND ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT < $dev_from THEN 'train'
    WHEN ('0x' || substr(md5('$seed:item:' || item_id), 1, 8))::UBIGINT >= $test_from
        AND ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT >= $test_from THEN 'test'
    WHEN ('0x' || substr(md5('$seed:item:' || item_id), 1, 8))::UBIGINT >= $dev_from
        AND ('0x' || substr(md5('$seed:item:' || item_id), 1, 8))::UBIGINT < $test_from
        AND ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT >= $dev_from
        AND ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT < $test_from THEN 'dev'
END
