"""Results of `benchmarks/faces/recognition_roc.py`, and the faces that it counts."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framecloak.entrypoints.composition.reid
from fakes.recognition import FakeFaceRecognizer, FakeImageReader, image_bytes
from fakes.vision import FakeFaceDetector, paint_face
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.entrypoints.settings import Settings

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "faces" / "recognition_roc.py"


def evaluate(same: list[float], different: list[float]) -> dict[str, float | None]:
    figures: dict[str, float | None] = runpy.run_path(str(PROGRAM))["evaluate"](
        np.float32(same), np.float32(different)
    )
    return figures


def test_false_accept_rates_are_reported_only_when_there_are_enough_pairs() -> None:
    figures = evaluate([0.9, 0.6, 0.4], [0.5, 0.3, *[0.1] * 98])
    assert figures["TAR at FAR 0.1"] == pytest.approx(1)
    assert figures["TAR at FAR 0.01"] == pytest.approx(1)
    assert figures["TAR at FAR 0.001"] is None
    assert figures["TAR with no false accept"] == pytest.approx(2 / 3)
    assert figures["FAR of that, at most"] == pytest.approx(0.03)
    few = evaluate([0.9], [0.5])
    assert [few[f"TAR at FAR {limit:g}"] for limit in (0.1, 0.01)] == [None, None]
    assert (few["TAR with no false accept"], few["FAR of that, at most"]) == (1, 1)


def test_pairs_that_do_not_overlap_have_a_threshold_between_them() -> None:
    figures = evaluate([0.9, 0.8], [0.2, 0.1])
    assert (figures["lowest of one person"], figures["highest of two"]) == (
        pytest.approx(0.8),
        pytest.approx(0.2),
    )
    assert figures["area under the curve"] == 1
    assert figures["best threshold"] == pytest.approx(0.5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images of Ada, one of Bob, one of both and one without a face, for fake models."""

    def load_analysis(_: Settings) -> FaceAnalyzer:
        return FaceAnalyzer(
            FakeImageReader(), FakeFaceDetector(), FakeFaceRecognizer(), None, Capacity(threads=1)
        )

    monkeypatch.setattr(framecloak.entrypoints.composition.reid, "load_analysis", load_analysis)
    shown = {"ada1": [0.9], "ada2": [0.9], "bob": [0.6], "both": [0.9, 0.6], "nobody": []}
    for name, scores in shown.items():
        image = np.full((120, 240, 3), 90, np.uint8)
        for number, score in enumerate(scores):
            paint_face(image, (20 + 100 * number, 20, 80 + 100 * number, 90), score)
        (tmp_path / f"{name}.png").write_bytes(image_bytes(image))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), *map(str, arguments)])
    runpy.run_path(str(PROGRAM), run_name="__main__")


def test_an_image_with_several_faces_is_left_out_and_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    curve = folder / "roc.jpg"
    run(monkeypatch, folder, "--curve", curve)
    captured = capsys.readouterr()
    assert captured.out.startswith("fake: 3 faces of 2 people, 1 pairs of one person and 2 of two\n")
    both, nobody = captured.err.splitlines()
    assert both == f"{folder / 'both.png'}: left out: 2 faces for one label"
    assert nobody.startswith(f"{folder / 'nobody.png'}: left out: ")
    assert curve.stat().st_size > 0


def test_the_largest_of_several_faces_counts_on_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, folder, "--largest", "--json")
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["faces"] == 4
