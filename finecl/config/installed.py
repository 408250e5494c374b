"""Entry points of the installed packages. Metadata that cannot be read are named, and those of others still count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, distributions


def installed_points(group: str) -> tuple[Mapping[str, EntryPoint], Mapping[str, Exception]]:
    """Returns the entry points of a group by name, sorted, and the errors of packages whose metadata are damaged.

    Of several versions of a package, the first on the path counts, as in imports.
    """
    points: dict[str, EntryPoint] = {}
    faults: dict[str, Exception] = {}
    for place, found in _by_package():
        if isinstance(found, Exception):
            faults[place] = found
        else:
            points |= {point.name: point for point in found if point.group == group and point.name not in points}
    return dict(sorted(points.items())), faults


def _by_package() -> Iterator[tuple[str, list[EntryPoint] | Exception]]:
    seen: set[str] = set()
    for package in distributions():
        place = str(getattr(package, "_path", package))
        try:
            name = str(package.metadata["Name"]).lower().replace("_", "-")
            if name not in seen:
                seen.add(name)
                yield place, list(package.entry_points)
        except Exception as error:  # of a damaged file, in any form
            yield place, error
