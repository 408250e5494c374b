"""finecl: learn which silver labels to trust, then pre-train a relation encoder with them.

Importing this package loads neither torch nor transformers.
"""

from finecl.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = ["__version__", "hookimpl"]
