"""Everything that is changed in a guest, in order: a later change sees the guest as the earlier ones leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest.changes import cloudinit, dns, firstboot, hostname, network
from guest.changes.change import Change, Check, Context, Guest, Note
from guest.edits import Overlay

if TYPE_CHECKING:
    from guest.sysroot import View

CHANGES: tuple[Change, ...] = (
    hostname.CHANGE, cloudinit.CHANGE, network.CHANGE, dns.CHANGE, firstboot.CHANGE,
)  # fmt: skip

__all__ = ["CHANGES", "Change", "Check", "Context", "Guest", "Note", "plan_changes"]


def plan_changes(context: Context, view: View) -> tuple[Overlay, tuple[Note, ...], tuple[Check, ...]]:
    """The guest as it is to become, what its administrator should know, and what is asked of it afterwards."""
    overlay = Overlay(view)
    notes: list[Note] = []
    checks: list[Check] = []
    for change in CHANGES:
        for item in change.plan(context, overlay):
            if isinstance(item, Note):
                notes.append(item)
            elif isinstance(item, Check):
                checks.append(item)
            else:
                overlay = overlay.with_edits((item,))
    return overlay, tuple(notes), tuple(checks)
