"""Conversion of float graphs to fp16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from framecloak.adapters.vision.detection.centerface import build_graph, published_weights
from framecloak.adapters.vision.detection.centerface_graphs import read_published
from framecloak.adapters.vision.runtime.fp16 import convert_to_fp16
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.errors import ModelCorruptError
from support.samples import onnx_models


def test_outputs_stay_float32_and_differ_only_by_rounding() -> None:
    random = np.random.default_rng(4)
    model = onnx_models.convolution_model(random)
    image = random.normal(0, 1, (1, 3, 16, 16)).astype(np.float32)
    (exact,) = open_session(model.SerializeToString(), Provider.CPU).run(image)
    (halved,) = open_session(convert_to_fp16(model).SerializeToString(), Provider.CPU).run(
        image.astype(np.float16)
    )
    assert halved.dtype == np.float32
    assert 0 < np.abs(halved - exact).max() < 0.01


def test_the_input_graph_is_unchanged() -> None:
    model = onnx_models.convolution_model(np.random.default_rng(4))
    before = model.SerializeToString()
    convert_to_fp16(model)
    assert model.SerializeToString() == before


def test_an_output_that_other_nodes_read_stays_connected() -> None:
    model = onnx_models.convolution_model(np.random.default_rng(4))
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("r1", onnx.TensorProto.FLOAT, [1, 6, 16, 16])
    )
    halved = convert_to_fp16(model)
    onnx.checker.check_model(halved, full_check=True)
    session = open_session(halved.SerializeToString(), Provider.CPU)
    assert [output.dtype for output in session.run(np.ones((1, 3, 16, 16), np.float16))] == [np.float32] * 2


def test_a_weight_that_fp16_cannot_hold_is_refused() -> None:
    model = onnx_models.convolution_model(np.random.default_rng(4))
    first = model.graph.initializer[0]
    first.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(first) * np.float32(1e6), first.name))
    with pytest.raises(ModelCorruptError, match=f"the weight {first.name}"):
        convert_to_fp16(model)


def test_an_unsupported_operator_is_refused() -> None:
    model = onnx_models.convolution_model(np.random.default_rng(4))
    model.graph.node[1].op_type = "Exp"
    with pytest.raises(ModelCorruptError, match="cannot calculate Exp in fp16"):
        convert_to_fp16(model)


def test_no_weight_of_centerface_is_lost() -> None:
    halved = convert_to_fp16(read_published(published_weights()))
    weights = {weight.name: numpy_helper.to_array(weight) for weight in halved.graph.initializer}
    floats = [array for array in weights.values() if array.dtype.kind == "f"]
    assert {array.dtype for array in floats} == {np.dtype(np.float16)}
    assert all(np.isfinite(array).all() for array in floats)


def test_the_fp16_graph_of_centerface_accepts_pixels_and_is_half_as_large(tmp_path: Path) -> None:
    sizes = {}
    for precision in (Precision.FP32, Precision.FP16):
        graph = build_graph(tmp_path, precision)
        assert isinstance(graph.content, Path)
        sizes[precision] = graph.content.stat().st_size
    model = onnx.load(graph.content)
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert {output.type.tensor_type.elem_type for output in model.graph.output} == {onnx.TensorProto.FLOAT}
    # One cast from pixels and one for each output, with none in between.
    assert sum(node.op_type == "Cast" for node in model.graph.node) == 1 + len(model.graph.output)
    assert sizes[Precision.FP16] < 0.6 * sizes[Precision.FP32]
