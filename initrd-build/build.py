"""Assembles the initrd: userland of the build host, drivers of the given kernel, init and the frozen customizer.

Two runs over the same inputs give the same bytes. A manifest of what went in is written beside it.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import cpio
import elf
import modules

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
CUSTOMIZER = "usr/lib/guest-customizer"
FOLDERS = ("dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "var")
# Merged /usr, as every distribution has it by now: one place per file, whatever name it is asked for by.
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "init": "usr/sbin/init"}


def say(text: str) -> None:
    print(f"initrd: {text}", flush=True)


def output_of(*argv: str) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def place(stage: Path, path: str) -> Path:
    """Where a file of the running system is staged, with its folder made."""
    target = stage / path.lstrip("/")
    target = target.parent.resolve() / target.name  # through MERGED's links, which lead within the stage
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def stage_skeleton(stage: Path) -> None:
    for folder in FOLDERS:
        (stage / folder).mkdir(parents=True)
    for name, target in MERGED.items():
        (stage / name).symlink_to(target)


def stage_file(stage: Path, source: Path, path: str) -> None:
    target = place(stage, path)
    shutil.copyfile(source, target)
    target.chmod(source.stat().st_mode & 0o755 | stat.S_IRUSR)


def stage_libraries(stage: Path, libraries: Iterable[Path]) -> None:
    for library in libraries:
        if not (target := place(stage, str(library))).exists():
            shutil.copyfile(library, target)
            target.chmod(0o755)


def stage_userland(stage: Path, contents: dict) -> None:
    programs = [Path(program) for program in contents["programs"]]
    for program in programs:
        stage_file(stage, program, str(program))
    loaded = [elf.find_library(name, HERE, ()) for name in contents["libraries"]]
    extra = [library for library in loaded if library]
    stage_libraries(stage, (*extra, *elf.find_closure([*programs, *extra])))
    for rule in contents["udev_rules"]:
        stage_file(stage, Path(f"/lib/udev/rules.d/{rule}.rules"), f"/usr/lib/udev/rules.d/{rule}.rules")
    for name in contents["busybox_links"]:
        place(stage, f"/usr/bin/{name}").symlink_to("busybox")
    for link, target in contents["links"].items():
        place(stage, link).symlink_to(target)
    for path, text in contents["files"].items():
        place(stage, path).write_text(text.lstrip("\n"))


def stage_customizer(stage: Path, folder: Path) -> None:
    if not (folder / "customizer").is_file():
        raise SystemExit(f"initrd: no frozen customizer in {folder}: run initrd-build/freeze.py first")
    target = stage / CUSTOMIZER
    shutil.copytree(folder, target, symlinks=True)
    binaries = [path for path in sorted(target.rglob("*")) if path.is_file() and elf.is_elf(path)]
    own = frozenset(path.name for path in binaries)
    stage_libraries(stage, elf.find_closure(binaries, bundled=own - {"libz.so.1"}))


def read_module(path: Path) -> bytes:
    """The module as it was signed, whatever it is compressed with."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], check=True, stdout=subprocess.PIPE).stdout
    return path.read_bytes()


def compress_modules(paths: list[Path], level: int) -> None:
    """One by one, so that a boot inflates only those it loads: the kernel's unpacking is a second shorter
    under TCG for it, and 25 MiB of RAM stay free, for 1 MiB more to load. kmod inflates them.
    """
    share = os.cpu_count() or 1
    parts = [paths[offset::share] for offset in range(min(share, len(paths)))]
    with ThreadPoolExecutor(share) as pool:
        list(pool.map(lambda part: output_of("zstd", "-q", "--rm", f"-{level}", *map(str, part)), parts))


def stage_modules(stage: Path, tables: modules.Tables, chosen: Iterable[str], level: int) -> None:
    folder = place(stage, f"/lib/modules/{tables.release}")
    staged = []
    for name in chosen:
        path = tables.paths[name]
        target = folder / (path.split(".ko", 1)[0] + ".ko")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read_module(tables.folder / path))
        staged.append(target)
    compress_modules(staged, level)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if (tables.folder / name).is_file():
            shutil.copyfile(tables.folder / name, folder / name)
    output_of("/sbin/depmod", "-b", str(stage / "usr"), tables.release)
    # kmod reads the .bin files; the text ones are for people, the symbols for `modprobe symbol:`.
    for path in folder.glob("modules.*"):
        if path.suffix != ".bin" or path.name == "modules.symbols.bin":
            path.unlink()


