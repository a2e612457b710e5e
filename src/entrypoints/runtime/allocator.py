"""Settings of the C allocator for a process that holds many images."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of ``mallopt`` of the GNU C library (malloc.h)."""

MAPPED_BYTES = 4 << 20
"""Size in bytes from which on a buffer is mapped by itself, and returned to the system once it is freed."""

TRIMMED_BYTES = 128 << 20
"""Free bytes at the end of the heap above which they are returned."""

ARENAS = 2
"""Number of heaps that threads share."""


def return_freed_images() -> bool:
    """Make the C allocator return the memory of freed images to the system.

    By default the GNU C library maps large buffers only until the first of them is freed, and takes later
    ones from a heap for each thread. Images of many sizes then leave gaps in all of these heaps.

    Returns:
        Whether the allocator has these settings; other C libraries do not.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {_ARENA_MAX: ARENAS, _MMAP_THRESHOLD: MAPPED_BYTES, _TRIM_THRESHOLD: TRIMMED_BYTES}
    return all(mallopt(name, value) == 1 for name, value in settings.items())
