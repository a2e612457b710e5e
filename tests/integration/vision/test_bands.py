"""Calculation of the first layers of a graph in bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from framecloak.adapters.vision.runtime.bands import calculate_in_bands
from framecloak.adapters.vision.runtime.onnx import Provider, open_session

LAYERS = ("conv_3", "conv_3_stride_2", "conv_1", "pool")


def chain_model(layers: Sequence[str]) -> onnx.ModelProto:
    """Return a graph of integer-valued layers, so that sums are exact in any order."""
    random = np.random.default_rng(len(layers))
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], "transpose", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["floats"], "cast", to=TensorProto.FLOAT),
    ]
    weights, tensor = [], "floats"
    for number, layer in enumerate(layers):
        result = f"layer_{number}"
        if layer == "pool":
            node = helper.make_node(
                "MaxPool", [tensor], [result], result, kernel_shape=[2, 2], strides=[2, 2]
            )
        else:
            side, stride = (1 if layer == "conv_1" else 3), (2 if layer.endswith("stride_2") else 1)
            filters = random.integers(-1, 2, (3, 3, side, side)).astype(np.float32)
            weights.append(numpy_helper.from_array(filters, f"weights_{number}"))
            node = helper.make_node(
                "Conv",
                [tensor, f"weights_{number}"],
                [result],
                result,
                pads=[side // 2] * 4,
                strides=[stride, stride],
            )
        nodes.append(node)
        tensor = result
    nodes.append(helper.make_node("Relu", [tensor], ["values"], "relu"))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, ["N", 3, "h", "w"])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def output(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    (values,) = open_session(model.SerializeToString(), Provider.CPU).run(image)
    return values


@settings(max_examples=40, deadline=None)
@given(
    layers=st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4),
    count=st.integers(2, 5),
    cells=st.integers(0, 7),
)
def test_bands_change_no_value(layers: list[str], count: int, cells: int) -> None:
    stride = 2 ** sum(layer in {"pool", "conv_3_stride_2"} for layer in layers)
    # No layer reads further than a row, so four cells are more than any band shares with the one above.
    rows = stride * (4 * count + cells)
    image = np.random.default_rng(1).integers(0, 256, (1, rows, 16 * stride, 3), np.uint8)
    model = chain_model(layers)
    whole = output(model, image)
    calculate_in_bands(model, f"layer_{len(layers) - 1}", count)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_array_equal(output(model, image), whole)


def test_sizes_noted_for_other_images_are_not_believed() -> None:
    model = chain_model(["conv_3"])
    model.graph.value_info.append(helper.make_tensor_value_info("planes", TensorProto.UINT8, [1, 3, 64, 32]))
    image = np.random.default_rng(2).integers(0, 256, (1, 32, 32, 3), np.uint8)
    whole = output(chain_model(["conv_3"]), image)
    calculate_in_bands(model, "layer_0", 3)
    np.testing.assert_array_equal(output(model, image), whole)
    assert not model.graph.value_info


def test_a_tensor_that_another_node_reads_is_refused() -> None:
    model = chain_model(["conv_3", "conv_1"])
    model.graph.node.append(helper.make_node("Relu", ["layer_0"], ["other"], "other"))
    with pytest.raises(ValueError, match="a tensor between the input and layer_1 is read elsewhere"):
        calculate_in_bands(model, "layer_1", 2)
