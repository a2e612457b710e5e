"""Containers of the format matrix, and the codecs of frames and sound that a test writes into them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """Container format.

    Attributes:
        title: name for readers.
        suffix: suffix of its files.
        video: keys of `VIDEO_CODECS`; `make test` reads the first, `make test-formats` all.
        sound: keys of `SOUND_CODECS`.
        taken_for: sound codecs that FFmpeg takes for another of their family, because the container has one
            code for both.
        format: libav's name of its muxer; None if the suffix names it.
        decoding_times: keys of `VIDEO_CODECS` of which the files state when a frame is decoded, so that times
            are exact to two frames only.
    """

    title: str
    suffix: str
    video: tuple[str, ...]
    sound: tuple[str, ...] = ()
    taken_for: tuple[tuple[str, str], ...] = ()
    format: str | None = None
    decoding_times: tuple[str, ...] = ()


_AVI_VIDEO = (
    *("mpeg4", "h264", "mjpeg", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "mpeg1", "mpeg2", "h261", "h263"),
    *("h263p", "flv1", "vp8", "vp9", "av1", "dv", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "raw"),
    *("v210", "r210", "png", "targa", "jpeg2000", "jpegls", "cineform", "zmbv", "flashsv", "cinepak"),
    *("msvideo1", "rpza", "svq1", "snow"),
)
_PCM = ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
_ADPCM = ("adpcm_ima_wav", "adpcm_ms")

CONTAINERS = (
    Container(
        "MP4",
        "mp4",
        ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2", "mpeg1", "mjpeg", "ffv1", "png", "jpeg2000"),
        ("aac", "ac3", "eac3", "alac", "flac", "mp2", "mp3", "opus", "vorbis", "pcm_s16le", "pcm_f32le"),
        taken_for=(("mp2", "mp3"),),
    ),
    Container(
        "QuickTime",
        "mov",
        (
            *("h264", "hevc", "prores", "dnxhd", "mpeg4", "mpeg2", "mpeg1", "mjpeg", "msmpeg4v3", "h263"),
            *("dv", "png", "qtrle", "cinepak", "gif", "svq1", "cineform", "jpeg2000", "magicyuv", "v210"),
            *("r210", "targa", "rpza"),
        ),
        ("aac", "ac3", "alac", "eac3", "mp2", "mp3", "pcm_s16le", "pcm_s16be", *_PCM[1:]),
    ),
    Container("3GP", "3gp", ("h264", "mpeg4", "h263"), ("aac",)),
    Container("Flash MP4", "f4v", ("h264",), ("aac", "mp3")),
    Container("Smooth Streaming", "ismv", ("h264", "hevc", "mpeg4"), ("aac",)),
    Container(
        "Matroska",
        "mkv",
        (
            *("h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "mpeg2", "mpeg1", "mjpeg", "msmpeg4v3", "prores"),
            *("ffv1", "raw", "snow", "jpeg2000"),
        ),
        (
            *("aac", "ac3", "alac", "eac3", "flac", "mp2", "mp3", "opus", "vorbis", "pcm_s16le", "pcm_s16be"),
            *("pcm_s24le", "pcm_f32le", "wavpack", "tta"),
        ),
    ),
    Container("WebM", "webm", ("vp9", "vp8", "av1"), ("opus", "vorbis")),
    Container("AVI", "avi", _AVI_VIDEO, ("aac", "ac3", "flac", "mp2", "mp3", *_PCM, *_ADPCM)),
    Container(
        "MPEG-TS",
        "ts",
        ("h264", "hevc", "mpeg2", "mpeg1", "mpeg4"),
        ("aac", "ac3", "eac3", "mp2", "mp3", "opus"),
    ),
    Container(
        "MPEG-PS", "mpg", ("mpeg2", "mpeg1", "h264", "hevc", "mpeg4"), ("ac3", "mp2", "mp3", "pcm_dvd")
    ),
    Container("DVD", "vob", ("mpeg2", "mpeg1"), ("ac3", "mp2", "pcm_dvd")),
    Container(
        "Flash Video",
        "flv",
        ("h264", "flv1", "hevc", "av1", "vp9", "flashsv"),
        ("aac", "ac3", "eac3", "flac", "mp3", "opus"),
    ),
    Container("Ogg", "ogv", ("vp8",), ("flac", "opus", "vorbis")),
    Container(
        "ASF, WMV",
        "asf",
        ("wmv2", *(codec for codec in _AVI_VIDEO if codec != "wmv2")),
        ("aac", "ac3", "eac3", "mp2", "mp3", "wmav1", "wmav2", *_PCM, *_ADPCM),
        decoding_times=("mpeg1", "mpeg2"),
    ),
    Container(
        "MXF",
        "mxf",
        ("mpeg2", "h264", "prores", "dnxhd", "dv", "ffv1", "jpeg2000"),
        ("pcm_s16le", "pcm_s24le"),
        decoding_times=("h264",),
    ),
    Container(
        "NUT",
        "nut",
        ("mpeg4", "hevc", "gif", *(codec for codec in _AVI_VIDEO if codec != "mpeg4")),
        ("aac", "ac3", "flac", "mp2", "mp3", "opus", "wavpack", *_PCM, "adpcm_ms"),
    ),
    Container(
        "Windows TV",
        "wtv",
        ("mpeg2", "h264", "mpeg1", "mpeg4", "vp8", "vp9"),
        ("ac3", "eac3", "mp2", "mp3", "pcm_s16le"),
    ),
    Container("DV", "dv", ("dv",)),
    Container("GIF", "gif", ("gif",)),
    Container("IVF", "ivf", ("vp9", "vp8", "av1")),
    Container("YUV4MPEG", "y4m", ("raw",), format="yuv4mpegpipe"),
    Container("H.264 stream", "h264", ("h264",)),
    Container("H.265 stream", "hevc", ("hevc",)),
    Container("AV1 stream", "obu", ("av1",)),
    Container("MPEG-4 stream", "m4v", ("mpeg4",)),
    Container("MPEG-2 stream", "m2v", ("mpeg2",), format="mpeg2video"),
    Container("MPEG-1 stream", "m1v", ("mpeg1",), format="mpeg1video", decoding_times=("mpeg1",)),
    Container("Motion JPEG stream", "mjpeg", ("mjpeg",)),
)
