"""Integer arithmetic without state: ragged arrays, keyed random numbers, partitions."""
