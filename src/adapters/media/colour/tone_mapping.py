"""Tone mapping of HDR frames (PQ and HLG) to BT.709 with the luminance of an SDR display.

Transfer functions: ITU-R BT.2100-2, tables 4 and 5. Curve: the EETF of Report ITU-R BT.2390-11, 5.4.1, with
black at 0, applied to the largest of R, G and B, so that hues stay as they are. The result is encoded for the
display of ITU-R BT.1886. Whatever lies outside the gamut of BT.709 is clipped.
"""

from __future__ import annotations

import struct
from functools import cache

import av
import cv2
import numpy as np
from av.buffer import Buffer
from cv2.typing import MatLike
from numpy.typing import NDArray

from framecloak.adapters.media.colour.colour_tags import HLG, PQ
from framecloak.domain.imaging.detections import Image

SDR_NITS = 100
"""Peak luminance of the display that SDR is made for, in cd/m2 (ITU-R BT.1886)."""

DEFAULT_PEAK_NITS = 1000
"""Peak luminance of a PQ stream that states none, and of HLG (ITU-R BT.2100)."""

_MAX_NITS = 10_000
_STEPS = 65536
_STRIP_ROWS = 64
"""Rows that are mapped at a time, so that intermediate values stay in the processor's cache."""

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
_BT2020_LUMA = ((0.2627, 0.6780, 0.0593),)
_WHITE_D65 = 0.3127, 0.3290
_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""x and y of red, green and blue: BT.709, BT.2020 and Display P3, by their number in ITU-T H.273."""

_OF_ICTCP = {
    PQ: ((1, 0.00860904, 0.11102963), (1, -0.00860904, -0.11102963), (1, 0.56003134, -0.32062717)),
    HLG: ((1, 0.01571858, 0.20958106), (1, -0.01571858, -0.20958106), (1, 1.02127108, -0.60527449)),
}
_LMS_OF_RGB = np.array([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]]) / 4096


def tone_mapped(codes: NDArray[np.uint16], transfer: int, primaries: int, peak: int, *, ictcp: bool) -> Image:
    """Map HDR values to 8-bit BT.709.

    Args:
        codes: (h, w, 3) uint16 of full range: R'G'B', or I, T and P with the latter two around 32768.
        transfer: number of the transfer characteristic, PQ or HLG.
        primaries: number of the primaries; BT.2020 if the stream states none that are known.
        peak: peak luminance of the stream in cd/m2.
        ictcp: True if the values are I, T and P.

    Returns:
        (h, w, 3) uint8 RGB, a new contiguous array.
    """
    mapped = np.empty(codes.shape, np.uint8)
    gamut = _to_bt709(primaries)
    for top in range(0, len(codes), _STRIP_ROWS):
        strip = codes[top : top + _STRIP_ROWS]
        light = _light_of_ictcp(strip, transfer) if ictcp else cv2.LUT(strip, _linear_table(transfer))
        if transfer == HLG:
            light = _displayed(light)
        largest = cv2.max(cv2.max(*cv2.split(light)[:2]), cv2.extractChannel(light, 2))
        gain = cv2.LUT(_quantized(cv2.sqrt(cv2.sqrt(largest))), _gain_table(peak))
        shown = cv2.transform(cv2.multiply(light, cv2.merge([gain] * 3)), gamut)
        mapped[top : top + _STRIP_ROWS] = cv2.LUT(
            _quantized(cv2.sqrt(np.maximum(shown, 0))), _encoding_table()
        )
    return mapped


def peak_nits(frame: av.VideoFrame) -> int:
    """Return the peak luminance of the stream in cd/m2: as stated by its content or its mastering display."""
    if frame.color_trc == HLG:
        return DEFAULT_PEAK_NITS
    try:
        content = frame.side_data.get("CONTENT_LIGHT_LEVEL")
        mastering = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    except ValueError:
        return DEFAULT_PEAK_NITS  # PyAV raises an error on side data of a type that it does not support.
    stated = _content_peak(content) or _mastering_peak(mastering)
    return min(stated, _MAX_NITS) if stated > SDR_NITS else DEFAULT_PEAK_NITS


def _content_peak(data: object) -> int:
    return int(struct.unpack("=I", bytes(data)[:4])[0]) if isinstance(data, Buffer) else 0


def _mastering_peak(data: object) -> int:
    """Return the maximum luminance of libav's ``AVMasteringDisplayMetadata``; 0 if it states none."""
    if not isinstance(data, Buffer) or len(bytes(data)) < 88:
        return 0
    numerator, denominator, _, has_luminance = struct.unpack("=4i", bytes(data)[72:88])
    return round(numerator / denominator) if has_luminance and denominator else 0


