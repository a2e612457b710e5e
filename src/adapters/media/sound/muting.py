"""Sound of a result in which all that may be speech is silent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer

from framecloak.adapters.media.sound.copying import no_sound
from framecloak.adapters.media.sound.decoding import RATE, Channels, decoded_blocks
from framecloak.adapters.media.sound.packets import SoundPackets
from framecloak.domain.anonymization.model.record.speech import (
    MARGIN_SECONDS,
    SPEECH_THRESHOLD,
    speech_ranges,
)
from framecloak.domain.errors import SoundLostError
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.speech import MutedSound, SpeechDetector

_BITS_PER_CHANNEL = 96_000
_FRAME_SAMPLES = 1024
_LEAD_SECONDS = Fraction(1)
"""Sound before the interval that the decoder and the detector hear, but the result does not hold."""

_MAX_GAIN = 1000
_GAIN_BLOCK = 8000
"""Samples of the detector's rate with one gain; half a second."""


class SpeechFreeSound:
    """Audio track that is decoded, silenced where it may be speech, and encoded as AAC.

    Speech is looked for in each channel, before the track is written, and at a level that is raised where the
    sound is quiet.

    Args:
        sound: sound track.
        interval: start and end on the clock of the source's frames, in seconds.
        container: video that is being written.
        detector: speech detector.
        checkpoint: called for every block of sound in which speech is looked for; what it raises stops that.

    Raises:
        SoundLostError: there is no sound in the interval, or it cannot be decoded.
    """

    def __init__(
        self,
        sound: Sound,
        interval: tuple[Fraction, Fraction],
        container: OutputContainer,
        detector: SpeechDetector,
        checkpoint: Callable[[], None] | None = None,
    ) -> None:
        self._name, self._container = sound.path.name, container
        self._sound, self._interval = sound, interval
        self._checkpoint = checkpoint or _no_checkpoint
        self._duration = interval[1] - interval[0]
        self.muted = self._find_speech(detector)
        self._source = SoundPackets(sound, *interval)
        self._layout = _layout(self._source)
        stream = container.add_stream("aac", rate=RATE, layout=self._layout)
        stream.bit_rate = _BITS_PER_CHANNEL * (1 if self._layout == "mono" else 2)
        # Without the version of the encoder.
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._stream = stream
        self._blocks = self._silenced_blocks()
        self._next_block = next(self._blocks, None)
        self._ended = False

    def write_until(self, seconds: Fraction) -> None:
        """Encode the sound that begins before a time in the video, in seconds.

        Raises:
            av.FFmpegError: a packet cannot be written; see `rejected`.
        """
        while self._next_block and self._next_block[0] < seconds * RATE:
            self._encode(*self._next_block)
            self._next_block = next(self._blocks, None)
        if self._next_block is None and not self._ended:
            self._ended = True
            for packet in self._stream.encode(None):
                self._container.mux_one(packet)

    def rejected(self, error: av.FFmpegError) -> SoundLostError:
        """Return the error for sound that the muxer did not accept."""
        message = f"the sound of {self._name} cannot be encoded: {error.strerror}"
        return SoundLostError(message, "leave the sound out")

    def close(self) -> None:
        """Close the source."""
        self._blocks.close()
        self._source.close()

    def _encode(self, start: int, samples: Channels) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", self._layout)
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), start
        for packet in self._stream.encode(frame):
            self._container.mux_one(packet)

    def _find_speech(self, detector: SpeechDetector) -> MutedSound:
        ranges = [
            probabilities
            for channel in range(2)
            if (probabilities := self._channel_probabilities(detector, channel)) is not None
        ]
        if not ranges:
            raise no_sound(self._sound, self._interval)
        start, _ = ranges[0]
        highest = np.max([values for _, values in ranges], axis=0)
        step, duration = detector.window / detector.rate, float(self._duration)
        found = speech_ranges(highest, step, start, duration)
        return MutedSound(detector.name, SPEECH_THRESHOLD, MARGIN_SECONDS, round(duration, 3), found)

    def _channel_probabilities(
        self, detector: SpeechDetector, channel: int
    ) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]] | None:
        """Return the time of the first window and all probabilities; None if there is no such channel."""
        with closing(SoundPackets(self._sound, *self._interval)) as source:
            layout = _layout(source)
            if channel and layout == "mono":
                return None
            blocks = decoded_blocks(source.read(_LEAD_SECONDS), layout)
            first = next(blocks, None)
            if first is None:
                return None
            begin = first[0]

            def samples() -> Iterator[Channels]:
                yield first[1][channel]
                for _, block in blocks:
                    self._checkpoint()
                    yield block[channel]

            heard = _levelled(_resampled(samples(), detector.rate))
            values = np.fromiter(detector.probabilities(heard), np.float64)
        return (
            (begin / RATE, values)
            if begin / RATE + len(values) * detector.window / detector.rate > 0
            else None
        )

    def _silenced_blocks(self) -> Generator[tuple[int, Channels], None, None]:
        """Yield the samples of the interval, in blocks that the encoder takes."""
        end = round(self._duration * RATE)
        waiting: list[Channels] = []
        position: int | None = None
        for start, samples in decoded_blocks(self._source.read(_LEAD_SECONDS), self._layout):
            inside = samples[:, max(0, -start) : max(0, end - start)]
            if not inside.shape[1]:
                continue
            begin = max(0, start)
            position = begin if position is None else position
            silenced = inside.copy()
            for low, high in self.muted.ranges:
                silenced[:, max(0, int(low * RATE) - begin) : max(0, round(high * RATE) + 1 - begin)] = 0
            waiting.append(silenced)
            joined = np.concatenate(waiting, axis=1)
            whole = joined.shape[1] // _FRAME_SAMPLES * _FRAME_SAMPLES
            for offset in range(0, whole, _FRAME_SAMPLES):
                yield position + offset, joined[:, offset : offset + _FRAME_SAMPLES]
            position, waiting = position + whole, [joined[:, whole:]]
        if position is not None and waiting[0].shape[1]:
            yield position, waiting[0]


