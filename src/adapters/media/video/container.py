"""Opening of media files with libav: permitted formats, choice of the video stream, error translation."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final, TypeAlias, cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from framecloak.adapters.media.h265.integrity import H265IntegrityCheck
from framecloak.adapters.media.mp4_index_limit import require_bounded_index
from framecloak.adapters.media.png_chunks import without_metadata
from framecloak.adapters.media.size_limit import MAX_VIDEO_PIXELS
from framecloak.adapters.media.video.ffv1_slices import has_damaged_slice
from framecloak.adapters.media.video.truncation import is_truncated
from framecloak.domain.errors import (
    EmptyFileError,
    InputNotFoundError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
)

# A playlist or script could refer to other files and hosts, and libav renders plain text as video.
# Therefore only containers that hold their own data are permitted, and only the file protocol.
_DEMUXERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,mjpeg,flv,asf,ogg,mxf,"
    "nut,gif,dv,wtv,yuv4mpegpipe,wav,mp3,aac,flac,ac3,aiff"
)
_PROBE_OPTIONS = {"max_pixels": str(MAX_VIDEO_PIXELS)}
"""Options for what libav decodes to examine a file while it is opened."""
_SIZED_FORMATS = frozenset({"avi", "flv", "matroska", "mov", "mxf", "nut"})
_INFLATING_DECODERS = frozenset({"png", "apng"})
"""Decoders that inflate metadata without a bound. PNG only gets packets without it; animated PNG, whose
metadata is beside its packets too, is not decoded."""

_CONTAINER_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": _DEMUXERS,
    # What libav itself may decode, to examine a file while it is opened.
    "codec_whitelist": ",".join(sorted(av.codecs_available - _INFLATING_DECODERS)),
}
_MAX_READ_ERRORS = 64

_REPORT_DAMAGE = {"err_detect": "crccheck+bitstream+buffer+explode"}
"""Makes decoders report what they would conceal: grey and smeared frames pass for intact ones otherwise."""

_FLAGGING_DECODERS = frozenset({"h264"})
"""Decoders that flag concealed frames; as an error, they would report harmless metadata, too."""

_PHOTOGRAPH_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_PREFERRED_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that see damage, and transparency, which WebM stores beside the frames; libav's own do not."""

_ALPHA: Final = "matroska_block_additional"
_ALPHA_ID, _ALPHA_ID_BYTES = 1, 8
"""Side data with the transparency of VP8 and VP9, as the block addition with this number."""

# A string, because the class accepts no type argument at run time.
VideoPacket: TypeAlias = "av.Packet[VideoStream]"


def check_file(path: Path) -> None:
    """Raise an error unless a path names a readable, non-empty file.

    Raises:
        InputNotFoundError: the file does not exist or is not readable.
        EmptyFileError: the file is empty.
    """
    try:
        if path.is_dir():
            raise InputNotFoundError(f"{path} is a folder", "name a file")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error
    if empty:
        raise EmptyFileError(f"{path.name} is empty", "copy or export the file again")


