"""Small graphs with planted weights, shaped like the real ones, whose outputs are known."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Image: TypeAlias = NDArray[np.uint8]

STRIDES = (8, 16, 32)
DISTANCES = (1.0, 1.5, 2.0, 2.5)
"""Left, top, right and bottom of every tiny SCRFD box, in strides from the cell's corner."""
LANDMARKS = (-0.5, -0.5, 1.0, -0.5, 0.3, 0.5, -0.4, 1.5, 1.0, 1.5)
"""Five times x, y in strides from the cell's corner; all of them inside the box."""


def scrfd_bytes(
    *,
    size: int | None = None,
    batch: bool = False,
    landmarks: bool = True,
    scrambled: bool = False,
) -> bytes:
    """Return a SCRFD-shaped graph that detects pure red 8-pixel, green 16-pixel and blue 32-pixel cells.

    Args:
        size: fixed height and width, or None for any.
        batch: outputs (n, anchors, channels) rather than (anchors, channels).
        landmarks: nine outputs rather than six.
        scrambled: flatten the batch into the rows in the order of real exports, which is wrong for more
            than one image.
    """
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []
    outputs: list[list[onnx.ValueInfoProto]] = [[], [], []]
    for level, stride in enumerate(STRIDES):
        pooled = f"mean_{stride}"
        nodes.append(
            helper.make_node(
                "AveragePool", ["image"], [pooled], kernel_shape=[stride, stride], strides=[stride, stride]
            )
        )
        colour = np.full(3, -4.0)
        colour[level] = 4.0
        kernels = {
            "score": (np.stack([colour, colour]), np.array([-8.0, -9.0])),
            "box": (np.zeros((8, 3)), np.tile(DISTANCES, 2)),
            "points": (np.zeros((20, 3)), np.tile(LANDMARKS, 2)),
        }
        for kind, (kernel, bias) in list(kernels.items())[: 3 if landmarks else 2]:
            name = f"{kind}_{stride}"
            channels = len(bias) // 2
            shape = [0, -1, channels] if batch else [-1, channels]
            weights += [
                numpy_helper.from_array(kernel.astype(np.float32)[..., None, None], f"{name}_weight"),
                numpy_helper.from_array(bias.astype(np.float32), f"{name}_bias"),
                numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape"),
            ]
            order = [2, 3, 0, 1] if scrambled else [0, 2, 3, 1]
            maps = f"{name}_maps"
            nodes.append(helper.make_node("Conv", [pooled, f"{name}_weight", f"{name}_bias"], [maps]))
            if kind == "score":
                nodes.append(helper.make_node("Sigmoid", [maps], [f"{maps}_sigmoid"]))
                maps = f"{maps}_sigmoid"
            nodes.append(helper.make_node("Transpose", [maps], [f"{name}_rows"], perm=order))
            nodes.append(helper.make_node("Reshape", [f"{name}_rows", f"{name}_shape"], [name]))
            dimensions = ["N", None, channels] if batch else [None, channels]
            value = helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)
            outputs[["score", "box", "points"].index(kind)].append(value)
    image = helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, ["N" if batch or scrambled else 1, 3, size or "H", size or "W"]
    )
    return _serialise(nodes, [image], [value for kind in outputs for value in kind], weights)


def arcface_bytes(
    *, side: int = 112, batch: int | str = "N", from_mxnet: bool = False, scrambled: bool = False
) -> bytes:
    """Return an ArcFace-shaped graph: 512 randomly weighted sums of the mean colours of 7 x 7 cells.

    Args:
        side: height and width of an aligned face crop.
        batch: number of crops per call; a name for any number.
        from_mxnet: subtract and scale pixels in the graph, as exports from MXNet do.
        scrambled: mix up the crops of a batch, which shows only with more than one.
    """
    cell = side // 7
    weights = [
        numpy_helper.from_array(
            np.random.default_rng(5).normal(0, 1, (3 * 7 * 7, 512)).astype(np.float32), "weights"
        ),
        numpy_helper.from_array(np.array([-1, 3 * 7 * 7], np.int64), "shape"),
    ]
    nodes, pixels = [], "image"
    if from_mxnet:
        weights += [
            numpy_helper.from_array(np.array(127.5, np.float32), "mean"),
            numpy_helper.from_array(np.array(1 / 127.5, np.float32), "scale"),
        ]
        nodes += [
            helper.make_node("Sub", ["image", "mean"], ["centred"], "Sub_0"),
            helper.make_node("Mul", ["centred", "scale"], ["scaled"], "Mul_0"),
        ]
        pixels = "scaled"
    nodes.append(
        helper.make_node("AveragePool", [pixels], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell])
    )
    cells = "cells"
    if scrambled:
        nodes.append(helper.make_node("Transpose", ["cells"], ["mixed"], perm=[1, 0, 2, 3]))
        cells = "mixed"
    nodes += [
        helper.make_node("Reshape", [cells, "shape"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["embedding"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, side, side])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 512])
    return _serialise(nodes, [image], [embedding], weights)


