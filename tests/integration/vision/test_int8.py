"""Quantization to int8, on a graph small enough to check by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from framecloak.adapters.vision.runtime.int8 import ActivationRange, quantize, tensors_to_calibrate
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.domain.errors import ModelCorruptError
from support.samples import onnx_models

NODES = {"first", "second", "add"}
RANGES = {
    "image": ActivationRange(-1, 1),
    "r1": ActivationRange(0, 4),
    "c2": ActivationRange(-4, 4),
    "sum": ActivationRange(-5, 5),
}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_int8_answers_are_close_to_float(random: np.random.Generator) -> None:
    model = onnx_models.convolution_model(random)
    image = random.uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
    exact, rounded = (
        open_session(graph.SerializeToString(), Provider.CPU).run(image)[0]
        for graph in (model, quantize(model, RANGES, NODES))
    )
    difference = np.abs(exact - rounded)
    # Half a step of the sum, 10 / 255 / 2, through a sigmoid's slope of a quarter, is 0.005; layers before it
    # round as well. A layer that saturates comes to 0.0376.
    assert 0 < difference.max() < 0.02


@given(arrays(np.float32, (2, 6, 3, 3), elements=st.floats(-1e3, 1e3, width=32)))
def test_neighbouring_weights_never_overflow_sixteen_bits(weights: NDArray[np.float32]) -> None:
    stored = stored_weights(weights)
    magnitudes = np.abs(stored.astype(int)).transpose(0, 2, 3, 1).reshape(len(stored), -1)
    assert 255 * (magnitudes[:, :-1] + magnitudes[:, 1:]).max() <= np.iinfo(np.int16).max
    max_magnitude, original = magnitudes.max(axis=1), np.abs(weights).reshape(len(weights), -1).max(axis=1)
    # Half of the range is left in the worst case, that of two equal neighbours.
    assert (max_magnitude[original > 1e-30] >= 63).all()


def stored_weights(weights: NDArray[np.float32], groups: int = 1) -> NDArray[np.int8]:
    ranges = {"image": ActivationRange(0, 255), "sum": ActivationRange(-1, 1)}
    graph = quantize(onnx_models.single_convolution(weights, groups), ranges, {"only"}).graph
    (quantized,) = [
        onnx.numpy_helper.to_array(weight) for weight in graph.initializer if weight.name == "w_int8"
    ]
    return quantized


@pytest.mark.parametrize(
    ("shape", "groups"), [((16, 64, 1, 1), 1), ((16, 64, 3, 3), 1), ((64, 1, 3, 3), 64), ((16, 1, 3, 3), 1)]
)
@pytest.mark.parametrize("min_weight", [1.0, 0.0])
def test_strong_weights_and_a_bright_image_do_not_saturate(
    random: np.random.Generator, shape: tuple[int, int, int, int], groups: int, min_weight: float
) -> None:
    weights = random.uniform(min_weight, 1, shape).astype(np.float32)
    stored = stored_weights(weights, groups).astype(np.int64)
    total = 255 * stored.reshape(len(stored), -1).sum(axis=1)
    image = np.full((1, shape[1] * groups, 8, 8), 255, np.float32)
    # The exact sums of whole numbers, as far as the result's 256 steps show them.
    scales = np.abs(weights).reshape(len(weights), -1).max(axis=1) / stored.reshape(len(stored), -1).max(
        axis=1
    )
    ranges = {"image": ActivationRange(0, 255), "sum": ActivationRange(0, float((total * scales).max()))}
    model = quantize(onnx_models.single_convolution(weights, groups), ranges, {"only"})
    result = -open_session(model.SerializeToString(), Provider.CPU).run(image)[0][0, :, 2, 2]
    np.testing.assert_allclose(result, total * scales, rtol=0.01, atol=ranges["sum"].high / 255)


def test_only_the_named_nodes_read_rounded_values(random: np.random.Generator) -> None:
    graph = quantize(onnx_models.convolution_model(random), RANGES, {"second"}).graph
    inputs = {node.name: list(node.input) for node in graph.node}
    assert inputs["second"] == ["r1_rounded", "w2_rounded", "b2_rounded"]
    assert inputs["first"] == ["image", "w1", "b1"]
    stored = {weight.name: weight.data_type for weight in graph.initializer}
    assert stored["w2_int8"] == onnx.TensorProto.INT8
    assert stored["b2_int32"] == onnx.TensorProto.INT32
    assert "w2" not in stored


def test_a_relu_is_fused_into_the_convolution_before_it(random: np.random.Generator) -> None:
    graph = quantize(onnx_models.convolution_model(random), RANGES, NODES).graph
    assert "Relu" not in {node.op_type for node in graph.node}
    zero_point = next(weight for weight in graph.initializer if weight.name == "r1_zero_point")
    assert onnx.numpy_helper.to_array(zero_point) == 0


def test_ranges_are_required_for_all_rounded_tensors(random: np.random.Generator) -> None:
    model = onnx_models.convolution_model(random)
    assert tensors_to_calibrate(model, NODES) == sorted(RANGES)
    with pytest.raises(ModelCorruptError, match="r1"):
        quantize(model, {"image": ActivationRange(-1, 1)}, {"first"})


def test_quantization_is_deterministic_and_leaves_the_input_unchanged(random: np.random.Generator) -> None:
    model = onnx_models.convolution_model(random)
    before = model.SerializeToString(deterministic=True)
    first, second = (quantize(model, RANGES, NODES).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second != before
    assert model.SerializeToString(deterministic=True) == before
