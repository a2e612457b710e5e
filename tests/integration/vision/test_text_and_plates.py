"""Models of level full: text detection compared with RapidOCR, and the choice of the plate detector."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.adapters.vision.detection.pp_ocr import PpOcrText, decode, text_is_installed
from framecloak.adapters.vision.detection.yolo_plates import YoloPlates, load_plate_detector, plate_detectors
from framecloak.adapters.vision.reading.pp_ocr import PpOcrReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.weights import rapidocr_wheel
from framecloak.adapters.vision.weights.catalogue import PP_OCR, PP_OCR_READER
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.errors import (
    FrameAnalysisError,
    LevelUnavailableError,
    ModelCorruptError,
    ModelMissingError,
)
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.settings import Settings
from support.samples import images, onnx_models


@pytest.fixture(scope="module")
def detector() -> PpOcrText:
    return PpOcrText.load(Provider.CPU)


def page() -> Image:
    """Return an image with lines of several sizes, one of them slanted."""
    image = np.full((480, 640, 3), 40, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, "JANE DOE 12.03.1961", (20, 60), font, 1.0, (230, 230, 230), 2)
    cv2.putText(image, "B-XY 4711", (300, 200), font, 2.0, (250, 250, 250), 4)
    cv2.putText(image, "09:41:07", (20, 460), font, 0.7, (255, 255, 0), 1)
    rotation = cv2.getRotationMatrix2D((160, 300), 20, 1.0)
    slanted = cv2.putText(np.zeros_like(image), "ward seven", (60, 310), font, 1.2, (255, 255, 255), 2)
    return np.maximum(image, cv2.warpAffine(slanted, rotation, (640, 480)))


def test_text_is_detected_as_by_rapidocr(detector: PpOcrText) -> None:
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Det.limit_type": "max",
            "Det.limit_side_len": 640,
        }
    )
    image = page()
    quads = engine(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), use_det=True, use_cls=False, use_rec=False).boxes
    expected = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1).astype(float)
    detections = detector.detect(image, 0.5)
    overlaps = images.iou(expected, detections.boxes)
    assert len(expected) == len(detections) == 4
    assert overlaps.max(axis=1).min() > 0.85


def test_a_slanted_line_is_covered_by_an_upright_box(detector: PpOcrText) -> None:
    probabilities = np.zeros((96, 128), np.float32)
    cv2.line(probabilities, (20, 70), (100, 30), 1.0, 9)  # type: ignore[call-overload]
    detections = decode(probabilities, 0.5)
    rows, columns = np.nonzero(probabilities)
    (box,) = detections.boxes
    assert box[0] <= columns.min()
    assert box[1] <= rows.min()
    assert box[2] >= columns.max()
    assert box[3] >= rows.max()


def test_specks_and_faint_areas_are_not_text() -> None:
    probabilities = np.zeros((96, 128), np.float32)
    probabilities[10:12, 10:40] = 1.0
    probabilities[40:60, 10:80] = 0.35
    assert len(decode(probabilities, 0.5)) == 0
    assert len(decode(probabilities, 0.3)) == 1


class _Session:
    """Session with a fixed answer."""

    def __init__(self, answer: np.ndarray) -> None:
        self.answer = answer

    def run(self, _: object) -> list[np.ndarray]:
        return [self.answer]


@pytest.mark.parametrize(
    "answer", [np.full((1, 1, 64, 64), np.nan, np.float32), np.zeros((1, 1, 16, 16), np.float32)]
)
def test_non_finite_numbers_and_maps_of_another_size_are_errors(
    detector: PpOcrText, answer: np.ndarray
) -> None:
    broken = PpOcrText(_Session(answer), detector.card)  # type: ignore[arg-type]
    with pytest.raises(FrameAnalysisError):
        broken.detect(np.zeros((64, 64, 3), np.uint8), 0.5)


@pytest.fixture(params=[PpOcrText, PpOcrReader])
def text_model(request: pytest.FixtureRequest) -> type[PpOcrText | PpOcrReader]:
    model: type[PpOcrText | PpOcrReader] = request.param
    return model


def test_without_the_wheel_text_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, text_model: type[PpOcrText | PpOcrReader]
) -> None:
    monkeypatch.setattr(rapidocr_wheel.importlib.util, "find_spec", lambda _: None)
    assert not text_is_installed()
    with pytest.raises(ModelMissingError) as caught:
        text_model.load(Provider.CPU)
    assert "pip install" in (caught.value.hint or "")


def test_another_text_model_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text_model: type[PpOcrText | PpOcrReader]
) -> None:
    for weights in (PP_OCR, PP_OCR_READER):
        (tmp_path / rapidocr_wheel.rapidocr_weights(weights).name).write_bytes(b"another release")
    monkeypatch.setattr(rapidocr_wheel, "_path", lambda weights: tmp_path / next(iter(weights.files)))
    with pytest.raises(ModelCorruptError):
        text_model.load(Provider.CPU)


def test_a_plate_detector_is_found_by_its_name(tmp_path: Path) -> None:
    assert load_plate_detector(tmp_path / "missing") is None
    onnx_models.write_scrfd_pack(tmp_path / "faces")
    assert load_plate_detector(tmp_path) is None
    path = onnx_models.write_plate_pack(tmp_path)
    assert plate_detectors(tmp_path) == [path]
    plate_detector = load_plate_detector(tmp_path, Provider.CPU)
    assert plate_detector
    assert plate_detector.card.name == f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("name", ["license-plates-end2end.onnx", "German Plates.onnx"])
def test_a_plate_detector_can_be_in_the_models_folder_itself(tmp_path: Path, name: str) -> None:
    for unrelated in ("faces.onnx", ".plates.onnx", "plates.txt"):
        (tmp_path / unrelated).write_bytes(b"nothing")
    (tmp_path / name).write_bytes(onnx_models.plates_bytes())
    plate_detector = load_plate_detector(tmp_path, Provider.CPU)
    assert plate_detector
    assert plate_detector.card.name == Path(name).stem


def test_several_plate_detectors_are_refused(tmp_path: Path) -> None:
    (tmp_path / "plates.onnx").write_bytes(onnx_models.plates_bytes())
    path = onnx_models.write_plate_pack(tmp_path)
    with pytest.raises(LevelUnavailableError, match=r"there are 2: plates\.onnx, ") as raised:
        load_plate_detector(tmp_path, Provider.CPU)
    assert str(path.relative_to(tmp_path)) in raised.value.message
    assert "leave one" in raised.value.hint


def test_level_full_uses_the_plate_detector_of_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "plates.onnx").write_bytes(onnx_models.plates_bytes())
    settings = Settings.from_environment({"MODEL_PATH": str(tmp_path), "DATA_DIR": str(tmp_path / "data")})
    box_detectors = Container.build(settings).pipeline_tools(Level.FULL, Verify.NONE).box_detectors
    assert box_detectors[TargetKind.PLATE].card.name == "plates"


@pytest.mark.parametrize("data", [onnx_models.plates_bytes(6), onnx_models.identity_bytes(), b"nothing"])
def test_a_file_named_like_a_plate_detector_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    path = onnx_models.write_plate_pack(tmp_path, data)
    with pytest.raises(ModelCorruptError):
        YoloPlates.load(path, tmp_path, Provider.CPU)
