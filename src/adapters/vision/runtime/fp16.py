"""Turns a float graph into one that calculates in fp16, for GPUs.

ONNX Runtime has a tool for it; it puts its folder of top-level modules on the path when it is imported, and
would add a second cast behind the one that widens pixels. What a plain network needs is little.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from framecloak.domain.errors import ModelCorruptError

OPERATORS = frozenset({"Add", "BatchNormalization", "Conv", "ConvTranspose", "Relu", "Sigmoid"})
"""Whose inputs and outputs are all of one kind of number, and stay near 1 where they were trained to."""


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the graph whose inputs and weights are float16; its outputs stay float32.

    Args:
        model: of ``OPERATORS`` alone.

    Raises:
        ModelCorruptError: it has another operator, or a weight that float16 cannot hold.
    """
    if foreign := {node.op_type for node in model.graph.node} - OPERATORS:
        raise ModelCorruptError(f"cannot calculate {', '.join(sorted(foreign))} in fp16", "use fp32")
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    del graph.value_info[:]  # says float32 of what is float16 now
    for weight in graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            weight.CopyFrom(_halved(weight))
    for value in graph.input:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    given = {output.name: f"{output.name}_fp16" for output in graph.output}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [given.get(name, name) for name in names]
    graph.node.extend(
        helper.make_node("Cast", [half], [name], f"widen_{name}", to=TensorProto.FLOAT)
        for name, half in given.items()
    )
    return halved


def _halved(weight: onnx.TensorProto) -> onnx.TensorProto:
    values = numpy_helper.to_array(weight)
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise ModelCorruptError(f"fp16 cannot hold the weight {weight.name}", "use fp32")
    return numpy_helper.from_array(values.astype(np.float16), weight.name)
