"""The Spark engine: the same core in each Python worker, an item's pairs side by side, parts that outlive a kill."""