def compress(archive: Path, output: Path, level: int) -> None:
    """Several threads give the same bytes as one, as long as zstd runs in its threaded mode (-T)."""
    partial = output.with_name(output.name + ".partial")
    output_of("zstd", "-q", "-f", "-T0", f"-{level}", "--zstd=wlog=24", "--check", str(archive), "-o", str(partial))
    with partial.open("ab") as file:
        # A second archive may follow, and the kernel looks for it on a multiple of four.
        file.write(bytes(-file.tell() % 4))
    partial.replace(output)


def pack(stage: Path, output: Path, level: int) -> int:
    output.parent.mkdir(parents=True, exist_ok=True)
    archive = stage.with_name("archive.cpio")
    with archive.open("wb") as file:
        size = cpio.write_archive((*cpio.read_tree(stage), cpio.CONSOLE), file)
    say(f"zstd -{level} over {size / 2**20:.1f} MiB")
    compress(archive, output, level)
    return size


def versions(programs: Iterable[str]) -> dict[str, str]:
    """The Debian packages that the programs came from."""
    found = {}
    for program in programs:
        owner = subprocess.run(["dpkg", "-S", program], capture_output=True, text=True, check=False)
        if owner.returncode == 0:
            package = owner.stdout.split(":", 1)[0]
            found[package] = output_of("dpkg-query", "-W", "-f", "${Version}", package)
    return dict(sorted(found.items()))


def write_manifest(stage: Path, output: Path, unpacked: int, facts: dict) -> None:
    files = {
        path.relative_to(stage).as_posix(): path.stat().st_size
        for path in sorted(stage.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    manifest = {**facts, "bytes": output.stat().st_size, "bytes_unpacked": unpacked, "files": files}
    output.with_suffix(".manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def build(arguments: argparse.Namespace, scratch: Path) -> None:
    contents = tomllib.loads((HERE / "contents.toml").read_text())
    tables = modules.read_tables(arguments.modules.resolve())
    hardware = modules.read_hardware(HERE / "hardware.toml")
    selection = modules.select(tables, hardware, contents["modules"])
    for note in selection.notes:
        say(f"note: {note}")
    stage = scratch / "stage"
    stage_skeleton(stage)
    say("userland")
    stage_userland(stage, contents)
    stage_customizer(stage, arguments.customizer)
    say(f"{len(selection.modules)} modules of {tables.release}")
    stage_modules(stage, tables, selection.modules, arguments.compress_level)
    stage_file(stage, HERE / "init", "/usr/sbin/init")
    unpacked = pack(stage, arguments.output, arguments.compress_level)
    facts = {
        "kernel": tables.release,
        "packages": versions(contents["programs"]),
        "modules": selection.modules,
        "notes": selection.notes,
    }
    write_manifest(stage, arguments.output, unpacked, facts)


def build_floor(arguments: argparse.Namespace, scratch: Path) -> None:
    stage = scratch / "stage"
    stage_skeleton(stage)
    stage_file(stage, Path("/bin/busybox"), "/bin/busybox")
    stage_file(stage, HERE / "floor-init", "/usr/sbin/init")
    unpacked = pack(stage, arguments.output, arguments.compress_level)
    write_manifest(stage, arguments.output, unpacked, {})


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/initrd.img"), help="file to write (%(default)s)")
    parser.add_argument(
        "--modules",
        type=Path,
        default=Path("build/kernel/modules"),
        help="lib/modules/RELEASE of the kernel (%(default)s)",
    )
    parser.add_argument(
        "--customizer", type=Path, default=Path("build/customizer"), help="folder freeze.py wrote (%(default)s)"
    )
    parser.add_argument(
        "--compress-level", type=int, default=19, metavar="N", help="of zstd; 3 for quick builds (%(default)s)"
    )
    parser.add_argument("--floor", action="store_true", help="only an init that powers off, to measure against")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse_arguments(argv)
    os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory(prefix="initrd-build-") as scratch:
            (build_floor if arguments.floor else build)(arguments, Path(scratch))
    except (modules.MissingModulesError, elf.MissingLibraryError) as error:
        print(f"initrd: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # A program, library or udev rule of contents.toml that this machine lacks.
        print(
            f"initrd: {error.filename or 'the output'}: {error.strerror}; `make setup` installs what goes in",
            file=sys.stderr,
        )
        return 1
    except subprocess.CalledProcessError as error:
        print(f"initrd: {error.cmd[0]} failed with status {error.returncode}", file=sys.stderr)
        return 1
    say(f"{arguments.output}, {arguments.output.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
