"""Labels are what libselinux's own matchpathcon says of the same file_contexts."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from guest.labels import Policy, Spec, read_policy
from guest.sysroot import Sysroot

CONTEXTS = r"""
/.*                                     system_u:object_r:default_t:s0
/etc/.*                                 system_u:object_r:etc_t:s0
/etc/hosts[^/]*                 --      system_u:object_r:net_conf_t:s0
/etc/resolv\.conf.*             --      system_u:object_r:net_conf_t:s0
/etc/.*hostname.*               --      system_u:object_r:hostname_etc_t:s0
/etc/rc\.d/rc\.[^/]+            --      system_u:object_r:initrc_exec_t:s0
/etc/sysconfig/network-scripts(/.*)?    system_u:object_r:net_conf_t:s0
/etc/sysconfig/network-scripts/ifup.*   system_u:object_r:bin_t:s0
/etc/localtime                  -l      system_u:object_r:locale_t:s0
/usr/lib/systemd/system(/.*)?           system_u:object_r:systemd_unit_file_t:s0
/var/lib(/.*)?                          system_u:object_r:var_lib_t:s0
/etc/ab?c                               system_u:object_r:optional_t:s0
/(usr|opt)/x                            system_u:object_r:choice_t:s0
/etc/none                               <<none>>
/etc/exact\.file                        system_u:object_r:exact_t:s0
/etc/[broken                            system_u:object_r:broken_t:s0
"""
PATHS = [
    "/etc/hostname", "/etc/hosts", "/etc/hosts/x", "/etc/resolv.conf", "/etc/resolvXconf", "/etc/rc.d/rc.local", "/etc/rcXd/rc.local",
    "/etc/sysconfig/network-scripts", "/etc/sysconfig/network-scripts/ifcfg-eth0", "/etc/sysconfig/network-scripts/ifup-eth",
    "/etc/ac", "/etc/abc", "/usr/x", "/opt/x", "/etc/exact.file", "/var/lib/guest-customizer", "/somewhere",
]  # fmt: skip


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    files = tmp_path / "etc/selinux/targeted/contexts/files"
    files.mkdir(parents=True)
    (tmp_path / "etc/selinux/config").write_text("# comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n")
    (files / "file_contexts").write_text(CONTEXTS)
    (files / "file_contexts.subs_dist").write_text("/etc/systemd/system /usr/lib/systemd/system\n")
    with Sysroot(tmp_path) as guest:
        policy = read_policy(guest)
    assert policy is not None
    return policy


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.skipif(shutil.which("matchpathcon") is None, reason="needs selinux-utils")
def test_as_libselinux_has_it(policy: Policy, tmp_path: Path, path: str) -> None:
    contexts = tmp_path / "contexts"
    contexts.write_text("".join(line + "\n" for line in CONTEXTS.splitlines() if "broken" not in line))
    command = ["matchpathcon", "-n", "-m", "file", "-f", str(contexts), path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert policy.label(path, stat.S_IFREG) == done.stdout.strip()


def test_links_none_and_substitutions(policy: Policy) -> None:
    assert policy.label("/etc/localtime", stat.S_IFLNK) == "system_u:object_r:locale_t:s0"
    assert policy.label("/etc/localtime", stat.S_IFREG) == "system_u:object_r:etc_t:s0"
    assert policy.label("/etc/none", stat.S_IFREG) is None
    assert policy.label("/etc/systemd/system/x.service", stat.S_IFREG) == "system_u:object_r:systemd_unit_file_t:s0"


@pytest.mark.parametrize("config", ["", "SELINUX=disabled\n", "nonsense"])
def test_a_guest_without_selinux(tmp_path: Path, config: str) -> None:
    (tmp_path / "etc/selinux").mkdir(parents=True)
    (tmp_path / "etc/selinux/config").write_text(config)
    with Sysroot(tmp_path) as guest:
        assert read_policy(guest) is None


@pytest.mark.parametrize(("pattern", "literal"), [(r"/etc/a\.b.*", "/etc/a.b"), ("/etc/ab?c", "/etc/a"), ("/x|/y", "")])
def test_what_every_match_starts_with(pattern: str, literal: str) -> None:
    assert Spec(pattern, None, "").literal == literal
