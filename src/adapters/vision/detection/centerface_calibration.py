"""Calibration of the int8 graph of CenterFace.

A module of its own, because importing the one that builds graphs also imports onnx, which is slow.
"""

from __future__ import annotations

from pathlib import Path

CALIBRATION = Path(__file__).with_name("centerface_calibration.json")
"""Activation ranges for int8, written by ``benchmarks/anonymization/calibrate_centerface.py``."""
