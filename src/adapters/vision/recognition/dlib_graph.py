"""Builder of the ONNX graph of dlib's face recognition network, from the file that its author published.

This module imports ``onnx``, which only the building needs, so the recogniser imports it lazily.

The network is the ResNet-34 of He et al., "Deep Residual Learning for Image Recognition", 2016, with fewer
layers and half the filters: 29 convolutions, each followed by an affine layer, the fixed form of its batch
normalisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from framecloak.domain.errors import ModelCorruptError

SIDE = 150
DIMENSION = 128

_OPSET = 17
_MEAN = np.array([122.782, 117.001, 104.298])
"""Means of red, green and blue that the network subtracts before it divides by `_SCALE`."""
_SCALE = 256.0
_LAYER_HEADER = re.compile(rb"\x01(?:\x05con_4|\x07affine_|\x04fc_2\x01\x80\x02\x00\x01)\x01\x02", re.DOTALL)
"""Start of a layer with parameters: the length of its kind, its kind (for the last layer, also its sizes) and
the version of the tensor format."""
_STAGES = ((32, 3), (64, 3), (128, 2), (256, 2), (256, 0))
"""Number of filters and of residual blocks per stage, without the block that halves the resolution at the
start of every stage but the first."""

WeightArray: TypeAlias = NDArray[np.float32]


def build(source: Path) -> bytes:
    """Build the graph that maps (n, 150, 150, 3) uint8 RGB to (n, 128) float32.

    Args:
        source: path of the published file.

    Returns:
        The serialised graph.

    Raises:
        ModelCorruptError: the file does not contain this network.
    """
    network = _GraphBuilder(_layer_parameters(source.read_bytes()))
    try:
        embedding = network.build()
    except (StopIteration, ValueError) as error:
        raise ModelCorruptError(f"{source} does not contain the expected network", "") from error
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    result = helper.make_tensor_value_info(embedding, TensorProto.FLOAT, ["N", DIMENSION])
    graph = helper.make_graph(network.nodes, "dlib-resnet", [faces], [result], network.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _layer_parameters(data: bytes) -> Iterator[WeightArray]:
    """Yield the parameters of each layer in dlib's serialisation, from the input to the output."""
    for layer in _LAYER_HEADER.finditer(data):
        offset, count = layer.end(), 1
        for _ in range(4):
            # An integer is stored as its length in bytes, followed by its little-endian bytes.
            end = offset + 1 + data[offset]
            count *= int.from_bytes(data[offset + 1 : end], "little")
            offset = end
        yield np.frombuffer(data, "<f4", count, offset)


@dataclass
class _GraphBuilder:
    """ONNX graph under construction, from the input to the output; methods return tensor names."""

    parameters: Iterator[WeightArray]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def build(self) -> str:
        planes = self._add_node("Transpose", "faces", perm=[0, 3, 1, 2])
        pixels = self._add_node("Cast", planes, to=TensorProto.FLOAT)
        filters, bias = self._convolution_weights(3, 32, 7)
        # The first convolution has no padding, so it can include the normalisation of the pixels.
        bias = bias - (filters * (_MEAN / _SCALE)[:, None, None]).sum(axis=(1, 2, 3))
        stem = self._add_node("Relu", self._convolve(pixels, filters / _SCALE, bias, stride=2))
        tensor = self._add_node("MaxPool", stem, kernel_shape=[3, 3], strides=[2, 2])
        side, channels = 35, 32
        for stage, (outputs, blocks) in enumerate(_STAGES):
            if stage:
                tensor, side = self._downsampling_block(tensor, channels, outputs, side)
            for _ in range(blocks):
                tensor = self._add_node(
                    "Relu", self._add_node("Add", self._residual_branch(tensor, outputs, outputs, 1), tensor)
                )
            channels = outputs
        pooled = self._add_node("Flatten", self._add_node("GlobalAveragePool", tensor))
        last = next(self.parameters).reshape(channels, DIMENSION)
        return self._add_node("MatMul", pooled, self._add_weights(last))

    def _residual_branch(self, tensor: str, inputs: int, outputs: int, stride: int) -> str:
        first = self._convolve(tensor, *self._convolution_weights(inputs, outputs, 3), stride)
        return self._convolve(
            self._add_node("Relu", first), *self._convolution_weights(outputs, outputs, 3), stride=1
        )

    def _downsampling_block(self, tensor: str, inputs: int, outputs: int, side: int) -> tuple[str, int]:
        """Add a residual block at half the resolution; the smaller branch is padded with zeros."""
        block = self._residual_branch(tensor, inputs, outputs, 2)
        pooled = self._add_node("AveragePool", tensor, kernel_shape=[2, 2], strides=[2, 2])
        block_side, pooled_side = (side - 3) // 2 + 1, side // 2
        side = max(block_side, pooled_side)
        block = self._pad(block, 0, side - block_side)
        pooled = self._pad(pooled, outputs - inputs, side - pooled_side)
        return self._add_node("Relu", self._add_node("Add", block, pooled)), side

    def _pad(self, tensor: str, channels: int, pixels: int) -> str:
        if not channels and not pixels:
            return tensor
        return self._add_node(
            "Pad", tensor, self._add_weights(np.array([0, 0, 0, 0, 0, channels, pixels, pixels]))
        )

    def _convolution_weights(self, inputs: int, outputs: int, kernel: int) -> tuple[WeightArray, WeightArray]:
        """Return filters and bias of the next convolution, merged with the affine layer after it."""
        flat, affine = next(self.parameters), next(self.parameters)
        gain, shift = affine.reshape(2, outputs)
        filters = flat[:-outputs].reshape(outputs, inputs, kernel, kernel)
        return filters * gain[:, None, None, None], flat[-outputs:] * gain + shift

    def _convolve(self, tensor: str, filters: WeightArray, bias: WeightArray, stride: int) -> str:
        padding = filters.shape[2] // 2 if stride == 1 else 0
        return self._add_node(
            "Conv",
            tensor,
            self._add_weights(filters.astype(np.float32)),
            self._add_weights(bias.astype(np.float32)),
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def _add_node(self, operator: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - their types depend on the operator
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _add_weights(self, values: NDArray[np.generic]) -> str:
        name = f"weights_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
