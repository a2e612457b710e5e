"""Memory of freed images goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

IMAGES, MEGABYTES = 40, 8
PROGRAM = f"""
import sys
from pathlib import Path
import numpy as np

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 >> 20

if sys.argv[1] == "set":
    from framecloak.entrypoints.runtime.allocator import return_freed_images
    assert return_freed_images()
np.ones(30 << 20, np.uint8)
before = resident()
images = [np.ones({MEGABYTES} << 20, np.uint8) for _ in range({IMAGES})]
kept = images[-1]
images.clear()
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library has these settings")
@pytest.mark.parametrize(("settings", "is_returned"), [("set", True), ("default", False)])
def test_memory_of_freed_images_is_returned(settings: str, is_returned: bool) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, settings], capture_output=True, check=True)
    assert (int(done.stdout) < IMAGES * MEGABYTES / 4) == is_returned
