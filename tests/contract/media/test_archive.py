"""Contract of every archive, and the properties of ZIP files on disk."""

from __future__ import annotations

import errno
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, cast

import pytest

from fakes.media import FakeArchive
from framecloak.adapters.media.zip import archive as archive_module
from framecloak.adapters.media.zip import format as zip_format
from framecloak.adapters.media.zip import integrity
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.errors import ObjectNotFoundError, OutputUnwritableError, StorageFullError
from framecloak.domain.ports.archives import Archive, ForeignContent


@dataclass(frozen=True)
class Sample:
    archive: Archive
    contents: Callable[[], dict[str, bytes]]


def read_zip(path: Path) -> dict[str, bytes]:
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def _fake(_: Path) -> Sample:
    archive = FakeArchive()
    return Sample(archive, lambda: archive.entries if archive.committed else {})


def _zip(folder: Path) -> Sample:
    path = folder / "out.zip"
    return Sample(ZipArchive(path), lambda: read_zip(path))


@pytest.fixture(params=[pytest.param(_fake, id="fake"), pytest.param(_zip, id="zip")])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    make: Callable[[Path], Sample] = request.param
    return make(tmp_path)


def test_entries_exist_only_after_commit(sample: Sample) -> None:
    sample.archive.add("frames/frame_0000000.jpg", b"one")
    sample.archive.add("manifest.json", b"{}")
    assert sample.contents() == {}
    sample.archive.commit()
    assert sample.contents() == {"frames/frame_0000000.jpg": b"one", "manifest.json": b"{}"}


