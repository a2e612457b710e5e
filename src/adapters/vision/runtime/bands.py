"""Calculation of the first layers of a graph in horizontal bands, so that their values stay in the cache.

The first layers of a detector hold its largest tensors: for an image of 960x544 pixels, one of CenterFace has
17 MB, which are written to memory and read again. Here the image is cut into overlapping bands, each goes
through those layers by itself, and the results are joined. Every value is still calculated from the same
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_ROWS = 2
"""Axis of the rows in tensors (n, channels, rows, columns)."""

_IMAGE_ROWS = 1
"""Axis of the rows in images (n, rows, columns, channels)."""

_END = np.iinfo(np.int64).max


def calculate_in_bands(model: onnx.ModelProto, end: str, count: int) -> None:
    """Calculate everything from the input of a graph to one tensor in bands, in place.

    Args:
        model: graph of opset 15 or later with named nodes in topological order, whose input is
            (n, rows, columns, channels). Rows must be a multiple of the product of all strides before
            ``end``, and so many that no band needs more rows above it than the next one has itself.
        end: tensor (n, channels, rows, columns) at the end of a chain in which each node reads the one
            before, and nothing else reads it.
        count: number of bands, at least 2.

    Raises:
        ValueError: another node reads a tensor of the chain.
    """
    graph = model.graph
    # Sizes that the authors of a graph noted for their own images would be taken for those of all images.
    del graph.value_info[:]
    chain = _chain(graph, end)
    names = {node.name for node in chain}
    inner = {node.output[0] for node in chain[:-1]}
    others = [node for node in graph.node if node.name not in names]
    if any(inner & set(node.input) for node in others):
        raise ValueError(f"a tensor between the input and {end} is read elsewhere too")
    windows = {node.name: _window(node, graph) for node in chain if node.op_type in {"Conv", "MaxPool"}}
    reach = _Reach(1, 0, 0)
    for node in reversed(chain):
        if node.name in windows:
            reach = reach.before(windows[node.name])
    cutter = _Cutter(graph, f"{end}_bands")
    ends = []
    for number, band in enumerate(cutter.cut(reach, count)):
        tensor = band
        for node in chain:
            tensor = cutter.copy(node, tensor, number, is_first=number == 0, is_last=number == count - 1)
        ends.append(tensor)
    nodes = [*cutter.nodes, helper.make_node("Concat", ends, [end], f"join_{end}", axis=_ROWS)]
    # The constants of the chain may be calculated by nodes before its last one.
    before = [node.name for node in graph.node].index(chain[-1].name) - (len(chain) - 1)
    del graph.node[:]
    graph.node.extend([*others[:before], *nodes, *others[before:]])


@dataclass(frozen=True, slots=True)
class _Window:
    """Rows that a layer reads: the height of its window, its step, and the rows of zeros above."""

    height: int
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class _Reach:
    """Rows of a tensor that rows ``a`` to ``b`` of a later one are calculated from.

    They are ``stride * a - above`` to ``stride * b + below``; both ends are exclusive.
    """

    stride: int
    above: int
    below: int

    def before(self, window: _Window) -> _Reach:
        """Return the reach in the input of a layer, from that in its output."""
        return _Reach(
            self.stride * window.stride,
            self.above * window.stride + window.padding,
            (self.below - 1) * window.stride - window.padding + window.height,
        )


def _chain(graph: onnx.GraphProto, end: str) -> list[onnx.NodeProto]:
    """Return the nodes from the input of a graph to a tensor."""
    sources = {output: node for node in graph.node for output in node.output}
    chain: list[onnx.NodeProto] = []
    while end != graph.input[0].name:
        chain.append(sources[end])
        end = sources[end].input[0]
    return chain[::-1]


def _window(node: onnx.NodeProto, graph: onnx.GraphProto) -> _Window:
    attributes = _attributes(node)
    shape = attributes.get("kernel_shape")
    if shape is None:
        shape = next(weight.dims[2:] for weight in graph.initializer if weight.name == node.input[1])
    return _Window(shape[0], attributes.get("strides", [1])[0], attributes.get("pads", [0])[0])


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


class _Cutter:
    """Builder of the nodes that cut the input of a graph, and of those that work on one band.

    Args:
        graph: graph that constants are added to.
        prefix: start of all names.

    Attributes:
        nodes: nodes in topological order.
    """

    def __init__(self, graph: onnx.GraphProto, prefix: str) -> None:
        self._graph = graph
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []

    def cut(self, reach: _Reach, count: int) -> list[str]:
        """Add the nodes that cut the input into bands, and return the names of the bands."""
        image = self._graph.input[0].name
        stride, bands = self._constant("stride", [reach.stride]), self._constant("count", [count])
        rows = self._add("Shape", [image], "rows", start=_IMAGE_ROWS, end=_IMAGE_ROWS + 1)
        multiples = self._add("Mul", [rows, self._constant("numbers", range(1, count))], "multiples")
        shares = self._add("Div", [self._add("Div", [multiples, stride], "cells"), bands], "shares")
        seams = self._add("Mul", [shares, stride], "seams")
        lows = self._add("Sub", [seams, self._constant("above", [reach.above])], "lows")
        highs = self._add("Add", [seams, self._constant("below", [reach.below])], "highs")
        starts = [self._constant("start", [0]), *self._split(lows, count - 1)]
        ends = [*self._split(highs, count - 1), self._constant("end", [_END])]
        axis = self._constant("axis", [_IMAGE_ROWS])
        return [
            self._add("Slice", [image, low, high, axis], f"band_{number}")
            for number, (low, high) in enumerate(zip(starts, ends, strict=True))
        ]

    def copy(self, node: onnx.NodeProto, source: str, number: int, *, is_first: bool, is_last: bool) -> str:
        """Add a copy of a node for one band, and return its output; only outer bands have rows of zeros."""
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        copied.name = f"{node.name}_{number}"
        copied.input[0] = source
        copied.output[0] = f"{node.output[0]}_{number}"
        for attribute in copied.attribute:
            if attribute.name == "pads":
                top, left, bottom, right = attribute.ints
                attribute.ints[:] = [top if is_first else 0, left, bottom if is_last else 0, right]
        self.nodes.append(copied)
        return str(copied.output[0])

    def _split(self, values: str, count: int) -> list[str]:
        parts = [f"{values}_{number}" for number in range(1, count + 1)]
        self.nodes.append(helper.make_node("Split", [values], parts, f"split_{values}", axis=0))
        return parts

    def _add(
        self,
        kind: str,
        inputs: list[str],
        name: str,
        **attributes: Any,  # noqa: ANN401 - as onnx declares them
    ) -> str:
        name = f"{self._prefix}_{name}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def _constant(self, name: str, values: Sequence[int]) -> str:
        name = f"{self._prefix}_{name}"
        self._graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name
