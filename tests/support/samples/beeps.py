"""Videos with a beep every second, to compare the times of sound and frames."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
import numpy as np

FRAME_RATE, SAMPLE_RATE = 25, 48000
BEEP_SECONDS = 0.05
_SIZE = (64, 48)


def beeping(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return silence with a beep half a second after every full one; shape (samples,)."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.where((time - 0.5) % 1 < BEEP_SECONDS, 26000 * np.sin(2 * np.pi * 1000 * time), 0).astype(
        np.int16
    )


def write_beeping_video(
    path: Path,
    audio_codec: str,
    *,
    video_codec: str = "mpeg4",
    seconds: float = 4,
    format_name: str | None = None,
    options: dict[str, str] | None = None,
    start_seconds: float = 0,
) -> Path:
    """Write a video with a beep every second of its sound.

    Args:
        path: file to write.
        audio_codec: encoder of the sound.
        video_codec: encoder of the frames.
        seconds: duration.
        format_name: muxer; None to choose it by the suffix.
        options: options of the muxer.
        start_seconds: time of the first frame and the first sample on the file's clock.
    """
    with av.open(str(path), "w", format=format_name, container_options=options or {}) as container:
        video = container.add_stream(video_codec, rate=FRAME_RATE, options={"g": "10", "bf": "0"})
        video.width, video.height = _SIZE
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream(audio_codec, rate=SAMPLE_RATE, layout="stereo", options={"strict": "-2"})
        audio.bit_rate = 128_000
        resampler = av.AudioResampler(
            format=audio.format,
            layout="stereo",
            rate=SAMPLE_RATE,
            frame_size=audio.codec_context.frame_size or 1024,
        )
        shift = round(start_seconds * SAMPLE_RATE)
        tone = av.AudioFrame.from_ndarray(np.repeat(beeping(seconds), 2)[None], format="s16", layout="stereo")
        tone.sample_rate, tone.pts = SAMPLE_RATE, 0
        sounds = [*resampler.resample(tone), *resampler.resample(None)]
        frames = round(seconds * FRAME_RATE)
        for number in range(frames):
            image = av.VideoFrame.from_ndarray(
                np.full((*_SIZE[::-1], 3), number * 2 % 256, np.uint8), "rgb24"
            )
            image.pts = number + round(start_seconds * FRAME_RATE)
            container.mux(video.encode(image))
            while sounds and (sounds[0].pts or 0) / SAMPLE_RATE <= number / FRAME_RATE:
                container.mux(audio.encode(_shifted(sounds.pop(0), shift)))
        for sound in sounds:
            container.mux(audio.encode(_shifted(sound, shift)))
        container.mux([*video.encode(None), *audio.encode(None)])
    return path


def _shifted(frame: av.AudioFrame, samples: int) -> av.AudioFrame:
    frame.pts = (frame.pts or 0) + samples
    return frame


def beep_times(path: Path) -> list[float]:
    """Return when each beep of a video begins, in seconds on the file's clock."""
    loud: list[float] = []
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            with suppress(av.FFmpegError):  # the rest of a damaged packet
                for frame in packet.decode():
                    loud += _loud_times(frame)
    times = np.array(sorted(loud))
    return times[np.r_[True, np.diff(times) > 0.3]].tolist() if len(times) else []


def _loud_times(frame: av.AudioFrame) -> list[float]:
    times: list[float] = []
    for part in av.AudioResampler(format="flt", layout="mono").resample(frame):
        samples = np.abs(part.to_ndarray().reshape(-1))
        begin = float((part.pts or 0) * (part.time_base or 0))
        times += (begin + np.flatnonzero(samples > 0.1) / part.sample_rate).tolist()
    return times
