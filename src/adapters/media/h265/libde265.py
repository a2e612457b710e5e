"""Binding to libde265, the decoder of H.265 in the wheel of pi-heif: it reports what libav conceals.

CABAC decodes any bits to some picture. Damage shows at the end of a slice, where the flag that ends it must
be set at the last block; libav does not look at it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import weakref
from functools import cache
from importlib import metadata

from framecloak.adapters.media.h265.frame_buffers import AllocationFunctions, FrameBuffers
from framecloak.domain.errors import UnreadableVideoError

_WAITING_FOR_INPUT = 13
_DISABLE_DEBLOCKING, _DISABLE_SAO = 7, 8
_HARMLESS = frozenset({14, 1000, 1001, 1013, 1022, 1024, 1025})
"""Codes about threads, filters that are switched off, and metadata (SEI)."""

UNSUPPORTED_PARAMETERS = frozenset({8, 1005, 1006, 1009, 1010, 1019})
"""Codes of parameter sets that libde265 does not accept: they are broken, or state features that it lacks."""

MISSING_BLOCKS = -1
"""Code of a frame some of whose slices are missing, which libde265 does not report."""

BEYOND_LIMITS = frozenset({19, 20})
"""Codes of frames of more than 67 megapixels and of units of more than 16 MiB, which libde265 refuses."""

_SIGNATURES = {
    "de265_new_decoder": (ctypes.c_void_p, ()),
    "de265_free_decoder": (ctypes.c_int, (ctypes.c_void_p,)),
    "de265_set_parameter_bool": (None, (ctypes.c_void_p, ctypes.c_int, ctypes.c_int)),
    "de265_push_NAL": (
        ctypes.c_int,
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p),
    ),
    "de265_push_end_of_frame": (None, (ctypes.c_void_p,)),
    "de265_decode": (ctypes.c_int, (ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))),
    "de265_get_warning": (ctypes.c_int, (ctypes.c_void_p,)),
    "de265_get_next_picture": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "de265_set_image_allocation_functions": (
        None,
        (ctypes.c_void_p, ctypes.POINTER(AllocationFunctions), ctypes.c_void_p),
    ),
    "de265_set_image_plane": (
        None,
        (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
    ),
    "de265_get_bits_per_pixel": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int)),
}


class Libde265:
    """Decoder that gives out no pictures, only codes of errors and warnings.

    Raises:
        UnreadableVideoError: the library is not installed.
    """

    def __init__(self) -> None:
        self._library = _library()
        self._decoder = self._library.de265_new_decoder()
        self._buffers = FrameBuffers(self._library)
        self._library.de265_set_image_allocation_functions(
            self._decoder, ctypes.byref(self._buffers.functions), None
        )
        weakref.finalize(self, _free, self._library, self._decoder, self._buffers)
        for parameter in (_DISABLE_DEBLOCKING, _DISABLE_SAO):
            self._library.de265_set_parameter_bool(self._decoder, parameter, 1)

    def decode(self, *units: bytes) -> set[int]:
        """Decode the NAL units of a frame, or parameter sets; return the codes of what is wrong with them."""
        library, decoder = self._library, self._decoder
        for unit in units:
            library.de265_push_NAL(decoder, unit, len(unit), 0, None)
        library.de265_push_end_of_frame(decoder)
        codes, more = set(), ctypes.c_int(1)
        while more.value:
            more.value = 0
            code = library.de265_decode(decoder, ctypes.byref(more))
            while warning := library.de265_get_warning(decoder):
                codes.add(warning)
            while library.de265_get_next_picture(decoder):
                pass
            if code == _WAITING_FOR_INPUT:
                break
            if code:
                codes.add(code)
        if self._buffers.has_gaps():
            codes.add(MISSING_BLOCKS)
        return codes - _HARMLESS


def _free(library: ctypes.CDLL, decoder: int, buffers: FrameBuffers) -> None:
    """Free a decoder, whose buffers are needed until then."""
    library.de265_free_decoder(decoder)
    del buffers


@cache
def _library() -> ctypes.CDLL:
    path = _path()
    if path is None:
        message = "libde265, which checks H.265 videos for damage, is not installed"
        raise UnreadableVideoError(message, "install pi-heif from its wheel")
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _path() -> str | None:
    """Return the path of the library in the wheel of pi-heif, or of the system's."""
    bundled = (file for file in metadata.files("pi-heif") or () if "libde265" in file.name)
    return next((str(file.locate()) for file in bundled), None) or ctypes.util.find_library("de265")
