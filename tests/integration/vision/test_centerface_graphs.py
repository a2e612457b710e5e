"""Changes to the graph of CenterFace that make it faster and change no value."""

from __future__ import annotations

import numpy as np
import pytest

from framecloak.adapters.vision.detection import centerface_graphs
from framecloak.adapters.vision.detection.centerface import published_weights
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 160), (544, 960), (608, 1024)])
@pytest.mark.parametrize("step", ["calculate_in_bands", "merge_heads"])
def test_a_faster_graph_gives_the_same_values(
    monkeypatch: pytest.MonkeyPatch, step: str, height: int, width: int
) -> None:
    image = np.random.default_rng(3).integers(0, 256, (1, height, width, 3), np.uint8)
    faster = centerface_graphs.build(published_weights(), Precision.INT8)
    monkeypatch.setattr(centerface_graphs, step, lambda *_: None)
    slower = centerface_graphs.build(published_weights(), Precision.INT8)
    assert faster != slower
    for values, expected in zip(
        open_session(faster, Provider.CPU).run(image),
        open_session(slower, Provider.CPU).run(image),
        strict=True,
    ):
        np.testing.assert_array_equal(values, expected)
