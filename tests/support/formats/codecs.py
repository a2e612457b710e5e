"""Codecs of the format matrix: how a test writes them, and how exact their colours are."""

from __future__ import annotations

from dataclasses import dataclass, field

_GOP = {"g": "6"}
_REORDERED = {"g": "6", "bf": "2"}
LOSSLESS, LOSSY, PALETTE = 3, 8, 40
"""Largest differences of flat colours between what is written and what is read, in levels of 255."""


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """Codec of frames.

    Attributes:
        title: name for readers.
        encoder: libav's name of the encoder.
        pix_fmt: pixel format in which it is written.
        tolerance: largest difference of a flat colour, in levels of 255.
        options: options of the encoder.
        size: width and height in pixels; some codecs have only a few.
        bit_rate: bits per second; 0 for the encoder's default.
    """

    title: str
    encoder: str
    pix_fmt: str = "yuv420p"
    tolerance: int = LOSSY
    options: dict[str, str] = field(default_factory=lambda: _GOP)
    size: tuple[int, int] = (128, 96)
    bit_rate: int = 2_000_000


VIDEO_CODECS = {
    "h264": VideoCodec("H.264", "libx264", options=_REORDERED),
    "hevc": VideoCodec(
        "H.265", "libx265", options={"x265-params": "log-level=none:keyint=6:min-keyint=6:bframes=2"}
    ),
    "av1": VideoCodec("AV1", "libsvtav1", options={"g": "6", "preset": "12"}),
    "vp8": VideoCodec("VP8", "libvpx", options={"g": "6", "auto-alt-ref": "1", "lag-in-frames": "5"}),
    "vp9": VideoCodec("VP9", "libvpx-vp9", options={"g": "6", "cpu-used": "8", "deadline": "realtime"}),
    "mpeg1": VideoCodec("MPEG-1", "mpeg1video", options=_REORDERED),
    "mpeg2": VideoCodec("MPEG-2", "mpeg2video", options=_REORDERED),
    "mpeg4": VideoCodec("MPEG-4 Part 2 (DivX, Xvid)", "mpeg4", options=_REORDERED),
    "msmpeg4v2": VideoCodec("MS MPEG-4 v2", "msmpeg4v2"),
    "msmpeg4v3": VideoCodec("MS MPEG-4 v3 (DivX 3)", "msmpeg4"),
    "wmv1": VideoCodec("WMV 7", "wmv1"),
    "wmv2": VideoCodec("WMV 8", "wmv2"),
    "flv1": VideoCodec("Sorenson Spark", "flv"),
    "h261": VideoCodec("H.261", "h261", size=(352, 288)),
    "h263": VideoCodec("H.263", "h263", size=(352, 288)),
    "h263p": VideoCodec("H.263+", "h263p"),
    "mjpeg": VideoCodec("Motion JPEG", "mjpeg", "yuvj420p"),
    "jpeg2000": VideoCodec("JPEG 2000", "jpeg2000"),
    "jpegls": VideoCodec("JPEG-LS", "jpegls", "rgb24", LOSSLESS),
    "prores": VideoCodec("ProRes", "prores_ks", "yuv422p10le"),
    "dnxhd": VideoCodec("DNxHD", "dnxhd", "yuv422p", size=(1280, 720), bit_rate=90_000_000),
    "cineform": VideoCodec("CineForm", "cfhd", "yuv422p10le"),
    "dv": VideoCodec("DV", "dvvideo", size=(720, 576)),
    "ffv1": VideoCodec("FFV1", "ffv1", tolerance=LOSSLESS, options={"g": "6", "level": "3"}),
    "huffyuv": VideoCodec("HuffYUV", "huffyuv", "yuv422p", LOSSLESS),
    "ffvhuff": VideoCodec("FFmpeg HuffYUV", "ffvhuff", tolerance=LOSSLESS),
    "utvideo": VideoCodec("Ut Video", "utvideo", tolerance=LOSSLESS),
    "magicyuv": VideoCodec("MagicYUV", "magicyuv", tolerance=LOSSLESS),
    "raw": VideoCodec("uncompressed", "rawvideo", tolerance=LOSSLESS),
    "v210": VideoCodec("uncompressed 10-bit 4:2:2", "v210", "yuv422p10le", LOSSLESS),
    "r210": VideoCodec("uncompressed 10-bit RGB", "r210", "gbrp10le", LOSSLESS),
    "png": VideoCodec("PNG", "png", "rgb24", LOSSLESS),
    "targa": VideoCodec("Targa", "targa", "bgr24", LOSSLESS),
    "qtrle": VideoCodec("QuickTime Animation", "qtrle", "rgb24", LOSSLESS),
    "flashsv": VideoCodec("Flash Screen Video", "flashsv", "bgr24", LOSSLESS),
    "zmbv": VideoCodec("DOSBox ZMBV", "zmbv", "bgr0", LOSSLESS),
    "cinepak": VideoCodec("Cinepak", "cinepak", "rgb24", PALETTE),
    "msvideo1": VideoCodec("Microsoft Video 1", "msvideo1", "rgb555le", PALETTE),
    "rpza": VideoCodec("Apple Video", "rpza", "rgb555le", PALETTE),
    "svq1": VideoCodec("Sorenson 1", "svq1", "yuv410p", PALETTE),
    "snow": VideoCodec("Snow", "snow"),
    "gif": VideoCodec("GIF", "gif", "rgb8", PALETTE),
}


@dataclass(frozen=True, slots=True)
class SoundCodec:
    """Codec of sound.

    Attributes:
        title: name for readers.
        encoder: libav's name of the encoder.
        name: libav's name of the codec.
    """

    title: str
    encoder: str
    name: str


SOUND_CODECS = {
    codec.name: codec
    for codec in (
        SoundCodec("AAC", "aac", "aac"),
        SoundCodec("AC-3", "ac3", "ac3"),
        SoundCodec("E-AC-3", "eac3", "eac3"),
        SoundCodec("ALAC", "alac", "alac"),
        SoundCodec("FLAC", "flac", "flac"),
        SoundCodec("MP2", "mp2", "mp2"),
        SoundCodec("MP3", "libmp3lame", "mp3"),
        SoundCodec("Opus", "libopus", "opus"),
        SoundCodec("Vorbis", "vorbis", "vorbis"),
        SoundCodec("16-bit PCM", "pcm_s16le", "pcm_s16le"),
        SoundCodec("16-bit big-endian PCM", "pcm_s16be", "pcm_s16be"),
        SoundCodec("24-bit PCM", "pcm_s24le", "pcm_s24le"),
        SoundCodec("32-bit float PCM", "pcm_f32le", "pcm_f32le"),
        SoundCodec("PCM of DVDs", "pcm_dvd", "pcm_dvd"),
        SoundCodec("mu-law", "pcm_mulaw", "pcm_mulaw"),
        SoundCodec("A-law", "pcm_alaw", "pcm_alaw"),
        SoundCodec("IMA ADPCM", "adpcm_ima_wav", "adpcm_ima_wav"),
        SoundCodec("Microsoft ADPCM", "adpcm_ms", "adpcm_ms"),
        SoundCodec("WMA 1", "wmav1", "wmav1"),
        SoundCodec("WMA 2", "wmav2", "wmav2"),
        SoundCodec("WavPack", "wavpack", "wavpack"),
        SoundCodec("TTA", "tta", "tta"),
    )
}
