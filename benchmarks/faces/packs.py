"""A synthetic InsightFace pack with the cost of a real one, and images with faces for it.

Real packs may not be redistributed. Their cost can be reproduced: graphs of the same layers, with random
weights. The detector carries a backbone of about as many operations as SCRFD-10GF (``det_10g.onnx`` of
``buffalo_l``), whose output has no effect, and detects the coloured cells of the tests' tiny SCRFD. The other
one is IResNet-50 (``w600k_r50.onnx``): 4 stages of 3, 4, 14 and 3 blocks, as in ArcFace (Deng et al., 2019).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from support.samples.onnx_models import STRIDES, plant, scrfd_bytes

DETECTOR_STAGES = ((28, 2), (56, 3), (88, 4), (88, 2), (224, 2))
"""Channels and blocks at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size."""
RECOGNIZER_STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
SIDE = 640


@dataclass
class Layers:
    """A graph under construction, layer by layer.

    Attributes:
        random: source of the weights.
        nodes: the layers so far.
        weights: their weights.
    """

    random: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Append a layer; return the name of its output."""
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def weight(self, values: np.ndarray) -> str:
        """Add an array; return its name."""
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(self, source: str, inward: int, outward: int, side: int = 3, stride: int = 1) -> str:
        """Append a convolution that roughly preserves magnitudes."""
        kernel = self.random.normal(0, (inward * side * side) ** -0.5, (outward, inward, side, side))
        pads = [side // 2] * 4
        return self.add("Conv", source, self.weight(kernel), strides=[stride, stride], pads=pads)

    def slope(self, source: str, channels: int) -> str:
        """Append a PReLU with a slope of a quarter."""
        return self.add("PRelu", source, self.weight(np.full((channels, 1, 1), 0.25)))


def write_pack(folder: Path) -> Path:
    """Write a pack in InsightFace's layout.

    Args:
        folder: folder of the pack, in a folder named ``models``; does not exist yet.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    (folder / "det_made.onnx").write_bytes(_detector())
    (folder / "w600k_made.onnx").write_bytes(_recognizer())
    return folder


def pictures(faces: int = 2) -> list[bytes]:
    """Return PNG files of noise, each with some faces for the synthetic detector."""
    random = np.random.default_rng(3)
    files = []
    for number in range(8):
        image = random.integers(90, 110, (SIDE, SIDE, 3), dtype=np.uint8)
        for face in range(faces):
            plant(image, STRIDES[2], 3 + 6 * face, 4 + number)
        files.append(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return files


def _detector() -> bytes:
    model = onnx.load_from_string(scrfd_bytes())
    layers = Layers(np.random.default_rng(1))
    last, inward = "image", 3
    for channels, blocks in DETECTOR_STAGES:
        last = layers.add("Relu", layers.convolution(last, inward, channels, stride=2))
        for _ in range(blocks):
            inner = layers.add("Relu", layers.convolution(last, channels, channels))
            last = layers.add("Relu", layers.add("Add", layers.convolution(inner, channels, channels), last))
        inward = channels
    pooled = layers.add("GlobalAveragePool", last)
    nothing = layers.add("Conv", pooled, layers.weight(np.zeros((3, inward, 1, 1))))
    output = layers.add("Add", "image", nothing)
    for node in model.graph.node:
        node.input[:] = [output if name == "image" else name for name in node.input]
    found = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*layers.nodes, *found])
    model.graph.initializer.extend(layers.weights)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _recognizer() -> bytes:
    layers = Layers(np.random.default_rng(2))
    last = layers.slope(layers.convolution("image", 3, 64), 64)
    inward = 64
    for channels, blocks in RECOGNIZER_STAGES:
        for block in range(blocks):
            stride = 1 if block else 2
            inner = layers.slope(layers.convolution(last, inward, channels), channels)
            inner = layers.convolution(inner, channels, channels, stride=stride)
            beside = last if block else layers.convolution(last, inward, channels, 1, stride)
            last, inward = layers.add("Add", inner, beside), channels
    rows = layers.add("Flatten", last)
    size = inward * 7 * 7
    weights = layers.weight(layers.random.normal(0, size**-0.5, (size, 512)))
    layers.nodes.append(helper.make_node("MatMul", [rows, weights], ["embedding"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 112, 112])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 512])
    graph = helper.make_graph(layers.nodes, "recogniser", [image], [embedding], layers.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
