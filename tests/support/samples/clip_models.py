"""A tiny CLIP export that classifies colours: red is happy, green is neutral, blue is sad."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from framecloak.adapters.vision.emotions.clip_files import (
    ClipDescription,
    content_addressed_file,
    encode_text_embeddings,
    write_description,
)
from framecloak.domain.imaging.detections import FloatArray, Image

EMOTIONS = ("happy", "neutral", "sad")
COLOURS = {"happy": (255, 0, 0), "neutral": (0, 255, 0), "sad": (0, 0, 255)}
SCALE = 10.0
SIDE = 8
HALF = (0.5, 0.5, 0.5)


def text() -> FloatArray:
    """Return the text embeddings of the emotions: (3, 3) of unit length."""
    return ((2 * np.eye(3) - 1) / np.sqrt(3)).astype(np.float32)


def visual_bytes(side: int = SIDE) -> bytes:
    """Return a graph that computes the mean colour of each image, normalised to length 1."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("ReduceL2", ["mean", "channels"], ["length"], keepdims=1),
        helper.make_node("Div", ["mean", "length"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, side, side])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3])],
        [
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
            numpy_helper.from_array(np.array([1], np.int64), "channels"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def write_clip(models: Path, side: int = SIDE) -> Path:
    """Write the export into a models folder; return the folder of the export."""
    folder = models / "clip"
    folder.mkdir(parents=True, exist_ok=True)
    graph = visual_bytes(side)
    visual = content_addressed_file("visual", "onnx", hashlib.sha256(graph).hexdigest())
    entry, data = encode_text_embeddings(text())
    (folder / visual.name).write_bytes(graph)
    (folder / entry.name).write_bytes(data)
    description = ClipDescription(
        model="tiny",
        weights="tiny.pt",
        weights_sha256=None,
        size=side,
        mean=HALF,
        std=HALF,
        logit_scale=SCALE,
        emotions=EMOTIONS,
        prompts=("a {emotion} face",),
        visual=visual,
        text=entry,
    )
    write_description(folder, description)
    return folder


def face(emotion: str, height: int = 12, width: int = 10) -> Image:
    """Return a face crop that expresses an emotion."""
    return np.full((height, width, 3), COLOURS[emotion], np.uint8)


def expected(crops: list[Image]) -> FloatArray:
    """Return the probabilities it computes for single-colour crops: (n, 3)."""
    colours = np.array([crop[0, 0] for crop in crops], np.float64) / 255 * 2 - 1
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    odds = np.exp(SCALE * colours @ text().T)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
