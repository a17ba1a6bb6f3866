#!/bin/sh
# The demo's application: notes the name it found.
hostname -f >/root/app-was-here
