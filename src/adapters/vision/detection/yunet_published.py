"""Reading of YuNet's weights from an ONNX file in the layout of OpenCV's model zoo.

Such a file has an input (1, 3, h, w) of float32 BGR in 0..255, often of one fixed size, and twelve outputs
named ``cls``, ``obj``, ``bbox`` and ``kps`` with the stride, 8, 16 or 32, each (1, cells, channels). Its
weights are put into our own graph, so that a file of a fixed size serves images of any size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from framecloak.adapters.vision.detection.yunet_graph import HEADS, STRIDES, Convolution, Network, Unit, build
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.domain.errors import FrameAnalysisError, ModelCorruptError
from framecloak.domain.imaging.detections import FloatArray

_BACKBONE_UNITS = 11
_LATERALS = 3
_TEST_SIDE_PX = 64
"""Side of the test image for files whose input has no fixed size."""
_TOLERANCE = 1e-3


def build_published(path: Path) -> bytes:
    """Build the graph of ``yunet_graph.build`` with the weights of a published file.

    The results of both graphs for a test image are compared, which shows whether the file is that network.

    Args:
        path: path of the published file.

    Returns:
        The serialised graph.

    Raises:
        ModelCorruptError: the file cannot be read, or is not YuNet in the layout of OpenCV's model zoo.
    """
    published = open_session(path, Provider.CPU)
    try:
        graph = build(_read_network(onnx.load(path)))
    except (
        LookupError,
        ValueError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        raise _corrupt(path) from error
    if not _same_results(published, open_session(graph, Provider.CPU)):
        raise _corrupt(path)
    return graph


def _read_network(model: onnx.ModelProto) -> Network:
    """Return the weights of the convolutions, by their position in the graph.

    Raises:
        LookupError: the graph has other convolutions or outputs.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    producers = {output: node for node in model.graph.node for output in node.output}

    def convolution(node: onnx.NodeProto) -> Convolution:
        weight, bias = (numpy_helper.to_array(weights[name]) for name in node.input[1:3])
        return Convolution(weight, bias)

    def last_convolution(value: str) -> onnx.NodeProto:
        node = producers[value]
        return node if node.op_type == "Conv" else last_convolution(node.input[0])

    def head(name: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
        depthwise = last_convolution(name)
        return producers[depthwise.input[0]], depthwise

    heads = [[head(f"{name}_{stride}") for stride in STRIDES] for name in HEADS]
    in_heads = {node.name or node.output[0] for levels in heads for pair in levels for node in pair}
    convolutions = [
        convolution(node)
        for node in model.graph.node
        if node.op_type == "Conv" and (node.name or node.output[0]) not in in_heads
    ]
    stem, *rest = convolutions
    units = [Unit(*pair) for pair in zip(rest[::2], rest[1::2], strict=True)]
    if len(units) != _BACKBONE_UNITS + _LATERALS:
        raise LookupError(f"{len(units)} units")
    return Network(
        stem,
        tuple(units[:_BACKBONE_UNITS]),
        tuple(units[_BACKBONE_UNITS:]),
        tuple(tuple(Unit(*map(convolution, pair)) for pair in levels) for levels in heads),
    )


def _same_results(published: OnnxSession, ours: OnnxSession) -> bool:
    """Return True if our graph gives the results of the published one for an image of noise."""
    height, width = (side or _TEST_SIDE_PX for side in published.input.shape[2:])
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    planes = image[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    try:
        rows = dict(zip((output.name for output in published.outputs), published.run(planes), strict=True))
        maps = ours.run(image)
        return all(
            np.allclose(expected, _rows(scores, shapes), atol=_TOLERANCE)
            for expected, scores, shapes in zip(_published_rows(rows), maps[:3], maps[3:], strict=True)
        )
    except (FrameAnalysisError, LookupError, ValueError):
        return False


def _published_rows(outputs: Mapping[str, FloatArray]) -> Iterator[FloatArray]:
    """Yield the scores and shapes of a published graph, (cells, 15) per stride."""
    for stride in STRIDES:
        classes, objects, boxes, landmarks = (outputs[f"{head}_{stride}"][0] for head in HEADS)
        yield np.concatenate([np.sqrt(classes * objects), boxes, landmarks], axis=1)


def _rows(scores: FloatArray, shapes: FloatArray) -> FloatArray:
    """Return the maps of one stride of our graph as (cells, 15)."""
    channels: FloatArray = np.concatenate([scores, shapes], axis=1)[0]
    return channels.reshape(len(channels), -1).T


def _corrupt(path: Path) -> ModelCorruptError:
    return ModelCorruptError(
        f"{path} is not a YuNet graph in the layout of OpenCV's model zoo",
        "use face_detection_yunet_2023mar.onnx (`framecloak models pull yunet`), or move the file away",
    )
