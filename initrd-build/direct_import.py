"""Runs first inside the frozen customizer: hands out its modules straight from PyInstaller's archive.

PyInstaller's finder comes last, after those for built-in modules, zip files and folders, and opens the archive again for
each of our hundred modules: 0.15 s of CPU under TCG. What is not in the archive goes its ordinary way.
"""

import marshal
import os
import sys
import zlib
from types import ModuleType

from pyimod01_archive import PYZ_ITEM_MODULE, PYZ_ITEM_PKG
from pyimod02_importers import pyz_archive as archive

ModuleSpec = type(sys.__spec__)


class DirectFinder:
    """Finder and loader of every module in the archive."""

    def __init__(self) -> None:
        self._archive = os.open(archive._filename, os.O_RDONLY | os.O_CLOEXEC)  # noqa: SLF001 (nothing public says it)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        kind, _, _ = archive.toc.get(name, (None, 0, 0))
        if kind not in (PYZ_ITEM_MODULE, PYZ_ITEM_PKG):
            return None
        home = f"{sys._MEIPASS}/{name.replace('.', '/')}"  # noqa: SLF001 (documented by PyInstaller)
        is_package = kind == PYZ_ITEM_PKG
        spec = ModuleSpec(
            name, self, origin=f"{home}/__init__.py" if is_package else f"{home}.py", is_package=is_package
        )
        spec.has_location = True  # origin becomes __file__: what lies beside a module is found by it
        if is_package:
            spec.submodule_search_locations.append(home)
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """As Python makes modules itself."""

    def exec_module(self, module: ModuleType) -> None:
        _, offset, size = archive.toc[module.__spec__.name]
        packed = os.pread(self._archive, size, archive._start_offset + offset)  # noqa: SLF001 (as above)
        exec(marshal.loads(zlib.decompress(packed)), vars(module))  # noqa: S102, S302 (our own code)


sys.meta_path.insert(0, DirectFinder())
