"""Contract of encoding and demultiplexing videos: the fakes, x264 and hardware encoders.

Hardware encoders are skipped where none works; libx264 stands in for a device, behind the same code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fakes.results import FakeMp4Reader, FakeVideoEncoder, FakeVideoFrameExtractor
from framecloak.adapters.media.video.encoding.hardware import (
    HARDWARE_CODECS,
    HardwareCodec,
    HardwareVideoEncoder,
)
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.frame_extraction import extract_frame
from framecloak.adapters.media.video.mp4_reader import Mp4Reader
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.results.proof.verification import VideoDemuxer
from framecloak.domain.errors import (
    EncoderUnavailableError,
    FrameAnalysisError,
    InvalidFormatError,
    ObjectNotFoundError,
)
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.video import FrameGroup, VideoEncoder, VideoFormat, VideoFrameExtractor

# The smallest size of some devices is 145x49.
FORMAT = VideoFormat(192, 128, Fraction(25), 90)
APPEARANCE = Appearance(OutputFormat.MP4)
LEVELS = (30, 220, 90, 160, 60, 200)
NAME = "films/film_0000000.mp4"


@dataclass(frozen=True)
class Codec:
    """An encoder, a demultiplexer and a frame extractor that fit together."""

    encoder: VideoEncoder
    demuxer: VideoDemuxer
    extract: VideoFrameExtractor
    folder: Path

    def group(self, levels: Sequence[int] = LEVELS, video_format: VideoFormat = FORMAT) -> FrameGroup:
        """Encode frames of uniform grey."""
        planes, encoder = self.encoder.plane_encoder(video_format), self.encoder.group_encoder(video_format)
        for level in levels:
            encoder.add(planes.encode(grey(level, video_format), APPEARANCE))
        return encoder.finish()

    def frames(self, group: FrameGroup, first: int = 0, video_format: VideoFormat = FORMAT) -> list[Frame]:
        return list(self.encoder.decode_group(video_format, group, first))


STAND_IN = HardwareCodec(
    "libx264", {"bf": "0", "g": "10000", "threads": "1"}, lambda quantiser: {"qp": f"{quantiser}"}
)


def stand_in(folder: Path) -> Codec:
    return Codec(HardwareVideoEncoder.tried(STAND_IN, folder), Mp4Reader(), extract_frame, folder)


def device(folder: Path) -> Codec:
    """Return the first hardware encoder that works here."""
    reasons = []
    for codec in HARDWARE_CODECS.values():
        try:
            encoder = HardwareVideoEncoder.tried(codec, folder)
        except EncoderUnavailableError as error:
            reasons.append(error.message)
        else:
            return Codec(encoder, Mp4Reader(), extract_frame, folder)
    pytest.skip("; ".join(reasons))


CODECS: dict[str, Callable[[Path], Codec]] = {
    "fake": lambda folder: Codec(FakeVideoEncoder(), FakeMp4Reader(), FakeVideoFrameExtractor(), folder),
    "x264": lambda folder: Codec(X264VideoEncoder(folder), Mp4Reader(), extract_frame, folder),
    "stand-in for a device": stand_in,
    "device": device,
}


@pytest.fixture(params=CODECS.values(), ids=CODECS.keys())
def make(request: pytest.FixtureRequest) -> Callable[[Path], Codec]:
    factory: Callable[[Path], Codec] = request.param
    return factory


@pytest.fixture
def codec(make: Callable[[Path], Codec], tmp_path: Path) -> Codec:
    return make(tmp_path)


def grey(level: int, video_format: VideoFormat = FORMAT) -> Image:
    return np.full((video_format.height, video_format.width, 3), level, np.uint8)


def levels_of(frames: Sequence[Frame]) -> list[float]:
    return [float(frame.bgr().mean()) for frame in frames]


def test_a_group_decodes_to_its_frames(codec: Codec) -> None:
    group = codec.group()
    frames = codec.frames(group, 240)
    assert len(group.samples) == len(frames) == len(LEVELS)
    assert [frame.index for frame in frames] == list(range(240, 240 + len(LEVELS)))
    assert {(frame.width, frame.height) for frame in frames} == {(FORMAT.width, FORMAT.height)}
    assert levels_of(frames) == pytest.approx(LEVELS, abs=3)
    assert all(frame.nbytes > 0 for frame in frames)


def test_decoded_frames_behave_like_every_frame(codec: Codec) -> None:
    frame = codec.frames(codec.group())[1]
    first = frame.bgr()
    assert (first.dtype, first.shape, first.flags.c_contiguous) == (np.uint8, (128, 192, 3), True)
    first[:] = 0
    assert frame.bgr().mean() == pytest.approx(LEVELS[1], abs=3)
    small = frame.rgb(64, 32)
    assert (small.dtype, small.shape, small.flags.c_contiguous) == (np.uint8, (32, 64, 3), True)
    assert small.mean() == pytest.approx(LEVELS[1], abs=3)


@pytest.mark.parametrize("size", [(191, 127), (2, 2), (193, 128)])
def test_frames_of_any_size_keep_their_size(codec: Codec, size: tuple[int, int]) -> None:
    video_format = replace(FORMAT, width=size[0], height=size[1])
    try:
        codec.encoder.require_supported(video_format, None)
    except InvalidFormatError as error:
        pytest.skip(error.message)
    frames = codec.frames(codec.group((40, 200), video_format), video_format=video_format)
    assert [(frame.width, frame.height) for frame in frames] == [size] * 2
    assert [frame.bgr().shape for frame in frames] == [(size[1], size[0], 3)] * 2
    assert levels_of(frames) == pytest.approx((40, 200), abs=3)


def test_frames_are_as_stored_whatever_the_pixel_aspect(codec: Codec) -> None:
    narrow = replace(FORMAT, pixel_aspect=Fraction(24, 11))
    frames = codec.frames(codec.group(video_format=narrow), video_format=narrow)
    assert {(frame.width, frame.height) for frame in frames} == {(FORMAT.width, FORMAT.height)}
    assert levels_of(frames) == pytest.approx(LEVELS, abs=3)


@pytest.mark.parametrize("size", [(192, 128), (191, 127)])
def test_planes_can_be_read_before_they_are_encoded(codec: Codec, size: tuple[int, int]) -> None:
    video_format = replace(FORMAT, width=size[0], height=size[1])
    planes, reader = codec.encoder.plane_encoder(video_format), codec.encoder.plane_reader(video_format)
    for level in LEVELS:
        image = grey(level, video_format)
        image[:10, :20] = (200, 40, 90)
        frame = reader.read(planes.encode(image, APPEARANCE), 7)
        assert (frame.index, frame.width, frame.height) == (7, *size)
        assert np.abs(frame.bgr().astype(int) - image).mean() < 3
        assert frame.rgb(64, 32).shape == (32, 64, 3)
    with pytest.raises(FrameAnalysisError):
        reader.read(b"no planes", 7)


def test_images_of_another_size_are_refused(codec: Codec) -> None:
    planes = codec.encoder.plane_encoder(FORMAT)
    with pytest.raises(ValueError, match="192x128"):
        planes.encode(np.full((60, 200, 3), 77, np.uint8), APPEARANCE)


def test_encoding_is_deterministic(make: Callable[[Path], Codec], codec: Codec) -> None:
    other = make(codec.folder)
    assert codec.group() == codec.group() == other.group()
    assert codec.encoder.identity == other.encoder.identity
    assert codec.group() != codec.group(LEVELS[::-1])


def test_every_group_can_be_decoded_alone(codec: Codec) -> None:
    groups = [codec.group(LEVELS[:3]), codec.group(LEVELS[3:])]
    decoded = [levels_of(codec.frames(group)) for group in reversed(groups)]
    assert decoded[1] + decoded[0] == pytest.approx(LEVELS, abs=3)


def test_the_first_frame_can_be_decoded_without_the_rest(codec: Codec) -> None:
    frames = codec.encoder.decode_group(FORMAT, codec.group(), 0)
    assert next(frames).bgr().mean() == pytest.approx(LEVELS[0], abs=3)


@pytest.mark.parametrize("damage", [b"", b"\0\0\0\x08nonsense", b"\xff" * 400])
@pytest.mark.parametrize("index", [0, 3])
def test_a_damaged_group_is_an_error(codec: Codec, damage: bytes, index: int) -> None:
    samples = list(codec.group().samples)
    samples[index] = damage
    with pytest.raises(FrameAnalysisError):
        codec.frames(FrameGroup(tuple(samples)))


def test_unsupported_sound_is_refused_before_encoding(codec: Codec) -> None:
    codec.encoder.require_supported(FORMAT, None)
    codec.encoder.require_supported(FORMAT, Sound(codec.folder / "a.mp4", "aac"))
    with pytest.raises(InvalidFormatError) as caught:
        codec.encoder.require_supported(FORMAT, Sound(codec.folder / "a.avi", "pcm_s16le"))
    assert caught.value.hint


def write_video(codec: Codec) -> tuple[bytes, list[FrameGroup]]:
    groups = [codec.group(LEVELS[:4]), codec.group(LEVELS[4:])]
    writer = codec.encoder.writer(FORMAT, Timing.constant_rate(Fraction(25), 0, len(LEVELS)), None)
    for group in groups:
        writer.add(group)
    data = b"".join(writer.finish())
    writer.discard()
    return data, groups


def test_a_video_is_the_deterministic_sequence_of_its_groups(codec: Codec) -> None:
    data, groups = write_video(codec)
    digests = [hashlib.sha256(sample).hexdigest() for group in groups for sample in group.samples]
    assert codec.demuxer.sample_digests([data[:100], data[100:]]) == digests
    assert write_video(codec)[0] == data


def test_a_video_that_lacks_frames_is_refused_and_leaves_nothing(codec: Codec) -> None:
    writer = codec.encoder.writer(FORMAT, Timing.constant_rate(Fraction(25), 0, len(LEVELS)), None)
    writer.add(codec.group(LEVELS[:4]))
    with pytest.raises(ValueError, match="lacks frames"):
        b"".join(writer.finish())
    writer.discard()
    assert list(codec.folder.iterdir()) == []


def test_data_that_is_not_a_video_has_no_digests(codec: Codec) -> None:
    assert codec.demuxer.sample_digests([b"no video"]) is None
    assert codec.demuxer.sample_digests([]) is None


def test_single_frames_are_extracted_from_an_archive(codec: Codec) -> None:
    path = codec.folder / "out.zip"
    with ZipArchive(path) as archive:
        archive.add_stream(NAME, [write_video(codec)[0]])
        archive.commit()
    images = [codec.extract(path, NAME, index) for index in range(len(LEVELS))]
    assert len(set(images)) == len(LEVELS)
    for name, index in ((NAME, len(LEVELS)), ("films/other.mp4", 0)):
        with pytest.raises(ObjectNotFoundError):
            codec.extract(path, name, index)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ObjectNotFoundError):
        codec.extract(path, NAME, 0)
