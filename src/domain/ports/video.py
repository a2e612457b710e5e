"""Ports: video files, probed, encoded, written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from framecloak.domain.imaging.pixel_aspect import SQUARE
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder
from framecloak.domain.ports.speech import MutedSound

SOFTWARE_ENCODER = "libx264"
"""Name of the encoder whose output does not depend on the machine, as FFmpeg calls it."""


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Identity of a video encoder. Groups of different identities do not fit into one video.

    Attributes:
        name: name of the encoder, as FFmpeg calls it.
        parameters_sha256: hex digest of the parameter sets (SPS and PPS) that a hardware encoder writes for
            frames of a fixed format; they depend on device and driver. None for the software encoder.
    """

    name: str
    parameters_sha256: str | None = None

    @property
    def is_hardware(self) -> bool:
        """True if the output depends on the machine."""
        return self.name != SOFTWARE_ENCODER


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Properties shared by all groups of a video.

    Attributes:
        width, height: size of the upright frames in pixels; an odd size is padded by one column or row.
        rate: approximate frames per second; the display time of each frame is stored exactly.
        quality: 1 to 100, the same for every frame whatever its content.
        pixel_aspect: width to height of one pixel as displayed, as the video declares it.
    """

    width: int
    height: int
    rate: Fraction
    quality: int
    pixel_aspect: Fraction = SQUARE


@dataclass(frozen=True, slots=True)
class FrameGroup:
    """Consecutive frames that can be decoded independently of all others (a closed GOP).

    Attributes:
        samples: one encoded sample per frame, in order, as stored in the file (ISO/IEC 14496-15).
    """

    samples: tuple[bytes, ...]


class GroupEncoder(Protocol):
    """Encoder of one group. The same frames always give the same bytes, on one machine at least."""

    def add(self, planes: bytes) -> None:
        """Append a frame that the plane encoder of the video encoder has converted."""
        ...

    def finish(self) -> FrameGroup:
        """Return the encoded group; no frames can be added afterwards."""
        ...


class VideoWriter(Protocol):
    """Writer of one video file. Temporary files are removed by `finish` or `discard`."""

    @property
    def muted_sound(self) -> MutedSound | None:
        """Decisions about speech in the sound of the video; None if it was copied, or there is none."""
        ...

    def add(self, group: FrameGroup) -> None:
        """Append a group.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        ...

    def finish(self) -> Iterator[bytes]:
        """Return the whole file in chunks.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        ...

    def discard(self) -> None:
        """Remove all temporary files. Can be called at any time, also repeatedly."""
        ...


class VideoEncoder(Protocol):
    """Encoder and muxer of videos without metadata."""

    @property
    def identity(self) -> EncoderIdentity:
        """Identity of the encoder, on which all parts of a video must agree."""
        ...

    def require_supported(self, video_format: VideoFormat, sound: Sound | None) -> None:
        """Reject an unsupported format before any work is done.

        Raises:
            InvalidFormatError: the encoder does not take frames of this size, or the container cannot hold
                the sound track.
        """
        ...

    def plane_encoder(self, video_format: VideoFormat) -> FrameEncoder:
        """Return the encoder that converts images into the planes that `GroupEncoder.add` expects.

        The encoder raises ``ValueError`` for an image of another size than the video.
        """
        ...

    def plane_reader(self, video_format: VideoFormat) -> EncodedFrameReader:
        """Return the decoder of the planes that the plane encoder returns."""
        ...

    def group_encoder(self, video_format: VideoFormat) -> GroupEncoder:
        """Return an encoder for a new group.

        It raises ``EncoderUnavailableError`` if the encoder's device has stopped working.
        """
        ...

    def decode_group(self, video_format: VideoFormat, group: FrameGroup, first: int) -> Iterator[Frame]:
        """Decode a group into the frames that a player would show.

        Args:
            video_format: format that the group was encoded for.
            group: encoded frames.
            first: index of the group's first frame; the others are numbered consecutively.

        Raises:
            FrameAnalysisError: the group cannot be decoded, or to another number of frames than it holds.
        """
        ...

    def writer(
        self,
        video_format: VideoFormat,
        timing: Timing,
        sound: Sound | None,
        checkpoint: Callable[[], None] | None = None,
    ) -> VideoWriter:
        """Return a writer for a new video.

        Args:
            video_format: format that the groups were encoded for.
            timing: display times of the frames.
            sound: sound track. Its packets during the frames are copied without re-encoding, unless speech
                in it is to be silenced. None for a silent video.
            checkpoint: called regularly while speech is looked for, which takes minutes in long videos; what
                it raises stops the search.

        Raises:
            SoundLostError: there is no sound during the frames.
        """
        ...


class VideoFrameExtractor(Protocol):
    """Extractor of frames from videos in archives. Blocking; call it outside the event loop."""

    def __call__(self, archive: Path, name: str, position: int) -> bytes:
        """Return a frame as JPEG.

        Args:
            archive: path of the archive.
            name: name of the video in the archive.
            position: index of the frame in the video, from 0.

        Raises:
            ObjectNotFoundError: the video or the frame does not exist or is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """Properties of a video file, determined by probing it.

    Attributes:
        width, height: size of a frame in pixels as displayed.
        frame_rate: average frames per second.
        frame_count: number of frames in presentation order.
        duration: duration in seconds.
        rotation: clockwise rotation in degrees that makes the frames upright.
        frame_index: positions of the frames in the file; opaque except to the prober.
    """

    width: int
    height: int
    frame_rate: float
    frame_count: int
    duration: float
    rotation: int
    frame_index: bytes


class VideoProber(Protocol):
    """Reader of video properties and single frames. Blocking; call it outside the event loop."""

    def probe(self, path: Path) -> ProbedVideo:
        """Determine the properties of a video file.

        Raises:
            UnreadableVideoError: the file is not a video, or cannot be decoded.
            TruncatedVideoError: the file ends prematurely.
            DomainError: as for opening a video.
        """
        ...

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        """Return an original frame as JPEG, scaled down to ``width`` pixels unless it is None.

        Raises:
            FrameNotFoundError: the video has no such frame.
            FrameDamagedError: the frame is damaged in the file.
        """
        ...

    def filmstrip_jpeg(
        self, path: Path, frames: Sequence[int], keyframes: Sequence[int], height: int
    ) -> bytes:
        """Return thumbnails of original frames side by side as one JPEG image; damaged frames are black.

        All have the same width, 1 to 4 times ``height`` (cropped where a frame is wider or narrower).

        Args:
            path: path of the video file.
            frames: indices of the frames, ascending, at least one; one frame may be shown several times.
            keyframes: indices of all keyframes, ascending; empty if they are not known.
            height: height of the image in pixels.

        Raises:
            FrameNotFoundError: the video has no such frame.
        """
        ...

    def frame_memory(self, width: int, height: int) -> int:
        """Return the memory in bytes that ``frame_jpeg`` needs at most for a video of this size."""
        ...
