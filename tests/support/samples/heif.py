"""HEIC photographs as telephones write them (ISO/IEC 23008-12): intra frames of H.265 in boxes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from framecloak.domain.imaging.detections import Image

NCLX_PQ = (9, 16, 9)
NCLX_HLG = (9, 18, 9)
_NCLX_SRGB = (1, 13, 1)
_PARAMETER_SETS = (32, 33, 34)
_CONFIGURATION = bytes.fromhex("01 01 60000000 900000000000 5a f000 fc")


@dataclass(frozen=True, slots=True)
class Still:
    """One image of a photograph.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, or (h, w, 3) uint16 RGB of 10 bits.
        tile: width and height of its tiles; None for a single coded image.
        turns: number of quarter turns counter-clockwise that a viewer makes (`irot`).
        mirror: axis about which a viewer mirrors it (`imir`): 0 vertical, 1 horizontal; None for none.
        nclx: numbers of primaries, transfer and matrix.
        stated_size: width and height in its `ispe` box; None for the true size.
        grid_size: width and height in its grid; None for the true size.
        role: kind of reference to the first image: `thmb` for a thumbnail, `auxl` for depth or a gain map;
            None for an image of its own.
        hidden: True for an image that viewers do not show.
        alpha: (h, w) uint8 opacity; None for an opaque image.
    """

    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]]
    tile: tuple[int, int] | None = None
    turns: int = 0
    mirror: int | None = None
    nclx: tuple[int, int, int] = _NCLX_SRGB
    stated_size: tuple[int, int] | None = None
    grid_size: tuple[int, int] | None = None
    role: bytes | None = None
    hidden: bool = False
    alpha: Image | None = None


@dataclass(slots=True)
class _Item:
    kind: bytes
    data: bytes
    properties: list[int]
    hidden: bool = False


@dataclass(slots=True)
class _Boxes:
    items: list[_Item] = field(default_factory=list)
    properties: list[bytes] = field(default_factory=list)
    references: list[bytes] = field(default_factory=list)

    def add(self, kind: bytes, data: bytes, properties: Sequence[bytes], *, hidden: bool = False) -> int:
        """Append an item and return its number, from 1."""
        first = len(self.properties) + 1
        self.properties += properties
        numbers = [*range(first, first + len(properties))]
        self.items.append(_Item(kind, data, numbers, hidden))
        return len(self.items)

    def refer(self, kind: bytes, source: int, targets: Sequence[int]) -> None:
        """Append a reference from an item to others."""
        numbers = b"".join(struct.pack(">H", target) for target in targets)
        self.references.append(_box(kind, struct.pack(">HH", source, len(targets)) + numbers))


def write_heic(
    path: Path, stills: Sequence[Still], *, exif_orientation: int | None = None, brand: bytes = b"heic"
) -> Path:
    """Write a photograph of one or several images; the first is its primary image."""
    boxes = _Boxes()
    primary = 0
    for still in stills:
        number = _add_still(boxes, still)
        primary = primary or number
        if still.role:
            boxes.refer(still.role, number, [primary])
    if exif_orientation:
        entry = struct.pack(">HHIHH", 0x0112, 3, 1, exif_orientation, 0)
        block = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
        number = boxes.add(b"Exif", struct.pack(">I", 6) + b"Exif\0\0" + block, [])
        boxes.refer(b"cdsc", number, [primary])
    path.write_bytes(_file(boxes, primary, brand))
    return path


def _add_still(boxes: _Boxes, still: Still) -> int:
    height, width = still.pixels.shape[:2]
    shown = [_ispe(*(still.stated_size or (width, height))), _nclx(*still.nclx)]
    shown += [_box(b"irot", bytes([still.turns]))] if still.turns else []
    shown += [] if still.mirror is None else [_box(b"imir", bytes([still.mirror]))]
    if still.role == b"auxl":
        shown.append(_full_box(b"auxC", b"urn:com:apple:photo:2020:aux:hdrgainmap\0"))
    if still.tile is None:
        configuration, data = _coded(still.pixels, still.nclx)
        number = boxes.add(b"hvc1", data, [configuration, *shown], hidden=still.hidden)
    else:
        number = _add_grid(boxes, still, still.tile, shown)
    if still.alpha is not None:
        configuration, data = _coded(np.repeat(still.alpha[:, :, None], 3, axis=2), _NCLX_SRGB)
        kind = _full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        size = _ispe(*still.alpha.shape[1::-1])
        alpha = boxes.add(b"hvc1", data, [configuration, size, kind])
        boxes.refer(b"auxl", alpha, [number])
    return number


def _add_grid(boxes: _Boxes, still: Still, tile: tuple[int, int], shown: Sequence[bytes]) -> int:
    height, width = still.pixels.shape[:2]
    columns, rows = -(-width // tile[0]), -(-height // tile[1])
    padding = ((0, rows * tile[1] - height), (0, columns * tile[0] - width), (0, 0))
    padded = np.pad(still.pixels, padding, mode="edge")
    numbers = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * tile[1], column * tile[0]
            part = padded[top : top + tile[1], left : left + tile[0]]
            configuration, data = _coded(part, still.nclx)
            numbers.append(boxes.add(b"hvc1", data, [configuration, _ispe(*tile)], hidden=True))
    size = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *(still.grid_size or (width, height)))
    number = boxes.add(b"grid", size, shown, hidden=still.hidden)
    boxes.refer(b"dimg", number, numbers)
    return number


def _coded(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]], nclx: tuple[int, int, int]
) -> tuple[bytes, bytes]:
    """Return the decoder configuration of an intra frame, and its slices, each preceded by its length."""
    height, width = pixels.shape[:2]
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, VideoCodecContext)
    deep = pixels.dtype == np.uint16
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p10le" if deep else "yuv420p"
    encoder.time_base, encoder.framerate = 1, 1  # type: ignore[assignment]
    encoder.color_primaries, encoder.color_trc, encoder.colorspace = nclx
    encoder.color_range = 2
    parameters = "log-level=none:qp=4:keyint=1:range=full:frame-threads=1:pools=none:repeat-headers=1"
    encoder.options = {"x265-params": parameters, "preset": "ultrafast"}
    if deep:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels) << 6, "rgb48le")
    else:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
    frame = frame.reformat(
        format=encoder.pix_fmt, dst_colorspace=nclx[2], src_color_range=2, dst_color_range=2
    )
    frame.pts = 0
    stream = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    units = [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]
    sets = [[unit for unit in units if unit[0] >> 1 == kind] for kind in _PARAMETER_SETS]
    slices = [unit for unit in units if unit[0] >> 1 < 32]
    depth = bytes([0xF8 | 2 * deep]) * 2
    configuration = _CONFIGURATION + b"\xfd" + depth + bytes([0, 0, 0x0F, len(sets)])
    for kind, members in zip(_PARAMETER_SETS, sets, strict=True):
        configuration += bytes([0x80 | kind]) + struct.pack(">H", len(members))
        configuration += b"".join(struct.pack(">H", len(unit)) + unit for unit in members)
    return _box(b"hvcC", configuration), b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)


def _file(boxes: _Boxes, primary: int, brand: bytes) -> bytes:
    head = _box(b"ftyp", brand + bytes(4) + b"mif1" + b"heic")
    size = len(_meta(boxes, primary, 0))
    return head + _meta(boxes, primary, len(head) + size + 8) + _box(b"mdat", b"".join(_data(boxes)))


def _data(boxes: _Boxes) -> list[bytes]:
    return [item.data for item in boxes.items]


def _meta(boxes: _Boxes, primary: int, offset: int) -> bytes:
    entries, places, associations = b"", b"", b""
    for number, item in enumerate(boxes.items, 1):
        entries += _full_box(
            b"infe", struct.pack(">HH", number, 0) + item.kind + b"\0", version=2, flags=item.hidden
        )
        places += struct.pack(">HHHII", number, 0, 1, offset, len(item.data))
        offset += len(item.data)
        associations += struct.pack(">HB", number, len(item.properties)) + bytes(
            0x80 | index for index in item.properties
        )
    count = struct.pack(">H", len(boxes.items))
    properties = _box(b"ipco", b"".join(boxes.properties))
    properties += _full_box(b"ipma", struct.pack(">I", len(boxes.items)) + associations)
    content = _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
    content += _full_box(b"pitm", struct.pack(">H", primary))
    content += _full_box(b"iinf", count + entries)
    content += _full_box(b"iref", b"".join(boxes.references)) if boxes.references else b""
    content += _box(b"iprp", properties)
    content += _full_box(b"iloc", b"\x44\x00" + count + places)
    return _full_box(b"meta", content)


def _ispe(width: int, height: int) -> bytes:
    return _full_box(b"ispe", struct.pack(">II", width, height))


def _nclx(primaries: int, transfer: int, matrix: int) -> bytes:
    return _box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full_box(kind: bytes, content: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
