"""The built-in demo corpus: generated silver and gold documents."""