def write_arcface_pack(folder: Path, **options: int | str | bool) -> Path:
    """Write a pack with a detector, a recogniser, and a graph that is neither."""
    folder.mkdir(parents=True)
    (folder / "a_odd.onnx").write_bytes(identity_bytes((1, 3, 192, 192)))
    (folder / "det_tiny.onnx").write_bytes(scrfd_bytes())
    (folder / "w600k_tiny.onnx").write_bytes(arcface_bytes(**options))
    return folder


def write_scrfd_pack(folder: Path) -> Path:
    """Write a pack in InsightFace's layout: a detector, and an invalid recogniser."""
    folder.mkdir(parents=True)
    (folder / "det_tiny.onnx").write_bytes(scrfd_bytes())
    (folder / "a_recogniser.onnx").write_bytes(identity_bytes())
    return folder


def identity_bytes(output_shape: tuple[int | str, ...] = (1, 3, 112, 112)) -> bytes:
    """Return a graph that returns its input; not a detector."""
    return _serialise(
        [helper.make_node("Identity", ["image"], ["same"])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, output_shape)],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, output_shape)],
        [],
    )


def convolution_model(random: np.random.Generator) -> onnx.ModelProto:
    """Return convolution, ReLU, convolution and a sum, with named nodes and random weights."""
    weights = {
        "w1": random.normal(0, 0.4, (6, 3, 3, 3)),
        "b1": random.normal(0, 0.1, 6),
        "w2": random.normal(0, 0.4, (3, 6, 1, 1)),
        "b2": random.normal(0, 0.1, 3),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "second"),
        helper.make_node("Add", ["c2", "image"], ["sum"], "add"),
        helper.make_node("Sigmoid", ["sum"], ["result"], "sigmoid"),
    ]
    shape = [1, 3, 16, 16]
    initializers = [
        numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()
    ]
    return onnx.load_from_string(
        _serialise(
            nodes,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("result", TensorProto.FLOAT, shape)],
            initializers,
        )
    )


def single_convolution(weights: np.ndarray, groups: int = 1) -> onnx.ModelProto:
    """Return one convolution named ``only``, without bias, of an 8x8 image, with its negated result.

    Args:
        weights: (outputs, channels of a group, rows, columns).
        groups: number of independent channel groups.
    """
    outputs, channels, rows, columns = weights.shape
    shape = [1, channels * groups, 8, 8]
    return onnx.load_from_string(
        _serialise(
            [
                helper.make_node("Conv", ["image", "w", "b"], ["sum"], "only", group=groups),
                # An int8 layer ends where its output is used.
                helper.make_node("Neg", ["sum"], ["result"], "negative"),
            ],
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, outputs, 9 - rows, 9 - columns])],
            [
                numpy_helper.from_array(weights.astype(np.float32), "w"),
                numpy_helper.from_array(np.zeros(outputs, np.float32), "b"),
            ],
        )
    )


PLATE_SIDE = 64
"""Input height and width of the tiny plate detector."""
PLATE_BOX = (8.0, 24.0, 40.0, 36.0)
"""The only location where it detects a plate, in pixels of its square input."""


def plates_bytes(columns: int = 7) -> bytes:
    """Return a graph shaped like YOLOv9's end2end exports: one row, scored by the reddest pixel."""
    weights = {
        "redness": np.array([1.0, -1.0, 0.0]).reshape(1, 3, 1, 1),
        "place": np.array([[0.0, *PLATE_BOX, 0.0]])[:, : columns - 1],
    }
    nodes = [
        helper.make_node("Conv", ["images", "redness"], ["red"]),
        helper.make_node("GlobalMaxPool", ["red"], ["reddest"]),
        helper.make_node("Flatten", ["reddest"], ["score"]),
        helper.make_node("Concat", ["place", "score"], ["output"], axis=1),
    ]
    shape = [1, 3, PLATE_SIDE, PLATE_SIDE]
    return _serialise(
        nodes,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, columns])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )


def write_plate_pack(models: Path, data: bytes | None = None) -> Path:
    """Write a plate detector into a models folder, named as in open-image-models."""
    folder = models / "yolo-v9-t-64-license-plate-end2end"
    folder.mkdir(parents=True)
    path = folder / "yolo-v9-t-64-license-plates-end2end.onnx"
    path.write_bytes(plates_bytes() if data is None else data)
    return path


def plant(image: Image, stride: int, row: int, column: int) -> tuple[float, float, float, float]:
    """Paint a face for the tiny SCRFD into a cell; return the box it will report."""
    colour = [0, 0, 0]
    colour[STRIDES.index(stride)] = 255
    y, x = row * stride, column * stride
    image[y : y + stride, x : x + stride] = colour
    left, top, right, bottom = (distance * stride for distance in DISTANCES)
    return x - left, y - top, x + right, y + bottom


def _serialise(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto],
) -> bytes:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
