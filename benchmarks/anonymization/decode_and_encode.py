"""Decode a video and encode its frames as JPEG, on one thread: what any redaction of it costs at least.

    python -m benchmarks.anonymization.decode_and_encode VIDEO

A process of its own, so that its processor time can be compared with that of ``framecloak redact``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat


def main() -> None:
    """Decode and encode every frame of the video that the command line names."""
    cv2.setNumThreads(1)
    source = open_video(Path(sys.argv[1]))
    encoder, appearance = OpenCvEncoder(), Appearance(OutputFormat.JPG)
    for frame in source.frames(0, source.info.frame_count):
        encoder.encode(frame.bgr(), appearance)


if __name__ == "__main__":
    main()
