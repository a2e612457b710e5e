"""Videos encoded by x264: timestamps, sizes, sound, and independence of slicing."""

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

from fakes.results import ISSUER, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.mp4_reader import Mp4Reader
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import FRAMES_PER_GROUP, Appearance, Audio, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.proof.findings import ProblemKind
from framecloak.domain.anonymization.results.proof.verification import verify_archive
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.anonymization.results.video_writer import require_video_possible
from framecloak.domain.anonymization.work.assembly import AssemblySpec, ResultAssembler, VideoAssembly
from framecloak.domain.anonymization.work.parts import write_part
from framecloak.domain.anonymization.work.slice_planning import plan_slices
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.video import VideoFormat
from support.samples.media import numbered_frame, overwrite, read_number, truncate, write_video

MP4 = Appearance(OutputFormat.MP4)
REGION = Region(0, 80, 16, 16)
UNEVEN = [0, *accumulate([40, 7, 33, 500, 40, 40, 1, 90, 40] * 7)][:60]


def ignore_progress() -> None:
    """Progress callback that does nothing."""


def export_job(
    source: VideoSource, segments: Sequence[Segment] = (), appearance: Appearance = MP4
) -> ExportJob:
    all_segments = tuple(segments) or (Segment(0, source.info.frame_count),)
    export_source = ExportSource(
        0, source, None, lambda index: f"frames/{index:07d}", all_segments, (REGION,)
    )
    return ExportJob(ISSUER, Level.FACES, appearance, group_sources([export_source]))


def pipeline_tools(folder: Path) -> PipelineTools:
    return PipelineTools(
        FakeFaceDetector(),
        OpenCvRedactor(),
        OpenCvEncoder(),
        OpenCvSampler(),
        2,
        video_encoder=X264VideoEncoder(folder),
    )


def encode_video(
    folder: Path, source: VideoSource, segments: Sequence[Segment] = (), appearance: Appearance = MP4
) -> Path:
    """Export a source and return the first video of the result."""
    result = folder / "out.zip"
    with ZipArchive(result) as archive:
        export_job(source, segments, appearance).run(pipeline_tools(folder), archive, ignore_progress)
    with ZipFile(result) as zipped:
        (folder / "video.mp4").write_bytes(zipped.read(zipped.namelist()[0]))
    return folder / "video.mp4"


