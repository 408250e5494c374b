"""A generated corpus that comes with finecl: small, the same for the same seed, and with known silver noise."""

from finecl.demo.corpora import DemoDocuments, DemoSettings, demo_corpora

__all__ = ["DemoDocuments", "DemoSettings", "demo_corpora"]
