"""The document's settings handed to the guest's cloud-init as a NoCloud seed, which makes the network's files itself.

See "NoCloud" in cloud-init's documentation.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from guest.changes.change import Context, Note
from guest.changes.cloudinit_read import DISABLED, DROP_IN, HEAD, configuration, renderer
from guest.edits import Edit, SetAside, WriteFile
from guest.network import netplan
from guest.network.cloudconfig import as_file, keep_others, use_no_dhcp_dns, version1
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.network.model import Network
    from guest.sysroot import View

SEED = "/var/lib/cloud/seed/nocloud"
_SEEDED = "datasource_list: [NoCloud, None]\npreserve_hostname: false\n"
_NOTHING = "{}\n"  # cloud-init wants a mapping
# User-data goes before meta-data and before every file of cloud-init's.
_NAMES = re.compile(r"(?m)^(?:hostname|fqdn|preserve_hostname):[ \t]*[^\s#].*\n?")


def plan_seed(context: Context, view: View) -> Iterator[Edit | Note]:
    """meta-data and user-data; network-config comes by hand_over()."""
    identity = context.settings.identity
    meta = {"instance-id": context.settings.request_id}
    if identity.hostname is not None:
        meta["local-hostname"] = identity.fqdn or identity.hostname
    yield WriteFile(f"{SEED}/meta-data", (json.dumps(meta, indent=1) + "\n").encode(), "cloud-init's seed", mode=0o644)
    yield from _user_data(view, named=identity.hostname is not None)
    content = f"{HEAD}cloud-init takes its settings from {SEED}.\n{_SEEDED}"
    yield WriteFile(DROP_IN, content.encode(), "cloud-init takes its seed", mode=0o644)
    # The link to the instance that the template was: a cached data source would be taken before the seed is looked for.
    for path in ("/var/lib/cloud/instance", "/var/lib/cloud/data/upgraded-network", DISABLED):
        state = view.state(path)
        if state is not None and not state.is_directory:
            yield SetAside(path, "keeps cloud-init from its seed")
    if context.settings.interfaces:
        yield from _let_network_in(view)
    yield Note(f"cloud-init is in the guest: it is handed these settings in {SEED}, as a new instance")


def _user_data(view: View, *, named: bool) -> Iterator[Edit]:
    """The template's own stays, but for the name of the machine that it was."""
    path = f"{SEED}/user-data"
    old = text(view, path)
    if old is None:
        yield WriteFile(path, f"#cloud-config\n{_NOTHING}".encode(), "cloud-init's seed", mode=0o600)
    elif named and old.startswith("#cloud-config") and (new := _NAMES.sub("", old)) != old:
        new += "" if re.search(r"(?m)^[^#\s]", new) else _NOTHING
        yield WriteFile(path, new.encode("utf-8", "surrogateescape"), "named the machine that the template was")


def _let_network_in(view: View) -> Iterator[Edit | Note]:
    """Installers leave drop-ins that switch its network off."""
    for path, content in configuration(view):
        if path == DROP_IN or not re.search(r"(?m)^network:.*(?:\n[ \t]+.*)*disabled", content):
            continue
        if re.fullmatch(r"(?:#.*\n|\s*\n)*network:.*(?:\n[ \t]+.*)*\n?(?:#.*\n|\s*\n)*", content):
            yield SetAside(path, "switches cloud-init's network off")
        else:
            yield Note(
                f"{path} in the guest switches cloud-init's network off, and says other things too: it is left as it is"
            )


def hand_over(view: View, network: Network) -> Iterator[Edit | Note]:
    """network-config, in the version that its renderer takes. Raises CustomizerError for what that cannot say."""
    by = renderer(view)
    if by == "netplan":
        content, more = netplan.seed(view, network)
    else:
        content, more = version1(view, network, by), tuple(use_no_dhcp_dns(network, by))
    yield from more
    path = f"{SEED}/network-config"
    merged = keep_others(text(view, path), content, network)
    yield WriteFile(path, as_file(merged), "cloud-init makes the network files", mode=0o600)
    unsaid = any(network.replaces_dhcp_dns(b) and (b.interface.dhcp4 or b.interface.dhcp6) for b in network.interfaces)
    if unsaid and by not in ("netplan", "networkd", "eni"):
        yield Note("cloud-init has no word for leaving DHCP's DNS servers unused: they may come beside the document's")
