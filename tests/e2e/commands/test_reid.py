"""``framecloak reid`` on real faces."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.cli.main import main
from framecloak.entrypoints.cli.reid.drawing import write_sheet
from support.samples import clip_models, images


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An image of six people, and a larger one of one of them."""
    folder = tmp_path_factory.mktemp("pictures")
    group = images.group_photo()[:, :, ::-1]
    x1, y1, x2, y2 = images.GROUP_BOXES[4].astype(int)
    one = cv2.resize(np.ascontiguousarray(group[y1 - 40 : y2 + 40, x1 - 40 : x2 + 40]), None, fx=2, fy=2)
    paths = folder / "group.jpg", folder / "one.png"
    for path, image in zip(paths, (np.ascontiguousarray(group), one), strict=True):
        assert cv2.imwrite(str(path), image)
    return paths


def test_analyze_prints_and_draws_every_face(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "drawn.png"
    assert main(["reid", "analyze", str(files[0]), "--draw", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 of 6 detected faces; embeddings by dlib-resnet"
    assert len(lines) == 7
    drawn, plain = cv2.imread(str(out)), cv2.imread(str(files[0]))
    assert drawn is not None
    assert plain is not None
    assert drawn.shape == plain.shape
    assert 0 < (cv2.absdiff(drawn, plain) > 40).any(axis=2).mean() < 0.1


def test_analyze_prints_everything_as_json(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reid", "analyze", str(files[1]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["faces_detected"], len(found["faces"])) == ("dlib-resnet", 1, 1)
    face = found["faces"][0]
    assert len(face["embedding"]) == 128
    assert set(face["quality"]) == {"sharpness", "yaw", "pitch", "roll", "size"}
    assert face["emotions"] is None


def test_analyze_reports_emotions_with_a_clip_export(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip_models.write_clip(tmp_path)
    monkeypatch.setenv("MODEL_PATH", str(tmp_path))
    monkeypatch.delenv("CLIP_SERVICE_URL", raising=False)
    assert main(["reid", "analyze", str(files[1]), "--json"]) == 0
    (face,) = json.loads(capsys.readouterr().out)["faces"]
    assert set(face["emotions"]) == set(clip_models.EMOTIONS)
    assert sum(face["emotions"].values()) == pytest.approx(1, abs=1e-5)
    assert main(["reid", "analyze", str(files[1])]) == 0
    _, line = capsys.readouterr().out.splitlines()
    assert line.endswith(f"degrees, {max(face['emotions'], key=face['emotions'].get)}")


def test_compare_lists_the_most_similar_first(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pair.jpg"
    again = str(files[1])
    assert main(["reid", "compare", str(files[0]), again, again, "--json", "--draw", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)["pairs"]
    assert [pair["similarity"] for pair in found] == sorted(
        (pair["similarity"] for pair in found), reverse=True
    )
    assert (found[0]["first"], found[0]["second"]) == (again, again)
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert out.stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "data", "code", "number"),
    [("absent.jpg", None, "input_not_found", 10), ("text.jpg", b"text", "invalid_image", 116)],
)
def test_unusable_file_has_an_error_code(
    name: str, data: bytes | None, code: str, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    assert main(["reid", "analyze", str(tmp_path / name), "--json"]) == number
    error = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert error["code"] == code
    assert name in error["message"]


def test_image_without_a_face_and_unwritable_output(files: tuple[Path, Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    assert cv2.imwrite(str(empty), np.full((200, 300, 3), 90, np.uint8))
    assert main(["reid", "analyze", str(empty)]) == 117
    assert main(["reid", "analyze", str(files[1]), "--draw", str(tmp_path / "none" / "out.jpg")]) == 40
    assert main(["reid", "analyze", str(files[1]), "--draw", str(tmp_path / "out.odd")]) == 40


def test_drawing_of_many_images_has_rows_and_can_be_written(tmp_path: Path) -> None:
    def drawn(count: int) -> Image:
        out = tmp_path / f"{count}.jpg"
        write_sheet(out, (np.full((300, 400 + index % 2, 3), 200, np.uint8) for index in range(count)), count)
        sheet = cv2.imread(str(out))
        assert sheet is not None
        return np.asarray(sheet, np.uint8)

    assert [drawn(count).shape[:2] for count in (1, 2, 4)] == [(300, 400), (720, 1922), (720, 3844)]
    # Five images are in rows of three and two; the sixth cell is black.
    five = drawn(5)
    assert five.shape[:2] == (1440, 2882)
    assert five[:720].min() > 150
    assert five[720:, 2000:].max() < 50
    height, width = drawn(200).shape[:2]
    assert max(height, width) < 4000
