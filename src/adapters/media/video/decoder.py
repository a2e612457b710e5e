"""Running a video decoder from any keyframe, and keeping track of what damage may have spoilt."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from framecloak.adapters.media.video.container import (
    Packet,
    decode,
    open_container,
    read_packets,
    video_stream,
)
from framecloak.adapters.media.video.frame_index import FrameIndex


class Output(NamedTuple):
    """A frame out of the decoder.

    Attributes:
        frame: as decoded.
        keyframe: whether it was decoded from nothing but its own packet.
        suspect: whether something went wrong that may have harmed it.
    """

    frame: av.VideoFrame
    keyframe: bool
    suspect: bool


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes one video, each run with a decoder of its own.

    Attributes:
        path: the file.
        index: its packets; None where decoding can only begin at the first one.
        threads: threads that one run decodes with.
        cut_off: whether the file ends inside a packet, which is then left out.
    """

    path: Path
    index: FrameIndex | None
    threads: int
    cut_off: bool

    def run(self, entry: int) -> Generator[Output, None, None]:
        """Frames in the order in which they are shown, decoded from a packet on.

        The decoder reports trouble as soon as it meets it, while it still holds back frames that went
        in before; so everything is suspect from a report to the first keyframe that went in after it.

        Args:
            entry: place of a keyframe in decoding order, or 0.
        """
        trouble: int | None = None
        keyframes_in = keyframes_out = 0
        with closing(self._packets(entry)) as packets:
            for packet in packets:
                keyframes_in += packet is not None and packet.is_keyframe
                frames, damaged = decode(packet)
                if damaged:
                    trouble = keyframes_in
                for frame in frames:
                    keyframe = self._is_keyframe(frame)
                    keyframes_out += keyframe
                    # Should a keyframe be lost, this count lags behind, and trouble lasts longer.
                    if keyframe and trouble is not None and keyframes_out > trouble:
                        trouble = None
                    yield Output(frame, keyframe, trouble is not None)

    def _is_keyframe(self, frame: av.VideoFrame) -> bool:
        if self.index is None or frame.pts is None:
            return frame.key_frame
        return self.index.is_keyframe(frame.pts)

    def _packets(self, entry: int) -> Generator[Packet | None, None, None]:
        """Packets from a place in decoding order on, or from the first where seeking is not exact."""
        if self.index is not None and entry:
            with closing(open_container(self.path)) as container:
                stream = self._stream(container)
                packet = _seek(container, stream, self.index, entry)
                if packet is not None:
                    yield packet
                    yield from self._read(container, stream)
                    return
        with closing(open_container(self.path)) as container:
            yield from self._read(container, self._stream(container))

    def _stream(self, container: InputContainer) -> VideoStream:
        stream = video_stream(container, self.path)
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = self.threads
        return stream

    def _read(self, container: InputContainer, stream: VideoStream) -> Generator[Packet | None, None, None]:
        for packet in read_packets(container, stream):
            if not (self.cut_off and packet is not None and packet.is_corrupt):
                yield packet


def _seek(container: InputContainer, stream: VideoStream, index: FrameIndex, entry: int) -> Packet | None:
    """Read up to a keyframe; None when the container does not lead there."""
    try:
        container.seek(index.seek_target(entry), stream=stream)
    except av.FFmpegError:
        return None
    for packet in read_packets(container, stream):
        if packet is None:
            return None
        if packet.pts is None:
            continue
        if packet.pts == index.pts(entry):
            return packet
        reached = index.packet(packet.pts)
        if reached is not None and reached > entry:
            return None
    return None
