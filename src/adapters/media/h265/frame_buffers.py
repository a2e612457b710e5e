"""Frame buffers of libde265 that show which blocks of a frame were never decoded."""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_PADDING_BYTES = 256
"""Bytes behind a plane that vector instructions may read."""

_WORD_BYTES = 8
_SAMPLED_ROWS = 8
"""Every block has at least 8 rows and 8 columns: one of these rows, and one whole word in it."""

_CHROMA_DIVISORS = {2: (2, 2), 3: (2, 1), 4: (1, 1)}
"""Horizontal and vertical subsampling by the number of the format; 1 is monochrome."""


class ImageSpec(ctypes.Structure):
    """Beginning of the structure ``de265_image_spec``: coded size in samples."""

    _fields_ = (("format", ctypes.c_int), ("width", ctypes.c_int), ("height", ctypes.c_int))


GetBuffer = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ImageSpec), ctypes.c_void_p, ctypes.c_void_p
)
ReleaseBuffer = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


class AllocationFunctions(ctypes.Structure):
    """Structure ``de265_image_allocation``."""

    _fields_ = (("get_buffer", GetBuffer), ("release_buffer", ReleaseBuffer))


class FrameBuffers:
    """Allocator of frame buffers that are filled with noise, so that a block without pixels shows.

    Args:
        library: libde265, with its functions declared.

    Attributes:
        functions: what the library calls; it keeps the pointers, so they must live as long as the decoder.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._planes: dict[int, list[NDArray[np.uint8]]] = {}
        self._fresh: dict[int, tuple[int, int]] = {}
        self._gaps = False
        self.functions = AllocationFunctions(GetBuffer(self._allocate), ReleaseBuffer(self._release))

    def has_gaps(self) -> bool:
        """Return True if a frame that was decoded since the last call lacks blocks."""
        gaps = self._gaps or any(self._lacks_blocks(image) for image in self._fresh)
        self._fresh.clear()
        self._gaps = False
        return gaps

    def _allocate(self, decoder: int, spec: ctypes._Pointer[ImageSpec], image: int, data: int) -> int:
        del decoder, data
        stated = spec.contents
        sizes = [(stated.width, stated.height)]
        if stated.format in _CHROMA_DIVISORS:
            across, down = _CHROMA_DIVISORS[stated.format]
            sizes += [(-(-stated.width // across), -(-stated.height // down))] * 2
        self._planes[image] = []
        for channel, (width, height) in enumerate(sizes):
            sample_bytes = (self._library.de265_get_bits_per_pixel(image, channel) + 7) // 8
            stride = -(-width // _ALIGNMENT) * _ALIGNMENT * sample_bytes
            size = stride * height
            plane = _aligned(size + _PADDING_BYTES)
            self._planes[image].append(plane)
            if channel == 0:
                plane[:size] = _noise(size)
                self._fresh[image] = stride, width * sample_bytes
            self._library.de265_set_image_plane(image, channel, plane.ctypes.data, stride, None)
        return 1

    def _release(self, decoder: int, image: int, data: int) -> None:
        del decoder, data
        if image in self._fresh:
            self._gaps |= self._lacks_blocks(image)
            del self._fresh[image]
        self._planes.pop(image, None)

    def _lacks_blocks(self, image: int) -> bool:
        stride, row_bytes = self._fresh[image]
        luma = self._planes[image][0]
        size = (len(luma) - _PADDING_BYTES) // stride * stride
        rows = luma[:size].view(np.uint64).reshape(-1, stride // _WORD_BYTES)
        noise = _noise(size).view(np.uint64).reshape(rows.shape)
        words = row_bytes // _WORD_BYTES
        return bool((rows[::_SAMPLED_ROWS, :words] == noise[::_SAMPLED_ROWS, :words]).any())


def _aligned(size: int) -> NDArray[np.uint8]:
    block = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -block.ctypes.data % _ALIGNMENT
    return block[offset : offset + size]


@lru_cache(maxsize=2)
def _noise(size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(size).integers(0, 256, size, np.uint8)
