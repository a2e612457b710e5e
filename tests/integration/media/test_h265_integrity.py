"""Lost slices and frames of H.265, which libav conceals, and intact streams, which are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from framecloak.adapters.media.h265.integrity import H265IntegrityCheck
from framecloak.adapters.media.h265.units import UnitReader
from framecloak.adapters.media.size_limit import MAX_VIDEO_PIXELS
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import DomainError, FrameAnalysisError
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


def stream_of(path: Path) -> tuple[bytes, list[bytes]]:
    """Return the configuration of a video and its packets."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        return stream.codec_context.extradata or b"", packets


def configuration(units: Sequence[bytes]) -> bytes:
    """Return a decoder configuration with parameter sets."""
    arrays = (bytes([unit[0] >> 1, 0, 1, *len(unit).to_bytes(2, "big")]) + unit for unit in units)
    return bytes([1]) + bytes(20) + bytes([3, len(units)]) + b"".join(arrays)


def with_profile(unit: bytes, number: int) -> bytes:
    """Return a video or sequence parameter set that states a profile and conforms to it."""
    start = {32: 6, 33: 3}.get(unit[0] >> 1)
    if start is None:
        return unit
    flags = (1 << (31 - number)).to_bytes(4, "big")
    return unit[:start] + bytes([number]) + flags + unit[start + 5 :]


def test_a_stream_with_features_that_the_decoder_lacks_is_not_checked(tmp_path: Path) -> None:
    extradata, packets = stream_of(write_h265(tmp_path / "a.mp4"))
    # Without the last of them, libde265 refuses the stream whatever it states.
    *kept, last = [unit for unit in UnitReader(extradata).parameter_sets if unit[0] >> 1 in {32, 33, 34}]
    assert last[0] >> 1 == 34
    unknown = H265IntegrityCheck(configuration([with_profile(unit, 9) for unit in kept]), MAX_VIDEO_PIXELS)
    assert not any(unknown.is_damaged(packet) for packet in packets)
    one_of_two = [with_profile(kept[0], 9), kept[1]]
    for damaged in (kept, one_of_two, [with_profile(kept[1], 9)], [with_profile(unit, 4) for unit in kept]):
        check = H265IntegrityCheck(configuration(damaged), MAX_VIDEO_PIXELS)
        assert all(check.is_damaged(packet) for packet in packets)


def test_a_stream_without_parameter_sets_is_damaged(tmp_path: Path) -> None:
    _, packets = stream_of(write_h265(tmp_path / "a.mp4"))
    for extradata in (configuration([]), configuration([b"\x40\x01\x0c"])[:-1]):
        check = H265IntegrityCheck(extradata, MAX_VIDEO_PIXELS)
        assert all(check.is_damaged(packet) for packet in packets)


def test_damaged_parameter_sets_do_not_end_the_check(tmp_path: Path) -> None:
    """A damaged frame is reported behind any damage to a byte of the parameter sets."""
    extradata, packets = stream_of(write_h265(tmp_path / "a.mp4", "bframes=0"))
    sets = [unit for unit in UnitReader(extradata).parameter_sets if unit[0] >> 1 in {32, 33, 34}]
    broken = packets[1][: len(packets[1]) // 2]
    broken = (len(broken) - 4).to_bytes(4, "big") + broken[4:]
    for number, unit in enumerate(sets):
        for place in range(2, len(unit)):
            for change in (0xFF, 1 << place % 8):
                changed = bytes([*unit[:place], unit[place] ^ change, *unit[place + 1 :]])
                damaged = [*sets[:number], changed, *sets[number + 1 :]]
                check = H265IntegrityCheck(configuration(damaged), MAX_VIDEO_PIXELS)
                reported = [check.is_damaged(packet) for packet in (packets[0], broken)]
                assert any(reported), (number, place, change)


@pytest.mark.parametrize("place", range(0, 40, 3))
def test_a_film_with_damaged_parameter_sets_shows_no_damaged_frame(place: int, tmp_path: Path) -> None:
    path = write_h265(tmp_path / "a.mp4", "bframes=0")
    intact = shown(path)
    cut = edited(path, 3, lambda units: [unit[: len(unit) // 2] for unit in units]).read_bytes()
    sps = next(unit for unit in UnitReader(stream_of(path)[0]).parameter_sets if unit[0] >> 1 == 33)
    start = cut.index(sps) + 2
    at = start + place % (len(sps) - 2)
    copy = tmp_path / "damaged.mp4"
    copy.write_bytes(cut[:at] + bytes([cut[at] ^ 0x55]) + cut[at + 1 :])
    try:
        images = shown(copy)
    except DomainError:
        return  # refused as a whole
    assert len(images) == COUNT
    assert all(image is None for image in images[3:GROUP])
    assert all(
        image is None or image.shape != right.shape or np.array_equal(image, right)
        for image, right in zip(images, intact, strict=True)
        if right is not None
    )
