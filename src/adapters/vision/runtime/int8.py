"""Static quantisation of a float32 graph to int8, with previously measured activation ranges.

The result contains QuantizeLinear/DequantizeLinear pairs, which ONNX Runtime fuses into integer kernels.
Nothing is measured here, so the same graph and the same ranges give the same bytes.

Scheme: activations are uint8 with one scale per tensor, weights are int8 with one scale per output channel,
and biases are int32. See Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018. Weights are limited so that no x86 processor saturates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from framecloak.domain.errors import ModelCorruptError
from framecloak.domain.imaging.detections import FloatArray

MAX_WEIGHT = 127
"""Maximum magnitude of a weight."""

MAX_ADJACENT_SUM = 128
"""Maximum sum of the magnitudes of two adjacent weights.

Processors without VNNI add two products of uint8 and int8 in 16 bits (``vpmaddubsw``), which saturates above
32,767; 255 * 128 stays below. Halving all weights (``reduce_range`` of ONNX Runtime) also prevents this, but
misses more of the faces that are 14 to 20 pixels high.
"""


class ActivationRange(NamedTuple):
    """Range of the values of an activation."""

    low: float
    high: float


class _Scale(NamedTuple):
    scale: float
    zero_point: int


def quantize(
    model: onnx.ModelProto, ranges: Mapping[str, ActivationRange], nodes: Collection[str]
) -> onnx.ModelProto:
    """Return a copy of the graph in which the given nodes calculate in int8.

    Args:
        model: graph of opset 13 or later with named nodes in topological order.
        ranges: activation ranges by tensor, for all inputs and outputs of the nodes. A convolution that is
            read only by a Relu needs the range of the Relu's output instead.
        nodes: names of ``Conv`` (with a bias) and ``Add`` nodes.

    Raises:
        ModelCorruptError: a range is missing.
    """
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    _Quantizer(quantized.graph, nodes).rewrite(ranges)
    return quantized


def tensors_to_calibrate(model: onnx.ModelProto, nodes: Collection[str]) -> list[str]:
    """List the tensors whose ranges ``quantize`` needs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return _Quantizer(copy.graph, nodes).tensors


