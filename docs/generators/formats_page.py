"""Page of media formats, from the table that the matrix tests write and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from framecloak.adapters.media.video.encoding.h264 import MAX_SIDE_PX, MP4_AUDIO_CODECS
from framecloak.domain.anonymization.model.output_format import OutputFormat
from support.formats.codecs import SOUND_CODECS, VIDEO_CODECS
from support.formats.containers import CONTAINERS
from support.formats.images import IMAGES
from support.formats.quirks import QUIRKS, TESTED_ELSEWHERE
from support.formats.refused import REFUSED

_COMES_OUT = {
    OutputFormat.JPG: "one JPEG per frame, 4:4:4",
    OutputFormat.JPEG: "the same as `jpg`",
    OutputFormat.PNG: "one PNG per frame, without loss",
    OutputFormat.WEBP: "one WebP per frame",
    OutputFormat.MP4: "one video per segment: H.264, 8 bit, 4:2:0, BT.709, "
    f"at most {MAX_SIDE_PX} pixels a side",
}


def formats_page(made: str) -> str:
    """List every format that is read and written.

    Args:
        made: note that the page is generated.
    """
    lines = [
        "# Formats",
        "",
        made,
        "",
        "Each row below is written, read and compared by the tests (`make test-formats`): number of frames,",
        "times, colours and sound, with what was written and with FFmpeg's own command line. The content of",
        "a file decides, not its name. Other codecs and containers of FFmpeg are mostly read, too, untested.",
        "",
        "## What comes out",
        "",
        *_table(("format", "what is written"), ((f"`{name}`", _COMES_OUT[name]) for name in OutputFormat)),
        "",
        "Frames keep their number, order, size and times; videos have the times of their source. All results",
        "are BT.709 or sRGB, upright, and without metadata, subtitles, chapters, data and further tracks.",
        "",
        "## Videos",
        "",
        "Sound is left out unless it is asked for. **copied**: `--audio keep` copies its packets unchanged.",
        "**converted**: `--audio keep` refuses it with `invalid_format`, because players do not expect it in",
        "an MP4; `--audio mute-speech` converts it to AAC, as it does with all sound.",
        "",
        *_table(("container", "suffix", "frames", "sound copied", "sound converted"), _containers()),
        "",
        "A container may have one code for two codecs; FFmpeg then takes "
        + ", ".join(
            f"{SOUND_CODECS[codec].title} in {container.title} for {SOUND_CODECS[other].title}"
            for container in CONTAINERS
            for codec, other in container.taken_for
        )
        + ".",
        "",
        "## Images",
        "",
        *_table(("format", "what it is"), ((image.title, image.comes_out) for image in IMAGES)),
        "",
        "## Unusual files",
        "",
        *_table(
            ("what goes in", "what comes out"),
            ((row.goes_in, row.comes_out) for row in (*QUIRKS, *TESTED_ELSEWHERE)),
        ),
        "",
        "## Refused",
        "",
        *_table(
            ("what goes in", "error", "what to do"),
            ((row.goes_in, f"`{row.code}`", row.hint) for row in REFUSED),
        ),
        "",
    ]
    return "\n".join(lines)


def _containers() -> Iterator[tuple[str, ...]]:
    for container in CONTAINERS:
        copied = [codec for codec in container.sound if codec in MP4_AUDIO_CODECS]
        converted = [codec for codec in container.sound if codec not in MP4_AUDIO_CODECS]
        yield (
            container.title,
            f"`.{container.suffix}`",
            ", ".join(VIDEO_CODECS[codec].title for codec in container.video),
            ", ".join(SOUND_CODECS[codec].title for codec in copied) or "none",
            ", ".join(SOUND_CODECS[codec].title for codec in converted) or "none",
        )


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ("---",) * len(heads), *rows)]
