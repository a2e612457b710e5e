"""Items of a HEIF file (ISO/IEC 14496-12, 8.11, and ISO/IEC 23008-12), without decoding any of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_MAX_ITEMS = 10_000
_DERIVED_IN_32_BITS = 1
_OVERLAY_FILL_BYTES = 8


class BrokenBoxError(ValueError):
    """Boxes that end early or contradict each other."""


@dataclass(slots=True)
class HeifItem:
    """Item of a file.

    Attributes:
        kind: type of the item, such as ``hvc1`` for a coded image and ``grid`` for one made of tiles.
        data: its content.
        configuration: configuration of its H.265 decoder; empty if it has none.
    """

    kind: bytes
    data: bytes = b""
    configuration: bytes = b""


@dataclass(slots=True)
class HeifContent:
    """Content of a file.

    Attributes:
        items: its items by their number.
        sizes: width and height in pixels of every image, tile and canvas that the file states.
    """

    items: dict[int, HeifItem] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)


def read_heif(data: bytes) -> HeifContent:
    """Read the items of a HEIF file.

    Raises:
        BrokenBoxError: a box ends early, or an item lies outside the file.
    """
    content = HeifContent()
    try:
        for kind, body in _boxes(data):
            if kind == b"meta":
                _read_meta(body[4:], data, content)
    except (struct.error, IndexError) as error:
        raise BrokenBoxError("a box ends early") from error
    for item in content.items.values():
        content.sizes += _canvas_size(item)
    return content


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each box."""
    offset = 0
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        start = offset + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = offset + size if size else len(data)
        if end < start or end > len(data):
            raise BrokenBoxError("a box is longer than the file")
        yield kind, data[start:end]
        offset = end


def _read_meta(body: bytes, data: bytes, content: HeifContent) -> None:
    boxes = dict(_boxes(body))
    for kind, entry in _boxes(_after_count(boxes.get(b"iinf", bytes(6)))):
        if kind == b"infe" and entry[0] >= 2:
            wide = entry[0] > 2
            (number,) = struct.unpack_from(">I" if wide else ">H", entry, 4)
            start = 4 + (4 if wide else 2) + 2
            content.items[number] = HeifItem(entry[start : start + 4])
    if len(content.items) > _MAX_ITEMS:
        raise BrokenBoxError("too many items")
    if b"iloc" in boxes:
        _read_locations(boxes[b"iloc"], data, boxes.get(b"idat", b""), content.items)
    properties = dict(_boxes(boxes.get(b"iprp", b"")))
    listed = [*_boxes(properties.get(b"ipco", b""))]
    content.sizes += [struct.unpack_from(">II", body, 4) for kind, body in listed if kind == b"ispe"]
    for kind, associations in _boxes(boxes.get(b"iprp", b"")):
        if kind == b"ipma":
            _read_associations(associations, listed, content.items)


def _after_count(body: bytes) -> bytes:
    return body[8 if body[0] else 6 :]


class _Fields:
    """Reader of integers of given sizes in bytes; a size of 0 gives 0."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data, self._offset = data, offset

    def read(self, size: int) -> int:
        end = self._offset + size
        if end > len(self._data):
            raise BrokenBoxError("a box ends early")
        value = int.from_bytes(self._data[self._offset : end], "big")
        self._offset = end
        return value


def _read_locations(body: bytes, data: bytes, inside: bytes, items: dict[int, HeifItem]) -> None:
    """Fill in the content of the items (box ``iloc``)."""
    version = body[0]
    offset_size, length_size, base_size = body[4] >> 4, body[4] & 15, body[5] >> 4
    index_size = body[5] & 15 if version else 0
    fields = _Fields(body, 6)
    number_size = 4 if version > 1 else 2
    for _ in range(fields.read(number_size)):
        number = fields.read(number_size)
        method = fields.read(2) & 15 if version else 0
        fields.read(2)
        base = fields.read(base_size)
        parts = []
        for _ in range(fields.read(2)):
            fields.read(index_size)
            start = base + fields.read(offset_size)
            length = fields.read(length_size)
            source = inside if method else data
            if start + length > len(source):
                raise BrokenBoxError("an item lies outside the file")
            parts.append(source[start : start + length])
        if number in items:
            items[number].data = b"".join(parts)


def _read_associations(body: bytes, listed: list[tuple[bytes, bytes]], items: dict[int, HeifItem]) -> None:
    """Fill in the decoder configurations of the items (box ``ipma``)."""
    fields = _Fields(body, 4)
    index_size = 2 if body[3] & 1 else 1
    for _ in range(fields.read(4)):
        number = fields.read(4 if body[0] else 2)
        for _ in range(fields.read(1)):
            index = fields.read(index_size) & (0x7FFF if index_size == 2 else 0x7F)
            if number in items and 0 < index <= len(listed) and listed[index - 1][0] == b"hvcC":
                items[number].configuration = listed[index - 1][1]


def _canvas_size(item: HeifItem) -> list[tuple[int, int]]:
    """Return the size of the canvas of a derived image."""
    starts = {b"grid": 4, b"iovl": 2 + _OVERLAY_FILL_BYTES}
    if item.kind not in starts or len(item.data) < starts[item.kind]:
        return []
    side = 4 if item.data[1] & _DERIVED_IN_32_BITS else 2
    fields = _Fields(item.data, starts[item.kind])
    return [(fields.read(side), fields.read(side))]
