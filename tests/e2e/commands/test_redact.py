"""``framecloak redact`` on real images: what the ZIP contains, and what it does not."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import zipfile
from hashlib import sha256
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

import framecloak.domain.anonymization.results.manifest
from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.main import main
from support.processes import command
from support.samples.images import GROUP_BOXES, group_photo
from support.samples.media import numbered_frame, read_number, write_image, write_video

SCHEMA = json.loads(
    Path(framecloak.domain.anonymization.results.manifest.__file__)
    .with_name("manifest.schema.json")
    .read_text("utf-8")
)


@pytest.fixture(scope="session")
def group() -> Image:
    """Six people, (864, 1280, 3) BGR."""
    return np.asarray(cv2.cvtColor(group_photo(), cv2.COLOR_RGB2BGR), np.uint8)


@pytest.fixture(scope="session")
def group_video(group: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six people, drifting to the left by two pixels a frame for 30 frames."""
    shots = (np.roll(group, -2 * number, axis=1) for number in range(30))
    path = tmp_path_factory.mktemp("film") / "Jane Doe 1970-01-01.mp4"
    return write_video(path, size=(1280, 864), images=shots)


def validated(output: Path) -> command.Output:
    zipped = command.Output(output)
    jsonschema.Draft202012Validator(SCHEMA).validate(zipped.manifest)
    return zipped


def redact(*arguments: str | Path) -> int:
    return main(["redact", *(str(argument) for argument in arguments)])


