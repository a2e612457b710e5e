"""Numbering of a video's frames, without decoding it where that is exact.

There are three methods, from fast to slow: the sample tables of an MP4 (no image data is read), the
timestamps of all packets (the file is read once), and counting decoded frames (raw streams and others
without timestamps).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from framecloak.adapters.media.sample_limit import max_samples, require_fewer_samples
from framecloak.adapters.media.size_limit import max_grown_pixels
from framecloak.adapters.media.stream_clock import MAX_INDEXED_GAP_SECONDS, rising_stamps
from framecloak.adapters.media.video.container import (
    PacketDecoder,
    VideoPacket,
    open_container,
    read_packets,
    video_stream,
)
from framecloak.adapters.media.video.frame_index import Flags, FrameIndex, PacketTable
from framecloak.adapters.media.video.mp4_boxes import composition_offsets
from framecloak.adapters.media.video.truncation import is_truncated

_ENTRY = np.dtype([("dts", np.int64), ("keyframe", np.bool_), ("hidden", np.bool_), ("end", np.int64)])
_CHECKED_PACKETS = 32
_SAMPLED_PACKETS = 64
_VP8_SHOW_FRAME = 0x10


@dataclass(frozen=True, slots=True)
class FrameNumbering:
    """Numbering of a video's frames.

    Attributes:
        index: timestamps and keyframes; None if frames can only be counted by decoding.
        frame_count: number of frames that the video has, or that its header promises.
        readable_frames: number of frames, from the first on, that the file contains.
        span: ticks from the first frame to the last; 0 if timestamps are missing.
        stamps: rising timestamps of all frames, where they differ from those of the index; empty otherwise.
        shifts: ticks that these add to the file's clock from each of its jumps on.
    """

    index: FrameIndex | None
    frame_count: int
    readable_frames: int
    span: int
    stamps: Sequence[int] = ()
    shifts: Sequence[int] = ()

    def timestamps(self, start: int, stop: int) -> list[int]:
        """Return the presentation timestamps of the frames ``[start, stop)`` in ticks."""
        return (
            list(self.stamps[start:stop])
            if self.index is None or self.stamps
            else self.index.timestamps(start, stop)
        )


def number_frames(path: Path, first: av.VideoFrame) -> FrameNumbering:
    """Count the frames of a video and map each to its packet, by the fastest method that is exact.

    Args:
        path: path of a video that opens and has a video stream.
        first: first frame that its decoder delivers.

    Raises:
        DomainError: see `open_container` and `video_stream`.
    """
    numbering = _from_sample_tables(path, first) or _from_packets(path, first)
    return numbering or _by_decoding(path, max_grown_pixels(first.width, first.height))


def _from_sample_tables(path: Path, first: av.VideoFrame) -> FrameNumbering | None:
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        samples = len(stream.index_entries)
        if "mp4" not in container.format.name or not samples or samples != stream.frames:
            return None
        offsets = composition_offsets(path, stream.id, samples)
        if offsets is None:
            return None
        # An object for each entry of a long video would take gigabytes.
        entries = np.fromiter(
            (
                (entry.timestamp, entry.is_keyframe, entry.is_discard, entry.pos + entry.size)
                for entry in stream.index_entries
            ),
            _ENTRY,
            samples,
        )
        dts, keyframe, hidden, ends = (entries[name].copy() for name in _ENTRY.names or ())
        del entries
        shift = _timestamp_shift(container, stream, dts, dts + offsets, keyframe)
        if shift is None:
            return None
    packets = _hide_before_first_keyframe(first, PacketTable(dts + offsets + shift, dts, keyframe, ~hidden))
    if packets is None:
        return None
    index = FrameIndex(packets)
    readable = index.intact_frame_count(ends > path.stat().st_size)
    return FrameNumbering(index, len(index), readable, index.span)


def _timestamp_shift(
    container: InputContainer,
    stream: VideoStream,
    dts: np.ndarray[tuple[int], np.dtype[np.int64]],
    pts: np.ndarray[tuple[int], np.dtype[np.int64]],
    keyframe: Flags,
) -> int | None:
    """Return the offset that libav adds to the sample tables' timestamps, measured at both ends.

    Returns:
        Offset in ticks; None if the packets that libav delivers do not match the tables.
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
            sample = int(np.searchsorted(dts, packet.dts))
            if sample == len(dts) or dts[sample] != packet.dts:
                return None
            shifts.add(packet.pts - int(pts[sample]))
    return shifts.pop() if len(shifts) == 1 else None


