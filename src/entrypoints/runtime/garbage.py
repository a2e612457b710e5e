"""Garbage collection of a process that imports much and then runs one job."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def permanent_objects() -> Iterator[None]:
    """Exclude what the block creates, such as modules and classes, from garbage collection for good.

    Inside the block nothing is collected: importing the pipeline allocates hundreds of thousands of objects,
    and collections would look at all of them again and again without finding any to free.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
