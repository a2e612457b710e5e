"""How large a frame may be: a small file can claim a picture that fills the memory."""

from __future__ import annotations

from framecloak.domain.errors import ImageTooLargeError

MAX_PIXELS = 100_000_000


def check_size(name: str, width: int, height: int) -> None:
    """Refuse frames with too many pixels, on the word of the header and before any is decoded.

    Raises:
        ImageTooLargeError: more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        megapixels = f"{width * height / 1e6:.0f} megapixels"
        message = f"{name} is {width}x{height} pixels ({megapixels})"
        raise ImageTooLargeError(message, f"scale it to at most {MAX_PIXELS // 10**6} megapixels")
