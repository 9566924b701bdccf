"""One file per job: a frozen config and a function that joins the rooms."""
