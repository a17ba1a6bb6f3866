"""A cloud-init in the guest: it would set network and host name anew at each boot, or at the next (LESSONS L1).

Either a drop-in switches off what the document decides, or cloud-init is handed the same settings as a NoCloud seed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guest.changes.change import Change, Context, Note
from guest.changes.cloudinit_read import DISABLED, DROP_IN, HEAD, is_present
from guest.changes.cloudseed import plan_seed
from guest.edits import Edit, SetAside, WriteFile
from guest.errors import CustomizerError
from guest.network.names import boot_texts
from guest.settings.model import CloudInit
from guest.sysroot import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from guest.sysroot import View

_NETWORK_OFF = "network: {config: disabled}\n"
_NAME_OFF = "preserve_hostname: true\nmanage_etc_hosts: false\n"
# Where its renderers tell NetworkManager to leave resolv.conf alone.
_NM_DNS_OFF = "/etc/NetworkManager/conf.d/99-cloud-init.conf"


def takes_network(context: Context, view: View) -> bool:
    """Whether cloud-init, not we, is to make the network files."""
    return context.settings.guest.cloud_init is CloudInit.SEED and is_present(view)


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
        yield from plan_seed(context, view)
    else:
        yield from _switch_off(context, view)


def _switch_off(context: Context, view: View) -> Iterator[Edit | Note]:
    settings, old = context.settings, text(view, DROP_IN) or ""
    network = bool(settings.interfaces) or _NETWORK_OFF in old
    name = settings.identity.hostname is not None or _NAME_OFF in old
    duties = [duty for duty, off in (("network", network), ("host name", name)) if off]
    if not duties:
        return
    content = f"{HEAD}{' and '.join(duties)} of this machine stand in its own files.\n"
    content += (_NETWORK_OFF if network else "") + (_NAME_OFF if name else "")
    yield WriteFile(DROP_IN, content.encode(), "cloud-init must not set it anew", mode=0o644)
    if view.state(_NM_DNS_OFF) is not None and (settings.interfaces or settings.resolver):
        yield SetAside(_NM_DNS_OFF, "cloud-init's, it keeps NetworkManager from setting the DNS servers")
    if view.state(DISABLED) is None:
        yield Note(f"cloud-init is in the guest: its {' and '.join(duties)} duty is switched off")
    if settings.interfaces:
        yield from _stronger_sources(view)


def _stronger_sources(view: View) -> Iterator[Note]:
    """Kernel arguments win over the drop-in (FACTS-distros 1.5)."""
    for argument in ("network-config=", "ip="):
        if any(re.search(rf"(?m)[\s\"']{argument}\S", content) for content in boot_texts(view)):
            yield Note(f"the guest's kernel command line has {argument}…, which cloud-init obeys before its own files")


CHANGE = Change("cloud-init", plan)
