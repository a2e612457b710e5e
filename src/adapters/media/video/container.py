"""Opening a media file with libav: what may be opened, which stream is meant, what goes wrong."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from framecloak.adapters.media.video.truncation import is_cut_short
from framecloak.domain.errors import (
    EmptyFileError,
    InputNotFoundError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
)

# A playlist or script could name other files and hosts, and libav renders plain text as video: only
# containers that hold their own data are let in, and the file protocol is the only one.
_DEMUXERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,mjpeg,flv,asf,ogg,mxf,"
    "nut,gif,dv,wtv,yuv4mpegpipe,wav,mp3,aac,flac,ac3,aiff"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _DEMUXERS}
_MAX_READ_ERRORS = 64

# A string, because the class takes no type argument at run time.
Packet: TypeAlias = "av.Packet[VideoStream]"


def check_file(path: Path) -> None:
    """Make sure that a path is a file with something in it.

    Raises:
        InputNotFoundError: there is no such file, or it may not be read.
        EmptyFileError: it holds no bytes.
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
    """Open a media file for reading; nothing but this one file is ever touched.

    Raises:
        InputNotFoundError: the file is not there any more.
        TruncatedVideoError: the file ends before its list of frames.
        UnreadableVideoError: it is no media file.
    """
    try:
        return av.open(f"file:{path}", "r", container_options=_OPTIONS)
    except (av.FFmpegError, ValueError) as error:
        check_file(path)
        if is_cut_short(path):
            message = f"{path.name} is cut off before its list of frames: none of them can be read"
            raise TruncatedVideoError(message, "copy or export the file again") from error
        message = f"{path.name} is not a video that can be read"
        raise UnreadableVideoError(message, "give an MP4, MOV, MKV, WebM, AVI or TS file") from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream of moving pictures that a player would show; cover art is none.

    Raises:
        NoVideoStreamError: there is none.
        TruncatedVideoError: the file ends before it names one.
        UnreadableVideoError: there is no decoder for it.
    """
    moving = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not moving:
        if is_cut_short(path):
            message = f"{path.name} is cut off before its list of streams"
            raise TruncatedVideoError(message, "copy or export the file again")
        raise NoVideoStreamError(f"{path.name} holds no video", "give a file with a video stream")
    best = container.streams.best("video")
    stream = next((one for one in moving if best is not None and one.index == best.index), moving[0])
    # PyAV looks these up in the decoder; its type hints leave out that there may be none.
    if not hasattr(stream, "pix_fmt"):
        message = f"{path.name} uses a codec that this installation cannot decode"
        raise UnreadableVideoError(message, "convert it to H.264")
    return stream


def read_packets(container: InputContainer, stream: VideoStream) -> Generator[Packet | None, None, None]:
    """The packets of a stream from the current position to the end of the file.

    Yields:
        Packets; None where the container is damaged and packets may be missing; at the end the empty
        packet that makes a decoder give out what it holds back.
    """
    for _ in range(_MAX_READ_ERRORS):
        try:
            yield from container.demux(stream)
        except av.FFmpegError:
            yield None
        except IndexError:
            # A stream that appears half-way (as in a damaged TS) makes PyAV stumble at the very end,
            # after it has flushed the streams that were there from the beginning.
            return
        else:
            return


def decode(packet: Packet | None) -> tuple[list[av.VideoFrame], bool]:
    """Decode one packet.

    Returns:
        The frames that came out, and whether something was wrong with what went in.
    """
    if packet is None:
        return [], True
    try:
        return packet.decode(), packet.is_corrupt
    except av.FFmpegError:
        return [], True
