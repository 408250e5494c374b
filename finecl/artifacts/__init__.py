"""What a run leaves on disk: files, fingerprints, directories, tables."""
