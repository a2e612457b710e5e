"""Files of the format matrix that are refused in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    """File that is refused.

    Attributes:
        name: name of the file that the test writes.
        goes_in: what the file is.
        code: code of the error.
        hint: what to do, for readers.
        content: content of the file; None if the test makes it.
    """

    name: str
    goes_in: str
    code: str
    hint: str
    content: bytes | None = None


REFUSED = (
    Refused(
        "photograph.heic",
        "HEIC photograph as a video",
        "unreadable_video",
        "name it `.heic` on the command line, or convert it to JPEG",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
    ),
    Refused(
        "list.m3u8",
        "playlist or script that names other files",
        "unreadable_video",
        "give the video itself",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.ts\n#EXT-X-ENDLIST\n",
    ),
    Refused("text.mp4", "no media file", "unreadable_video", "give a video", b"These are words.\n" * 40),
    Refused("empty.mp4", "empty file", "empty_file", "copy or export it again", b""),
    Refused("sound.m4a", "sound without video", "no_video_stream", "give a file with a video stream"),
    Refused("no_frames.mp4", "video without frames", "no_frames", "export it again"),
    Refused("cut.mp4", "MP4 that is cut off before its index", "truncated_video", "copy or export it again"),
)
