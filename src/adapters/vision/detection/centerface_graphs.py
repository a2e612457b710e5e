"""Builder of the CenterFace graphs that Framecloak runs, from the graph that its authors published.

This module imports ``onnx``, which only the building needs, so the detector imports it lazily.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, version_converter

from framecloak.adapters.vision.detection.centerface_calibration import CALIBRATION
from framecloak.adapters.vision.runtime.bands import calculate_in_bands
from framecloak.adapters.vision.runtime.fp16 import convert_to_fp16
from framecloak.adapters.vision.runtime.int8 import ActivationRange, quantize
from framecloak.adapters.vision.runtime.precision import Precision

_OPSET = 17  # per-channel dequantisation came with opset 13
_FIRST_FLOAT_CONVOLUTIONS = 3
_LAST_FLOAT_CONVOLUTIONS = 5
_HEADS = 4
_FIRST_NECK_TENSOR = "509"

_LAST_TENSOR_IN_BANDS, _BANDS = "377_uint8", 4
"""Output of the first two blocks of the int8 graph, and the number of bands in which they are calculated.

At 960x544 pixels this takes 0.86 of the time, at 160x160 as much as before. In fp32 it gains nothing.
"""


def build(source: Path, precision: Precision) -> bytes:
    """Build a graph that maps (n, h, w, 3) uint8 RGB of any size to float32 outputs.

    Args:
        source: path of the published graph.
        precision: precision of the calculation: FP32, FP16 or INT8.

    Returns:
        The serialised graph.
    """
    model = read_published(source)
    if precision is Precision.INT8:
        table = json.loads(CALIBRATION.read_text("utf-8"))["ranges"]
        ranges = {tensor: ActivationRange(*ends) for tensor, ends in table.items()}
        model = quantize(model, ranges, int8_nodes(model))
    elif precision is Precision.FP16:
        model = convert_to_fp16(model)
    merge_heads(model)
    accept_uint8_images(model)
    if precision is Precision.INT8:
        calculate_in_bands(model, _LAST_TENSOR_IN_BANDS, _BANDS)
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def read_published(source: Path) -> onnx.ModelProto:
    """Read the published graph with dynamic batch, height and width, in a recent opset, with named nodes."""
    model = onnx.load(source)
    weights = {weight.name for weight in model.graph.initializer}
    images = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    del model.graph.value_info[:]
    model.graph.input.extend(images)
    for value, suffix in [(images[0], ""), *((output, "/4") for output in model.graph.output)]:
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_param, height.dim_param, width.dim_param = "N", f"H{suffix}", f"W{suffix}"
    model = version_converter.convert_version(model, _OPSET)
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"
    return model


def accept_uint8_images(model: onnx.ModelProto) -> None:
    """Change the input of the graph to interleaved uint8 pixels, in place.

    Transposing the channels as bytes and casting them inside the graph is slightly faster than an input of
    float32 planes, and transfers a quarter of the memory.
    """
    graph = model.graph
    floats, kind = graph.input[0].name, graph.input[0].type.tensor_type.elem_type
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 3]))
    planes = helper.make_node("Transpose", ["pictures"], ["planes"], "planes", perm=[0, 3, 1, 2])
    widen = helper.make_node("Cast", ["planes"], [floats], "widen", to=kind)
    graph.node.insert(0, planes)
    graph.node.insert(1, widen)


def merge_heads(model: onnx.ModelProto) -> None:
    """Calculate all outputs of the graph by one convolution instead of four, in place.

    Values are the same. Kernels calculate 16 channels at once, and the outputs have 15 together.
    """
    graph = model.graph
    weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    heads = [node for node in graph.node if node.op_type == "Conv"][-_HEADS:]
    sizes = [len(weights[head.input[1]]) for head in heads]
    names = ["heads_weight", "heads_bias", "heads_sizes"]
    merged = [np.concatenate([weights[head.input[part]] for head in heads]) for part in (1, 2)]
    for name, values in zip(names, [*merged, np.array(sizes, np.int64)], strict=True):
        graph.initializer.append(numpy_helper.from_array(values, name))
    convolution = helper.make_node("Conv", [heads[0].input[0], *names[:2]], ["heads"], "heads")
    split = helper.make_node(
        "Split", ["heads", names[2]], [head.output[0] for head in heads], "split_heads", axis=1
    )
    others = [node for node in graph.node if node not in heads]
    first = list(graph.node).index(heads[0])
    unused = {name for head in heads for name in head.input[1:]}
    constants = [weight for weight in graph.initializer if weight.name not in unused]
    del graph.node[:], graph.initializer[:]
    graph.node.extend([*others[:first], convolution, split, *others[first:]])
    graph.initializer.extend(constants)


def int8_nodes(model: onnx.ModelProto) -> set[str]:
    """Return the names of the nodes to quantise: additions, and convolutions except the first and last ones.

    The first three layers distinguish a dark face from a dark background by differences that int8 rounds
    away (a tenth of the faces was lost). The last five give coordinates.
    """
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    additions = [node.name for node in model.graph.node if node.op_type == "Add"]
    return {
        *convolutions[_FIRST_FLOAT_CONVOLUTIONS : len(convolutions) - _LAST_FLOAT_CONVOLUTIONS],
        *additions,
    }


def neck_tensors(model: onnx.ModelProto) -> set[str]:
    """Return the outputs of the layers after the backbone, whose strongest activations are the faces."""
    outputs = [node.output[0] for node in model.graph.node]
    return set(outputs[outputs.index(_FIRST_NECK_TENSOR) :])
