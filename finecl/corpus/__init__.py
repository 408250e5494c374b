"""Corpora: documents on disk, their schema and checks, entities, names, words."""
