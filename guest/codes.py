"""Every code that a result or an error can carry, with its cause and its remedy: docs/result-codes.md is made from this.

The program itself does not need it; a test holds it against the code. No code is ever given a second meaning (LESSONS L17).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    name: str
    cause: str
    remedy: str
    is_ok: bool = False


RESULT_CODES = (
    Code("done", "the request was carried out", "detach the media, boot the guest", is_ok=True),
    Code("undone", "the request was taken back", "detach the media, boot the guest", is_ok=True),
    Code("guest.already-customized", "the guest has carried out a request with this `id`",
         "give a new request a new `id`", is_ok=True),
    Code("guest.already-undone", "the request to be undone is not in force: undone or restored before",
         "nothing is left to do", is_ok=True),
    Code("config.no-medium", "nothing labelled `GUESTCONF` appeared in time", "attach the config medium"),
    Code("config.several-media", "two or more media carry that label", "detach all but one"),
    Code("config.unreadable", "the medium cannot be mounted or read", "pack it again"),
    Code("config.no-document", "no `customization.conf` at the medium's top", "pack it with `guest-customizer pack`"),
    Code(
        "config.syntax",
        "a line is neither `key = value` nor a section, lacks the section above it, or holds what no UTF-8 text has",
        "see the hint",
    ),
    Code("config.duplicate", "a key or section stands there twice; the message names the first", "remove one"),
    Code(
        "config.unknown-key",
        "a key or section that does not exist, at least not there",
        "the hint says where it belongs, which one is near, or which there are",
    ),
    Code("config.missing-key", "a key that is needed is not there", "add it"),
    Code(
        "config.bad-value",
        "a value of the wrong form, or one that would be cut or split; a key in place of a section, or the other way round",
        "see the line named",
    ),
    Code("config.contradiction", "keys that exclude or need each other", "see the line named"),
    Code(
        "config.missing-file",
        "a script or key file is not on the medium, or on the host not beside the document",
        "see the hint; pack again",
    ),
    Code("config.too-large", "a document of more than 1 MiB, or a file beside it of more than 4 MiB", "see the hint"),
    Code("storage.no-root", "no file system looks like a Linux root",
         "attach the guest's disk; the hint names what could not be opened, and why"),
    Code("storage.several-roots", "more than one file system looks like a root", "the hint has the `[guest] root =` line for each"),
    Code("storage.root-not-found", "`[guest] root` names no file system, or more than one", "correct it"),
    Code("storage.mount-failed", "a file system is damaged", "check it in the guest"),
    Code("storage.unknown-file-system", "the ISO's kernel does not know a file system, or a feature of it that the message names",
         "build the ISO with another kernel"),
    Code("storage.duplicate-disk", "one disk is attached by two paths, or a copy of a btrfs device stands beside it",
         "attach it once"),
    Code("storage.hibernated", "a swap area or file holds a hibernated system", "start the guest and shut it down"),
    Code("storage.damaged", "a file system that is to be written to is marked as having errors",
         "check it in the guest; nothing is repaired here"),
    Code("storage.still-in-use", "the changes are written, but an array, volume group or container could not be closed",
         "check it before the guest boots"),
    Code("storage.io-error", "a disk failed while it was read or written", "check the disk"),
    Code("storage.needed-mount", "an edit, or what an interrupted run changed, lies on a file system that is not mounted, or /usr is not",
         "attach its disk, give its key, or correct the guest's fstab"),
    Code("storage.unmount-failed", "the changes are written, but a file system is busy",
         "check it before the guest boots"),
    Code("guest.unsupported", "the guest is of a kind that keeps no files of its own: ostree, Ignition, an overlay, NixOS …",
         "the hint says what to use instead"),
    Code("guest.unknown-release", "nothing says which distribution the guest is", "`[guest] family`"),
    Code(
        "guest.no-cloud-init",
        "the document hands its settings to a cloud-init that the guest does not have",
        "leave out `[guest] cloud_init`",
    ),
    Code("guest.unknown-family", "the distribution is of no family that is known", "`[guest] family`"),
    Code("guest.file-too-large", "a file that has to be read is larger than 4 MiB", "look at it in the template"),
    Code("guest.folder-too-large", "a folder that has to be read has more than 10,000 entries", "look at it in the template"),
    Code("guest.link-loop", "a symbolic link that leads to itself", "repair the template"),
    Code("guest.not-a-folder", "something else stands where a folder is needed", "repair the template"),
    Code("guest.volatile-target", "a file to be written really lies in /run, /proc, /sys, /dev or /tmp",
         "replace the link in the template by a file"),
    Code("guest.bad-journal", "our own record in the guest is damaged", "see `/var/lib/guest-customizer/requests`"),
    Code("guest.no-such-request", "undo of a request that this guest does not know", "correct the `id`"),
    Code("guest.changed-since", "undo would overwrite a file that was changed since, or a folder or special file stands where an"
         " interrupted run is to be taken back; the message names it",
         "`[request] force = yes`, or put it right by hand"),
    Code("network.no-such-card", "a card of the document is not in this machine", "attach it, correct the document"),
    Code("network.card-used-twice", "two entries of the document are one card", "correct the document"),
    Code("network.name-used-twice", "two interfaces would have the same name in the guest", "give one of them a `name`"),
    Code("network.inexpressible", "the guest's network stack, or this release of it, cannot say what an interface asks for",
         "see the hint"),
    Code("network.unreadable", "a network file of the guest that its own stack could not read", "repair it in the template"),
    Code("network.unknown-stack", "what configures the guest's network is not known", "`[guest] network_stack`"),
    Code("network.unknown-resolver", "what owns the guest's resolv.conf is not known", "see the hint"),
    Code("apply.no-space", "too little room on a file system; found before the first write", "free some space in the guest"),
    Code("apply.no-inodes", "too few free inodes; found before the first write", "remove files in the guest"),
    Code("apply.read-only", "a file system cannot be mounted for writing", "attach the disk writable; check it"),
    Code("apply.not-a-file", "a device, FIFO, socket or folder stands where a file is to be written", "remove it in the template"),
    Code("apply.failed", "writing failed; nothing was changed, or everything was put back (`disk` says which)",
         "see the message; check the disk"),
    Code("apply.not-kept", "a file reads back differently than it was written; everything was put back", "check the disk"),
    Code("apply.not-understood", "the guest's files, read back, do not mean what was asked for; everything was put back",
         "report it"),
    Code("apply.no-backup", "a backup that is needed to put a file back is missing or damaged",
         "put that file right by hand, then remove the request's record"),
    Code("apply.half-done", "writing failed, and so did putting things back",
         "run again: the next run goes on with it; the old files are in the request's `backup` folder"),
    Code("internal", "a mistake in this program, or it ended without a result", "report it"),
    Code("internal.command", "a helper program failed or took too long", "report it"),
    Code("internal.timeout", "the run took longer than `customizer.timeout` allows", "raise it; check the disks"),
)  # fmt: skip

HOST_CODES = (
    Code(
        "usage.file",
        "a file cannot be read or written, is of another kind, or would be lost: the message names it",
        "correct the path; `make iso`",
    ),
    Code("usage.machine", "the machine's description is missing or malformed", "correct it"),
    Code(
        "usage.not-the-initrd",
        "`run` of the customizer was typed on a machine that was not started from our ISO",
        "`plan` or `apply` on a tree, `guest-customizer run` for a virtual machine",
    ),
    Code("usage.root", "the guest's root is no folder that can be opened", "correct the path"),
    Code("usage.missing-tool", "openssl is not installed", "install it"),
    Code("usage.password", "the password is empty, differs, or could not be hashed", "try again"),
    Code(
        "pack.failed",
        "the image could not be written: names that FAT takes for one, or mtools failed",
        "see the message",
    ),
    Code("pack.missing-tool", "mtools is not installed", "install it"),
    Code("pack.too-large", "the files do not fit on a floppy or disk image", "pack an iso"),
    Code("iso.missing-input", "a file or program for the boot ISO is missing", "see the hint"),
    Code("run.missing-tool", "QEMU or its UEFI firmware is not installed", "install it"),
    Code("run.qemu-failed", "QEMU ended with an error", "see the message"),
    Code(
        "run.no-result",
        "the console holds no result, or none of this request (exit status 3)",
        "see the console's last lines; attach the right config medium",
    ),
    Code(
        "run.timeout",
        "the machine was not off in time and was stopped, with or without a result (exit status 3)",
        "raise `--timeout`; run again: what was half done is taken back",
    ),
    Code(
        "run.console-flood",
        "the machine wrote more to its serial port than ours ever does, and was stopped (exit status 3)",
        "see that it boots from our ISO",
    ),
)
