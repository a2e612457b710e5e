"""Lost slices and frames of H.265, which libav conceals, and intact streams, which are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from framecloak.adapters.media.h265.integrity import H265IntegrityCheck
from framecloak.adapters.media.h265.units import UnitReader
from framecloak.adapters.media.size_limit import MAX_VIDEO_PIXELS
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from support.samples.media import write_video

COUNT, GROUP = 12, 6
Edit = Callable[[list[bytes]], list[bytes]]


def write_h265(path: Path, parameters: str = "", *, pix_fmt: str = "yuv420p") -> Path:
    noise = np.random.default_rng(1).integers(30, 225, (256, 192, 3), np.uint8)
    common = f"log-level=none:pools=1:keyint={GROUP}:min-keyint={GROUP}"
    return write_video(
        path,
        size=(192, 256),
        codec="libx265",
        pix_fmt=pix_fmt,
        images=[np.roll(noise, 3 * number, axis=1) for number in range(COUNT)],
        options={"b": "3M", "x265-params": f"{common}:{parameters}" if parameters else common},
    )


def edited(path: Path, number: int, edit: Edit) -> Path:
    """Copy a video with the slices of one packet changed; a packet without slices is left out."""
    copy = path.with_stem("edited")
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        (stream,) = source.streams.video
        written = target.add_stream_from_template(stream)
        reader = UnitReader(stream.codec_context.extradata or b"")
        for index, packet in enumerate(source.demux(stream)):
            units = [*reader.units(bytes(packet))]
            if index == number:
                units = edit(units)
            if not units:
                continue
            changed = av.Packet(b"".join(len(unit).to_bytes(4, "big") + unit for unit in units))
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe, changed.stream = packet.is_keyframe, written
            target.mux(changed)
    return copy


def shown(path: Path) -> list[Image | None]:
    images: list[Image | None] = []
    source = open_video(path)
    for frame in source.frames(0, source.info.frame_count):
        try:
            images.append(frame.bgr())
        except FrameAnalysisError:
            images.append(None)
    return images


def without(lost: int) -> Edit:
    def edit(units: list[bytes]) -> list[bytes]:
        slices = [unit for unit in units if unit[0] >> 1 < 32]
        return [unit for unit in units if unit is not slices[lost]]

    return edit


@pytest.mark.parametrize("lost", range(4))
@pytest.mark.parametrize("packet", [1, 3])
def test_a_frame_without_one_of_its_slices_is_not_shown(packet: int, lost: int, tmp_path: Path) -> None:
    path = write_h265(tmp_path / "a.mkv", "slices=4:bframes=0")
    intact = shown(path)
    images = shown(edited(path, packet, without(lost)))
    assert all(image is None for image in images[packet:GROUP])
    # Without its first slice, libav reports the frames behind one after the other, and late.
    for number in range(GROUP, COUNT) if lost else ():
        assert np.array_equal(images[number], intact[number])


def test_frames_that_refer_to_a_lost_one_are_not_shown(tmp_path: Path) -> None:
    path = write_h265(tmp_path / "a.mkv", "bframes=0")
    images = shown(edited(path, 2, lambda _: []))
    assert len(images) == COUNT - 1
    assert all(image is None for image in images[2 : GROUP - 1])


INTACT = {
    "wavefronts": "wpp=1",
    "small blocks": "ctu=16:amp=1:rect=1",
    "pyramid and open groups": "bframes=5:b-pyramid=1:open-gop=1",
    "gradual refresh": "intra-refresh=1",
    "lossless": "lossless=1",
    "interlaced": "interlace=tff",
    "temporal layers": "temporal-layers=1",
}


@pytest.mark.parametrize("parameters", INTACT.values(), ids=INTACT)
def test_intact_streams_are_shown(parameters: str, tmp_path: Path) -> None:
    images = shown(write_h265(tmp_path / "a.mp4", parameters))
    assert len(images) == COUNT
    assert all(image is not None for image in images)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p10le", "yuv444p12le", "gray", "gray12le", "gbrp"])
def test_intact_streams_of_any_pixel_format_are_shown(pix_fmt: str, tmp_path: Path) -> None:
    assert all(image is not None for image in shown(write_h265(tmp_path / "a.mp4", pix_fmt=pix_fmt)))


def test_a_frame_beyond_the_limit_is_not_decoded(tmp_path: Path) -> None:
    with av.open(str(write_h265(tmp_path / "a.mp4"))) as container:
        (stream,) = container.streams.video
        extradata = stream.codec_context.extradata or b""
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    intact = H265IntegrityCheck(extradata, MAX_VIDEO_PIXELS)
    assert not any(intact.is_damaged(packet) for packet in packets)
    limited = H265IntegrityCheck(extradata, 192 * 256 - 1)
    assert all(limited.is_damaged(packet) for packet in packets)


def test_a_stream_with_unknown_features_is_not_checked(tmp_path: Path) -> None:
    with av.open(str(write_h265(tmp_path / "a.mp4"))) as container:
        (stream,) = container.streams.video
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    without_parameters = H265IntegrityCheck(bytes([1]) + bytes(20) + bytes([3, 0]), MAX_VIDEO_PIXELS)
    assert not any(without_parameters.is_damaged(packet) for packet in packets)
