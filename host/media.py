"""Packs a config medium: the document and the scripts it names, as an ISO, a floppy or a FAT disk labelled GUESTCONF."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pycdlib

from guest.document_file import load_file
from guest.errors import CustomizerError
from guest.machine.media import LABEL
from guest.settings.problems import DOCUMENT
from host.files import replace_file

if TYPE_CHECKING:
    from guest.settings.model import Settings

FLOPPY_KIB = 1440
# The smallest that mformat makes a FAT16 of, whose cluster sizes every firmware and hypervisor accepts.
DISK_MIB = 8


def pack(document: Path, output: Path, form: str) -> Settings:
    """Writes the medium, whole or not at all; `form` is iso, floppy or disk. Raises CustomizerError."""
    settings = load_file(document)
    beside = [script.name for script in settings.first_boot.scripts]
    beside += [unlock.key_file for unlock in settings.unlocks if unlock.key_file]
    folder = Path(os.path.realpath(document)).parent
    files = {DOCUMENT: document.read_bytes()}
    files |= {script.name: script.content for script in settings.first_boot.scripts}
    files |= {unlock.key_file: unlock.secret for unlock in settings.unlocks if unlock.key_file}
    if form != "iso":
        _refuse_fat_clashes(files)
    # 0600: the document may hold password hashes.
    with replace_file(output, mode=0o600, inputs=(document, *(folder / name for name in beside))) as partial:
        if form == "iso":
            _write_iso(files, str(partial))
        else:
            _write_fat(files, str(partial), form)
    return settings


def _refuse_fat_clashes(files: dict[str, bytes]) -> None:
    """Raises CustomizerError pack.failed where FAT, which knows no case, takes two names for one."""
    names: dict[str, str] = {}
    for name in files:
        parts = name.split("/")
        for path in ("/".join(parts[:end]) for end in range(1, len(parts) + 1)):
            other = names.setdefault(path.lower(), path)
            if other != path:
                raise CustomizerError(
                    "pack.failed", f"{other} and {path} are one name on a FAT medium", "rename one, or pack an iso"
                )


def _write_iso(files: dict[str, bytes], output: str) -> None:
    iso = pycdlib.PyCdlib()
    # Rock Ridge keeps the names as they are; plain ISO 9660 names are made up, nothing reads them.
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident=LABEL)
    folders: dict[str, str] = {"": ""}
    from io import BytesIO  # noqa: PLC0415 (beside its one use)

    for number, (name, content) in enumerate(files.items()):
        folder = os.path.dirname(name)
        _add_folders(iso, folder, folders)
        iso.add_fp(
            BytesIO(content),
            len(content),
            f"{folders[folder]}/F{number:07}.;1",
            rr_name=os.path.basename(name),
            file_mode=0o100400,
        )
    iso.write(output)
    iso.close()


def _add_folders(iso: pycdlib.PyCdlib, folder: str, folders: dict[str, str]) -> None:
    if folder in folders:
        return
    above = os.path.dirname(folder)
    _add_folders(iso, above, folders)
    folders[folder] = f"{folders[above]}/D{len(folders):07}"
    iso.add_directory(folders[folder], rr_name=os.path.basename(folder))


def _write_fat(files: dict[str, bytes], output: str, form: str) -> None:
    size = FLOPPY_KIB * 1024 if form == "floppy" else DISK_MIB * 1024 * 1024
    if sum(len(content) + 1024 for content in files.values()) > size * 9 // 10:
        raise CustomizerError(
            "pack.too-large", f"the files do not fit on a {form} of {size // 1024} KiB", "pack an iso"
        )
    with open(output, "wb") as file:
        file.truncate(size)
    shape = ["-f", str(FLOPPY_KIB)] if form == "floppy" else ["-h", "16", "-s", "32", "-t", str(DISK_MIB * 4)]
    _mtools(["mformat", "-i", output, *shape, "-v", LABEL, "::"])
    # mformat adds a partition table that spans the disk: a kernel would show the same file system twice.
    with open(output, "r+b") as file:
        file.seek(446)
        file.write(bytes(64))
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        _mtools(["mcopy", "-i", output, "-s", *(os.path.join(folder, top) for top in sorted(os.listdir(folder))), "::"])


def _mtools(argv: list[str]) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        raise CustomizerError("pack.missing-tool", f"{argv[0]} is not installed", "apt-get install mtools") from error
    if done.returncode:
        raise CustomizerError("pack.failed", f"{argv[0]} failed: {done.stderr.strip()}", "")
