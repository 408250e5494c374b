"""Corpora: documents on disk, schema, validation, entities, names and words."""
