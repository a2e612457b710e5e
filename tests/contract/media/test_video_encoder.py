"""What making films promises, and taking them apart again: the fakes and x264."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fakes.results import FakeFilmReader, FakeVideoEncoder, FakeVideoFrameExtractor
from framecloak.adapters.media.video.frame_extraction import extract_frame
from framecloak.adapters.media.video.mp4_reader import Mp4Reader
from framecloak.adapters.media.video.x264 import X264VideoEncoder
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.results.verification import VideoDemuxer
from framecloak.domain.errors import FrameAnalysisError, InvalidFormatError, ObjectNotFoundError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound
from framecloak.domain.ports.video import FrameGroup, VideoEncoder, VideoFormat, VideoFrameExtractor

FILM = VideoFormat(128, 96, Fraction(25), 90)
LOOK = Appearance(OutputFormat.MP4)
LEVELS = (30, 220, 90, 160, 60, 200)
NAME = "films/film_0000000.mp4"


@dataclass(frozen=True)
class Kit:
    """What makes films, takes them apart, and shows frames of them."""

    studio: VideoEncoder
    reader: VideoDemuxer
    viewer: VideoFrameExtractor
    folder: Path

    def group(self, levels: Sequence[int] = LEVELS, film: VideoFormat = FILM) -> FrameGroup:
        """Frames that are each of one grey."""
        planes, encoder = self.studio.plane_encoder(film), self.studio.group_encoder(film)
        for level in levels:
            encoder.add(planes.encode(grey(level, film), LOOK))
        return encoder.finish()

    def frames(self, group: FrameGroup, first: int = 0, film: VideoFormat = FILM) -> list[Frame]:
        return list(self.studio.decode_group(film, group, first))


KITS: dict[str, Callable[[Path], Kit]] = {
    "fake": lambda folder: Kit(FakeVideoEncoder(), FakeFilmReader(), FakeVideoFrameExtractor(), folder),
    "x264": lambda folder: Kit(X264VideoEncoder(folder), Mp4Reader(), extract_frame, folder),
}


@pytest.fixture(params=KITS.values(), ids=KITS.keys())
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    make: Callable[[Path], Kit] = request.param
    return make(tmp_path)


def grey(level: int, film: VideoFormat = FILM) -> Image:
    return np.full((film.height, film.width, 3), level, np.uint8)


def levels_of(frames: Sequence[Frame]) -> list[float]:
    return [float(frame.bgr().mean()) for frame in frames]


def test_a_group_is_shown_as_it_was_encoded_frame_by_frame(kit: Kit) -> None:
    group = kit.group()
    frames = kit.frames(group, 240)
    assert len(group.samples) == len(frames) == len(LEVELS)
    assert [frame.index for frame in frames] == list(range(240, 240 + len(LEVELS)))
    assert {(frame.width, frame.height) for frame in frames} == {(FILM.width, FILM.height)}
    assert levels_of(frames) == pytest.approx(LEVELS, abs=3)
    assert all(frame.nbytes > 0 for frame in frames)


def test_pixels_are_as_every_frame_s(kit: Kit) -> None:
    frame = kit.frames(kit.group())[1]
    first = frame.bgr()
    assert (first.dtype, first.shape, first.flags.c_contiguous) == (np.uint8, (96, 128, 3), True)
    first[:] = 0
    assert frame.bgr().mean() == pytest.approx(LEVELS[1], abs=3)
    small = frame.rgb(64, 32)
    assert (small.dtype, small.shape, small.flags.c_contiguous) == (np.uint8, (32, 64, 3), True)
    assert small.mean() == pytest.approx(LEVELS[1], abs=3)


@pytest.mark.parametrize("size", [(127, 95), (2, 2), (129, 96)])
def test_frames_of_any_size_come_back_at_it(kit: Kit, size: tuple[int, int]) -> None:
    film = replace(FILM, width=size[0], height=size[1])
    frames = kit.frames(kit.group((40, 200), film), film=film)
    assert [(frame.width, frame.height) for frame in frames] == [size] * 2
    assert [frame.bgr().shape for frame in frames] == [(size[1], size[0], 3)] * 2
    assert levels_of(frames) == pytest.approx((40, 200), abs=3)


def test_pictures_of_another_size_are_refused(kit: Kit) -> None:
    planes = kit.studio.plane_encoder(FILM)
    with pytest.raises(ValueError, match="128x96"):
        planes.encode(np.full((60, 200, 3), 77, np.uint8), LOOK)


def test_the_same_frames_give_the_same_bytes_whoever_encodes_them(kit: Kit) -> None:
    assert kit.group() == kit.group() == KITS_BY_TYPE[type(kit.studio)](kit.folder).group()
    assert kit.group() != kit.group(LEVELS[::-1])


KITS_BY_TYPE: dict[type, Callable[[Path], Kit]] = {
    FakeVideoEncoder: KITS["fake"],
    X264VideoEncoder: KITS["x264"],
}


def test_a_group_needs_no_other_to_be_decoded(kit: Kit) -> None:
    groups = [kit.group(LEVELS[:3]), kit.group(LEVELS[3:])]
    shown = [levels_of(kit.frames(group)) for group in reversed(groups)]
    assert shown[1] + shown[0] == pytest.approx(LEVELS, abs=3)


def test_looking_at_the_first_frames_does_not_take_the_rest(kit: Kit) -> None:
    frames = kit.studio.decode_group(FILM, kit.group(), 0)
    assert next(frames).bgr().mean() == pytest.approx(LEVELS[0], abs=3)


@pytest.mark.parametrize("damage", [b"", b"\0\0\0\x08nonsense", b"\xff" * 400])
@pytest.mark.parametrize("place", [0, 3])
def test_a_damaged_group_is_an_error_and_never_fewer_frames(kit: Kit, damage: bytes, place: int) -> None:
    samples = list(kit.group().samples)
    samples[place] = damage
    with pytest.raises(FrameAnalysisError):
        kit.frames(FrameGroup(tuple(samples)))


def test_sound_that_a_film_cannot_hold_is_refused_beforehand(kit: Kit) -> None:
    kit.studio.require_supported(FILM, None)
    kit.studio.require_supported(FILM, Sound(kit.folder / "a.mp4", "aac"))
    with pytest.raises(InvalidFormatError) as caught:
        kit.studio.require_supported(FILM, Sound(kit.folder / "a.avi", "pcm_s16le"))
    assert caught.value.hint


def written(kit: Kit) -> tuple[bytes, list[FrameGroup]]:
    groups = [kit.group(LEVELS[:4]), kit.group(LEVELS[4:])]
    writer = kit.studio.writer(FILM, Timing.constant_rate(Fraction(25), 0, len(LEVELS)), None)
    for group in groups:
        writer.add(group)
    data = b"".join(writer.finish())
    writer.discard()
    return data, groups


def test_a_film_is_its_groups_in_a_row_and_the_same_every_time(kit: Kit) -> None:
    data, groups = written(kit)
    digests = [hashlib.sha256(sample).hexdigest() for group in groups for sample in group.samples]
    assert kit.reader.sample_digests([data[:100], data[100:]]) == digests
    assert written(kit)[0] == data


def test_a_film_that_lacks_frames_is_not_handed_out_and_leaves_nothing(kit: Kit) -> None:
    writer = kit.studio.writer(FILM, Timing.constant_rate(Fraction(25), 0, len(LEVELS)), None)
    writer.add(kit.group(LEVELS[:4]))
    with pytest.raises(ValueError, match="lacks frames"):
        b"".join(writer.finish())
    writer.discard()
    assert list(kit.folder.iterdir()) == []


def test_what_is_no_film_cannot_be_taken_apart(kit: Kit) -> None:
    assert kit.reader.sample_digests([b"no film"]) is None
    assert kit.reader.sample_digests([]) is None


def test_single_frames_are_shown_out_of_an_archive(kit: Kit) -> None:
    path = kit.folder / "out.zip"
    with ZipArchive(path) as archive:
        archive.add_stream(NAME, [written(kit)[0]])
        archive.commit()
    shown = [kit.viewer(path, NAME, place) for place in range(len(LEVELS))]
    assert len(set(shown)) == len(LEVELS)
    for name, place in ((NAME, len(LEVELS)), ("films/other.mp4", 0)):
        with pytest.raises(ObjectNotFoundError):
            kit.viewer(path, name, place)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ObjectNotFoundError):
        kit.viewer(path, NAME, 0)