def _no_checkpoint() -> None:
    """Do nothing."""


def _layout(source: SoundPackets) -> str:
    return "mono" if source.stream.codec_context.channels == 1 else "stereo"


def _resampled(blocks: Iterator[Channels], rate: int) -> Iterator[Channels]:
    """Convert one channel to another rate; each block has shape (n,)."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    position = 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[None]), "fltp", "mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), position
        position += len(block)
        yield from (part.to_ndarray()[0] for part in resampler.resample(frame))
    yield from (part.to_ndarray()[0] for part in resampler.resample(None))


def _levelled(blocks: Iterator[Channels]) -> Iterator[Channels]:
    """Raise quiet sound, so that a detector hears it as well as loud sound.

    Each half second is multiplied such that the loudest sample in it and its neighbours reaches 0.5.
    """
    for before, block, after in _with_neighbours(_halves(blocks)):
        peak = max((float(np.abs(part).max()) for part in (before, block, after) if len(part)), default=0.0)
        yield block * np.float32(min(_MAX_GAIN, 0.5 / peak) if peak > 0.5 / _MAX_GAIN / 10 else 1)


def _halves(blocks: Iterator[Channels]) -> Iterator[Channels]:
    waiting = np.empty(0, np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= _GAIN_BLOCK:
            yield waiting[:_GAIN_BLOCK]
            waiting = waiting[_GAIN_BLOCK:]
    if len(waiting):
        yield waiting


def _with_neighbours(blocks: Iterator[Channels]) -> Iterator[tuple[Channels, Channels, Channels]]:
    before, current = np.empty(0, np.float32), next(blocks, None)
    while current is not None:
        after = next(blocks, None)
        yield before, current, np.empty(0, np.float32) if after is None else after
        before, current = current, after
