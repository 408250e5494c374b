"""Inference: from documents or raw text to triples, with a fine-tuned extractor."""
