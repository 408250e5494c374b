"""The text that a browser shows of HTML, as Label Studio's HyperText counts it: without tags, entities decoded."""

from __future__ import annotations

from html.parser import HTMLParser


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style")
        if tag == "br":
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def rendered(html: str) -> str:
    """Returns the characters of a page in order."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return "".join(parser.pieces)
