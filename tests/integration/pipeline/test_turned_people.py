"""A photograph of six people, turned, as a picture and as a video that pans over it: all are covered."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from fakes.media import FakeSource
from fakes.results import ISSUER
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.frames import ArrayFrame
from framecloak.adapters.vision.detection.factory import choose_detector, choose_second_detector
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.detection.directions import map_from_turned, map_points, turned_size
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import ModelMissingError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import Frame
from support.samples.images import GROUP_BOXES, group_photo

DIRECTIONS = (0, 90, 180, 270, 45, 315)
FRAMES = 20
PAN_PX = 4
"""Pixels per frame by which the section moves to the right."""

ANGLES = np.linspace(0, 2 * np.pi, 32, endpoint=False)
CIRCLE = 0.9 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
"""Outline of a face in units of half its box: without the corners, which show no face."""


class ArraySource(FakeSource):
    """A video or a picture whose frames are scaled as those of real sources."""

    def _deliver(self, start: int, stop: int) -> Generator[Frame, None, None]:
        for index in range(start, stop):
            yield ArrayFrame(index, np.ascontiguousarray(self.paint(index)))


class NullEncoder:
    """Encodes every image as no bytes: only the boxes are needed."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return b""


@pytest.fixture(scope="module", params=["alone", "with a second detector"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PipelineTools:
    models = tmp_path_factory.mktemp("models")
    try:
        detector = choose_detector("centerface", models, Provider.CPU)
    except ModelMissingError as error:
        pytest.skip(f"no weights of CenterFace: {error}")
    tools = PipelineTools(detector, OpenCvRedactor(), NullEncoder(), OpenCvSampler(), 2)
    if request.param == "alone":
        return tools
    second = choose_second_detector(models, Provider.CPU)
    if second is None:
        pytest.skip("no weights of YuNet")
    return replace(tools, second_detector=second)


def turned_photo(direction: int, scale: float) -> tuple[Image, np.ndarray]:
    """Return the photograph (h, w, 3) BGR, scaled and turned clockwise, and the outlines of its faces."""
    photo = np.ascontiguousarray(group_photo()[:, :, ::-1])
    photo = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    size = photo.shape[1], photo.shape[0]
    turned = turned_size(*size, direction, 2)
    matrix = map_from_turned(size, turned, direction)
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    # From continuous coordinates to those of OpenCV, whose pixel i is centred at i.
    pixels = matrix.copy()
    pixels[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    image = cv2.warpAffine(
        photo, pixels, turned, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(90, 90, 90)
    )
    boxes = GROUP_BOXES * scale
    centres, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    outlines = map_points(centres[:, None] + halves[:, None] * CIRCLE, inverse)
    return np.asarray(image, np.uint8), outlines


def redact(source: FakeSource, tools: PipelineTools) -> list[RedactedFrame]:
    whole = Segment(0, source.count)
    export_source = ExportSource(0, source, None, str, (whole,))
    job = ExportJob(ISSUER, Level.FACES, Appearance(), group_sources([export_source]))
    return list(redacted_frames(source, whole, job.redaction_spec(job.groups[0]), tools))


def uncovered(frame: RedactedFrame, outlines: np.ndarray, size: tuple[int, int]) -> list[int]:
    """Return the faces, by number, of whose outline inside the frame a point is in no box."""
    corners = np.array([box.xyxy for box in frame.boxes], float).reshape(-1, 1, 1, 4)
    inside = ((outlines >= 0) & (outlines <= size)).all(axis=2)
    covered = ((outlines >= corners[..., :2] - 1) & (outlines <= corners[..., 2:] + 1)).all(axis=3)
    # A face that the border cuts in half counts as one.
    visible = inside.mean(axis=1) >= 0.5
    open_ = (inside & ~covered.any(axis=0)).any(axis=1)
    return np.flatnonzero(visible & open_).tolist()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_turned_picture_is_covered(tools: PipelineTools, direction: int) -> None:
    image, outlines = turned_photo(direction, 1.0)
    source = ArraySource("people.png", 1, lambda _: image)
    (frame,) = redact(source, tools)
    assert uncovered(frame, outlines, (image.shape[1], image.shape[0])) == []


def panned(image: Image, size: tuple[int, int]) -> Callable[[int], Image]:
    top = (image.shape[0] - size[1]) // 2
    return lambda index: image[top : top + size[1], PAN_PX * index : PAN_PX * index + size[0]]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_turned_video_is_covered_in_every_frame(tools: PipelineTools, direction: int) -> None:
    image, outlines = turned_photo(direction, 0.5)
    size = image.shape[1] - PAN_PX * FRAMES, image.shape[0] // 2 * 2
    source = ArraySource("people.mp4", FRAMES, panned(image, size))
    top = (image.shape[0] - size[1]) // 2
    open_faces = {
        frame.index: faces
        for frame in redact(source, tools)
        if (faces := uncovered(frame, outlines - [PAN_PX * frame.index, top], size))
    }
    assert open_faces == {}