def _from_packets(path: Path, first: av.VideoFrame) -> FrameNumbering | None:
    with closing(open_container(path)) as container:
        stream = video_stream(container, path)
        # Arrays, as above.
        stamps, decoding, keyframes, showing = array("q"), array("q"), array("b"), array("b")
        latest, falls, most = None, False, max_samples(path)
        for packet in read_packets(container, stream):
            if packet is None or not packet.size:
                continue
            require_fewer_samples(path, len(stamps), most)
            if packet.pts is None:
                return None
            dts = packet.pts if packet.dts is None else packet.dts
            if packet.dts is not None:
                falls |= latest is not None and packet.dts < latest
                latest = packet.dts
            stamps.append(packet.pts)
            decoding.append(dts)
            keyframes.append(packet.is_keyframe)
            showing.append(_is_shown(packet))
        promised, time_base = _stated_frame_count(container, stream), stream.time_base or Fraction(0)
    if not stamps:
        return FrameNumbering(None, 0, 0, 0)
    # Without copies; packets that are shown in the order of decoding share their times.
    times = np.frombuffer(stamps, np.int64)
    decoded = times if decoding == stamps else np.frombuffer(decoding, np.int64)
    del decoding
    flags = np.frombuffer(keyframes, np.bool_), np.frombuffer(showing, np.bool_)
    packets = _hide_before_first_keyframe(first, PacketTable(times, decoded, *flags))
    # Where the clock falls, times do not order the frames.
    max_pixels = max_grown_pixels(first.width, first.height)
    if falls or packets is None or not _timestamps_match_decoder(path, packets, max_pixels):
        return None
    index = FrameIndex(packets)
    if not is_truncated(path):
        return _numbering_without_jumps(index, time_base)
    # Missing packets would be decoded, and so shown, after the last packet that is present.
    readable = index.intact_frame_count(packets.pts >= packets.dts[-1])
    return FrameNumbering(index, max(promised, len(index) + 1), readable, index.span)


def _numbering_without_jumps(index: FrameIndex, time_base: Fraction) -> FrameNumbering:
    """Return the numbering of a whole file, with times in which long gaps of its clock are closed."""
    count = len(index)
    clock = rising_stamps(index.stamps, time_base, MAX_INDEXED_GAP_SECONDS)
    if clock is None or not clock[1]:
        return FrameNumbering(index, count, count, index.span)
    rising, shifts = clock
    return FrameNumbering(index, count, count, rising[-1] - rising[0], rising, shifts)


def _is_shown(packet: VideoPacket) -> bool:
    if packet.is_discard:
        return False
    # VP8 has packets for frames that serve only as references and are not shown (RFC 6386, 9.1).
    is_vp8 = packet.stream.codec.canonical_name == "vp8"
    return not is_vp8 or bool(memoryview(packet)[0] & _VP8_SHOW_FRAME)


def _stated_frame_count(container: InputContainer, stream: VideoStream) -> int:
    """Return the number of frames stated in the container's header, or estimated from its duration."""
    if stream.frames:
        return stream.frames
    if container.duration is None or stream.average_rate is None:
        return 0
    return round(container.duration / av.time_base * stream.average_rate)


def _hide_before_first_keyframe(first: av.VideoFrame, packets: PacketTable) -> PacketTable | None:
    """Hide undecodable packets before the first keyframe, as after a cut in a recording.

    Returns:
        The table; None if its timestamps repeat or do not match the decoder's, so that they cannot number
        the frames.
    """
    if first.pts is None or first.pts not in packets.pts:
        return None
    ordered = np.sort(packets.pts)
    if (ordered[1:] == ordered[:-1]).any():
        return None
    del ordered
    keyframes = packets.pts[packets.keyframe]
    start = min(first.pts, int(keyframes[0])) if len(keyframes) else first.pts
    return PacketTable(packets.pts, packets.dts, packets.keyframe, packets.shown & (packets.pts >= start))


def _timestamps_match_decoder(path: Path, packets: PacketTable, max_pixels: int) -> bool:
    """Return True if the first packets give one frame each, in the order of their timestamps.

    Interlaced streams may hold two packets per frame, one for each field, and an AVI stores the decoding
    order only.
    """
    sample = slice(0, _SAMPLED_PACKETS)
    expected: list[int] = sorted(packets.pts[sample][packets.shown[sample]].tolist())
    decoded: list[int | None] = []
    with closing(open_container(path)) as container:
        stream = video_stream(container, path, max_pixels)
        reader, decoder = read_packets(container, stream), PacketDecoder()
        for packet, _ in zip(reader, range(min(_SAMPLED_PACKETS, len(packets))), strict=False):
            frames, damaged = decoder.decode(packet)
            if damaged or any(frame.is_corrupt for frame in frames):
                return True  # damage at the start gives no evidence against the timestamps
            decoded += [frame.pts for frame in frames]
        try:
            decoded += [frame.pts for frame in decoder.flush()]
        except av.FFmpegError:
            return True
    return decoded == expected


def _by_decoding(path: Path, max_pixels: int) -> FrameNumbering:
    cut_off = is_truncated(path)
    stamps, is_complete, most = array("q"), True, max_samples(path)
    with closing(open_container(path)) as container:
        stream = video_stream(container, path, max_pixels)
        stream.codec_context.thread_type = "AUTO"
        decoder = PacketDecoder()
        for packet in read_packets(container, stream):
            if not (cut_off and packet is not None and packet.is_corrupt):
                for frame in decoder.decode(packet)[0]:
                    is_complete &= frame.pts is not None
                    stamps.append(frame.pts or 0)
                require_fewer_samples(path, len(stamps), most)
        time_base, count = stream.time_base or Fraction(0), len(stamps)
        promised = _stated_frame_count(container, stream) if cut_off else count
    rising, shifts = (rising_stamps(stamps, time_base) if is_complete else None) or ((), ())
    return FrameNumbering(None, max(promised, count), count, 0, rising, shifts)
