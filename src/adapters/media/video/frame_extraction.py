"""Extraction of single frames from videos inside a result archive, without unpacking it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import av
import numpy as np
from av.video.reformatter import Colorspace

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import ObjectNotFoundError

_LOCAL_HEADER = struct.Struct("<26xHH")
_PREVIEW = Appearance(OutputFormat.JPG, quality=90)


def extract_frame(archive: Path, name: str, position: int) -> bytes:
    """Return one frame of a result video as JPEG, decoded from the first frame of its group on.

    Args:
        archive: path of the archive.
        name: name of the video entry in the archive.
        position: index of the frame in the video, from 0.

    Raises:
        ObjectNotFoundError: there is no such video or frame, or it is damaged.
    """
    try:
        with (
            archive.open("rb") as file,
            av.open(_open_stored_entry(file, name), "r", format="mp4") as container,
        ):
            stream = container.streams.video[0]
            # Result videos have no B-frames, so decoding order is presentation order.
            timestamp = stream.index_entries[position].timestamp
            container.seek(timestamp, stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts >= timestamp:
                    image = frame.to_ndarray(format="bgr24", src_colorspace=Colorspace.ITU709)
                    return OpenCvEncoder().encode(np.asarray(image, np.uint8), _PREVIEW)
    except (OSError, KeyError, IndexError, BadZipFile, struct.error, av.FFmpegError) as error:
        raise ObjectNotFoundError(f"frame {position} of {name} is gone or damaged") from error
    raise ObjectNotFoundError(f"{name} has no frame {position}")


def _open_stored_entry(file: BinaryIO, name: str) -> _FileRange:
    """Return a file object over the bytes of an uncompressed archive entry.

    Raises:
        KeyError: there is no such entry, or it is compressed.
    """
    with ZipFile(file) as zipped:
        entry = zipped.getinfo(name)
    if entry.compress_type != ZIP_STORED:
        raise KeyError(name)
    file.seek(entry.header_offset)
    lengths = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    return _FileRange(file, entry.header_offset + _LOCAL_HEADER.size + sum(lengths), entry.file_size)


class _FileRange(io.RawIOBase):
    """Read-only file object over a byte range of another file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size = file, start, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        remaining = max(0, self._size - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(remaining if size < 0 else min(size, remaining))
        self._position += len(data)
        return data
