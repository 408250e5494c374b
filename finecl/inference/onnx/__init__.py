"""Extractors as ONNX: export and backend."""
