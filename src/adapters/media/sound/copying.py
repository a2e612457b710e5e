"""Sound that is copied into a result packet by packet."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import OutputContainer

from framecloak.adapters.media.sound.packets import SoundPackets, TimedPacket
from framecloak.domain.errors import SoundLostError
from framecloak.domain.ports.frames import Sound


class CopiedSound:
    """Audio track that is copied into a video packet by packet, interleaved with the frames.

    Args:
        sound: sound track.
        interval: start and end on the clock of the source's frames, in seconds.
        container: video that is being written.

    Raises:
        SoundLostError: there is no sound in the interval.
    """

    def __init__(self, sound: Sound, interval: tuple[Fraction, Fraction], container: OutputContainer) -> None:
        self._name, self._container = sound.path.name, container
        self._source = SoundPackets(sound, *interval)
        self._packets = self._source.read()
        self._next: TimedPacket | None = next(self._packets, None)
        if self._next is None:
            self.close()
            raise no_sound(sound, interval)
        stream = self._source.stream
        self._rate = stream.codec_context.sample_rate or 48000
        self._stream = container.add_stream_from_template(stream)
        self._stream.metadata.clear()
        self._last_tick: int | None = None

    def write_until(self, seconds: Fraction) -> None:
        """Copy the audio packets that begin before a time in the video, in seconds.

        Raises:
            av.FFmpegError: a packet cannot be written; see `rejected`.
        """
        while self._next and self._next.start < seconds:
            self._write(self._next)
            self._next = next(self._packets, None)

    def rejected(self, error: av.FFmpegError) -> SoundLostError:
        """Return the error for sound that the muxer did not accept."""
        message = f"the sound of {self._name} cannot be copied into an mp4: {error.strerror}"
        return SoundLostError(message, "leave the sound out, or convert it to AAC first")

    def close(self) -> None:
        """Close the source."""
        self._packets.close()
        self._source.close()

    def _write(self, timed: TimedPacket) -> None:
        packet, tick = timed.packet, round(timed.start * self._rate)
        if self._last_tick is not None:
            tick = max(tick, self._last_tick + 1)
        self._last_tick = tick
        packet.stream, packet.time_base = self._stream, Fraction(1, self._rate)
        packet.pts = packet.dts = tick
        packet.duration = round(timed.duration * self._rate)
        self._container.mux_one(packet)


def no_sound(sound: Sound, interval: tuple[Fraction, Fraction]) -> SoundLostError:
    """Return the error for an interval without sound, given in seconds on the clock of the frames."""
    start, end = (float(seconds) for seconds in interval)
    message = f"{sound.path.name} has no sound from {start:.2f} to {end:.2f} s of its clock"
    return SoundLostError(message, "leave the sound out, or choose frames that have sound")