def frame_times(path: Path) -> tuple[list[Fraction], Fraction]:
    """Return the start times of all frames and the end of the last, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        starts = sorted(Fraction(packet.pts) * stream.time_base for packet in packets)
        last = max(packets, key=lambda packet: packet.pts)
        return starts, starts[-1] + Fraction(last.duration) * stream.time_base


def decoded_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


VIDEOS = {
    "steady": ("a.mp4", {}),
    "variable rate": ("a.mp4", {"pts": UNEVEN, "count": 60}),
    "variable rate in Matroska": ("a.mkv", {"pts": UNEVEN, "count": 60}),
    "transport stream": ("a.ts", {}),
    "AVI": ("a.avi", {"codec": "mpeg4"}),
    "rotated": ("a.mp4", {"rotation": 90}),
    "WebM": ("a.webm", {"codec": "libvpx"}),
}


@pytest.mark.parametrize(("name", "options"), VIDEOS.values(), ids=VIDEOS.keys())
def test_frames_keep_their_timestamps(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    original = write_video(tmp_path / name, **options)  # type: ignore[arg-type]
    source = open_video(original)
    video = encode_video(tmp_path, source)
    expected, _ = frame_times(original)
    times, end = frame_times(video)
    assert times == [time - expected[0] for time in expected]
    start, stop = source.timing(0, source.info.frame_count).interval_seconds
    assert end == stop - start
    frames = decoded_frames(video)
    stored = [
        cv2.rotate(frame, cv2.ROTATE_90_COUNTERCLOCKWISE) if source.info.rotation else frame
        for frame in frames
    ]
    assert [read_number(frame) for frame in stored] == [n % 64 for n in range(len(expected))]
    assert frames[0].shape == (source.info.height, source.info.width, 3)


def test_a_segment_begins_at_zero_and_keeps_its_gaps(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 60, pts=UNEVEN)
    encoded = encode_video(tmp_path, open_video(video), [Segment(3, 9), Segment(20, 30)])
    times, end = frame_times(encoded)
    assert [round(1000 * time) for time in [*times, end]] == [time - UNEVEN[3] for time in UNEVEN[3:10]]
    with ZipFile(tmp_path / "out.zip") as zipped:
        assert zipped.namelist()[:2] == ["films/film_0000003.mp4", "films/film_0000020.mp4"]


@pytest.mark.parametrize("size", [(127, 95), (2, 2), (128, 1)])
def test_odd_sizes_are_padded_by_one_row_or_column(tmp_path: Path, size: tuple[int, int]) -> None:
    video = _raw(tmp_path / "a.mkv", size)
    frames = decoded_frames(encode_video(tmp_path, open_video(video)))
    assert [frame.shape for frame in frames] == [(size[1] + size[1] % 2, size[0] + size[0] % 2, 3)] * 3


def _raw(path: Path, size: tuple[int, int]) -> Path:
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return write_video(path, 3, size=size, codec="ffv1", pix_fmt="bgr0", images=[image] * 3)


def test_colours_and_redaction_survive_encoding(tmp_path: Path) -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:] = (40, 90, 200)
    video = write_video(tmp_path / "a.mkv", 5, codec="ffv1", pix_fmt="bgr0", images=[image] * 5)
    for frame in decoded_frames(encode_video(tmp_path, open_video(video))):
        assert np.abs(frame[20:60, 20:100].astype(int) - image[0, 0]).max() <= 6
        assert frame[82:94, 2:14].max() <= 6


def test_damaged_frames_are_black_and_keep_their_time(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 60)
    with av.open(str(video)) as container:
        packets = [
            packet
            for packet in container.demux(video=0)
            if packet.size and 30 <= (packet.pts or 0) / 512 < 34
        ]
        positions = [(packet.pos, packet.size) for packet in packets]
    for position, length in positions:
        overwrite(video, position or 0, length)
    frames = decoded_frames(encode_video(tmp_path, open_video(video)))
    assert len(frames) == 60
    black = [number for number, frame in enumerate(frames) if frame.max() <= 6]
    assert black
    assert all(24 <= number < 48 for number in black)


def test_slicing_does_not_change_the_bytes(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 130, images=(numbered_frame(n % 64) for n in range(130)))
    source = open_video(video)
    segments = (Segment(5, 119),)
    job = export_job(source, segments)
    encode_video(tmp_path, source, segments)
    whole = (tmp_path / "out.zip").read_bytes()
    for max_frames in (1, 100):
        slices = plan_slices(segments, max_frames=max_frames, group_frames=FRAMES_PER_GROUP)
        result = tmp_path / "assembled.zip"
        video_assembly = VideoAssembly(X264VideoEncoder(tmp_path), source)
        assembly_spec = AssemblySpec(
            ISSUER, Level.FACES, MP4, source.sha256(), segments, (REGION,), video_assembly
        )
        with (
            ZipArchive(result) as archive,
            closing(ResultAssembler(assembly_spec, archive, ignore_progress)) as assembler,
        ):
            for number, slice_segment in enumerate(slices):
                path = tmp_path / f"part{number}.zip"
                with ZipArchive(path) as part:
                    write_part(
                        job, slice_segment, pipeline_tools(tmp_path), part, ignore_progress
                    ).continuation.close()
                with ZipReader(path) as reader:
                    assembler.add(reader)
            assembler.finish()
        assert len(slices) == {1: 3, 100: 2}[max_frames]
        assert result.read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def write_video_with_sound(path: Path, codec: str) -> Path:
    """Write two seconds of video with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": "12"})
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        audio = container.add_stream(codec, rate=48000, layout="stereo")
        audio.metadata["language"] = "deu"
        for number in range(50):
            container.mux(video.encode(av.VideoFrame.from_ndarray(numbered_frame(number), "bgr24")))
        tone = (np.sin(np.arange(96000) / 20) * 8000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
        frame.sample_rate = 48000
        for resampled in av.AudioResampler(format=audio.format, layout="stereo", rate=48000).resample(frame):
            container.mux(audio.encode(resampled))
        container.mux([*video.encode(), *audio.encode()])
    return path


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        return [
            (Fraction(packet.pts) * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
def test_sound_is_dropped_unless_requested(tmp_path: Path, suffix: str) -> None:
    source = open_video(write_video_with_sound(tmp_path / f"a.{suffix}", "aac"))
    with av.open(str(encode_video(tmp_path, source))) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    (start, end) = source.timing(10, 40).interval_seconds
    appearance = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    kept = sound_packets(encode_video(tmp_path, source, [Segment(10, 40)], appearance))
    expected = [
        (time - start, data) for time, data in sound_packets(tmp_path / f"a.{suffix}") if start <= time < end
    ]
    assert len(kept) == len(expected) > 50
    assert all(abs(a[0] - b[0]) <= Fraction(1, 40000) for a, b in zip(kept, expected, strict=True))
    if suffix != "ts":  # there each packet carries a header that an MP4 has once
        assert [data for _, data in kept] == [data for _, data in expected]


def test_no_metadata_of_the_source_is_copied(tmp_path: Path) -> None:
    source = open_video(write_video_with_sound(tmp_path / "a.mp4", "aac"))
    appearance = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    encoded = encode_video(tmp_path, source, appearance=appearance)
    with av.open(str(encoded)) as container:
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        for stream in container.streams:
            assert stream.metadata.get("language", "und") == "und"
    assert b"x264" not in encoded.read_bytes()
    assert b"Lavf" not in encoded.read_bytes()


def test_unsupported_sound_is_refused_before_encoding(tmp_path: Path) -> None:
    source = open_video(write_video_with_sound(tmp_path / "a.mkv", "pcm_s16le"))
    appearance = Appearance(OutputFormat.MP4, audio=Audio.KEEP)
    with pytest.raises(InvalidFormatError, match="pcm_s16le"):
        require_video_possible([source], appearance, X264VideoEncoder())
    require_video_possible([source], MP4, X264VideoEncoder())
    with pytest.raises(InvalidFormatError, match="16384"):
        X264VideoEncoder().require_supported(VideoFormat(20000, 10, Fraction(25), 90), None)


def test_a_changed_frame_of_a_video_is_named(tmp_path: Path) -> None:
    encode_video(tmp_path, open_video(write_video(tmp_path / "a.mp4", 60)))
    with ZipReader(tmp_path / "out.zip") as reader:
        genuine = verify_archive(reader, is_signed, Mp4Reader(), ISSUER.signer.public_key)
    assert genuine.problems == ()
    content = bytearray((tmp_path / "video.mp4").read_bytes())
    content[-40] ^= 0xFF
    with ZipReader(tmp_path / "out.zip") as old, ZipArchive(tmp_path / "new.zip") as new:
        for name in old.names:
            new.add(name, bytes(content) if name.endswith(".mp4") else old.read(name))
        new.commit()
    with ZipReader(tmp_path / "new.zip") as reader:
        verification = verify_archive(reader, is_signed, Mp4Reader(), ISSUER.signer.public_key)
    assert [problem.kind for problem in verification.problems] == [
        ProblemKind.FRAME_CHANGED,
        ProblemKind.FILE_CHANGED,
    ]
    assert "frame 59 " in verification.problems[0].detail


def test_a_truncated_video_is_encoded_as_far_as_it_is_readable(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv", 60)
    truncate(video, 0.6)
    source = open_video(video)
    readable = source.info.readable_frames
    encoded = encode_video(tmp_path, source, [Segment(0, readable)])
    assert 10 < len(decoded_frames(encoded)) == readable < 60
    assert cv2.VideoCapture(str(encoded)).isOpened()
