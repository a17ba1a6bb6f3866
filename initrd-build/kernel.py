"""Fetches the distribution's kernel package and unpacks it: OUTPUT/vmlinuz and OUTPUT/modules, ready for build.py.

Nothing is installed and root is not needed. A package already unpacked there is not fetched again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path


def _output(*argv: str, cwd: Path | None = None) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def find_package(meta: str) -> tuple[str, str]:
    """The package that the meta package stands for today, and its version. An apt without lists gets them first."""
    if not _output("apt-cache", "--names-only", "search", f"^{meta}$"):
        _output("apt-get", "-qq", "update")
    depends = [line.split() for line in _output("apt-cache", "depends", meta).splitlines()]
    names = [words[1] for words in depends if len(words) == 2 and words[1].startswith("linux-image-")]
    name = names[0] if names else meta
    policy = _output("apt-cache", "policy", name).splitlines()
    version = next((line.split()[1] for line in policy if line.strip().startswith("Candidate:")), "(none)")
    if version == "(none)":
        raise SystemExit(f"kernel: apt knows no package {name}: run apt-get update")
    return name, version


def unpack(package: str, version: str, output: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    print(f"kernel: downloading {package} {version}", flush=True)
    # Not as the user _apt, who may not write here: apt would say so in a warning and go on.
    _output("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}", cwd=output)
    (archive,) = output.glob("*.deb")
    print("kernel: unpacking", flush=True)
    _output("dpkg-deb", "-x", str(archive), str(output))
    archive.unlink()
    (modules,) = (output / "lib/modules").iterdir()
    # An unpacked package has no modules.dep: its postinst would have made it.
    _output("/sbin/depmod", "-b", str(output), modules.name)
    (output / "vmlinuz").symlink_to(f"boot/vmlinuz-{modules.name}")
    (output / "modules").symlink_to(f"lib/modules/{modules.name}")


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kernel.py", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("build/kernel"), help="folder to unpack to (%(default)s)")
    parser.add_argument("--package", default="linux-image-amd64", help="package or meta package (%(default)s)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse_arguments(argv)
    package, version = find_package(arguments.package)
    stamp = arguments.output / "package"
    wanted = f"{package} {version}\n"
    if stamp.is_file() and stamp.read_text() == wanted:
        print(f"kernel: {package} {version} is there already")
        return 0
    unpack(package, version, arguments.output)
    stamp.write_text(wanted)
    print(f"kernel: {arguments.output}/vmlinuz, {arguments.output}/modules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
