"""A cloud-init in the guest: it would set network and host name anew at each boot, or at the next (LESSONS L1).

Either a drop-in switches off what the document decides, or cloud-init is handed the same settings as a NoCloud seed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.edits import Edit, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.network.names import boot_texts
from guest.settings.model import CloudInit
from guest.sysroot import exists, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View

CONFIGURATION = "/etc/cloud/cloud.cfg"
DROP_INS = "/etc/cloud/cloud.cfg.d"
# The last file of the folder counts; distributions and installers number theirs.
DROP_IN = f"{DROP_INS}/zz-guest-customizer.cfg"
SEED = "/var/lib/cloud/seed/nocloud"
_HEAD = "# guest-customizer: "
_NETWORK_OFF = "network: {config: disabled}\n"
_NAME_OFF = "preserve_hostname: true\nmanage_etc_hosts: false\n"
_SEEDED = "datasource_list: [NoCloud, None]\npreserve_hostname: false\n"
# Where its renderers tell NetworkManager to leave resolv.conf alone.
_NM_DNS_OFF = "/etc/NetworkManager/conf.d/99-cloud-init.conf"
_DISABLED = "/etc/cloud/cloud-init.disabled"


def is_present(view: View) -> bool:
    return exists(view, "/usr/bin/cloud-init") or exists(view, CONFIGURATION)


def takes_network(context: Context, view: View) -> bool:
    """Whether cloud-init, not we, is to make the network files."""
    return context.settings.guest.cloud_init is CloudInit.SEED and is_present(view)


def renders_netplan(view: View) -> bool:
    """By the test that cloud-init makes itself (cloudinit/net/netplan.py)."""
    return exists(view, "/usr/sbin/netplan") or exists(view, "/sbin/netplan")


def plan(context: Context, view: View) -> Iterator[Edit | Note]:
    settings = context.settings
    mode = settings.guest.cloud_init
    if not is_present(view):
        if mode is CloudInit.SEED:
            raise CustomizerError(
                "guest.no-cloud-init", "the document hands its settings to cloud-init, which this guest does not have",
                "leave out [guest] cloud_init",
            )  # fmt: skip
        return
    if mode is CloudInit.KEEP:
        yield Note("cloud-init is left alone, as the document says; what it does at the next boot may undo this")
    elif mode is CloudInit.SEED:
        yield from _seed(context, view)
    else:
        yield from _switch_off(context, view)


def _switch_off(context: Context, view: View) -> Iterator[Edit | Note]:
    settings, old = context.settings, text(view, DROP_IN) or ""
    network = bool(settings.interfaces) or _NETWORK_OFF in old
    name = settings.identity.hostname is not None or _NAME_OFF in old
    duties = [duty for duty, off in (("network", network), ("host name", name)) if off]
    if not duties:
        return
    content = f"{_HEAD}{' and '.join(duties)} of this machine stand in its own files.\n"
    content += (_NETWORK_OFF if network else "") + (_NAME_OFF if name else "")
    yield WriteFile(DROP_IN, content.encode(), "cloud-init must not set it anew", mode=0o644)
    if view.state(_NM_DNS_OFF) is not None and (settings.interfaces or settings.resolver):
        yield SetAside(_NM_DNS_OFF, "cloud-init's, it keeps NetworkManager from setting the DNS servers")
    if view.state(_DISABLED) is None:
        yield Note(f"cloud-init is in the guest: its {' and '.join(duties)} duty is switched off")
    if settings.interfaces:
        yield from _stronger_sources(view)


def _stronger_sources(view: View) -> Iterator[Note]:
    """Kernel arguments win over the drop-in (FACTS-distros 1.5)."""
    for argument in ("network-config=", "ip="):
        if any(re.search(rf"(?m)[\s\"']{argument}\S", content) for content in boot_texts(view)):
            yield Note(f"the guest's kernel command line has {argument}…, which cloud-init obeys before its own files")


def _seed(context: Context, view: View) -> Iterator[Edit | Note]:
    """meta-data and user-data; network-config is the network change's (NoCloud data source of cloud-init's documentation)."""
    identity = context.settings.identity
    meta = {"instance-id": context.settings.request_id}
    if identity.hostname is not None:
        meta["local-hostname"] = identity.fqdn or identity.hostname
    yield WriteFile(f"{SEED}/meta-data", (json.dumps(meta, indent=1) + "\n").encode(), "cloud-init's seed", mode=0o644)
    if view.read(f"{SEED}/user-data") is None:  # the template's own stays
        yield WriteFile(f"{SEED}/user-data", b"#cloud-config\n{}\n", "cloud-init's seed", mode=0o600)
    content = f"{_HEAD}cloud-init takes its settings from {SEED}.\n{_SEEDED}"
    yield WriteFile(DROP_IN, content.encode(), "cloud-init takes its seed", mode=0o644)
    # The link to the instance that the template was: a cached data source would be taken before the seed is looked for.
    for path in ("/var/lib/cloud/instance", "/var/lib/cloud/data/upgraded-network", _DISABLED):
        state = view.state(path)
        if state is not None and not state.is_directory:
            yield SetAside(path, "keeps cloud-init from its seed")
    if context.settings.interfaces:
        yield from _let_network_in(view)
    yield Note(f"cloud-init is in the guest: it is handed these settings in {SEED}, as a new instance")


def _let_network_in(view: View) -> Iterator[Edit | Note]:
    """Installers leave drop-ins that switch its network off."""
    for name in view.names(DROP_INS):
        path = f"{DROP_INS}/{name}"
        content = text(view, path) or ""
        if (
            path == DROP_IN
            or not name.endswith(".cfg")
            or not re.search(r"(?m)^network:.*(?:\n[ \t]+.*)*disabled", content)
        ):
            continue
        if re.fullmatch(r"(?:#.*\n|\s*\n)*network:.*(?:\n[ \t]+.*)*\n?(?:#.*\n|\s*\n)*", content):
            yield SetAside(path, "switches cloud-init's network off")
        else:
            yield Note(
                f"{path} in the guest switches cloud-init's network off, and says other things too: it is left as it is"
            )


CHANGE = Change("cloud-init", plan)