def test_an_entry_can_be_written_in_chunks(sample: Sample) -> None:
    sample.archive.add_stream("films/film.mp4", (bytes([n]) * 3 for n in range(3)))
    with pytest.raises(ZeroDivisionError):
        sample.archive.add_stream("films/broken.mp4", (bytes([1 // n]) for n in range(2)))
    sample.archive.commit()
    assert sample.contents()["films/film.mp4"] == b"\0\0\0\1\1\1\2\2\2"


def test_entries_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with ZipArchive(path) as archive:
        archive.add("a", b"one")
        archive.add_stream("b", [b"t", b"wo"])
        archive.commit()
    with ZipReader(path) as reader:
        assert list(reader.names) == ["a", "b"]
        assert b"".join(reader.stream("b")) == reader.read("b") == b"two"
        with pytest.raises(ObjectNotFoundError):
            list(reader.stream("c"))


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the ZIP64 limits, which need gigabytes or 65,536 entries otherwise."""
    for module in (archive_module, integrity, zip_format):
        monkeypatch.setattr(module, "MAX_BYTES_WITHOUT_ZIP64", 60)
    monkeypatch.setattr(zip_format, "MAX_ENTRIES_WITHOUT_ZIP64", 4)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 60)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 4)


CONTENTS = {"a": b"one", "b.html": b"two", "c/dé": b"", "d": b"x" * 50, "e.html": b"", "f": b"last" * 20}
"""Entries by name. The HTML pages are written in chunks."""


def write_archive(path: Path) -> Path:
    with ZipArchive(path) as archive:
        for name, data in CONTENTS.items():
            if name.endswith(".html"):
                archive.add_stream(name, [data[:1], data[1:]])
            else:
                archive.add(name, data)
        archive.commit()
    return path


def write_with_zipfile(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in CONTENTS.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            entry.file_size = len(data)
            with archive.open(
                entry, "w", force_zip64=name.endswith(".html") or len(data) > zipfile.ZIP64_LIMIT
            ) as file:
                file.write(data)
    return path


def foreign_content(path: Path) -> list[ForeignContent]:
    with ZipReader(path) as reader:
        return reader.foreign_content()


since_python_3_11_4 = pytest.mark.skipif(
    sys.version_info < (3, 11, 4), reason="this Python gives the length of long entries twice"
)


@since_python_3_11_4
def test_an_archive_is_byte_for_byte_what_zipfile_writes(tmp_path: Path) -> None:
    ours = write_archive(tmp_path / "ours.zip")
    assert ours.read_bytes() == write_with_zipfile(tmp_path / "python.zip").read_bytes()
    assert foreign_content(ours) == []


@since_python_3_11_4
@pytest.mark.usefixtures("small_limits")
def test_a_large_archive_is_byte_for_byte_what_zipfile_writes(tmp_path: Path) -> None:
    ours = write_archive(tmp_path / "ours.zip")
    assert ours.read_bytes() == write_with_zipfile(tmp_path / "python.zip").read_bytes()
    assert read_zip(ours) == CONTENTS
    assert foreign_content(ours) == []


@pytest.mark.parametrize("large", [False, True])
def test_every_changed_byte_is_noticed(tmp_path: Path, large: bool, request: pytest.FixtureRequest) -> None:
    if large:
        request.getfixturevalue("small_limits")
    path = write_archive(tmp_path / "out.zip")
    whole = path.read_bytes()
    changed = tmp_path / "changed.zip"
    for position, byte in enumerate(whole):
        for value in {byte ^ 1, 0xFF} - {byte}:
            changed.write_bytes(whole[:position] + bytes([value]) + whole[position + 1 :])
            assert _is_noticed(changed), f"byte {position} may be {value}"


def _is_noticed(path: Path) -> bool:
    try:
        with ZipReader(path) as reader:
            contents = {name: reader.read(name) for name in reader.names}
            return contents != CONTENTS or reader.foreign_content() != []
    except ObjectNotFoundError:
        return True


HIDDEN = b"PK\3\4 an unredacted frame"


def _as_a_comment(whole: bytes) -> bytes:
    return whole[:-2] + len(HIDDEN).to_bytes(2, "little") + HIDDEN


def _after_the_last_entry(whole: bytes) -> bytes:
    start = int.from_bytes(whole[-6:-2], "little")
    moved = (start + len(HIDDEN)).to_bytes(4, "little")
    return whole[:start] + HIDDEN + whole[start:-6] + moved + whole[-2:]


@pytest.mark.parametrize(
    ("hide", "subject"),
    [
        pytest.param(lambda whole: HIDDEN + whole, "a", id="in front"),
        pytest.param(_after_the_last_entry, "the archive", id="behind the last entry"),
        pytest.param(_as_a_comment, "the archive", id="as a comment"),
        pytest.param(lambda whole: whole + HIDDEN, "the archive", id="behind"),
    ],
)
def test_bytes_outside_of_entries_are_reported(
    tmp_path: Path, hide: Callable[[bytes], bytes], subject: str
) -> None:
    path = write_archive(tmp_path / "out.zip")
    path.write_bytes(hide(path.read_bytes()))
    first = foreign_content(path)[0]
    assert first.subject == subject
    assert f"{len(HIDDEN)} bytes" in first.detail
    assert "belong to no entry" in first.detail


def test_a_gap_between_two_entries_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "gap.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            archive.writestr(entry, b"content")
        del archive.filelist[1]
    assert [problem.subject for problem in foreign_content(path)] == ["c"]


def test_a_repacked_archive_is_reported_in_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "repacked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            archive.writestr(name, b"content")
    assert [(problem.subject, problem.detail) for problem in foreign_content(path)] == [
        ("a", "its header is not as Framecloak writes it, nor are those of 2 more"),
        ("a", "its part of the ZIP directory is not as Framecloak writes it"),
    ]


def _with_a_comment(entry: zipfile.ZipInfo) -> None:
    entry.comment = b"<p>"


def _with_another_time(entry: zipfile.ZipInfo) -> None:
    entry.date_time = (2024, 1, 1, 0, 0, 0)


def _as_a_link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o120777 << 16


def _with_more_fields(entry: zipfile.ZipInfo) -> None:
    entry.extra = b"\x99\x99\x04\x00more"


def _deflated(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_DEFLATED


@pytest.mark.parametrize(
    "edit", [_with_a_comment, _with_another_time, _as_a_link, _with_more_fields, _deflated]
)
def test_an_entry_with_other_metadata_is_reported(
    tmp_path: Path, edit: Callable[[zipfile.ZipInfo], None]
) -> None:
    path = tmp_path / "edited.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "ab":
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            if name == "b":
                edit(entry)
            archive.writestr(entry, b"content" * 9)
    assert foreign_content(path) != []


def test_a_directory_that_lists_an_entry_twice_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("a", (1980, 1, 1, 0, 0, 0))
        entry.external_attr, entry.create_system = 0o644 << 16, 3
        archive.writestr(entry, b"content")
        archive.filelist.append(entry)
    assert "overlaps the entry before it" in foreign_content(path)[0].detail


def test_an_interrupted_entry_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with ZipArchive(path) as archive:
        archive.add("a", b"one")
        with pytest.raises(ZeroDivisionError):
            archive.add_stream("broken", (bytes([1 // n]) * 9999 for n in (1, 0)))
        archive.commit()
    assert read_zip(path) == {"a": b"one"}
    assert foreign_content(path) == []


def _with_a_password(data: bytearray) -> None:
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1


def _with_an_unknown_compression(data: bytearray) -> None:
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 97


def _with_corrupt_content(data: bytearray) -> None:
    start = data.index(b"name") + len(b"name")
    data[start : start + 8] = b"\xff" * 8


@pytest.mark.parametrize("spoil", [_with_a_password, _with_an_unknown_compression, _with_corrupt_content])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_an_entry_that_cannot_be_unpacked_is_reported_as_damaged(
    tmp_path: Path, spoil: Callable[[bytearray], None], method: int
) -> None:
    path = tmp_path / "strange.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("name", bytes(range(256)) * 8)
    data = bytearray(path.read_bytes())
    spoil(data)
    path.write_bytes(data)
    with ZipReader(path) as reader:
        with pytest.raises(ObjectNotFoundError, match="damaged"):
            reader.read("name")
        with pytest.raises(ObjectNotFoundError, match="damaged"):
            list(reader.stream("name"))


def test_discard_leaves_nothing(sample: Sample) -> None:
    sample.archive.add("a", b"1")
    sample.archive.discard()
    assert sample.contents() == {}


def test_discard_after_commit_is_harmless(sample: Sample) -> None:
    sample.archive.add("a", b"1")
    sample.archive.commit()
    sample.archive.discard()
    assert sample.contents() == {"a": b"1"}


def test_an_entry_name_can_be_used_once(sample: Sample) -> None:
    sample.archive.add("a", b"1")
    with pytest.raises(ValueError, match="already holds a"):
        sample.archive.add("a", b"2")
    sample.archive.discard()


def _write(path: Path) -> bytes:
    with ZipArchive(path) as archive:
        archive.add("frames/frame_0000000.jpg", b"one" * 1000)
        archive.add("manifest.json", b"{}")
        archive.commit()
    return path.read_bytes()


def test_equal_entries_give_equal_bytes(tmp_path: Path) -> None:
    assert _write(tmp_path / "a.zip") == _write(tmp_path / "b.zip")


def test_entries_are_stored_without_a_timestamp(tmp_path: Path) -> None:
    _write(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_an_unfinished_archive_is_a_hidden_file(tmp_path: Path) -> None:
    archive = ZipArchive(tmp_path / "out.zip")
    archive.add("a", b"1")
    (partial,) = tmp_path.iterdir()
    assert partial.name.startswith(".out.zip.")
    archive.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]


def test_an_error_inside_the_with_block_discards(tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_bytes(b"of an earlier run")
    archive = ZipArchive(tmp_path / "out.zip")
    archive.add("a", b"1")
    with pytest.raises(ValueError, match="already holds a"), archive:
        archive.add("a", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"]
    assert (tmp_path / "out.zip").read_bytes() == b"of an earlier run"


def test_commit_replaces_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "out.zip").write_bytes(b"of an earlier run")
    _write(tmp_path / "out.zip")
    assert set(read_zip(tmp_path / "out.zip")) == {"frames/frame_0000000.jpg", "manifest.json"}


def test_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritableError, match="cannot write"):
        ZipArchive(tmp_path / "missing" / "out.zip")


def test_a_path_below_a_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputUnwritableError, match="cannot write"):
        ZipArchive(tmp_path / "file" / "out.zip")


def test_a_folder_at_the_path_of_the_archive_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "out.zip").mkdir()
    with pytest.raises(OutputUnwritableError, match="it is a folder"):
        ZipArchive(tmp_path / "out.zip")
    assert list((tmp_path / "out.zip").iterdir()) == []


class ZipOnFullDisk(ZipArchive):
    """Archive that writes to the kernel's device that is always full."""

    def _create(self) -> IO[bytes]:
        return Path("/dev/full").open("wb")


class SmallDisk(FileIO):
    """A file on a disk with room for 100 bytes."""

    def write(self, data: bytes, /) -> int:
        if self.tell() + len(data) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


class ZipOnSmallDisk(ZipArchive):
    """Archive with room for an entry of ten bytes, but not for the directory after it."""

    def _create(self) -> IO[bytes]:
        return cast("IO[bytes]", SmallDisk(self._partial, "xb"))


def test_a_disk_that_fills_up_while_adding_is_reported(tmp_path: Path) -> None:
    archive = ZipOnFullDisk(tmp_path / "out.zip")
    with pytest.raises(StorageFullError, match="no space left"), archive:
        archive.add("a", b"1" * 1_000_000)


def test_a_disk_that_fills_up_on_commit_is_reported(tmp_path: Path) -> None:
    archive = ZipOnSmallDisk(tmp_path / "out.zip")
    archive.add("a", b"1" * 10)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(StorageFullError, match="no space left"):
        archive.commit()
    archive.discard()
    assert list(tmp_path.iterdir()) == []
