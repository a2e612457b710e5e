"""Contract of redaction and of encoding frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.redactor import MAX_CELLS, OpenCvRedactor
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import InvalidFormatError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.pixels import FrameEncoder, Redactor

WIDTH, HEIGHT = 160, 120
REDACTOR: Redactor = OpenCvRedactor()
ENCODER: FrameEncoder = OpenCvEncoder()

STYLES = pytest.mark.parametrize("style", list(RedactionStyle))
SHAPES = pytest.mark.parametrize("shape", list(RedactionShape))


def noise(width: int = WIDTH, height: int = HEIGHT) -> Image:
    """Return random noise without black pixels."""
    return np.random.default_rng(5).integers(1, 256, (height, width, 3), np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)


def redacted(image: Image, regions: FloatArray, style: RedactionStyle, shape: RedactionShape) -> Image:
    result = image.copy()
    REDACTOR.redact(result, regions, style, shape)
    return result


def touched_by_box(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """Return a mask of the pixels that a box overlaps."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns < x2) & (columns + 1 > x1) & (rows < y2) & (rows + 1 > y1)


def touched_by_ellipse(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """Return a mask of the pixels whose centre or corner is inside the inscribed ellipse."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    centre_x, centre_y = (x1 + x2) / 2, (y1 + y2) / 2
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for dx, dy in [(0.5, 0.5), (0, 0), (0, 1), (1, 0), (1, 1)]:
        x = (columns + dx - centre_x) / ((x2 - x1) / 2)
        y = (rows + dy - centre_y) / ((y2 - y1) / 2)
        inside |= x**2 + y**2 < 1 - 1e-9
    return inside


coordinates = st.floats(-60, 220, width=32)
sides = st.floats(0.25, 200, width=32)


@settings(max_examples=6 * settings.default.max_examples)
@given(x=coordinates, y=coordinates, width=sides, height=sides)
def test_a_solid_box_blackens_exactly_the_pixels_it_overlaps(
    x: float, y: float, width: float, height: float
) -> None:
    regions = boxes((x, y, x + width, y + height))
    image = noise()
    result = redacted(image, regions, RedactionStyle.SOLID, RedactionShape.BOX)
    inside = touched_by_box(*regions[0].tolist())
    assert (result[inside] == 0).all()
    assert (result[~inside] == image[~inside]).all()


@settings(max_examples=6 * settings.default.max_examples)
@given(x=coordinates, y=coordinates, width=sides, height=sides)
def test_a_solid_ellipse_is_filled_and_stays_in_its_box(
    x: float, y: float, width: float, height: float
) -> None:
    regions = boxes((x, y, x + width, y + height))
    image = noise()
    result = redacted(image, regions, RedactionStyle.SOLID, RedactionShape.ELLIPSE)
    corners = regions[0].tolist()
    assert (result[touched_by_ellipse(*corners)] == 0).all()
    outside = ~touched_by_box(*corners)
    assert (result[outside] == image[outside]).all()


def test_an_ellipse_leaves_the_corners_of_its_box() -> None:
    image = noise()
    regions = boxes((20, 20, 100, 100))
    result = redacted(image, regions, RedactionStyle.SOLID, RedactionShape.ELLIPSE)
    for row, column in [(20, 20), (20, 99), (99, 20), (99, 99)]:
        assert (result[row, column] == image[row, column]).all()
    share = (result[20:100, 20:100] == 0).all(axis=2).mean()
    assert np.pi / 4 <= share < 0.82


@STYLES
@SHAPES
def test_boxes_outside_the_image_change_nothing(style: RedactionStyle, shape: RedactionShape) -> None:
    regions = boxes(
        (-50, 10, -1, 40), (170, 10, 200, 40), (10, -40, 40, 0), (10, 120, 40, 160), (1e9, 0, 2e9, 9)
    )
    image = noise()
    assert (redacted(image, regions, style, shape) == image).all()


@STYLES
@SHAPES
def test_no_boxes_change_nothing(style: RedactionStyle, shape: RedactionShape) -> None:
    image = noise()
    assert (redacted(image, np.empty((0, 4), np.float32), style, shape) == image).all()


@STYLES
@SHAPES
def test_a_coordinate_that_is_not_a_number_is_refused(style: RedactionStyle, shape: RedactionShape) -> None:
    with pytest.raises(ValueError, match="not a number"):
        redacted(noise(), boxes((0, 0, 9, 9), (1, np.nan, 9, 9)), style, shape)


@SHAPES
def test_an_infinite_box_covers_the_image(shape: RedactionShape) -> None:
    everywhere = boxes((-np.inf, -np.inf, np.inf, np.inf))
    assert not redacted(noise(), everywhere, RedactionStyle.SOLID, shape).any()


def test_swapped_corners_and_empty_sides_are_covered() -> None:
    swapped = boxes((30, 40, 10, 20), (50.5, 60.5, 50.5, 60.5))
    result = redacted(noise(), swapped, RedactionStyle.SOLID, RedactionShape.BOX)
    assert not result[20:40, 10:30].any()
    assert not result[60, 50].any()


@pytest.mark.parametrize("side", [8, 23, 50, 119])
def test_a_mosaic_has_few_cells_with_the_means_of_their_pixels(side: int) -> None:
    image = noise()
    regions = boxes((0, 0, side, side))
    result = redacted(image, regions, RedactionStyle.PIXELATE, RedactionShape.BOX)
    colours = np.unique(result[:side, :side].reshape(-1, 3), axis=0)
    cells = min(MAX_CELLS, side // 4)
    assert len(colours) <= cells**2
    if side == 8:
        assert abs(result[0, 0].astype(float) - image[:4, :4].mean(axis=(0, 1))).max() <= 1
    assert abs(result[:side, :side].mean() - image[:side, :side].mean()) < 3


def test_eight_pixels_have_at_most_two_by_two_cells() -> None:
    result = redacted(noise(), boxes((4, 4, 12, 12)), RedactionStyle.PIXELATE, RedactionShape.BOX)
    assert len(np.unique(result[4:12, 4:12].reshape(-1, 3), axis=0)) <= 4


@pytest.mark.parametrize("style", [RedactionStyle.PIXELATE, RedactionStyle.BLUR])
@SHAPES
def test_coarse_styles_depend_only_on_the_means_of_cells(
    style: RedactionStyle, shape: RedactionShape
) -> None:
    """Shuffling the pixels of every cell changes nothing: an inversion could recover only means."""
    image = noise()
    side, cell = 96, 96 // MAX_CELLS
    shuffled = image.copy()
    rng = np.random.default_rng(1)
    for row in range(0, side, cell):
        for column in range(0, side, cell):
            pixels = shuffled[row : row + cell, column : column + cell].reshape(-1, 3)
            rng.shuffle(pixels)
            shuffled[row : row + cell, column : column + cell] = pixels.reshape(cell, cell, 3)
    regions = boxes((0, 0, side, side))
    solid = redacted(image, regions, RedactionStyle.SOLID, shape)
    mask = (solid == 0).all(axis=2)
    original, permuted = redacted(image, regions, style, shape), redacted(shuffled, regions, style, shape)
    assert mask.sum() > 0.7 * side**2
    assert (original[mask] == permuted[mask]).all()
    assert (original[~mask] == image[~mask]).all()


def test_blur_does_not_carry_pixels_from_outside_into_the_box() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, 80:] = 255
    result = redacted(image, boxes((40, 20, 80, 100)), RedactionStyle.BLUR, RedactionShape.BOX)
    assert not result[:, :80].any()
    assert (result[:, 80:] == 255).all()


@STYLES
def test_overlapping_boxes_are_all_redacted(style: RedactionStyle) -> None:
    image = noise()
    regions = boxes((10, 10, 90, 90), (50, 50, 130, 110))
    result = redacted(image, regions, style, RedactionShape.BOX)
    once = redacted(
        redacted(image, regions[:1], style, RedactionShape.BOX), regions[1:], style, RedactionShape.BOX
    )
    assert (result == once).all()
    if style is RedactionStyle.SOLID:
        assert not result[10:90, 10:90].any()
        assert not result[50:110, 50:130].any()


@pytest.mark.parametrize("form", [form for form in OutputFormat if not form.is_video])
def test_encoded_images_decode_to_the_original(form: OutputFormat) -> None:
    image = cv2.GaussianBlur(noise(), (0, 0), 5).astype(np.uint8)
    data = ENCODER.encode(image, Appearance(output_format=form))
    magic = {"jpg": b"\xff\xd8\xff", "jpeg": b"\xff\xd8\xff", "png": b"\x89PNG", "webp": b"RIFF"}
    assert data.startswith(magic[form])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == image.shape
    difference = np.abs(decoded.astype(int) - image).mean()
    assert difference == 0 if form is OutputFormat.PNG else difference < 4


@pytest.mark.parametrize("form", [OutputFormat.JPG, OutputFormat.WEBP])
def test_a_lower_quality_gives_a_smaller_file(form: OutputFormat) -> None:
    image = noise()
    small, large = (len(ENCODER.encode(image, Appearance(form, quality))) for quality in (20, 95))
    assert small < large / 2


@pytest.mark.parametrize("form", [form for form in OutputFormat if not form.is_video])
def test_encoded_images_carry_no_metadata(form: OutputFormat) -> None:
    data = ENCODER.encode(noise(), Appearance(output_format=form))
    for marker in (b"Exif", b"EXIF", b"eXIf", b"tEXt", b"iTXt", b"tIME", b"XMP ", b"ICCP", b"iCCP"):
        assert marker not in data


def test_a_frame_too_wide_for_webp_is_refused() -> None:
    image = np.zeros((1, 16384, 3), np.uint8)
    with pytest.raises(InvalidFormatError, match="webp holds at most 16383 pixels a side"):
        ENCODER.encode(image, Appearance(output_format=OutputFormat.WEBP))
    assert ENCODER.encode(image, Appearance(output_format=OutputFormat.PNG))
