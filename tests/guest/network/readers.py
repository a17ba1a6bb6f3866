"""Readers of each stack's files, written from its manual page and not from our code: {name: what it is to become}.

Strict: a line, key or section that the manual does not have is an error.
"""

import configparser
import ipaddress
import re
import shlex
from dataclasses import dataclass, field

import yaml

ADDRESS, NETWORK, INTERFACE = ipaddress.ip_address, ipaddress.ip_network, ipaddress.ip_interface


@dataclass
class Found:
    """What a file says, in plain values; sets where order means nothing."""

    kind: str = "card"
    mac: str | None = None
    addresses: set = field(default_factory=set)
    gateways: set = field(default_factory=set)
    dhcp4: bool = False
    dhcp6: bool = False
    ra: bool | None = None  # None: not said
    mtu: int | None = None
    routes: set = field(default_factory=set)  # (destination, via or None, metric or None)
    on_link: set = field(default_factory=set)  # gateways that are said to be reachable without a subnet
    servers: list = field(default_factory=list)
    search: list = field(default_factory=list)
    ports: set = field(default_factory=set)  # names
    parent: str | None = None
    vlan: int | None = None
    mode: str | None = None
    ignores_dhcp_dns: bool = False


def _route(found, to, via, metric):
    to, via = NETWORK(to), ADDRESS(via) if via else None
    if to.prefixlen == 0 and metric is None:
        found.gateways.add(via)
    else:
        found.routes.add((to, via, metric))


# ---- netplan: netplan(5)


def netplan(files):
    (content,) = (content for path, content in files.items() if path.endswith(".yaml"))
    drop_ins = {content for path, content in files.items() if not path.endswith(".yaml")}
    assert drop_ins <= {
        f"# by guest-customizer\n[DHCP]\nUseDNS=no\n{more}" for more in ("", "\n[IPv6AcceptRA]\nUseDNS=no\n")
    }
    document = yaml.safe_load(content)
    assert set(document) == {"network"}
    network = document["network"]
    assert network.pop("version") == 2
    by_nm = network.pop("renderer", None) == "NetworkManager"
    names, result = {}, {}
    for kind, entries in network.items():
        for identity, body in entries.items():
            names[identity] = body.pop("set-name") if kind == "ethernets" else identity
            result[names[identity]] = _netplan_entry(kind, body, by_nm)
    for found in result.values():
        found.ports = {names[port] for port in found.ports}
        found.parent = names[found.parent] if found.parent else None
    return result


def _netplan_entry(kind, body, by_nm):
    found = Found(kind={"ethernets": "card", "vlans": "vlan", "bonds": "bond", "bridges": "bridge"}[kind])
    for key, value in body.items():
        match key:
            case "match":
                assert set(value) == {"macaddress"}
                assert isinstance(value["macaddress"], str)
                found.mac = value["macaddress"]
            case "dhcp4" | "dhcp6" if isinstance(value, bool):
                setattr(found, key, value)
            case "accept-ra" if isinstance(value, bool) and not by_nm:
                found.ra = value
            case "networkmanager" if by_nm:
                found.ignores_dhcp_dns = _passed_through(value["passthrough"], body)
            case "dhcp4-overrides" | "dhcp6-overrides" if not by_nm:
                assert value == {"use-dns": False}
                found.ignores_dhcp_dns = True
            case "addresses":
                found.addresses = {INTERFACE(a) for a in value}
            case "gateway4" | "gateway6":
                found.gateways.add(ADDRESS(value))
                found.on_link.add(ADDRESS(value))
            case "mtu" if isinstance(value, int):
                found.mtu = value
            case "routes":
                for route in value:
                    assert set(route) <= {"to", "via", "metric", "on-link", "scope"}
                    assert ("via" in route) != (route.get("scope") == "link")
                    _route(found, route["to"], route.get("via"), route.get("metric"))
                    if route.get("on-link"):
                        found.on_link.add(ADDRESS(route["via"]))
            case "nameservers":
                assert set(value) <= {"addresses", "search"}
                found.servers = [ADDRESS(a) for a in value.get("addresses", [])]
                found.search = value.get("search", [])
            case "id" if kind == "vlans":
                found.vlan = value
            case "link" if kind == "vlans":
                found.parent = value
            case "interfaces" if kind in ("bonds", "bridges"):
                found.ports = set(value)
            case "parameters" if kind == "bonds":
                assert set(value) == {"mode", "mii-monitor-interval"}
                found.mode = value["mode"]
            case "parameters" if kind == "bridges":
                assert value == {"stp": False, "forward-delay": 0}
            case _:
                raise AssertionError(f"{kind}: {key}: {value}")
    if by_nm:
        _as_network_manager(found, body.get("networkmanager", {}).get("passthrough", {}))
    return found


