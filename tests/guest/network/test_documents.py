"""What the property tests take for granted: a document can ask for any of their networks, and comes back as it was written."""

from hypothesis import given, settings

from any_network import networks
from guest.network.model import Bond, Bridge, Vlan
from guest.settings.document import load


class Medium:
    """A config medium with a document."""

    def __init__(self, content):
        self.content = content.encode()

    def read(self, _name):
        return self.content


def section(bound):
    """One interface as a document has it."""
    interface = bound.interface
    lines = [f"[[{interface.label}]]", f"mac = {bound.mac}" if bound.mac else f"name = {bound.name}"]
    match interface.virtual:
        case Vlan(parent, number):
            lines[1] = f"vlan = {number}\nparent = {parent}"  # a dot in a name comes of itself
        case Bond(mode, ports):
            lines.append(f"bond = {mode.value}\nports = {', '.join(ports)}")
        case Bridge(ports):
            lines.append(f"bridge = yes\nports = {', '.join(ports)}")
    keys = {
        "addresses": ", ".join(map(str, interface.addresses)),
        "dns": ", ".join(map(str, interface.resolver.servers)),
        "search": ", ".join(interface.resolver.search),
        "mtu": interface.mtu,
        "dhcp4": "yes" if interface.dhcp4 else None,
        "dhcp6": "yes" if interface.dhcp6 else None,
        "slaac": {True: "yes", False: "no"}.get(interface.slaac),
        **{f"gateway{gateway.version}": gateway for gateway in interface.gateways},
    }
    lines += [f"{key} = {value}" for key, value in keys.items() if value]
    lines += ["[[[routes]]]"] if interface.routes else []
    for number, route in enumerate(interface.routes):
        via = f" via {route.via}" if route.via else ""
        metric = f" metric {route.metric}" if route.metric is not None else ""
        lines.append(f"r{number} = {route.destination}{via}{metric}")
    return "\n".join(lines)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(networks())
def test_a_document_can_ask_for_it(network):
    document = "\n".join(["format = 1", "id = x", "[network]", *map(section, network.interfaces)])
    loaded = {interface.label: interface for interface in load(Medium(document)).interfaces}
    for bound in network.interfaces:
        asked, found = bound.interface, loaded[bound.interface.label]
        for key in ("virtual", "mac", "addresses", "dhcp4", "dhcp6", "slaac", "mtu", "routes", "resolver"):
            assert getattr(found, key) == getattr(asked, key), f"{asked.label}: {key}"
        assert set(found.gateways) == set(asked.gateways)
