"""Process-wide settings of OpenCV."""

from __future__ import annotations

import cv2


def disable_opencv_threads() -> None:
    """Disable OpenCV's own threads. The composition root calls this once.

    The pipeline already processes one frame per worker thread. Additional threads inside each call would
    compete with these, and reduced the throughput in all measurements.
    """
    cv2.setNumThreads(1)