def _pq_to_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.power(signal, 1 / _M2)
    return _MAX_NITS * np.power(np.maximum(root - _C1, 0) / (_C2 - _C3 * root), 1 / _M1)


def _nits_to_pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    power = np.power(nits / _MAX_NITS, _M1)
    return np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)


@cache
def _linear_table(transfer: int) -> NDArray[np.float32]:
    """Return (65536,) light by code: of the display / 10,000 cd/m2 for PQ, of the scene up to 1 for HLG."""
    signal = np.arange(_STEPS) / (_STEPS - 1)
    if transfer == PQ:
        return (_pq_to_nits(signal) / _MAX_NITS).astype(np.float32)
    upper = (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12
    return np.where(signal <= 0.5, signal**2 / 3, upper).astype(np.float32)


@cache
def _gain_table(peak: int) -> NDArray[np.float32]:
    """Return (65536,) factors to light relative to `SDR_NITS`, by the fourth root of light / 10,000 cd/m2."""
    nits = _MAX_NITS * (np.arange(1, _STEPS) / (_STEPS - 1)) ** 4
    white = _nits_to_pq(np.array([peak, SDR_NITS], np.float64))
    signal, target = np.minimum(_nits_to_pq(nits) / white[0], 1), white[1] / white[0]
    knee = 1.5 * target - 0.5
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * target
    )
    mapped = _pq_to_nits(np.where(signal < knee, signal, spline) * white[0])
    gains = mapped / nits * (_MAX_NITS / SDR_NITS)
    return np.concatenate([gains[:1], gains]).astype(np.float32)


@cache
def _encoding_table() -> NDArray[np.uint8]:
    """Return (65536,) levels of a BT.1886 display by the square root of relative light."""
    return np.round(255 * (np.arange(_STEPS) / (_STEPS - 1)) ** (2 / 2.4)).astype(np.uint8)


def _quantized(unit: MatLike) -> NDArray[np.uint16]:
    """Return values of 0 to 1 as codes of 16 bits; larger ones become the largest."""
    scaled = np.minimum(unit, 1) * (_STEPS - 1) + 0.5
    return scaled.astype(np.uint16)


def _displayed(scene: MatLike) -> MatLike:
    """Apply the OOTF of HLG: light of the scene to that of a display of 1,000 cd/m2, / 10,000 cd/m2."""
    luminance = cv2.transform(scene, np.array(_BT2020_LUMA, np.float32))
    gain = cv2.pow(luminance, _HLG_GAMMA - 1) * (DEFAULT_PEAK_NITS / _MAX_NITS)
    return cv2.multiply(scene, cv2.merge([gain] * 3))


def _light_of_ictcp(codes: NDArray[np.uint16], transfer: int) -> MatLike:
    """Return linear RGB of BT.2020 from I, T and P (ITU-R BT.2100-2, tables 6 and 7)."""
    to_lms = np.array(_OF_ICTCP[transfer], np.float64)
    offset = -to_lms @ [0, 32768, 32768]
    signal = cv2.transform(codes.astype(np.float32), np.column_stack([to_lms, offset]).astype(np.float32))
    lms = cv2.LUT(signal.round().clip(0, _STEPS - 1).astype(np.uint16), _linear_table(transfer))
    return np.maximum(cv2.transform(lms, np.linalg.inv(_LMS_OF_RGB).astype(np.float32)), 0)


@cache
def _to_bt709(primaries: int) -> NDArray[np.float32]:
    """Return the (3, 3) matrix from linear RGB of some primaries to that of BT.709."""
    stated = primaries if primaries in _CHROMATICITIES else 9
    return np.asarray(np.linalg.inv(_to_xyz(1)) @ _to_xyz(stated), np.float32)


def _to_xyz(primaries: int) -> NDArray[np.float64]:
    """Return the (3, 3) matrix from linear RGB to XYZ (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _CHROMATICITIES[primaries]]).T
    x, y = _WHITE_D65
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])
