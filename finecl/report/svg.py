"""A figure as SVG that stands inside an HTML page: themed by its CSS variables, without identifiers of others."""

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
    """The ``<svg>`` element of a figure, for an HTML page.

    Text stays text; every colour of ``COLOURS`` becomes ``var(--its-name)``; all ids start with ``name``, so that
    several figures fit on a page; nothing names a place on the network; equal figures give equal text.

    Args:
        figure: drawn in ``COLOURS`` only.
        name: unique on the page.
        description: read aloud by screen readers.
    """
    text = _svg(figure, salt=name)
    text = re.sub(r"<metadata>.*?</metadata>|<style\b.*?</style>|font-family: [^;\"]*; ?", "", text, flags=re.DOTALL)
    text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    for variable, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{variable})")
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None  # matplotlib always writes it
    opening = f'<svg {box[0]} role="img" aria-label="{escape(description)}">'
    # What matplotlib wrote before it, declaration and document type, points to w3.org; so do its attributes.
    drawing = text[text.index(">", text.index("<svg")) + 1 :]
    return Markup(opening + drawing)  # matplotlib has escaped what it drew


def _svg(figure: Figure, salt: str) -> str:
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}), warnings.catch_warnings():
        # The browser's fonts will draw what matplotlib's lacks.
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from font", category=UserWarning)
        figure.savefig(stream, format="svg", transparent=True, metadata=_NOTHING)
    return stream.getvalue()
