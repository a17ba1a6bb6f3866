"""What the kernel's command line may say, and what is made of rubbish: here and, of the time limit, in init."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guest.boot_words import BootWords, parse_boot_words

INIT = Path(__file__).parents[2] / "initrd-build/init"
OTHERS = "BOOT_IMAGE=/vmlinuz console=ttyS0,115200 quiet"


def said(words: str) -> BootWords:
    return parse_boot_words(f"{OTHERS} {words}\n")


def test_what_nobody_said() -> None:
    assert said("customizer.debug") == BootWords()
    assert BootWords() == BootWords(config=None, wait_seconds=20, timeout_seconds=1800, warnings=())


@pytest.mark.parametrize(
    ("word", "medium"),
    [
        ("OTHER", "OTHER"),
        ("LABEL=OTHER", "OTHER"),
        ("UUID=0A0B-0C0D", "0A0B-0C0D"),
        ("/dev/disk/by-id/x=y", "/dev/disk/by-id/x=y"),
        ("first customizer.config=second", "second"),
    ],
)
def test_the_medium(word: str, medium: str) -> None:
    assert said(f"customizer.config={word}") == BootWords(config=medium)


@pytest.mark.parametrize("word", ["", "LABEL=", "UUID="])
def test_a_medium_that_is_not_named(word: str) -> None:
    words = said(f"customizer.config={word}")
    assert (words.config, words.warnings) == (None, ("customizer.config on the kernel command line names nothing",))


def test_a_word_that_is_not_ours() -> None:
    words = said("customizer.wiat=3 customizer=x")
    assert words == BootWords(warnings=("customizer.wiat on the kernel command line is unknown",))


@pytest.mark.parametrize("value", ["0", "yes"])
def test_a_value_for_the_shell(value: str) -> None:
    assert said("customizer.debug=1") == BootWords()
    warnings = ("customizer.debug on the kernel command line takes no value",)
    assert said(f"customizer.debug={value}") == BootWords(warnings=warnings)


@pytest.mark.parametrize("medium", ['LABEL="GUEST CONF"', "PARTUUID=ab"])
def test_a_medium_that_cannot_be_named_so(medium: str) -> None:
    warning = "customizer.config on the kernel command line takes a label without blanks, a UUID or a device path"
    assert said(f"customizer.config={medium}").warnings == (warning,)


@pytest.mark.parametrize("seconds", [0, 1, 20, 999999])
def test_how_long_to_wait(seconds: int) -> None:
    assert said(f"customizer.wait={seconds}") == BootWords(wait_seconds=seconds)


@pytest.mark.parametrize("value", ["abc", "", "-1", "1.5", "1e3", "5s", "1000000", "007", "\N{SUPERSCRIPT TWO}", "٣"])
def test_rubbish_counts_as_not_said(value: str) -> None:
    warning = "customizer.wait on the kernel command line is no number of seconds from 0 to 999999: 20 it is"
    assert said(f"customizer.wait={value}") == BootWords(warnings=(warning,))


@pytest.mark.parametrize(("timeout", "ours"), [(10, 5), (40, 20), (60, 30), (61, 31), (1800, 1770)])
def test_the_run_ends_itself_before_init_does(timeout: int, ours: int) -> None:
    assert said(f"customizer.timeout={timeout}").limit_seconds == ours


TIMEOUTS = ["10", "99", "1800", "999999", "", "0", "9", "010", "1000000", "abc", "60s", "-5", "99999999999999999999"]


@pytest.mark.parametrize(
    "words", [*TIMEOUTS, "60 customizer.timeout=abc", "abc customizer.timeout=60", "60 customizer.timeout"]
)
def test_init_makes_the_same_of_the_time_limit(words: str, tmp_path: Path) -> None:
    line = f"{OTHERS} customizer.timeout={words}"
    (tmp_path / "cmdline").write_text(line + "\n")
    text = INIT.read_text()
    start = text.index("read_command_line() {")
    function = text[start : text.index("\n}\n", start) + 3].replace("/proc/cmdline", str(tmp_path / "cmdline"))
    script = f"limit=1800\n{function}read_command_line\necho $limit"
    done = subprocess.run(["busybox", "sh", "-c", script], capture_output=True, check=True, text=True)
    assert parse_boot_words(line).timeout_seconds == int(done.stdout)
