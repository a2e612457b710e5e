"""Videos and images for tests: every frame has its number encoded in its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from framecloak.domain.imaging.detections import Image

BITS = 6
SIZE = (128, 96)
DETERMINISTIC = "cpu-independent=1"
"""Makes x264 write the same bytes on every processor; AVX-512 code differs in small frames otherwise."""

_NAMES = {"libx264": "h264", "libvpx": "vp8"}
_SELF_CONTAINED = {
    "libx264": {"bf": "0", "g": "10", "crf": "12", "x264-params": f"repeat-headers=1:{DETERMINISTIC}"},
    "libvpx": {"g": "10", "b": "4M", "auto-alt-ref": "0", "deadline": "realtime", "cpu-used": "8"},
}
CODEC_OPTIONS = {"libx265": {"x265-params": "log-level=none:keyint=12:min-keyint=12:bframes=3:open-gop=1"}}


def numbered_frame(number: int, size: tuple[int, int] = SIZE) -> Image:
    """Return a frame (h, w, 3) BGR with a number as bars in its upper half, over a drifting gradient."""
    width, height = size
    columns = (np.arange(width) * 2 + number * 3) % 160 + 40
    image = np.repeat(np.tile(columns, (height, 1))[:, :, None], 3, axis=2).astype(np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 2, left:right] = 235 if number >> bit & 1 else 20
    return image


def read_number(image: Image) -> int:
    """Read the number of `numbered_frame` back, after any coding and scaling."""
    height, width = image.shape[:2]
    centres = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    row = image[height // 4].mean(axis=1)
    return sum(int(row[x] > 128) << bit for bit, x in enumerate(centres))


def write_video(
    path: Path,
    count: int = 40,
    *,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    rotation: int | None = None,
    mirrored: bool = False,
    full_range: bool = False,
    images: Iterable[Image] | None = None,
    colorspace: int | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Encode numbered frames at 25 frames a second.

    Args:
        path: its suffix selects the container.
        pts: timestamps in milliseconds, instead of a constant rate.
        rotation: degrees clockwise by which a player has to rotate the frames.
        pixel_aspect: width to height of a stored pixel, before the rotation.
    """
    if images is None:
        images = (numbered_frame(number, size) for number in range(count))
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=_options(codec, options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        if codec.startswith("libvpx"):
            # Its threads wait for each other in busy loops, and starve on few processors.
            stream.codec_context.thread_count = 1
        time_base = Fraction(1, 25) if pts is None else Fraction(1, 1000)
        stream.codec_context.time_base = time_base
        if rotation is not None or mirrored:
            stream.set_display_rotation(-(rotation or 0), hflip=mirrored)
        if full_range:
            stream.codec_context.color_range = 2
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(
                format=pix_fmt,
                dst_colorspace=None if colorspace is None else colorspace,
                dst_color_range=2 if full_range else 1,
            )
            frame.pts = number if pts is None else pts[number]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_changing_size(path: Path, parts: Sequence[tuple[tuple[int, int], Sequence[Image]]]) -> Path:
    """Write a video whose frames change size midway, as in recorded video calls.

    Args:
        path: ``.mkv`` or ``.ts`` with H.264, whose sizes are in the stream, or ``.webm`` with VP8.
        parts: sizes in the file, each with the images to show at it.
    """
    codec = "libvpx" if path.suffix == ".webm" else "libx264"
    packets = [packet for size, images in parts for packet in _encoded(codec, size, images)]
    with av.open(str(path), "w") as container:
        width, height = parts[0][0]
        stream = container.add_mux_stream(_NAMES[codec], 25, width=width, height=height)
        stream.time_base = Fraction(1, 1000)
        for number, (data, is_keyframe) in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = 40 * number
            packet.duration, packet.is_keyframe = 40, is_keyframe
            container.mux_one(packet)
    return path


def _encoded(codec: str, size: tuple[int, int], images: Sequence[Image]) -> Iterable[tuple[bytes, bool]]:
    """Yield self-contained packets, and whether each is a keyframe."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    encoder.options = _SELF_CONTAINED[codec]
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), "bgr24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield from ((bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame))
    yield from ((bytes(packet), packet.is_keyframe) for packet in encoder.encode(None))


def _options(codec: str, options: dict[str, str] | None) -> dict[str, str]:
    if options is not None:
        return options
    if codec == "libx264":
        return {"g": "12", "bf": "3", "sc_threshold": "0", "b_strategy": "0", "x264-params": DETERMINISTIC}
    return CODEC_OPTIONS.get(codec, {"g": "12"})


def write_sound(path: Path, codec: str) -> Path:
    """Write a second of silence without a video stream."""
    with av.open(str(path), "w") as container:
        _mux_silence(container, codec)
    return path


def _mux_silence(container: OutputContainer, codec: str) -> None:
    stream = container.add_stream(codec, rate=44100)
    samples = np.zeros((1, 44100 * 2), np.int16)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
    frame.sample_rate = 44100
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_cover_art(path: Path) -> Path:
    """Write silence with an attached picture, as music files have."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        assert isinstance(cover, VideoStream)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        _mux_silence(container, "aac")
        image = av.VideoFrame.from_ndarray(numbered_frame(0, (64, 64)), format="bgr24")
        container.mux(cover.encode(image.reformat(format="yuvj420p")))
        container.mux(cover.encode())
    return path


def write_empty_mp4(path: Path) -> Path:
    """Write an MP4 that announces a video stream and contains none of its frames."""
    with av.open(str(path), "w", container_options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        container.start_encoding()
    return path


def sequential_frames(path: Path) -> list[Image]:
    """Return every frame that libav's own decoder shows, from the first packet to the last, as BGR."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]


def overwrite(path: Path, start: int, length: int) -> None:
    """Damage a range of bytes of a file."""
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(7)
    data[start : start + length] = rng.integers(0, 256, length, np.uint8).tobytes()
    path.write_bytes(data)


def truncate(path: Path, share: float) -> None:
    """Truncate a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def write_image(path: Path, image: Image) -> Path:
    """Write a still image, in the format that its suffix names."""
    assert cv2.imwrite(str(path), image)
    return path
