"""Size limits of frames: a small file can declare an image that would exhaust the memory."""

from __future__ import annotations

from framecloak.domain.errors import ImageTooLargeError

MAX_PIXELS = 100_000_000
"""Maximum number of pixels of a single image."""

MAX_VIDEO_PIXELS = 36_000_000
"""Maximum number of pixels of a video frame, enough for 8K: a decoder holds up to two dozen frames."""

_GROWTH = 2
_ALWAYS_ALLOWED_PIXELS = 4_200_000
"""Pixels to which every video may grow, such as a call that begins with a thumbnail."""


def check_size(name: str, width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse an image or video whose header states too many pixels per frame.

    Args:
        name: file name for the error message.
        width: width in pixels.
        height: height in pixels.
        max_pixels: maximum number of pixels per frame.

    Raises:
        ImageTooLargeError: a frame has more than ``max_pixels`` pixels.
    """
    if width * height > max_pixels:
        megapixels = f"{width * height / 1e6:.0f} megapixels"
        message = f"{name} is {width}x{height} pixels ({megapixels})"
        raise ImageTooLargeError(message, f"scale it to at most {max_pixels // 10**6} megapixels")


def max_grown_pixels(width: int, height: int) -> int:
    """Return the number of pixels up to which frames of a video are decoded if their size changes.

    Args:
        width: width of its first frame in pixels.
        height: height of its first frame in pixels.
    """
    return min(MAX_VIDEO_PIXELS, max(_ALWAYS_ALLOWED_PIXELS, _GROWTH * width * height))
