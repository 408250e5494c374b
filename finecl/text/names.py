"""Normalises names of entities for comparison: case, accents in Unicode, spaces, and punctuation at the ends."""

from __future__ import annotations

import unicodedata

import regex

from finecl.text.words import NO_SPACES

EDGES = " \t\n\"'`.,;:!?()[]{}«»“”‘’。、，；：！？（）「」『』।॥،؛؟"
LOOSE_SPACES = rf"([\p{{P}}\p{{S}}{NO_SPACES}])\s+|\s+([\p{{P}}\p{{S}}{NO_SPACES}])"
"""Spaces beside punctuation and beside characters of scripts without spaces, for ``replace_all`` by ``${1}${2}``."""
_SPACE, _LOOSE = regex.compile(r"\s+"), regex.compile(LOOSE_SPACES)


def normalised(name: str) -> str:
    """Returns a name in NFKC, case-folded, with single spaces and without punctuation at its ends.

    Spaces beside punctuation and in scripts without spaces do not count: "AT & T" is "AT&T", and "南 京" is "南京".
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = str(_LOOSE.sub(r"\1\2", plain))
    return str(_SPACE.sub(" ", plain)).strip(EDGES) or plain.strip()
