"""The demo's promises: a real Debian guest boots from its own disk as its new self, and says so itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo import Story, addresses, routes, tell_story

BUILD = Path(__file__).resolve().parent.parent / "build"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    story = tell_story(BUILD, tmp_path_factory.mktemp("demo"), print)
    result = story.outcome.transcript.result
    assert result is not None, story.outcome.console[-2000:]
    assert result.is_ok, result
    return story


def test_the_template_was_somebody_else(story: Story) -> None:
    assert story.before["hostname"] == "template"


def test_name(story: Story) -> None:
    assert (story.after["hostname"], story.after["fqdn"]) == ("web01", "web01.example.com")
    assert "template" not in (story.after["hosts"] or "")


def test_addresses(story: Story) -> None:
    found = addresses(story.after)
    assert {"ens3 10.0.0.11/24", "ens3 10.0.0.12/24", "ens3 2001:db8::11/64"} <= set(found)
    assert any(line.startswith("ens4 10.0.2.") for line in found), f"no DHCP address: {found}"


def test_no_address_but_those_asked_for(story: Story) -> None:
    assert len([line for line in addresses(story.after) if line.startswith("ens3 ")]) == 3


def test_mtu(story: Story) -> None:
    assert {link["ifname"]: link["mtu"] for link in story.after["addresses"]}["ens3"] == 1400


def test_routes(story: Story) -> None:
    found = routes(story.after)
    assert "default via 10.0.0.1 dev ens3" in found
    assert "192.168.7.0/24 via 10.0.0.254 dev ens3 metric 50" in found
    assert any(line.startswith("default via 2001:db8::1 dev ens3") for line in found), found


def test_resolver(story: Story) -> None:
    lines = (story.after["resolv_conf"] or "").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("nameserver")] == ["10.0.0.2", "2001:db8::53"]
    assert [line.split()[1:] for line in lines if line.startswith("search")] == [["example.com", "corp.example.com"]]


def test_first_boot_ran_once_in_order_and_recorded_it(story: Story) -> None:
    record = json.loads(story.after["first_boot"] or "{}")
    assert record["id"] == "demo-0001"
    assert [(step["step"], step["exit_status"]) for step in record["steps"]] == [
        ("001-command", 0),
        ("002-command", 1),
        ("003-10-app.sh", 0),
    ]
    assert {"was-here", "app-was-here"} <= set(story.after["files"])


def test_the_hook_is_gone(story: Story) -> None:
    assert story.after["rc_local"] == story.before["rc_local"]


def test_nothing_is_broken(story: Story) -> None:
    assert set(story.after["failed_units"]) <= set(story.before["failed_units"])
    assert story.after["sshd_config_ok"] == 0
