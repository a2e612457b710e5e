"""Check of H.265 packets for damage, with a second decoder that reports it."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.adapters.media.h265.libde265 import BEYOND_LIMITS, UNSUPPORTED_PARAMETERS, Libde265
from framecloak.adapters.media.h265.units import (
    BrokenUnitError,
    Profile,
    UnitReader,
    bit_depth,
    coded_size,
    is_base_layer,
    stated_profile,
)

_SLICE_TYPES = range(32)
_KNOWN_PROFILES = range(5)
"""Numbers of the profiles that libde265 decodes: Main, Main 10, still pictures and range extensions."""
_RANGE_EXTENSIONS = 4
_MAX_KNOWN_DEPTH = 12
_MAX_UNIT_BYTES = 16 << 20
_MAX_FRAME_PIXELS = 67_000_000


class H265IntegrityCheck:
    """Check of the packets of one stream, in decoding order.

    It decodes every block, about as fast as libav does on one thread, but renders nothing. A stream whose
    parameter sets state features that libde265 lacks is not checked. Parameter sets that it refuses although
    they state none are damaged, and so is every frame up to the first one with intact parameter sets.

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
        self._profiles: set[tuple[int, Profile]] = set()
        self._is_deep = self._is_large = False
        try:
            self._reader: UnitReader | None = UnitReader(extradata)
            self._pending = self._reader.parameter_sets
        except BrokenUnitError:
            self._reader = None

    def is_damaged(self, packet: bytes) -> bool:
        """Return True if a packet is damaged, or refers to a frame that is missing.

        Frames that are predicted from a damaged one are not reported.

        Args:
            packet: packet as the container holds it; an empty one is intact.
        """
        if self._decoder is None or not packet:
            return False
        if self._reader is None:
            # Without the configuration, it is unknown how packets are divided.
            return True
        try:
            units = [unit for unit in (*self._pending, *self._reader.units(packet)) if is_base_layer(unit)]
            if any(self._is_too_large(unit) for unit in units):
                return True
            self._note_features(units)
        except BrokenUnitError:
            self._pending = ()
            return True
        self._pending = ()
        codes = self._decoder.decode(*units)
        if self._is_beyond_the_decoder(codes):
            self._decoder = None
            return False
        self._has_decoded |= not codes and any(unit[0] >> 1 in _SLICE_TYPES for unit in units)
        return bool(codes)

    def _note_features(self, units: Sequence[bytes]) -> None:
        self._is_large = any(len(unit) > _MAX_UNIT_BYTES for unit in units)
        for unit in units:
            profile = stated_profile(unit)
            if profile is not None and not self._has_decoded:
                self._profiles.add((unit[0], profile))
            self._is_deep |= (bit_depth(unit) or 0) > _MAX_KNOWN_DEPTH

    def _is_beyond_the_decoder(self, codes: set[int]) -> bool:
        """Return whether the decoder refused something that it lacks, and that is not merely damaged."""
        if codes & BEYOND_LIMITS:
            return self._is_large or self._max_pixels > _MAX_FRAME_PIXELS
        profiles = {profile for _, profile in self._profiles}
        if self._has_decoded or not codes & UNSUPPORTED_PARAMETERS or len(profiles) != 1:
            return False
        # Both kinds of parameter sets name the same profile, and the stream conforms to it: damage to one of
        # them would contradict the other.
        (profile,) = profiles
        may_be_deep = profile.number == _RANGE_EXTENSIONS and not profile.is_limited
        is_lacking = profile.number not in _KNOWN_PROFILES or (may_be_deep and self._is_deep)
        return is_lacking and profile.is_consistent and len(self._profiles) > 1

    def _is_too_large(self, unit: bytes) -> bool:
        size = coded_size(unit)
        return size is not None and size[0] * size[1] > self._max_pixels
