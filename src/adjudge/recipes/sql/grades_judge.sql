SELECT DISTINCT grade FROM judgments_file WHERE judge = $judge AND status = 'scored' AND grade IS NOT NULL ORDER BY grade
