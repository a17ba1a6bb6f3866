"""The distribution families, and which one a guest belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro import debian, redhat
from guest.errors import CustomizerError

if TYPE_CHECKING:
    from guest.distro.family import Family
    from guest.distro.release import Release

FAMILIES: tuple[Family, ...] = (debian.FAMILY, redhat.FAMILY)


def find_family(release: Release, wanted: str | None) -> Family:
    """By the document, else by ID, else by ID_LIKE. Raises CustomizerError where nothing fits."""
    if wanted is not None:
        return next(family for family in FAMILIES if family.name == wanted)
    for name in (release.id, *release.id_like):
        for family in FAMILIES:
            if name in family.ids:
                return family
    raise CustomizerError(
        "guest.unknown-family",
        f"the guest is {release.name or release.id}, which belongs to no family known here",
        f"if it behaves like one of {', '.join(f.name for f in FAMILIES)}, say so: [guest] family = …",
    )