def _passed_through(passed, body):
    """What netplan hands on to NetworkManager; whether that leaves DHCP's DNS servers unused."""
    left = {key: value for key, value in passed.items() if key != "ipv6.method"}
    assert passed.get("ipv6.method", "link-local") == "link-local"
    assert left in ({f"ipv{n}.ignore-auto-dns": "true" for n in (4, 6) if body[f"dhcp{n}"]}, {})
    return bool(left)


def _as_network_manager(found, passed):
    found.ra = found.dhcp6  # `dhcp6: true` is NetworkManager's method auto
    if not found.dhcp6 and not any(a.version == 6 for a in found.addresses) and "ipv6.method" not in passed:
        found.ra = None  # `ignore`: the kernel takes what is advertised
    # As netplan's nm.c writes it: without addresses `link-local` or `manual`, and NetworkManager refuses both with DNS.
    for version, dhcp in ((4, found.dhcp4), (6, found.dhcp6)):
        if not dhcp and not any(a.version == version for a in found.addresses):
            assert not any(s.version == version for s in found.servers)
            assert not any(to.version == version for to, _, _ in found.routes)


# ---- networkd: see systemd.network(5) and systemd.netdev(5)


def _sections(content):
    """[(section, [(key, value)])]; nothing is merged."""
    sections = []
    for line in content.splitlines():
        if line.startswith("#") or not line:
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            sections.append((heading[1], []))
        else:
            key, value = re.fullmatch(r"(\w+)=(.+)", line).groups()
            sections[-1][1].append((key, value))
    return sections


def networkd(files):
    result, uppers = {}, {"VLAN": {}, "Bond": {}, "Bridge": {}}
    for path, content in files.items():
        if path.endswith(".netdev"):
            sections = {name: dict(pairs) for name, pairs in _sections(content)}
            found = result.setdefault(sections["NetDev"]["Name"], Found())
            found.kind = sections["NetDev"]["Kind"]
            found.vlan = int(sections["VLAN"]["Id"]) if found.kind == "vlan" else None
            found.mode = sections["Bond"]["Mode"] if found.kind == "bond" else None
    for path, content in files.items():
        if path.endswith(".network"):
            name = path.rpartition("guest-customizer-")[2].removesuffix(".network")
            _networkd_file(result.setdefault(name, Found()), name, content, uppers)
    for upper, lowers in uppers["VLAN"].items():
        (result[upper].parent,) = lowers
    for upper, lowers in (*uppers["Bond"].items(), *uppers["Bridge"].items()):
        result[upper].ports = set(lowers)
    return result


def _networkd_file(found, name, content, uppers):
    for section, pairs in _sections(content):
        if section == "Route":
            route = dict(pairs)
            assert len(route) == len(pairs)
            assert set(route) <= {"Destination", "Gateway", "Metric", "GatewayOnLink", "Scope"}
            metric = int(route["Metric"]) if "Metric" in route else None
            _route(found, route["Destination"], route.get("Gateway"), metric)
            if route.get("GatewayOnLink") == "yes":
                found.on_link.add(ADDRESS(route["Gateway"]))
            continue
        for key, value in pairs:
            match section, key:
                case "Match", "MACAddress" | "PermanentMACAddress":
                    found.mac = value
                case "Match", "Name":
                    assert value == name
                case "Match", "Type":
                    assert value == "ether"
                case "Link", "MTUBytes":
                    found.mtu = int(value)
                case "Network", "VLAN" | "Bond" | "Bridge":
                    uppers[key].setdefault(value, []).append(name)
                case "Network", "DHCP":
                    found.dhcp4, found.dhcp6 = value in ("yes", "ipv4"), value in ("yes", "ipv6")
                    assert value in ("yes", "no", "ipv4", "ipv6")
                case "Network", "IPv6AcceptRA" | "IPv6AcceptRouterAdvertisements":
                    found.ra = {"yes": True, "no": False}[value]
                case "Network", "Address":
                    found.addresses.add(INTERFACE(value))
                case "Network", "Gateway":
                    found.gateways.add(ADDRESS(value))
                case "Network", "DNS":
                    found.servers.append(ADDRESS(value))
                case "Network", "Domains":
                    found.search += value.split()
                case "DHCP" | "DHCPv4" | "DHCPv6" | "IPv6AcceptRA", "UseDNS":
                    assert value == "no"
                    found.ignores_dhcp_dns = True
                case _:
                    raise AssertionError(f"[{section}] {key}")


