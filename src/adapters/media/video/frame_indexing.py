"""Numbering the frames of a video without decoding it, or, where that cannot be exact, by decoding it.

Three ways, from quick to slow: the sample tables of an MP4 (no picture data is read), the timestamps of
all packets (the file is read once), and counting what comes out of the decoder (raw streams and others
without timestamps).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from framecloak.adapters.media.video.container import (
    Packet,
    decode,
    open_container,
    read_packets,
    video_stream,
)
from framecloak.adapters.media.video.frame_index import Flags, FrameIndex, PacketTable
from framecloak.adapters.media.video.mp4_boxes import composition_offsets
from framecloak.adapters.media.video.truncation import is_cut_short

_CHECKED_PACKETS = 32
_SAMPLED_PACKETS = 64
_VP8_SHOW_FRAME = 0x10


@dataclass(frozen=True, slots=True)
class Numbering:
    """How the frames of a video are numbered.

    Attributes:
        index: timestamps and keyframes; None where frames can only be counted as they come out.
        frame_count: frames that the video has, or claims to have.
        readable: frames from the first on that the file really holds.
        span: ticks from the first frame to the last; 0 where timestamps are missing.
    """

    index: FrameIndex | None
    frame_count: int
    readable: int
    span: int


def number_frames(path: Path, first: av.VideoFrame) -> Numbering:
    """Find out how many frames a video has and which packet holds which.

    Args:
        path: a video that opens and has a video stream.
        first: the first frame that its decoder delivers.

    Raises:
        DomainError: as `open_container` and `video_stream`.
    """
    return _from_sample_tables(path, first) or _from_packets(path, first) or _by_decoding(path)


def _from_sample_tables(path: Path, first: av.VideoFrame) -> Numbering | None:
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        samples = len(stream.index_entries)
        if "mp4" not in container.format.name or not samples or samples != stream.frames:
            return None
        offsets = composition_offsets(path, stream.id, samples)
        if offsets is None:
            return None
        entries = list(stream.index_entries)
        dts = np.array([entry.timestamp for entry in entries], np.int64)
        keyframe = np.array([entry.is_keyframe for entry in entries])
        hidden = np.array([entry.is_discard for entry in entries])
        ends = np.array([entry.pos + entry.size for entry in entries], np.int64)
        shift = _agreed_shift(container, stream, dts, dts + offsets, keyframe)
        if shift is None:
            return None
    packets = _visible_from(first, PacketTable(dts + offsets + shift, dts, keyframe, ~hidden))
    if packets is None:
        return None
    index = FrameIndex(packets)
    readable = index.frames_before(ends > path.stat().st_size)
    return Numbering(index, len(index), readable, index.span)


def _agreed_shift(
    container: InputContainer,
    stream: VideoStream,
    dts: np.ndarray[tuple[int], np.dtype[np.int64]],
    pts: np.ndarray[tuple[int], np.dtype[np.int64]],
    keyframe: Flags,
) -> int | None:
    """What libav adds to the timestamps of the sample tables, asked at both ends of the stream.

    Returns:
        Ticks; None when the packets that libav delivers do not fit the tables.
    """
    if not np.all(np.diff(dts) > 0) or not keyframe.any():
        return None
    shifts: set[int] = set()
    for start in (0, int(np.flatnonzero(keyframe)[-1])):
        try:
            container.seek(int(dts[start]), stream=stream)
        except av.FFmpegError:
            return None
        for packet, _ in zip(read_packets(container, stream), range(_CHECKED_PACKETS), strict=False):
            if packet is None or not packet.size:
                break
            if packet.pts is None or packet.dts is None:
                return None
            at = int(np.searchsorted(dts, packet.dts))
            if at == len(dts) or dts[at] != packet.dts:
                return None
            shifts.add(packet.pts - int(pts[at]))
    return shifts.pop() if len(shifts) == 1 else None


def _from_packets(path: Path, first: av.VideoFrame) -> Numbering | None:
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        rows: list[tuple[int, int, bool, bool]] = []
        for packet in read_packets(container, stream):
            if packet is None or not packet.size:
                continue
            if packet.pts is None:
                return None
            dts = packet.pts if packet.dts is None else packet.dts
            rows.append((packet.pts, dts, packet.is_keyframe, _is_shown(packet)))
        promised = _promised_frames(container, stream)
    if not rows:
        return Numbering(None, 0, 0, 0)
    pts, dts_, keyframe, shown = (np.array(column) for column in zip(*rows, strict=True))
    packets = _visible_from(first, PacketTable(pts, dts_, keyframe, shown))
    if packets is None or not _decodes_as_stamped(path, packets):
        return None
    index = FrameIndex(packets)
    if not is_cut_short(path):
        return Numbering(index, len(index), len(index), index.span)
    # What is missing is decoded, and so shown, after the last packet that is there.
    readable = index.frames_before(packets.pts >= packets.dts[-1])
    return Numbering(index, max(promised, len(index) + 1), readable, index.span)


def _is_shown(packet: Packet) -> bool:
    if packet.is_discard:
        return False
    # VP8 keeps pictures that are only referred to in packets of their own (RFC 6386, 9.1).
    is_vp8 = packet.stream.codec.canonical_name == "vp8"
    return not is_vp8 or bool(memoryview(packet)[0] & _VP8_SHOW_FRAME)


def _promised_frames(container: InputContainer, stream: VideoStream) -> int:
    """How many frames a container's header speaks of; an estimate where it only states a duration."""
    if stream.frames:
        return stream.frames
    if container.duration is None or stream.average_rate is None:
        return 0
    return round(container.duration / av.time_base * stream.average_rate)


def _visible_from(first: av.VideoFrame, packets: PacketTable) -> PacketTable | None:
    """Hide what lies before the first keyframe and does not decode, as after a cut in a recording.

    Returns:
        The table; None when timestamps repeat or the decoder uses others, so that they number nothing.
    """
    if first.pts is None or len(np.unique(packets.pts)) != len(packets):
        return None
    if first.pts not in packets.pts:
        return None
    keyframes = packets.pts[packets.keyframe]
    start = min(first.pts, int(keyframes[0])) if len(keyframes) else first.pts
    return PacketTable(packets.pts, packets.dts, packets.keyframe, packets.shown & (packets.pts >= start))


def _decodes_as_stamped(path: Path, packets: PacketTable) -> bool:
    """Whether each packet gives one frame, in the order of the timestamps; tried out at the start.

    Interlaced streams may hold two packets a frame, one for each field, and an AVI knows the order of
    decoding only.
    """
    sample = slice(0, _SAMPLED_PACKETS)
    expected: list[int] = sorted(packets.pts[sample][packets.shown[sample]].tolist())
    came_out: list[int | None] = []
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        reader = read_packets(container, stream)
        for packet, _ in zip(reader, range(min(_SAMPLED_PACKETS, len(packets))), strict=False):
            frames, damaged = decode(packet)
            if damaged or any(frame.is_corrupt for frame in frames):
                return True  # a damaged file says nothing about its kind
            came_out += [frame.pts for frame in frames]
        try:
            came_out += [frame.pts for frame in stream.codec_context.decode(None)]
        except av.FFmpegError:
            return True
    return came_out == expected


def _by_decoding(path: Path) -> Numbering:
    cut_off = is_cut_short(path)
    count = 0
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        stream.codec_context.thread_type = "AUTO"
        for packet in read_packets(container, stream):
            if not (cut_off and packet is not None and packet.is_corrupt):
                count += len(decode(packet)[0])
        promised = _promised_frames(container, stream) if cut_off else count
    return Numbering(None, max(promised, count), count, 0)
