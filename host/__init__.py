"""Packs the boot ISO and config media, drives a VM, parses results."""
