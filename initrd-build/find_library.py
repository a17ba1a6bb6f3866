"""Runs inside the frozen customizer before its own code: answers what pyudev asks ctypes for.

find_library would start ldconfig and gcc, which the initrd does not have.
"""

import ctypes.util

LIBRARIES = {"udev": "libudev.so.1", "c": "libc.so.6"}

ctypes.util.find_library = LIBRARIES.get
