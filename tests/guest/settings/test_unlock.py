"""Keys of encrypted containers: read whole, checked, packed, and never shown."""

from pathlib import Path

import pytest

from guest.settings.document import load
from guest.settings.model import Unlock
from guest.settings.problems import DocumentError
from guest.sysroot import Sysroot
from host import media

START = "format = 1\nid = web01\n[storage]\n[[unlock]]\n[[[disk]]]\n"
UUID = "AAAAAAAA-2222-4333-8444-555555555555"


def unlocks(folder: Path, text: str) -> tuple[Unlock, ...]:
    (folder / "customization.conf").write_text(START + text)
    with Sysroot(folder) as files:
        return load(files).unlocks


def test_a_passphrase(tmp_path: Path) -> None:
    (unlock,) = unlocks(tmp_path, f"uuid = {UUID}\npassphrase = 'a, \"b\" # c'\n")
    assert unlock == Unlock(UUID.lower(), b'a, "b" # c')
    assert '"b"' not in repr(unlock)


def test_a_key_file_is_taken_byte_for_byte_and_packed(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/disk.key").write_bytes(b"\0\xff\nkey\n")
    (unlock,) = unlocks(tmp_path, f"uuid = {UUID}\nkey_file = keys/disk.key\n")
    assert unlock.secret == b"\0\xff\nkey\n"
    media.pack(tmp_path / "customization.conf", tmp_path / "config.iso", "iso")
    assert b"\0\xff\nkey\n" in (tmp_path / "config.iso").read_bytes()


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (f"uuid = {UUID}\n", "config.contradiction", "[storage] [[unlock]] [[[disk]]] passphrase: needs either"),
        (f"uuid = {UUID}\npassphrase = s3cret\nkey_file = a.key\n", "config.contradiction", "needs either"),
        (f"uuid = {UUID}\npassphrase = s3cret, s3cret\n", "config.bad-value", "passphrase: must be one value"),
        (f"uuid = {UUID}\npassphrase = ''\n", "config.bad-value", "must not be empty"),
        ("passphrase = s3cret\n", "config.missing-key", "uuid: is needed"),
        ("uuid = /dev/sda1\npassphrase = s3cret\n", "config.bad-value", "must be the UUID of a LUKS container"),
        (f"uuid = {UUID}\nkey_file = ../s3cret\n", "config.bad-value", "relative to its top"),
        (f"uuid = {UUID}\nkey_file = missing.key\n", "config.missing-file", "there is no file missing.key"),
        (f"uuid = {UUID}\npasphrase = s3cret\n", "config.unknown-key", "there is no such key"),
        (
            f"uuid = {UUID}\npassphrase = s3cret\n[[[again]]]\nuuid = {UUID.lower()}\npassphrase = x\n",
            "config.contradiction",
            "is the same container as [[[disk]]]",
        ),
    ],
)
def test_what_is_wrong_is_named_and_the_secret_is_not(tmp_path: Path, text: str, code: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        unlocks(tmp_path, text)
    assert caught.value.code == code
    assert message in caught.value.message
    shown = " ".join([str(caught.value), caught.value.hint, *map(str, caught.value.problems)])
    assert "s3cret" not in shown
