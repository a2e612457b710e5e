"""NAL units of H.265 (ITU-T H.265, 7.3), and those of a decoder configuration (ISO/IEC 14496-15, 8.3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_START_CODE = b"\x00\x00\x01"
_VPS, _SPS = 32, 33
_HEADER_BYTES = 2
_MAX_SPS_BYTES = 256
"""Bytes of a sequence parameter set that are read; its size stands in the first hundred."""


class BrokenUnitError(ValueError):
    """Units that end early or are longer than their packet."""


class Profile(NamedTuple):
    """Profile of a stream (ITU-T H.265, 7.3.3).

    Attributes:
        number: number of the profile.
        compatible: flags of the 32 profiles to which the stream conforms, that of profile 0 first.
        is_limited: True for range extensions of at most 12 bits; other profiles use the flag otherwise.
    """

    number: int
    compatible: int
    is_limited: bool

    @property
    def is_consistent(self) -> bool:
        """True if the stream conforms to its own profile, as it must."""
        return bool(self.compatible >> (31 - self.number) & 1)


class UnitReader:
    """Reader of the NAL units of packets.

    Args:
        extradata: decoder configuration of the container; empty or in Annex B for streams with start codes.

    Attributes:
        parameter_sets: parameter sets in the configuration.

    Raises:
        BrokenUnitError: the configuration ends early.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_bytes = 0
        if extradata[:1] != b"\x01" or len(extradata) < 23:
            self.parameter_sets = (*_annex_b(extradata),)
            return
        self._length_bytes = (extradata[21] & 3) + 1
        self.parameter_sets = (*_configured(extradata),)

    def units(self, packet: bytes) -> Iterator[bytes]:
        """Yield the units of a packet.

        Raises:
            BrokenUnitError: a unit is longer than the rest of the packet.
        """
        return _prefixed(packet, self._length_bytes) if self._length_bytes else _annex_b(packet)


def is_base_layer(unit: bytes) -> bool:
    """Return True unless a unit belongs to a further view, depth or transparency."""
    return len(unit) > _HEADER_BYTES and not (unit[0] & 1 or unit[1] >> 3)


def coded_size(unit: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels that a sequence parameter set states; None for any other unit.

    Raises:
        BrokenUnitError: the parameter set ends early.
    """
    if _kind(unit) != _SPS:
        return None
    bits = _after_profile(unit)
    return bits.exp_golomb(), bits.exp_golomb()


def stated_profile(unit: bytes) -> Profile | None:
    """Return the profile that a video or sequence parameter set states; None for any other unit.

    Raises:
        BrokenUnitError: the parameter set ends early.
    """
    kind = _kind(unit)
    if kind not in {_VPS, _SPS}:
        return None
    bits = _Bits(_payload(unit))
    bits.skip(32 if kind == _VPS else 8)
    bits.skip(3)
    number, compatible = bits.read(5), bits.read(32)
    bits.skip(4)
    return Profile(number, compatible, bits.read(1) == 1)


def bit_depth(unit: bytes) -> int | None:
    """Return the larger bit depth of a sequence parameter set; None for any other unit.

    Raises:
        BrokenUnitError: the parameter set ends early.
    """
    if _kind(unit) != _SPS:
        return None
    bits = _after_profile(unit)
    for _ in range(2):
        bits.exp_golomb()
    for _ in range(4 * bits.read(1)):
        bits.exp_golomb()
    return 8 + max(bits.exp_golomb(), bits.exp_golomb())


def _kind(unit: bytes) -> int | None:
    return unit[0] >> 1 & 0x3F if len(unit) > _HEADER_BYTES else None


def _payload(unit: bytes) -> bytes:
    return unit[_HEADER_BYTES:_MAX_SPS_BYTES].replace(b"\0\0\3", b"\0\0")


def _after_profile(unit: bytes) -> _Bits:
    """Return the bits of a sequence parameter set from the width of its frames on."""
    bits = _Bits(_payload(unit))
    bits.skip(4)
    layers = bits.read(3)
    bits.skip(1 + 96)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.skip(2 * (8 - layers) if layers else 0)
    for has_profile, has_level in present:
        bits.skip(88 * has_profile + 8 * has_level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:
        bits.skip(1)
    return bits


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise BrokenUnitError("a parameter set ends early")
        return self._value >> self._left & (1 << count) - 1

    def skip(self, count: int) -> None:
        self.read(count)

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _annex_b(data: bytes) -> Iterator[bytes]:
    for unit in data.split(_START_CODE)[1:]:
        yield unit.rstrip(b"\x00")


def _prefixed(data: bytes, length_bytes: int) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        start = offset + length_bytes
        offset = start + int.from_bytes(data[offset:start], "big")
        if offset > len(data) or start > len(data):
            raise BrokenUnitError("a unit is longer than its packet")
        yield data[start:offset]


def _configured(extradata: bytes) -> Iterator[bytes]:
    offset = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[offset + 1 : offset + 3], "big")
        offset += 3
        for _ in range(count):
            start = offset + 2
            offset = start + int.from_bytes(extradata[offset:start], "big")
            if offset > len(extradata):
                raise BrokenUnitError("the decoder configuration ends early")
            yield extradata[start:offset]
