"""Composition of the benchmark footage: layers land in the frame, and the stills stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    monkeypatch.delitem(sys.modules, "benchmarks", raising=False)


def test_layers_are_painted_into_the_frame_and_not_into_their_stills() -> None:
    from benchmarks.footage.scene import Layer, Still, compose, similarity

    backdrop = np.full((90, 70, 3), 40, np.uint8)
    head = np.full((30, 30, 3), 200, np.uint8)
    layers = [
        Layer(Still("backdrop", backdrop), similarity((0, 0), (0, 0), 2)),
        Layer(
            Still("head", head, ((5, 5, 25, 25),), np.ones((30, 30), np.float32)),
            similarity((15, 15), (100, 60), 1),
            "head",
        ),
    ]

    frame, faces = compose(layers, (120, 100))

    assert (frame[60, 100] == 200).all(), "the upper layer is in the frame"
    assert (frame[10, 10] == 40).all(), "the lower layer is in the frame"
    assert (backdrop == 40).all(), "the stills are unchanged"
    assert (head == 200).all(), "the stills are unchanged"
    assert faces["head/0"].box == pytest.approx((90, 50, 110, 70))
    assert faces["head/0"].visible == pytest.approx(1)
