"""Size limit of frames: a small file can declare an image that would exhaust the memory."""

from __future__ import annotations

from framecloak.domain.errors import ImageTooLargeError

MAX_PIXELS = 100_000_000


def check_size(name: str, width: int, height: int) -> None:
    """Refuse an image or video whose header states too many pixels per frame.

    Args:
        name: file name for the error message.
        width: width in pixels.
        height: height in pixels.

    Raises:
        ImageTooLargeError: a frame has more than `MAX_PIXELS` pixels.
    """
    if width * height > MAX_PIXELS:
        megapixels = f"{width * height / 1e6:.0f} megapixels"
        message = f"{name} is {width}x{height} pixels ({megapixels})"
        raise ImageTooLargeError(message, f"scale it to at most {MAX_PIXELS // 10**6} megapixels")
