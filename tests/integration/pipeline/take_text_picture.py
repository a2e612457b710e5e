"""Draw the picture of "What stays readable" again: ``make text-picture``."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from framecloak.entrypoints.cli.main import main as framecloak
from support.samples.clinic_screen import SIZE, screen
from support.samples.media import write_image

GAP_PX = 12
QUALITY = 88


def main(output: Path) -> None:
    """Write the screen before, under ``--text identifying`` and under ``--text all``, side by side."""
    with tempfile.TemporaryDirectory() as scratch:
        source = write_image(Path(scratch) / "screen.png", screen())
        names = Path(scratch) / "names.txt"
        names.write_text("Bergmann, Anna\n", "utf-8")
        shown = [screen()]
        for options in (["--text", "identifying", "--names", str(names)], ["--text", "all"]):
            result = Path(scratch) / "result.zip"
            fixed = ["--level", "full", "--format", "png", "--verify", "none", "--force", "--quiet"]
            if framecloak(["redact", str(source), "-o", str(result), *fixed, *options]):
                raise SystemExit("the screen cannot be redacted")
            with zipfile.ZipFile(result) as archive:
                (name,) = [name for name in archive.namelist() if name.endswith(".png")]
                data = np.frombuffer(archive.read(name), np.uint8)
            shown.append(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8))
    gap = np.full((SIZE[1], GAP_PX, 3), 255, np.uint8)
    picture = np.hstack([shown[0], gap, shown[1], gap, shown[2]])
    cv2.imwrite(str(output), picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
