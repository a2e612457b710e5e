"""``framecloak demo``, the first command of a new user."""

from __future__ import annotations

import json
import re
import stat
import zipfile
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from framecloak.adapters.media.video.source import open_video
from framecloak.entrypoints.cli.redact.contact_sheet import (
    FramePair,
    draw_contact_sheet,
    draw_redacted_only,
    select_frame_pairs,
)
from support.processes import command, service_process
from support.samples.media import write_video

RESULTS = ["contact-sheet.jpg", "demo.mp4", "demo.zip", "redacted.jpg", "service"]


def picture(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


def assert_private_and_at_rest(data: Path) -> None:
    """The folder holds originals, so it is private; and no server runs on it any more."""
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert list((data / "scratch").iterdir()) == []
    assert not (data / "servers.json").exists()
    assert not (data / "postgres" / "cluster" / "postmaster.pid").exists()


def test_demo_anonymises_its_own_video_and_shows_the_result(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    result = command.run("demo", "--once", "--output", folder, installed=True)
    assert result.code == 0
    assert "Traceback" not in result.err
    steps = [line.split()[0] for line in result.out.splitlines() if line and line[0] != " "]
    assert steps == [
        *("Generating", "Starting", "administrator", "ready"),
        *("Uploaded", "Marked", "Marked", "Submitted", "Downloaded"),
        *("Analysed", "Enrolled", "Searched"),
        *("Look", "Share", "Keep"),
    ]
    assert "ready http://127.0.0.1:" in result.out
    assert f"{folder / 'demo.zip'} with its one-time link" in result.out
    assert "6 faces" in result.out
    similarities = re.search(r"the most similar face has similarity (\S+), the others (.+)", result.out)
    assert similarities is not None
    # The enrolled person differs from the five others.
    assert float(similarities[1]) > max(map(float, similarities[2].split(", "))) + 0.05
    # A user who stops at once needs no password.
    assert "Password" not in result.out
    assert "password" not in result.out
    assert sorted(path.name for path in folder.iterdir()) == RESULTS
    assert_private_and_at_rest(folder / "service")

    output = command.Output(folder / "demo.zip")
    assert output.names == [
        *(f"frames/segment_1/frame_{n:07d}.jpg" for n in range(150)),
        "report.html",
        "manifest.json",
        "manifest.sig",
    ]
    assert output.manifest["summary"]["blanked"] == 0
    # The video starts and ends with all six people, and every frame shows a face.
    faces = [sum(box["kind"] == "face" for box in entry["boxes"]) for entry in output.manifest["frames"]]
    assert faces[0] >= 6
    assert min(faces) >= 1
    for entry, image in output.frames():
        kinds = [box["kind"] for box in entry["boxes"]]
        assert kinds.count("region") == 1
        for box in entry["boxes"]:
            x1, y1, x2, y2 = box["xyxy"]
            assert image[(y1 + y2) // 2, (x1 + x2) // 2].max() <= 24
    # Four frames side by side: before and after, and the redacted half of that in a square.
    assert picture(folder / "contact-sheet.jpg").shape[1] > 4 * 480
    assert picture(folder / "redacted.jpg").shape[1] > 2 * 480


def test_shown_frames_are_chosen_by_faces_and_not_by_regions(tmp_path: Path) -> None:
    video = write_video(tmp_path / "video.mp4", 2)
    boxes = [
        [{"kind": "face"}, {"kind": "face"}, {"kind": "region"}],
        [{"kind": "face"}, {"kind": "region"}, {"kind": "region"}, {"kind": "region"}],
    ]
    _, frame = cv2.imencode(".png", np.zeros((96, 128, 3), np.uint8))
    with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
        entries = [{"index": n, "file": f"{n}.png", "boxes": of_one} for n, of_one in enumerate(boxes)]
        archive.writestr("manifest.json", json.dumps({"frames": entries}))
        for entry in entries:
            archive.writestr(str(entry["file"]), frame.tobytes())
    (best,) = select_frame_pairs(open_video(video), tmp_path / "frames.zip", 1)
    assert best.redacted == "2 faces redacted"
    both = select_frame_pairs(open_video(video), tmp_path / "frames.zip", 2)
    assert [one.redacted for one in both] == ["2 faces redacted", "1 face redacted"]


def test_public_image_holds_redacted_pixels_only(tmp_path: Path) -> None:
    bright = np.full((96, 128, 3), 230, np.uint8)
    white = np.full((96, 128, 3), 255, np.uint8)
    shown = [FramePair("0.0 s", "1 face redacted", np.zeros_like(bright), white)] * 3
    assert draw_redacted_only(shown, columns=2).reshape(-1, 3).max(axis=1).min() >= 40  # paper, ink and white
    assert draw_contact_sheet(shown).min() == 0


def test_demo_with_the_users_video(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    # A second run replaces the first.
    for size, frames in (((128, 96), 3), ((96, 128), 2)):
        video = write_video(tmp_path / "mine.mp4", frames, size=size)
        result = command.run("demo", video, "--once", "--output", folder)
        assert result.code == 0
        assert f"Uploaded    mine.mp4: video 1, {frames} frames" in result.out
        assert "Analysed    frame 0: no face to enrol" in result.out
        assert sorted(path.name for path in folder.iterdir()) == [one for one in RESULTS if one != "demo.mp4"]
        assert len(command.Output(folder / "demo.zip").manifest["frames"]) == frames
        assert_private_and_at_rest(folder / "service")


def test_service_continues_until_ctrl_c(tmp_path: Path) -> None:
    video = write_video(tmp_path / "mine.mp4", 3)
    with service_process.started("demo", video, "--output", tmp_path / "demo") as demo:
        address = demo.wait_for("ready ")
        password = demo.wait_for("Password ")
        assert demo.wait_for("Sign in as ") == "admin"
        assert demo.wait_for("API ") == f"{address}/schema/openapi.json"
        demo.wait_for("Ctrl-C stops it.")
        with service_process.signed_in(address, password=password) as http:
            assert http.get("/api/videos/").json()["items"][0]["filename"] == "mine.mp4"

        # Another demo must not take away the data in use.
        second = command.run("demo", video, "--once", "--output", tmp_path / "demo")
        assert second.code == 51
        assert second.err.startswith("framecloak: another Framecloak runs on ")
        assert httpx.get(f"{address}/health").status_code == 200

        processes = demo.descendants()
        assert processes
        assert demo.stop() == 0
    assert not [one for one in processes if Path(f"/proc/{one}").exists()]
    assert_private_and_at_rest(tmp_path / "demo" / "service")


@pytest.mark.parametrize(
    ("moment", "installed"),
    [
        # It still imports modules, and Ctrl-C may arrive then too.
        ("Starting ", True),
        ("Submitted ", False),
    ],
)
def test_ctrl_c_during_the_run_ends_everything(tmp_path: Path, moment: str, installed: bool) -> None:
    video = write_video(tmp_path / "mine.mp4", 600)
    arguments = ("demo", video, "--output", tmp_path / "demo")
    with service_process.started(*arguments, installed=installed) as demo:
        demo.wait_for(moment)
        processes = demo.descendants()
        assert demo.stop() == 130
    assert not [one for one in processes if Path(f"/proc/{one}").exists()]
    assert not (tmp_path / "demo" / "demo.zip").exists()
    assert not (tmp_path / "demo" / "service" / "servers.json").exists()


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("missing.mp4", None, 10, "there is no file"),
        ("notes.mp4", "no video", 12, "notes.mp4 is not a video that can be read"),
    ],
)
def test_demo_explains_an_unusable_video(
    tmp_path: Path, name: str, content: str | None, code: int, says: str
) -> None:
    video = tmp_path / name
    if content is not None:
        video.write_text(content)
    result = command.run("demo", video, "--once", "--output", tmp_path / "demo")
    assert result.code == code
    assert result.err.splitlines()[-1].startswith("framecloak: ")
    assert says in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_demo_leaves_foreign_folders_alone(tmp_path: Path) -> None:
    thesis = tmp_path / "service" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    result = command.run("demo", "--once", "--output", tmp_path)
    assert result.code == 40
    assert f"{thesis.parent} exists and is not a data folder of Framecloak" in result.err
    assert thesis.read_text() == "years of work"


def test_demo_names_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = command.run("demo", "--once", "--output", tmp_path / "file")
    assert result.code == 40
    assert result.err.startswith(f"framecloak: cannot write to {tmp_path / 'file'}: ")
    assert len(result.err.splitlines()) == 1
