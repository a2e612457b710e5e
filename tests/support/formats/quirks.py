"""Quirks of the format matrix: unusual files, and what Framecloak makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

COUNT = 20
UNEVEN = tuple(np.cumsum(np.random.default_rng(3).integers(10, 90, COUNT)).tolist())
"""Milliseconds at which the frames of a variable rate are shown."""

_X265 = "log-level=none:keyint=6:min-keyint=6"


@dataclass(frozen=True, slots=True)
class Quirk:
    """Unusual file.

    Attributes:
        name: name of the file that the test writes.
        goes_in: property of the file, for readers.
        comes_out: effect on the result, for readers.
        written: arguments of `write_video`.
    """

    name: str
    goes_in: str
    comes_out: str
    written: Mapping[str, object] = field(default_factory=dict)


_TIMES, _GROUPS, _PIXELS, _TURNED = (
    "times as stated",
    "every frame, from any of them on",
    "converted to 8 bit",
    "upright",
)

QUIRKS = (
    Quirk("variable.mp4", "variable frame rate, MP4", _TIMES, {"pts": UNEVEN}),
    Quirk("variable.mkv", "variable frame rate, Matroska", _TIMES, {"pts": UNEVEN}),
    Quirk("variable.ts", "variable frame rate, MPEG-TS", _TIMES, {"pts": UNEVEN}),
    Quirk(
        "late.mp4",
        "first frame after 5 s",
        "begins with the first frame",
        {"pts": [5000, *range(5040, 5800, 40)]},
    ),
    Quirk(
        "edits.mp4",
        "edit list that hides the first frames",
        "frames that players show",
        {"pts": list(range(-300, 500, 40))},
    ),
    Quirk(
        "fragmented.mp4",
        "fragmented MP4",
        _GROUPS,
        {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    ),
    Quirk(
        "index_first.mp4",
        "index before the frames",
        _GROUPS,
        {"container_options": {"movflags": "faststart"}},
    ),
    Quirk(
        "negative_offsets.mp4",
        "negative composition offsets",
        _TIMES,
        {"container_options": {"movflags": "negative_cts_offsets"}},
    ),
    Quirk(
        "live.webm",
        "live WebM without index",
        _GROUPS,
        {"codec": "libvpx", "container_options": {"live": "1"}},
    ),
    Quirk(
        "open_groups.mp4",
        "open groups of pictures, H.264",
        _GROUPS,
        {"options": {"x264-params": "open-gop=1:keyint=6:min-keyint=6:bframes=3:b-adapt=0:scenecut=0"}},
    ),
    Quirk(
        "open_groups_hevc.mkv",
        "open groups of pictures, H.265",
        _GROUPS,
        {"codec": "libx265", "options": {"x265-params": f"{_X265}:bframes=3:open-gop=1"}},
    ),
    Quirk(
        "pyramid.mp4",
        "pyramid of B-frames",
        _GROUPS,
        {"options": {"x264-params": "b-pyramid=normal:bframes=5:keyint=12:min-keyint=12:b-adapt=0"}},
    ),
    Quirk(
        "refresh.mp4",
        "gradual refresh instead of keyframes",
        "every frame; parts are decoded from the first frame on",
        {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
    ),
    Quirk(
        "interlaced.ts",
        "interlaced",
        "both fields in one frame; nothing is deinterlaced",
        {"options": {"x264-params": "interlaced=1:keyint=12:bframes=3"}},
    ),
    Quirk(
        "hidden.webm",
        "frames that are never shown (VP8)",
        "frames that players show",
        {"codec": "libvpx", "options": {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "2M"}},
    ),
    *(
        Quirk(
            f"turned_{degrees}.{suffix}",
            f"display matrix of {degrees} degrees, {title}",
            _TURNED,
            {"rotation": degrees},
        )
        for suffix, title in (("mp4", "MP4"), ("mkv", "Matroska"))
        for degrees in (90, 180, 270)
    ),
    Quirk("mirrored.mp4", "mirrored by its display matrix", _TURNED, {"mirrored": True}),
    Quirk(
        "odd.mp4",
        "odd width and height",
        "the same size; in videos, one row and column more",
        {"codec": "mpeg4", "size": (641, 361)},
    ),
    Quirk("cropped.mp4", "frames cropped by the bitstream", "the cropped size", {"size": (130, 98)}),
    Quirk("10_bit.mp4", "10 bit", _PIXELS, {"pix_fmt": "yuv420p10le"}),
    Quirk("12_bit.mkv", "12 bit, 4:4:4", _PIXELS, {"codec": "ffv1", "pix_fmt": "yuv444p12le", "options": {}}),
    Quirk("422.mp4", "4:2:2", _PIXELS, {"pix_fmt": "yuv422p"}),
    Quirk("444.mp4", "4:4:4", _PIXELS, {"pix_fmt": "yuv444p"}),
    Quirk("grey.mp4", "grey", "grey", {"pix_fmt": "gray"}),
    Quirk("full_range.mp4", "full range", "the same colours", {"pix_fmt": "yuvj420p", "full_range": True}),
    Quirk("bt709.mkv", "BT.709", "the same colours", {"colorspace": 1}),
    Quirk("bt601.mkv", "BT.601", "the same colours", {"colorspace": 5}),
    Quirk("bt2020.mkv", "BT.2020 matrix without HDR", "the same colours", {"colorspace": 9}),
    Quirk(
        "rgb.mkv",
        "RGB",
        "the same colours",
        {"codec": "libx264rgb", "pix_fmt": "rgb24", "options": {"g": "6"}},
    ),
)


@dataclass(frozen=True, slots=True)
class TestedElsewhere:
    """Row of the documentation whose test is not in the matrix.

    Attributes:
        goes_in: property of the file.
        comes_out: effect on the result.
        test: module of the test, below ``tests``.
    """

    __test__ = False

    goes_in: str
    comes_out: str
    test: str


_SOUND, _COLOUR, _DAMAGED = (
    "integration/media/test_kept_sound.py",
    "unit/adapters/media/colour/test_pixel_formats.py",
    "integration/media/test_damaged_videos.py",
)

TESTED_ELSEWHERE = (
    TestedElsewhere("clock of a transport stream that wraps", "frames and sound go on", _SOUND),
    TestedElsewhere("clock that starts anywhere, also below zero", "begins with the first frame", _SOUND),
    TestedElsewhere("recordings joined without new time stamps", "frames and sound go on, together", _SOUND),
    TestedElsewhere(
        "time stamps that fall, repeat or are missing",
        "times that rise",
        "unit/adapters/test_stream_clock.py",
    ),
    TestedElsewhere(
        "pixels that are not square",
        "searched in the shape that is displayed",
        "integration/media/test_pixel_aspects.py",
    ),
    TestedElsewhere(
        "frame size that changes on the way",
        "scaled to the size of the first frame",
        "integration/media/test_changing_sizes.py",
    ),
    TestedElsewhere(
        "several video tracks",
        "the one that players show; manifest and report name the others",
        "integration/media/test_odd_videos.py",
    ),
    TestedElsewhere(
        "subtitles, data tracks, chapters, metadata, thumbnails",
        "left out",
        "integration/media/test_video_encoder.py",
    ),
    TestedElsewhere(
        "transparency, in the pixel format or beside VP8 and VP9",
        "black",
        "integration/media/test_transparency.py",
    ),
    TestedElsewhere(
        "HDR: PQ and HLG",
        "tone-mapped to BT.709 (Report ITU-R BT.2390)",
        "unit/adapters/media/colour/test_tone_mapping.py",
    ),
    TestedElsewhere("YCgCo, ICtCp, reserved matrices", "as players show them", _COLOUR),
    TestedElsewhere("any pixel format of libavcodec", "within 3 levels of 255", _COLOUR),
    TestedElsewhere("cut off before its end", "refused; `--segments` takes what can be read", _DAMAGED),
    TestedElsewhere(
        "damage that the decoder reports", "black frames up to the next keyframe, counted", _DAMAGED
    ),
)
