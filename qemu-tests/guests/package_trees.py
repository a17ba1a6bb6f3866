"""Trees of Debian packages: one per suite, and on it a layer per flavour, as overlayfs stacks them. Cached by content.

A layer is an overlayfs upper folder: what installing the flavour's packages changed in the suite's tree.
"""

import fcntl
import hashlib
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Suite:
    name: str
    version: str
    """For people and for file names."""
    apt_options: tuple[str, ...] = ()


BULLSEYE = Suite("bullseye", "11")
BOOKWORM = Suite("bookworm", "12")
TRIXIE = Suite("trixie", "13")
# A mirror that stands still for a week is no reason to fail: nothing here lives longer than its test.
SID = Suite("sid", "sid", ("Acquire::Check-Valid-Until false",))
SUITES = (BULLSEYE, BOOKWORM, TRIXIE, SID)

BASE_PACKAGES = (
    "systemd-sysv",
    "udev",
    "openssh-server",
    "iproute2",
    "netbase",
    "initramfs-tools",
    "zstd",  # the initramfs
    "jq",  # guest-tells
    "linux-image-amd64",
)
# Drivers and texts that no virtual machine misses: half the size of a tree, and of the time that each copy takes.
NOT_UNPACKED = (
    *(
        f"/lib/modules/*/kernel/{folder}/*"
        for folder in ("sound", "drivers/gpu", "drivers/media", "drivers/infiniband")
    ),
    *(f"/lib/modules/*/kernel/drivers/{folder}/*" for folder in ("net/wireless", "staging", "iio", "isdn")),
    *(f"/usr/share/{folder}/*" for folder in ("doc", "man", "locale", "info", "i18n")),
)
INITRAMFS_SETTINGS = Path(__file__).parent / "debian-overlay/etc/initramfs-tools"

INSTALL = """
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -q {options} update
apt-get -qy {options} --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install {packages}
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d
for unit in {enabled}; do systemctl --quiet enable "$unit"; done
"""


@dataclass(frozen=True)
class Flavour:
    """What a guest of this kind has beyond its suite's base; its files lie in flavours/NAME, as trees.py keeps them."""

    name: str
    packages: tuple[str, ...]
    enabled: tuple[str, ...] = ()
    """Units that the packages do not enable themselves."""

    @property
    def files(self) -> Path:
        return Path(__file__).parent / "flavours" / self.name


class CannotInstallError(RuntimeError):
    """Debian's archive or packages did not let themselves be installed; the message ends with apt's last words."""


def package_tree(build: Path, suite: Suite, flavour: Flavour, progress: Progress) -> tuple[Path, ...]:
    """The folders that make the tree, the topmost first: what overlayfs calls lowerdir. Do not write to them."""
    cache = build / "guests"
    cache.mkdir(parents=True, exist_ok=True)
    base = _cached(cache, f"base-{suite.version}", _digest(suite), lambda folder: _bootstrap(suite, folder, progress))

    def install(folder: Path) -> None:
        progress(f"{suite.name}: installing {flavour.name}")
        _install(suite, flavour, base, folder)

    return _cached(cache, f"layer-{suite.version}-{flavour.name}", tree_digest(suite, flavour), install), base


def tree_digest(suite: Suite, flavour: Flavour) -> str:
    return hashlib.sha256(f"{_digest(suite)} {flavour.packages} {flavour.enabled} {INSTALL}".encode()).hexdigest()[:12]


def _digest(suite: Suite) -> str:
    digest = hashlib.sha256(repr((suite, BASE_PACKAGES, NOT_UNPACKED)).encode())
    for path in sorted(INITRAMFS_SETTINGS.rglob("*")):
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:12]


def copy_merged(layers: tuple[Path, ...], destination: Path) -> None:
    """The tree as one folder of its own, to be changed and taken apart."""
    destination.mkdir()
    in_overlay(layers, None, ["cp", "--archive", "/mnt/.", str(destination)])


def in_overlay(layers: tuple[Path, ...], upper: Path | None, program: list[str]) -> str:
    """Runs a program with the tree on /mnt, in a mount namespace of its own; returns its output.

    What it changes goes to the folder `upper`; without one the tree is read-only. Raises CannotInstallError.
    """
    options = f"lowerdir={':'.join(map(str, layers))}"
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=layers[0].parent) as work:
        # overlayfs wants two lower folders, or one and an upper one.
        options += f",upperdir={upper},workdir={work}" if upper else f":{work}"
        script = 'mount -t overlay -o "$1" overlay /mnt; shift; exec "$@"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", script, "in_overlay", options, *program],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise CannotInstallError(f"{program[0]}: status {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def _bootstrap(suite: Suite, folder: Path, progress: Progress) -> None:
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}"]
    command += [f"--aptopt={option}" for option in ("Apt::Install-Recommends false", *suite.apt_options)]
    # In trixie /lib is a link that dpkg does not follow: its packages say /usr/lib.
    command += [f"--dpkgopt=path-exclude={path}" for path in NOT_UNPACKED]
    command += [f"--dpkgopt=path-exclude=/usr{path}" for path in NOT_UNPACKED if path.startswith("/lib")]
    # Before the kernel comes, so that its initramfs is made once.
    command += [f"--essential-hook=copy-in {shlex.quote(str(INITRAMFS_SETTINGS))} /etc", suite.name, str(folder)]
    said: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as running:
        assert running.stderr is not None
        for line in running.stderr:
            said.append(line)
            if line.startswith("I: "):
                progress(f"{suite.name}: mmdebstrap: {line[3:].strip()}")
    if running.returncode:
        raise CannotInstallError(f"mmdebstrap failed with status {running.returncode}:\n{''.join(said[-30:])}")


def _install(suite: Suite, flavour: Flavour, base: Path, folder: Path) -> None:
    script = INSTALL.format(
        packages=shlex.join(flavour.packages),
        enabled=shlex.join(flavour.enabled),
        options=" ".join(f"-o {shlex.quote(option.replace(' ', '=', 1))}" for option in suite.apt_options),
    )
    inside = 'mount -t proc proc /mnt/proc; mount --rbind /dev /mnt/dev; exec chroot /mnt sh -ec "$1"'
    in_overlay((base,), folder, ["sh", "-ec", inside, "install", script])


def _cached(cache: Path, name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name and content, made unless it is there; older ones of the name are removed."""
    folder = cache / f"{name}-{digest}"
    with alone(cache / f"{name}.lock"):
        if folder.is_dir():
            return folder
        for old in cache.glob(f"{name}-????????????"):
            subprocess.run(["rm", "-rf", "--one-file-system", old], check=True)
        with tempfile.TemporaryDirectory(prefix=f"{name}-making-", dir=cache) as making:
            Path(making).chmod(0o755)  # apt downloads as a user of its own
            new = Path(making) / "tree"
            new.mkdir()
            make(new)
            new.rename(folder)
    return folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One at a time: two test runs may want the same tree."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
