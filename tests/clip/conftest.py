"""Tests that need torch and open_clip; ``make test-clip`` has an environment of its own for them.

``make test`` leaves this folder out (``norecursedirs``). Where the libraries are missing, importing them
fails here, so that the tests cannot pass by not running.
"""

from __future__ import annotations

import torch

_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
if torch.version.cuda is None:
    # PyPI's torchvision is linked against CUDA. Beside a torch for CPUs its operators do not load, and
    # without their declarations importing it fails. open_clip uses none of them.
    for _operator in ("nms", "qnms"):
        _OPERATORS.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
