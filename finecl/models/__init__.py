"""Encoders and extractors, in memory and on disk."""
