"""Score ``framecloak redact`` and ``deface`` on deliberately hard footage: ``make bench-hard``.

The clips come from ``benchmarks.footage``: dark rooms, close-ups, motion blur, faces cut by the edge, quick
cuts and more, with exact ground truth. None of them was used to choose the models or the int8 ranges.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.anonymization import coverage
from benchmarks.anonymization.redact_vs_deface import BIN, deface_boxes, manifest


def our_boxes(video: Path, folder: Path) -> dict[int, list[list[float]]]:
    """Return the boxes that the command redacts, by frame."""
    archive = folder / f"{video.stem}.zip"
    subprocess.run([BIN / "framecloak", "redact", video, "-o", archive, "--json"], check=True, stdout=-3)
    return {frame["index"]: [box["xyxy"] for box in frame["boxes"]] for frame in manifest(archive)["frames"]}


def main() -> None:
    """Render the clips, redact them, and print a table for each program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder that benchmarks/footage/make.py has filled")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clips = arguments.clips
        if clips is None:
            clips = folder / "clips"
            subprocess.run([sys.executable, "-m", "benchmarks.footage.make", clips], check=True)
        truth = json.loads((clips / "gt.json").read_text())
        ours = {name: coverage.score(truth[name], our_boxes(clips / name, folder)) for name in truth}
        print("framecloak redact\n" + coverage.table(ours))
        theirs = {
            name: coverage.score(
                truth[name],
                {int(index): boxes for index, boxes in deface_boxes(clips / name).items()},
                ellipse=True,
            )
            for name in truth
        }
        print("\ndeface, defaults, its ellipses\n" + coverage.table(theirs))


if __name__ == "__main__":
    main()
