"""Films made by x264: their times, sizes, sound, and that slices make no difference."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from zipfile import ZipFile

import av
import cv2
import numpy as np
import pytest

from fakes.results import IMPRINT, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.video.mp4_reader import Mp4Reader
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.adapters.media.video.x264 import X264VideoEncoder
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import FRAMES_PER_GROUP, Appearance, Audio, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.results.verification import ProblemKind, verify_archive
from framecloak.domain.anonymization.results.video_writer import require_video_possible
from framecloak.domain.anonymization.work.parts import (
    AssemblySpec,
    ResultAssembler,
    VideoAssembly,
    write_part,
)
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.video import VideoFormat
from support.samples.media import cut, numbered_picture, overwrite, read_number, write_video

FILM = Appearance(OutputFormat.MP4)
REGION = Region(0, 80, 16, 16)
UNEVEN = [0, *accumulate([40, 7, 33, 500, 40, 40, 1, 90, 40] * 7)][:60]


def nothing() -> None:
    """For runs whose progress is of no interest."""


def export(source: VideoSource, segments: Sequence[Segment] = (), look: Appearance = FILM) -> ExportJob:
    chosen = tuple(segments) or (Segment(0, source.info.frame_count),)
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index:07d}", chosen, (REGION,))
    return ExportJob(IMPRINT, Level.FACES, look, group_sources([exhibit]))


def instruments(folder: Path) -> PipelineTools:
    return PipelineTools(
        FakeFaceDetector(), OpenCvRedactor(), OpenCvEncoder(), 2, video_encoder=X264VideoEncoder(folder)
    )


def filmed(
    folder: Path, source: VideoSource, segments: Sequence[Segment] = (), look: Appearance = FILM
) -> Path:
    """The first film of a result."""
    result = folder / "out.zip"
    with ZipArchive(result) as archive:
        export(source, segments, look).run(instruments(folder), archive, nothing)
    with ZipFile(result) as zipped:
        (folder / "film.mp4").write_bytes(zipped.read(zipped.namelist()[0]))
    return folder / "film.mp4"


def shown(path: Path) -> tuple[list[Fraction], Fraction]:
    """When every frame is shown, as a player is told, and when the last is over."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = sorted(Fraction(packet.pts) * stream.time_base for packet in packets)
        last = max(packets, key=lambda packet: packet.pts)
        return times, times[-1] + Fraction(last.duration) * stream.time_base


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


VIDEOS = {
    "steady": ("a.mp4", {}),
    "variable rate": ("a.mp4", {"pts": UNEVEN, "count": 60}),
    "variable rate in Matroska": ("a.mkv", {"pts": UNEVEN, "count": 60}),
    "transport stream": ("a.ts", {}),
    "AVI": ("a.avi", {"codec": "mpeg4"}),
    "turned": ("a.mp4", {"rotation": 90}),
    "WebM": ("a.webm", {"codec": "libvpx"}),
}


@pytest.mark.parametrize(("name", "how"), VIDEOS.values(), ids=VIDEOS.keys())
def test_frames_are_shown_when_they_were(tmp_path: Path, name: str, how: dict[str, object]) -> None:
    video = write_video(tmp_path / name, **how)  # type: ignore[arg-type]
    source = open_video(video)
    film = filmed(tmp_path, source)
    wanted, _ = shown(video)
    times, end = shown(film)
    assert times == [one - wanted[0] for one in wanted]
    start, over = source.timing(0, source.info.frame_count).interval_seconds
    assert end == over - start
    found = pictures(film)
    stored = [
        cv2.rotate(one, cv2.ROTATE_90_COUNTERCLOCKWISE) if source.info.rotation else one for one in found
    ]
    assert [read_number(one) for one in stored] == [n % 64 for n in range(len(wanted))]
    assert found[0].shape == (source.info.height, source.info.width, 3)


def test_a_segment_begins_at_zero_and_keeps_its_gaps(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 60, pts=UNEVEN)
    film = filmed(tmp_path, open_video(video), [Segment(3, 9), Segment(20, 30)])
    times, end = shown(film)
    assert [round(1000 * one) for one in [*times, end]] == [one - UNEVEN[3] for one in UNEVEN[3:10]]
    with ZipFile(tmp_path / "out.zip") as zipped:
        assert zipped.namelist()[:2] == ["films/film_0000003.mp4", "films/film_0000020.mp4"]


@pytest.mark.parametrize("size", [(127, 95), (2, 2), (128, 1)])
def test_odd_sizes_get_one_more_row_or_column(tmp_path: Path, size: tuple[int, int]) -> None:
    video = _raw(tmp_path / "a.mkv", size)
    found = pictures(filmed(tmp_path, open_video(video)))
    assert [one.shape for one in found] == [(size[1] + size[1] % 2, size[0] + size[0] % 2, 3)] * 3


def _raw(path: Path, size: tuple[int, int]) -> Path:
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    return write_video(path, 3, size=size, codec="ffv1", pix_fmt="bgr0", pictures=[picture] * 3)


def test_colours_and_redaction_survive(tmp_path: Path) -> None:
    picture = np.zeros((96, 128, 3), np.uint8)
    picture[:] = (40, 90, 200)
    video = write_video(tmp_path / "a.mkv", 5, codec="ffv1", pix_fmt="bgr0", pictures=[picture] * 5)
    for one in pictures(filmed(tmp_path, open_video(video))):
        assert np.abs(one[20:60, 20:100].astype(int) - picture[0, 0]).max() <= 6
        assert one[82:94, 2:14].max() <= 6


