"""The distribution families, and which one a guest belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.distro import alpine, arch, debian, gentoo, photon, redhat, suse, void
from guest.errors import CustomizerError
from guest.sysroot import exists

if TYPE_CHECKING:
    from guest.distro.family import Family
    from guest.distro.release import Release
    from guest.sysroot import View

# Photon before redhat: it has rpm's files too.
FAMILIES: tuple[Family, ...] = (
    debian.FAMILY, photon.FAMILY, suse.FAMILY, redhat.FAMILY,
    alpine.FAMILY, arch.FAMILY, gentoo.FAMILY, void.FAMILY,
)  # fmt: skip


def find_family(view: View, release: Release, wanted: str | None) -> tuple[Family, str | None]:
    """By the document, else by ID, else by ID_LIKE, else by what is found; with a warning where it was not by ID.

    Raises CustomizerError where nothing fits.
    """
    if wanted is not None:
        return next(family for family in FAMILIES if family.name == wanted), None
    for name in (release.id, *release.id_like):
        for family in FAMILIES:
            if name in family.ids:
                return family, None if name == release.id else _guess(
                    release, family, f"it says that it is like {name}"
                )
    for family in FAMILIES:
        found = next((path for path in family.traces if exists(view, path)), None)
        if found is not None:
            return family, _guess(release, family, f"it has {found}")
    raise CustomizerError(
        "guest.unknown-family",
        f"the guest is {release.name or release.id}, which belongs to no family known here",
        f"if it behaves like one of {', '.join(f.name for f in FAMILIES)}, say so: [guest] family = …",
    )


def _guess(release: Release, family: Family, because: str) -> str:
    return f"{release.name or release.id} is not known here; it is taken for one of the {family.name} family, because {because}"
