"""Bad input of any kind: one line, a specific exit code, no traceback, and nothing left behind."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from support.processes import command
from support.samples.media import numbered_frame, overwrite, truncate, write_image, write_sound, write_video


@dataclass(frozen=True)
class Mistake:
    """A possible mistake of a user.

    Attributes:
        make: writes the input into a folder.
        code: the expected exit code.
        says: a part of the message.
        options: further arguments.
        output: path of the ZIP in the test's folder.
    """

    make: Callable[[Path], Path]
    code: int
    says: str
    options: list[str] = field(default_factory=list)
    output: str = "out/redacted.zip"


def missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def empty_file(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("The minutes of our last meeting.\n" * 100)
    return path


def text_as_picture(folder: Path) -> Path:
    return text(folder).rename(folder / "notes.jpg")


def video(folder: Path) -> Path:
    return write_video(folder / "good.mp4", 10)


def video_with_its_index_cut_off(folder: Path) -> Path:
    path = write_video(folder / "truncated.mp4", 40)
    truncate(path, 0.6)
    return path


def video_with_its_pictures_cut_off(folder: Path) -> Path:
    path = write_video(folder / "truncated.mp4", 40, container_options={"movflags": "faststart"})
    truncate(path, 0.6)
    return path


def sound(folder: Path) -> Path:
    return write_sound(folder / "sound.m4a", "aac")


def video_without_frames(folder: Path) -> Path:
    path = folder / "nothing.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        container.start_encoding()
    return path


def empty_folder(folder: Path) -> Path:
    path = folder / "empty"
    path.mkdir()
    return path


def huge_picture(folder: Path) -> Path:
    """Write 16384 x 16384 pixels, all present, in 33 kB."""
    side = 16384
    row = bytes(1 + side // 8)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * side)),
        (b"IEND", b""),
    )
    path = folder / "huge.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            file.write(struct.pack(">I", len(data)) + kind + data)
            file.write(struct.pack(">I", zlib.crc32(kind + data)))
    return path


def damaged_picture(folder: Path) -> Path:
    path = write_image(folder / "damaged.jpg", numbered_frame(5, (640, 480)))
    truncate(path, 0.5)
    return path


MISTAKES = {
    "missing file": Mistake(missing, 10, "missing.mp4: No such file"),
    "empty file": Mistake(empty_file, 11, "empty.mp4 is empty"),
    "text renamed to mp4": Mistake(text, 12, "notes.mp4 is not a video"),
    "text renamed to jpg": Mistake(text_as_picture, 12, "notes.jpg is not an image"),
    "damaged picture": Mistake(damaged_picture, 12, "damaged.jpg is damaged"),
    "sound only": Mistake(sound, 13, "sound.m4a holds no video"),
    "no frames": Mistake(video_without_frames, 14, "nothing.avi holds no frames"),
    "folder without media": Mistake(empty_folder, 14, "neither images nor videos"),
    "index cut off": Mistake(video_with_its_index_cut_off, 15, "truncated.mp4 is cut off"),
    "pictures cut off": Mistake(video_with_its_pictures_cut_off, 15, "of 40 frames can be read"),
    "16k x 16k picture": Mistake(huge_picture, 16, "16384x16384"),
    "segment outside": Mistake(video, 20, "extends beyond good.mp4", ["--segments", "5:11"]),
    "segment that makes no sense": Mistake(video, 20, "is malformed", ["--segments", "5-11"]),
    "region outside": Mistake(video, 21, "beyond the frame of 128x96", ["--region", "100,0,29,10"]),
    "region that makes no sense": Mistake(video, 21, "is malformed", ["--region", "1,2,3"]),
    "region's segment outside": Mistake(video, 20, "extends beyond", ["--region", "1,2,3,4@8:12"]),
    "unknown level": Mistake(video, 22, "unknown level 'most'", ["--level", "most"]),
    "text kept that nobody redacts": Mistake(video, 25, "does not redact text", ["--keep-text", "1,2,3,4"]),
    "kept text outside": Mistake(
        video, 21, "beyond the frame of 128x96", ["--level", "full", "--keep-text", "100,0,29,10"]
    ),
    "unknown format": Mistake(video, 24, "unknown format 'tiff'", ["--format", "tiff"]),
    "quality out of range": Mistake(video, 25, "quality 101", ["--quality", "101"]),
    "nothing to redact": Mistake(video, 25, "nothing would be redacted", ["--level", "minimal"]),
    "unknown detector": Mistake(video, 31, "no detector 'eagle'", ["--detector", "eagle"]),
    "output in a missing folder": Mistake(video, 40, "is not a folder", output="nowhere/redacted.zip"),
    "output under a file": Mistake(video, 40, "is not a folder", output="in/good.mp4/redacted.zip"),
    "output is a folder": Mistake(video, 40, "it is a folder", output="out"),
    "unknown option": Mistake(video, 2, "No such option '--fast'", ["--fast"]),
    "unknown choice": Mistake(video, 2, "'smear' is not one of", ["--redaction", "smear"]),
}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_one_clear_line(result: command.Result, says: str) -> None:
    (line,) = result.err.splitlines()
    assert line.startswith("framecloak: ")
    assert says in line
    assert "Traceback" not in result.err + result.out
    message, _, hint = line.removeprefix("framecloak: ").rpartition(": ")
    assert message
    assert hint


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_has_one_line_and_a_specific_exit_code(folders: Path, mistake: Mistake) -> None:
    source = mistake.make(folders / "in")
    before = files_in(folders)
    result = command.run("redact", source, "-o", folders / mistake.output, *mistake.options)
    assert_one_clear_line(result, mistake.says)
    assert result.code == mistake.code
    assert files_in(folders) == before


def test_existing_output_is_replaced_only_with_force(folders: Path) -> None:
    source, output = video(folders / "in"), folders / "out" / "redacted.zip"
    output.write_bytes(b"precious")
    refused = command.run("redact", source, "-o", output)
    assert refused.code == 40
    assert_one_clear_line(refused, "already exists")
    assert output.read_bytes() == b"precious"
    assert command.run("redact", source, "-o", output, "--force").code == 0
    assert len(command.Output(output).manifest["frames"]) == 10


def test_an_input_is_never_replaced_by_the_output(folders: Path) -> None:
    source = video(folders / "in")
    before = source.read_bytes()
    result = command.run("redact", source, "-o", source, "--force")
    assert result.code == 40
    assert_one_clear_line(result, "is one of the inputs")
    assert source.read_bytes() == before


def test_damaged_frames_are_black_and_counted(folders: Path) -> None:
    options = {"g": "10", "bf": "0", "sc_threshold": "0"}
    source = write_video(folders / "in" / "damaged.mp4", 40, size=(320, 240), options=options)
    overwrite(source, source.stat().st_size // 2, 400)
    output = folders / "out" / "redacted.zip"
    result = command.run("redact", source, "-o", output, "--format", "png")
    assert result.code == 3
    assert_one_clear_line(result, "of 40 frames could not be examined or still showed too much; they are")
    frames = list(command.Output(output).frames())
    blanked = [entry["index"] for entry, _ in frames if entry["blanked"]]
    assert 1 <= len(blanked) <= 20
    assert command.Output(output).manifest["summary"]["blanked"] == len(blanked)
    assert [entry["index"] for entry, _ in frames] == list(range(40))
    for entry, image in frames:
        assert image.shape == (240, 320, 3)
        assert (image.max() == 0) == entry["blanked"]


def test_damaged_image_among_others_is_black_and_counted(folders: Path) -> None:
    album = folders / "in"
    damaged_picture(album)
    write_image(album / "whole.jpg", numbered_frame(3))
    output = folders / "out" / "redacted.zip"
    result = command.run("redact", album, "-o", output)
    assert result.code == 3
    assert_one_clear_line(result, "1 of 2 frames could not be examined")
    assert [entry["blanked"] for entry in command.Output(output).manifest["frames"]] == [True, False]


def test_truncated_video_is_processed_on_request(folders: Path) -> None:
    source = video_with_its_pictures_cut_off(folders / "in")
    output = folders / "out" / "redacted.zip"
    refused = command.run("redact", source, "-o", output)
    readable = refused.err.split("--segments ")[1].split()[0].rstrip(":")
    result = command.run("redact", source, "-o", output, "--segments", readable)
    assert (result.code, result.err) == (0, "")
    assert len(command.Output(output).manifest["frames"]) == int(readable.removeprefix("0:"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a full disk needs a file system of its own, which only root may mount")
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a full disk needs a file system of its own: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["/bin/umount", disk], check=True)


def test_a_full_disk_leaves_nothing_behind(folders: Path, small_disk: Path) -> None:
    rng = np.random.default_rng(1)
    noise = (rng.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(12))
    source = write_video(folders / "in" / "noise.mp4", size=(320, 240), images=noise)
    result = command.run("redact", source, "-o", small_disk / "redacted.zip", "--format", "png")
    assert result.code == 41
    assert_one_clear_line(result, "no space left")
    assert files_in(small_disk) == []


def test_errors_are_json_on_request(folders: Path) -> None:
    result = command.run("redact", missing(folders), "-o", folders / "out" / "redacted.zip", "--json")
    error = json.loads(result.err)
    assert (result.code, result.out) == (10, "")
    assert error["code"] == "input_not_found"
    assert set(error) == {"code", "message", "hint"}


def test_a_bad_variable_is_named(folders: Path) -> None:
    source = video(folders / "in")
    output = folders / "out" / "redacted.zip"
    result = command.run("redact", source, "-o", output, environment={"FRAMECLOAK_THREADS": "many"})
    assert result.code == 26
    assert_one_clear_line(result, "FRAMECLOAK_THREADS is 'many'")


def test_debug_option_shows_the_origin_of_an_error(folders: Path) -> None:
    result = command.run(
        *("redact", missing(folders), "-o", folders / "out" / "redacted.zip"),
        environment={"FRAMECLOAK_DEBUG": "1"},
    )
    assert "Traceback" in result.err
    assert "InputNotFoundError" in result.err