# ---- keyfiles: see nm-settings-keyfile(5)


def keyfile(files):
    result, uuids, masters = {}, {}, {}
    for content in files.values():
        parser = configparser.ConfigParser(strict=True, delimiters="=", interpolation=None, comment_prefixes="#")
        parser.optionxform = str
        parser.read_string(content)
        sections = {name: dict(parser[name]) for name in parser.sections()}
        connection = sections.pop("connection")
        found = result[connection["id"]] = Found(kind={"ethernet": "card"}.get(connection["type"], connection["type"]))
        uuids[connection["uuid"]] = connection["id"]
        if "master" in connection:
            masters.setdefault((connection["master"], connection["slave-type"]), set()).add(connection["id"])
        assert connection.get("interface-name") == (None if found.kind == "card" else connection["id"])
        for name, values in sections.items():
            _keyfile_section(found, name, values)
    for (master, kind), ports in masters.items():
        assert result[master].kind == kind
        result[master].ports = ports
    for found in result.values():
        found.parent = uuids[found.parent] if found.parent else None
    assert len(uuids) == len(files)
    return result


def _keyfile_section(found, section, values):
    if section in ("ipv4", "ipv6"):
        _keyfile_side(found, 4 if section == "ipv4" else 6, values)
        return
    for key, value in values.items():
        match section, key:
            case "ethernet", "mac-address":
                found.mac = value.lower()
            case "ethernet", "mtu":
                found.mtu = int(value)
            case "vlan", "id":
                found.vlan = int(value)
            case "vlan", "parent":
                found.parent = value
            case "bond", "mode":
                found.mode = value
            case "bond", "miimon":
                assert value == "100"
            case "bridge", "stp" | "forward-delay":
                assert value == {"stp": "false", "forward-delay": "0"}[key]
            case _:
                raise AssertionError(f"[{section}] {key}")


def _keyfile_side(found, version, values):
    method = values.pop("method")
    assert method in (("auto", "manual", "disabled") if version == 4 else ("auto", "manual", "dhcp", "link-local"))
    if version == 4:
        found.dhcp4 = method == "auto"
    else:
        found.dhcp6, found.ra = method in ("auto", "dhcp"), method == "auto"
    if method in ("disabled", "link-local"):  # NetworkManager refuses the profile otherwise
        assert not {"dns", "dns-search"} & set(values)
        assert not [key for key in values if key.startswith("address")]
    if method == "manual":
        assert "address1" in values
    for key, value in values.items():
        if re.fullmatch(r"address\d+", key):
            address, _, gateway = value.partition(",")
            found.addresses.add(INTERFACE(address))
            if gateway:
                found.gateways.add(ADDRESS(gateway))
                found.on_link.add(ADDRESS(gateway))  # NetworkManager makes a way to it by itself
        elif re.fullmatch(r"route\d+", key):
            to, via, metric = [*value.split(","), None, None][:3]
            via = None if via and ADDRESS(via).is_unspecified else via
            _route(found, to, via, int(metric) if metric else None)
            if values.get(f"{key}_options") == "onlink=true":
                found.on_link.add(ADDRESS(via))
        elif key == "dns":
            assert value.endswith(";")
            found.servers += [ADDRESS(a) for a in value[:-1].split(";")]
        elif key == "dns-search":
            assert value.endswith(";")
            found.search += value[:-1].split(";")
        elif key == "ignore-auto-dns":
            found.ignores_dhcp_dns = {"true": True}[value]
        else:
            assert re.fullmatch(r"route\d+_options", key), key


