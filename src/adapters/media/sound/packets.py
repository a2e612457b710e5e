"""Audio packets of a video during some of its frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.container import InputContainer

from framecloak.adapters.media.stream_clock import PacketClock
from framecloak.adapters.media.video.container import open_container
from framecloak.domain.errors import SoundLostError
from framecloak.domain.ports.frames import Sound

_MAX_READ_ERRORS = 64
_SEEK_MARGIN_SECONDS = 1
# After a seek in any other container, the first packets may have the times of others: those of an Ogg page
# are counted from the end of a page that was not read.
_SEEKABLE = frozenset({"mov", "matroska", "mpegts", "flv", "nut", "asf", "avi"})

# A string, because the class accepts no type argument at run time.
AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"


@dataclass(frozen=True, slots=True, eq=False)
class TimedPacket:
    """Audio packet and its times, in seconds from the start of the first frame that is shown."""

    packet: AudioPacket
    start: Fraction
    duration: Fraction


class SoundPackets:
    """Reader of the audio packets of a video in the interval of a result.

    Args:
        sound: sound track.
        start, end: interval on the clock of the source's frames, in seconds.

    Raises:
        SoundLostError: the file no longer has a sound track.
        DomainError: see `open_container`.
    """

    def __init__(self, sound: Sound, start: Fraction, end: Fraction) -> None:
        self._sound, self._start, self._end = sound, start + sound.origin, end + sound.origin
        self._container = open_container(sound.path)
        self._opened = [self._container]
        self.stream = self._best_stream(self._container)

    def read(self, lead_seconds: Fraction = Fraction(0)) -> Generator[TimedPacket, None, None]:
        """Yield the packets that begin in the interval, in order, each later than the one before.

        Args:
            lead_seconds: time before the interval from which packets are wanted, for a decoder that needs
                them; packets that end in the interval are then included.
        """
        begin = self._start - lead_seconds
        for timed in self._from_before(begin):
            time = timed.start
            if time >= self._end:
                return
            if time >= begin or (lead_seconds and time + timed.duration > begin):
                yield TimedPacket(timed.packet, time - self._start, timed.duration)

    def close(self) -> None:
        """Close the file."""
        for container in self._opened:
            container.close()

    def _from_before(self, begin: Fraction) -> Iterator[TimedPacket]:
        """Yield packets from before a time on; from the first, if the container cannot seek there."""
        if self._sound.seekable and _SEEKABLE & set(self._container.format.name.split(",")):
            with suppress(av.FFmpegError):
                # Negative, too: a clock may start before zero.
                self._container.seek(int((begin - _SEEK_MARGIN_SECONDS) * av.time_base))
                packets = self._timed(self._container, self.stream)
                first = next(packets, None)
                if first is not None and first.start <= begin:
                    yield first
                    yield from packets
                    return
        container = open_container(self._sound.path)
        self._opened.append(container)
        yield from self._timed(container, self._best_stream(container))

    def _timed(self, container: InputContainer, stream: av.AudioStream) -> Iterator[TimedPacket]:
        clock = PacketClock(self._sound.shifts)
        rate = stream.codec_context.sample_rate
        frame = Fraction(stream.codec_context.frame_size or 0, rate) if rate else Fraction(0)
        for packet in _read(container, stream):
            base = packet.time_base
            if not packet.size or not base:
                continue
            stated = (packet.duration or 0) * base
            # Containers round durations, to milliseconds for example.
            duration = frame if abs(stated - frame) <= base or not stated else stated
            stamp = None if packet.pts is None else packet.pts * base
            start = clock.start(stamp, duration)
            if start is not None:
                yield TimedPacket(packet, start, duration)

    def _best_stream(self, container: InputContainer) -> av.AudioStream:
        track = container.streams.best("audio")
        if track is None or not hasattr(track, "sample_rate"):
            raise SoundLostError(f"{self._sound.path.name} no longer holds sound", "leave the sound out")
        return cast("av.AudioStream", track)


def _read(container: InputContainer, stream: av.AudioStream) -> Iterator[AudioPacket]:
    for _ in range(_MAX_READ_ERRORS):
        try:
            yield from container.demux(stream)
        except av.FFmpegError:
            continue  # the container is damaged here, and reading goes on behind
        except IndexError:
            return  # see `read_packets`
        else:
            return
