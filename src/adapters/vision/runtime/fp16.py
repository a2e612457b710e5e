"""Conversion of a float32 graph to fp16, for GPUs.

ONNX Runtime's own tool for this adds a folder of top-level modules to the import path when it is imported,
and would add a second cast after the one that converts pixels. A plain network needs little, so this module
does the conversion itself.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from framecloak.domain.errors import ModelCorruptError

SUPPORTED_OPERATORS = frozenset({"Add", "BatchNormalization", "Conv", "ConvTranspose", "Relu", "Sigmoid"})
"""Supported operators: all their inputs and outputs have one data type, and their values stay near 1."""


def convert_to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of the graph with float16 inputs and weights; its outputs stay float32.

    Args:
        model: graph that consists only of supported operators.

    Raises:
        ModelCorruptError: the graph has another operator, or a weight exceeds the range of float16.
    """
    if foreign := {node.op_type for node in model.graph.node} - SUPPORTED_OPERATORS:
        raise ModelCorruptError(f"cannot calculate {', '.join(sorted(foreign))} in fp16", "use fp32")
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    del graph.value_info[:]  # declares float32 for tensors that are float16 now
    for weight in graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            weight.CopyFrom(_fp16_weight(weight))
    for value in graph.input:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    half_names = {output.name: f"{output.name}_fp16" for output in graph.output}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [half_names.get(name, name) for name in names]
    graph.node.extend(
        helper.make_node("Cast", [half], [name], f"widen_{name}", to=TensorProto.FLOAT)
        for name, half in half_names.items()
    )
    return halved


def _fp16_weight(weight: onnx.TensorProto) -> onnx.TensorProto:
    values = numpy_helper.to_array(weight)
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise ModelCorruptError(f"fp16 cannot hold the weight {weight.name}", "use fp32")
    return numpy_helper.from_array(values.astype(np.float16), weight.name)
