SELECT * FROM $name_shape UNION ALL BY NAME SELECT * FROM $name_there