# ---- sysconfig.txt of initscripts, nm-settings-ifcfg-rh(5)

_IFCFG_KEYS = re.compile(
    r"TYPE|DEVICE|NAME|HWADDR|ONBOOT|ONPARENT|BOOTPROTO|(?:IPADDR|PREFIX)\d*|NETMASK|GATEWAY|DEFROUTE|IPV6INIT|IPV6_AUTOCONF|"
    r"DHCPV6C|IPV6ADDR|IPV6ADDR_SECONDARIES|IPV6_DEFAULTGW|IPV6_DEFROUTE|MTU|DNS\d+|DOMAIN|PEERDNS|VLAN|PHYSDEV|VLAN_ID|"
    r"BONDING_MASTER|BONDING_OPTS|MASTER|SLAVE|BRIDGE|STP|DELAY"
)


def ifcfg(files):
    result, uppers = {}, {}
    for path, content in files.items():
        kind, _, name = path.rpartition("/")[2].partition("-")
        found = result.setdefault(name.partition(":")[0], Found())
        if kind == "ifcfg":
            keys = {}
            for line in content.splitlines():
                words = shlex.split(line, comments=True)
                assert len(words) <= 1, line
                for key, _, value in [word.partition("=") for word in words]:
                    assert _IFCFG_KEYS.fullmatch(key), key
                    assert key not in keys
                    keys[key] = value
            assert keys["DEVICE"] == name
            _ifcfg_keys(found, keys, uppers)
        else:
            _ip_route_lines(found, content, name)
    for upper, lowers in uppers.items():
        result[upper].ports = lowers
    return result


def _ifcfg_keys(found, keys, uppers):
    number = 0
    while (suffix := str(number or "")) is not None and f"IPADDR{suffix}" in keys:
        length = keys.get(f"PREFIX{suffix}") or keys[f"NETMASK{suffix}"]
        found.addresses.add(INTERFACE(f"{keys[f'IPADDR{suffix}']}/{length}"))
        number += 1
    assert number == len([key for key in keys if key.startswith("IPADDR")])
    if "ONPARENT" in keys:
        return
    assert keys["ONBOOT"] == "yes"
    found.kind = {"Ethernet": "card", "Vlan": "vlan", "Bond": "bond", "Bridge": "bridge"}[keys["TYPE"]]
    found.mac = keys["HWADDR"].lower() if "HWADDR" in keys else None
    found.dhcp4 = {"dhcp": True, "none": False}[keys["BOOTPROTO"]]
    found.dhcp6 = keys.get("DHCPV6C") == "yes"
    found.ra = keys["IPV6INIT"] == "yes" and keys["IPV6_AUTOCONF"] == "yes" if "IPV6INIT" in keys else None
    found.mtu = int(keys["MTU"]) if "MTU" in keys else None
    found.addresses |= {INTERFACE(a) for a in keys.get("IPV6ADDR", "").split()}
    found.addresses |= {INTERFACE(a) for a in keys.get("IPV6ADDR_SECONDARIES", "").split()}
    if "GATEWAY" in keys:
        first = INTERFACE(f"{keys['IPADDR']}/{keys.get('PREFIX') or keys['NETMASK']}")
        assert ADDRESS(keys["GATEWAY"]) in first.network, "initscripts pass over it"
        found.gateways.add(ADDRESS(keys["GATEWAY"]))
    if "IPV6_DEFAULTGW" in keys:
        gateway, _, scope = keys["IPV6_DEFAULTGW"].partition("%")
        assert scope in ("", keys["DEVICE"])
        found.gateways.add(ADDRESS(gateway))
    found.servers = [ADDRESS(keys[f"DNS{n}"]) for n in range(1, 10) if f"DNS{n}" in keys]
    found.search = keys.get("DOMAIN", "").split()
    found.ignores_dhcp_dns = keys.get("PEERDNS") == "no"
    found.vlan = int(keys["VLAN_ID"]) if keys.get("VLAN") == "yes" else None
    found.parent = keys.get("PHYSDEV")
    options = dict(word.split("=") for word in keys.get("BONDING_OPTS", "").split())
    found.mode = options.get("mode")
    if "MASTER" in keys:
        assert keys["SLAVE"] == "yes"
    for upper in (keys.get("MASTER"), keys.get("BRIDGE")):
        if upper:
            uppers.setdefault(upper, set()).add(keys["DEVICE"])


