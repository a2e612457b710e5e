"""HDR, compared with the curve of Report ITU-R BT.2390 in double precision."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from framecloak.adapters.media.colour.pixel_formats import to_bgr, to_rgb
from framecloak.adapters.media.colour.tone_mapping import tone_mapped

PQ, HLG, BT2020 = 16, 18, 9
PEAK, WHITE = 1000.0, 100.0
M1, M2, C1, C2, C3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq(nits: np.ndarray) -> np.ndarray:
    power = (np.asarray(nits) / 10000) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def nits_of(signal: np.ndarray) -> np.ndarray:
    root = np.asarray(signal) ** (1 / M2)
    return 10000 * (np.maximum(root - C1, 0) / (C2 - C3 * root)) ** (1 / M1)


def eetf(nits: np.ndarray) -> np.ndarray:
    """Return cd/m2 on the display (BT.2390-11, 5.4.1, black at 0)."""
    signal = np.minimum(pq(nits) / pq(np.array(PEAK)), 1)
    most = pq(np.array(WHITE)) / pq(np.array(PEAK))
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    spline = spline + (-2 * t**3 + 3 * t**2) * most
    return nits_of(np.where(signal < knee, signal, spline) * pq(np.array(PEAK)))


def expected(light: np.ndarray) -> np.ndarray:
    """Return 8-bit RGB of BT.709 for display light (n, 3) in cd/m2 of BT.2020."""
    largest = np.maximum(light.max(axis=1, keepdims=True), 1e-9)
    mapped = light * eetf(largest) / largest / WHITE
    return 255 * np.clip(mapped @ TO_BT709.T, 0, 1) ** (1 / 2.4)


def pattern() -> np.ndarray:
    """Return light (n, 3) in cd/m2: a grey ramp, primaries and mixtures of all strengths."""
    strengths = np.geomspace(0.05, 2000, 60)[:, None]
    colours = np.random.default_rng(3).uniform(0.1, 1, (40, 3))
    hues = np.vstack([np.ones((1, 3)), np.eye(3), 1 - np.eye(3), colours])
    return (strengths[:, None] * hues).reshape(-1, 3)


def test_pq_follows_the_curve() -> None:
    light = pattern()
    codes = np.round(65535 * pq(light)).astype(np.uint16)[:, None]
    shown = tone_mapped(codes, PQ, BT2020, int(PEAK), ictcp=False)[:, 0]
    assert np.abs(shown - expected(light)).max() <= 0.02 * 255


def test_hlg_follows_the_curve() -> None:
    scene = pattern() / 2000
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    codes = np.round(65535 * np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)).astype(np.uint16)[:, None]
    light = PEAK * scene * (scene @ [0.2627, 0.6780, 0.0593])[:, None] ** 0.2
    shown = tone_mapped(codes, HLG, BT2020, int(PEAK), ictcp=False)[:, 0]
    assert np.abs(shown - expected(light)).max() <= 0.02 * 255


def test_ictcp_gives_what_rgb_gives() -> None:
    light = pattern()
    lms = light @ (np.array([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]]) / 4096).T
    to_ictcp = np.array([[2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543]]) / 4096
    values = pq(lms) @ to_ictcp.T + [0, 0.5, 0.5]
    codes = np.clip(np.round(65535 * values), 0, 65535).astype(np.uint16)[:, None]
    shown = tone_mapped(codes, PQ, BT2020, int(PEAK), ictcp=True)[:, 0]
    assert np.abs(shown - expected(light)).max() <= 0.02 * 255


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p10le", "yuv444p12le", "gbrp10le", "yuva420p10le", "rgb48le"]
)
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_frames_are_tone_mapped_at_every_size(pixel_format: str, transfer: int) -> None:
    codes = np.full((64, 96, 3), (26000, 30000, 34000), np.uint16)
    frame = av.VideoFrame.from_ndarray(codes, "rgb48le").reformat(
        format=pixel_format, dst_colorspace=BT2020, dst_color_range=ColorRange.MPEG
    )
    frame.color_trc, frame.color_primaries = transfer, BT2020
    shown = tone_mapped(codes, transfer, BT2020, int(PEAK), ictcp=False)[0, 0].astype(int)
    assert np.abs(to_bgr(frame)[:, :, ::-1].astype(int) - shown).max() <= 3
    for size in ((48, 32), (96, 64), (150, 90)):
        assert np.abs(to_rgb(frame, *size).astype(int) - shown).max() <= 3


def test_a_contrast_of_sdr_is_kept() -> None:
    steps = np.repeat(np.geomspace(0.5, 60, 96)[None, :, None], 3, axis=2)
    codes = np.round(65535 * pq(steps)).astype(np.uint16)
    shown = tone_mapped(codes, PQ, BT2020, int(PEAK), ictcp=False)
    sdr = 255 * (steps / WHITE) ** (1 / 2.4)
    assert shown.std() > 0.85 * sdr.std()
