SELECT DISTINCT grade FROM annotations_file WHERE grade IS NOT NULL ORDER BY grade