class _Quantizer:
    """In-place rewriter of one graph."""

    def __init__(self, graph: onnx.GraphProto, nodes: Collection[str]) -> None:
        self._graph = graph
        self._nodes = nodes
        self._weights = {weight.name: weight for weight in graph.initializer}
        self._scales: dict[str, _Scale] = {}
        chosen = [node for node in graph.node if node.name in nodes]
        self._absorbed = self._absorb_relus(chosen)
        self._written = {node.output[0] for node in chosen}
        self._read = {name for node in chosen for name in node.input} - set(self._weights)

    @property
    def tensors(self) -> list[str]:
        """Inputs and outputs of the int8 nodes, sorted."""
        return sorted(self._read | self._written)

    def rewrite(self, ranges: Mapping[str, ActivationRange]) -> None:
        self._scales = {tensor: _scale(tensor, ranges) for tensor in self.tensors}
        nodes = [pair for value in self._graph.input for pair in self._rounding(value.name)]
        for node in self._graph.node:
            if node.name in self._absorbed:
                continue
            if node.name in self._nodes and node.op_type == "Conv":
                nodes += self._quantize_weights(node)
            for index, name in enumerate(node.input):
                # Float nodes continue to read the outputs of float nodes without rounding.
                if name in self._written or (name in self._read and node.name in self._nodes):
                    node.input[index] = _rounded_name(name)
            nodes += [node, *self._rounding(node.output[0])]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._drop_unused_weights()

    def _absorb_relus(self, chosen: list[onnx.NodeProto]) -> set[str]:
        """Merge Relus into the preceding nodes: a range that starts at 0 clips as the Relu does.

        Returns:
            Names of the merged Relus.
        """
        all_readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self._graph.node:
            for name in node.input:
                all_readers.setdefault(name, []).append(node)
        absorbed = set()
        for node in chosen:
            readers = all_readers.get(node.output[0], [])
            if len(readers) == 1 and readers[0].op_type == "Relu":
                node.output[0] = readers[0].output[0]
                absorbed.add(readers[0].name)
        return absorbed

    def _rounding(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the pair of nodes that rounds a tensor to uint8; empty if the tensor stays float."""
        if tensor not in self._scales:
            return []
        scale, zero_point = self._scales[tensor]
        parameters = [
            self._add(f"{tensor}_scale", np.array(scale, np.float32)),
            self._add(f"{tensor}_zero_point", np.array(zero_point, np.uint8)),
        ]
        quantized = f"{tensor}_uint8"
        return [
            helper.make_node("QuantizeLinear", [tensor, *parameters], [quantized], f"quantize_{tensor}"),
            helper.make_node(
                "DequantizeLinear", [quantized, *parameters], [_rounded_name(tensor)], _rounded_name(tensor)
            ),
        ]

    def _quantize_weights(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Replace weight and bias; return the nodes that dequantise them for the convolution."""
        activation = self._scales[node.input[0]]
        weight, bias = (numpy_helper.to_array(self._weights[name]) for name in node.input[1:3])
        scales = _weight_scales(weight, _groups(node))
        bias_scales = scales * np.float32(activation.scale)
        return [
            self._add_dequantized(node, 1, _round_to_scale(weight, scales, np.int8), scales),
            self._add_dequantized(node, 2, _round_to_scale(bias, bias_scales, np.int32), bias_scales),
        ]

    def _add_dequantized(
        self,
        node: onnx.NodeProto,
        index: int,
        values: NDArray[np.signedinteger],
        scales: NDArray[np.float32],
    ) -> onnx.NodeProto:
        name = node.input[index]
        inputs = [
            self._add(f"{name}_{values.dtype}", values),
            self._add(f"{name}_scales", scales),
            self._add(f"{name}_zero_points", np.zeros(len(scales), values.dtype)),
        ]
        node.input[index] = _rounded_name(name)
        return helper.make_node(
            "DequantizeLinear", inputs, [_rounded_name(name)], _rounded_name(name), axis=0
        )

    def _add(self, name: str, values: NDArray[np.generic]) -> str:
        self._graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def _drop_unused_weights(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        remaining = [weight for weight in self._graph.initializer if weight.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(remaining)


def _scale(tensor: str, ranges: Mapping[str, ActivationRange]) -> _Scale:
    try:
        low, high = ranges[tensor]
    except KeyError:
        raise ModelCorruptError(
            f"the calibration table has no range for the tensor {tensor}",
            "write it again with benchmarks/anonymization/calibrate_centerface.py",
        ) from None
    low, high = min(low, 0.0), max(high, 0.0)  # zero must be exact, because padding consists of it
    scale = (high - low) / 255 or 1.0
    return _Scale(scale, round(-low / scale))


def _groups(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _weight_scales(weight: FloatArray, groups: int) -> FloatArray:
    """Return one scale per output channel, (outputs,), with which no sum of adjacent products saturates.

    Args:
        weight: (outputs, channels of a group, rows, columns).
        groups: number of groups of the convolution. A depthwise convolution is calculated tap by tap, so it
            has no adjacent weights.
    """
    # The order of ONNX Runtime's kernels: channels side by side, then columns, then rows.
    taps = np.abs(weight).transpose(0, 2, 3, 1).reshape(len(weight), -1)
    scales = taps.max(axis=1) / MAX_WEIGHT
    depthwise = groups > 1 and weight.shape[1] == 1
    if taps.shape[1] > 1 and not depthwise:
        # Each of the two weights may be rounded up by 0.5.
        scales = np.maximum(scales, (taps[:, :-1] + taps[:, 1:]).max(axis=1) / (MAX_ADJACENT_SUM - 1))
    return np.where(scales > 0, scales, 1).astype(np.float32)


def _rounded_name(tensor: str) -> str:
    return f"{tensor}_rounded"


def _round_to_scale(
    values: NDArray[np.float32], scales: NDArray[np.float32], dtype: type[np.signedinteger]
) -> NDArray[np.signedinteger]:
    """Round values to multiples of the scale of their output channel, the first axis."""
    limits = np.iinfo(dtype)
    steps = scales.astype(np.float64).reshape(-1, *[1] * (values.ndim - 1))
    return np.clip(np.rint(values / steps), limits.min, limits.max).astype(dtype)
