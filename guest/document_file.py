"""A configuration document that somebody names by its path; in the initrd it is found by the medium's label instead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from guest.errors import CustomizerError
from guest.settings.beside import BESIDE_DOCUMENT
from guest.settings.document import load
from guest.settings.problems import DOCUMENT
from guest.sysroot import Sysroot

if TYPE_CHECKING:
    from pathlib import Path

    from guest.settings.model import Settings


def load_file(document: str | Path) -> Settings:
    """Reads the document, and beside it the scripts it names, as the customizer will.

    Raises CustomizerError: usage.file, or what is wrong with it (DocumentError with every problem).
    """
    if os.path.isdir(document):
        raise CustomizerError("usage.file", f"{document} is a folder, not a document", f"name the {DOCUMENT} in it")
    if not os.path.isfile(document):
        raise CustomizerError("usage.file", f"{document} does not exist, or is not a file", "correct the path")
    folder, name = os.path.split(os.path.realpath(document))
    try:
        with Sysroot(folder) as medium:
            return load(medium, name, BESIDE_DOCUMENT)
    except OSError as error:
        # A script's path is as the document has it, which is below the document's folder.
        beside = error.filename.lstrip("/") if isinstance(error.filename, str) else name
        path = document if beside == name else os.path.join(folder, beside)
        raise CustomizerError(
            "usage.file", f"{path} cannot be read: {error.strerror}", "check its permissions"
        ) from error
