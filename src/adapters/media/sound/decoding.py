"""Decoding of sound into samples at a constant rate, without gaps."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from framecloak.adapters.media.sound.packets import TimedPacket

RATE = 48000
_MAX_JITTER_SAMPLES = RATE // 100

Channels = NDArray[np.float32]


def decoded_blocks(
    packets: Iterable[TimedPacket], layout: str
) -> Generator[tuple[int, Channels], None, None]:
    """Decode packets into consecutive blocks of samples.

    What cannot be decoded, and gaps between packets, are silence. Other rates and layouts are converted.

    Args:
        packets: packets in order.
        layout: layout of the channels, ``mono`` or ``stereo``.

    Yields:
        Time of the first sample, in samples of ``RATE``, and the samples: (channels, n) float32 in -1..1.
    """
    position: int | None = None
    for start, samples in _converted(packets, layout):
        begin = start
        # Containers round times, to milliseconds for example.
        if position is not None and abs(begin - position) <= _MAX_JITTER_SAMPLES:
            begin = position
        if position is not None and begin > position:
            yield position, np.zeros((len(samples), begin - position), np.float32)
        kept = samples if position is None else samples[:, max(0, position - begin) :]
        if kept.shape[1]:
            begin = begin if position is None else max(begin, position)
            yield begin, kept
            position = begin + kept.shape[1]


def _converted(packets: Iterable[TimedPacket], layout: str) -> Iterator[tuple[int, Channels]]:
    resampler, kind = None, None
    for timed in packets:
        for frame in _decoded(timed):
            if (frame.format.name, frame.layout.name, frame.sample_rate) != kind:
                kind = frame.format.name, frame.layout.name, frame.sample_rate
                resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE)
            if resampler is None:
                continue
            for part in resampler.resample(frame):
                if part.pts is not None and part.time_base:
                    samples = np.nan_to_num(part.to_ndarray().astype(np.float32, copy=False))
                    yield round(part.pts * part.time_base * RATE), np.clip(samples, -1, 1)


def _decoded(timed: TimedPacket) -> list[av.AudioFrame]:
    """Decode a packet; its frames get their times in the video."""
    packet = timed.packet
    frames: list[av.AudioFrame] = []
    with suppress(av.FFmpegError):
        frames = packet.decode()
    next_start = timed.start
    for frame in frames:
        if frame.pts is not None and packet.pts is not None and frame.time_base and packet.time_base:
            # Decoders hold frames back, so that a frame may belong to an earlier packet.
            next_start = timed.start + frame.pts * frame.time_base - packet.pts * packet.time_base
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(next_start * frame.sample_rate)
        next_start += Fraction(frame.samples, frame.sample_rate)
    return frames