def test_every_face_is_black_in_every_frame(group_video: Path, tmp_path: Path) -> None:
    result = command.run("redact", group_video, "-o", tmp_path / "out.zip", installed=True)
    assert (result.code, result.err) == (0, "")
    assert "Detecting faces with CenterFace on CPU" in result.out
    output = validated(tmp_path / "out.zip")
    assert output.names == [
        *(f"frames/frame_{n:07d}.jpg" for n in range(30)),
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    for entry, image in output.frames():
        assert image.shape == (864, 1280, 3)
        boxes = np.array([box["xyxy"] for box in entry["boxes"]])
        # All six stay inside the frame for the whole video, except the first on the left.
        for x1, y1, x2, y2 in GROUP_BOXES[1:] - np.array([2, 0, 2, 0]) * entry["index"]:
            around = (boxes[:, :2] <= (x1 + 8, y1 + 8)).all(1) & (boxes[:, 2:] >= (x2 - 8, y2 - 8)).all(1)
            assert around.any()
            middle = image[round(y1 + 20) : round(y2 - 20), round(x1 + 20) : round(x2 - 20)]
            assert middle.max() <= 8
    (source,) = output.manifest["sources"]
    assert source["sha256"] == sha256(group_video.read_bytes()).hexdigest()
    assert (source["width"], source["height"], source["frame_rate"]) == (1280, 864, 25.0)
    assert output.manifest["models"][0]["name"] == "centerface"
    assert output.manifest["summary"]["tracks"] >= 6


@pytest.fixture(scope="session")
def people(group: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image of the fourth person from the left."""
    folder = tmp_path_factory.mktemp("people")
    x1, y1, x2, y2 = GROUP_BOXES[3].astype(int)
    write_image(folder / "Jane Doe.png", np.ascontiguousarray(group[y1 - 60 : y2 + 60, x1 - 60 : x2 + 60]))
    (folder / "consent.txt").write_text("yes")
    return folder


@pytest.mark.parametrize(
    ("options", "kept"),
    [(("--keep-faces",), {3}), (("--unknown-faces", "keep", "--only-faces"), {1, 2, 4, 5})],
)
def test_people_are_kept_or_redacted_by_identity(
    group_video: Path, people: Path, tmp_path: Path, options: tuple[str, ...], kept: set[int]
) -> None:
    arguments = ("redact", group_video, "-o", tmp_path / "out.zip", "--segments", "0:15")
    result = command.run(*arguments, *options, people)
    assert (result.code, result.err) == (0, "")
    assert "Recognising people with dlib-resnet" in result.out
    output = validated(tmp_path / "out.zip")
    for entry, image in output.frames():
        places = GROUP_BOXES - np.array([2, 0, 2, 0]) * entry["index"]
        for person, (x1, y1, x2, y2) in enumerate(places.round().astype(int)[1:], start=1):
            middle = image[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20]
            assert bool(middle.max() > 100) is (person in kept), (entry["index"], person)
    assert b"Jane" not in (tmp_path / "out.zip").read_bytes()
    checked = command.run("verify", tmp_path / "out.zip")
    assert checked.code == 0


def test_identity_in_a_single_image(group: Image, people: Path, tmp_path: Path) -> None:
    photograph = write_image(tmp_path / "group.png", np.ascontiguousarray(group))
    assert redact(photograph, photograph, "-o", tmp_path / "out.zip", "--keep-faces", people, "--quiet") == 0
    output = validated(tmp_path / "out.zip")
    for _, image in output.frames():
        for person, (x1, y1, x2, y2) in enumerate(GROUP_BOXES.astype(int)):
            assert bool(image[y1 + 20 : y2 - 20, x1 + 20 : x2 - 20].max() > 100) is (person == 3)
    decisions = output.manifest["identities"]["decisions"]
    known = [one for one in decisions if one["decision"] == "known"]
    assert [one["source"] for one in known] == [0, 1]
    assert {tuple(view[0] for view in one["views"]) for one in known} == {(0,)}


def test_rerendered_result_lists_kept_identities(group: Image, people: Path, tmp_path: Path) -> None:
    photograph = write_image(tmp_path / "group.png", np.ascontiguousarray(group))
    other = write_image(tmp_path / "other.png", numbered_frame(1))
    assert redact(other, photograph, "-o", tmp_path / "out.zip", "--keep-faces", people, "--quiet") == 0
    again = tmp_path / "again.zip"
    done = command.run("render", photograph, "--manifest", tmp_path / "out.zip", "-o", again, "--quiet")
    assert done.code == 0
    before, after = (validated(path).manifest["identities"] for path in (tmp_path / "out.zip", again))
    assert after == before | {"decisions": [one | {"source": 0} for one in before["decisions"]]}
    assert [one["redacted"] for one in after["decisions"]].count(False) == 1
    with zipfile.ZipFile(again) as archive:
        report = archive.read("report.html").decode()
    assert after["people"] in report
    assert "faces were left visible on purpose" in report


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--keep-faces", "nowhere"), 10),
        (("--keep-faces", "{empty}"), 14),
        (("--keep-faces", "{faceless}"), 117),
        (("--keep-faces", "{people}", "--only-faces", "{people}"), 25),
        (("--keep-faces", "{people}", "--unknown-faces", "keep"), 25),
        (("--only-faces", "{people}", "--face-threshold", "1.5"), 25),
        (("--face-threshold", "0.5"), 25),
        (("--keep-faces", "{people}", "--face-threshold", "0.5"), 25),
        (("--only-faces", "{people}", "--unknown-faces", "keep", "--face-threshold", "0.99"), 25),
        (("--keep-faces", "{people}", "--level", "minimal", "--region", "0,0,9,9"), 25),
    ],
)
def test_unusable_reference_photos_are_refused(
    group_video: Path, people: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    folders = {"people": people, "empty": tmp_path / "empty", "faceless": tmp_path / "faceless"}
    for name in ("empty", "faceless"):
        folders[name].mkdir()
    write_image(folders["faceless"] / "wall.png", numbered_frame(1))
    options = [argument.format(**folders) for argument in arguments]
    assert redact(group_video, "-o", tmp_path / "out.zip", "--quiet", *options) == code
    assert not (tmp_path / "out.zip").exists()


def test_the_same_input_gives_the_same_bytes(group_video: Path, tmp_path: Path) -> None:
    for name, threads in (("one.zip", "1"), ("four.zip", "4")):
        assert redact(group_video, "-o", tmp_path / name, "--threads", threads, "--quiet") == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "four.zip").read_bytes()


def test_file_names_are_included_only_on_request(group_video: Path, tmp_path: Path) -> None:
    without, kept = tmp_path / "without.zip", tmp_path / "kept.zip"
    assert redact(group_video, "-o", without, "--segments", "0:2", "--quiet") == 0
    assert redact(group_video, "-o", kept, "--segments", "0:2", "--quiet", "--keep-names") == 0
    assert b"Jane" not in without.read_bytes()
    output = validated(kept)
    assert output.names[0] == "frames/Jane_Doe_1970-01-01/frame_0000000.jpg"
    assert output.manifest["sources"][0]["name"] == "Jane Doe 1970-01-01.mp4"


def test_several_inputs_each_have_a_folder(tmp_path: Path) -> None:
    first = write_video(tmp_path / "first.mp4", 3)
    second = write_video(tmp_path / "second.mkv", 2)
    picture = write_image(tmp_path / "third.png", numbered_frame(7))
    assert redact(first, second, picture, "-o", tmp_path / "out.zip", "--quiet") == 0
    output = validated(tmp_path / "out.zip")
    assert output.names == [
        "frames/source_0000/frame_0000000.jpg",
        "frames/source_0000/frame_0000001.jpg",
        "frames/source_0000/frame_0000002.jpg",
        "frames/source_0001/frame_0000000.jpg",
        "frames/source_0001/frame_0000001.jpg",
        "frames/source_0002/frame_0000000.jpg",
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    assert [entry["source"] for entry in output.manifest["frames"]] == [0, 0, 0, 1, 1, 2]
    assert [source["id"] for source in output.manifest["sources"]] == [0, 1, 2]


def test_folder_contains_images_and_videos_in_name_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], group: Image
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    sizes = {"a.png": (128, 96), "b.jpg": (96, 128), "c.webp": (200, 100)}
    for number, (name, size) in enumerate(sizes.items()):
        write_image(album / name, numbered_frame(number, size))
    write_image(album / "d.jpg", group)
    (album / "notes.txt").write_text("not a picture")
    (album / ".hidden.jpg").write_text("not to be looked at")
    assert redact(album, "-o", tmp_path / "out.zip", "--format", "png") == 0
    assert "Ignoring files that are neither images nor videos: notes.txt" in capsys.readouterr().out
    output = validated(tmp_path / "out.zip")
    assert output.names == [
        *(f"frames/frame_{n:07d}.png" for n in range(4)),
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    frames = list(output.frames())
    assert [(entry["source"], entry["index"]) for entry, _ in frames] == [(0, 0), (1, 0), (2, 0), (3, 0)]
    for number, (_, image) in enumerate(frames[:3]):
        assert (image.shape[1], image.shape[0]) == list(sizes.values())[number]
        assert read_number(image) == number
    assert len(frames[3][0]["boxes"]) >= 6
    shas = [sha256(path.read_bytes()).hexdigest() for path in sorted(album.glob("[a-d].*"))]
    assert [source["sha256"] for source in output.manifest["sources"]] == shas


def test_segments_are_written_once_in_frames_or_seconds(tmp_path: Path) -> None:
    source = write_video(tmp_path / "film.mp4", 40)
    segments = "4:8,6:10,1.4s:1.48s,38:"
    assert redact(source, "-o", tmp_path / "out.zip", "--segments", segments, "--quiet") == 0
    output = validated(tmp_path / "out.zip")
    assert [entry["index"] for entry in output.manifest["frames"]] == [*range(4, 10), 35, 36, 38, 39]
    assert output.manifest["sources"][0]["segments"] == [[4, 10], [35, 37], [38, 40]]
    for entry, image in output.frames():
        assert read_number(image) == entry["index"]
        assert entry["file"] == f"frames/frame_{entry['index']:07d}.jpg"


def test_a_region_is_black_where_and_when_it_was_marked(tmp_path: Path) -> None:
    source = write_video(tmp_path / "film.mp4", 6)
    regions = ["--region", "10,50,30,20", "--region", "60,50,10,10@2:4"]
    arguments = ["--level", "minimal", "--format", "png", "--quiet", *regions]
    assert redact(source, "-o", tmp_path / "out.zip", *arguments) == 0
    output = validated(tmp_path / "out.zip")
    assert output.manifest["models"] == []
    assert output.manifest["settings"]["looks"] is None
    for entry, image in output.frames():
        timed = 2 <= entry["index"] < 4
        assert image[50:70, 10:40].max() == 0
        assert (image[50:60, 60:70].max() == 0) == timed
        assert image[50:70, 41:59].min() > 0
        assert [box["xyxy"] for box in entry["boxes"]] == [[10, 50, 40, 70], [60, 50, 70, 60]][: 1 + timed]
        assert {box["kind"] for box in entry["boxes"]} == {"region"}


@pytest.mark.parametrize(
    ("name", "magic"), [("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("PNG", b"\x89PNG")]
)
def test_frames_have_the_requested_format(tmp_path: Path, name: str, magic: bytes) -> None:
    source = write_video(tmp_path / "film.mp4", 2)
    assert redact(source, "-o", tmp_path / "out.zip", "--format", name, "--quiet") == 0
    validated(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert file.read(f"frames/frame_0000000.{name.lower()}").startswith(magic)


def test_json_option_prints_one_object(
    group_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert redact(group_video, "-o", tmp_path / "out.zip", "--json", "--segments", "0:4") == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert captured.err == ""
    assert report["output"] == str(tmp_path / "out.zip")
    assert report["bytes"] == (tmp_path / "out.zip").stat().st_size
    assert (report["frames"], report["blanked"]) == (4, 0)
    assert report["faces"] == sum(report["boxes"].values()) >= 6 * 4
    assert report["model"]["name"] == "centerface"


def test_quiet_option_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_video(tmp_path / "film.mp4", 2)
    assert redact(source, "-o", tmp_path / "out.zip", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_terminal_shows_rate_and_remaining_time(group_video: Path, tmp_path: Path) -> None:
    own_end, terminal = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "120"}
    arguments = ("redact", group_video, "-o", tmp_path / "out.zip", "--segments", "0:15")
    with command.start_installed(
        *arguments, environment=environment, stdout=subprocess.DEVNULL, stderr=terminal
    ) as process:
        os.close(terminal)
        shown = read_all(own_end)
        assert process.wait() == 0
    assert "Redacting" in shown
    assert "/15" in shown
    assert "left" in shown


def read_all(terminal: int) -> str:
    pieces = []
    try:
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    except OSError:
        pass  # a pseudo-terminal reports this when the other side has closed it
    finally:
        os.close(terminal)
    return b"".join(pieces).decode()


def test_help_names_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    from framecloak.entrypoints.cli.exit_codes import EXIT_CODES

    assert main(["redact", "--help"]) == 0
    shown = capsys.readouterr().out
    for name, code in EXIT_CODES.items():
        assert f"{code}  {name.replace('_', ' ')}" in shown


def test_help_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("redact", "demo", "models"))


def test_images_cannot_be_written_as_a_video(tmp_path: Path) -> None:
    picture = write_image(tmp_path / "a.png", numbered_frame(1))
    result = command.run("redact", picture, "-o", tmp_path / "out.zip", "--format", "mp4")
    assert result.code == 24
    assert "cannot become a video" in result.err
    assert not (tmp_path / "out.zip").exists()
