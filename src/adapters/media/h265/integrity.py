"""Check of H.265 packets for damage, with a second decoder that reports it."""

from __future__ import annotations

from framecloak.adapters.media.h265.libde265 import BEYOND_LIMITS, UNSUPPORTED_PARAMETERS, Libde265
from framecloak.adapters.media.h265.units import BrokenUnitError, UnitReader, coded_size, is_base_layer

_SLICE_TYPES = range(32)


class H265IntegrityCheck:
    """Check of the packets of one stream, in decoding order.

    It decodes every block, about as fast as libav does on one thread, but renders nothing. A stream with
    features that libde265 lacks is not checked.

    Args:
        extradata: decoder configuration of the container; empty if the stream states it itself.
        max_pixels: maximum number of pixels of a frame; a larger one is damage, and is not decoded.

    Raises:
        UnreadableVideoError: the library is not installed.
    """

    def __init__(self, extradata: bytes, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._decoder: Libde265 | None = Libde265()
        self._has_decoded = False
        try:
            self._reader = UnitReader(extradata)
        except BrokenUnitError:
            self._reader = UnitReader(b"")
        self._pending = self._reader.parameter_sets

    def is_damaged(self, packet: bytes) -> bool:
        """Return True if a packet is damaged, or refers to a frame that is missing.

        Frames that are predicted from a damaged one are not reported.

        Args:
            packet: packet as the container holds it; an empty one is intact.
        """
        if self._decoder is None or not packet:
            return False
        try:
            units = [unit for unit in (*self._pending, *self._reader.units(packet)) if is_base_layer(unit)]
            if any(self._is_too_large(unit) for unit in units):
                return True
        except BrokenUnitError:
            return True
        self._pending = ()
        codes = self._decoder.decode(*units)
        if codes & BEYOND_LIMITS or (codes & UNSUPPORTED_PARAMETERS and not self._has_decoded):
            self._decoder = None
            return False
        self._has_decoded |= any(unit[0] >> 1 in _SLICE_TYPES for unit in units)
        return bool(codes)

    def _is_too_large(self, unit: bytes) -> bool:
        size = coded_size(unit)
        return size is not None and size[0] * size[1] > self._max_pixels
