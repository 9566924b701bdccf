CASE
    WHEN ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT < $dev_from THEN 'train'
    WHEN ('0x' || substr(md5('$seed:keyphrase:' || keyphrase), 1, 8))::UBIGINT < $test_from THEN 'dev'
    ELSE 'test'
END