def test_damaged_frames_are_black_and_keep_their_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 60)
    with av.open(str(video)) as container:
        packets = [one for one in container.demux(video=0) if one.size and 30 <= (one.pts or 0) / 512 < 34]
        places = [(packet.pos, packet.size) for packet in packets]
    for position, length in places:
        overwrite(video, position or 0, length)
    found = pictures(filmed(tmp_path, open_video(video)))
    assert len(found) == 60
    black = [number for number, one in enumerate(found) if one.max() <= 6]
    assert black
    assert all(24 <= number < 48 for number in black)


def test_slices_make_no_difference_to_the_bytes(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 130, pictures=(numbered_picture(n % 64) for n in range(130)))
    source = open_video(video)
    segments = (Segment(5, 119),)
    order = export(source, segments)
    filmed(tmp_path, source, segments)
    whole = (tmp_path / "out.zip").read_bytes()
    for longest in (1, 100):
        slices = plan_slices(segments, max_frames=longest, group_frames=FRAMES_PER_GROUP)
        result = tmp_path / "bound.zip"
        filming = VideoAssembly(X264VideoEncoder(tmp_path), source)
        binding = AssemblySpec(IMPRINT, Level.FACES, FILM, source.sha256(), segments, (REGION,), filming)
        with ZipArchive(result) as archive, closing(ResultAssembler(binding, archive, nothing)) as binder:
            for number, piece in enumerate(slices):
                path = tmp_path / f"part{number}.zip"
                with ZipArchive(path) as part:
                    write_part(order, piece, instruments(tmp_path), part, nothing).seam.close()
                with ZipReader(path) as reader:
                    binder.add(reader)
            binder.finish()
        assert len(slices) == {1: 3, 100: 2}[longest]
        assert result.read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def with_sound(path: Path, codec: str) -> Path:
    """Two seconds of film with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": "12"})
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        audio = container.add_stream(codec, rate=48000, layout="stereo")
        audio.metadata["language"] = "deu"
        for number in range(50):
            container.mux(video.encode(av.VideoFrame.from_ndarray(numbered_picture(number), "bgr24")))
        tone = (np.sin(np.arange(96000) / 20) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = 48000
        for resampled in av.AudioResampler(format=audio.format, layout="stereo", rate=48000).resample(frame):
            container.mux(audio.encode(resampled))
        container.mux([*video.encode(), *audio.encode()])
    return path


def heard(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [
            (Fraction(one.pts) * one.time_base, bytes(one)) for one in container.demux(audio=0) if one.size
        ]


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
def test_sound_is_dropped_unless_it_is_to_be_kept(tmp_path: Path, suffix: str) -> None:
    source = open_video(with_sound(tmp_path / f"a.{suffix}", "aac"))
    with av.open(str(filmed(tmp_path, source))) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    (start, end) = source.timing(10, 40).interval_seconds
    look = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    kept = heard(filmed(tmp_path, source, [Segment(10, 40)], look))
    wanted = [(when - start, data) for when, data in heard(tmp_path / f"a.{suffix}") if start <= when < end]
    assert len(kept) == len(wanted) > 50
    assert all(abs(a[0] - b[0]) <= Fraction(1, 40000) for a, b in zip(kept, wanted, strict=True))
    if suffix != "ts":  # where each packet carries a header that an MP4 has once
        assert [data for _, data in kept] == [data for _, data in wanted]


def test_nothing_of_the_source_but_pictures_and_sound_is_in_it(tmp_path: Path) -> None:
    source = open_video(with_sound(tmp_path / "a.mp4", "aac"))
    look = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    film = filmed(tmp_path, source, look=look)
    with av.open(str(film)) as container:
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        for stream in container.streams:
            assert stream.metadata.get("language", "und") == "und"
    assert b"x264" not in film.read_bytes()
    assert b"Lavf" not in film.read_bytes()


def test_sound_that_an_mp4_cannot_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    source = open_video(with_sound(tmp_path / "a.mkv", "pcm_s16le"))
    look = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    with pytest.raises(InvalidFormatError, match="pcm_s16le"):
        require_video_possible([source], look, X264VideoEncoder())
    require_video_possible([source], FILM, X264VideoEncoder())
    with pytest.raises(InvalidFormatError, match="16384"):
        X264VideoEncoder().require_supported(VideoFormat(20000, 10, Fraction(25), 90), None)


def test_a_changed_film_names_the_frame(tmp_path: Path) -> None:
    filmed(tmp_path, open_video(write_video(tmp_path / "a.mp4", 60)))
    with ZipReader(tmp_path / "out.zip") as reader:
        genuine = verify_archive(reader, is_signed, Mp4Reader(), IMPRINT.signer.public_key)
    assert genuine.problems == ()
    film = bytearray((tmp_path / "film.mp4").read_bytes())
    film[-40] ^= 0xFF
    with ZipReader(tmp_path / "out.zip") as old, ZipArchive(tmp_path / "new.zip") as new:
        for name in old.names:
            new.add(name, bytes(film) if name.endswith(".mp4") else old.read(name))
        new.commit()
    with ZipReader(tmp_path / "new.zip") as reader:
        verdict = verify_archive(reader, is_signed, Mp4Reader(), IMPRINT.signer.public_key)
    assert [one.kind for one in verdict.problems] == [ProblemKind.FRAME_CHANGED, ProblemKind.FILE_CHANGED]
    assert "frame 59 " in verdict.problems[0].detail


def test_a_cut_off_video_makes_a_film_of_what_is_there(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv", 60)
    cut(video, 0.6)
    source = open_video(video)
    readable = source.info.readable_frames
    film = filmed(tmp_path, source, [Segment(0, readable)])
    assert 10 < len(pictures(film)) == readable < 60
    assert cv2.VideoCapture(str(film)).isOpened()
