"""Video decoding from any keyframe, with tracking of the frames that damage may have affected."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from framecloak.adapters.media.video.container import (
    PacketDecoder,
    VideoPacket,
    open_container,
    read_packets,
    video_stream,
)
from framecloak.adapters.media.video.frame_index import FrameIndex


class DecoderOutput(NamedTuple):
    """A decoded frame with its decoding state.

    Attributes:
        frame: frame as delivered by the decoder.
        keyframe: True if the frame was decoded from its own packet alone, as container and decoder agree.
        suspect: True if a decoding error may have affected the frame.
        pixel_aspect: pixel aspect in the bitstream, as of the last keyframe; None if it states none.
    """

    frame: av.VideoFrame
    keyframe: bool
    suspect: bool
    pixel_aspect: Fraction | None


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decoder of one video file. Every run opens the file and a codec context of its own.

    Attributes:
        path: path of the video file.
        index: index of its packets; None if decoding can only begin at the first packet.
        threads: decoding threads per run.
        is_truncated: True if the file is truncated; a partial last packet is then skipped.
        max_pixels: maximum number of pixels of a frame; a larger one is refused at its header, as damage.
    """

    path: Path
    index: FrameIndex | None
    threads: int
    is_truncated: bool
    max_pixels: int

    def run(self, entry_packet: int) -> Generator[DecoderOutput, None, None]:
        """Yield frames in presentation order, decoded from a given packet on.

        The decoder reports an error as soon as it occurs, while it still holds back earlier frames. So
        every frame is suspect from a report up to the first keyframe that was submitted after it.

        Some containers call every frame a keyframe. So a keyframe is one only if the decoder agrees, and
        all frames before the first one are suspect, unless decoding begins at the first packet.

        Args:
            entry_packet: index of a keyframe packet in decoding order, or 0.
        """
        trouble: int | None = None
        aspect: Fraction | None = None
        first = True
        entered = entry_packet == 0
        keyframes_in = keyframes_out = 0
        decoder = PacketDecoder()
        with closing(self._packets(entry_packet)) as packets:
            for packet in packets:
                keyframes_in += packet is not None and packet.is_keyframe
                frames, damaged = decoder.decode(packet)
                if damaged:
                    trouble = keyframes_in
                for frame in frames:
                    claimed = self._is_called_keyframe(frame)
                    keyframe = claimed and frame.key_frame
                    keyframes_out += claimed
                    entered |= keyframe
                    # If a keyframe is lost, this count lags behind and frames stay suspect for longer.
                    if keyframe and trouble is not None and keyframes_out > trouble:
                        trouble = None
                    if packet is not None and (keyframe or first):
                        # At the packets between, the decoder may be ahead of the frames that it gives out.
                        aspect, first = packet.stream.codec_context.sample_aspect_ratio, False
                    yield DecoderOutput(frame, keyframe, trouble is not None or not entered, aspect)

    def _is_called_keyframe(self, frame: av.VideoFrame) -> bool:
        if self.index is None or frame.pts is None:
            return frame.key_frame
        return self.index.is_keyframe(frame.pts)

    def _packets(self, entry_packet: int) -> Generator[VideoPacket | None, None, None]:
        """Yield packets from an index in decoding order on, or from the first if seeking is not exact."""
        if self.index is not None and entry_packet:
            with closing(open_container(self.path)) as container:
                stream = self._stream(container)
                packet = _seek_packet(container, stream, self.index, entry_packet)
                if packet is not None:
                    yield packet
                    yield from self._usable_packets(container, stream)
                    return
        with closing(open_container(self.path)) as container:
            yield from self._usable_packets(container, self._stream(container))

    def _stream(self, container: InputContainer) -> VideoStream:
        stream = video_stream(container, self.path, self.max_pixels)
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = self.threads
        return stream

    def _usable_packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Generator[VideoPacket | None, None, None]:
        for packet in read_packets(container, stream):
            if not (self.is_truncated and packet is not None and packet.is_corrupt):
                yield packet


def _seek_packet(
    container: InputContainer, stream: VideoStream, index: FrameIndex, entry_packet: int
) -> VideoPacket | None:
    """Seek to a keyframe packet and return it; None if the container cannot seek to it exactly."""
    try:
        container.seek(index.seek_target(entry_packet), stream=stream)
    except av.FFmpegError:
        return None
    for packet in read_packets(container, stream):
        if packet is None:
            return None
        if packet.pts is None:
            continue
        if packet.pts == index.pts(entry_packet):
            return packet
        reached = index.packet_index(packet.pts)
        if reached is not None and reached > entry_packet:
            return None
    return None
