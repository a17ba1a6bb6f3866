"""Runs inside the initrd: gives the guest on this machine's disks its identity."""

__version__ = "0.1.0"
