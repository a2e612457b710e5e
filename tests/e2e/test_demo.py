"""``framecloak demo``: what a newcomer runs first."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import command
from entrypoints.cli.main import main
from media_samples import write_video


def picture(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return image


def test_the_demo_redacts_a_film_of_its_own_and_shows_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    result = command.run("demo", "--output", folder)
    assert (result.code, result.err) == (0, "")
    for name in ("contact-sheet.jpg", "redacted.jpg", "demo.zip"):
        assert str(folder / name) in result.out
    assert "Next: framecloak redact" in result.out
    output = command.Output(folder / "demo.zip")
    assert len(output.manifest["frames"]) == 150
    assert output.manifest["summary"]["blanked"] == 0
    # The film opens and ends on all six people, and no moment of it is without a face.
    faces = [len(entry["boxes"]) for entry in output.manifest["frames"]]
    assert faces[0] >= 6
    assert min(faces) >= 1
    for entry, image in output.frames():
        for box in entry["boxes"]:
            x1, y1, x2, y2 = box["xyxy"]
            assert image[(y1 + y2) // 2, (x1 + x2) // 2].max() <= 24
    # Four moments, side by side: before and after, and the redacted half of that in a square.
    assert picture(folder / "contact-sheet.jpg").shape[1] > 4 * 480
    assert picture(folder / "redacted.jpg").shape[1] > 2 * 480


def test_the_picture_for_everybody_holds_redacted_pixels_only(tmp_path: Path) -> None:
    bright = np.full((96, 128, 3), 230, np.uint8)
    white = np.full((96, 128, 3), 255, np.uint8)
    from entrypoints.cli.contact_sheet import Moment, contact_sheet, redacted_only

    shown = [Moment("0.0 s", "1 face redacted", np.zeros_like(bright), white)] * 3
    assert redacted_only(shown, columns=2).reshape(-1, 3).max(axis=1).min() >= 40  # paper, ink and white
    assert contact_sheet(shown).min() == 0


@pytest.mark.parametrize("size", [(128, 96), (96, 128)])
def test_the_demo_takes_a_video_of_ones_own(
    tmp_path: Path, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "mine.mp4", 3, size=size)
    folder = tmp_path / "demo"
    for _ in range(2):  # a second run replaces the first
        assert main(["demo", str(video), "--output", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["contact-sheet.jpg", "demo.zip", "redacted.jpg"]
    assert str(folder / "contact-sheet.jpg") in capsys.readouterr().out


def test_the_demo_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = command.run("demo", "--output", tmp_path / "file")
    assert result.code == 40
    assert result.err.startswith(f"framecloak: cannot write to {tmp_path / 'file'}: ")
    assert len(result.err.splitlines()) == 1