def open_container(path: Path) -> InputContainer:
    """Open a media file for reading. No other file is ever opened on its behalf.

    Raises:
        InputNotFoundError: the file no longer exists.
        TruncatedVideoError: the file ends before its list of frames.
        UnreadableVideoError: the file is not a media file, or lists too many frames.
    """
    _refuse_photographs(path)
    require_bounded_index(path)
    try:
        return av.open(f"file:{path}", "r", options=_PROBE_OPTIONS, container_options=_CONTAINER_OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        check_file(path)
        if is_truncated(path):
            message = f"{path.name} is cut off before its list of frames: none of them can be read"
            raise TruncatedVideoError(message, "copy or export the file again") from error
        message = f"{path.name} is not a video that can be read"
        raise UnreadableVideoError(message, "give an MP4, MOV, MKV, WebM, AVI or TS file") from error


def stated_size(container: InputContainer, stream: VideoStream, path: Path) -> tuple[int, int]:
    """Return the width and height of a stream in pixels, also beyond what is decoded; (0, 0) for none.

    libav gives no size to a stream whose decoder refuses it. Formats that state the size themselves are read
    again without a limit, because nothing is decoded for it.
    """
    if stream.width or not _SIZED_FORMATS & {*container.format.name.split(",")}:
        return stream.width, stream.height
    with av.open(f"file:{path}", "r", container_options=_CONTAINER_OPTIONS) as unlimited:
        same = unlimited.streams[stream.index]
        return (same.width, same.height) if isinstance(same, VideoStream) else (0, 0)


def _refuse_photographs(path: Path) -> None:
    """Refuse HEIC photographs: libav gives out the tiles that they consist of, one by one."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return  # reported when it is opened
    if head[4:8] == b"ftyp" and head[8:] in _PHOTOGRAPH_BRANDS:
        message = f"{path.name} is a HEIC photograph, and videos are expected here"
        raise UnreadableVideoError(message, "name it .heic for framecloak redact, or convert it to JPEG")


def video_stream(container: InputContainer, path: Path, max_pixels: int = MAX_VIDEO_PIXELS) -> VideoStream:
    """Return the video stream that a player would show; cover art does not count.

    Args:
        container: open file.
        path: path of the file, for error messages.
        max_pixels: maximum number of pixels of a frame; its decoder refuses a larger one at its header, as
            damage.

    Raises:
        NoVideoStreamError: the file has no video stream.
        TruncatedVideoError: the file ends before its list of streams.
        UnreadableVideoError: no decoder for the stream is installed.
    """
    moving = moving_streams(container)
    if not moving:
        if is_truncated(path):
            message = f"{path.name} is cut off before its list of streams"
            raise TruncatedVideoError(message, "copy or export the file again")
        raise NoVideoStreamError(f"{path.name} holds no video", "give a file with a video stream")
    best = container.streams.best("video")
    stream = next(
        (candidate for candidate in moving if best is not None and candidate.index == best.index), moving[0]
    )
    # PyAV reads this attribute from the decoder; its type hints ignore that there may be no decoder.
    if not hasattr(stream, "pix_fmt") or stream.codec_context.name == "apng":
        message = f"{path.name} uses a codec that this installation cannot decode"
        raise UnreadableVideoError(message, "convert it to H.264")
    limit = {"max_pixels": str(max_pixels)}
    reports = stream.codec_context.name not in _FLAGGING_DECODERS
    stream.codec_context.options = limit | _REPORT_DAMAGE if reports else limit
    return stream


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """Return the video streams of a file; cover art does not count."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def read_packets(container: InputContainer, stream: VideoStream) -> Generator[VideoPacket | None, None, None]:
    """Yield the packets of a stream from the current position to the end of the file.

    Yields:
        A packet, or None where the container is damaged and packets may be missing. The last packet is
        empty and makes the decoder output its delayed frames.
    """
    for _ in range(_MAX_READ_ERRORS):
        try:
            yield from container.demux(stream)
        except av.FFmpegError:
            yield None
        except IndexError:
            # A stream that first appears half-way (as in a damaged TS) makes PyAV fail at the very end,
            # after it has flushed the streams that were present from the beginning.
            return
        else:
            return


class PacketDecoder:
    """Decoder of the packets of one stream, with its transparency."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._guard: VideoCodecContext | None = None
        self._alpha_guard: VideoCodecContext | None = None
        self._h265: H265IntegrityCheck | None = None
        self._follows_corrupt = False

    def decode(self, packet: VideoPacket | None) -> tuple[list[av.VideoFrame], bool]:
        """Decode one packet; an empty one makes the decoder output its delayed frames.

        Returns:
            The decoded frames, and whether the packet was damaged or could not be decoded.
        """
        if packet is None:
            return [], True
        if self._context is None:
            self._context = _decoder_of(packet.stream)
            if self._context is not packet.stream.codec_context:
                self._guard = packet.stream.codec_context
                # With more threads, it would refuse a frame only after libvpx had decoded it.
                self._guard.thread_count = 1
            if self._context.name == "hevc":
                limit = int(self._context.options["max_pixels"])
                self._h265 = H265IntegrityCheck(self._context.extradata or b"", limit)
        # Where libav's parser finds the frames, the mark of a frame is on the one before.
        damaged = packet.is_corrupt or self._follows_corrupt
        self._follows_corrupt = packet.is_corrupt
        damaged |= self._is_damaged(packet)
        if self._context.name == "png":
            packet = _without_metadata(packet)
        try:
            if self._guard:
                # libvpx allocates a frame before it can be told how large one may be.
                self._guard.decode(packet)
                if packet.has_sidedata(_ALPHA):
                    self._guard_alpha(self._guard, bytes(packet.get_sidedata(_ALPHA)))
            return self._context.decode(packet), damaged
        except av.FFmpegError:
            return [], True

    def _guard_alpha(self, guard: VideoCodecContext, side_data: bytes) -> None:
        """Decode the transparency beside a frame, which has a size of its own, within the limit of frames.

        Raises:
            av.FFmpegError: it is larger, or cannot be decoded.
        """
        if self._alpha_guard is None:
            name = guard.codec.canonical_name
            self._alpha_guard = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
            self._alpha_guard.options = {**guard.options}
            self._alpha_guard.thread_count = 1
        if int.from_bytes(side_data[:_ALPHA_ID_BYTES], "big") == _ALPHA_ID:
            self._alpha_guard.decode(av.Packet(side_data[_ALPHA_ID_BYTES:]))

    def _is_damaged(self, packet: VideoPacket) -> bool:
        """Return True for damage that the decoder conceals."""
        if self._h265 is not None:
            return self._h265.is_damaged(bytes(packet))
        return self._context is not None and self._context.name == "ffv1" and has_damaged_slice(bytes(packet))

    def flush(self) -> list[av.VideoFrame]:
        """Return the delayed frames.

        Raises:
            av.FFmpegError: they cannot be decoded.
        """
        return [] if self._context is None else self._context.decode(None)


def _without_metadata(packet: VideoPacket) -> VideoPacket:
    """Return a packet of PNG data without what its decoder would inflate; the same one if there is none."""
    data = bytes(packet)
    kept = without_metadata(data)
    if len(kept) == len(data):
        return packet
    # A copy: a decoder's thread needs Python's lock to free the bytes themselves, and whichever thread closes
    # the decoder waits for it with the lock held.
    cleaned = cast("VideoPacket", av.Packet(len(kept)))
    cleaned.update(kept)
    cleaned.stream, cleaned.time_base, cleaned.is_keyframe = (
        packet.stream,
        packet.time_base,
        packet.is_keyframe,
    )
    cleaned.pts, cleaned.dts, cleaned.duration = packet.pts, packet.dts, packet.duration
    return cleaned


def _decoder_of(stream: VideoStream) -> VideoCodecContext:
    own = stream.codec_context
    name = _PREFERRED_DECODERS.get(own.codec.canonical_name)
    if name not in av.codecs_available:
        return own
    decoder = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
    # The threads of libvpx wait for each other in busy loops: on few processors one may never get to run.
    decoder.thread_count = 1 if name == "libvpx" else own.thread_count
    return decoder