def _ip_route_lines(found, content, name):
    reachable = set()
    for line in content.splitlines():
        words = line.split()
        options = dict(zip(words[1::2], words[2::2], strict=True))
        assert options.pop("dev") == name
        assert set(options) <= {"via", "metric"}
        via = options.get("via")
        to = words[0]
        if to == "default":
            to = "::/0" if ":" in via else "0.0.0.0/0"
        if via in reachable:
            found.on_link.add(ADDRESS(via))
        if NETWORK(to).num_addresses == 1 and not options:
            reachable.add(str(NETWORK(to).network_address))
        _route(found, to, via, int(options["metric"]) if "metric" in options else None)


# ---- interfaces(5), with ifenslave's, bridge-utils' and vlan's options


def interfaces(files):
    (content,) = files.values()
    result, auto, stanzas = {}, set(), []
    for line in content.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "auto":
            auto |= set(words[1:])
        elif words[0] == "iface":
            stanzas.append((words[1:], []))
        else:
            stanzas[-1][1].append((words[0], words[1:]))
    for (name, family, method), options in stanzas:
        if name == "lo":
            continue
        found = result.setdefault(name, Found())
        assert family in ("inet", "inet6")
        values = dict(options)
        if method == "static":
            netmask = ["/" + values["netmask"][0]] if "netmask" in values else []
            found.addresses.add(INTERFACE("".join(values["address"] + netmask)))
        elif method == "dhcp":
            setattr(found, "dhcp4" if family == "inet" else "dhcp6", True)
        elif method == "auto":
            assert family == "inet6"
            found.ra = True
        else:
            assert method == "manual"
        for option, rest in options:
            _interfaces_option(found, name, option, rest)
    for name in result:
        taken = any(name in other.ports for other in result.values() if other.kind == "bond")
        assert (name in auto) != taken, f"{name} is not brought up"
    return result


def _interfaces_option(found, name, option, words):
    match option, words:
        case ("address" | "netmask" | "bridge_stp" | "bridge_fd" | "bond-miimon", [_]):
            pass
        case "gateway", [address]:
            found.gateways.add(ADDRESS(address))
        case "accept_ra", [_]:
            pass  # whether addresses are taken is autoconf's word
        case "autoconf", [value]:
            found.ra = value == "1"
        case (("pre-up" | "up"), ["echo", "0", ">", path, "||", "true"]):
            assert path == f"/proc/sys/net/ipv6/conf/{name}/accept_ra"
            found.ra = False
        case "mtu", [value]:
            found.mtu = int(value)
        case (("pre-up" | "up"), ["ip", "link", "set", "dev", device, "mtu", value]) if device == name:
            found.mtu = int(value)
        case "up", ["ip", "link", "set", "dev", device, "up"] if device == name:
            pass
        case "up", ["ip", "-6", "route", "replace", to, *rest] | ["ip", "route", "replace", to, *rest]:
            onlink = rest[-1] == "onlink"
            options = dict(zip(rest[::2], rest[1::2], strict=not onlink))
            assert options.pop("dev") == name
            via = options.pop("via", None)
            metric = options.pop("metric", None)
            assert not options
            to = ("::/0" if words[1] == "-6" else "0.0.0.0/0") if to == "default" else to
            _route(found, to, via, int(metric) if metric else None)
            if onlink:
                found.on_link.add(ADDRESS(via))
        case "dns-nameservers", servers:
            found.servers += [ADDRESS(a) for a in servers]
        case "dns-search", domains:
            found.search += domains
        case "vlan-raw-device", [parent]:
            found.kind, found.parent, found.vlan = "vlan", parent, int(re.search(r"\d+$", name)[0])
        case "bond-slaves", ports:
            found.ports = set(ports)
        case "bond-mode", [mode]:
            found.kind, found.mode = "bond", mode
        case "bridge_ports", ports:
            found.kind, found.ports = "bridge", set(ports)
        case _:
            raise AssertionError(f"{option} {words}")
