"""Distant supervision: labels documents with the facts of a knowledge graph."""
