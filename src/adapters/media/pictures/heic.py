"""HEIC photographs: decoded by libheif, after a check of all sizes and of all coded images.

Viewers turn and mirror them as the file states (``irot``, ``imir``), not as its EXIF block does, and so does
libheif. Thumbnails, depth and gain maps are no images of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pi_heif
from numpy.typing import NDArray

from framecloak.adapters.media.colour.colour_tags import HLG, PQ
from framecloak.adapters.media.colour.tone_mapping import DEFAULT_PEAK_NITS, tone_mapped
from framecloak.adapters.media.h265.integrity import H265IntegrityCheck
from framecloak.adapters.media.pictures.heif_boxes import BrokenBoxError, HeifContent, read_heif
from framecloak.adapters.media.pictures.paged_source import PAGE_TICKS, Page, PagedImageSource
from framecloak.adapters.media.size_limit import MAX_PIXELS, check_size
from framecloak.domain.errors import InputNotFoundError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
_GENERAL_BRAND = b"mif1"
_SEQUENCE_BRANDS = frozenset({b"hevc", b"hevx", b"msf1"})
"""Brands of image sequences, which libav plays as videos."""

_MAX_BRAND_BYTES = 256
_LIBHEIF_ERRORS = (ValueError, EOFError, SyntaxError, RuntimeError, OSError, MemoryError, TypeError)


def is_heic(path: Path) -> bool:
    """Return True if the first bytes of a file are those of a HEIC photograph."""
    try:
        with path.open("rb") as file:
            return is_heic_header(file.read(_MAX_BRAND_BYTES))
    except OSError:
        return False


def is_heic_header(head: bytes) -> bool:
    """Return True if the first bytes of a file, at least 12, are those of a HEIC photograph."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[start : start + 4] for start in range(16, end, 4))}
    if head[8:12] in _SEQUENCE_BRANDS:
        return False
    return bool(brands & _HEIC_BRANDS) or head[8:12] == _GENERAL_BRAND


def open_heic(path: Path) -> PagedImageSource:
    """Open a HEIC photograph, and check its sizes and its coded images.

    Raises:
        UnreadableVideoError: one of the images is damaged or truncated.
        ImageTooLargeError: an image, a tile or a canvas has more pixels than can be processed.
        InputNotFoundError: the file can no longer be read.
    """
    data = _read(path)
    with _translated(path):
        content = read_heif(data)
    for size in content.sizes:
        check_size(path.name, *size)
    with _translated(path):
        if _is_damaged(content):
            raise BrokenBoxError("a coded image is damaged")
        sizes = [image.size for image in _opened(data)]
        if not sizes or not all(width and height for width, height in sizes):
            raise BrokenBoxError("an image has no size")
    pages = tuple(Page(position, width, height, PAGE_TICKS) for position, (width, height) in enumerate(sizes))
    return PagedImageSource(path, pages, _decoded)


def _is_damaged(content: HeifContent) -> bool:
    return any(
        H265IntegrityCheck(item.configuration, MAX_PIXELS).is_damaged(item.data)
        for item in content.items.values()
        if item.kind == b"hvc1"
    )


def _decoded(path: Path, positions: Sequence[int]) -> Iterator[Image]:
    data = _read(path)
    for position in positions:
        with _translated(path):
            # Opened once for each image, because an open file keeps all that it decoded.
            image = _opened(data)[position]
            stated = image.size
            pixels = np.asarray(image)
            if pixels.shape[1::-1] != stated:
                raise BrokenBoxError("an image does not have the size that it states")
        yield _to_bgr(pixels, image.mode, image.info.get("nclx_profile") or {})


def _opened(data: bytes) -> pi_heif.HeifFile:
    return pi_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot read {path}: {reason}", "check the path") from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Translate errors of libheif."""
    try:
        yield
    except _LIBHEIF_ERRORS as error:
        message = f"the image {path.name} is damaged or cut off"
        raise UnreadableVideoError(message, "copy or export it again") from error


def _to_bgr(pixels: NDArray[np.uint8 | np.uint16], mode: str, nclx: dict[str, int]) -> Image:
    """Return pixels of libheif, (h, w) or (h, w, c), as (h, w, 3) uint8 BGR, transparent ones on black."""
    channels, _, depth = mode.partition(";")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if depth:
        pixels = _to_16_bits(pixels, int(depth.rstrip("LB")))
    has_alpha = channels[-1] in "Aa"
    rgb = np.broadcast_to(pixels[:, :, :-1] if has_alpha else pixels, (*pixels.shape[:2], 3))
    transfer = nclx.get("transfer_characteristics")
    if transfer in {PQ, HLG}:
        codes = np.ascontiguousarray(rgb if depth else _to_16_bits(rgb, 8), np.uint16)
        shown = tone_mapped(codes, transfer, nclx.get("color_primaries", 0), DEFAULT_PEAK_NITS, ictcp=False)
    else:
        shown = (rgb >> 8 if depth else rgb).astype(np.uint8)
    if channels[-1] == "A":
        alpha = (pixels[:, :, -1:] >> (8 if depth else 0)).astype(np.uint16)
        shown = ((shown * alpha + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(shown[:, :, ::-1])


def _to_16_bits(values: NDArray[np.uint8 | np.uint16], bits: int) -> NDArray[np.uint16]:
    """Stretch values of 8 to 16 bits to 16, by repeating their highest bits."""
    wide = values.astype(np.uint16)
    return np.asarray((wide << (16 - bits)) | (wide >> (2 * bits - 16)), np.uint16)
