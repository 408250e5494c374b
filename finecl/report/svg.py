"""Converts figures to inline SVG for HTML pages, with colours from CSS variables and unique ids."""

from __future__ import annotations

import io
import re
import warnings

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

from finecl.report.figures import COLOURS

_NOTHING = {"Creator": None, "Date": None, "Format": None, "Type": None}


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """Returns the ``<svg>`` element of a figure for an HTML page.

    Text stays text; every colour of ``COLOURS`` becomes ``var(--its-name)``; all ids start with ``name``, so that
    several figures fit on a page; there are no network addresses; equal figures give equal text.

    Args:
        figure: a figure that uses only ``COLOURS``.
        name: a name that is unique on the page.
        description: text for screen readers.
    """
    text = _svg(figure, salt=name)
    text = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>|font-family: [^;\"]*; ?", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for variable, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{variable})")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None  # matplotlib always writes it
    opening = f'<svg {box[0]} role="img" aria-label="{escape(description)}">'
    # matplotlib's XML declaration, document type and <svg> attributes refer to w3.org, so they are dropped.
    drawing = text[text.index(">", text.index("<svg")) + 1 :]
    return Markup(opening + drawing)  # matplotlib has escaped the texts


def _svg(figure: Figure, salt: str) -> str:
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}), warnings.catch_warnings():
        # The browser has fonts for glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from font", category=UserWarning)
        figure.savefig(stream, format="svg", transparent=True, metadata=_NOTHING)
    return stream.getvalue()
