"""Hand-written fakes of what results are made with: signer, report, and videos of raw frames."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from fakes.frames import FrameOfPixels
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.results.archive_writer import Issuer, ReportData
from framecloak.domain.errors import FrameAnalysisError, InvalidFormatError, ObjectNotFoundError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder
from framecloak.domain.ports.speech import MutedSound
from framecloak.domain.ports.video import (
    SOFTWARE_ENCODER,
    EncoderIdentity,
    FrameGroup,
    GroupEncoder,
    VideoFormat,
    VideoWriter,
)


class FakeSigner:
    """Signs by hashing with the public key, so signatures are not secret."""

    def __init__(self, name: str = "framecloak") -> None:
        self.public_key = hashlib.sha256(name.encode()).digest()

    def sign(self, message: bytes) -> bytes:
        return hashlib.sha512(self.public_key + message).digest()


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    return hashlib.sha512(public_key + message).digest() == signature


def fake_report(facts: ReportData) -> bytes:
    """Return enough of the data that two different runs have different reports."""
    evidence, timeline = facts.report_evidence, facts.report_evidence.timeline
    weakest = [(track.source, track.track, track.frames) for track in evidence.weakest_tracks()]
    thumbnails = [track.thumbnail and track.thumbnail.hex() for track in evidence.weakest_tracks()]
    residuals = asdict(facts.residuals) if facts.residuals else None
    values = [facts.key_id, facts.summary.frames, list(timeline.detected_faces), weakest, evidence.gap_count]
    values += [thumbnails, residuals]
    return json.dumps(values).encode()


ISSUER = Issuer("framecloak test", FakeSigner(), fake_report)


_SALT = hashlib.sha256().digest_size + 1


@dataclass(frozen=True, eq=False)
class EncodedFrame(FrameOfPixels):
    """A frame that was encoded and decoded again."""

    index: int
    image: Image

    def bgr(self) -> Image:
        return self.image.copy()

    def rgb(self, width: int, height: int) -> Image:
        rows = np.arange(height) * self.height // height
        columns = np.arange(width) * self.width // width
        return np.ascontiguousarray(self.image[rows[:, None], columns, ::-1])


class _PlaneEncoder:
    def __init__(self, video_format: VideoFormat) -> None:
        self._format = video_format

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        if image.shape[:2] != (self._format.height, self._format.width):
            raise ValueError(f"the film is {self._format.width}x{self._format.height}")
        return zlib.compress(image.tobytes(), 1)


class _PlaneReader:
    def __init__(self, video_format: VideoFormat) -> None:
        self._format = video_format

    def read(self, data: bytes, index: int) -> Frame:
        try:
            pixels = np.frombuffer(zlib.decompress(data), np.uint8)
            return EncodedFrame(index, pixels.reshape(self._format.height, self._format.width, 3))
        except (ValueError, zlib.error) as error:
            raise FrameAnalysisError("the planes are damaged") from error


class _GroupEncoder:
    """Groups whose samples depend on all their frames, as in a real encoder."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def add(self, planes: bytes) -> None:
        self._frames.append(planes)

    def finish(self) -> FrameGroup:
        salt = hashlib.sha256(b"".join(self._frames)).digest()
        return FrameGroup(tuple(salt + bytes([n]) + frame for n, frame in enumerate(self._frames)))


class FakeVideoWriter:
    """A video file that lists the time of each sample."""

    def __init__(self, video_format: VideoFormat, timing: Timing, sound: Sound | None) -> None:
        self._head = [
            video_format.width,
            video_format.height,
            str(video_format.rate),
            video_format.quality,
            sound and sound.codec,
        ]
        self._scale, self._ticks = timing.mp4_ticks()
        self._samples: list[bytes] = []
        self.discarded = False
        self.muted_sound = (
            MutedSound("fake", 0.1, 0.3, 1.0, ((0.0, 0.5),)) if sound and sound.mute_speech else None
        )

    def add(self, group: FrameGroup) -> None:
        self._samples += group.samples

    def finish(self) -> Iterator[bytes]:
        if len(self._samples) + 1 != len(self._ticks):
            raise ValueError("the video lacks frames")
        shown = [(tick, sample.hex()) for tick, sample in zip(self._ticks, self._samples, strict=False)]
        yield json.dumps([self._head, self._scale, shown]).encode()

    def discard(self) -> None:
        self.discarded = True


class FakeVideoEncoder:
    """Writes videos of any size, and no sound but AAC."""

    def __init__(self, identity: EncoderIdentity | None = None) -> None:
        self.identity = identity or EncoderIdentity(SOFTWARE_ENCODER)
        self.writers: list[FakeVideoWriter] = []

    def require_supported(self, video_format: VideoFormat, sound: Sound | None) -> None:
        if sound is not None and not sound.mute_speech and sound.codec != "aac":
            raise InvalidFormatError(f"the sound is {sound.codec}", "leave it out")

    def plane_encoder(self, video_format: VideoFormat) -> FrameEncoder:
        return _PlaneEncoder(video_format)

    def plane_reader(self, video_format: VideoFormat) -> EncodedFrameReader:
        return _PlaneReader(video_format)

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        return _GroupEncoder()

    def decode_group(self, video_format: VideoFormat, group: FrameGroup, first: int) -> Iterator[Frame]:
        for number, sample in enumerate(group.samples):
            try:
                pixels = zlib.decompress(sample[_SALT:])
            except zlib.error as error:
                raise FrameAnalysisError("the sample is damaged") from error
            image = np.frombuffer(pixels, np.uint8).reshape(video_format.height, video_format.width, 3)
            yield EncodedFrame(first + number, image)

    def writer(
        self,
        video_format: VideoFormat,
        timing: Timing,
        sound: Sound | None,
        checkpoint: Callable[[], None] | None = None,
    ) -> VideoWriter:
        self.writers.append(FakeVideoWriter(video_format, timing, sound))
        return self.writers[-1]


class FakeMp4Reader:
    """Reads the samples of ``FakeVideoEncoder``'s videos."""

    def sample_digests(self, chunks: Iterable[bytes]) -> Sequence[str] | None:
        try:
            _, _, shown = json.loads(b"".join(chunks))
        except ValueError:
            return None
        return [hashlib.sha256(bytes.fromhex(sample)).hexdigest() for _, sample in shown]


class FakeVideoFrameExtractor:
    """Returns the samples of ``FakeVideoEncoder``'s videos in place of images."""

    def __call__(self, archive: Path, name: str, position: int) -> bytes:
        try:
            with ZipFile(archive) as zipped:
                _, _, shown = json.loads(zipped.read(name))
            return bytes.fromhex(shown[position][1])
        except (OSError, BadZipFile, KeyError, IndexError) as error:
            raise ObjectNotFoundError(f"frame {position} of {name} is gone or damaged") from error


def fake_preview(data: bytes, width: int) -> bytes:
    """Put the width in front of the unchanged image."""
    return f"{width} pixels of ".encode() + data


def constant_rate(start: int, stop: int) -> Timing:
    return Timing.constant_rate(Fraction(25), start, stop)
