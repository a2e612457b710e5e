"""Limit of what the tables of an MP4 may list."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from framecloak.adapters.media.mp4_index_limit import require_bounded_index
from framecloak.adapters.media.sample_limit import (
    BYTES_PER_SAMPLE,
    MAX_SAMPLES,
    SAMPLES_OF_SMALL_FILES,
    max_samples,
)
from framecloak.domain.errors import UnreadableVideoError
from support.samples.bombs import write_repeated_edits, write_repeated_samples
from support.samples.media import write_video


def box(kind: str, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", len(content) + 8, kind.encode()) + content


def table(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def track(samples: int, handler: bytes = b"vide", step: int = 512, edits: int = 0) -> bytes:
    sample_times = table(0, 1, samples, step)
    return box(
        "trak",
        box("edts", box("elst", table(0, edits))) if edits else b"",
        box(
            "mdia",
            box("hdlr", table(0, 0), handler),
            box("minf", box("stbl", box("stts", sample_times), box("stsz", table(0, 4, samples)))),
        ),
    )


def movie(*tracks: bytes) -> bytes:
    return box("ftyp", b"isom") + box("moov", *tracks)


def fragment(flags: int, samples: int, fields: int = 0) -> bytes:
    return box("moof", box("traf", box("trun", table(flags, samples), bytes(4 * fields))))


def large_file(path: Path, content: bytes) -> Path:
    """Write content into a file that is large enough for ``MAX_SAMPLES``."""
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(MAX_SAMPLES * BYTES_PER_SAMPLE)
    return path


ALLOWED = {
    "an ordinary file": movie(track(MAX_SAMPLES)),
    "a track repeated by its edits": movie(track(MAX_SAMPLES // 3, edits=3)),
    "a day of uncompressed sound": movie(track(48_000 * 86_400 // 4, b"soun", 1)),
    "fragments": movie() + fragment(0, MAX_SAMPLES // 2) * 2,
    "a fragment with less than it states": movie() + fragment(0x200, 1 << 31, fields=12),
    "no MP4": b"RIFF\0\0\0\0AVI LIST" + bytes(64),
    "a hidden handler": movie(box("udta", box("meta", bytes(4), box("hdlr", table(0, 0), b"mdir")))),
}
REFUSED = {
    "too many samples": movie(track(MAX_SAMPLES + 1)),
    "too many in two tracks": movie(track(MAX_SAMPLES // 2), track(MAX_SAMPLES // 2 + 1)),
    "too many repetitions": movie(track(1_000, edits=MAX_SAMPLES // 1_000 + 1)),
    "sound with steps of its own": movie(track(48_000 * 3600, b"soun", 1024)),
    "a video that states the steps of sound": movie(track(1 << 28, b"vide", 1)),
    "fragments without fields": movie() + fragment(0, MAX_SAMPLES // 2 + 1) * 2,
    "a table beside the tracks": movie(box("udta", box("stsz", table(0, 1, 1)))),
    "a table at the top": box("stsz", table(0, 1, 1)),
    "a table among the codecs": movie(
        box(
            "trak", box("mdia", box("minf", box("stbl", box("stsd", bytes(86), box("stsz", table(0, 1, 1))))))
        )
    ),
    "a compressed header": movie(box("cmov", box("dcom", b"zlib"))),
    "a disguised header": box("free", table(108), b"mvhd", bytes(100)) + track(1),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_muxers_write_passes(tmp_path: Path, name: str) -> None:
    require_bounded_index(large_file(tmp_path / "film.mp4", ALLOWED[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_take_gigabytes_is_refused(tmp_path: Path, name: str) -> None:
    path = large_file(tmp_path / "film.mp4", REFUSED[name])
    with pytest.raises(UnreadableVideoError, match=r"film\.mp4"):
        require_bounded_index(path)


@pytest.mark.parametrize("padding", [0, 8_000, 8_000_000])
def test_a_small_file_may_list_fewer_samples(tmp_path: Path, padding: int) -> None:
    size = len(movie(track(1))) + padding
    most = SAMPLES_OF_SMALL_FILES + size // BYTES_PER_SAMPLE
    path = tmp_path / "film.mp4"
    path.write_bytes(movie(track(most)) + bytes(padding))
    assert max_samples(path) == most
    require_bounded_index(path)
    path.write_bytes(movie(track(most + 1)) + bytes(padding))
    with pytest.raises(UnreadableVideoError, match="at its size"):
        require_bounded_index(path)


def test_real_files_with_extended_tables(tmp_path: Path) -> None:
    plain = write_video(tmp_path / "plain.mp4", 12)
    require_bounded_index(plain)
    require_bounded_index(write_repeated_edits(tmp_path / "few.mp4", plain, 12))
    for path in (
        write_repeated_samples(tmp_path / "samples.mp4", plain, 1 << 31),
        write_repeated_edits(tmp_path / "edits.mp4", plain, 1_000_000),
    ):
        with pytest.raises(UnreadableVideoError, match="at most"):
            require_bounded_index(path)


def test_a_file_that_is_gone_is_reported_by_who_opens_it(tmp_path: Path) -> None:
    require_bounded_index(tmp_path / "gone.mp4")
