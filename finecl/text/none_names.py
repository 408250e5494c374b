"""Names that data sets give to "no relation"."""

from __future__ import annotations

from collections.abc import Iterable

_NONE = frozenset(
    ("na", "n/a", "nan", "nil", "none", "null", "no_relation", "no_rel", "norel", "other", "negative", "false", "")
)


def is_none_name(relation: str) -> bool:
    """Returns whether a label's name usually means that there is no relation, such as NA, None, Other, no-relation."""
    plain = relation.strip().casefold().replace("-", "_").replace(" ", "_")
    return plain in _NONE or plain.replace("_", "") in {"norelation", "norel", "notapplicable"}


def none_note(relations: Iterable[str], no_relation: str | None, option: str) -> str | None:
    """Returns one line if labels that usually mean "no relation" count as relations; None otherwise.

    ``no_relation`` is the label that does mean it; ``option`` is the option or setting that changes it.
    """
    named = sorted({name for name in relations if name != no_relation and is_none_name(name)})
    if not named:
        return None
    names = ", ".join(f"'{name}'" for name in named)
    return f"the label {names} counts as a relation; if it means none, give {option}{named[0]}"
