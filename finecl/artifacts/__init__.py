"""Files of a run: atomic writes, fingerprints and scores tables."""
