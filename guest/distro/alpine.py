"""Alpine: OpenRC, busybox, musl."""

from __future__ import annotations

from guest.distro.family import BootScript, Family, plan_short_hostname, read_hostname_file

FAMILY = Family(
    name="alpine",
    ids=frozenset({"alpine", "postmarketos"}),
    traces=("/etc/apk/world", "/etc/apk/repositories"),
    plan_hostname=plan_short_hostname,
    read_hostname=read_hostname_file,
    hosts_addresses=("127.0.1.1",),
    boot_script=BootScript("/etc/local.d/guest-customizer.start", service="local"),
)
